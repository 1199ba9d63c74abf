# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user, tagged

from ..models.isp_period import IspPeriod
from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestPreview(BillingCommon):
    """A run is simulated: what it would bill is listed beside the last time, and nothing is booked."""

    def _simulate(self, day):
        run = self.env["isp.billing.run"].create({"date": day, "company_id": self.company.id})
        run._simulate()
        return run

    def _of(self, run, line):
        return run.preview_ids.filtered(lambda p: p.partner_id == line.partner_id)

    def test_nothing_is_booked(self):
        line = self._create_line()
        rank = line.partner_id.customer_rank
        moves = self.env["account.move"].search_count([])
        run = self._simulate(date(2026, 11, 1))
        self.assertEqual((run.state, run.progress, self._of(run, line).amount_total), ("preview", 100, 216000))
        self.assertFalse(line.period_ids)
        self.assertEqual(line.next_bill_date, date(2026, 11, 1))
        self.assertEqual(self.env["account.move"].search_count([]), moves)
        self.assertEqual(line.partner_id.customer_rank, rank)

    def test_what_it_would_bill_is_what_it_bills(self):
        lines = self._create_line() + self._create_line(billing_from=date(2026, 11, 1), anchor_day=20)
        run = self._simulate(date(2026, 12, 1))
        expected = {p.partner_id: p.amount_total for p in run.preview_ids}
        run._process()
        self.assertEqual(run.state, "done")
        for line in lines:
            self.assertEqual(sum(line.period_ids.move_id.mapped("amount_total")), expected[line.partner_id])
        self.assertEqual(run.preview_total, run.amount_total)

    def test_differences_from_the_last_time(self):
        big = self._create_plan("B-BIG")
        same, dearer, gone = self._create_line(), self._create_line(plan_id=big.id), self._create_line()
        self._bill(date(2026, 11, 1))
        big.list_price = 250000
        gone._set_state("suspended", "staff")
        new = self._create_line(billing_from=date(2026, 12, 1))
        run = self._simulate(date(2026, 12, 1))
        self.assertRecordValues(
            self._of(run, same) + self._of(run, dearer) + self._of(run, gone) + self._of(run, new),
            [
                {"change": "same", "amount_total": 216000, "last_total": 216000, "difference": 0, "attention": False},
                {"change": "more", "amount_total": 300000, "last_total": 216000, "difference": 84000, "attention": True},
                {"change": "gone", "amount_total": 0, "last_total": 216000, "difference": -216000, "attention": True},
                {"change": "new", "amount_total": 216000, "last_total": 0, "difference": 216000, "attention": False},
            ],
        )
        self.assertEqual(run.preview_attention, 2)
        self.assertEqual(len(run.attention_ids), 2)
        self.assertEqual(run.preview_ids[:2].mapped("attention"), [True, True])

    def test_who_cannot_be_billed_is_listed(self):
        good, bad = self._create_line(), self._create_line()
        original = IspPeriod._prepare_invoice_line_vals

        def fails(period):
            if period.subscription_id == bad:
                raise ValidationError("no account")  # pylint: disable=translation-required
            return original(period)

        with patch.object(IspPeriod, "_prepare_invoice_line_vals", fails):
            run = self._simulate(date(2026, 11, 1))
        self.assertRecordValues(self._of(run, bad), [{"change": "error", "message": "no account", "attention": True}])
        self.assertEqual(self._of(run, good).amount_total, 216000)
        self.assertFalse(run.error_ids)

    def test_simulated_again(self):
        line = self._create_line()
        run = self._simulate(date(2026, 11, 1))
        self.plan.list_price = 200000
        run._simulate()
        self.assertEqual(self._of(run, line).amount_total, 240000)

    @freeze_time("2026-11-01 08:00:00")
    def test_company_wants_a_person_to_confirm(self):
        self.company.isp_confirm_run = True
        line = self._create_line()
        manager = new_test_user(self.env, "previewer", groups="isp_base.group_isp_billing_manager", company_id=self.company.id)
        runs = self.env["isp.billing.run"]
        runs._cron_daily()
        run = runs.search([("company_id", "=", self.company.id)], limit=1)
        self.assertEqual(run.state, "simulating")
        runs._cron_daily()
        self.assertEqual(runs.search_count([("company_id", "=", self.company.id)]), 1)
        run._work_through()
        self.assertEqual(run.state, "preview")
        self.assertIn(manager, run.activity_ids.user_id)
        self.assertFalse(line.period_ids)
        run.with_user(manager).action_start()
        run._work_through()
        self.assertTrue(line.period_ids.move_id)

    def test_rights(self):
        run = self._simulate(date(2026, 11, 1))
        self._create_line()
        service = new_test_user(self.env, "preview_service", groups="isp_base.group_isp_customer_service")
        with self.assertRaises(AccessError):
            self.env["isp.billing.preview"].with_user(service).search_count([])
        with self.assertRaises(AccessError):
            run.with_user(service).action_start()
