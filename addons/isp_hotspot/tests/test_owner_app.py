# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import inspect
import json
import re
import uuid
from datetime import timedelta

from odoo.tests import tagged
from odoo.tests.common import JsonRpcException

from ..controllers.app_api import OwnerAppApi
from .app_common import API, AppCommon
from .common import DEVICE, PHONE

#: All routes that need a log-in, with good values of the first owner's (filled in by ``_asked``).
OPEN_TO_ALL = {"code", "login"}
WITHOUT_SITE = {"logout", "me", "password"}


@tagged("post_install", "-at_install")
class TestOwnerApp(AppCommon):
    def _routes(self):
        """:return: names of all JSON routes, as they stand in the controller"""
        found = []
        for _name, method in inspect.getmembers(OwnerAppApi, inspect.isfunction):
            routes = getattr(method, "original_routing", {}).get("routes") or []
            found += [route.removeprefix(f"{API}/") for route in routes if route.startswith(API)]
        return set(found)

    def _asked(self, site):
        """:return: {route: good values} of what this site's owner may ask"""
        order = self._place("cash", site=site, phone=PHONE, amount=500)
        return {
            "home": {}, "given": {"text": ""}, "given ": {"text": order.token_id.code}, "token": {"id": order.token_id.id}, "token_do": {"id": order.token_id.id, "what": "pause"},
            "order": {"uuid": order.uuid}, "give": {"item": self.item(offer=site.offer_ids[1].id)}, "sync": {"device": self.device, "items": [], "held": []},
            "offer": {"id": site.offer_ids[0].id, "values": {"name": "x", "seconds": 60, "counting": "first"}}, "offer_drop": {"id": site.offer_ids[0].id}, "devices": {},
            "device_drop": {"id": 1}, "momo": {"number": "0921234567"}, "momo_state": {"number": "211921234567"},
            "momo_confirm": {"number": "211921234567"}, "save": {"values": {"name": "x"}}, "set_wifi_password": {"text": "12345678"}, "open": {}, "router_line": {},
            "router_state": {}, "router_radius": {"address": "41.79.0.82"}, "router_heard": {}, "money": {}, "payout": {},
        }  # fmt: skip

    # === Every route ===

    def test_no_route_is_forgotten_here(self):
        self.assertEqual({name.strip() for name in self._asked(self.site)} | OPEN_TO_ALL | WITHOUT_SITE, self._routes())

    def test_nobody_without_log_in(self):
        for name, values in self._asked(self.site).items():
            with self.assertRaises(JsonRpcException, msg=name) as raised:
                self.call(name.strip(), site=self.site.slug, **values)
            self.assertEqual(raised.exception.code, 100, name)
        for name in WITHOUT_SITE:
            with self.assertRaises(JsonRpcException):
                self.call(name)

    def test_not_the_other_owners_site(self):
        asked = self._asked(self.other_site)
        self.log_in()
        before = self.env["isp.token.order"].search([("site_id", "=", self.other_site.id)]).read(["state", "token_id", "amount"])
        for name, values in asked.items():
            answer = self.call(name.strip(), site=self.other_site.slug, **values)
            self.assertEqual(list(answer), ["error"], name)
            self.assertIn("not yours", answer["error"])
        self.assertEqual(self.env["isp.token.order"].search([("site_id", "=", self.other_site.id)]).read(["state", "token_id", "amount"]), before)

    def test_not_the_other_owners_records_by_the_own_site(self):
        """The own hotspot in the address, the other one's ids in the question."""
        order = self._place("cash", site=self.other_site, phone=PHONE, amount=500)
        token, offer = order.token_id, self.other_site.offer_ids[0]
        device = self.env["isp.site.device"].with_user(self.other_owner).sudo()._of(self.other_site, str(uuid.uuid4()))
        self.log_in()
        for name, values in {
            "token": {"id": token.id}, "token_do": {"id": token.id, "what": "block"}, "order": {"uuid": order.uuid}, "offer": {"id": offer.id, "values": {"name": "mine", "seconds": 60, "counting": "first"}},
            "offer_drop": {"id": offer.id}, "device_drop": {"id": device.id}, "give": {"item": self.item(offer=offer.id)},
        }.items():  # fmt: skip
            self.assertIn("error", self.call(name, site=self.site.slug, **values), name)
        self.assertEqual(self.ask("given", text=token.code), {"rows": [], "more": None, "tokens": []})
        self.assertEqual(self.ask("given", text=PHONE)["rows"], [])
        answer = self.sync({**self.item(), "uuid": order.uuid}, {**self.item(), "offer": None, "code": token.code}, {"uuid": str(uuid.uuid4()), "cancel": True, "code": token.code})
        self.assertEqual([item["state"] for item in answer["items"]][:2], ["refused", "refused"])
        self.assertEqual((token.state, offer.active, offer.name != "mine", device.lost), ("sold", True, True, False))
        for found in (self.ask("home"), answer["items"], answer["add"], self.ask("given")):
            self.assertNotIn(token.code, json.dumps(found))

    def test_rubbish(self):
        """Whatever comes is answered in words, changes nothing, and says nothing in the log."""
        self.log_in()
        count = self.env["isp.token"].search_count([])
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "0")
        odd = (None, "x", -1, 10**30, 1.5, True, ["a"], {"a": {}}, "\x00", "'; DROP TABLE isp_token; --")
        with self.assertNoLogs("odoo", "WARNING"):
            for name, good in self._asked(self.site).items():
                if name in ("logout", "offer_drop", "set_wifi_password"):
                    continue
                for key in good:
                    for value in odd:
                        answer = self.call(name.strip(), site=self.site.slug, **{**good, key: value})
                        self.assertIsInstance(answer, dict, (name, key, value))
            for key in ("uuid", "method", "offer", "seconds", "price", "phone", "payer", "lang", "code", "age", "devices", "mb"):
                for value in odd:
                    values = {**self.item(), key: value, **({"offer": None} if key in ("seconds", "devices", "mb") else {})}
                    answer = self.sync(values)
                    self.assertTrue("error" in answer or answer["items"][0]["state"] in ("done", "refused", "waiting"), (key, value))
            for values in odd:
                self.assertIsInstance(self.call("save", site=self.site.slug, values={"name": values, "trial": values, "terms": values, "lang": values, "login_mode": values}), dict)
                self.assertIsInstance(self.call("password", new=values, old=values), dict)
        self.assertLess(self.env["isp.token"].search_count([]) - count, 400)

    def test_another_sites_page_cannot_ask_with_our_cookie(self):
        """What a form of another page can send is no JSON."""
        self.log_in()
        self.env.flush_all()
        body = json.dumps({"params": {"site": self.site.slug, "values": {"name": "Stolen"}}})
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
            answer = self.url_open(f"{API}/save", data=body, headers={"Content-Type": kind})
            self.assertGreaterEqual(answer.status_code, 400, kind)
        self.assertNotEqual(self.site.name, "Stolen")

    # === The day ===

    def test_home(self):
        self.log_in()
        self._place("cash", phone=PHONE)
        self._place("free")
        self._place("cash", site=self.other_site, amount=9999)
        token = self._made(state="sold")
        self._log_in(token)
        self._acct("Start", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2")
        self._acct("Interim-Update", login=token.code, nas="127.0.3.1", mac=DEVICE, ip="10.5.50.2", seconds=60, down=7_000_000)
        self._follow()
        found = self.ask("home")
        self.assertEqual(found["today"], {"cash": {"count": 1, "amount": 500}, "free": {"count": 1, "amount": 0}})
        self.assertEqual([(row["code"], row["online"], row["state"]) for row in found["in_use"]], [(token.code, 1, "in_use")])
        self.assertAlmostEqual(found["in_use"][0]["left"], 3600, delta=10)
        self.assertEqual((found["online"], found["in_use_count"], found["bytes"]), (1, 1, 7_000_000))
        self.assertEqual([found["money"][name] for name in ("received", "paid", "balance")], [0, 0, 0])

    def test_yesterday_is_not_today(self):
        self.log_in()
        late, early = self._place("cash"), self._place("cash")
        late.ordered_at -= timedelta(days=1)
        early.write({"ordered_at": early.ordered_at - timedelta(days=2), "done_at": early.done_at - timedelta(days=2)})
        self.assertEqual(self.ask("home")["today"], {})

    def test_home_costs_the_same_with_many(self):
        self._place("cash")
        self._log_in(self._made(state="sold"))
        self._follow()
        few = self._queries(self.site._app_home)
        for _n in range(12):
            self._log_in(self._made(state="sold"))
            self._place("cash")
        self._follow()
        self.assertLessEqual(self._queries(self.site._app_home), few)

    def test_list_costs_the_same_with_many(self):
        self._place("cash", user=self.owner, phone=PHONE)
        few = self._queries(self.site._app_given)
        for _n in range(12):
            self._place("cash", user=self.owner, phone=PHONE)
        self.assertLessEqual(self._queries(self.site._app_given), few)

    def _queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        work()
        return self.env.cr.sql_log_count - before

    # === Giving ===

    def test_free_and_cash(self):
        self.log_in()
        free = self.ask("give", item=self.item(phone="0921 234 567", lang="ar_001"))
        self.assertEqual((free["state"], free["phone"]), ("done", PHONE))
        token = self.env["isp.token"].browse(free["token"]["id"])
        self.assertEqual((token.code, token.site_id, token.state), (free["token"]["code"], self.site, "sold"))
        order = token.order_ids
        self.assertEqual((order.user_id, order.lang, order.amount, order.method), (self.owner, "ar_001", 0, "free"))
        cash = self.ask("give", item=self.item(method="cash", price="700"))
        self.assertEqual((cash["amount"], cash["state"]), (700, "done"))
        side = free["token"]["qr"]["n"]
        self.assertEqual(len(base64.b64decode(free["token"]["qr"]["b"])), (side * side + 7) // 8)

    def test_user_and_password(self):
        self.site.login_mode = "pair"
        self.log_in()
        found = self.ask("give", item=self.item())["token"]
        self.assertTrue(found["password"] and found["password"] != found["code"])

    def test_asked_twice_is_one(self):
        self.log_in()
        item = self.item(phone="0921234567")
        answers = [self.ask("give", item=item), self.ask("give", item=item), self.sync(item)["items"][0]]
        self.assertEqual(len({answer["token"]["code"] for answer in answers}), 1)
        self.assertEqual(self.env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order")]), 1)

    def test_own_time(self):
        self.log_in()
        found = self.ask("give", item=self.item(offer=None, seconds=5400, devices=3, down=512, up=256, mb=200, method="cash", price=250))
        token = self.env["isp.token"].browse(found["token"]["id"])
        self.assertEqual((token.seconds, token.devices, token.rate, token.volume_bytes, token.price), (5400, 3, "256k/512k", 200_000_000, 250))
        for bad in ({"seconds": 10}, {"seconds": 400 * 86400}, {"seconds": 3600, "devices": 51}, {"seconds": 3600, "mb": -1}, {}, {"seconds": 3600, "method": "cash"}):
            self.assertIn("error", self.call("give", site=self.site.slug, item=self.item(offer=None, **bad)), bad)

    def test_momo_asked_again_because_the_answer_was_lost(self):
        """Another press makes another uuid: the telephone rings once all the same."""
        self.enable_momo()
        self.log_in()
        first = self.ask("give", item=self.item(method="momo", phone="0921234567"))
        again = self.ask("give", item=self.item(method="momo", phone="0921234567"))
        self.assertEqual(again["uuid"], first["uuid"])
        other = self.ask("give", item=self.item(method="momo", phone="0921234567", price=900))
        self.assertNotEqual(other["uuid"], first["uuid"])
        order = self.env["isp.token.order"].search([("uuid", "=", first["uuid"])])
        order._on_not_paid("APPROVAL_REJECTED")
        self.assertNotEqual(self.ask("give", item=self.item(method="momo", phone="0921234567"))["uuid"], first["uuid"])

    def test_numbers_of_other_countries(self):
        """They pay nothing here, and get a code only where the country is written."""
        self.enable_momo()
        self.log_in()
        for number in ("+256772123456", "92123456789"):
            self.assertIn("error", self.call("give", site=self.site.slug, item=self.item(method="momo", phone=number)), number)
        self.assertIn("country's code", self.call("give", site=self.site.slug, item=self.item(method="free", phone="46733123450"))["error"])
        self.assertEqual(self.ask("give", item=self.item(method="free", phone="+256772123456"))["phone"], "+256772123456")

    def test_momo_waits(self):
        self.enable_momo()
        self.log_in()
        item = self.item(method="momo", phone="0921234567")
        found = self.ask("give", item=item)
        self.assertEqual((found["state"], "token" in found), ("waiting", False))
        self.assertEqual(self.ask("order", uuid=item["uuid"])["state"], "waiting")
        self.assertEqual(self.ask("home")["waiting"], 1)
        order = self.env["isp.token.order"].search([("uuid", "=", item["uuid"])])
        order._on_not_paid("APPROVAL_REJECTED")
        refused = self.ask("order", uuid=item["uuid"])
        self.assertEqual(refused["state"], "failed")
        self.assertTrue(refused["text"])
        order._on_paid()
        late = self.ask("order", uuid=item["uuid"])
        self.assertEqual((late["state"], bool(late["token"]["code"])), ("done", True))
        self.assertEqual(self.ask("home")["money"]["received"], 500)

    def test_payers_are_not_pestered(self):
        self.env["ir.config_parameter"].set_param("isp_hotspot.momo_per_hour", "0")
        self.log_in()
        self.assertIn("Too many", self.call("give", site=self.site.slug, item=self.item(method="momo", phone="0921234567"))["error"])

    def test_a_hotspot_is_no_way_to_write_to_strangers(self):
        self.env["ir.config_parameter"].set_param("isp_hotspot.sms_per_day", "2")
        self.log_in()
        answers = [self.ask("give", item=self.item(phone="0921234567")) for _n in range(4)]
        self.assertTrue(all(answer["token"]["code"] for answer in answers))
        self.assertEqual(self.env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order")]), 2)

    def test_blocked_hotspot(self):
        self.log_in()
        self.site.action_block()
        self.assertIn("closed", self.call("give", site=self.site.slug, item=self.item())["error"])
        answer = self.sync(self.item())
        self.assertEqual((answer["items"][0]["state"], answer["add"]), ("refused", []))
        self.assertEqual(self.ask("home")["state"], "blocked")

    def test_archived_hotspot(self):
        self.log_in()
        self.site.active = False
        self.assertEqual(self.call("me")["sites"], [])
        self.assertIn("error", self.call("home", site=self.site.slug))

    # === Lists and tokens ===

    def test_given(self):
        self.log_in()
        orders = [self._place("cash", phone=f"+2119212345{n:02d}", user=self.owner) for n in range(33)]
        loose = self._made()
        found = self.ask("given")
        self.assertEqual([row["id"] for row in found["rows"]], [order.id for order in reversed(orders[3:])])
        rest = self.ask("given", before=found["more"])
        self.assertEqual(([row["id"] for row in rest["rows"]], rest["more"]), ([order.id for order in reversed(orders[:3])], None))
        row = self.ask("given", text="0921234501")["rows"]
        self.assertEqual([(one["phone"], one["by"]) for one in row], [("+211921234501", "Amina")])
        code = orders[5].token_id.code
        for typed in (code, code.upper(), f" {code[:4]}-{code[4:]} ", code[:6]):
            self.assertEqual([one["id"] for one in self.ask("given", text=typed)["rows"]], [orders[5].id], typed)
        self.assertEqual([token["id"] for token in self.ask("given", text=loose.code)["tokens"]], [loose.id])
        for nothing in ("%", "___", "zzzzzz", "000000"):
            self.assertEqual(self.ask("given", text=nothing)["rows"], [], nothing)

    def test_token(self):
        self.log_in()
        order = self._place("cash", phone=PHONE, user=self.owner)
        token = order.token_id
        self._log_in(token)
        self._follow()
        page = self.ask("token", id=token.id)
        self.assertEqual((page["code"], page["state"], page["order"]["phone"], page["order"]["by"]), (token.code, "in_use", PHONE, "Amina"))
        self.assertTrue(self.ask("token_do", id=token.id, what="pause")["paused"])
        self.assertFalse(self.ask("token_do", id=token.id, what="resume")["paused"])
        self.assertAlmostEqual(self.ask("token_do", id=token.id, what="extend", seconds=1800)["left"], 5400, delta=20)
        self.assertEqual(self.ask("token_do", id=token.id, what="move")["state"], "in_use")
        blocked = self.ask("token_do", id=token.id, what="block")
        self.assertEqual((blocked["state"], blocked["events"][0]["what"], blocked["events"][0]["by"]), ("blocked", "blocked", "Amina"))
        self.assertEqual(self.ask("token_do", id=token.id, what="unblock")["state"], "in_use")
        for bad in ({"what": "refund"}, {"what": "_block"}, {"what": ""}, {"what": "extend"}, {"what": "extend", "seconds": 10**9}):
            self.assertIn("error", self.call("token_do", site=self.site.slug, id=token.id, **bad), bad)
        self.assertEqual(token.state, "in_use")

    def test_what_the_isp_blocked(self):
        self.log_in()
        token = self._place("cash", phone=PHONE, user=self.owner).token_id
        token.with_user(self.env.ref("base.user_admin"))._block("police")
        self.assertIn(self.site.company_id.name, self.call("token_do", site=self.site.slug, id=token.id, what="unblock")["error"])
        self.assertEqual(token.state, "blocked")

    # === Settings ===

    def test_offers(self):
        self.log_in()
        values = {"name": " Evening ", "seconds": 14400, "counting": "first", "price": "300", "devices": 2, "public": True}
        shop = self.ask("offer", values=values)
        made = self.site.offer_ids.filtered(lambda offer: offer.name == "Evening")
        self.assertEqual((made.seconds, made.price, made.devices), (14400, 300, 2))
        self.assertIn(made.id, [offer["id"] for offer in shop["offers"]])
        self.ask("offer", id=made.id, values={**values, "price": 350})
        self.assertEqual(made.price, 350)
        self.ask("offer_drop", id=made.id)
        self.assertFalse(made.active)
        for bad in ({"name": ""}, {"seconds": 0}, {"price": -1}, {"price": "1.5"}, {"devices": 0}, {"devices": 99}, {"counting": "date"}, {"mb": "x"}):
            self.assertIn("error", self.call("offer", site=self.site.slug, values={**values, **bad}), bad)
        for _n in range(20):
            self.call("offer", site=self.site.slug, values=values)
        self.assertEqual(len(self.site.offer_ids), 20)

    def test_save(self):
        self.log_in()
        shop = self.ask("save", values={"name": "فندق النهر", "login_mode": "pair", "trial": "15", "terms": "Be <b>kind</b>.", "lang": "ar_001", "partner_id": 1, "state": "blocked"})
        self.assertEqual((shop["name"], shop["login_mode"], shop["trial"], shop["terms"], shop["lang"]), ("فندق النهر", "pair", 15, "Be <b>kind</b>.", "ar_001"))
        self.assertEqual((self.site.partner_id, self.site.state), (self.owner.partner_id, "new"))
        for bad in ({"trial": 2000}, {"trial": "x"}, {"login_mode": "none"}, {"lang": "xx"}, {"name": " "}):
            self.assertIn("error", self.call("save", site=self.site.slug, values=bad), bad)

    # === The page ===

    def test_page_and_files(self):
        page = self.url_open("/wifi/app")
        self.assertTrue(page.text.startswith("<!DOCTYPE html>"))
        self.assertIn("frame-ancestors 'none'", page.headers["Content-Security-Policy"])
        self.assertNotIn("<script>", page.text)
        addresses = set(re.findall(r'"(/wifi/app/[^"]+\.[a-z]+)"', page.text))
        self.assertGreater(len(addresses), 14)
        size = len(page.content)
        for address in addresses:
            found = self.url_open(address)
            self.assertEqual(found.status_code, 200, address)
            size += int(found.headers.get("Content-Length", 0))
        self.assertLess(size, 60_000)
        files = next(address for address in addresses if address.endswith("app.js")).rpartition("/")[0]
        self.assertIn("immutable", self.url_open(f"{files}/app.js").headers["Cache-Control"])
        self.assertIn("no-store", self.url_open("/wifi/app/file/older/app.js").headers["Cache-Control"])
        for wrong in ("../../../../odoo.conf", "%2e%2e%2fsw.js", "nothing.js", "test.py"):
            self.assertEqual(self.url_open(f"{files}/{wrong}").status_code, 404, wrong)

    def test_worker_and_manifest(self):
        worker = self.url_open("/wifi/app/sw.js")
        self.assertEqual((worker.headers["Service-Worker-Allowed"], worker.headers["Cache-Control"]), ("/wifi/app", "no-cache"))
        files = json.loads(re.search(r"FILES = (\[.*?\]);", worker.text)[1])
        self.assertTrue(all(self.url_open(address).status_code == 200 for address in files))
        manifest = self.url_open("/wifi/app/manifest.webmanifest").json()
        self.assertEqual((manifest["scope"], manifest["display"]), ("/wifi/app", "standalone"))
        self.assertTrue(all(self.url_open(found["src"]).headers["Content-Type"] == "image/png" for found in manifest["icons"]))

    def test_answers_are_small(self):
        self.log_in()
        for _n in range(40):
            self._log_in(self._made(state="sold"))
            self._place("cash", phone=PHONE)
        self._follow()
        self.env.flush_all()
        answer = self.opener.post(f"{self.base_url()}{API}/home", json={"params": {"site": self.site.slug}}, headers={"Accept-Encoding": "identity"}, timeout=20)
        self.assertLess(len(answer.content), 8000)
