# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, datetime, timedelta
from fractions import Fraction

from freezegun import freeze_time
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import IntegrityError

from odoo.exceptions import UserError
from odoo.modules.migration import exec_script
from odoo.tests import BaseCase, tagged
from odoo.tools import SQL, file_path, mute_logger

from odoo.addons.isp_billing.tests.common import BillingCommon
from odoo.addons.queue_job.tests.common import trap_jobs

from ..engine import fair_use, overage

GB = 1_000_000_000
volumes = st.integers(0, 10**14)


@tagged("post_install", "-at_install")
class TestOverageEngine(BaseCase):
    @settings(deadline=None, max_examples=300)
    @given(used=volumes, more=volumes, bundle=volumes, price=st.integers(0, 10**6), cap=st.integers(0, 10**7), started=st.booleans())
    def test_never_below_zero_never_above_the_cap_never_less_for_more(self, used, more, bundle, price, cap, started):
        cost = overage.overage(used, bundle, price, started=started, cap=cap)
        self.assertGreaterEqual(cost.amount, 0)
        if cap:
            self.assertLessEqual(cost.amount, cap)
        self.assertGreaterEqual(overage.overage(used + more, bundle, price, started=started, cap=cap).amount, cost.amount)
        if used <= bundle:
            self.assertEqual(cost.amount, 0)
        exact = overage.overage(used, bundle, price, started=False)
        begun = overage.overage(used, bundle, price)
        self.assertLessEqual(exact.amount, begun.amount)
        self.assertLess(begun.gigabytes - exact.gigabytes, 1)
        self.assertEqual(exact.gigabytes, Fraction(max(used - bundle, 0), GB))

    @settings(deadline=None, max_examples=300)
    @given(parts=st.lists(st.tuples(volumes, volumes), min_size=1, max_size=5), price=st.integers(0, 10**6), cap=st.integers(0, 10**7), started=st.booleans())
    def test_parts_cost_no_more_than_the_whole(self, parts, price, cap, started):
        """What was used above in all, charged at once, is what the parts are charged together."""
        before = overage.Overage(0, Fraction(0), 0, False)
        for used, bundle in parts:
            cost = overage.overage(used, bundle, price, started=started, cap=cap, before=before)
            before = overage.Overage(before.bytes + cost.bytes, before.gigabytes + cost.gigabytes, before.amount + cost.amount, False)
        above = sum(max(used - bundle, 0) for used, bundle in parts)
        whole = overage.overage(above, 0, price, started=started, cap=cap)
        self.assertEqual((before.bytes, before.gigabytes), (whole.bytes, whole.gigabytes))
        self.assertLessEqual(abs(before.amount - whole.amount), 0 if started else len(parts), "to the byte each part is rounded to the pound")
        if cap:
            self.assertLessEqual(before.amount, cap)

    @settings(deadline=None, max_examples=200)
    @given(quota=st.integers(0, 10**13), full=st.integers(28, 31), cut=st.integers(1, 30))
    def test_parts_of_a_bundle_are_no_less_than_the_bundle(self, quota, full, cut):
        cut = min(cut, full - 1)
        parts = overage.included(quota, cut, full) + overage.included(quota, full - cut, full)
        self.assertIn(parts - quota, (0, 1))

    @settings(deadline=None, max_examples=200)
    @given(
        moment=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)),
        day=st.integers(1, 31),
        window=st.sampled_from(("day", "week", "month")),
    )
    def test_windows_follow_each_other(self, moment, day, window):
        start, end = fair_use.window_start(window, moment, day), fair_use.window_end(window, moment, day)
        self.assertTrue(start <= moment < end)
        self.assertEqual(fair_use.window_start(window, end, day), end)
        self.assertEqual(fair_use.window_end(window, start, day), end)

    @settings(deadline=None, max_examples=200)
    @given(used=volumes, limit=volumes, told=st.integers(0, 100))
    def test_told_once(self, used, limit, told):
        percent = fair_use.to_tell(used, limit, (50, 80, 100), told)
        if percent:
            self.assertGreater(percent, told)
            self.assertGreaterEqual(used * 100, limit * percent)
            self.assertIsNone(fair_use.to_tell(used, limit, (50, 80, 100), percent))


@tagged("post_install", "-at_install")
class TestOverage(BillingCommon):
    """50 GB included, 7,500 for each GB begun, cycles from the 10th."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.plan.write({"quota_mb": 50_000, "overage_price_gb": 7500})
        cls.meter = cls.env["isp.usage.meter"]
        with freeze_time("2026-08-10 10:00:00"):
            cls.line = cls._subscribe(anchor_day=10, username="rated")
        cls._bill("2026-08-10")

    @classmethod
    def _subscribe(cls, state="active", **vals):
        values = {"partner_id": cls._create_customer().id, "plan_id": cls.plan.id, "anchor_day": 1, **vals}
        line = cls.env["isp.subscription"].create(values)
        if state:
            line._set_state(state, "activation")
        return line

    @classmethod
    def _bill(cls, day):
        with freeze_time(f"{day} 03:00:00"):
            run = cls.env["isp.billing.run"].create({"date": day, "company_id": cls.company.id})
            run._process()
            cls.env.flush_all()
        return run

    def _begin(self, **vals):
        """Another line, which begins its first cycle on the plan with these values."""
        self.plan.write(vals)
        with freeze_time("2026-08-10 10:00:00"):
            self.line = self._subscribe(anchor_day=10, username="terms")
        self._bill("2026-08-10")

    def _off(self, day, back):
        """Suspended on a day, back in service on another."""
        for moment, state in ((day, "suspended"), (back, "active")):
            with freeze_time(f"{moment} 09:00:00"), trap_jobs():
                self.line._set_state(state, "staff")

    def _use(self, moment, used):
        """Bytes counted at a moment of the clock in Juba."""
        self.env.flush_all()
        at = datetime.fromisoformat(moment) - timedelta(hours=2)
        self.env.cr.execute(SQL("SELECT radius.book(%s, %s, 0, %s, 60)", self.line.access_ids.id, at, used))
        self.env.invalidate_all()

    def _charges(self):
        rows = self.env["isp.period"].search([("subscription_id", "=", self.line.id), ("kind", "=", "usage")], order="date_start")
        return [(str(row.date_start), str(row.date_end), row.amount) for row in rows]

    def _rated(self):
        return self.env["isp.usage.rating"].search([("subscription_id", "=", self.line.id)], order="date_start")

    def test_a_cycle(self):
        self.assertEqual((str(self.line.usage_from), str(self.line.usage_until), self.line.usage_days), ("2026-08-10", "2026-09-09", 31))
        self._use("2026-08-10 11:00", 20 * GB)
        self._use("2026-09-09 23:59", 42_400_000_000)
        self._use("2026-09-10 00:01", 5 * GB)
        run = self._bill("2026-09-10")
        self.assertFalse(run.error_ids, run.error_ids.mapped("message"))
        self.assertEqual(self._charges(), [("2026-08-10", "2026-09-09", 97500)])
        row = self.line.period_ids.filtered(lambda p: p.kind == "usage")
        self.assertTrue(row.move_line_id, "on the invoice of the run")
        self.assertEqual(row.move_id, self.line.period_ids.filtered(lambda p: str(p.date_start) == "2026-09-10").move_id)
        for part in ("62.40 GB", "50.00 GB", "13 GB", "7,500"):
            self.assertIn(part, row.move_line_id.name)
        self.assertEqual(row.move_line_id.price_subtotal, 97500)
        told = self.env["isp.notice"].search([("kind", "=", "overage"), ("res_id", "=", self.line.id)])
        self.assertEqual((len(told), told.params["price"]), (1, 7500))
        self._bill("2026-09-10")
        self.assertEqual(len(self._charges()), 1, "billed again: nothing")
        self.assertEqual((str(self.line.usage_from), str(self.line.usage_until)), ("2026-09-10", "2026-10-09"))

    def test_nothing_above_charges_nothing(self):
        self._use("2026-08-20 11:00", 50 * GB)
        self._bill("2026-09-10")
        self.assertEqual((self._charges(), self._rated().amount, self._rated().bytes_used), ([], 0, 50 * GB))

    def test_exact_and_cap(self):
        self._begin(overage_unit="exact", overage_cap=90_000)
        self._use("2026-08-20 11:00", 61_000_000_000)
        self._bill("2026-09-10")
        self._use("2026-09-20 11:00", 162_400_000_000)
        self._bill("2026-10-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [82500, 90000])
        line = self.line.period_ids.filtered(lambda p: str(p.date_start) == "2026-09-10" and p.kind == "usage").move_line_id
        self.assertIn("at most", line.name)

    # --- parts of a cycle ---

    def test_at_most_a_month_also_in_parts(self):
        """Suspended for a day with the limit reached, and reached again: one month, one limit."""
        self._begin(overage_cap=60_000)
        self._use("2026-08-12 12:00", 40 * GB)
        self._off("2026-08-14", "2026-08-16")
        self._use("2026-08-20 12:00", 80 * GB)
        self._bill("2026-09-10")
        self.assertEqual(self._charges(), [("2026-08-10", "2026-08-14", 60_000)])
        self._use("2026-09-20 12:00", 80 * GB)
        self._bill("2026-10-10")
        self.assertEqual(self._charges()[1:], [("2026-09-10", "2026-10-09", 60_000)], "the next month has a limit of its own")

    def test_the_rest_of_the_limit(self):
        self._begin(overage_cap=60_000)
        self._use("2026-08-12 12:00", 14_000_000_000)  # 8.06 GB of the bundle: 6 GB begun
        self._off("2026-08-14", "2026-08-16")
        self._use("2026-08-20 12:00", 80 * GB)
        self._bill("2026-09-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [45_000, 15_000])
        text = self.line.period_ids.filtered(lambda p: p.kind == "usage" and p.amount == 15_000).move_line_id.name
        self.assertIn("at most 60,000", text.replace("\u2068", "").replace("\u2066", ""))
        self.assertIn("45,000", text)

    def test_each_gigabyte_begun_once_a_cycle(self):
        """Four parts with a quarter of a GB above each: one GB."""
        self._begin()
        days = (("2026-08-12", "2026-08-14", "2026-08-16"), ("2026-08-17", "2026-08-20", "2026-08-23"), ("2026-08-24", "2026-08-28", "2026-08-31"))
        for used, off, back in days:
            included = overage.included(50 * GB, date.fromisoformat(off).toordinal() - self.line.usage_from.toordinal() + 1, 31)
            self._use(f"{used} 12:00", included + GB // 4)
            self._off(off, back)
        self._use("2026-09-02 12:00", overage.included(50 * GB, 10, 31) + GB // 4)
        self._bill("2026-09-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [7500])
        self.assertEqual(self._rated().mapped("bytes_charged"), [GB // 4] * 4)

    def test_another_plan_and_cycle_day_are_no_new_month(self):
        self._begin(overage_cap=60_000)
        other = self._create_plan("T-CAP", quota_mb=100_000, overage_price_gb=5000, overage_cap=70_000, list_price=250000)
        self._use("2026-08-12 12:00", 80 * GB)
        with freeze_time("2026-08-14 09:00:00"), trap_jobs():
            self.line._change_plan(other, "now")
        self._use("2026-08-14 12:00", 80 * GB)
        with freeze_time("2026-08-18 09:00:00"), trap_jobs():
            self.line.anchor_day = 12
        self._use("2026-08-20 12:00", 200 * GB)
        self._bill("2026-09-12")
        self.assertEqual([amount for *_days, amount in self._charges()], [60_000, 10_000])
        self._use("2026-09-20 12:00", 200 * GB)
        self._bill("2026-10-12")
        self.assertEqual([amount for *_days, amount in self._charges()], [60_000, 10_000, 70_000])

    def test_a_whole_cycle_does_not_count_in_the_next(self):
        self._begin(overage_cap=60_000)
        self._use("2026-08-12 12:00", 80 * GB)
        self._bill("2026-09-10")
        with freeze_time("2026-09-10 09:00:00"), trap_jobs():
            self.line.anchor_day = 9
        self._use("2026-09-12 12:00", 80 * GB)
        self._bill("2026-10-09")
        self.assertEqual([amount for *_days, amount in self._charges()], [60_000, 60_000])

    # --- terms ---

    def _edit(self, day, **vals):
        with freeze_time(f"{day} 09:00:00"), trap_jobs():
            self.plan.write(vals)

    def test_an_edited_plan_holds_from_the_next_cycle(self):
        self._begin(overage_cap=60_000)
        self._use("2026-08-20 11:00", 54 * GB)
        with freeze_time("2026-08-20 12:00:00"), trap_jobs():
            self.meter._apply(self.meter._decide())
        self._edit("2026-09-04", overage_price_gb=20_000, quota_mb=10_000, overage_cap=0, overage_unit="exact")
        self._bill("2026-09-10")
        self.assertEqual(self._charges(), [("2026-08-10", "2026-09-09", 30_000)])
        self.assertIn("4 GB at", self.line.period_ids.filtered(lambda p: p.kind == "usage").move_line_id.name)
        told = self.env["isp.notice"].search([("kind", "=", "overage"), ("res_id", "=", self.line.id)])
        self.assertEqual([notice.params["price"] for notice in told], [7500])
        self._use("2026-09-20 11:00", 14_500_000_000)
        self._bill("2026-10-10")
        self.assertEqual(self._charges()[1:], [("2026-09-10", "2026-10-09", 90_000)])

    def test_back_in_the_same_cycle_the_terms_are_the_same(self):
        self._begin()
        self._off("2026-08-14", "2026-08-16")
        self._edit("2026-08-18", overage_price_gb=20_000)
        self._off("2026-08-20", "2026-08-22")
        self._use("2026-08-25 11:00", 40 * GB)
        self._bill("2026-09-10")
        self.assertEqual(self._charges()[-1][2] % 7500, 0)
        self.assertEqual(self._rated()[-1].price_gb, 7500)

    def test_the_run_is_late_and_the_plan_was_edited_meanwhile(self):
        """The cycle of 10 September had begun when the price was raised, though nobody had opened it."""
        self._use("2026-09-15 11:00", 51 * GB)
        self._edit("2026-10-12", overage_price_gb=20_000)
        self._bill("2026-10-14")
        self._use("2026-10-20 11:00", 51 * GB)
        self._bill("2026-11-10")
        self._use("2026-11-20 11:00", 51 * GB)
        self._bill("2026-12-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [7500, 7500, 20_000])

    def test_a_price_that_is_taken_away_holds_until_the_cycle_is_over(self):
        self._begin()
        self._use("2026-08-20 11:00", 52 * GB)
        self._edit("2026-08-22", overage_price_gb=0)
        self.assertEqual(self.line.access_ids.quota_bytes, 0, "nobody is cut off whose bundle had no wall")
        self._bill("2026-09-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [15_000])
        self.assertFalse(self.line.usage_from)
        self.assertEqual(self.line.access_ids.quota_bytes, 50 * GB)

    def test_the_update_gives_running_cycles_their_terms(self):
        """As an older database stands: no terms, and a part that broke off, of which nobody knows what was paid."""
        self._begin(overage_cap=60_000)
        self._use("2026-08-12 12:00", 14_000_000_000)
        self._off("2026-08-14", "2026-08-16")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE isp_usage_rating SET terms_id = NULL, bytes_paid = NULL; UPDATE isp_subscription SET usage_terms_id = NULL; DELETE FROM isp_usage_terms"
        )
        self.env.invalidate_all()
        script = file_path("isp_network/migrations/19.0.5.6.0/post-migration.py")
        for _again in range(2):
            with freeze_time("2026-08-18 09:00:00"):
                exec_script(self.env.cr, "19.0.5.3.0", script, "isp_network", "post")
        self.assertEqual((self._rated().bytes_paid, self._rated().terms_id), (6 * GB, self.line.usage_terms_id))
        self._use("2026-08-20 12:00", 80 * GB)
        self._bill("2026-09-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [45_000, 15_000])

    def test_told_before_the_first_charge_whatever_the_thresholds(self):
        for percents in (False, "50,80", "120"):
            with self.subTest(percents=percents), self.env.cr.savepoint() as savepoint:
                self._begin(alert_percents=percents)
                self._use("2026-08-20 11:00", 50 * GB)
                with freeze_time("2026-08-20 12:00:00"), trap_jobs():
                    self.meter._apply(self.meter._decide())
                    self.assertFalse(self.meter._decide(only=self.line.access_ids.ids), "told once")
                told = self.env["isp.notice"].search([("kind", "=", "overage"), ("res_id", "=", self.line.id)])
                self.assertEqual([notice.params["price"] for notice in told], [7500])
                savepoint.rollback()
            self.env.invalidate_all()

    def test_missed_months_are_rated_each(self):
        self._use("2026-08-20 11:00", 51 * GB)
        self._use("2026-09-20 11:00", 52 * GB)
        self._bill("2026-10-10")
        self.assertEqual([amount for *_days, amount in self._charges()], [7500, 15000])

    def test_days_to_come_are_not_rated(self):
        self._use("2026-08-20 11:00", 51 * GB)
        with freeze_time("2026-08-20 12:00:00"):
            self.env["isp.billing.run"].create({"date": "2026-09-10"})._process()
        self.assertFalse(self._rated())

    def test_late_packets_go_to_the_next(self):
        self._use("2026-08-20 11:00", 50 * GB)
        self._bill("2026-09-10")
        self._use("2026-08-21 11:00", 3 * GB)
        self._use("2026-09-20 11:00", 49 * GB)
        self._bill("2026-10-10")
        self.assertEqual(self._charges(), [("2026-09-10", "2026-10-09", 15000)])
        self.assertEqual((self._rated()[1].bytes_used, self._rated()[1].bytes_late), (49 * GB, 3 * GB))
        self.assertEqual((self._rated()[0].bytes_used, self._rated()[0].bytes_seen), (50 * GB, 53 * GB))
        self._bill("2026-11-10")
        self.assertEqual(len(self._charges()), 1, "late packets are charged once")
        self.assertEqual(self._rated()[2].bytes_late, 0)

    def test_change_of_plan(self):
        """Ten of 31 days on the old plan, 21 on the new: a part of each bundle, each at its own price."""
        other = self._create_plan("T-BIG", quota_mb=100_000, overage_price_gb=5000, list_price=250000)
        self._use("2026-08-19 23:30", 20 * GB)
        self._use("2026-08-20 00:30", 80 * GB)
        with freeze_time("2026-08-20 09:00:00"), trap_jobs():
            self.line._change_plan(other, "now")
        self.assertEqual(self._charges(), [("2026-08-10", "2026-08-19", 30000)], "20 − 16.13 GB")
        self._bill("2026-09-10")
        self.assertEqual(self._charges()[1:], [("2026-08-20", "2026-09-09", 65000)], "80 − 67.74 GB")
        rows = self.line.period_ids.filtered(lambda p: p.kind == "usage")
        self.assertEqual(set(rows.mapped("plan_id.code")), {"B-HOME", "T-BIG"})
        self.assertTrue(all(rows.mapped("move_line_id")))

    def test_to_a_plan_without_and_back_on_the_same_day(self):
        other = self._create_plan("T-FLAT", list_price=400000)
        self._use("2026-08-15 12:00", 60 * GB)
        with freeze_time("2026-08-20 09:00:00"), trap_jobs():
            self.line._change_plan(other, "now")
            self.assertFalse(self.line.usage_from)
            self.line._change_plan(self.plan, "now")
        self.assertEqual(str(self.line.usage_from), "2026-08-20")
        self.assertEqual(len(self._charges()), 1)

    def test_days_without_service(self):
        self._use("2026-08-12 12:00", 20 * GB)
        with freeze_time("2026-08-14 09:00:00"), trap_jobs():
            self.line._set_state("suspended", "staff")
        self.assertEqual(self._charges(), [("2026-08-10", "2026-08-14", 90000)], "5 of 31 days: 8.06 GB")
        self._use("2026-08-16 12:00", 2 * GB)
        with freeze_time("2026-08-20 09:00:00"), trap_jobs():
            self.line._set_state("active", "staff")
        self.assertEqual(str(self.line.usage_from), "2026-08-20")
        self._bill("2026-09-10")
        self.assertEqual(len(self._charges()), 1, "what the walled garden took is not charged")

    def test_suspended_and_back_on_one_day(self):
        with freeze_time("2026-08-14 09:00:00"), trap_jobs():
            self.line._set_state("suspended", "staff")
            self.line._set_state("active", "staff")
        self.assertEqual((str(self.line.usage_from), str(self._rated().date_end)), ("2026-08-15", "2026-08-14"))

    def test_the_end_is_rated(self):
        self._use("2026-08-12 12:00", 20 * GB)
        with freeze_time("2026-08-14 09:00:00"), trap_jobs():
            self.line._set_state("terminated", "customer")
        row = self.line.period_ids.filtered(lambda p: p.kind == "usage")
        self.assertEqual(row.amount, 90000)
        self.assertFalse(self.line.usage_from)

    def test_end_of_month(self):
        line = self._subscribe(None, anchor_day=31, username="last")
        with freeze_time("2027-01-31 10:00:00"):
            line._set_state("active", "activation")
        self.assertEqual((str(line.usage_until), line.usage_days), ("2027-02-27", 28))
        with freeze_time("2027-02-28 10:00:00"):
            line._rate_usage(date(2027, 2, 27))
        self.assertEqual((str(line.usage_from), str(line.usage_until), line.usage_days), ("2027-02-28", "2027-03-30", 31))

    def test_once_for_ever(self):
        self._use("2026-08-20 11:00", 51 * GB)
        with self.env.cr.savepoint():
            self.line._rate_part(date(2026, 8, 10), date(2026, 9, 9))
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.line._rate_part(date(2026, 8, 10), date(2026, 8, 20))
        with self.assertRaises(UserError):
            self._rated().bytes_used = 0

    def test_told_at_the_full_bundle_not_twice(self):
        self._use("2026-08-20 11:00", 51 * GB)
        with freeze_time("2026-08-20 12:00:00"), trap_jobs():
            self.meter._apply(self.meter._decide())
        self._bill("2026-09-10")
        told = self.env["isp.notice"].search([("res_model", "=", "isp.subscription"), ("res_id", "=", self.line.id), ("kind", "in", ("usage", "overage"))])
        self.assertEqual(told.mapped("kind"), ["overage"])
        self.assertEqual(len(self._charges()), 1)

    def test_a_plan_gets_a_price_for_the_gigabyte(self):
        plan = self._create_plan("T-LATER", quota_mb=1000)
        line = self._subscribe(plan_id=plan.id, username="later")
        self.assertFalse(line.usage_from)
        plan.overage_price_gb = 100
        self.assertEqual(line.usage_from, line.company_id._isp_today())
        plan.billing_mode = "prepaid"
        self.assertFalse(line.usage_from)
