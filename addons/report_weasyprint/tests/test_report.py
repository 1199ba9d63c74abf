# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import io
from unittest.mock import patch

from lxml import html

from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import WeasyprintCase, pages_of, text_of

ENGINE = "odoo.addons.report_weasyprint.models.ir_actions_report"


@tagged("post_install", "-at_install")
class TestReport(WeasyprintCase):
    def test_pdf(self):
        pdf = self._pdf(self.page, self.partner)
        self.assertTrue(pdf.startswith(b"%PDF"))
        (text,) = text_of(pdf)
        for part in ("Achol Deng", "HOME-0", "SSP 180,000", "1 / 1", self.env.company.name):
            self.assertIn(part, text)
        self.assertLess(text.index("HOME-0"), text.index("HOME-2"))
        self.assertEqual([round(float(side)) for side in pages_of(pdf)[0].mediabox[2:]], [595, 842])

    def test_running_head_and_page_numbers(self):
        self.partner.ref = "80"
        first, *rest = text_of(self._pdf(self.page, self.partner))
        self.assertEqual(len(rest), 2)
        self.assertIn("1 / 3", first)
        for number, text in enumerate(rest, 2):
            self.assertIn(f"{number} / 3", text)
            self.assertIn("Achol Deng", text)  # the running head
            self.assertIn("Plan", text)  # the table's head is repeated

    def test_each_record_is_a_document(self):
        others = self.partner + self.partner.copy({"name": "Nyandeng", "ref": "40"}) + self.partner.copy()
        texts = text_of(self._pdf(self.page, others))
        self.assertEqual(len(texts), 4)
        self.assertIn("1 / 1", texts[0])
        self.assertIn("1 / 2", texts[1])
        self.assertIn("2 / 2", texts[2])
        self.assertIn("1 / 1", texts[3])

    def test_all_records_together(self):
        self.receipt.weasyprint_together = True
        (text,) = text_of(self._pdf(self.receipt, self.partner + self.partner.copy({"name": "Nyandeng"})))
        self.assertIn("Achol Deng", text)
        self.assertIn("Nyandeng", text)

    def test_receipt_is_80_mm_wide_and_short(self):
        (page,) = pages_of(self._pdf(self.receipt, self.partner))
        self.assertAlmostEqual(float(page.mediabox.width), 226.77, places=1)
        self.assertLess(float(page.mediabox.height), 300)

    def test_paper_of_the_report(self):
        self.env["ir.ui.view"].create(
            {
                "name": "bare",
                "key": "report_weasyprint.test_bare",
                "type": "qweb",
                "arch": """<t t-call="report_weasyprint.document"><p>x</p></t>""",
            }
        )
        paper = self.env["report.paperformat"].create(
            {
                "name": "Label",
                "format": "custom",
                "page_width": 60,
                "page_height": 40,
                "orientation": "Portrait",
            }
            | {f"margin_{side}": 2 for side in ("top", "right", "bottom", "left")}
        )
        bare = self._report("report_weasyprint.test_bare", paperformat_id=paper.id)
        (page,) = pages_of(self._pdf(bare, self.partner))
        self.assertEqual([round(float(side) / 72 * 25.4) for side in page.mediabox[2:]], [60, 40])
        (page,) = pages_of(self._pdf(bare, self.partner, landscape=True))
        self.assertEqual([round(float(side) / 72 * 25.4) for side in page.mediabox[2:]], [40, 60])

    # === Language === #

    def _html(self, partner):
        page = self.env["ir.actions.report"]._render_qweb_html(self.page.report_name, partner.ids)[0]
        return html.fromstring(page)

    def test_left_to_right(self):
        page = self._html(self.partner)
        self.assertEqual((page.get("lang"), page.get("dir")), ("en-US", "ltr"))

    def test_right_to_left(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.partner.write({"lang": "ar_001", "name": "جون بيتيا"})
        page = self._html(self.partner)
        self.assertEqual((page.get("lang"), page.get("dir")), ("ar-001", "rtl"))

    def test_arabic_is_shaped_and_set_from_the_right(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.partner.write({"lang": "ar_001", "name": "محمد"})
        pdf = self._pdf(self.page, self.partner)
        fonts = pages_of(pdf)[0]["/Resources"]["/Font"].values()
        self.assertTrue([font for font in fonts if "Arabic" in font.get_object()["/BaseFont"]])
        text = " ".join(text_of(pdf))
        self.assertTrue("محمد" in text or "دمحم" in text, text)
        # The table's rows are drawn in the order of their cells: plan, then price.
        for plan, price in self._rows(pdf):
            self.assertGreater(plan, price)
        self.partner.lang = "en_US"
        for plan, price in self._rows(self._pdf(self.page, self.partner)):
            self.assertLess(plan, price)

    def _rows(self, pdf):
        """Return the places across the page of the first and the last text of each row of the table."""
        places = {}

        def visit(operator, operands, _cm, _tm):
            if operator == b"Tm":
                places.setdefault(float(operands[5]), []).append(float(operands[4]))

        pages_of(pdf)[0].extract_text(visitor_operand_before=visit)
        rows = [row for row in places.values() if len(row) > 1][-5:-1]  # the last one is the foot
        self.assertEqual(len(rows), 4)
        return [(row[0], row[-1]) for row in rows]

    # === Attachments === #

    def test_attachment_is_stored_once_and_reused(self):
        self.page.write({"attachment": "'Page %s.pdf' % object.id", "attachment_use": True})
        others = self.partner + self.partner.copy()
        first = self._pdf(self.page, others)
        stored = self.env["ir.attachment"].search(
            [("res_model", "=", "res.partner"), ("res_id", "in", others.ids)]
        )
        stored = stored.filtered(lambda attachment: attachment.name.startswith("Page"))
        self.assertEqual(len(stored), 2)
        self.assertEqual(set(stored.mapped("mimetype")), {"application/pdf"})
        with patch(f"{ENGINE}.html_to_pdf", side_effect=AssertionError("set again")):
            self.assertEqual(
                self._pdf(self.page, self.partner), stored.filtered(lambda a: a.res_id == self.partner.id).raw
            )
            self.assertEqual(text_of(self._pdf(self.page, others)), text_of(first))

    def test_stored_attachment_needs_the_right_to_read_the_record(self):
        self.page.write({"attachment": "'Page.pdf'", "attachment_use": True, "model": "ir.config_parameter"})
        parameter = self.env["ir.config_parameter"].search([], limit=1)
        self.env["ir.attachment"].create(
            {
                "name": "Page.pdf",
                "raw": b"%PDF-secret",
                "res_model": "ir.config_parameter",
                "res_id": parameter.id,
            }
        )
        clerk = self.env["res.users"].create({"name": "Clerk", "login": "clerk"})
        with self.assertRaises(UserError):
            self.env(user=clerk)["ir.actions.report"]._render_qweb_pdf(self.page.id, parameter.ids)

    def test_mail_template_attaches_the_pdf(self):
        if "mail.template" not in self.env:
            self.skipTest("needs mail")
        template = self.env["mail.template"].create(
            {
                "name": "With page",
                "model_id": self.env["ir.model"]._get_id("res.partner"),
                "report_template_ids": [(6, 0, self.page.ids)],
            }
        )
        values = template._generate_template(self.partner.ids, ["report_template_ids"])[self.partner.id]
        ((name, content),) = values["attachments"]
        self.assertEqual(name, "Customer - Achol Deng.pdf")
        self.assertTrue(content)

    def test_invoice_is_sent_with_the_pdf(self):
        if "account.move.send" not in self.env:
            self.skipTest("needs account")
        report = self.env["ir.actions.report"]
        invoice_report = self._report(
            "report_weasyprint.test_receipt", model="res.partner", is_invoice_report=True
        )
        content, kind = report._pre_render_qweb_pdf(invoice_report.id, res_ids=self.partner.ids)
        parts = report._get_splitted_report(invoice_report.id, content, kind)
        self.assertTrue(parts[self.partner.id].startswith(b"%PDF"))

    # === Errors === #

    @mute_logger(ENGINE)
    def test_an_error_is_told_and_nothing_is_stored(self):
        self.page.attachment = "'Page.pdf'"
        with (
            patch(f"{ENGINE}.html_to_pdf", side_effect=RuntimeError("no font")),
            self.assertRaisesRegex(UserError, "could not be made: no font"),
        ):
            self._pdf(self.page, self.partner)
        self.assertFalse(self.env["ir.attachment"].search_count([("name", "=", "Page.pdf")]))

    def test_other_reports_keep_their_engine(self):
        self.page.report_type = "qweb-pdf"
        with patch(f"{ENGINE}.html_to_pdf", side_effect=AssertionError("wrong engine")):
            content, kind = self.env["ir.actions.report"]._render_qweb_pdf(self.page.id, self.partner.ids)
        self.assertEqual(kind, "html")  # what Odoo gives in tests

    def test_one_broken_record_stops_the_whole(self):
        others = self.partner + self.partner.copy()
        real = io.BytesIO
        with (
            patch(f"{ENGINE}.html_to_pdf", side_effect=[b"%PDF-1.7", RuntimeError("second")]),
            mute_logger(ENGINE),
            self.assertRaisesRegex(UserError, "second"),
        ):
            self._pdf(self.page, others)
        self.assertIs(io.BytesIO, real)
