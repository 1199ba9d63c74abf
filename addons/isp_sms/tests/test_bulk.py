# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import datetime, timedelta

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tests import Form, new_test_user
from odoo.tools import mute_logger

from ..drivers.base import Refused, Unreachable
from ..models import isp_sms_bulk_preview
from .common import SmsCase, StubDriver

DAY = datetime(2026, 11, 24, 10, 0)


class BulkCase(SmsCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.company.partner_id.tz = "Africa/Juba"
        cls.tag = cls.env["res.partner.category"].create({"name": "Munuki"})
        cls.ada, cls.bol, cls.maryam = cls.contacts("+211921000001", "0921 000 002", "+211921000003", lang=[False, False, "ar_001"])
        cls.manager = new_test_user(cls.env, "bulk", groups="isp_sms.group_manager", company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)])
        cls.reader = new_test_user(cls.env, "reader", groups="isp_sms.group_user", company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)])

    @classmethod
    def contacts(cls, *phones, lang=None, **values):
        langs = lang or [False] * len(phones)
        partners = cls.env["res.partner"].create(
            [
                {"name": f"Contact {n}", "phone": phone, "company_id": cls.company.id, "category_id": [Command.link(cls.tag.id)], **values}
                for n, phone in enumerate(phones)
            ]
        )
        for partner, code in zip(partners, langs, strict=True):
            partner.lang = code or "en_US"
        return partners

    def setUp(self):
        super().setUp()
        clock = freeze_time(DAY)
        clock.start()
        self.addCleanup(clock.stop)

    def bulk(self, **values):
        defaults = {
            "name": "Work on the line",
            "body": "Dear {name}, work tonight",
            "body_ar": "عزيزي {name}",
            "company_id": self.company.id,
            "audience": "all",
            "category_ids": [Command.link(self.tag.id)],
        }
        return self.env["isp.sms.bulk"].create({**defaults, **values})

    def work(self):
        self.env["isp.sms.bulk"]._work(lambda done=0: 1000)

    def running(self, **values):
        bulk = self.bulk(**values)
        bulk.action_preview()
        bulk._start()
        return bulk

    def sent(self):
        return [message.number for _url, message in StubDriver.sent]


class TestPreview(BulkCase):
    def test_who_gets_it_who_not_and_what_it_costs(self):
        self.contacts(False, "12", "+211811000001", "+211921000001", "+211921000004")
        self.env["phone.blacklist"].create({"number": "+211921000004"})
        bulk = self.bulk(body="Dear {name}, " + "x" * 160)
        bulk.action_preview()
        self.assertEqual((bulk.state, bulk.recipient_count, bulk.parts_count, bulk.long_count), ("previewed", 3, 5, 2))
        self.assertIn("100", bulk.cost_text)
        reasons = {line.partner_id.phone: line.reason for line in bulk.line_ids if line.state == "left_out"}
        self.assertEqual(
            reasons,
            {False: "missing", "12": "no_mobile", "+211811000001": "no_mobile", "+211921000001": "double", "+211921000004": "opted_out"},
        )
        self.assertEqual((bulk.left_out_count, len(bulk.left_out_text.splitlines())), (5, 4))
        self.assertEqual((bulk.example_ar, bulk.longest_parts), ("عزيزي Contact 2", 2))
        self.assertTrue(bulk.longest.startswith("Dear Contact 0, xxx"))

    def test_a_service_message_goes_to_those_who_opted_out(self):
        self.env["phone.blacklist"].create({"number": "+211921000001"})
        offer, outage = self.bulk(), self.bulk(service=True)
        (offer + outage).action_preview()
        self.assertEqual((offer.recipient_count, outage.recipient_count), (2, 3))

    def test_filters(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.env["res.partner"].create({"name": "X", "phone": "+211921000009", "company_id": other.id, "category_id": [Command.link(self.tag.id)]})
        state = self.env["res.country.state"].create({"name": "CE", "code": "XCE", "country_id": self.company.country_id.id})
        self.ada.write({"state_id": state.id, "country_id": state.country_id.id})
        self.bol.active = False
        for values, expected in (
            ({}, self.ada + self.maryam),
            ({"lang": "ar_001"}, self.maryam),
            ({"state_ids": [Command.link(state.id)]}, self.ada),
            ({"country_id": state.country_id.id}, self.ada),
            ({"audience": "chosen", "partner_ids": [Command.set((self.ada + self.maryam).ids)], "lang": "ar_001"}, self.ada + self.maryam),
        ):
            bulk = self.bulk(**values)
            bulk.action_preview()
            self.assertEqual(bulk.line_ids.partner_id, expected, values)

    def test_the_only_text_is_for_all(self):
        bulk = self.bulk(body_ar=False)
        bulk.action_preview()
        self.assertEqual(set(bulk.line_ids.mapped("text_lang")), {"en"})

    def test_placeholders_are_checked_when_saved(self):
        for body, wrong in (("{nmae}", "{nmae}"), ("{name.env}", "{name.env}"), ("Hello {", "{")):
            with self.assertRaisesRegex(ValidationError, rf"English text: \{wrong} .*\{{name}} \{{company}}.*"):
                self.bulk(body=body)
        with self.assertRaisesRegex(ValidationError, "Arabic text"):
            self.bulk(body_ar="{x}")
        with self.assertRaises(ValidationError):
            self.bulk(body=" ", body_ar=False)

    def test_a_name_is_never_read_as_text(self):
        self.ada.name = "{company}\r\n{name}\u202e"
        bulk = self.bulk(audience="chosen", partner_ids=[Command.set(self.ada.ids)])
        bulk.action_preview()
        self.assertEqual(bulk.example_en, "Dear {company} {name}, work tonight")

    def test_a_hole_is_not_sent(self):
        self.ada.name = "\u200f"
        bulk = self.bulk(audience="chosen", partner_ids=[Command.set(self.ada.ids)])
        bulk.action_preview()
        self.assertEqual((bulk.line_ids.reason, bulk.line_ids.note), ("no_value", "{name}"))

    def test_a_change_makes_it_stale(self):
        for change in ({"body": "Other"}, {"lang": "ar_001"}, {"service": True}, {"category_ids": [Command.clear()]}):
            bulk = self.bulk()
            bulk.action_preview()
            bulk.write(change)
            self.assertEqual((bulk.state, bulk.recipient_count, bulk.example_en), ("draft", 0, False))
            with self.assertRaisesRegex(UserError, "preview"):
                bulk.action_confirm()
        bulk = self.bulk()
        bulk.action_preview()
        bulk.write({"per_minute": 5, "name": "Other name"})
        self.assertEqual(bulk.state, "previewed")

    def test_gateways_prices_and_numbers_nobody_serves(self):
        self.gateway.prefixes = "+21198"
        dear = self.env["isp.sms.gateway"].create({"name": "Dear", "driver": "stub", "url": "dear", "price": 50, "sequence": 20, "prefixes": "+21192"})
        self.contacts("+211981000001", "+254712345678")
        bulk = self.bulk()
        bulk.action_preview()
        prices = {line.number: line.cost for line in bulk.line_ids}
        self.assertEqual(prices, {"+211921000001": 50, "+211921000002": 50, "+211921000003": 50, "+211981000001": 20, "+254712345678": 0})
        self.assertEqual(bulk.line_ids.filtered(lambda line: line.number == "+254712345678").reason, "no_gateway")
        bulk.gateway_id = dear
        bulk.action_preview()
        self.assertEqual(bulk.recipient_count, 3)

    def test_many_are_counted_in_the_background_and_it_goes_on_after_a_kill(self):
        self.contacts(*[f"+2119220{n:05d}" for n in range(25)])
        self.patch(isp_sms_bulk_preview, "AT_ONCE", 10)
        self.patch(isp_sms_bulk_preview, "LOOK", 10)
        bulk = self.bulk()
        bulk.action_preview()
        self.assertEqual((bulk.state, bulk.total), ("previewing", 28))
        bulk._step()
        self.assertEqual((bulk.recipient_count, int(bulk.progress)), (10, 35))
        self.work()
        self.assertEqual((bulk.state, bulk.recipient_count), ("previewed", 28))

    def test_the_form(self):
        with Form(self.env["isp.sms.bulk"].with_user(self.manager).with_company(self.company)) as form:
            form.name = "Outage"
            form.body = "Hello {name}"
            form.audience = "chosen"
            form.partner_ids.add(self.ada)
        self.assertIn("{name} {company}", form.record.placeholders)
        self.assertEqual(form.record.quiet_text, "20:00 to 08:00 (Africa/Juba)")


class TestRun(BulkCase):
    def test_each_number_once_and_the_log_says_why(self):
        bulk = self.running()
        self.assertFalse(self.messages.search([("res_model", "=", "isp.sms.bulk"), ("res_id", "=", bulk.id)]))
        self.work()
        self.dispatch()
        self.work()
        messages = self.messages.search(bulk._messages_domain(), order="id")
        self.assertEqual(messages.mapped("number"), ["+211921000001", "+211921000002", "+211921000003"])
        self.assertEqual(messages.mapped("body")[1:], ["Dear Contact 1, work tonight", "عزيزي Contact 2"])
        self.assertEqual({(m.kind, m.reason, m.create_uid) for m in messages}, {("bulk", "Work on the line", self.env.user)})
        self.assertEqual((bulk.state, bulk.progress, bulk.accepted_count, bulk.gone_count, bool(bulk.ended_at)), ("done", 100, 3, 3, True))
        self.work()
        self.dispatch()
        self.assertEqual(len(self.sent()), 3)

    def test_the_database_holds_a_number_to_one_message(self):
        bulk = self.running()
        self.work()
        row = {"uuid": "f" * 32, "number": "+211921000001", "body": "x", "company_id": self.company.id, "res_model": "isp.sms.bulk", "res_id": bulk.id}
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.cr.savepoint():
            self.messages._enqueue([row])

    def test_only_from_the_preview_and_with_the_number_typed(self):
        bulk = self.bulk()
        with self.assertRaisesRegex(UserError, "preview"):
            bulk._start()
        self.env["ir.config_parameter"].set_param("isp_sms.bulk_ask_above", 2)
        bulk.action_preview()
        wizard = self.env["isp.sms.bulk.confirm"].with_context(bulk.action_confirm()["context"]).create({})
        self.assertTrue(wizard.must_type)
        for typed in (False, "yes", "2"):
            wizard.typed = typed
            with self.assertRaisesRegex(UserError, "3"):
                wizard.action_send()
        wizard.typed = "٣"
        wizard.action_send()
        self.assertEqual(bulk.state, "running")
        with self.assertRaises(UserError):
            wizard.action_send()

    def test_what_changed_meanwhile_counts(self):
        bulk = self.running()
        self.env["phone.blacklist"].create({"number": "+211921000001"})
        self.bol.phone = "+211921000077"
        self.maryam.active = False
        self.work()
        self.assertEqual(bulk.line_ids.mapped("reason"), ["opted_out", "changed", "changed"])
        self.assertEqual((bulk.state, bulk.unsent_count, bulk.recipient_count), ("done", 3, 3))

    def test_opting_out_cancels_what_waits(self):
        bulk, outage = self.running(), self.running(service=True)
        self.work()
        self.env["phone.blacklist"].create({"number": "+211921000001"})
        self.dispatch()
        self.assertEqual(sorted(self.sent()), ["+211921000001", *["+211921000002"] * 2, *["+211921000003"] * 2])
        self.assertEqual((bulk.unsent_count, outage.unsent_count), (1, 0))

    def test_pause_holds_at_once_and_goes_on(self):
        bulk = self.running()
        self.work()
        bulk.action_pause()
        self.dispatch()
        self.assertEqual((self.sent(), bulk.waiting_count), ([], 3))
        # Others go on.
        self.enqueue("+211921000050")
        self.dispatch()
        self.assertEqual(self.sent(), ["+211921000050"])
        bulk.action_resume()
        self.dispatch()
        self.assertEqual(len(self.sent()), 4)

    def test_stop_cancels_what_has_not_gone_and_tells(self):
        self.gateway.rate = 1
        bulk = self.running()
        self.work()
        self.messages._claim(self.gateway, self.env["isp.sms.gateway"])
        self.assertIn("Nothing had gone", bulk.action_stop()["params"]["message"])
        self.work()
        self.assertEqual((bulk.state, bulk.unsent_count), ("stopping", 2))
        # One was in the dispatcher's hands; it comes back unsent and is not sent any more.
        self.messages.search([("state", "=", "handing")]).write({"state": "queued", "gateway_id": False})
        self.dispatch()
        self.work()
        self.assertEqual((bulk.state, bulk.unsent_count, self.sent()), ("stopped", 3, []))
        self.assertIn("3 were not sent", bulk.message_ids[0].body)
        with self.assertRaises(UserError):
            bulk.action_resume()

    def test_stopped_before_all_were_fed(self):
        bulk = self.running(per_minute=1)
        self.work()
        self.dispatch()
        self.assertIn("1 had gone", bulk.action_stop()["params"]["message"])
        self.work()
        self.assertEqual((bulk.state, bulk.gone_count, bulk.unsent_count, len(self.sent())), ("stopped", 1, 2, 1))
        self.assertEqual(bulk.line_ids.filtered("at_run").mapped("reason"), ["stopped"] * 2)

    def test_quiet_hours_hold_by_the_companys_clock(self):
        bulk = self.running()
        self.work()
        with freeze_time(datetime(2026, 11, 24, 18, 30)):  # 20:30 in Juba
            self.dispatch()
            self.assertEqual(self.sent(), [])
            self.assertIn("08:00", bulk.hold_reason.replace("8:00", "08:00"))
            late = self.running()
            self.work()
            self.assertEqual(late.waiting_count, 3)
            self.assertFalse(self.messages.search(late._messages_domain()))
            own = self.running(quiet="none")
            self.work()
            self.dispatch()
            self.assertEqual((own.gone_count, len(self.sent())), (3, 3))
        with freeze_time(datetime(2026, 11, 25, 6, 0, 1)):
            self.work()
            self.dispatch()
            self.assertEqual((bulk.gone_count, late.gone_count), (3, 3))

    def test_own_quiet_hours(self):
        bulk = self.running(quiet="own", quiet_from=11, quiet_to=13)  # it is 12:00 in Juba
        self.work()
        self.assertEqual((bulk.waiting_count, bulk.closed_to), (3, datetime(2026, 11, 24, 11, 0)))
        self.assertFalse(self.messages.search(bulk._messages_domain()))

    def test_throttle(self):
        bulk = self.running(per_minute=2)
        for minute, expected in ((0, 2), (0, 2), (1, 3)):
            with freeze_time(DAY + timedelta(minutes=minute, seconds=5)):
                self.work()
                self.dispatch()
                self.work()
                self.assertEqual(len(self.sent()), expected)
        self.assertEqual(bulk.state, "done")

    def test_a_resting_gateway_collects_one_minute_at_most(self):
        StubDriver.answers = {"first": Unreachable("away")}
        bulk = self.running(per_minute=1)
        for minute in range(3):
            with freeze_time(DAY + timedelta(minutes=minute, seconds=5)):
                self.work()
                self.dispatch()
        self.assertEqual(self.messages.search_count(bulk._messages_domain()), 1)

    def test_not_before_and_not_after(self):
        bulk = self.running(not_before=DAY + timedelta(hours=1), valid_until=DAY + timedelta(hours=2))
        self.work()
        self.assertEqual((bulk.waiting_count, self.messages.search_count(bulk._messages_domain())), (3, 0))
        with freeze_time(DAY + timedelta(hours=1)):
            self.work()
            self.assertEqual(self.messages.search(bulk._messages_domain()).mapped("valid_until"), [DAY + timedelta(hours=2)] * 3)
        late = self.running(valid_until=DAY + timedelta(hours=2))
        with freeze_time(DAY + timedelta(hours=2)):
            self.work()
            self.dispatch()
            self.work()
        self.assertEqual((late.state, late.line_ids.mapped("reason")), ("done", ["late"] * 3))
        self.assertEqual((bulk.state, bulk.failed_count, self.sent()), ("done", 3, []))

    def test_a_chosen_gateway_is_the_only_one(self):
        second = self.env["isp.sms.gateway"].create({"name": "Second", "driver": "stub", "url": "second", "sequence": 20, "price": 5})
        self.running(gateway_id=second.id)
        self.work()
        self.dispatch()
        self.assertEqual({url for url, _message in StubDriver.sent}, {"second"})

    def test_send_to_those_that_failed(self):
        StubDriver.answers = {("first", "+211921000002"): Refused("no such number")}
        bulk = self.running()
        self.work()
        self.dispatch()
        self.work()
        self.assertEqual((bulk.failed_count, bulk.accepted_count), (1, 2))
        again = self.env["isp.sms.bulk"].browse(bulk.action_copy_failed()["res_id"])
        self.assertEqual((again.state, again.body, again.source_id), ("draft", bulk.body, bulk))
        again.action_preview()
        self.assertEqual(again.line_ids.partner_id, self.bol)
        StubDriver.answers = {}
        again._start()
        self.work()
        self.dispatch()
        self.assertEqual(self.sent(), ["+211921000001", "+211921000003", "+211921000002"])

    def test_what_is_confirmed_stays(self):
        bulk = self.running()
        for vals in ({"body": "Other"}, {"audience": "chosen"}, {"company_id": self.env.company.id}):
            with self.assertRaisesRegex(UserError, "confirmed"):
                bulk.write(vals)
        with self.assertRaises(UserError):
            bulk.action_preview()
        with self.assertRaisesRegex(UserError, "kept"):
            bulk.unlink()
        bulk.per_minute = 3

    def test_one_that_fails_is_held_and_no_other(self):
        broken, fine = self.running(), self.running()
        prepare = type(broken)._prepare_message

        def fail(bulk, line, one):
            if bulk == broken:
                raise ValueError("no way")
            return prepare(bulk, line, one)

        self.patch(type(broken), "_prepare_message", fail)
        self.patch(self.env.cr, "rollback", lambda: None)
        with mute_logger("odoo.addons.isp_sms.models.isp_sms_bulk_run"):
            self.work()
        self.dispatch()
        self.assertEqual((broken.state, broken.gone_count, fine.gone_count), ("paused", 0, 3))
        self.assertIn("no way", broken.message_ids[0].body)

    def test_old_lines_go_and_the_figures_stay(self):
        bulk = self.running()
        self.work()
        self.dispatch()
        self.work()
        bulk.write({"started_at": "2020-01-01", "ended_at": "2020-01-01"})
        self.messages.search(bulk._messages_domain()).write({"state": "delivered", "final_at": "2020-01-01"})
        figures = ("recipient_count", "delivered_count", "parts_count", "cost_text", "gone_count")
        before = bulk.read(figures)
        self.env["isp.sms.bulk"]._gc_lines()
        self.messages._cron_retention()
        self.env.invalidate_all()
        self.assertFalse(bulk.line_ids)
        self.assertEqual(bulk.read(figures), before)

    def test_a_copy_of_the_database_sends_nothing(self):
        from odoo.modules.neutralize import get_neutralization_queries

        bulk = self.running()
        self.env.flush_all()
        for query in get_neutralization_queries(["isp_sms"]):
            self.cr.execute(query)
        self.env.invalidate_all()
        self.assertEqual(bulk.state, "stopped")


class TestCost(BulkCase):
    def queries(self, work):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        work()
        self.env.flush_all()
        return self.cr.sql_log_count - before

    def test_a_batch_costs_the_same_for_any_number(self):
        counts = []
        for size in (5, 60):
            self.contacts(*[f"+21192{size:02d}{n:05d}" for n in range(size)])
            bulk = self.bulk()
            preview = self.queries(bulk.action_preview)
            bulk._start()
            counts.append((preview, self.queries(lambda b=bulk: b.with_user(1)._step())))
        few, many = counts
        for position in range(2):
            self.assertLessEqual(many[position], few[position])

    def test_the_list(self):
        bulks = self.bulk()
        fields = ["recipient_count", "progress", "delivered_count", "failed_count", "cost_text", "state", "name"]
        bulks.action_preview()
        one = self.queries(lambda: bulks.read(fields))
        for _ in range(7):
            more = self.bulk()
            more.action_preview()
            bulks += more
        self.assertEqual(self.queries(lambda: bulks.read(fields)), one)


class TestRights(BulkCase):
    def test_a_manager_does_it_all_but_not_past_the_preview(self):
        bulk = self.bulk().with_user(self.manager)
        bulk.action_preview()
        self.env["isp.sms.bulk.confirm"].with_user(self.manager).create({"bulk_id": bulk.id}).action_send()
        self.assertEqual((bulk.state, bulk.confirmed_by), ("running", self.manager))
        bulk.action_pause()
        bulk.action_resume()
        draft = self.bulk().with_user(self.manager)
        for vals in ({"state": "running"}, {"confirmed_by": self.manager.id}, {"source_id": bulk.id}):
            with self.assertRaises(AccessError):
                draft.write(vals)
        with self.assertRaises(AccessError):
            self.env["isp.sms.bulk"].with_user(self.manager).create({"name": "x", "body": "x", "state": "running"})
        self.env["phone.blacklist"].with_user(self.manager).create({"number": "+211921000088"})

    def test_a_reader_reads(self):
        bulk = self.bulk()
        bulk.action_preview()
        mine = bulk.with_user(self.reader)
        self.assertEqual((mine.recipient_count, len(mine.line_ids)), (3, 3))
        for work in (mine.action_preview, mine.action_confirm, mine._start, lambda: mine.write({"name": "x"}), mine.action_copy_failed, mine.unlink):
            with self.assertRaises(AccessError):
                work()
        with self.assertRaises(AccessError):
            self.env["isp.sms.bulk.confirm"].with_user(self.reader).create({"bulk_id": bulk.id})
        bulk._start()
        for work in (mine.action_pause, mine.action_stop):
            with self.assertRaises(AccessError):
                work()

    def test_nobody_else_and_no_other_company(self):
        bulk = self.bulk()
        bulk.action_preview()
        nobody = new_test_user(self.env, "nobody", groups="base.group_user", company_id=self.company.id, company_ids=[Command.set(self.company.ids)])
        other = self.env["res.company"].create({"name": "Other"})
        away = new_test_user(self.env, "away", groups="isp_sms.group_manager", company_id=other.id, company_ids=[Command.set(other.ids)])
        for user in (nobody, away):
            with self.assertRaises(AccessError):
                bulk.with_user(user).read(["name"])
            with self.assertRaises(AccessError):
                bulk.line_ids.with_user(user).read(["number"])
        with self.assertRaises(AccessError):
            bulk.with_user(away).action_preview()

    def test_contacts_of_another_company_are_never_written_to(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.ada.company_id = other
        bulk = self.bulk(audience="chosen", partner_ids=[Command.set((self.ada + self.bol).ids)])
        self.assertTrue(isinstance(bulk._prepare_recipient_domain(), Domain))
        bulk.action_preview()
        self.assertEqual(bulk.line_ids.partner_id, self.bol)
