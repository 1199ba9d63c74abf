# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Notices from their cause through core's SMS, our log and a gateway in memory to the telephone."""

from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import new_test_user, tagged

from odoo.addons.isp_sms.drivers import DRIVERS
from odoo.addons.isp_sms.drivers.base import Refused
from odoo.addons.isp_sms.engine.segments import segments
from odoo.addons.isp_sms.tests.common import StubDriver

from ..models.isp_notice import KINDS
from ..models.isp_notice_template import SAMPLE
from .common import BillingCommon

NOON = "2026-11-20 10:00:00"  # in Juba


@tagged("post_install", "-at_install")
class NoticeSmsCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        DRIVERS["stub"] = StubDriver
        cls.addClassCleanup(DRIVERS.pop, "stub")
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.env["ir.module.module"].search([("name", "=", "isp_billing")])._update_translations(["ar_001"], overwrite=True)
        cls.company.write({"name": "Juba Net", "country_id": cls.env.ref("base.ss").id})
        cls.env["isp.sms.gateway"].search([]).active = False
        cls.gateway = cls.env["isp.sms.gateway"].create({"name": "Stub", "driver": "stub", "url": "stub", "price": 20.0})
        cls.env["sms.sms"].search([]).unlink()
        cls.partner = cls._create_customer(isp_account_no="T100042", phone="+211921234567", lang="en_US")

    def setUp(self):
        super().setUp()
        StubDriver.sent, StubDriver.answers = [], {}
        # What commits between two steps is a savepoint here.
        self.patch(self.env.cr, "commit", self.env.flush_all)

    def _go(self):
        """All schedulers once. :return: [(number, text)] that arrived in this turn"""
        before = len(StubDriver.sent)
        self.env.flush_all()
        self.env["isp.notice"]._send_queued()
        self.env["sms.sms"]._process_queue()
        self.env["isp.sms.message"]._dispatch(lambda processed=0: 1000)
        return [(message.number, message.text) for _url, message in StubDriver.sent[before:]]

    def _log(self, notices):
        return self.env["isp.sms.message"].search([("isp_notice_id", "in", notices.ids)])


@tagged("post_install", "-at_install")
class TestNoticeSms(NoticeSmsCommon):
    @freeze_time(NOON)
    def test_every_kind_arrives_once_in_the_customers_language(self):
        values = {"en_US": "Account T1000", "ar_001": "T1000"}
        for place, lang in enumerate(values):
            for number, (kind, _label) in enumerate(KINDS):
                if kind == "invoice" or kind in ("reminder", "overdue", "suspended"):
                    continue  # they are about a debt: tests of their own
                customer = self._create_customer(isp_account_no=f"T1000{place}{number:02d}", phone=f"+21192{place}{number:06d}", lang=lang)
                for _twice in range(2):
                    customer._isp_notify(kind, f"{kind}/t/{customer.id}", **{k: v for k, v in SAMPLE.items() if k not in ("name", "account")})
                with self.subTest(kind=kind, lang=lang):
                    ((to, text),) = self._go()
                    self.assertEqual(to, customer.phone)
                    self.assertEqual(segments(text), ("ucs2" if lang == "ar_001" else "gsm", len(text), 1))
                    self.assertNotIn("{", text)
                    self.assertEqual(self._go(), [])

    @freeze_time(NOON)
    def test_the_log_says_which_notice_what_record_and_who(self):
        cashier = new_test_user(self.env, "notice_cashier", groups="isp_base.group_isp_billing_manager", company_id=self.company.id, company_ids=[Command.set(self.company.ids)])
        line = self._create_line(partner_id=self.partner.id)
        told = self.partner.with_user(cashier)._isp_notify("restored", "restored/1", about=line, plan="Home")
        alone = self.partner._isp_notify("receipt", "receipt/1", amount=5000, number="P/1")
        self.assertEqual(len(self._go()), 2)
        message, other = self._log(told), self._log(alone)
        self.assertEqual((message.notice_kind, message.reason, message.kind), ("restored", "Back in service", "service"))
        self.assertEqual((message.create_uid, message.partner_id, message.company_id), (cashier, self.partner, self.company))
        self.assertEqual((message.res_model, message.res_id, message.res_name), ("isp.subscription", line.id, line.display_name))
        self.assertEqual(message.action_open_record()["res_model"], "isp.subscription")
        self.assertEqual(told.action_open_record()["res_id"], line.id)
        self.assertEqual((other.res_model, other.res_id), ("isp.notice", alone.id), "without a record it is about the notice")
        self.assertEqual(self.env["isp.sms.message"].search(told.action_view_sms()["domain"]), message)
        self.assertEqual(self.partner.with_user(cashier).isp_sms_count, 2)

    @freeze_time(NOON)
    def test_causes_name_their_record(self):
        line = self._create_line(partner_id=self.partner.id)
        self._bill(date(2026, 11, 1))
        line._suspend_if_overdue(date(2026, 11, 15))
        suspended = self.env["isp.notice"].search([("partner_id", "=", self.partner.id), ("kind", "=", "suspended")])
        self.assertEqual((suspended.res_model, suspended.res_id), ("isp.subscription", line.id))
        self.assertIn("your internet is off", self._go()[0][1])
        self._pay(self.partner, 216000)
        restored = self.env["isp.notice"].search([("partner_id", "=", self.partner.id), ("kind", "=", "restored")])
        self.assertEqual((restored.res_model, restored.res_id), ("isp.subscription", line.id))
        self.assertIn("your internet is back", " ".join(text for _to, text in self._go()))

    @freeze_time(NOON)
    def test_two_companies_in_one_queue(self):
        other = self.env["res.company"].create({"name": "Nile Net", "country_id": self.env.ref("base.ss").id, "currency_id": self.company.currency_id.id})
        self.gateway.company_id = self.company
        second = self.gateway.copy({"name": "Other", "url": "other", "company_id": other.id})
        mine = self.partner._isp_notify("restored", "restored/mine")
        theirs = self._create_customer(phone="+211921234568").with_company(other)._isp_notify("restored", "restored/theirs")
        arrived = dict(self._go())
        self.assertIn("Juba Net: thank you", arrived["+211921234567"])
        self.assertIn("Nile Net: thank you", arrived["+211921234568"])
        self.assertEqual((self._log(mine).company_id, self._log(mine).gateway_id), (self.company, self.gateway))
        self.assertEqual((self._log(theirs).company_id, self._log(theirs).gateway_id), (other, second))
        self.assertEqual(set((mine + theirs).mapped("state")), {"sent"})

    @freeze_time(NOON)
    def test_what_is_not_a_mobile_costs_nothing(self):
        landline = self._create_customer(phone="+211 181 234 567")
        told = landline._isp_notify("restored", "restored/landline")
        code = self.partner._isp_notify("token", "token/landline", to="+211181234567", user="a", password="b", ssid="c", until="2026-11-21")
        self.assertEqual(self._go(), [])
        self.assertEqual((told.state, code.state), ("skipped", "skipped"))
        self.assertIn("not a mobile", told.reason)
        self.assertIn("not a mobile", code.reason)
        self.assertFalse(self._log(told + code))

    @freeze_time(NOON)
    def test_the_gateways_refusal_stands_at_the_notice(self):
        StubDriver.answers[("stub", "+211921234567")] = Refused("Blacklisted by the operator", "7")
        told = self.partner._isp_notify("restored", "restored/refused")
        self._go()
        self.assertEqual((told.state, told.reason), ("failed", "Blacklisted by the operator"))
        StubDriver.answers = {}
        told.action_retry()
        self.assertEqual(len(self._go()), 1)
        self.assertEqual((told.state, told.reason), ("sent", False))
        self.assertEqual(len(self._log(told)), 1)

    def test_usage_is_told_once_and_only_the_last_stands(self):
        line = self._create_line(partner_id=self.partner.id)
        with freeze_time("2026-11-20 22:00:00"):  # midnight in Juba
            told = {p: self.partner._isp_notify("usage", f"usage/{line.id}/2026-11/{p}", about=line, percent=p, plan="Home 2M") for p in (50, 80)}
            self.assertFalse(self.partner._isp_notify("usage", f"usage/{line.id}/2026-11/80", about=line, percent=80, plan="Home 2M"))
            self.assertEqual(self._go(), [], "it waits for the morning")
        with freeze_time("2026-11-21 07:00:00"):
            ((_to, text),) = self._go()
            self.assertIn("you have used 80% of the data of Home 2M", text)
            self.assertEqual((told[50].state, told[50].reason, told[80].state), ("skipped", "A newer one has been written.", "sent"))
        with freeze_time("2026-11-21 22:00:00"):
            self.partner._isp_notify("used_up", f"usage/{line.id}/2026-11/100", about=line, plan="Home 2M")
            self.assertIn("used up", self._go()[0][1], "he is on line now")

    @freeze_time("2026-11-20 22:00:00")
    def test_a_code_goes_at_once_to_who_bought_it(self):
        self.partner._isp_notify("token", "token/9", to="0981 234 567", user="K7QX4M", password="93417528", ssid="JubaNet", until="2026-12-01 12:30:00")
        ((to, text),) = self._go()
        self.assertEqual(to, "+211981234567")
        self.assertEqual(text, "Juba Net WiFi JubaNet: user K7QX4M, password 93417528, valid until 1 Dec 2026 14:30.")

    def test_what_is_too_late_is_not_sent_when_the_gateway_is_back(self):
        self.gateway.write({"resting_until": "2026-11-25 00:00:00"})
        with freeze_time(NOON):
            told = self.partner._isp_notify("outage", "outage/1", site="Hai Malakal", date="2026-11-20 09:00:00")
            code = self.partner._isp_notify("receipt", "receipt/late", amount=5, number="P/5")
            self.assertEqual(self._go(), [])
        self.gateway.resting_until = False
        with freeze_time("2026-11-21 10:00:00"):
            ((_to, text),) = self._go()
            self.assertIn("receipt P/5", text)
            self.assertEqual((told.state, told.reason, code.state), ("failed", "Expired", "sent"))

    @freeze_time(NOON)
    def test_long_names_and_strange_letters_still_take_one_sms(self):
        self.company.name = "Nile Valley Telecommunications and Internet Services Limited"
        plan = "Unlimited Home and Family Internet – 10 Mbit/s “Gold”, with public address and support day and night"
        self.partner._isp_notify("expiring", "expiring/1", plan=plan, date="2026-12-01", amount=1250000, until="2026-12-01")
        ((_to, text),) = self._go()
        self.assertEqual(segments(text)[0::2], ("gsm", 1))
        self.assertTrue(text.endswith("ends on 1 Dec 2026. Pay 1,250,000 SSP to renew. Account T100042."), text)
        self.partner.lang = "ar_001"
        self.partner._isp_notify("expiring", "expiring/2", plan=plan, date="2026-12-01", amount=1250000, until="2026-12-01")
        ((_to, text),) = self._go()
        self.assertEqual(segments(text)[0::2], ("ucs2", 1))
        self.assertIn("1,250,000 جنيه", text)
        self.company.isp_sms_name = "Nile"
        self.partner._isp_notify("restored", "restored/short")
        self.assertTrue(self._go()[0][1].startswith("Nile: "))

    @freeze_time(NOON)
    def test_a_name_is_no_text(self):
        site = "Hai {company}\nMalakal\u202e {nothing}"
        self.partner._isp_notify("outage", "outage/name", site=site, date="2026-11-20 09:00:00")
        self.assertIn("the internet in Hai {company} Malakal {nothing} is down", self._go()[0][1])

    @freeze_time(NOON)
    def test_forgotten_messages_keep_their_kind(self):
        told = self.partner._isp_notify("restored", "restored/old")
        self._go()
        message = self._log(told)
        message.write({"final_at": "2020-01-01", "state": "delivered"})
        self.env["isp.sms.message"]._cron_retention()
        self.assertEqual((message.body, message.isp_notice_id.id, message.notice_kind, message.parts, message.cost), (False, False, "restored", 1, 20))

    @freeze_time(NOON)
    def test_handing_over_again_after_a_crash_sends_nothing_twice(self):
        told = self.partner._isp_notify("restored", "restored/crash")
        self.env.flush_all()
        self.env["isp.notice"]._send_queued()
        queue = self.env["sms.sms"]
        with self.assertRaises(ZeroDivisionError), self.cr.savepoint():
            queue._process_queue()
            self.assertEqual(len(self._log(told)), 1)
            raise ZeroDivisionError
        self.env.invalidate_all()
        self.assertEqual(len(self._go()), 1)
        self.assertEqual(self._go(), [])
        self.assertEqual(len(self._log(told)), 1)
