# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Speeds in the words of MikroTik: the value of ``Mikrotik-Rate-Limit``.

Grammar: ``rx[/tx] [rx-burst/tx-burst [rx-threshold/tx-threshold [rx-time/tx-time …]]]``. The router names the directions
from its own side: *rx* is what it receives, the customer's **upload**; *tx* is the customer's **download**. ``k`` is 1,000.
"""

import math
import re

_SPEED = r"\d{1,10}[kM]?"
_PAIR = rf"{_SPEED}(/{_SPEED})?"
_RATE = re.compile(rf"(?P<rate>{_PAIR})( {_PAIR}( {_PAIR}( \d{{1,4}}(/\d{{1,4}})?( [1-8]( (?P<least>{_PAIR}))?)?)?)?)?", re.A)
#: Bit/s of the letter after a number.
_UNITS = {"k": 1_000, "M": 1_000_000}

#: Seconds over which RouterOS takes the average that decides whether a burst may go on.
BURST_TIME = 8


def rate_limit(down_kbps: int, up_kbps: int, burst_down_kbps: int = 0) -> str:
    """The rate string of a plan; "" when nothing limits it (the attribute is then left out).

    :param down_kbps: customer's download in kbit/s, 0 for no limit
    :param up_kbps: customer's upload in kbit/s, 0 for no limit
    :param burst_down_kbps: download while a burst lasts, 0 for no burst. Upload bursts in the same proportion.

    Upload first:

    >>> rate_limit(down_kbps=2048, up_kbps=1024)
    '1024k/2048k'
    >>> rate_limit(20480, 20480)
    '20480k/20480k'

    A burst is allowed while the average of the last 8 seconds is below the plan's rate:

    >>> rate_limit(2048, 1024, burst_down_kbps=4096)
    '1024k/2048k 2048k/4096k 1024k/2048k 8/8'

    A burst that is not faster than the plan is none:

    >>> rate_limit(5120, 2048, burst_down_kbps=5120)
    '2048k/5120k'

    Unlimited is no string at all. With a limit in one direction only, the other one is set so high that it never
    limits: the meaning of 0 in this attribute is not documented.

    >>> rate_limit(0, 0)
    ''
    >>> rate_limit(2048, 0)
    '10000000k/2048k'
    >>> rate_limit(0, 512, burst_down_kbps=4096)
    '512k/10000000k'
    >>> rate_limit(2048, 0, burst_down_kbps=4096)
    '10000000k/2048k 10000000k/4096k 10000000k/2048k 8/8'

    >>> rate_limit(-1, 5)
    Traceback (most recent call last):
    ...
    ValueError: A speed cannot be negative.
    """
    if min(down_kbps, up_kbps, burst_down_kbps) < 0:
        raise ValueError("A speed cannot be negative.")
    if not (down_kbps or up_kbps):
        return ""
    never = 10_000_000
    up, down = up_kbps or never, down_kbps or never
    rate = f"{up}k/{down}k"
    if not (down_kbps and burst_down_kbps > down_kbps):
        return rate
    burst_up = up * burst_down_kbps // down if up_kbps else never
    return f"{rate} {burst_up}k/{burst_down_kbps}k {rate} {BURST_TIME}/{BURST_TIME}"


def slower(rate: str, step: str) -> str:
    """The speed of a line on a step of its ladder: in each direction the slower of both, without bursts.

    ``radius.slower`` (sql/radius.sql) is the same rule for RADIUS; a test holds the two together.

    :param rate: what the line has at this hour; "" for no limit
    :param step: what the step allows; "" for no step

    >>> slower("1024k/2048k 2048k/4096k 1024k/2048k 8/8", "512k/4M")
    '512k/2048k'
    >>> slower("", "512k/1M"), slower("1M/2M 2M/4M", ""), slower("1M", "512k/4M")
    ('512k/1M', '1M/2M 2M/4M', '512k/1M')
    """
    if not (rate and step):
        return rate or step
    pairs = zip(_directions(rate), _directions(step), strict=True)
    return "/".join(own if _most(own) < _most(other) else other for own, other in pairs)


def _directions(rate):
    """
    >>> _directions("1M/2M 2M/4M 1M/2M 8/8"), _directions("64k")
    (('1M', '2M'), ('64k', '64k'))
    """
    up, *down = rate.split(" ")[0].split("/")
    return up, (down[0] if down else "") or up


def _most(speed):
    """Bits a second; 0 and what is no speed limit nothing.

    >>> _most("64k"), _most("2M"), _most("9"), _most("0"), _most("fast")
    (64000, 2000000, 9, inf, inf)
    """
    if not re.fullmatch(_SPEED, speed, re.A):
        return math.inf
    return int(speed.rstrip("kM")) * _UNITS.get(speed[-1], 1) or math.inf


def is_rate(text: str) -> bool:
    """Whether this is a value of ``Mikrotik-Rate-Limit`` as the manual describes it.

    >>> [is_rate(text) for text in ("512k/1M", "64000", "1M/2M 2M/4M 1M/2M 8/8", "5120k/20480k 10M/40M 4M/16M 8/8 8 2M/5M")]
    [True, True, True, True]
    >>> [is_rate(text) for text in ("", "fast", "1M /2M", "1M/2M; reboot", "1G/1G", "1M/2M 8/8 9/9 9/9 9", "١M/٢M")]
    [False, False, False, False, False, False, False]

    No speed is 0, which no page of the manual explains; and nobody is promised more than the speed itself:

    >>> [is_rate(text) for text in ("0/0", "0", "512k/0k", "1M/2M 0/0 0/0 0/0 8 512k/2M", "1M/2M 0/0 0/0 0/0 8 512k/2001k", "1M 0 0 0 8 1M/1001k")]
    [False, False, False, True, False, False]
    """
    found = _RATE.fullmatch(text)
    if not found:
        return False
    rate, least = _bits(found["rate"]), _bits(found["least"] or "0")
    return min(rate) > 0 and all(low <= high for low, high in zip(least, rate, strict=True))


def _bits(pair: str) -> list[int]:
    """:return: bit/s of upload and download; one speed alone is for both"""
    speeds = [int(text.rstrip("kM")) * _UNITS.get(text[-1], 1) for text in pair.split("/")]
    return speeds if len(speeds) == 2 else speeds * 2
