# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Vouchers, labels: one card, set once, printed thousands of times with what differs stamped on it.

What is the same on all cards (logo, words in any script, lines) is one HTML document, set by WeasyPrint and kept in the PDF as one
form that every card shows. Only codes and QR codes are written for each: a sheet of thirty takes milliseconds, and a thousand sheets a
few megabytes.
"""

import zlib
from dataclasses import dataclass
from itertools import groupby, islice

import pydyf
import qrcode

from .pdf import set_html

MM = 72 / 25.4
_PX = 0.75  # CSS pixels to points
_FONT = "Courier-Bold"  # one of the fonts every PDF program has; each of its letters is as wide
_ADVANCE, _DESCENT = 0.6, 0.24  # of the font's size: a letter's width, and what is below the line


@dataclass(frozen=True)
class Sheet:
    """Paper with cards side by side, in the middle of it. Lengths in mm."""

    columns: int
    rows: int
    width: float = 210
    height: float = 297


def print_cards(html, cards, *, fetcher, base_url, sheet=None, foot=""):
    """Print cards that differ in codes only.

    :param str html: one card; its ``@page`` has the card's size (or ``data-roll``, as for ``html_to_pdf``). Every element with an id
        is a place of its size: one whose id begins with ``qr`` shows a QR code, any other a text as large as fits
    :param cards: iterable of {id: text}, texts in ASCII; read once, a sheet at a time. No text: the place stays empty
    :param Sheet sheet: None: each card is a page
    :param str foot: ASCII, small at the foot of each sheet; ``%d`` is its number
    :return: bytes
    :raise ValueError: the cards do not fit on the sheet, or a text cannot be printed
    """
    document = set_html(html, fetcher=fetcher, base_url=base_url)
    return document.write_pdf(finisher=lambda document, pdf: _Printer(document, pdf, sheet, foot).print(cards))


class _Printer:
    def __init__(self, document, pdf, sheet, foot):
        if len(document.pages) != 1:
            raise ValueError(f"a card is one page, not {len(document.pages)}")
        (page,) = document.pages
        self.pdf, self.foot = pdf, foot
        self.width, self.height = page.width * _PX, page.height * _PX
        self.places = {name: [value * _PX for value in box] for name, box in page.anchors.items()}
        self.sheet = sheet or Sheet(1, 1, self.width / MM, self.height / MM)
        self.left = (self.sheet.width * MM - self.sheet.columns * self.width) / 2
        self.top = (self.sheet.height * MM - self.sheet.rows * self.height) / 2
        if min(self.left, self.top) < -0.5:
            raise ValueError("the cards do not fit on the sheet")
        self.resources = self._resources()

    def _resources(self):
        """The page that WeasyPrint has set becomes a form; pages that show it follow."""
        page = self.pdf.objects[self.pdf.pages["Kids"][0]]
        content = self.pdf.objects[int(page["Contents"].split()[0])]
        form = pydyf.Stream(
            content.stream,
            {"Type": "/XObject", "Subtype": "/Form", "BBox": pydyf.Array([0, 0, self.width, self.height]), "Resources": page["Resources"]},
            compress=True,
        )
        font = pydyf.Dictionary({"Type": "/Font", "Subtype": "/Type1", "BaseFont": f"/{_FONT}", "Encoding": "/WinAnsiEncoding"})
        for added in (form, font):
            self.pdf.add_object(added)
        resources = pydyf.Dictionary({"XObject": pydyf.Dictionary({"card": form.reference}), "Font": pydyf.Dictionary({"code": font.reference})})
        self.pdf.add_object(resources)
        self.pdf.pages["Kids"].clear()
        self.pdf.pages["Count"] = 0
        content.stream = []  # nobody shows it any more
        return resources.reference

    def print(self, cards):
        cards = iter(cards)
        for number, page in enumerate(iter(lambda: list(islice(cards, self.sheet.columns * self.sheet.rows)), []), 1):
            parts = [self._card(card, *divmod(place, self.sheet.columns)) for place, card in enumerate(page)]
            if self.foot:
                parts.append(_text(self.foot % number if "%d" in self.foot else self.foot, self.left, 6, 6))
            # Packed at once: what is kept until the end is small.
            stream = pydyf.Stream([zlib.compress("\n".join(parts).encode("ascii"))], {"Filter": "/FlateDecode"})
            self.pdf.add_object(stream)
            paper = pydyf.Array([0, 0, round(self.sheet.width * MM, 3), round(self.sheet.height * MM, 3)])
            values = {"Type": "/Page", "Parent": self.pdf.pages.reference, "MediaBox": paper, "Contents": stream.reference, "Resources": self.resources}
            self.pdf.add_page(pydyf.Dictionary(values))

    def _card(self, card, row, column):
        x = self.left + column * self.width
        y = self.sheet.height * MM - self.top - (row + 1) * self.height
        parts = [f"q 1 0 0 1 {x:.3f} {y:.3f} cm /card Do"]
        for name, text in card.items():
            if text and name in self.places:
                draw = self._qr if name.startswith("qr") else self._code
                parts.append(draw(text, *self.places[name]))
        return "\n".join([*parts, "Q"])

    def _code(self, text, left, top, right, bottom):
        """As large as fits, in the middle of its place."""
        size = min(0.92 * (bottom - top), (right - left) / _ADVANCE / len(text))
        x = (left + right - size * _ADVANCE * len(text)) / 2
        return _text(text, x, self.height - (top + bottom + size) / 2 + _DESCENT * size, size)

    def _qr(self, text, left, top, right, bottom):
        """Four light modules around it belong to it."""
        modules = qr_modules(text)
        side = min(right - left, bottom - top)
        step = side / (len(modules) + 8)
        x, y = (left + right - side) / 2 + 4 * step, self.height - (top + bottom - side) / 2 - 4 * step
        bars = " ".join(f"{start} {row} {length} 1 re" for row, start, length in _dark_runs(modules))
        return f"q {step:.4f} 0 0 {-step:.4f} {x:.3f} {y:.3f} cm {bars} f Q"


def _text(text, x, y, size):
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"only plain letters, digits and signs can be printed, not {text!r}")
    return f"BT /code {size:.2f} Tf {x:.2f} {y:.2f} Td {pydyf.String(text).data.decode()} Tj ET"


def qr_modules(text):
    """:return: rows of booleans, dark is true; without the light edge

    One mask for all: which one is best costs ten times as much to find out, and readers take any (ISO/IEC 18004 7.8: the mask's number
    stands in the code).
    """
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_M, mask_pattern=3, border=0)
    code.add_data(text)
    code.make()
    return code.modules


def _dark_runs(modules):
    """:return: (row, first column, length) of dark modules beside each other"""
    for row, line in enumerate(modules):
        column = 0
        for dark, run in groupby(line):  # pylint: disable=bad-builtin-groupby
            length = len(list(run))
            if dark:
                yield row, column, length
            column += length
