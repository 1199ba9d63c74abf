# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models

from ..tools.sms_api import SmsApiGateways


class ResCompany(models.Model):
    _inherit = "res.company"

    def _isp_sms_gateways(self):
        """:return: the gateways in use for this company, in the order they are tried"""
        self.ensure_one()
        return self.env["isp.sms.gateway"].sudo().search([("company_id", "in", (False, self.id))])

    def _get_sms_api_class(self):
        """Override of `sms`: through our own gateways where there is one."""
        return SmsApiGateways if self._isp_sms_gateways() else super()._get_sms_api_class()
