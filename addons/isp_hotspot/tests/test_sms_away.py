# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.isp_sms.drivers import DRIVERS
from odoo.addons.isp_sms.drivers.base import Unreachable
from odoo.addons.isp_sms.tests.common import StubDriver

from .common import PHONE, HotspotCommon


@tagged("post_install", "-at_install")
class TestSmsAway(HotspotCommon):
    """The SMS gateway is away while tokens are sold."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        DRIVERS["stub"] = StubDriver
        cls.addClassCleanup(DRIVERS.pop, "stub")
        cls.env["isp.sms.gateway"].search([]).active = False
        cls.gateway = cls.env["isp.sms.gateway"].create({"name": "First", "driver": "stub", "url": "first", "price": 20.0})

    def setUp(self):
        super().setUp()
        StubDriver.sent, StubDriver.answers, StubDriver.credit = [], {}, None
        self.patch(self.env.cr, "commit", self.env.flush_all)

    def _send(self):
        self.gateway.resting_until = False
        self.env["isp.sms.message"]._dispatch(lambda processed=0: 1000)

    def test_the_code_stands_on_the_screen_and_goes_out_later_once(self):
        StubDriver.answers = {"first": Unreachable("refused")}
        order = self._place("cash", phone=PHONE)
        for _try in range(4):
            self._send()
        self.assertFalse(StubDriver.sent)
        self.assertEqual((order.state, order._how_it_stands()["state"], self._log_in(order.token_id)[0]["Cleartext-Password"]), ("done", "done", order.token_id.code))
        StubDriver.answers = {}
        for _try in range(3):
            self._send()
        [(_url, message)] = StubDriver.sent
        self.assertEqual(message.number, PHONE)
        self.assertIn(order.token_id.code, message.text)

    def test_too_late_is_not_at_all(self):
        """A code that comes days later, to who has long been on line by the screen, only frightens."""
        StubDriver.answers = {"first": Unreachable("refused")}
        order = self._place("cash", phone=PHONE)
        self._send()
        sms = self.env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])
        self.assertTrue(sms.valid_until)
        sms.valid_until = fields.Datetime.now() - timedelta(minutes=1)
        StubDriver.answers = {}
        self._send()
        self.assertFalse(StubDriver.sent)
