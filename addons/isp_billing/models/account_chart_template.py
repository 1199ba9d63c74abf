# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    def _post_load_data(self, template_code, company, template_data):
        """Override of `account`: the set-up fee bears the tax of every new service of this company."""
        result = super()._post_load_data(template_code, company, template_data)
        fee = self.env.ref("isp_billing.product_setup", raise_if_not_found=False)
        if fee and not fee.sudo().taxes_id.filtered(lambda tax: tax.company_id == company):
            fee.sudo().taxes_id += company.account_sale_tax_id
        return result
