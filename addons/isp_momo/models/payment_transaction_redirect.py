# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.isp_secret.fields import reveal
from odoo.addons.payment import utils as payment_utils

from ..drivers import WALLETS
from ..drivers.base import NotAllowed
from ..tools.schedule import READ_LIMIT

_logger = logging.getLogger(__name__)

#: Seconds after which a payer no longer waits for a page that does not come.
PATIENCE = 180
#: Seconds a payer may be late on the operator's page before the payment is closed here; a late success is taken all the same.
MARGIN = 300
#: Seconds in which a payer who comes back to a closed payment is not told that nothing was paid.
BACK = 60
#: Seconds before its end in which a page is not offered again.
LAST_CALL = 120


class PaymentTransaction(models.Model):
    """Wallets that send the payer to a page of theirs (``flow`` redirect), whatever the operator.

    The operator is asked for its page while the payer waits, the poller tries again. A page whose address was lost on its way
    was shown to nobody and cannot be paid on, so asking once more is safe. Until the payer confirms there, the transaction
    stays a draft, and the invoice can be paid another way.
    """

    _inherit = "payment.transaction"

    wallet_left = fields.Datetime(string="Payer went away at", readonly=True, copy=False, help="The payer came back without paying, or says so: the operator's status decides.")

    wallet_back = fields.Datetime(string="Payer came back at", readonly=True, copy=False)

    def _wallet_redirects(self):
        return getattr(WALLETS.get(self.provider_code), "flow", None) == "redirect"

    # === Begin ===

    @api.model
    def _compute_reference(self, provider_code, prefix=None, separator="-", **kwargs):
        """Override of `payment`: as long as the operator takes."""
        reference = super()._compute_reference(provider_code, prefix=prefix, separator=separator, **kwargs)
        longest = getattr(WALLETS.get(provider_code), "reference_length", 0)
        if not longest or len(reference) <= longest:
            return reference
        # Room for core's own "-1" behind it.
        short = payment_utils.singularize_reference_prefix(prefix=reference, separator=separator, max_length=longest - 3)
        return super()._compute_reference(provider_code, prefix=short, separator=separator, **kwargs)

    def _get_specific_rendering_values(self, processing_values):
        """Override of `payment`: the form leads to a route of ours, which asks the operator when this transaction is committed.

        :raise ValidationError: this amount cannot be asked for
        """
        if not self._wallet_redirects():
            return super()._get_specific_rendering_values(processing_values)
        return {"api_url": self._wallet_start_once("")._wallet_go_url()}

    def _wallet_start(self, msisdn=""):
        """As for other wallets; an operator that takes whole amounts is asked for no other.

        :raise ValidationError: the amount has decimals
        """
        if not self.wallet_phase and WALLETS[self.provider_code].whole_amounts and "." in self._wallet_amount():
            raise ValidationError(
                self.env._(
                    "%(wallet)s takes whole amounts only: %(amount)s cannot be paid with it. Pay a whole amount, or another way.",
                    wallet=self.provider_id.name,
                    amount=self.currency_id.format(self.amount),
                )
            )
        return super()._wallet_start(msisdn)

    def _wallet_same_for(self):
        """:return: seconds in which who asks for the same again is shown this one"""
        if self._wallet_redirects():
            return WALLETS[self.provider_code].window - LAST_CALL
        return super()._wallet_same_for()

    def _wallet_go_url(self):
        """:return: path that leads the payer to the operator's page"""
        self.ensure_one()
        return f"/payment/wallet/go/{self.id}/{self._wallet_signature(self.id)}"

    def _prepare_wallet_order(self):
        """As for other wallets, with addresses for the way back: an operator with a page cannot do without."""
        order = super()._prepare_wallet_order()
        if not self._wallet_redirects():
            return order
        return self.provider_id._wallet_with_addresses(order, self.wallet_token or "", f"{self.id}/{self._wallet_signature(self.id)}")

    # === The operator's page ===

    def _wallet_page(self):
        """Where the payer pays; the operator is asked for it when that was not done yet. Commits.

        :return: address of the operator's page; "" when there is none (yet): the state of the transaction says why
        """
        self.ensure_one()
        if self.wallet_phase == "to_send":
            calls = self._wallet_claim_this()
            if calls:
                self._wallet_work(calls)
        if self.state != "draft" or self.wallet_phase != "sent":
            return ""
        if self.wallet_left:
            self.wallet_left = False
        return reveal(self, "wallet_payment_url")

    def _wallet_claim_this(self):
        """As ``_wallet_claim``, for one that waits to be sent; nobody else asks until the call must be over. Committed.

        The time of the request begins here: a payer may open the link days after it was made.
        """
        now = fields.Datetime.now()
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """UPDATE payment_transaction SET wallet_asked = %(now)s, wallet_next = %(until)s,
                          wallet_since = CASE WHEN wallet_next IS NULL THEN %(now)s ELSE wallet_since END
                    WHERE id IN (SELECT id FROM payment_transaction
                                  WHERE id = %(id)s AND wallet_phase = 'to_send' AND (wallet_next IS NULL OR wallet_next <= %(now)s)
                                    FOR UPDATE SKIP LOCKED)
                RETURNING id""",
                now=now,
                until=now + timedelta(seconds=15 + (self.provider_id.wallet_timeout or 30)),
                id=self.id,
            ),
            log_exceptions=False,
        )
        claimed = self.env.cr.fetchall()
        self.invalidate_recordset()
        calls = self._wallet_calls(now) if claimed else []
        self.env["ir.cron"]._commit_progress()
        return calls

    def _wallet_look(self):
        """A page that nobody opened is not asked for by looking at the waiting page."""
        if self._wallet_redirects() and self.wallet_phase == "to_send":
            return None
        return super()._wallet_look()

    @api.autovacuum
    def _gc_wallet_pages(self):
        """Close what nobody went on with for as long as others are read."""
        codes = [code for code, wallet in WALLETS.items() if wallet.flow == "redirect"]
        domain = [("provider_code", "in", codes), ("wallet_phase", "=", "to_send"), ("wallet_next", "=", False)]
        domain += [("wallet_since", "<", fields.Datetime.now() - timedelta(seconds=READ_LIMIT))]
        found = self.search(domain, limit=1000)
        for transaction in found:
            transaction._wallet_fail("PAGE_EXPIRED")
        return len(found), len(found) == 1000

    def _prepare_wallet_taken(self, accepted):
        values = super()._prepare_wallet_taken(accepted)
        if self._wallet_redirects():
            values |= {"wallet_data": json.dumps(accepted.data), "wallet_payment_url": accepted.url, "wallet_left": False}
        return values

    def _wallet_came_back(self, left=False):
        """The payer is here again: ask the operator now.

        :param left: the operator sent the payer to the address for those who cancel; a hint, anybody may open it
        """
        self.ensure_one()
        self._wallet_lock()
        now = fields.Datetime.now()
        if left and self.wallet_phase == "sent" and self.state == "draft":
            self.wallet_left = now
        elif not left:
            self.wallet_back = now
        self._wallet_wake()

    # === What an answer means ===

    def _wallet_not_taken(self, error):
        """Nobody waits a day for a page: with keys that are refused not at all, else for minutes."""
        if not self._wallet_redirects():
            return super()._wallet_not_taken(error)
        if isinstance(error, NotAllowed) or self._wallet_age() > PATIENCE:
            _logger.warning("%s: no page to pay on: %s", self.reference, error)
            return self._wallet_fail(error.code if isinstance(error, NotAllowed) else "NOT_SENT", error.message)
        result = super()._wallet_not_taken(error)
        # An order that may exist has a page nobody was shown: there is no money to be unsure about.
        self.wallet_unsure = False
        return result

    def _wallet_apply_read(self, call):
        result = super()._wallet_apply_read(call)
        if self._wallet_redirects() and not call.error and call.answer.state == "pending":
            self._wallet_unfinished(call.answer)
        return result

    def _wallet_unfinished(self, status):
        """Not paid yet. What the payer confirmed is pending; what nobody finishes is closed when its page has ended."""
        if status.begun:
            if self.state == "draft":
                self._set_pending()
            # Confirmed after it was closed here: soon to be known.
            if after := self.wallet_phase == "final" and self._wallet_after(self.wallet_tries):
                self.wallet_next = min(self.wallet_next or after, after)
            return
        if self.wallet_phase != "sent":
            return
        end = self.wallet_since + timedelta(seconds=WALLETS[self.provider_code].window + MARGIN)
        if self.wallet_left:
            self._wallet_close("TRANSACTION_CANCELED")
        elif fields.Datetime.now() >= end:
            self._wallet_close("PAGE_EXPIRED")
        else:
            self.wallet_next = min(self.wallet_next, end)

    def _wallet_close(self, code):
        """Not paid as far as anybody knows; read again at times, because a late success wins."""
        self._wallet_fail(code)
        self._wallet_plan_recheck()

    # === The payer's pages ===

    def _wallet_came_back_late(self):
        """:return: whether the payer came back a moment ago from the page of a payment that was closed here: it may be paid after all"""
        closed = self.state == "error" and self.wallet_reason in ("PAGE_EXPIRED", "TRANSACTION_CANCELED")
        return bool(closed and self.wallet_back and abs((fields.Datetime.now() - self.wallet_back).total_seconds()) < BACK)

    def _get_specific_processing_values(self, processing_values):
        if self._wallet_redirects():
            return {}
        return super()._get_specific_processing_values(processing_values)

    def _wallet_state(self):
        found, name = super()._wallet_state(), self.provider_id.name
        if self._wallet_came_back_late():
            super()._wallet_look()
            return {**found, "state": "waiting", "title": self.env._("Asking %(wallet)s …", wallet=name), "text": self.env._("If you have just paid, wait a moment.")}
        if not self._wallet_redirects() or found["state"] != "waiting" or self.state == "done":
            return found
        if self.wallet_phase == "to_send" and self.wallet_next:
            title, text = self.env._("Opening %(wallet)s …", wallet=name), self.env._("%(wallet)s is asked for its page. This takes a moment.", wallet=name)
        elif self.state == "pending":
            title, text = self.env._("Being confirmed"), self.env._("%(wallet)s confirms the payment. You may close this page: nothing is lost.", wallet=name)
        else:
            title = self.env._("Not paid yet")
            text = self.env._("%(wallet)s has not received the payment yet. If you have just paid, wait a moment; else open its page and pay there.", wallet=name)
            found["page"] = self._wallet_go_url()
        return {**found, "title": title, "text": text}
