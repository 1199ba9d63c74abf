# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

#: Parts of what core says is to be paid; each is less by what the customer keeps back.
_TO_PAY = ("amount_by_default", "full_amount", "amount_for_difference", "full_amount_for_difference")


class AccountPaymentRegister(models.TransientModel):
    """A customer who withholds pays net: the money received and the tax withheld are recorded together.

    The tax is recorded by ``l10n_ss.withholding``, in the transaction of the payment: both or neither. Idempotency: its
    own (certificate number UNIQUE; never more withheld than the rate on an invoice's total).
    """

    _inherit = "account.payment.register"

    l10n_ss_withholds = fields.Boolean(compute="_compute_l10n_ss_withholds")
    l10n_ss_tax_id = fields.Many2one("account.tax", compute="_compute_l10n_ss_withholds", string="Rate")
    l10n_ss_withheld = fields.Monetary(
        string="Withheld",
        currency_field="company_currency_id",
        compute="_compute_l10n_ss_withheld",
        store=True,
        readonly=False,
        help="Tax the customer kept back. Money and tax together pay the invoice. Nothing withheld: enter 0.",
    )
    l10n_ss_certificate_no = fields.Char(string="Certificate number")
    l10n_ss_certificate_date = fields.Date(string="Certificate date")

    # === Computes === #

    @api.depends("line_ids", "partner_id", "payment_date", "currency_id", "can_edit_wizard", "group_payment")
    def _compute_l10n_ss_withholds(self):
        for wizard in self:
            tax = wizard._l10n_ss_rate()
            wizard.l10n_ss_tax_id = tax
            wizard.l10n_ss_withholds = bool(tax)

    def _l10n_ss_rate(self):
        """:return: the rate (sudo) at which this payment's customer withholds; none where nothing is withheld or the form
        makes a payment for each invoice"""
        taxes, day = self.env["account.tax"].sudo(), self.payment_date
        one = self.can_edit_wizard and (len(self.line_ids) == 1 or self.group_payment)
        own = self.currency_id == self.company_currency_id
        if not (one and own and day and self.payment_type == "inbound" and self._l10n_ss_invoices()):
            return taxes
        if not self.partner_id._l10n_ss_withholds(day, self.company_id):
            return taxes
        return taxes._l10n_ss_tax_at("withholding", day, self.company_id)

    def _l10n_ss_invoices(self):
        """:return: the posted invoices to be paid, the oldest first"""
        invoices = self.line_ids._origin.move_id.filtered(
            lambda move: move.move_type == "out_invoice"
            and move.state == "posted"
            and move.company_id == self.company_id
            and move.currency_id == move.company_currency_id
        )
        return invoices.sorted(lambda move: (move.invoice_date, move.id))

    @api.depends("line_ids", "l10n_ss_tax_id")
    def _compute_l10n_ss_withheld(self):
        """Propose the rate of the day on the price without excise, at most what is open."""
        for wizard in self:
            rate = abs(wizard.l10n_ss_tax_id.amount) / 100
            invoices = wizard._l10n_ss_invoices() if rate else ()
            wizard.l10n_ss_withheld = sum(
                min(invoice._l10n_ss_proposed(rate), max(invoice.amount_residual, 0)) for invoice in invoices
            )

    @api.depends("can_edit_wizard", "payment_date", "partner_id")
    def _compute_group_payment(self):
        """Override of `account`: one certificate comes with one payment, of several invoices too."""
        result = super()._compute_group_payment()
        for wizard in self.filtered(lambda w: w.can_edit_wizard and w.payment_type == "inbound" and not w.group_payment):
            if wizard.partner_id._l10n_ss_withholds(wizard.payment_date, wizard.company_id):
                wizard.group_payment = True
        return result

    @api.depends("l10n_ss_withheld", "l10n_ss_withholds")
    def _compute_amount(self):
        """Override of `account`: proposed is what is left of the debt."""
        return super()._compute_amount()

    @api.depends("l10n_ss_withheld", "l10n_ss_withholds")
    def _compute_payment_difference(self):
        """Override of `account`: what is withheld is no difference."""
        return super()._compute_payment_difference()

    @api.onchange("amount")
    def _onchange_amount(self):
        """Override of `account`: who paid more has withheld less."""
        kept, room = self._l10n_ss_kept(), max(self._l10n_ss_room(), 0)
        if kept > room:
            self.l10n_ss_withheld = room
        return super()._onchange_amount()

    def _get_total_amounts_to_pay(self, batch_results):
        """Override of `account`: less what the customer keeps back."""
        totals = super()._get_total_amounts_to_pay(batch_results)
        kept = 0 if self.env.context.get("l10n_ss_recorded") else self._l10n_ss_kept()
        return {**totals, **{name: max(totals[name] - kept, 0) for name in _TO_PAY}} if kept else totals

    def _l10n_ss_kept(self):
        """:return: what counts as withheld in this payment"""
        return self.l10n_ss_withheld if self.l10n_ss_withholds else 0

    def _l10n_ss_room(self):
        """:return: what the money received leaves of the debt for the tax withheld"""
        return sum(self.line_ids._origin.mapped("amount_residual")) - self.amount

    # === Actions === #

    def action_create_payments(self):
        """Override of `account`: with nothing received, after a net payment say, only the tax is recorded."""
        if self._l10n_ss_kept() and self.currency_id.is_zero(self.amount):
            return self._l10n_ss_record()._get_records_action()
        return super().action_create_payments()

    # === Business === #

    def _create_payments(self):
        """Override of `account`: the tax first, each invoice its own, so that the money finds just what is left of each.

        :raise UserError: money and tax are more than the debt, or see ``l10n_ss.withholding._confirm``

        Transaction: the caller's; payment and tax withheld are committed together.
        """
        if not self._l10n_ss_kept():
            return super()._create_payments()
        withholding = self._l10n_ss_record()
        payments = super(AccountPaymentRegister, self.with_context(l10n_ss_recorded=True))._create_payments()
        withholding.note = self.env._("Recorded with payment %(payment)s.", payment=", ".join(payments.mapped("display_name")))
        return payments.with_env(self.env)

    def _l10n_ss_record(self):
        """:return: the ``l10n_ss.withholding``, booked; without a certificate number it is on the list of those to collect"""
        currency, kept = self.company_currency_id, self._l10n_ss_kept()
        if currency.compare_amounts(kept, self._l10n_ss_room()) > 0:
            raise UserError(
                self.env._(
                    "%(received)s received and %(withheld)s withheld are more than what is owed. Enter what was really withheld; nothing: 0.",
                    received=currency.format(self.amount),
                    withheld=currency.format(kept),
                )
            )
        withholding = self.env["l10n_ss.withholding"].with_company(self.company_id).create(self._l10n_ss_prepare(kept))
        withholding.action_confirm()
        return withholding

    def _l10n_ss_prepare(self, kept):
        shares = self._l10n_ss_shares(kept)
        return {
            "partner_id": self.partner_id.commercial_partner_id.id,
            "company_id": self.company_id.id,
            "date": self.payment_date,
            "certificate_no": self.l10n_ss_certificate_no,
            "certificate_date": self.l10n_ss_certificate_date,
            "line_ids": [Command.create({"invoice_id": invoice.id, "amount": share}) for invoice, share in shares.items() if share],
        }

    def _l10n_ss_shares(self, kept):
        """Share what was withheld out: each invoice what is proposed on it, the oldest first, then up to what it can bear.

        :return: {invoice: amount}; their sum is ``kept``
        """
        rate, invoices = abs(self.l10n_ss_tax_id.amount) / 100, self._l10n_ss_invoices()
        shares, left = dict.fromkeys(invoices, 0), kept
        for most in ("_l10n_ss_proposed", "_l10n_ss_most"):
            for invoice in invoices:
                bears = min(getattr(invoice, most)(rate), invoice.amount_residual)
                more = max(min(bears - shares[invoice], left), 0)
                shares[invoice] += more
                left -= more
        # What none can bear is refused with the reason when it is booked.
        shares[invoices[-1]] += left
        return shares
