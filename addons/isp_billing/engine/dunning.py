# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""When the computer may cut lines by itself, and when a person has to say so."""

from datetime import timedelta

#: Longer than this without a run, people may have been unable to pay: see what would be cut first.
OUTAGE = timedelta(hours=36)


def cap(active, percent, least):
    """How many lines may be cut on one day without a person's word.

    >>> cap(10000, 5, 20), cap(100, 5, 20), cap(0, 5, 20), cap(999, 2.5, 0)
    (500, 20, 20, 24)
    """
    return max(int(active * percent / 100), least)


def is_outage(last, now):
    """
    :param last: when dunning last ran, None for never: who starts with it wants to see the list, too

    >>> from datetime import datetime
    >>> now = datetime(2026, 11, 20, 12)
    >>> is_outage(datetime(2026, 11, 20, 11), now), is_outage(datetime(2026, 11, 18, 12), now), is_outage(None, now)
    (False, True, True)

    A clock moved back is no outage:

    >>> is_outage(datetime(2026, 11, 21), now)
    False
    """
    return last is None or now - last > OUTAGE


def latest(steps, done=()):
    """Of the notice steps that apply to one debt: which is sent now, and which are overtaken.

    :param steps: days after the due date of those that apply and were not sent
    :param done: days of those sent already
    :return: (the one to send or None, those overtaken)

    >>> latest([-3, 1, 4]), latest([-3], done=[1]), latest([]), latest([4], done=[-3])
    ((4, [-3, 1]), (None, [-3]), (None, []), (4, []))
    """
    last_done = max(done, default=None)
    open_steps = sorted(day for day in steps if last_done is None or day > last_done)
    send = open_steps[-1] if open_steps else None
    return send, sorted(day for day in steps if day != send)
