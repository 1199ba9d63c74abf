# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, datetime, timedelta

from odoo.exceptions import UserError
from odoo.tests import Form, tagged

from odoo.addons.report_weasyprint.tests.common import text_of

from .common import CashCommon


@tagged("post_install", "-at_install")
class TestPayment(CashCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_line(partner_id=cls._create_customer("Nyandeng Akol", phone="+211921234567").id, username="nyandeng")
        cls.customer = cls.line.partner_id

    def _two_invoices(self):
        self._bill(date(2026, 11, 1))
        self._bill(date(2026, 12, 1))
        return self.line.period_ids.sorted("date_start").move_id.sorted("invoice_date")

    def test_the_screen(self):
        older, _newer = self._two_invoices()
        self._open()
        form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
        form.query = self.customer.isp_account_no
        self.assertEqual(form.partner_id, self.customer)
        self.assertEqual((form.amount, form.due_overdue + form.due_later, form.due_credit), (432000, 432000, 0))
        with form.service_ids.edit(0) as service:
            self.assertEqual((service.name, service.state, service.chosen), ("nyandeng", "Active", False))
        form.amount = 217000
        form.given = 220000
        self.assertEqual((form.change, form.change_notes, form.to_credit), (3000, "3 × 1,000", 0))
        wizard = form.save()
        action = wizard.action_confirm()
        self.assertEqual(action["report_name"], "isp_billing.report_isp_receipt")
        self.assertEqual((older.payment_state, wizard.payment_id.amount), ("paid", 217000))
        self.assertTrue(wizard.receipt_number)

    def test_found_as_people_name_themselves(self):
        find = self.env["res.partner"].with_user(self.cashier)._isp_find
        number = self.customer.isp_account_no
        for text in (number, f" {number[:3]} {number[3:]} ", "nyandeng", "0921234567", "+211 921 234 567", "921234567", "Nyandeng Ak"):
            with self.subTest(text):
                self.assertEqual(find(text), (self.customer, False))
        wrong = number[:-1] + str((int(number[-1]) + 1) % 10)
        self.assertEqual(find(wrong), (self.env["res.partner"], True))
        self.assertEqual(find("nobody of this name")[1], False)
        form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
        form.query = wrong
        self.assertIn("last digit", form.hint)
        self.assertFalse(form.partner_id)

    def test_chosen_invoice_first(self):
        older, newer = self._two_invoices()
        self._open()
        item = newer.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
        form.partner_id = self.customer
        form.allocation = "chosen"
        with form.line_ids.edit(1) as line:
            self.assertEqual((line.item_id, line.residual), (item.id, 216000))
            line.chosen = True
        self.assertEqual(form.amount, 216000)
        form.save()._take()
        self.assertEqual((older.payment_state, newer.payment_state), ("not_paid", "paid"))

    def test_a_foreign_invoice_cannot_be_chosen(self):
        other = self._create_line()
        self._bill(date(2026, 11, 1))
        item = other.period_ids.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        self._open()
        lines = [(0, 0, {"item_id": item.id, "chosen": True})]
        wizard = self.env["isp.cash.payment"].with_user(self.cashier).create(
            {"partner_id": self.customer.id, "amount": 1000, "allocation": "chosen", "line_ids": lines}
        )
        self.assertEqual((wizard.line_ids.name, wizard.line_ids.residual), ("", 0))
        wizard._take()
        self.assertEqual(item.amount_residual, 216000)
        self.assertEqual(self.line.balance, 215000)

    def test_double_tap_is_one_payment_and_another_amount_is_refused(self):
        shift = self._open()
        first = self._take(self.customer, 1000, uuid="same")
        self.assertEqual(self._take(self.customer, 1000, uuid="same"), first)
        with self.assertRaisesRegex(UserError, "has taken"):
            self._take(self.customer, 2000, uuid="same")
        self.assertEqual(shift.expected, 21000)
        self.assertEqual(self.env["isp.notice"].sudo().search_count([("key", "=", f"receipt/{first.id}")]), 1)

    def test_a_retry_after_the_close_finds_its_payment(self):
        """The answer was lost, the shift is closed meanwhile, the client sends again."""
        shift = self._open()
        first = self._take(self.customer, 1000, uuid="lost answer")
        shift._close({1000: 21})
        self._open(from_safe=0, counts={1000: 21})
        self.assertEqual(self._take(self.customer, 1000, uuid="lost answer"), first)

    def test_bad_amounts(self):
        self._open()
        for vals in ({"amount": 0}, {"amount": -1}, {"amount": 1000, "given": 500}):
            with self.subTest(vals), self.assertRaises(UserError):
                self._take(self.customer, **vals)
        self.assertFalse(self.env["account.payment"].search([("partner_id", "=", self.customer.id)]))

    def test_no_money_without_a_shift_of_ones_own(self):
        self._open()
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._take(self.customer, 1000, user=self.other)
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._take(self.customer, 1000, user=self.manager, journal_id=self.drawer.id)
        with self.assertRaisesRegex(UserError, "its drawer takes the money"):
            self._take(self.customer, 1000, journal_id=self.safe.id)
        bank = self.company_data["default_journal_bank"]
        self.assertTrue(self._take(self.customer, 1000, user=self.manager, journal_id=bank.id))

    def test_money_brings_a_service_back(self):
        self._bill(date(2026, 8, 1))
        self.line.billing_from = date(2026, 8, 1)
        self._bill(date(2026, 8, 1))
        self.line._set_state("suspended", "overdue")
        self._open()
        self._take(self.customer, 5000000)
        self.assertEqual(self.line.state, "active")

    def test_prepaid_line_is_renewed(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=30)
        customer = self._create_customer("Ayen Garang")
        line = self.env["isp.subscription"].create({"partner_id": customer.id, "plan_id": plan.id, "username": "ayen"})
        line._set_state("active", "activation")
        self._open()
        form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
        form.query = "ayen"
        with form.service_ids.edit(0) as service:
            self.assertTrue(service.chosen)
        self.assertEqual(form.amount, 216000)
        wizard = form.save()
        wizard.action_confirm()
        self.assertEqual(wizard.sudo().payment_id.isp_subscription_id, line)
        self.assertTrue(line.valid_until)
        until = line.valid_until
        wizard.action_confirm()
        self.assertEqual(line.valid_until, until)

    def test_renewed_early_only_when_somebody_asks(self):
        """A plain payment long before the end is credit; in the last days, and when it was named, it renews."""
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=30)
        customer = self._create_customer("Ayen Garang")
        line = self.env["isp.subscription"].create({"partner_id": customer.id, "plan_id": plan.id, "username": "ayen"})
        line._set_state("active", "activation")
        self._open()
        self._take(customer, 216000)
        self.company.isp_expiring_days = 3
        for days, chosen in ((-1, True), (2, True), (4, False), (29, False)):
            with self.subTest(days):
                line.valid_until = datetime.now() + timedelta(days=days)
                form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
                form.partner_id = customer
                with form.service_ids.edit(0) as service:
                    self.assertEqual(service.chosen, chosen)
                self.assertEqual(form.amount, 216000 if chosen else 0)
        until = line.valid_until
        self._take(customer, 216000)
        self.assertEqual((line.prepaid_number, line.valid_until, line.balance), (1, until, -216000))
        form = Form(self.env["isp.cash.payment"].with_user(self.cashier), view="isp_cash.view_isp_cash_payment_desk")
        form.partner_id = customer
        with form.service_ids.edit(0) as service:
            service.chosen = True
        form.amount = 216000
        form.save()._take()
        self.assertEqual((line.prepaid_number, line.balance), (2, -216000))
        self.assertGreater(line.valid_until, until)

    def test_the_line_that_was_named_or_none_is_kept(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=30)
        lines = self.env["isp.subscription"].create([{"partner_id": self._create_customer().id, "plan_id": plan.id} for _one in range(2)])
        lines._set_state("active", "activation")
        line, foreign = lines
        wizards = self.env["isp.cash.payment"].with_user(self.cashier)
        vals = {"partner_id": line.partner_id.id, "amount": 1000}
        self.assertEqual(wizards.create(vals).subscription_id.id, line.id)
        self.assertFalse(wizards.create({**vals, "subscription_id": False}).subscription_id)
        line.valid_until = datetime.now() + timedelta(days=20)
        self.assertFalse(wizards.create(vals).subscription_id)
        self.assertEqual(wizards.create({**vals, "subscription_id": line.id}).subscription_id.id, line.id)
        self.assertEqual(wizards.with_context(default_subscription_id=line.id).create(vals).subscription_id.id, line.id)
        self._open()
        with self.assertRaisesRegex(UserError, "another customer"):
            self._take(line.partner_id, 1000, subscription_id=foreign.id)

    def test_receipt_of_a_cashier(self):
        shift = self._open()
        payment = self._take(self.customer, 1000, given=1500)
        reports = self.env["ir.actions.report"].with_user(self.cashier)
        text = text_of(reports._render_qweb_weasyprint("isp_billing.action_report_isp_receipt", payment.ids)[0])[0]
        for part in (payment.name, "Given", "1,500", "Change", "500", "Rose Keji"):
            self.assertIn(part, text)
        self.assertNotIn("COPY", text)
        action = shift.line_ids.filtered(lambda line: line.kind == "payment").action_print()
        text = text_of(reports._render_qweb_weasyprint(action["report_name"], action["context"]["active_ids"])[0])[0]
        self.assertIn("COPY 1", text)
