# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Hours in which nobody is written to, on the clock of the place."""

from datetime import datetime, time, timedelta

ONE_DAY = timedelta(days=1)


def window(moment, start, end):
    """The quiet hours that ``moment`` lies in, else the next ones.

    :param start: hour (8.5 is half past eight) at which they begin; ``end``: at which they are over; equal: there are none
    :return: (first moment, moment at which they are over), or None

    >>> window(datetime(2026, 11, 1, 12, 0), 20, 8) == window(datetime(2026, 11, 2, 3, 0), 20, 8)
    True
    >>> window(datetime(2026, 11, 2, 3, 0), 20, 8)
    (datetime.datetime(2026, 11, 1, 20, 0), datetime.datetime(2026, 11, 2, 8, 0))
    >>> window(datetime(2026, 11, 2, 8, 0), 20, 8)[0], window(datetime(2026, 11, 2, 14, 0), 12, 14)[0]
    (datetime.datetime(2026, 11, 2, 20, 0), datetime.datetime(2026, 11, 3, 12, 0))
    >>> window(datetime(2026, 11, 2, 8, 0), 8, 8) is None
    True
    """
    if start == end:
        return None
    day = moment.date() - ONE_DAY
    while True:
        first = _at(day, start)
        over = _at(day if start < end else day + ONE_DAY, end)
        if moment < over:
            return first, over
        day += ONE_DAY


def _at(day, hour):
    return datetime.combine(day, time()) + timedelta(minutes=round(hour * 60))
