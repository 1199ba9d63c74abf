# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashShift(models.Model):
    """Mobile money a cashier asked for stands beside the drawer: on the report, in no count."""

    _inherit = "isp.cash.shift"

    wallet_payment_ids = fields.One2many("account.payment", "isp_wallet_shift_id", string="Payments by mobile money", readonly=True)
    wallet_in = fields.Monetary(string="Mobile money", compute="_compute_wallet_in", compute_sudo=True, help="Asked for in this shift; not in the drawer.")

    @api.depends("wallet_payment_ids.amount", "closed_at")
    def _compute_wallet_in(self):
        for shift in self:
            shift.wallet_in = sum(shift._wallet_payments().mapped("amount"))

    def _wallet_payments(self):
        """:return: mobile money asked for in this shift and booked by its close: a Z report printed again is the same"""
        self.ensure_one()
        payments = self.sudo().wallet_payment_ids.filtered(lambda payment: payment.state not in ("draft", "canceled", "rejected")).sorted("id")
        return payments.filtered(lambda payment: payment.create_date <= self.closed_at) if self.closed_at else payments
