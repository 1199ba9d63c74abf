# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, timedelta

from psycopg2.errors import CheckViolation

from odoo import Command, fields
from odoo.exceptions import AccessError
from odoo.tests import Form, new_test_user
from odoo.tools import mute_logger

from .common import BillingCommon

NUMBERS = iter(range(1000))


class TestSmsBulk(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.company.country_id = cls.env.ref("base.ss")
        cls.env["isp.sms.gateway"].create({"name": "Kannel", "driver": "kannel", "url": "http://127.0.0.1:9", "price": 20})
        cls.fast = cls._create_plan("B-FAST", billing_mode="prepaid")
        cls.achol = cls.customer("Achol Deng", isp_county="Juba", isp_payam="Munuki", isp_customer_type="business")
        cls.bol = cls.customer("Bol Kuol", isp_county="juba ", isp_payam="Kator", isp_name_ar="بول", lang="ar_001")
        cls.garang = cls.customer("Garang")
        cls.stranger = cls.env["res.partner"].create({"name": "Nobody's customer", "phone": "+211921999999"})
        cls.home, cls.prepaid, cls.ended = (cls._create_line(partner_id=p.id) for p in (cls.achol, cls.bol, cls.garang))
        cls.prepaid.plan_id = cls.fast
        cls.ended._set_state("terminated", "termination")

    @classmethod
    def customer(cls, name, **vals):
        return cls._create_customer(name, phone=f"+211921{next(NUMBERS):06d}", **vals)

    def bulk(self, **vals):
        return self.env["isp.sms.bulk"].create({"name": "Notice", "body": "Hello {name}", "company_id": self.company.id, **vals})

    def reached(self, **vals):
        bulk = self.bulk(**vals)
        bulk.action_preview()
        return bulk.line_ids.partner_id

    def test_who_is_meant(self):
        other = self.env["res.company"].create({"name": "Other"})
        alien = self.customer("Alien")
        self.env["isp.subscription"].create({"partner_id": alien.id, "plan_id": self.plan.id, "company_id": other.id})._set_state("active", "import")
        self.prepaid.valid_until = fields.Datetime.now() + timedelta(days=2)
        both = self.achol + self.bol
        for vals, expected in (
            ({}, both),
            ({"isp_line_state": "active"}, both),
            ({"isp_line_state": "suspended"}, self.env["res.partner"]),
            ({"isp_line_state": "terminated"}, self.garang),
            ({"isp_plan_ids": [Command.set(self.fast.ids)]}, self.bol),
            ({"isp_billing_mode": "postpaid"}, self.achol),
            ({"isp_customer_type": "business"}, self.achol),
            ({"isp_payam": "munuki"}, self.achol),
            ({"isp_payam": "Kator، MUNUKI"}, both),
            ({"isp_payam": "Mun%"}, self.env["res.partner"]),
            ({"isp_ends_within": 3}, self.bol),
            ({"isp_ends_within": 1}, self.env["res.partner"]),
        ):
            with self.subTest(vals):
                self.assertEqual(self.reached(**vals), expected)
        self.assertIn(self.stranger, self.reached(audience="all"))

    def test_a_former_customer_who_came_back_is_no_former_customer(self):
        self._create_line(partner_id=self.garang.id)
        self.assertFalse(self.reached(isp_line_state="terminated"))

    def test_overdue_as_everywhere_else(self):
        self._bill(date(2026, 11, 1))
        overdue = self.achol._isp_dues(date(2026, 12, 1))[self.achol.id, self.company.id].overdue
        self.patch(type(self.company), "_isp_today", lambda _company: date(2026, 11, 13))  # due on the 11th
        self.assertTrue(overdue)
        for vals, found in (
            ({"isp_overdue_days": 1}, True),
            ({"isp_overdue_days": 2}, True),
            ({"isp_overdue_days": 3}, False),
            ({"isp_overdue_min": overdue}, True),
            ({"isp_overdue_min": overdue + 1}, False),
        ):
            with self.subTest(vals):
                self.assertEqual(self.achol in self.reached(**vals), found)
        bulk = self.bulk(isp_overdue_days=1, body="{account}: {overdue} of {balance} for {plan}")
        bulk.action_preview()
        amount = self.env["isp.notice"]._money(overdue, self.company, "en_US")
        self.assertEqual(bulk.example_en, f"{self.achol.isp_account_no}: {amount} of {amount} for B-HOME")
        # Who pays before his turn has come is not written to.
        bulk._start()
        self._pay(self.achol, overdue)
        self.env["isp.sms.bulk"].with_user(1).browse(bulk.id)._feed(bulk.line_ids)
        line = bulk.line_ids.filtered(lambda one: one.partner_id == self.achol)
        self.assertEqual((line.state, line.reason), ("left_out", "changed"))

    def test_nobody_is_told_that_he_owes_nothing(self):
        bulk = self.bulk(body="You owe {balance}")
        bulk.action_preview()
        self.assertEqual(set(bulk.line_ids.mapped("reason")), {"no_value"})

    def test_arabic_name_and_second_number(self):
        self.bol.write({"phone": "+211811000000", "isp_alt_phone": "+211921777777"})
        bulk = self.bulk(body_ar="مرحبا {name}")
        bulk.action_preview()
        self.assertEqual(bulk.example_ar, "مرحبا بول")
        self.assertIn("+211921777777", bulk.line_ids.mapped("number"))

    def test_quiet_hours_are_the_companys(self):
        self.company.write({"isp_quiet_from": 21.5, "isp_quiet_to": 6})
        self.assertEqual(self.bulk().quiet_text, "21:30 to 06:00 (Africa/Juba)")

    def test_a_changed_filter_is_stale_and_below_zero_is_refused(self):
        for change in ({"isp_line_state": "active"}, {"isp_plan_ids": [Command.set(self.fast.ids)]}, {"isp_overdue_min": 5}, {"isp_payam": "x"}):
            bulk = self.bulk()
            bulk.action_preview()
            bulk.write(change)
            self.assertEqual(bulk.state, "draft")
        with self.assertRaises(CheckViolation), mute_logger("odoo.sql_db"):
            bulk.isp_overdue_days = -1
            self.env.flush_all()

    def test_a_batch_costs_the_same_for_any_number(self):
        counts = []
        for size in (3, 40):
            for n in range(size):
                self._create_line(partner_id=self.customer(f"Customer {n}").id)
            bulk = self.bulk(body="{name} {account} {plan}", isp_overdue_min=0)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            bulk.action_preview()
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])

    def test_roles(self):
        def user(group):
            return new_test_user(
                self.env, group, groups=f"isp_base.group_isp_{group}", company_id=self.company.id, company_ids=[Command.set(self.company.ids)]
            )  # fmt: skip

        for role in ("billing_manager", "administrator"):
            with Form(self.env["isp.sms.bulk"].with_user(user(role))) as form:
                form.name, form.body, form.isp_line_state = "Work", "Hello {name}", "active"
                form.isp_plan_ids.add(self.plan)
            bulk = form.record
            bulk.action_preview()
            self.env["isp.sms.bulk.confirm"].with_user(bulk.env.user).create({"bulk_id": bulk.id}).action_send()
            self.assertEqual((bulk.state, bulk.recipient_count), ("running", 1))
            bulk.action_stop()
        service = bulk.with_user(user("customer_service"))
        self.assertEqual((service.recipient_count, len(service.line_ids)), (1, 1))
        for work in (service.action_preview, service.action_stop, lambda: service.write({"name": "x"}), lambda: service.copy()):
            with self.assertRaises(AccessError):
                work()
        with self.assertRaises(AccessError):
            bulk.with_user(user("technician")).read(["name"])
