# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspWalletPayout(models.Model):
    _inherit = "isp.wallet.payout"

    isp_site_statement_id = fields.Many2one("isp.site.statement", string="Statement", readonly=True, index="btree_not_null", ondelete="restrict")

    def _prepare_payment(self):
        """Override of `isp_momo`: taken from what is owed to owners."""
        values = super()._prepare_payment()
        if self.isp_site_statement_id:
            values["destination_account_id"] = self.company_id._isp_owner_account().id
        return values

    def _prepare_retry(self):
        return {**super()._prepare_retry(), "isp_site_statement_id": self.isp_site_statement_id.id}
