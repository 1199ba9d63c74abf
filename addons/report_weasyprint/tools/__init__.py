# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from .fetcher import InsideFetcher
from .pdf import html_to_pdf
