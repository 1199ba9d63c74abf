# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models


class L10nSsCertificate(models.Model):
    _inherit = "l10n_ss.certificate"

    @api.model
    def _reminder_group(self):
        return self.env.ref("isp_base.group_isp_billing_manager").sudo()
