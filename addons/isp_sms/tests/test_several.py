# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import threading
import time
from datetime import timedelta

from odoo import fields

from ..drivers import DRIVERS
from .common import GatewaysCase, SmsCase, StubDriver

MTN, ZAIN, DIGITEL = "+211921234567", "+211912345678", "+211981234567"


class TestSeveral(GatewaysCase):
    """All drivers at once: order, absence, companies, rates."""

    def setUp(self):
        super().setUp()
        self.smpp = self.make("smpp", sequence=1)
        self.at = self.make("africastalking", sequence=2)
        self.http = self.make("http", sequence=3)

    def later(self):
        self.env.cr.execute("UPDATE isp_sms_gateway SET resting_until = resting_until - interval '1 day'")
        self.env.invalidate_all()

    def test_each_in_its_turn(self):
        turns = [(self.smpp, {"bind_status": 0x0D}), (self.at, {"fail_status": 503, "fail_path": "version1"}), (self.http, {"fail_path": ""})]
        for gateway, fault in turns:
            found = self.enqueue(MTN, ZAIN)
            self.env.cr.execute("UPDATE isp_sms_message SET uuid = md5(uuid || %s) WHERE id IN %s", [gateway.name, tuple(found.ids)])
            self.env.invalidate_all()
            self.dispatch()
            self.assertEqual(found.mapped("gateway_id"), gateway)
            self.assertEqual(set(found.mapped("state")), {"accepted"})
            self.gateways.control("faults", **fault)
        # All away for a day: nothing is lost, nothing is tried in vain all the time.
        waiting = self.enqueue(DIGITEL)
        for _n in range(4):
            self.dispatch()
            self.later()
        self.assertEqual((waiting.state, len(self.gateways.arrived())), ("queued", 6))
        self.assertTrue(all(gateway.failures for gateway in self.smpp | self.at | self.http))
        self.gateways.control("faults", bind_status=0, fail_status=0)
        self.dispatch()
        self.assertEqual((waiting.state, waiting.gateway_id, len(self.gateways.arrived())), ("accepted", self.smpp, 7))

    def test_companies_and_networks(self):
        other = self.env["res.company"].create({"name": "Other", "country_id": self.env.ref("base.ss").id})
        self.smpp.prefixes, self.at.company_id = "+21192", self.company
        ours = self.enqueue(MTN, ZAIN)
        theirs = self.enqueue(DIGITEL, company_id=other.id)
        self.dispatch()
        self.assertEqual([message.gateway_id for message in ours + theirs], [self.smpp, self.at, self.http])
        self.assertEqual(set((ours + theirs).mapped("state")), {"accepted"})

    def test_rate_of_one_gateway(self):
        (self.at | self.http).active = False
        self.smpp.rate = 10
        found = self.enqueue(*(f"+2119212345{n:02d}" for n in range(12)))
        started = time.monotonic()
        self.dispatch()
        self.assertGreaterEqual(time.monotonic() - started, 1.1)
        self.assertEqual(set(found.mapped("state")), {"accepted"})


class TestNobodyWaits(SmsCase):
    def test_a_slow_gateway_does_not_hold_up_another(self):
        """The slow one hangs until the quick one has handed over three batches."""
        self.env["isp.sms.gateway"].search([]).active = False
        slow = self.env["isp.sms.gateway"].create({"name": "Slow", "driver": "stub", "url": "slow", "prefixes": "+21192", "sequence": 1})
        quick = self.env["isp.sms.gateway"].create({"name": "Quick", "driver": "stub", "url": "quick", "sequence": 2, "rate": 50})
        others = [f"+2119812345{n:02d}" for n in range(100)]
        found = self.enqueue(MTN, *others)
        done = threading.Event()
        send = StubDriver.send

        def hang(driver, message):
            if driver.settings.url == "slow":
                self.assertTrue(done.wait(60))
            result = send(driver, message)
            if sum(url == "quick" for url, _message in StubDriver.sent) == len(others):
                done.set()
            return result

        self.patch(StubDriver, "send", hang)
        self.dispatch()
        self.assertEqual(set(found.mapped("state")), {"accepted"})
        self.assertEqual((found[0].gateway_id, found[1:].gateway_id), (slow, quick))


class TestDefaults(SmsCase):
    def test_what_a_driver_suggests(self):
        values = {"url": "smpp://h", "username": "u", "password": "p"}
        way = self.env["isp.sms.gateway"].create({"name": "S", "driver": "smpp", **values})
        self.assertEqual((way.connections, way.receipts), (1, True))
        way.connections = 3
        way.sender = "JubaNet"
        self.assertEqual(way.connections, 3)
        self.assertLessEqual({"kannel", "smpp", "africastalking", "http"}, set(DRIVERS))

    def test_the_earlier_attempt_under_the_same_reference(self):
        """A failure told for the first handing over does not end the second while it is on its way."""
        message = self.enqueue(MTN)
        self.dispatch()
        self.env.cr.execute("UPDATE isp_sms_message SET state = 'handing', handed_at = %s WHERE id = %s", [fields.Datetime.now() + timedelta(seconds=1), message.id])
        from ..drivers import Receipt

        self.env["isp.sms.receipt"]._take(self.gateway, [Receipt(state="failed", reference=message.reference)])
        self.read_reports()
        self.env.invalidate_all()
        self.assertEqual(message.state, "handing")
