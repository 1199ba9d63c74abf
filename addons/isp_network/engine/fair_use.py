# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Fair use: which step of a ladder a line is on, since when usage counts, and who is told about it.

The rules of ``models/isp_usage_meter.py``, which asks the same in SQL for all lines at once; a test holds the two together. Times are those of
the clock on the wall (Africa/Juba, which knows no summer time); usage is counted by the hour, so all hours here are whole ones.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from odoo.addons.isp_billing.engine.periods import anchor

HOURS = 168
MB = 1_000_000


def window_start(window: str, moment: datetime, cycle_day: int = 1) -> datetime:
    """Since when usage counts: midnight, the Monday before, or the customer's cycle day (the last day of shorter months).

    :param window: "day", "week" or "month"

    >>> moment = datetime(2026, 3, 30, 14, 5)
    >>> [str(window_start(window, moment, 31)) for window in ("day", "week", "month")]
    ['2026-03-30 00:00:00', '2026-03-30 00:00:00', '2026-02-28 00:00:00']
    >>> str(window_start("month", datetime(2026, 3, 31), 31))
    '2026-03-31 00:00:00'
    """
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if window == "day":
        return midnight
    if window == "week":
        return midnight - timedelta(days=midnight.weekday())
    day = anchor(moment.year, moment.month, cycle_day)
    if day > midnight.date():
        day = anchor(moment.year, moment.month - 1, cycle_day)
    return datetime(day.year, day.month, day.day)


def window_end(window: str, moment: datetime, cycle_day: int = 1) -> datetime:
    """When usage starts again at zero.

    >>> moment = datetime(2026, 3, 30, 14, 5)
    >>> [str(window_end(window, moment, 31)) for window in ("day", "week", "month")]
    ['2026-03-31 00:00:00', '2026-04-06 00:00:00', '2026-03-31 00:00:00']
    """
    start = window_start(window, moment, cycle_day)
    if window != "month":
        return start + timedelta(days=1 if window == "day" else 7)
    day = anchor(start.year, start.month + 1, cycle_day)
    return datetime(day.year, day.month, day.day)


def step_at(used: int, after: Sequence[int]) -> int | None:
    """The step a line is on: index of the last volume that is reached, None below the first.

    :param used: bytes counted in the window, less what was bought on top
    :param after: bytes from which each step holds, growing

    >>> [step_at(used, [60, 90]) for used in (-5, 59, 60, 89, 90)]
    [None, None, 0, 0, 1]
    """
    reached = [number for number, volume in enumerate(after) if used >= volume]
    return reached[-1] if reached else None


def hour_mask(spans: Iterable[tuple[int, int, int]]) -> str:
    """The hours of a week as 168 signs, "1" for those in one of the spans, Monday 0:00 first; "" without spans.

    :param spans: (bits of the days on which it begins with Monday as 1, first hour, hour at which it ends; not after the first: next day)

    >>> mask = hour_mask([(0b1000000, 22, 6)])  # Sunday 22:00 to Monday 6:00
    >>> mask.count("1"), mask[:7], mask[-3:]
    (8, '1111110', '011')
    >>> hour_mask([(0b1111111, 0, 24)]) == "1" * 168, hour_mask([])
    (True, '')
    """
    found = set()
    for days, start, end in spans:
        length = (end - start - 1) % 24 + 1
        found |= {(day * 24 + start + n) % HOURS for day in range(7) if days >> day & 1 for n in range(length)}
    return "".join("1" if hour in found else "0" for hour in range(HOURS)) if found else ""


def in_mask(mask: str, moment: datetime) -> bool:
    """
    >>> in_mask(hour_mask([(1, 0, 1)]), datetime(2026, 11, 23, 0, 59)), in_mask("", datetime(2026, 11, 23))
    (True, False)
    """
    return bool(mask) and mask[moment.weekday() * 24 + moment.hour] == "1"


def percents(text: str) -> list[int]:
    """The thresholds of a plan, growing; raises ValueError for what is not a list of whole numbers from 1 to 1000.

    >>> percents("100, 50,80"), percents("")
    ([50, 80, 100], [])
    >>> percents("half")
    Traceback (most recent call last):
    ...
    ValueError: half
    """
    found = set()
    for part in (text or "").split(",") if (text or "").strip() else ():
        part = part.strip()
        if not (part.isascii() and part.isdecimal() and 1 <= int(part) <= 1000):
            raise ValueError(part)
        found.add(int(part))
    return sorted(found)


def to_tell(used: int, limit: int, thresholds: Iterable[int], told: int = 0) -> int | None:
    """The threshold to tell now: the highest that is reached, unless it or a higher one was told in this window.

    >>> to_tell(85, 100, [50, 80, 100]), to_tell(85, 100, [50, 80, 100], told=80), to_tell(49, 100, [50, 80, 100])
    (80, None, None)
    """
    reached = [percent for percent in thresholds if limit > 0 and used * 100 >= limit * percent]
    return max(reached) if reached and max(reached) > told else None
