# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspIncomingShare(models.Model):
    """What one customer gets of money received. Idempotency key: ``key``, UNIQUE; it is the payment's too."""

    _name = "isp.incoming.share"
    _description = "Share of money received"
    _order = "id"
    _rec_name = "partner_id"

    incoming_id = fields.Many2one("isp.incoming", required=True, readonly=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="restrict")
    amount = fields.Monetary(required=True, readonly=True)
    currency_id = fields.Many2one(related="incoming_id.currency_id")
    payment_id = fields.Many2one("account.payment", readonly=True, ondelete="restrict")
    key = fields.Char(required=True, readonly=True)
    taken_back = fields.Boolean(compute="_compute_taken_back", store=True, help="Booked to the wrong customer: reversed.")

    _key_unique = models.UniqueIndex("(key)", "This share is booked already.")
    _payment_unique = models.UniqueIndex("(payment_id) WHERE payment_id IS NOT NULL", "This payment is another share's.")
    _amount_positive = models.Constraint("CHECK(amount > 0)", "A share is above zero.")

    @api.depends("payment_id.isp_reversal_move_id")
    def _compute_taken_back(self):
        for share in self:
            share.taken_back = bool(share.payment_id.isp_reversal_move_id)
