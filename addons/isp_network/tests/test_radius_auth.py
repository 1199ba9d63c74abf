# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..engine.schedule import rate_at
from ..models.isp_plan_rate import DAYS
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
        self.assertEqual(answer["Mikrotik-Address-List"], "isp-expired")
        self.assertLessEqual(int(answer["Session-Timeout"]), 900)
        self.assertEqual(self._authz(), {"Cleartext-Password": "pw"})

    def test_addresses(self):
        """A fixed address or a pool, of the line before that of the plan; the same for IPv6."""
        self.plan.write({"ip_pool": "home", "ipv6_pool": "home6"})
        answer = self._authr()
        self.assertEqual(answer["Framed-Pool"], "home")
        self.assertEqual((answer["Mikrotik-Delegated-IPv6-Pool"], answer["Delegated-IPv6-Prefix-Pool"]), ("home6", "home6"))
        self.subscription.ip_pool = "business"
        self.assertEqual(self._authr()["Framed-Pool"], "business")
        fixed = {"static_ip": "10.9.8.7", "ipv6_prefix": "2001:db8:1::/48", "ipv6_link": "2001:db8:2::/64"}
        self.subscription.write(fixed)
        answer = self._authr()
        self.assertEqual(answer["Framed-IP-Address"], "10.9.8.7")
        self.assertEqual(answer["Delegated-IPv6-Prefix"], "2001:db8:1::/48")
        self.assertEqual(answer["Framed-IPv6-Prefix"], "2001:db8:2::/64")
        self.assertFalse({"Framed-Pool", "Mikrotik-Delegated-IPv6-Pool", "Delegated-IPv6-Prefix-Pool"} & answer.keys())
        self.subscription._set_state("suspended", "overdue")
        self.assertEqual(self._authr()["Framed-IP-Address"], "10.9.8.7", "walled lines keep their address")

    def test_addresses_that_make_no_sense(self):
        for name, value in (
            ("static_ip", "10.9.8"),
            ("static_ip", "2001:db8::1"),
            ("ipv6_prefix", "2001:db8:1::1/48"),
            ("ipv6_prefix", "10.0.0.0/8"),
            ("ipv6_link", "x"),
            ("ip_pool", 'a"b'),
            ("ip_pool", "a b"),
            ("ip_pool", "home\n"),
        ):
            with self.assertRaises(ValidationError, msg=value), self.env.cr.savepoint():
                self.subscription[name] = value
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.plan.ip_pool = "%{x}"

    def test_fair_use_speed_replaces_the_plans(self):
        self.access._apply({"fup_rate": "256k/512k"})
        self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], "256k/512k")
        self.access._apply({"state": "walled"})
        self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], "128k/256k", "the wall is slower still")
        for rate in ("fast", "1M/2M; x", "1M/2M\n"):
            with self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.access._apply({"fup_rate": rate})

    # --- log-in by MAC address ---

    def test_mac_log_in(self):
        device = "AA:BB:CC:DD:EE:01"
        spellings = (device, "aa-bb-cc-dd-ee-01", "AABBCCDDEE01", "aabb.ccdd.ee01", "aabbcc-ddee01")
        for spelling in spellings:
            self.assertEqual(self._authz(spelling, device), {}, "the line does not allow it")
        self.subscription.mac_login = True
        for spelling in spellings:
            for calling in (*spellings, "1:AA:BB:CC:DD:EE:01"):
                self.assertEqual(self._authz(spelling, calling), {"Auth-Type": "Accept"}, (spelling, calling))
                self.assertEqual(self._authr(spelling, calling)["Class"], f"isp:{self.access.id}")

    def test_a_guesser_of_mac_addresses_does_not_get_in(self):
        self.subscription.mac_login = True
        device = "AA:BB:CC:DD:EE:01"
        for calling in (OTHER, None, "", "x", "10.0.0.1", "AA:BB:CC:DD:EE"):
            self.assertEqual(self._authz(device, calling), {}, calling)
        self.assertEqual(self._authz("achol", device), {"Cleartext-Password": "pw"}, "its user name needs the password")
        self.assertEqual(self._authz("achol", OTHER), {"Cleartext-Password": "pw"})
        self.subscription._set_state("terminated", "termination")
        self.assertEqual(self._authz(device, device), {"Auth-Type": "Reject"})

    def test_a_user_name_that_is_a_mac_address(self):
        """It is a user name like others: with a password, unless the access says otherwise."""
        name = "AA:BB:CC:DD:EE:77"
        access = self.env["isp.access"].create({"name": name, "password": "x", "mac": name, "plan_id": self.plan.id, "state": "allowed"})
        self.assertEqual(self._authz(name, name), {"Cleartext-Password": "x"})
        access._apply({"mac_login": True})
        self.assertEqual(self._authz(name, name), {"Auth-Type": "Accept"})
        self.assertEqual(self._authz(name, OTHER), {"Cleartext-Password": "x"})

    def test_one_access_a_mac_address(self):
        self.subscription.mac_login = True
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self._create_subscription("active", username="nomac", mac_login=True)
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            vals = {"name": "second", "mac": "AA:BB:CC:DD:EE:01", "mac_login": True, "plan_id": self.plan.id}
            self.env["isp.access"].create(vals)
            self.env.flush_all()

    def test_usage_of_a_mac_log_in_is_booked(self):
        self.subscription.mac_login = True
        self._acct("stop", login="aabb.ccdd.ee01", seconds=5, down=7)
        self.assertEqual(self._used(), (0, 7, 5))

    # --- speed by the hour ---

    def _lines(self, plan, *lines):
        names = ("weekdays", "hour_from", "hour_to", "down_kbps", "up_kbps")
        plan.rate_ids = [(5,), *[(0, 0, {**dict(zip(names, line, strict=True)), "sequence": n}) for n, line in enumerate(lines)]]

    def _plan_rate(self, at):
        """:return: (rate or "", seconds until the next) of the test's plan at this moment (UTC)"""
        self.env.flush_all()
        query = "SELECT rate, change_in FROM radius.plan_rate(%s, %s, %s)"
        ((rate, change),) = self.env.execute_query(SQL(query, self.plan.id, self.plan.rate_limit, at))
        return rate or "", change

    def test_night_speed(self):
        self._lines(self.plan, ("all", 22, 6, 8192, 4096))
        # 2026-11-23 is a Monday; Juba is two hours ahead.
        cases = (
            ("2026-11-23 19:59:30", "1024k/2048k", 30),
            ("2026-11-23 20:00:00", "4096k/8192k", 8 * 3600),
            ("2026-11-24 03:59:59", "4096k/8192k", 1),
            ("2026-11-24 04:00:00", "1024k/2048k", 16 * 3600),
            ("2026-11-29 23:30:00", "4096k/8192k", 4 * 3600 + 1800),
        )
        for at, rate, change in cases:
            self.assertEqual(self._plan_rate(at), (rate, change), at)

    def test_answer_ends_when_the_speed_changes(self):
        now = fields.Datetime.now() + timedelta(hours=2)  # Juba
        start = (now.hour + now.minute / 60 + 1) % 24
        self._lines(self.plan, ("all", start, (start + 3) % 24, 0, 0))
        answer = self._authr()
        self.assertEqual(answer["Mikrotik-Rate-Limit"], "1024k/2048k")
        self.assertTrue(3540 <= int(answer["Session-Timeout"]) <= 3665, answer)
        self._lines(self.plan, ("all", (start + 23) % 24, (start + 1) % 24, 0, 0))
        answer = self._authr()
        self.assertNotIn("Mikrotik-Rate-Limit", answer, "unlimited in these hours")
        self.assertTrue(7000 <= int(answer["Session-Timeout"]) <= 7265, answer)
        self.access._apply({"fup_rate": "64k/64k"})
        answer = self._authr()
        self.assertEqual((answer["Mikrotik-Rate-Limit"], answer.get("Session-Timeout")), ("64k/64k", None))

    def test_one_speed_all_the_time_ends_nothing(self):
        self._lines(self.plan, ("all", 0, 24, 8192, 4096))
        answer = self._authr()
        self.assertEqual((answer["Mikrotik-Rate-Limit"], answer.get("Session-Timeout")), ("4096k/8192k", None))

    @PROPERTY
    @given(
        st.lists(st.tuples(st.sampled_from([day for day, _name in DAYS]), st.integers(0, 1439), st.integers(0, 1440), st.integers(0, 3)), max_size=4),
        st.integers(0, 7 * 86400 - 1),
    )
    def test_the_database_and_python_agree_on_the_hours(self, lines, second):
        lines = [line for line in lines if line[1] != line[2]]
        self._lines(self.plan, *[(day, a / 60, b / 60, speed * 1000, speed * 1000) for day, a, b, speed in lines])
        at = datetime(2026, 11, 22, 22) + timedelta(seconds=second)  # from Monday, midnight in Juba
        rate, change = rate_at(second // 60, self.plan.rate_ids.sorted("sequence")._windows(), self.plan.rate_limit)
        self.assertEqual(self._plan_rate(at), (rate, None if change is None else change * 60 - second % 60))

    # --- time that is bought ---

    def test_time_left(self):
        self.access._apply({"time_limit": 3600, "quota_from": datetime(2026, 1, 1)})
        self.assertEqual(self._authr()["Session-Timeout"], "3600")
        self._acct("stop", seconds=600)
        self.assertEqual(self._authr()["Session-Timeout"], "3000")
        self.access._apply({"valid_until": fields.Datetime.now() + timedelta(minutes=10)})
        self.assertLessEqual(int(self._authr()["Session-Timeout"]), 600, "what ends first")
        self._acct("stop", session="s2", seconds=3100)
        answer = self._authr()
        self.assertEqual((answer["Reply-Message"], answer["Mikrotik-Address-List"]), ("Time used up", "isp-quota"))
        self.access._renew_quota()
        self.assertEqual(self._authr().get("Reply-Message"), None)

    def test_end_in_the_far_future(self):
        self.access._apply({"valid_until": datetime(9999, 1, 1)})
        self.assertEqual(self._authr()["Session-Timeout"], "86400")

    # --- refused log-ins ---

    def _refuse(self, login, mac="AA:BB:CC:DD:EE:01", nas="127.0.0.1", called=""):
        self.env.flush_all()
        self.assertEqual(self.env.execute_query(SQL("SELECT radius.postauth(%s, %s, %s, %s)", login, nas, mac, called)), [(1,)])
        self.env.invalidate_all()

    def test_refused_log_ins_say_why(self):
        self._acct("start", mac=OTHER)
        self._refuse("acholl")
        self._refuse("achol")
        self._refuse("achol")
        self._refuse("achol", mac="AA:BB:CC:DD:EE:55")
        closed = self._create_subscription("active", username="closed")
        closed._set_state("terminated", "termination")
        self._refuse("closed")
        rows = self.env["isp.login.attempt"].search([], order="id")
        want = [
            ("acholl", "unknown", 1, self.env["isp.access"]),
            ("achol", "devices", 2, self.access),
            ("achol", "devices", 1, self.access),
            ("closed", "closed", 1, closed.access_ids),
        ]
        self.assertEqual([(r.user_name, r.reason, r.times, r.access_id) for r in rows], want)
        self.env.cr.execute("UPDATE isp_session SET stopped = updated")
        self._refuse("achol")
        self.access._apply({"password": False})
        self._refuse("achol", mac="")
        rows = self.env["isp.login.attempt"].search([], order="id")[4:]
        self.assertEqual(rows.mapped("reason"), ["password", "unset"])
        self.assertTrue(all(rows.mapped("advice")))
        self.assertIn("acholl", self.subscription.attempt_ids.mapped("user_name"), "the own device under another name")

    def test_a_flood_of_names_is_counted_in_one_row(self):
        for number in range(300):
            self._refuse(f"guess{number}", mac="")
        rows = self.env["isp.login.attempt"].search([])
        self.assertEqual(len(rows), 121)
        self.assertEqual(rows.filtered(lambda r: r.reason == "flood").times, 180)
        self.assertEqual(sum(rows.mapped("times")), 300)

    def test_old_refusals_are_forgotten(self):
        self._refuse("achol")
        self.env.cr.execute("UPDATE isp_login_attempt SET first = first - interval '31 days'")
        self._refuse("other")
        self.env["isp.login.attempt"]._gc_old()
        self.assertEqual(self.env["isp.login.attempt"].search([]).mapped("user_name"), ["other"])

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
        self.assertEqual(answer["Mikrotik-Address-List"], "isp-quota")
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
            self._refuse(text, mac=mac, nas=text, called=text)


MACS = ["AA:BB:CC:DD:EE:01", OTHER, None]
TEXTS = st.sampled_from([None, None, None, ""])
HOURS = st.sampled_from([None, None, -2000, -1, 1, 30, 2000])  # from now
#: Columns of an access with values an answer may hang on, also such as the forms do not let pass.
TERMS = {
    "state": st.sampled_from(["allowed", "allowed", "allowed", "walled", "blocked"]),
    "password": st.sampled_from(["pw", "pw", "pw", "", None, '"x"', "'x", "`x`", "ا"]),
    "valid_until": HOURS,
    "quota_bytes": st.sampled_from([None, 0, 1000, 10**10]),
    "quota_from": HOURS,
    "quota_day": st.sampled_from([None, 0, 0, *range(1, 32)]),
    "topup_bytes": st.sampled_from([None, 0, 500]),
    "topup_until": HOURS,
    "time_limit": st.sampled_from([None, 0, 0, 0, 3600]),
    "device_limit": st.sampled_from([None, 0, 1, 1, 2]),
    "static_ip": TEXTS | st.just("10.9.8.7"),
    "ip_pool": TEXTS | st.just("business"),
    "mac": st.sampled_from(MACS),
    "mac_login": st.sampled_from([None, False, False, True]),
    "fup_rate": TEXTS | st.just("64k/64k"),
    "ipv6_prefix": TEXTS | st.just("2001:db8:1::/48"),
    "ipv6_link": TEXTS | st.just("2001:db8:2::/64"),
    "mac_bound": st.sampled_from([None, False, False, True]),
    "own_rate": TEXTS | st.just("3M/3M"),
    "zone": st.sampled_from([None, 0, 0, 0, 7]),
    "use_seconds": st.sampled_from([None, 0, 0, 0, 600]),
    "refuse_ended": st.sampled_from([None, False, True]),
    "moved_at": HOURS,
}
PLAN = {
    "rate_limit": TEXTS | st.just("1M/2M"),
    "ip_pool": TEXTS | st.just("home"),
    "ipv6_pool": TEXTS | st.just("home6"),
    "scheduled": st.sampled_from([None, False, False, True]),
}
#: Ordinary values, so that the short cut is taken in one case of three and not never.
ORDINARY = {
    **dict.fromkeys(("time_limit", "use_seconds", "zone"), 0),
    **dict.fromkeys(("mac_login", "mac_bound"), False),
    **dict.fromkeys(("fup_rate", "own_rate", "static_ip", "ipv6_prefix", "ipv6_link")),
    "password": "pw",
}


def _changes(columns):
    return st.fixed_dictionaries({}, optional=columns)


@tagged("post_install", "-at_install")
class TestShortCut(NetworkCommon):
    """The short cut of ``radius.auth`` answers as the rules do, or not at all."""

    def _set(self, table, values):
        """Write columns as they are given; an hour is counted from now."""
        hours = {"valid_until", "quota_from", "topup_until", "moved_at"}
        for name, value in values.items():
            new = SQL("%s", value)
            if name in hours:
                new = SQL("date_trunc('second', statement_timestamp() AT TIME ZONE 'UTC') + %s * interval '1 hour'", value)
            record = {"isp_access": self.access, "isp_plan": self.plan, "isp_router": self.router}[table]
            where = SQL("id = %s", record.id)
            self.env.cr.execute(SQL("UPDATE %s SET %s = %s WHERE %s", SQL.identifier(table), SQL.identifier(name), new, where))

    def _both(self, login="achol", mac=None, nas="127.0.0.1"):
        """:return: ({attribute: value} as FreeRADIUS gets it, the same by the rules), of one moment"""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT true, attribute, value FROM radius.authz(%(login)s, %(nas)s, %(mac)s)
                UNION ALL SELECT true, attribute, value FROM radius.authr(%(login)s, %(nas)s, %(mac)s)
                UNION ALL SELECT false, attribute, value FROM radius.auth_by_rules(%(login)s, %(nas)s, %(mac)s)
                """,
                login=login,
                nas=nas,
                mac=mac,
            )
        )
        return tuple({name: value for side, name, value in rows if side is short} for short in (True, False))

    def _without_rules(self):
        """From now on the rules answer nothing: what is answered came by the short cut."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION radius.auth_by_rules(p_login text, p_nas text, p_mac text)
            RETURNS TABLE (id integer, username text, attribute text, value text, op text)
            LANGUAGE plpgsql AS 'BEGIN END'
            """
        )

    @settings(PROPERTY, max_examples=300)
    @given(
        _changes(TERMS),
        _changes(PLAN),
        st.lists(st.tuples(st.sampled_from([-2000, -30, 0, 20]), st.sampled_from([1, 400, 10**10])), max_size=3),
        _changes({name: TERMS[name] for name in ("quota_bytes", "quota_from", "quota_day", "topup_bytes")}),
        st.lists(st.tuples(st.sampled_from(MACS), st.sampled_from([0, 5, 700, 3000]), st.booleans()), max_size=3),
        st.sampled_from([*MACS, "aa-bb-cc-dd-ee-01", "", "x"]),
        st.sampled_from(["achol", "achol", "AA:BB:CC:DD:EE:01", "AABBCCDDEE01"]),
        st.sampled_from([("127.0.0.1", 0, False)] * 3 + [("127.0.0.1", 7, False), ("127.0.0.1", 7, True), ("127.0.0.1", 8, False), (None, 7, True)]),
    )
    def test_it_answers_as_the_rules_do(self, terms, plan, booked, later, sessions, mac, login, place):
        self.env.flush_all()
        with self.env.cr.savepoint() as savepoint:
            self._set("isp_access", {**ORDINARY, **terms})
            self._set("isp_plan", {"ipv6_pool": None, **plan})
            nas, zone, outside = place
            self._set("isp_router", {"zone": zone, "outside": outside})
            for hours, count in booked:
                self.env.cr.execute(
                    SQL(
                        "SELECT radius.book(%s, statement_timestamp() AT TIME ZONE 'UTC' + %s * interval '1 hour', %s, 0, 60)",
                        self.access.id,
                        hours,
                        count,
                    )
                )
            self._set("isp_access", later)
            for number, (device, silent, ended) in enumerate(sessions):
                self._acct("start", session=f"x{number}", mac=device or "")
                self.env.cr.execute(
                    SQL(
                        "UPDATE isp_session SET updated = updated - %s * interval '1 second', stopped = CASE WHEN %s THEN updated END"
                        " WHERE session_id = %s",
                        silent,
                        ended,
                        f"x{number}",
                    )
                )
            answer, rules = self._both(login, mac, nas)
            savepoint.rollback()
        self.assertEqual(answer, rules)

    def test_ordinary_log_ins_take_it(self):
        self.access._apply({"quota_bytes": 10**10, "quota_from": datetime(2026, 1, 1), "quota_day": 31, "device_limit": 1})
        self.plan.ip_pool = "home"
        self._acct("start", mac="AA:BB:CC:DD:EE:01")
        self._acct("interim-update", mac="AA:BB:CC:DD:EE:01", down=5 * 10**9 % 2**32, down_giga=1, seconds=300)
        self.env.flush_all()
        changes = ({}, {"valid_until": 5}, {"quota_bytes": 0}, {"device_limit": 0}, {"topup_until": -1, "topup_bytes": 1}, {"ip_pool": "x"})
        for change in changes:
            with self.env.cr.savepoint() as savepoint:
                self._set("isp_access", change)
                _answer, rules = self._both(mac="AA:BB:CC:DD:EE:01")
                self._without_rules()
                answer, nothing = self._both(mac="AA:BB:CC:DD:EE:01")
                savepoint.rollback()
            self.assertFalse(nothing)
            self.assertEqual(answer.pop("Session-Timeout", None) is None, rules.pop("Session-Timeout", None) is None)
            self.assertEqual(answer, rules, change)
            self.assertIn("Cleartext-Password", answer, change)

    def test_whoever_has_something_against_him_does_not(self):
        """One thing at a time: the rules are asked."""
        self.env.flush_all()
        against = [
            ("isp_access", {name: value})
            for name, value in (
                ("state", "walled"),
                ("state", "blocked"),
                ("valid_until", -1),
                ("quota_bytes", 5),  # nothing is counted yet: the rules say since when
                ("time_limit", 60),
                ("mac_login", True),
                ("fup_rate", "64k/64k"),
                ("static_ip", "10.9.8.7"),
                ("ipv6_prefix", "2001:db8:1::/48"),
                ("ipv6_link", "2001:db8:2::/64"),
                ("password", '"x"'),
                ("topup_until", 1),
                ("mac_bound", True),
                ("own_rate", "3M/3M"),
                ("zone", 7),
                ("use_seconds", 600),
            )
        ]
        self._without_rules()
        against += [("isp_plan", {"scheduled": True}), ("isp_plan", {"ipv6_pool": "home6"}), ("isp_router", {"zone": 7})]
        for table, change in against:
            with self.env.cr.savepoint() as savepoint:
                self._set(table, change)
                self.assertEqual(self._both()[0], {}, change)
                savepoint.rollback()
        self._acct("start", mac=OTHER)
        self.assertEqual(self._both(mac="AA:BB:CC:DD:EE:01")[0], {}, "another device is on line")
        self.assertIn("Cleartext-Password", self._both(mac=OTHER)[0])

    def test_it_knows_all_the_rules_look_at(self):
        """A new rule is not passed by."""
        source = dict(self.env.execute_query(SQL("SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'radius'::regnamespace")))
        rules, short = (set(re.findall(r"\b([xp])\.(\w+)", source[name])) for name in ("verdict", "auth"))
        # These matter only to whom it does not answer: with mac_login, topup_until, when ended, with another device on line.
        self.assertEqual(rules - short, {("x", name) for name in ("mac", "topup_bytes", "refuse_ended", "moved_at")})
        self.assertGreater(len(rules), 20)
