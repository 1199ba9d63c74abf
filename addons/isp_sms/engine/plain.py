# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Letters that the alphabet of SMS lacks, written with those it has: one Dinka ë or a curly quote would make 160 letters 70."""

import unicodedata

from .segments import segments

_LETTERS = {
    "ŋ": "ng", "Ŋ": "Ng", "ɣ": "gh", "Ɣ": "Gh", "ɛ": "e", "Ɛ": "E", "ɔ": "o", "Ɔ": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
    "‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "–": "-", "—": "-", "−": "-", "…": "...", "•": "-",
    "\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u200b": "", "\u200e": "", "\u200f": "", "\t": " ", "`": "'", "´": "'",
}  # fmt: skip


def plain(text):
    """:return: the text in the alphabet of SMS, if its letters can be written so; else the text as it is

    >>> plain("Achiëk Ŋɔŋ – “Home” plan"), plain("Café Müller €5")
    ('Achiek Ngong - "Home" plan', 'Café Müller €5')
    >>> plain("مرحبا Achiëk") == "مرحبا Achiëk"
    True
    """
    if segments(text)[0] == "gsm":
        return text
    written = "".join(_written(letter) for letter in unicodedata.normalize("NFC", text))
    return written if segments(written)[0] == "gsm" else text


def _written(letter):
    if letter in _LETTERS or segments(letter)[0] == "gsm":
        return _LETTERS.get(letter, letter)
    bare = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
    return "".join(_LETTERS.get(part, part) for part in bare)
