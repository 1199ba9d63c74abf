# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import io

import pypdfium2
import zxingcpp
from weasyprint.urls import URLFetcher

from odoo.tests import BaseCase, tagged

from ..tools import Sheet, print_cards
from ..tools.cards import qr_modules
from .common import pages_of, text_of

CARD = """<style>@page { size: 60mm 28mm; margin: 0 } body { margin: 0 } #qr { width: 16mm; height: 16mm } #code, #b { width: 50mm; height: 5mm }</style>
<body dir="rtl"><div id="code"></div><div>ساعة واحدة</div><div id="qr"></div></body>"""
A4 = Sheet(3, 10)


@tagged("post_install", "-at_install")
class TestCards(BaseCase):
    def _print(self, cards, html=CARD, sheet=A4, **more):
        return print_cards(html, cards, fetcher=URLFetcher(), base_url="http://localhost", sheet=sheet, **more)

    def _read(self, pdf, page=0):
        """:return: what a telephone reads in the picture of a page"""
        picture = pypdfium2.PdfDocument(io.BytesIO(pdf))[page].render(scale=3).to_pil()
        return [found.text for found in zxingcpp.read_barcodes(picture)]

    def test_each_card_has_its_own_codes(self):
        cards = [{"code": f"kmwq{number:04}", "qr": f"http://wifi.example/t/kmwq{number:04}"} for number in range(64)]
        pdf = self._print(iter(cards), foot="#7 %d")
        self.assertEqual(len(pages_of(pdf)), 3)
        texts = text_of(pdf)
        for page, card in ((0, 0), (0, 29), (1, 30), (2, 63)):
            self.assertIn(cards[card]["code"], texts[page])
            self.assertNotIn(cards[card]["code"], texts[(page + 1) % 3])
        self.assertEqual([text.split()[-1] for text in texts], ["1", "2", "3"])
        self.assertEqual(set(self._read(pdf)), {card["qr"] for card in cards[:30]})
        self.assertEqual(set(self._read(pdf, 2)), {card["qr"] for card in cards[60:]})

    def test_the_card_is_kept_once(self):
        """What is the same for all stands once in the file: a hundred sheets more are small."""
        few, many = (len(self._print([{"code": "kmwq4h"}] * count)) for count in (30, 3000))
        self.assertLess(many, few + 100 * 1500)

    def test_codes_of_any_length_are_read(self):
        for length in (6, 16, 60, 120):
            text = "http://w.ss/" + "x7" * (length // 2)
            pdf = self._print([{"qr": text}], sheet=None)
            self.assertEqual(self._read(pdf), [text])
        self.assertEqual(len(qr_modules("kmwq4h2x")), 21)

    def test_a_card_on_its_own_paper(self):
        html = '<html data-roll="80mm"><style>@page { margin: 0 } #code { height: 9mm; width: 70mm }</style><div id="code"></div><div id="roll-end"></div></html>'
        pages = pages_of(self._print([{"code": "a"}, {"code": "b"}], html=html, sheet=None))
        self.assertEqual(len(pages), 2)
        width, height = (float(value) * 25.4 / 72 for value in pages[0].mediabox[2:])
        self.assertAlmostEqual(width, 80, delta=0.5)
        self.assertLess(height, 20)

    def test_what_cannot_be_printed_is_an_error(self):
        for cards, more in (
            ([{"code": "قرنق"}], {}),
            ([{"code": "a\nb"}], {}),
            ([{"code": "a"}], {"sheet": Sheet(4, 10)}),
            ([{"code": "a"}], {"html": "<style>@page { size: 60mm 20mm }</style><p>a</p><div style='height: 300mm'></div><p>b</p>"}),
        ):
            with self.subTest(cards=cards, **{k: str(v) for k, v in more.items()}), self.assertRaises(ValueError):
                self._print(cards, **more)

    def test_text_cannot_leave_its_string(self):
        pdf = self._print([{"code": "a) Tj (b\\"}])
        self.assertIn("a) Tj (b\\", text_of(pdf)[0])
