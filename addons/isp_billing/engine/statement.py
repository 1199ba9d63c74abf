# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A customer's account over some days: what it opened with, each entry, what it closed with.

Amounts are signed as in the books: above zero the customer owes more, below zero less.

>>> rows, closing = running(1000, [500, -1200, -400])
>>> rows
[1500, 300, -100]
>>> closing
-100

What is open on a day is told apart by age, in days since it was due. Money that pays nothing yet is credit:

>>> from datetime import date
>>> open_items = [(date(2026, 8, 1), 70), (date(2026, 11, 20), 30), (date(2026, 12, 1), 50), (date(2026, 11, 2), -20)]
>>> age = ageing(open_items, date(2026, 11, 20))
>>> age.buckets, age.not_due, age.credit
((30, 0, 0, 70), 50, 20)
>>> age.due, age.balance
(100, 130)
"""

from dataclasses import dataclass
from itertools import accumulate

#: Last day of each age but the oldest, in days since the due date.
AGES = (30, 60, 90)


@dataclass(frozen=True)
class Ageing:
    """What is open: due (``buckets``, youngest first), not due yet, and credit that is not used yet."""

    buckets: tuple
    not_due: float
    credit: float

    @property
    def due(self):
        return sum(self.buckets)

    @property
    def balance(self):
        return self.due + self.not_due - self.credit


def running(opening, amounts):
    """:return: (the balance after each amount, the balance after all)"""
    balances = list(accumulate(amounts, initial=opening))
    return balances[1:], balances[-1]


def ageing(items, day):
    """Tell open items apart by age.

    :param items: (due date, open amount) pairs; below zero is credit, whatever its date
    :param day: the day the statement ends; what is due on it counts as due

    >>> from datetime import date, timedelta
    >>> def age(days):
    ...     day = date(2026, 11, 20)
    ...     return ageing([(day - timedelta(days=days), 1)], day).buckets.index(1)
    >>> [age(days) for days in (0, 30, 31, 60, 61, 90, 91, 4000)]
    [0, 0, 1, 1, 2, 2, 3, 3]
    """
    buckets, not_due, credit = [0] * (len(AGES) + 1), 0, 0
    for due, amount in items:
        late = (day - due).days
        if amount < 0:
            credit -= amount
        elif late < 0:
            not_due += amount
        else:
            buckets[sum(late > age for age in AGES)] += amount
    return Ageing(tuple(buckets), not_due, credit)
