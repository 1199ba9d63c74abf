# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
from urllib.parse import unquote, urlencode

from odoo.tests import HttpCase, new_test_user, tagged

from .common import WeasyprintCommon, text_of

PRINT = """
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
        this.addEventListener("load", () => {
            const type = this.getResponseHeader("content-type");
            if (this.status === 200 && type === "application/pdf") {
                console.log("test successful");
            } else {
                console.error(`got ${this.status} ${type}`);
            }
        });
        return send.call(this, body);
    };
    odoo.__WOWL_DEBUG__.root.actionService.doAction(ACTION);
"""


@tagged("post_install", "-at_install")
class TestWeb(WeasyprintCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_reports()
        cls.partner = cls.env["res.partner"].create({"name": "Achol Deng", "lang": "en_US"})
        cls.clerk = new_test_user(cls.env, "clerk", password="clerk-password")

    def _download(self, report, record):
        url = f"/report/pdf/{report.report_name}/{record.id}"
        query = urlencode({"data": json.dumps([url, "qweb-pdf"]), "context": "{}"})
        return self.url_open(f"/report/download?{query}")

    def test_download_has_the_name_of_the_report(self):
        self.authenticate("clerk", "clerk-password")
        response = self._download(self.page, self.partner)
        self.assertEqual(response.headers["Content-Type"], "application/pdf")
        self.assertIn("Customer - Achol Deng.pdf", unquote(response.headers["Content-Disposition"]))
        self.assertIn("Achol Deng", text_of(response.content)[0])

    def test_pdf_address(self):
        self.authenticate("clerk", "clerk-password")
        response = self.url_open(f"/report/pdf/{self.page.report_name}/{self.partner.id}")
        self.assertEqual(response.headers["Content-Type"], "application/pdf")

    def test_rights_are_those_of_the_user(self):
        self.receipt.model = "ir.config_parameter"
        parameter = self.env["ir.config_parameter"].search([], limit=1)
        self.authenticate("clerk", "clerk-password")
        with self.assertLogs("odoo.addons.web.controllers.report", "WARNING"):
            response = self._download(self.receipt, parameter)
        self.assertIn("text/html", response.headers["Content-Type"])  # what the web client shows as an error
        self.assertNotIn(b"%PDF", response.content)
        self.assertIn("AccessError", response.text)

    def test_print_button_downloads(self):
        """The web client finds the handler and gets a PDF, without wkhtmltopdf being asked for."""
        if "mail.thread" in self.env and "isp.plan" not in self.env:
            # Debian's package has no such file; its absence is an error in the browser and nothing of ours. isp_base
            # leaves it out by itself.
            missing = "mail/static/lib/selfie_segmentation/selfie_segmentation.js"
            self.env["ir.asset"].create(
                {"name": missing, "bundle": "web.assets_backend", "directive": "remove", "path": missing}
            )
        action = self.page.report_action(self.partner)
        self.assertEqual(action["type"], "ir.actions.report")
        self.browser_js(
            "/odoo",
            PRINT.replace("ACTION", json.dumps({**action, "context": {"active_ids": self.partner.ids}})),
            ready="odoo.isReady === true",
            login="admin",
        )
