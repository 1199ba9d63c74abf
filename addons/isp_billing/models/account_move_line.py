# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    isp_period_id = fields.Many2one("isp.period", string="Billed period", readonly=True, copy=False, ondelete="restrict")

    _isp_period_once = models.UniqueIndex("(isp_period_id) WHERE isp_period_id IS NOT NULL", "This period is invoiced already.")

    def _reconcile_post_hook(self, data):
        """Override of `account`: debts other than invoices (opening balances) are cleared too."""
        result = super()._reconcile_post_hook(data)
        receivable = self.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        others = receivable.filtered(lambda line: line.move_id.isp_opening_partner_id)
        if others:
            others.partner_id._isp_on_settled()
        return result
