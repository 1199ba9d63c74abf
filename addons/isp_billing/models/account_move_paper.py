# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class AccountMove(models.Model):
    """What the papers of an invoice say beside its lines."""

    _inherit = "account.move"

    def _compute_invoice_partner_display_info(self):
        """Override of `account`: stored for all, so in no language in particular (Arabic screens show Arabic names)."""
        return super(AccountMove, self.with_context(lang=False))._compute_invoice_partner_display_info()

    def _get_invoice_pdf_proforma(self):
        """Override of `account`: runs keep no PDF, and what the portal then gives out is the invoice, not a proforma."""
        self.ensure_one()
        if self.state != "posted" or not self.is_sale_document():
            return super()._get_invoice_pdf_proforma()
        pdf, _type = self.env["ir.actions.report"]._render_qweb_weasyprint("isp_billing.action_report_isp_invoice", self.ids)
        return {"filename": self._get_invoice_report_filename(), "filetype": "pdf", "content": pdf}

    def _isp_usd_rates(self):
        """:return: [(units of the company's currency for 1 USD, day of that rate)] by which prices of this document were made"""
        self.ensure_one()
        periods = self.invoice_line_ids.isp_period_id.sudo()
        return sorted({(period.usd_rate, period.usd_rate_date) for period in periods if period.usd_rate and period.usd_rate_date})

    def _isp_tax_rows(self):
        """:return: [(name of the tax, amount as on the document)]"""
        self.ensure_one()
        rows = {}
        for line in self.line_ids.filtered("tax_line_id"):
            name = line.tax_line_id.invoice_label or line.tax_line_id.name
            rows[name] = rows.get(name, 0) + self.direction_sign * line.amount_currency
        return list(rows.items())
