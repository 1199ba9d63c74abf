# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Domain

from odoo.addons.isp_base.engine.value import monthly_value

from ..engine import pricing
from ..engine.periods import Period, due_date

#: In these states a line has been in service.
_SERVED = ("active", "suspended", "paused", "terminated")
#: Fields of a price agreed with one customer.
_AGREEMENT = {"price_is_fixed", "price_fixed", "price_fixed_until", "price_fixed_reason"}


class IspSubscription(models.Model):
    """What a subscription is charged besides its plan: services, set-up fee, deposit."""

    _inherit = "isp.subscription"

    service_ids = fields.One2many("isp.subscription.service", "subscription_id", string="Services")
    promotion_ids = fields.One2many("isp.subscription.promotion", "subscription_id", string="Promotions")
    price_is_fixed = fields.Boolean(string="Agreed price", copy=False, tracking=True, help="This line does not pay the price of its plan.")
    price_fixed = fields.Monetary(string="Price agreed", copy=False, tracking=True, help="Of a full period, without taxes.")
    price_fixed_until = fields.Date(
        string="Agreed until", copy=False, tracking=True, help="Periods that start later cost what the plan costs. Empty: no end."
    )
    price_fixed_reason = fields.Char(string="Agreed why", copy=False, tracking=True)
    setup_fee = fields.Monetary(
        string="Set-up fee",
        compute="_compute_fees",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Charged once, when the line goes into service for the first time. Without taxes.",
    )
    deposit = fields.Monetary(
        compute="_compute_fees",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Taken once, when the line goes into service for the first time; given back at the end.",
    )
    fee_waiver = fields.Char(
        string="Why less", copy=False, tracking=True, help="Why this line pays less set-up fee or deposit than the plan says."
    )
    fees_due = fields.Boolean(readonly=True, copy=False, help="Set-up fee and deposit are charged by the next run or renewal.")
    charges_pending = fields.Boolean(
        readonly=True, copy=False, index="btree_not_null", help="The next run looks at services, fee and deposit of this line."
    )

    # === Computes ===

    @api.depends("plan_id")
    def _compute_fees(self):
        for subscription in self:
            if not subscription._has_served():
                subscription.setup_fee = subscription.plan_id.setup_fee
                subscription.deposit = subscription.plan_id.deposit

    @api.depends(
        "service_ids.price",
        "service_ids.quantity",
        "service_ids.date_from",
        "service_ids.date_to",
        "promotion_ids.date_from",
        "promotion_ids.date_to",
        "price_is_fixed",
        "price_fixed",
        "price_fixed_until",
    )
    def _compute_monthly_value(self):
        """Override of `isp_base`: with the services that run today, the price agreed, without the discounts of today."""
        result = super()._compute_monthly_value()
        for subscription in self:
            running = subscription.service_ids.filtered(lambda s: s.state == "running")
            price = subscription.plan_id.list_price
            if subscription._pays_agreed_price((subscription.company_id or self.env.company)._isp_today()):
                subscription.monthly_value = subscription._to_month(subscription.price_fixed)
                price = subscription.price_fixed
            more = sum(running.mapped("amount")) - subscription._discount_today(price)
            if more:
                subscription.monthly_value += subscription._to_month(more)
        return result

    def _discount_today(self, price):
        """:return: what the promotions take off a full period today, at most ``price``"""
        taken = self.sudo().promotion_ids.filtered(lambda p: not p.plan_ids or self.plan_id in p.plan_ids)
        return min(sum(one._reduction_today(price) for one in taken), price)

    @api.model
    def _refresh_monthly_values(self, days=7):
        """Services, promotions and agreed prices that began or ended lately change what lines are worth."""
        today = self.env.company._isp_today()
        lately = [("date_from", ">=", today - timedelta(days=days)), ("date_from", "<=", today)]
        over = [("date_to", ">=", today - timedelta(days=days)), ("date_to", "<", today)]
        lines = self.sudo().search([("price_fixed_until", ">=", today - timedelta(days=days)), ("price_fixed_until", "<", today)])
        for model in ("isp.subscription.service", "isp.subscription.promotion"):
            self.env[model].invalidate_model(["state"])
            lines |= self.env[model].sudo().search(Domain(lately) | Domain(over)).subscription_id
        self.env.add_to_compute(self._fields["monthly_value"], lines)
        lines._recompute_recordset(["monthly_value"])

    def _to_month(self, amount):
        """:return: an amount of one period of the plan scaled to a month, rounded"""
        plan = self.plan_id
        return self.currency_id.round(monthly_value(amount, plan.period_unit, plan.period_count)) if plan else 0

    # === Constraints ===

    @api.constrains("setup_fee", "deposit", "fee_waiver")
    def _check_fees(self):
        for subscription in self:
            if min(subscription.setup_fee, subscription.deposit) < 0:
                raise ValidationError(self.env._("Set-up fee and deposit cannot be below zero."))
            plan = subscription.plan_id
            less = subscription.setup_fee < plan.setup_fee or subscription.deposit < plan.deposit
            if less and not subscription.fee_waiver and not subscription._has_served():
                raise ValidationError(self.env._("Say why %(line)s pays less than its plan asks.", line=subscription.display_name))

    @api.constrains("price_is_fixed", "price_fixed", "price_fixed_reason")
    def _check_price_fixed(self):
        for subscription in self.filtered("price_is_fixed"):
            if subscription.price_fixed < 0:
                raise ValidationError(self.env._("A price cannot be below zero."))
            if not (subscription.price_fixed_reason or "").strip():
                raise ValidationError(self.env._("Say why %(line)s has a price of its own.", line=subscription.display_name))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        if any(vals.get("price_is_fixed") for vals in vals_list):
            self._check_may_agree()
        for line, vals in zip(lines, vals_list, strict=True):
            if {"setup_fee", "deposit"} & vals.keys() and (
                line.currency_id.compare_amounts(line.setup_fee, line.plan_id.setup_fee)
                or line.currency_id.compare_amounts(line.deposit, line.plan_id.deposit)
            ):
                line._check_may_set_fees()
        return lines

    def write(self, vals):
        for name in ("setup_fee", "deposit"):
            if name in vals and any(line.currency_id.compare_amounts(line[name], vals[name] or 0) for line in self):
                self._check_may_set_fees()
        if vals.keys() & _AGREEMENT:
            self._check_may_agree()
        ended = self.filtered(lambda s: s.price_is_fixed and vals.get("plan_id", s.plan_id.id) != s.plan_id.id)
        result = super().write(vals)
        if ended and "price_is_fixed" not in vals:
            # It was agreed for the plan before.
            ended.sudo().price_is_fixed = False
        return result

    def _check_may_agree(self):
        if not self.env.su and not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager gives a line a price of its own."))

    def _check_may_set_fees(self):
        if self.env.su:
            return
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager changes the set-up fee or the deposit of a line."))
        if any(line._has_served() for line in self):
            raise ValidationError(self.env._("Set-up fee and deposit are settled when a line first goes into service."))

    # === Life ===

    def _has_served(self):
        """:return: whether the line has been in service, here or in a system before"""
        self.ensure_one()
        return self.state not in ("draft", "pending") or any(event.state_to in _SERVED for event in self.event_ids)

    def _on_state_changed(self, events):
        """The first activation owes fee and deposit; back in service, the services are looked at again.

        Before the others: a first renewal asks what is owed.
        """
        for event in events.filtered(lambda e: e.state_to == "active" and e.reason != "import"):
            line = event.subscription_id.sudo()
            earlier = line.event_ids - event
            if (line.setup_fee or line.deposit) and not any(e.state_to in _SERVED for e in earlier):
                line.write({"fees_due": True, "charges_pending": True})
            elif line.service_ids:
                line.charges_pending = True
        return super()._on_state_changed(events)

    def _mark_pending(self):
        """The next run looks at what these lines owe or get besides the periods of their plans."""
        self.sudo().filtered(lambda s: not s.charges_pending).charges_pending = True

    # === Promotions ===

    def action_take_promotion(self):
        """Open the form that takes a voucher or a promotion."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Take a promotion"),
            "res_model": "isp.promotion.take",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscription_id": self.id},
        }

    def _take_promotion(self, promotion):
        """Give this line a promotion, with the conditions of today.

        :param promotion: ``isp.promotion``; see ``isp.promotion._find`` for the one of a voucher
        :return: the ``isp.subscription.promotion``
        :raise UserError: it may not be taken, and why

        Idempotency key: (line, promotion), UNIQUE; for those once a customer (customer, promotion) too.
        ``max_uses`` is counted on the locked row of the promotion. Transaction: the caller's.
        """
        self.ensure_one()
        self._lock_rows()
        promotion._check_usable(self)
        promotion = promotion.sudo()
        promotion._count_use()
        taken = self.env["isp.subscription.promotion"].sudo().create(self._prepare_promotion_vals(promotion))
        self.message_post(body=self.env._("Promotion taken: %(name)s", name=promotion.name))
        return taken.sudo(self.env.su)

    def _prepare_promotion_vals(self, promotion):
        return {
            "subscription_id": self.id,
            "promotion_id": promotion.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "once_per_customer": promotion.once_per_customer,
            "discount_kind": promotion.discount_kind,
            "value": promotion.value,
            "period_count": promotion.period_count,
            "plan_ids": [fields.Command.set(promotion.plan_ids.ids)],
            "taken_on": self.company_id._isp_today(),
        }

    def _is_of_new_customer(self):
        """:return: whether nothing was billed to the customer yet and no line of his came from a system before"""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        lines = self.sudo().search([("partner_id", "child_of", customer.ids)])
        if any(event.reason == "import" for event in lines.event_ids):
            return False
        domain = [("partner_id", "=", customer.id), ("kind", "in", ("recurring", "proration"))]
        return not self.env["isp.period"].sudo().search_count(domain, limit=1)

    # === Rating ===

    @api.model
    def _domain_to_rate(self, company, date):
        due = super()._domain_to_rate(company, date)
        extras = Domain("charges_pending", "=", True) & Domain("state", "in", _SERVED)
        return due | Domain("company_id", "=", company.id) & extras

    def _rate(self, date, run=None):
        # Rates are asked for once a batch.
        rows = super(IspSubscription, self.with_context(isp_usd_rates={}))._rate(date, run)
        self.sudo().filtered("charges_pending").charges_pending = False
        return rows

    def _prepare_charges(self, date, billed_until, run=None):
        # Of several periods in one go the first starts a promotion.
        line = self.with_context(isp_promotions_started={})
        return super(IspSubscription, line)._prepare_charges(date, billed_until, run) + self._prepare_extra_charges(run)

    def _pays_agreed_price(self, day):
        """:return: whether a period that starts on ``day`` costs what was agreed with this customer"""
        self.ensure_one()
        return self.price_is_fixed and (not self.price_fixed_until or day <= self.price_fixed_until)

    def _plan_price(self, period, plan=None):
        """The price valid on the period's first day: agreed with the customer, scheduled, or in USD at the rate of
        the day on which the period falls due.

        :raise UserError: the price is in USD and there is no rate on or before that day
        """
        plan = (plan or self.plan_id).sudo()
        if plan == self.plan_id and self._pays_agreed_price(period.start):
            return {"price": self.price_fixed}
        row = plan._price_row(period.start)
        if plan.price_basis != "usd":
            return {"price": row.price} if row else super()._plan_price(period, plan)
        day = due_date(period, plan.billing_timing if plan.billing_mode == "postpaid" else "advance")
        company, price_usd = self.company_id, row.price_usd if row else plan.price_usd
        rate, rate_day = company._isp_usd_rate(day, self.env.context.get("isp_usd_rates"))
        return {
            "price": pricing.convert(price_usd, rate, company.isp_price_rounding or 1),
            "price_usd": price_usd,
            "usd_rate": rate,
            "usd_rate_date": rate_day,
        }

    def _prepare_plan_period(self, period, run=None):
        rows = super()._prepare_plan_period(period, run)
        rows += self._prepare_discounts(period, rows, run)
        rows += self._prepare_services(period, run)
        if self.billing_mode == "prepaid":
            rows += self._prepare_extra_charges(run, renewal=True)
        return rows

    def _price_of_period(self, period, run=None):
        """All that ``period`` costs: plan, services, discounts; for a prepaid renewal also what waits to be charged.

        :param period: ``engine.periods.Period``
        :return: list of values for ``isp.period``; "amount" sums to the price without taxes. Nothing is written.
        """
        self.ensure_one()
        return self._prepare_plan_period(period, run)

    def _prepare_services(self, period, run=None):
        """:return: values of rows for the services that run in ``period``"""
        if self.service_ids and self.billing_mode == "prepaid" and self.plan_id.period_unit != "hour":
            # Also days paid before the service was added; a second bundle of data does not pay the same days again.
            periods = [*self._billed_plan_periods(), period]
            return [vals for service in self.service_ids for vals in service._prepare_missing(periods, run)]
        return [vals for service in self.service_ids if (vals := service._prepare_part(period, run))]

    def _prepare_discounts(self, period, rows, run=None):
        """:param rows: values of the plan's row for ``period``
        :return: values of a row for each promotion that takes something off, together at most what the plan costs"""
        discounts, left = [], sum(row["amount"] for row in rows)
        for taken in self.promotion_ids:
            if vals := taken._prepare_row(period, rows[0]["price"], left, run):
                discounts.append(vals)
                left += vals["amount"]
        return discounts

    def _prepare_prepaid_row(self, vals, term, number):
        """What is charged or credited once keeps its source; of discounts there may be several on one day."""
        if vals["source"].startswith("service/") and vals["source"].endswith("/end"):
            return vals
        vals = super()._prepare_prepaid_row(vals, term, number)
        if vals["source"].startswith("promotion/") and vals["source"].count("/") == 1:
            return {**vals, "source": f"{vals['source']}/{number}"}
        return vals

    def _prepare_extra_charges(self, run=None, renewal=False):
        """What is charged or credited apart from the plan's next periods, and not in the ledger yet.

        :param renewal: a prepaid renewal pays for it; without, a prepaid line gets its credits only
        :return: list of values for ``isp.period``
        """
        self.ensure_one()
        if not self.charges_pending and not renewal:
            return []
        rows = [vals for service in self.service_ids.filtered("date_to") if (vals := service._prepare_end(run))]
        if self.state == "active" and self.billing_mode == "postpaid":
            billed = self._billed_plan_periods() if self.service_ids else []
            rows += [vals for service in self.service_ids for vals in service._prepare_missing(billed, run)]
            rows += self._prepare_fees(run)
        elif renewal:
            rows += self._prepare_fees(run)
        return rows

    def _billed_plan_periods(self):
        """:return: ``engine.periods.Period`` of the plan's rows in the ledger, oldest first.

        Prepaid hours have no days to share out: there a service starts with the next renewal.
        """
        rows = self.env["isp.period"].sudo().search(
            [
                ("subscription_id", "=", self.id),
                ("kind", "in", ("recurring", "proration")),
                ("time_start", "=", False),
                "|",
                ("source", "=", "plan"),
                ("source", "=like", "prepaid/%"),
            ],
            order="date_start, id",
        )
        return [row._engine_period() for row in rows]

    def _owes_fees(self):
        return self.fees_due or ((self.setup_fee or self.deposit) and not self._has_served())

    def _prepare_fees(self, run=None):
        """:return: values of the rows for set-up fee and deposit that are due and not in the ledger yet"""
        if not self._owes_fees():
            return []
        domain = [("subscription_id", "=", self.id), ("kind", "in", ("setup", "deposit")), ("amount", ">", 0)]
        charged = set(self.env["isp.period"].sudo().search(domain).mapped("kind"))
        company, rows = self.company_id, []
        today = company._isp_today()
        day = Period(today, today, 1)
        for source, amount in (("setup", self.setup_fee), ("deposit", self.deposit)):
            if not amount or source in charged:
                continue
            product = company._isp_fee_product(source)
            note = product.with_context(lang=self.partner_id.lang).name
            rows.append(
                self._prepare_period(day, amount, run=run, kind=source, source=source, product_id=product.id, note=note)
            )
        return rows

    def _row_note(self, label, period):
        return self.env["isp.period"]._span_text(label, period, self.partner_id.lang)

    def _deposit_held(self):
        """:return: the deposit taken from this line and not given back, as far as it has been invoiced"""
        self.ensure_one()
        rows = self.env["isp.period"].sudo()._read_group(
            [("subscription_id", "=", self.id), ("kind", "=", "deposit"), ("move_line_id", "!=", False)], [], ["amount:sum"]
        )
        return rows[0][0] or 0
