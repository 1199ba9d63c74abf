# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What the days from a day on cost in the ledger, and how they are given back or taken again.

A charge is a row of the ledger: its days, the price of its full period, its amount. Half a month given back on the
16th, and the last five days of it taken again, leave what the other days cost, to the pound:

>>> from datetime import date
>>> month = Charge(Period(date(2026, 11, 1), date(2026, 11, 30), 30), 100, 100)
>>> (back,) = reverse(rests([month], date(2026, 11, 16)))
>>> back.amount, str(back.period.start), str(back.period.end)
(-50, '2026-11-16', '2026-11-30')
>>> (again,) = reverse(rests([back], date(2026, 11, 26)))
>>> again.amount, month.amount + back.amount + again.amount
(17, 67)

What is given back already is not given back once more:

>>> rests([month, back], date(2026, 11, 20)), [rest.amount for rest in rests([month, back, again], date(2026, 11, 20))]
([], [17])
"""

from dataclasses import dataclass, replace

from .periods import ONE_DAY, Period, grid


@dataclass(frozen=True)
class Charge:
    """A row of the ledger. ``key`` is whatever tells rows of different things apart; it is carried along."""

    period: Period
    price: float
    amount: float
    key: tuple = ()


def rest(charge, day, step=1):
    """The part of ``charge`` from ``day`` on; None when it has no such days.

    A charge that does not cost its days of its price (a discount that ended in it) is shared out by its own days:

    >>> from datetime import date
    >>> odd = Charge(Period(date(2026, 11, 1), date(2026, 11, 30), 30), -90, -63)
    >>> rest(odd, date(2026, 11, 16)).amount, rest(odd, date(2026, 12, 1)) is None
    (-31, True)
    """
    before, after = charge.period.cut(day)
    if after is None:
        return None
    if before is None:
        return charge
    price, whole = charge.price, charge.period
    if whole.share(price, step) != charge.amount:
        whole, price = Period(whole.start, whole.end, whole.days), charge.amount
        before, after = whole.cut(day)
    amount = charge.amount - before.share(price, step)
    return replace(charge, period=after, price=price, amount=amount)


def rests(charges, day, step=1):
    """The parts of these charges from ``day`` on; those that cancel each other are left out.

    :return: list of ``Charge``, oldest first
    """
    parts = [part for charge in charges if (part := rest(charge, day, step))]
    found, alike = [], {}
    for part in parts:
        alike.setdefault(_identity(part), []).append(part)
    for group in alike.values():
        total = sum(part.amount for part in group)
        if total:
            found.append(next((part for part in group if part.amount == total), replace(group[0], amount=total)))
    return sorted(found, key=lambda part: (part.period.start, part.period.end))


def _identity(part):
    return (part.period.start, part.period.end, part.period.full_days, part.period.offset, abs(part.price), part.key)


def reverse(parts):
    """The same the other way round: what gives them back.

    >>> from datetime import date
    >>> (reverse(reverse([Charge(Period(date(2026, 11, 1), date(2026, 11, 30), 30), 9, 9)]))[0]).amount
    9
    """
    return [replace(part, price=-part.price, amount=-part.amount) for part in parts]


def remaining(first, last, unit, count, anchor_day):
    """The periods, or parts of one, that the days ``first`` to ``last`` are on another calendar.

    >>> from datetime import date
    >>> [(p.days, p.full_days) for p in remaining(date(2026, 11, 16), date(2026, 11, 30), "month", 1, 1)]
    [(15, 30)]
    >>> [(p.days, p.full_days) for p in remaining(date(2026, 11, 16), date(2026, 12, 31), "day", 30, 1)]
    [(30, 30), (16, 30)]
    """
    found = []
    for period in grid(first, unit, count, anchor_day):
        if period.start > last:
            return found
        found.append(period.cut(last + ONE_DAY)[0])
