# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import SouthSudanCommon


@tagged("post_install_l10n", "post_install", "-at_install")
@freeze_time("2026-11-20 10:00:00")
class TestWithholdingPayment(SouthSudanCommon):
    """Tax withheld, recorded in the form that records the payment."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ministry.property_account_position_id = cls.chart.ref("ss_government")

    def _form(self, invoices, env=None):
        wizards = (env or self.env)["account.payment.register"]
        form = Form(wizards.with_context(active_model="account.move", active_ids=invoices.ids))
        form.journal_id = self.chart.ref("bank")
        return form

    def _withholdings(self):
        return self.env["l10n_ss.withholding"].search([("partner_id", "=", self.ministry.id)])

    def test_money_and_tax_in_one_form(self):
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        self.assertTrue(form.l10n_ss_withholds)
        self.assertEqual((form.l10n_ss_withheld, form.amount, form.payment_difference), (27000, 189000, 0))
        self.assertEqual(form.l10n_ss_tax_id, self.chart.ref("ss_withholding_15"))
        form.l10n_ss_certificate_no = "WHT/21"
        form.l10n_ss_certificate_date = "2026-11-18"
        payment = form.save()._create_payments()
        withholding = self._withholdings()
        self.assertEqual(payment.amount, 189000)
        self.assertRecordValues(
            withholding, [{"amount": 27000, "state": "received", "certificate_no": "WHT/21", "date": payment.date}]
        )
        self.assertEqual(str(withholding.certificate_date), "2026-11-18")
        self.assertIn(payment.display_name, withholding.note)
        self.assertRecordValues(invoice, [{"amount_residual": 0, "payment_state": invoice._get_invoice_in_payment_state(), "l10n_ss_withheld": 27000}])
        receivable = (payment.move_id + withholding.move_id).line_ids.filtered(lambda line: line.account_type == "asset_receivable")
        self.assertTrue(all(receivable.mapped("reconciled")))

    def test_certificate_may_come_later(self):
        invoice = self._invoice(self.ministry)
        self._form(invoice).save()._create_payments()
        self.assertRecordValues(self._withholdings(), [{"state": "awaited", "certificate_no": False, "amount": 27000}])
        self.assertFalse(invoice.amount_residual)

    def test_only_for_who_withholds(self):
        invoice = self._invoice(self.embassy)
        form = self._form(invoice)
        self.assertEqual((form.l10n_ss_withholds, form.l10n_ss_withheld, form.amount), (False, 0, 216000))
        form.save()._create_payments()
        self.assertFalse(self.env["l10n_ss.withholding"].search([("partner_id", "=", self.embassy.id)]))
        self._certificate(kind="withholding")
        self.assertEqual(self._form(self._invoice(self.embassy)).amount, 189000)

    def test_money_to_a_supplier_withholds_nothing(self):
        bill = self._invoice(self.ministry, move_type="in_invoice")
        self.assertFalse(self._form(bill).l10n_ss_withholds)

    def test_what_is_typed_follows(self):
        form = self._form(self._invoice(self.ministry))
        form.l10n_ss_withheld = 32400
        self.assertEqual((form.amount, form.payment_difference), (183600, 0))
        form.amount = 190000
        self.assertEqual((form.l10n_ss_withheld, form.payment_difference), (26000, 0))
        form.amount = 216000
        self.assertEqual((form.l10n_ss_withheld, form.payment_difference), (0, 0))
        form.save()._create_payments()
        self.assertFalse(self._withholdings())

    def test_a_part_leaves_the_rest_open(self):
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        form.amount = 100000
        self.assertEqual((form.l10n_ss_withheld, form.payment_difference), (27000, 89000))
        form.save()._create_payments()
        self.assertEqual(invoice.amount_residual, 89000)
        form = self._form(invoice)
        self.assertEqual((form.l10n_ss_withheld, form.amount), (0, 89000))

    def test_difference_is_written_off_beside_it(self):
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        form.amount = 188500
        form.payment_difference_handling = "reconcile"
        form.writeoff_account_id = self.company_data["default_account_expense"]
        payment = form.save()._create_payments()
        self.assertFalse(invoice.amount_residual)
        lines = payment.move_id.line_ids.filtered(lambda line: line.account_id == self.company_data["default_account_expense"])
        self.assertEqual((sum(lines.mapped("balance")), self._withholdings().amount), (500, 27000))

    def test_rate_of_the_day(self):
        form = self._form(self._invoice(self.ministry, day="2024-11-01"))
        form.payment_date = "2024-12-01"
        self.assertEqual((form.l10n_ss_withheld, form.amount), (9000, 207000))
        form.payment_date = "2024-12-02"
        self.assertEqual((form.l10n_ss_withheld, form.amount), (27000, 189000))

    def test_several_invoices_and_one_certificate(self):
        invoices = self._invoice(self.ministry) + self._invoice(self.ministry, price=100000)
        form = self._form(invoices)
        self.assertTrue(form.group_payment)
        self.assertEqual((form.l10n_ss_withheld, form.amount), (42000, 294000))
        form.l10n_ss_certificate_no = "WHT/22"
        payment = form.save()._create_payments()
        self.assertEqual((len(payment), self._withholdings().line_ids.mapped("amount")), (1, [27000, 15000]))
        self.assertEqual(invoices.mapped("amount_residual"), [0, 0])

    def test_more_than_proposed_is_shared_out(self):
        invoices = self._invoice(self.ministry) + self._invoice(self.ministry, price=100000)
        form = self._form(invoices)
        form.l10n_ss_withheld = 50000
        form.save()._create_payments()
        self.assertEqual(self._withholdings().line_ids.mapped("amount"), [32400, 17600])
        self.assertEqual(invoices.mapped("amount_residual"), [0, 0])

    def test_each_invoice_its_own_payment(self):
        invoices = self._invoice(self.ministry) + self._invoice(self.ministry)
        form = self._form(invoices)
        form.group_payment = False
        self.assertFalse(form.l10n_ss_withholds)
        self.assertEqual(form.save()._create_payments().mapped("amount"), [216000, 216000])
        self.assertFalse(self._withholdings())

    def test_after_a_net_payment_only_the_tax(self):
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        form.l10n_ss_withheld = 0
        form.amount = 189000
        form.save()._create_payments()
        self.assertEqual((invoice.amount_residual, len(self._withholdings())), (27000, 0))
        form = self._form(invoice)
        self.assertEqual((form.l10n_ss_withheld, form.amount), (27000, 0))
        form.l10n_ss_certificate_no = "WHT/23"
        action = form.save().action_create_payments()
        self.assertEqual((action["res_model"], action["res_id"]), ("l10n_ss.withholding", self._withholdings().id))
        self.assertFalse(invoice.amount_residual)
        self.assertEqual(len(invoice.matched_payment_ids), 1)

    # === Refused: neither the money nor the tax is booked === #

    def _refused(self, wizard, error, text):
        payments = self.env["account.payment"].search_count([])
        with mute_logger("odoo.sql_db"), self.assertRaisesRegex(error, text), self.cr.savepoint():
            wizard._create_payments()
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.env["account.payment"].search_count([]), payments)

    def test_same_certificate_twice(self):
        first = self._form(self._invoice(self.ministry))
        first.l10n_ss_certificate_no = " WHT/24 "
        first.save()._create_payments()
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        form.l10n_ss_certificate_no = "wht/24"
        self._refused(form.save(), IntegrityError, "l10n_ss_withholding_certificate_unique")
        self.assertEqual((invoice.amount_residual, invoice.l10n_ss_withheld), (216000, 0))

    def test_too_much(self):
        invoice = self._invoice(self.ministry)
        form = self._form(invoice)
        form.l10n_ss_withheld = 32401
        self._refused(form.save(), UserError, "no more than")
        wizard = self._form(invoice).save()
        wizard.amount = 216000
        self._refused(wizard, UserError, "more than what is owed")
        form = self._form(invoice)
        form.payment_date = "2026-11-21"
        self._refused(form.save(), ValidationError, "to come")

    def test_rights(self):
        clerk = new_test_user(self.env, "clerk", groups="account.group_account_invoice", company_id=self.company.id)
        invoice = self._invoice(self.ministry)
        form = self._form(invoice, self.env(user=clerk))
        self.assertEqual(form.amount, 189000)
        form.save()._create_payments()
        self.assertEqual(self._withholdings().create_uid, clerk)
