# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a telephone makes of octets: GSM 03.38 with its extension table, Latin-1, UCS-2; and of a user data header."""

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}


def gsm(octets):
    """
    :raise ValueError: an octet above 127, or an escape at the end (a pair that was split)

    >>> gsm(bytes([0x1B, 0x65, 0x00, 0x41]))
    '€@A'
    """
    text, escaped = "", False
    for octet in octets:
        if octet > 0x7F:
            raise ValueError(f"0x{octet:02x} is no GSM character")
        if octet == 0x1B and not escaped:
            escaped = True
            continue
        text += _EXTENSION.get(octet, _BASIC[octet]) if escaped else _BASIC[octet]
        escaped = False
    if escaped:
        raise ValueError("the text ends within a character")
    return text


def decode(octets, data_coding):
    """:raise ValueError: these octets are no text in this coding, or there is no such coding here"""
    if data_coding in (0, 1):
        return gsm(octets) if data_coding == 0 else octets.decode("ascii")
    if data_coding == 3:
        return octets.decode("latin-1")
    if data_coding == 8:
        return octets.decode("utf-16-be")  # a surrogate pair that was split is an error
    raise ValueError(f"data coding {data_coding}")


def concatenation(udh):
    """:param udh: user data header without its length octet
    :return: (reference, parts, number) of the parts' element, None without one
    :raise ValueError: the header is broken
    """
    found, at = None, 0
    while at < len(udh):
        if at + 2 > len(udh) or at + 2 + udh[at + 1] > len(udh):
            raise ValueError("the user data header is cut off")
        kind, value = udh[at], udh[at + 2 : at + 2 + udh[at + 1]]
        if kind == 0x00 and len(value) == 3:
            found = (value[0], value[1], value[2])
        elif kind == 0x08 and len(value) == 4:
            found = (value[0] << 8 | value[1], value[2], value[3])
        at += 2 + len(value)
    if found and not 1 <= found[2] <= found[1]:
        raise ValueError("there is no such part")
    return found
