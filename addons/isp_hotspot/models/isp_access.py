# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspAccess(models.Model):
    _inherit = "isp.access"

    token_ids = fields.One2many("isp.token", "access_id", string="Token", readonly=True)
