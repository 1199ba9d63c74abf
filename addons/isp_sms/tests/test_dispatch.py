# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields

from ..drivers.base import Refused, Unknown, Unreachable
from .common import SmsCase, StubDriver

ONE, TWO = "+211921234567", "+211981234567"


class TestDispatch(SmsCase):
    def test_a_message_goes_out_once_with_parts_and_cost(self):
        message = self.enqueue(ONE, body="a" * 161)
        self.assertEqual(self.dispatch(), 1)
        self.assertEqual((message.state, message.parts, message.cost, message.tries), ("accepted", 2, 40.0, 1))
        self.assertEqual(message.reference, f"ref-{message.uuid}")
        self.assertEqual(self.dispatch(), 0)
        self.assertEqual(len(StubDriver.sent), 1)

    def test_the_same_uuid_twice_is_one_message(self):
        message = self.enqueue(ONE)
        row = {"uuid": message.uuid, "number": ONE, "body": "Again", "company_id": self.company.id}
        self.assertEqual(self.messages._enqueue([row]), 0)
        self.dispatch()
        self.assertEqual(self.messages._enqueue([row]), 0)
        self.dispatch()
        self.assertEqual(len(StubDriver.sent), 1)

    def test_a_refused_message_fails_alone(self):
        StubDriver.answers = {("first", ONE): Refused("no such number", "404")}
        bad, good = self.enqueue(ONE, TWO)
        self.dispatch()
        self.assertEqual((bad.state, bad.error, bad.error_code, good.state), ("failed", "no such number", "404", "accepted"))

    def test_unreachable_rests_and_the_next_takes_over(self):
        second = self.env["isp.sms.gateway"].create({"name": "Second", "driver": "stub", "url": "second", "sequence": 20})
        StubDriver.answers = {"first": Unreachable("refused")}
        messages = self.enqueue(ONE, TWO)
        self.dispatch()
        self.assertEqual(messages.gateway_id, second)
        self.assertEqual(set(messages.mapped("state")), {"accepted"})
        self.assertEqual((self.gateway.failures, self.gateway.state, self.gateway.last_error), (1, "resting", "refused"))

    def test_all_resting_nothing_is_lost_for_days(self):
        StubDriver.answers = {"first": Unreachable("refused")}
        message = self.enqueue(ONE)
        for _ in range(12):
            self.dispatch()
            self.gateway.resting_until = fields.Datetime.now() - timedelta(seconds=1)
        self.assertEqual((message.state, self.gateway.failures), ("queued", 12))
        StubDriver.answers = {}
        self.dispatch()
        self.assertEqual((message.state, self.gateway.failures), ("accepted", 0))

    def test_unknown_waits_for_a_report_and_then_goes_again(self):
        StubDriver.answers = {"first": Unknown("time-out")}
        message = self.enqueue(ONE)
        self.dispatch()
        self.assertEqual(message.state, "handing")
        StubDriver.answers = {}
        self.dispatch()
        self.assertFalse(StubDriver.sent)
        message.next_try = fields.Datetime.now() - timedelta(seconds=1)
        self.dispatch()
        self.assertEqual((message.state, message.tries, len(StubDriver.sent)), ("accepted", 2, 1))

    def test_unknown_and_a_report_proves_that_it_went(self):
        StubDriver.answers = {"first": Unknown("time-out")}
        message = self.enqueue(ONE)
        self.dispatch()
        self.report(message, 8)
        self.read_reports()
        self.assertEqual(message.state, "accepted")
        self.dispatch()
        self.assertFalse(StubDriver.sent)

    def test_unknown_without_reports_is_for_a_person(self):
        self.gateway.receipts = False
        StubDriver.answers = {"first": Unknown("time-out")}
        again, was_sent = self.enqueue(ONE, TWO)
        self.dispatch()
        self.assertEqual({again.state, was_sent.state}, {"unknown"})
        StubDriver.answers = {}
        again.action_send_again()
        was_sent.action_was_sent()
        self.dispatch()
        self.assertEqual((again.state, was_sent.state, len(StubDriver.sent)), ("accepted", "accepted", 1))

    def test_what_a_killed_dispatcher_left_is_not_simply_sent_again(self):
        message = self.enqueue(ONE)
        self.messages._claim(self.gateway, self.env["isp.sms.gateway"])
        self.dispatch()
        self.assertEqual((message.state, bool(message.next_try), StubDriver.sent), ("handing", True, []))

    def test_reports_that_lag_behind_are_waited_for(self):
        """The wait is over, but reports of earlier messages are still coming in: that of this one may stand in their line."""
        earlier = self.enqueue(ONE)
        self.dispatch()
        StubDriver.answers = {"first": Unknown("time-out")}
        doubtful = self.enqueue(TWO, uuid="d" * 32)
        self.dispatch()
        now = fields.Datetime.now()
        self.env.cr.execute("UPDATE isp_sms_message SET handed_at = %s WHERE id = %s", [now - timedelta(minutes=5), earlier.id])
        self.env.invalidate_all()
        StubDriver.answers = {}
        self.report(earlier, 8)
        self.read_reports()
        doubtful.next_try = now - timedelta(seconds=1)
        self.dispatch()
        self.assertEqual((doubtful.state, doubtful.tries, doubtful.next_try > now), ("handing", 1, True))
        # Those handed over later are reported by now: it did not go.
        self.env.cr.execute("UPDATE isp_sms_message SET handed_at = %s WHERE id = %s", [now + timedelta(minutes=5), earlier.id])
        doubtful.next_try = now - timedelta(seconds=1)
        self.dispatch()
        self.assertEqual((doubtful.state, doubtful.tries), ("accepted", 2))

    def test_too_late_expires(self):
        message = self.enqueue(ONE, valid_until=fields.Datetime.now() - timedelta(minutes=1))
        self.dispatch()
        self.assertEqual((message.state, StubDriver.sent), ("expired", []))

    def test_prefixes_and_companies_choose_the_gateway(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.gateway.prefixes = "+21192"
        second = self.env["isp.sms.gateway"].create({"name": "Second", "driver": "stub", "url": "second", "sequence": 20, "company_id": self.company.id})
        mtn, zain = self.enqueue(ONE, TWO)
        alien = self.enqueue(TWO, company_id=other.id, uuid="f" * 32)
        self.dispatch()
        self.assertEqual((mtn.gateway_id, zain.gateway_id, alien.state), (self.gateway, second, "queued"))

    def test_service_before_bulk(self):
        self.gateway.connections = 1
        self.enqueue(ONE, kind="bulk")
        self.enqueue(TWO, body="Code")
        self.dispatch()
        self.assertEqual([message.number for _url, message in StubDriver.sent], [TWO, ONE])


class TestReceipts(SmsCase):
    def accepted(self):
        message = self.enqueue(ONE)
        self.dispatch()
        return message

    def test_out_of_order_and_doubled(self):
        message = self.accepted()
        self.assertEqual(self.report(message, 1), 1)
        self.assertEqual(self.report(message, 1), 0)
        self.read_reports()
        self.assertEqual(message.state, "delivered")
        self.report(message, 2)
        self.report(message, 8)
        self.read_reports()
        self.assertEqual((message.state, len(message.receipt_ids)), ("delivered", 3))

    def test_a_late_success_wins_over_a_failure(self):
        message = self.accepted()
        self.report(message, 2)
        self.read_reports()
        self.assertEqual(message.state, "failed")
        self.report(message, 1)
        self.read_reports()
        self.assertEqual((message.state, message.error), ("delivered", False))

    def test_a_failure_of_an_earlier_attempt_says_nothing(self):
        message = self.accepted()
        self.report(message, 2)
        self.read_reports()
        message.action_send_again()
        self.dispatch()
        self.report(message, 16, attempt=1)
        self.read_reports()
        self.assertEqual((message.state, message.tries), ("accepted", 2))
        self.report(message, 2, attempt=2)
        self.read_reports()
        self.assertEqual(message.state, "failed")

    def test_for_nobody_and_unknown_words_are_listed(self):
        message = self.accepted()
        self.report(message.new({"uuid": "e" * 32, "tries": 1}), 1)
        self.report(message, 99)
        self.read_reports()
        found = self.env["isp.sms.receipt"].search([("state", "in", ("unmatched", "unclear"))])
        self.assertEqual(set(found.mapped("state")), {"unmatched", "unclear"})
        self.assertEqual(message.state, "accepted")
