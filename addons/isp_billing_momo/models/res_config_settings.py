# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_wallet_hold_hours = fields.Integer(related="company_id.isp_wallet_hold_hours", readonly=False)
