# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What owners type, judged: the same rules stand in ``static/src/app/rules.js`` for the telephone.

>>> receives("211921234567"), receives("211991234567"), receives("211911234567"), receives("256772123456")
(True, True, False, False)
>>> wifi_fault("correct horse"), wifi_fault("seven77"), wifi_fault("x" * 64), wifi_fault("كلمة السر 123")
('', 'short', 'long', 'letters')
>>> password_fault("river-2026-boat", "+211921234567"), password_fault("abc", ""), password_fault("aaaaaaaaab", "")
('', 'short', 'simple')
>>> password_fault("0921234567", "+211921234567"), password_fault("password123", ""), password_fault("84629173", "")
('number', 'simple', 'simple')
>>> whole("12", 1, 50), whole(12.0, 1, 50), whole(None, 1, 50, 1)
(12, 12, 1)
>>> [whole(text, 1, 50) for text in ("0", 51, "1e9", 1.5, True, [], "٣")]
[None, None, None, None, None, None, 3]

A telephone says how long ago; what it says is believed between the last time it was heard and now:

>>> from datetime import datetime, timedelta
>>> now = datetime(2026, 11, 28, 12)
>>> ordered_at(now, 600, now - timedelta(days=2)).isoformat(), ordered_at(now, -5, None) == now
('2026-11-28T11:50:00', True)
>>> ordered_at(now, 10**9, now - timedelta(days=2)).isoformat(), ordered_at(now, 10**9, None).isoformat()
('2026-11-26T12:00:00', '2026-11-27T12:00:00')
"""

import re
from datetime import timedelta

#: Numbers of MTN South Sudan: facts of the numbering plan, no number moves to another operator.
MTN = re.compile(r"2119[29]\d{7}")
#: IEEE 802.11, WPA2: a passphrase.
WIFI_SHORTEST, WIFI_LONGEST = 8, 63
#: What everybody tries first, and what is only counting.
_COMMON = re.compile(r"(pass(word)?|qwert[yz]?|admin|welcome|letmein|iloveyou|abc|juba|wifi|internet|southsudan)[\d\W_]*", re.I)
#: A telephone that was never heard before is believed for so long.
_BEFORE = timedelta(days=1)


def receives(digits):
    """:param digits: with the country's code, without plus :return: whether an MTN MoMo wallet can be behind it"""
    return bool(MTN.fullmatch(digits or ""))


def wifi_fault(text):
    """:return: "short", "long" or "letters": why this is no WPA2 password; "" when it is one"""
    if not all(" " <= char <= "~" for char in text):
        return "letters"
    if len(text) < WIFI_SHORTEST:
        return "short"
    return "long" if len(text) > WIFI_LONGEST else ""


def password_fault(text, login):
    """:return: "short", "long", "number" (the own one) or "simple"; "" when it is good enough to log in with"""
    digits = re.sub(r"\D", "", text)
    if len(text) < 8:
        return "short"
    if len(text) > 128:
        return "long"
    if len(digits) >= 7 and digits[-7:] in re.sub(r"\D", "", login or ""):
        return "number"
    if len(set(text)) < 5 or _COMMON.fullmatch(text) or (text.isdecimal() and len(text) < 12):
        return "simple"
    return ""


def whole(value, least, most, default=None):
    """:return: a whole number within these bounds, as typed or as JSON; None when it is none"""
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return None
    try:
        number = int(value) if isinstance(value, (int, str)) else int(value) if value == int(value) else None
    except (ValueError, TypeError, OverflowError):
        return None
    return number if number is not None and least <= number <= most else None


def ordered_at(now, age, heard):
    """:param age: seconds ago, by the telephone's clock :param heard: when it was heard last, None: never :return: a moment, UTC"""
    since = heard or now - _BEFORE
    return max(now - timedelta(seconds=min(max(age, 0), 10**8)), min(since, now))
