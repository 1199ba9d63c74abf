# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.sql import column_exists, create_column


class AccountMove(models.Model):
    _inherit = "account.move"

    l10n_ss_certificate_id = fields.Many2one(
        "l10n_ss.certificate",
        string="Exempt by certificate",
        compute="_compute_l10n_ss_certificate_id",
        store=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="The certificate that held on the invoice date.",
    )

    l10n_ss_withheld = fields.Monetary(
        string="Withheld by the customer",
        currency_field="company_currency_id",
        readonly=True,
        copy=False,
        help="Tax the customer kept back and owes a certificate for, or has given one.",
    )

    def _auto_init(self):
        """Invoices of before have no certificate: nothing to compute in a big table."""
        if not column_exists(self.env.cr, "account_move", "l10n_ss_certificate_id"):
            create_column(self.env.cr, "account_move", "l10n_ss_certificate_id", "int4")
        return super()._auto_init()

    @api.depends("partner_id", "company_id", "move_type", "invoice_date", "fiscal_position_id", "reversed_entry_id")
    def _compute_l10n_ss_certificate_id(self):
        for move in self:
            if not move.is_sale_document(include_receipts=True):
                move.l10n_ss_certificate_id = False
            elif move.state == "draft" or not move.l10n_ss_certificate_id:
                original = move.reversed_entry_id.l10n_ss_certificate_id
                certificate = original or move._l10n_ss_exemption()
                fits = move.fiscal_position_id and move.fiscal_position_id == certificate.fiscal_position_id
                move.l10n_ss_certificate_id = certificate if fits else False
            else:
                move.l10n_ss_certificate_id = move.l10n_ss_certificate_id

    def _compute_fiscal_position_id(self):  # pylint: disable=missing-return
        """Override of `account`: certificates count on the invoice date, and when selling only."""
        for day, moves in self.grouped(lambda move: move._l10n_ss_day()).items():
            super(AccountMove, moves.with_context(l10n_ss_date=day))._compute_fiscal_position_id()

    @api.onchange("invoice_date")
    def _onchange_l10n_ss_invoice_date(self):
        self._l10n_ss_follow_date()

    def write(self, vals):
        """Override of `account`: another invoice date may be within or outside a certificate."""
        result = super().write(vals)
        if "invoice_date" in vals and "fiscal_position_id" not in vals:
            self._l10n_ss_follow_date()
        return result

    def _post(self, soft=True):
        """Override of `account`: nothing is exempt by a certificate that does not hold on the invoice date."""
        self._l10n_ss_follow_date(lapsed_only=True)
        return super()._post(soft)

    def _l10n_ss_day(self):
        """:return: the day certificates count on; False where they do not count at all"""
        return self.is_sale_document(include_receipts=True) and (
            self.invoice_date or self.env["l10n_ss.certificate"]._today()
        )

    def _l10n_ss_exemption(self):
        """:return: the certificate of exemption that holds on this document's date, or none"""
        self.ensure_one()
        return self.partner_id._l10n_ss_certificate("exemption", self._l10n_ss_day(), self.company_id)

    def _l10n_ss_follow_date(self, lapsed_only=False):
        """Bring the fiscal position and taxes of drafts in line with the certificates on their date.

        A position chosen by hand stays; so does that of a document which reverses another. Customers without
        a certificate are told by a look into memory.

        :param lapsed_only: only take back what no certificate covers any more
        """
        certificates = self.env["l10n_ss.certificate"]
        for move in self:
            if move.state != "draft" or not move.is_sale_document(include_receipts=True) or move.reversed_entry_id:
                continue
            rows = certificates._valid_periods("exemption", move.company_id).get(move.commercial_partner_id.id, ())
            if move.fiscal_position_id.id not in {row[3] for row in rows} and (lapsed_only or not rows):
                continue
            before = move.fiscal_position_id
            move._compute_fiscal_position_id()
            if move.fiscal_position_id != before:
                move.action_update_fpos_values()

    # === Withholding === #

    def action_l10n_ss_record_withholding(self):
        """Open a new record of tax withheld on these invoices of one customer."""
        return self.env["l10n_ss.withholding"]._action_new(self)

    def _l10n_ss_proposed(self, rate):
        """:return: what is withheld at this rate on the price without excise, less what is recorded already"""
        self.ensure_one()
        return max(self.currency_id.round(rate * self.amount_untaxed) - self.l10n_ss_withheld, 0)

    def _l10n_ss_most(self, rate):
        """:return: the most that can still be withheld: the rate on the total with excise"""
        self.ensure_one()
        return self.currency_id.round(rate * self.amount_total) - self.l10n_ss_withheld

    def _l10n_ss_lock(self):
        """Hold these rows until the end of the transaction; of two who record at once, the second is tried anew."""
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM account_move WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset(["l10n_ss_withheld", "state"])
