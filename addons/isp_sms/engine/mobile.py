# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Is this the number of a mobile telephone?"""

import phonenumbers

_MOBILE = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)


def check(number, country_code=None):
    """:return: (number in E.164, None), or (None, reason): ``missing``, ``format``, ``invalid``, ``not_mobile``

    >>> check("0921 234 567", "SS"), check("+211921234567")
    (('+211921234567', None), ('+211921234567', None))
    >>> check("", "SS"), check("abc", "SS"), check("123", "SS")
    ((None, 'missing'), (None, 'format'), (None, 'invalid'))
    """
    if not (number or "").strip():
        return None, "missing"
    try:
        parsed = phonenumbers.parse(number, country_code)
    except phonenumbers.NumberParseException:
        return None, "format"
    if not phonenumbers.is_valid_number(parsed):
        return None, "invalid"
    if phonenumbers.number_type(parsed) not in _MOBILE:
        return None, "not_mobile"
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164), None
