# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import Form, new_test_user, tagged

from .common import HotspotCommon

GUESTS = ("+211921000101", "+211921000102", "+211921000103")


@tagged("post_install", "-at_install")
class TestSmsBulk(HotspotCommon):
    """Bulk SMS to the guests of the ISP's own hotspots."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["isp.sms.gateway"].create({"name": "Kannel", "driver": "kannel", "url": "http://127.0.0.1:9", "price": 20})
        cls.site.partner_id = cls.env.company.partner_id
        cls.second = cls.env["isp.site"].create({"name": "Park", "company_id": cls.env.company.id})
        cls.second.offer_ids[0].price = 300

    def _given(self, number, site=None, **more):
        return self._place("free", site, phone=number, **more)

    def _bulk(self, **vals):
        return self.env["isp.sms.bulk"].create({"name": "Night work", "body": "No WiFi tonight. {company}", "audience": "guests", "company_id": self.env.company.id, **vals})

    def _reached(self, **vals):
        bulk = self._bulk(**vals)
        bulk.action_preview()
        self.assertEqual(bulk.state, "previewed")
        return sorted(bulk.line_ids.filtered(lambda line: line.state == "ready").mapped("number"))

    def test_who_is_meant(self):
        for number in (GUESTS[0], GUESTS[0], GUESTS[1]):
            self._given(number)
        self._given(GUESTS[2], self.second, lang="ar_001")
        self._given("+211921000199", self.other_site)  # another owner's guest
        self._place("cash", phone="")
        old = self._given("+211921000104")
        old.done_at = fields.Datetime.now() - timedelta(days=91)
        for vals, expected in (
            ({}, GUESTS),
            ({"isp_site_ids": [Command.set(self.site.ids)]}, GUESTS[:2]),
            ({"isp_site_ids": [Command.set(self.other_site.ids)]}, ()),
            ({"lang": "ar_001"}, GUESTS[2:]),
            ({"isp_guest_days": 0}, (*GUESTS, "+211921000104")),
        ):
            with self.subTest(vals):
                self.assertEqual(self._reached(**vals), list(expected))

    def test_each_in_the_language_of_the_token_and_only_who_did_not_opt_out(self):
        self._given(GUESTS[0])
        self._given(GUESTS[1], lang="ar_001")
        self._given(GUESTS[2])
        self.env["phone.blacklist"].add(GUESTS[2])
        bulk = self._bulk(body_ar="لا واي فاي الليلة. {company}")
        bulk.action_preview()
        lines = {line.number: (line.state, line.reason, line.text_lang, line.partner_id.id) for line in bulk.line_ids}
        expected = {GUESTS[0]: ("ready", False, "en", False), GUESTS[1]: ("ready", False, "ar", False), GUESTS[2]: ("left_out", "opted_out", "en", False)}
        self.assertEqual(lines, expected)
        self.assertTrue(bulk.example_ar.startswith("لا واي"))
        self.assertEqual(self._reached(service=True), list(GUESTS))

    def test_nobody_has_a_name(self):
        self._given(GUESTS[0])
        with self.assertRaises(ValidationError):
            self._bulk(body="Dear {name}")
        bulk = self._bulk(body="Dear {name}", audience="all")
        bulk.audience = "guests"
        self.assertEqual(bulk.placeholders, "{company}")
        bulk.action_preview()
        self.assertEqual((bulk.line_ids.state, bulk.line_ids.reason, bulk.line_ids.note), ("left_out", "no_value", "{name}"))

    def test_many_are_looked_at_bit_by_bit(self):
        numbers = [f"+21192100{n:04d}" for n in range(7)]
        for number in numbers:
            self._given(number)
        bulk = self._bulk()
        bulk.sudo().write({"state": "previewing", "total": 7})
        self.patch(self.registry["isp.sms.bulk"], "_next_recipients", lambda bulk, limit, step=self.registry["isp.sms.bulk"]._next_recipients: step(bulk, 3))
        counts = []
        while bulk.state == "previewing":
            counts.append(bulk._step_previewing())
        self.assertEqual((counts, sorted(bulk.line_ids.mapped("number"))), ([3, 3, 1, 0], numbers))

    def test_sent_once_and_not_to_who_opts_out_meanwhile(self):
        for number in GUESTS:
            self._given(number)
        bulk = self._bulk()
        bulk.action_preview()
        bulk._start()
        self.env["phone.blacklist"].add(GUESTS[1])
        bulk = self.env["isp.sms.bulk"].with_user(1).browse(bulk.id)
        for _time in range(2):
            bulk._feed(bulk.line_ids.filtered(lambda line: line.state == "ready"))
        sent = self.env["isp.sms.message"].search([("res_model", "=", "isp.sms.bulk"), ("res_id", "=", bulk.id)])
        self.assertEqual((sorted(sent.mapped("number")), set(sent.mapped("body"))), ([GUESTS[0], GUESTS[2]], {f"No WiFi tonight. {self.env.company.name}"}))
        sent[0].state = "failed"
        again = self.env["isp.sms.bulk"].browse(bulk.with_user(1).action_copy_failed()["res_id"])
        again.action_preview()
        self.assertEqual(again.line_ids.mapped("number"), sent[0].mapped("number"))

    def test_form(self):
        manager = new_test_user(self.env, "manager", groups="isp_base.group_isp_billing_manager", company_id=self.env.company.id)
        self._given(GUESTS[0])
        with Form(self.env["isp.sms.bulk"].with_user(manager)) as form:
            form.name, form.body, form.audience = "Work", "Hello", "guests"
            form.isp_site_ids.add(self.site)
        form.record.action_preview()
        self.assertEqual(form.record.recipient_count, 1)
        form.record.isp_guest_days = 3
        self.assertEqual(form.record.state, "draft")
