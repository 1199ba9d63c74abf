# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import io
import logging

from weasyprint.urls import FatalURLFetchingError

from odoo import fields, models
from odoo.exceptions import UserError

from ..tools import InsideFetcher, html_to_pdf

_logger = logging.getLogger(__name__)

WEASYPRINT = "qweb-weasyprint"


class IrActionsReport(models.Model):
    """A second engine for PDF reports, beside wkhtmltopdf.

    All of Odoo's ways to a PDF (print button, ``/report/pdf``, mail templates, sending invoices, the portal)
    come through ``_pre_render_qweb_pdf`` and ``_render_qweb_pdf_prepare_streams``; this is where the engine is
    chosen. Storing and merging stay Odoo's.
    """

    _inherit = "ir.actions.report"

    report_type = fields.Selection(
        selection_add=[(WEASYPRINT, "PDF (WeasyPrint)")], ondelete={WEASYPRINT: "set default"}
    )
    weasyprint_together = fields.Boolean(
        "One Document for All Records",
        help="Set all records as one document with one page count (a list, a sheet of vouchers). Otherwise each "
        "record is a document of its own, starting at page 1.",
    )

    def _render_qweb_weasyprint(self, report_ref, res_ids=None, data=None):
        """Return ``(pdf, "pdf")``; what ``_render`` calls for this report type."""
        return self._render_qweb_pdf(report_ref, res_ids=res_ids, data=data)

    def _pre_render_qweb_pdf(self, report_ref, res_ids=None, data=None):
        if self._get_report(report_ref).report_type == WEASYPRINT:
            # Odoo's tests get HTML because wkhtmltopdf needs a server; this engine does not.
            self = self.with_context(force_report_rendering=True)
        return super()._pre_render_qweb_pdf(report_ref, res_ids=res_ids, data=data)

    def _render_qweb_pdf_prepare_streams(self, report_ref, data, res_ids=None):
        report = self._get_report(report_ref)
        if report.report_type != WEASYPRINT:
            return super()._render_qweb_pdf_prepare_streams(report_ref, data, res_ids=res_ids)
        records = self.env[report.model].browse(res_ids or [])
        records.check_access("read")
        twice = len(set(records.ids)) != len(records)
        if not records or twice or (report.weasyprint_together and not report.attachment):
            return {False: {"stream": self._weasyprint_stream(report, res_ids, data), "attachment": None}}
        stored = report.attachment and not self.env.context.get("report_pdf_no_attachment")
        streams = {}
        for record in records:
            attachment = report.retrieve_attachment(record) if stored else None
            if attachment and report.attachment_use:
                stream = io.BytesIO(attachment.raw)
            else:
                stream = self._weasyprint_stream(report, record.ids, data)
            streams[record.id] = {"stream": stream, "attachment": attachment}
        return streams

    def _weasyprint_stream(self, report, res_ids, data):
        renderer = self.with_context(debug=False)
        html = renderer._render_qweb_html(report, res_ids, data=data)[0].decode()
        base_url = self._get_report_url()
        paper = report.get_paperformat()
        try:
            pdf = html_to_pdf(
                html,
                fetcher=InsideFetcher(self.env, base_url),
                base_url=base_url,
                page_css=paper._weasyprint_css(self.env.context.get("landscape")),
            )
        except FatalURLFetchingError as error:
            raise error.__cause__ from None
        except Exception as error:
            _logger.exception("WeasyPrint could not set the report %s of %s", report.report_name, res_ids)
            raise UserError(
                self.env._(
                    "The PDF of “%(report)s” could not be made: %(error)s", report=report.name, error=error
                )
            ) from error
        return io.BytesIO(pdf)

    def report_action(self, docids, data=None, config=True):
        # The question for a document layout is about Odoo's own layouts.
        return super().report_action(docids, data=data, config=config and self.report_type != WEASYPRINT)
