# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    def _get_last_sequence(self, relaxed=False, with_prefix=None):
        """Override of `account`: within one batch of payments the journal is asked once.

        The answer is used for its format only; the number is counted on by ``_locked_increment``, which holds the numbering.
        """
        cache = self.env.context.get("wallet_last_sequence")
        if cache is None or with_prefix is not None:
            return super()._get_last_sequence(relaxed, with_prefix)
        key = (self.journal_id, self.date, self.move_type, relaxed)
        if key not in cache:
            cache[key] = super()._get_last_sequence(relaxed, with_prefix)
        return cache[key]
