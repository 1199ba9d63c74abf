# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from .test_plan_change import PlanChangeCommon


@tagged("post_install", "-at_install")
class TestLife(PlanChangeCommon):
    """What pause, suspension and end of a line bill."""

    def _line_of(self, day=date(2026, 11, 1), **policy):
        """A line on a plan of its own with these policies, billed on ``day``."""
        policy = {"list_price": 180000, **policy}
        plan = self._create_plan(f"L-{self.env['isp.plan'].search_count([])}", **policy)
        line = self._create_line(plan_id=plan.id)
        self._bill(day)
        return line

    def _at(self, moment, line, state, reason="customer"):
        with freeze_time(f"{moment} 09:00:00"):
            line._set_state(state, reason)

    def _amounts(self, line):
        return [row[3] for row in self._rows(line)]

    def _balance(self, line):
        line.invalidate_recordset(["balance"])
        return line.balance

    # === Suspension ===

    def test_suspension_that_goes_on_billing(self):
        line = self._line_of(suspend_billing="bill")
        self._at("2026-11-10", line, "suspended", "overdue")
        self._bill(date(2026, 12, 1))
        self._at("2026-12-20", line, "active", "staff")
        self._bill(date(2027, 1, 1))
        self.assertEqual(self._amounts(line), [180000, 180000, 180000])

    def test_suspension_in_arrears_bills_the_days_used(self):
        line = self._create_line(plan_id=self.arrears.id)
        self._at("2026-11-10", line, "suspended", "overdue")
        self._at("2026-11-10", line, "active", "staff")
        self._at("2026-11-20", line, "suspended", "overdue")
        self._at("2026-11-26", line, "active", "payment")
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            self._rows(line),
            [
                ("plan", "2026-11-01", "2026-11-10", 60000),
                ("plan", "2026-11-11", "2026-11-20", 60000),
                ("plan", "2026-11-26", "2026-11-30", 30000),
            ],
        )

    # === Pause ===

    def test_pause_gives_unused_days_back_and_takes_them_again_at_the_return(self):
        line = self._line_of(pause_billing="credit")
        self._at("2026-11-10", line, "paused")
        self.assertEqual(self._rows(line)[-1], ("pause", "2026-11-11", "2026-11-30", -120000))
        self.assertEqual(self._balance(line), 216000 - 144000)
        self._at("2026-11-21", line, "active")
        self.assertEqual(self._rows(line)[-1], ("pause", "2026-11-21", "2026-11-30", 60000))
        self._at("2026-11-25", line, "paused")
        self._at("2026-11-25", line, "active")
        self.assertEqual(sum(self._amounts(line)), 120000)
        self._bill(date(2026, 12, 1))
        self.assertEqual(sum(self._amounts(line)), 300000)
        self.assertEqual(self._balance(line), 360000)

    def test_long_pause(self):
        line = self._line_of(pause_billing="credit")
        self._at("2026-11-10", line, "paused")
        self._bill(date(2027, 1, 5))
        self._at("2027-01-17", line, "active")
        self._bill(date(2027, 2, 1))
        self.assertEqual(self._amounts(line), [180000, -120000, 87097, 180000])

    def test_pause_without_credit_lapses(self):
        line = self._line_of(pause_billing="none")
        self._at("2026-11-10", line, "paused")
        self._at("2026-11-21", line, "active")
        self._bill(date(2026, 11, 25))
        self.assertEqual(self._amounts(line), [180000])

    def test_pause_fee(self):
        line = self._line_of(pause_billing="fee", pause_fee=31000)
        self._at("2026-11-10", line, "paused")
        self.assertEqual(line.next_bill_date, date(2026, 12, 1))
        self._bill(date(2027, 1, 1))
        self._bill(date(2027, 1, 2))
        self.assertEqual(self._amounts(line), [180000, 31000, 31000])
        self._at("2027-01-12", line, "active")
        self._bill(date(2027, 1, 12))
        self.assertEqual(
            self._rows(line)[-2:],
            [("pause", "2027-01-12", "2027-01-31", -20000), ("plan", "2027-01-12", "2027-01-31", 116129)],
        )

    def test_prepaid_pause_keeps_the_time(self):
        plan = self._create_plan("L-P", billing_mode="prepaid", period_unit="day", period_count=30, pause_billing="credit")
        with freeze_time("2026-11-01 08:00:00"):
            line = self._create_prepaid(plan)
            self._pay(line.partner_id, 216000)
        self._at("2026-11-10", line, "paused")
        with freeze_time("2026-12-24 12:00:00"):
            self.env["isp.subscription"]._suspend_expired(self.company)
            self.assertEqual(line.state, "paused")
        self._at("2027-01-05", line, "active")
        self.assertEqual(line.valid_until, datetime(2027, 1, 24, 22), "20 days were left, the day of return counts")
        self._at("2027-01-06", line, "paused")
        self._at("2027-01-06", line, "active")
        self.assertEqual((line.valid_until, line.state), (datetime(2027, 1, 24, 22), "active"))

    # === End ===

    def test_end_gives_unused_days_back(self):
        line = self._line_of()
        self._pay(line.partner_id, 216000)
        with freeze_time("2026-11-05 09:00:00"):
            self._change(line, self.big, "renewal")
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._rows(line)[-1], ("termination", "2026-11-11", "2026-11-30", -120000))
        self.assertEqual(self._balance(line), -144000)
        self.assertFalse(line.plan_change_ids)
        self.assertTrue(all(line.period_ids.mapped("move_line_id")))

    def test_end_is_settled_to_one_document(self):
        line = self._line_of(termination_fee=10000, notice_days=25)
        self._at("2026-11-10", line, "terminated", "termination")
        new = line.period_ids.filtered(lambda row: row.source != "plan")
        self.assertEqual([row.amount for row in new.sorted("id")], [29032, 10000])
        self.assertEqual((len(new.move_id), new.move_id.amount_total), (1, 39032 * 1.2 // 1))

    def _final(self, line):
        """The documents of the settlement: [(type, total)], the ledger and the receivable agreeing with them."""
        rows = line.period_ids.filtered(lambda row: row.source.split("/")[0] in ("termination", "deposit") and row.source != "deposit")
        for row in rows:
            sign = -1 if row.move_id.move_type == "out_refund" else 1
            self.assertEqual(row.move_line_id.isp_period_id, row)
            self.assertEqual(sign * row.move_line_id.price_subtotal, row.amount)
        return [(move.move_type, move.amount_total) for move in rows.move_id.sorted("id")]

    def test_refund_due_is_one_credit_note(self):
        line = self._line_of(termination_fee=10000)
        self._pay(line.partner_id, 216000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_refund", 132000)])
        lines = line.period_ids.move_id.sorted("id")[-1].invoice_line_ids
        self.assertEqual(sorted(lines.mapped("price_subtotal")), [-10000, 120000])
        self.assertEqual(self._balance(line), -132000)

    def test_credit_less_than_the_charges_is_one_invoice(self):
        line = self._line_of(termination_fee=130000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_invoice", 12000)])

    def test_nothing_left_is_one_invoice_of_nothing(self):
        line = self._line_of(termination_fee=120000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_invoice", 0)])

    def _line_with_deposit(self, deposit, customer=None, **policy):
        self.company.isp_deposit_account_id = self.env["account.account"].create(
            {"name": "Deposits", "code": "L2100", "account_type": "liability_current"}
        )
        policy = {"list_price": 180000, "deposit": deposit, **policy}
        plan = self._create_plan(f"L-{self.env['isp.plan'].search_count([])}", **policy)
        with freeze_time("2026-11-01 09:00:00"):
            partner = customer or self._create_customer()
            line = self.env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1})
            line._set_state("active", "activation")
            self._bill(date(2026, 11, 1))
            self._pay(line.partner_id, self._balance(line))
        return line

    def test_deposit_and_unused_days_are_one_credit_note(self):
        line = self._line_with_deposit(50000, termination_fee=10000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_refund", 50000 + 132000)])
        self.assertEqual(self._balance(line), -182000)

    def test_deposit_smaller_than_taxed_charges_is_one_invoice(self):
        line = self._line_with_deposit(50000, termination_settlement="none", termination_fee=100000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_invoice", 70000)])

    def test_taxes_decide_which_of_both(self):
        """50,000 back and 45,000 to pay is a claim once the 45,000 bear their tax."""
        line = self._line_with_deposit(50000, termination_settlement="none", termination_fee=45000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_invoice", 4000)])

    def test_deposit_larger_than_taxed_charges_takes_both(self):
        """A credit note charges no tax."""
        line = self._line_with_deposit(50000, termination_settlement="none", termination_fee=10000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(sorted(self._final(line)), [("out_invoice", 12000), ("out_refund", 50000)])
        self.assertEqual(self._balance(line), -38000)
        moves = line.period_ids.move_id.sorted("id")[-2:]
        self.assertEqual(sum(moves.mapped("amount_residual_signed")), -38000, "the invoice is paid from the deposit")

    def test_who_is_exempt_has_one_document(self):
        exempt = self.env["account.fiscal.position"].create({"name": "Exempt"})
        self.excise.copy({"name": "Nothing", "amount": 0, "fiscal_position_ids": exempt.ids, "original_tax_ids": self.excise.ids})
        customer = self._create_customer(property_account_position_id=exempt.id)
        line = self._line_with_deposit(50000, customer, termination_settlement="none", termination_fee=10000)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._final(line), [("out_refund", 40000)])

    def test_end_by_the_provider_or_waived_has_no_notice_and_no_fee(self):
        line = self._line_of(termination_fee=10000, notice_days=30)
        self._at("2026-11-10", line, "terminated", "regulator")
        self.assertEqual(self._amounts(line), [180000, -120000])
        other = self._line_of(termination_fee=10000, notice_days=30)
        with freeze_time("2026-11-10 09:00:00"):
            wizard = self.env["isp.subscription.state.wizard"].create(
                {"subscription_ids": other.ids, "new_state": "terminated", "reason": "termination", "waive": True}
            )
            wizard.action_confirm()
        self.assertEqual(self._amounts(other), [180000, -120000])

    def test_end_in_arrears_bills_the_days_used(self):
        line = self._create_line(plan_id=self.arrears.id)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._rows(line), [("plan", "2026-11-01", "2026-11-10", 60000)])
        self.assertEqual(line.period_ids.move_id.amount_total, 72000)

    def test_end_of_a_paused_line_gives_nothing_back_twice(self):
        line = self._line_of(pause_billing="credit")
        self._at("2026-11-10", line, "paused")
        self._at("2026-11-20", line, "terminated", "termination")
        self.assertEqual(sum(self._amounts(line)), 60000)

    def test_return_after_the_end_in_a_period_given_back(self):
        line = self._line_of()
        self._at("2026-11-10", line, "terminated", "termination")
        self._at("2026-11-21", line, "active", "customer")
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._amounts(line), [180000, -120000, 60000, 180000])
        self._at("2026-12-16", line, "terminated", "termination")
        self.assertEqual(self._amounts(line)[-1], -87097)

    def test_return_within_the_notice(self):
        line = self._line_of(notice_days=40)
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._rows(line)[-1], ("termination", "2026-12-01", "2026-12-20", 116129))
        self._at("2026-11-21", line, "active", "customer")
        self._bill(date(2026, 12, 1))
        self.assertEqual(sum(self._amounts(line)), 360000)

    def test_end_without_settlement(self):
        line = self._line_of(termination_settlement="none")
        self._at("2026-11-10", line, "terminated", "termination")
        self.assertEqual(self._amounts(line), [180000])

    def test_deposit_is_returned_once(self):
        self.company.isp_deposit_account_id = self.env["account.account"].create(
            {"name": "Deposits", "code": "L2100", "account_type": "liability_current"}
        )
        plan = self._create_plan("L-DEP", deposit=50000, termination_settlement="none")
        with freeze_time("2026-11-01 09:00:00"):
            line = self.env["isp.subscription"].create(
                {"partner_id": self._create_customer().id, "plan_id": plan.id, "anchor_day": 1}
            )
            line._set_state("active", "activation")
            self._bill(date(2026, 11, 1))
        self.assertEqual(self._balance(line), 266000)
        self._pay(line.partner_id, 266000)
        self._at("2026-11-20", line, "terminated", "termination")
        self.assertEqual(self._balance(line), -50000)
        self._at("2026-11-21", line, "active", "customer")
        self._at("2026-11-22", line, "terminated", "termination")
        self.assertEqual(self._balance(line), -50000)

    def test_end_of_prepaid_gives_the_rest_back_and_stops_renewals(self):
        with freeze_time("2026-11-01 08:00:00"):
            line = self._create_prepaid(self.days)
            self._pay(line.partner_id, 2 * 216000, subscription_id=line.id)
        self._at("2026-11-16", line, "terminated", "termination")
        self.assertEqual(self._balance(line), -(108000 + 216000))
        with freeze_time("2026-12-01 08:00:00"):
            self.env["isp.subscription"]._renew_from_credit(self.company)
            self._pay(line.partner_id, 216000)
        self.assertEqual((line.prepaid_number, line.auto_renew, line.expired), (2, False, True))

    # === The form that ends a line ===

    def _ending(self, lines, user=None, reason="termination", waive=False):
        wizards = self.env["isp.subscription.state.wizard"].with_user(user or self.env.user)
        form = Form(wizards.with_context(default_subscription_ids=lines.ids, default_new_state="terminated"))
        form.reason = reason
        if waive:
            form.waive = True
        return form

    def _traces(self):
        self.env.flush_all()
        tables = ("account_move", "isp_period", "isp_subscription_event", "isp_notice", "mail_message")
        self.env.cr.execute(" UNION ALL ".join(f"SELECT count(*), max(write_date) FROM {table}" for table in tables))
        return self.env.cr.fetchall()

    @freeze_time("2026-11-10 09:00:00")
    def test_end_is_shown_before_it_is_confirmed(self):
        line = self._line_with_deposit(50000, termination_fee=10000)
        before = self._traces()
        form = self._ending(line)
        self.assertEqual((form.settle_credit, form.settle_charge, form.settle_deposit), (-120000, 10000, -50000))
        self.assertEqual((form.settle_tax, form.settle_total), (-22000, -182000))
        self.assertEqual((form.settle_due, form.settle_refund, form.settle_note), (0, 182000, False))
        self.assertEqual(form.settle_detail.count("\n"), 3, "three rows and their document")
        self.assertEqual((line.state, self._traces()), ("active", before), "nothing of it is done")
        wizard = form.save()
        self.assertEqual((line.state, self._balance(line)), ("active", 0))
        wizard.action_confirm()
        self.assertEqual((line.state, self._balance(line)), ("terminated", -182000))
        self.assertEqual(self._final(line), [("out_refund", 182000)])
        wizard.action_confirm()
        self.assertEqual(self._balance(line), -182000)

    @freeze_time("2026-11-10 09:00:00")
    def test_form_follows_reason_and_waiver(self):
        line = self._line_of(termination_fee=10000, notice_days=25)
        form = self._ending(line)
        self.assertEqual((form.settle_charge, form.settle_credit, form.settle_due), (39032, 0, 216000 + 46838))
        form.reason = "regulator"
        self.assertEqual((form.settle_charge, form.settle_credit), (0, -120000))
        form.reason = "customer"
        self.assertEqual((form.settle_charge, form.settle_credit), (39032, 0))
        form.waive = True
        self.assertEqual((form.settle_charge, form.settle_credit, form.settle_total), (0, -120000, -144000))
        form.save().action_confirm()
        self.assertEqual(self._final(line), [("out_refund", 144000)])

    @freeze_time("2026-11-10 09:00:00")
    def test_form_of_arrears_several_and_too_many(self):
        arrears = self._create_line(plan_id=self.arrears.id)
        form = self._ending(arrears)
        self.assertEqual((form.settle_note, form.settle_charge), (False, 60000))
        plan = self._create_plan("L-TWO")
        lines = self._create_line(plan_id=plan.id) + self._create_line(plan_id=plan.id)
        self._bill(date(2026, 11, 1))
        form = self._ending(lines + arrears)
        self.assertEqual((form.settle_charge, form.settle_credit, form.settle_total), (60000, -240000, 72000 - 2 * 144000))
        paused = self.env["isp.subscription.state.wizard"].with_context(default_subscription_ids=lines.ids, default_new_state="paused")
        self.assertFalse(Form(paused).settled)
        many = self.env["isp.subscription"].union(*(self._create_line(plan_id=plan.id) for _number in range(11)))
        form = self._ending(many)
        self.assertEqual((form.settled, form.settle_total), (False, 0))
        self.assertIn("10", form.settle_note)
        form.save().action_confirm()
        self.assertEqual(set(many.mapped("state")), {"terminated"})

    @freeze_time("2026-11-10 09:00:00")
    def test_amounts_that_changed_since_the_form_was_opened(self):
        line = self._line_of(termination_fee=10000)
        wizard = self._ending(line).save()
        line.plan_id.termination_fee = 20000
        with self.assertRaisesRegex(UserError, "changed meanwhile"), self.cr.savepoint():
            wizard.action_confirm()
        self.env.invalidate_all()
        self.assertEqual(line.state, "active")

    @freeze_time("2026-11-10 09:00:00")
    def test_form_of_who_may_and_who_may_not(self):
        line = self._line_of(termination_fee=10000)
        service = new_test_user(self.env, "l-care", "isp_base.group_isp_customer_service")
        form = self._ending(line, service)
        self.assertEqual(form.settle_total, -132000)
        form.save().action_confirm()
        self.assertEqual(self._final(line), [("out_refund", 132000)])
        self.assertEqual(self._ending(line).settle_total, 0)
        technician = new_test_user(self.env, "l-tech", "isp_base.group_isp_technician")
        with self.assertRaises(AccessError):
            self._ending(self._line_of(), technician)

    # === Refund ===

    def test_refund_is_paid_once_and_never_more_than_the_credit(self):
        line = self._line_of()
        self._pay(line.partner_id, 216000)
        self._at("2026-11-10", line, "terminated", "termination")
        form = Form(self.env["isp.refund"].with_context(**line.action_refund()["context"]))
        self.assertEqual(form.amount, 144000)
        form.journal_id = self.cash
        form.amount = 144001
        wizard = form.save()
        with self.assertRaises(UserError):
            wizard._pay_out()
        wizard.amount = 100000
        payment = wizard._pay_out()
        self.assertEqual(wizard._pay_out(), payment)
        self.assertEqual((payment.payment_type, self._balance(line)), ("outbound", -44000))
        with self.assertRaises(UserError):
            self.env["isp.refund"].create({"partner_id": line.partner_id.id, "amount": 50000, "journal_id": self.cash.id})._pay_out()

    def test_rights(self):
        service = new_test_user(self.env, "l-service", "isp_base.group_isp_customer_service")
        line = self._line_of(termination_fee=10000, notice_days=30)
        with self.assertRaises(AccessError):
            self.env["isp.refund"].with_user(service).create({"partner_id": line.partner_id.id})
        with freeze_time("2026-11-10 09:00:00"):
            line.with_user(service).with_context(isp_waive=True)._set_state("terminated", "termination")
        self.assertIn(10000, self._amounts(line), "only a billing manager waives")

    def test_plan_must_make_sense(self):
        with self.assertRaises(ValidationError):
            self._create_plan("L-BAD", pause_billing="fee")
        with self.assertRaises(ValidationError):
            self._create_plan("L-BAD", billing_mode="prepaid", pause_billing="fee", pause_fee=1)
