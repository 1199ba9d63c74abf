# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Working days, cut hours and quiet hours. Days and hours are local ones; whoever calls knows the zone.

November 2026 begins on a Sunday:

>>> from datetime import date, datetime
>>> week = Calendar(weekend={5, 6}, holidays={date(2026, 11, 4)}, opens=9, closes=16)
>>> [week.is_working(date(2026, 11, day)) for day in (1, 2, 4, 7)]
[False, True, False, False]
>>> week.next_working(date(2026, 11, 7)), week.add(date(2026, 11, 3), 1), week.add(date(2026, 11, 9), -3)
(datetime.date(2026, 11, 9), datetime.date(2026, 11, 5), datetime.date(2026, 11, 3))

Nothing is cut outside the hours, nor on a day off:

>>> week.is_open(datetime(2026, 11, 2, 9, 0)), week.is_open(datetime(2026, 11, 2, 16, 0)), week.is_open(datetime(2026, 11, 1, 10, 0))
(True, False, False)
>>> week.next_open(datetime(2026, 11, 6, 17, 0)), week.next_open(datetime(2026, 11, 2, 7, 0))
(datetime.datetime(2026, 11, 9, 9, 0), datetime.datetime(2026, 11, 2, 9, 0))
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

ONE_DAY = timedelta(days=1)
#: A calendar without any working day in a year is a mistake, not a reason to search on.
_HORIZON = 370


class NoWorkingDay(ValueError):
    """The calendar has no working day within a year."""


@dataclass(frozen=True)
class Calendar:
    """:param weekend: weekdays off, Monday is 0
    :param holidays: set of days off
    :param opens: hour from which lines may be cut, 0 to 24, parts allowed (8.5 = 8:30)
    :param closes: hour at which that ends; not after ``opens``: never
    """

    weekend: set = frozenset()
    holidays: set = field(default_factory=frozenset)
    opens: float = 0
    closes: float = 24

    def is_working(self, day):
        return day.weekday() not in self.weekend and day not in self.holidays

    def next_working(self, day, step=ONE_DAY):
        """``day`` itself when it is a working day, else the next one.

        >>> Calendar(weekend=set(range(7))).next_working(datetime(2026, 1, 1).date())  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        ...
        NoWorkingDay: no working day within a year of 2026-01-01
        """
        found = day
        for _try in range(_HORIZON):
            if self.is_working(found):
                return found
            found += step
        raise NoWorkingDay(f"no working day within a year of {day}")

    def add(self, day, count):
        """The ``count``-th working day after ``day``; before it when ``count`` is below zero; ``day`` itself for 0."""
        step = ONE_DAY if count > 0 else -ONE_DAY
        for _number in range(abs(count)):
            day = self.next_working(day + step, step)
        return day

    def is_open(self, moment):
        return self.is_working(moment.date()) and self.opens <= hour_of(moment) < self.closes

    def next_open(self, moment):
        """``moment`` itself when lines may be cut then, else the next moment from which they may."""
        if self.is_open(moment):
            return moment
        day = moment.date()
        if not self.is_working(day) or hour_of(moment) >= self.closes:
            day = self.next_working(day + ONE_DAY)
        return at_hour(day, self.opens)


def hour_of(moment):
    """
    >>> hour_of(datetime(2026, 1, 1, 8, 30))
    8.5
    """
    return moment.hour + moment.minute / 60 + moment.second / 3600


def at_hour(day, hour):
    """
    >>> from datetime import date
    >>> at_hour(date(2026, 1, 1), 8.5), at_hour(date(2026, 1, 1), 24)
    (datetime.datetime(2026, 1, 1, 8, 30), datetime.datetime(2026, 1, 2, 0, 0))
    """
    return datetime.combine(day, time()) + timedelta(minutes=round(hour * 60))


def after_quiet(moment, start, end):
    """When a message thought of at ``moment`` may go out.

    :param start: hour at which the quiet begins; ``end``: at which it is over; equal: there is none

    >>> after_quiet(datetime(2026, 11, 1, 21, 0), 20, 8), after_quiet(datetime(2026, 11, 2, 3, 0), 20, 8)
    (datetime.datetime(2026, 11, 2, 8, 0), datetime.datetime(2026, 11, 2, 8, 0))
    >>> after_quiet(datetime(2026, 11, 1, 13, 0), 12, 14), after_quiet(datetime(2026, 11, 1, 19, 59), 20, 8)
    (datetime.datetime(2026, 11, 1, 14, 0), datetime.datetime(2026, 11, 1, 19, 59))
    """
    hour = hour_of(moment)
    if start < end and start <= hour < end:
        return at_hour(moment.date(), end)
    if start > end and hour < end:
        return at_hour(moment.date(), end)
    if start > end and hour >= start:
        return at_hour(moment.date() + ONE_DAY, end)
    return moment
