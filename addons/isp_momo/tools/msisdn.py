# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Numbers of telephones as wallets want them: digits with the country code, no plus."""

import re

import phonenumbers


def parse(text, country="SS"):
    """:param country: two letters, for numbers without country code
    :return: digits, "" when this is no telephone number

    >>> parse("0921 234 567"), parse("+211 921 234 567"), parse("211921234567"), parse("00211921234567")
    ('211921234567', '211921234567', '211921234567', '211921234567')
    >>> parse("46733123450"), parse("12"), parse("hello"), parse(None)
    ('46733123450', '', '', '')
    """
    text = re.sub(r"[^\d+]", "", text or "")
    if text.startswith("00"):
        text = "+" + text[2:]
    for candidate, region in ((text, country), ("+" + text.lstrip("+"), None)):
        try:
            number = phonenumbers.parse(candidate, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
    return ""


def mask(digits):
    """:return: a number for logs and pages

    >>> mask("211921234567")
    '211•••••567'
    """
    return f"{digits[:3]}•••••{digits[-3:]}" if digits and len(digits) > 8 else "•••"
