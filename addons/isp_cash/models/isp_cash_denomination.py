# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashDenomination(models.Model):
    """A note or coin that is counted."""

    _name = "isp.cash.denomination"
    _description = "Note or coin"
    _order = "value desc"
    _rec_name = "value"

    value = fields.Monetary(required=True)
    currency_id = fields.Many2one("res.currency", required=True, default=lambda self: self.env.company.currency_id)
    active = fields.Boolean(default=True)

    _value_positive = models.Constraint("CHECK(value > 0)", "A note is worth more than nothing.")
    _value_unique = models.Constraint("UNIQUE(currency_id, value)", "This note is in the list already.")

    @api.depends("value", "currency_id")
    def _compute_display_name(self):
        for note in self:
            note.display_name = note.currency_id.format(note.value)
