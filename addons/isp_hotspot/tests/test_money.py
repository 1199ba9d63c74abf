# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.isp_billing_momo.tests.common import BridgeCommon
from odoo.addons.isp_momo.drivers.base import Status

from .common import PHONE, HotspotMixin


@tagged("post_install", "-at_install")
class TestMoney(HotspotMixin, BridgeCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_hotspots()
        cls.owed = cls.env["account.account"].create({"name": "Owners", "code": "203301", "account_type": "liability_current", "reconcile": True})
        cls.company.isp_owner_account_id = cls.owed
        cls.tax = cls.env["account.tax"].create({"name": "Excise", "amount": 20, "type_tax_use": "sale", "price_include_override": "tax_excluded"})
        for name in ("commission", "token"):
            cls.env.ref(f"isp_hotspot.product_{name}").taxes_id = cls.tax
        cls.site.tariff_id = cls.env["isp.hotspot.tariff"].create({"name": "Ten", "momo_percent": 10, "cash_percent": 5, "fixed": 5})
        cls.site.momo_msisdn = "211921111111"

    def _bought(self, site=None, **more):
        return self._place("momo", site, phone=PHONE, **more)

    def _owed(self):
        """:return: what stands on the owner's account, from the owner's side"""
        lines = self.env["account.move.line"].search([("account_id", "=", self.owed.id), ("parent_state", "=", "posted")])
        return -sum(lines.mapped("balance"))

    def _answer(self, record, **values):
        record._wallet_lock()
        status = Status("done", reference=f"FT-{record._name}-{record.id}", amount=Decimal(record._wallet_amount()), currency=record.wallet_currency)
        record._wallet_succeed(status)

    # === Asking ===

    def test_money_makes_the_token_in_the_same_transaction(self):
        order = self._bought()
        tx = order.transaction_id
        self.assertEqual((order.state, order.token_id.id, tx.wallet_phase, tx.wallet_msisdn, tx.amount), ("waiting", False, "to_send", PHONE[1:], 500))
        self._answer(tx)
        self.assertEqual((order.state, order.token_id.state), ("done", "sold"))
        sms = self.env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])
        self.assertIn(order.token_id.code, sms.body)
        token = order.token_id
        order._on_paid()
        self._paid(tx)
        self.assertEqual((order.token_id, self.env["isp.token"].search_count([("site_id", "=", self.site.id)])), (token, 1))

    def test_asked_twice_is_one_request(self):
        key = str(uuid.uuid4())
        orders = [self.env["isp.token.order"]._place(self.site, key, "momo", offer=self.offer, phone=PHONE) for _ in range(2)]
        self.assertEqual(*orders)
        self.assertEqual(self.env["payment.transaction"].search_count([("isp_token_order_id", "=", orders[0].id)]), 1)

    def test_refusal_then_late_success(self):
        order = self._bought()
        self._failed(order.transaction_id)
        self.assertEqual((order.state, order.reason, order.token_id.id), ("failed", "APPROVAL_REJECTED", False))
        self.assertIn("rejected", order._how_it_stands()["text"])
        self._answer(order.transaction_id)
        self.assertEqual((order.state, order.token_id.state), ("done", "sold"))

    def test_paid_when_closed_is_owed_and_given_later(self):
        order = self._bought()
        self.site.action_block()
        with self.assertLogs("odoo.addons.isp_hotspot", "WARNING"):
            self._answer(order.transaction_id)
        self.assertEqual((order.state, order.transaction_id.state, order.token_id.id), ("owed", "done", False))
        self.site.action_open()
        order.action_issue()
        self.assertEqual((order.state, order.token_id.state), ("done", "sold"))

    def test_answers_that_come_together_make_tokens_together(self):
        """The operator's answers are written down fifty at a time: tokens, accesses and SMS of all of them are few statements."""
        orders = self.env["isp.token.order"].concat(*[self._bought() for _ in range(12)])
        for tx in orders.transaction_id.with_context(wallet_together=True):
            self._answer(tx)
        self.assertEqual(set(orders.mapped("state")), {"waiting"})
        self.env.flush_all()
        with self.assertQueryCount(20):
            orders.transaction_id._on_wallet_applied()
            self.env.flush_all()
        self.assertEqual((set(orders.mapped("state")), len(orders.token_id)), ({"done"}, 12))
        self.assertEqual(self.env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order"), ("res_id", "in", orders.ids)]), 12)

    def test_a_guests_payment_lends_and_pays_nothing_else(self):
        debt = self._debt(1000, days=40, partner=self.site.partner_id)
        self._paid(self._bought().transaction_id)
        self.assertEqual(debt.amount_residual, 1000)
        self.assertFalse(self._notices("receipt", self.site.partner_id))

    # === The owner's money ===

    def test_who_sells_for_cash_alone_gets_an_invoice_of_the_commission(self):
        """A month later, once; what came in by mobile money is taken from it first."""
        statements = self.env["isp.site.statement"]
        cash = self.env["isp.token.order"].concat(*[self._place("cash", phone=PHONE) for _ in range(30)])
        self.assertFalse(statements._settle(self.site), "not at once")
        cash.sudo().done_at = fields.Datetime.now() - timedelta(days=31)
        self._paid(self._bought().transaction_id)
        self.site.momo_msisdn = False
        statement = statements._settle(self.site)
        commission = (30 * 25 + 55) * 1.2
        self.assertEqual((statement.received, statement.commission, statement.amount, statement.state), (500, commission, 0, "done"))
        self.assertEqual((statement.invoice_id.amount_residual, self._owed()), (commission - 500, 0))
        self.assertFalse(statement.payout_ids)
        self.assertEqual(self.site._money()["due"], 0)
        self.assertFalse(statements._settle(self.site))
        self._place("cash", phone=PHONE).sudo().done_at -= timedelta(days=31)
        alone = statements._settle(self.site)
        self.assertEqual((alone.received, alone.invoice_id.amount_residual, alone.set_off_id.id), (0, 30, False))

    def test_statement_pays_out_once_less_commission(self):
        orders = [self._bought() for _ in range(3)]
        self._paid(*[order.transaction_id for order in orders])
        self._place("cash", phone=PHONE)
        self.assertEqual(self._owed(), 1500)
        self.assertEqual(self.site._money()["due"], 1500 - 3 * 55 - 25)
        statement = self.env["isp.site.statement"]._settle(self.site)
        # (3 x (50 + 5) + 25) with 20 % on it
        self.assertEqual((statement.received, statement.commission, statement.amount, statement.state), (1500, 228, 1272, "pending"))
        self.assertEqual((statement.invoice_id.amount_total, statement.invoice_id.payment_state), (228, "paid"))
        self.assertFalse(self.env["isp.site.statement"]._settle(self.site))
        payout = statement.payout_ids
        self.assertEqual((payout.amount, payout.wallet_msisdn), (1272, "211921111111"))
        self._answer(payout)
        payout._wallet_book()
        self.assertEqual((statement.state, self._owed()), ("done", 0))
        money = self.site._money()
        self.assertEqual((money["received"], money["commission"], money["paid"], money["due"], money["cash"]), (1500, 228, 1272, 0, 500))

    def test_small_amounts_wait_unless_the_owner_asks(self):
        self.site.tariff_id.payout_from = 5000
        with self.assertRaises(UserError):
            self.env["isp.site.statement"]._settle(self.site, asked_by_owner=True)
        self._paid(self._bought().transaction_id)
        self.assertFalse(self.env["isp.site.statement"]._settle(self.site))
        self.assertTrue(self.env["isp.site.statement"]._settle(self.site, asked_by_owner=True))

    def test_failed_payout_is_paid_again_to_the_new_number(self):
        self._paid(self._bought().transaction_id)
        statement = self.env["isp.site.statement"]._settle(self.site)
        payout = statement.payout_ids
        payout._wallet_lock()
        payout._wallet_fail("PAYEE_NOT_FOUND")
        payout.for_good = True
        self.assertEqual(statement.state, "failed")
        self.site.momo_msisdn = "211922222222"
        statement.action_pay_again()
        self.assertEqual((len(statement.payout_ids), statement.payout_ids.sorted("id")[-1].wallet_msisdn, statement.state), (2, "211922222222", "pending"))

    def test_other_owners_money_is_not_touched(self):
        other = self._place("momo", self.other_site, phone=PHONE, amount=700)
        self._paid(other.transaction_id)
        self.assertEqual(self.site._money()["received"], 0)
        self.assertFalse(self.env["isp.site.statement"]._settle(self.site))
        self.assertFalse(self.env["isp.site.statement"].with_user(self.owner).search([]))

    # === Money back ===

    def test_refund_of_an_unused_token(self):
        order = self._bought()
        self._paid(order.transaction_id)
        order._refund("wrong place")
        self.assertEqual((order.state, order.token_id.state, order.token_id.access_id.state), ("refunding", "refunded", "blocked"))
        order._refund()
        refund = order.transaction_id.child_transaction_ids
        self.assertEqual((len(refund), refund.amount), (1, -500))
        self.assertFalse(self.env["isp.site.statement"]._settle(self.site), "not paid out while it goes back")
        self._answer(refund)
        refund._post_process()
        self.assertEqual((order.state, self._owed()), ("refunded", 0))

    def test_refund_that_fails_gives_the_token_back(self):
        order = self._bought()
        self._paid(order.transaction_id)
        order._refund()
        refund = order.transaction_id.child_transaction_ids
        self._failed(refund, "PAYEE_NOT_FOUND")
        self.assertEqual((order.state, order.token_id.state, order.token_id.access_id.state), ("done", "sold", "allowed"))

    def test_no_refund_of_what_was_used_or_paid_in_cash(self):
        used, cash = self._bought(), self._place("cash")
        self._paid(used.transaction_id)
        self.env.cr.execute("SELECT radius.first_use(%s, '127.0.3.1', NULL)", (used.token_id.code,))
        for order in (used, cash):
            with self.assertRaises(UserError):
                order._refund()

    def test_refund_after_the_statement_is_deducted_from_the_next(self):
        first, second = self._bought(), self._bought()
        self._paid(first.transaction_id)
        self.env["isp.site.statement"]._settle(self.site)
        first._refund()
        self._answer(first.transaction_id.child_transaction_ids)
        self._paid(second.transaction_id)
        self.assertEqual(self.site._money()["due"], 0)
        self.assertFalse(self.env["isp.site.statement"]._settle(self.site), "one came and one went")

    def test_a_late_yes_of_a_refund_closes_the_token(self):
        order = self._bought()
        self._paid(order.transaction_id)
        order._refund()
        refund = order.transaction_id.child_transaction_ids
        self._failed(refund, "PAYEE_NOT_FOUND")
        self._answer(refund)
        self.assertEqual((order.state, order.token_id.state, order.token_id.access_id.state), ("refunded", "refunded", "blocked"))

    def test_refund_in_accounting_is_that_of_the_token(self):
        order = self._bought()
        self._paid(order.transaction_id)
        with self.assertRaisesRegex(UserError, "whole"):
            order.transaction_id.action_refund(amount_to_refund=100)
        self.assertEqual((order.state, order.token_id.state), ("done", "sold"))
        order.transaction_id.action_refund(amount_to_refund=500)
        refund = order.transaction_id.child_transaction_ids
        self.assertEqual((order.state, order.token_id.state, len(refund), refund.amount), ("refunding", "refunded", 1, -500))
        self._answer(refund)
        refund._post_process()
        self.assertEqual((order.state, self._owed(), self.site._money()["due"]), ("refunded", 0, 0))

    def test_accounting_gives_back_no_used_token(self):
        order = self._bought()
        self._paid(order.transaction_id)
        self.env.cr.execute("SELECT radius.first_use(%s, '127.0.3.1', NULL)", (order.token_id.code,))
        with self.assertRaisesRegex(UserError, "used"):
            order.transaction_id.action_refund(amount_to_refund=500)
        self.assertFalse(order.transaction_id.child_transaction_ids)

    def test_blocked_hotspot_is_not_paid_out(self):
        self._paid(self._bought().transaction_id)
        self.site.action_block()
        statements = self.env["isp.site.statement"]
        with patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *args, **kwargs: 60):
            statements._cron_settle()
            self.assertFalse(statements.search([("site_id", "=", self.site.id)]))
            self.site.action_open()
            statements._cron_settle()
        self.assertEqual(statements.search([("site_id", "=", self.site.id)]).amount, 500 - 66)

    # === Own hotspots ===

    def test_own_days_are_one_invoice_with_taxes_in_the_price(self):
        self.site.partner_id = self.company.partner_id
        orders = [self._bought(amount=amount) for amount in (500, 500, 700)]
        self._paid(*[order.transaction_id for order in orders])
        self._place("cash", amount=101)
        yesterday = self.company._isp_today() - timedelta(days=1)
        self.env["isp.token.order"].sudo().search([("site_id", "=", self.site.id)]).done_at = fields.Datetime.now() - timedelta(days=1)
        self.assertEqual(self.env["isp.site.day"]._open_days(), [(self.site, yesterday)])
        day = self.env["isp.site.day"]._book(self.site, yesterday)
        self.assertEqual((day.amount, day.invoice_id.amount_total, day.invoice_id.amount_residual), (1801, 1801, 101))
        self.assertAlmostEqual(day.invoice_id.amount_tax, 1801 / 6, delta=2)
        self.assertFalse(self.env["isp.site.day"]._book(self.site, yesterday))
        self.assertFalse(self.env["isp.site.day"]._open_days())
        self.assertEqual(self.env["isp.site.statement"]._settle(self.site).ids, [])
