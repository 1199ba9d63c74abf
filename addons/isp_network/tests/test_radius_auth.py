# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo import fields
from odoo.tests import tagged
from odoo.tools import SQL

from .common import NetworkCommon

OTHER = "AA:BB:CC:DD:EE:99"
PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@tagged("post_install", "-at_install")
class TestRadiusAuth(NetworkCommon):
    def test_accept(self):
        self.assertEqual(self._authz(), {"Cleartext-Password": "pw"})
        answer = self._authr()
        interim = int(answer.pop("Acct-Interim-Interval"))
        self.assertTrue(270 <= interim <= 330)
        self.assertEqual(answer, {"Class": f"isp:{self.access.id}", "Mikrotik-Rate-Limit": "1024k/2048k"})

    def test_interval_is_spread(self):
        rows = self.env.execute_query(SQL("SELECT radius.interim(i) FROM generate_series(1, 2000) i"))
        values = [row[0] for row in rows]
        self.assertEqual((min(values), max(values)), (270, 330))
        self.assertGreater(len(set(values)), 50)
        self.assertAlmostEqual(sum(values) / len(values), 300, delta=3)

    def test_unknown_user_gets_no_rows(self):
        for login in ("nobody", "", "Achol", "achol ", "x" * 10000, "ab'c\";--", "ا", "\u202e", "%s%%"):
            self.assertEqual((self._authz(login), self._authr(login)), ({}, {}), login[:20])
        self.env.cr.execute("SELECT count(*) FROM radius.authz(NULL), radius.authr(NULL)")
        self.assertEqual(self.env.cr.fetchone(), (0,))

    def test_unlimited_plan_says_nothing_about_speed(self):
        self.plan.write({"down_kbps": 0, "up_kbps": 0})
        self.assertNotIn("Mikrotik-Rate-Limit", self._authr())

    def test_states(self):
        for state in ("suspended", "active", "paused"):
            self.subscription._set_state(state, "staff")
            answer = self._authr()
            walled = state != "active"
            self.assertEqual(self._authz(), {"Cleartext-Password": "pw"})
            self.assertEqual(answer.get("Mikrotik-Address-List"), "isp-suspended" if walled else None)
            self.assertEqual(answer["Mikrotik-Rate-Limit"], "128k/256k" if walled else "1024k/2048k")
            self.assertEqual(answer.get("Reply-Message"), "Suspended" if walled else None)
        self.subscription._set_state("terminated", "termination")
        self.assertEqual(self._authz(), {"Auth-Type": "Reject"})
        self.assertEqual(self._authr(), {"Reply-Message": "This account is closed"})

    def test_walled_rate_is_a_setting_and_must_make_sense(self):
        self.access._apply({"state": "walled"})
        for value, rate in (("64k/64k", "64k/64k"), ("0; reboot", "128k/256k"), ("1M", "1M")):
            self.env["ir.config_parameter"].set_param("isp_network.walled_rate", value)
            self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], rate)

    def test_expiry(self):
        now = fields.Datetime.now()
        for delta, timeout in ((timedelta(hours=1), 3600), (timedelta(days=3), 86400)):
            self.access._apply({"valid_until": now + delta})
            self.assertAlmostEqual(int(self._authr()["Session-Timeout"]), timeout, delta=60)
            self.assertNotIn("Mikrotik-Address-List", self._authr())
        self.access._apply({"valid_until": now - timedelta(seconds=1)})
        answer = self._authr()
        self.assertEqual(answer["Reply-Message"], "Expired")
        self.assertEqual(answer["Mikrotik-Address-List"], "isp-suspended")
        self.assertLessEqual(int(answer["Session-Timeout"]), 900)
        self.assertEqual(self._authz(), {"Cleartext-Password": "pw"})

    def test_fixed_address(self):
        self.access._apply({"static_ip": "10.9.8.7"})
        self.assertEqual(self._authr()["Framed-IP-Address"], "10.9.8.7")

    def test_quota_left_in_two_attributes(self):
        self.access._apply({"quota_bytes": 10_000_000_000, "quota_from": datetime(2026, 1, 1)})
        answer = self._authr()
        self.assertEqual((answer["Mikrotik-Total-Limit"], answer["Mikrotik-Total-Limit-Gigawords"]), ("1410065408", "2"))
        self._acct("stop", up=10, down=2_000_000_000, seconds=10)
        self._acct("stop", session="s2", down=4_000_000_000, seconds=10)
        left = 10_000_000_000 - 6_000_000_010
        answer = self._authr()
        self.assertEqual(int(answer["Mikrotik-Total-Limit"]) + 2**32 * int(answer["Mikrotik-Total-Limit-Gigawords"]), left)
        self._acct("stop", session="s3", down=4_000_000_000, seconds=10)
        answer = self._authr()
        self.assertEqual(answer["Reply-Message"], "Data used up")
        self.assertEqual(answer["Mikrotik-Address-List"], "isp-suspended")
        self.assertNotIn("Mikrotik-Total-Limit", answer)
        self.access._renew_quota()
        self.assertEqual(self._authr()["Mikrotik-Total-Limit-Gigawords"], "2")
        self._acct("stop", session="s3", down=4_000_000_000, seconds=10)
        self.assertEqual(self._authr()["Mikrotik-Total-Limit"], "1410065408", "a repeated packet adds nothing")

    def test_quota_cycle(self):
        """Midnight in Juba (22:00 UTC the day before) on the cycle's day; 31 is the last day of shorter months."""
        cases = (
            ("2026-03-15 12:00", 10, "2026-03-09 22:00"),
            ("2026-03-09 21:59", 10, "2026-02-09 22:00"),
            ("2026-03-09 22:00", 10, "2026-03-09 22:00"),
            ("2026-02-28 23:00", 31, "2026-02-27 22:00"),
            ("2026-03-30 21:59", 31, "2026-02-27 22:00"),
            ("2026-03-31 00:00", 31, "2026-03-30 22:00"),
            ("2026-01-01 00:00", 31, "2025-12-30 22:00"),
        )
        for at, day, start in cases:
            self.env.cr.execute("SELECT to_char(radius.quota_start(NULL, %s, %s), 'YYYY-MM-DD HH24:MI')", (day, at))
            self.assertEqual(self.env.cr.fetchone()[0], start, (at, day))
        self.env.cr.execute("SELECT radius.quota_start('2026-03-12 10:00', 10, '2026-03-15')")
        self.assertEqual(self.env.cr.fetchone()[0], datetime(2026, 3, 12, 10), "not before it was bought")

    def test_device_limit(self):
        self._acct("start", mac="AA-BB-CC-DD-EE-01")
        self.assertEqual(self._authz(mac=OTHER), {"Auth-Type": "Reject"})
        self.assertEqual(self._authr(mac=OTHER), {"Reply-Message": "Too many devices are logged in"})
        self.assertIn("Cleartext-Password", self._authz(mac="aabb.ccdd.ee01"), "dialling again after a power cut")
        self.assertEqual(self._authz(mac=None), {"Auth-Type": "Reject"})
        self.plan.device_limit = 2
        self.assertIn("Cleartext-Password", self._authz(mac=OTHER))
        self._acct("start", session="s2", mac=OTHER)
        self._acct("start", session="s3", mac=OTHER)
        self.assertEqual(self._authz(mac="AA:BB:CC:DD:EE:55"), {"Auth-Type": "Reject"})
        self.access._apply({"device_limit": 0})
        self.assertIn("Cleartext-Password", self._authz(mac="AA:BB:CC:DD:EE:55"))

    def test_dead_sessions_do_not_count(self):
        self._acct("start", mac="AA-BB-CC-DD-EE-01")
        interim = int(self._authr(mac="AA-BB-CC-DD-EE-01")["Acct-Interim-Interval"])
        for silent, blocked in ((2 * interim + 50, True), (2 * interim + 70, False)):
            self.env.cr.execute(
                "UPDATE isp_session SET updated = statement_timestamp() AT TIME ZONE 'UTC' - make_interval(secs => %s)", (silent,)
            )
            self.assertEqual("Auth-Type" in self._authz(mac=OTHER), blocked)

    def test_password_in_quotes_is_passed_as_a_literal(self):
        """rlm_sql expands values quoted as a whole; the journey shows that the literal arrives."""
        self.access._apply({"password": '"%{exec:id}"'})
        self.assertEqual(self._authz(), {"Cleartext-Password": "'\"%{exec:id}\"'"})

    def test_no_password_no_log_in(self):
        self.access._apply({"password": False})
        self.assertEqual(self._authz(), {})

    def test_secret_of_a_router(self):
        def secrets(ip):
            self.env.flush_all()
            return self.env.execute_query(SQL("SELECT secret, require_message_auth FROM radius.nas(%s)", ip))

        self.assertEqual(secrets("127.0.0.1"), [("testing123", "no")])
        self.router.active = False
        for ip in ("127.0.0.1", "", "127.0.0.1' or true --", "x" * 10000):
            self.assertEqual(secrets(ip), [])

    @PROPERTY
    @given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300), st.text(max_size=40))
    def test_any_text_is_answered(self, login, mac):
        mac = mac.replace("\0", "").encode("utf-8", "ignore").decode()
        for text in (login, login * 40):
            self._ask("authz", text, mac, nas=text)
            self._ask("authr", text, mac, nas=text)
