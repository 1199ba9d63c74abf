# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspNotice(models.Model):
    """Notices of kind "invoice": what is to be paid is read when the text is made, so that a payment in between counts."""

    _inherit = "isp.notice"

    def _hand_over(self):
        """Extend: the invoices of a batch are read at once."""
        moves = self.filtered(lambda n: n.kind == "invoice" and n.res_id).mapped("res_id")
        invoices = self.env["account.move"].browse(moves).exists()
        invoices.fetch(["state", "payment_state", "amount_residual_signed"])
        return super()._hand_over()

    def _invoice(self):
        return self.env["account.move"].browse(self.res_id if self.res_model == "account.move" else False).exists()

    def _refusal(self, template, dues):
        """Extend: an invoice that was taken back is not told."""
        if self.kind == "invoice":
            invoice = self._invoice()
            if invoice.state != "posted" or invoice.payment_state == "reversed":
                return self.env._("The invoice does not stand any more.")
        return super()._refusal(template, dues)

    def _refusal_of_sms(self):
        """Extend: by the company's setting, and not for what credit has paid."""
        if self.kind == "invoice":
            if not self.company_id.isp_invoice_sms:
                return self.env._("Invoices are not told by SMS.")
            if self._invoice().amount_residual_signed <= 0:
                return self.env._("Paid meanwhile.")
        return super()._refusal_of_sms()

    def _email(self):
        """Extend: by the company's setting."""
        if self.kind == "invoice" and not self.company_id.isp_invoice_email:
            return False
        return super()._email()

    def _late_values(self, lang, wanted):
        """Extend: what is left to pay, and the address at which the invoice is shown."""
        values = super()._late_values(lang, wanted)
        if self.kind == "invoice":
            invoice = self._invoice()
            values["due"] = self._money(invoice.amount_residual_signed, self.company_id, lang)
            if "link" in wanted:
                values["link"] = invoice.get_base_url() + invoice.get_portal_url()
        return values
