# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..tools.link import link


class AccountPayment(models.Model):
    _inherit = "account.payment"

    wallet_uuid = fields.Char(readonly=True, copy=False, help="The wallet's request this money is of: one request is one payment.")

    _wallet_uuid_unique = models.UniqueIndex("(wallet_uuid) WHERE wallet_uuid IS NOT NULL", "This payment is booked already.")

    def _generate_journal_entry(self, write_off_line_vals=None, force_balance=None, line_ids=None):
        """Override of `account`, which makes and links each entry alone: here those of all wallet payments at once, posted.

        What core works out for each entry and is the same for all of them, or nothing, is left out: see ``_wallet_plain``.
        """
        together = self.filtered(lambda p: p.wallet_uuid and p.outstanding_account_id and not p.move_id)
        if len(together) < 2:
            return super()._generate_journal_entry(write_off_line_vals, force_balance, line_ids)
        super(AccountPayment, self - together)._generate_journal_entry()
        moves = self.env["account.move"].with_context(wallet_last_sequence={}, skip_invoice_sync=True, skip_invoice_line_sync=True)
        moves = moves.create(together._wallet_plain([payment._generate_move_vals() for payment in together]))
        link(together, "move_id", moves)
        moves.action_post()
        together.write({"state": "in_process"})
        return None

    def _wallet_plain(self, vals_list):
        """:return: values of entries of payments, without taxes; no analytic accounts where nothing spreads over them"""
        spread = self.env["account.analytic.distribution.model"].sudo().search_count([], limit=1)
        for vals in vals_list:
            vals["fiscal_position_id"] = False
            for _create, _id, line in vals["line_ids"] if not spread else ():
                line.setdefault("analytic_distribution", False)
        return vals_list
