# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models
from odoo.exceptions import UserError


class AccountBankStatementLine(models.Model):
    _inherit = "account.bank.statement.line"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `account`: money into an operator's journal enters by "Money received" only, so it counts once."""
        journals = {vals.get("journal_id") for vals in vals_list if vals.get("amount", 0) > 0}
        taken = self.env["isp.operator"].sudo().search([("journal_id", "in", list(journals - {None, False}))], limit=1)
        if taken:
            raise UserError(
                self.env._(
                    "Money received in %(journal)s is imported under “Money received”, where it is matched to customers. "
                    "Import the statement there; here it would count twice.",
                    journal=taken.journal_id.display_name,
                )
            )
        return super().create(vals_list)
