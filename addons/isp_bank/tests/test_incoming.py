# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import BankCommon


@tagged("post_install", "-at_install")
class TestIncoming(BankCommon):
    def test_account_number_is_booked_by_itself(self):
        self._bill(date(2026, 11, 1))
        number = self.customer.isp_account_no
        incoming = self._incoming(216000, text=f"internet {number[:3]}-{number[3:]} thank you", payer_name="Somebody Else")
        incoming._process()
        incoming._process()
        self.assertEqual((incoming.state, incoming.open_amount, incoming.partner_id), ("booked", 0, self.customer))
        payment = incoming.share_ids.payment_id
        self.assertEqual((len(payment), payment.amount, payment.date, payment.state), (1, 216000, date(2026, 11, 20), "paid"))
        self.assertEqual((self.line.balance, self._balance_of(self.bank.default_account_id), self._balance_of(self.suspense)), (0, 216000, 0))
        self.assertEqual(self.line.period_ids.move_id.payment_state, "paid")

    def test_what_is_sure(self):
        self._bill(date(2026, 11, 1))
        invoice = self.line.period_ids.move_id
        for number, vals in enumerate(({"text": f"pay {invoice.name}"}, {"payer_phone": "0921 234 567"}, {"text": "from 211921234567"})):
            with self.subTest(vals):
                incoming = self._incoming(100, f"S{number}", **vals)
                incoming._process()
                self.assertEqual(incoming.partner_id, self.customer)

    def test_what_is_not_sure_waits_with_suggestions(self):
        self._bill(date(2026, 11, 1))
        other = self._create_customer("Deng Mabior", phone="+211921234568")
        twin = self._create_customer("Achol Deng", phone="+211921234568")
        wrong = self.customer.isp_account_no[:-1] + str((int(self.customer.isp_account_no[-1]) + 1) % 10)
        cases = {
            "amount and name": ({"amount": 216000, "payer_name": "AKOL Nyandeng"}, self.customer, "amount,name"),
            "shared phone": ({"payer_phone": "0921234568"}, other + twin, "phone_shared"),
            "mistyped number": ({"text": wrong, "payer_phone": "0921234567"}, self.customer, "phone"),
            "two customers": ({"text": f"{self.customer.isp_account_no} {self._create_line().partner_id.isp_account_no}"}, self.customer, "account"),
            "nothing": ({"text": "hello"}, self.env["res.partner"], None),
        }
        for number, (name, (vals, partners, reasons)) in enumerate(cases.items()):
            with self.subTest(name):
                incoming = self._incoming(vals.pop("amount", 77), f"W{number}", **vals)
                incoming._process()
                self.assertEqual((incoming.state, incoming.open_amount), ("suspense", incoming.amount))
                self.assertLessEqual(partners, incoming.suggestion_ids.partner_id)
                if reasons:
                    self.assertEqual(incoming.suggestion_ids.filtered(lambda s, partners=partners: s.partner_id in partners).mapped("reasons")[0], reasons)
                    self.assertTrue(incoming.suggestion_ids[0].why)
        self.assertEqual(self._balance_of(self.bank.default_account_id), 216000 + 4 * 77)
        self.assertEqual(self._balance_of(self.suspense), -216000 - 4 * 77)
        self.assertEqual(self.line.balance, 216000)

    def test_one_click_takes_it_from_suspense_once(self):
        self._bill(date(2026, 11, 1))
        incoming = self._incoming(216000, payer_name="Nyandeng Akol")
        incoming._process()
        suggestion = incoming.suggestion_ids.with_user(self.manager).filtered(lambda s: s.partner_id == self.customer)
        incoming.with_user(self.manager)._book([(self.customer, None)], "k")
        incoming.with_user(self.manager)._book([(self.customer, None)], "k")
        self.assertFalse(suggestion.exists())
        self.assertEqual((incoming.state, len(incoming.share_ids)), ("booked", 1))
        self.assertEqual((self._balance_of(self.bank.default_account_id), self._balance_of(self.suspense), self.line.balance), (216000, 0, 0))
        self.assertEqual(incoming.share_ids.payment_id.date, date(2026, 11, 20))
        self.assertEqual(incoming.share_ids.payment_id.state, "paid")
        with self.assertRaisesRegex(UserError, "given already"):
            incoming._book([(self.customer, 5)], "another")

    def test_split_over_customers_and_the_rest_stays(self):
        other = self._create_line().partner_id
        incoming = self._incoming(1000)
        incoming._process()
        form = Form(self.env["isp.incoming.split"].with_user(self.manager).with_context(default_incoming_id=incoming.id))
        for partner, amount in ((self.customer, 600), (other, 300)):
            with form.line_ids.new() as line:
                line.partner_id, line.amount = partner, amount
        self.assertEqual(form.rest, 100)
        wizard = form.save()
        wizard.action_confirm()
        wizard.action_confirm()
        self.assertEqual((incoming.state, incoming.open_amount, len(incoming.share_ids)), ("suspense", 100, 2))
        self.assertEqual((self._balance_of(self.suspense), self.customer.isp_balance, other.isp_balance), (-100, -600, -300))
        for amount in (101, 0, -5, 10.5):
            with self.assertRaises(UserError):
                incoming._book([(self.customer, amount)], f"bad {amount}")
        incoming._return("not ours")
        incoming._return("not ours")
        self.assertEqual((incoming.state, incoming.open_amount), ("returned", 0))
        self.assertEqual((self._balance_of(self.suspense), self._balance_of(self.bank.default_account_id)), (0, 900))
        with self.assertRaises(UserError):
            incoming._book([(self.customer, 100)], "late")

    def test_wrong_customer_is_taken_back_and_given_to_the_right_one(self):
        right = self._create_line().partner_id
        for reference, unsure in (("direct", False), ("suspense", True)):
            with self.subTest(reference):
                incoming = self._incoming(500, reference, payer_phone=False if unsure else "0921234567")
                incoming._process()
                if unsure:
                    incoming._book([(self.customer, None)], "k")
                incoming._take_back("wrong one")
                incoming._take_back("wrong one")
                self.assertEqual((incoming.state, incoming.open_amount, self.customer.isp_balance), ("suspense", 500, 0))
                incoming._process()
                self.assertEqual(incoming.state, "suspense")
                incoming._book([(right, None)], "k")
                self.assertEqual((incoming.state, incoming.partner_id), ("booked", right))
        self.assertEqual((right.isp_balance, self._balance_of(self.suspense), self._balance_of(self.bank.default_account_id)), (-1000, 0, 1000))

    def test_by_hand_and_a_reference_used_before(self):
        wizards = self.env["isp.incoming.manual"].with_user(self.manager)
        vals = {"operator_id": self.operator.id, "reference": " mg 77 ", "amount": 1000, "partner_id": self.customer.id}
        action = wizards.create(vals).action_confirm()
        incoming = self.env["isp.incoming"].browse(action["res_id"])
        self.assertEqual((incoming.reference, incoming.state, incoming.partner_id), ("MG 77", "booked", self.customer))
        again = wizards.create({**vals, "reference": "MG  ٧٧"})
        self.assertIn(self.customer.name, again.used)
        with self.assertRaisesRegex(UserError, "was recorded on .* by .*Nyandeng Akol"):
            again.action_confirm()
        self.assertEqual(self.customer.isp_balance, -1000)
        for bad in ({"amount": 0}, {"amount": -1}, {"value_date": "2099-01-01"}):
            with self.assertRaises(UserError):
                wizards.create({**vals, "reference": "other", **bad}).action_confirm()

    def test_statement_after_the_receipt_by_hand_counts_once(self):
        incoming = self.env["isp.incoming"]._record_manual(self.operator, "X1", 1000, date(2026, 11, 20))
        incoming._book([(self.customer, None)], "k")
        line = {"journal_id": self.bank.id, "amount": 1000, "payment_ref": "X1", "date": "2026-11-20"}
        with self.assertRaisesRegex(UserError, "count twice"):
            self.env["account.bank.statement.line"].create(line)
        self.assertTrue(self.env["account.bank.statement.line"].create({**line, "amount": -50, "payment_ref": "fee"}))

    @mute_logger("odoo.addons.isp_bank.models.isp_incoming")
    def test_what_cannot_be_booked_says_why_and_does_not_stop_the_others(self):
        self.bank.sudo().inbound_payment_method_line_ids.unlink()
        first, second = self._incoming(5, "A", payer_phone="0921234567"), self._incoming(5, "B", text="?")
        (first + second)._process()
        self.assertEqual((first.state, bool(first.error), second.state), ("new", True, "suspense"))

    def test_a_closed_period_books_on_the_first_open_day(self):
        self.company.fiscalyear_lock_date = date(2026, 11, 20)
        incoming = self._incoming(5, payer_phone="0921234567")
        incoming._process()
        self.assertEqual(incoming.share_ids.payment_id.date, date(2026, 11, 21))

    def test_never_deleted(self):
        with self.assertRaises(UserError):
            self._incoming().unlink()

    def test_cron_books_what_is_new(self):
        incomings = self._incoming(5, "A", payer_phone="0921234567") + self._incoming(5, "B", text="?")
        with self.enter_registry_test_mode():
            self.env.ref("isp_bank.ir_cron_isp_incoming").method_direct_trigger()
        self.assertEqual(incomings.mapped("state"), ["booked", "suspense"])

    def test_only_a_manager_books(self):
        incoming = self._incoming(5)
        incoming._process()
        user = self._user("care", "isp_base.group_isp_customer_service")
        for action in (incoming.with_user(user).sudo(False).action_split, incoming.with_user(user).sudo(False).action_match, incoming.with_user(user).sudo(False).action_return):
            with self.assertRaises(AccessError):
                action()
