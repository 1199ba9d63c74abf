# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""When a token's time begins, ends and how much of it is left. Moments are UTC without zone, spans are seconds.

``counting``:

- ``first``: by the clock from the first log-in on
- ``sale``: by the clock from the sale on
- ``date``: until a moment, whenever it is used
- ``online``: only while on line (and not after a moment, where there is one)

>>> from datetime import datetime, timedelta
>>> noon, hour = datetime(2026, 11, 28, 12), 3600
>>> access_terms("first", hour)
{'use_seconds': 3600, 'time_limit': 0, 'valid_until': None, 'first_until': None}
>>> access_terms("sale", hour)["valid_until"], access_terms("sale", hour, noon)["valid_until"] == noon + timedelta(hours=1)
(None, True)
>>> access_terms("online", hour, noon, days=30)
{'use_seconds': 0, 'time_limit': 3600, 'valid_until': datetime.datetime(2026, 12, 28, 12, 0), 'first_until': None}

To be used within 30 days, which is said of the first log-in; the batch is good until the 1st of December:

>>> found = access_terms("first", hour, noon, until=datetime(2026, 12, 1), days=30)
>>> found["first_until"], found["valid_until"]
(datetime.datetime(2026, 12, 28, 12, 0), datetime.datetime(2026, 12, 1, 0, 0))
>>> end(hour, None, found["first_until"], found["valid_until"]), end(hour, noon, found["first_until"]), end(0)
(datetime.datetime(2026, 12, 1, 0, 0), datetime.datetime(2026, 11, 28, 13, 0), None)

A token sold for an hour, first used at noon, half of it gone:

>>> left("first", hour, noon + timedelta(minutes=30), first=noon)
1800
>>> left("first", hour, noon), left("online", hour, noon, used=600), left("date", 0, noon, until=noon + timedelta(days=1))
(3600, 3000, 86400)
>>> left("first", hour, noon + timedelta(hours=3), first=noon), left("date", 0, noon), left("sale", hour, noon, sold=False)
(0, None, 3600)
>>> left("first", hour, noon, first_until=noon + timedelta(minutes=1)), left("first", hour, noon, first_until=noon)
(3600, 0)
"""

from datetime import timedelta

COUNTINGS = [("first", "From the first log-in"), ("sale", "From the sale"), ("date", "Until a date"), ("online", "While on line")]
HOUR, DAY = 3600, 86400
#: What an owner is offered at first: (name, seconds).
USUAL = [("1 hour", HOUR), ("3 hours", 3 * HOUR), ("1 day", DAY), ("1 week", 7 * DAY), ("1 month", 30 * DAY)]
#: The longest there is: a year.
LONGEST = 366 * DAY


def access_terms(counting, seconds, sold=None, until=None, days=0):
    """:param sold: moment of the sale; None: not yet :param until: it ends then, in use or not :param days: to be used within so many from the sale on;
    where the time counts from the first log-in, that is the last day for it, and who is in by then keeps all of the time
    :return: what the access holds of it
    """
    within = sold + timedelta(days=days) if sold and days else None
    ends = [until, within if counting == "online" else None, sold + timedelta(seconds=seconds) if sold and counting == "sale" else None]
    return {
        "use_seconds": seconds if counting == "first" else 0,
        "time_limit": seconds if counting == "online" else 0,
        "valid_until": min(filter(None, ends), default=None),
        "first_until": within if counting == "first" else None,
    }


def end(use_seconds, first=None, first_until=None, until=None):
    """:param first: moment of the first log-in :return: the moment at which it ends by the clock, as the access tells; None: not known"""
    if use_seconds and first:
        first_until = first + timedelta(seconds=use_seconds)
    return min(filter(None, (first_until, until)), default=None)


def left(counting, seconds, now, first=None, until=None, used=0, first_until=None, sold=True):
    """:param first: moment of the first log-in :param until: moment at which it ends whatever was used :param used: seconds on line
    :param first_until: when a first log-in is too late
    :return: seconds left, never less than 0; None: it has no end
    """
    spans = []
    if counting == "first" and first:
        spans.append(seconds - (now - first).total_seconds())
    elif counting == "first":
        spans.append(0 if first_until and first_until <= now else seconds)
    elif counting == "sale" and not sold:
        spans.append(seconds)
    elif counting == "online":
        spans.append(seconds - used)
    if until:
        spans.append((until - now).total_seconds())
    return max(int(min(spans)), 0) if spans else None


def split(seconds):
    """The largest whole unit: what a person calls it.

    >>> split(3600), split(5400), split(86400), split(7 * 86400), split(30 * 86400), split(36 * 3600), split(0)
    ((1, 'hour'), (90, 'minute'), (1, 'day'), (1, 'week'), (1, 'month'), (36, 'hour'), (0, 'minute'))
    """
    for unit, size in (("month", 30 * DAY), ("week", 7 * DAY), ("day", DAY), ("hour", HOUR)):
        if seconds and seconds % size == 0:
            return seconds // size, unit
    return -(-seconds // 60), "minute"
