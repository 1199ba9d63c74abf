# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import date, timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import BigInteger, LooseMany2one

_logger = logging.getLogger(__name__)

#: Days of accesses summed up in one transaction: while it lasts, late packets of these days wait.
BATCH = 1000
#: Months for which things are kept, unless a system parameter of this name says otherwise.
KEEP = {
    "isp_network.keep_raw_months": 6,
    "isp_network.keep_hour_months": 13,
    "isp_network.keep_day_months": 36,
    "isp_network.keep_session_months": 6,
    "isp_network.keep_address_months": 12,
}


class IspUsage(models.Model):
    """Hourly counters of one access. ``radius.acct`` adds the difference between two packets to the hour of the later one.

    ``dirty`` says that the row has changed since it was summed up (``isp.usage.day``); then its day stands in ``isp_usage_due``
    (access_id, day), a table without a model. What each packet added is kept as it came in ``isp_usage_raw`` (access_id, at, bytes_up,
    bytes_down, seconds), a table of partitions.
    """

    _name = "isp.usage"
    _description = "Usage"
    _order = "hour desc, id desc"
    _rec_name = "hour"
    _log_access = False

    access_id = LooseMany2one("isp.access", string="User name", required=True, readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    plan_id = fields.Many2one(related="access_id.plan_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    area = fields.Char(related="access_id.subscription_id.partner_id.isp_payam", string="Area")
    router_id = fields.Many2one(related="access_id.subscription_id.router_id", string="Router of the line")
    hour = fields.Datetime(required=True, readonly=True, help="Start of the hour (UTC).")
    bytes_up = BigInteger(string="Upload", readonly=True)
    bytes_down = BigInteger(string="Download", readonly=True)
    seconds = BigInteger(string="Online (s)", readonly=True)
    # No index may know this column: rows would move when it changes. NULL is dirty: rows of before there were days.
    dirty = fields.Boolean(readonly=True)

    _access_hour_unique = models.UniqueIndex("(access_id, hour)")
    # Lists and the map of load begin with the latest; a year of all lines is many millions of rows.
    _latest_index = models.Index("(hour, id)")

    # === Rolling up ===

    @api.model
    def _cron_roll_up(self):
        """Every hour: sum up the hours that changed, make partitions ahead, drop what is too old. Safe at any time and again."""
        self._prepare_partitions()
        after = None
        while True:
            try:
                done, after = self._roll_up(BATCH, after)
            except SerializationFailure:
                # A late packet was booked to one of these days meanwhile. They stay due: the next time.
                self.env.cr.rollback()
                _logger.info("Hours of usage changed while they were summed up; the next run does it.")
                return
            left = self._count_due(after) if after else 0
            if not self.env["ir.cron"]._commit_progress(done, remaining=left) or not after:
                return

    @api.model
    def _count_due(self, after):
        ((count,),) = self.env.execute_query(SQL("SELECT count(*) FROM isp_usage_due WHERE (access_id, day) > %s", after))
        return count

    @api.model
    def _roll_up(self, limit=None, after=None):
        """Sum the days with a changed hour again, and their months: ``isp.usage.day`` and ``isp.usage.month``. The hour that runs waits.

        Days are computed anew from their hours, so doing it twice, or half and again, gives the same. Packets come at most 90 days
        late, and hours are kept longer. Caller's transaction; Odoo's isolation makes it fail rather than lose a packet that is
        booked at the same time: whoever books to a summed-up or a new hour writes the day's row of ``isp_usage_due``.

        :param limit: days of accesses to look at; after: where to go on, (access id, day)
        :return: (days summed up, where to go on or None at the end)
        :raise SerializationFailure: see above; nothing has been done
        """
        self.flush_model()
        hour = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
        due = self.env.execute_query(
            SQL(
                "SELECT access_id, day FROM isp_usage_due WHERE (access_id, day) > %s ORDER BY access_id, day LIMIT %s",
                after or (0, date.min),
                limit,
            )
        )
        if not due:
            return 0, None
        days = self._sum_days(due, hour)
        self._sum_months({(access, day.replace(day=1)) for access, day in days})
        self.env.invalidate_all()
        return len(days), due[-1] if len(due) == limit else None

    @api.model
    def _sum_days(self, due, hour):
        """Sum up those of these days that have a changed hour before ``hour``, and forget those that are over. One statement.

        :return: [(access id, day)] summed up
        """
        return self.env.execute_query(
            SQL(
                """
                WITH picked AS MATERIALIZED (
                    SELECT * FROM unnest(%(accesses)s::integer[], %(days)s::date[]) p (access_id, day)
                ), clean AS (
                    UPDATE isp_usage u SET dirty = false FROM picked p
                     WHERE u.access_id = p.access_id AND u.dirty IS NOT FALSE AND u.hour >= p.day - interval '2 hours'
                       AND u.hour < least(p.day + interval '22 hours', %(hour)s)
                    RETURNING p.access_id, p.day
                ), over AS (
                    DELETE FROM isp_usage_due d USING picked p
                     WHERE d.access_id = p.access_id AND d.day = p.day AND p.day + interval '22 hours' <= %(hour)s
                ), touched AS MATERIALIZED (
                    SELECT DISTINCT access_id, day FROM clean
                )
                INSERT INTO isp_usage_day AS d (access_id, day, bytes_up, bytes_down, bytes_free, seconds)
                SELECT t.access_id, t.day, sum(u.bytes_up), sum(u.bytes_down),
                       sum(CASE WHEN substr(f.free_hours, (extract(isodow FROM u.hour + interval '2 hours')::integer - 1) * 24
                                + extract(hour FROM u.hour + interval '2 hours')::integer + 1, 1) = '1' THEN u.bytes_up + u.bytes_down END),
                       sum(u.seconds)
                  FROM touched t JOIN isp_usage u ON u.access_id = t.access_id
                   AND u.hour >= t.day - interval '2 hours' AND u.hour < t.day + interval '22 hours'
                  LEFT JOIN isp_access a ON a.id = t.access_id
                  LEFT JOIN isp_plan p ON p.id = a.plan_id
                  LEFT JOIN isp_fup f ON f.id = p.fup_id AND f.free_hours <> ''
                 GROUP BY t.access_id, t.day
                ON CONFLICT (access_id, day) DO UPDATE
                   SET bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down, bytes_free = excluded.bytes_free,
                       seconds = excluded.seconds
                RETURNING access_id, day
                """,
                accesses=[access for access, _day in due],
                days=[day for _access, day in due],
                hour=hour,
            )
        )

    @api.model
    def _sum_months(self, months):
        """:param months: {(access id, first day)}"""
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_usage_month AS m (access_id, month, bytes_up, bytes_down, seconds)
                SELECT t.access_id, t.month, sum(d.bytes_up), sum(d.bytes_down), sum(d.seconds)
                  FROM unnest(%s::integer[], %s::date[]) t (access_id, month)
                  JOIN isp_usage_day d ON d.access_id = t.access_id AND d.day >= t.month AND d.day < t.month + interval '1 month'
                 GROUP BY t.access_id, t.month
                ON CONFLICT (access_id, month) DO UPDATE
                   SET bytes_up = excluded.bytes_up, bytes_down = excluded.bytes_down, seconds = excluded.seconds
                """,
                [access for access, _month in months],
                [month for _access, month in months],
            )
        )

    @api.model
    def _audit(self, month):
        """Add up again what each packet of a month added, as it came, and compare: is everything counted exactly once?

        :param month: its first day; months whose raw rows are dropped say nothing
        :return: [(access id, day, bytes of the packets, bytes of ``isp.usage.day``)] of the days of Juba that differ; hours that are not
            summed up yet differ too. Writes nothing.
        """
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                """
                WITH raw AS (
                    SELECT r.access_id, (r.at + interval '2 hours')::date AS day, sum(r.bytes_up + r.bytes_down) AS bytes FROM isp_usage_raw r
                     WHERE r.at >= %(month)s::timestamp - interval '2 hours' AND r.at < %(month)s::timestamp + interval '1 month' - interval '2 hours'
                     GROUP BY 1, 2
                ), summed AS (
                    SELECT d.access_id, d.day, d.bytes_up + d.bytes_down AS bytes FROM isp_usage_day d
                     WHERE d.day >= %(month)s AND d.day < %(month)s::date + interval '1 month'
                )
                SELECT access_id, day, coalesce(r.bytes, 0)::bigint, coalesce(s.bytes, 0)::bigint FROM raw r FULL JOIN summed s USING (access_id, day)
                 WHERE coalesce(r.bytes, 0) <> coalesce(s.bytes, 0) ORDER BY 1, 2
                """,
                month=month,
            )
        )

    # === Keeping and forgetting ===

    @api.model
    def _prepare_partitions(self):
        """The raw table's partitions of the last three months (packets may come late) and the next three. Idempotent."""
        self.env.cr.execute(
            """
            SELECT radius.usage_month((date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::timestamp)
              FROM generate_series(-3, 3) n
            """
        )

    @api.model
    def _kept_from(self, key):
        """:return: the first day of the oldest month that is kept (UTC), or None when nothing is ever dropped (0)"""
        months = self.env["ir.config_parameter"].sudo().get_param(key) or ""
        months = int(months) if months.isdecimal() else KEEP[key]
        if not months:
            return None
        if key != "isp_network.keep_raw_months":
            months = max(months, 4)  # packets come up to 90 days late, and sums are made anew
        first = fields.Date.today().replace(day=1)
        for _month in range(months):
            first = (first - timedelta(days=1)).replace(day=1)
        return first

    @api.autovacuum
    def _gc_raw(self):
        """Drop the partitions of months that are too old, whole."""
        first = self._kept_from("isp_network.keep_raw_months")
        if not first:
            return
        names = self.env.execute_query(
            SQL(
                """
                SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'isp_usage_raw'::regclass AND c.relname ~ '^isp_usage_raw_[0-9]{4}_[0-9]{2}$' AND c.relname < %s
                 ORDER BY 1
                """,
                f"isp_usage_raw_{first:%Y_%m}",
            )
        )
        for (name,) in names:
            self.env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(name)))
            _logger.info("Usage as it came: dropped %s", name)

    @api.autovacuum
    def _gc_hours(self):
        first = self._kept_from("isp_network.keep_hour_months")
        return self._gc(SQL("isp_usage"), SQL("hour < %s AND dirty IS FALSE", first)) if first else None

    @api.autovacuum
    def _gc_days(self):
        first = self._kept_from("isp_network.keep_day_months")
        return self._gc(SQL("isp_usage_day"), SQL("day < %s", first)) if first else None

    @api.model
    def _gc(self, table, condition, limit=50_000):
        """Delete at most ``limit`` rows. :return: (deleted, whether there may be more), for the autovacuum"""
        self.env.cr.execute(
            SQL("DELETE FROM %(t)s WHERE id IN (SELECT id FROM %(t)s WHERE %(c)s LIMIT %(l)s)", t=table, c=condition, l=limit)
        )
        done = self.env.cr.rowcount
        self.env.invalidate_all()
        return done, done == limit
