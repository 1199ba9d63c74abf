# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspCashReversal(models.Model):
    """A payment that a manager booked out again, and why.

    Idempotency key: the payment, UNIQUE in the database.
    """

    _name = "isp.cash.reversal"
    _description = "Reversal of a payment"
    _order = "id desc"
    _rec_name = "payment_id"

    payment_id = fields.Many2one("account.payment", required=True, readonly=True, ondelete="restrict")
    partner_id = fields.Many2one(related="payment_id.partner_id", store=True, index=True)
    amount = fields.Monetary(related="payment_id.amount")
    currency_id = fields.Many2one(related="payment_id.currency_id")
    company_id = fields.Many2one(related="payment_id.company_id", store=True)
    reason = fields.Char(required=True, readonly=True)
    shift_id = fields.Many2one("isp.cash.shift", readonly=True, ondelete="restrict", help="The shift whose drawer gave the money back.")
    move_id = fields.Many2one("account.move", string="Entry", required=True, readonly=True, ondelete="restrict")
    user_id = fields.Many2one("res.users", string="Reversed by", required=True, readonly=True, default=lambda self: self.env.user)

    _reversed_once = models.UniqueIndex("(payment_id)", "This payment is reversed already.")
