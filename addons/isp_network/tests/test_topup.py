# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import datetime, timedelta

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from odoo.addons.isp_billing.tests.common import BillingCommon
from odoo.addons.queue_job.tests.common import trap_jobs

GB = 1_000_000_000


@tagged("post_install", "-at_install")
class TestTopup(BillingCommon):
    """10 GB for 5,000 SSP (6,000 with tax)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("isp_network.product_topup").taxes_id = cls.excise
        cls.offer = cls.env["isp.topup.offer"].create({"name": "10 GB", "volume_mb": 10_000, "price": 5000})
        cls.meter = cls.env["isp.usage.meter"]

    def _line(self, **plan):
        plan = self._create_plan(f"T-{len(self.env['isp.plan'].search([]))}", down_kbps=2048, up_kbps=1024, **plan)
        vals = {"partner_id": self._create_customer().id, "plan_id": plan.id, "anchor_day": 1, "username": plan.code}
        line = self.env["isp.subscription"].create(vals)
        line._set_state("active", "activation")
        if plan.billing_mode == "prepaid":
            line.valid_until = fields.Datetime.now() + timedelta(days=20)
        line.sudo().access_ids._apply({"password": "pw"})
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE isp_access SET quota_from = %s WHERE id = %s", datetime(2020, 1, 1), line.access_ids.id))
        self.env.invalidate_all()
        return line

    def _use(self, line, used):
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT radius.book(%s, %s, 0, %s, 60)", line.access_ids.id, fields.Datetime.now(), used))
        self.env.invalidate_all()

    def _verdict(self, line):
        self.env.flush_all()
        rows = self.env.execute_query(SQL("SELECT verdict, reason, rate, data_left FROM radius.verdict(%s, NULL, false)", line.username))
        return rows[0]

    def _sell(self, line, pay="credit", uuid="u1"):
        with trap_jobs():
            return line._sell_topup(self.offer, pay, uuid)

    def _charges(self, line):
        return line.period_ids.filtered(lambda p: p.source.startswith("topup/"))

    def test_the_wall_goes_when_the_money_is_there(self):
        line = self._line(quota_mb=1000)
        self._use(line, GB)
        self.assertEqual(self._verdict(line)[:2], ("wall", "quota"))
        topup = self._sell(line)
        self.assertEqual((topup.state, self._charges(line).ids), ("waiting", []))
        with trap_jobs():
            self._pay(line.partner_id, 5999)
        self.assertEqual(topup.state, "waiting")
        with trap_jobs():
            self._pay(line.partner_id, 1)
        self.assertEqual((topup.state, self._charges(line).amount), ("done", 5000))
        self.assertEqual(topup.period_id.move_id.payment_state, "paid")
        self.assertEqual(self._verdict(line), ("accept", None, "1024k/2048k", 10 * GB))
        self.assertEqual(line._usage_now()["used"], GB)
        self.assertEqual(line._usage_now()["volume"], 11 * GB)
        with trap_jobs():
            self._pay(line.partner_id, 20000)
        self.assertEqual(len(self._charges(line)), 1)

    def test_it_ends_with_the_cycle(self):
        with freeze_time("2026-11-20 10:00:00"):
            line = self._line(quota_mb=1000)
            topup = self._sell(line, "invoice")
        self.assertEqual(topup.valid_until, datetime(2026, 11, 30, 22), "midnight in Juba")
        self.env.flush_all()
        self.env.cr.execute("UPDATE isp_access SET topup_until = now() AT TIME ZONE 'UTC' - interval '1 second'")
        self.assertEqual(self._verdict(line)[3], GB)

    def test_two_in_a_window_add_up_and_one_key_sells_once(self):
        line = self._line(quota_mb=1000)
        first = self._sell(line, "invoice")
        self.assertEqual(self._sell(line, "invoice"), first)
        self._sell(line, "invoice", "u2")
        self.assertEqual((len(self._charges(line)), self._verdict(line)[3]), (2, 21 * GB))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            first.copy({"uuid": first.uuid})

    def test_on_the_next_invoice(self):
        line = self._line(quota_mb=1000)
        self._sell(line, "invoice")
        self.assertFalse(self._charges(line).move_line_id)
        self._bill(line.company_id._isp_today())
        self.assertEqual(self._charges(line).move_line_id.price_total, 6000)

    def test_a_bought_bundle_grows(self):
        line = self._line(quota_mb=1000, billing_mode="prepaid", period_unit="day", period_count=30)
        with self.assertRaises(UserError):
            self._sell(line, "invoice")
        self._use(line, GB)
        with trap_jobs():
            self._pay(line.partner_id, 6000)
        topup = self._sell(line)
        self.assertEqual((topup.state, topup.valid_until), ("done", False))
        self.assertEqual(self._verdict(line)[3], 10 * GB)

    def test_the_ladder_is_lifted(self):
        ladder = self.env["isp.fup"].create(
            {"code": "T-L", "name": "L", "window": "day", "step_ids": [(0, 0, {"after_mb": 5000, "down_kbps": 100, "up_kbps": 50})]}
        )
        line = self._line(fup_id=ladder.id)
        self._use(line, 6 * GB)
        with trap_jobs():
            self.meter._apply(self.meter._decide())
        self.assertEqual(self._verdict(line)[2], "50k/100k")
        self._sell(line, "invoice")
        self.assertEqual(self._verdict(line)[2], "1024k/2048k")
        self._use(line, 9 * GB)
        with trap_jobs():
            self.meter._apply(self.meter._decide())
        self.assertEqual(self._verdict(line)[2], "50k/100k")

    def test_it_is_part_of_the_bundle_when_that_is_rated(self):
        line = self._line(quota_mb=1000, overage_price_gb=700)
        self._sell(line, "invoice")
        self._use(line, 30 * GB)
        today = line.company_id._isp_today()
        line._close_usage(today)
        rating = line.rating_ids
        self.assertEqual(rating.bytes_topup, 10 * GB)
        self.assertEqual(rating.bytes_charged, 30 * GB - rating.bytes_included - 10 * GB)

    def test_not_for_every_line(self):
        flat = self._line()
        other = self._line(quota_mb=1000)
        self.assertFalse(flat.can_top_up)
        with self.assertRaises(UserError):
            self._sell(flat)
        self.offer.plan_ids = flat.plan_id
        with self.assertRaises(UserError):
            self._sell(other)
        self.offer.plan_ids = False
        with trap_jobs():
            other._set_state("suspended", "staff")
        with self.assertRaises(UserError):
            self._sell(other)

    def test_the_form(self):
        line = self._line(quota_mb=1000)
        clerk = new_test_user(self.env, "topup-clerk", "isp_base.group_isp_customer_service", company_id=self.company.id, company_ids=[(6, 0, self.company.ids)])
        wizard = self.env["isp.topup.wizard"].with_user(clerk).create({"subscription_id": line.id, "offer_id": self.offer.id})
        self.assertEqual((wizard.total, wizard.credit, wizard.missing, wizard.used), (6000, 0, 6000, "0 B of 1.00 GB"))
        with trap_jobs():
            action = wizard.action_confirm()
        self.assertEqual((action["res_model"], action["context"]["default_amount"]), ("isp.cash.payment", 6000))
        wizard.pay = "invoice"
        self.assertEqual(wizard.missing, 0)
        technician = new_test_user(self.env, "topup-tech", "isp_base.group_isp_technician")
        with self.assertRaises(AccessError):
            self.env["isp.topup.wizard"].with_user(technician).create({"subscription_id": line.id, "offer_id": self.offer.id})

    def test_given_up_after_a_week(self):
        topup = self._sell(self._line(quota_mb=1000))
        with freeze_time(fields.Datetime.now() + timedelta(days=6)):
            self.env["isp.topup"].sudo()._gc_waiting()
        self.assertEqual(topup.state, "waiting")
        with freeze_time(fields.Datetime.now() + timedelta(days=8)):
            self.env["isp.topup"].sudo()._gc_waiting()
        self.assertEqual(topup.state, "cancelled")
