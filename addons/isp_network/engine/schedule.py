# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which speed a plan has at this hour, and when another one begins.

A week has 10,080 minutes and begins on Monday at midnight, by the clock on the wall (Africa/Juba, which knows no summer time).
``radius.plan_rate`` (sql/radius.sql) is the same rule for RADIUS; a test holds the two together.
"""

from dataclasses import dataclass

from .rate import slower

DAY, WEEK = 1440, 7 * 1440
#: Days as bits, Monday first.
EVERY_DAY, WORKDAYS, WEEKEND = 0b1111111, 0b0011111, 0b1100000


@dataclass(frozen=True)
class Window:
    """Hours with a speed of their own.

    :param days: bits of the days on which it begins, Monday is 1
    :param start: minute of the day, 0 to 1439
    :param end: minute of the day; not after ``start``: on the next day. Equal: a whole day.
    :param rate: ``Mikrotik-Rate-Limit``; "" for no limit
    """

    days: int
    start: int
    end: int
    rate: str

    @property
    def minutes(self) -> int:
        """
        >>> Window(EVERY_DAY, 22 * 60, 6 * 60, "").minutes, Window(1, 0, 0, "").minutes
        (480, 1440)
        """
        return (self.end - self.start - 1) % DAY + 1

    def covers(self, minute: int) -> bool:
        """Whether this minute of the week lies in it.

        >>> night = Window(0b1000000, 22 * 60, 6 * 60, "")  # Sunday 22:00 to Monday 6:00
        >>> [night.covers(minute) for minute in (0, 359, 360, WEEK - 121, WEEK - 120)]
        [True, True, False, False, True]
        """
        return any((minute - begins) % WEEK < self.minutes for begins in self.beginnings())

    def beginnings(self) -> list[int]:
        """Minutes of the week on which it begins.

        >>> Window(0b0000101, 60, 120, "").beginnings()
        [60, 2940]
        """
        return [day * DAY + self.start for day in range(7) if self.days >> day & 1]


def rate_at(minute: int, windows: list[Window], rate: str, step: str = "") -> tuple[str, int | None]:
    """The speed at a minute of the week, and in how many minutes it changes (None: never).

    :param windows: the first that covers the minute wins
    :param rate: the plan's speed in all other hours
    :param step: speed of the step of its ladder that a line is on: it is never faster than that, nor than the hour

    Twice as fast from 22:00 to 6:00:

    >>> night = [Window(EVERY_DAY, 22 * 60, 6 * 60, "2M/4M")]
    >>> rate_at(21 * 60, night, "1M/2M"), rate_at(23 * 60, night, "1M/2M")
    (('1M/2M', 60), ('2M/4M', 420))

    The weekend begins within the night of Friday, and nothing changes at midnight:

    >>> both = [*night, Window(WEEKEND, 0, 0, "2M/4M")]
    >>> rate_at(4 * DAY + 23 * 60, both, "1M/2M")
    ('2M/4M', 3300)

    On a step it is slower by night, and nothing changes where the step is slower at all hours:

    >>> rate_at(21 * 60, night, "1M/2M", "2M/3M"), rate_at(23 * 60, night, "1M/2M", "2M/3M"), rate_at(5, night, "1M/2M", "64k/64k")
    (('1M/2M', 60), ('2M/3M', 420), ('64k/64k', None))

    Always the same speed never changes:

    >>> rate_at(5, [Window(EVERY_DAY, 0, 0, "2M/4M")], "1M/2M"), rate_at(5, [], "1M/2M")
    (('2M/4M', None), ('1M/2M', None))
    """

    def at(moment: int) -> str:
        return slower(next((window.rate for window in windows if window.covers(moment)), rate), step)

    now = at(minute)
    moments = {(begins + length) % WEEK for w in windows for begins in w.beginnings() for length in (0, w.minutes)}
    changes = [(moment - minute) % WEEK for moment in moments if at(moment) != now]
    return now, min(changes, default=None)
