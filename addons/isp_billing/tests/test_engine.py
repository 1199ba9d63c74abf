# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..engine import periods as engine
from ..engine import prepaid, pricing, settle

days = st.dates(date(2020, 1, 1), date(2032, 12, 31))
grids = st.fixed_dictionaries(
    {
        "billing_from": days,
        "unit": st.sampled_from(["day", "month"]),
        "count": st.integers(1, 12),
        "anchor_day": st.integers(1, 31),
        "timing": st.sampled_from(["advance", "arrears"]),
    }
)


class TestEngine(BaseCase):
    def test_doctests(self):
        for module, least in ((engine, 12), (prepaid, 12), (pricing, 10), (settle, 10)):
            result = doctest.testmod(module)
            self.assertGreater(result.attempted, least)
            self.assertEqual(result.failed, 0)

    @settings(max_examples=150, deadline=None)
    @given(grids, st.integers(0, 900))
    def test_no_day_is_missing_or_charged_twice(self, grid, length):
        until = grid["billing_from"] + timedelta(days=length)
        rows = list(engine.periods(**grid, until=until))
        for before, after in pairwise(rows):
            self.assertEqual(after.start, before.end + timedelta(days=1))
        if rows:
            self.assertEqual(rows[0].start, grid["billing_from"])
            self.assertLessEqual(engine.due_date(rows[-1], grid["timing"]), until)
        self.assertGreater(engine.next_due(**grid, after=rows[-1].end if rows else None), until)

    @settings(max_examples=150, deadline=None)
    @given(grids, st.integers(0, 900), st.data())
    def test_any_interruption_gives_the_same_periods(self, grid, length, data):
        """Billing in several runs, with days missed between them, equals one run at the end."""
        until = grid["billing_from"] + timedelta(days=length)
        whole = list(engine.periods(**grid, until=until))
        found = []
        for stop in sorted(data.draw(st.lists(st.integers(0, length), max_size=5))) + [length]:
            day = grid["billing_from"] + timedelta(days=stop)
            found += engine.periods(**grid, until=day, after=found[-1].end if found else None)
        self.assertEqual(found, whole)

    @settings(max_examples=100, deadline=None)
    @given(days, st.integers(1, 31), st.integers(1, 4))
    def test_months_start_on_the_anchor(self, start, anchor_day, count):
        for period in engine.periods(start, "month", count, anchor_day, until=start + timedelta(days=800)):
            if period.is_full:
                self.assertEqual(period.start, engine.anchor(period.start.year, period.start.month, anchor_day))

    @settings(max_examples=200, deadline=None)
    @given(days, st.integers(1, 31), st.integers(0, 10_000_000))
    def test_a_part_never_costs_more_than_the_whole(self, start, anchor_day, price):
        first = next(engine.grid(start, "month", 1, anchor_day))
        share = first.share(price)
        self.assertTrue(0 <= share <= price)
        self.assertLessEqual(abs(share - price * first.days / first.full_days), 0.5)

    @settings(max_examples=200, deadline=None)
    @given(days, st.integers(1, 31), st.integers(0, 5_000_000), st.lists(st.tuples(st.integers(-5, 40), st.integers(0, 20)), max_size=5))
    def test_uncovered_parts_and_covered_ones_make_the_whole(self, start, anchor_day, price, spans):
        """A service rated in any pieces, in any order, costs what it costs rated at once."""
        period = next(engine.grid(start, "month", 1, anchor_day))
        rated = []
        for skip, length in spans:
            first = period.start + timedelta(days=skip)
            part = pricing.clip(period, first, first + timedelta(days=length))
            if part:
                rated += pricing.uncovered(part, [(p.start, p.end) for p in rated])
        rated += pricing.uncovered(period, [(p.start, p.end) for p in rated])
        self.assertEqual(sum(p.days for p in rated), period.days)
        self.assertEqual(sum(p.share(price) for p in rated), period.share(price))

    @settings(max_examples=200, deadline=None)
    @given(
        days,
        st.integers(1, 31),
        st.integers(0, 5_000_000),
        st.one_of(
            st.tuples(st.just("percent"), st.integers(0, 150)),
            st.tuples(st.sampled_from(["amount", "fixed"]), st.integers(0, 5_000_000)),
        ),
        st.integers(1, 40),
    )
    def test_discount_is_between_nothing_and_the_price(self, start, anchor_day, price, offer, cut):
        period = next(engine.grid(start, "month", 1, anchor_day))
        whole = pricing.discount(period, *offer, price)
        self.assertTrue(0 <= pricing.discount(period, *offer, price, left=period.share(price)) <= period.share(price))
        parts = [part for part in period.cut(period.start + timedelta(days=cut)) if part]
        self.assertEqual(sum(pricing.discount(part, *offer, price) for part in parts), whole)

    @settings(max_examples=100, deadline=None)
    @given(days, st.integers(1, 31), st.integers(1, 3), st.integers(1, 12))
    def test_last_day_of_a_promotion_is_that_of_its_last_period(self, start, anchor_day, count, number):
        grid = engine.grid(engine.first_anchor(start, anchor_day), "month", count, anchor_day)
        taken = [next(grid) for _number in range(number)]
        self.assertEqual(pricing.last_day(taken[0].start, "month", count, number, anchor_day), taken[-1].end)

    @settings(max_examples=100, deadline=None)
    @given(st.integers(0, 10_000), st.integers(1, 100_000), st.sampled_from([1, 5, 100]))
    def test_conversion_is_rounded_once(self, cents, rate, step):
        amount = pricing.convert(cents / 100, rate, step)
        self.assertEqual(amount % step, 0)
        self.assertLessEqual(abs(amount - cents * rate / 100), step / 2 + 1e-6)

    def test_hours_have_no_calendar(self):
        with self.assertRaises(ValueError):
            engine.next_due(date(2026, 1, 1), "hour", 1, 1)
