# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""When a token's time begins, ends and how much of it is left. Moments are UTC without zone, spans are seconds.

``counting``:

- ``first``: by the clock from the first log-in on
- ``sale``: by the clock from the sale on
- ``date``: until a moment, whenever it is used
- ``online``: only while on line (and not after a moment, where there is one)

>>> from datetime import datetime, timedelta
>>> noon, hour = datetime(2026, 11, 28, 12), 3600
>>> access_terms("first", hour, noon)
{'use_seconds': 3600, 'time_limit': 0, 'valid_until': None}
>>> access_terms("sale", hour, noon)["valid_until"] == noon + timedelta(hours=1)
True
>>> access_terms("online", hour, noon, until=noon + timedelta(days=30))
{'use_seconds': 0, 'time_limit': 3600, 'valid_until': datetime.datetime(2026, 12, 28, 12, 0)}

A token sold for an hour, first used at noon, half of it gone:

>>> left("first", hour, noon + timedelta(minutes=30), first=noon)
1800
>>> left("first", hour, noon), left("online", hour, noon, used=600), left("date", 0, noon, until=noon + timedelta(days=1))
(3600, 3000, 86400)
>>> left("first", hour, noon + timedelta(hours=3), first=noon), left("date", 0, noon)
(0, None)
"""

from datetime import timedelta

COUNTINGS = [("first", "From the first log-in"), ("sale", "From the sale"), ("date", "Until a date"), ("online", "While on line")]
HOUR, DAY = 3600, 86400
#: What an owner is offered at first: (name, seconds).
USUAL = [("1 hour", HOUR), ("3 hours", 3 * HOUR), ("1 day", DAY), ("1 week", 7 * DAY), ("1 month", 30 * DAY)]
#: The longest there is: a year.
LONGEST = 366 * DAY


def access_terms(counting, seconds, now, until=None):
    """:param until: for ``date``, and as a last day for the others :return: what the access holds of it"""
    ends = now + timedelta(seconds=seconds) if counting == "sale" else None
    if until:
        ends = min(ends, until) if ends else until
    return {
        "use_seconds": seconds if counting == "first" else 0,
        "time_limit": seconds if counting == "online" else 0,
        "valid_until": ends,
    }


def left(counting, seconds, now, first=None, until=None, used=0):
    """:param first: moment of the first log-in :param until: moment at which it ends whatever was used :param used: seconds on line
    :return: seconds left, never less than 0; None: it has no end
    """
    ends = []
    if counting == "first":
        ends.append(seconds - (now - first).total_seconds() if first else seconds)
    if counting == "online":
        ends.append(seconds - used)
    if until:
        ends.append((until - now).total_seconds())
    return max(int(min(ends)), 0) if ends else None


def split(seconds):
    """The largest whole unit: what a person calls it.

    >>> split(3600), split(5400), split(86400), split(7 * 86400), split(30 * 86400), split(36 * 3600), split(0)
    ((1, 'hour'), (90, 'minute'), (1, 'day'), (1, 'week'), (1, 'month'), (36, 'hour'), (0, 'minute'))
    """
    for unit, size in (("month", 30 * DAY), ("week", 7 * DAY), ("day", DAY), ("hour", HOUR)):
        if seconds and seconds % size == 0:
            return seconds // size, unit
    return -(-seconds // 60), "minute"
