# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import const
from ..drivers.base import NotThere, Order, Status, Unknown
from ..tools import schedule
from ..tools.link import link
from ..tools.msisdn import mask, parse

_logger = logging.getLogger(__name__)

#: Payouts booked in one go and one commit.
BATCH = 50
#: Seconds until a payout that the operator does not know, though it may have arrived, is sent again with its UUID.
AGAIN = 300


class IspWalletPayout(models.Model):
    """Money out of our wallet into somebody's: sent once, read until it is final, booked once.

    Idempotency keys, each UNIQUE: ``wallet_key`` (the caller's), ``wallet_uuid`` (the operator's), ``account_payment.wallet_uuid``
    (the books'). While its fate is unknown it is sent again with the same UUID only; another payout takes its place when it has
    failed for good.
    """

    _name = "isp.wallet.payout"
    _description = "Payout to a wallet"
    _inherit = ["isp.wallet.order", "mail.thread"]
    _order = "id desc"
    _rec_name = "reference"
    _mail_post_access = "read"
    _check_company_auto = True

    _wallet_job = "isp_momo.ir_cron_wallet_payout"
    _wallet_stays = False
    _wallet_no_holder = "PAYEE_NOT_ACTIVE"

    reference = fields.Char(required=True, readonly=True, copy=False)
    provider_id = fields.Many2one("payment.provider", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one(related="provider_id.company_id", store=True, index=True)
    partner_id = fields.Many2one("res.partner", string="Payee", required=True, readonly=True, check_company=True, ondelete="restrict", index=True)
    amount = fields.Monetary(required=True, readonly=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True, ondelete="restrict")
    memo = fields.Char(string="What for", readonly=True, help="What is paid: on the payee's telephone and in the books.")
    state = fields.Selection(
        [("draft", "To confirm"), ("pending", "On its way"), ("done", "Paid out"), ("failed", "Failed")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
        help="Failed: no money has moved as far as the operator knows; a late success is taken all the same.",
    )
    user_id = fields.Many2one("res.users", string="Asked for by", readonly=True, copy=False, ondelete="restrict")
    confirmed_by = fields.Many2one("res.users", readonly=True, copy=False, ondelete="restrict", tracking=True)
    confirmed_at = fields.Datetime(readonly=True, copy=False)
    sent_at = fields.Datetime(string="Last sent at", readonly=True, copy=False, help="Since then the operator may have it.")
    final_at = fields.Datetime(string="Decided at", readonly=True, copy=False)
    for_good = fields.Boolean(string="For good", readonly=True, copy=False, help="Failed, and sure to stay so: another payout may take its place.")
    provider_reference = fields.Char(string="Operator's reference", copy=False, index="btree_not_null", tracking=True)
    note = fields.Char(string="Outcome", copy=False, tracking=True, help="What was found in the operator's portal, and what was done.")
    payment_id = fields.Many2one("account.payment", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    retry_of_id = fields.Many2one("isp.wallet.payout", string="In the place of", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    retry_ids = fields.One2many("isp.wallet.payout", "retry_of_id", string="Paid again by", readonly=True)

    _amount_positive = models.Constraint("CHECK (amount > 0)", "The amount must be more than zero.")
    _reference_unique = models.UniqueIndex("(reference)", "This number is taken.")
    _to_book_index = models.Index("(id) WHERE state = 'done' AND payment_id IS NULL")

    # === For code ===

    @api.model
    def _payout(self, provider, partner, amount, msisdn, *, key, memo="", currency=None, values=None):
        """Pay somebody. Nothing is sent here: the poller sends after the commit.

        Up to the company's limit (``wallet_payout_limit``) it goes out by itself, above it somebody confirms it.

        :param provider: ``payment.provider`` of a wallet that pays out, in test mode or enabled
        :param partner: who is owed the money
        :param amount: in ``currency``, else the currency of the provider's company
        :param msisdn: the payee's number as typed
        :param key: idempotency key of the caller (UNIQUE): called again with it, the first payout is answered
        :param memo: what it is for, in a few words
        :param values: more values of the payout
        :return: the ``isp.wallet.payout`` (sudo)
        :raise UserError: this wallet does not pay out, no number, no amount

        Transaction: the caller's; killed before its commit, nothing is paid.
        """
        payouts = self.sudo()
        found = payouts.search([("wallet_key", "=", key)])
        if found:
            return found
        provider = provider.sudo()
        provider._wallet_check_pays_out()
        currency = currency or provider.company_id.currency_id
        number = parse(msisdn, provider.company_id.country_id.code or "SS")
        if not number:
            raise ValidationError(self.env._("“%(number)s” is no telephone number.", number=msisdn or ""))
        if currency.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("The amount must be more than zero."))
        payout = payouts.with_context(mail_create_nosubscribe=True)._wallet_create_once(
            {
                "reference": self.env["ir.sequence"].sudo().next_by_code("isp.wallet.payout"),
                "provider_id": provider.id,
                "partner_id": partner.id,
                "amount": currency.round(amount),
                "currency_id": currency.id,
                "wallet_msisdn": number,
                "wallet_key": key,
                "memo": memo,
                "user_id": self.env.uid,
                **(values or {}),
            }
        ).with_env(payouts.env)
        if not payout._must_be_confirmed():
            payout._start()
        return payout

    def _on_payout_final(self):
        """Hook: the payout is final, ``state`` says how (done, failed). Called once for every change of it, in the transaction of
        the change: a failed one may be followed by a late done. Not called while its fate is unknown, however long that is.
        """

    def _on_payout_booked(self):
        """Hook: these are booked, ``payment_id`` says how. In the transaction of the booking, once for each."""

    def _prepare_payment(self):
        """Hook: values of the ``account.payment`` of this payout; ``destination_account_id`` is the payee's payable account
        unless it is given here. ``wallet_uuid`` (UNIQUE) makes it one.
        """
        self.ensure_one()
        provider, journal = self.provider_id, self.provider_id.journal_id
        if not journal:
            raise UserError(self.env._("%(provider)s has no payment journal.", provider=provider.name))
        lines = journal.outbound_payment_method_line_ids
        line = lines.filtered(lambda line: line.payment_provider_id == provider) or lines.filtered(lambda line: line.code == "manual") or lines
        return {
            "payment_type": "outbound",
            "partner_type": "supplier",
            "partner_id": self.partner_id.commercial_partner_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "date": fields.Date.context_today(self.with_context(tz=self.company_id.partner_id.tz or "Africa/Juba")),
            "journal_id": journal.id,
            "company_id": self.company_id.id,
            "payment_method_line_id": line[:1].id,
            "memo": " - ".join(filter(None, (self.reference, self.provider_reference, self.memo))),
            "wallet_uuid": self.wallet_uuid,
        }

    def _retry(self, msisdn=None):
        """Another payout in the place of this one, which has failed for good; the second time the same one.

        :param msisdn: another number than before
        :return: the new ``isp.wallet.payout`` (sudo), of which ``retry_of_id`` is this
        :raise UserError: this one may still have been paid

        Idempotency key: that of this payout with "/again". Lock: the row.
        """
        self.ensure_one()
        payout = self.sudo()
        payout._wallet_lock()
        if payout.state != "failed" or not payout.for_good:
            raise UserError(self.env._("%(reference)s may still be paid: it is paid again when it has failed for good.", reference=payout.reference))
        if paid := payout._before().filtered(lambda before: before.state == "done"):
            raise UserError(self.env._("This is paid already, by %(reference)s.", reference=paid[0].reference))
        return self._payout(
            payout.provider_id,
            payout.partner_id,
            payout.amount,
            msisdn or payout.wallet_msisdn,
            key=f"{payout.wallet_key}/again",
            memo=payout.memo,
            currency=payout.currency_id,
            values=payout._prepare_retry(),
        )

    def _prepare_retry(self):
        """Hook: what the payout in the place of this one takes over from it."""
        return {"retry_of_id": self.id}

    # === Begin ===

    def _must_be_confirmed(self):
        """:return: whether this is above what goes out by itself"""
        company = self.company_id
        amount = self.currency_id._convert(self.amount, company.currency_id, company, fields.Date.today())
        return company.currency_id.compare_amounts(amount, company.wallet_payout_limit) > 0

    def _start(self):
        """Write down that this is to be sent; the second time nothing. Lock: the row."""
        self.ensure_one()
        self._wallet_lock()
        if self.wallet_phase or self.state != "draft":
            return
        self.write({**self._prepare_wallet_start(self.wallet_msisdn), "state": "pending"})
        _logger.info("%s: %s to be paid to %s", self.reference, self.amount, mask(self.wallet_msisdn))
        self._wallet_trigger()

    # === What the poller needs to know ===

    def _prepare_wallet_call(self):
        return {**super()._prepare_wallet_call(), "what": "transfer"}

    def _prepare_wallet_order(self):
        self.ensure_one()
        company = self.company_id
        return Order(
            uuid=self.wallet_uuid,
            reference=self.reference,
            amount=self._wallet_amount(),
            currency=self.wallet_currency,
            msisdn=self.wallet_msisdn,
            merchant=company.name,
            payer_message=f"{self.reference} {self.partner_id.name or ''}",
            payee_note=f"{company.name} {self.memo or self.reference}",
            callback_url=self._wallet_callback_url(),
        )

    def _wallet_staff_texts(self):
        return const.PAYOUT_TEXTS

    def _wallet_age(self):
        """It is sent for as long as it is wanted, and read for as long as it may have arrived."""
        if self.wallet_phase != "to_send" and self.sent_at:
            return (fields.Datetime.now() - self.sent_at).total_seconds()
        return super()._wallet_age()

    def _wallet_send_limit(self, unsure):
        """Nobody waits at a telephone: what is owed may wait a week for our wallet to be filled. What may have arrived is not
        sent for longer than the operator is sure to know its UUID.
        """
        return super()._wallet_send_limit(unsure) if unsure else schedule.READ_LIMIT

    def _wallet_apply_sent(self, call):
        if (not call.error and call.answer) or isinstance(call.error, Unknown):
            self.sent_at = call.asked
        return super()._wallet_apply_sent(call)

    def _wallet_not_there(self):
        """What may have arrived has not: it is sent again, unless the operator refused it or it waits for too long. The UUID stays."""
        asked = (fields.Datetime.now() - self.wallet_since).total_seconds()
        if self.wallet_phase == "sent" and not self.wallet_reason and asked < schedule.READ_LIMIT:
            self.write({"wallet_phase": "to_send", "wallet_next": fields.Datetime.now() + timedelta(seconds=AGAIN)})
            return
        super()._wallet_not_there()
        self._wallet_plan_recheck()

    def _wallet_apply_read(self, call):
        result = super()._wallet_apply_read(call)
        no_again = isinstance(call.error, NotThere) or (not call.error and call.answer.state == "failed")
        if self.state == "failed" and no_again and self._is_old_no():
            self.for_good = True
        return result

    def _is_old_no(self):
        """:return: whether the first no is so long ago that the same now is the last word"""
        return (fields.Datetime.now() - self.final_at).total_seconds() >= schedule.RECHECKS[0]

    def _wallet_hold(self, problem, status):
        """Money has moved, but not as it was sent: neither paid nor failed until a person says so."""
        told = problem == "AMOUNT_DIFFERS" and not self._wallet_reference_is_known(status.reference) and status.reference
        self.write({**self._prepare_wallet_end("given_up"), "wallet_problem": problem, "provider_reference": told or self.provider_reference})

    def _wallet_set_done(self, status):
        self.write({"state": "done", "final_at": fields.Datetime.now(), "for_good": False})
        self._stop_retries()

    def _before(self):
        """:return: the payouts in the place of which this one is"""
        before, found = self.retry_of_id, self.browse()
        while before:
            before, found = before.retry_of_id, found + before
        return found

    def _after(self):
        """:return: the payouts that came in the place of this one"""
        after, found = self.retry_ids, self.browse()
        while after:
            after, found = after.retry_ids, found + after
        return found

    def _stop_retries(self):
        """Paid after all: what was to take its place is not sent, if that can still be helped."""
        retries = self._after()
        retries._wallet_lock()
        for retry in retries.filtered(lambda payout: payout.state == "draft" or (payout.wallet_phase == "to_send" and not payout.wallet_asked)):
            retry._wallet_fail("PAID_ALREADY")
        if retries.filtered(lambda payout: payout.state != "failed"):
            _logger.warning("%s: paid late, and may be paid twice by %s", self.reference, ", ".join(retries.mapped("reference")))
            self.wallet_problem = "PAID_TWICE"

    def _wallet_set_failed(self, code):
        """What never left us has failed for good at once, and what a person has found unpaid; else the operator is asked once more, later."""
        self.write({"state": "failed", "final_at": fields.Datetime.now(), "for_good": not self.sent_at or code == "NOT_PAID"})

    def _wallet_has_failed(self):
        return self.state == "failed"

    def _on_wallet_final(self):
        result = super()._on_wallet_final()
        self._on_payout_final()
        return result

    # === Book ===

    def _wallet_not_booked(self):
        return [("state", "=", "done"), ("payment_id", "=", False)]

    @api.model
    def _wallet_batch_size(self):
        return BATCH

    def _wallet_book(self):
        """Create and post the payments of those that are paid out. Lock: the rows. Transaction: the caller's."""
        self._wallet_lock()
        todo = self.filtered(lambda payout: payout.state == "done" and not payout.payment_id)
        for company, payouts in todo.grouped("company_id").items():
            payments = self.env["account.payment"].with_company(company).create([payout._prepare_payment() for payout in payouts.with_company(company)])
            link(payouts, "payment_id", payments)
            payments.action_post()
        todo.filtered(lambda payout: payout.wallet_problem == "NOT_BOOKED").wallet_problem = False
        if todo:
            todo._on_payout_booked()

    # === Staff ===

    def write(self, vals):
        """People write what they found, the rest changes by buttons."""
        if not self.env.su and (forbidden := vals.keys() - {"note", "provider_reference", "message_follower_ids", "message_main_attachment_id"}):
            raise UserError(self.env._("A payout changes by its buttons only (%(fields)s).", fields=", ".join(sorted(forbidden))))
        if not self.env.su and "provider_reference" in vals and self.filtered(lambda payout: payout.wallet_phase != "given_up"):
            raise UserError(self.env._("The operator tells its reference itself, unless the payout was given up."))
        return super().write(vals)

    def action_confirm(self):
        """Let it go out. The second time nothing."""
        for payout in self._for_staff().filtered(lambda payout: payout.state == "draft"):
            payout.write({"confirmed_by": self.env.uid, "confirmed_at": fields.Datetime.now()})
            payout._start()

    def action_refuse(self):
        """It does not go out: failed for good."""
        for payout in self._for_staff().filtered(lambda payout: payout.state == "draft"):
            payout.write({"confirmed_by": self.env.uid, "confirmed_at": fields.Datetime.now()})
            payout._wallet_fail("NOT_CONFIRMED")

    def action_wallet_ask(self):
        """Ask the operator now, also about what has failed or was given up."""
        self._for_staff().filtered("wallet_uuid")._wallet_wake()

    def action_retry(self):
        """Pay again what has failed for good. Who presses this has confirmed it."""
        again = self.browse()
        for payout in self._for_staff():
            retry = payout._retry()
            retry.action_confirm()
            again += retry
        return again._action_open()

    def action_paid(self):
        """A person has seen in the operator's portal that what was given up is paid: it is booked like any other."""
        for payout in self._found_out():
            if not payout.provider_reference:
                raise UserError(self.env._("Write down the operator's reference first."))
            payout._wallet_succeed(Status("done", reference=payout.provider_reference))
            payout._wallet_trigger()

    def action_not_paid(self):
        """A person has seen in the operator's portal that what was given up is not paid, and will not be."""
        for payout in self._found_out():
            payout._wallet_fail("NOT_PAID")

    def action_book(self):
        """Book what is paid and could not be booked."""
        self._for_staff()._wallet_book()

    def action_settled(self):
        """A person has looked into what may be paid twice."""
        payouts = self._for_staff().filtered(lambda payout: payout.wallet_problem == "PAID_TWICE")
        payouts._need_note()
        payouts.wallet_problem = False

    def action_view_payment(self):
        return self.payment_id._get_records_action()

    def _action_open(self):
        """:return: action that shows these: one as a form, several as a list"""
        if len(self) == 1:
            return self._get_records_action()
        return {**self.env["ir.actions.act_window"]._for_xml_id("isp_momo.action_isp_wallet_payout"), "domain": [("id", "in", self.ids)], "context": {}}

    def _for_staff(self):
        """:return: these (sudo), their rows locked :raise AccessError: not for this user"""
        self.check_access("write")
        payouts = self.sudo()
        payouts._wallet_lock()
        return payouts

    def _found_out(self):
        """:return: those of these that were given up, with what was found"""
        payouts = self._for_staff().filtered(lambda payout: payout.wallet_phase == "given_up")
        payouts._need_note()
        return payouts

    def _need_note(self):
        if self.filtered(lambda payout: not payout.note):
            raise UserError(self.env._("Write into “Outcome” what was found in the operator's portal."))
