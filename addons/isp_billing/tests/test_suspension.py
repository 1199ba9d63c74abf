# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time

from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestSuspension(BillingCommon):
    def setUp(self):
        super().setUp()
        self.line = self._create_line()
        self._bill(date(2026, 11, 1))  # due on the 11th, grace until the 16th

    def _suspend(self, day):
        return self.env["isp.subscription"]._suspend_overdue(self.company, day)

    def test_after_grace_only(self):
        self.assertNotIn(self.line, self._suspend(date(2026, 11, 16)))
        self.assertIn(self.line, self._suspend(date(2026, 11, 17)))
        event = self.line.event_ids.sorted("id")[-1]
        self.assertEqual((event.state_to, event.reason), ("suspended", "overdue"))
        self.assertIn("216,000", event.note)

    @freeze_time("2026-11-20 09:00:00")
    def test_overdue_lines_are_found(self):
        free = self._create_line(billing_from=date(2027, 1, 1))
        found = self.env["isp.subscription"].search([("overdue", ">", 0)])
        self.assertIn(self.line, found)
        self.assertNotIn(free, found)
        self._pay(self.line.partner_id, 216000)
        self.assertNotIn(self.line, self.env["isp.subscription"].search([("overdue", ">", 0)]))

    def test_second_time_does_nothing(self):
        self._suspend(date(2026, 11, 20))
        self.assertFalse(self._suspend(date(2026, 11, 20)) & self.line)
        self.assertEqual(len(self.line.event_ids), 2)

    def test_protected_stays(self):
        self.line.protected = True
        self.assertNotIn(self.line, self._suspend(date(2026, 11, 20)))

    def test_credit_counts(self):
        """Money that is not yet matched with the invoice protects as well."""
        payment = self.env["account.payment"].create(
            {
                "payment_type": "inbound",
                "partner_type": "customer",
                "partner_id": self.line.partner_id.id,
                "amount": 216000,
                "journal_id": self.cash.id,
            }
        )
        payment.action_post()
        self.assertEqual(self.line.period_ids.move_id.payment_state, "not_paid")
        self.assertNotIn(self.line, self._suspend(date(2026, 11, 20)))

    @freeze_time("2026-11-20 09:00:00")
    def test_part_payment_does_not_restore_the_rest_does(self):
        self._suspend(date(2026, 11, 20))
        self._pay(self.line.partner_id, 100000)
        self.assertEqual(self.line.state, "suspended")
        self._pay(self.line.partner_id, 116000)
        self.assertEqual(self.line.state, "active")
        self.assertEqual(self.line.event_ids.sorted("id")[-1].reason, "payment")

    @freeze_time("2026-11-20 09:00:00")
    def test_payment_through_the_invoice(self):
        """Odoo's own payment form on the invoice restores as well."""
        self._suspend(date(2026, 11, 20))
        invoice = self.line.period_ids.move_id
        wizard = self.env["account.payment.register"].with_context(active_model="account.move", active_ids=invoice.ids)
        wizard.create({"journal_id": self.cash.id})._create_payments()
        self.assertEqual(self.line.state, "active")

    @freeze_time("2026-11-20 09:00:00")
    def test_payment_does_not_lift_other_suspensions(self):
        self.line._set_state("suspended", "fraud")
        self._pay(self.line.partner_id, 216000)
        self.assertEqual(self.line.state, "suspended")

    @freeze_time("2026-11-20 09:00:00")
    def test_other_customers_money_changes_nothing(self):
        self._suspend(date(2026, 11, 20))
        self._pay(self._create_customer("Other"), 500000)
        self.assertEqual(self.line.state, "suspended")

    def test_company_can_switch_it_off(self):
        self.env["res.company"].search([]).isp_auto_suspend = False
        self.env["isp.subscription"]._cron_suspend_overdue()
        self.assertEqual(self.line.state, "active")

    def test_payment_marks_the_line_against_a_race(self):
        self.assertFalse(self.line.settled_at)
        self._pay(self.line.partner_id, 1000)
        self.assertTrue(self.line.settled_at)
