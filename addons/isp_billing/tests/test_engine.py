# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..engine import periods as engine

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
        result = doctest.testmod(engine)
        self.assertGreater(result.attempted, 12)
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

    def test_hours_have_no_calendar(self):
        with self.assertRaises(ValueError):
            engine.next_due(date(2026, 1, 1), "hour", 1, 1)
