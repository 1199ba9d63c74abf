# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time

from odoo.tests import new_test_user, tagged

from .test_notice_sms import NOON, NoticeSmsCommon


@tagged("post_install", "-at_install")
class TestNoticeInvoice(NoticeSmsCommon):
    """Customers are told of the invoices of a billing run: once, afterwards, by the company's choice."""

    def setUp(self):
        super().setUp()
        self.company.write({"isp_invoice_sms": True, "isp_invoice_email": False})

    def _tell(self):
        self.env["isp.billing.run"]._cron_tell_invoices()

    def _notices(self, run):
        return self.env["isp.notice"].search([("kind", "=", "invoice"), ("key", "in", [f"invoice/{move.id}" for move in run.move_ids])], order="id")

    def _lines(self, count):
        return [self._create_line(partner_id=self._create_customer(f"Customer {n}", phone=f"+2119211{n:05d}", lang="en_US").id) for n in range(count)]

    @freeze_time(NOON)
    def test_once_each_after_the_run(self):
        self._lines(3)
        run = self._bill(date(2026, 11, 1))
        self.assertTrue(run.to_tell)
        self.assertFalse(self._notices(run), "billing does not wait for it")
        for _twice in range(2):
            self._tell()
        notices = self._notices(run)
        self.assertEqual((len(notices), run.to_tell), (3, False))
        arrived = self._go()
        self.assertEqual(len(arrived), 3)
        invoice = run.move_ids.filtered(lambda m: m.partner_id.phone == arrived[0][0])
        account = invoice.partner_id.isp_account_no or invoice.partner_id.id
        self.assertEqual(arrived[0][1], f"Juba Net: invoice {invoice.name}. Please pay 216,000 SSP by 11 Nov 2026. Account {account}.")
        self.assertEqual((notices[0].res_model, notices[0].res_id), ("account.move", int(notices[0].key.partition("/")[2])))
        self.assertEqual(self._log(notices[0]).res_model, "account.move")
        run.to_tell = True
        self._tell()
        self.assertEqual(self._go(), [])

    @freeze_time(NOON)
    def test_killed_between_batches_it_goes_on(self):
        self._lines(5)
        run = self._bill(date(2026, 11, 1))
        self.patch_batch(2)
        self.assertFalse(run._tell_invoices(lambda processed=0: 0), "no time left after the first batch")
        self.assertEqual((len(self._notices(run)), run.to_tell), (2, True))
        self._tell()
        self.assertEqual((len(self._notices(run)), run.to_tell), (5, False))

    def patch_batch(self, size):
        from ..models import isp_billing_run_notice

        self.patch(isp_billing_run_notice, "_BATCH", size)

    @freeze_time(NOON)
    def test_telling_costs_the_same_for_many(self):
        runs = []
        for count, day in ((1, 1), (2, 2), (20, 3)):  # the first warms the caches
            self._lines(count)
            runs.append(self._bill(date(2026, 11, day)))
        counts = []
        for run in runs:
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            run._tell_invoices(lambda processed=0: 1000)
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual([len(self._notices(run)) for run in runs], [1, 2, 20])
        self.assertEqual(*counts[1:])

    @freeze_time(NOON)
    def test_off_by_the_company(self):
        self.company.isp_invoice_sms = False
        self._lines(1)
        run = self._bill(date(2026, 11, 1))
        self.company.isp_invoice_sms = True
        self._tell()
        self.assertFalse(self._notices(run), "what was billed before it was switched on is not told")

    def test_quiet_hours(self):
        self._lines(1)
        with freeze_time("2026-11-20 20:00:00"):  # 22:00 in Juba
            run = self._bill(date(2026, 11, 1))
            self._tell()
            self.assertEqual(self._go(), [])
            self.assertEqual(str(self._notices(run).send_after), "2026-11-21 06:00:00")
        with freeze_time("2026-11-21 06:00:00"):
            self.assertEqual(len(self._go()), 1)

    @freeze_time(NOON)
    def test_what_is_paid_or_taken_back_meanwhile(self):
        first, second, third = self._lines(3)
        run = self._bill(date(2026, 11, 1))
        self._tell()
        self._pay(first.partner_id, 216000)
        self._pay(second.partner_id, 100000)
        taken = run.move_ids.filtered(lambda m: m.partner_id == third.partner_id)
        taken._reverse_moves([{"date": date(2026, 11, 20)}], cancel=True)
        arrived = [text for _to, text in self._go() if "invoice" in text]
        self.assertEqual(len(arrived), 1)
        self.assertIn("Please pay 116,000 SSP", arrived[0])
        reasons = {notice.partner_id: notice.reason for notice in self._notices(run)}
        self.assertEqual(reasons[first.partner_id], "Paid meanwhile.")
        self.assertIn("does not stand", reasons[third.partner_id])

    @freeze_time(NOON)
    def test_by_email_with_a_link(self):
        self.company.write({"isp_invoice_sms": False, "isp_invoice_email": True, "isp_sms_name": "JN"})
        (line,) = self._lines(1)
        line.partner_id.email = "achol@example.com"
        run = self._bill(date(2026, 11, 1))
        self._tell()
        self.assertEqual(self._go(), [])
        told = self._notices(run)
        mail = self.env["mail.mail"].search([("isp_notice_id", "=", told.id)])
        move = run.move_ids
        self.assertEqual((told.state, mail.email_to, mail.subject), ("sending", "achol@example.com", f"Juba Net: invoice {move.name}"))
        self.assertIn(f"/my/invoices/{move.id}?access_token={move.access_token}", mail.body_html)
        self.assertIn("216,000 SSP", mail.body_html)

    @freeze_time(NOON)
    def test_by_both(self):
        self.company.isp_invoice_email = True
        (line,) = self._lines(1)
        line.partner_id.email = "achol@example.com"
        run = self._bill(date(2026, 11, 1))
        self._tell()
        self.assertEqual(len(self._go()), 1)
        self.assertEqual(self.env["mail.mail"].search_count([("isp_notice_id", "=", self._notices(run).id)]), 1)

    @freeze_time(NOON)
    def test_a_stopped_run_tells_what_it_has_billed(self):
        self._lines(2)
        run = self._bill(date(2026, 11, 1))
        run.write({"state": "running", "to_tell": False, "ended_at": False})
        run.action_stop()
        self._tell()
        self.assertEqual((len(self._notices(run)), run.to_tell), (2, True), "its last step may still post")
        with freeze_time("2026-11-20 10:11:00"):
            self._tell()
            self.assertEqual((len(self._notices(run)), run.to_tell), (2, False))

    @freeze_time(NOON)
    def test_who_caused_it(self):
        user = new_test_user(self.env, "invoice_run", groups="isp_base.group_isp_billing_manager", company_id=self.company.id)
        self._lines(1)
        run = self.env["isp.billing.run"].with_user(user).create({"date": date(2026, 11, 1), "company_id": self.company.id})
        run.sudo()._process()
        self._tell()
        self._go()
        self.assertEqual(self._log(self._notices(run.sudo())).create_uid, user)
