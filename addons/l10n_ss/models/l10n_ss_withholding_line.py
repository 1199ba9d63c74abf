# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError


class L10nSsWithholdingLine(models.Model):
    """The tax withheld on one invoice: a rate on what is charged for the service, without excise."""

    _name = "l10n_ss.withholding.line"
    _description = "Tax withheld on an invoice"
    _order = "withholding_id desc, id"

    withholding_id = fields.Many2one("l10n_ss.withholding", required=True, index=True, ondelete="cascade")
    invoice_id = fields.Many2one("account.move", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="withholding_id.company_id")
    currency_id = fields.Many2one(related="withholding_id.currency_id")
    invoice_date = fields.Date(related="invoice_id.invoice_date")
    total = fields.Monetary(related="invoice_id.amount_total", string="Invoice total")
    residual = fields.Monetary(related="invoice_id.amount_residual", string="Open")
    base = fields.Monetary(related="invoice_id.amount_untaxed", string="Base (without excise)")
    amount = fields.Monetary(string="Withheld", compute="_compute_amount", store=True, readonly=False, precompute=True)

    _once_an_invoice = models.Constraint(
        "UNIQUE(withholding_id, invoice_id)", "Each invoice stands once in a record of withholding."
    )

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._check_draft()
        return lines

    def write(self, vals):
        self._check_draft()
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        self._check_draft()

    def _check_draft(self):
        if any(line.withholding_id.state != "draft" for line in self):
            raise UserError(self.env._("What is booked is not changed. Cancel it and record it anew."))

    @api.depends("invoice_id", "withholding_id.date")
    def _compute_amount(self):
        """Propose the rate of the day on the base, less what is recorded on the invoice already."""
        for line in self:
            if line.withholding_id.state not in (False, "draft"):
                line.amount = line.amount
                continue
            line.amount = line.invoice_id._l10n_ss_proposed(line._rate()) if line.invoice_id else 0

    def _rate(self):
        """:return: share withheld, e.g. 0.15; the tax itself is kept below zero, as a deduction"""
        return abs(self.withholding_id.tax_id.amount) / 100

    def _check_amount(self):
        """Offices differ in whether they withhold on the price or on the total with excise; none withholds more."""
        currency, invoice = self.currency_id, self.invoice_id
        most = invoice._l10n_ss_most(self._rate())
        if currency.compare_amounts(self.amount, 0) <= 0:
            raise UserError(
                self.env._("%(invoice)s: enter the amount that was withheld, or remove the line.", invoice=invoice.display_name)
            )
        if currency.compare_amounts(self.amount, most) > 0:
            raise UserError(
                self.env._(
                    "%(invoice)s: no more than %(most)s can be withheld (%(already)s is recorded already).",
                    invoice=invoice.display_name,
                    most=currency.format(max(most, 0)),
                    already=currency.format(invoice.l10n_ss_withheld),
                )
            )

    def _receivable_items(self):
        """:return: the journal items by which the customer owes the invoice"""
        return self.invoice_id.line_ids.filtered(lambda item: item.account_type == "asset_receivable")

    def _prepare_credit_item(self):
        self.ensure_one()
        return {
            "account_id": self._receivable_items().account_id[:1].id,
            "partner_id": self.invoice_id.commercial_partner_id.id,
            "name": self.env._("Tax withheld on %(invoice)s", invoice=self.invoice_id.name),
            "credit": self.amount,
        }
