# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import Counter
from datetime import date, datetime, time, timedelta

from freezegun import freeze_time
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.exceptions import UserError
from odoo.tests import tagged

from .test_plan_change import PlanChangeCommon

START = date(2026, 11, 1)
ONE_DAY = timedelta(days=1)
STEPS = st.lists(
    st.tuples(
        st.integers(0, 25),
        st.sampled_from(["bill", "now", "renewal", "undo", "suspended", "active", "paused", "terminated", "pay"]),
        st.integers(0, 3),
    ),
    min_size=3,
    max_size=9,
)
slow = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),  # making a failing example smaller takes many minutes here
    database=None,
    derandomize=True,
)


class _Undo(Exception):
    """Ends the savepoint of an example."""


@tagged("post_install", "-at_install")
class TestLifeProperties(PlanChangeCommon):
    """Whatever happens to a line: the ledger, the invoices and the receivable agree, and each day of service costs once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        policy = {"pause_billing": "credit"}
        cls.plans = [
            cls._create_plan("R-1", list_price=180001, **policy),
            cls._create_plan("R-2", list_price=77777, billing_timing="arrears", **policy),
            cls._create_plan("R-3", list_price=100000, period_unit="day", period_count=30, **policy),
            cls._create_plan("R-4", list_price=500000, period_count=3, suspend_billing="bill"),
        ]
        cls.prepaid = [cls.month, cls.days, cls.hour, cls.calendar]

    def _example(self, work):
        try:
            with self.env.cr.savepoint():
                work()
                raise _Undo
        except _Undo:
            self.env.invalidate_all()

    @slow
    @given(st.integers(0, 3), st.sampled_from([1, 15, 31]), STEPS)
    def test_postpaid(self, first, anchor_day, steps):
        self._example(lambda: self._live(self.plans[first], anchor_day, steps))

    def _live(self, plan, anchor_day, steps):
        line = self._create_line(plan_id=plan.id, anchor_day=anchor_day, billing_from=START)
        active = {}  # day: whether the line was in service at some time of it
        day, paid = START, 0
        for gap, step, choice in steps:
            for _day in range(gap):
                active[day] = active.get(day, False) or line.state == "active"
                day += ONE_DAY
            active[day] = active.get(day, False) or line.state == "active"
            with freeze_time(datetime.combine(day, time(9))):
                paid += self._step(line, step, choice, day)
            active[day] = active[day] or line.state == "active"
        for _day in range(100):
            day += ONE_DAY
            active[day] = line.state == "active"
        with freeze_time(datetime.combine(day, time(9))):
            self._bill(day)
            self._check_money(line, paid)
            self._check_days(line, active, day)
            before = (line.period_ids.ids, line.event_ids.ids, line.valid_until)
            line._rate(day)
            self._bill(day)
            line.invalidate_recordset()
            self.assertEqual((line.period_ids.ids, line.event_ids.ids, line.valid_until), before, "again writes nothing")

    def _step(self, line, step, choice, day):
        try:
            with self.env.cr.savepoint():
                if step == "bill":
                    self._bill(day)
                elif step in ("now", "renewal"):
                    line._change_plan(self.plans[choice], step)
                elif step == "undo":
                    line.plan_change_ids.filtered(lambda c: c.state == "scheduled").action_undo()
                elif step == "pay":
                    self._pay(line.partner_id, 50000 * (choice + 1))
                    return 50000 * (choice + 1)
                else:
                    line._set_state(step, "staff")
        except UserError:
            self.env.invalidate_all()
        return 0

    def _check_money(self, line, paid):
        line.invalidate_recordset()
        moves = line.period_ids.move_id
        self.assertTrue(all(line.period_ids.mapped("move_line_id")))
        self.assertEqual(sum(line.period_ids.mapped("amount")), sum(moves.mapped("amount_untaxed_signed")))
        self.assertEqual(line.balance, sum(moves.mapped("amount_total_signed")) - paid)

    def _check_days(self, line, active, last):
        """Charges less credits are once a day of service, and never twice a day."""
        covered = Counter()
        for row in line.period_ids:
            sign = 1 if row.amount > 0 else -1
            for number in range((row.date_end - row.date_start).days + 1):
                covered[row.date_start + timedelta(days=number)] += sign
        self.assertTrue(set(covered.values()) <= {0, 1}, self._rows(line))
        until = last if line.plan_id.billing_timing == "advance" else line._last_billed_days().get(line.id, START - ONE_DAY)
        missing = [day for day, served in active.items() if served and day <= until and not covered[day]]
        self.assertFalse(missing, self._rows(line))

    @slow
    @given(st.integers(0, 3), st.lists(st.tuples(st.integers(0, 900), st.integers(0, 5), st.booleans()), max_size=8))
    def test_prepaid(self, first, payments):
        self._example(lambda: self._live_prepaid(self.prepaid[first], payments))

    def _live_prepaid(self, plan, payments):
        moment = datetime(2026, 11, 1, 8)
        subscriptions = self.env["isp.subscription"]
        with freeze_time(moment):
            line = self._create_prepaid(plan)
        paid, price, bought = 0, plan.list_price * 1.2, []
        for hours, halves, named in payments:
            moment += timedelta(hours=hours)
            with freeze_time(moment):
                subscriptions._renew_from_credit(self.company)
                subscriptions._suspend_expired(self.company)
                amount = round(price * halves / 2)
                if amount:
                    self._pay(line.partner_id, amount, **({"subscription_id": line.id} if named else {}))
                    paid += amount
                before = (line.prepaid_number, line.valid_until)
                subscriptions._renew_from_credit(self.company)
                line._renew_if_paid()
                self.assertEqual((line.prepaid_number, line.valid_until), before, "again writes nothing")
        self._check_money(line, paid)
        self.assertLessEqual(line.balance, 0, "a renewal never makes a debt")
        bought = line.period_ids.sorted("id")
        self.assertEqual(len(bought), line.prepaid_number)
        self.assertEqual(bought.mapped("source"), [f"prepaid/{number}" for number in range(1, len(bought) + 1)])
        for one, two in zip(bought, bought[1:], strict=False):
            if one.time_end:
                self.assertLessEqual(one.time_end, two.time_start)
            else:
                self.assertLess(one.date_end, two.date_start)
        if line.expired and line.auto_renew:
            self.assertLess(-line.balance, price)
