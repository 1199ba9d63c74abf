# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..engine import contract
from .common import NetworkCommon

BASE = contract.BASE


@tagged("post_install", "-at_install")
class TestApi(NetworkCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key, cls.secret = cls._key(**dict.fromkeys(contract.SCOPES, True))
        other = cls.env["res.company"].create({"name": "Another provider"})
        plan = cls._create_plan("T-OTHER", company_id=other.id) if "company_id" in cls.env["isp.plan"]._fields else cls.plan
        cls.foreign = cls.env["isp.subscription"].create({"partner_id": cls.partner.id, "plan_id": plan.id, "username": "stranger", "company_id": other.id})
        cls.foreign._set_state("active", "activation")
        cls.foreign.access_ids._apply({"password": "pw"})
        cls.foreign_router = cls.env["isp.router"].create({"name": "Theirs", "nas_ip": "10.9.9.9", "company_id": other.id})
        cls.other = other

    @classmethod
    def _key(cls, **vals):
        key = cls.env["isp.api.key"].create({"name": "Controller", "user_id": cls.env.ref("base.user_admin").id, **vals})
        return key, key.action_make_key()["params"]["message"]

    def _call(self, method, path, body=None, *, secret=None, status=200, headers=None, data=None):
        """:return: the answer's JSON; its status is as expected"""
        headers = {"Authorization": f"Bearer {self.secret if secret is None else secret}", "Content-Type": "application/json", **(headers or {})}
        self.env.flush_all()
        answer = self.url_open(f"{BASE}{path}", data=data if data is not None else (json.dumps(body) if body is not None else None), headers=headers, method=method)
        self.assertEqual(answer.status_code, status, answer.text)
        self.env.invalidate_all()
        kind = answer.headers["Content-Type"]
        if status >= 400:
            self.assertEqual(kind, "application/problem+json")
            problem = answer.json()
            self.assertEqual(problem["status"], status)
            self.assertTrue(problem["detail"])
            return problem
        self.assertEqual(kind, "application/json")
        return answer.json()

    def _push(self, *items, device="ap-1", **more):
        return self._call("POST", "/usage", {"device": device, "items": list(items), **more})["items"]

    # === Keys ===

    def test_the_document_is_for_everybody_and_complete(self):
        document = self._call("GET", "/openapi.json", secret="")
        self.assertEqual(document["openapi"], "3.1.0")
        for operation in contract.OPERATIONS:
            self.assertIn(operation.method.lower(), document["paths"][operation.path])
            self.assertTrue(operation.name == "openapi" or hasattr(type(self.env["isp.api"]), f"_answer_{operation.name}"), operation.name)
        page = self.url_open(f"{BASE}/")
        self.assertEqual(page.status_code, 200)
        self.assertIn("/isp/api/v1/orders", page.text)

    def test_without_a_good_key_there_is_nothing(self):
        wrong = self.secret[:-1] + ("a" if self.secret[-1] != "a" else "b")
        for secret in ("", "isp_", wrong, "isp_" + "0" * 12 + "_" + "x" * 43, self.secret.upper()):
            self._call("GET", "/sessions", secret=secret, status=401)
        self.key.expires = fields.Datetime.now() - timedelta(seconds=1)
        self._call("GET", "/sessions", status=401)
        self.key.expires = False
        self.key.active = False
        self._call("GET", "/sessions", status=401)
        self.key.active = True
        person = new_test_user(self.env, "leaver", groups="base.group_user")
        self.key.user_id = person
        self._call("GET", "/sessions")
        person.active = False
        self._call("GET", "/sessions", status=401)

    def test_a_new_key_ends_the_old_one_and_only_its_digest_is_stored(self):
        old = self.secret
        self.assertNotIn(old.split("_", 2)[2], json.dumps(self.key.read(), default=str))
        new = self.key.action_make_key()["params"]["message"]
        self._call("GET", "/routers", secret=old, status=401)
        self._call("GET", "/routers", secret=new)

    def test_a_person_logged_in_gets_nothing_by_it(self):
        for groups in ("base.group_portal", "base.group_public", "isp_base.group_isp_technician"):
            login = f"api-{groups.split('_')[-1]}"
            new_test_user(self.env, login, groups=groups)
            self.authenticate(login, login)
            self._call("GET", "/sessions", secret="", status=401)

    def test_each_operation_needs_its_right(self):
        bodies = {"authorise": {"login": "a"}, "usage": {"device": "d", "items": [1]}, "start": {}, "stop": {}, "order": {"kind": "refresh", "login": "a"}}
        for operation in contract.OPERATIONS[1:]:
            _key, secret = self._key(**{scope: scope != operation.scope for scope in contract.SCOPES})
            path = operation.path.replace("{line}", str(self.subscription.id)).replace("{order}", "1")
            problem = self._call(operation.method, path, bodies.get(operation.name), secret=secret, status=403)
            self.assertIn(contract.SCOPES[operation.scope], problem["detail"])
        self.assertEqual(self.subscription.state, "active")

    def test_who_may_see_keys(self):
        for group in ("isp_base.group_isp_technician", "isp_base.group_isp_customer_service", "isp_base.group_isp_billing_manager", "base.group_portal"):
            user = new_test_user(self.env, f"keys-{group}", groups=group)
            with self.assertRaises(AccessError):
                self.key.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                self.key.with_user(user).action_make_key()
            with self.assertRaises(AccessError):
                self.env["isp.api.log"].with_user(user).search([])

    def test_too_many_requests_are_refused_and_logged_once(self):
        key, secret = self._key(sessions=True, per_minute=3)
        for _time in range(3):
            self._call("GET", "/sessions", secret=secret)
        for _time in range(3):
            self._call("GET", "/sessions", secret=secret, status=429)
        self.assertEqual(key.log_ids.sorted("id").mapped("status"), [200, 200, 200, 429])
        self.env.cr.execute("UPDATE isp_api_log SET at = at - interval '61 seconds'")
        self._call("GET", "/sessions", secret=secret)
        self.assertTrue(key.last_used)

    # === Shape ===

    def test_wrong_addresses_methods_and_bodies(self):
        self._call("GET", "/nothing", status=404)
        self._call("GET", "/lines/0", status=404)
        self._call("GET", "/lines/999999999999", status=404)
        self._call("DELETE", "/sessions", status=405)
        self._call("GET", "/sessions?limit=0", status=422)
        self._call("GET", "/sessions?colour=red", status=422)
        self._call("POST", "/authorise", data="{", status=400)
        self._call("POST", "/authorise", data='{"login": NaN}', status=400)
        self._call("POST", "/authorise", data="[" * 100000, status=400)
        self._call("POST", "/authorise", data="login=a", headers={"Content-Type": "application/x-www-form-urlencoded"}, status=415)
        self._call("POST", "/authorise", data='"' + "x" * contract.LONGEST + '"', status=413)
        for body in ([], {}, {"login": ""}, {"login": "a\x00"}, {"login": 7}, {"login": "a", "chap": {"id": 256, "challenge": "00", "response": "0" * 32}}):
            self.assertTrue(self._call("POST", "/authorise", body, status=422)["errors"])
        self._call("POST", "/authorise", data='{"login": "\\ud800"}', status=422)

    # === Reading ===

    def test_who_is_on_line(self):
        self._acct("start", event=self.start, ip="10.0.0.7")
        self._acct("interim-update", seconds=100, up=1000, down=8000, received="")
        [row] = self._call("GET", "/sessions")["sessions"]
        self.assertEqual((row["login"], row["line"], row["router"], row["down"], row["down_bps"]), ("achol", self.subscription.id, self.router.id, 8000, 640))
        self.assertEqual(self._call("GET", f"/sessions?router={self.router.id}&login=achol&line={self.subscription.id}")["sessions"], [row])
        self.assertEqual(self._call("GET", "/sessions?login=nobody")["sessions"], [])
        self._acct("start", session="s9", login="stranger", nas="10.9.9.9")
        self._acct("start", session="s8", login="unknown", nas="10.9.9.9")
        self.assertEqual(len(self._call("GET", "/sessions")["sessions"]), 1, "another company's are not seen")
        self._call("GET", f"/sessions?router={self.foreign_router.id}", status=404)
        self._call("GET", f"/sessions?line={self.foreign.id}", status=404)
        self.assertNotIn("Theirs", [r["name"] for r in self._call("GET", "/routers?limit=500")["routers"]])

    def test_pages(self):
        for number in range(3):
            self._acct("start", session=f"p{number}")
        first = self._call("GET", "/sessions?limit=2")
        self.assertEqual(len(first["sessions"]), 2)
        rest = self._call("GET", f"/sessions?limit=2&after={first['next']}")
        self.assertEqual((len(rest["sessions"]), rest["next"]), (1, None))

    def test_state_of_a_line(self):
        [line] = self._call("GET", "/lines?login=achol")["lines"]
        self.assertEqual((line["state"], line["network"], line["online"]), ("active", "allowed", False))
        self.assertEqual(self._call("GET", f"/lines/{line['id']}"), line)
        self.assertEqual([row["id"] for row in self._call("GET", "/lines?mac=aabb.ccdd.ee01")["lines"]], [line["id"]])
        self.assertEqual(self._call("GET", "/lines?mac=rubbish")["lines"], [])
        self._call("GET", f"/lines/{self.foreign.id}", status=404)
        self.assertEqual(self._call("GET", "/lines?login=stranger")["lines"], [])

    # === Log-in ===

    def _authorise(self, **body):
        answer = self._call("POST", "/authorise", body)
        return answer["result"], answer["reason"], {row["name"]: row["value"] for row in answer["attributes"]}

    def test_authorise_answers_as_radius_would(self):
        result, reason, attributes = self._authorise(login="achol", password="pw")
        self.assertEqual((result, reason), ("accept", None))
        self.assertEqual(attributes, self._authr())
        self.assertEqual(self._authorise(login="achol", password="PW"), ("reject", "credentials", {}))
        self.assertEqual(self._authorise(login="achol"), ("reject", "credentials", {}))
        self.assertEqual(self._authorise(login="nobody", password="pw"), ("reject", "credentials", {}))
        self.assertEqual(self._authorise(login="stranger", password="pw"), ("reject", "credentials", {}))
        reasons = self.env["isp.login.attempt"].search([("called", "=", "API")]).mapped("reason")
        self.assertEqual(sorted(reasons), ["password", "unknown"], "another company's line is not in the log")
        self.access._apply({"password": False})
        self.assertEqual(self._authorise(login="achol", password=" "), ("reject", "credentials", {}))

    def test_authorise_by_chap(self):
        response = hashlib.md5(b"\x07pw\x01\x02").hexdigest()
        chap = {"id": 7, "challenge": "0102", "response": response}
        self.assertEqual(self._authorise(login="achol", chap=chap)[0], "accept")
        self.assertEqual(self._authorise(login="achol", chap={**chap, "challenge": "0103"})[0], "reject")

    def test_authorise_by_mac(self):
        mac = "AA:BB:CC:DD:EE:01"
        self.assertEqual(self._authorise(login=mac, mac=mac)[0], "reject", "this line does not log in by its MAC address")
        self.subscription.mac_login = True
        self.assertEqual(self._authorise(login="aa-bb-cc-dd-ee-01", mac=mac)[0], "accept")
        self.assertEqual(self._authorise(login=mac, mac="AA:BB:CC:DD:EE:99")[0], "reject", "typed on another device")

    def test_authorise_at_a_hotspot(self):
        """A log-in of a hotspot is good at its routers only, its time begins with the first answer, and who guesses is locked out."""
        self.access.write({"zone": 7, "use_seconds": 3600})
        self.assertEqual(self._authorise(login="achol", password="pw")[:2], ("reject", "elsewhere"), "no router, no place")
        self.assertEqual(self._authorise(login="achol", password="pw", router=self.router.id)[:2], ("reject", "elsewhere"))
        self.assertFalse(self.env["isp.access.use"].search([("access_id", "=", self.access.id)]))
        self.router.zone = 7
        mac = "AA:BB:CC:DD:EE:01"
        here = {"login": "achol", "router": self.router.id, "mac": mac}
        self.assertEqual(self._authorise(**here, password="no")[:2], ("reject", "credentials"))
        self.assertFalse(self.env["isp.access.use"].search([("access_id", "=", self.access.id)]))
        result, _reason, attributes = self._authorise(**here, password="pw")
        self.assertEqual((result, attributes["Session-Timeout"]), ("accept", "3600"))
        self.assertEqual(self.env["isp.access.use"].search([("access_id", "=", self.access.id)]).mac, mac)
        for _try in range(10):
            self._authorise(**{**here, "login": "nobody"}, password="x")
        self.assertEqual(self._authorise(**here, password="pw")[:2], ("reject", "guessing"))

    def test_authorise_bound_to_a_device(self):
        self.access.write({"mac_bound": True, "mac": "AA:BB:CC:DD:EE:01"})
        self.assertEqual(self._authorise(login="achol", password="pw")[:2], ("reject", "devices"), "a device that is not told is another one")
        self.assertEqual(self._authorise(login="achol", password="pw", mac="aa-bb-cc-dd-ee-01")[0], "accept")

    def test_authorise_wall_and_closed(self):
        self.subscription._set_state("suspended", "overdue")
        result, reason, attributes = self._authorise(login="achol", password="pw")
        self.assertEqual((result, reason, attributes["Mikrotik-Address-List"]), ("wall", "suspended", "isp-suspended"))
        self.subscription._set_state("terminated", "termination")
        self.assertEqual(self._authorise(login="achol", password="pw")[:2], ("reject", "closed"))

    # === Usage ===

    def test_differences_count_once(self):
        item = {"sequence": 1, "login": "achol", "kind": "delta", "up": 10, "down": 100, "seconds": 60}
        self.assertEqual([row["status"] for row in self._push(item, {**item, "sequence": 2})], ["counted", "counted"])
        self.assertEqual(self._used(), (20, 200, 120))
        self.assertEqual([row["status"] for row in self._push(item, {**item, "sequence": 3})], ["repeated", "counted"])
        self.assertEqual(self._used(), (30, 300, 180))
        [other] = self._push({**item, "down": 5})
        self.assertEqual((other["status"], "other content" in other["reason"]), ("quarantined", True))
        self.assertEqual(self._used(), (30, 300, 180))
        self.assertEqual(self._push(item, device="ap-2")[0]["status"], "counted", "another device has its own numbers")
        twice = {**item, "sequence": 9}
        self.assertEqual([row["status"] for row in self._push(twice, twice)], ["counted", "repeated"])

    def test_counters_without_seconds(self):
        base = {"login": "achol", "kind": "counter", "session": "x2"}
        for sequence, up in enumerate((100, 300, 300, 200, 350), 1):
            self._push({**base, "sequence": sequence, "up": up, "down": 0}, router=self.router.id)
        self.assertEqual(self._used()[0], 350)

    def test_counters_are_a_session(self):
        base = {"login": "achol", "kind": "counter", "session": "x1", "address": "10.0.0.9"}
        self._push({**base, "sequence": 1, "up": 100, "down": 2**33, "seconds": 60}, router=self.router.id)
        self._push({**base, "sequence": 3, "up": 300, "down": 2**33 + 5, "seconds": 180}, router=self.router.id)
        self._push({**base, "sequence": 2, "up": 200, "down": 2**33 + 1, "seconds": 120}, router=self.router.id)
        self.assertEqual(self._used(), (300, 2**33 + 5, 180))
        session = self._sessions("x1")
        self.assertEqual((session.router_id, session.framed_ip, session.online), (self.router, "10.0.0.9", True))
        self._push({**base, "sequence": 4, "up": 300, "down": 2**33 + 5, "seconds": 180, "ended": True}, router=self.router.id)
        self.assertFalse(self._sessions("x1").online)

    def test_what_cannot_be_counted_is_kept(self):
        good = {"sequence": 5, "login": "achol", "kind": "delta", "up": 1, "down": 1}
        bad = [
            None, 7, "x", [], {}, {"sequence": 1}, {**good, "sequence": 6, "up": -1}, {**good, "sequence": 7, "up": 2**60}, {**good, "sequence": 8, "login": "nobody"},
            {**good, "sequence": 10, "login": "stranger"}, {**good, "sequence": 11, "at": "yesterday"}, {**good, "sequence": 12, "kind": "counter"}, {**good, "sequence": 13, "login": "a\x00"},
            {**good, "sequence": 14, "a\x00\ud800": "\x00"},
        ]  # fmt: skip
        answers = self._push(*bad, good)
        self.assertEqual([row["status"] for row in answers], ["quarantined"] * len(bad) + ["counted"])
        self.assertTrue(all(row["reason"] for row in answers[:-1]))
        self.assertEqual(self._used(), (1, 1, 0))
        kept = self.env["isp.api.push"].search([("state", "=", "quarantined")])
        self.assertEqual(len(kept), len(bad))
        self._push(*bad)
        self.assertEqual(self.env["isp.api.push"].search_count([("state", "=", "quarantined")]), len(bad), "sent again, kept once")
        self.assertFalse(self.env["isp.usage"].search([("access_id", "=", self.foreign.access_ids.id)]))

    def test_what_was_not_known_is_counted_later(self):
        item = {"sequence": 1, "login": "newcomer", "kind": "delta", "up": 3, "down": 4}
        self.assertEqual(self._push(item)[0]["status"], "quarantined")
        line = self._create_subscription("active", username="newcomer")
        technician = new_test_user(self.env, "tech-push", groups="isp_base.group_isp_technician")
        kept = self.env["isp.api.push"].with_user(technician).search([("state", "=", "quarantined")])
        with self.assertRaises(AccessError):
            kept.payload = json.dumps({**item, "down": 4_000_000})
        with self.assertRaises(AccessError):
            kept.with_user(new_test_user(self.env, "service-push", groups="isp_base.group_isp_customer_service")).action_count_again()
        kept.action_count_again()
        self.assertEqual(self._used(line.access_ids), (3, 4, 0))
        self.assertEqual(self._push(item)[0]["status"], "repeated")
        self.assertEqual(self._used(line.access_ids), (3, 4, 0))

    def test_old_and_wrong_moments(self):
        old = (fields.Datetime.now() - timedelta(days=3)).replace(minute=5)
        item = {"sequence": 1, "login": "achol", "kind": "delta", "up": 1, "down": 1}
        self._push({**item, "at": f"{old.isoformat(timespec='seconds')}Z"}, {**item, "sequence": 2, "at": "1970-01-01T00:00:05Z"}, {**item, "sequence": 3, "at": "2099-01-01T00:00:05+02:00"})
        hours = self.env["isp.usage"].search([("access_id", "=", self.access.id)]).sorted("hour")
        self.assertEqual([row.bytes_up for row in hours], [1, 2])
        self.assertEqual(hours[0].hour, old.replace(minute=0, second=0, microsecond=0))

    def test_forgotten_numbers_never_count_again(self):
        item = {"sequence": 4, "login": "achol", "kind": "delta", "up": 1, "down": 1}
        self._push(item)
        self.env.cr.execute("UPDATE isp_api_push SET received = received - interval '101 days'")
        self.env.invalidate_all()
        self.env["isp.api.push"]._gc_old()
        self.assertFalse(self.env["isp.api.push"].search([]))
        self.assertEqual(self._push(item)[0]["status"], "quarantined")
        self.assertEqual(self._push({**item, "sequence": 5})[0]["status"], "counted")
        self.assertEqual(self._used(), (2, 2, 0))

    # === Doing ===

    def test_stop_and_start(self):
        path = f"/lines/{self.subscription.id}"
        answer = self._call("POST", f"{path}/stop", {"reason": "fraud", "note": "Resells"})
        self.assertEqual((answer["changed"], answer["line"]["state"], answer["line"]["network"]), (True, "suspended", "walled"))
        event = self.subscription.event_ids.sorted("id")[-1]
        self.assertEqual((event.reason, event.note, event.user_id), ("fraud", "Resells", self.key.user_id))
        self.assertFalse(self._call("POST", f"{path}/stop", {})["changed"])
        answer = self._call("POST", f"{path}/start")
        self.assertEqual((answer["changed"], answer["line"]["network"]), (True, "allowed"))
        self._call("POST", f"/lines/{self.foreign.id}/stop", {}, status=404)
        self.assertEqual(self.foreign.state, "active")
        self.subscription.protected = True
        self._call("POST", f"{path}/stop", {}, status=409)
        self.subscription.protected = False
        self.subscription._set_state("terminated", "termination")
        self._call("POST", f"{path}/start", {}, status=409)
        self._call("POST", f"{path}/stop", {}, status=409)
        self.assertEqual(self.subscription.state, "terminated")

    def test_orders(self):
        self._acct("start")
        self._acct("start", session="s9", login="stranger", nas="10.9.9.9")
        theirs = self._sessions("s9")
        [order] = self._call("POST", "/orders", {"kind": "disconnect", "login": "achol"}, status=202)["orders"]
        self.assertEqual((order["state"], order["session"]), ("pending", self._sessions().id))
        self.assertEqual(self._call("POST", "/orders", {"kind": "disconnect", "session": order["session"]}, status=202)["orders"], [order], "one, however often asked")
        self.assertEqual(self._call("GET", f"/orders/{order['id']}"), order)
        self._call("POST", "/orders", {"kind": "disconnect", "session": theirs.id}, status=404)
        self._call("POST", "/orders", {"kind": "disconnect", "line": self.foreign.id}, status=404)
        self._call("POST", "/orders", {"kind": "disconnect"}, status=422)
        self.assertEqual(self._call("POST", "/orders", {"kind": "refresh", "login": "stranger"}, status=202)["orders"], [])
        self.env["isp.router.task"]._queue("disconnect", theirs)
        task = self.env["isp.router.task"].search([("session_id", "=", theirs.id)])
        self._call("GET", f"/orders/{task.id or 1}", status=404)
        self.assertTrue(self._call("POST", "/orders", {"kind": "refresh", "line": self.subscription.id}, status=202)["orders"])

    def test_a_refused_request_leaves_nothing_behind(self):
        """What failed after it had begun is rolled back; the log is not."""
        self.patch(type(self.env["isp.api"]), "_answer_line", lambda *_args: 1 / 0)
        with mute_logger("odoo.http"):
            self.url_open(f"{BASE}/lines/{self.subscription.id}/stop", data="{}", headers={"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"})
        self.env.invalidate_all()
        self.assertEqual(self.subscription.state, "active")
