# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon
from odoo.addons.report_weasyprint.tests.common import text_of

from .common import BillingCommon


class TaxCommon(BillingCommon):
    """Subscriptions billed with the chart of South Sudan."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("ss")
    def setUpClass(cls):
        super().setUpClass()
        cls.chart = cls.env["account.chart.template"].with_company(cls.company)
        cls.plan.taxes_id = cls.chart.ref("ss_excise_20")

    def _exempt(self, partner, number="EX-1", **vals):
        values = {"partner_id": partner.id, "number": number, "valid_from": "2026-01-01", "valid_to": "2026-12-31", **vals}
        return self.env["l10n_ss.certificate"].create(values)

    def _withhold(self, invoices, day="2026-11-20", **vals):
        lines = [(0, 0, {"invoice_id": invoice.id}) for invoice in invoices]
        withholding = self.env["l10n_ss.withholding"].create(
            {"partner_id": invoices.partner_id.id, "date": day, "line_ids": lines, **vals}
        )
        withholding.action_confirm()
        return withholding


@tagged("post_install", "-at_install")
@freeze_time("2026-11-20 10:00:00")
class TestTaxes(TaxCommon):
    def test_run_exempts_who_has_a_certificate_on_the_invoice_date(self):
        exempt, also, lapsed, plain = (self._create_line() for _number in range(4))
        for number, line in enumerate((exempt, also)):
            self._exempt(line.partner_id, f"EX-{number}")
        self._exempt(lapsed.partner_id, "EX-9", valid_to="2026-10-31")
        self._bill(date(2026, 11, 1))
        lines = (exempt, also, lapsed, plain)
        self.assertEqual([line.period_ids.move_id.amount_tax for line in lines], [0, 0, 36000, 36000])
        self.assertEqual(
            [line.period_ids.move_id.l10n_ss_certificate_id.number for line in lines], ["EX-0", "EX-1", False, False]
        )

    def test_date_of_the_invoice_counts_not_the_period(self):
        line = self._create_line()
        self._exempt(line.partner_id)
        self._bill(date(2026, 11, 1), invoice_date=date(2027, 1, 5))
        self.assertEqual(line.period_ids.move_id.amount_tax, 36000)

    def test_certificate_is_on_the_invoice(self):
        line = self._create_line()
        self._exempt(line.partner_id, "SSRA/EX/0147")
        self._bill(date(2026, 11, 1))
        pdf = self.env["ir.actions.report"]._render_qweb_weasyprint(
            "isp_billing.action_report_isp_invoice", line.period_ids.move_id.ids
        )[0]
        self.assertIn("SSRA/EX/0147", text_of(pdf)[0])

    def test_net_payment_and_withholding_bring_the_service_back(self):
        line = self._create_line()
        self._bill(date(2026, 10, 25), invoice_date=date(2026, 10, 25))
        self._bill(date(2026, 11, 1), invoice_date=date(2026, 10, 25))
        invoice = line.period_ids.move_id
        line._set_state("suspended", "overdue")
        self._pay(line.partner_id, 189000)
        self.assertEqual((line.state, line.overdue), ("suspended", 27000))
        self._withhold(invoice)
        line.invalidate_recordset()
        self.assertEqual((line.state, line.overdue, line.balance), ("active", 0, 0))

    def test_withheld_counts_before_the_certificate_comes(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        withholding = self._withhold(line.period_ids.move_id)
        self.assertEqual((withholding.state, line.balance), ("awaited", 189000))

    def test_money_that_paid_the_first_month_whole(self):
        """Two months paid net in one sum, oldest first: the tax of the first clears the rest of the second."""
        line = self._create_line()
        self._bill(date(2026, 12, 1), invoice_date=date(2026, 11, 1))
        invoices = line.period_ids.move_id
        self.assertEqual(line.balance, 432000)
        self._pay(line.partner_id, 378000)
        self._withhold(invoices)
        line.invalidate_recordset()
        self.assertEqual(line.balance, 0)
        self.assertEqual(set(invoices.mapped("payment_state")), {"paid"})

    def test_customer_service_reads_only(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        certificate = self._exempt(line.partner_id)
        withholding = self._withhold(line.period_ids.move_id)
        service = new_test_user(self.env, "cs", groups="isp_base.group_isp_customer_service", company_id=self.company.id)
        technician = new_test_user(self.env, "te", groups="isp_base.group_isp_technician", company_id=self.company.id)
        for record in (certificate, withholding):
            self.assertTrue(record.with_user(service).read(["partner_id"]))
            with self.assertRaises(AccessError):
                record.with_user(service).write({"note": "x"})
            with self.assertRaises(AccessError):
                record.with_user(technician).read(["partner_id"])
