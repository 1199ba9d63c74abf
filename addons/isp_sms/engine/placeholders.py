# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Texts to many: names in braces are replaced by what each recipient has there.

>>> fill("Dear {name}, {company}", {"name": "Achol", "company": "Juba Net"})
'Dear Achol, Juba Net'

One pass: a value is never read as text, whatever a customer calls himself; line ends and control characters go.

>>> fill("{name}", {"name": "{company}\\r\\n x\\u202e", "company": "Juba Net"})
'{company} x'
"""

import re
import unicodedata

_NAME = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_BRACES = re.compile(r"\{[^{}]{0,30}\}?|\}")


class MissingValue(KeyError):
    """Nobody is sent a text with a hole."""


def names(text):
    """
    >>> sorted(names("{name} {amount} {x y} {name}"))
    ['amount', 'name']
    """
    return set(_NAME.findall(text or ""))


def wrong(text, allowed):
    """:return: what stands in braces and may not, as it was written

    >>> wrong("{name} {nmae} {name.env} {Name} {", {"name"}), wrong("{name}", {"name"})
    (['{nmae}', '{name.env}', '{Name}', '{'], [])
    """
    rest = _NAME.sub(lambda match: "" if match[1] in allowed else match[0], text or "")
    return _BRACES.findall(rest)


def clean(value):
    """:return: the value in one line, without characters that steer"""
    line = " ".join(str(value).split())
    return "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn"))


def fill(text, values):
    """:raise MissingValue: a name has no value

    >>> fill("{name}", {"name": ""})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    MissingValue: 'name'
    """

    def value(match):
        found = values.get(match[1])
        found = "" if found is None or found is False else clean(found)
        if not found:
            raise MissingValue(match[1])
        return found

    return _NAME.sub(value, text or "")
