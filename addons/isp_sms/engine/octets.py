# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A text as octets for a message centre: GSM 03.38, one character an octet, or UCS-2; and the header of parts (3GPP TS 23.040, 9.2.3.24.1).

>>> gsm("@€A").hex(), ucs2("م😀").hex()
('001b6541', '0645d83dde00')
>>> [part.hex() for part in parts("Hi", "gsm", 7)]
['4869']
>>> long = parts("a" * 161, "gsm", 7)
>>> [(len(part), part[:6].hex()) for part in long]
[(159, '050003070201'), (14, '050003070202')]
"""

from .segments import split

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_TABLE = {letter: bytes([code]) for code, letter in enumerate(_BASIC) if code != _ESCAPE} | {
    letter: bytes([_ESCAPE, code])
    for code, letter in {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}.items()
}


def gsm(text):
    """:raise KeyError: a letter that GSM 03.38 does not have"""
    return b"".join(_TABLE[letter] for letter in text)


def ucs2(text):
    return text.encode("utf-16-be", "surrogatepass")


def parts(text, encoding, reference):
    """:param encoding: ``gsm`` or ``ucs2``
    :param reference: 0 to 255, the same in all parts of a message, another in the next to the same number
    :return: octets of each part, with the header where there are several
    :raise ValueError: more parts than a telephone can put together
    """
    encode = gsm if encoding == "gsm" else ucs2
    pieces = [encode(piece) for piece in split(text)]
    if len(pieces) > 255:
        raise ValueError(f"{len(pieces)} parts")
    if len(pieces) < 2:
        return pieces
    return [bytes([5, 0, 3, reference & 0xFF, len(pieces), number]) + piece for number, piece in enumerate(pieces, 1)]
