# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models

from odoo.addons.isp_sms.engine.mobile import check


class ResPartner(models.Model):
    _inherit = "res.partner"

    def action_isp_wallet(self):
        """Ask the customer's telephone for what is owed."""
        self.ensure_one()
        self.check_access("read")
        asks = self.env["isp.wallet.ask"]
        return asks.create(asks._prepare_ask(self.commercial_partner_id, self.env.company))._action_form()

    def _isp_own_mobile(self, company):
        """:return: the first of the customer's numbers that is a mobile's, in E.164; "" when none is"""
        country = (self.country_id or company.country_id).code
        for number in filter(None, (self.phone, self.isp_alt_phone)):
            mobile, _why = check(number, country)
            if mobile:
                return mobile
        return ""
