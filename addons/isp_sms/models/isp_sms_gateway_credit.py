# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspSmsGateway(models.Model):
    _inherit = "isp.sms.gateway"

    credit_low = fields.Boolean("Credit is low", compute="_compute_credit_low", search="_search_credit_low")

    @api.depends("balance", "balance_at", "alert_below")
    def _compute_credit_low(self):
        for gateway in self:
            gateway.credit_low = bool(gateway.balance_at and gateway.alert_below and gateway.balance < gateway.alert_below)

    def _search_credit_low(self, operator, value):
        if operator != "in":
            return NotImplemented
        low = self.search([("balance_at", "!=", False), ("alert_below", ">", 0)]).filtered("credit_low")
        return [("id", "in" if True in value else "not in", low.ids)]
