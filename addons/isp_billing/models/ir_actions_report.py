# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IrActionsReport(models.Model):
    _inherit = "ir.actions.report"

    def _get_rendering_context(self, report, docids, data):
        """Override of `account`: each print of a receipt is logged; one printed again says that it is a copy.

        An invoice that is posted is no proforma because nobody has printed it yet.
        """
        context = super()._get_rendering_context(report, docids, data)
        if context.get("proforma") and report.model == "account.move":
            context["proforma"] = any(move.state != "posted" for move in self.env["account.move"].browse(docids))
        if report.model == "account.payment" and report.report_name.startswith("isp_billing.report_isp_receipt"):
            payments = self.env["account.payment"].browse(docids)
            payments.check_access("read")
            context["isp_prints"] = self.env["isp.print.log"]._log(payments)
        return context
