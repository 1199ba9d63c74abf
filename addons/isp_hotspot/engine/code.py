# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
r"""Codes of tokens: short, read over the telephone and typed on a small keyboard, and not to be guessed.

Thirty-one letters and digits, none taken for another (no 0 o 1 i l). 31 is a prime, so one check character finds every single
wrong character and every exchange of two neighbours (weights 1, 2, 3 …, sum modulo 31).

>>> check("7kmwq4h")
'm'
>>> is_code("7kmwq4hm"), is_code("7kmwq4hd"), is_code("k7mwq4hm"), is_code("7kmwq4h"), is_code("")
(True, False, False, False, False)
>>> clean(" 7KMW-Q4HM "), clean("7kmw q4hm\u200f"), clean("٧kmw"), clean(None)
('7kmwq4hm', '7kmwq4hm', '7kmw', '')
>>> length_for(1), length_for(10_000), length_for(1_000_000)
(8, 10, 11)
"""

import math
import secrets
import unicodedata

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
#: Of how many possible codes at most one is good: with 60 tries a minute one is found in four years.
RARE = 10**8
SHORTEST, LONGEST = 8, 16


def check(body):
    """:return: the check character of what stands before it"""
    return ALPHABET[sum(weight * (ALPHABET.index(char) + 1) for weight, char in enumerate(body, 1)) % 31]


def is_code(text):
    """:return: whether this may be a code: only our characters, and the last fits the others"""
    return SHORTEST <= len(text) <= LONGEST and set(text) <= set(ALPHABET) and check(text[:-1]) == text[-1]


def clean(text):
    """What somebody typed, as a code is written: small letters, no spaces, dashes or marks, Arabic digits as European ones."""
    chars = []
    for char in (text or "")[:100].lower():
        digit = unicodedata.digit(char, None)
        char = char if digit is None else str(digit)
        if char.isascii() and char.isalnum():
            chars.append(char)
    return "".join(chars)


def length_for(good):
    """:param good: how many codes are good at one place :return: characters of a new one, check character among them"""
    needed = math.ceil(math.log(max(good, 1) * RARE, 31))
    return min(max(needed + 1, SHORTEST), LONGEST)


def make(count, length):
    """:return: ``count`` different codes of ``length`` characters"""
    codes = set()
    while len(codes) < count:
        body = "".join(secrets.choice(ALPHABET) for _ in range(length - 1))
        codes.add(body + check(body))
    return list(codes)


def password(length=6):
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
