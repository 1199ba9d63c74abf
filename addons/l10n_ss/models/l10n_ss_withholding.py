# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import SQL

STATES = [
    ("draft", "Draft"),
    ("awaited", "Certificate awaited"),
    ("received", "Certificate received"),
    ("claimed", "Claimed"),
    ("cancelled", "Cancelled"),
]
#: Tax that the books hold as withheld.
BOOKED = ("awaited", "received", "claimed")


class L10nSsWithholding(models.Model):
    """Tax that a customer kept back when paying, and the certificate it gives for it.

    Recording books the amount: debit withholding tax receivable, credit the customer, reconciled with the invoices.
    So money paid and tax withheld together pay an invoice, whether the certificate is there or still to come. The tax can
    be claimed with the certificate only, so each one awaited stays on a list.

    Idempotency: the state, read under the row's lock; the certificate number is UNIQUE in a company; what is withheld
    on an invoice can never exceed the rate on its total, so recording one payment twice is refused.
    """

    _name = "l10n_ss.withholding"
    _description = "Tax withheld by a customer"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "date desc, id desc"
    _check_company_auto = True

    partner_id = fields.Many2one(
        "res.partner", string="Customer", required=True, index=True, ondelete="restrict", domain="[('parent_id', '=', False)]"
    )
    date = fields.Date(
        string="Withheld on",
        required=True,
        default=lambda self: self.env["l10n_ss.certificate"]._today(),
        help="Day of the payment: it chooses the rate and dates the entry.",
        tracking=True,
    )
    certificate_no = fields.Char(string="Certificate number", copy=False, tracking=True)
    certificate_date = fields.Date(copy=False, tracking=True)
    document = fields.Binary(string="Copy", attachment=True, copy=False)
    document_name = fields.Char(copy=False)
    state = fields.Selection(STATES, default="draft", required=True, readonly=True, copy=False, index=True, tracking=True)
    line_ids = fields.One2many("l10n_ss.withholding.line", "withholding_id", string="Invoices", copy=False)
    amount = fields.Monetary(string="Withheld", compute="_compute_amount", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    tax_id = fields.Many2one("account.tax", compute="_compute_tax_id", string="Rate")
    move_id = fields.Many2one("account.move", string="Journal entry", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    claimed_on = fields.Date(readonly=True, copy=False, tracking=True)
    days_awaited = fields.Integer(compute="_compute_days_awaited")
    cancel_reason = fields.Char(copy=False, tracking=True)
    note = fields.Text()

    _certificate_unique = models.UniqueIndex(
        "(company_id, lower(certificate_no)) WHERE certificate_no IS NOT NULL AND state <> 'cancelled'",
        "This withholding certificate is recorded already.",
    )

    # === Computes === #

    @api.depends("line_ids.amount")
    def _compute_amount(self):
        for withholding in self:
            withholding.amount = sum(withholding.line_ids.mapped("amount"))

    @api.depends("date", "company_id")
    def _compute_tax_id(self):
        for withholding in self:
            company = withholding.company_id or self.env.company
            withholding.tax_id = withholding.date and self.env["account.tax"].sudo()._l10n_ss_tax_at(
                "withholding", withholding.date, company
            )

    @api.depends("date", "state")
    def _compute_days_awaited(self):
        today = self.env["l10n_ss.certificate"]._today()
        for withholding in self:
            awaited = withholding.state == "awaited" and withholding.date
            withholding.days_awaited = (today - withholding.date).days if awaited else 0

    @api.depends("certificate_no", "partner_id.name", "date")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for withholding in self:
            name = withholding.certificate_no or self.env._("Withheld %(date)s", date=withholding.date)
            withholding.display_name = " · ".join(filter(None, (name, withholding.partner_id.name)))

    # === Constraints === #

    @api.constrains("date")
    def _check_date(self):
        today = self.env["l10n_ss.certificate"]._today()
        for withholding in self:
            if withholding.date > today:
                raise ValidationError(self.env._("Tax is recorded once it was withheld; %(date)s is to come.", date=withholding.date))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean(vals) for vals in vals_list])

    def write(self, vals):
        fixed = vals.keys() & {"partner_id", "date", "company_id", "line_ids"}
        if fixed and any(withholding.state != "draft" for withholding in self):
            raise UserError(self.env._("What is booked is not changed. Cancel it and record it anew."))
        number = vals.keys() & {"certificate_no"} and not self._clean(vals)["certificate_no"]
        if number and any(withholding.state in ("received", "claimed") for withholding in self):
            raise UserError(self.env._("A certificate that was received keeps its number."))
        return super().write(self._clean(vals))

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        if any(withholding.state != "draft" for withholding in self):
            raise UserError(self.env._("Tax that was booked as withheld is not deleted; cancel it."))

    @api.model
    def _clean(self, vals):
        """No number is "none", so that the unique index does not compare blanks."""
        if "certificate_no" not in vals:
            return vals
        return {**vals, "certificate_no": (vals["certificate_no"] or "").strip() or False}

    # === Actions === #

    @api.model
    def _action_new(self, invoices):
        partner = invoices.commercial_partner_id
        if len(partner) != 1:
            raise UserError(self.env._("Choose the invoices of one customer."))
        for invoice in invoices:
            self._check_invoice(invoice, partner, invoices.company_id[:1])
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Record withholding"),
            "res_model": self._name,
            "view_mode": "form",
            "context": {
                "default_partner_id": partner.id,
                "default_company_id": invoices.company_id.id,
                "default_line_ids": [Command.create({"invoice_id": invoice.id}) for invoice in invoices],
            },
        }

    def action_confirm(self):
        """Book the tax withheld and set it against the invoices."""
        for withholding in self:
            withholding._confirm()

    def action_received(self):
        """The certificate is here."""
        self._lock_rows()
        for withholding in self.filtered(lambda w: w.state == "awaited"):
            if not withholding.certificate_no:
                raise UserError(self.env._("Enter the number of the certificate first."))
            withholding.state = "received"

    def action_claim(self):
        """Mark as claimed from the Revenue Authority: no certificate is claimed twice."""
        self._lock_rows()
        for withholding in self:
            if withholding.state == "awaited":
                raise UserError(
                    self.env._("%(withholding)s: without its certificate the tax cannot be claimed.", withholding=withholding.display_name)
                )
            if withholding.state == "received":
                withholding.write({"state": "claimed", "claimed_on": self.env["l10n_ss.certificate"]._today()})

    def action_cancel(self):
        """Take the entry back: the customer owes the amount again."""
        for withholding in self:
            withholding._cancel()

    def action_open_entry(self):
        self.ensure_one()
        return self.move_id._get_records_action()

    # === Business === #

    def _confirm(self):
        """Book a draft; one that is booked already is left alone.

        :raise UserError: no line, no rate on that day, an invoice that is not this customer's or bears too much

        Transaction: the caller's. Entry, reconciliation and state are committed together.
        """
        self.ensure_one()
        self._lock_rows()
        if self.state != "draft":
            return
        if not self.line_ids:
            raise UserError(self.env._("Add the invoices on which tax was withheld."))
        self._tax_account()
        self.line_ids.invoice_id._l10n_ss_lock()
        for line in self.line_ids:
            self._check_invoice(line.invoice_id, self.partner_id, self.company_id)
            line._check_amount()
        move = self.env["account.move"].with_company(self.company_id).create(self._prepare_entry())
        move.action_post()
        for line in self.line_ids:
            line.invoice_id.l10n_ss_withheld += line.amount
        self.write({"move_id": move.id, "state": "received" if self.certificate_no else "awaited"})
        self._settle(move)

    def _settle(self, move):
        """Set each amount against its invoice. Hook: what is left, because the invoice is paid otherwise, is credit.

        :param move: the posted entry, its credit lines in the order of ``line_ids``
        """
        credits = move.line_ids.filtered(lambda item: item.account_type == "asset_receivable").sorted("id")
        for line, credit in zip(self.line_ids, credits, strict=True):
            open_items = line._receivable_items().filtered(lambda item: not item.reconciled)
            if open_items:
                (credit + open_items).reconcile()

    def _cancel(self):
        self.ensure_one()
        self._lock_rows()
        if self.state == "cancelled":
            return
        if self.state not in ("awaited", "received"):
            raise UserError(self.env._("Only what is booked and not claimed can be cancelled."))
        if not (self.cancel_reason or "").strip():
            raise UserError(self.env._("Say why it is cancelled."))
        self.line_ids.invoice_id._l10n_ss_lock()
        reason = self.env._("Withholding cancelled: %(reason)s", reason=self.cancel_reason)
        self.move_id._reverse_moves([{"ref": reason, "date": self._reversal_date()}], cancel=True)
        for line in self.line_ids:
            line.invoice_id.l10n_ss_withheld -= line.amount
        self.state = "cancelled"

    def _reversal_date(self):
        return self.env["l10n_ss.certificate"]._today()

    def _prepare_entry(self):
        """:return: values of the journal entry; hook"""
        self.ensure_one()
        text = self.env._("Tax withheld, certificate %(number)s", number=self.certificate_no or self.env._("awaited"))
        tax_item = {
            "account_id": self._tax_account().id,
            "partner_id": self.partner_id.id,
            "name": text,
            "debit": self.amount,
        }
        return {
            "move_type": "entry",
            "company_id": self.company_id.id,
            "journal_id": self._journal().id,
            "date": self.date,
            "ref": text,
            "line_ids": [
                Command.create(tax_item),
                *(Command.create(line._prepare_credit_item()) for line in self.line_ids),
            ],
        }

    def _journal(self):
        journals = self.env["account.journal"]
        domain = [*journals._check_company_domain(self.company_id), ("type", "=", "general")]
        return journals.search(domain, limit=1)

    def _tax_account(self):
        tax = self.tax_id
        account = tax.invoice_repartition_line_ids.filtered(lambda line: line.repartition_type == "tax").account_id[:1]
        if not account:
            raise UserError(
                self.env._(
                    "No rate of withholding tax holds on %(date)s in %(company)s. Set one up under Taxes.",
                    date=self.date,
                    company=self.company_id.name,
                )
            )
        return account

    @api.model
    def _check_invoice(self, invoice, partner, company):
        if invoice.move_type != "out_invoice" or invoice.state != "posted":
            raise UserError(self.env._("%(invoice)s is not a posted customer invoice.", invoice=invoice.display_name))
        if invoice.commercial_partner_id != partner.commercial_partner_id or invoice.company_id != company:
            raise UserError(
                self.env._("%(invoice)s is not an invoice of %(customer)s.", invoice=invoice.display_name, customer=partner.name)
            )
        if invoice.currency_id != company.currency_id:
            raise UserError(
                self.env._("%(invoice)s is not in the company's currency; book its withholding by hand.", invoice=invoice.display_name)
            )

    def _lock_rows(self):
        if not self.ids:
            return
        self.check_access("write")
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM l10n_ss_withholding WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset(["state"])
