# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .test_services import PricingCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-11-01 08:00:00")
class TestPriceSchedule(PricingCommon):
    def _price(self, day, price, plan=None, confirm=True, **vals):
        row = self.env["isp.plan.price"].create(
            {"plan_id": (plan or self.plan).id, "date_from": day, "price": price, **vals}
        )
        if confirm:
            row.action_confirm()
        return row

    def _amounts_of(self, line):
        return line.period_ids.sorted("date_start").mapped("amount")

    def test_from_the_next_period_on(self):
        line = self._create_line(billing_from=date(2026, 11, 15))
        self._price("2026-12-10", 200000)
        self._bill(date(2026, 11, 15))
        self._bill(date(2026, 12, 15))
        self.assertEqual(self._amounts_of(line), [180000, 200000])
        self.assertEqual(line.period_ids.sorted("date_start")[-1].date_start, date(2026, 12, 15))

    def test_missed_periods_cost_the_price_of_their_day(self):
        line = self._create_line()
        self._price("2026-12-05", 200000)
        self._price("2027-01-20", 210000)
        self._bill(date(2027, 2, 1))
        self.assertEqual(self._amounts_of(line), [180000, 180000, 200000, 210000])

    def test_draft_and_withdrawn_bind_nobody(self):
        line = self._create_line()
        self._price("2026-12-01", 1, confirm=False)
        self._price("2026-12-05", 2).action_withdraw()
        self._bill(date(2027, 1, 1))
        self.assertEqual(self._amounts_of(line), [180000] * 3)

    def test_increase_is_told_before(self):
        self.assertEqual(self.company.isp_price_notice_days, 30)
        with self.assertRaisesRegex(UserError, "2026-12-01"):
            self._price("2026-11-30", 181000)
        self._price("2026-11-29", 181000, is_approved=True, approval_ref="NCA/9")
        self._price("2026-11-10", 170000)
        with self.assertRaisesRegex(UserError, "30 days"):
            self._price("2026-11-20", 175000, is_approved=True)
        with self.assertRaisesRegex(UserError, "is over"):
            self._price("2026-10-31", 1000)

    def test_what_is_confirmed_stands(self):
        row = self._price("2026-12-05", 200000)
        manager = new_test_user(self.env, "boss7", "isp_base.group_isp_billing_manager")
        for vals in ({"price": 1}, {"date_from": "2027-01-01"}, {"state": "applied"}):
            with self.assertRaises(UserError):
                row.with_user(manager).write(vals)
        with self.assertRaises(UserError):
            row.with_user(manager).unlink()
        with self.assertRaises(UserError):
            self.plan.with_user(manager).list_price = 500000
        self.plan.with_user(manager).name = "Home"
        with self.assertRaises(UserError):
            self.env["isp.plan.price"].with_user(manager).create(
                {"plan_id": self.plan.id, "date_from": "2027-01-01", "price": 5, "state": "planned"}
            )
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self._price("2026-12-05", 210000)

    def test_in_force_on_its_day(self):
        row = self._price("2026-12-05", 200000)
        rows = self.env["isp.plan.price"]
        rows._apply()
        self.assertEqual((row.state, self.plan.list_price), ("planned", 180000))
        line = self._create_line()
        with freeze_time("2026-12-05 08:00:00"):
            rows._apply()
            rows._apply()
        self.assertEqual((row.state, self.plan.list_price, line.monthly_value), ("applied", 200000, 200000))
        with freeze_time("2026-12-06 08:00:00"), self.assertRaises(UserError):
            rows.search([("plan_id", "=", self.plan.id), ("state", "=", "planned")]).action_withdraw()
            self._price("2026-12-01", 1)

    def test_customers_are_told_once(self):
        partner = self._create_customer()
        lines = self._create_line(partner_id=partner.id) + self._create_line(partner_id=partner.id) + self._create_line()
        gone, agreed = self._create_line(), self._create_line()
        gone._set_state("terminated", "termination")
        agreed.write({"price_is_fixed": True, "price_fixed": 100000, "price_fixed_reason": "contract"})
        row = self._price("2026-12-05", 200000)
        rows = self.env["isp.plan.price"]
        self.assertEqual(rows._tell_all(batch=1), 2)
        self.assertTrue(row.told_at)
        self.assertEqual(rows._tell_all(batch=1), 0)
        notices = self.env["isp.notice"].search([("key", "=like", f"price/{row.id}/%")])
        self.assertEqual(notices.partner_id, lines.partner_id)
        self.assertEqual(
            notices[0].params, {"plan": "B-HOME", "price": 240000, "old_price": 216000, "date": "2026-12-05"}
        )
        self._create_line()
        self.assertEqual(rows._tell_all(), 1)

    def test_telling_takes_few_queries(self):
        """Of the first and of the next price: as many for three customers as for thirty."""
        counts = []
        for number, day in ((3, "2026-12-05"), (27, "2026-12-06")):
            for _number in range(number):
                self._create_line()
            row = self._price(day, 200000)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.assertGreaterEqual(row._tell(self.company, False, 1000), number)
            counts.append(self.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0])

    def test_price_agreed_with_a_customer(self):
        line = self._create_line()
        line.write({"price_is_fixed": True, "price_fixed": 120000, "price_fixed_until": "2026-12-15", "price_fixed_reason": "NGO"})
        self.assertEqual(line.monthly_value, 120000)
        self._price("2026-12-05", 200000)
        self._bill(date(2027, 1, 1))
        self.assertEqual(self._amounts_of(line), [120000, 120000, 200000])
        with self.assertRaises(ValidationError):
            line.price_fixed_reason = " "
        care = new_test_user(self.env, "care7", "isp_base.group_isp_customer_service")
        with self.assertRaises(AccessError):
            line.with_user(care).price_fixed = 1

    def test_agreed_price_ends_with_the_plan(self):
        line = self._create_line()
        line.write({"price_is_fixed": True, "price_fixed": 1, "price_fixed_reason": "NGO"})
        line.sudo().plan_id = self._create_plan("B-BIG", list_price=900000)
        self.assertFalse(line.price_is_fixed)

    def test_rights(self):
        row = self._price("2026-12-05", 200000)
        for login, group, may in (
            ("tech7", "isp_base.group_isp_technician", True),
            ("care8", "isp_base.group_isp_customer_service", True),
            ("portal7", "base.group_portal", False),
        ):
            user = new_test_user(self.env, login, group)
            self.assertEqual(row.with_user(user).has_access("read"), may)
            self.assertFalse(row.with_user(user).has_access("write"))
            with self.assertRaises(AccessError):
                row.with_user(user).action_confirm()


@tagged("post_install", "-at_install")
@freeze_time("2026-11-01 08:00:00")
class TestUsdPrices(PricingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.ref("base.USD").rate_ids.unlink()
        cls.usd_plan = cls._create_plan("B-USD", price_basis="usd", price_usd=45)

    def _rate(self, day, rate, **vals):
        return self.env["isp.usd.rate"].create({"date": day, "rate": rate, **vals}).action_save()

    def _line(self, **vals):
        return self._create_line(plan_id=self.usd_plan.id, **vals)

    def test_rate_of_the_day(self):
        self._rate("2026-10-20", 4500)
        self._rate("2026-11-01", 4600)
        line = self._line(billing_from=date(2026, 10, 25))
        self._bill(date(2026, 11, 25))
        old, new = line.period_ids.sorted("date_start")
        self.assertEqual((old.amount, old.usd_rate, old.usd_rate_date, old.price_usd), (202500, 4500, date(2026, 10, 20), 45))
        self.assertEqual((new.amount, new.usd_rate, new.usd_rate_date), (207000, 4600, date(2026, 11, 1)))
        self.assertIn("USD 45.00 at 4,600.00 SSP (rate of 2026-11-01)", new.move_line_id.name)

    def test_arrears_fall_due_at_the_end(self):
        self.usd_plan.billing_timing = "arrears"
        self._rate("2026-10-01", 4000)
        self._rate("2026-11-01", 4600)
        line = self._line(billing_from=date(2026, 10, 1))
        self._bill(date(2026, 11, 1))
        self.assertEqual(line.period_ids.usd_rate, 4600)

    def test_rounding_and_parts(self):
        self.company.isp_price_rounding = 100
        self._rate("2026-10-01", 4611.35)
        line = self._line(billing_from=date(2026, 11, 16), anchor_day=1)
        self._bill(date(2026, 11, 16))
        self.assertEqual((line.period_ids.price, line.period_ids.amount), (207500, 103750))

    def test_later_rates_change_nothing_that_is_rated(self):
        self._rate("2026-11-01", 4600)
        line = self._line()
        self._bill(date(2026, 11, 1))
        self._rate("2026-11-01", 5000)
        self._bill(date(2026, 11, 2))
        self.assertEqual(line.period_ids.amount, 207000)
        self.assertEqual(self.company._isp_usd_rate(date(2026, 11, 1)), (5000, date(2026, 11, 1)))

    def test_without_a_rate_the_others_go_on(self):
        good, line = self._create_line(), self._line()
        run = self._bill(date(2026, 11, 1))
        self.assertTrue(good.period_ids)
        self.assertFalse(line.period_ids)
        self.assertIn("2026-11-01", run.error_ids.message)
        self.assertIn("Dollar rate", run.error_ids.message)
        self._rate("2026-11-01", 4600)
        self._bill(date(2026, 11, 1))
        self.assertEqual(line.period_ids.amount, 207000)

    def test_scheduled_price_in_usd(self):
        self._rate("2026-10-01", 4600)
        self.usd_plan._refresh_list_price()
        row = self.env["isp.plan.price"].create({"plan_id": self.usd_plan.id, "date_from": "2026-12-01", "price_usd": 50})
        row.action_confirm()
        line = self._line()
        self._bill(date(2026, 12, 1))
        self.assertEqual(line.period_ids.sorted("date_start").mapped("amount"), [207000, 230000])
        self.env["isp.plan.price"]._tell_all()
        notice = self.env["isp.notice"].search([("key", "=", f"price/{row.id}/{line.partner_id.id}")])
        self.assertEqual((notice.params["price"], notice.params["old_price"]), (276000, 248400))
        with freeze_time("2026-12-01 08:00:00"):
            self.env["isp.plan.price"]._apply()
            self.usd_plan._refresh_list_price()
        self.assertEqual((self.usd_plan.price_usd, self.usd_plan.list_price), (50, 230000))

    def test_wizard(self):
        self._rate("2026-10-01", 4600)
        form = Form(self.env["isp.usd.rate"])
        form.rate = 46000
        self.assertEqual((form.last_rate, form.last_date, form.is_far), (4600, date(2026, 10, 1), True))
        wizard = form.save()
        with self.assertRaisesRegex(UserError, "20 %"):
            wizard.action_save()
        wizard.rate = 4700
        wizard.action_save()
        wizard.action_save()
        self.assertEqual(self.env["res.currency.rate"]._isp_usd(self.company)._isp_units(), 4700)
        for vals in ({"rate": 0}, {"rate": -4}, {"rate": 4600, "date": "2026-11-02"}):
            with self.assertRaises(UserError):
                self._rate(**{"day": vals.get("date", "2026-11-01"), "rate": vals["rate"]})

    def test_wizard_is_for_the_billing_manager(self):
        care = new_test_user(self.env, "care9", "isp_base.group_isp_customer_service")
        manager = new_test_user(self.env, "boss9", "isp_base.group_isp_billing_manager")
        with self.assertRaises(AccessError):
            self.env["isp.usd.rate"].with_user(care).create({"rate": 4600})
        self.env["isp.usd.rate"].with_user(manager).create({"rate": 4600}).action_save()
        self.assertEqual(self.env["res.currency.rate"]._isp_usd(self.company)._isp_units(), 4600)

    def test_rate_is_asked_for_once_a_batch(self):
        self._rate("2026-11-01", 4600)
        lines = self._line()
        for _number in range(20):
            lines += self._line()
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        few = lines[0]._rate(date(2026, 11, 1))
        self.env.flush_all()
        one = self.cr.sql_log_count - before
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        many = lines[1:]._rate(date(2026, 11, 1))
        self.env.flush_all()
        self.assertEqual((len(few), len(many)), (1, 20))
        self.assertLess(self.cr.sql_log_count - before, one + 10)

    def test_arabic(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self._rate("2026-11-01", 4600)
        line = self._line(partner_id=self._create_customer(lang="ar_001").id)
        self._bill(date(2026, 11, 1))
        self.assertIn("\u2066USD 45.00\u2069", line.period_ids.move_line_id.name)

    def test_monthly_values_follow_the_day(self):
        line = self._create_line()
        self._add(line, date_from=date(2026, 11, 10))
        with freeze_time("2026-11-12 08:00:00"):
            self.assertEqual(line.monthly_value, 180000)
            self.env["isp.subscription"]._refresh_monthly_values()
            self.assertEqual(line.monthly_value, 200000)
