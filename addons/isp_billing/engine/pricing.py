# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a period costs besides the plan's own price: parts of services, discounts, prices in another currency.

Periods are ``engine.periods.Period``; amounts are in the company's currency, rounded to ``step``, its smallest coin.

>>> from datetime import date
>>> november = Period(date(2026, 11, 1), date(2026, 11, 30), 30)

A service that runs from the 11th to the 20th costs ten of thirty days:

>>> clip(november, date(2026, 11, 11), date(2026, 11, 20)).share(9000)
3000

A third off for three months, the last of them only until the 21st:

>>> reduction("percent", 33.33, 180000)
59994
>>> discount(november, "percent", 33.33, 180000)
59994
>>> discount(november, "percent", 50, 180000, until=date(2026, 11, 21))
63000
"""

from fractions import Fraction

from .periods import (
    ONE_DAY,
    Period,  # noqa: F401 (doctests)
    anchor,
    first_anchor,
    round_half_up,
)

PERCENT, AMOUNT, FIXED = "percent", "amount", "fixed"


def clip(period, first=None, last=None):
    """The days of ``period`` from ``first`` to ``last``, both inclusive; None when there are none.

    :param first: None: from the period's own first day
    :param last: None: to the period's own last day

    >>> from datetime import date
    >>> whole = Period(date(2026, 11, 1), date(2026, 11, 30), 30)
    >>> clip(whole, date(2026, 12, 1)) is None, clip(whole) == whole
    (True, True)
    """
    if period and first:
        period = period.cut(first)[1]
    if period and last:
        period = period.cut(last + ONE_DAY)[0]
    return period


def uncovered(period, covered):
    """The parts of ``period`` that lie in none of the spans ``covered``, oldest first.

    :param covered: pairs of days, both inclusive, in any order; they may overlap

    >>> from datetime import date
    >>> whole = Period(date(2026, 11, 1), date(2026, 11, 30), 30)
    >>> [(p.start.day, p.end.day) for p in uncovered(whole, [(date(2026, 11, 5), date(2026, 11, 9))])]
    [(1, 4), (10, 30)]
    """
    parts = []
    for first, last in sorted(covered):
        if period is None:
            break
        before, _rest = period.cut(first)
        if before:
            parts.append(before)
        period = period.cut(last + ONE_DAY)[1]
    return [*parts, period] if period else parts


def reduction(kind, value, price, step=1):
    """What a discount takes off a full period; never more than the price, never below zero.

    :param kind: "percent" of the price, "amount" off, or "fixed": the price is ``value`` instead

    >>> reduction("amount", 50000, 30000), reduction("fixed", 20000, 30000), reduction("fixed", 40000, 30000)
    (30000, 10000, 0)
    """
    if kind == PERCENT:
        off = round_half_up(Fraction(str(price)) * Fraction(str(value)) / 100, step)
    elif kind == AMOUNT:
        off = value
    elif kind == FIXED:
        off = price - value
    else:
        raise ValueError(f"no discount of kind {kind!r}")
    return min(max(off, 0), price)


def discount(period, kind, value, price, *, start=None, until=None, step=1, left=None):
    """What a discount takes off ``period``, above zero.

    :param price: of the full period
    :param start: first day of the discount; None: from the period's first day
    :param until: last day of the discount; None: no end
    :param left: what the period still costs; the discount is never above it
    :return: an amount; parts of one period sum to the reduction of the whole, unless ``left`` is smaller

    >>> from datetime import date
    >>> whole = Period(date(2026, 11, 1), date(2026, 11, 30), 30)
    >>> discount(whole, "amount", 60000, 180000, left=50000), discount(whole, "amount", 1, 2, until=date(2026, 10, 1))
    (50000, 0)
    """
    part = clip(period, start, until)
    if part is None:
        return 0
    off = part.share(reduction(kind, value, price, step), step)
    return off if left is None else min(off, max(left, 0))


def last_day(start, unit, count, periods, anchor_day):
    """The last day of ``periods`` full periods from ``start`` on.

    A start on an anchor keeps the anchor day, any other start its own day of the month:

    >>> from datetime import date
    >>> last_day(date(2026, 2, 28), "month", 1, 1, 31), last_day(date(2026, 11, 22), "month", 1, 3, 1)
    (datetime.date(2026, 3, 30), datetime.date(2027, 2, 21))
    >>> last_day(date(2026, 11, 1), "day", 30, 2, 1)
    datetime.date(2026, 12, 30)
    """
    if unit == "month":
        day = anchor_day if first_anchor(start, anchor_day) == start else start.day
        return anchor(start.year, start.month + count * periods, day) - ONE_DAY
    days = Fraction(count * periods, 24 if unit == "hour" else 1)
    return start + ONE_DAY * max(-(-days.numerator // days.denominator), 1) - ONE_DAY


def convert(amount, rate, step=1):
    """An amount of a foreign currency in the company's, rounded half up to ``step``.

    :param rate: units of the company's currency for one of the foreign
    :raise ValueError: a rate that is not above zero

    >>> convert(45, 4600), convert(45.5, 4612.35, 100)
    (207000, 209900)
    """
    if rate <= 0:
        raise ValueError(f"a rate is above zero, not {rate}")
    return round_half_up(Fraction(str(amount)) * Fraction(str(rate)), step)


def differs(rate, before, percent=20):
    """Whether a new rate is so far from the one before that somebody should look again.

    >>> differs(4600, 4500), differs(46000, 4600), differs(4600, 0)
    (False, True, False)
    """
    return bool(before) and abs(rate - before) * 100 > percent * before
