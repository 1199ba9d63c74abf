# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import SouthSudanCommon


@tagged("post_install_l10n", "post_install", "-at_install")
@freeze_time("2026-11-20 10:00:00")
class TestWithholding(SouthSudanCommon):
    def _record(self, invoices, confirm=True, amounts=None, **vals):
        lines = [
            Command.create({"invoice_id": invoice.id, **({"amount": amount} if amount is not None else {})})
            for invoice, amount in zip(invoices, amounts or [None] * len(invoices), strict=True)
        ]
        withholding = self.env["l10n_ss.withholding"].create(
            {"partner_id": self.ministry.id, "date": "2026-11-15", "line_ids": lines, **vals}
        )
        if confirm:
            withholding.action_confirm()
        return withholding

    def _pay(self, invoice, amount):
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
        return wizard.create({"journal_id": self.chart.ref("bank").id, "amount": amount})._create_payments()

    def _balance(self, xmlid):
        lines = self.env["account.move.line"].search(
            [("account_id", "=", self.chart.ref(xmlid).id), ("parent_state", "=", "posted"), ("partner_id", "=", self.ministry.id)]
        )
        return sum(lines.mapped("balance"))

    # === Booking === #

    def test_money_and_tax_together_pay_the_invoice(self):
        invoice = self._invoice(self.ministry)
        self._pay(invoice, 189000)
        self.assertEqual(invoice.amount_residual, 27000)
        withholding = self._record(invoice)
        self.assertEqual((withholding.amount, withholding.state), (27000, "awaited"))
        self.assertRecordValues(invoice, [{"amount_residual": 0, "payment_state": "paid", "l10n_ss_withheld": 27000}])
        self.assertEqual((self._balance("ss_withholding_receivable"), self._balance("ss_receivable")), (27000, 0))
        self.assertEqual(str(withholding.move_id.date), "2026-11-15")

    def test_recorded_before_the_money_comes(self):
        invoice = self._invoice(self.ministry)
        self._record(invoice)
        self.assertEqual(invoice.amount_residual, 189000)
        self._pay(invoice, 189000)
        self.assertEqual(invoice.payment_state, "paid")

    def test_one_certificate_for_several_invoices(self):
        invoices = self._invoice(self.ministry) + self._invoice(self.ministry, price=100000)
        withholding = self._record(invoices, certificate_no="WHT/7")
        self.assertEqual((withholding.amount, withholding.state), (42000, "received"))
        self.assertEqual(invoices.mapped("amount_residual"), [189000, 105000])

    def test_rate_of_the_day_of_payment(self):
        invoice = self._invoice(self.ministry, day="2024-11-01")
        self.assertEqual(self._record(invoice, confirm=False, date="2024-12-01").amount, 9000)
        self.assertEqual(self._record(invoice, confirm=False, date="2024-12-02").amount, 27000)

    def test_invoice_paid_otherwise_leaves_credit(self):
        """Net payments of two months, applied oldest first, paid the first month whole."""
        first, _second = self._invoice(self.ministry), self._invoice(self.ministry)
        self._pay(first, 216000)
        self._record(first)
        self.assertEqual(first.l10n_ss_withheld, 27000)
        self.assertEqual(self._balance("ss_receivable"), 216000 - 27000)

    # === The second time === #

    def test_confirming_twice_books_once(self):
        invoice = self._invoice(self.ministry)
        withholding = self._record(invoice)
        entry = withholding.move_id
        withholding.action_confirm()
        self.assertEqual(withholding.move_id, entry)
        self.assertEqual(self._balance("ss_withholding_receivable"), 27000)

    def test_same_invoice_twice_is_refused(self):
        invoice = self._invoice(self.ministry)
        self._record(invoice)
        again = self._record(invoice, confirm=False)
        self.assertEqual(again.amount, 0)
        with self.assertRaisesRegex(UserError, "enter the amount"):
            again.action_confirm()
        again.line_ids.amount = 27000
        with self.assertRaisesRegex(UserError, "no more than"):
            again.action_confirm()
        self.assertEqual(self._balance("ss_withholding_receivable"), 27000)

    def test_on_the_total_is_the_most(self):
        invoice = self._invoice(self.ministry)
        with self.assertRaisesRegex(UserError, "no more than"):
            self._record(invoice, amounts=[32401])
        self.assertEqual(self._record(invoice, amounts=[32400]).amount, 32400)

    def test_certificate_number_is_taken_once(self):
        self._record(self._invoice(self.ministry), certificate_no=" WHT/7 ")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self._record(self._invoice(self.ministry), certificate_no="wht/7")
            self.env.flush_all()
        both = self._record(self._invoice(self.ministry)) + self._record(self._invoice(self.ministry))
        self.assertEqual(both.mapped("certificate_no"), [False, False])

    # === Life of a certificate === #

    def test_certificate_comes_later_and_is_claimed(self):
        withholding = self._record(self._invoice(self.ministry))
        self.assertEqual(withholding.days_awaited, 5)
        with self.assertRaisesRegex(UserError, "number"):
            withholding.action_received()
        with self.assertRaisesRegex(UserError, "cannot be claimed"):
            withholding.action_claim()
        withholding.certificate_no = "WHT/8"
        withholding.action_received()
        with self.assertRaisesRegex(UserError, "keeps its number"):
            withholding.certificate_no = " "
        withholding.action_claim()
        withholding.action_claim()
        self.assertEqual((withholding.state, str(withholding.claimed_on)), ("claimed", "2026-11-20"))
        with self.assertRaises(UserError):
            withholding.action_cancel()

    def test_cancelled_is_owed_again(self):
        invoice = self._invoice(self.ministry)
        self._pay(invoice, 189000)
        withholding = self._record(invoice, certificate_no="WHT/9")
        with self.assertRaisesRegex(UserError, "why"):
            withholding.action_cancel()
        withholding.cancel_reason = "Wrong ministry"
        withholding.action_cancel()
        withholding.action_cancel()
        self.assertRecordValues(invoice, [{"amount_residual": 27000, "l10n_ss_withheld": 0}])
        self.assertEqual((self._balance("ss_withholding_receivable"), self._balance("ss_receivable")), (0, 27000))
        again = self._record(invoice, certificate_no="WHT/9")
        self.assertEqual((again.state, invoice.payment_state), ("received", "paid"))

    def test_booked_is_not_edited_or_deleted(self):
        withholding = self._record(self._invoice(self.ministry))
        with self.assertRaises(UserError):
            withholding.date = "2026-11-01"
        with self.assertRaises(UserError):
            withholding.line_ids.amount = 1
        with self.assertRaises(UserError):
            withholding.line_ids.unlink()
        with self.assertRaises(UserError):
            withholding.unlink()

    # === Bad input === #

    def test_refusals(self):
        mine, other = self._invoice(self.ministry), self._invoice(self.embassy)
        with self.assertRaisesRegex(UserError, "not an invoice of"):
            self._record(other)
        with self.assertRaisesRegex(UserError, "posted"):
            self._record(self._invoice(self.ministry, post=False))
        with self.assertRaisesRegex(UserError, "one customer"):
            (mine + other).action_l10n_ss_record_withholding()
        with self.assertRaisesRegex(UserError, "Add the invoices"):
            self._record(mine.browse())
        with self.assertRaises(ValidationError):
            self._record(mine, date="2026-11-21")
        self.chart.ref("ss_withholding_15").active = False
        with self.assertRaisesRegex(UserError, "No rate"):
            self._record(mine, amounts=[1])

    def test_form_from_invoices(self):
        invoices = self._invoice(self.ministry) + self._invoice(self.ministry)
        action = invoices.action_l10n_ss_record_withholding()
        form = Form(self.env["l10n_ss.withholding"].with_context(**action["context"]))
        self.assertEqual(form.amount, 54000)
        withholding = form.save()
        withholding.action_confirm()
        self.assertEqual(withholding.state, "awaited")

    def test_who_withholds(self):
        self.assertFalse(self.ministry._l10n_ss_withholds())
        self.ministry.property_account_position_id = self.chart.ref("ss_government")
        self.assertTrue(self.ministry._l10n_ss_withholds())
        self._certificate(kind="withholding")
        self.assertTrue(self.embassy._l10n_ss_withholds())
        self.assertFalse(self.embassy._l10n_ss_withholds("2027-01-01"))

    # === Rights === #

    def test_rights(self):
        clerk = new_test_user(self.env, "clerk", groups="account.group_account_invoice", company_id=self.company.id)
        plain = new_test_user(self.env, "plain", groups="base.group_user", company_id=self.company.id)
        portal = new_test_user(self.env, "own", groups="base.group_portal")
        invoice = self._invoice(self.ministry)
        withholding = self._record(invoice, confirm=False).with_user(clerk)
        withholding.action_confirm()
        self.assertEqual(withholding.state, "awaited")
        for user in (plain, portal):
            for records in (withholding, withholding.line_ids):
                with self.assertRaises(AccessError):
                    records.with_user(user).read(["amount"])
            with self.assertRaises(AccessError):
                withholding.with_user(user).action_cancel()
