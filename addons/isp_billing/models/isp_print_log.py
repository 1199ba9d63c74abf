# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL


class IspPrintLog(models.Model):
    """Every time a receipt was printed: the first is the original, the others are copies."""

    _name = "isp.print.log"
    _description = "Print of a receipt"
    _order = "id desc"
    _rec_name = "payment_id"

    payment_id = fields.Many2one("account.payment", string="Receipt", required=True, readonly=True, index=True, ondelete="cascade")
    copy_no = fields.Integer(string="Copy", readonly=True, help="0: the original.")
    user_id = fields.Many2one("res.users", string="Printed by", required=True, readonly=True, default=lambda self: self.env.user)
    company_id = fields.Many2one(related="payment_id.company_id", store=True)
    at = fields.Datetime(string="Time", required=True, readonly=True, default=fields.Datetime.now)

    _number_unique = models.UniqueIndex("(payment_id, copy_no)", "This copy is in the log already.")

    @api.model
    def _log(self, payments):
        """Write down that the receipts of these payments are printed now.

        :return: {payment id: row of the log}

        Of two prints at the same moment the second waits at the payment's row and is tried again by the
        request, so both have a number of their own. Transaction: the caller's.
        """
        if not payments:
            return {}
        payments.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE account_payment SET isp_print_count = COALESCE(isp_print_count, 0) + 1 WHERE id = ANY(%s) RETURNING id, isp_print_count",
                payments.ids,
            ),
            log_exceptions=False,  # whoever comes second is tried again
        )
        rows = self.env.cr.fetchall()
        payments.invalidate_recordset(["isp_print_count"])
        entries = self.sudo().create([{"payment_id": payment, "copy_no": count - 1} for payment, count in sorted(rows)])
        return {entry.payment_id.id: entry for entry in entries}
