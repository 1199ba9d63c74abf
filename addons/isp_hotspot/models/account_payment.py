# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_reseller_entry_id = fields.Many2one("isp.reseller.entry", string="Ledger of a reseller", readonly=True, copy=False, ondelete="restrict")

    _isp_reseller_entry_unique = models.UniqueIndex("(isp_reseller_entry_id) WHERE isp_reseller_entry_id IS NOT NULL", "This is booked already.")

    def _seek_for_lines(self):
        """Override of `account`: owners' and resellers' money stands on accounts that core does not take for a counterpart."""
        liquidity, counterpart, others = super()._seek_for_lines()
        account = self.destination_account_id
        if account.account_type in ("liability_current", "asset_current"):
            theirs = others.filtered(lambda line: line.account_id == account)
            counterpart, others = counterpart + theirs, others - theirs
        return liquidity, counterpart, others
