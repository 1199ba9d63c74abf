# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError


class IspCashReverse(models.TransientModel):
    _name = "isp.cash.reverse"
    _description = "Reverse a payment"

    payment_id = fields.Many2one("account.payment", required=True, readonly=True)
    partner_id = fields.Many2one(related="payment_id.partner_id")
    amount = fields.Monetary(related="payment_id.amount")
    currency_id = fields.Many2one(related="payment_id.currency_id")
    is_cash = fields.Boolean(compute="_compute_is_cash")
    shift_id = fields.Many2one(
        "isp.cash.shift",
        string="Cash comes out of",
        compute="_compute_shift_id",
        store=True,
        readonly=False,
        precompute=True,
        domain="[('state', '=', 'open')]",
    )
    reason = fields.Char(required=True)

    @api.depends("payment_id")
    def _compute_is_cash(self):
        for wizard in self:
            wizard.is_cash = wizard.payment_id.journal_id.type == "cash"

    @api.depends("payment_id")
    def _compute_shift_id(self):
        for wizard in self:
            wizard.shift_id = wizard.payment_id._isp_open_shift().sudo(False) if wizard.payment_id else False

    def action_confirm(self):
        """Reverse it. Again: the same reversal."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("A billing manager reverses payments."))
        self.payment_id.check_access("read")
        self.shift_id.check_access("read")
        self.payment_id._isp_reverse_at_desk(self.reason, self.shift_id)
        return {"type": "ir.actions.act_window_close"}
