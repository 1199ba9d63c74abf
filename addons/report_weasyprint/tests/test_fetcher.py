# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import http.server
import io
import os
import tempfile
import threading

import psycopg2
from markupsafe import Markup
from PIL import Image
from weasyprint.urls import FatalURLFetchingError

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..tools import InsideFetcher
from .common import PIXEL, WeasyprintCase, pages_of

LOGGER = "odoo.addons.report_weasyprint.tools.fetcher"
BASE = "http://erp.example"


@tagged("post_install", "-at_install")
class TestFetcher(WeasyprintCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fetcher = InsideFetcher(cls.env, BASE)
        cls.clerk = new_test_user(cls.env, "clerk", groups="base.group_user")
        cls.secret = cls.env["ir.attachment"].create(
            {"name": "secret.png", "datas": PIXEL, "res_model": "ir.config_parameter", "res_id": 1}
        )

    def _fetch(self, path, fetcher=None):
        return (fetcher or self.fetcher).fetch(BASE + path).read()

    def _refused(self, url, fetcher=None):
        with self.subTest(url=url), self.assertLogs(LOGGER, "WARNING"), self.assertRaises(ValueError):
            (fetcher or self.fetcher).fetch(url)

    # === Served === #

    def test_data(self):
        self.assertEqual(self.fetcher.fetch("data:text/plain,abc").read(), b"abc")

    def test_static_file(self):
        response = self.fetcher.fetch(BASE + "/report_weasyprint/static/src/css/page.css")
        self.assertIn(b"running-head", response.read())
        self.assertEqual(response.content_type, "text/css")

    def test_picture_of_a_record(self):
        self.partner.image_1920 = PIXEL
        picture = self._fetch(f"/web/image/res.partner/{self.partner.id}/image_1920")
        self.assertEqual(picture, base64.b64decode(self.partner.image_1920))
        query = f"/web/image?model=res.partner&id={self.partner.id}&field=image_1920"
        self.assertEqual(self._fetch(query), picture)

    def test_attachment(self):
        mine = self.env["ir.attachment"].create({"name": "x.png", "datas": PIXEL})
        self.assertEqual(self._fetch(f"/web/content/{mine.id}"), base64.b64decode(PIXEL))
        self.assertEqual(self._fetch(f"/web/image/{mine.id}/x.png"), base64.b64decode(PIXEL))

    def test_barcode(self):
        self.assertIn(b"<svg", self._fetch("/report/barcode/Code128/C10000?width=300&height=60"))
        for address in ("QR/216000?width=200&height=200", "?barcode_type=QR&value=216000"):
            code = Image.open(io.BytesIO(self._fetch(f"/report/barcode/{address}")))
            modules = code.resize((code.width // 8, code.height // 8))
            self.assertEqual(modules.size, (29, 29))
            edge = [modules.getpixel((column, 10)) for column in range(12)]  # below the upper left eye
            self.assertEqual([bool(light) for light in edge], [True] * 4 + [False] * 7 + [True])
        self._refused(f"{BASE}/report/barcode/Code128/A?width=99999")
        self._refused(f"{BASE}/report/barcode/EAN13/no-digits")

    # === Refused === #

    def test_the_world_is_closed(self):
        for url in (
            "http://169.254.169.254/latest/meta-data/",
            "https://erp.example/web/image/1",  # another scheme
            "http://erp.example:8069/web/image/1",  # another port
            "http://erp.example@evil.example/web/image/1",
            "http://localhost/web/image/1",
            "ftp://erp.example/x",
            "file:///etc/passwd",
            "file://erp.example/etc/passwd",
            "FILE:/etc/passwd",
            "//evil.example/x.png",
            "gopher://x",
            "relative.png",
        ):
            self._refused(url)

    def test_only_static_files(self):
        for path in (
            "/report_weasyprint/__manifest__.py",
            "/report_weasyprint/static/../__manifest__.py",
            "/report_weasyprint/static/%2e%2e/__manifest__.py",
            "/report_weasyprint/static/..%2f__manifest__.py",
            "/report_weasyprint/static//etc/passwd",
            "//etc/passwd",
            "/etc/passwd",
            "/web/session/logout",
            "/my/invoices",
            "/web/database/manager",
        ):
            self._refused(BASE + path)

    def test_rights_of_the_user(self):
        self.assertTrue(self._fetch(f"/web/content/{self.secret.id}"))
        for fetcher in (
            InsideFetcher(self.env(user=self.clerk), BASE),
            InsideFetcher(self.env(user=self.clerk, su=True), BASE),  # as the portal renders
        ):
            self._refused(f"{BASE}/web/content/{self.secret.id}", fetcher)
            self._refused(f"{BASE}/web/image/{self.secret.id}", fetcher)
            self._refused(f"{BASE}/web/image/{self.secret.id}?access_token=guess", fetcher)
            self._refused(f"{BASE}/web/image/ir.attachment/{self.secret.id}/datas", fetcher)

    def test_link_attachment_is_not_followed(self):
        link = self.env["ir.attachment"].create(
            {"name": "x", "type": "url", "url": "http://169.254.169.254/"}
        )
        self._refused(f"{BASE}/web/content/{link.id}")

    def test_only_files_of_records(self):
        self._refused(f"{BASE}/web/content/res.partner/{self.partner.id}/name")
        self._refused(f"{BASE}/web/content/res.partner/999999999/image_1920")
        self._refused(f"{BASE}/web/content/no.model/1/image_1920")

    def test_a_broken_transaction_is_not_a_missing_picture(self):
        class Broken(InsideFetcher):
            def _binary(self, **values):
                raise psycopg2.errors.SerializationFailure

        with self.assertRaises(FatalURLFetchingError) as caught:
            Broken(self.env, BASE).fetch(BASE + "/web/image/1")
        self.assertIsInstance(caught.exception.__cause__, psycopg2.Error)

    # === In a report === #

    def test_hostile_text_in_a_report(self):
        """No way from HTML to a file or a host; the report itself comes out."""
        visits = []

        class Listener(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                visits.append(self.path)
                self.send_error(404)

            def log_message(self, *args):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Listener)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False) as file:
            file.write("TOP-SECRET")
        self.addCleanup(os.unlink, file.name)
        for target in (f"http://127.0.0.1:{server.server_port}/x", f"file://{file.name}"):
            svg = (
                f'<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}" width="9" height="9"/></svg>'
            )
            svg = base64.b64encode(svg.encode()).decode()
            hostile = f"""
                <base href="{target}"/>
                <img src="{target}"/><img srcset="{target} 2x"/><embed src="{target}"/>
                <object data="{target}"></object><iframe src="{target}"></iframe>
                <link rel="stylesheet" href="{target}"/><link rel="attachment" href="{target}"/>
                <a rel="attachment" href="{target}">a</a>
                <style>@import url({target}); @font-face {{ font-family: x; src: url({target}) }}
                p {{ background: url({target}); font-family: x; list-style-image: url({target}) }}
                p::before {{ content: url({target}) }}</style>
                <p>body</p><img src="data:image/svg+xml;base64,{svg}"/>
                <script>fetch("{target}")</script>
            """
            view = self.env["ir.ui.view"].search([("key", "=", "report_weasyprint.test_partner_document")])
            view.arch = view.arch.replace('t-out="o.comment"', 't-out="hostile"')
            with self.assertLogs(LOGGER, "WARNING") as logs:
                pdf, _kind = self.env["ir.actions.report"]._render(
                    self.page.report_name, self.partner.ids, data={"hostile": Markup(hostile)}
                )
            self.assertGreaterEqual(len([line for line in logs.output if target in line]), 5)
            self.assertTrue(pages_of(pdf))
            self.assertNotIn(b"TOP-SECRET", pdf)
            self.assertNotIn(b"EmbeddedFile", pdf)
        self.assertEqual(visits, [])

    def test_clerk_cannot_print_what_he_cannot_read(self):
        parameter_page = self._report("report_weasyprint.test_receipt", model="ir.config_parameter")
        parameter = self.env["ir.config_parameter"].search([], limit=1)
        with self.assertRaises(AccessError):
            self.env(user=self.clerk)["ir.actions.report"]._render_qweb_pdf(parameter_page.id, parameter.ids)
