# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Schedules of instalment agreements: dates, equal parts that sum to the debt, what is paid, what is missed.

>>> from datetime import date
>>> [(str(day), amount) for day, amount in schedule(100000, date(2026, 1, 31), "month", 1, 3)]
[('2026-01-31', 33333), ('2026-02-28', 33333), ('2026-03-31', 33334)]
>>> [str(day) for day, _amount in schedule(10, date(2026, 11, 2), "week", 2, 3)]
['2026-11-02', '2026-11-16', '2026-11-30']

A debt with piasters leaves them to the last part:

>>> [amount for _day, amount in schedule(1000.75, date(2026, 1, 1), "month", 1, 2)]
[500, 500.75]
"""

from datetime import timedelta
from fractions import Fraction

from .periods import anchor

DAYS = {"day": 1, "week": 7}


def schedule(amount, first, unit, every, count, step=1):
    """Equal parts in whole steps, the rest on the last.

    :param unit: "day", "week" or "month"; months count from the first date, so a month end never drifts
    :param every: so many units between two dates
    :param step: of what the parts but the last are multiples
    :return: list of (date, amount) that sums to ``amount`` exactly
    :raise ValueError: less than one part, or parts below one step

    >>> schedule(2, None, "day", 1, 3)
    Traceback (most recent call last):
    ...
    ValueError: 2 cannot be paid in 3 parts
    """
    exact = Fraction(str(amount))
    if count < 1 or every < 1 or exact < count * step:
        raise ValueError(f"{amount} cannot be paid in {count} parts")
    part = int(exact / count / step) * step
    last = exact - part * (count - 1)
    amounts = [part] * (count - 1) + [int(last) if last.denominator == 1 else float(last)]
    return [(date_of(first, unit, every * number), amounts[number]) for number in range(count)]


def date_of(first, unit, units):
    """
    >>> from datetime import date
    >>> str(date_of(date(2026, 11, 30), "month", 3)), str(date_of(date(2026, 11, 30), "day", 3))
    ('2027-02-28', '2026-12-03')
    """
    if unit == "month":
        return anchor(first.year, first.month + units, first.day)
    return first + timedelta(days=DAYS[unit] * units)


def spread(amounts, paid):
    """What of ``paid`` belongs to each part, oldest first.

    >>> spread([100, 100, 100], 150), spread([100, 100], 250), spread([100], -5)
    ([100, 50, 0], [100, 100], [0])
    """
    left, shares = max(paid, 0), []
    for amount in amounts:
        shares.append(min(amount, left))
        left -= shares[-1]
    return shares


def missed(lines, paid, today, grace):
    """The first date that was missed by more than the grace days, None when the agreement is kept.

    :param lines: list of (date, amount), oldest first

    >>> from datetime import date
    >>> two = [(date(2026, 11, 1), 100), (date(2026, 12, 1), 100)]
    >>> missed(two, 100, date(2026, 11, 30), 3), missed(two, 99, date(2026, 11, 4), 3), missed(two, 99, date(2026, 11, 5), 3)
    (None, None, datetime.date(2026, 11, 1))
    """
    due = 0
    for day, amount in lines:
        due += amount
        if (today - day).days > grace and paid < due:
            return day
    return None
