# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from .test_prepaid import NOW, PrepaidCommon


@tagged("post_install", "-at_install")
@freeze_time(NOW)
class TestPrepaidPrices(PrepaidCommon):
    """A renewal pays for services, discounts, set-up fee and deposit too, in the same transaction."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.isp_promotion_approval = False
        cls.address = cls.env["product.product"].create(
            {"name": "Static address", "type": "service", "list_price": 30000, "isp_is_service": True, "taxes_id": [Command.set(cls.excise.ids)]}
        )
        cls.company.isp_deposit_account_id = cls.env["account.account"].create(
            {"name": "Deposits", "code": "203901", "account_type": "liability_current", "reconcile": True}
        )
        cls.env.ref("isp_billing.product_setup").taxes_id = cls.excise

    def _add(self, line, **vals):
        return self.env["isp.subscription.service"].create(
            {"subscription_id": line.id, "product_id": self.address.id, "date_from": "2026-11-01", **vals}
        )

    def _promote(self, line, **vals):
        promotion = self.env["isp.promotion"].create({"name": "Half", "value": 50, "period_count": 2, **vals})
        return line._take_promotion(promotion)

    def _rows(self, line, source):
        rows = line.period_ids.filtered(lambda p: p.source.startswith(source)).sorted(lambda p: (p.date_start, p.id))
        return [(row.date_start.isoformat(), row.amount) for row in rows]

    def test_first_renewal_takes_everything(self):
        plan = self._create_plan("P-FEE", billing_mode="prepaid", setup_fee=50000, deposit=100000)
        values = {"partner_id": self._create_customer().id, "plan_id": plan.id, "anchor_day": 1}
        line = self.env["isp.subscription"].create(values)
        self._add(line)
        self._promote(line)
        line._set_state("active", "activation")
        price = (180000 - 90000 + 30000 + 50000) * 1.2 + 100000
        self._pay(line.partner_id, price - 1)
        self.assertFalse(line.period_ids)
        self._pay(line.partner_id, 1)
        self.assertEqual((line.prepaid_number, line.balance, line._deposit_held()), (1, 0, 100000))
        self._pay(line.partner_id, (90000 + 30000) * 1.2, subscription_id=line.id)
        self._pay(line.partner_id, (180000 + 30000) * 1.2, subscription_id=line.id)
        self.assertEqual((line.prepaid_number, line.balance), (3, 0))
        self.assertEqual([amount for _day, amount in self._rows(line, "promotion/")], [-90000] * 2)
        self.assertEqual(line.promotion_ids.date_to, date(2027, 1, 19))

    def test_service_added_in_a_paid_period(self):
        line = self._create_prepaid(self.days)
        self._pay(line.partner_id, 216000)
        self._add(line, date_from="2026-11-30")
        self._bill(date(2026, 11, 30))
        self.assertEqual(len(line.period_ids), 1)
        self._pay(line.partner_id, 216000 + (20000 + 30000) * 1.2, subscription_id=line.id)
        self.assertEqual(self._rows(line, "service/"), [("2026-11-30", 20000), ("2026-12-20", 30000)])
        self.assertEqual(line.balance, 0)

    def test_service_ended_in_a_paid_period_is_credit(self):
        line = self._create_prepaid(self.days)
        service = self._add(line)
        self._pay(line.partner_id, 216000 + 36000)
        service.date_to = date(2026, 12, 4)
        self._bill(date(2026, 12, 5))
        self._bill(date(2026, 12, 6))
        self.assertEqual((line.balance, line.prepaid_number), (-18000, 1))

    def test_hours(self):
        line = self._create_prepaid(self.hour)
        self._add(line, price=100)
        self._promote(line)
        for _number in range(3):
            self._pay(line.partner_id, 720 if line.prepaid_number < 2 else 1320, subscription_id=line.id)
        self.assertEqual((line.prepaid_number, line.balance), (3, 0))
        self.assertEqual([amount for _day, amount in self._rows(line, "promotion/")], [-500, -500])
        self.assertEqual([amount for _day, amount in self._rows(line, "service/")], [100] * 3)

    def test_second_bundle_pays_the_days_of_a_service_once(self):
        plan = self._create_plan("P-DATA", billing_mode="prepaid", prepaid_basis="data", quota_mb=1000, period_unit="day", period_count=30)
        line = self._create_prepaid(plan)
        service = self._add(line)
        self._pay(line.partner_id, 216000 + 36000)
        with freeze_time("2026-11-30 09:00:00"):
            again = service._prepare_missing(line._billed_plan_periods() + [line.period_ids[-1]._engine_period()])
            self.assertFalse(again)

    def test_price_in_usd(self):
        self.env.ref("base.USD").rate_ids.unlink()
        plan = self._create_plan("P-USD", billing_mode="prepaid", price_basis="usd", price_usd=10)
        line = self._create_prepaid(plan)
        self._pay(line.partner_id, 60000)
        self.assertIn("no dollar rate", line.prepaid_problem)
        self.env["isp.usd.rate"].create({"rate": 4600}).action_save()
        self._pay(line.partner_id, 1)
        self.assertEqual((line.period_ids.amount, line.period_ids.usd_rate, line.balance), (46000, 4600, 55200 - 60001))
