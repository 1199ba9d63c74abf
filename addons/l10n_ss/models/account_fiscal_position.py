# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models


class AccountFiscalPosition(models.Model):
    _inherit = "account.fiscal.position"

    @api.model
    def _get_fiscal_position(self, partner, delivery=None):
        """Override of `account`: a certificate of exemption that holds on the day decides, before all else.

        The day is the date ``l10n_ss_date`` of the context, normally the invoice date; without it, today. ``False`` there
        asks for the position without certificates (purchases).
        """
        day = self.env.context.get("l10n_ss_date")
        if partner and day is not False:
            row = partner._l10n_ss_certificate_row("exemption", day)
            if row:
                return self.browse(row[3])
        return super()._get_fiscal_position(partner, delivery)
