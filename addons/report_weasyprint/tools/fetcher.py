# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a report may refer to: things of this database, and nothing else."""

import base64
import io
import logging
import mimetypes
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg2
from PIL import Image
from reportlab.graphics.barcode.qr import QrCodeWidget
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule

from odoo.exceptions import UserError
from odoo.http import root
from odoo.tools.barcode import createBarcodeDrawing
from odoo.tools.image import image_process
from odoo.tools.mimetypes import guess_mimetype

from odoo.addons.web.controllers.binary import Binary
from odoo.addons.web.controllers.report import ReportController

_logger = logging.getLogger(__name__)

ROUTES = Map(
    [
        Rule(route, endpoint=endpoint)
        for endpoint, controller in (
            ("binary", Binary.content_image),
            ("binary", Binary.content_common),
            ("barcode", ReportController.report_barcode),
        )
        for route in controller.original_routing["routes"]
    ]
).bind("localhost")


def _qr_code(value):
    """Return a QR code as PNG, 4 light modules around it; as SVG it takes longer to set than the rest of a page."""
    code = QrCodeWidget(value, barLevel="M").qr
    code.make()
    side = code.getModuleCount() + 8
    image = Image.new("1", (side, side), 1)
    for row, modules in enumerate(code.modules):
        for column, dark in enumerate(modules):
            if dark:
                image.putpixel((column + 4, row + 4), 0)
    png = io.BytesIO()
    image.resize((side * 8, side * 8)).save(png, "PNG")
    return png.getvalue()


class Refused(ValueError):
    """The address is not one a report may use."""


class InsideFetcher(URLFetcher):
    """Answer WeasyPrint from memory, disk and database; never open a connection.

    Served: ``data:`` addresses, files below an add-on's ``static`` folder, and ``/web/image``, ``/web/content``
    and ``/report/barcode`` with the rights of the user, also when the report itself is rendered with sudo:
    text somebody else wrote must not reach pictures its reader may not see. All else is refused, logged
    and missing in the PDF: files, other hosts, other routes of this host.
    """

    def __init__(self, env, base_url):
        super().__init__(allowed_protocols=("data",), allow_redirects=False)
        self.env = env(su=False)
        self.base = urlsplit(base_url)[:2]

    def fetch(self, url, headers=None):
        try:
            parts = urlsplit(url)
            if parts.scheme == "data":
                return super().fetch(url, headers)
            if parts[:2] != self.base:
                raise Refused("not an address of this database")
            data, mimetype = self._static(parts) or self._route(parts)
        except psycopg2.Error as error:
            # Not a missing picture: the transaction is over and may have to be run again.
            raise FatalURLFetchingError(url) from error
        except (Refused, UserError, TypeError, ValueError, OSError) as error:
            _logger.warning("A report refers to %.200s: %s", url, error)
            raise ValueError(f"refused: {error}") from error
        return URLFetcherResponse(url, data, {"Content-Type": mimetype})

    def _static(self, parts):
        path = unquote(parts.path)
        if "//" in path or {".", ".."} & set(path.split("/")):
            raise Refused("not a plain path")
        filename = root.get_static_file(path)
        if not filename:
            return None
        with open(filename, "rb") as file:
            return file.read(), mimetypes.guess_type(filename)[0] or "application/octet-stream"

    def _route(self, parts):
        try:
            endpoint, values = ROUTES.match(parts.path.rstrip("/"))
        except HTTPException:
            raise Refused("not a picture of this database") from None
        values = dict(parse_qsl(parts.query)) | values
        return getattr(self, f"_{endpoint}")(**values)

    def _binary(
        self, xmlid=None, model="ir.attachment", id=None, field="raw", access_token=None,
        width=0, height=0, crop=False, **_ignored,
    ):  # fmt: skip
        record = self.env["ir.binary"]._find_record(xmlid, model, id and int(id), access_token, field=field)
        definition = record._fields.get(field)
        if not definition or definition.type != "binary":
            raise Refused("not a file")
        record._check_field_access(definition, "read")
        attached = record._name == "ir.attachment" and field in ("raw", "datas")
        data = record.raw if attached else base64.b64decode(record[field] or b"")
        if not data:
            raise Refused("empty")
        mimetype = record.mimetype if attached else guess_mimetype(data)
        if int(width) or int(height):
            data = image_process(data, size=(int(width), int(height)), crop=crop)
        return data, mimetype

    def _barcode(self, barcode_type, value, **options):
        size = {name: int(options[name]) for name in ("width", "height") if name in options}
        if any(side > 10000 for side in size.values()):
            raise Refused("barcode too large")
        if barcode_type == "QR":
            return _qr_code(value), "image/png"
        try:
            drawing = createBarcodeDrawing(barcode_type, value=value, format="svg", **size)
        except (AttributeError, KeyError) as error:  # how reportlab says that a value does not fit
            raise Refused("not a barcode") from error
        return drawing.asString("svg").encode(), "image/svg+xml"
