# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One cell of an imported file: text in, value out, or a :class:`CellError` that says why not."""

import datetime
import re
from collections.abc import Mapping
from decimal import Decimal

import phonenumbers

from .tabular import CellError

REGION = "SS"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
FIRST_YEAR, LAST_YEAR = 1990, 2099
LARGEST_AMOUNT = 10**12
LARGEST_INTEGER = 2**31 - 1

_DATE = re.compile(
    r"(?P<y>[0-9]{4})-(?P<m>[0-9]{2})-(?P<d>[0-9]{2})"
    r"|(?P<d2>[0-9]{2})/(?P<m2>[0-9]{2})/(?P<y2>[0-9]{4})"
    r"|(?P<d3>[0-9]{2})-(?P<m3>[A-Za-z]{3})-(?P<y3>[0-9]{4})"
)
_AMOUNT = re.compile(r"(?:SSP\s*)?(?P<sign>-?)(?P<whole>[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.(?P<part>[0-9]+))?", re.I)
_MAC = re.compile(r"[0-9A-F]{12}|[0-9A-F]{2}(?::[0-9A-F]{2}){5}|[0-9A-F]{2}(?:-[0-9A-F]{2}){5}")
_EMAIL = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\".]+(\.[^@\s,;<>\".]+)+")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")
_PERIOD = re.compile(r"([0-9]{1,4})\s+(hour|day|month)s?")


def text(value: str) -> str:
    """
    >>> text("Juba")
    'Juba'
    >>> text("")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This must not be blank.
    """
    if not value:
        raise CellError("missing")
    return value


def choice(value: str, choices: Mapping[str, str], code: str = "choice_unknown") -> str:
    """The meaning of a word, in any case.

    >>> choice("Active", {"active": "active", "suspended": "suspended"})
    'active'
    """
    try:
        return choices[value.casefold()]
    except KeyError:
        raise CellError(code, choices=", ".join(key for key in choices if key)) from None


def phone(value: str) -> str:
    """A telephone number as E.164; one without a country is of South Sudan.

    >>> phone("0921 234 567"), phone("00211921234567"), phone("921234567"), phone("+254 712 345678")
    ('+211921234567', '+211921234567', '+211921234567', '+254712345678')
    >>> phone("0921 23")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not a valid telephone number.
    """
    try:
        number = phonenumbers.parse(value, REGION)
    except phonenumbers.NumberParseException:
        raise CellError("phone_invalid") from None
    if not phonenumbers.is_valid_number(number):
        raise CellError("phone_invalid")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def email(value: str) -> str:
    """
    >>> email("john@example.com")
    'john@example.com'
    """
    if not _EMAIL.fullmatch(value):
        raise CellError("email_dropped")
    return value


def date(value: str) -> datetime.date:
    """
    >>> print(date("2025-03-14"), date("14/03/2025"), date("14-Mar-2025"), date("29/02/2024"))
    2025-03-14 2025-03-14 2025-03-14 2024-02-29
    >>> date("31/02/2025")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This day does not exist.
    >>> date("3/14/2025")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not a date like 2025-03-14, 14/03/2025 or 14-Mar-2025.
    """
    match = _DATE.fullmatch(value)
    if not match:
        raise CellError("date_invalid")
    year = int(match["y"] or match["y2"] or match["y3"])
    day = int(match["d"] or match["d2"] or match["d3"])
    if match["m3"]:
        if match["m3"].lower() not in MONTHS:
            raise CellError("date_invalid")
        month = MONTHS.index(match["m3"].lower()) + 1
    else:
        month = int(match["m"] or match["m2"])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise CellError("date_impossible")
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise CellError("date_impossible") from None


def amount(value: str) -> int:
    """Whole pounds; below zero is the customer's credit; blank is 0.

    >>> [amount(v) for v in ("12000", "12,000", "12000.00", "SSP 12,000", "-5000", "SSP -5,000", "")]
    [12000, 12000, 12000, 12000, -5000, -5000, 0]
    >>> amount("12k?")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not an amount like 12000, 12,000, 12000.00, SSP 12,000 or -5000.
    >>> amount("12000.50")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: Amounts are in whole pounds.
    """
    if not value:
        return 0
    match = _AMOUNT.fullmatch(value)
    if not match or len(match["whole"]) > 20:
        raise CellError("amount_invalid")
    if (match["part"] or "0").strip("0"):
        raise CellError("amount_fraction")
    pounds = int(match["whole"].replace(",", ""))
    if pounds > LARGEST_AMOUNT:
        raise CellError("amount_invalid")
    return -pounds if match["sign"] else pounds


def mac(value: str) -> str:
    """
    >>> mac("ac:c8:b2:8c:6e:af"), mac("68-65-2B-1F-C4-A0"), mac("68652b1fc4a0"), mac("")
    ('AC:C8:B2:8C:6E:AF', '68:65:2B:1F:C4:A0', '68:65:2B:1F:C4:A0', '')
    >>> mac("68:65-2B:1F:C4:A0")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not a MAC address (12 hexadecimal digits, with : or - or nothing between).
    """
    if not value:
        return ""
    if not _MAC.fullmatch(value.upper()):
        raise CellError("mac_invalid")
    digits = value.upper().replace(":", "").replace("-", "")
    return ":".join(digits[i : i + 2] for i in range(0, 12, 2))


def integer(value: str, low: int = 0, high: int = LARGEST_INTEGER) -> int:
    """
    >>> integer("15", 1, 31)
    15
    >>> integer("32", 1, 31)
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not a whole number from 1 to 31.
    """
    if not (value.isascii() and value.isdigit() and len(value) <= 10 and low <= int(value) <= high):
        raise CellError("not_whole_number", low=low, high=high)
    return int(value)


def number(value: str) -> Decimal:
    """
    >>> number("0.3"), number("900")
    (Decimal('0.3'), Decimal('900'))
    """
    if not _NUMBER.fullmatch(value):
        raise CellError("not_number")
    return Decimal(value)


def period(value: str) -> tuple[int, str]:
    """
    >>> period("1 month"), period("30 days"), period("3 Hours")
    ((1, 'month'), (30, 'day'), (3, 'hour'))
    >>> period("a while")
    Traceback (most recent call last):
      ...
    odoo.addons.isp_base.engine.tabular.CellError: This is not a period like 1 month, 30 days or 3 hours.
    """
    match = _PERIOD.fullmatch(value.lower())
    if not match or not int(match[1]):
        raise CellError("period_invalid")
    return int(match[1]), match[2]
