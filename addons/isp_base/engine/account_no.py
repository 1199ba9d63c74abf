# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Account numbers that betray a slip of the finger: the last digit is Damm's check digit.

It finds every single wrong digit and every swap of two neighbours. Letters (a prefix) do not count.

>>> complete("100001")
'1000015'
>>> is_valid("1000015"), is_valid("1000016"), is_valid("1000051")
(True, False, False)

However a person writes it:

>>> normalize(" 100-0015 "), normalize("١٠٠٠٠١٥"), normalize("c 900"), normalize(None)
('1000015', '1000015', 'C900', '')

A number with letters, or of another length, is from another system and has no check digit:

>>> looks_ours("1000011", "", 6), looks_ours("C900", "", 6), looks_ours("921234567", "", 6)
(True, False, False)
>>> looks_ours("J1000011", "J", 6)
True
"""

import re
import unicodedata

from stdnum import damm


def normalize(text):
    """:return: ``text`` with ASCII digits and capitals, without spaces and dashes"""
    folded = unicodedata.normalize("NFKC", text or "")
    plain = "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in folded)
    return re.sub(r"[\s\-_./\u200e\u200f]+", "", plain).upper()


def complete(body):
    """:return: ``body`` and the check digit of its digits"""
    return body + damm.calc_check_digit(_digits(body))


def is_valid(number):
    """:return: whether the last digit fits the others"""
    digits = _digits(number)
    return len(digits) > 1 and damm.is_valid(digits)


def looks_ours(number, prefix, padding):
    """:return: whether ``number`` has the form of the numbers we give out, whatever its check digit"""
    prefix = normalize(prefix)
    rest = number[len(prefix) :] if number.startswith(prefix) else ""
    return rest.isdigit() and len(rest) == padding + 1


def _digits(text):
    return re.sub(r"\D", "", text)
