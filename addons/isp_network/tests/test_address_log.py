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

    def test_an_ipv6_address_is_found_by_its_prefix(self):
        """FreeRADIUS tells the address, then what was delegated and what the line itself has."""
        self._acct("start", event=self.start, ip="100.64.0.5")
        self._rows()
        self._acct("interim", event=self.start + 300, seconds=300, ip="100.64.0.5 2001:DB8:7:0::/56 2001:db8:8:1::/64,2001:db8:9::1/128 ")
        self._acct("start", session="s2", login="who", event=self.start, ip=" 2001:db8:7:100::/56  ")
        self._acct("start", session="s3", login="odd", event=self.start, ip="100.64.0.8 2001:db8::zz/56")
        rows = self._rows()
        self.assertEqual(self._rows(), rows)
        held = {(name, address): (started, stopped) for address, name, started, stopped in rows}
        mine = ("100.64.0.5", "2001:db8:7::/56", "2001:db8:8:1::/64", "2001:db8:9::1")
        self.assertEqual(set(held), {("achol", address) for address in mine} | {("who", "2001:db8:7:100::/56"), ("odd", "100.64.0.8")})
        self.assertEqual(set(held.values()), {(self._at(0), False)}, "since the session began, although it was told later")
        for address, names in (("2001:db8:7:ff::9", ["achol"]), ("2001:db8:7:1ff::9", ["who"]), ("2001:db8:8:1::1", ["achol"]), ("2001:db8:9::1", ["achol"]), ("2001:db8:9::2", [])):
            order = self._order(address=address)
            found = list(csv.DictReader(io.StringIO(base64.b64decode(order.content).decode())))
            self.assertEqual([row["user_name"] for row in found], names, address)

        # Another prefix; then taken for dead, and it goes on: all of the last ones are open again.
        self._acct("interim", event=self.start + 600, seconds=600, ip="100.64.0.5 2001:db8:7:200::/56")
        self.assertEqual({row[0] for row in self._rows() if row[1] == "achol" and not row[3]}, {"100.64.0.5", "2001:db8:7:200::/56"})
        self.env.cr.execute("UPDATE isp_session SET stopped = last_event, presumed = true")
        self.assertFalse([row for row in self._rows() if not row[3]])
        self._acct("interim", event=self.start + 14400, seconds=14400, ip="100.64.0.5 2001:db8:7:200::/56")
        self.assertEqual({row[0] for row in self._rows() if row[1] == "achol" and not row[3]}, {"100.64.0.5", "2001:db8:7:200::/56"})
        self.assertEqual(len([row for row in self._rows() if row[1] == "achol"]), 5)

    def test_another_companys_customers_are_not_handed_out(self):
        other = self.env["res.company"].create({"name": "Other ISP"})
        self.env["isp.access"].create({"name": "foreign", "password": "x", "plan_id": self.plan.id, "state": "allowed", "company_id": other.id})
        self._acct("start", event=self.start, ip="100.64.0.5")
        self._acct("start", session="s2", login="foreign", event=self.start, ip="100.64.0.5")
        self._acct("start", session="s3", login="nobody", event=self.start, ip="100.64.0.5")
        self._acct("start", session="s4", login="lost", nas="203.0.113.1", event=self.start, ip="100.64.0.5")
        self.log._sync()
        mine = self.env.company
        owners = {row.user_name: row.company_id for row in self.log.search([])}
        self.assertEqual(owners, {"achol": mine, "foreign": other, "nobody": self.router.company_id, "lost": self.env["res.company"]})

        def names(order):
            return {row["user_name"] for row in csv.DictReader(io.StringIO(base64.b64decode(order.content).decode()))}

        self.assertEqual(names(self._order()), {"achol", "nobody", "lost"})
        self.assertEqual(names(self._order(company_id=other.id)), {"achol", "nobody", "lost"}, "the company is not chosen by hand")
        self.assertEqual(set(self.log.with_user(self.officer).search([]).mapped("user_name")), {"achol", "nobody", "lost"})
        self.officer.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        self.assertEqual(names(self._order()), {"foreign", "lost"})

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
