# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How many SMS a text takes: GSM 03.38 with its extension table, else UCS-2 in UTF-16 units.

A pair (escape and extension character, surrogates) is never split over two parts, as operators send it.

>>> segments("a" * 160), segments("a" * 161)
(('gsm', 160, 1), ('gsm', 161, 2))
>>> segments("€" * 80), segments("م" * 70), segments("م" * 71)
(('gsm', 160, 1), ('ucs2', 70, 1), ('ucs2', 71, 2))
>>> segments("")
('gsm', 0, 0)
>>> [len(part) for part in split("a" * 152 + "€" + "a" * 10)], split("مرحبا"), split("")
([152, 11], ['مرحبا'], [])
"""

_GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = set("^{}\\[~]|€\f")


def segments(text):
    """:return: (gsm or ucs2, length in units of that alphabet, SMS it takes)"""
    encoding, sizes, single, part = _measured(text)
    units = sum(sizes)
    return encoding, units, len(_cuts(sizes, single, part))


def split(text):
    """Cut a text as operators do.

    :return: the SMS it takes, joined they are the text; each but the last is as full as pairs allow
    """
    _encoding, sizes, single, part = _measured(text)
    cuts = _cuts(sizes, single, part)
    return [text[start:end] for start, end in zip([0, *cuts], cuts, strict=False)]


def _measured(text):
    """:return: (alphabet, size of each letter in its units, room in a single SMS, room in one of several)"""
    if all(letter in _GSM or letter in _EXTENDED for letter in text):
        return "gsm", [2 if letter in _EXTENDED else 1 for letter in text], 160, 153
    return "ucs2", [2 if ord(letter) > 0xFFFF else 1 for letter in text], 70, 67


def _cuts(sizes, single, part):
    """:return: where each SMS ends, in letters"""
    if sum(sizes) <= single:
        return [len(sizes)] if sizes else []
    cuts, room = [], part
    for place, size in enumerate(sizes):
        if size > room:
            cuts.append(place)
            room = part
        room -= size
    return [*cuts, len(sizes)]
