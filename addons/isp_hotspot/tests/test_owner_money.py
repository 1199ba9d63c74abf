# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from decimal import Decimal

from odoo.exceptions import UserError
from odoo.tests import HttpCase, new_test_user, tagged

from odoo.addons.isp_billing_momo.tests.common import BridgeCommon
from odoo.addons.isp_momo.drivers.base import Status

from .app_common import AppMixin
from .common import PHONE, HotspotMixin


@tagged("post_install", "-at_install")
class TestOwnerMoney(AppMixin, HotspotMixin, BridgeCommon, HttpCase):
    """The owner's account on the owner's telephone; how it is kept is tested in test_money."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_hotspots()
        cls._create_logins()
        # Who is not logged in yet is asked by the first company.
        cls.env.ref("base.main_company").country_id = cls.env.ref("base.ss")
        cls.company.isp_owner_account_id = cls.env["account.account"].create({"name": "Owners", "code": "203301", "account_type": "liability_current", "reconcile": True})
        cls.env.ref("isp_hotspot.product_commission").taxes_id = False
        tariff = cls.env["isp.hotspot.tariff"].create({"name": "Ten", "momo_percent": 10, "cash_percent": 5})
        (cls.site | cls.other_site).write({"tariff_id": tariff.id, "momo_msisdn": "211921111111"})
        cls.other_site.offer_ids.price = 500

    def _sold(self, site=None):
        """:return: an order that is paid and booked"""
        order = self._place("momo", site, phone=PHONE)
        tx = order.transaction_id
        tx._wallet_lock()
        tx._wallet_succeed(Status("done", reference=f"FT-{tx.id}", amount=Decimal(tx._wallet_amount()), currency=tx.wallet_currency))
        self._paid(tx)
        return order

    def test_account_and_payout(self):
        self._sold()
        self._sold()
        self._sold(self.other_site)
        self.log_in()
        found = self.ask("money")
        self.assertEqual((found["received"], found["commission"], found["due"], found["can"], found["statements"]), (1000, 100, 900, True, []))
        paid = self.ask("payout")
        [statement] = paid["statements"]
        self.assertEqual((statement["received"], statement["commission"], statement["amount"], statement["state"]), (1000, 100, 900, "pending"))
        self.assertEqual((paid["on_its_way"], paid["due"], paid["can"]), (900, 0, False))
        self.assertIn("error", self.call("payout", site=self.site.slug))
        self.assertEqual(len(self.env["isp.wallet.payout"].search([("isp_site_statement_id.site_id", "=", self.site.id)])), 1)

    def test_of_the_own_hotspot_only(self):
        self._sold(self.other_site)
        self.log_in()
        for name in ("money", "payout"):
            self.assertIn("not yours", self.call(name, site=self.other_site.slug)["error"])
        self.assertEqual(self.ask("money")["received"], 0)
        self.assertFalse(self.env["isp.site.statement"].search([("site_id", "in", (self.site | self.other_site).ids)]))

    def test_money_back(self):
        order = self._sold()
        self.log_in()
        page = self.ask("token_do", id=order.token_id.id, what="refund")
        self.assertEqual((page["state"], order.state), ("refunded", "refunding"))
        self.assertEqual(self.ask("order", uuid=order.uuid)["state"], "failed")
        cash = self._place("cash", phone=PHONE)
        self.assertIn("mobile money", self.call("token_do", site=self.site.slug, id=cash.token_id.id, what="refund")["error"])

    def test_no_more_goes_back_than_is_due(self):
        """What was paid out is not with the ISP any more."""
        first, second, third = self._sold(), self._sold(), self._sold()
        self.log_in()
        self.ask("payout")
        refund = {"site": self.site.slug, "what": "refund"}
        self.assertIn("paid out", self.call("token_do", id=first.token_id.id, **refund)["error"])
        self.assertEqual((first.state, first.token_id.state), ("done", "sold"))
        fresh = self._sold()
        self.assertNotIn("error", self.call("token_do", id=fresh.token_id.id, **refund))
        self._sold()
        self.assertNotIn("error", self.call("token_do", id=second.token_id.id, **refund), "another sale covers it")
        self.assertIn("paid out", self.call("token_do", id=third.token_id.id, **refund)["error"], "what is on its way back counts")
        self.assertEqual(self.ask("money")["due"], 0)
        manager = new_test_user(self.env, "manager", groups="isp_base.group_isp_billing_manager", company_id=self.company.id)
        third.with_user(manager).action_refund()
        self.assertEqual((third.state, self.site._money()["due"]), ("refunding", -450))

    def test_no_payout_while_money_of_it_goes_back(self):
        first = self._sold()
        self.log_in()
        self.ask("payout")
        self._sold()
        self.ask("token_do", id=first.token_id.id, what="refund")
        self._sold()
        with self.assertRaisesRegex(UserError, "on its way back"):
            self.env["isp.site.statement"]._settle(self.site)
        self.assertEqual(self.ask("money")["due"], 450)
