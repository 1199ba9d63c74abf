# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import csv
import hashlib
import io
from datetime import UTC, datetime

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged

from .common import NetworkCommon


@tagged("post_install", "-at_install")
class TestAddressLog(NetworkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.officer = new_test_user(cls.env, "net-officer", "isp_network.group_isp_lawful")
        cls.log = cls.env["isp.address.log"]

    def _at(self, seconds):
        return datetime.fromtimestamp(self.start + seconds, UTC).replace(tzinfo=None)

    def _rows(self):
        self.log._sync()
        return [(r.framed_ip, r.user_name, r.started, r.stopped) for r in self.log.search([], order="id")]

    def test_copied_once_and_ended(self):
        self._acct("start", event=self.start, ip="100.64.0.5", mac="AA-BB-CC-DD-EE-01")
        self._acct("start", session="s2", login="who", event=self.start, ip="100.64.0.6")
        self._acct("start", session="s3", event=self.start)
        want = [("100.64.0.5", "achol", self._at(0), False), ("100.64.0.6", "who", self._at(0), False)]
        for _twice in range(2):
            self.assertEqual(self._rows(), want)
        row = self.log.search([("user_name", "=", "achol")])
        self.assertEqual((row.customer, row.account_no, row.mac, row.router), ("Achol Deng", "T1", "AA:BB:CC:DD:EE:01", "Tower"))
        self._acct("stop", event=self.start + 600, seconds=600, ip="100.64.0.5")
        self._acct("interim", session="s3", event=self.start + 300, seconds=300, ip="100.64.0.7")
        rows = self._rows()
        self.assertEqual(rows[0][3], self._at(600))
        self.assertEqual(rows[2][:2], ("100.64.0.7", "achol"), "its address came with a later packet")

    def test_an_address_that_changes_has_two_rows(self):
        self._acct("start", event=self.start, ip="100.64.0.5")
        self._rows()
        self._acct("interim", event=self.start + 300, seconds=300, ip="100.64.0.9")
        rows = self._rows()
        self.assertEqual([row[0] for row in rows], ["100.64.0.5", "100.64.0.9"])
        self.assertTrue(rows[0][3])
        self.assertFalse(rows[1][3])
        self.assertEqual(self._rows(), rows)

    def test_taken_for_dead_and_goes_on(self):
        self._acct("start", event=self.start, ip="100.64.0.5")
        self.env.cr.execute("UPDATE isp_session SET stopped = last_event, presumed = true")
        self.assertTrue(self._rows()[0][3])
        self._acct("interim", event=self.start + 7200, seconds=7200, ip="100.64.0.5")
        self.assertEqual([row[3] for row in self._rows()], [False])

    def _order(self, **vals):
        given = {"number": "HC/12/2026", "authority": "High Court Juba", "ordered_on": "2026-11-20", "address": "100.64.0.5"}
        given |= {"moment_from": self._at(0), "moment_to": self._at(60)}
        return self.env["isp.address.order"].with_user(self.officer).create({**given, **vals})

    def test_an_order_hands_out_its_rows_and_stays(self):
        self._acct("start", event=self.start - 100, ip="100.64.0.5")
        self._acct("stop", event=self.start - 10, seconds=90, ip="100.64.0.5")
        self._acct("start", session="s2", login="=cmd()", event=self.start + 30, ip="100.64.0.5")
        self._acct("start", session="s3", login="late", event=self.start + 90, ip="100.64.0.5")
        order = self._order()
        content = base64.b64decode(order.content)
        rows = list(csv.DictReader(io.StringIO(content.decode())))
        self.assertEqual([(row["user_name"], row["framed_ip"]) for row in rows], [("'=cmd()", "100.64.0.5")])
        self.assertEqual((order.row_count, order.digest, order.create_uid), (1, hashlib.sha256(content).hexdigest(), self.officer))
        whole = self._order(moment_from=self._at(-50), moment_to=self._at(100))
        self.assertEqual(whole.row_count, 3)
        for records in (order, order.sudo()):
            for change in (lambda rows=records: rows.write({"number": "x"}), records.unlink, records.copy):
                with self.assertRaises(UserError):
                    change()

    def test_no_order_no_file(self):
        for vals in (
            {"number": " "},
            {"authority": " "},
            {"address": "100.64.0"},
            {"address": False},
            {"moment_from": False},
        ):
            with self.assertRaises(ValidationError, msg=vals), self.env.cr.savepoint():
                self._order(**vals)

    def test_a_right_of_its_own(self):
        admin = new_test_user(self.env, "net-admin", "isp_base.group_isp_administrator")
        for model in ("isp.address.log", "isp.address.order"):
            self.assertFalse(self.env[model].with_user(admin).has_access("read"), model)
            self.assertTrue(self.env[model].with_user(self.officer).has_access("read"), model)
            self.assertFalse(self.env[model].with_user(self.officer).has_access("write"), model)
            self.assertFalse(self.env[model].with_user(self.officer).has_access("unlink"), model)
        with self.assertRaises(AccessError):
            self.env["isp.address.order"].with_user(admin).create({"number": "1"})

    def test_retention(self):
        """Sessions go, the log stays until its own time is over."""
        self._acct("start", event=self.start, ip="100.64.0.5")
        self._acct("stop", event=self.start + 60, seconds=60, ip="100.64.0.5")
        self._acct("start", session="s2", event=self.start, ip="100.64.0.6")
        self.env.cr.execute("UPDATE isp_session SET stopped = stopped - interval '240 days', started = started - interval '240 days'")
        self.env["isp.session"]._gc_old()
        self.env.invalidate_all()
        self.assertFalse(self._sessions())
        self.assertTrue(self._sessions("s2"), "open sessions stay")
        self.log._gc_old()
        self.assertEqual(len(self._rows()), 2)
        self.env.cr.execute("UPDATE isp_address_log SET stopped = stopped - interval '240 days'")
        self.log._gc_old()
        self.assertEqual([row[0] for row in self._rows()], ["100.64.0.6"])
