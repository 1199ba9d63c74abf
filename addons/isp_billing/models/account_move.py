# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    isp_run_id = fields.Many2one("isp.billing.run", string="Billing run", readonly=True, copy=False, ondelete="set null", index="btree_not_null")
    isp_opening_partner_id = fields.Many2one(
        "res.partner",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="The customer whose balance this entry brought from the system before.",
    )

    _isp_one_opening = models.UniqueIndex(
        "(company_id, isp_opening_partner_id) WHERE isp_opening_partner_id IS NOT NULL AND state <> 'cancel'",
        "The opening balance of this customer is booked already.",
    )

    def _isp_post(self):
        """Post a batch of invoices of one journal and one date.

        Their numbers are given here: the first asks the journal for its last number and holds the
        numbering until the end of the transaction, the others count on without asking again.
        """
        # Their lines are complete and dated, so posting has none to add or change.
        context = {"isp_last_sequence": {}, "skip_invoice_sync": True, "skip_invoice_line_sync": True}
        self.with_context(**context)._post(soft=False)

    def _get_last_sequence(self, relaxed=False, with_prefix=None):
        """Override of `account`: within one batch of `_isp_post` the journal is asked once.

        The answer is used for its format; the number itself is counted on by `_locked_increment`.
        """
        cache = self.env.context.get("isp_last_sequence")
        if cache is None or with_prefix is not None:
            return super()._get_last_sequence(relaxed, with_prefix)
        key = (self.journal_id, self.date, self.move_type, relaxed)
        if key not in cache:
            cache[key] = super()._get_last_sequence(relaxed, with_prefix)
        return cache[key]

    def _isp_opening_amount(self):
        """:return: the balance this entry brought, above zero when the customer owed it"""
        self.ensure_one()
        lines = self.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return sum(lines.mapped("balance"))

    def _isp_next_number(self):
        """Take the number that follows in the sequence of this invoice, which was posted in this transaction.

        :return: (name, number). The invoice's own number is not committed yet, so nobody else can take the next ones.
        """
        self.ensure_one()
        template, values = self._get_sequence_format_param(self.name)
        values.pop("seq")
        cache = self._get_sequence_cache()
        key = (template.format(**values, seq=0), self.journal_id)
        if key not in cache:
            domain = [("journal_id", "=", self.journal_id.id), ("sequence_prefix", "=", self.sequence_prefix)]
            cache[key] = self._read_group(domain, [], ["sequence_number:max"])[0][0]
        cache[key] += 1
        return template.format(**values, seq=cache[key]), cache[key]

    def _isp_lines_with_index(self):
        """:return: [(line, number of the invoice line that charges a ledger row, None for taxes and terms)]"""
        self.ensure_one()
        lines = self.line_ids.sorted("id")
        charges = lines.filtered("isp_period_id")
        return [(line, charges.ids.index(line.id) if line in charges else None) for line in lines]

    def _invoice_paid_hook(self):
        """Override of `account`: a paid invoice may bring a service back."""
        result = super()._invoice_paid_hook()
        self.filtered(lambda move: move.move_type == "out_invoice").partner_id._isp_on_settled()
        return result
