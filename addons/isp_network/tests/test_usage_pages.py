# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import csv
import io
from datetime import timedelta

from odoo import fields
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import NetworkCommon

GB = 1_000_000_000


@tagged("post_install", "-at_install")
class TestUsagePages(NetworkCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.quota_mb = 10_000
        cls.env["isp.topup.offer"].create({"name": "Five more", "volume_mb": 5000, "price": 4500, "company_id": cls.env.company.id})
        cls.other = cls._create_subscription(
            "active", username="other", partner_id=cls.env["res.partner"].create({"name": "Deng"}).id
        )
        cls.env["res.lang"]._activate_lang("ar_001")
        new_test_user(cls.env, "usage-own", "base.group_portal", password="usage-own", partner_id=cls.partner.id)
        new_test_user(cls.env, "usage-staff", "isp_base.group_isp_customer_service", password="usage-staff")
        new_test_user(cls.env, "usage-nobody", "base.group_user", password="usage-nobody")

    def _use(self, used, at=None):
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT radius.book(%s, %s, 0, %s, 60)", self.access.id, at or fields.Datetime.now(), used))
        self.env.invalidate_all()

    def test_series(self):
        now = fields.Datetime.now()
        self._use(3 * GB, now - timedelta(days=3))
        self._use(GB, now)
        self.env.cr.execute("UPDATE isp_usage SET hour = hour - interval '1 hour' WHERE hour = date_trunc('hour', now() AT TIME ZONE 'UTC')")
        self.env["isp.usage"]._roll_up()
        self.assertEqual([row[1] for row in self.subscription._usage_series("hour") if row[1]], [GB])
        days = self.subscription._usage_series("day")
        self.assertEqual((len(days), sum(row[1] for row in days)), (31, 4 * GB))
        self.assertEqual(days[-1][0], str((now + timedelta(hours=2)).date()))
        for span, count in (("month", 13), ("year", 5), ("hour", 48)):
            self.assertEqual(len(self.subscription._usage_series(span)), count)
        self.assertEqual(sum(row[1] for row in self.subscription._usage_series("year")), 4 * GB)
        self.assertIn("<svg", self.subscription.usage_chart)
        self.assertFalse(self.other.usage_chart)

    def test_groups(self):
        self._use(GB)
        groups = self.env["isp.usage"].with_user(self.env.ref("base.user_admin"))._read_group(
            [("access_id", "=", self.access.id)], ["plan_id", "area", "router_id"], ["bytes_down:sum"]
        )
        self.assertEqual([(plan, int(count)) for plan, _area, _router, count in groups], [(self.plan, GB)])

    def test_signed_page(self):
        self._use(10 * GB)
        self.env.flush_all()
        page = self.url_open(self.subscription._usage_url())
        self.assertEqual(page.status_code, 200)
        self.assertLess(len(page.content), 30_000)
        for text in ("10.00 GB", "100%", "because the data is used up", "Five more", "T1"):
            self.assertIn(text, page.text)
        self.assertNotIn("<script", page.text)
        arabic = self.url_open(self.subscription._usage_url() + "?lang=ar_001").text
        self.assertIn('dir="rtl"', arabic)
        self.assertIn('dir="ltr"', self.url_open(self.subscription._usage_url(), headers={"Accept-Language": "ar-SD"}).text)
        self.partner.lang = "ar_001"
        self.env.flush_all()
        self.assertIn('dir="rtl"', self.url_open(self.subscription._usage_url(), headers={"Accept-Language": "en"}).text)
        for path in (f"/isp/usage/{self.other.id}/{self.subscription._usage_signature()}", f"/isp/usage/{self.subscription.id}/x", "/isp/usage/999999999/x"):
            self.assertEqual(self.url_open(path).status_code, 404, path)

    def test_page_in_the_walled_garden(self):
        page = self.url_open("/isp/usage")
        self.assertIn("could not be told", page.text)
        self.assertIn("When the internet is off", page.text)
        for header in ("ar", "ar-SD,ar;q=0.9,en;q=0.5"):
            self.assertIn('dir="rtl"', self.url_open("/isp/usage", headers={"Accept-Language": header}).text, "whose line it is, is not known")
        self._use(GB)
        self._acct("start", ip="127.0.0.1")
        self.env.flush_all()
        self.assertIn("1.00 GB", self.url_open("/isp/usage").text)
        self._acct("start", session="s9", login="other", ip="127.0.0.1")
        self.env.flush_all()
        self.assertIn("could not be told", self.url_open("/isp/usage").text, "two lines with one address")

    def test_the_wall_says_why(self):
        """Each reason has its words, and what is to be paid; who is not walled reads none of them."""
        line, url = self.subscription, self.subscription._usage_url()
        why = {
            "debt": "because an invoice is overdue",
            "expired": "because the time that was paid is over",
            "paused": "because a pause was asked for",
            "time": "because the time on line is used up",
            "suspended": "The internet is off.",
        }

        def only(reason):
            self.env.flush_all()
            text = self.url_open(url).text
            self.assertEqual([words for words in why.values() if words in text], [why[reason]] if reason else [])
            self.assertEqual("Five more" in text, not reason)
            return text

        only(None)
        with trap_jobs():
            line._set_state("suspended", "staff")
            only("suspended")
            line._set_state("active", "staff")
            line._set_state("suspended", "overdue")
            only("suspended")  # nothing is owed: nobody is told to pay
            invoice = self._owe(line.partner_id)
            text = only("debt")
            for words in (str(invoice.invoice_date_due), "4,321", line.partner_id.isp_account_no):
                self.assertIn(words, text)
            line._set_state("active", "payment")
            line._set_state("paused", "customer")
            only("paused")
            line._set_state("active", "customer")
            self.access._apply({"valid_until": fields.Datetime.now() - timedelta(minutes=1)})
            only("expired")
            self.access._apply({"valid_until": False, "time_limit": 60})
            self._acct("stop", seconds=61)
            only("time")

    def _owe(self, partner):
        invoice = self.env["account.move"].create(
            {"move_type": "out_invoice", "partner_id": partner.id, "invoice_date": "2026-01-01", "invoice_date_due": "2026-01-11",
             "invoice_line_ids": [(0, 0, {"name": "Internet", "price_unit": 4321, "tax_ids": False})]}
        )  # fmt: skip
        invoice.action_post()
        return invoice

    def test_own_page_and_file(self):
        self._use(2 * GB, fields.Datetime.now() - timedelta(days=2))
        self.env["isp.usage"]._roll_up()
        self.env.flush_all()
        self.authenticate("usage-own", "usage-own")
        page = self.url_open("/my/usage")
        self.assertIn("<svg", page.text)
        self.assertIn("achol", page.text)
        self.assertLess(len(page.content), 30_000)
        for span in ("hour", "month", "year", "nonsense"):
            self.assertEqual(self.url_open(f"/my/usage/{self.subscription.id}?span={span}").status_code, 200)
        rows = list(csv.DictReader(io.StringIO(self.url_open(f"/my/usage/{self.subscription.id}/csv").text)))
        self.assertEqual((len(rows), sum(int(row["bytes_down"]) for row in rows)), (31, 2 * GB))
        for path in (f"/my/usage/{self.other.id}", f"/my/usage/{self.other.id}/csv", "/my/usage/999999999/csv"):
            self.assertEqual(self.url_open(path).status_code, 404, path)

    def test_staff_and_others(self):
        self.authenticate("usage-staff", "usage-staff")
        self.assertEqual(self.url_open(f"/my/usage/{self.other.id}/csv?span=month").status_code, 200)
        self.authenticate("usage-nobody", "usage-nobody")
        self.assertNotEqual(self.url_open(f"/my/usage/{self.other.id}/csv").status_code, 200)
