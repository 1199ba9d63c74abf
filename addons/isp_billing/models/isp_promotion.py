# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from ..engine import pricing

DISCOUNTS = [("percent", "Per cent off"), ("amount", "Amount off"), ("fixed", "Fixed price")]
#: The regulator wants to know of a promotion so long before it starts.
APPROVAL_DAYS = 7


class IspPromotion(models.Model):
    """A cheaper price for the first periods, for who takes it between two dates; with or without a voucher.

    Who takes it keeps the conditions of that day (``isp.subscription.promotion``).
    """

    _name = "isp.promotion"
    _description = "Promotion"
    _inherit = ["mail.thread"]
    _order = "date_from desc, id desc"

    name = fields.Char(required=True, translate=True, tracking=True, help="Customers read it on their invoices.")
    code = fields.Char(string="Voucher", copy=False, help="Who says it gets the promotion; capitals do not matter. Empty: no voucher needed.")
    active = fields.Boolean(default=True, tracking=True)
    plan_ids = fields.Many2many("isp.plan", string="For plans", help="Empty: for all.")
    customer_kind = fields.Selection(
        [("new", "New customers"), ("all", "All customers")],
        string="For",
        required=True,
        default="new",
        help="New: nothing has been billed to the customer yet, and no line came from the system before.",
    )
    date_from = fields.Date(string="May be taken from", tracking=True)
    date_to = fields.Date(string="until", tracking=True, help="Last day on which it may be taken. What is taken runs on.")
    discount_kind = fields.Selection(DISCOUNTS, string="Discount", required=True, default="percent", tracking=True)
    value = fields.Float(
        string="Per cent or amount", required=True, tracking=True, digits=(16, 2), help="Of or off the plan's price of a full period, without taxes."
    )
    period_count = fields.Integer(string="For periods", default=1, tracking=True, help="How many periods get it; 0: all.")
    max_uses = fields.Integer(string="At most", help="How many lines may take it; 0: any number.")
    uses = fields.Integer(string="Taken", readonly=True, copy=False)
    once_per_customer = fields.Boolean(default=True, help="A customer with several lines takes it for one of them.")
    approval_ref = fields.Char(string="Approval", copy=False, tracking=True, help="The regulator's letter.")
    approval_date = fields.Date(string="Approved on", copy=False, tracking=True)
    usable_from = fields.Date(compute="_compute_usable_from", help="The first day on which it may be taken.")
    state = fields.Selection(
        [("unapproved", "Not approved"), ("planned", "Planned"), ("open", "Available"), ("used_up", "Used up"), ("over", "Over")],
        compute="_compute_state",
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    taken_ids = fields.One2many("isp.subscription.promotion", "promotion_id", string="Taken by", readonly=True)

    _code_unique = models.UniqueIndex("(company_id, code) WHERE code IS NOT NULL", "This voucher belongs to another promotion.")
    _dates_in_order = models.Constraint(
        "CHECK(date_from IS NULL OR date_to IS NULL OR date_from <= date_to)", "A promotion ends after it starts."
    )
    _in_range = models.Constraint(
        "CHECK(value >= 0 AND (discount_kind <> 'percent' OR value <= 100) AND period_count >= 0 AND max_uses >= 0)",
        "A discount is not below zero and not above 100 %; periods and uses are not below zero.",
    )
    _not_above_limit = models.Constraint("CHECK(COALESCE(max_uses, 0) = 0 OR COALESCE(uses, 0) <= max_uses)", "The promotion is used up.")

    # === Computes ===

    @api.depends("date_from", "approval_ref", "approval_date", "company_id.isp_promotion_approval")
    def _compute_usable_from(self):
        for promotion in self:
            day = promotion.date_from
            if promotion.company_id.isp_promotion_approval and promotion._is_approved():
                allowed = promotion.approval_date + timedelta(days=APPROVAL_DAYS)
                day = max(day or allowed, allowed)
            promotion.usable_from = day

    @api.depends("date_from", "date_to", "approval_ref", "approval_date", "max_uses", "uses", "company_id.isp_promotion_approval")
    def _compute_state(self):
        for promotion in self:
            today = (promotion.company_id or self.env.company)._isp_today()
            if promotion.company_id.isp_promotion_approval and not promotion._is_approved():
                promotion.state = "unapproved"
            elif promotion.date_to and promotion.date_to < today:
                promotion.state = "over"
            elif promotion.max_uses and promotion.uses >= promotion.max_uses:
                promotion.state = "used_up"
            else:
                planned = promotion.usable_from and promotion.usable_from > today
                promotion.state = "planned" if planned else "open"

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._clean_code(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._clean_code(vals))

    @api.model
    def _clean_code(self, vals):
        return {**vals, "code": (vals["code"] or "").strip().upper() or False} if "code" in vals else vals

    # === Business ===

    def _is_approved(self):
        self.ensure_one()
        return bool(self.approval_ref and self.approval_date)

    @api.model
    def _find(self, code, company):
        """:return: the promotion of a voucher as a customer says it
        :raise UserError: there is none"""
        found = self.search([("code", "=", (code or "").strip().upper()), ("company_id", "=", company.id)]) if code else self
        if not found:
            raise UserError(self.env._("No promotion has the voucher “%(code)s”.", code=(code or "").strip()))
        return found

    def _check_usable(self, subscription):
        """:raise UserError: why this line may not take the promotion today"""
        self.ensure_one()
        env, name = self.env, self.display_name
        today = self.company_id._isp_today()
        day = fields.Date.to_string
        if self.company_id != subscription.company_id or not self.active:
            raise UserError(env._("%(promotion)s is not offered any more.", promotion=name))
        if subscription.state == "terminated":
            raise UserError(env._("%(line)s has ended.", line=subscription.display_name))
        if self.state == "unapproved":
            raise UserError(
                env._("%(promotion)s has no approval of the regulator yet: enter the letter and its date first.", promotion=name)
            )
        if self.usable_from and today < self.usable_from:
            raise UserError(env._("%(promotion)s may be taken from %(day)s on.", promotion=name, day=day(self.usable_from)))
        if self.date_to and today > self.date_to:
            raise UserError(env._("%(promotion)s could be taken until %(day)s.", promotion=name, day=day(self.date_to)))
        if self.plan_ids and subscription.plan_id not in self.plan_ids:
            plan = subscription.plan_id.display_name
            raise UserError(env._("%(promotion)s is not for the plan %(plan)s.", promotion=name, plan=plan))
        if self.customer_kind == "new" and not subscription._is_of_new_customer():
            raise UserError(env._("%(promotion)s is for new customers.", promotion=name))
        self._check_not_taken(subscription)

    def _check_not_taken(self, subscription):
        taken = self.env["isp.subscription.promotion"].sudo()
        mine = [("promotion_id", "=", self.id), ("subscription_id", "=", subscription.id)]
        if taken.search_count(mine, limit=1):
            raise UserError(self.env._("%(line)s has %(promotion)s already.", line=subscription.display_name, promotion=self.display_name))
        customer = subscription.partner_id.commercial_partner_id
        others = [("promotion_id", "=", self.id), ("partner_id", "=", customer.id)]
        if self.once_per_customer and taken.search_count(others, limit=1):
            raise UserError(
                self.env._("%(customer)s has taken %(promotion)s already.", customer=customer.name, promotion=self.display_name)
            )

    def _count_use(self):
        """Count one use more. Two at once: the second waits, then is tried again by its serialization failure.

        :raise UserError: the promotion is used up
        """
        self.ensure_one()
        self.flush_recordset()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE isp_promotion SET uses = COALESCE(uses, 0) + 1
                 WHERE id = %s AND (COALESCE(max_uses, 0) = 0 OR COALESCE(uses, 0) < max_uses)
             RETURNING id
                """,
                self.id,
            )
        )
        self.invalidate_recordset(["uses", "state"])
        if not rows:
            raise UserError(self.env._("%(promotion)s is used up: it was offered %(count)s times.", promotion=self.display_name, count=self.max_uses))

    def _summary(self, plan):
        """:return: what it makes of the price of ``plan``, one sentence for the form that takes it"""
        self.ensure_one()
        currency, price = self.currency_id, plan.list_price
        values = {
            "new": currency.format(price - pricing.reduction(self.discount_kind, self.value, price, currency.rounding)),
            "old": currency.format(price),
            "count": self.period_count,
        }
        if not self.period_count:
            return self.env._("%(new)s instead of %(old)s a period, without end; without taxes.", **values)
        return self.env._("%(new)s instead of %(old)s a period, for %(count)s periods; without taxes.", **values)
