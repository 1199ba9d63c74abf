# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMoveLine(models.Model):
    _inherit = "account.move.line"

    def _get_computed_taxes(self):
        """Override of `account`: of a dated tax take the rate valid on the invoice date.

        Products keep the tax they were made with, so a new Finance Act needs no change of products.
        """
        taxes = super()._get_computed_taxes()
        if not taxes or not self.move_id.is_sale_document(include_receipts=True):
            return taxes
        day = self.move_id.invoice_date or fields.Date.context_today(self)
        return taxes.browse(tax._l10n_ss_at(day).id for tax in taxes)
