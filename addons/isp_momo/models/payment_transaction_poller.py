# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import fields, models

from ..drivers import WALLETS
from ..drivers.base import Unknown, Unreachable
from ..tools.trigger import trigger_once

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    """What the poller of ``isp.wallet.order`` needs to know of requests for money and of refunds."""

    _inherit = "payment.transaction"

    def _prepare_wallet_call(self):
        call = super()._prepare_wallet_call()
        if call["kind"] == "read" and self.wallet_tell and self.state == "done":
            call["kind"] = "tell"
        call["what"] = "refund" if self.operation == "refund" else "request"
        call["text"] = self._wallet_notice() if self.wallet_tell else ""
        return call

    def _wallet_taken(self, accepted):
        result = super()._wallet_taken(accepted)
        if self.state == "draft" and WALLETS[self.provider_code].flow == "push":
            self._set_pending()
        return result

    def _prepare_wallet_end(self, phase):
        return {**super()._prepare_wallet_end(phase), "wallet_once": False}

    def _wallet_set_done(self, status):
        tell = self.provider_id.wallet_notify and self.operation != "refund" and WALLETS[self.provider_code].notifies
        self.write({"wallet_tell": tell, "wallet_next": fields.Datetime.now() if tell else False})
        self._process(self.provider_code, {"wallet_status": status})
        # Booked by this poller in a moment; if it dies, by core's job.
        trigger_once(self.env, "payment.cron_post_process_payment_tx")

    def _wallet_set_failed(self, code):
        """Error, never cancelled: a late success is taken from there."""
        self._set_error(self._wallet_text(code))

    def _wallet_has_failed(self):
        return self.state == "error"

    def _wallet_hold(self, problem, status):
        """An error for the payer, a claim for staff."""
        self.env["isp.wallet.claim"].sudo()._hold(self, problem, status)
        self._wallet_fail(problem)
        self.write({"wallet_problem": problem, "wallet_next": False})

    def _wallet_not_booked(self):
        """What cannot be booked is tried again by core's job."""
        return [("wallet_uuid", "!=", False), ("state", "=", "done"), ("is_post_processed", "=", False)]

    def _wallet_apply_told(self, call):
        again = isinstance(call.error, Unknown | Unreachable) and self.wallet_tries < 3
        if call.error:
            _logger.info("%s: payer not told by the operator: %s", self.reference, call.error)
        self.write(
            {
                "wallet_tell": again,
                "wallet_tries": self.wallet_tries + 1,
                "wallet_next": fields.Datetime.now() + timedelta(seconds=30) if again else False,
            }
        )
