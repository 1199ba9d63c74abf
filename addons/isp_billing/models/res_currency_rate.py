# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models


class ResCurrencyRate(models.Model):
    _inherit = "res.currency.rate"

    @api.model
    def _isp_usd(self, company, day=None):
        """:param day: the last rate on or before it; None: the last of all
        :return: the ``res.currency.rate`` of the dollar for this company, empty when there is none"""
        domain = [("currency_id", "=", self.env.ref("base.USD").id), ("company_id", "in", (False, company.root_id.id))]
        if day:
            domain.append(("name", "<=", day))
        return self.sudo().with_company(company).search(domain, order="company_id, name desc", limit=1)

    def _isp_units(self):
        """:return: units of the company's currency for one dollar, to six decimals"""
        self.ensure_one()
        return round(self.inverse_company_rate, 6)
