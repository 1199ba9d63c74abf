# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    def _seek_for_lines(self):
        """Override of `account`: owners' money stands on a liability that core does not take for a counterpart."""
        liquidity, counterpart, others = super()._seek_for_lines()
        account = self.destination_account_id
        if account.account_type == "liability_current":
            theirs = others.filtered(lambda line: line.account_id == account)
            counterpart, others = counterpart + theirs, others - theirs
        return liquidity, counterpart, others
