# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL


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
    def _follow_begun(self, since=timedelta(days=2)):
        """Tokens that were used for the first time. Their end by the clock is known now: a last day for the first use no longer counts.

        :param since: how far to look back; once a day all of them (``_cron_follow_all``)
        """
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                WITH begun AS (
                    UPDATE isp_token t
                       SET state = 'in_use', first_used = u.first_at, sold_at = COALESCE(t.sold_at, u.first_at),
                           ends_at = CASE t.counting WHEN 'first' THEN u.first_at + t.seconds * interval '1 second' ELSE t.ends_at END
                      FROM isp_access_use u
                     WHERE u.access_id = t.access_id AND u.first_at > %(since)s AND t.state IN ('made', 'sold')
                 RETURNING t.access_id, t.counting, t.ends_at, t.paused_at)
                UPDATE isp_access a SET valid_until = b.ends_at FROM begun b WHERE a.id = b.access_id AND b.counting = 'first' AND b.paused_at IS NULL
                """,
                since=fields.Datetime.now() - since,
            )
        )
        # Those that do not count from the first log-in have no row of first use: their first session tells.
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_token t SET state = 'in_use', first_used = s.started, sold_at = COALESCE(t.sold_at, s.started)
                  FROM isp_token w CROSS JOIN LATERAL (SELECT min(started) AS started FROM isp_session WHERE access_id = w.access_id) s
                 WHERE w.id = t.id AND w.counting != 'first' AND w.state IN ('made', 'sold') AND s.started IS NOT NULL
                """
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
        self._follow_begun(since=timedelta(days=400))
