# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""HTML to PDF, without Odoo."""

import atexit
import re
import threading

from weasyprint import CSS, HTML
from weasyprint.text.fonts import FontConfiguration

ROLL_WIDTH = re.compile(r"\d+(\.\d+)?mm")
ROLL_END = "roll-end"
LONGEST_ROLL = "5000mm"  # a PDF page cannot be longer than 5080 mm


class InstalledFonts(FontConfiguration):
    """The machine's fonts and no others: ``@font-face`` is left out.

    Listing the fonts takes longer than setting a page, so a thread does it once; and what is shared between
    documents must not be something a document can change.
    """

    def add_font_face(self, rule_descriptors, url_fetcher):
        return None


_thread = threading.local()


def _installed_fonts():
    if not hasattr(_thread, "fonts"):
        _thread.fonts = InstalledFonts()
    return _thread.fonts


@atexit.register
def _free_installed_fonts():
    """Those of the main thread, while the libraries that free them are still loaded: later it is a crash."""
    _thread.__dict__.clear()


def html_to_pdf(html, *, fetcher, base_url, page_css=""):
    """Set one HTML document and return it as PDF.

    ``<html data-roll="80mm">`` asks for roll paper: that width, and a page cut where the element with
    the id ``roll-end`` ends. Any other document takes its paper from ``@page`` in its own style sheets, or
    else from ``page_css``.

    :param str html: the whole document
    :param fetcher: ``weasyprint.urls.URLFetcher``; everything the document refers to goes through it
    :param str base_url: what relative addresses are relative to
    :param str page_css: style sheet of the lowest rank
    :return: bytes
    """
    return set_html(html, fetcher=fetcher, base_url=base_url, page_css=page_css).write_pdf()


def set_html(html, *, fetcher, base_url, page_css=""):
    """As ``html_to_pdf``. :return: the ``weasyprint.Document``, not yet written"""
    document = HTML(string=html, base_url=base_url, url_fetcher=fetcher)
    roll = document.etree_element.get("data-roll")
    if roll:
        if not ROLL_WIDTH.fullmatch(roll):
            raise ValueError(f"data-roll is a width in mm, not {roll!r}")
        page_css = f"@page {{ size: {roll} {LONGEST_ROLL} !important }}"
    pages = document.render(
        stylesheets=[CSS(string=page_css, url_fetcher=fetcher)] if page_css else None,
        font_config=_installed_fonts(),
    )
    if roll:
        for page in pages.pages:
            if ROLL_END in page.anchors:
                page.height = page.anchors[ROLL_END][3]
    return pages
