# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashCount(models.Model):
    """How many of one note were in the drawer."""

    _name = "isp.cash.count"
    _description = "Count of notes"
    _order = "moment desc, value desc"

    shift_id = fields.Many2one("isp.cash.shift", required=True, readonly=True, ondelete="cascade", index=True)
    moment = fields.Selection([("opening", "Opening"), ("closing", "Closing")], required=True, readonly=True)
    value = fields.Monetary(required=True, readonly=True, string="Note")
    quantity = fields.Integer(required=True, readonly=True)
    amount = fields.Monetary(compute="_compute_amount")
    currency_id = fields.Many2one(related="shift_id.currency_id")

    _counted_once = models.UniqueIndex("(shift_id, moment, value)", "This note is counted already.")
    _not_negative = models.Constraint("CHECK(quantity >= 0)", "A number of notes is not below zero.")

    @api.depends("value", "quantity")
    def _compute_amount(self):
        for line in self:
            line.amount = line.value * line.quantity
