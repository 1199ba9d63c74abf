# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

# WeasyPrint reports every unknown CSS property and every missing picture, and its steps from its import on; the
# fetcher tells what it refuses. Show them again with --log-handler=weasyprint:WARNING.
for _name, _level in (("weasyprint", logging.CRITICAL), ("fontTools", logging.WARNING)):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(_level)

from .fetcher import InsideFetcher  # noqa: E402
from .cards import Sheet, print_cards  # noqa: E402
from .pdf import html_to_pdf  # noqa: E402
