# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import logging
from datetime import timedelta

from psycopg2 import errors

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import hmac

from odoo.addons.isp_secret.fields import Secret, reveal
from odoo.addons.payment import utils as payment_utils

from .. import const
from ..drivers import WALLETS
from ..drivers.base import Order
from ..tools.msisdn import mask, parse

_logger = logging.getLogger(__name__)


class PaymentTransaction(models.Model):
    _name = "payment.transaction"
    _inherit = ["payment.transaction", "isp.wallet.order"]

    _wallet_job = "isp_momo.ir_cron_wallet"

    wallet_msisdn = fields.Char(string="Payer's number")
    wallet_once = fields.Char(readonly=True, copy=False, help="While it is open: who asks the same of the same number is shown this one.")
    wallet_tell = fields.Boolean(string="Payer to be told", readonly=True, copy=False)
    wallet_payment_url = Secret(string="Operator's page", readonly=True, groups="base.group_system", help="Who has this address can pay there.")

    _wallet_once_unique = models.UniqueIndex("(wallet_once) WHERE wallet_once IS NOT NULL", "This is asked for already.")
    _wallet_to_book_index = models.Index("(id) WHERE wallet_uuid IS NOT NULL AND state = 'done' AND is_post_processed IS NOT TRUE")

    # === For code ===

    @api.model
    def _wallet_request(self, provider, partner, amount, msisdn, *, key, invoices=None, reference_prefix=None, values=None):
        """Ask a payer for money on the phone. Nothing is sent here: the poller sends after the commit.

        :param provider: ``payment.provider`` of a wallet, in test mode or enabled
        :param partner: who the money counts for; the number may be another's
        :param amount: in the currency of the invoices, else of the provider's company
        :param msisdn: the payer's number as typed; needed by wallets that push
        :param key: idempotency key of the caller (UNIQUE): called again with it, the first request is answered
        :param invoices: ``account.move`` the money pays, all of one currency
        :param reference_prefix: begin of the reference, many may have the same; without it the invoices' numbers
        :param values: more values of the transaction
        :return: the ``payment.transaction`` (sudo)
        :raise UserError: no such wallet, no number, no amount

        Transaction: the caller's; killed before its commit, nothing was asked.
        """
        transactions = self.sudo()
        found = transactions.search([("wallet_key", "=", key)])
        if found:
            return found
        provider = provider.sudo()
        if provider.code not in WALLETS or provider.state == "disabled":
            raise UserError(self.env._("%(provider)s cannot be asked for money: it is no wallet, or disabled.", provider=provider.name))
        currency = (invoices and invoices.currency_id) or provider.company_id.currency_id
        currency.ensure_one()
        if currency.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("The amount must be more than zero."))
        prepared = transactions._prepare_wallet_request(provider, partner, amount, currency, key, invoices, reference_prefix)
        transaction = transactions._wallet_create_once({**prepared, **(values or {})})
        transaction._wallet_start(msisdn)
        transaction._log_sent_message()
        return transaction

    def _prepare_wallet_request(self, provider, partner, amount, currency, key, invoices, reference_prefix):
        method = provider.payment_method_ids.filtered(lambda m: m.code == provider.code)[:1]
        return {
            "provider_id": provider.id,
            "payment_method_id": method.id or provider.with_context(active_test=False).payment_method_ids[:1].id,
            "partner_id": partner.id,
            "amount": amount,
            "currency_id": currency.id,
            "operation": "online_direct" if provider.wallet_flow == "push" else "online_redirect",
            "reference": self._wallet_reference(provider, invoices, reference_prefix),
            "invoice_ids": [Command.set(invoices.ids)] if invoices else False,
            "wallet_key": key,
        }

    @api.model
    def _wallet_reference(self, provider, invoices, prefix):
        """Core counts references up by looking at all that begin alike: each takes longer than the one before, and two at once
        choose the same. A sequence of the database does neither.

        :return: a reference nobody has
        """
        if invoices and not prefix:
            return self._compute_reference(provider.code, invoice_ids=[Command.set(invoices.ids)])
        number = self.env.ref("isp_momo.sequence_isp_wallet_request").sudo().next_by_id()
        return self._compute_reference(provider.code, prefix=f"{prefix or 'tx'}-{number}")

    def _on_wallet_final(self):
        """Hook: the request is final, ``state`` says how (done, error). Called once for every change of it, in the
        transaction of the change: an error may be followed by a late done.
        """

    # === Begin ===

    def _wallet_start(self, msisdn=""):
        """Write down that this transaction is to be asked for; the second time nothing. Lock: the row.

        :raise ValidationError: the number is none
        """
        self.ensure_one()
        self._wallet_lock()
        if self.wallet_phase:
            return
        wallet = WALLETS[self.provider_code]
        number = parse(msisdn, self.company_id.country_id.code or "SS") if msisdn else ""
        if wallet.flow == "push" and not number:
            raise ValidationError(self.env._("“%(number)s” is no telephone number.", number=msisdn or ""))
        self.write({**self._prepare_wallet_start(number), **({} if wallet.flow == "push" else {"wallet_next": False})})
        _logger.info("%s: %s to be asked of %s", self.reference, self.amount, mask(number))
        self._wallet_trigger()

    def _wallet_start_once(self, msisdn):
        """As ``_wallet_start``, for payers who click twice or in two tabs: the same again is the request that is open.

        :return: the transaction that is asked for, maybe another one. Idempotency key: ``wallet_once`` (UNIQUE while open)
        """
        self.ensure_one()
        number = parse(msisdn, self.company_id.country_id.code or "SS")
        once = self._wallet_once_key(self.provider_id, self.partner_id, self.amount, self.currency_id, self.invoice_ids, number)
        twin = self._wallet_twin(once) - self
        if twin and not self.wallet_phase:
            self._set_canceled(state_message=self.env._("Asked for already: %(reference)s", reference=twin.reference))
            return twin
        self._wallet_start(msisdn)
        if not self.wallet_once:
            self._wallet_keep_once(once)
        return self

    @api.model
    def _wallet_once_key(self, provider, partner, amount, currency, invoices, number):
        """:return: what makes two requests the same while one of them is open"""
        return ":".join(map(str, (provider.id, partner.id, amount, currency.id, sorted(invoices.ids), number)))

    @api.model
    def _wallet_twin(self, once):
        """:return: the open request of this key that a payer can still approve; one that is too old lets go of the key"""
        twin = self.search([("wallet_once", "=", once)])
        if twin and twin.wallet_since <= fields.Datetime.now() - timedelta(seconds=twin._wallet_same_for()):
            twin.wallet_once = False
            twin.flush_recordset()
            return self.browse()
        return twin

    def _wallet_keep_once(self, once):
        """:raise ConcurrencyError: somebody else was faster, and this transaction cannot see it: run again"""
        try:
            with self.env.cr.savepoint():
                self.wallet_once = once
                self.flush_recordset()
        except errors.UniqueViolation as error:
            raise ConcurrencyError(str(error)) from error

    def _wallet_same_for(self):
        """:return: seconds in which who asks for the same again is shown this one"""
        return 2 * WALLETS[self.provider_code].window

    # === The payer's pages ===

    def _get_specific_processing_values(self, processing_values):
        """Override of `payment`: what the form needs to send the number to a route of ours."""
        if self.provider_code not in WALLETS:
            return super()._get_specific_processing_values(processing_values)
        return {"wallet_access_token": payment_utils.generate_access_token(*self._wallet_access(), env=self.env)}

    def _wallet_access(self):
        return ("wallet", self.reference, self.partner_id.id)

    @api.model
    def _wallet_signature(self, tx_id):
        return hmac(self.env(su=True), "isp_momo page", tx_id)[:40]

    def _wallet_wait_url(self):
        """:return: path of the waiting page, for whoever is shown it: the payer, or a cashier"""
        self.ensure_one()
        return f"/payment/wallet/wait/{self.id}/{self._wallet_signature(self.id)}"

    def _wallet_state(self):
        """What the waiting page shows; while it is looked at, the operator is asked every few seconds.

        :return: {"state": waiting, done or failed, "title", "text", "next": where to go on, "page": where to pay, "number", "money"}
        """
        self.ensure_one()
        if self.state not in ("done", "error", "cancel"):
            self._wallet_look()
        number = f"\u2066{mask(self.wallet_msisdn)}\u2069"
        if self.state == "done" and not self._wallet_is_settled():
            state, title, text = "waiting", self.env._("Paid. Thank you!"), self.env._("The payment is being booked. You may close this page.")
        elif self.state == "done":
            state, title = "done", self.env._("Paid. Thank you!")
            text = self.env._("Operator's reference: %(reference)s", reference=self.provider_reference or self.reference)
        elif self.state in ("error", "cancel"):
            state, title, text = "failed", self.env._("Not paid"), self.env._(const.TEXTS.get(self.wallet_reason, const.TEXT))
        elif self.wallet_phase == "to_send":
            state, title = "waiting", self.env._("Sending the request …")
            text = self.env._("The operator is asked to send a request to %(number)s.", number=number)
        else:
            state, title = "waiting", self.env._("Approve on the telephone")
            text = self.env._("A request was sent to %(number)s. Enter the wallet's PIN there to pay. You may close this page: nothing is lost.", number=number)
        return {
            "state": state,
            "title": title,
            "text": text,
            "next": self.landing_route or "/my",
            "page": "",
            "number": self.reference,
            "money": self.currency_id.format(self.amount),
        }

    def _wallet_is_settled(self):
        """:return: whether a paid transaction is booked, or will not be in the next moments: only then the payer is sent on, to an
        invoice that no longer asks for money
        """
        age = (fields.Datetime.now() - (self.last_state_change or fields.Datetime.now())).total_seconds()
        return self.is_post_processed or bool(self.wallet_problem) or not 0 <= age < 20

    def _wallet_look(self):
        """Somebody looks at the waiting page: ask the operator when the last answer is older than 4 seconds."""
        asked = self.wallet_asked
        if not asked or abs((fields.Datetime.now() - asked).total_seconds()) > 4:
            self._wallet_wake()

    # === Staff ===

    def action_wallet_ask(self):
        """Ask the operator now, also about what was given up."""
        for transaction in self.sudo():
            transaction._wallet_wake()

    # === The framework's side ===

    def _prepare_wallet_order(self):
        """:return: the driver's ``Order`` of this request"""
        self.ensure_one()
        company = self.company_id
        refund = self.operation == "refund"
        return Order(
            uuid=self.wallet_uuid,
            reference=self.reference,
            amount=self._wallet_amount(),
            currency=self.wallet_currency,
            msisdn=self.wallet_msisdn or "",
            merchant=company.name,
            payer_message=f"{company.name} {self.reference}",
            payee_note=f"{self.reference} {self.partner_id.name or ''}",
            callback_url=self._wallet_callback_url(),
            language=(self.partner_lang or "en")[:2],
            original=self.source_transaction_id.wallet_uuid or "" if refund else "",
            data=json.loads(reveal(self, "wallet_data") or "{}"),
        )

    def _wallet_text(self, code):
        """:return: what the payer is told, in the payer's language"""
        return self.with_context(lang=self.partner_lang or self.env.lang).env._(const.TEXTS.get(code, const.TEXT))

    def _wallet_notice(self):
        """:return: what the operator tells the payer after the payment"""
        lang = self.with_context(lang=self.partner_lang or self.env.lang)
        return lang.env._("%(company)s: paid, thank you. Reference %(reference)s.", company=self.company_id.name, reference=self.reference)

    def _extract_amount_data(self, payment_data):
        """Override of `payment`: the status that was read; a sandbox pays in a currency of its own."""
        status = payment_data.get("wallet_status") if self.provider_code in WALLETS else None
        if self.provider_code not in WALLETS:
            return super()._extract_amount_data(payment_data)
        if not status or status.amount is None:
            return None
        same = status.currency in (None, self.wallet_currency)
        return {"amount": float(status.amount), "currency_code": self.currency_id.name if same else status.currency}

    def _apply_updates(self, payment_data):
        """Override of `payment`: done when the status that was read from the operator says so, and by nothing else."""
        if self.provider_code not in WALLETS:
            return super()._apply_updates(payment_data)
        status = payment_data.get("wallet_status")
        if status and status.state == "done":
            self._set_done(extra_allowed_states=("cancel",))
        return None

    def _log_received_message(self):
        """Override of `payment`: of a wallet's payment the note is written when it is booked, with those of all others, and
        that it waits is none; a note a payment would take more time than the payment.
        """
        silent = self.filtered(lambda tx: tx.wallet_uuid and tx.operation != "refund" and tx.state in ("pending", "done"))
        return super(PaymentTransaction, self - silent)._log_received_message()
