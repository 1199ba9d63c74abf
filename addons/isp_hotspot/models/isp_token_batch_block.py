# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from .isp_token_follow import EVER


class IspTokenBatch(models.Model):
    """A batch that was lost or stolen: blocked as a whole, whatever its size, by a few statements, and let go again if it is found."""

    _inherit = "isp.token.batch"

    def _block(self, reason):
        """None of them lets anybody in from the commit on; who is on line is put off. Second time: nothing.

        Those that were blocked before, one by one, are left alone, and stay blocked when the batch is unblocked.
        """
        for batch in self._lock().filtered(lambda b: b.state != "blocked"):
            # Who logged in a moment ago has used his: it is sold, whatever becomes of it.
            self.env["isp.token"]._follow_begun(EVER, SQL("t.batch_id = %s", batch.id))
            sessions = self._execute(
                SQL(
                    """
                    WITH hit AS (
                        UPDATE isp_token SET state = 'blocked', with_batch = true, write_uid = %(uid)s, write_date = %(now)s
                         WHERE batch_id = %(batch)s AND state NOT IN ('blocked', 'refunded') RETURNING id, access_id),
                    shut AS (
                        UPDATE isp_access a SET state = 'blocked', write_uid = %(uid)s, write_date = %(now)s
                          FROM hit WHERE a.id = hit.access_id AND a.state != 'blocked'),
                    noted AS (
                        INSERT INTO isp_token_event (token_id, at, user_id, what, note) SELECT id, %(now)s, %(uid)s, 'blocked', %(note)s FROM hit)
                    SELECT s.id FROM hit JOIN isp_session s ON s.access_id = hit.access_id WHERE s.stopped IS NULL
                    """,
                    **self._who(batch, reason),
                )
            )
            batch.state = "blocked"
            batch.message_post(body=self.env._("Blocked as a whole: %(reason)s", reason=reason), author_id=self.env.user.partner_id.id)
            self.env["isp.session"].sudo().browse(row[0] for row in sessions)._queue_disconnect()

    def _unblock(self, reason):
        """As they were before; their time went on meanwhile. What was taken back from a reseller stays blocked."""
        for batch in self._lock().filtered(lambda b: b.state == "blocked"):
            self._execute(
                SQL(
                    """
                    WITH hit AS (
                        UPDATE isp_token SET with_batch = false, write_uid = %(uid)s, write_date = %(now)s,
                               state = CASE WHEN first_used IS NOT NULL THEN 'in_use' WHEN sold_at IS NOT NULL THEN 'sold' ELSE 'made' END
                         WHERE batch_id = %(batch)s AND state = 'blocked' AND with_batch AND returned_at IS NULL
                        RETURNING id, access_id, paused_at IS NOT NULL OR (counting = 'sale' AND sold_at IS NULL) AS waits),
                    opened AS (
                        UPDATE isp_access a SET state = CASE WHEN hit.waits THEN 'blocked' ELSE 'allowed' END, write_uid = %(uid)s, write_date = %(now)s
                          FROM hit WHERE a.id = hit.access_id)
                    INSERT INTO isp_token_event (token_id, at, user_id, what, note) SELECT id, %(now)s, %(uid)s, 'unblocked', %(note)s FROM hit RETURNING id
                    """,
                    **self._who(batch, reason),
                )
            )
            batch.state = "making" if batch.made_count < batch.count else "given" if batch.given_at else "made"
            batch.message_post(body=self.env._("Unblocked: %(reason)s", reason=reason), author_id=self.env.user.partner_id.id)

    def _act(self, what, reason):
        """For the screens of staff. :param what: ``block``, ``unblock`` or ``take_back`` (isp_reseller_batch.py)"""
        self.check_access("write")
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only billing managers block batches or take them back."))
        if not (reason or "").strip():
            raise UserError(self.env._("Say why: it is kept."))
        {"block": self._block, "unblock": self._unblock, "take_back": self._take_back}[what](reason.strip())

    def _who(self, batch, reason):
        return {"batch": batch.id, "uid": self.env.uid, "now": fields.Datetime.now(), "note": reason}

    def _execute(self, query):
        """:return: its rows; what Odoo knew of tokens and accesses is read anew"""
        self.env.flush_all()
        rows = self.env.execute_query(query)
        self.env.invalidate_all(flush=False)
        return rows
