# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user

from .common import SmsCase, StubDriver

ONE, TWO = "+211921234567", "+211981234567"


class TestLog(SmsCase):
    """Who got what and why, for how long it is known, and what it cost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer = cls.env["res.partner"].create({"name": "Achol Deng", "phone": ONE})

    def about(self, partner, count=1, **values):
        numbers = [f"+2119212{n:05d}" for n in range(count)]
        return self.enqueue(*numbers, partner_id=partner.id, res_model="res.partner", res_id=partner.id, reason="Receipt", **values)

    def test_says_who_and_why_and_opens_it(self):
        user = new_test_user(self.env, "sms_cashier", groups="base.group_user")
        message = self.about(self.customer, create_uid=user.id)
        self.assertEqual((message.create_uid, message.reason, message.res_name), (user, "Receipt", "Achol Deng"))
        action = message.action_open_record()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.customer.id))

    def test_what_is_gone_or_nothing_cannot_be_opened(self):
        (nothing,) = self.enqueue(TWO)
        self.assertFalse(nothing.res_name)
        with self.assertRaisesRegex(UserError, "no record"):
            nothing.action_open_record()
        gone = self.about(self.env["res.partner"].create({"name": "Gone"}))
        gone.partner_id = False
        self.env["res.partner"].browse(gone.res_id).unlink()
        self.assertFalse(gone.res_name)
        with self.assertRaisesRegex(UserError, "deleted"):
            gone.action_open_record()

    def test_what_the_reader_may_not_see_is_neither_named_nor_opened(self):
        self.gateway.company_id = self.company
        reader = new_test_user(self.env, "sms_reader", groups="isp_sms.group_user", company_ids=[Command.set(self.company.ids)], company_id=self.company.id)
        (message,) = self.enqueue(TWO, res_model="isp.sms.gateway", res_id=self.gateway.id)
        self.assertEqual(message.with_user(reader).res_name, "First")
        self.gateway.company_id = self.env["res.company"].create({"name": "Other"})
        message.invalidate_recordset()
        self.assertFalse(message.with_user(reader).res_name)
        with self.assertRaises(AccessError):
            message.with_user(reader).action_open_record()

    def test_from_the_customer_to_his_messages(self):
        child = self.env["res.partner"].create({"name": "Second number", "parent_id": self.customer.id})
        other = self.env["res.partner"].create({"name": "Other"})
        messages = self.about(self.customer, 2) + self.about(child, valid_until=fields.Datetime.now())
        self.assertEqual(((self.customer + child + other).mapped("isp_sms_count")), [2, 0, 0], "the same uuids are one message")
        messages += self.enqueue(TWO, partner_id=child.id)
        (self.customer + child + other).invalidate_recordset(["isp_sms_count"])
        self.assertEqual(((self.customer + child + other).mapped("isp_sms_count")), [3, 1, 0])
        domain = self.customer.action_view_isp_sms()["domain"]
        self.assertEqual(self.messages.search(domain), messages.sorted("id", reverse=True))

    def test_rows_do_not_add_queries(self):
        partners = self.env["res.partner"].create([{"name": f"Customer {n}"} for n in range(40)])
        numbers = [f"+2119213{n:05d}" for n in range(40)]
        for number, partner in zip(numbers, partners, strict=True):
            self.enqueue(number, partner_id=partner.id, res_model="res.partner", res_id=partner.id)
        self.dispatch()
        for view in ("view_isp_sms_message_list", "view_isp_sms_message_kanban", "view_isp_sms_cost_list"):
            counts = [self._queries(view, [("number", "in", numbers)], limit) for limit in (4, 4, 40)]
            with self.subTest(view=view):
                self.assertEqual(counts[1], counts[2])

    def _queries(self, view, domain, limit):
        kind = view.rpartition("_")[2]
        view = self.messages.get_view(self.env.ref(f"isp_sms.{view}").id, kind)
        names = view["models"]["isp.sms.message"]
        spec = {name: {"fields": {"display_name": {}}} if self.messages._fields[name].type == "many2one" else {} for name in names}
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        self.assertEqual(len(self.messages.web_search_read(domain, spec, limit=limit)["records"]), limit)
        return self.cr.sql_log_count - before

    # === Retention ===

    def ended(self, number, moment, state="delivered", **values):
        (message,) = self.enqueue(number, partner_id=self.customer.id, res_model="res.partner", res_id=self.customer.id, **values)
        self.dispatch()
        message.write({"state": state, "final_at": moment, "handed_at": moment})
        return message

    def months(self, value):
        settings = self.env["res.config.settings"].create({"isp_sms_retention_months": value})
        settings.execute()

    @freeze_time("2026-11-24 10:00:00")
    def test_old_messages_are_forgotten_and_still_counted(self):
        self.months(6)
        old, young = self.ended(ONE, "2026-05-24 09:00:00"), self.ended(TWO, "2026-05-24 11:00:00")
        doubtful = self.ended("+211921234560", False, state="unknown")
        doubtful.handed_at = "2026-01-01"
        self.report(old, 1)
        self.read_reports()
        old.receipt_ids.sudo().write({"raw": "To: +211921234567"})
        self.env.flush_all()
        self.cr.execute("UPDATE isp_sms_receipt SET create_date = '2026-05-01'")
        before = self.messages._read_group([("id", "in", (old + young).ids)], ["gateway_id"], ["__count", "parts:sum", "cost:sum"])
        self.messages._cron_retention(batch=1)
        self.assertEqual((old.body, old.number, old.partner_id.id, old.res_id, len(old.receipt_ids)), (False, False, False, 0, 0))
        self.assertEqual((doubtful.body, doubtful.number), (False, False))
        self.assertEqual((young.body, young.number, young.partner_id), ("Hello", TWO, self.customer))
        after = self.messages._read_group([("id", "in", (old + young).ids)], ["gateway_id"], ["__count", "parts:sum", "cost:sum"])
        self.assertEqual(after, before)
        self.assertEqual(self.messages._enqueue([{"uuid": old.uuid, "number": ONE, "body": "Hello", "company_id": self.company.id}]), 0, "never twice, however old")

    @freeze_time("2026-11-24 10:00:00")
    def test_what_waits_is_not_forgotten(self):
        self.months(1)
        (waiting,) = self.enqueue(ONE)
        waiting.write({"handed_at": "2020-01-01"})
        self.messages._cron_retention()
        self.assertEqual(waiting.body, "Hello")

    @freeze_time("2026-11-24 10:00:00")
    def test_for_ever(self):
        old = self.ended(ONE, "2016-01-01")
        self.months(0)
        self.assertEqual(self.env["res.config.settings"].create({}).isp_sms_retention_months, 0)
        self.messages._cron_retention()
        self.assertEqual(old.body, "Hello")
        self.months(24)
        self.messages._cron_retention()
        self.assertFalse(old.body)

    def test_what_is_no_number_of_months(self):
        with self.assertRaises(ValidationError):
            self.months(-1)
        self.env["ir.config_parameter"].set_param("isp_sms.retention_months", "two")
        self.assertEqual(self.messages._retention_months(), 24)

    def test_a_forgotten_message_cannot_be_sent_again(self):
        old = self.ended(ONE, "2016-01-01", state="failed")
        self.messages._cron_retention()
        with self.assertRaisesRegex(UserError, "forgotten"):
            old.action_send_again()

    # === Cost ===

    def test_cost_by_month_gateway_and_kind(self):
        self.enqueue(ONE, TWO)
        self.enqueue("+211921234561", body="a" * 161, kind="bulk")
        StubDriver.answers = {}
        self.dispatch()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_sms.action_isp_sms_cost")
        self.assertEqual([view for _id, view in action["views"]][:3], ["pivot", "graph", "list"])
        rows = self.messages._read_group(
            [("accepted_at", "!=", False), ("company_id", "=", self.company.id)], ["accepted_at:month", "gateway_id", "kind"], ["__count", "parts:sum", "cost:sum"]
        )
        month = fields.Date.start_of(fields.Date.today(), "month")
        self.assertEqual([(m.date(), *rest) for m, *rest in rows], [(month, self.gateway, "bulk", 1, 2, 40.0), (month, self.gateway, "service", 2, 2, 40.0)])

    def test_refused_numbers_cost_nothing_and_are_not_in_the_report(self):
        sms = self.env["sms.sms"].with_company(self.company).create({"number": "+211181234567", "body": "Hello"})
        sms.with_company(self.company).send()
        message = self.messages.search([("uuid", "=", sms.uuid)])
        self.assertEqual((message.state, message.error_code, message.cost, message.accepted_at), ("failed", "not_mobile", 0, False))
        self.assertIn("not a mobile number", message.error)

    def test_low_credit_is_seen(self):
        self.gateway.write({"alert_below": 100, "balance": 50, "balance_at": fields.Datetime.now()})
        self.assertTrue(self.gateway.credit_low)
        self.assertIn(self.gateway, self.env["isp.sms.gateway"].search([("credit_low", "=", True)]))
        self.gateway.balance = 100
        self.assertFalse(self.gateway.credit_low)
        self.assertIn(self.gateway, self.env["isp.sms.gateway"].search([("credit_low", "=", False)]))

    # === Rights ===

    def test_who_may(self):
        (message,) = self.enqueue(ONE)
        everything = {"isp.sms.message": message, "isp.sms.gateway": self.gateway}
        roles = {
            "base.group_portal": ("", ""),
            "base.group_user": ("", ""),
            "isp_sms.group_user": ("R", "R"),
            "isp_sms.group_manager": ("RW", "RW"),
            "base.group_system": ("RW", "RWCU"),
        }
        for group, rights in roles.items():
            companies = {"company_ids": [Command.set([self.company.id])], "company_id": self.company.id}
            user = new_test_user(self.env, f"sms_{group.replace('.', '_')}", groups=group, **companies)
            for (model, record), may in zip(everything.items(), rights, strict=True):
                for operation, letter in (("read", "R"), ("write", "W"), ("create", "C"), ("unlink", "U")):
                    with self.subTest(group=group, model=model, operation=operation):
                        self.assertEqual(record.with_user(user).has_access(operation), letter in may)
            if "W" not in rights[0]:
                with self.subTest(group=group), self.assertRaises(AccessError):
                    message.with_user(user).action_cancel()
        self.assertEqual(message.state, "queued")

    def test_of_other_companies_nothing_is_seen(self):
        other = self.env["res.company"].create({"name": "Other"})
        user = new_test_user(self.env, "sms_other", groups="isp_sms.group_manager", company_ids=[Command.set(other.ids)], company_id=other.id)
        (message,) = self.enqueue(ONE, partner_id=self.customer.id)
        self.assertFalse(self.messages.with_user(user).search([("id", "=", message.id)]))
        self.assertEqual(self.customer.with_user(user).isp_sms_count, 0)
        self.assertEqual(self.customer.isp_sms_count, 1)
