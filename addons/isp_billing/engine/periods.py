# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which periods a subscription owes, from its anchor day and never from the period before.

A period is a pair of dates, both inclusive. Months are counted from the first anchor, so a month
end never drifts:

>>> from datetime import date
>>> for p in periods(date(2026, 1, 31), "month", 1, 31, until=date(2026, 4, 30)):
...     print(p.start, p.end)
2026-01-31 2026-02-27
2026-02-28 2026-03-30
2026-03-31 2026-04-29
2026-04-30 2026-05-30

Starting between two anchors gives a part of a period first. It is charged by the day:

>>> first, second = periods(date(2026, 11, 22), "month", 1, 1, until=date(2026, 12, 1))
>>> first.start, first.end, first.days, first.full_days
(datetime.date(2026, 11, 22), datetime.date(2026, 11, 30), 9, 30)
>>> first.share(180000), second.share(180000)
(54000, 180000)

Periods of days follow each other without an anchor:

>>> [str(p.start) for p in periods(date(2026, 11, 1), "day", 30, 1, until=date(2026, 12, 31))]
['2026-11-01', '2026-12-01', '2026-12-31']
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """Days ``start`` to ``end``, both inclusive, out of a full period of ``full_days``.

    ``offset`` is how many days of the full period lie before ``start``. Parts of one period cost together
    what the whole costs, to the coin, however it is cut:

    >>> whole = Period(date(2026, 11, 1), date(2026, 11, 30), 30)
    >>> head, tail = whole.cut(date(2026, 11, 8))
    >>> head.days, tail.offset, head.share(100) + tail.share(100)
    (7, 7, 100)
    """

    start: date
    end: date
    full_days: int
    offset: int = 0

    @property
    def days(self):
        return (self.end - self.start).days + 1

    @property
    def is_full(self):
        return self.days == self.full_days

    def share(self, price, step=1):
        """What these days cost when the full period costs ``price``.

        :param price: price of the full period; an int, or a float that holds a decimal exactly enough
        :param step: smallest amount of the currency (1 for SSP), rounding half up
        :return: ``price`` itself for a full period, else its part by days, a multiple of ``step``
        """
        if self.is_full:
            return price
        return part(price, self.full_days, self.offset, self.offset + self.days, step)

    def cut(self, day):
        """The part before ``day`` and the part from ``day`` on; None for a part without days."""
        before = after = None
        if day > self.start:
            before = Period(self.start, min(day - ONE_DAY, self.end), self.full_days, self.offset)
        if day <= self.end:
            skipped = max((day - self.start).days, 0)
            after = Period(max(day, self.start), self.end, self.full_days, self.offset + skipped)
        return before, after


def part(price, full, first, last, step=1):
    """What the units ``first`` (included) to ``last`` (excluded) of ``full`` cost when all cost ``price``.

    Rounded by its ends, so neighbouring parts sum to the part they make together.

    >>> part(100, 3, 0, 1), part(100, 3, 1, 2), part(100, 3, 2, 3)
    (33, 34, 33)
    """
    exact = Fraction(str(price)) / full
    amount = Fraction(str(round_half_up(exact * last, step))) - Fraction(str(round_half_up(exact * first, step)))
    return int(amount) if amount.denominator == 1 else float(amount)


def round_half_up(amount, step=1):
    """Round to a multiple of ``step``, halves away from zero.

    >>> round_half_up(Fraction(5, 2)), round_half_up(Fraction(-5, 2)), round_half_up(Fraction(61, 2), 5)
    (3, -3, 30)
    >>> round_half_up(Fraction(1, 3), 0.01)
    0.33
    """
    exact_step = Fraction(str(step))
    units = abs(Fraction(amount)) / exact_step
    whole = (2 * units.numerator + units.denominator) // (2 * units.denominator)
    result = whole * exact_step * (-1 if amount < 0 else 1)
    return int(result) if exact_step.denominator == 1 else float(result)


def anchor(year, month, anchor_day):
    """The anchor of a month; ``month`` may lie outside 1 to 12 and then counts on.

    >>> anchor(2026, 2, 31), anchor(2026, 14, 30)
    (datetime.date(2026, 2, 28), datetime.date(2027, 2, 28))
    """
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def first_anchor(day, anchor_day):
    """The first anchor on or after ``day``.

    >>> first_anchor(date(2026, 2, 28), 31), first_anchor(date(2026, 2, 2), 1)
    (datetime.date(2026, 2, 28), datetime.date(2026, 3, 1))
    """
    this_month = anchor(day.year, day.month, anchor_day)
    return this_month if this_month >= day else anchor(day.year, day.month + 1, anchor_day)


def grid(billing_from, unit, count, anchor_day):
    """All periods from ``billing_from`` on, without end.

    :param billing_from: first day that is charged
    :param unit: "day" or "month"
    :param count: units in a period, at least 1
    :param anchor_day: 1 to 31; months shorter than it use their last day
    :raise ValueError: a unit that has no calendar periods (hours)
    """
    if unit == "day":
        start = billing_from
        while True:
            yield Period(start, start + timedelta(days=count) - ONE_DAY, count)
            start += timedelta(days=count)
    if unit != "month":
        raise ValueError(f"no calendar periods of unit {unit!r}")
    origin = first_anchor(billing_from, anchor_day)
    if origin > billing_from:
        before = anchor(origin.year, origin.month - count, anchor_day)
        yield Period(billing_from, origin - ONE_DAY, (origin - before).days, (billing_from - before).days)
    number = 0
    while True:
        start = anchor(origin.year, origin.month + number * count, anchor_day)
        following = anchor(origin.year, origin.month + (number + 1) * count, anchor_day)
        yield Period(start, following - ONE_DAY, (following - start).days)
        number += 1


def due_date(period, timing):
    """The day on which ``period`` may be billed: its first, or in arrears the day after its last."""
    return period.start if timing == "advance" else period.end + ONE_DAY


def periods(billing_from, unit, count, anchor_day, *, until, timing="advance", after=None):
    """The periods that may be billed on day ``until``, oldest first.

    :param timing: "advance" or "arrears"
    :param after: last day already billed; periods that start on it or before are left out

    >>> arrears = dict(unit="month", count=1, anchor_day=15, timing="arrears")
    >>> [str(p.end) for p in periods(date(2026, 1, 15), until=date(2026, 3, 15), **arrears)]
    ['2026-02-14', '2026-03-14']
    >>> [str(p.end) for p in periods(date(2026, 1, 15), until=date(2026, 3, 15), after=date(2026, 2, 14), **arrears)]
    ['2026-03-14']
    """
    for period in grid(billing_from, unit, count, anchor_day):
        if due_date(period, timing) > until:
            return
        if after is None or period.start > after:
            yield period


def next_due(billing_from, unit, count, anchor_day, timing="advance", after=None):
    """The day on which the next period after ``after`` may be billed.

    >>> next_due(date(2026, 1, 31), "month", 1, 31, after=date(2026, 2, 27))
    datetime.date(2026, 2, 28)
    """
    for period in grid(billing_from, unit, count, anchor_day):
        if after is None or period.start > after:
            return due_date(period, timing)
