# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json

from odoo.exceptions import UserError, ValidationError
from odoo.tests import HttpCase, tagged

from ..drivers import DRIVERS, Message, Refused, Settings, Unknown, Unreachable
from .common import GatewaysCase

ONE, TWO = "+211921234567", "+211981234567"


class TestHttp(GatewaysCase):
    def send(self, way, text="Hello", number=ONE):
        driver = way._make_driver()()
        self.addCleanup(driver.close)
        return driver.send(Message(uuid="a" * 32, number=number, text=text, sender="JubaNet", dlr_url=""))

    def test_get_post_and_json(self):
        text = 'A & B = "5€" {x}\nمرحبا'
        form = "user={username}&pass={password}&to={digits}&text={text}&from={sender}&ref={uuid}"
        body = '{"to": "{number}", "text": "{text}", "from": "{sender}", "ref": "{uuid}"}'
        ways = [
            self.make("http"),
            self.make("http", url=f"{self.gateways.url}/send", http_method="POST", http_body=form),
            self.make("http", url=f"{self.gateways.url}/api/messages", http_method="POST", http_body=body, http_content_type="application/json",
                      http_headers="Authorization: Bearer {password}\nX-Our: yes", password="t0ken", http_ok='"queued"', http_id=r'"id": "([^"]+)"'),
        ]  # fmt: skip
        for way in ways:
            self.assertRegex(self.send(way, text).reference, r"^h\d+$")
        found = self.gateways.arrived("http")
        self.assertEqual([m["text"] for m in found], [text] * 3)
        self.assertEqual({(m["number"], m["ref"], m["sender"]) for m in found}, {(ONE[1:], "a" * 32, "JubaNet")})

    def test_what_answers_mean(self):
        way = self.make("http")
        with self.assertRaises(Refused):
            self.send(way, number="nobody")
        self.gateways.control("account/http", user="jubanet", credit=0)
        with self.assertRaises(Unreachable):
            self.send(way)
        self.gateways.control("reset")
        with self.assertRaises(Unreachable):
            self.send(self.make("http", password="no"))
        for status, kind in ((302, Unreachable), (401, Unreachable), (404, Unreachable), (503, Unreachable), (422, Refused), (500, Unknown)):
            self.gateways.control("faults", fail_status=status, fail_times=1)
            with self.assertRaises(kind):
                self.send(way)
        self.gateways.control("faults", silence=1)
        with self.assertRaises(Unknown):
            self.send(way)

    def test_what_is_checked_when_saved(self):
        good = f"{self.gateways.url}/send?to={{number}}&text={{text}}"
        for values, word in (
            ({"url": "ftp://x/{number}{text}"}, "no address"), ({"url": "file:///etc/passwd?{number}{text}"}, "no address"), ({"url": "http://{number}/{text}"}, "no address"),
            ({"url": "http://h/?t={text} {number}"}, "no address"), ({"url": "http://h/?t={text}"}, "must hold"), ({"url": good + "&x={txt}"}, "no placeholder {txt}"),
            ({"http_ok": "("}, "regular expression"), ({"http_headers": "no colon"}, "no header"), ({"http_report_words": "OK = arrived"}, "should be like"),
            ({"http_balance_url": "gopher://x"}, "no address"),
        ):  # fmt: skip
            with self.assertRaisesRegex(ValidationError, word):
                self.make("http", **{"url": good, **values})
        self.assertTrue(self.make("http", url="https://h:8443/x", http_method="POST", http_body="{number} {text}", http_content_type="text/plain"))

    def test_its_own_address_proves_what_was_not_answered(self):
        self.gateways.control("faults", receipts="never", silence=1)
        way = self.make("http")
        sent = self.enqueue(ONE)
        self.dispatch()
        self.assertEqual(sent.state, "handing")
        way._keep_report({"status": "DELIVRD", "id": "h1"}, sent.uuid, 1)
        self.read_reports()
        self.assertEqual(sent.state, "delivered")
        self.assertTrue(DRIVERS["http"].traces(way._prepare_settings()))
        way.url = f"{self.gateways.url}/send?to={{number}}&text={{text}}"
        self.assertFalse(DRIVERS["http"].traces(way._prepare_settings()))

    def test_reports_in_other_words(self):
        way = self.make("http", http_report_status="Zustand", http_report_id="Nr", http_report_words="ZUGESTELLT = delivered\n9 = failed")
        one, two = self.enqueue(ONE, TWO)
        self.dispatch()
        way._keep_report({"zustand": "Zugestellt", "nr": one.reference})
        way._keep_report({"Zustand": "9", "Nr": two.reference})
        way._keep_report({"Zustand": "hm", "Nr": two.reference})
        self.read_reports()
        self.assertEqual((one.state, two.state), ("delivered", "failed"))
        self.assertEqual(two.receipt_ids.mapped("state"), ["unclear", "done"])
        with self.assertRaises(ValueError):
            way._keep_report({"status": "Zugestellt"})

    def test_credit_and_connection_test(self):
        way = self.make("http", http_balance_url=f"{self.gateways.url}/version1/user?username=jubanet", http_headers="apiKey: atsk_simulated\nAccept: application/json", alert_below=1)
        way._read_balance(lambda: None)
        self.assertEqual(way.balance, 10000)
        self.assertIn("10000", way.action_test()["params"]["message"])
        way.http_headers = "apiKey: no"
        with self.assertRaisesRegex(UserError, "user name and password"):
            way.action_test()
        self.assertIn("OK", self.make("http").action_test()["params"]["message"])
        with self.assertRaisesRegex(UserError, "Nobody listens"):
            self.make("http", url="http://127.0.0.1:9/?{number}{text}").action_test()


class TestRules(GatewaysCase):
    def test_any_report_is_read_or_refused(self):
        driver = DRIVERS["http"]
        for word, state in (("DELIVRD", "delivered"), ("Delivered", "delivered"), ("1", "delivered"), ("UNDELIV", "failed"), ("rejected", "undeliverable"), ("??", "")):
            self.assertEqual(driver.report(Settings(), {"status": word, "msgid": "7"}).state, state)
        self.assertEqual(driver.report(Settings(), {"status": "1", "ref": "a" * 32}).uuid, "a" * 32)


@tagged("post_install", "-at_install")
class TestReportRoute(HttpCase):
    def setUp(self):
        super().setUp()
        values = {"username": "u", "password": "p", "receipts": True}
        self.at = self.env["isp.sms.gateway"].create({"name": "AT", "driver": "africastalking", **values})
        self.http = self.env["isp.sms.gateway"].create({"name": "H", "driver": "http", "url": "http://h/?{number}{text}{dlr_url}", **values})

    def receipts(self):
        return self.env["isp.sms.receipt"].search([("gateway_id", "in", (self.at | self.http).ids)], order="id")

    def test_forms_queries_and_json_are_kept_once(self):
        path = f"/isp_sms/report/{self.at.callback_token}"
        self.assertTrue(self.at.callback_url.endswith(path))
        form = {"id": "ATXid_1", "status": "Failed", "phoneNumber": ONE, "networkCode": "65902", "failureReason": "AbsentSubscriber", "retryCount": "0"}
        for _n in range(2):
            self.assertEqual(self.url_open(path, data=form).status_code, 200)
        self.assertEqual([(r.result, r.reference, r.number, r.text) for r in self.receipts()], [("failed", "ATXid_1", ONE, "Failed AbsentSubscriber")])
        path = f"/isp_sms/report/{self.http.callback_token}"
        self.assertEqual(self.url_open(f"{path}?status=DELIVRD&id=5").status_code, 200)
        self.assertEqual(self.url_open(path, data=json.dumps({"status": "DELIVRD", "id": 6, "x": {"y": 1}}), headers={"Content-Type": "application/json"}).status_code, 200)
        self.assertEqual(self.receipts().mapped("reference"), ["ATXid_1", "5", "6"])
        # An id of one gateway is not that of another.
        self.assertEqual(self.url_open(f"{path}?status=Failed&id=ATXid_1").status_code, 200)
        self.assertEqual(len(self.receipts()), 4)

    def test_forged_broken_and_off(self):
        token = self.at.callback_token
        for path in ("x", token[:-1], token + "x", "%00" * 30, f"{token}/{'a' * 32}/1/{'0' * 40}", f"{token}/x/1/y", f"{token}/{'a' * 32}/1/%C3%A9", "é" * 30, f"{token}/{'a' * 32}/99999/{'0' * 40}"):
            self.assertEqual(self.url_open(f"/isp_sms/report/{path}?id=1&status=Success").status_code, 403, path)
        for data in ({}, {"id": "1"}, {"status": "Success"}):
            self.assertEqual(self.url_open(f"/isp_sms/report/{token}", data={**data, "z": "\0"}).status_code, 400)
        self.assertFalse(self.receipts())
        self.at.active = False
        self.assertEqual(self.url_open(f"/isp_sms/report/{token}", data={"id": "1\0", "status": "Success"}).status_code, 200)
        self.assertEqual(len(self.receipts()), 1)

    def test_the_signed_address_of_one_message(self):
        url = self.http._receipt_url()("b" * 32, 2)
        path = url[url.index("/isp_sms") :]
        self.assertEqual(self.url_open(f"{path}?status=delivered").status_code, 200)
        self.assertEqual(self.url_open(f"{path.replace('/2/', '/3/')}?status=delivered").status_code, 403)
        self.assertEqual([(r.uuid, r.attempt, r.result) for r in self.receipts()], [("b" * 32, 2, "delivered")])
