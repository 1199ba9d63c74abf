# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import namedtuple
from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import periods as engine
from ..engine import prepaid, settle
from .isp_subscription_prepaid import AHEAD

#: In the context of what may write ``plan_id`` of a billed line. An object, so no RPC call can pass it.
_PLAN_KEY = object()
#: A line in these states may have days that are billed: its plan changes with their settlement only.
_BILLED_STATES = ("active", "suspended", "paused")
#: Rows that charge the plan, by the first word of their source; services have a life of their own.
_PLAN_SOURCES = {"plan", "prepaid", "promotion", "change", "pause"}

#: What a change of plan does: rows of the ledger by kind, first day on the new plan, what is written on the line
#: (``vals``), price with taxes (``quote``) and the price of a full period from then on (``next_quote``).
Effect = namedtuple("Effect", "date late credits charges fees vals term quote next_quote")


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    plan_change_ids = fields.One2many("isp.plan.change", "subscription_id", string="Changes of plan", readonly=True)
    prepaid_settled = fields.Integer(readonly=True, copy=False, help="Renewals before the last change of plan: all used or given back.")
    scheduled_plan_id = fields.Many2one("isp.plan", compute="_compute_scheduled_plan", string="Next plan")
    scheduled_date = fields.Date(compute="_compute_scheduled_plan", string="Next plan from")

    @api.depends("plan_change_ids.state")
    def _compute_scheduled_plan(self):
        for subscription in self:
            change = subscription._scheduled_change()
            subscription.scheduled_plan_id = change.plan_to_id
            subscription.scheduled_date = change.date

    # === CRUD ===

    def write(self, vals):
        """The plan of a line with billed days changes by ``_change_plan`` only, which settles them."""
        if "plan_id" in vals and self.env.context.get("isp_plan_key") is not _PLAN_KEY:
            self.filtered(lambda s: s.plan_id.id != vals["plan_id"])._check_plan_is_free()
        return super().write(vals)

    def _check_plan_is_free(self):
        lines = self.filtered(lambda s: s.state in _BILLED_STATES)
        for line in lines.sudo():
            if line._plan_rows():
                raise UserError(
                    self.env._(
                        "%(line)s has been billed on its plan. Use “Change plan”, which settles the days that are paid.",
                        line=line.display_name,
                    )
                )

    # === Actions ===

    def action_change_plan(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Change plan"),
            "res_model": "isp.plan.change.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscription_id": self.id},
        }

    def action_undo_plan_change(self):
        """Undo the change that is scheduled; nothing of it is left."""
        self.ensure_one()
        self._scheduled_change().action_undo()

    # === What a change does ===

    def _scheduled_change(self):
        self.ensure_one()
        return self.sudo().plan_change_ids.filtered(lambda change: change.state == "scheduled")[:1]

    @contextmanager
    def _as_if(self, plan):
        """Read this line as if it had another plan: only the cache says so, nothing is written."""
        self.ensure_one()
        self.flush_recordset()
        old, mode = self.plan_id, self.billing_mode
        plan_field, mode_field = self._fields["plan_id"], self._fields["billing_mode"]
        plan_field._update_cache(self, plan.id)
        mode_field._update_cache(self, plan.billing_mode)
        try:
            yield self
        finally:
            plan_field._update_cache(self, old.id)
            mode_field._update_cache(self, mode)

    def _prepare_plan_change(self, plan, when, source="change/0"):
        """What the change to ``plan`` does and costs now; writes nothing. What is shown is what is booked.

        :param when: "now" or "renewal"
        :param source: first part of the ``source`` of the rows
        :return: ``Effect``
        """
        self.ensure_one()
        self._check_may_change(plan, when)
        if when == "renewal":
            return self._prepare_change_later(plan)
        today = self.company_id._isp_today()
        late = self._prepare_late_rows(today, today)
        credits, until = self._prepare_change_credits(late, today, source)
        charges, vals, term = self._prepare_change_charges(plan, today, until, source)
        fees = self._prepare_change_fee(plan, today, source)
        rows = [*late, *credits, *charges, *fees]
        quote = self.env["isp.quote"]._quote(rows, self.company_id, periods=self._rows_to_invoice())
        return Effect(today, late, credits, charges, fees, vals, term, quote, self._quote_full_period(plan, today))

    def _check_may_change(self, plan, when):
        if plan == self.plan_id:
            raise UserError(self.env._("%(line)s has this plan already.", line=self.display_name))
        allowed = ("active", "suspended") if when == "now" else _BILLED_STATES
        if self.state not in allowed:
            raise UserError(
                self.env._("%(line)s is not in service: bring it back first, then change its plan.", line=self.display_name)
            )
        if self._scheduled_change():
            raise UserError(self.env._("A change of plan is scheduled for %(line)s. Undo it first.", line=self.display_name))

    def _prepare_change_later(self, plan):
        day = self._next_boundary()
        nothing = self.env["isp.quote"]._quote([], self.company_id)
        return Effect(day, [], [], [], [], {}, None, nothing, self._quote_full_period(plan, day))

    def _next_boundary(self):
        """:return: the first day that is neither billed nor in a period that has begun"""
        today = self.company_id._isp_today()
        if self.billing_mode == "prepaid":
            until = self.valid_until or fields.Datetime.now()
            day = prepaid.local_day(until, self.company_id._isp_zoneinfo())
            return max(day, today)
        billed = self._last_billed_days().get(self.id)
        if not self.billing_from:
            return max(today, billed + engine.ONE_DAY) if billed else today
        reached = max(today, billed) if billed else today
        for period in engine.grid(self.billing_from, self.plan_id.period_unit, self.plan_id.period_count, self.anchor_day):
            if period.start > reached:
                return period.start

    def _quote_full_period(self, plan, day):
        """:return: ``Quote`` of a whole period of ``plan`` that starts on ``day``, with services and discounts"""
        with self._as_if(plan):
            if plan.period_unit == "hour":
                period = engine.Period(day, day, 1)
            else:
                unit, count = plan.period_unit, plan.period_count
                anchor_day = day.day if unit == "month" else 1
                period = next(engine.grid(day, unit, count, anchor_day))
            rows = self._only_recurring(self._prepare_plan_period(period))
        return self.env["isp.quote"]._quote(rows, self.company_id)

    @api.model
    def _only_recurring(self, rows):
        """:return: the rows that come again with every period: not set-up fee, deposit, ends of services"""
        words = ((row, row["source"].split("/")) for row in rows)
        return [row for row, word in words if word[0] in ("plan", "service", "promotion") and word[-1] != "end"]

    def _prepare_late_rows(self, today, end):
        """Rows that should stand in the ledger: what a run has missed up to yesterday, and all days used before ``end``."""
        if self.billing_mode != "postpaid" or not self._is_billable():
            return []
        billed = self._last_billed_days().get(self.id)
        arrears = self.plan_id.billing_timing == "arrears"
        rows = self._prepare_charges(end if arrears else today - engine.ONE_DAY, billed)
        return rows + self._prepare_used_part(rows, billed, end)

    def _prepare_used_part(self, rows, billed, day):
        """:return: rows for the days before ``day`` of a period that has begun and is not billed"""
        last = max([row["date_end"] for row in rows if row["source"] == "plan"] + ([billed] if billed else []), default=None)
        for period in engine.grid(self.billing_from, self.plan_id.period_unit, self.plan_id.period_count, self.anchor_day):
            if period.start >= day:
                return []
            if last is None or period.start > last:
                return self._prepare_plan_period(period.cut(day)[0])

    def _plan_rows(self, day=None, also=()):
        """:param day: only those that reach to this day
        :param also: first words of more sources
        :return: rows of the ledger that charge the plan, or give it back"""
        self.ensure_one()
        domain = [("subscription_id", "=", self.id), *([("date_end", ">=", day)] if day else [])]
        return self.env["isp.period"].sudo().search(domain, order="id").filtered(lambda row: self._charges_plan(row.source, also))

    @api.model
    def _charges_plan(self, source, also=()):
        words = source.split("/")
        return words[0] in _PLAN_SOURCES | set(also) and words[-1] != "fee"

    @api.model
    def _charge(self, row):
        """:param row: ``isp.period`` or values of one
        :return: ``engine.settle.Charge``"""
        period = engine.Period(row["date_start"], row["date_end"], row["full_days"], row["offset_days"])
        plan, product = row["plan_id"], row.get("product_id") if isinstance(row, dict) else row.product_id.id
        plan = plan if isinstance(row, dict) else plan.id
        return settle.Charge(period, row["price"], row["amount"], (plan or 0, product or 0))

    def _prepare_settlement(self, charges, source, label, day):
        """:param charges: ``engine.settle.Charge`` to write as rows of the ledger
        :param label: text with %(what)s, in the customer's language
        :return: values of ``isp.period``"""
        rows = []
        for number, charge in enumerate(charges, 1):
            plan_id, product_id = charge.key
            plan = self.env["isp.plan"].browse(plan_id)
            product = self.env["product.product"].browse(product_id)
            name = (product or plan).with_context(lang=self.partner_id.lang).name
            rows.append(
                self._prepare_period(
                    charge.period,
                    charge.price,
                    kind="adjustment",
                    source=f"{source}/{number}",
                    plan_id=plan_id,
                    product_id=product_id or False,
                    amount=charge.amount,
                    note=self._row_note(label % {"what": name}, charge.period),
                )
            )
        return rows

    def _customer_env(self):
        return self.with_context(lang=self.partner_id.commercial_partner_id.lang).env

    def _prepare_change_credits(self, late, day, source):
        """:return: rows that give back the old plan from ``day`` on, and the last day they cover (None: none)"""
        label = self._customer_env()._("Credit: %(what)s", what="%(what)s")
        if self.billing_mode == "prepaid":
            return self._prepare_prepaid_credit(f"{source}/credit", label), None
        charges = [self._charge(row) for row in self._plan_rows(day)]
        charges += [self._charge(row) for row in late if self._charges_plan(row["source"])]
        left = settle.rests(charges, day, self.currency_id.rounding)
        until = max((charge.period.end for charge in left), default=None)
        return self._prepare_settlement(settle.reverse(left), f"{source}/credit", label, day), until

    def _prepare_prepaid_credit(self, source, label):
        """What is left of prepaid time or data, as money.

        :return: values of ``isp.period``
        """
        left, bought = self._prepaid_left()
        worth = prepaid.unused(left, [(amount, length) for _row, amount, length in bought], self.currency_id.rounding)
        rows, today = [], self.company_id._isp_today()
        for number, ((row, _amount, _length), amount) in enumerate(zip(bought, worth, strict=True), 1):
            if not amount:
                continue
            plan = row.plan_id.with_context(lang=self.partner_id.lang)
            period = engine.Period(today, max(row.date_end, today), max((row.date_end - today).days, 0) + 1)
            rows.append(
                self._prepare_period(
                    period,
                    -amount,
                    kind="adjustment",
                    source=f"{source}/{number}",
                    plan_id=plan.id,
                    amount=-amount,
                    note=label % {"what": plan.name},
                )
            )
        return rows

    def _prepaid_left(self):
        """Hook: what of the last renewals is not used: time in seconds; of a bundle its data.

        :return: (left, [(row of the renewal, amount with its discounts, what it bought)]), newest first
        """
        self.ensure_one()
        now = fields.Datetime.now()
        renewals = self._renewal_rows()
        if not self.valid_until or self.valid_until <= now:
            return 0, []
        if renewals[:1].time_start:
            left = (self.valid_until - now).total_seconds()
        else:
            # By days: the day of the change is the new plan's.
            zone = self.company_id._isp_zoneinfo()
            left = (prepaid.local_day(self.valid_until, zone) - prepaid.local_day(now, zone)).days * 86400
        return left, [(row, self._renewal_amount(row), self._renewal_seconds(row)) for row in renewals]

    def _renewal_rows(self):
        """:return: the plan's rows of the renewals since the last change of plan, newest first"""
        rows = self.env["isp.period"].sudo().search(
            [("subscription_id", "=", self.id), ("source", "=like", "prepaid/%")], order="id desc"
        )
        return rows[: self.prepaid_number - self.prepaid_settled]

    def _renewal_amount(self, row):
        """:return: what a renewal cost: the plan's row and the discounts on the same days"""
        discounts = self.env["isp.period"].sudo().search(
            [
                ("subscription_id", "=", self.id),
                ("source", "=like", "promotion/%"),
                ("date_start", "=", row.date_start),
                ("date_end", "=", row.date_end),
            ]
        )
        return row.amount + sum(discounts.mapped("amount"))

    @api.model
    def _renewal_seconds(self, row):
        if row.time_start:
            return (row.time_end - row.time_start).total_seconds()
        return ((row.date_end - row.date_start).days + 1) * 86400

    def _prepare_change_charges(self, plan, today, until, source):
        """What the new plan costs.

        :param until: last day that was billed on the old plan
        :return: rows of the ledger, values to write on the line, the term that a prepaid plan begins with
        """
        with self._as_if(plan):
            if plan.billing_mode == "prepaid":
                return self._prepare_change_to_prepaid()
            rows, vals = [], {"valid_until": False, "billing_from": today}
            if until:
                unit, count = plan.period_unit, plan.period_count
                for period in settle.remaining(today, until, unit, count, self.anchor_day):
                    for row in self._only_recurring(self._prepare_plan_period(period)):
                        if row["source"].split("/")[0] != "service":
                            name = f"{source}/{len(rows) + 1}"
                            kind = "adjustment" if row["kind"] == "adjustment" else "proration"
                            rows.append({**row, "source": name, "kind": kind})
                vals["billing_from"] = until + engine.ONE_DAY
            elif plan.billing_timing == "advance" and self.state == "active":
                period = next(engine.grid(today, plan.period_unit, plan.period_count, self.anchor_day))
                rows = [row for row in self._prepare_plan_period(period) if row["source"].split("/")[0] != "service"]
                # Services may have been paid for some of these days already.
                rows += [row for service in self.service_ids for row in service._prepare_missing([period])]
            return rows, vals, None

    def _prepare_change_to_prepaid(self):
        term = prepaid.next_term(
            self.plan_id.prepaid_basis,
            self.plan_id.period_unit,
            self.plan_id.period_count,
            self.anchor_day,
            fields.Datetime.now(),
            self.company_id._isp_zoneinfo(),
        )
        number = self.prepaid_number + 1
        rows = [self._prepare_prepaid_row(vals, term, number) for vals in self._prepare_plan_period(term.period)]
        vals = {"billing_from": False, "valid_until": term.ends, "anchor_day": term.anchor_day, "prepaid_number": number}
        return rows, {**vals, "prepaid_settled": number - 1, "prepaid_problem": False, "renew_checked_at": False}, term

    def _prepare_change_fee(self, plan, day, source):
        """Hook: what the change itself costs."""
        fee = self.plan_id.change_fee
        if not fee:
            return []
        note = self._customer_env()._("Change of plan to %(plan)s", plan=plan.with_context(lang=self.partner_id.lang).name)
        one = engine.Period(day, day, 1)
        return [self._prepare_period(one, fee, kind="adjustment", source=f"{source}/fee", note=note)]

    # === Doing it ===

    def _change_plan(self, plan, when, uuid=None, total=None):
        """Change this line to ``plan``.

        :param when: "now": booked, invoiced and in effect at once; "renewal": written down, in effect with the next period
        :param uuid: idempotency key (UNIQUE): of two calls the second gives the change of the first
        :param total: what the person was shown; when it has changed meanwhile nothing is done
        :return: the ``isp.plan.change`` (sudo)
        :raise UserError: the line cannot change, the amounts are others now, or a prepaid plan is not paid for

        Transaction: the caller's; the row of the line is locked.
        """
        self.ensure_one()
        self.check_access("write")
        line = self.sudo()
        line._lock_customer()
        changes = line.env["isp.plan.change"]
        if uuid and (done := changes.search([("uuid", "=", uuid)])):
            return done
        effect = line._prepare_plan_change(plan, when)
        if total is not None and line.currency_id.compare_amounts(effect.quote.total, total):
            raise UserError(self.env._("The amounts have changed meanwhile. Look at them again."))
        change = changes.create(line._prepare_change_vals(plan, when, effect, uuid, self.env.uid))
        if when == "now":
            line.with_context(isp_renewing=True)._book_plan_change(change)
            line._renew_if_paid()
        return change

    def _prepare_change_vals(self, plan, when, effect, uuid, user_id):
        return {
            "uuid": uuid,
            "subscription_id": self.id,
            "plan_from_id": self.plan_id.id,
            "plan_to_id": plan.id,
            "when": when,
            "date": effect.date,
            "credit": sum(row["amount"] for row in effect.credits),
            "charge": sum(row["amount"] for row in [*effect.late, *effect.charges]),
            "fee": sum(row["amount"] for row in effect.fees),
            "tax": effect.quote.tax,
            "total": effect.quote.total,
            "user_id": user_id,
        }

    def _book_plan_change(self, change):
        plan = change.plan_to_id
        change.state = "done"  # so that it is not in its own way
        effect = self._prepare_plan_change(plan, "now", f"change/{change.id}")
        affordable = self.currency_id.compare_amounts(self._credit(), effect.quote.total) >= 0
        if plan.billing_mode == "prepaid" and not affordable:
            raise UserError(
                self.env._(
                    "A prepaid plan is paid first: %(missing)s is missing. Take the payment, then change the plan.",
                    missing=self.currency_id.format(effect.quote.total - self._credit()),
                )
            )
        rows = self.env["isp.period"].create([*effect.late, *effect.credits, *effect.charges, *effect.fees])
        self._write_plan(plan, effect.vals)
        (rows | self._rows_to_invoice())._invoice()
        if effect.term:
            self._on_renewed(rows, effect.term)
        if self.state == "suspended" and self._last_state_event().reason == "expired":
            self._set_state("active", "plan_change")
        change.done_at = fields.Datetime.now()
        self._tell_plan_change(change, effect.next_quote.total)

    def _write_plan(self, plan, vals):
        """The one way to write another plan on a billed line: with its calendar, and with the worth before and after."""
        before, old = self.monthly_value, self.plan_id
        self.with_context(isp_plan_key=_PLAN_KEY).write({**vals, "plan_id": plan.id})
        if self.state == "active":
            self.flush_recordset()
            event = self._prepare_event_vals(self.state, "plan_change", f"{old.display_name} → {plan.display_name}")
            self.env["isp.subscription.event"].sudo().create({**event, "monthly_value_before": before})

    def _tell_plan_change(self, change, amount):
        lang = self.partner_id.commercial_partner_id.lang
        old = change.plan_from_id.with_context(lang=lang).name
        self._tell(
            "plan_change", f"plan_change/{change.id}", old_plan=old, amount=amount, date=fields.Date.to_string(change.date)
        )

    # === Scheduled changes ===

    def _rate(self, date, run=None):
        """A change that is scheduled takes effect before the first period on the new plan is rated, however late."""
        self._lock_rows()
        rows = self.env["isp.period"]
        changes = self.env["isp.plan.change"].sudo().search(
            [("subscription_id", "in", self.ids), ("state", "=", "scheduled"), ("date", "<=", date)], order="subscription_id"
        )
        for change in changes:
            line = change.subscription_id
            if line.billing_mode == "postpaid":
                arrears = line.plan_id.billing_timing == "arrears"
                rows |= super(IspSubscription, line)._rate(change.date if arrears else change.date - timedelta(days=1), run)
                line._apply_scheduled(change)
        return rows.sudo(self.env.su) | super()._rate(date, run)

    def _apply_scheduled(self, change):
        """Write the new plan on the line from the day agreed; later when that day has been billed meanwhile."""
        plan, vals = change.plan_to_id, {}
        billed = self._last_billed_days().get(self.id)
        if self.billing_mode == "postpaid" and billed and billed >= change.date:
            change.date = billed + engine.ONE_DAY
            if change.date > self.company_id._isp_today():
                return
        if plan.billing_mode == "prepaid":
            if self.billing_mode == "postpaid":
                # Its first payment renews it; credit does at once.
                vals = {"billing_from": False, "valid_until": fields.Datetime.now(), "prepaid_settled": self.prepaid_number}
            else:
                vals = {"prepaid_settled": self.prepaid_number}
        else:
            vals = {"billing_from": change.date if self.state == "active" else False, "valid_until": False}
        amount = self._quote_full_period(plan, change.date).total
        change.write({"state": "done", "done_at": fields.Datetime.now()})
        self._write_plan(plan, vals)
        self._tell_plan_change(change, amount)

    def _on_state_changed(self, events):
        """A change whose day has come while the line was out of service takes effect when it comes back."""
        for event in events.filtered(lambda e: e.state_to == "active"):
            line = event.subscription_id.sudo()
            change = line._scheduled_change()
            if change and change.date <= line.company_id._isp_today() and line.billing_mode == "postpaid":
                line._apply_scheduled(change)
        for event in events.filtered(lambda e: e.state_to == "terminated"):
            event.subscription_id.sudo()._scheduled_change().unlink()
        return super()._on_state_changed(events)

    # === Prepaid ===

    def _try_renewal(self, early=False, **options):
        """The next renewal is the first on the plan that is scheduled: not before the old time is over."""
        change = self._scheduled_change()
        if not change:
            return super()._try_renewal(early, **options)
        if not self._has_run_out(AHEAD):
            return False
        if change.plan_to_id.billing_mode == "postpaid":
            self._lock_customer()
            self._apply_scheduled(change)
            return False
        return super()._try_renewal(early, **options)

    def _prepare_renewal(self):
        change = self._scheduled_change()
        if not change or change.plan_to_id.billing_mode != "prepaid":
            return super()._prepare_renewal()
        with self._as_if(change.plan_to_id):
            return super()._prepare_renewal()

    def _book_renewal(self, renewal, on_debt=False):
        change = self._scheduled_change()
        if change:
            self._apply_scheduled(change)
        return super()._book_renewal(renewal, on_debt)

    @api.model
    def _renew_from_credit(self, company, *, commit=False):
        """Before: prepaid lines that become postpaid when their time is over."""

        def find(taken):
            until = fields.Datetime.now() + AHEAD
            domain = [("company_id", "=", company.id), ("billing_mode", "=", "prepaid"), ("id", "not in", taken)]
            domain += [("valid_until", "<=", until), ("state", "in", ("active", "suspended"))]
            domain += [("plan_change_ids", "any", [("state", "=", "scheduled"), ("plan_to_id.billing_mode", "=", "postpaid")])]
            return self.search(domain, limit=100)

        self._one_by_one(find, IspSubscription._become_postpaid, commit)
        return super()._renew_from_credit(company, commit=commit)

    def _become_postpaid(self):
        self._lock_customer()
        change = self._scheduled_change()
        if not change:
            return False
        self._apply_scheduled(change)
        if self.state == "suspended" and self._last_state_event().reason == "expired":
            self._set_state("active", "plan_change")
        return True
