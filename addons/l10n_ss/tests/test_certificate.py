# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import SouthSudanCommon


@tagged("post_install_l10n", "post_install", "-at_install")
class TestCertificate(SouthSudanCommon):
    def _assert_refused(self, error, **vals):
        with mute_logger("odoo.sql_db"), self.assertRaises(error), self.cr.savepoint():
            self._certificate(**vals)
            self.env.flush_all()

    # === On invoices === #

    def test_exempt_on_the_invoice_date_only(self):
        certificate = self._certificate()
        for day, tax in (("2025-12-31", 36000), ("2026-01-01", 0), ("2026-12-31", 0), ("2027-01-01", 36000)):
            with self.subTest(day):
                invoice = self._invoice(day=day)
                self.assertEqual(invoice.amount_tax, tax)
                self.assertEqual(invoice.l10n_ss_certificate_id, certificate if not tax else certificate.browse())

    def test_others_pay(self):
        self._certificate()
        invoice = self._invoice(self.ministry)
        self.assertEqual(invoice.amount_tax, 36000)
        self.assertFalse(invoice.l10n_ss_certificate_id)

    def test_address_of_the_customer_is_exempt_too(self):
        self._certificate()
        office = self.env["res.partner"].create({"name": "Annex", "parent_id": self.embassy.id, "type": "delivery"})
        self.assertFalse(self._invoice(office).amount_tax)

    def test_certificate_wins_over_the_position_of_the_customer(self):
        self._certificate()
        self.embassy.property_account_position_id = self.chart.ref("ss_government")
        self.assertFalse(self._invoice().amount_tax)

    def test_draft_follows_its_date(self):
        self._certificate()
        invoice = self._invoice(post=False)
        self.assertFalse(invoice.amount_tax)
        invoice.invoice_date = "2027-01-02"
        self.assertEqual(invoice.amount_tax, 36000)
        self.assertFalse(invoice.l10n_ss_certificate_id)
        invoice.invoice_date = "2026-02-02"
        self.assertFalse(invoice.amount_tax)
        self.assertTrue(invoice.l10n_ss_certificate_id)

    def test_form_follows_its_date(self):
        self._certificate()
        form = Form(self.env["account.move"].with_context(default_move_type="out_invoice"))
        form.partner_id = self.embassy
        form.invoice_date = date(2026, 3, 1)
        with form.invoice_line_ids.new() as line:
            line.product_id = self.plan
        form.invoice_date = date(2027, 3, 1)
        self.assertEqual(form.save().amount_tax, 36000)

    def test_draft_without_a_date_is_decided_when_posted(self):
        self._certificate()
        with freeze_time("2026-12-31 12:00:00"):
            invoice = self._invoice(day=False, post=False)
            self.assertFalse(invoice.amount_tax)
        with freeze_time("2027-01-01 12:00:00"):
            invoice.action_post()
        self.assertEqual(invoice.amount_tax, 36000)

    def test_withdrawn_between_draft_and_posting(self):
        certificate = self._certificate()
        invoice = self._invoice(post=False)
        certificate.valid_to = "2026-10-31"
        invoice.action_post()
        self.assertEqual(invoice.amount_tax, 36000)
        self.assertFalse(invoice.l10n_ss_certificate_id)

    def test_posted_invoice_keeps_its_certificate(self):
        certificate = self._certificate()
        invoice = self._invoice()
        certificate.active = False
        invoice.invalidate_recordset()
        self.assertEqual((invoice.amount_tax, invoice.l10n_ss_certificate_id), (0, certificate))
        self.assertEqual(self._invoice().amount_tax, 36000)

    def test_credit_note_after_the_end_mirrors_the_invoice(self):
        certificate = self._certificate()
        invoice = self._invoice()
        refund = invoice._reverse_moves([{"invoice_date": date(2027, 2, 1), "date": date(2027, 2, 1)}])
        refund.action_post()
        self.assertEqual((refund.amount_total, refund.l10n_ss_certificate_id), (180000, certificate))

    def test_position_chosen_by_hand_stays(self):
        """Somebody may know better: no certificate comes upon a document when it is posted."""
        self._certificate()
        invoice = self._invoice(post=False, fiscal_position_id=self.chart.ref("ss_government").id)
        self.assertEqual(invoice.amount_tax, 36000)
        invoice.action_post()
        self.assertEqual(invoice.amount_tax, 36000)
        self.assertFalse(invoice.l10n_ss_certificate_id)

    def test_purchases_are_not_touched(self):
        self._certificate()
        bill = self.env["account.move"].create(
            {
                "move_type": "in_invoice",
                "partner_id": self.embassy.id,
                "invoice_date": "2026-11-01",
                "invoice_line_ids": [Command.create({"name": "Rent", "price_unit": 5})],
            }
        )
        self.assertFalse(bill.fiscal_position_id)
        self.assertFalse(bill.l10n_ss_certificate_id)

    def test_withholding_agent_is_not_exempt(self):
        self._certificate(kind="withholding", partner_id=self.ministry.id)
        self.assertEqual(self._invoice(self.ministry).amount_tax, 36000)

    def test_other_company(self):
        other = self.setup_other_company(name="Second ISP")["company"]
        self._certificate()
        self.assertTrue(self.embassy._l10n_ss_certificate("exemption", "2026-11-01", self.company))
        self.assertFalse(self.embassy._l10n_ss_certificate("exemption", "2026-11-01", other))

    def test_asking_costs_no_query(self):
        self._certificate()
        self.embassy._l10n_ss_certificate("exemption", "2026-11-01")
        partners = self.env["res.partner"].create([{"name": str(number)} for number in range(50)])
        self.env.flush_all()
        with self.assertQueryCount(0):
            for partner in partners:
                partner._l10n_ss_certificate_row("exemption", "2026-11-01")

    # === Rules === #

    def test_overlap_is_refused(self):
        self._certificate()
        self._assert_refused(IntegrityError, number="EX-2", valid_from="2026-12-31", valid_to="2027-12-31")
        self._assert_refused(IntegrityError, number="EX-2", valid_from="2025-06-01", valid_to=False)
        self._certificate(number="EX-2", valid_from="2027-01-01", valid_to=False)
        self._certificate(number="EX-2", kind="withholding")
        self._certificate(number="EX-3", partner_id=self.ministry.id)

    def test_number_is_taken_once(self):
        self._certificate(number=" EX-1 ")
        self._assert_refused(IntegrityError, number="ex-1", partner_id=self.ministry.id)

    def test_dates_in_order_and_customer_itself(self):
        self._assert_refused(IntegrityError, valid_to="2025-12-31")
        contact = self.env["res.partner"].create({"name": "Consul", "parent_id": self.embassy.id})
        self._assert_refused(ValidationError, partner_id=contact.id)
        self._assert_refused(ValidationError, number="  ")

    def test_used_certificate_is_not_deleted(self):
        certificate = self._certificate()
        invoice = self._invoice()
        with self.assertRaisesRegex(ValidationError, invoice.name):
            certificate.unlink()

    @freeze_time("2026-12-31 22:30:00")
    def test_state_on_the_day_of_juba(self):
        """In Juba it is 1 January already."""
        certificate = self._certificate()
        future = self._certificate(number="EX-2", valid_from="2027-01-02", valid_to=False)
        self.assertEqual((certificate.state, future.state), ("expired", "future"))
        self.assertEqual(certificate.search([("state", "=", "expired"), ("id", "in", (certificate + future).ids)]), certificate)
        self.assertEqual(certificate.search([("state", "!=", "expired"), ("id", "in", (certificate + future).ids)]), future)

    # === Reminders === #

    def test_reminded_once_thirty_days_before(self):
        # Add-ons above may have others reminded.
        self.env.user.group_ids += self.env["l10n_ss.certificate"]._reminder_group()
        certificate = self._certificate(user_id=self.env.user.id)
        with freeze_time("2026-11-30 08:00:00"):
            certificate._cron_remind()
            self.assertFalse(certificate.activity_ids)
        with freeze_time("2026-12-01 08:00:00"):
            certificate._cron_remind()
            certificate._cron_remind()
        self.assertEqual(len(certificate.activity_ids), 1)
        self.assertEqual(certificate.activity_ids.user_id, self.env.user)
        self.assertEqual(certificate.activity_ids.date_deadline, date(2026, 12, 31))

    @freeze_time("2026-12-10 08:00:00")
    def test_renewed_certificate_needs_no_reminder(self):
        certificate = self._certificate()
        self._certificate(number="EX-2", valid_from="2027-01-01", valid_to="2027-12-31")
        certificate._cron_remind()
        self.assertFalse(certificate.activity_ids)

    @freeze_time("2026-12-10 08:00:00")
    def test_responsible_who_left_is_replaced(self):
        gone = new_test_user(self.env, "gone", groups="account.group_account_invoice", company_id=self.company.id)
        there = new_test_user(self.env, "there", groups="account.group_account_invoice", company_id=self.company.id)
        (gone + there).group_ids += self.env["l10n_ss.certificate"]._reminder_group()
        certificate = self._certificate(user_id=gone.id)
        gone.active = False
        certificate._cron_remind()
        self.assertIn(there, certificate.activity_ids.user_id)
        self.assertNotIn(gone, certificate.activity_ids.user_id)

    # === Rights === #

    def test_rights(self):
        certificate = self._certificate()
        clerk = new_test_user(self.env, "clerk", groups="account.group_account_invoice", company_id=self.company.id)
        plain = new_test_user(self.env, "plain", groups="base.group_user", company_id=self.company.id)
        portal = new_test_user(self.env, "own", groups="base.group_portal")
        portal.partner_id.parent_id = self.embassy
        certificate.with_user(clerk).valid_to = "2026-06-30"
        with self.assertRaises(AccessError):
            certificate.with_user(clerk).unlink()
        for user in (plain, portal):
            with self.assertRaises(AccessError):
                certificate.with_user(user).read(["number"])
