# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import hashlib
import io
import json
import re
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, tagged

from ..engine import captive, code
from ..models import isp_portal_try, isp_token_order_guest, isp_token_pages
from .common import DEVICE, HotspotCommon

NUMBER, OTHER_NUMBER = "0921 234 567", "0921 765 432"
LINK = "http://10.5.50.1/login"
#: What a router of RouterOS sends: the challenge in octal.
CHALLENGE = {"chap-id": "\\371", "chap-challenge": "\\357\\015\\330\\013" * 4}
ARRIVAL = {"mac": DEVICE, "link-login-only": LINK, **CHALLENGE}


class CaptiveCommon(HotspotCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["ir.config_parameter"].set_param("isp_network.setup_base_url", "https://isp.example")
        cls.site.write({"state": "open", "lang": "en_US", "trial_minutes": 10})
        cls.orders = cls.env["isp.token.order"]
        cls.wallet = cls._enable_wallet()

    @classmethod
    def _enable_wallet(cls):
        company = cls.env.company
        providers = cls.env["payment.provider"].with_context(active_test=False)
        wallet = providers.search([("code", "=", "mtn_momo"), ("company_id", "=", company.id)], limit=1)
        wallet = wallet or providers.search([("code", "=", "mtn_momo")], limit=1).copy({"company_id": company.id})
        secrets = dict.fromkeys(("wallet_collection_key", "wallet_disbursement_key", "wallet_api_key"), "f1db798c98df4bcf83b538175893bbf0")
        wallet.write(
            {
                **secrets,
                "wallet_base_url": "http://127.0.0.1:9",
                "wallet_api_user": "c72025f5-5cd1-4630-99e4-8ba4722fad56",
                "wallet_environment": "mtnsouthsudan",
                "journal_id": cls.env["account.journal"].search([("type", "in", ("bank", "cash")), ("company_id", "=", company.id)], limit=1).id,
                "state": "enabled",
                "is_published": True,
            }
        )
        return wallet

    def _buy(self, number=NUMBER, device="d1", key=None, site=None, **more):
        site = site or self.site
        return self.orders._buy(site, key or str(uuid.uuid4()), site.offer_ids[0], number, device, **more)

    def _age(self, orders, **span):
        """These were asked longer ago."""
        for order in orders:
            order.ordered_at -= timedelta(**span)


@tagged("post_install", "-at_install")
class TestGuestOrders(CaptiveCommon):
    def test_double_tap_is_one(self):
        key = str(uuid.uuid4())
        orders = [self._buy(key=key) for _tap in range(2)]
        self.assertEqual(*orders)
        self.assertEqual((orders[0].state, orders[0].payer, orders[0].user_id.id), ("waiting", "+211921234567", False))
        self.assertEqual(self.env["payment.transaction"].search_count([("isp_token_order_id", "=", orders[0].id)]), 1)

    def test_two_tabs_are_one_request(self):
        self.assertEqual(self._buy(), self._buy())

    def test_of_two_at_the_same_moment_the_second_is_run_again(self):
        """It cannot see the first: the index says it, and Odoo runs the request anew."""
        order = self._buy()
        with self.assertRaises(Exception) as caught, self.env.cr.savepoint():
            self.orders.with_context(isp_asked_key=order.payer)._place(self.site, str(uuid.uuid4()), "momo", offer=self.offer, phone=NUMBER)
        self.assertEqual(type(caught.exception).__name__, "ConcurrencyError")

    def test_a_stranger_does_not_get_anothers_order(self):
        order = self._buy()
        with self.assertRaisesRegex(UserError, "already"), self.env.cr.savepoint():
            self._buy(device="stranger")
        order._on_not_paid("APPROVAL_REJECTED")
        self.assertNotEqual(self._buy(device="stranger"), order)

    def test_request_that_nobody_answers_lets_go_of_the_number(self):
        order = self._buy()
        self._age(order, minutes=7)
        again = self._buy(device="d2")
        self.assertNotEqual(again, order)
        order._on_paid()
        self.assertEqual((order.state, again.state), ("done", "waiting"), "a late success makes its token all the same")

    def test_refused_then_tried_again(self):
        order = self._buy()
        order._on_not_paid("APPROVAL_REJECTED")
        again = self._buy()
        self.assertNotEqual(order, again)
        again._on_paid()
        again._on_paid()
        self.assertEqual(len(self.env["isp.token"].search([("order_ids", "in", (order | again).ids)])), 1)

    def test_one_number_does_not_ring_for_ever(self):
        for n in range(isp_token_order_guest.PER_NUMBER):
            self._buy(device=f"d{n}")._on_not_paid("APPROVAL_REJECTED")
        with self.assertRaisesRegex(UserError, "ten minutes"):
            self._buy(device="another", site=self.other_site if self.other_site.offer_ids[0].price else self.site)
        self._age(self.orders.search([("site_id", "=", self.site.id)]), minutes=11)
        self.assertTrue(self._buy(device="another"))

    def test_one_device_does_not_ring_many(self):
        for n in range(isp_token_order_guest.PER_DEVICE):
            self._buy(f"092100000{n}")
        with self.assertRaisesRegex(UserError, "several times"):
            self._buy("0921000009")
        # The browser forgets its cookie; its MAC address is the same.
        self._age(self.orders.search([("site_id", "=", self.site.id)]), minutes=11)
        for n in range(isp_token_order_guest.PER_DEVICE):
            self._buy(f"092200000{n}", device=f"new{n}", mac=DEVICE)
        with self.assertRaisesRegex(UserError, "several times"):
            self._buy("0922000009", device="newest", mac=DEVICE)

    def test_a_stranger_does_not_ring_a_thousand_telephones(self):
        """Whatever the browser says of itself: so many of an address in a minute, so many in an hour that nobody pays. Others go on buying."""
        params, stranger, number = self.env["ir.config_parameter"].sudo(), "203.0.113.66", iter(range(1000))

        def ring(address):
            n = next(number)
            return self._buy(f"0921{n:06}", device=f"d{n}", mac=f"AA:BB:CC:00:{n // 256:02X}:{n % 256:02X}", address=address)

        params.set_param("isp_hotspot.guest_per_minute", "5")
        params.set_param("isp_hotspot.guest_unpaid", "12")
        for rung, minutes in ((5, 1), (5, 1), (2, 61)):
            for _n in range(rung):
                ring(stranger)
            with self.assertRaisesRegex(UserError, "Many people"):
                ring(stranger)
            self.assertTrue(ring("198.51.100.7"), "guests behind another address")
            self._age(self.orders.search([("site_id", "=", self.site.id)]), minutes=minutes)
        self.assertTrue(ring(stranger))
        params.set_param("isp_hotspot.guest_unpaid_site", "1")
        with self.assertRaisesRegex(UserError, "Many people"):
            ring("198.51.100.8")

    def test_number_of_another_country(self):
        for number in ("+254712345678", "+46733123450"):
            with self.assertRaisesRegex(UserError, "another country"):
                self._buy(number)
        for number in ("", "12", "hello"):
            with self.assertRaises(UserError):
                self._buy(number)

    def test_closed_meanwhile(self):
        order = self._buy()
        self.site.action_block()
        self.assertFalse(self.site._portal_offers())
        with self.assertRaises(UserError):
            self._buy(OTHER_NUMBER, device="d2")
        order._on_paid()
        self.assertEqual(order.state, "owed", "paid and not lost")

    def test_device_finds_its_order_again(self):
        order = self._buy()
        latest = self.orders._latest_of
        self.assertEqual(latest(self.site, "d1"), order)
        self.assertFalse(latest(self.site, "d2") | latest(self.other_site, "d1"))
        order._on_not_paid("EXPIRED")
        self.assertFalse(latest(self.site, "d1"))
        order._on_paid()
        self.assertEqual(latest(self.site, "d1"), order)
        order.token_id._block()
        self.assertFalse(latest(self.site, "d1"))

    def test_sms_gateway_away_does_not_keep_the_code(self):
        order = self._buy()
        order._on_paid()
        sms = self.env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])
        self.assertEqual((len(sms), order.state, bool(order.code)), (1, "done", True), "the code is there while the SMS waits")

    # === Free trial ===

    def test_trial_once_a_device_and_day(self):
        first = self.orders._try_free(self.site, str(uuid.uuid4()), "d1", DEVICE)
        self.assertEqual((first.method, first.token_id.seconds, first.token_id.access_id.mac), ("trial", 600, DEVICE))
        self.assertEqual(self.orders._try_free(self.site, str(uuid.uuid4()), "d2", DEVICE), first, "while it has time it is the same one")
        self._log_in(first.token_id)
        self._later(mins=11)
        with self.assertRaisesRegex(UserError, "today"), self.env.cr.savepoint():
            self.orders._try_free(self.site, str(uuid.uuid4()), "d1", DEVICE)
        other = self.orders._try_free(self.site, str(uuid.uuid4()), "d1", "AA:BB:CC:00:00:09")
        self.assertEqual(self._log_in(other.token_id)[1].get("Reply-Message"), "Not for this device", "a made-up MAC address gets nobody in")

    def test_trials_for_made_up_devices_come_to_an_end(self):
        """A MAC address is what the browser says: trials that nobody uses are few, and those who mean it still get theirs."""
        self.env["ir.config_parameter"].sudo().set_param("isp_hotspot.guest_trials", "3")

        def trial(n, address="203.0.113.66"):
            return self.orders._try_free(self.site, str(uuid.uuid4()), f"d{n}", f"AA:BB:CC:00:00:{n:02X}", address=address)

        orders = [trial(n) for n in range(3)]
        with self.assertRaisesRegex(UserError, "Many people"):
            trial(3)
        self.assertTrue(trial(4, "198.51.100.7"))
        self.assertEqual(trial(0), orders[0], "the same again, on the same day")
        orders[0].token_id.state = "in_use"
        self.assertTrue(trial(5))

    def test_strangers_who_guess_keep_no_known_guest_out(self):
        order = self._buy()
        order._on_paid()
        tries = self.env["isp.portal.try"]
        for n in range(isp_portal_try.PER_SITE):
            tries._note(self.site, "wrong", f"AA:00:00:00:00:{n:02X}")
        self.assertTrue(tries._is_locked(self.site, "new", "new", ""))
        self.assertFalse(tries._is_locked(self.site, "d1", "d1", ""))
        for _n in range(isp_portal_try.PER_DEVICE):
            tries._note(self.site, "wrong", "d1")
        self.assertTrue(tries._is_locked(self.site, "d1", "d1", ""))

    def test_no_trial(self):
        with self.assertRaises(UserError):
            self.orders._try_free(self.site, str(uuid.uuid4()), "d1", "")
        self.site.trial_minutes = 0
        with self.assertRaises(UserError):
            self.orders._try_free(self.site, str(uuid.uuid4()), "d1", DEVICE)

    # === Tokens ===

    def test_login_url(self):
        token = self._made()
        self.assertEqual(token._login_url(), f"http://wifi.internal/login#c={token.code}")
        self.site.write({"login_mode": "pair", "hotspot_name": "hotel.lan"})
        pair = self._made()
        self.assertEqual(pair._login_url(), f"http://hotel.lan/login#c={pair.code}&p={pair.access_id.password}")

    def test_hotspot_name(self):
        for name in ("http://x", "a b", "x/y", "Wifi", ""):
            with self.subTest(name), self.assertRaises(ValidationError), self.env.cr.savepoint():
                self.site.hotspot_name = name

    def test_move_by_who_knows_the_code(self):
        token = self._made()
        self.assertEqual(self.env["isp.token"]._of_code(self.site, f" {token.code.upper()} "), token)
        self.assertFalse(self.env["isp.token"]._of_code(self.other_site, token.code), "of another place")
        for _n in range(isp_token_pages.MOVES):
            token._move_by_guest(DEVICE)
        with self.assertRaisesRegex(UserError, "too often"):
            token._move_by_guest(DEVICE)
        token._block()
        with self.assertRaises(UserError):
            token._move_by_guest(DEVICE)

    def test_pair_needs_its_password(self):
        self.site.login_mode = "pair"
        token = self._made()
        tokens = self.env["isp.token"]
        self.assertEqual(tokens._of_code(self.site, token.code, token.access_id.password.upper()), token)
        self.assertFalse(tokens._of_code(self.site, token.code, "") | tokens._of_code(self.site, token.code, "x" + token.access_id.password))

    def test_balance(self):
        token = self._made(volume_bytes=5_000_000)
        lines = dict(token._lines())
        self.assertEqual((lines["Time left"], lines["Data left"]), ("1 h", "\u20665.00 MB\u2069"))
        self._log_in(token)
        self._later(mins=20)
        self.assertEqual(dict(token._lines())["Time left"], "40 min")

    # === The set-up of routers ===

    def _setup(self, **more):
        router = self.nas
        values = {
            "router_id": router.id, "router_name": router.name, "nas_ip": router.nas_ip, "pppoe": False, "hotspot": True, "hotspot_interface": "ether4",
            "hotspot_address": "10.5.50.1/24", "radius_address": "10.0.0.2", "server_addresses": "10.0.0.2", "allowed_hosts": "pay.example", **more,
        }  # fmt: skip
        return self.env["isp.router.setup"].create(values)._prepare_setup("secret", "password", "https://isp.example/report", (7, 24))

    def test_router_of_a_site_gets_its_pages(self):
        setup = self._setup()
        self.assertEqual((setup.hotspot_dns_name, setup.hotspot_login_by), ("wifi.internal", "cookie,http-chap,mac-cookie"))
        self.assertEqual(setup.allowed, ["pay.example", "isp.example"])
        self.assertIn((f"https://isp.example/wifi/{self.site.slug}/router/login.html", "login.html"), setup.hotspot_files)
        self.assertEqual(setup.dhcp_options, [("isp-setup-captive", 114, f"https://isp.example/wifi/{self.site.slug}/capport")])
        self.site.plain_login = True
        behind = self._setup(uplink="ether1", hotspot_dns_name="hotel.lan")
        self.assertEqual((behind.dhcp_options, behind.hotspot_dns_name), ([], "hotel.lan"), "behind NAT no device could be told apart")
        self.assertIn("http-pap", behind.hotspot_login_by)

    def test_other_routers_get_none(self):
        self.nas.site_id = False
        setup = self._setup()
        self.assertEqual((setup.hotspot_files, setup.dhcp_options, setup.hotspot_login_by), ([], [], "cookie,http-chap"))

    def test_files_of_the_router(self):
        self.site.ssid = '"><script>$(mac)'
        for name in ("login.html", "status.html", "alogin.html", "logout.html", "error.html", "redirect.html", "errors.txt"):
            text = self.site._router_file(name)
            self.assertNotIn("@", re.sub(r"@media", "", text), name)
            self.assertNotIn("<script>$(mac)", text)
        login = self.site._router_file("login.html")
        self.assertIn(f'action="https://isp.example/wifi/{self.site.slug}"', login)
        self.assertNotIn("$(error)", login, "what a stranger typed is never put into the page as it is")
        self.assertNotIn("$(username)", login)
        self.assertLess(sum(len(self.site._router_file(name).encode()) for name in ("login.html", "alogin.html", "status.html")), 15_000)


@tagged("post_install", "-at_install")
class TestCaptivePages(CaptiveCommon, HttpCase):
    def setUp(self):
        super().setUp()
        self.base = f"/wifi/{self.site.slug}"
        self.authenticate(None, None)

    def _get(self, path="", **params):
        return self.opener.get(self.base_url() + self.base + path, params=params, allow_redirects=False, timeout=60)

    def _post(self, path, data, **params):
        return self.opener.post(self.base_url() + self.base + path, data=data, params=params, allow_redirects=False, timeout=60)

    def _form(self, html):
        return re.search(r'name="uuid" value="([^"]*)"', html)[1]

    def _purchase(self, number=NUMBER, **params):
        """:return: (the order, the answer)"""
        key = self._form(self._get(**params).text)
        answer = self._post("/buy", {"uuid": key, "offer": self.offer.id, "number": number}, **params)
        return self.orders.search([("uuid", "=", key)]), answer

    def _forget_browser(self):
        self.opener.cookies.clear()

    # === First load ===

    def test_main_page_is_one_light_request(self):
        picture = Image.effect_noise((256, 256), 120).convert("RGB")
        out = io.BytesIO()
        picture.save(out, "PNG")
        self.site.write({"logo": base64.b64encode(out.getvalue()), "terms": "Be kind.\n" * 20})
        self.site.offer_ids.price = 500
        for lang in ("en", "ar"):
            answer = self._get(**ARRIVAL, lang=lang)
            html = answer.text
            self.assertEqual(answer.status_code, 200)
            self.assertIn("data:image/jpeg;base64,", html)
            self.assertLess(len(answer.content), 16_000)
            for outside in re.findall(r"(?:src|href|action)=\"([^\"]*)\"", html):
                self.assertTrue(outside.startswith((self.base, "data:", "?")), outside)
            self.assertNotRegex(html, r"<link(?! rel=\"icon\")|@import|url\(")
        self.assertIn('dir="rtl"', html)
        self.assertNotIn("session_id", answer.headers.get("Set-Cookie", ""))

    def test_later_pages_are_small(self):
        self.site.terms = "Be kind."
        order, _answer = self._purchase(**ARRIVAL)
        pages = [self._get(f"/order/{order.uuid}", **ARRIVAL, lang="ar"), self._get("/me", lang="ar"), self._get("/terms")]
        order._on_paid()
        pages += [self._get(f"/order/{order.uuid}", **ARRIVAL, go="1"), self._post("/in", {"code": "wrong"}, **ARRIVAL)]
        for page in pages:
            self.assertEqual(page.status_code, 200)
            self.assertLess(len(page.content), 5000, page.url)
        self.assertLess(len(self._get(f"/order/{order.uuid}/state").content), 100)

    def test_unknown_and_closed(self):
        self.base = "/wifi/nothere"
        for path in ("", "/me", "/capport", "/router/login.html"):
            self.assertEqual(self._get(path).status_code, 404)
        self.base = f"/wifi/{self.site.slug}"
        self.assertEqual(self._get("/router/../../web").status_code, 404)
        self.assertEqual(self._get("/router/secret.txt").status_code, 404)
        for close in (self.site.action_block, self.site.action_archive):
            close()
            html = self._get(**ARRIVAL).text
            self.assertIn("closed", html)
            self.assertNotIn("<form", html)
            answer = self._post("/buy", {"uuid": str(uuid.uuid4()), "offer": self.offer.id, "number": NUMBER})
            self.assertIn("This hotspot is closed", answer.text)
            self.assertIn("This hotspot is closed", self._post("/trial", {"uuid": str(uuid.uuid4())}, **ARRIVAL).text)
        self.assertFalse(self.orders.search([("site_id", "=", self.site.id)]))

    # === Nothing is believed ===

    def test_no_stranger_is_sent_a_code(self):
        token = self._made()
        for link in ("http://evil.example/login", "http://8.8.8.8/login", "https://wifi.internal.evil.example/login", "http://wifi.internal@evil.example/login", "javascript:alert(1)//login", "//evil.example/login", "http://10.5.50.1\\@evil.example/login"):
            params = {**ARRIVAL, "link-login-only": link, "link-login": link, "link-orig": "http://evil.example/", "b": "1", "plain": "yes"}
            html = self._get(**params).text
            self.assertNotIn("evil", html)
            self.assertNotIn("8.8.8.8", html)
            answer = self._post("/in", {"code": token.code}, **params)
            self.assertEqual(answer.status_code, 200, link)
            self.assertNotIn("Location", answer.headers)
            self.assertNotIn("evil", answer.headers["Content-Security-Policy"])
        answer = self._post("/in", {"code": token.code}, **{**ARRIVAL, "link-login-only": "http://wifi.internal/login"})
        self.assertEqual((answer.status_code, urlsplit(answer.headers["Location"]).netloc), (303, "wifi.internal"))

    def test_nothing_typed_becomes_markup(self):
        evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>"
        self.site.write({"name": f"Hotel {evil}", "ssid": "x", "terms": evil})
        self.offer.name = evil
        order, _answer = self._purchase(**ARRIVAL)
        names = ("mac", "ip", "username", "link-login", "link-login-only", "link-orig", "error", "chap-id", "chap-challenge", "trial", "lang", "b", "plain", "go", "x")
        params = dict.fromkeys(names, evil)
        form = dict.fromkeys(("code", "password", "number", "uuid", "offer"), evil)
        pages = [self._get(path, **params) for path in ("", "/me", "/terms", f"/order/{order.uuid}")]
        pages += [self._post(path, form, **params) for path in ("/in", "/buy", "/me", "/move")]
        pages.append(self._post("/buy", {**form, "uuid": str(uuid.uuid4()), "offer": self.offer.id}, **params))
        for page in pages:
            self.assertEqual(page.status_code, 200, page.url)
            self.assertNotIn("<script>alert", page.text)
            self.assertNotIn("<img src=x", page.text)
            scripts = re.findall(r"<script[^>]*>", page.text)
            nonce = re.search(r"script-src 'nonce-([^']+)'", page.headers["Content-Security-Policy"])[1]
            self.assertLessEqual(set(scripts), {f'<script nonce="{nonce}">'})
        for uuid_ in (evil, "1", str(uuid.uuid1())):
            self.assertEqual(self._post("/buy", {"uuid": uuid_, "offer": self.offer.id, "number": NUMBER}).status_code, 404)

    def test_offer_of_another_hotspot(self):
        self.other_site.offer_ids.price = 1
        answer = self._post("/buy", {"uuid": str(uuid.uuid4()), "offer": self.other_site.offer_ids[0].id, "number": NUMBER})
        self.assertIn("Choose what to buy", answer.text)
        self.offer.public = False
        answer = self._post("/buy", {"uuid": str(uuid.uuid4()), "offer": self.offer.id, "number": NUMBER})
        self.assertIn("Choose what to buy", answer.text)

    # === Log in ===

    def test_without_javascript_the_challenge_is_answered_here(self):
        token = self._made()
        answer = self._post("/in", {"code": f" {token.code.upper()[:4]}-{token.code.upper()[4:]} "}, **ARRIVAL)
        url = urlsplit(answer.headers["Location"])
        self.assertEqual((answer.status_code, f"{url.scheme}://{url.netloc}{url.path}"), (303, LINK))
        expected = hashlib.md5(b"\xf9" + token.code.encode() + b"\xef\r\xd8\x0b" * 4).hexdigest()
        self.assertEqual(parse_qs(url.query), {"username": [token.code], "password": [expected]})
        self.assertIn("wrong letter", self._post("/in", {"code": token.code[:-1] + ("a" if token.code[-1] != "a" else "b")}, **ARRIVAL).text)

    def test_without_a_router_it_says_what_to_do(self):
        self.assertIn("open wifi.internal", self._post("/in", {"code": self._made().code}).text)

    def test_refusals_of_the_router_are_translated(self):
        said = {
            "Expired": "Your time is over", "Data used up": "data is used up", "Time used up": "time is used up", "Not valid at this place": "another place",
            "Too many wrong tries: wait a while": "fifteen minutes", "Too many devices are logged in": "Use it on this telephone instead", "Not for this device": "another telephone",
            "This account is closed": "was blocked", "RADIUS server is not responding": "Try again in a minute", "invalid username or password": "is not known",
            "no more sessions": "in use", "gibberish": "not let in",
        }  # fmt: skip
        for error, text in said.items():
            html = self._get(**ARRIVAL, error=error, username="7kmwq4hm").text
            self.assertIn(text, html, error)
            self.assertIn('value="7kmwq4hm"', html)
            self.assertNotIn("gibberish", html)
        self.assertEqual({captive.problem(error) for error in said} - {"other"}, {kind for _words, kind in captive._PROBLEMS} - {"full", "again"})
        for kind in {kind for _words, kind in captive._PROBLEMS} | {"other", "typo"}:
            self.assertEqual(len(self.site._portal_problem(kind)), 2)

    def test_on_this_telephone_instead(self):
        token = self._made()
        answer = self._post("/move", {"code": token.code}, **ARRIVAL)
        self.assertEqual(urlsplit(answer.headers["Location"]).path, "/login")
        self.assertTrue(token.access_id.moved_at)
        other = self._made(site=self.other_site)
        self.assertIn("not known", self._post("/move", {"code": other.code}, **ARRIVAL).text)
        self.assertFalse(other.access_id.moved_at)

    # === Buy ===

    def test_purchase(self):
        order, answer = self._purchase(**ARRIVAL)
        self.assertEqual((answer.status_code, urlsplit(answer.headers["Location"]).path), (303, f"{self.base}/order/{order.uuid}"))
        self.assertIn("link-login-only", answer.headers["Location"])
        self.assertEqual((order.mac, order.method, len(order.device)), (DEVICE, "momo", 64))
        page = self._get(f"/order/{order.uuid}", **ARRIVAL).text
        self.assertIn("Approve on the telephone", page)
        self.assertIn('http-equiv="refresh"', page, "looks again without JavaScript too")
        self.assertEqual(self._get(f"/order/{order.uuid}/state").json(), {"state": "waiting"})
        order._on_paid()
        self.assertEqual(self._get(f"/order/{order.uuid}/state").json(), {"state": "done"})
        page = self._get(f"/order/{order.uuid}", **ARRIVAL, go="1").text
        self.assertIn(order.code, page)
        self.assertIn('data-now="yes"', page)
        self.assertNotIn("http-equiv=\"refresh\"", page)

    def test_page_closed_and_opened_again(self):
        order, _answer = self._purchase(**ARRIVAL)
        self.assertIn(f"/order/{order.uuid}", self._get(**ARRIVAL).text)
        order._on_paid()
        self.assertIn(order.code, self._get(**ARRIVAL).text)
        self.assertIn("Time left", self._get("/me").text)
        self._forget_browser()
        html = self._get(**ARRIVAL).text
        self.assertNotIn(order.code, html, "a MAC address, which anybody near can read, is not enough")
        self.assertNotIn(order.uuid, html)

    def test_refused_and_again(self):
        order, _answer = self._purchase()
        order._on_not_paid("APPROVAL_REJECTED")
        page = self._get(f"/order/{order.uuid}").text
        self.assertIn("rejected on the telephone", page)
        self.assertIn("Try again", page)
        again, _answer = self._purchase()
        self.assertNotEqual(again.uuid, order.uuid)

    def test_what_cannot_be_is_said(self):
        _order, answer = self._purchase("+254712345678")
        self.assertIn("another country", answer.text)
        self.assertIn("+254712345678", answer.text, "what was typed is still there")
        _order, answer = self._purchase("12")
        self.assertIn("no telephone number", answer.text)
        self.wallet.state = "disabled"
        self.assertNotIn('name="number"', self._get().text, "without a wallet nothing is offered")

    def test_order_of_another_hotspot_is_not_here(self):
        self.other_site.offer_ids.price = 100
        order = self._buy(site=self.other_site)
        for path in (f"/order/{order.uuid}", f"/order/{order.uuid}/state", f"/order/{uuid.uuid4()}", "/order/1"):
            self.assertEqual(self._get(path).status_code, 404)

    def test_trial(self):
        key = self._form(self._get(**ARRIVAL).text)
        answer = self._post("/trial", {"uuid": key}, **ARRIVAL)
        order = self.orders.search([("uuid", "=", key)])
        self.assertEqual((order.method, order.mac), ("trial", DEVICE))
        self.assertIn("go=1", answer.headers["Location"])
        self.assertIn("Join the WiFi first", self._post("/trial", {"uuid": str(uuid.uuid4())}, mac="nonsense").text)

    # === Balance, and who guesses ===

    def test_balance_of_a_code(self):
        token = self._made()
        self.assertIn("Time left", self._post("/me", {"code": token.code}).text)
        self.assertNotIn("Time left", self._post("/me", {"code": self._made(site=self.other_site).code}).text)

    def test_guesser_is_locked_out(self):
        """Ten wrong codes of a device, and it is not listened to: not even with a good one; and many devices are stopped too."""
        token, limit = self._made(), isp_portal_try.PER_DEVICE
        wrong = code.make(limit + isp_portal_try.PER_SITE + 5, len(token.code))
        for one in wrong[:limit]:
            self.assertIn("not known", self._post("/me", {"code": one}, mac=DEVICE).text)
        for path in ("/me", "/move"):
            self.assertIn("Too many wrong tries", self._post(path, {"code": token.code}, mac=DEVICE).text)
        self.assertFalse(token.access_id.moved_at)
        self.assertIn("Time left", self._post("/me", {"code": token.code}, mac="AA:BB:CC:00:00:02").text)
        self._forget_browser()
        self.assertIn("Too many wrong tries", self._post("/me", {"code": token.code}, mac=DEVICE).text, "another browser of the same device")
        tries = self.env["isp.portal.try"]
        for n in range(isp_portal_try.PER_SITE):
            tries._note(self.site, "wrong", f"AA:BB:CC:00:01:{n:02X}")
        self.assertIn("Too many wrong tries", self._post("/me", {"code": token.code}, mac="AA:BB:CC:00:00:03").text)
        count = tries.search_count([])
        self._post("/me", {"code": wrong[-1]}, mac="AA:BB:CC:00:00:04")
        self.assertEqual(tries.search_count([]), count, "who is locked out fills no table")
        tries.search([]).at = fields.Datetime.now() - timedelta(minutes=16)
        self.assertIn("Time left", self._post("/me", {"code": token.code}, mac=DEVICE).text)

    def test_codes_of_a_file(self):
        """They have no check character, and their passwords are read as they are typed: in whatever letters."""
        self.site.login_mode = "pair"
        self.assertIn("wrong letter", self._post("/me", {"code": "River 1001ab", "password": "Secret 1"}).text)
        content = base64.b64encode(b"code,password\nRiver-1001ab,Secret 1\n")
        self.env["isp.token.import"].create({"site_id": self.site.id, "offer_id": self.offer.id, "file": content, "file_name": "cards.csv"}).action_read()
        token = self.env["isp.token"].search([("code", "=", "river1001ab")])
        self.assertIn("Time left", self._post("/me", {"code": "RIVER 1001ab", "password": "secret-1"}).text)
        self.assertNotIn("Time left", self._post("/me", {"code": "river1001ab", "password": "secret2"}).text)
        go = self._post("/in", {"code": "River-1001ab", "password": "Secret 1"}, **ARRIVAL).headers["Location"]
        self.assertIn("river1001ab", go)
        self._post("/move", {"code": "river1001ab", "password": "secret1"}, **ARRIVAL)
        self.assertTrue(token.access_id.moved_at)

    def test_another_way_to_log_in_leaves_no_token_behind(self):
        """One code goes on where passwords are asked for (left blank); back is only possible when no password is out any more."""
        token = self._made()
        self.site.login_mode = "pair"
        self.assertIn("Time left", self._post("/me", {"code": token.code}).text)
        blank, said = (self._post("/in", {"code": token.code, "password": text}, **ARRIVAL).headers["Location"] for text in ("", token.code))
        self.assertEqual(blank, said)
        pair = self._made()
        self.assertNotIn("Time left", self._post("/me", {"code": pair.code}).text)
        with self.assertRaisesRegex(UserError, "1 tokens with a password"):
            self.site.login_mode = "code"
        pair._block()
        self.site.login_mode = "code"

    def test_addresses_of_nobody(self):
        for slug in ("nobody-here", "%00", "a%00b", "%E2%80%AE"):
            self.assertEqual(self.opener.get(f"{self.base_url()}/wifi/{slug}", timeout=60).status_code, 404)

    def test_language(self):
        self.env["ir.module.module"].search([("name", "=", "isp_hotspot")])._update_translations(["ar_001"], overwrite=True)
        html = self._get(lang="ar").text
        self.assertIn(">ساعة<", html, "an offer with a usual name")
        self.assertNotIn("1 hour", html)
        self.offer.name = "Happy hour"
        self.assertIn("Happy hour", self._get(lang="ar").text)
        self.assertIn('lang="en-US"', self._get().text)
        self.assertIn('lang="ar-001"', self._get(lang="ar").text)
        answer = self.opener.get(self.base_url() + self.base, headers={"Accept-Language": "ar-SS,ar;q=0.9,en;q=0.8"}, timeout=60)
        self.assertIn('dir="rtl"', answer.text)

    # === RFC 8908 ===

    def test_capport(self):
        answer = self._get("/capport")
        self.assertEqual((answer.headers["Content-Type"], answer.headers["Cache-Control"]), ("application/captive+json", "private, no-store"))
        url = f"https://isp.example{self.base}"
        self.assertEqual(answer.json(), {"captive": True, "user-portal-url": url, "venue-info-url": url, "can-extend-session": True})
        token = self._made(volume_bytes=10_000_000)
        check, _reply = self._log_in(token)
        self.assertTrue(check)
        self._account(token, "127.0.0.1", self.nas)
        found = self._get("/capport").json()
        self.assertEqual((found["captive"], found["bytes-remaining"]), (False, 10_000_000))
        self.assertLessEqual(found["seconds-remaining"], 3600)
        self.assertGreater(found["seconds-remaining"], 3500)
        html = self._get("/me").text
        self.assertIn("Time left", html)
        self.assertNotIn(token.code, html, "an address may be another's the next minute")
        self.base = f"/wifi/{self.other_site.slug}"
        self.assertTrue(self._get("/capport").json()["captive"], "another hotspot has its own devices")
        self.base = f"/wifi/{self.site.slug}"
        self._later(hours=2)
        self.assertTrue(self._get("/capport").json()["captive"])

    def _account(self, token, address, nas):
        self.env.cr.execute(
            "SELECT radius.acct('Start', 's1', %s, %s, %s, '', %s, %s, '', '', '0', '', '0', '0', '0', '0', '0', '')",
            [token.code, f"isp:{token.access_id.id}", nas.nas_ip, address, DEVICE],
        )
        self.env.invalidate_all()

    def test_router_files(self):
        answer = self._get("/router/login.html")
        self.assertIn(f'action="https://isp.example{self.base}"', answer.text)
        self.assertEqual(self._get("/router/up.gif").headers["Content-Type"], "image/gif")
        self.assertEqual(json.dumps(answer.headers.get("Content-Type")), '"text/plain; charset=utf-8"', "nobody is shown a page of somebody's words under our name")
