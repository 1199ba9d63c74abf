# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.isp_base.engine import lifecycle

from ..engine import periods as engine
from ..engine import prepaid, settle

#: Who ends a contract for these reasons keeps the notice and pays the fee; else it is the provider's decision.
_CUSTOMER_REASONS = ("customer", "termination")


class IspSubscription(models.Model):
    """What pause, suspension and end of a line bill: policies of its plan."""

    _inherit = "isp.subscription"

    paused_left = fields.Integer(
        readonly=True, copy=False, help="Prepaid: seconds that were left when the line was paused; by days: whole days."
    )

    @api.depends("plan_id.suspend_billing", "plan_id.pause_billing", "plan_id.pause_fee")
    def _compute_next_bill_date(self):
        """Override: the next pause fee of who pays one."""
        result = super()._compute_next_bill_date()
        for subscription in self.filtered(lambda s: s._pays_pause_fee()):
            start, billed = subscription._pause_fee_start()
            subscription.next_bill_date = engine.next_due(start, "month", 1, subscription.anchor_day, after=billed)
        return result

    # === States ===

    def _bills_in(self, state):
        """Override: a suspension may go on billing."""
        return super()._bills_in(state) or (state == "suspended" and self.plan_id.suspend_billing == "bill")

    def _set_state(self, new_state, reason, note=None):
        """Before billing stops, what was used is rated: the period in arrears up to today, and what a run has missed."""
        if reason != "import":
            self._lock_rows()
            for line in self.sudo():
                if line.state != new_state and lifecycle.allowed(line.state, new_state) and not line._bills_in(new_state):
                    line._rate_used()
        return super()._set_state(new_state, reason, note)

    def _rate_used(self):
        """Write what is used and not billed into the ledger; the day of the change is used. Again: nothing."""
        if self.billing_mode == "postpaid" and self._is_billable():
            today = self.company_id._isp_today()
            self.env["isp.period"].create(self._prepare_late_rows(today, today + engine.ONE_DAY))

    def _on_state_changed(self, events):
        for event in events:
            line = event.subscription_id.sudo()
            if event.reason == "import":
                continue
            if event.state_to == "paused":
                line._pause(event)
            elif line._bills_in(event.state_to) and not line._bills_in(event.state_from):
                line._take_again(event)
        result = super()._on_state_changed(events)
        for event in events.filtered(lambda e: e.state_to == "terminated" and e.reason != "import"):
            event.subscription_id.sudo()._settle(event)
        return result

    # === Pause ===

    def _pause(self, event):
        if self.plan_id.pause_billing != "credit":
            return
        if self.billing_mode == "prepaid":
            self.paused_left = self._seconds_left()
            return
        label = self._customer_env()._("Credit for the pause: %(what)s", what="%(what)s")
        self._write_credit(f"pause/{event.id}/credit", label, self.company_id._isp_today() + engine.ONE_DAY)._invoice()

    def _write_credit(self, source, label, day):
        """Give back what is billed from ``day`` on, services too; what is given back already is not given back again.

        :return: the new rows of the ledger
        """
        charges = [self._charge(row) for row in self._plan_rows(day, also=("service", "termination"))]
        left = settle.reverse(settle.rests(charges, day, self.currency_id.rounding))
        return self.env["isp.period"].create(self._prepare_settlement(left, source, label, day))

    def _take_again(self, event):
        """Back in service inside a period that was given back: its rest is charged again, and no day twice.

        A pause fee ends with the pause.
        """
        today = self.company_id._isp_today()
        if self.billing_mode == "prepaid":
            self._resume_prepaid(event, today)
            return
        rows = self._plan_rows(today).filtered(lambda row: row.source.split("/")[0] == "pause")
        rows += self._settled_rows(today)
        left = settle.reverse(settle.rests([self._charge(row) for row in rows], today, self.currency_id.rounding))
        label = self._customer_env()._("Back in service: %(what)s", what="%(what)s")
        self.env["isp.period"].create(self._prepare_settlement(left, f"pause/{event.id}/back", label, today))

    def _settled_rows(self, day):
        """:return: what an end of contract gave back or charged as notice for ``day`` and later"""
        rows = self.env["isp.period"].sudo().search(
            [("subscription_id", "=", self.id), ("date_end", ">=", day), ("source", "=like", "termination/%")]
        )
        return rows.filtered(lambda row: not row.source.endswith("/fee"))

    def _seconds_left(self):
        """:return: what is left of prepaid time; by days without the present day, which is used"""
        now = fields.Datetime.now()
        if not self.valid_until or self.valid_until <= now:
            return 0
        if self.plan_id.period_unit == "hour":
            return int((self.valid_until - now).total_seconds())
        zone = self.company_id._isp_zoneinfo()
        days = (prepaid.local_day(self.valid_until, zone) - prepaid.local_day(now, zone)).days - 1
        return max(days, 0) * 86400

    def _resume_prepaid(self, event, today):
        """Give the time back that was left at the pause."""
        if not self.paused_left:
            return
        left, self.paused_left = timedelta(seconds=self.paused_left), 0
        if self.plan_id.period_unit == "hour":
            self.valid_until = fields.Datetime.now() + left
            return
        zone = self.company_id._isp_zoneinfo()
        pause = (self.event_ids - event).filtered(lambda e: e.state_to == "paused").sorted("id")[-1:]
        first = max(today, prepaid.local_day(pause.date, zone) + engine.ONE_DAY) if pause else today
        self.valid_until = prepaid.midnight(first + left, zone)

    # --- pause fee ---

    def _pays_pause_fee(self):
        plan = self.plan_id
        return (
            self.state == "paused"
            and self.billing_mode == "postpaid"
            and plan.pause_billing == "fee"
            and plan.pause_fee > 0
            and self._last_state_event().state_to == "paused"
        )

    def _pause_fee_start(self):
        """:return: the first day of the fee (the paid period lapses first), and the last day it is billed for"""
        event = self._last_state_event()
        day = prepaid.local_day(event.date, self.company_id._isp_zoneinfo())
        billed = self._last_billed_days().get(self.id)
        fees = self.env["isp.period"].sudo().search(
            [("subscription_id", "=", self.id), ("source", "=", f"pause/{event.id}")], order="date_end desc", limit=1
        )
        return max(day, billed or day) + engine.ONE_DAY, fees.date_end or None

    def _prepare_charges(self, date, billed_until, run=None):
        """Override: the months of a pause cost its fee."""
        return super()._prepare_charges(date, billed_until, run) + self._prepare_pause_fees(date, run)

    def _prepare_pause_fees(self, date, run=None):
        if not self._pays_pause_fee():
            return []
        start, billed = self._pause_fee_start()
        source, env = f"pause/{self._last_state_event().id}", self._customer_env()
        label = env._("Pause: %(plan)s", plan=self.plan_id.with_context(lang=env.lang).name)
        return [
            self._prepare_period(
                period, self.plan_id.pause_fee, run=run, source=source, note=self._row_note(label, period)
            )
            for period in engine.periods(start, "month", 1, self.anchor_day, until=date, after=billed)
        ]

    # === End ===

    def _settle(self, event):
        """Settle a line that has ended to one final document, in the transaction of the end.

        What is not used is given back, what is used or agreed (notice, fee) is charged, the deposit is returned: an
        invoice, or a credit note with the charges as lines below zero. A deposit that is larger than taxed charges takes
        one of each, as ``isp.invoicing._kind`` explains.
        Idempotency key: the event of the end, in the ``source`` of the rows ("termination/<event>/…").
        """
        self.auto_renew = False
        if self.billing_mode == "prepaid":
            rows = self._settle_prepaid(event)
        else:
            rows = self._settle_postpaid(event)
        rows |= self._settle_fee(event)
        rows |= self._return_deposit()
        (rows | self._rows_to_invoice())._invoice()

    def _settle_prepaid(self, event):
        if self.paused_left:
            self._resume_prepaid(event, self.company_id._isp_today())
        label = self._customer_env()._("Not used: %(what)s", what="%(what)s")
        gives = self.plan_id.termination_settlement == "credit"
        vals_list = self._prepare_prepaid_credit(f"termination/{event.id}/credit", label) if gives else []
        if self.valid_until:
            self.valid_until = min(self.valid_until, fields.Datetime.now())
        return self.env["isp.period"].create(vals_list)

    def _settle_postpaid(self, event):
        plan, today = self.plan_id, self.company_id._isp_today()
        last = today
        if plan.notice_days and self._keeps_notice(event) and self._bills_in(event.state_from):
            last += timedelta(days=plan.notice_days)
        rows = self._charge_notice(event, today, last)
        if plan.termination_settlement == "credit":
            label = self._customer_env()._("Not used: %(what)s", what="%(what)s")
            rows |= self._write_credit(f"termination/{event.id}/credit", label, last + engine.ONE_DAY)
        return rows

    def _keeps_notice(self, event):
        return event.reason in _CUSTOMER_REASONS and not self._is_waived()

    def _is_waived(self):
        """Whether a billing manager has waived notice and fee in the form that ends the line."""
        return bool(self.env.context.get("isp_waive")) and self.env.user.has_group("isp_base.group_isp_billing_manager")

    def _charge_notice(self, event, today, last):
        """:return: rows for the days of the notice that are not billed yet"""
        billed = self._last_billed_days().get(self.id) or today
        first = max(billed, today) + engine.ONE_DAY
        if first > last:
            return self.env["isp.period"]
        unit, count, rows = self.plan_id.period_unit, self.plan_id.period_count, []
        for period in settle.remaining(first, last, unit, count, self.anchor_day):
            for row in self._only_recurring(self._prepare_plan_period(period)):
                rows.append({**row, "source": f"termination/{event.id}/notice/{len(rows) + 1}"})
        return self.env["isp.period"].create(rows)

    def _settle_fee(self, event):
        fee = self.plan_id.termination_fee
        if not fee or not self._keeps_notice(event):
            return self.env["isp.period"]
        today = self.company_id._isp_today()
        note = self._customer_env()._("End of contract")
        one = engine.Period(today, today, 1)
        return self.env["isp.period"].create(
            self._prepare_period(one, fee, kind="adjustment", source=f"termination/{event.id}/fee", note=note)
        )

    def _return_deposit(self):
        """:return: the row that gives back what was taken as deposit and not given back yet"""
        rows = self.env["isp.period"].search([("subscription_id", "=", self.id), ("kind", "=", "deposit")])
        held = sum(rows.mapped("amount"))
        if self.currency_id.compare_amounts(held, 0) <= 0:
            return self.env["isp.period"]
        product, today = rows[0].product_id, self.company_id._isp_today()
        env = self._customer_env()
        note = env._("Returned: %(what)s", what=product.with_context(lang=env.lang).name)
        one = engine.Period(today, today, 1)
        vals = {"kind": "deposit", "source": "deposit/return", "product_id": product.id, "amount": -held, "note": note}
        return self.env["isp.period"].create(self._prepare_period(one, -held, **vals))

    # === Refund ===

    def action_refund(self):
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        if self._credit() <= 0:
            raise UserError(self.env._("%(customer)s has no credit to pay out.", customer=customer.display_name))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Pay out refund"),
            "res_model": "isp.refund",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": customer.id},
        }
