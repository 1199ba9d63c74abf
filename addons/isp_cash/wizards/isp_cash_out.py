# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import fields, models


class IspCashOut(models.TransientModel):
    """Cash that leaves the drawer or comes into it, other than payments of customers.

    Idempotency key: ``uuid``, made when the form opens.
    """

    _name = "isp.cash.out"
    _description = "Cash out or in"

    uuid = fields.Char(required=True, default=lambda self: str(uuid.uuid4()))
    shift_id = fields.Many2one("isp.cash.shift", required=True, readonly=True)
    company_id = fields.Many2one(related="shift_id.company_id")
    currency_id = fields.Many2one(related="shift_id.currency_id")
    kind = fields.Selection([("paid_out", "Pay out"), ("drop", "To safe or bank"), ("float", "From the safe")], required=True, readonly=True)
    expected = fields.Monetary(related="shift_id.expected", string="In the drawer")
    amount = fields.Monetary(required=True)
    reason_id = fields.Many2one("isp.cash.reason", string="What for", domain="[('company_id', '=', company_id)]")
    to_whom = fields.Char()
    note = fields.Char(string="Remark")

    def action_confirm(self):
        """Book it. The same form twice books it once."""
        self.ensure_one()
        self.shift_id._check_own()
        self.shift_id._move_cash(self.kind, self.amount, self.uuid, reason=self.reason_id, to_whom=self.to_whom, note=self.note)
        return {"type": "ir.actions.act_window_close"}
