# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.isp_sms.engine.segments import segments

from .common import DEVICE, PHONE, HotspotCommon


@tagged("post_install", "-at_install")
class TestOrder(HotspotCommon):
    def _sms(self, order):
        return self.env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])

    def test_cash_makes_it_at_once(self):
        order = self._place("cash", phone="0921 234 567")
        self.assertEqual((order.state, order.amount, order.phone, order.token_id.state), ("done", 500, PHONE, "sold"))
        sms = self._sms(order)
        self.assertEqual((len(sms), sms.number, sms.parts), (1, PHONE, 1))
        self.assertIn(order.token_id.code, sms.body)
        self.assertIn("River Hotel", sms.body)

    def test_asked_twice_is_one(self):
        key = str(uuid.uuid4())
        orders = [self.env["isp.token.order"]._place(self.site, key, "free", offer=self.offer, phone=PHONE) for _ in range(2)]
        self.assertEqual(*orders)
        self.assertEqual(len(self._sms(orders[0])), 1)
        self.assertEqual(orders[0].amount, 0)
        with self.assertRaises(UserError):
            self.env["isp.token.order"]._place(self.other_site, key, "free", offer=self.other_site.offer_ids[0])

    def test_arabic_sms_is_one_too(self):
        self.site.ssid = "فندق النهر"
        for offer in self.site.offer_ids:
            order = self._place("free", offer=offer, phone=PHONE, lang="ar_001")
            self.assertEqual(segments(self._sms(order).body)[2], 1, self._sms(order).body)

    def test_long_names_are_one_sms(self):
        self.site.ssid = "W" * 32
        self.site.login_mode = "pair"
        order = self._place("free", phone=PHONE)
        self.assertEqual(self._sms(order).parts, 1, self._sms(order).body)

    def test_trial_is_once_a_day_and_for_its_device(self):
        terms = self.env["isp.token.order"]._own_terms(600)
        order = self._place("trial", offer=None, terms=terms, mac=DEVICE)
        self.assertTrue(order.token_id.access_id.mac_bound)
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self._place("trial", offer=None, terms=terms, mac=DEVICE)
        self._place("trial", site=self.other_site, offer=None, terms=terms, mac=DEVICE)

    def test_closed_site_gives_nothing(self):
        self.site.action_block()
        with self.assertRaises(UserError):
            self._place("cash")

    def test_no_such_number(self):
        for number in ("12", "hello", "+999123"):
            with self.assertRaises(UserError):
                self._place("cash", phone=number)

    def test_reserve_is_sold_once(self):
        token = self._made()
        order = self._place("cash", token=token)
        self.assertEqual((order.token_id, token.state), (token, "sold"))

    def test_own_terms_have_limits(self):
        for values in ({"seconds": 5}, {"seconds": 400 * 86400}, {"seconds": 3600, "devices": 0}, {"seconds": 3600, "price": -1}):
            with self.assertRaises(UserError):
                self.env["isp.token.order"]._own_terms(**values)
