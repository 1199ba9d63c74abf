# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re
import uuid

from odoo.tests import HttpCase, tagged

from .test_reseller import ResellerCommon


@tagged("post_install", "-at_install")
class TestResellerPages(ResellerCommon, HttpCase):
    def setUp(self):
        super().setUp()
        self._top_up(1000)
        for user in (self.seller, self.owner, self.other_owner, self.manager, self.care):
            user.password = f"{user.login}-password-1"

    def _as(self, user):
        self.authenticate(user.login, f"{user.login}-password-1")

    def _form(self, page):
        """:return: the hidden values of the first form"""
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))

    def test_sell(self):
        self._as(self.seller)
        page = self.url_open("/my/reseller?lang=en_US")
        self.assertEqual(page.status_code, 200)
        self.assertLess(len(page.content), 12_000)
        values = {**self._form(page.text), "offer": str(self.offer.id), "phone": "0921234567"}
        address = f"/my/reseller/{self.reseller.id}/sell?lang=en_US"
        answers = [self.url_open(address, data=values) for _twice in range(2)]
        order = self.env["isp.token.order"].search([("reseller_id", "=", self.reseller.id)])
        self.assertEqual((len(order), self.reseller.balance, order.uuid), (1, 550, values["key"]))
        for answer in answers:
            self.assertIn(order.token_id.code, answer.text)
        values = self._form(answers[1].text)
        self.assertNotEqual(values["key"], order.uuid)
        self.url_open(address, data={**values, "offer": str(self.offer.id)})
        refused = self.url_open(address, data={**values, "key": str(uuid.uuid4()), "offer": str(self.offer.id)})
        self.assertIn("is not enough", refused.text)
        self.assertEqual(self.reseller.balance, 100)
        for bad in ({"offer": str(self.other_site.offer_ids[0].id)}, {"offer": "x"}):
            self.assertIn('role="alert"', self.url_open(address, data={**values, "key": str(uuid.uuid4()), **bad}).text)
        self.assertEqual(self.url_open(address, data={**values, "key": "1", "offer": str(self.offer.id)}).status_code, 404)

    def test_arabic(self):
        self._as(self.seller)
        page = self.url_open("/my/reseller?lang=ar_001").text
        self.assertIn('dir="rtl"', page)
        self.assertRegex(page, "[\u0600-\u06ff]{3}")

    def test_who_sees_what(self):
        paths = {
            f"/my/reseller/{self.reseller.id}": {"seller"},
            f"/my/reseller/{self.reseller.id}/statement.csv": {"seller", "amina", "manager", "care"},
            f"/my/reseller/{self.reseller.id}/statement.pdf": {"seller", "amina", "manager", "care"},
        }
        for user in (self.seller, self.owner, self.other_owner, self.manager, self.care):
            self._as(user)
            for path, readers in paths.items():
                self.assertEqual(self.url_open(path).status_code, 200 if user.login in readers else 404, f"{path}: {user.login}")

    def test_owner_books_cash(self):
        self._as(self.owner)
        page = self.url_open("/my/resellers?lang=en_US").text
        self.assertIn("Garang Kiosk", page)
        values = {**self._form(page), "kind": "topup", "amount": "2,500"}
        address = f"/my/resellers/{self.reseller.id}/take?lang=en_US"
        for _twice in range(2):
            self.url_open(address, data=values)
        self.assertEqual(self.reseller.balance, 3500)
        values["key"] = str(uuid.uuid4())
        self.assertIn("whole number", self.url_open(address, data={**values, "amount": "-5"}).text)
        self.assertEqual(self.url_open(address, data={**values, "kind": "correction"}).status_code, 404)
        self._as(self.other_owner)
        values = {"csrf_token": self._form(self.url_open("/my/resellers").text).get("csrf_token", ""), "key": str(uuid.uuid4()), "kind": "payback", "amount": "100"}
        self.assertIn(self.url_open(address, data=values).status_code, (400, 404))
        self.assertEqual(self.reseller.balance, 3500)

    def test_file_of_codes_by_address(self):
        batch = self._batch(3)
        for user, status in ((self.manager, 200), (self.owner, 200), (self.care, 404), (self.other_owner, 404), (self.seller, 404)):
            self._as(user)
            answer = self.url_open(f"/isp/hotspot/batch/{batch.id}/codes.csv")
            self.assertEqual(answer.status_code, status, user.login)
            self.assertEqual(batch.token_ids[0].code in answer.text, status == 200)

    def test_the_way_from_the_portal(self):
        """Who logs in at the common door finds the own page, and not the other's."""
        for user, own, others in ((self.seller, "/my/reseller", "/wifi/app"), (self.owner, "/wifi/app", "/my/reseller")):
            self._as(user)
            page = self.url_open("/my/home").text
            self.assertIn(f'href="{own}"', page)
            self.assertNotIn(f'href="{others}"', page)
