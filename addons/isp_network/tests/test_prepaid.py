# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from odoo.addons.isp_billing.tests.common import BillingCommon

GB = 10**9


@tagged("post_install", "-at_install")
class TestPrepaidData(BillingCommon):
    """Bundles of data: a payment starts the quota again, what is left of it is not lost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.bundle = cls._create_plan(
            "N-10GB", billing_mode="prepaid", prepaid_basis="data", period_unit="day", period_count=30, quota_mb=10_000
        )
        cls.line = cls.env["isp.subscription"].create(
            {"partner_id": cls._create_customer().id, "plan_id": cls.bundle.id, "anchor_day": 1, "username": "bundle"}
        )
        cls.line._set_state("active", "activation")
        cls.access = cls.line.access_ids.sudo()

    def _buy(self, times=1, **vals):
        return self._pay(self.line.partner_id, 216000 * times, **{"subscription_id": False, **vals})

    def _use(self, used):
        """What accounting writes when the customer has used so much of the present bundle; time has passed."""
        self.access.write({"quota_from": fields.Datetime.now() - timedelta(hours=1)})
        counters = self.env["isp.quota.counter"].sudo()
        counters.search([("access_id", "=", self.access.id)]).unlink()
        counters.create({"access_id": self.access.id, "since": self.access.quota_from, "bytes": used})
        self.env.flush_all()

    def _reason(self):
        self.env.flush_all()
        self.env.cr.execute("SELECT verdict, reason, data_left FROM radius.verdict('bundle', NULL, false)")
        return self.env.cr.fetchone()

    def test_unpaid_line_is_walled_and_a_payment_opens_it(self):
        self.assertEqual(self._reason(), ("wall", "expired", None))
        self._buy()
        self.assertEqual(self._reason(), ("accept", None, 10 * GB))

    def test_used_up_may_be_bought_again_at_once_and_starts_now(self):
        self._buy()
        until = self.line.valid_until
        self._use(10 * GB)
        self.assertEqual(self._reason()[:2], ("wall", "quota"))
        self._buy()
        self.assertEqual((self.line.prepaid_number, self.line.valid_until), (2, until))
        self.assertEqual(self._reason(), ("accept", None, 10 * GB))

    def test_credit_buys_the_next_bundle_when_one_is_used_up(self):
        self._buy()
        self._buy()
        renew = self.env["isp.subscription"]._renew_from_credit
        self.assertNotIn(self.line, renew(self.company))
        self._use(10 * GB)
        self.assertIn(self.line, renew(self.company))
        self.assertNotIn(self.line, renew(self.company))
        self.assertEqual(self.line.prepaid_number, 2)

    def test_what_is_left_is_added_when_bought_early(self):
        self._buy()
        until = self.line.valid_until
        self._use(3 * GB)
        self._buy(subscription_id=self.line.id)
        self.assertEqual(self.line.valid_until, until + timedelta(days=30))
        self.assertEqual(self._reason(), ("accept", None, 17 * GB))
        self._use(17 * GB)
        self._buy()
        self.assertEqual(self._reason(), ("accept", None, 10 * GB))

    def test_what_is_left_when_the_time_is_over_is_lost(self):
        self._buy()
        self._use(3 * GB)
        self.line.valid_until = fields.Datetime.now() - timedelta(days=1)
        self._buy()
        self.assertEqual(self._reason(), ("accept", None, 10 * GB))

    def test_monthly_data_of_prepaid_time_is_not_started_again_by_an_early_payment(self):
        plan = self._create_plan("N-MONTH", billing_mode="prepaid", quota_mb=10_000)
        self.line.plan_id = plan
        self._buy(subscription_id=self.line.id)
        started = self.access.quota_from = fields.Datetime.now() - timedelta(hours=2)
        self._buy(subscription_id=self.line.id)
        self.assertEqual((self.line.prepaid_number, self.access.quota_from), (2, started))
        self.assertEqual(self.access.quota_day, self.line.anchor_day)

    def test_data_that_is_left_is_worth_money_at_a_change_of_plan(self):
        self._buy()
        self._use(4 * GB)
        plan = self._create_plan("N-20", billing_mode="prepaid", list_price=108000)
        change = self.line._change_plan(plan, "now")
        self.assertEqual((change.credit, change.total), (-108000, 0))
        self.assertFalse(self.access.quota_bytes)
