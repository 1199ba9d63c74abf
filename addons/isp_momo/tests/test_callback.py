# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import SimulatorCommon


@tagged("post_install", "-at_install")
class TestCallback(SimulatorCommon, HttpCase):
    def _call(self, token, body=b"", method="PUT", **headers):
        url = f"{self.base_url()}/payment/wallet/{token}"
        return self.opener.request(method, url, data=body, headers={"Content-Type": "application/json", **headers}, timeout=30)

    def _asleep(self, **kwargs):
        tx = self._request(**kwargs)
        tx.wallet_next = "2099-01-01"
        self.env.flush_all()
        return tx

    def test_wakes_and_is_not_believed(self):
        tx = self._asleep()
        body = json.dumps({"status": "SUCCESSFUL", "amount": "1000", "currency": "SSP", "payer": {"partyId": "211921234567"}})
        for method in ("PUT", "POST"):
            tx.write({"wallet_woken": False, "wallet_next": "2099-01-01"})
            self.env.flush_all()
            self.assertEqual(self._call(tx.wallet_token, body, method).status_code, 200)
            self.env.invalidate_all()
            self.assertLessEqual(tx.wallet_next, fields.Datetime.now())
            self.assertEqual(tx.state, "draft")
        self.assertIn("SUCCESSFUL", tx.wallet_callback)
        self.assertNotIn("211921234567", tx.wallet_callback)

    def test_wakes_once_a_second(self):
        tx = self._asleep()
        triggers = self.env["ir.cron.trigger"].search_count([])
        for _n in range(5):
            self._call(tx.wallet_token, b"{}")
        self.assertLessEqual(self.env["ir.cron.trigger"].search_count([]) - triggers, 3)

    def test_get_changes_nothing(self):
        tx = self._asleep()
        self.assertEqual(self._call(tx.wallet_token, method="GET").status_code, 200)
        self.env.invalidate_all()
        self.assertEqual(tx.wallet_next.year, 2099)

    def test_rubbish(self):
        tx = self._asleep()
        bodies = [b"\x00\xff" * 500, b"{" * 1000, b"[]", b"null", b"<xml>", b"a=b&c=%zz", json.dumps({"status": {"a": []}}).encode(), b"x" * 100_000]
        for body in bodies:
            for kind in ("application/json", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain; charset=rubbish"):
                answer = self._call(tx.wallet_token, body, "POST", **{"Content-Type": kind})
                self.assertLess(answer.status_code, 500, (body[:20], kind))
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.wallet_phase), ("draft", "to_send"))
        self.assertLessEqual(len(tx.wallet_callback or ""), 2000)

    @mute_logger("odoo.http")
    def test_unknown_and_anothers(self):
        tx, other = self._asleep(), self._asleep(key="other")
        for token in ("x", "a" * 32, tx.wallet_token[:-1] + ("a" if tx.wallet_token[-1] != "a" else "b"), tx.wallet_uuid, "%00" * 32):
            self.assertEqual(self._call(token, b"{}").status_code, 404, token)
        body = json.dumps({"externalId": tx.reference, "status": "SUCCESSFUL", "financialTransactionId": "1"})
        self.assertEqual(self._call(other.wallet_token, body).status_code, 200)
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.wallet_next.year, other.state, other.provider_reference), ("draft", 2099, "draft", False))

    def test_ten_thousand(self):
        """10,000 calls in a minute, of known and unknown addresses: one statement each, one wake a second, one trigger in all."""
        tx = self._asleep()
        model, queries = self.env["payment.transaction"], self.cr.sql_log_count
        triggers = self.env["ir.cron.trigger"].search_count([])
        begun = fields.Datetime.now()
        for n in range(10_000):
            with patch.object(fields.Datetime, "now", lambda *args, now=begun + timedelta(milliseconds=6 * n): now):
                self.assertEqual(model._wallet_called_back(tx.wallet_token if n % 2 else f"{n:032}", b"rubbish", True), bool(n % 2))
        self.assertLessEqual(self.cr.sql_log_count - queries, 10_000 + 61 * 4)
        self.assertLessEqual(self.env["ir.cron.trigger"].search_count([]) - triggers, 1)
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.wallet_phase, tx.wallet_callback), ("draft", "to_send", "rubbish"))

    def test_paid_is_left_alone(self):
        tx = self._request()
        self._poll()
        self.simulator.decide(tx)
        self._due(tx)
        self._poll()
        self._call(tx.wallet_token, b'{"status": "FAILED"}')
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.wallet_next), ("done", False))
