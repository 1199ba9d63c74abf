# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models
from odoo.exceptions import UserError

from ..drivers import WALLETS


class PaymentTransaction(models.Model):
    """Money back to the wallet it came from: whole or part, with a UUID of its own, polled like a request."""

    _inherit = "payment.transaction"

    def _refund(self, amount_to_refund=None):
        """Override of `payment`: one refund at a time, never more than was paid.

        A retry is a new request with a new UUID, so it waits until the one before has failed for good.
        """
        if self.provider_code in WALLETS:
            self._wallet_lock()
            amount = amount_to_refund or self.amount
            others = self.child_transaction_ids.filtered(lambda tx: tx.operation == "refund")
            if others.filtered(lambda tx: tx.state != "done" and tx.wallet_phase != "final"):
                raise UserError(self.env._("A refund of %(reference)s is under way: wait until the operator has answered.", reference=self.reference))
            returned = -sum(others.filtered(lambda tx: tx.state == "done").mapped("amount"))
            if self.currency_id.compare_amounts(amount + returned, self.amount) > 0:
                raise UserError(self.env._("More than was paid cannot be refunded."))
        return super()._refund(amount_to_refund=amount_to_refund)

    def _send_refund_request(self):
        """Override of `payment`: written down here, sent by the poller after the commit."""
        if self.provider_code not in WALLETS:
            return super()._send_refund_request()
        source = self.source_transaction_id
        self.write(
            {
                **self._prepare_wallet_start(source.wallet_msisdn),
                # A request is known only where it was made.
                "wallet_base_url": source.wallet_base_url,
                "wallet_environment": source.wallet_environment,
                "wallet_currency": source.wallet_currency,
            }
        )
        self._wallet_trigger()
        return None
