# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_wallet_shift_id = fields.Many2one(
        "isp.cash.shift",
        string="Asked for in shift",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Mobile money a cashier asked for: on the Z report, never in the drawer.",
    )

    def _isp_tell_received(self):
        """Write the receipts of these payments, one SMS each, as the cash desk does. Idempotency key: the payment."""
        for company, payments in self.grouped("company_id").items():
            dues = payments.partner_id.commercial_partner_id._isp_dues()
            rows = [(payment.partner_id.id, f"receipt/{payment.id}", payment._prepare_isp_receipt(dues)) for payment in payments]
            self.env["res.partner"]._isp_notify_many("receipt", rows, company)

    def _prepare_isp_receipt(self, dues):
        """:return: what the text of kind "receipt" may show"""
        due = dues.get((self.partner_id.commercial_partner_id.id, self.company_id.id))
        return {"amount": self.amount, "number": self.name, "date": fields.Date.to_string(self.date), "balance": due.balance if due else 0}
