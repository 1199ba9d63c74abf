# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.isp_plan_change import WHEN


class IspPlanChangeWizard(models.TransientModel):
    """Shows what a change of plan does in money, and does it when confirmed.

    Idempotency key: ``uuid``, made when the form opens. Amounts that have changed since they were shown are refused.
    """

    _name = "isp.plan.change.wizard"
    _description = "Change the plan of a line"

    uuid = fields.Char(required=True, default=lambda self: str(uuid.uuid4()))
    subscription_id = fields.Many2one("isp.subscription", required=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    plan_from_id = fields.Many2one(related="subscription_id.plan_id", string="Present plan")
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    plan_id = fields.Many2one("isp.plan", string="New plan", required=True, domain="[('id', '!=', plan_from_id)]")
    when = fields.Selection(WHEN, required=True, default="now")
    date = fields.Date(string="New plan from", compute="_compute_effect")
    credit = fields.Monetary(compute="_compute_effect", string="Credit for unused days")
    charge = fields.Monetary(compute="_compute_effect", string="New plan for the rest of the time")
    fee = fields.Monetary(compute="_compute_effect")
    tax = fields.Monetary(compute="_compute_effect", string="Taxes")
    total = fields.Monetary(
        compute="_compute_total", store=True, readonly=False, precompute=True, help="With taxes; below zero: credit for the customer."
    )
    credit_held = fields.Monetary(compute="_compute_effect", string="Credit of the customer")
    next_total = fields.Monetary(compute="_compute_effect", string="Price of a period from then on", help="With taxes.")
    detail = fields.Text(compute="_compute_effect", string="What is booked")
    problem = fields.Char(compute="_compute_effect")

    @api.depends("subscription_id", "plan_id", "when")
    def _compute_effect(self):
        for wizard in self:
            effect, wizard.problem = wizard._effect_or_problem()
            rows = [*effect.late, *effect.credits, *effect.charges, *effect.fees] if effect else []
            wizard.date = effect and effect.date
            wizard.credit = sum(row["amount"] for row in effect.credits) if effect else 0
            wizard.charge = sum(row["amount"] for row in [*effect.late, *effect.charges]) if effect else 0
            wizard.fee = sum(row["amount"] for row in effect.fees) if effect else 0
            wizard.tax = effect.quote.tax if effect else 0
            wizard.next_total = effect.next_quote.total if effect else 0
            wizard.credit_held = wizard.subscription_id.sudo()._credit() if wizard.subscription_id else 0
            wizard.detail = "\n".join(wizard._row_text(row) for row in rows)

    @api.depends("subscription_id", "plan_id", "when")
    def _compute_total(self):
        """Kept as it was shown, so that another amount at the moment of confirming is noticed."""
        for wizard in self:
            effect = wizard._effect()
            wizard.total = effect.quote.total if effect else 0

    def _effect(self):
        """:return: what the change does, None when it cannot be done"""
        return self._effect_or_problem()[0]

    def _effect_or_problem(self):
        if not self.subscription_id or not self.plan_id:
            return None, False
        line = self.subscription_id._origin or self.subscription_id
        line.check_access("write")
        try:
            return line.sudo()._prepare_plan_change(self.plan_id._origin or self.plan_id, self.when), False
        except UserError as error:
            return None, error.args[0]

    def _row_text(self, row):
        """Isolated parts: a note in Arabic and a sum in figures keep their order in a line of either direction."""
        plan = self.env["isp.plan"].browse(row["plan_id"])
        days = f"\u2066{row['date_start']}\u2069 – \u2066{row['date_end']}\u2069"
        label = row.get("note") or f"{plan.name}, {days}"
        return f"\u2068{label}\u2069: \u2066{self.currency_id.format(row['amount'])}\u2069"

    def action_confirm(self):
        """Do what was shown; the same form twice does it once.

        :raise UserError: the change cannot be done, or its amounts are others by now
        """
        self.ensure_one()
        self.subscription_id._change_plan(self.plan_id, self.when, self.uuid, self.total)
