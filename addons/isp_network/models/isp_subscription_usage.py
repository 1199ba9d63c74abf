# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta
from fractions import Fraction

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.isp_billing.engine.periods import anchor, first_anchor

from ..engine import overage as engine
from ..engine.volume import human

#: So long after its last day late packets of a rated part are looked for (they come at most 90 days late).
LATE_DAYS = 100
_NOT_COUNTED = {"usage_from": False, "usage_until": False, "usage_days": 0, "usage_terms_id": False}


class IspSubscription(models.Model):
    """What is used above the bundle: cycles from the customer's day of the month, rated when they are over, on the terms they began with."""

    _inherit = "isp.subscription"

    usage_from = fields.Date(readonly=True, copy=False, help="First day whose usage has not been rated; blank: data above the bundle is not sold.")
    usage_until = fields.Date(readonly=True, copy=False, index="btree_not_null", help="Last day of the cycle that runs.")
    usage_days = fields.Integer(readonly=True, copy=False, help="Days of the whole cycle.")
    usage_terms_id = fields.Many2one("isp.usage.terms", string="Terms of data above the bundle", readonly=True, copy=False, ondelete="restrict")
    rating_ids = fields.One2many("isp.usage.rating", "subscription_id", string="Usage rated", readonly=True)

    # === Cycle ===

    def _sells_overage(self):
        self.ensure_one()
        plan = self.plan_id
        return bool(plan.quota_mb and plan.overage_price_gb > 0) and plan.billing_mode == "postpaid"

    def _cycle_of(self, day):
        """:return: (last day of the cycle that ``day`` is in, days of the whole cycle)"""
        self.ensure_one()
        following = first_anchor(day + timedelta(days=1), self.anchor_day)
        before = anchor(following.year, following.month - 1, self.anchor_day)
        return following - timedelta(days=1), (following - before).days

    def _open_usage(self, day):
        """Count from ``day`` on, or from the day after what is rated already."""
        for line in self:
            vals, cuts = dict(_NOT_COUNTED), line._quota_cuts()
            if line.billing_mode == "postpaid" and line._bills_in(line.state):
                rated = self.env["isp.usage.rating"].sudo().search([("subscription_id", "=", line.id)], order="date_end desc", limit=1)
                day_from = max(day, rated.date_end + timedelta(days=1)) if rated else day
                until, days = line._cycle_of(day_from)
                if terms := line._usage_terms(until):
                    vals = {"usage_from": day_from, "usage_until": until, "usage_days": days, "usage_terms_id": terms.id}
            line._write_usage(vals)
            if line._quota_cuts() != cuts:
                line._sync_access()

    def _usage_terms(self, until):
        """:return: terms of the cycle that ends on day ``until``, on the present plan: those it began with, else the plan's of now; none where
        nothing is sold. Idempotent; once they stand, an edit of the plan holds from the next cycle on."""
        self.ensure_one()
        terms = self.env["isp.usage.terms"].sudo()
        known = terms.search([("subscription_id", "=", self.id), ("plan_id", "=", self.plan_id.id), ("cycle_end", "=", until)])
        if not known and self._sells_overage():
            known = terms.create(self._prepare_usage_terms(self.plan_id, until))
        return known

    def _prepare_usage_terms(self, plan, until):
        """:return: values of ``isp.usage.terms`` by ``plan`` as it is now"""
        return {
            "subscription_id": self.id,
            "plan_id": plan.id,
            "cycle_end": until,
            "quota_mb": plan.quota_mb,
            "price_gb": plan.overage_price_gb,
            "exact": plan.overage_unit == "exact",
            "cap": plan.overage_cap,
            "alert_percents": plan.alert_percents,
        }

    def _keep_usage_terms(self):
        """Before their plan is edited: also cycles that have begun and wait for a run that is late keep what holds now."""
        for line in self.filtered("usage_until"):
            until = line.usage_until
            while until < line.company_id._isp_today():
                until, _days = line._cycle_of(until + timedelta(days=1))
                line._usage_terms(until)

    def _write_usage(self, vals):
        now = {name: self[name].id if name == "usage_terms_id" else self[name] for name in vals}
        if any((now[name] or False) != (value or False) for name, value in vals.items()):
            self.with_context(tracking_disable=True).write(vals)

    def _close_usage(self, last):
        """Rate what was used up to day ``last``; then nothing is counted. Idempotent."""
        for line in self.filtered("usage_from"):
            line._rate_usage(last)
            if line.usage_from <= last:
                line._rate_part(line.usage_from, last)
            line._write_usage(_NOT_COUNTED)

    def _rate_usage(self, last, run=None):
        """Rate the cycles that are over on day ``last``, however many. :return: the new rows of the ledger"""
        self.ensure_one()
        periods = self.env["isp.period"]
        while self.usage_until and self.usage_until <= last:
            periods |= self._rate_part(self.usage_from, self.usage_until, run)
            self._open_usage(self.usage_until + timedelta(days=1))
        return periods

    # === Follow the line ===

    def write(self, vals):
        """Override: another plan or cycle day closes the part that runs, on the terms that held."""
        touched = self.browse()
        if {"plan_id", "anchor_day"} & vals.keys():
            touched = self.filtered(lambda s: any(name in vals and s[name] != self._as_value(name, vals) for name in ("plan_id", "anchor_day")))
            for line in touched.sudo():
                line._close_usage(line.company_id._isp_today() - timedelta(days=1))
        result = super().write(vals)
        for line in touched.sudo():
            line._open_usage(line.company_id._isp_today())
        return result

    @api.model
    def _as_value(self, name, vals):
        return self.env["isp.plan"].browse(vals[name]) if name == "plan_id" else vals[name]

    def _rate_used(self):
        """Override of `isp_billing`: before billing stops; the day of the change is used."""
        result = super()._rate_used()
        self._close_usage(self.company_id._isp_today())
        return result

    def _on_state_changed(self, events):
        result = super()._on_state_changed(events)
        for event in events:
            line = event.subscription_id.sudo()
            if line._bills_in(event.state_to) and not line._bills_in(event.state_from):
                line._open_usage(line.company_id._isp_today())
        return result

    # === Rating ===

    @api.model
    def _domain_to_rate(self, company, date):
        """Override of `isp_billing`: also who has a cycle of usage that is over."""
        over = Domain("usage_until", "<", min(date, company._isp_today()))
        return super()._domain_to_rate(company, date) | (Domain("company_id", "=", company.id) & over)

    def _rate(self, date, run=None):
        """Override of `isp_billing`: usage of cycles that are over; those of days to come are not known."""
        periods = super()._rate(date, run)
        for line in self.filtered("usage_from").sudo():
            last = min(date, line.company_id._isp_today()) - timedelta(days=1)
            periods |= line._rate_usage(last, run).sudo(self.env.su)
        return periods

    def _rate_part(self, start, end, run=None):
        """Rate the usage of days ``start`` to ``end``, of one cycle, on its terms; limit and GB begun are those of the whole cycle.

        :return: the new ``isp.period`` row, or none where nothing is charged

        Idempotency: UNIQUE keys of ``isp.usage.rating`` and ``isp.period``. Transaction: the caller's, who holds the row of the line.
        The customer is told of the price of a GB before a charge stands in the ledger.
        """
        self.ensure_one()
        access, terms, currency = self.access_ids[:1], self.usage_terms_id, self.currency_id
        until, full_days = self._cycle_of(end)
        before = self._charged_before(start, until - timedelta(days=full_days - 1))
        used, late = self._used_between(start, end), self._take_late()
        quota = engine.included(terms.quota_mb * 1_000_000, (end - start).days + 1, full_days)
        topup = self._topup_between(start, end)
        cost = engine.overage(
            used + late,
            quota + topup,
            terms.price_gb,
            started=not terms.exact,
            cap=terms.cap,
            step=currency.rounding,
            before=before,
        )
        rating = self.env["isp.usage.rating"].sudo().create(
            {
                "subscription_id": self.id,
                "company_id": self.company_id.id,
                "access_id": access.id,
                "plan_id": terms.plan_id.id,
                "terms_id": terms.id,
                "date_start": start,
                "date_end": end,
                "bytes_used": used,
                "bytes_late": late,
                "bytes_included": quota,
                "bytes_topup": topup,
                "bytes_charged": cost.bytes,
                "bytes_paid": int(cost.gigabytes * engine.GB),
                "bytes_seen": used,
                "amount": cost.amount,
            }
        )
        if currency.compare_amounts(cost.amount, 0) > 0:
            self._tell_overage(start)
            rating.period_id = self.env["isp.period"].sudo().create(self._prepare_usage_period(rating, cost, before, run))
        return rating.period_id

    def _charged_before(self, start, cycle_start):
        """:return: what parts that broke off in the cycle before day ``start`` were charged, summed up (``engine.Overage``), on whatever plan"""
        parts = self.env["isp.usage.rating"].sudo().search(
            [("subscription_id", "=", self.id), ("date_start", "<", start), ("date_end", ">=", cycle_start), ("terms_id", "!=", False)]
        )
        # One that reached the end of its cycle was a month of its own, also where the customer's day changed since.
        parts = parts.filtered(lambda part: part.date_end < part.terms_id.cycle_end)
        return engine.Overage(
            sum(parts.mapped("bytes_charged")), Fraction(sum(parts.mapped("bytes_paid")), engine.GB), sum(parts.mapped("amount")), False
        )

    def _prepare_usage_period(self, rating, cost, before, run=None):
        """:return: values of the row of the ledger that charges ``rating``"""
        days = (rating.date_end - rating.date_start).days + 1
        return {
            "subscription_id": self.id,
            "kind": "usage",
            "date_start": rating.date_start,
            "date_end": rating.date_end,
            "source": "overage",
            "plan_id": rating.plan_id.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": self.currency_id.id,
            "price": cost.amount,
            "days": days,
            "full_days": days,
            "amount": cost.amount,
            "note": self._usage_text(rating, cost, before),
            "run_id": run.id if run else False,
        }

    def _usage_text(self, rating, cost, before):
        """:return: what the invoice line says, in the customer's language"""
        env = self._customer_env()
        period = env["isp.period"]
        lang = self.partner_id.commercial_partner_id.lang

        def isolated(text):
            return period._isolated(text, lang)

        def money(amount):
            return isolated(f"{amount:,.2f} {self.currency_id.name}")

        gigabytes = float(cost.gigabytes)
        text = env._(
            "%(plan)s, data %(start)s to %(end)s: %(used)s used, %(included)s included, %(gigabytes)s GB at %(price)s",
            plan=rating.plan_id.with_env(env).name,
            start=isolated(fields.Date.to_string(rating.date_start)),
            end=isolated(fields.Date.to_string(rating.date_end)),
            used=isolated(human(rating.bytes_used + rating.bytes_late)),
            included=isolated(human(rating.bytes_included + rating.bytes_topup)),
            gigabytes=isolated(f"{gigabytes:.3f}".rstrip("0").rstrip(".")),
            price=money(rating.price_gb),
        )
        parts = [text]
        if rating.bytes_late:
            parts.append(env._("of it %(late)s from earlier days", late=isolated(human(rating.bytes_late))))
        if cost.capped:
            parts.append(env._("at most %(cap)s", cap=money(rating.terms_id.cap)))
        if cost.capped and before.amount:
            parts.append(env._("%(amount)s of it charged before", amount=money(before.amount)))
        return ", ".join(parts)

    def _tell_overage(self, day):
        """The price of a GB, before the first charge: when the meter did not get round to it."""
        partner, terms = self.partner_id.commercial_partner_id, self.usage_terms_id
        since = fields.Datetime.to_datetime(day) - timedelta(hours=2)
        told = self.env["isp.notice"].sudo().search(
            [("kind", "=", "overage"), ("res_model", "=", self._name), ("res_id", "=", self.id), ("create_date", ">=", since)]
        )
        if not any(notice.params.get("price") == terms.price_gb for notice in told):
            self._tell("overage", f"usage/{self.id}/{since:%Y-%m-%dT%H:%M}/100", plan=terms.plan_id.with_context(lang=partner.lang).name, price=terms.price_gb)

    # === Counting ===

    def _used_between(self, start, end):
        """:return: bytes counted on days ``start`` to ``end``"""
        return self._used_in([(start, end)])[0]

    def _used_in(self, spans):
        """:param spans: list of (first day, last day)
        :return: list of bytes counted in each, free hours left out"""
        self.ensure_one()
        access = self.access_ids[:1]
        if not (access and spans):
            return [0] * len(spans)
        meter = self.env["isp.usage.meter"]
        self.env.flush_all()
        free = self.plan_id.fup_id.active and self.plan_id.fup_id.free_hours or None
        rows = self.env.execute_query(
            SQL(
                """
                WITH target (access_id, key, since, until, free) AS (VALUES %s), %s
                SELECT key, bytes FROM used
                """,
                SQL(", ").join(
                    SQL("(%s, %s, %s::timestamp - interval '2 hours', %s::timestamp + interval '22 hours', %s::text)", access.id, number, start, end, free)
                    for number, (start, end) in enumerate(spans)
                ),
                meter._sql_used("target", access.ids),
            )
        )
        found = {key: int(count) for key, count in rows}
        return [found.get(number, 0) for number in range(len(spans))]

    def _take_late(self):
        """:return: bytes of parts rated before that were counted since; from now on they are part of what was seen there"""
        self.ensure_one()
        since = self.company_id._isp_today() - timedelta(days=LATE_DAYS)
        parts = self.env["isp.usage.rating"].sudo().search([("subscription_id", "=", self.id), ("date_end", ">=", since)])
        late = 0
        for part, count in zip(parts, self._used_in([(part.date_start, part.date_end) for part in parts]), strict=True):
            if count > part.bytes_seen:
                late += count - part.bytes_seen
                part.bytes_seen = count
        return late

    def _topup_between(self, start, end):
        """Hook: bytes bought on top in these days."""
        return 0
