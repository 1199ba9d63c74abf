# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspToken(models.Model):
    _inherit = "isp.token"

    def _login_url(self):
        """:return: address that logs in the device which opens it, while it is in the WiFi of the hotspot"""
        self.ensure_one()
        return f"{self.env['ir.config_parameter'].sudo().get_param('web.base.url')}/wifi/{self.site_id.slug}?code={self.code}"
