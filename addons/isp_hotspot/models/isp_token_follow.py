# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: Longer ago than any first log-in that may still be news.
EVER = timedelta(days=400)


class IspToken(models.Model):
    """States follow what RADIUS knows, a minute later at most: nothing here decides who gets in."""

    _inherit = "isp.token"

    @api.model
    def _cron_follow(self):
        """First log-ins and ends. Idempotent: each statement takes what is not yet so."""
        for step in self._follow_steps():
            step()
            self.env["ir.cron"]._commit_progress()

    @api.model
    def _follow_steps(self):
        return (self._follow_begun, self._follow_ended, self._follow_used_up, self._follow_unsold)

    @api.model
    def _follow_begun(self, since=timedelta(days=2), among=None):
        """Tokens that were used for the first time. Their end by the clock is known now: a last day for the first use no longer counts.

        One that was blocked in the same minute stays so, and was used; one whose last day was over when the news came was not late.

        :param since: how far to look back; once a day all of them (``_cron_follow_all``)
        :param among: SQL, which tokens (``t``); None: all
        """
        among = among or SQL("true")
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_token t
                   SET state = CASE t.state WHEN 'blocked' THEN 'blocked' ELSE 'in_use' END, first_used = u.first_at, sold_at = COALESCE(t.sold_at, u.first_at),
                       ended_at = NULL,
                       ends_at = LEAST(u.first_at + a.use_seconds * interval '1 second', a.valid_until)
                  FROM isp_access_use u JOIN isp_access a ON a.id = u.access_id
                 WHERE u.access_id = t.access_id AND u.first_at > %(since)s
                   AND (t.state IN ('made', 'sold') OR (t.state IN ('blocked', 'expired') AND t.first_used IS NULL)) AND %(among)s
                """,
                since=fields.Datetime.now() - since,
                among=among,
            )
        )
        # Those that do not count from the first log-in have no row of first use: their first session tells.
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_token t SET state = 'in_use', first_used = s.started, sold_at = COALESCE(t.sold_at, s.started)
                  FROM isp_token w CROSS JOIN LATERAL (SELECT min(started) AS started FROM isp_session WHERE access_id = w.access_id) s
                 WHERE w.id = t.id AND w.counting != 'first' AND w.state IN ('made', 'sold') AND s.started IS NOT NULL AND %(among)s
                """,
                among=among,
            )
        )
        self.env.invalidate_all(flush=False)

    @api.model
    def _follow_ended(self):
        """Tokens whose time by the clock is over."""
        self._follow(SQL("'expired'"), SQL("t.ends_at <= %s AND t.state IN ('sold', 'in_use') AND t.paused_at IS NULL", fields.Datetime.now()))

    @api.model
    def _follow_used_up(self):
        """Tokens whose time on line or data is used up."""
        spent = SQL(
            """t.state = 'in_use' AND EXISTS (
                 SELECT FROM isp_access a JOIN isp_quota_counter c ON c.access_id = a.id
                  WHERE a.id = t.access_id AND ((a.quota_bytes > 0 AND c.bytes >= a.quota_bytes) OR (a.time_limit > 0 AND c.seconds >= a.time_limit)))"""
        )
        self._follow(SQL("'used_up'"), spent)

    @api.model
    def _follow_unsold(self):
        """Tokens that were good until a date and never given out."""
        self._follow(SQL("'expired'"), SQL("t.state = 'made' AND t.ends_at <= %s", fields.Datetime.now()))

    @api.model
    def _follow(self, state, condition):
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE isp_token t SET state = %s, ended_at = COALESCE(t.ends_at, %s) WHERE %s", state, fields.Datetime.now(), condition))
        self.env.invalidate_all(flush=False)

    @api.model
    def _cron_follow_all(self):
        """Once a day: first log-ins that were long on their way (a server that was off, packets that waited on a disk)."""
        self._follow_begun(EVER)
