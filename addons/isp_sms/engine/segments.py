# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How many SMS a text takes: GSM 03.38 with its extension table, else UCS-2 in UTF-16 units.

A pair (escape and extension character, surrogates) is never split over two parts, as operators send it.

>>> segments("a" * 160), segments("a" * 161)
(('gsm', 160, 1), ('gsm', 161, 2))
>>> segments("€" * 80), segments("م" * 70), segments("م" * 71)
(('gsm', 160, 1), ('ucs2', 70, 1), ('ucs2', 71, 2))
>>> segments("")
('gsm', 0, 0)
"""

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")


def segments(text):
    """:return: (gsm or ucs2, length in units of that alphabet, SMS it takes)"""
    if all(letter in _GSM or letter in _EXTENDED for letter in text):
        encoding, single, part, sizes = "gsm", 160, 153, [2 if letter in _EXTENDED else 1 for letter in text]
    else:
        encoding, single, part, sizes = "ucs2", 70, 67, [2 if ord(letter) > 0xFFFF else 1 for letter in text]
    units = sum(sizes)
    if units <= single:
        return encoding, units, 1 if units else 0
    parts, room = 1, part
    for size in sizes:
        if size > room:
            parts, room = parts + 1, part
        room -= size
    return encoding, units, parts
