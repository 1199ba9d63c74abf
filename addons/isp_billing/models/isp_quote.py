# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import namedtuple

from odoo import api, fields, models

#: What rows of the ledger come to; below zero: a credit. In the company's currency.
Quote = namedtuple("Quote", "untaxed tax total")


class IspQuote(models.AbstractModel):
    """What rows of the ledger will come to on the invoice, before they are written.

    Made of the same values as the invoice, with the taxes of the day, so what is shown is what is booked.
    """

    _name = "isp.quote"
    _description = "Price of rows of the ledger with taxes"

    @api.model
    def _quote(self, vals_list, company, invoice_date=None, periods=None):
        """:param vals_list: values of ``isp.period`` rows of one customer
        :param periods: rows that stand in the ledger and go on the same invoice
        :return: ``Quote``; writes nothing
        """
        rows = periods or self.env["isp.period"]
        for vals in vals_list:
            rows += rows.new(vals)
        total = Quote(0, 0, 0)
        if not rows:
            return total
        invoicing = self.env["isp.invoicing"].sudo().with_company(company)
        day = invoice_date or company._isp_today()
        for part in invoicing._split(rows.sudo(), day):
            total = Quote(*map(sum, zip(total, self._document(invoicing, part, day), strict=True)))
        return total

    @api.model
    def _document(self, invoicing, rows, day):
        vals = invoicing._prepare_move_vals(rows, day)
        for _command, _id, line in vals["invoice_line_ids"]:
            line.pop("isp_period_id")
        move = invoicing.env["account.move"].with_context(l10n_ss_date=fields.Date.to_string(day)).new(vals)
        totals, sign = move.tax_totals, -1 if move.move_type == "out_refund" else 1
        return Quote(
            sign * totals["base_amount_currency"],
            sign * totals["tax_amount_currency"],
            sign * totals["total_amount_currency"],
        )
