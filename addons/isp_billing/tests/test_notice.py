# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import doctest
import json
import subprocess
from datetime import date
from pathlib import Path
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..engine import calendar, notice
from ..models.isp_notice import KINDS, PLACEHOLDERS, IspNotice
from ..models.isp_notice_template import SAMPLE
from .common import BillingCommon

NOON = "2026-11-20 10:00:00"  # in Juba


@tagged("post_install", "-at_install")
class TestNotice(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.company.write({"name": "Juba Net", "country_id": cls.env.ref("base.ss").id})
        cls.partner = cls._create_customer(isp_account_no="T100042", phone="+211 921 234 567", lang="en_US")

    def _send(self):
        self.env.flush_all()
        self.env["isp.notice"]._send_queued()

    def _sms(self, notices):
        return self.env["sms.sms"].search([("isp_notice_id", "in", notices.ids)])

    def test_a_receipt_does_not_wait_for_the_next_round(self):
        """What customers wait for wakes the job; the rest goes with its next run, and what was told before wakes nobody."""
        triggers = [("cron_id", "=", self.env.ref("isp_billing.ir_cron_notice").id)]
        before = self.env["ir.cron.trigger"].search_count(triggers)
        self.partner._isp_notify("reminder", "reminder/wake", amount=1, days=3, date="2026-11-25")
        self.assertEqual(self.env["ir.cron.trigger"].search_count(triggers), before)
        for _twice in range(2):
            self.partner._isp_notify("receipt", "receipt/wake", amount=1, number="P/1")
            self.assertEqual(self.env["ir.cron.trigger"].search_count(triggers), before + 1)

    def test_engines(self):
        for engine in (notice, calendar):
            result = doctest.testmod(engine)
            self.assertGreater(result.attempted, 5)
            self.assertEqual(result.failed, 0)

    @freeze_time(NOON)
    def test_text_in_the_customers_language(self):
        self.env.ref("isp_billing.notice_template_receipt").with_context(lang="ar_001").sms_body = "{company}: استلمنا {amount} في {date}"
        told = self.partner._isp_notify("receipt", "receipt/t1", amount=216000.0, number="P/1", date="2026-11-02")
        self.partner.lang = "ar_001"
        other = self._create_customer(phone="0921234568", country_id=self.env.ref("base.ss").id, lang="en_US")
        more = other._isp_notify("receipt", "receipt/t2", amount=5000, number="P/2")
        self._send()
        self.assertEqual(told.body, "Juba Net: استلمنا 216,000 جنيه في 02/11/2026")
        self.assertEqual((told.state, told.number, told.lang, told.sms_count), ("sending", "+211921234567", "ar_001", 1))
        self.assertIn("5,000 SSP", more.body)
        self.assertIn("P/2", more.body)
        self.assertEqual(self._sms(told + more).mapped("number"), ["+211921234568", "+211921234567"])

    @freeze_time(NOON)
    def test_what_came_in_and_what_is_missing(self):
        text = self.env.ref("isp_billing.notice_template_missing")
        text.sms_body = "We received {paid}. Pay {missing} more to renew {plan}."
        told = self.partner._isp_notify("missing", "missing/1", plan="Home", amount=216000, paid=200000, missing=16000)
        self._send()
        self.assertIn("received 200,000 SSP. Pay 16,000 SSP more", told.body)
        values = told._readable({"until": "2026-11-20 14:05", "date": "2026-11-20 14:05:00"}, self.company, "en_US")
        self.assertEqual((values["until"], values["date"]), ("20 Nov 2026 14:05", "20 Nov 2026 16:05"))

    @freeze_time(NOON)
    def test_told_once(self):
        first = self.partner._isp_notify("restored", "restored/1")
        self.assertTrue(first)
        self.assertFalse(self.partner._isp_notify("restored", "restored/1"))
        self._send()
        self._send()
        self.assertEqual(len(self._sms(first)), 1)

    @freeze_time(NOON)
    def test_many_at_once(self):
        others = [self._create_customer() for _number in range(5)]
        rows = [(p.id, f"price/9/{p.id}", {"plan": "A", "price": 5, "date": date(2026, 12, 1)}) for p in others]
        self.assertEqual(len(self.env["res.partner"]._isp_notify_many("price_change", rows)), 5)
        before = self.cr.sql_log_count
        self.assertFalse(self.env["res.partner"]._isp_notify_many("price_change", rows))
        self.assertLess(self.cr.sql_log_count - before, 3)

    @freeze_time(NOON)
    def test_the_sms_tells_how_it_fared_and_is_sent_again_as_the_same(self):
        told = self.partner._isp_notify("restored", "restored/2")
        self._send()
        sms = self._sms(told)
        sms.write({"state": "error", "failure_type": "sms_server"})
        self.assertEqual((told.state, told.reason), ("failed", "Server Error"))
        told.action_retry()
        self._send()
        self.assertEqual((self._sms(told), sms.state, told.state), (sms, "outgoing", "sending"))
        sms.write({"state": "pending", "to_delete": True})
        self.assertEqual((told.state, bool(told.sent_at)), ("sent", True))
        sms.unlink()
        told.action_retry()
        self._send()
        self.assertFalse(self._sms(told), "what was sent is not sent again")
        self.assertIn("your internet is back", told.body)

    @freeze_time(NOON)
    def test_nobody_to_send_to(self):
        cases = {"": "no telephone", "+211 181 234 567": "not a mobile", "12": "not a mobile"}
        for phone, why in cases.items():
            told = self._create_customer(phone=phone)._isp_notify("restored", f"restored/no/{phone}")
            self._send()
            self.assertEqual(told.state, "skipped", phone)
            self.assertIn(why, told.reason)
        told = self._create_customer(isp_alt_phone="+211 921 234 560")._isp_notify("restored", "restored/second")
        self._send()
        self.assertEqual(told.number, "+211921234560")

    @freeze_time(NOON)
    def test_email_when_the_text_has_one(self):
        text = self.env.ref("isp_billing.notice_template_restored")
        text.write({"email_subject": "{company}: back", "email_body": "Dear {name},\n<b>welcome"})
        told = self._create_customer("A < B", email="a@example.com")._isp_notify("restored", "restored/mail")
        self._send()
        mail = self.env["mail.mail"].search([("isp_notice_id", "=", told.id)])
        self.assertEqual((mail.subject, mail.email_to, told.state), ("Juba Net: back", "a@example.com", "sending"))
        self.assertIn("A &lt; B", mail.body_html)
        self.assertIn("&lt;b&gt;", mail.body_html)
        mail.write({"state": "exception", "failure_reason": "no server"})
        self.assertEqual((told.state, told.reason), ("failed", "no server"))

    def test_quiet_hours(self):
        with freeze_time("2026-11-20 20:00:00"):  # 22:00 in Juba
            late = self.partner._isp_notify("price_change", "price/1", plan="A", price=1, old_price=2, date="2026-12-01")
            receipt = self.partner._isp_notify("receipt", "receipt/3", amount=1, number="x")
            self._send()
            self.assertEqual((late.state, receipt.state), ("queued", "sending"))
            self.assertEqual(str(late.send_after), "2026-11-21 06:00:00")
        with freeze_time("2026-11-21 06:00:00"):
            self._send()
            self.assertEqual(late.state, "sending")

    @freeze_time(NOON)
    def test_a_reminder_that_is_not_true_any_more(self):
        line = self._create_line(partner_id=self.partner.id)
        self._bill(date(2026, 11, 1))
        told = self.partner._isp_notify("overdue", "overdue/1", amount=216000, date="2026-11-11")
        again = self.partner._isp_notify("overdue", "overdue/2", amount=216000, date="2026-11-11")
        again.sudo().send_after = "2026-11-15 10:00:00"
        self._send()
        self.assertEqual(told.state, "sending")
        self.assertIn("216,000 SSP is overdue since 11 Nov 2026", told.body)
        self.assertEqual((again.state, again.reason[:8]), ("skipped", "Too late"))
        third = self.partner._isp_notify("overdue", "overdue/3", amount=216000, date="2026-11-11")
        self._pay(line.partner_id, 216000)
        self._send()
        self.assertEqual((third.state, third.reason), ("skipped", "Paid meanwhile."))

    @freeze_time(NOON)
    def test_a_hole_in_the_text_is_not_sent(self):
        told = self.partner._isp_notify("receipt", "receipt/hole", amount=1)
        self._send()
        self.assertEqual(told.state, "failed")
        self.assertIn("{number}", told.reason)

    @freeze_time(NOON)
    def test_one_bad_notice_does_not_hold_up_the_others(self):
        good, bad = (self.partner._isp_notify("restored", f"restored/{n}") for n in ("good", "bad"))
        original = IspNotice._values
        broken = lambda self, lang: original(self, lang) if self != bad else 1 / 0  # noqa: E731
        with patch.object(IspNotice, "_values", broken), mute_logger("odoo.addons.isp_billing.models.isp_notice"):
            self._send()
        self.assertEqual((good.state, bad.state), ("sending", "failed"))

    def test_placeholders_are_checked_in_every_language(self):
        text = self.env.ref("isp_billing.notice_template_restored")
        with self.assertRaisesRegex(ValidationError, r"“Back in service” has no value for \{missing\}.*\{plan\}"):
            text.sms_body = "{company} {missing}"
        with self.assertRaises(ValidationError):
            text.with_context(lang="ar_001").sms_body = "{company} {missing}"
        with self.assertRaises(ValidationError):
            text.email_subject = "{percent}"
        for misspelt in ("{Company}", "{plan }", "{plan", "{plan.name}", "{}"):
            with self.subTest(misspelt), self.assertRaises(ValidationError):
                text.sms_body = f"x {misspelt}"

    def test_each_kind_allows_its_own_and_no_others(self):
        for kind, _label in KINDS:
            text = self.env.ref(f"isp_billing.notice_template_{kind}")
            with self.subTest(kind=kind):
                text.sms_body = " ".join(f"{{{name}}}" for name in PLACEHOLDERS[""] + PLACEHOLDERS[kind])
                strange = next(name for name in SAMPLE if name not in PLACEHOLDERS[""] + PLACEHOLDERS[kind])
                with self.assertRaises(ValidationError):
                    text.sms_body = f"{{{strange}}}"

    def test_a_text_of_two_sms_is_told_by_language(self):
        self.env["ir.module.module"].search([("name", "=", "isp_billing")])._update_translations(["ar_001"], overwrite=True)
        text = self.env.ref("isp_billing.notice_template_restored")
        self.assertFalse(text.too_long)
        arabic = text.with_context(lang="ar_001")
        arabic.sms_body = "م" * 71
        self.assertEqual((arabic.preview_segments, text.preview_segments), (2, 1))
        text.invalidate_recordset()
        name = dict(self.env["res.lang"].get_installed())["ar_001"]
        self.assertEqual(text.too_long, name)
        arabic.sms_body = "م" * 70
        text.invalidate_recordset()
        self.assertFalse(text.too_long)
        text.sms_body = "a" * 161
        self.assertNotIn(name, text.too_long)
        self.assertTrue(text.too_long)

    def test_the_counter_counts_what_customers_get(self):
        """The screen fills the placeholders as the server does."""
        folder = Path(__file__).parents[1] / "static" / "src" / "notice_sms" / "filled.js"
        source = "data:text/javascript;base64," + base64.b64encode(folder.read_bytes()).decode()
        code = 'import {{ filled }} from "{}"; let t = ""; for await (const c of process.stdin) t += c; console.log(JSON.stringify(JSON.parse(t).map(([text, samples]) => filled(text, samples))));'
        templates = self.env["isp.notice.template"].search([])
        extra = templates[:1]
        texts = [(one.sms_body, one.samples) for one in templates] + [("{amount} {constructor} {0} {x y} {nothing}", extra.samples)]
        done = subprocess.run(["node", "--input-type=module", "-e", code.format(source)], input=json.dumps(texts), capture_output=True, text=True, check=True)
        *shown, odd = json.loads(done.stdout)
        self.assertEqual(shown, templates.mapped("preview"))
        self.assertTrue(odd.endswith("{constructor} {0} {x y} {nothing}"))

    def test_every_kind_has_a_text_of_one_sms(self):
        self.assertEqual({kind for kind, _label in KINDS}, set(PLACEHOLDERS) - {""})
        self.assertLessEqual({name for names in PLACEHOLDERS.values() for name in names}, {*SAMPLE, "company"})
        self.env["ir.module.module"].search([("name", "=", "isp_billing")])._update_translations(["ar_001"], overwrite=True)
        for kind, _label in KINDS:
            text = self.env.ref(f"isp_billing.notice_template_{kind}")
            for lang in ("en_US", "ar_001"):
                with self.subTest(kind=kind, lang=lang):
                    self.assertEqual(text.with_context(lang=lang).preview_segments, 1)
            self.assertNotEqual(text.with_context(lang="ar_001").sms_body, text.with_context(lang="en_US").sms_body)

    def test_who_may(self):
        told = self.partner._isp_notify("restored", "restored/rights")
        text = self.env.ref("isp_billing.notice_template_restored")
        roles = {
            "isp_base.group_isp_technician": "",
            "base.group_portal": "",
            "isp_base.group_isp_customer_service": "R",
            "isp_base.group_isp_billing_manager": "RW",
            "isp_base.group_isp_administrator": "RW",
        }
        for group, may in roles.items():
            user = new_test_user(self.env, f"notice_{group.rpartition('_')[2]}", groups=group)
            with self.subTest(group=group):
                self.assertEqual(told.with_user(user).has_access("read"), "R" in may)
                self.assertEqual(told.with_user(user).has_access("write"), "W" in may)
                self.assertFalse(told.with_user(user).has_access("create"))
                self.assertFalse(told.with_user(user).has_access("unlink"))
                self.assertEqual(text.with_user(user).has_access("write"), "W" in may)
                if "W" not in may:
                    with self.assertRaises(AccessError):
                        told.with_user(user).action_retry()

    @freeze_time(NOON)
    def test_what_was_told_is_kept(self):
        told = self.partner._isp_notify("restored", "restored/kept")
        self._send()
        with self.assertRaises(UserError):
            told.unlink()
