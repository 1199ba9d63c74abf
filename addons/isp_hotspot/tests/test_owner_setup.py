# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

from odoo import fields
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.isp_momo.drivers.base import Holder, NotAllowed, Unreachable
from odoo.addons.isp_momo.drivers.mtn import MtnMomo

from .app_common import AMINA, NEW, PASSWORD, AppCommon

WIFI = "Kafé$ 'key' 77!".replace("é", "e")


@tagged("post_install", "-at_install")
class TestOwnerSetup(AppCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.enable_momo()
        cls.site.write({"momo_msisdn": False, "ssid": False, "state": "new"})

    def setUp(self):
        super().setUp()
        # What the job commits between two steps is a savepoint here.
        self.patch(self.env.cr, "commit", self.env.flush_all)

    def operator(self, answer):
        """The operator answers so from now on, or raises. :return: the numbers it is asked for"""
        asked = []

        def holder(_driver, msisdn, name=False):
            asked.append((msisdn, name))
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.patch(MtnMomo, "holder", holder)
        return asked

    def look_up(self):
        self.env["isp.site.holder"]._cron_ask()

    # === MoMo number ===

    def test_number_is_asked_for_and_confirmed(self):
        asked = self.operator(Holder(True, "Amina Lado Wani"))
        self.log_in()
        self.assertEqual(self.ask("momo", number="092 123 4567"), {"number": "211921234567", "state": "asking", "name": ""})
        self.assertEqual(asked, [], "not in the request")
        self.look_up()
        self.assertEqual(asked, [("211921234567", True)])
        self.assertEqual(self.ask("momo_state", number="211921234567")["name"], "Amina Lado Wani")
        self.assertFalse(self.site.momo_msisdn, "not before the owner says so")
        self.assertEqual(self.ask("momo_confirm", number="211921234567")["holder"], "Amina Lado Wani")
        self.assertEqual((self.site.momo_msisdn, self.site.momo_holder), ("211921234567", "Amina Lado Wani"))

    def test_asked_twice_is_asked_once(self):
        asked = self.operator(Holder(True, "Amina"))
        self.log_in()
        for _n in range(3):
            self.ask("momo", number="0921234567")
        self.look_up()
        self.ask("momo", number="0921234567")
        self.look_up()
        self.assertEqual(len(asked), 1)

    def test_other_operators_and_rubbish(self):
        self.log_in()
        for number, word in (("0911234567", "MTN"), ("0981234567", "MTN"), ("+256772123456", "MTN"), ("12", "no telephone number"), (None, "no telephone number"), ({}, "no telephone number")):
            self.assertIn(word, self.call("momo", site=self.site.slug, number=number)["error"], number)
        for number in ("211921234567", None, "' OR 1=1", []):
            self.assertIn("error", self.call("momo_confirm", site=self.site.slug, number=number))
            self.assertIn("error", self.call("momo_state", site=self.site.slug, number=number))

    def test_no_wallet(self):
        self.operator(Holder(False))
        self.log_in()
        self.ask("momo", number="0921234567")
        self.look_up()
        self.assertEqual(self.ask("momo_state", number="211921234567")["state"], "none")
        self.assertIn("no MoMo wallet", self.call("momo_confirm", site=self.site.slug, number="211921234567")["error"])

    def test_operator_away(self):
        asked = self.operator(Unreachable("AWAY"))
        self.log_in()
        self.ask("momo", number="0921234567")
        for _n in range(8):
            self.look_up()
            self.env["isp.site.holder"].search([]).next_try = fields.Datetime.now()
        self.assertEqual(len(asked), 4, "not for ever")
        self.assertEqual(self.ask("momo_state", number="211921234567")["state"], "silent")
        self.assertEqual(self.ask("momo_confirm", number="211921234567")["momo"], "211921234567")

    def test_operator_refuses_our_keys(self):
        asked = self.operator(NotAllowed("KEY_REFUSED"))
        self.log_in()
        self.ask("momo", number="0921234567")
        self.look_up()
        self.look_up()
        self.assertEqual((len(asked), self.ask("momo_state", number="211921234567")["state"]), (1, "silent"))

    def test_killed_while_asking(self):
        """The job dies with the question on its way: the row is nobody's for some minutes, then it is asked again, a limited number of times."""
        self.log_in()
        self.ask("momo", number="0921234567")
        for _n in range(8):
            self.operator(RuntimeError("killed"))
            try:
                self.look_up()
            except RuntimeError:
                self.env.invalidate_all()
            holder = self.env["isp.site.holder"].search([])
            holder.next_try -= timedelta(minutes=10)
        asked = self.operator(Holder(True, "Amina"))
        self.look_up()
        self.assertEqual((asked, holder.state), ([], "silent"))

    def test_names_of_strangers_are_not_for_who_types(self):
        self.log_in()
        answers = [self.call("momo", site=self.site.slug, number=f"09212345{n:02d}") for n in range(8)]
        self.assertEqual(["error" in answer for answer in answers], [False] * 6 + [True] * 2)

    def test_another_number_takes_the_password_and_is_told(self):
        self.site.write({"momo_msisdn": "211921000001", "state": "open"})
        self.operator(Holder(True, "Thief"))
        self.log_in()
        self.assertTrue(self.call("momo", site=self.site.slug, number="0999000000")["password"])
        self.assertIn("error", self.call("momo", site=self.site.slug, number="0999000000", password="wrong"))
        self.assertIn("error", self.call("momo_confirm", site=self.site.slug, number="211999000000"))
        self.ask("momo", number="0921000077", password=PASSWORD)
        self.look_up()
        self.ask("momo", number="0999000000", password=PASSWORD)
        self.assertIn("being asked", self.call("momo_confirm", site=self.site.slug, number="211999000000")["error"])
        self.look_up()
        self.assertIn("error", self.call("momo_confirm", site=self.site.slug, number="211921000077"), "the password was typed for the other number")
        self.ask("momo_confirm", number="211999000000")
        self.assertEqual(self.site.momo_msisdn, "211999000000")
        message = self.env["isp.sms.message"].search([("res_model", "=", "isp.site"), ("number", "=", AMINA)])
        self.assertIn("211999000000", message.body)
        self.assertIn("error", self.call("momo_confirm", site=self.site.slug, number="211999000000"), "the password was for one change")

    def test_another_number_without_a_password_takes_a_code_of_just_now(self):
        self.site.write({"momo_msisdn": "211921000001", "state": "open"})
        self.env.cr.execute("UPDATE res_users SET password = NULL WHERE id = %s", [self.owner.id])
        self.call("login", number=AMINA, code=self.code_for(AMINA))
        self.assertFalse(self.call("me")["password"])
        with patch("odoo.addons.isp_hotspot.controllers.app_api.FRESH", -1):
            self.assertIn("by a code once more", self.call("momo", site=self.site.slug, number="0999000000")["error"])
        self.assertFalse(self.env["isp.site.holder"].search([("site_id", "=", self.site.id)]), "nobody was asked whose it is")
        self.ask("momo", number="0999000000")

    # === WiFi ===

    def test_wifi_name(self):
        self.log_in()
        for bad in ("", "   ", "x" * 33, "ف" * 17, "a\nb", None):
            self.assertIn("error", self.call("save", site=self.site.slug, values={"ssid": bad}), bad)
        self.assertEqual(self.ask("save", values={"ssid": " فندق النهر "})["ssid"], "فندق النهر")
        self.assertEqual(self.site.ssid, "فندق النهر")

    def test_wifi_password_is_a_wpa2_one(self):
        self.log_in()
        for bad in ("", "seven77", "x" * 64, "كلمة المرور", "tab\tinside1", None, 12345678901, "emoji😀12345"):
            answer = self.call("set_wifi_password", site=self.site.slug, text=bad)
            self.assertTrue("error" in answer or bad == 12345678901, bad)
        self.assertTrue(self.ask("set_wifi_password", text="x" * 63)["wifi_password"])

    def test_wifi_password_that_looks_like_a_stored_one(self):
        self.log_in()
        for text in ("gAAAAABhello-there", "••••••••"[:0] + "gAAAAA7777"):
            self.ask("set_wifi_password", text=text)
            self.assertEqual(self.site._app_wifi_password(), text)

    def reveal(self, **values):
        self.env.flush_all()
        csrf = self.call("me")["csrf"]
        return self.url_open("/wifi/app/wifi-password", data={"csrf_token": csrf, "site": self.site.slug, "password": PASSWORD, **values})

    def test_shown_to_the_owner_who_types_the_password_again(self):
        self.log_in()
        self.ask("set_wifi_password", text=WIFI)
        found = self.reveal()
        self.assertEqual((found.status_code, found.text), (200, WIFI))
        self.assertEqual((found.headers["Cache-Control"], found.headers["Content-Type"]), ("no-store", "text/plain; charset=utf-8"))
        for wrong in ("", "wrong", PASSWORD.upper()):
            found = self.reveal(password=wrong)
            self.assertEqual(found.status_code, 403)
            self.assertNotIn(WIFI, found.text)
        with mute_logger("odoo.http"):
            self.assertEqual(self.url_open("/wifi/app/wifi-password", data={"site": self.site.slug, "password": PASSWORD}).status_code, 400, "without the token")

    def test_not_after_a_log_in_by_sms(self):
        self.site._app_set_wifi_password(WIFI)
        self.call("login", number=AMINA, code=self.code_for(AMINA))
        found = self.reveal()
        self.assertEqual(found.status_code, 403)
        self.assertNotIn(WIFI, found.text)

    def test_not_to_the_other_owner_nor_to_nobody(self):
        self.other_site._app_set_wifi_password(WIFI)
        self.log_in()
        found = self.reveal(site=self.other_site.slug)
        self.assertEqual(found.status_code, 403)
        self.assertNotIn(WIFI, found.text)
        self.authenticate(None, None)
        page = self.url_open("/wifi/app/wifi-password", data={"site": self.site.slug, "password": PASSWORD}, allow_redirects=False)
        self.assertNotEqual(page.status_code, 200)

    def test_it_is_nowhere_else(self):
        """Not in the log (of all levels), the database, SMS, mails, answers, or what a recipient sees of a token."""
        lines = []
        handler = logging.Handler()
        handler.emit = lambda record: lines.append(record.getMessage())
        root = logging.getLogger()
        before = {logger: logger.level for logger in (root, logging.getLogger("odoo"), logging.getLogger("odoo.http"), logging.getLogger("odoo.sql_db"))}
        root.addHandler(handler)
        try:
            for logger in before:
                logger.setLevel(logging.DEBUG)
            self.log_in()
            answers = [str(self.ask("set_wifi_password", text=WIFI)), str(self.call("set_wifi_password", site=self.site.slug, text=WIFI + "é"))]
            self.ask("save", values={"ssid": "River Hotel"})
            answers += [str(self.ask("open")), str(self.call("me")), str(self.ask("home")), str(self.sync(self.item(phone="0921234567")))]
            order = self.env["isp.token.order"].search([("site_id", "=", self.site.id)], limit=1)
            answers += [str(self.ask("given")), str(self.ask("token", id=order.token_id.id)), order._sms_text(), str(self.ask("order", uuid=order.uuid))]
            answers += [str(self.site.read()), str(self.site.with_user(self.owner).read(["name", "ssid"])), str(self.site.export_data(["wifi_password"]))]
            self.assertEqual(self.reveal().text, WIFI)
        finally:
            root.removeHandler(handler)
            for logger, level in before.items():
                logger.setLevel(level)
        self.assertTrue(lines)
        self.assertFalse([line for line in lines if WIFI in line])
        self.assertFalse([answer for answer in answers if WIFI in answer])
        self.env.flush_all()
        needle = f"%{WIFI}%"
        for table in ("isp_site", "isp_sms_message", "mail_message", "mail_tracking_value", "isp_token_event", "isp_token_order", "isp_token", "isp_access", "ir_logging"):
            self.env.cr.execute(f"SELECT count(*) FROM {table} t WHERE t::text LIKE %s OR to_jsonb(t)::text LIKE %s", [needle, needle])  # pylint: disable=sql-injection
            self.assertEqual(self.env.cr.fetchone()[0], 0, table)

    # === Opening ===

    def test_open_when_it_is_complete(self):
        self.log_in()
        self.assertIn("error", self.call("open", site=self.site.slug))
        self.ask("save", values={"ssid": "River"})
        self.assertIn("error", self.call("open", site=self.site.slug))
        self.ask("set_wifi_password", text=WIFI)
        self.assertEqual(self.ask("open")["state"], "open")
        self.site.action_block()
        self.assertEqual(self.ask("open")["state"], "blocked", "whom the ISP has blocked stays so")

    # === Router ===

    def _shared(self, **more):
        """The ISP has set up a router of its own: what the next one has in common with it."""
        self.env["ir.config_parameter"].set_param("isp_network.setup_base_url", "https://isp.example")
        values = {
            "router_name": "Core", "hotspot": False, "pppoe": True, "pppoe_interfaces": "ether2", "pppoe_pool": "10.9.0.2-10.9.0.99", "pppoe_gateway": "10.9.0.1",
            "radius_address": "10.99.0.1", "server_addresses": "10.99.0.1", "wireguard": True, "wireguard_endpoint": "vpn.isp.example",
            "wireguard_key": "A" * 42 + "A=", "wireguard_server_address": "10.99.0.1/16", **more,
        }  # fmt: skip
        setup = self.env["isp.router.setup"].create(values)
        setup.state = "done"
        return setup

    def test_line_for_a_mikrotik(self):
        self._shared()
        self.log_in()
        found = self.ask("router_line", interface="wlan1", uplink="ether1")
        self.assertIn("https://isp.example/isp_network/router/", found["line"])
        self.assertEqual(found["steps"][0]["state"], "wait")
        setup = self.site._setup()
        self.assertEqual((setup.hotspot, setup.pppoe, setup.hotspot_interface, setup.uplink, setup.wireguard), (True, False, "wlan1", "ether1", True))
        router = setup.router_id
        self.assertEqual((router.site_id, router.outside, router.zone), (self.site, True, self.site.id))
        self.assertNotIn(router.radius_secret, str(found))
        again = self.ask("router_line", interface="ether5", uplink="ether1")
        self.assertNotEqual(again["line"], found["line"])
        self.assertEqual((self.site._setup(), self.site._setup().hotspot_interface), (setup, "ether5"))
        self.assertEqual(self.ask("router_state")["health"], "wait")
        setup.write({"fetched_at": fields.Datetime.now(), "fetched_from": "197.0.2.1", "state": "fetched"})
        self.assertEqual([step["state"] for step in self.ask("router_state")["steps"]][:2], ["good", "wait"])

    def test_line_with_rubbish(self):
        self._shared()
        self.log_in()
        for values in ({"interface": 'wlan1" ; /user add'}, {"interface": "x" * 80}, {"uplink": "a\nb"}, {"interface": "wlan1,ether2"}):
            self.assertIn("error", self.call("router_line", site=self.site.slug, **values), values)
        self.assertFalse(self.site._setup())

    def test_line_where_the_isp_has_prepared_nothing(self):
        self.env["isp.router.setup"].search([]).company_id = self.env["res.company"].create({"name": "Other"})
        self.log_in()
        self.assertIn("call them", self.call("router_line", site=self.site.slug, interface="wlan1")["error"])

    def test_line_without_a_tunnel_takes_an_address(self):
        self._shared(wireguard=False, nas_ip="10.1.0.2")
        self.log_in()
        self.assertIn("inside your own network", self.call("router_line", site=self.site.slug, interface="wlan1", uplink="ether1")["error"])
        self.ask("router_line", interface="wlan1", uplink="ether1", address="41.79.0.77")
        self.assertEqual(self.site._setup().router_id.nas_ip, "41.79.0.77")

    def test_access_point_that_speaks_radius(self):
        self.env["ir.config_parameter"].set_param("isp_hotspot.radius_host", "radius.isp.example")
        self.log_in()
        found = self.ask("router_radius", address="41.79.0.78")
        self.assertEqual((found["server"], found["auth"], found["acct"], found["heard"]), ("radius.isp.example", "1812", "1813", False))
        self.assertEqual((found["portal"], found["host"]), (self.site._portal_url(), urlsplit(self.site._portal_url()).hostname))
        router = self.env["isp.router"].search([("nas_ip", "=", "41.79.0.78")])
        self.assertEqual((router.site_id, router.outside, router.radius_secret), (self.site, True, found["secret"]))
        self.assertEqual(self.ask("router_radius", address="41.79.0.79")["secret"], found["secret"], "the same one, at another address")
        self.assertEqual(router.nas_ip, "41.79.0.79")
        self.assertEqual(self.ask("router_heard"), {"heard": False})
        self.env.cr.execute("SELECT radius.postauth('guess', '41.79.0.78', 'AA:BB:CC:00:00:09', 'hs')")
        self.assertEqual(self.ask("router_heard"), {"heard": False}, "a packet of another one")
        self.env.cr.execute("SELECT radius.postauth('guess', '41.79.0.79', 'AA:BB:CC:00:00:09', 'hs')")
        self.assertEqual(self.ask("router_heard"), {"heard": True})

    def test_accounting_is_a_first_packet_too(self):
        self.log_in()
        self.ask("router_radius", address="41.79.0.80")
        self._acct("Start", login="nobody", nas="41.79.0.80")
        self.assertEqual(self.ask("router_heard"), {"heard": True})

    def test_nobody_speaks_for_what_is_not_theirs(self):
        self.env["isp.router"].create({"name": "Tower", "nas_ip": "41.79.0.1", "radius_secret": "testing123"})
        self.log_in()
        for address in ("41.79.0.1", "127.0.0.1", "10.0.0.2", "192.168.88.1", "0.0.0.0", "224.0.0.1", "::1", "hello", "41.79.0.0/24", None, self.other_nas.nas_ip):
            answer = self.call("router_radius", site=self.site.slug, address=address)
            self.assertIn("error", answer, address)
        self.assertEqual(len(self.site.router_ids), 1, "the one of the beginning")
        self.env["ir.config_parameter"].set_param("isp_hotspot.router_networks", "10.20.0.0/16, 10.30.0.0/16")
        self.ask("router_radius", address="10.20.3.4")

    # === Somebody else ===

    def test_every_step_is_the_owners(self):
        self.log_in()
        asked = {
            "momo": {"number": "0921234567"}, "momo_state": {"number": "211921234567"}, "momo_confirm": {"number": "211921234567"}, "save": {"values": {"ssid": "Mine"}},
            "set_wifi_password": {"text": WIFI}, "open": {}, "router_line": {"interface": "wlan1"}, "router_state": {}, "router_radius": {"address": "41.79.0.81"},
            "router_heard": {},
        }  # fmt: skip
        before = self.other_site.read(["ssid", "momo_msisdn", "state", "wifi_password"])
        for name, values in asked.items():
            for slug in (self.other_site.slug, "", None, "nothing", self.other_site.id, ["a"]):
                self.assertIn("not yours", self.call(name, site=slug, **values)["error"], name)
        self.assertEqual(self.other_site.read(["ssid", "momo_msisdn", "state", "wifi_password"]), before)
        self.assertEqual(len(self.other_site.router_ids), 1)

    def test_new_owner_goes_all_the_way(self):
        self.operator(Holder(True, "Nyandeng Garang"))
        me = self.call("login", number=NEW, code=self.code_for())
        slug = me["sites"][0]["slug"]
        self.call("momo", site=slug, number="0991234567")
        self.look_up()
        self.call("momo_confirm", site=slug, number="211991234567")
        self.call("save", site=slug, values={"ssid": "Tea Shop"})
        self.call("set_wifi_password", site=slug, text=WIFI)
        shop = self.call("open", site=slug)
        self.assertEqual((shop["name"], shop["ssid"], shop["momo"], shop["state"]), ("Tea Shop", "Tea Shop", "211991234567", "open"))

    def test_in_arabic(self):
        self.log_in()
        with patch.object(type(self.env), "_", lambda env, text, *a, **k: f"{env.lang}: {text}" % (k or a or ())):
            answer = self.make_jsonrpc_request("/wifi/app/api/momo", {"site": self.site.slug, "number": "12"}, headers={"X-Lang": "ar_001"})
        self.assertTrue(answer["error"].startswith("ar_001:"), answer)
