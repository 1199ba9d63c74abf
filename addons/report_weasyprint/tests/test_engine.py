# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from weasyprint.urls import URLFetcher

from odoo.tests import BaseCase, tagged

from ..tools import html_to_pdf
from .common import pages_of, text_of

MM = 72 / 25.4


@tagged("post_install", "-at_install")
class TestEngine(BaseCase):
    def _pdf(self, html, **options):
        options = {"fetcher": URLFetcher(allowed_protocols=()), "base_url": "http://inside.test", **options}
        return html_to_pdf(html, **options)

    def _size(self, pdf, page=0):
        box = pages_of(pdf)[page].mediabox
        return round(float(box.width) / MM, 1), round(float(box.height) / MM, 1)

    def test_paper_of_the_caller(self):
        pdf = self._pdf("<p>x</p>", page_css="@page { size: A5 }")
        self.assertEqual(self._size(pdf), (148, 210))

    def test_the_document_knows_better(self):
        pdf = self._pdf("<style>@page { size: A6 landscape }</style><p>x</p>", page_css="@page { size: A5 }")
        self.assertEqual(self._size(pdf), (148, 105))

    def test_roll_is_as_long_as_its_content(self):
        page = '<html data-roll="80mm"><style>@page {{ margin: 0 }} body {{ margin: 0 }}</style>'
        page += '<div style="height: {}mm">x</div><div id="roll-end"></div>'
        self.assertEqual(self._size(self._pdf(page.format(50))), (80, 50))
        self.assertEqual(self._size(self._pdf(page.format(900))), (80, 900))

    def test_roll_width_is_a_width(self):
        with self.assertRaises(ValueError):
            self._pdf('<html data-roll="80mm; } body { x: y"><p>x</p>')

    def test_page_numbers(self):
        page = "<style>@page { @bottom-right { content: counter(page) ' of ' counter(pages) } }</style>"
        texts = text_of(self._pdf(page + '<p>a</p><p style="break-before: page">b</p>'))
        self.assertEqual(texts, ["a 1 of 2", "b 2 of 2"])

    def test_a_document_cannot_change_the_fonts_of_the_next(self):
        asked = []

        class Recorder(URLFetcher):
            def fetch(self, url, headers=None):
                asked.append(url)
                raise ValueError(url)

        face = "@font-face { font-family: 'Noto Sans'; src: url(data:font/ttf;base64,AAAA) }"
        self._pdf(f"<style>{face} p {{ font-family: 'Noto Sans' }}</style><p>a</p>", fetcher=Recorder())
        self.assertEqual(asked, [])
