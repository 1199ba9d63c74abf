# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Texts to customers: placeholders, money and days as people read them.

>>> render("{company}: {amount} is due on {date}.", {"company": "Juba Net", "amount": "216,000 SSP", "date": "11 Nov 2026"})
'Juba Net: 216,000 SSP is due on 11 Nov 2026.'

Only names are placeholders, so a text cannot reach into an object; braces around anything else are text:

>>> sorted(placeholders("{name} {name.env} {0} {} {amount}"))
['amount', 'name']
>>> render("{amount} {x y}", {"amount": 5})
'5 {x y}'
"""

import re
from datetime import date, datetime

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?")


class MissingValue(KeyError):
    """The text names a placeholder for which there is no value."""


def placeholders(text):
    """:return: set of the names in ``text``"""
    return set(_PLACEHOLDER.findall(text or ""))


def render(text, values):
    """Put ``values`` into ``text``.

    :raise MissingValue: a customer is not sent a text with a hole

    >>> render("{amount} is due", {})  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    ...
    MissingValue: 'amount'
    """

    def value(match):
        found = values.get(match[1])
        if found in (None, False, ""):
            raise MissingValue(match[1])
        return str(found)

    return _PLACEHOLDER.sub(value, text or "")


def fitted(text, values, elastic, fits, shortest=6):
    """Put ``values`` in, and shorten names until the whole fits; it stays whole when even short names would not do.

    :param elastic: names of the values that may be shortened, the longest first
    :param fits: function of the text: is it short enough?
    :param shortest: letters a value keeps at least
    :raise MissingValue: as ``render``

    >>> fitted("{plan}: {amount}", {"plan": "Home Unlimited", "amount": "5 SSP"}, ("plan",), lambda text: len(text) <= 18)
    'Home Unlim.: 5 SSP'
    >>> fitted("{plan}: {amount}", {"plan": "Home 2M", "amount": "216,000 SSP"}, ("plan",), lambda text: len(text) <= 12)
    'Home 2M: 216,000 SSP'
    """
    values = dict(values)
    used = [name for name in elastic if name in placeholders(text) and isinstance(values.get(name), str)]
    whole = body = render(text, values)
    while not fits(body):
        name = max(used, key=lambda one: len(values[one]), default=None)
        if name is None or len(values[name]) <= shortest:
            return whole
        values[name] = values[name][:-2].rstrip() + "."
        body = render(text, values)
    return body


def money(amount, unit, digits=0):
    """
    >>> money(216000.0, "SSP"), money(-4000, "SSP"), money(12.5, "USD", 2)
    ('216,000 SSP', '-4,000 SSP', '12.50 USD')
    """
    return f"{amount:,.{digits}f} {unit}"


def day(value, lang="en_US"):
    """A day for a text. Slashes keep their order between Arabic words, hyphens would not.

    >>> day(date(2026, 11, 1)), day(date(2026, 11, 1), "ar_001")
    ('1 Nov 2026', '01/11/2026')
    """
    if (lang or "").startswith("ar"):
        return value.strftime("%d/%m/%Y")
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


def moment(value, lang="en_US"):
    """
    >>> moment(datetime(2026, 11, 1, 14, 5)), moment(datetime(2026, 11, 1, 14, 5), "ar_001")
    ('1 Nov 2026 14:05', '01/11/2026 14:05')
    """
    return f"{day(value, lang)} {value:%H:%M}"


def parsed(value):
    """:return: a ``datetime`` or ``date`` for a text in ISO form, else None

    >>> parsed("2026-11-01"), parsed("2026-11-01 10:00:00")
    (datetime.date(2026, 11, 1), datetime.datetime(2026, 11, 1, 10, 0))
    >>> parsed("INV/2026/0001") is None, parsed(5) is None, parsed("2026-13-01") is None
    (True, True, True)
    """
    if not isinstance(value, str):
        return None
    try:
        if _DAY.fullmatch(value):
            return date.fromisoformat(value)
        if _MOMENT.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        return None
    return None
