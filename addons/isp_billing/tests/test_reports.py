# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.tests import tagged

from odoo.addons.report_weasyprint.tests.common import pages_of, text_of

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestReports(BillingCommon):
    def _pdf(self, report, records):
        content, kind = self.env["ir.actions.report"]._render_qweb_weasyprint(f"isp_billing.{report}", records.ids)
        self.assertEqual(kind, "pdf")
        return content

    def test_invoice(self):
        partner = self._create_customer(isp_account_no="C900", vat="123-456-789")
        line = self._create_line(partner_id=partner.id)
        self._bill(date(2026, 11, 1))
        pages = text_of(self._pdf("action_report_isp_invoice", line.period_ids.move_id))
        self.assertEqual(len(pages), 1)
        for text in (line.period_ids.move_id.name, "C900", "123-456-789", "180,000", "36,000", "216,000", "Please pay by"):
            self.assertIn(text, pages[0])
        self.assertNotIn("216,000.00", pages[0])

    def test_invoice_tells_what_is_still_to_pay(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        self._pay(line.partner_id, 16000)
        text = text_of(self._pdf("action_report_isp_invoice", line.period_ids.move_id))[0]
        self.assertIn("Still to pay", text)
        self.assertIn("200,000", text)

    def test_many_invoices_are_one_document(self):
        lines = self._create_line() + self._create_line()
        self._bill(date(2026, 11, 1))
        self.assertEqual(len(pages_of(self._pdf("action_report_isp_invoice", lines.period_ids.move_id))), 2)

    def test_receipt_is_80_mm_and_tells_the_balance(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        payment = self._pay(line.partner_id, 100000, memo="cash at the desk")
        pdf = self._pdf("action_report_isp_receipt", payment)
        self.assertAlmostEqual(float(pages_of(pdf)[0].mediabox.width), 80 / 25.4 * 72, delta=1)
        text = text_of(pdf)[0]
        for part in (payment.name, "100,000", "Still to pay", "116,000", line.period_ids.move_id.name, "cash at the desk"):
            self.assertIn(part, text)

    def test_receipt_of_more_than_was_owed(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        text = text_of(self._pdf("action_report_isp_receipt", self._pay(line.partner_id, 220000)))[0]
        self.assertIn("Your credit", text)
        self.assertIn("4,000", text)

    def test_printed_again_it_is_a_copy_and_reversed_it_says_so(self):
        payment = self._pay(self._create_line().partner_id, 5000)
        self.assertNotIn("COPY", text_of(self._pdf("action_report_isp_receipt", payment))[0])
        text = text_of(self._pdf("action_report_isp_receipt", payment))[0]
        self.assertIn("COPY 1", text)
        self.assertIn(self.env.user.name, text)
        payment._isp_reverse(date(2026, 11, 20), "wrong customer")
        text = text_of(self._pdf("action_report_isp_receipt", payment))[0]
        self.assertIn("COPY 2", text)
        self.assertIn("REVERSED", text)
        log = self.env["isp.print.log"].search([("payment_id", "=", payment.id)])
        self.assertEqual(log.mapped("copy_no"), [2, 1, 0])
