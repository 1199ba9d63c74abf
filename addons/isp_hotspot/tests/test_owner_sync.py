# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .app_common import AppCommon
from .common import PHONE


@tagged("post_install", "-at_install")
class TestOwnerSync(AppCommon):
    def setUp(self):
        super().setUp()
        self.log_in()

    def _token(self, code):
        return self.env["isp.token"].search([("code", "=", code)])

    def _of(self, reserve, offer=None):
        return [token for token in reserve if token["offer"] == (offer or self.offer).id]

    # === The reserve ===

    def test_five_of_each_offer(self):
        reserve = self.reserve()
        self.assertEqual(len(reserve), 5 * len(self.site.offer_ids))
        self.assertEqual(set(self.env["isp.token"].search([("code", "in", [token["code"] for token in reserve])]).mapped("state")), {"made"})
        codes = [token["code"] for token in reserve]
        again = self.sync(held=codes)
        self.assertEqual((again["add"], again["drop"]), ([], []))

    def test_answer_that_was_lost_comes_again(self):
        first = self.reserve()
        self.assertEqual({token["code"] for token in self.reserve()}, {token["code"] for token in first})
        self.assertEqual(self.env["isp.token"].search_count([("site_id", "=", self.site.id)]), len(first), "no more were made")

    def test_topped_up(self):
        reserve = self.reserve()
        sold = self._of(reserve)[:3]
        held = [token["code"] for token in reserve if token not in sold]
        answer = self.sync(*(self.item(code=token["code"], offer=None) for token in sold), held=held)
        self.assertEqual([item["state"] for item in answer["items"]], ["done"] * 3)
        self.assertEqual(len(self._of(answer["add"])), 3)
        self.assertEqual(len(answer["add"]), 3)

    def test_price_that_changed(self):
        """Codes of the old price are taken back when the telephone has let go of them; one that it sold meanwhile is good."""
        reserve = self.reserve()
        old = [token["code"] for token in self._of(reserve)]
        held = [token["code"] for token in reserve]
        self.offer.price = 600
        answer = self.sync(held=held)
        self.assertEqual((answer["drop"], len(answer["add"])), (sorted(old), 5))
        self.assertEqual(self._token(old[0]).state, "made", "it may be selling it in this moment")
        held = [code for code in held if code not in old] + [token["code"] for token in answer["add"]]
        answer = self.sync(self.item(code=old[0], method="cash", offer=None), held=held)
        self.assertEqual((answer["items"][0]["state"], answer["items"][0]["amount"]), ("done", 500))
        self.assertEqual([self._token(code).state for code in old], ["sold"] + ["blocked"] * 4)

    def test_offer_that_is_gone(self):
        reserve = self.reserve()
        old = [token["code"] for token in self._of(reserve)]
        self.offer.active = False
        self.assertEqual(self.sync(held=[token["code"] for token in reserve])["drop"], sorted(old))

    def test_no_money_is_asked_for_at_a_closed_hotspot(self):
        """What was sold for cash before is booked; a request to a telephone is new, whatever code it names."""
        token = self._of(self.reserve())[0]
        self.enable_momo()
        self.site.action_block()
        answer = self.call("give", site=self.site.slug, device=self.device, item=self.item(method="momo", phone="0921234567", code=token["code"]))
        self.assertIn("closed", answer["error"])
        self.assertFalse(self.env["payment.transaction"].search([("isp_token_order_id.site_id", "=", self.site.id)]))

    def test_time_from_the_sale_is_not_for_the_reserve(self):
        """Without the server it would not begin."""
        self.offer.counting = "sale"
        self.assertFalse(self._of(self.reserve()))

    def test_each_telephone_has_its_own(self):
        first = {token["code"] for token in self.reserve()}
        second = {token["code"] for token in self.sync(device=str(uuid.uuid4()))["add"]}
        self.assertFalse(first & second)

    def test_not_of_another_telephone(self):
        other = self.sync(device=str(uuid.uuid4()))["add"]
        answer = self.sync(self.item(code=other[0]["code"], offer=None))
        self.assertEqual(answer["items"][0]["state"], "refused")
        self.assertEqual(self._token(other[0]["code"]).state, "made")

    def test_so_many_telephones(self):
        answers = [self.sync(device=str(uuid.uuid4())) for _n in range(11)]
        self.assertEqual(["error" in answer for answer in answers], [False] * 10 + [True])

    def test_lost_telephone(self):
        codes = [token["code"] for token in self.reserve()]
        sold = self.sync(self.item(code=codes[0], offer=None), held=codes[1:])
        [device] = self.ask("devices")["devices"]
        self.assertEqual(device["name"], "Tecno")
        self.assertEqual(self.ask("device_drop", id=device["id"]), {"devices": []})
        self.assertEqual(self._token(codes[0]).state, "sold", "what it sold stays")
        self.assertEqual({self._token(code).state for code in codes[1:]}, {"blocked"})
        self.assertIn("error", self.sync())
        self.assertEqual(sold["items"][0]["state"], "done")

    def test_telephone_of_another_user(self):
        self.reserve()
        seller = self.owner.copy({"login": "+211921000055", "partner_id": self.owner.partner_id.id})
        self.env["isp.site.device"].search([("uuid", "=", self.device)]).user_id = seller
        self.assertIn("error", self.sync())

    # === What was given ===

    def test_sold_without_a_network(self):
        token = self._of(self.reserve())[0]
        item = self.item(code=token["code"], offer=None, method="cash", price=450, phone="0921234567", age=7200)
        answer = self.sync(item)["items"][0]
        self.assertEqual((answer["state"], answer["token"]["code"], answer["amount"]), ("done", token["code"], 450))
        order = self.env["isp.token.order"].search([("uuid", "=", item["uuid"])])
        self.assertEqual((order.token_id.state, order.phone, order.device, order.user_id), ("sold", PHONE, self.device, self.owner))
        self.assertAlmostEqual((order.done_at - order.ordered_at).total_seconds(), 0, delta=30, msg="the telephone was heard a moment ago: it cannot be two hours")

    def test_sent_twice_is_once(self):
        token = self._of(self.reserve())[0]
        item = self.item(code=token["code"], offer=None, phone="0921234567")
        answers = [self.sync(item)["items"][0] for _n in range(3)]
        self.assertEqual({(answer["state"], answer["token"]["code"]) for answer in answers}, {("done", token["code"])})
        self.assertEqual(self.env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order")]), 1)

    def test_one_code_is_given_once(self):
        token = self._of(self.reserve())[0]
        answer = self.sync(self.item(code=token["code"], offer=None), self.item(code=token["code"], offer=None))
        self.assertEqual([item["state"] for item in answer["items"]], ["done", "refused"])

    def test_guest_was_faster_than_the_sync(self):
        """Used, and even over, before the server heard of the sale."""
        first, second = self._of(self.reserve())[:2]
        for token in (first, second):
            self._log_in(self._token(token["code"]))
        self._follow()
        self.assertEqual(self._token(first["code"]).state, "in_use")
        self.assertNotIn(first["code"], [token["code"] for token in self.sync()["add"]], "it is free no more")
        answer = self.sync(self.item(code=first["code"], method="cash", offer=None))
        self.assertEqual(answer["items"][0]["state"], "done")
        self._later(hours=3)
        self._follow()
        self.assertEqual(self._token(second["code"]).state, "expired")
        answer = self.sync(self.item(code=second["code"], method="cash", offer=None))
        self.assertEqual(answer["items"][0]["state"], "done")
        self.assertEqual(self.ask("home")["today"]["cash"], {"count": 2, "amount": 1000})

    def test_each_item_for_itself(self):
        reserve = self._of(self.reserve())
        good, bad = self.item(code=reserve[0]["code"], offer=None), self.item(code=reserve[1]["code"], offer=None, phone="12")
        answer = self.sync(bad, "rubbish", good, {"uuid": "x"})
        self.assertEqual([item["state"] for item in answer["items"]], ["refused", "refused", "done", "refused"])
        self.assertIn("telephone number", answer["items"][0]["text"])
        self.assertNotIn(reserve[1]["code"], [token["code"] for token in answer["add"]], "somebody was shown it: it is not given out again")
        again = self.sync({**bad, "phone": ""})
        self.assertEqual(again["items"][0]["state"], "done")

    def test_taken_back(self):
        reserve = self._of(self.reserve())
        item = {"uuid": str(uuid.uuid4()), "cancel": True, "code": reserve[0]["code"]}
        self.assertTrue(self.sync(item)["items"][0]["canceled"])
        self.assertEqual(self._token(reserve[0]["code"]).state, "blocked")
        done = self.item(code=reserve[1]["code"], offer=None)
        self.sync(done)
        answer = self.sync({**done, "cancel": True})["items"][0]
        self.assertEqual((answer["state"], "canceled" in answer, self._token(reserve[1]["code"]).state), ("done", False, "sold"), "too late: it was told")

    def test_clock_of_the_telephone(self):
        """In 1970, or years ahead: an order is between the last time the telephone was heard and now."""
        reserve = self._of(self.reserve())
        device = self.env["isp.site.device"].search([("uuid", "=", self.device)])
        device.heard_at -= timedelta(hours=6)
        since, now = device.heard_at, fields.Datetime.now()
        ages = (10**9, -(10**9), 3600, "x", None)
        items = [self.item(code=token["code"], offer=None, age=age) for token, age in zip(reserve, ages, strict=True)]
        self.sync(*items)
        moments = [self.env["isp.token.order"].search([("uuid", "=", item["uuid"])]).ordered_at for item in items]
        self.assertEqual(moments[0], since)
        for moment in (moments[1], *moments[3:]):
            self.assertAlmostEqual((moment - now).total_seconds(), 0, delta=30)
        self.assertAlmostEqual((now - moments[2]).total_seconds(), 3600, delta=30)

    def test_only_so_many_at_once(self):
        answer = self.sync(*(self.item() for _n in range(60)))
        self.assertEqual(len(answer["items"]), 40)
