# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .test_services import PricingCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-11-01 08:00:00")
class TestPromotions(PricingCommon):
    def _promotion(self, **vals):
        return self.env["isp.promotion"].create(
            {
                "name": "Half price",
                "value": 50,
                "period_count": 3,
                "approval_ref": "NCA/77",
                "approval_date": "2026-10-01",
                **vals,
            }
        )

    def _new_line(self, billing_from=date(2026, 11, 1), **vals):
        values = {"partner_id": self._create_customer().id, "plan_id": self.plan.id, "anchor_day": 1, **vals}
        line = self.env["isp.subscription"].create(values)
        line._set_state("active", "activation")
        line.billing_from = billing_from
        return line

    def _given(self, line):
        rows = line.period_ids.filtered(lambda p: p.source.startswith("promotion/")).sorted("date_start")
        return [(row.date_start.isoformat(), row.amount) for row in rows]

    def test_three_periods_then_the_full_price(self):
        line = self._new_line()
        taken = line._take_promotion(self._promotion())
        for month in (11, 12):
            self._bill(date(2026, month, 1))
            self._bill(date(2026, month, 2))
        self.assertEqual(line.period_ids.move_id[0].amount_total, 108000)
        self.assertIn("Discount: Half price", " ".join(line.period_ids.move_line_id.mapped("name")))
        self._bill(date(2027, 3, 1))
        self.assertEqual(self._given(line), [("2026-11-01", -90000), ("2026-12-01", -90000), ("2027-01-01", -90000)])
        self.assertEqual((taken.date_from, taken.date_to), (date(2026, 11, 1), date(2027, 1, 31)))
        self.assertEqual((taken.used_periods, taken.amount_given), (3, 270000))

    def test_missed_months_in_one_run(self):
        line = self._new_line()
        line._take_promotion(self._promotion())
        self._bill(date(2027, 3, 1))
        self.assertEqual([amount for _day, amount in self._given(line)], [-90000] * 3)

    def test_parts_of_periods_count_as_parts(self):
        """Nine days, two months, the rest: three months in all."""
        line = self._new_line(billing_from=date(2026, 11, 22))
        line._take_promotion(self._promotion())
        self._bill(date(2027, 3, 1))
        self.assertEqual(
            self._given(line), [("2026-11-22", -27000), ("2026-12-01", -90000), ("2027-01-01", -90000), ("2027-02-01", -67500)]
        )
        self.assertEqual(line.promotion_ids.date_to, date(2027, 2, 21))

    def test_taken_in_a_billed_period_starts_with_the_next(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        with freeze_time("2026-11-10 08:00:00"):
            line._take_promotion(self._promotion(customer_kind="all", period_count=1))
        self._bill(date(2027, 1, 1))
        self.assertEqual(self._given(line), [("2026-12-01", -90000)])

    def test_not_for_days_before_it_was_taken(self):
        line = self._create_line(billing_from=date(2026, 9, 1))
        line._take_promotion(self._promotion(customer_kind="all", period_count=1))
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._given(line), [("2026-11-01", -90000)])

    def test_amount_and_fixed_price(self):
        one, other = self._new_line(), self._new_line()
        one._take_promotion(self._promotion(discount_kind="amount", value=500000, period_count=1))
        other._take_promotion(self._promotion(discount_kind="fixed", value=100000, period_count=0))
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._given(one), [("2026-11-01", -180000)])
        self.assertEqual(self._given(other), [("2026-11-01", -80000), ("2026-12-01", -80000)])
        self.assertFalse(other.promotion_ids.date_to)

    def test_together_never_below_zero(self):
        line = self._new_line()
        for value in (70, 60):
            line._take_promotion(self._promotion(value=value, period_count=1, once_per_customer=False))
        self._bill(date(2026, 11, 1))
        self.assertEqual(sorted(amount for _day, amount in self._given(line)), [-126000, -54000])
        self.assertEqual(line.period_ids.move_id.amount_total, 0)

    def test_later_changes_do_not_touch_what_was_taken(self):
        line, promotion = self._new_line(), self._promotion()
        line._take_promotion(promotion)
        promotion.write({"value": 5, "period_count": 1, "active": False, "plan_ids": [Command.set(self._create_plan("B-X").ids)]})
        self._bill(date(2026, 12, 1))
        self.assertEqual([amount for _day, amount in self._given(line)], [-90000] * 2)

    def test_ended_by_the_manager(self):
        line = self._new_line()
        taken = line._take_promotion(self._promotion())
        self._bill(date(2026, 11, 1))
        taken.action_end()
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._given(line), [("2026-11-01", -90000)])

    def test_refusals_say_why(self):
        line = self._new_line()
        other = self._create_plan("B-OTHER")
        for text, vals in {
            "from 2026-12-01": {"date_from": "2026-12-01"},
            "until 2026-10-31": {"date_to": "2026-10-31"},
            "not for the plan": {"plan_ids": [Command.set(other.ids)]},
            "no approval": {"approval_ref": False},
            "from 2026-11-05": {"approval_date": "2026-10-29"},
            "not offered": {"active": False},
        }.items():
            with self.subTest(text), self.assertRaisesRegex(UserError, text):
                line._take_promotion(self._promotion(**vals))
        with self.assertRaisesRegex(UserError, "new customers"):
            self._create_line()._take_promotion(self._promotion())
        with self.assertRaisesRegex(UserError, "No promotion"):
            self.env["isp.promotion"]._find(" nope ", self.company)
        self.company.isp_promotion_approval = False
        self.assertTrue(line._take_promotion(self._promotion(approval_ref=False)))

    def test_once_and_at_most(self):
        promotion = self._promotion(max_uses=2)
        line = self._new_line()
        line._take_promotion(promotion)
        with self.assertRaisesRegex(UserError, "already"):
            line._take_promotion(promotion)
        sister = self._new_line(partner_id=line.partner_id.id)
        with self.assertRaisesRegex(UserError, "already"):
            sister._take_promotion(promotion)
        vals = {**line.promotion_ids.copy_data()[0], "subscription_id": sister.id}
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self.env["isp.subscription.promotion"].sudo().create(vals)
        self._new_line()._take_promotion(promotion)
        with self.assertRaisesRegex(UserError, "used up"):
            self._new_line()._take_promotion(promotion)
        self.assertEqual((promotion.uses, promotion.state), (2, "used_up"))
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self.env.cr.execute("UPDATE isp_promotion SET uses = 3 WHERE id = %s", [promotion.id])

    def test_voucher_by_customer_service(self):
        care = new_test_user(self.env, "care4", "isp_base.group_isp_customer_service")
        promotion, line = self._promotion(code=" NewYear "), self._new_line()
        self.assertEqual(promotion.code, "NEWYEAR")
        form = Form(self.env["isp.promotion.take"].with_user(care).with_context(default_subscription_id=line.id))
        form.code = "wrong"
        self.assertIn("No promotion", form.problem)
        form.code = "newyear"
        self.assertIn("90,000", form.summary)
        wizard = form.save()
        wizard.action_confirm()
        self.assertEqual(line.promotion_ids.promotion_id, promotion)
        with self.assertRaises(UserError):
            wizard.action_confirm()
        with self.assertRaises(AccessError):
            line.promotion_ids.with_user(care).action_end()
        with self.assertRaises(AccessError):
            promotion.with_user(care).value = 99
        with self.assertRaises(AccessError):
            line.promotion_ids.with_user(care).write({"value": 99})

    def test_rights(self):
        line = self._new_line()
        taken = line._take_promotion(self._promotion())
        for login, group in (("tech5", "isp_base.group_isp_technician"), ("portal5", "base.group_portal")):
            user = new_test_user(self.env, login, group)
            for record in (taken, taken.promotion_id):
                self.assertFalse(record.with_user(user).has_access("read"), (login, record))
        with self.assertRaises(UserError):
            taken.unlink()

    def test_monthly_value(self):
        line = self._new_line()
        line._take_promotion(self._promotion())
        self.assertEqual(line.monthly_value, 90000)

    def test_arabic_invoice(self):
        self.env["res.lang"]._activate_lang("ar_001")
        promotion = self._promotion()
        promotion.with_context(lang="ar_001").name = "نصف السعر"
        line = self._new_line(partner_id=self._create_customer(lang="ar_001").id)
        line._take_promotion(promotion)
        self._bill(date(2026, 11, 1))
        text = line.period_ids.filtered(lambda p: p.amount < 0).move_line_id.name
        self.assertIn("نصف السعر", text)
        self.assertIn("\u20662026-11-01\u2069", text)
