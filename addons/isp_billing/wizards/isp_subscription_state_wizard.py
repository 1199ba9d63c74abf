# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

#: Ending is tried out for so many lines while the form is filled in; it takes about a tenth of a second a line.
_SHOWN = 10


class IspSubscriptionStateWizard(models.TransientModel):
    """Shows what the end of a line is settled to, and ends it when confirmed.

    Idempotency: a line that has ended is left alone. Amounts that have changed since they were shown are refused.
    """

    _inherit = "isp.subscription.state.wizard"

    waive = fields.Boolean(
        string="Without notice and fee", help="The line ends today and costs no fee. A billing manager decides it."
    )
    currency_id = fields.Many2one("res.currency", compute="_compute_settlement", store=True, precompute=True)
    settled = fields.Boolean("Settlement shown", compute="_compute_settlement", store=True, readonly=False, precompute=True)
    settle_note = fields.Char("Why it is not shown", compute="_compute_settlement", store=True, precompute=True)
    settle_credit = fields.Monetary("Not used, given back", compute="_compute_settlement", store=True, precompute=True)
    settle_charge = fields.Monetary("Used, notice and fee", compute="_compute_settlement", store=True, precompute=True)
    settle_deposit = fields.Monetary("Deposit returned", compute="_compute_settlement", store=True, precompute=True)
    settle_tax = fields.Monetary("Taxes", compute="_compute_settlement", store=True, precompute=True)
    settle_total = fields.Monetary(
        "Final document",
        compute="_compute_settlement",
        store=True,
        readonly=False,
        precompute=True,
        help="With taxes; below zero: a credit note.",
    )
    settle_due = fields.Monetary("Still owed afterwards", compute="_compute_settlement", store=True, precompute=True)
    settle_refund = fields.Monetary("Refund due", compute="_compute_settlement", store=True, precompute=True)
    settle_detail = fields.Text("What is booked", compute="_compute_settlement", store=True, precompute=True)

    @api.depends("subscription_ids", "new_state", "reason", "waive")
    def _compute_settlement(self):
        """Kept as it was shown, so that another amount at the moment of confirming is noticed."""
        for wizard in self:
            settlement, wizard.settle_note = wizard._settlement_or_note()
            wizard.settled = bool(settlement)
            wizard.currency_id = wizard.subscription_ids.currency_id[:1]
            for name in ("credit", "charge", "deposit", "tax", "total", "due", "refund"):
                wizard[f"settle_{name}"] = getattr(settlement, name) if settlement else 0
            wizard.settle_detail = settlement and "\n".join(wizard._settlement_texts(settlement))

    def _settlement_or_note(self):
        """:return: (``Settlement`` or None, why it is not shown)"""
        lines = self.subscription_ids._origin
        if self.new_state != "terminated" or not lines or not self.reason:
            return None, False
        if len(lines) > _SHOWN:
            return None, self.env._("What is settled is shown for up to %(count)s lines.", count=_SHOWN)
        try:
            return lines._would_settle(self.reason, self.waive), False
        except UserError as error:
            return None, error.args[0]

    def _settlement_texts(self, settlement):
        """Isolated parts: a note in Arabic and a sum in figures keep their order in a line of either direction."""
        currency = self.subscription_ids.currency_id[:1]
        kinds = {"out_invoice": self.env._("Invoice"), "out_refund": self.env._("Credit note")}
        rows = [*settlement.rows, *((kinds[kind], total) for kind, total in settlement.documents)]
        return [f"\u2068{text}\u2069: \u2066{currency.format(amount)}\u2069" for text, amount in rows]

    def action_confirm(self):
        """End the lines as it was shown.

        :raise UserError: see ``isp.subscription._set_state``, or the amounts are others by now
        """
        wizard = self.with_context(isp_waive=True) if self.waive else self
        lines, last = self.subscription_ids, self.subscription_ids._last_document()
        again = all(line.state == self.new_state for line in lines)
        result = super(IspSubscriptionStateWizard, wizard).action_confirm()
        if self.settled and not again and self.currency_id.compare_amounts(lines._settlement_since(last).total, self.settle_total):
            raise UserError(self.env._("The amounts have changed meanwhile. Look at them again."))
        return result
