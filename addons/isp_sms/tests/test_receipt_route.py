# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import HttpCase, tagged

from .common import SmsCase


@tagged("post_install", "-at_install")
class TestReceiptRoute(HttpCase):
    def test_signed_is_kept_once_forged_is_refused(self):
        messages, receipts = self.env["isp.sms.message"], self.env["isp.sms.receipt"]
        path = messages._receipt_path("a" * 32, 1)
        for _ in range(2):
            self.assertEqual(self.url_open(f"{path}?type=8&reply=ok").status_code, 200)
        self.assertEqual(receipts.search_count([("uuid", "=", "a" * 32)]), 1)
        for forged in (path[:-1] + ("0" if path[-1] != "0" else "1"), path.replace("a" * 32, "b" * 32), path.replace("/1/", "/2/"), "/isp_sms/receipt/x/1/y"):
            self.assertEqual(self.url_open(f"{forged}?type=1").status_code, 403)
        self.assertEqual(receipts.search_count([("uuid", "in", ("a" * 32, "b" * 32))]), 1)


class TestReceiptPath(SmsCase):
    def test_another_attempt_has_another_signature(self):
        self.assertNotEqual(self.messages._receipt_path("a" * 32, 1), self.messages._receipt_path("a" * 32, 2))
