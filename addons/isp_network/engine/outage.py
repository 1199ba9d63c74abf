# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Is a router down, or are we? What is concluded from when each was heard last.

A router is blamed only while another one is heard: when all fall silent it is our own line, server or power, and one incident.

>>> from datetime import datetime, timedelta
>>> now, minute = datetime(2026, 11, 24, 12), timedelta(minutes=1)
>>> def heard(*ago): return {key: now - minute * m for key, m in enumerate(ago, 1)}

One silent among others that are heard; one whose silence is short:

>>> judge(now, heard(20, 1, 2), {}, None, None)
Verdict(down={1: datetime.datetime(2026, 11, 24, 11, 40)}, back={}, ours=None, ours_over=None)
>>> judge(now, heard(8, 1), {}, None, None).down
{}

All silent: ours, since the last was heard. Not yet long enough: wait, and blame nobody.

>>> judge(now, heard(20, 13, 30), {}, None, None)
Verdict(down={}, back={}, ours=datetime.datetime(2026, 11, 24, 11, 47), ours_over=None)
>>> judge(now, heard(20, 9), {}, None, None)
Verdict(down={}, back={}, ours=None, ours_over=None)

The only router: nothing tells whose fault it is; it is called the router's.

>>> judge(now, heard(20), {}, None, None).down
{1: datetime.datetime(2026, 11, 24, 11, 40)}

Heard again: over. Each that is still silent after ours is over gets its time anew.

>>> judge(now, heard(1, 2), {1: now - 30 * minute}, None, None).back
{1: datetime.datetime(2026, 11, 24, 11, 59)}
>>> judge(now, heard(1, 50), {}, now - 45 * minute, None)
Verdict(down={}, back={}, ours=None, ours_over=datetime.datetime(2026, 11, 24, 11, 59))
>>> judge(now, heard(1, 40), {}, None, now - 5 * minute).down
{}
>>> judge(now, heard(1, 40), {}, None, now - 20 * minute).down
{2: datetime.datetime(2026, 11, 24, 11, 20)}
"""

from dataclasses import dataclass
from datetime import timedelta

#: Two interim packets of 330 s and a minute, as for sessions: silence of a router with people on line.
PATIENCE = timedelta(minutes=12)
#: Heard within this time: certainly alive.
ALIVE = timedelta(minutes=7)


@dataclass(frozen=True)
class Verdict:
    """:ivar down: {router: since when}; back: {router: until when}
    :ivar ours: since when nobody is heard; ours_over: when the first was heard again
    """

    down: dict
    back: dict
    ours: object
    ours_over: object


def judge(now, heard, open_since, ours_since, watching_since, patience=PATIENCE):
    """:param heard: {router: when it was heard last}, of those that should be heard: people are on line, or its API answers
    :param open_since: {router: since when} of incidents that are open
    :param ours_since: since when our own is open, or None
    :param watching_since: since when we can hear at all (the server was started, or ours ended), or None: for ever
    """
    back = {router: at for router, at in heard.items() if router in open_since and at > open_since[router] and now - at < patience}
    if ours_since is not None:
        again = [at for at in heard.values() if at > ours_since]
        return Verdict({}, back, None, min(again) if again else None)
    if not heard or (watching_since is not None and now - watching_since < patience):
        return Verdict({}, back, None, None)
    silent = {router: at for router, at in heard.items() if now - at >= patience}
    alive = any(now - at < ALIVE for at in heard.values())
    fresh = {router: at for router, at in silent.items() if router not in open_since}
    if alive or len(heard) == 1:
        return Verdict(fresh, back, None, None)
    # Those that were down before are not news; if all the others went silent together, it is ours.
    if fresh and len(silent) == len(heard):
        if len(fresh) == 1 and len(heard) > 1 and now - max(fresh.values()) < 2 * patience:
            return Verdict(fresh, back, None, None)
        return Verdict({}, back, max(fresh.values()), None)
    return Verdict({}, back, None, None)
