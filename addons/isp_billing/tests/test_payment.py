# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestPayment(BillingCommon):
    def test_oldest_first_and_rest_is_credit(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        self._bill(date(2026, 12, 1))
        older, newer = line.period_ids.sorted("date_start").move_id.sorted("invoice_date")
        self._pay(line.partner_id, 220000)
        self.assertEqual((older.payment_state, older.amount_residual), ("paid", 0))
        self.assertEqual((newer.payment_state, newer.amount_residual), ("partial", 212000))
        self._pay(line.partner_id, 300000)
        self.assertEqual(newer.payment_state, "paid")
        self.assertEqual(line.balance, -88000)

    def test_same_form_twice_is_one_payment(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        first = self._pay(line.partner_id, 1000, uuid="same")
        again = self._pay(line.partner_id, 1000, uuid="same")
        self.assertEqual(first, again)
        self.assertEqual(line.balance, 215000)

    def test_payment_is_booked_even_without_an_account_on_the_method(self):
        """Without an entry the invoice would look paid while the debt stays open."""
        self.cash.inbound_payment_method_line_ids.payment_account_id = False
        partner = self._create_customer()
        payment = self._pay(partner, 5000)
        self.assertEqual(payment.move_id.state, "posted")
        self.assertEqual(partner.isp_balance, -5000)

    def test_nothing_or_less_is_refused(self):
        for amount in (0, -5):
            with self.assertRaises(UserError):
                self._pay(self._create_customer(), amount)

    def test_form_proposes_the_balance(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        action = line.action_take_payment()
        form = Form(self.env["isp.cash.payment"].with_context(**action["context"]))
        self.assertEqual((form.balance, form.amount), (216000, 216000))
        self.assertEqual(form.journal_id.type, "cash")

    def test_reversal_opens_the_debt_again_once(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        invoice = line.period_ids.move_id
        payment = self._pay(line.partner_id, 216000)
        self.assertEqual(invoice.payment_state, "paid")
        move = payment._isp_reverse(date(2026, 11, 21), "wrong customer")
        self.assertEqual((invoice.payment_state, invoice.amount_residual, line.balance), ("not_paid", 216000, 216000))
        self.assertEqual(payment._isp_reverse(date(2026, 11, 22), "again"), move)
        cash = self.env["account.move.line"].search([("account_id", "=", self.cash.default_account_id.id), ("partner_id", "=", line.partner_id.id)])
        self.assertEqual(sum(cash.mapped("balance")), 0)
        self.assertTrue(all((payment.move_id + move).line_ids.filtered(lambda item: item.account_id.reconcile).mapped("reconciled")))

    def test_new_customers_get_a_number_with_check_digit(self):
        number = self._create_line().partner_id.isp_account_no
        partners = self.env["res.partner"]
        self.assertEqual(partners._isp_by_account_no(f" {number[:3]}-{number[3:]}")[0].isp_account_no, number)
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        self.assertEqual(partners._isp_by_account_no(wrong), (partners, True))
        self.assertEqual(partners._isp_by_account_no("0921234567"), (partners, False))
