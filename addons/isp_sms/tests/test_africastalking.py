# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import UserError, ValidationError

from ..drivers import DRIVERS, Message, Refused, Settings, Unknown, Unreachable
from .common import GatewaysCase

ONE, TWO = "+211921234567", "+211981234567"


class TestAfricasTalking(GatewaysCase):
    def driver(self, **values):
        options = {"enqueue": True, **values.pop("options", {})}
        made = DRIVERS["africastalking"](Settings(**{"url": self.gateways.url, "username": "jubanet", "password": "atsk_simulated", "timeout": 3, "options": options, **values}))
        self.addCleanup(made.close)
        return made

    def send(self, driver=None, number=ONE, sender="JubaNet", text="Hello"):
        return (driver or self.driver()).send(Message(uuid="a" * 32, number=number, text=text, sender=sender))

    def test_taken_with_id_and_cost(self):
        driver = self.driver()
        result = self.send(driver, text="مرحبا & co = 5€")
        self.assertTrue(result.reference.startswith("ATXid_"))
        self.assertEqual((result.cost, result.currency, result.text), (35.0, "UGX", "102 Queued"))
        self.assertEqual(self.send(self.driver(options={"enqueue": False})).text, "101 Success")
        self.assertEqual(self.gateways.arrived("africastalking")[0]["text"], "مرحبا & co = 5€")
        self.assertEqual((driver.balance().amount, driver.balance().currency), (9930.0, "UGX"))

    def test_what_codes_mean(self):
        for code, kind, meaning in (
            (401, Refused, "risk"), (402, Unreachable, "sender"), (403, Refused, "number"), (404, Refused, "number"), (405, Unreachable, "credit"),
            (406, Refused, "blacklist"), (407, Refused, "route"), (409, Refused, "blacklist"), (500, Unreachable, "500"), (501, Unreachable, "501"), (502, Refused, "gateway"),
        ):  # fmt: skip
            self.gateways.control("codes", **{ONE: code})
            with self.assertRaises(kind) as caught:
                self.send()
            self.assertEqual(caught.exception.code, meaning)
        self.gateways.control("codes", **{ONE: 100})
        self.assertTrue(self.send().reference)

    def test_wrong_key_sender_and_credit(self):
        for call in (lambda: self.send(self.driver(password="no")), lambda: self.send(sender="Stranger")):
            with self.assertRaises(Unreachable):
                call()
        self.gateways.control("account/africastalking", username="jubanet", balance=3)
        with self.assertRaises(Unreachable) as caught:
            self.send()
        self.assertEqual(caught.exception.code, "credit")

    def test_out_of_order(self):
        for status, kind in ((503, Unreachable), (429, Unreachable), (500, Unknown), (502, Unknown), (400, Refused)):
            self.gateways.control("faults", fail_status=status, fail_times=1)
            with self.assertRaises(kind):
                self.send()
        driver = self.driver()
        self.gateways.control("faults", fail_status=201, fail_times=1)  # an answer that is none
        with self.assertRaises(Unknown):
            self.send(driver)
        self.gateways.control("faults", silence=1)
        with self.assertRaises(Unknown):
            self.send(driver)
        self.assertTrue(self.send(driver).reference)
        with self.assertRaises(Unreachable):
            self.send(self.driver(url="http://127.0.0.1:9"))

    def test_where_it_is(self):
        self.assertEqual(self.driver(url="", username="sandbox").base, "https://api.sandbox.africastalking.com")
        self.assertEqual(self.driver(url="").base, "https://api.africastalking.com")
        self.assertTrue(self.send(self.driver(url=self.gateways.url + "/version1/messaging")).reference)

    def test_reports(self):
        report = DRIVERS["africastalking"].report
        states = {
            ("Success", ""): "delivered", ("Sent", ""): "accepted", ("Submitted", ""): "accepted", ("Buffered", ""): "accepted", ("Rejected", "x"): "undeliverable",
            ("Failed", "AbsentSubscriber"): "failed", ("Failed", "Expired"): "expired", ("AbsentSubscriber", ""): "failed", ("Expired", ""): "expired", ("New", ""): "",
        }  # fmt: skip
        for (status, reason), state in states.items():
            found = report(Settings(), {"id": "ATXid_1", "status": status, "phoneNumber": ONE, "networkCode": "65902", "failureReason": reason})
            self.assertEqual((found.state, found.reference, found.number), (state, "ATXid_1", ONE))
        for values in ({}, {"id": "x"}, {"status": "Success"}):
            with self.assertRaises(ValueError):
                report(Settings(), values)


class TestAfricasTalkingGateway(GatewaysCase):
    def test_cost_in_its_currency_and_a_report(self):
        way = self.make("africastalking")
        one, two = self.enqueue(ONE, TWO)
        self.dispatch()
        self.assertEqual((one.state, one.cost, one.currency_id.name), ("accepted", 35.0, "UGX"))
        for _n in range(2):
            way._keep_report({"id": one.reference, "status": "Success", "phoneNumber": ONE})
        way._keep_report({"id": one.reference, "status": "Sent", "phoneNumber": ONE})
        way._keep_report({"id": two.reference, "status": "Failed", "phoneNumber": TWO, "failureReason": "AbsentSubscriber"})
        self.read_reports()
        self.assertEqual((one.state, len(one.receipt_ids), two.state, two.error), ("delivered", 2, "failed", "Failed AbsentSubscriber"))

    def test_no_credit_the_next_takes_over_and_somebody_is_told(self):
        first, second = self.make("africastalking", sequence=1), self.make("http", sequence=2)
        self.gateways.control("account/africastalking", username="jubanet", balance=40)
        found = self.enqueue(ONE, TWO)
        first.connections = 1
        self.dispatch()
        self.assertEqual(set(found.mapped("state")), {"accepted"})
        self.assertEqual(found.mapped("gateway_id"), first | second)
        self.assertEqual((first.state, len(first.activity_ids)), ("resting", 1))
        first._alert()
        self.assertEqual(len(first.activity_ids), 1)

    def test_a_balance_below_the_limit_is_told_once(self):
        way = self.make("africastalking", alert_below=20000)
        for _n in range(2):
            way._read_balance(lambda: None)
        self.assertEqual((way.balance, way.balance_currency, len(way.activity_ids)), (10000.0, "UGX", 1))

    def test_an_unanswered_message_is_not_sent_again(self):
        way = self.make("africastalking")
        self.gateways.control("faults", silence=1)
        sent = self.enqueue(ONE)
        self.dispatch()
        self.assertEqual(sent.state, "handing")
        self.env.cr.execute("UPDATE isp_sms_message SET next_try = next_try - interval '1 day' WHERE id = %s", [sent.id])
        self.dispatch()
        self.env.invalidate_all()
        self.assertEqual((sent.state, len(self.gateways.arrived())), ("unknown", 1))
        # Its report may come days later, under an id that nobody was told: the number says whose it is.
        way._keep_report({"id": "ATXid_late", "status": "Success", "phoneNumber": ONE})
        self.read_reports()
        self.assertEqual((sent.state, sent.reference), ("delivered", "ATXid_late"))

    def test_connection_test(self):
        self.assertIn("UGX 10000", self.make("africastalking").action_test()["params"]["message"])
        with self.assertRaisesRegex(UserError, "user name and password"):
            self.make("africastalking", password="no").action_test()
        with self.assertRaises(ValidationError):
            self.make("africastalking", url="ftp://x")
