# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.report_weasyprint.tests.common import pages_of, text_of

from .test_taxes import TaxCommon

ROLL = 80 / 25.4 * 72


@tagged("post_install", "-at_install")
@freeze_time("2026-11-20 10:00:00")
class TestPapers(TaxCommon):
    def _pdf(self, report, records):
        return self.env["ir.actions.report"]._render_qweb_weasyprint(f"isp_billing.action_report_isp_{report}", records.ids)[0]

    def _billed(self, **vals):
        line = self._create_line(partner_id=self._create_customer(isp_account_no="C910", **vals).id)
        self._bill(date(2026, 11, 1))
        return line

    def test_invoice_on_the_roll(self):
        invoice = self._billed(vat="123-456-789").period_ids.move_id
        pdf = self._pdf("invoice_roll", invoice)
        self.assertAlmostEqual(float(pages_of(pdf)[0].mediabox.width), ROLL, delta=1)
        text = text_of(pdf)[0]
        for part in (invoice.name, "C910", "123-456-789", "180,000", "36,000", "216,000", "Please pay by"):
            self.assertIn(part, text)

    def test_the_portal_gives_the_invoice(self):
        """Runs keep no PDF: core would show and give out a proforma."""
        invoice = self._billed().period_ids.move_id
        [document] = invoice._get_invoice_legal_documents_all(allow_fallback=True)
        text = text_of(document["content"])[0]
        self.assertIn(invoice.name, text)
        self.assertIn("Please pay by", text)
        self.assertNotIn("roforma", text + document["filename"])
        page, _type = self.env["ir.actions.report"].with_context(proforma_invoice=True)._render_qweb_html("account.account_invoices", invoice.ids)
        self.assertIn(invoice.name, page.decode())
        self.assertNotIn("roforma", page.decode())

    def test_credit_note_asks_for_no_money(self):
        invoice = self._billed().period_ids.move_id
        refund = invoice._reverse_moves([{"invoice_date": date(2026, 11, 10), "date": date(2026, 11, 10)}])
        refund.action_post()
        for report in ("invoice", "invoice_roll"):
            text = text_of(self._pdf(report, refund))[0]
            for part in ("Credit note", refund.name, invoice.name, "36,000", "216,000"):
                self.assertIn(part, text)
            for part in ("Please pay", "Amount due", "How to pay", "Still to pay", "-36,000"):
                self.assertNotIn(part, text)

    def test_rate_of_the_dollar(self):
        invoice = self._billed().period_ids.move_id
        period = invoice.invoice_line_ids.isp_period_id
        self.env.cr.execute("UPDATE isp_period SET usd_rate = 4000, usd_rate_date = '2026-10-31' WHERE id = %s", [period.id])
        period.invalidate_recordset()
        for report in ("invoice", "invoice_roll"):
            text = text_of(self._pdf(report, invoice))[0]
            self.assertIn("4,000 for 1 USD", text.replace("\n", " "))
            self.assertIn("10/31/2026", text)

    def test_withheld_is_told(self):
        invoice = self._billed().period_ids.move_id
        self._withhold(invoice)
        text = text_of(self._pdf("invoice", invoice))[0]
        self.assertIn("27,000", text)
        self.assertIn("189,000", text)

    def test_receipt_on_a4(self):
        line = self._billed()
        payment = self._pay(line.partner_id, 100000, memo="Cheque 9")
        text = text_of(self._pdf("receipt_a4", payment))[0]
        for part in (payment.name, "C910", "Cheque 9", "100,000", "116,000", line.period_ids.move_id.name):
            self.assertIn(part, text)

    def test_excise_return(self):
        self._billed()
        record = self.env["l10n_ss.excise.return"].create({"date_from": "2026-11-01"})
        text = text_of(self._pdf("excise_return", record))[0]
        for part in ("2026-11", "Customers without a State", "180,000", "36,000"):
            self.assertIn(part, text)

    def test_deposit(self):
        plan = self._create_plan("B-DEPOSIT", deposit=50000)
        line = self.env["isp.subscription"].create(
            {"partner_id": self._create_customer().id, "plan_id": plan.id, "anchor_day": 20}
        )
        line._set_state("active", "activation")
        with self.assertRaisesRegex(UserError, "No paid deposit"):
            line.action_print_deposit()
        self._bill(date(2026, 11, 20))
        invoice = line.period_ids.move_id
        self._pay(line.partner_id, 100000)
        with self.assertRaisesRegex(UserError, "No paid deposit"):
            line.action_print_deposit()
        self._pay(line.partner_id, invoice.amount_residual)
        line.action_print_deposit()
        text = text_of(self._pdf("deposit", line))[0]
        self.assertIn("50,000", text)
        self.assertIn(invoice.name, text)
