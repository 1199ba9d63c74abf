# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.isp_period import IspPeriod
from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestBillingRun(BillingCommon):
    def test_a_month_to_the_pound(self):
        line = self._create_line()
        run = self._bill(date(2026, 11, 1))
        invoice = line.period_ids.move_id
        self.assertRecordValues(
            invoice,
            [
                {
                    "state": "posted",
                    "amount_untaxed": 180000,
                    "amount_tax": 36000,
                    "amount_total": 216000,
                    "invoice_date": date(2026, 11, 1),
                    "invoice_date_due": date(2026, 11, 11),
                    "isp_run_id": run.id,
                }
            ],
        )
        self.assertEqual((run.state, run.progress, run.move_count, run.amount_total), ("done", 100, 1, 216000))
        self.assertEqual(line.period_ids.move_line_id.isp_period_id, line.period_ids)
        self.assertEqual(line.next_bill_date, date(2026, 12, 1))
        self.assertIn("2026-11-01", line.period_ids.move_line_id.name)

    def test_again_bills_nothing(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        again = self._bill(date(2026, 11, 30))
        self.assertEqual((again.state, again.period_count, again.move_count), ("done", 0, 0))
        self.assertEqual(len(line.period_ids), 1)

    def test_three_missed_months(self):
        line = self._create_line(anchor_day=31, billing_from=date(2026, 10, 31))
        self._bill(date(2026, 10, 31))
        self._bill(date(2027, 1, 31))
        self.assertEqual(
            [(p.date_start, p.date_end) for p in line.period_ids.sorted("date_start")],
            [
                (date(2026, 10, 31), date(2026, 11, 29)),
                (date(2026, 11, 30), date(2026, 12, 30)),
                (date(2026, 12, 31), date(2027, 1, 30)),
                (date(2027, 1, 31), date(2027, 2, 27)),
            ],
        )
        late = line.period_ids.filtered(lambda p: p.date_start > date(2026, 10, 31)).move_id
        self.assertEqual(len(late), 1)
        self.assertEqual((late.amount_total, late.invoice_date), (3 * 216000, date(2027, 1, 31)))

    def test_who_is_billed(self):
        prepaid = self._create_plan("B-PRE", billing_mode="prepaid")
        lines = {
            "suspended": self._create_line(),
            "terminated": self._create_line(),
            "prepaid": self._create_line(plan_id=prepaid.id),
            "later": self._create_line(billing_from=date(2026, 12, 1)),
            "never": self._create_line(billing_from=date(2026, 11, 1)),
        }
        with freeze_time("2026-10-31 12:00:00"):
            lines["suspended"]._set_state("suspended", "staff")
            lines["terminated"]._set_state("terminated", "termination")
        lines["never"].billing_from = False
        self._bill(date(2026, 11, 30))
        for who, line in lines.items():
            self.assertFalse(line.period_ids, who)

    def test_in_arrears(self):
        line = self._create_line(plan_id=self._create_plan("B-ARR", billing_timing="arrears").id)
        self._bill(date(2026, 11, 30))
        self.assertFalse(line.period_ids)
        self._bill(date(2026, 12, 1))
        self.assertEqual(line.period_ids.date_end, date(2026, 11, 30))

    def test_two_lines_of_one_customer_are_one_invoice(self):
        partner = self._create_customer()
        lines = self._create_line(partner_id=partner.id) + self._create_line(partner_id=partner.id)
        self._bill(date(2026, 11, 1))
        self.assertEqual(len(lines.period_ids.move_id), 1)
        self.assertEqual(lines.period_ids.move_id.amount_total, 432000)

    def test_first_days_are_charged_by_the_day(self):
        line = self._create_line(billing_from=date(2026, 11, 22), anchor_day=1)
        self._bill(date(2026, 11, 22))
        self.assertRecordValues(line.period_ids, [{"kind": "proration", "amount": 54000, "days": 9, "full_days": 30}])

    def test_days_without_service_are_not_billed(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        line._set_state("suspended", "customer")
        self._bill(date(2027, 1, 15))
        self.assertEqual(len(line.period_ids), 1)
        with freeze_time("2027-01-20 12:00:00"):
            line._set_state("active", "staff")
        self._bill(date(2027, 2, 1))
        self.assertEqual(
            [(p.date_start, p.date_end, p.kind) for p in line.period_ids.sorted("date_start")][1:],
            [
                (date(2027, 1, 20), date(2027, 1, 31), "proration"),
                (date(2027, 2, 1), date(2027, 2, 28), "recurring"),
            ],
        )

    def test_prepaid_line_that_becomes_postpaid_is_billed_from_then_on(self):
        prepaid = self._create_plan("B-PRE", billing_mode="prepaid")
        line = self._create_line(billing_from=date(2025, 1, 1), plan_id=prepaid.id)
        with freeze_time("2026-11-22 12:00:00"):
            line.plan_id = self.plan
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            line.period_ids.sorted("date_start").mapped("date_start"), [date(2026, 11, 22), date(2026, 12, 1)]
        )

    def test_short_break_in_a_paid_period_costs_nothing_more(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        line._set_state("suspended", "customer")
        with freeze_time("2026-11-20 12:00:00"):
            line._set_state("active", "staff")
        self.assertEqual(line.next_bill_date, date(2026, 12, 1))

    def test_business_day_is_jubas(self):
        """22:30 UTC is already the next day in Juba."""
        with freeze_time("2026-11-30 22:30:00"):
            self.assertEqual(self.company._isp_today(), date(2026, 12, 1))

    def test_numbers_have_no_gap(self):
        for _number in range(7):
            self._create_line()
        run = self._bill(date(2026, 11, 1))
        self._create_line()
        second = self._bill(date(2026, 11, 2))
        moves = (run.move_ids + second.move_ids).sorted("sequence_number")
        first = moves[0].sequence_number
        self.assertEqual(moves.mapped("sequence_number"), list(range(first, first + 8)))
        self.assertEqual(len(set(moves.mapped("sequence_prefix"))), 1)
        self.assertFalse(any(moves.mapped("made_sequence_gap")))

    def test_one_bad_customer_does_not_stop_the_others(self):
        good, bad = self._create_line(), self._create_line()
        original = IspPeriod._prepare_invoice_line_vals

        def fails(period):
            if period.subscription_id == bad:
                raise ValidationError("no account")  # pylint: disable=translation-required
            return original(period)

        with patch.object(IspPeriod, "_prepare_invoice_line_vals", fails):
            run = self._bill(date(2026, 11, 1))
        self.assertEqual(run.state, "done")
        self.assertTrue(good.period_ids.move_id)
        self.assertFalse(bad.period_ids.move_id)
        self.assertRecordValues(run.error_ids, [{"partner_id": bad.partner_id.id, "phase": "invoice", "message": "no account"}])
        self._bill(date(2026, 11, 2))
        self.assertTrue(bad.period_ids.move_id)
        self.assertEqual(len(bad.period_ids), 1)

    def test_steps_can_stop_and_go_on(self):
        lines = self._create_line() + self._create_line()
        run = self.env["isp.billing.run"].create({"date": "2026-11-01"})
        run._start()
        self.assertFalse(run._work(lambda _done, _left: False))
        self.assertEqual((run.state, run.phase, run.rated), ("running", "rate", 1))
        self.assertLess(run.progress, 100)
        self.assertEqual(run.step_ids.mapped("phase"), ["rate"])
        self.assertTrue(run._work(lambda _done, _left: True))
        self.assertEqual((run.state, len(lines.period_ids.move_id)), ("done", 2))

    def test_ledger_refuses_doubles_and_overlaps(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        values = line.period_ids.copy_data()[0]
        for change in ({}, {"date_start": date(2026, 11, 5)}, {"kind": "proration", "date_end": date(2026, 12, 2)}):
            with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
                self.env["isp.period"].sudo().create({**values, **change})

    def test_ledger_is_never_edited(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        with self.assertRaises(UserError):
            line.period_ids.sudo().amount = 1
        with self.assertRaises(UserError):
            line.period_ids.sudo().unlink()

    def test_price_is_that_of_the_day_of_rating(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        self.plan.list_price = 200000
        self._bill(date(2026, 12, 1))
        self.assertEqual(line.period_ids.sorted("date_start").mapped("amount"), [180000, 200000])

    def test_credit_is_used_by_the_run(self):
        line = self._create_line()
        self._pay(line.partner_id, 250000)
        self._bill(date(2026, 11, 1))
        self.assertEqual(line.period_ids.move_id.payment_state, "paid")
        self.assertEqual(line.balance, -34000)

    def test_postpaid_by_the_hour_is_refused(self):
        with self.assertRaises(ValidationError):
            self._create_plan("B-HOUR", period_unit="hour")

    def test_started_run_is_kept(self):
        run = self._bill(date(2026, 11, 1))
        with self.assertRaises(UserError):
            run.unlink()

    def test_daily_cron_makes_one_run(self):
        self._create_line()
        with freeze_time("2026-11-01 08:00:00"):
            runs = self.env["isp.billing.run"]
            runs._cron_daily()
            runs._cron_daily()
            self.assertEqual(runs.search_count([("company_id", "=", self.company.id), ("date", "=", "2026-11-01")]), 1)

    def test_daily_cron_bills_while_a_later_run_waits(self):
        self._create_line()
        with freeze_time("2026-11-01 08:00:00"):
            runs = self.env["isp.billing.run"]
            later = runs.create({"date": "2026-12-01", "company_id": self.company.id})
            later._simulate()
            self.assertEqual(later.state, "preview")
            runs._cron_daily()
            self.assertTrue(runs.search([("company_id", "=", self.company.id), ("date", "=", "2026-11-01")]))

    def test_cron_does_the_work(self):
        line = self._create_line()
        run = self.env["isp.billing.run"].create({"date": "2026-11-01"})
        run.action_start()
        with self.enter_registry_test_mode():
            self.env.ref("isp_billing.ir_cron_billing_run_1").method_direct_trigger()
        self.assertEqual(run.state, "done")
        self.assertEqual(line.period_ids.move_id.state, "posted")

    def test_cron_out_of_time_asks_to_be_called_again_at_once(self):
        for _number in range(3):
            self._create_line()
        run = self.env["isp.billing.run"].create({"date": "2026-11-01"})
        run._start()
        cron = self.env.ref("isp_billing.ir_cron_billing_run_1")
        self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]).unlink()
        with self.enter_registry_test_mode(), patch.object(type(cron), "_commit_progress", lambda *args, **kwargs: 0):
            self.env["isp.billing.run"]._cron_run()
        self.assertEqual(run.state, "running")
        self.assertTrue(self.env["ir.cron.trigger"].search([("cron_id", "=", cron.id)]))
