# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import BillingCommon


@tagged("post_install", "-at_install")
@freeze_time("2026-11-20 09:00:00")
class TestAdjustment(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"isp_adjustment_limit": 50000, "isp_writeoff_account_id": cls.company_data["default_account_expense"].id})
        cls.line = cls._create_line()
        cls.partner = cls.line.partner_id
        company = {"company_id": cls.company.id, "company_ids": cls.company.ids}
        cls.service = new_test_user(cls.env, "adj_service", groups="isp_base.group_isp_customer_service", **company)
        cls.manager = new_test_user(cls.env, "adj_manager", groups="isp_base.group_isp_billing_manager", **company)
        cls.boss = new_test_user(cls.env, "adj_boss", groups="isp_base.group_isp_billing_manager", **company)

    def setUp(self):
        super().setUp()
        self._bill(date(2026, 11, 1))
        self.invoice = self.line.period_ids.move_id

    def _adjust(self, user, **vals):
        return self.env["isp.adjustment"].with_user(user).create({"partner_id": self.partner.id, "reason": "Outage of two days", **vals})

    def _ledger(self):
        """Ledger and invoices say the same; so does the receivable account."""
        rows = self.env["isp.period"].search([("partner_id", "=", self.partner.id)])
        lines = rows.move_line_id
        signed = sum(line.price_subtotal * (-1 if line.move_id.move_type == "out_refund" else 1) for line in lines)
        self.assertEqual(sum(rows.filtered("move_line_id").mapped("amount")), signed)
        return self.partner._isp_dues()[self.partner.id, self.company.id].balance if self.partner._isp_dues() else 0

    # --- goodwill ---

    def test_goodwill_of_customer_service(self):
        adjustment = self._adjust(self.service, subscription_id=self.line.id, amount=10000)
        adjustment.action_submit()
        adjustment.action_submit()
        self.assertEqual(adjustment.state, "done")
        row = adjustment.period_ids
        self.assertEqual((row.amount, row.source, row.kind), (-10000, f"goodwill/{adjustment.id}", "adjustment"))
        self.assertEqual((row.move_id.move_type, row.move_id.amount_total, row.move_id.state), ("out_refund", 12000, "posted"))
        self.assertIn("Outage of two days", row.move_line_id.name)
        self.assertEqual(self._ledger(), 204000)
        for record in (self.partner, self.line):
            self.assertIn("Outage of two days", record.message_ids[0].body)

    def test_goodwill_with_the_next_invoice(self):
        adjustment = self._adjust(self.manager, subscription_id=self.line.id, amount=10000, at_once=False)
        adjustment.action_submit()
        self.assertFalse(adjustment.period_ids.move_id)
        self._bill(date(2026, 12, 1))
        self.assertEqual(adjustment.period_ids.move_id.amount_total, 216000 - 12000)

    def test_above_the_limit_somebody_else_approves(self):
        adjustment = self._adjust(self.manager, subscription_id=self.line.id, amount=50001)
        adjustment.action_submit()
        self.assertEqual((adjustment.state, adjustment.period_ids), ("to_approve", self.env["isp.period"]))
        with self.assertRaises(UserError):
            adjustment.action_approve()
        with self.assertRaises(AccessError):
            adjustment.with_user(self.service).action_approve()
        adjustment.with_user(self.boss).action_approve()
        adjustment.with_user(self.boss).action_approve()
        self.assertEqual((adjustment.state, adjustment.approved_by, len(adjustment.period_ids)), ("done", self.boss, 1))

    def test_refused_and_cancelled_do_nothing(self):
        refused = self._adjust(self.service, subscription_id=self.line.id, amount=60000)
        refused.action_submit()
        refused.with_user(self.boss).action_refuse()
        refused.with_user(self.boss).action_approve()
        cancelled = self._adjust(self.service, subscription_id=self.line.id, amount=60000)
        cancelled.action_cancel()
        cancelled.action_submit()
        self.assertEqual((refused.state, cancelled.state), ("refused", "cancelled"))
        self.assertFalse((refused + cancelled).period_ids)

    def test_what_was_asked_for_is_not_changed(self):
        adjustment = self._adjust(self.service, subscription_id=self.line.id, amount=60000)
        with self.assertRaises(UserError):
            adjustment.requested_by = self.boss
        adjustment.action_submit()
        with self.assertRaises(UserError):
            adjustment.amount = 1
        with self.assertRaises(UserError):
            adjustment.state = "done"
        with self.assertRaises(UserError):
            adjustment.unlink()

    def test_another_customers_subscription(self):
        adjustment = self._adjust(self.manager, subscription_id=self._create_line().id, amount=10)
        with self.assertRaises(UserError):
            adjustment.action_submit()

    # --- credit note ---

    def test_whole_invoice(self):
        self.company.isp_adjustment_limit = 10**6
        with Form(self.env["isp.adjustment"].with_user(self.manager)) as form:
            form.partner_id = self.partner
            form.kind = "credit_note"
            form.move_id = self.invoice
            form.reason = "Wrong plan"
        adjustment = form.record
        self.assertEqual(adjustment.amount, 216000)
        adjustment.action_submit()
        adjustment.action_submit()
        refund = adjustment.result_move_ids
        self.assertEqual((refund.amount_total, refund.amount_tax, refund.reversed_entry_id), (216000, 36000, self.invoice))
        self.assertEqual((self.invoice.amount_residual, refund.amount_residual), (0, 0))
        self.assertEqual(sum(self.line.period_ids.mapped("amount")), 0)
        self.assertEqual(self._ledger(), 0)
        with self.assertRaises(UserError):
            self._adjust(self.manager, kind="credit_note", move_id=self.invoice.id, whole=False, amount=1).action_submit()

    def test_a_part_of_an_invoice(self):
        for amount, credited in ((12000, 12000), (1000, 1000), (999, 998), (1, 1)):
            adjustment = self._adjust(self.manager, kind="credit_note", move_id=self.invoice.id, whole=False, amount=amount)
            adjustment.action_submit()
            self.assertEqual(adjustment.result_move_ids.amount_total, credited)
        self.assertEqual(self._ledger(), 216000 - 13999)
        self.assertEqual(self.invoice.amount_residual, 216000 - 13999)

    def test_credit_note_of_customer_service_is_asked_for(self):
        adjustment = self._adjust(self.service, kind="credit_note", move_id=self.invoice.id, whole=False, amount=100)
        adjustment.action_submit()
        self.assertEqual(adjustment.state, "to_approve")

    # --- write-off ---

    def test_write_off(self):
        self._pay(self.partner, 200000)
        self.line._set_state("suspended", "overdue")
        adjustment = self._adjust(self.manager, kind="write_off", move_id=self.invoice.id, amount=16000)
        adjustment.action_submit()
        adjustment.action_submit()
        entry = adjustment.result_move_ids
        self.assertEqual((entry.move_type, entry.state), ("entry", "posted"))
        expense = entry.line_ids.filtered(lambda line: line.account_id == self.company_data["default_account_expense"])
        self.assertEqual((expense.balance, self.invoice.amount_residual), (16000, 0))
        self.assertEqual((self._ledger(), self.line.state), (0, "suspended"))

    def test_write_off_is_never_above_what_is_open(self):
        self._pay(self.partner, 200000)
        adjustment = self._adjust(self.manager, kind="write_off", move_id=self.invoice.id, amount=16001)
        with self.assertRaises(UserError):
            adjustment.action_submit()
        part = self._adjust(self.manager, kind="write_off", move_id=self.invoice.id, amount=6000)
        part.action_submit()
        self.assertEqual(self.invoice.amount_residual, 10000)

    def test_booked_once_whatever_happens(self):
        adjustment = self._adjust(self.manager, kind="write_off", move_id=self.invoice.id, amount=100)
        adjustment.action_submit()
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.cr.savepoint():
            adjustment.sudo()._do_write_off()
            self.env.flush_all()
        goodwill = self._adjust(self.manager, subscription_id=self.line.id, amount=100)
        goodwill.action_submit()
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.cr.savepoint():
            goodwill.sudo()._do_goodwill()
            self.env.flush_all()

    def test_nothing_or_less(self):
        for amount in (0, -5):
            with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.cr.savepoint():
                self._adjust(self.manager, subscription_id=self.line.id, amount=amount)

    def test_who_may(self):
        for group in ("isp_base.group_isp_technician", "base.group_portal"):
            user = new_test_user(self.env, f"adj_{group.rpartition('_')[2]}", groups=group)
            with self.assertRaises(AccessError):
                self._adjust(user, subscription_id=self.line.id, amount=1)
            done = self._adjust(self.manager, subscription_id=self.line.id, amount=1)
            self.assertFalse(done.with_user(user).has_access("read"))
