# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.tools import SQL

_logger = logging.getLogger(__name__)

#: Lines written in one transaction.
BATCH = 500


class IspUsageMeter(models.AbstractModel):
    """What lines have used in their windows, for all of them at once: fair use, alerts, overage.

    Whole days come from ``isp.usage.day``, days with an hour that is not summed up yet from ``isp.usage``; raw packets are never read. Windows
    begin at midnight in Juba; one that begins at a moment (a bundle that was bought, another plan) counts from the next full hour, for the
    customer. The rules in Python: ``engine/fair_use.py``.
    """

    _name = "isp.usage.meter"
    _description = "Metering of usage"

    # === Counting ===

    @api.model
    def _sql_used(self, target, only=None):
        """CTEs that end in ``used`` (access_id, key, bytes).

        :param target: name of a CTE (access_id, key, since: UTC, until: UTC or infinity, free: mask or NULL) written before them; ``since``
            and ``until`` on full hours
        :param only: ids of accesses when it is for few
        """
        mine = SQL("AND u.access_id = ANY(%s)", list(only)) if only is not None else SQL("")
        counted = SQL(
            "CASE WHEN substr(s.free, (extract(isodow FROM u.hour + interval '2 hours')::integer - 1) * 24"
            " + extract(hour FROM u.hour + interval '2 hours')::integer + 1, 1) = '1' THEN 0 ELSE u.bytes_up + u.bytes_down END"
        )
        return SQL(
            """
            span AS MATERIALIZED (
                SELECT t.*, CASE WHEN isfinite(t.since) THEN (t.since + interval '2 hours' + interval '1 day' - interval '1 microsecond')::date
                                 ELSE '-infinity' END AS first_day,
                       CASE WHEN isfinite(t.until) THEN (t.until + interval '2 hours')::date ELSE 'infinity' END AS end_day
                  FROM %(target)s t
            ), unsummed AS MATERIALIZED (
                SELECT u.access_id, u.day FROM isp_usage_due u WHERE true %(mine)s
            ), part AS (
                SELECT s.access_id, s.key, sum(d.bytes_up + d.bytes_down - coalesce(d.bytes_free, 0)) AS bytes
                  FROM span s JOIN isp_usage_day d ON d.access_id = s.access_id AND d.day >= s.first_day AND d.day < s.end_day
                  LEFT JOIN unsummed x ON x.access_id = d.access_id AND x.day = d.day
                 WHERE x.day IS NULL GROUP BY 1, 2
                UNION ALL
                SELECT s.access_id, s.key, sum(%(counted)s)
                  FROM span s JOIN unsummed x ON x.access_id = s.access_id AND x.day >= s.first_day AND x.day < s.end_day
                  JOIN isp_usage u ON u.access_id = x.access_id AND u.hour >= x.day - interval '2 hours' AND u.hour < x.day + interval '22 hours'
                 GROUP BY 1, 2
                UNION ALL
                -- the rest of a day on which the window began
                SELECT s.access_id, s.key, sum(%(counted)s)
                  FROM span s JOIN isp_usage u ON u.access_id = s.access_id AND u.hour >= s.since AND u.hour < s.first_day - interval '2 hours'
                 WHERE isfinite(s.since) GROUP BY 1, 2
            ), used AS (
                SELECT access_id, key, sum(bytes)::bigint AS bytes FROM part GROUP BY 1, 2
            )
            """,
            target=SQL.identifier(target),
            mine=mine,
            counted=counted,
        )

    @api.model
    def _sql_lines(self, now, only=None):
        """CTE ``line``: each log-in with what limits it (``rate``: its speed where no hours change it), and ``target`` for ``_sql_used`` with the keys "ladder" and "bundle"."""
        return SQL(
            """
            line AS MATERIALIZED (
                SELECT a.id AS access_id, a.fup_step_id, a.fup_rate, a.quota_bytes, a.state, p.id AS plan_id,
                       coalesce(nullif(a.own_rate, ''), CASE WHEN p.scheduled IS NOT TRUE THEN p.rate_limit END) AS rate,
                       p.alert_percents, concat_ws(',', nullif(t.alert_percents, ''), '100') AS bundle_percents, f.id AS fup_id, f.free_hours, f.slow_hours,
                       CASE WHEN a.topup_until > %(now)s THEN coalesce(a.topup_bytes, 0) ELSE 0 END AS topup,
                       greatest(CASE f."window"
                                WHEN 'day' THEN date_trunc('day', %(now)s + interval '2 hours') - interval '2 hours'
                                WHEN 'week' THEN date_trunc('week', %(now)s + interval '2 hours') - interval '2 hours'
                                ELSE radius.quota_start(NULL, coalesce(s.anchor_day, 1), %(now)s) END,
                                date_trunc('hour', a.quota_from + interval '1 hour' - interval '1 microsecond')) AS ladder_since,
                       CASE WHEN a.quota_bytes > 0 THEN radius.quota_start(a.quota_from, a.quota_day, %(now)s) END AS quota_since,
                       s.id AS subscription_id, s.partner_id, s.company_id,
                       s.usage_from::timestamp - interval '2 hours' AS bundle_since,
                       ceil(t.quota_mb * 1000000::numeric * (s.usage_until - s.usage_from + 1) / nullif(s.usage_days, 0))::bigint AS bundle
                  FROM isp_access a
                  LEFT JOIN isp_plan p ON p.id = a.plan_id
                  LEFT JOIN isp_fup f ON f.id = p.fup_id AND f.active
                  LEFT JOIN isp_subscription s ON s.id = a.subscription_id
                  LEFT JOIN isp_usage_terms t ON t.id = s.usage_terms_id
                 WHERE (f.id IS NOT NULL OR a.fup_rate <> '' OR a.fup_step_id IS NOT NULL OR a.quota_bytes > 0 OR s.usage_from IS NOT NULL)
                   AND a.state <> 'blocked' %(only)s
            ), target AS (
                SELECT access_id, 'ladder' AS key, ladder_since AS since, 'infinity'::timestamp AS until, nullif(free_hours, '') AS free
                  FROM line WHERE fup_id IS NOT NULL
                UNION ALL
                SELECT access_id, 'bundle', bundle_since, 'infinity', nullif(free_hours, '') FROM line WHERE bundle_since IS NOT NULL
            )
            """,
            now=now,
            only=SQL("AND a.id = ANY(%s)", list(only)) if only is not None else SQL(""),
        )

    # === Deciding ===

    @api.model
    def _decide(self, now=None, only=None):
        """What is to be changed and told: lines that are right and were told are left out. Writes nothing.

        :param now: UTC; default now
        :param only: ids of accesses, default all
        :return: rows as dicts: access_id, step_id, rate, used, since, changed; percent, meter ("quota", "bundle", "ladder"), told_since, told_used,
            volume, subscription_id, partner_id, company_id, plan_id (percent None: nothing to tell)
        """
        now = now or fields.Datetime.now()
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH %(lines)s, %(used)s, step AS (
                    SELECT l.access_id, t.id AS step_id, t.down_kbps, t.up_kbps
                      FROM line l LEFT JOIN used u ON u.access_id = l.access_id AND u.key = 'ladder'
                      JOIN LATERAL (SELECT t.* FROM isp_fup_step t WHERE t.fup_id = l.fup_id
                                       AND coalesce(u.bytes, 0) - l.topup >= t.after_mb * 1000000::bigint
                                     ORDER BY t.sequence DESC LIMIT 1) t ON true
                     WHERE coalesce(l.slow_hours, '') = ''
                        OR substr(l.slow_hours, (extract(isodow FROM %(now)s + interval '2 hours')::integer - 1) * 24
                                  + extract(hour FROM %(now)s + interval '2 hours')::integer + 1, 1) = '1'
                ), meter AS (
                    SELECT l.access_id, 'quota' AS meter, l.quota_since AS since, CASE WHEN c.since = l.quota_since THEN c.bytes ELSE 0 END AS used,
                           l.quota_bytes + l.topup AS volume, l.alert_percents AS percents
                      FROM line l JOIN isp_quota_counter c ON c.access_id = l.access_id WHERE l.quota_bytes > 0
                    UNION ALL
                    SELECT l.access_id, 'bundle', l.bundle_since, u.bytes, l.bundle + l.topup, l.bundle_percents
                      FROM line l JOIN used u ON u.access_id = l.access_id AND u.key = 'bundle' WHERE l.bundle > 0 AND coalesce(l.quota_bytes, 0) = 0
                    UNION ALL
                    SELECT l.access_id, 'ladder', l.ladder_since, u.bytes,
                           (SELECT min(t.after_mb) FROM isp_fup_step t WHERE t.fup_id = l.fup_id) * 1000000::bigint + l.topup, l.alert_percents
                      FROM line l JOIN used u ON u.access_id = l.access_id AND u.key = 'ladder'
                     WHERE coalesce(l.quota_bytes, 0) = 0 AND l.bundle_since IS NULL
                ), alert AS (
                    SELECT m.*, (SELECT max(p) FROM unnest(string_to_array(m.percents, ',')::integer[]) p WHERE m.used * 100 >= m.volume * p) AS percent
                      FROM meter m JOIN line l ON l.access_id = m.access_id
                     WHERE l.subscription_id IS NOT NULL AND l.state = 'allowed' AND m.percents <> '' AND m.volume > 0
                       AND m.used > 0
                ), due AS (
                    SELECT a.* FROM alert a
                     WHERE a.percent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM isp_usage_alert t
                           WHERE t.access_id = a.access_id AND t.since = a.since AND t.percent >= a.percent)
                ), wanted AS (
                    SELECT l.*, s.step_id, u.bytes AS used,
                           CASE WHEN s.step_id IS NOT NULL THEN radius.slower(l.rate, s.up_kbps || 'k/' || s.down_kbps || 'k') END AS step_rate
                      FROM line l LEFT JOIN step s ON s.access_id = l.access_id
                      LEFT JOIN used u ON u.access_id = l.access_id AND u.key = 'ladder'
                )
                SELECT w.access_id, w.step_id, w.step_rate AS rate, coalesce(w.used, 0) AS used, w.ladder_since AS since,
                       w.step_id IS DISTINCT FROM w.fup_step_id OR coalesce(w.step_rate, '') <> coalesce(w.fup_rate, '') AS changed,
                       d.percent, d.meter, d.since AS told_since, d.used AS told_used, d.volume,
                       w.subscription_id, w.partner_id, w.company_id, w.plan_id
                  FROM wanted w LEFT JOIN due d ON d.access_id = w.access_id
                 WHERE d.percent IS NOT NULL OR w.step_id IS DISTINCT FROM w.fup_step_id OR coalesce(w.step_rate, '') <> coalesce(w.fup_rate, '')
                 ORDER BY w.access_id
                """,
                lines=self._sql_lines(now, only),
                used=self._sql_used("target", only),
                now=now,
            )
        )
        return self.env.cr.dictfetchall()

    # === Doing ===

    @api.model
    def _cron_meter(self):
        """Every 5 minutes: put lines on the step of their ladder, tell customers what they have used. Safe at any time and again."""
        rows = self._decide()
        cron = self.env["ir.cron"]
        cron._commit_progress(remaining=len(rows))
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            try:
                self._apply(batch)
                self.env.flush_all()
            except SerializationFailure:
                # A payment or a change of plan reached one of them meanwhile: decided anew next time.
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("Fair use: %d lines changed while they were judged; the next run does it.", len(batch))
            if not cron._commit_progress(len(batch)):
                return
        self._mend()
        cron._commit_progress(0)

    @api.model
    def _evaluate(self, accesses):
        """Judge these accesses now (something was bought). Caller's transaction."""
        if accesses:
            self._apply(self._decide(only=accesses.ids))

    @api.model
    def _apply(self, rows):
        """Write what ``_decide`` found. Caller's transaction; routers are told by their jobs after the commit.

        What was written meanwhile is not written again: an access another transaction holds is left for the next time.
        """
        self._climb([row for row in rows if row["changed"]])
        self._tell([row for row in rows if row["percent"]])

    def _climb(self, rows):
        accesses = self.env["isp.access"].sudo().browse([row["access_id"] for row in rows]).try_lock_for_update()
        accesses.invalidate_recordset(["fup_step_id", "fup_rate"])
        now, events = fields.Datetime.now(), []
        moved = accesses.browse()
        for row in rows:
            access = self.env["isp.access"].sudo().browse(row["access_id"])
            if access not in accesses:
                continue
            if (access.fup_rate or None) != row["rate"]:
                moved |= access
                events.append(
                    {
                        "access_id": access.id,
                        "at": now,
                        "since": row["since"],
                        "bytes": row["used"],
                        "step_id": row["step_id"],
                        "rate": row["rate"],
                    }
                )
            access.write({"fup_step_id": row["step_id"], "fup_rate": row["rate"]})
        self.env["isp.fup.event"].sudo().create(events)
        if moved:
            self.env["isp.session"].sudo().search([("access_id", "in", moved.ids), ("stopped", "=", False)])._queue_rate()

    def _tell(self, rows):
        """One notice for each row whose threshold was not told yet in its window."""
        if not rows:
            return
        now = fields.Datetime.now()
        written = self.env.execute_query(
            SQL(
                """
                INSERT INTO isp_usage_alert (access_id, since, percent, at, bytes, volume) VALUES %s
                ON CONFLICT (access_id, since, percent) DO NOTHING RETURNING access_id, since
                """,
                SQL(", ").join(
                    SQL("(%s, %s, %s, %s, %s, %s)", r["access_id"], r["told_since"], r["percent"], now, r["told_used"], r["volume"]) for r in rows
                ),
            )
        )
        written = set(written)
        messages = {}
        for row in rows:
            if (row["access_id"], row["told_since"]) in written:
                line = self.env["isp.subscription"].sudo().browse(row["subscription_id"])
                kind, params = self._prepare_notice(row, line)
                key = f"usage/{line.id}/{row['told_since']:%Y-%m-%dT%H:%M}/{row['percent']}"
                partner = line.partner_id.commercial_partner_id
                messages.setdefault((kind, line.company_id), []).append((partner.id, key, params, line))
        for (kind, company), notices in messages.items():
            self.env["res.partner"]._isp_notify_many(kind, notices, company)

    def _prepare_notice(self, row, line):
        """:return: (kind, parameters) of what the customer is told"""
        plan = line.plan_id.with_context(lang=line.partner_id.commercial_partner_id.lang)
        if row["percent"] >= 100 and row["meter"] == "quota":
            return "used_up", {"plan": plan.name}
        if row["percent"] >= 100 and row["meter"] == "bundle":
            return "overage", {"plan": plan.name, "price": line.usage_terms_id.price_gb}
        return "usage", {"percent": row["percent"], "plan": plan.name}

    @api.model
    def _mend(self):
        """Sessions that have not the speed they should have though nobody is about to tell them: told again.

        Those whose router refused stand in the list of changes not yet applied, for a person.
        """
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.session_id FROM isp_fup_status v WHERE v.differs AND NOT EXISTS (
                    SELECT 1 FROM isp_router_task t WHERE t.session_id = v.session_id
                       AND (t.state <> 'done' OR t.write_date > %(now)s - interval '15 minutes'))
                   AND NOT EXISTS (SELECT 1 FROM isp_fup_event e WHERE e.access_id = v.access_id AND e.at > %(now)s - interval '2 minutes')
                 LIMIT 2000
                """,
                now=fields.Datetime.now(),
            )
        )
        if rows:
            _logger.info("Fair use: %d sessions are not as fast as they should be; told again.", len(rows))
            self.env["isp.session"].sudo().browse(row[0] for row in rows)._queue_rate()
