# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta
from unittest.mock import patch

from psycopg2 import errors

from odoo import fields
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import file_open, mute_logger

from .common import POLLER, SimulatorCommon, WalletCommon

PAYOUT = "odoo.addons.isp_momo.models.isp_wallet_payout"


class PayoutCommon(WalletCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.wallet_payout_limit = 100_000
        cls.owner = cls.env["res.partner"].create({"name": "Nyandeng Garang"})

    def _payout(self, amount=1000, key="sale-1", msisdn="0921 000 009", **kwargs):
        return self.env["isp.wallet.payout"]._payout(self.provider, kwargs.pop("partner", self.owner), amount, msisdn, key=key, **kwargs)

    def _pay(self, rounds=1, **constants):
        self._poll(rounds, model="isp.wallet.payout", **constants)

    def _later(self, payout, **delta):
        """Time passes for this one: everything of it is so much older, and it is looked at now."""
        for name in ("wallet_since", "sent_at", "final_at"):
            if payout[name]:
                payout[name] -= timedelta(**delta)
        payout.wallet_next = "2020-01-01"
        self._pay()

    def _finals(self):
        """:return: (list that the hook fills with states, context in which it does)"""
        finals = []
        return finals, patch.object(type(self.env["isp.wallet.payout"]), "_on_payout_final", lambda payout: finals.append(payout.state))


@tagged("post_install", "-at_install")
class TestPayoutAsked(PayoutCommon):
    """What is written down; nothing is sent."""

    def test_asked_twice_is_one(self):
        first = self._payout(memo="Sales of October")
        self.assertEqual((first.state, first.wallet_phase, first.wallet_msisdn), ("pending", "to_send", "211921000009"))
        self.assertEqual((first.user_id, first.company_id, first.currency_id), (self.env.user, self.company, self.ssp))
        self.assertEqual(self._payout(5000, msisdn="0921000001"), first)
        self.assertEqual(first.amount, 1000)
        other = self._payout(key="sale-2")
        self.assertNotIn(first.wallet_uuid, (other.wallet_uuid, False))
        self.assertNotEqual(first.reference, other.reference)
        uuid = first.wallet_uuid
        first._start()
        first.action_confirm()
        self.assertEqual(first.wallet_uuid, uuid)

    def test_two_at_once(self):
        """The second cannot see the first and is run again."""
        self._payout()
        with patch.object(type(self.env["isp.wallet.payout"]), "search", lambda self, *args, **kwargs: self.browse()):
            with mute_logger("odoo.sql_db"), self.assertRaises(ConcurrencyError):
                self._payout()

    def test_no_number_no_amount_no_wallet(self):
        for wrong in ({"msisdn": "12"}, {"msisdn": ""}, {"amount": 0}, {"amount": -5}, {"amount": 0.2}):
            with self.subTest(wrong), self.assertRaises(UserError):
                self._payout(**wrong)
        orange = self._enable("orange_money", wallet_callback_base="https://pay.example.com")
        with self.assertRaises(UserError):
            self.env["isp.wallet.payout"]._payout(orange, self.owner, 1000, "0921000009", key="orange")
        self.provider.wallet_disbursement_key = False
        with self.assertRaises(UserError):
            self._payout()
        self.provider.write({"wallet_disbursement_key": "there again", "state": "disabled"})
        with self.assertRaises(UserError):
            self._payout()
        self.assertFalse(self.env["isp.wallet.payout"].search([]))

    def test_payee_of_another_company(self):
        self.owner.company_id = self.env["res.company"].create({"name": "Another"})
        with self.assertRaises(UserError):
            self._payout()

    def test_above_the_limit_somebody_confirms(self):
        self.assertEqual(self._payout(100_000).state, "pending")
        big = self._payout(100_001, key="big")
        self.assertEqual((big.state, big.wallet_phase, big.wallet_uuid), ("draft", False, False))
        big.action_wallet_ask()
        self.assertFalse(big.wallet_next)
        big.action_confirm()
        self.assertEqual((big.state, big.wallet_phase, big.confirmed_by), ("pending", "to_send", self.env.user))
        self.company.wallet_payout_limit = 0
        self.assertEqual(self._payout(1, key="small").state, "draft")

    def test_limit_in_another_currency(self):
        usd = self.env.ref("base.USD")
        usd.active = True
        self.env["res.currency.rate"].create({"currency_id": usd.id, "rate": 0.001, "company_id": self.company.id, "name": "2020-01-01"})
        self.assertEqual(self._payout(100, key="usd", currency=usd).state, "pending")
        self.assertEqual(self._payout(101, key="usd-2", currency=usd).state, "draft")

    def test_refused_by_us(self):
        finals, watched = self._finals()
        with watched:
            big = self._payout(100_001)
            big.action_refuse()
            big.action_refuse()
            big.action_confirm()
        self.assertEqual((big.state, big.for_good, big.wallet_reason, finals), ("failed", True, "NOT_CONFIRMED", ["failed"]))
        self.assertFalse(big.wallet_next)

    def test_neutralized(self):
        """A copy of the database pays nobody."""
        payout = self._payout()
        self.env.flush_all()
        with file_open("isp_momo/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertFalse(payout.wallet_next or payout.wallet_token or self.provider.wallet_disbursement_key)
        self.assertFalse(self.env.ref("isp_momo.ir_cron_wallet_payout").active)
        self.assertEqual(self.env["isp.wallet.payout"]._wallet_count_due(), 0)

    def test_nobody_follows(self):
        self.assertFalse(self._payout().message_follower_ids)

    def test_people_change_it_by_buttons_only(self):
        payout = self._payout().with_user(new_test_user(self.env, "payer-out", "isp_momo.group_wallet_payout")).sudo(False)
        payout.note = "Called the payee"
        for values in ({"amount": 5}, {"state": "done"}, {"wallet_msisdn": "211921000001"}, {"provider_reference": "4711"}, {"for_good": True}):
            with self.subTest(values), self.assertRaises(UserError):
                payout.write(values)


@tagged("post_install", "-at_install")
class TestPayout(PayoutCommon, SimulatorCommon):
    """Against the operator's simulator, whose ledger is counted."""

    def _sent(self, **kwargs):
        payout = self._payout(**kwargs)
        self._pay()
        self.assertEqual((payout.wallet_phase, payout.state), ("sent", "pending"), payout.wallet_raw)
        return payout

    def _moved(self, amount=1000, times=1):
        """The operator has moved this, so often."""
        self.assertEqual([-move["amount"] for move in self.simulator.ledger("transfer")], [amount] * times)

    def _booked(self, payout):
        payments = self.env["account.payment"].search([("wallet_uuid", "=", payout.wallet_uuid)])
        self.assertEqual((payout.state, payout.wallet_phase, payout.payment_id), ("done", "final", payments))
        self.assertEqual(len(payments), 1)
        return payments

    # === The way it goes ===

    def test_sent_read_booked(self):
        finals, watched = self._finals()
        with watched:
            payout = self._sent(memo="Sales of October")
            self.assertTrue(payout.sent_at)
            self._later(payout, seconds=10)
        payment = self._booked(payout)
        self.assertEqual((payment.payment_type, payment.partner_type, payment.amount, payment.partner_id), ("outbound", "supplier", 1000, self.owner))
        self.assertEqual((payment.journal_id, payment.memo), (self.provider.journal_id, f"{payout.reference} - {payout.provider_reference} - Sales of October"))
        self.assertEqual(payment.destination_account_id, self.owner.property_account_payable_id)
        self.assertEqual(payment.move_id.state, "posted")
        debit = payment.move_id.line_ids.filtered(lambda line: line.account_id == self.owner.property_account_payable_id)
        self.assertEqual((debit.debit, debit.partner_id), (1000, self.owner))
        [move] = self.simulator.ledger("transfer")
        self.assertEqual((move["txid"], move["externalId"], move["number"]), (payout.provider_reference, payout.reference, "211921000009"))
        self.assertEqual((finals, payout.wallet_next, payout.wallet_problem), (["done"], False, False))

    def test_booked_once(self):
        payout = self._sent()
        booked = []
        with patch.object(type(payout), "_on_payout_booked", lambda payouts: booked.extend(payouts.ids)):
            self._later(payout, seconds=10)
            payout._wallet_book()
            payout.action_book()
        self._booked(payout)
        self.assertEqual(booked, payout.ids)
        with mute_logger("odoo.sql_db"), self.assertRaises(errors.UniqueViolation), self.env.cr.savepoint():
            payout.payment_id = False
            payout._wallet_book()

    def test_booked_elsewhere(self):
        """The caller says which account the money was owed on."""
        owed = self.env["account.account"].create({"code": "219900", "name": "Owed to owners", "account_type": "liability_payable", "reconcile": True})
        prepare = type(self.env["isp.wallet.payout"])._prepare_payment
        with patch.object(type(self.env["isp.wallet.payout"]), "_prepare_payment", lambda self: {**prepare(self), "destination_account_id": owed.id}):
            payouts = [self._payout(key=key) for key in ("a", "b", "c")]
            self._pay()
            for payout in payouts:
                payout.wallet_next = "2020-01-01"
            self._pay()
        for payout in payouts:
            self.assertEqual(self._booked(payout).destination_account_id, owed)
            self.assertIn(owed, payout.payment_id.move_id.line_ids.account_id)

    @mute_logger(POLLER)
    def test_cannot_be_booked(self):
        payout = self._sent()
        journal, self.provider.state = self.provider.journal_id, "disabled"
        self.provider.journal_id = False
        self._later(payout, seconds=10)
        self.assertEqual((payout.state, payout.wallet_problem, payout.payment_id.id), ("done", "NOT_BOOKED", False))
        self.assertTrue(payout.wallet_help)
        self.provider.journal_id = journal
        payout.action_book()
        self.assertFalse(payout.wallet_problem)
        self._booked(payout)

    def test_sandbox(self):
        self.provider.write({"state": "test", "wallet_test_base_url": self.simulator.url})
        for number, state, reason in (("46733120000", "done", False), ("46733123455", "failed", "NOT_ENOUGH_FUNDS"), ("46733123457", "failed", "PAYEE_NOT_FOUND"), ("46733123453", "pending", False)):
            payout = self._payout(key=number, msisdn=number)
            self.assertEqual((payout.wallet_environment, payout.wallet_currency), ("sandbox", "EUR"))
            self._pay()
            self._later(payout, seconds=10)
            self.assertEqual((payout.state, payout.wallet_reason), (state, reason), number)

    # === The line fails ===

    def test_answer_lost_after_the_work(self):
        payout = self._payout()
        uuid = payout.wallet_uuid
        self.simulator.fault(silence=1)
        self._pay()
        self.assertEqual((payout.wallet_phase, payout.wallet_unsure, payout.state), ("to_send", True, "pending"))
        self._later(payout, seconds=10)
        self.assertEqual((payout.wallet_phase, payout.wallet_unsure, payout.wallet_uuid), ("sent", False, uuid))
        self._later(payout, seconds=10)
        self._booked(payout)
        self._moved()

    def test_lost_before_the_work(self):
        payout = self._payout()
        uuid = payout.wallet_uuid
        self.simulator.fault(deaf=2)
        self._pay()
        self._later(payout, seconds=10)
        self.assertEqual((payout.wallet_phase, payout.wallet_unsure), ("to_send", True))
        for _n in range(2):
            self._later(payout, seconds=20)
        self.assertEqual(payout.wallet_uuid, uuid)
        self._booked(payout)
        self._moved()

    def test_away_for_hours(self):
        payout, new = self._sent(), None
        self.simulator.fault(fail_status=503, fail_times=-1)
        new = self._payout(key="new")
        for _n in range(10):
            self._later(payout, minutes=30)
            self._later(new, minutes=30)
        self.assertEqual((payout.state, new.state, new.wallet_phase), ("pending", "pending", "to_send"))
        self.simulator.fault(fail_status=0, fail_times=0)
        for _n in range(2):
            self._later(new, seconds=30)
        self._later(payout, seconds=30)
        self._booked(payout)
        self._booked(new)
        self._moved(times=2)

    def test_not_there_is_sent_again_with_its_uuid(self):
        """Nobody answered for a day; then the operator says it never had it."""
        payout = self._payout()
        uuid = payout.wallet_uuid
        self.simulator.fault(fail_status=500, fail_path="transfer", fail_times=-1)
        self._pay()
        self._later(payout, days=1, seconds=1)
        self.assertEqual((payout.wallet_phase, payout.wallet_unsure), ("sent", True))
        self.simulator.fault(fail_status=0, fail_times=0)
        self._later(payout, seconds=1)
        self.assertEqual((payout.wallet_phase, payout.state, payout.wallet_uuid), ("to_send", "pending", uuid))
        self.assertGreater(payout.wallet_next, fields.Datetime.now() + timedelta(seconds=200))
        for _n in range(2):
            self._later(payout, minutes=5)
        self.assertEqual(payout.wallet_uuid, uuid)
        self._booked(payout)
        self._moved()

    def test_never_there_ends_after_a_week(self):
        payout = self._payout()
        self.simulator.fault(fail_status=500, fail_path="transfer", fail_times=-1)
        self._pay()
        payout.wallet_since -= timedelta(days=8)
        self._later(payout)
        self.simulator.fault(fail_status=0, fail_times=0)
        self._later(payout)
        self.assertEqual((payout.state, payout.wallet_reason, payout.for_good), ("failed", "NOT_SENT", False))
        self.assertTrue(payout.wallet_next, "it is asked for once more")
        self._later(payout, minutes=15)
        self.assertTrue(payout.for_good)
        self._moved(times=0)

    def test_key_refused_waits(self):
        self.provider.wallet_disbursement_key = "of another product"
        payout = self._payout()
        self._pay()
        self.assertEqual((payout.wallet_phase, payout.state, payout.wallet_unsure), ("to_send", "pending", False))
        self.assertIn(payout.wallet_problem, ("TOKEN_REFUSED", "KEY_REFUSED"))
        self.assertTrue(payout.wallet_help)
        self._later(payout, days=3)
        self.assertEqual(payout.state, "pending")
        self.provider.wallet_disbursement_key = "simulated-disbursement-key"
        for _n in range(2):
            self._later(payout, minutes=5)
        self._booked(payout)

    def test_address_refused(self):
        self.simulator.fault(fail_status=403, fail_path="disbursement/v1_0/transfer", fail_times=1)
        payout = self._payout()
        self._pay()
        self.assertEqual((payout.wallet_phase, payout.wallet_unsure), ("to_send", False))
        self.assertTrue(payout.wallet_problem)

    # === No money, no wallet ===

    def test_our_wallet_is_empty(self):
        """What is known to be too much is not sent: it waits until the wallet is filled, the smaller one goes."""
        self.simulator.control("purse/disbursement", balance=1500)
        first, second, small = self._payout(key="first"), self._payout(key="second"), self._payout(400, key="small")
        with patch("odoo.addons.isp_momo.tools.calls.THREADS", 1):
            self._pay()
        self.assertEqual((first.wallet_phase, second.wallet_phase, small.wallet_phase), ("sent", "to_send", "sent"))
        self.assertEqual((second.wallet_problem, second.wallet_unsure, second.sent_at), ("NOT_ENOUGH_FUNDS", False, False))
        self._later(second, days=5)
        self.assertEqual(second.state, "pending")
        self.simulator.control("purse/disbursement", balance=5000)
        for _n in range(2):
            self._later(second, minutes=5)
        self._booked(second)
        self.assertEqual(sorted(move["amount"] for move in self.simulator.ledger("transfer")), [-1000, -1000, -400])

    def test_never_filled(self):
        self.simulator.control("purse/disbursement", balance=1)
        payout = self._payout()
        self._pay()
        self._later(payout, days=7, seconds=1)
        self.assertEqual((payout.state, payout.wallet_reason, payout.for_good), ("failed", "NOT_ENOUGH_FUNDS", True))
        self.assertFalse(self.simulator.asked("transfer"))

    def test_balance_is_not_told(self):
        self.simulator.fault(fail_status=500, fail_path="account/balance", fail_times=-1)
        self._sent()

    def test_operator_says_not_enough(self):
        """The balance was right a moment ago."""
        payout = self._payout()
        with patch("odoo.addons.isp_momo.tools.calls.Host.covers", lambda *args: True):
            self.simulator.control("purse/disbursement", balance=10)
            self._pay()
        self._later(payout, seconds=10)
        self.assertEqual((payout.state, payout.wallet_reason, payout.for_good), ("failed", "NOT_ENOUGH_FUNDS", False))

    def test_holder(self):
        self.provider.wallet_holder_check = "name"
        self.simulator.control("wallet/211921000008", active=False)
        self.simulator.control("wallet/211921000009", name=["Nyandeng", "Garang"])
        bad, good = self._payout(key="bad", msisdn="0921000008"), self._payout(key="good")
        self._pay()
        self.assertEqual((bad.state, bad.wallet_reason, bad.for_good), ("failed", "PAYEE_NOT_ACTIVE", True))
        self.assertEqual((good.wallet_phase, good.wallet_holder), ("sent", "Nyandeng Garang"))
        self.assertEqual(len(self.simulator.asked("transfer")), 1)

    def test_holder_is_not_asked_about_what_may_have_arrived(self):
        self.provider.wallet_holder_check = "active"
        payout = self._payout()
        self.simulator.fault(silence=1)
        self._pay()
        self._moved()
        self.simulator.control("wallet/211921000009", active=False)
        self.simulator.control("purse/disbursement", balance=0)
        finals, watched = self._finals()
        with watched:
            for _n in range(2):
                self._later(payout, seconds=10)
        self._booked(payout)
        self.assertEqual(finals, ["done"])

    def test_payees_that_take_none(self):
        for wallet, reason in (({"known": False}, "PAYEE_NOT_FOUND"), ({"active": False}, "PAYEE_NOT_ALLOWED_TO_RECEIVE"), ({"limit": 10}, "PAYEE_LIMIT_REACHED")):
            self.simulator.control("wallet/211921000009", **{"known": True, "active": True, **wallet})
            payout = self._sent(key=reason)
            self._later(payout, seconds=10)
            self.assertEqual((payout.state, payout.wallet_reason), ("failed", reason))
            self.assertTrue(payout.wallet_help)
        self._moved(times=0)

    def test_refused_at_once_is_for_good(self):
        self.simulator.fault(party_refused="early")
        self.simulator.control("wallet/211921000009", known=False)
        finals, watched = self._finals()
        with watched:
            payout = self._payout()
            self._pay()
        self.assertEqual((payout.state, payout.wallet_reason, payout.for_good, payout.wallet_next), ("failed", "PAYEE_NOT_FOUND", True, False))
        self.assertEqual(finals, ["failed"])

    # === Failed, and then ===

    def _failed(self, **kwargs):
        self.simulator.control("wallet/211921000009", active=False)
        payout = self._sent(**kwargs)
        self._later(payout, seconds=10)
        self.assertEqual((payout.state, payout.for_good), ("failed", False))
        self.simulator.control("wallet/211921000009", active=True)
        return payout

    def test_for_good_when_it_is_said_again_later(self):
        payout = self._failed()
        payout.action_wallet_ask()
        self._pay()
        self.assertFalse(payout.for_good, "asked a moment later that is the same answer")
        self._later(payout, minutes=15)
        self.assertTrue(payout.for_good)

    def test_paid_again_once(self):
        payout = self._failed()
        with self.assertRaises(UserError):
            payout.action_retry()
        self._later(payout, minutes=15)
        retry = payout._retry()
        self.assertEqual((retry.retry_of_id, retry.amount, retry.wallet_msisdn, retry.state), (payout, 1000, "211921000009", "pending"))
        self.assertNotEqual(retry.wallet_uuid, payout.wallet_uuid)
        self.assertEqual(payout._retry(), retry)
        payout.action_retry()
        self.assertEqual(payout.retry_ids, retry)
        self._pay()
        self._later(retry, seconds=10)
        self._booked(retry)
        self._moved()

    def test_who_pays_again_has_confirmed_it(self):
        payout = self._failed(amount=50_000)
        self._later(payout, minutes=15)
        self.company.wallet_payout_limit = 0
        self.assertEqual(payout._retry().state, "draft")
        payout.action_retry()
        self.assertEqual((payout.retry_ids.state, payout.retry_ids.confirmed_by), ("pending", self.env.user))

    def test_paid_again_to_another_number(self):
        payout = self._failed()
        self._later(payout, minutes=15)
        self.assertEqual(payout._retry("0921000007").wallet_msisdn, "211921000007")

    def test_late_success(self):
        """The operator said no, and later yes: paid, booked, told."""
        finals, watched = self._finals()
        with watched:
            payout = self._sent()
            payout._wallet_fail("INTERNAL_PROCESSING_ERROR")
            self.assertEqual((payout.state, payout.for_good), ("failed", False))
            self._later(payout, minutes=15)
        self.assertEqual(finals, ["failed", "done"])
        self._booked(payout)
        self._moved()

    def test_late_success_stops_what_was_not_sent_yet(self):
        payout = self._sent()
        payout._wallet_fail("INTERNAL_PROCESSING_ERROR")
        payout.for_good = True
        self.company.wallet_payout_limit = 0
        retry = payout._retry()
        self._later(payout, minutes=15)
        self._booked(payout)
        self.assertEqual((retry.state, retry.wallet_reason, payout.wallet_problem), ("failed", "PAID_ALREADY", False))
        retry.action_confirm()
        self.assertEqual((retry.state, retry.for_good), ("failed", True))
        with self.assertRaises(UserError):
            retry.action_retry()
        self._moved()

    def test_late_success_stops_the_last_of_many(self):
        payout = self._sent()
        payout._wallet_fail("INTERNAL_PROCESSING_ERROR")
        payout.for_good = True
        self.company.wallet_payout_limit = 0
        second = payout._retry()
        second.action_refuse()
        third = second._retry()
        self.assertEqual(third.state, "draft")
        self._later(payout, minutes=15)
        self._booked(payout)
        self.assertEqual((third.state, third.wallet_reason, payout.wallet_problem), ("failed", "PAID_ALREADY", False))
        with self.assertRaises(UserError):
            third._retry()
        self._moved()

    @mute_logger(PAYOUT)
    def test_paid_twice_is_told(self):
        payout = self._sent()
        payout._wallet_fail("INTERNAL_PROCESSING_ERROR")
        payout.for_good = True
        retry = payout._retry()
        self._pay()
        self._later(payout, minutes=15)
        self._booked(payout)
        self.assertEqual((payout.wallet_problem, retry.state), ("PAID_TWICE", "pending"))
        with self.assertRaises(UserError):
            payout.action_settled()
        payout.note = "The payee has sent it back"
        payout.action_settled()
        self.assertFalse(payout.wallet_problem)

    def test_ends_when_nothing_is_told_any_more(self):
        payout = self._failed()
        for _n in range(4):
            self._later(payout, days=1)
        self.assertEqual((payout.for_good, payout.wallet_next), (True, False))

    # === Nobody knows ===

    @mute_logger(POLLER)
    def _given_up(self, **kwargs):
        self.simulator.fault(result_delay=10_000_000)
        payout = self._sent(**kwargs)
        payout.wallet_tries = 50
        self._later(payout, days=8)
        self.assertEqual((payout.wallet_phase, payout.state, payout.wallet_problem, payout.wallet_next), ("given_up", "pending", "GIVEN_UP", False))
        return payout

    def test_given_up_is_not_paid_again(self):
        payout = self._given_up()
        with self.assertRaises(UserError):
            payout.action_retry()
        with self.assertRaises(UserError):
            payout.action_not_paid()
        payout.note = "The operator has no such transfer"
        finals, watched = self._finals()
        with watched:
            payout.action_not_paid()
            payout.action_not_paid()
        self.assertEqual((payout.state, payout.for_good, finals), ("failed", True, ["failed"]))
        payout.action_retry()
        self.assertEqual(len(payout.retry_ids), 1)

    def test_given_up_and_found(self):
        payout = self._given_up()
        payout.note = "In the portal since yesterday"
        with self.assertRaises(UserError):
            payout.action_paid()
        payout.provider_reference = "9876543210"
        payout.action_paid()
        self._pay()
        self._booked(payout)
        self.assertEqual(payout.provider_reference, "9876543210")

    def test_late_success_after_given_up(self):
        payout = self._given_up()
        self.simulator.control("clock", advance=10_000_001)
        payout.action_wallet_ask()
        self._pay()
        self._booked(payout)

    @mute_logger(POLLER)
    def test_another_amount_is_neither_paid_nor_failed(self):
        payout = self._sent()
        payout.amount = 900
        finals, watched = self._finals()
        with watched:
            for _n in range(2):
                self._later(payout, seconds=10)
        self.assertEqual((payout.state, payout.wallet_phase, payout.wallet_problem, finals), ("pending", "given_up", "AMOUNT_DIFFERS", []))
        self.assertTrue(payout.provider_reference)
        self.assertFalse(payout.payment_id)

    @mute_logger(POLLER)
    def test_reference_of_another_payout(self):
        first = self._sent(key="first")
        self._later(first, seconds=10)
        second = self._sent(key="second")
        first.provider_reference = self.simulator.ledger("transfer")[-1]["txid"]
        self._later(second, seconds=10)
        self.assertEqual((second.state, second.wallet_phase, second.wallet_problem), ("pending", "given_up", "DUPLICATE_REFERENCE"))

    def test_word_nobody_knows(self):
        payout = self._sent()
        with patch("odoo.addons.isp_momo.drivers.mtn._STATES", {}):
            self._later(payout, seconds=10)
        self.assertEqual((payout.state, payout.wallet_problem), ("pending", "UNKNOWN_STATUS"))
        self._later(payout, seconds=10)
        self._booked(payout)


@tagged("post_install", "-at_install")
class TestPayoutCalledBack(PayoutCommon, HttpCase):
    def test_wakes_and_is_not_believed(self):
        payout = self._payout()
        payout.write({"wallet_next": "2099-01-01", "wallet_phase": "sent"})
        self.env.flush_all()
        answer = self.url_open(f"/payment/wallet/{payout.wallet_token}", data=b'{"status": "SUCCESSFUL", "payee": {"partyId": "211921000009"}}')
        self.assertEqual(answer.status_code, 200)
        self.env.invalidate_all()
        self.assertLessEqual(payout.wallet_next, fields.Datetime.now())
        self.assertEqual(payout.state, "pending")
        self.assertIn("SUCCESSFUL", payout.wallet_callback)
        self.assertNotIn("211921000009", payout.wallet_callback)
        self.assertEqual(self.url_open("/payment/wallet/" + "x" * 32, data=b"{}").status_code, 404)
