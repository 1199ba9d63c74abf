# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashCountEntry(models.TransientModel):
    _name = "isp.cash.count.entry"
    _description = "Notes counted"
    _order = "value desc, id"

    open_id = fields.Many2one("isp.cash.open", ondelete="cascade")
    close_id = fields.Many2one("isp.cash.close", ondelete="cascade")
    value = fields.Monetary(string="Note", required=True)
    quantity = fields.Integer(string="How many")
    amount = fields.Monetary(compute="_compute_amount")
    currency_id = fields.Many2one("res.currency", required=True)

    @api.depends("value", "quantity")
    def _compute_amount(self):
        for entry in self:
            entry.amount = entry.value * entry.quantity

    @api.model
    def _commands(self, desk):
        """:return: commands that make an empty line for each note of ``desk``"""
        return [fields.Command.clear()] + [
            fields.Command.create({"value": note.value, "currency_id": note.currency_id.id})
            for note in desk.sudo().denomination_ids.sorted("value", reverse=True)
        ]

    def _counts(self):
        """:return: {value of a note: how many}"""
        counts = {}
        for entry in self:
            counts[entry.value] = counts.get(entry.value, 0) + entry.quantity
        return counts
