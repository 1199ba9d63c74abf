# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspAccess(models.Model):
    _inherit = "isp.access"

    token_ids = fields.One2many("isp.token", "access_id", string="Token", readonly=True)

    def _radius_nas(self):
        """Override: a token is asked for at its own hotspot, which may be closed."""
        return (self.zone and self.env["isp.router"].sudo().search([("zone", "=", self.zone)], limit=1).nas_ip) or super()._radius_nas()
