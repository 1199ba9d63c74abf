# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_sms_retention_months = fields.Integer("Keep SMS for (months)", help="Then text, number and customer are forgotten; parts and cost stay. 0: for ever.")

    @api.constrains("isp_sms_retention_months")
    def _check_isp_sms_retention_months(self):
        if any(settings.isp_sms_retention_months < 0 for settings in self):
            raise ValidationError(self.env._("SMS are kept for a number of months; 0 keeps them for ever."))

    @api.model
    def get_values(self):
        """Extend of `base`."""
        return {**super().get_values(), "isp_sms_retention_months": self.env["isp.sms.message"]._retention_months()}

    def set_values(self):
        """Extend of `base`, which deletes a parameter that is 0: here it says "for ever"."""
        result = super().set_values()
        self.env["ir.config_parameter"].set_param("isp_sms.retention_months", str(self.isp_sms_retention_months))
        return result
