# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class L10nSsWithholding(models.Model):
    _inherit = "l10n_ss.withholding"

    def _settle(self, move):
        """Override of `l10n_ss`: what its own invoice does not take clears other debts, the oldest first."""
        result = super()._settle(move)
        self.partner_id._isp_apply_credit(self.company_id)
        self.partner_id._isp_on_settled()
        return result
