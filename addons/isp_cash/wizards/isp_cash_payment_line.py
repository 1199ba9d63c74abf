# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashPaymentLine(models.TransientModel):
    """A debt of the customer at the counter, to be chosen."""

    _name = "isp.cash.payment.line"
    _description = "Debt to pay"
    _order = "id"

    wizard_id = fields.Many2one("isp.cash.payment", required=True, ondelete="cascade")
    currency_id = fields.Many2one(related="wizard_id.currency_id")
    item_id = fields.Integer(required=True, help="The journal item; looked up among the customer's own.")
    chosen = fields.Boolean(string="Pay")
    name = fields.Char(compute="_compute_item", string="Invoice")
    date_maturity = fields.Date(compute="_compute_item", string="Due")
    residual = fields.Monetary(compute="_compute_item", string="Still to pay")
    overdue = fields.Boolean(compute="_compute_item")

    @api.depends("item_id", "wizard_id.partner_id")
    def _compute_item(self):
        for wizard, lines in self.grouped("wizard_id").items():
            today = wizard.company_id._isp_today()
            items = {item.id: item for item in wizard._open_items()}
            for line in lines:
                item = items.get(line.item_id) or self.env["account.move.line"]
                move = item.move_id
                line.name = (move.ref if move.isp_opening_partner_id else move.name) or ""
                line.date_maturity = item.date_maturity or item.date
                line.residual = item.amount_residual
                line.overdue = bool(line.date_maturity and line.date_maturity < today)
