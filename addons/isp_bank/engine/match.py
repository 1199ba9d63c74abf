# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whose money is it? What a text says, and how sure that makes us.

The words of a transfer, as people type them, give account numbers, invoice numbers and phones:

>>> hints = read("Internet 100-0015 INV/2026/00012 from 0921 234 567")
>>> "1000015" in hints.words, "INV/2026/00012" in hints.names, "921234567" in hints.phones
(True, True, True)
>>> "1000015" in read("ref: ١٠٠٠٠١٥").words, "INV/2026/00012" in read("inv-2026-00012").names
(True, True)
>>> "INV/2026/00012" in read("inv 2026 00012 thanks").names
True
>>> sorted(read("", phone="+211 921 234 567").phones), read("").words
(['921234567'], frozenset())

Reasons add up; a sure one is enough. Names are compared without order and small slips:

>>> name_score("DENG MABIOR Achol", "Achol Deng Mabior"), name_score("Achol Deng", "Peter Lado") < 0.5
(1.0, True)
>>> score({"account"}), score({"amount", "name"}, 0.9), score({"phone_shared", "amount"})
(100, 61, 60)

Sure is: one account number with a right check digit, or one invoice number; else a phone that only one customer has,
unless something else speaks against it.

>>> sure({7: {"account", "name"}, 8: {"phone"}})
7
>>> sure({7: {"account"}, 8: {"invoice"}}) is None
True
>>> sure({8: {"phone"}}), sure({8: {"phone"}}, mistyped=True), sure({8: {"phone"}, 9: {"account_old"}}), sure({8: {"amount", "name"}})
(8, None, None, None)
"""

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher

WEIGHTS = {"account": 100, "invoice": 100, "phone": 80, "account_old": 70, "phone_shared": 35, "amount": 25, "name": 40}
#: Below this two names are different people.
ALIKE = 0.6

_WORD = re.compile(r"[^\W_][\w/.\-]*", re.UNICODE)
_APART = re.compile(r"[\-_./]+")


@dataclass(frozen=True)
class Hints:
    """What a text may name: ``words`` as account numbers, ``names`` as invoice numbers, ``phones`` by nine digits."""

    words: frozenset = frozenset()
    names: frozenset = frozenset()
    phones: frozenset = frozenset()


def fold(text):
    """:return: ``text`` in capitals, with ASCII digits"""
    folded = unicodedata.normalize("NFKC", text or "")
    return "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in folded).upper()


def read(text, phone=""):
    """:return: the :class:`Hints` of a payment's text and its payer's phone"""
    found = [word.rstrip("-./") for word in _WORD.findall(fold(text))]
    words, names = set(), set()
    for size in (1, 2, 3):
        for start in range(len(found) - size + 1):
            group = found[start : start + size]
            joined = "".join(_APART.sub("", word) for word in group)
            if any(c.isdigit() for c in joined) and len(joined) <= 20:
                if size == 1 or joined.isdigit():
                    words.add(joined)
                names.add(_APART.sub("/", "/".join(group)))
    phones = {tail for tail in (phone_tail(word) for word in words) if tail}
    own = phone_tail(fold(phone))
    return Hints(frozenset(words), frozenset(names), frozenset(phones | {own} if own else phones))


def phone_tail(text):
    """:return: the last nine digits of what may be a telephone number, else ""

    >>> phone_tail("+211921234567"), phone_tail("0921234567"), phone_tail("1000015"), phone_tail("INV2026")
    ('921234567', '921234567', '', '')
    """
    digits = re.sub(r"\D", "", text or "")
    plain = re.sub(r"[\s+()\-./]", "", text or "")
    return digits[-9:] if plain == digits and 9 <= len(digits) <= 15 else ""


def name_score(one, other):
    """:return: how alike two names are, 0 to 1, whatever the order of their words"""
    words, others = fold(one).split(), fold(other).split()
    if not words or not others:
        return 0.0
    if len(words) > len(others):
        words, others = others, words
    best = [max(SequenceMatcher(None, word, candidate).ratio() for candidate in others) for word in words]
    value = sum(best) / len(best)
    # One common word says little.
    return round(value if len(words) > 1 else value * 0.7, 2)


def score(reasons, likeness=0.0):
    """:return: 0 to 100"""
    points = sum(WEIGHTS[reason] for reason in reasons if reason != "name")
    if "name" in reasons:
        points += WEIGHTS["name"] * likeness
    return min(round(points), 100)


def sure(candidates, mistyped=False):
    """:param candidates: {customer: set of reasons}
    :param mistyped: the text has a number of ours with a wrong check digit
    :return: the customer, or None when a person must look"""
    named = [customer for customer, reasons in candidates.items() if reasons & {"account", "invoice"}]
    if named:
        return named[0] if len(named) == 1 else None
    called = [customer for customer, reasons in candidates.items() if "phone" in reasons]
    old = [customer for customer, reasons in candidates.items() if "account_old" in reasons]
    if len(called) == 1 and not mistyped and set(old) <= set(called):
        return called[0]
    return None
