# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import Command

from .common import SmsCase, StubDriver

ONE, TWO = "+211921234567", "+211981234567"


class TestCore(SmsCase):
    def sms(self, number, company=None, **values):
        return self.env["sms.sms"].with_company(company or self.company).create({"number": number, "body": "Hello", **values})

    def test_core_only_writes_and_states_follow(self):
        sms = self.sms("0921 234 567").with_company(self.company)
        sms.send()
        message = self.messages.search([("uuid", "=", sms.uuid)])
        self.assertEqual((message.number, message.state, sms.state, sms.to_delete, StubDriver.sent), (ONE, "queued", "process", False, []))
        self.dispatch()
        self.assertEqual((sms.state, sms.to_delete), ("pending", True))
        self.report(message, 1)
        self.read_reports()
        self.assertEqual((message.state, sms.state), ("delivered", "sent"))

    def test_no_mobile_is_refused_with_a_reason_and_costs_nothing(self):
        sms = self.sms("12").with_company(self.company)
        sms.send()
        message = self.messages.search([("uuid", "=", sms.uuid)])
        self.assertEqual((sms.state, sms.failure_type, message.state, message.cost), ("error", "sms_number_format", "failed", 0))
        self.assertIn("12", message.error)
        self.dispatch()
        self.assertFalse(StubDriver.sent)

    def test_sent_again_as_the_same_row(self):
        sms = self.sms(ONE).with_company(self.company)
        sms.send()
        self.dispatch()
        message = self.messages.search([("uuid", "=", sms.uuid)])
        self.report(message, 2)
        self.read_reports()
        self.assertEqual((message.state, sms.state, sms.to_delete), ("failed", "error", False))
        sms.action_set_outgoing()
        sms.send()
        self.assertEqual(message.state, "queued")
        self.dispatch()
        self.assertEqual((message.state, message.tries, len(StubDriver.sent)), ("accepted", 2, 2))

    def test_two_companies_in_one_queue(self):
        other = self.env["res.company"].create({"name": "Other", "country_id": self.env.ref("base.ss").id})
        self.env.user.company_ids = [Command.link(other.id), Command.link(self.company.id)]
        self.env["sms.sms"].search([]).unlink()
        partners = self.env["res.partner"].create([{"name": "A", "phone": ONE, "company_id": self.company.id}, {"name": "B", "phone": TWO, "company_id": other.id}])
        posts = [partner.message_post(body="x") for partner in partners]
        for post, partner in zip(posts, partners, strict=True):
            post.record_company_id = partner.company_id
        sms = self.env["sms.sms"].create([{"number": p.phone, "body": "Hello", "partner_id": p.id, "mail_message_id": m.id} for p, m in zip(partners, posts, strict=True)])
        self.env["sms.sms"]._process_queue()
        messages = self.messages.search([("uuid", "in", sms.mapped("uuid"))], order="id")
        self.assertEqual(messages.company_id, self.company + other)
        self.assertEqual(messages[0].res_model, "res.partner")

    def test_without_gateway_core_goes_its_own_way(self):
        self.gateway.active = False
        self.assertEqual(self.company._get_sms_api_class().__name__, "SmsApi")

    def test_low_credit_alerts_once(self):
        self.gateway.alert_below = 100
        StubDriver.credit = 50.0
        for _ in range(2):
            self.gateway._read_balance(lambda: None)
        self.assertEqual((self.gateway.balance, len(self.gateway.activity_ids)), (50.0, 1))

    def test_a_copy_sends_nothing(self):
        from odoo.modules.neutralize import get_neutralization_queries

        self.enqueue(ONE)
        self.env.flush_all()
        for query in get_neutralization_queries(["isp_sms"]):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(self.gateway.active)
        self.assertFalse(self.messages.search([("state", "=", "queued")]))
