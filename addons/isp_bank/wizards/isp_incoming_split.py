# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError


class IspIncomingSplit(models.TransientModel):
    """Whose money it is: one customer or several. Idempotency key: ``uuid``, made when the form opens."""

    _name = "isp.incoming.split"
    _description = "Give money received to customers"

    uuid = fields.Char(required=True, default=lambda self: str(uuid.uuid4()))
    incoming_id = fields.Many2one("isp.incoming", required=True, readonly=True)
    currency_id = fields.Many2one(related="incoming_id.currency_id")
    open_amount = fields.Monetary(related="incoming_id.open_amount", string="Open")
    text = fields.Char(related="incoming_id.text")
    payer_name = fields.Char(related="incoming_id.payer_name")
    line_ids = fields.One2many("isp.incoming.split.line", "wizard_id")
    rest = fields.Monetary(compute="_compute_rest", string="Stays in suspense")

    @api.depends("open_amount", "line_ids.amount")
    def _compute_rest(self):
        for wizard in self:
            wizard.rest = wizard.open_amount - sum(wizard.line_ids.mapped("amount"))

    def action_confirm(self):
        """Book a payment for each customer. The same form twice books once."""
        self.ensure_one()
        self.incoming_id._check_may_book()
        if not self.line_ids:
            raise UserError(self.env._("Choose a customer."))
        shares = [(line.partner_id, line.amount) for line in self.line_ids]
        self.incoming_id._book(shares, self.uuid)
        return {"type": "ir.actions.act_window_close"}
