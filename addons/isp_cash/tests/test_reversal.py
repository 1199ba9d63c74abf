# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import CashCommon


@tagged("post_install", "-at_install")
class TestReversal(CashCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_line()
        cls.customer = cls.line.partner_id

    def _paid(self):
        self._bill(date(2026, 11, 1))
        self.shift = self._open()
        return self._take(self.customer, 216000).sudo()

    def test_out_of_the_shift_that_is_open_then(self):
        payment = self._paid()
        invoice = self.line.period_ids.move_id
        self.shift._close({1000: 236})
        later = self._open(self.other, counts={1000: 236}, from_safe=0)
        wizard = self.env["isp.cash.reverse"].with_user(self.manager).create({"payment_id": payment.id, "reason": "Typed twice"})
        self.assertEqual(wizard.shift_id, later)
        wizard.action_confirm()
        wizard.action_confirm()
        reversal = self.env["isp.cash.reversal"].search([("payment_id", "=", payment.id)])
        self.assertEqual((len(reversal), reversal.reason, reversal.user_id, reversal.shift_id), (1, "Typed twice", self.manager, later))
        self.assertEqual((self.shift.expected, later.expected, later.money_in), (236000, 20000, -216000))
        self.assertEqual(self._balance_of(self.drawer.default_account_id), 20000)
        self.assertEqual((invoice.payment_state, self.line.balance), ("not_paid", 216000))
        self.assertTrue(self.shift.line_ids.filtered(lambda line: line.kind == "payment").reversed)

    def test_the_service_is_not_cut_on_the_spot(self):
        payment = self._paid()
        payment.with_user(self.manager)._isp_reverse_at_desk("wrong customer", self.shift)
        self.assertEqual(self.line.state, "active")

    def test_a_reason_a_shift_and_the_cash_are_needed(self):
        payment = self._paid()
        for reason in (False, "  "):
            with self.assertRaisesRegex(UserError, "Say why"):
                payment._isp_reverse_at_desk(reason, self.shift)
        with self.assertRaisesRegex(UserError, "open shift"):
            payment._isp_reverse_at_desk("why", None)
        self.shift._move_cash("drop", 200000, "d")
        with self.assertRaisesRegex(UserError, "There is only"):
            payment._isp_reverse_at_desk("why", self.shift)
        self.assertFalse(payment.isp_reversal_move_id)
        self.shift._close({1000: 36})
        with self.assertRaisesRegex(UserError, "open shift"):
            payment._isp_reverse_at_desk("why", self.shift)

    def test_a_cashier_cannot(self):
        payment = self._paid()
        for user in (self.cashier, self.other):
            with self.assertRaises(AccessError):
                payment.with_user(user).action_isp_reverse()
            with self.assertRaises(AccessError):
                self.env["isp.cash.reverse"].with_user(user).create({"payment_id": payment.id, "reason": "x"})

    def test_of_part_paid_and_credit(self):
        self._bill(date(2026, 11, 1))
        shift = self._open()
        self._take(self.customer, 16000)
        second = self._take(self.customer, 300000).sudo()
        self.assertEqual(self.line.balance, -100000)
        second._isp_reverse_at_desk("bad notes", shift)
        self.assertEqual((self.line.balance, shift.expected), (200000, 36000))
        self.assertEqual(self.line.period_ids.move_id.payment_state, "partial")
