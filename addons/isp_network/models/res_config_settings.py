# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_outage_sms = fields.Boolean(related="company_id.isp_outage_sms", readonly=False)
    isp_outage_hours = fields.Float(related="company_id.isp_outage_hours", readonly=False)
    isp_outage_share = fields.Float(related="company_id.isp_outage_share", readonly=False)
