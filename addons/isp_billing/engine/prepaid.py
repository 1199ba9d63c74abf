# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which days or hours a payment buys: renew early and it is added to the end, renew late and it starts now.

Moments are UTC without a zone, days are the company's. Periods of days and months end at midnight after their
last day; the day of payment counts. Hours are counted to the second:

>>> from datetime import date, datetime
>>> from zoneinfo import ZoneInfo
>>> juba = ZoneInfo("Africa/Juba")
>>> term = next_term("time", "day", 30, 1, datetime(2026, 11, 20, 16, 0), juba)
>>> str(term.period.start), str(term.period.end), str(term.ends)
('2026-11-20', '2026-12-19', '2026-12-19 22:00:00')
>>> again = next_term("time", "day", 30, 1, datetime(2026, 12, 1), juba, valid_until=term.ends)
>>> str(again.period.start), str(again.ends)
('2026-12-20', '2027-01-18 22:00:00')
>>> hours = next_term("time", "hour", 24, 1, datetime(2026, 11, 20, 16, 30, 5), juba)
>>> str(hours.starts), str(hours.ends), hours.period.share(500)
('2026-11-20 16:30:05', '2026-11-21 16:30:05', 500)

Months keep the day on which the chain of renewals began, also over short months:

>>> day, until, anchor_day = datetime(2027, 1, 31, 9), None, 31
>>> for _number in range(3):
...     term = next_term("time", "month", 1, anchor_day, day, juba, valid_until=until)
...     until, anchor_day = term.ends, term.anchor_day
...     print(term.period.start, term.period.end)
2027-01-31 2027-02-27
2027-02-28 2027-03-30
2027-03-31 2027-04-29

By the calendar the first part reaches to the next anchor and costs its days:

>>> part = next_term("calendar", "month", 1, 1, datetime(2026, 11, 22, 9), juba)
>>> part.period.days, part.period.full_days, part.period.share(180000), str(part.ends)
(9, 30, 54000, '2026-11-30 22:00:00')
>>> next_term("calendar", "month", 1, 1, datetime(2026, 11, 22, 9), juba, valid_until=part.ends).period.is_full
True
"""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction

from .periods import ONE_DAY, Period, anchor, grid, round_half_up


@dataclass(frozen=True)
class Term:
    """What one renewal buys.

    ``period``: its days and the part of a whole period they are. ``starts`` and ``ends``: moments in UTC, ``ends``
    is the new expiry. ``anchor_day``: the day of the month to go on with.
    """

    period: Period
    starts: datetime
    ends: datetime
    anchor_day: int


def next_term(basis, unit, count, anchor_day, now, zone, valid_until=None):
    """The time that is bought at the moment ``now``.

    :param basis: "time" and "data" (from the payment) or "calendar" (to the next anchor day)
    :param unit: "hour", "day" or "month"; by the calendar "month" only
    :param count: units in a period, at least 1
    :param now: moment of the payment, UTC
    :param zone: the company's time zone
    :param valid_until: end of what is paid already, UTC; one in the past is the same as none
    """
    now = now.replace(microsecond=0)
    early = valid_until is not None and valid_until > now
    starts = valid_until if early else now
    if unit == "hour":
        return _hours(starts, count, anchor_day, zone)
    day = local_day(starts, zone)
    if early and midnight(day, zone) < starts:
        # The rest of that day is paid already.
        day += ONE_DAY
    if basis == "calendar":
        period = next(grid(day, unit, count, anchor_day))
    elif unit == "month":
        if not early or anchor(day.year, day.month, anchor_day) != day:
            anchor_day = day.day
        following = anchor(day.year, day.month + count, anchor_day)
        period = Period(day, following - ONE_DAY, (following - day).days)
    else:
        period = Period(day, day + timedelta(days=count) - ONE_DAY, count)
    return Term(period, starts, midnight(period.end + ONE_DAY, zone), anchor_day)


def _hours(starts, count, anchor_day, zone):
    ends = starts + timedelta(hours=count)
    first, last = local_day(starts, zone), local_day(ends - timedelta(seconds=1), zone)
    return Term(Period(first, last, (last - first).days + 1), starts, ends, anchor_day)


def local_day(moment, zone):
    """:return: the calendar day in ``zone`` of a moment in UTC"""
    return moment.replace(tzinfo=UTC).astimezone(zone).date()


def midnight(day, zone):
    """:return: the moment in UTC at which ``day`` begins in ``zone``"""
    return datetime.combine(day, time(), zone).astimezone(UTC).replace(tzinfo=None)


def unused(left, bought, step=1):
    """What is left of prepaid time is worth.

    :param left: seconds (or bytes) not used yet
    :param bought: [(amount, seconds or bytes it bought)], newest first; what is left is the newest
    :return: [amount for each of ``bought``], a multiple of ``step``, never more than was paid

    >>> unused(20, [(300, 30)]), unused(40, [(300, 30), (330, 30)]), unused(0, [(300, 30)])
    ([200], [300, 110], [0])
    >>> unused(99, [(300, 30)])
    [300]
    """
    worth = []
    for amount, length in bought:
        here = max(min(left, length), 0)
        worth.append(round_half_up(Fraction(str(amount)) * Fraction(here) / Fraction(length), step) if here else 0)
        left -= here
    return worth
