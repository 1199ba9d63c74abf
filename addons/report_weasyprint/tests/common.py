# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import io

from odoo.tests import TransactionCase
from odoo.tools.pdf import PdfFileReader

PIXEL = b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

PARTNER_PAGE = """
<t t-name="report_weasyprint.test_partner">
    <t t-foreach="docs" t-as="o">
        <t t-call="report_weasyprint.test_partner_document" t-lang="o.lang" lang="o.lang" />
    </t>
</t>
"""
PARTNER_DOCUMENT = """
<t t-name="report_weasyprint.test_partner_document">
    <t t-call="report_weasyprint.layout" title="o.name">
        <h1 t-out="o.name" />
        <div t-out="o.comment" />
        <table class="lines">
            <thead><tr><th>Plan</th><th class="end">Price</th></tr></thead>
            <tr t-foreach="range(int(o.ref or 3))" t-as="i">
                <td>HOME-<t t-out="i" /></td>
                <td class="end"><span class="ltr">SSP 180,000</span></td>
            </tr>
        </table>
    </t>
</t>
"""
PARTNER_RECEIPT = """
<t t-name="report_weasyprint.test_receipt">
    <t t-call="report_weasyprint.receipt_layout">
        <t t-foreach="docs" t-as="o"><p t-out="o.name" /></t>
    </t>
</t>
"""


def pages_of(pdf):
    """Return the pages of a PDF given as bytes."""
    return PdfFileReader(io.BytesIO(pdf)).pages


def text_of(pdf):
    """Return the text of each page of a PDF given as bytes, with single blanks."""
    return [" ".join(page.extract_text().split()) for page in pages_of(pdf)]


class WeasyprintCommon:
    """Reports about partners, for the test classes here and in add-ons that build on this one."""

    @classmethod
    def _set_up_reports(cls):
        for arch in (PARTNER_PAGE, PARTNER_DOCUMENT, PARTNER_RECEIPT):
            key = arch.split('"')[1]
            cls.env["ir.ui.view"].create({"name": key, "key": key, "type": "qweb", "arch": arch})
        cls.page = cls._report(
            "report_weasyprint.test_partner", print_report_name="'Customer - %s' % object.name"
        )
        cls.receipt = cls._report("report_weasyprint.test_receipt")

    @classmethod
    def _report(cls, template, **values):
        return cls.env["ir.actions.report"].create(
            {
                "name": template,
                "model": "res.partner",
                "report_name": template,
                "report_type": "qweb-weasyprint",
                **values,
            }
        )

    @classmethod
    def _pdf(cls, report, records, **context):
        pdf, kind = (
            cls.env["ir.actions.report"].with_context(**context)._render(report.report_name, records.ids)
        )
        assert kind == "pdf"
        return pdf


class WeasyprintCase(WeasyprintCommon, TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_reports()
        cls.partner = cls.env["res.partner"].create({"name": "Achol Deng", "lang": "en_US"})
