# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..engine import pricing
from .isp_promotion import DISCOUNTS


class IspSubscriptionPromotion(models.Model):
    """A promotion that a line has taken, with the conditions of that day.

    It starts with the first period rated afterwards and lasts a number of full periods from there. Postpaid they
    are counted on the calendar: parts of periods, missed months and suspensions neither lengthen nor shorten it. Prepaid,
    what was bought is counted, a part of a period as a part. Rows of the ledger: kind adjustment, source
    "promotion/<id>" (prepaid "promotion/<id>/<number of the renewal>"), with the dates of the period.
    """

    _name = "isp.subscription.promotion"
    _description = "Promotion of a subscription"
    _order = "id"
    _rec_name = "promotion_id"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="cascade", index=True)
    promotion_id = fields.Many2one("isp.promotion", required=True, readonly=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="restrict")
    once_per_customer = fields.Boolean(readonly=True)
    discount_kind = fields.Selection(DISCOUNTS, string="Discount", required=True, readonly=True)
    value = fields.Float(string="Per cent or amount", readonly=True, digits=(16, 2))
    period_count = fields.Integer(string="For periods", readonly=True)
    plan_ids = fields.Many2many("isp.plan", string="For plans", readonly=True)
    taken_on = fields.Date(required=True, readonly=True)
    date_from = fields.Date(string="From", readonly=True, help="Empty until the first period with it is rated.")
    date_to = fields.Date(string="Until", readonly=True, help="Last day; empty: not known yet, or no end.")
    state = fields.Selection([("waiting", "Waiting"), ("running", "In force"), ("over", "Over")], compute="_compute_state")
    used_periods = fields.Integer(compute="_compute_used", help="Rows of the ledger that have it.")
    amount_given = fields.Monetary(compute="_compute_used", help="What the customer has saved so far, without taxes.")
    company_id = fields.Many2one(related="subscription_id.company_id", store=True, precompute=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")

    _once_a_line = models.Constraint("UNIQUE(subscription_id, promotion_id)", "The line has this promotion already.")
    _once_a_customer = models.UniqueIndex(
        "(promotion_id, partner_id) WHERE once_per_customer", "The customer has taken this promotion already."
    )
    _not_started_index = models.Index("(subscription_id) WHERE date_from IS NULL")

    # === Computes ===

    @api.depends("date_from", "date_to")
    def _compute_state(self):
        for taken in self:
            today = (taken.company_id or self.env.company)._isp_today()
            if taken.date_to and taken.date_to < today:
                taken.state = "over"
            else:
                taken.state = "running" if taken.date_from and taken.date_from <= today else "waiting"

    def _compute_used(self):
        rows = self.env["isp.period"].sudo().search(
            [("subscription_id", "in", self.subscription_id.ids), ("source", "=like", "promotion/%")]
        )
        for taken in self:
            its = rows.filtered(lambda row, taken=taken: row.source.split("/")[1] == str(taken.id))
            taken.used_periods = len(its)
            taken.amount_given = -sum(its.mapped("amount"))

    # === CRUD ===

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("A promotion that was taken is kept; end it."))

    # === Actions ===

    def action_end(self):
        """No discount from the next period on. What is billed stays."""
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager ends a promotion that a customer has taken."))
        self.check_access("read")
        self.subscription_id._lock_rows()
        for taken in self.sudo():
            today = taken.company_id._isp_today()
            billed = taken.subscription_id._last_billed_days().get(taken.subscription_id.id)
            last = max(billed or taken.taken_on, today)
            taken.write({"date_from": taken.date_from or last, "date_to": min(taken.date_to or last, last)})
            taken.subscription_id.message_post(body=self.env._("Promotion ended: %(name)s", name=taken.promotion_id.name))

    # === Rating ===

    def _last_day(self, start):
        """:return: the last day of this promotion when it starts on ``start``; None without end"""
        self.ensure_one()
        line, plan = self.subscription_id, self.subscription_id.plan_id
        if not self.period_count:
            return None
        return pricing.last_day(start, plan.period_unit, plan.period_count, self.period_count, line.anchor_day)

    def _starts_with(self, first, last, plan):
        """:return: whether a period of ``plan`` with these days is the first that gets it"""
        self.ensure_one()
        return not self.date_from and last >= self.taken_on and (not self.plan_ids or plan in self.plan_ids)

    def _span(self, period):
        """:return: (first day, last day or None) of the discount, None when ``period`` has none"""
        self.ensure_one()
        plan = self.subscription_id.plan_id
        if self.plan_ids and plan not in self.plan_ids:
            return None
        started = self.env.context.get("isp_promotions_started", {})
        if self._starts_with(period.start, period.end, plan):
            started.setdefault(self.id, period.start)
            start = started[self.id]
        else:
            start = self.date_from
        if not start or start > period.end:
            return None
        if self.subscription_id.billing_mode != "prepaid":
            return start, self.date_to or self._last_day(start)
        days = self._prepaid_days_left(period)
        if days is not None and days < 1:
            return None
        last = None if days is None else period.start + timedelta(days=days - 1)
        return start, min(filter(None, (self.date_to, last)), default=None)

    def _prepaid_days_left(self, period):
        """:return: how many days of ``period`` it still has; None when it has no end"""
        if not self.period_count:
            return None
        left = self.period_count - sum(Fraction(row.days, row.full_days) for row in self._rows())
        return int(left * period.full_days)

    def _rows(self):
        """:return: its rows of the ledger, oldest first"""
        self.ensure_one()
        domain = [("subscription_id", "=", self.subscription_id.id), ("source", "=like", f"promotion/{self.id}%")]
        rows = self.env["isp.period"].sudo().search(domain, order="date_start, id")
        return rows.filtered(lambda row: row.source.split("/")[1] == str(self.id))

    def _prepare_row(self, period, price, left, run=None):
        """:param price: of the plan for a full period
        :param left: what ``period`` still costs
        :return: values of the row that takes the discount off, None when there is nothing to take off"""
        self.ensure_one()
        span = self._span(period)
        if not span:
            return None
        line, step = self.subscription_id, self.currency_id.rounding
        start, until = span
        offer = (self.discount_kind, self.value, price)
        off = pricing.discount(period, *offer, start=start, until=until, step=step, left=left)
        if not off:
            return None
        lang = self.partner_id.lang
        env = self.with_context(lang=lang).env
        label = env._("Discount: %(promotion)s", promotion=self.promotion_id.with_context(lang=lang).name)
        return line._prepare_period(
            period,
            -pricing.reduction(*offer, step),
            run=run,
            kind="adjustment",
            source=f"promotion/{self.id}",
            amount=-off,
            note=line._row_note(label, pricing.clip(period, start, until)),
        )

    @api.model
    def _start_with(self, periods):
        """The first of these new rows of the ledger fix the first and last day of promotions that wait for them."""
        plan_rows = periods.filtered(lambda p: p.kind in ("recurring", "proration") and p.source.split("/")[0] in ("plan", "prepaid"))
        if not plan_rows:
            return
        waiting = self.sudo().search([("subscription_id", "in", plan_rows.subscription_id.ids), ("date_from", "=", False)])
        for taken in waiting:
            rows = plan_rows.filtered(
                lambda p, taken=taken: p.subscription_id == taken.subscription_id
                and taken._starts_with(p.date_start, p.date_end, p.plan_id)
            )
            if rows:
                start = min(rows.mapped("date_start"))
                prepaid = taken.subscription_id.billing_mode == "prepaid"
                taken.write({"date_from": start, "date_to": False if prepaid else taken._last_day(start)})
        self._end_with(plan_rows.filtered(lambda p: p.source != "plan"))

    @api.model
    def _end_with(self, plan_rows):
        """Of prepaid lines: what has been bought often enough with the discount is over with it."""
        if not plan_rows:
            return
        domain = [("subscription_id", "in", plan_rows.subscription_id.ids), ("date_to", "=", False), ("period_count", ">", 0)]
        for taken in self.sudo().search(domain):
            rows = taken._rows()
            if rows and sum(Fraction(row.days, row.full_days) for row in rows) >= taken.period_count:
                taken.date_to = rows[-1].date_end

    def _reduction_today(self, price):
        """:return: what it takes off a full period of ``price`` today"""
        if self.state == "over":
            return 0
        return pricing.reduction(self.discount_kind, self.value, price, self.currency_id.rounding)

