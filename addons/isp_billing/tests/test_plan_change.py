# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged

from .test_prepaid import PrepaidCommon


@tagged("post_install", "-at_install")
class PlanChangeCommon(PrepaidCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.big = cls._create_plan("C-BIG", list_price=300000)
        cls.small = cls._create_plan("C-SMALL", list_price=90000)
        cls.thirty = cls._create_plan("C-30", list_price=150000, period_unit="day", period_count=30)
        cls.arrears = cls._create_plan("C-ARR", billing_timing="arrears")

    def _wizard(self, line, plan, when="now"):
        form = Form(self.env["isp.plan.change.wizard"].with_context(**line.action_change_plan()["context"]))
        form.plan_id = plan
        form.when = when
        return form

    def _change(self, line, plan, when="now"):
        """Change through the form; what it showed must be what is booked."""
        form = self._wizard(line, plan, when)
        shown = (form.credit, form.charge, form.fee, form.tax, form.total)
        before = line.balance
        wizard = form.save()
        wizard.action_confirm()
        change = line.plan_change_ids.sorted("id")[-1]
        line.invalidate_recordset(["balance"])
        self.assertEqual((change.credit, change.charge, change.fee, change.tax, change.total), shown)
        if when == "now":
            self.assertEqual(line.balance - before, change.total)
        return change

    def _rows(self, line):
        return [
            (row.source.split("/")[0], str(row.date_start), str(row.date_end), row.amount)
            for row in line.period_ids.sorted(lambda r: (r.date_start, r.id))
        ]


@tagged("post_install", "-at_install")
class TestPlanChange(PlanChangeCommon):
    def _billed_line(self, plan=None, **vals):
        line = self._create_line(plan_id=(plan or self.plan).id, **vals)
        self._bill(date(2026, 11, 1))
        return line

    @freeze_time("2026-11-16 09:00:00")
    def test_upgrade_now(self):
        line = self._billed_line()
        change = self._change(line, self.big)
        self.assertEqual(
            self._rows(line),
            [
                ("plan", "2026-11-01", "2026-11-30", 180000),
                ("change", "2026-11-16", "2026-11-30", -90000),
                ("change", "2026-11-16", "2026-11-30", 150000),
            ],
        )
        self.assertEqual((change.credit, change.charge, change.total), (-90000, 150000, 72000))
        self.assertEqual((line.plan_id, line.billing_from), (self.big, date(2026, 12, 1)))
        document = line.period_ids.filtered(lambda row: row.source != "plan").move_id
        self.assertEqual((len(document), document.move_type, document.amount_total), (1, "out_invoice", 72000))
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._rows(line)[-1], ("plan", "2026-12-01", "2026-12-31", 300000))

    @freeze_time("2026-11-16 09:00:00")
    def test_downgrade_now_gives_credit(self):
        line = self._billed_line()
        change = self._change(line, self.small)
        self.assertEqual((change.credit, change.charge, change.total), (-90000, 45000, -54000))
        documents = line.period_ids.filtered(lambda row: row.source != "plan").move_id
        self.assertEqual((len(documents), documents.move_type, documents.amount_total), (1, "out_refund", 54000))
        self.assertEqual(line.balance, 216000 - 54000)

    @freeze_time("2026-11-16 09:00:00")
    def test_same_form_twice_changes_once(self):
        line = self._billed_line()
        wizard = self._wizard(line, self.big).save()
        wizard.action_confirm()
        wizard.action_confirm()
        self.assertEqual((len(line.period_ids), len(line.plan_change_ids)), (3, 1))

    @freeze_time("2026-11-16 09:00:00")
    def test_amounts_that_changed_since_they_were_shown_are_refused(self):
        line = self._billed_line()
        wizard = self._wizard(line, self.big).save()
        self.big.list_price = 310000
        with self.assertRaises(UserError):
            wizard.action_confirm()
        self.assertEqual((len(line.period_ids), line.plan_id), (1, self.plan))

    def test_there_and_back_on_one_day_costs_nothing(self):
        line = self._billed_line()
        with freeze_time("2026-11-16 09:00:00"):
            self._change(line, self.big)
            self._change(line, self.plan)
            self.assertEqual(line.balance, 216000)
        with freeze_time("2026-11-20 09:00:00"):
            self._change(line, self.small)
        plain = self._billed_line()
        with freeze_time("2026-11-20 09:00:00"):
            self._change(plain, self.small)
        self.assertEqual(line.balance, plain.balance)
        self.assertEqual(sum(line.period_ids.mapped("amount")), sum(plain.period_ids.mapped("amount")))

    @freeze_time("2026-11-16 09:00:00")
    def test_other_lengths_of_period(self):
        line = self._billed_line()
        self._change(line, self.thirty)
        self.assertEqual(self._rows(line)[-1], ("change", "2026-11-16", "2026-11-30", 75000))
        self._bill(date(2026, 12, 31))
        self.assertEqual(
            self._rows(line)[-2:],
            [("plan", "2026-12-01", "2026-12-30", 150000), ("plan", "2026-12-31", "2027-01-29", 150000)],
        )
        with freeze_time("2027-01-10 09:00:00"):
            self._change(line, self.plan)
        self._bill(date(2027, 2, 1))
        self.assertEqual(
            self._rows(line)[-3:],
            [
                ("change", "2027-01-10", "2027-01-29", 116129),
                ("plan", "2027-01-30", "2027-01-31", 11613),
                ("plan", "2027-02-01", "2027-02-28", 180000),
            ],
        )

    @freeze_time("2026-11-16 09:00:00")
    def test_in_arrears_the_used_days_are_billed_at_once(self):
        line = self._create_line(plan_id=self.arrears.id)
        other = self._create_plan("C-ARR2", billing_timing="arrears", list_price=300000)
        self._change(line, other)
        self.assertEqual(self._rows(line), [("plan", "2026-11-01", "2026-11-15", 90000)])
        self._bill(date(2026, 12, 1))
        self.assertEqual(self._rows(line)[-1], ("plan", "2026-11-16", "2026-11-30", 150000))

    @freeze_time("2026-11-16 09:00:00")
    def test_arrears_to_advance_and_back(self):
        line = self._create_line(plan_id=self.arrears.id)
        self._change(line, self.big)
        self.assertEqual(
            self._rows(line), [("plan", "2026-11-01", "2026-11-15", 90000), ("plan", "2026-11-16", "2026-11-30", 150000)]
        )
        self._bill(date(2026, 11, 16))
        self.assertEqual(len(line.period_ids), 2)
        with freeze_time("2026-11-21 09:00:00"):
            self._change(line, self.arrears)
        self._bill(date(2027, 1, 1))
        self.assertEqual(
            self._rows(line)[2:],
            [
                ("change", "2026-11-21", "2026-11-30", -100000),
                ("change", "2026-11-21", "2026-11-30", 60000),
                ("plan", "2026-12-01", "2026-12-31", 180000),
            ],
        )

    def test_what_a_run_has_missed_is_billed_on_the_old_plan_first(self):
        line = self._create_line(billing_from=date(2026, 10, 1))
        with freeze_time("2026-11-16 09:00:00"):
            self._change(line, self.big)
        self.assertEqual(
            self._rows(line),
            [
                ("plan", "2026-10-01", "2026-10-31", 180000),
                ("plan", "2026-11-01", "2026-11-30", 180000),
                ("change", "2026-11-16", "2026-11-30", -90000),
                ("change", "2026-11-16", "2026-11-30", 150000),
            ],
        )

    def test_on_the_first_day_of_a_period(self):
        line = self._billed_line()
        with freeze_time("2026-12-01 06:00:00"):
            self._change(line, self.big)
        self.assertEqual(self._rows(line)[1:], [("plan", "2026-12-01", "2026-12-31", 300000)])
        self._bill(date(2026, 12, 1))
        self.assertEqual(len(line.period_ids), 2)

    @freeze_time("2026-11-16 09:00:00")
    def test_fee(self):
        self.plan.change_fee = 5000
        change = self._change(self._billed_line(), self.big)
        self.assertEqual((change.fee, change.total), (5000, 78000))

    @freeze_time("2026-11-16 09:00:00")
    def test_at_renewal_and_undone_without_trace(self):
        line = self._billed_line()
        events, messages = len(line.event_ids), len(line.message_ids)
        change = self._change(line, self.big, "renewal")
        self.assertEqual((change.state, change.date, line.scheduled_plan_id), ("scheduled", date(2026, 12, 1), self.big))
        with self.assertRaises(UserError):
            self._wizard(line, self.small).save().action_confirm()
        line.action_undo_plan_change()
        self.assertFalse(change.exists())
        self._bill(date(2026, 12, 1))
        self.assertEqual((line.plan_id, self._rows(line)[-1][3]), (self.plan, 180000))
        self.assertEqual((len(line.event_ids), len(line.message_ids)), (events, messages))

    @freeze_time("2026-11-16 09:00:00")
    def test_at_renewal_also_when_months_were_missed(self):
        line = self._billed_line()
        change = self._change(line, self.big, "renewal")
        self._bill(date(2027, 1, 15))
        self.assertEqual([row[3] for row in self._rows(line)], [180000, 300000, 300000])
        self.assertEqual((change.state, line.plan_id), ("done", self.big))
        with self.assertRaises(UserError):
            change.action_undo()
        self._bill(date(2027, 1, 15))
        self.assertEqual(len(line.period_ids), 3)
        self.assertEqual(len(self._notices(line, "plan_change")), 1)

    def test_at_renewal_in_arrears(self):
        line = self._create_line(plan_id=self.arrears.id)
        with freeze_time("2026-11-16 09:00:00"):
            self.assertEqual(self._change(line, self.thirty, "renewal").date, date(2026, 12, 1))
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            self._rows(line),
            [("plan", "2026-11-01", "2026-11-30", 180000), ("plan", "2026-12-01", "2026-12-30", 150000)],
        )

    def test_scheduled_change_of_a_suspended_line_takes_effect_at_its_return(self):
        line = self._billed_line()
        with freeze_time("2026-11-16 09:00:00"):
            self._change(line, self.big, "renewal")
            line._set_state("suspended", "staff")
        self._bill(date(2027, 1, 1))
        self.assertEqual(len(line.period_ids), 1)
        with freeze_time("2027-01-10 09:00:00"):
            line._set_state("active", "staff")
        self.assertEqual(line.plan_id, self.big)
        self._bill(date(2027, 1, 10))
        self.assertEqual(self._rows(line)[-1], ("plan", "2027-01-10", "2027-01-31", 212903))

    @freeze_time("2026-11-16 09:00:00")
    def test_worth_stands_in_the_log(self):
        line = self._billed_line()
        self._change(line, self.big)
        event = line.event_ids.sorted("id")[-1]
        self.assertEqual(
            (event.reason, event.monthly_value_before, event.monthly_value_after), ("plan_change", 180000, 300000)
        )
        line._set_state("suspended", "overdue")
        self.assertEqual(line._last_state_event().reason, "overdue")

    @freeze_time("2026-11-16 09:00:00")
    def test_plan_of_a_billed_line_is_not_written_directly(self):
        line = self._billed_line()
        with self.assertRaises(UserError):
            line.plan_id = self.big
        with self.assertRaises(UserError):
            line.sudo().with_context(isp_plan_key=True).plan_id = self.big
        fresh = self._create_line(billing_from=date(2026, 12, 1))
        fresh.plan_id = self.big

    # === Prepaid ===

    def _paid_line(self, plan=None, amount=216000):
        line = self._create_prepaid(plan)
        self._pay(line.partner_id, amount, subscription_id=line.id)
        return line

    def test_prepaid_now_buys_a_new_period_from_what_is_left(self):
        with freeze_time("2026-11-01 08:00:00"):
            line = self._paid_line(self.days)
        small = self._create_plan("C-P15", billing_mode="prepaid", period_unit="day", period_count=15, list_price=60000)
        with freeze_time("2026-11-16 09:00:00"):
            change = self._change(line, small)
        self.assertEqual((change.credit, change.charge, change.total), (-90000, 60000, -36000))
        self.assertEqual((line.balance, line.valid_until), (-36000, datetime(2026, 11, 30, 22)))
        with freeze_time("2026-11-21 09:00:00"):
            again = self._change(line, self._create_plan("C-P1", billing_mode="prepaid", list_price=70000))
        self.assertEqual((again.credit, again.total), (-40000, 36000))
        self.assertEqual(line.balance, 0)

    def test_prepaid_now_must_be_paid(self):
        with freeze_time("2026-11-01 08:00:00"):
            line = self._paid_line(self.days)
        dear = self._create_plan("C-DEAR", billing_mode="prepaid", list_price=500000)
        with freeze_time("2026-11-16 09:00:00"):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                self._change(line, dear)
            self.assertEqual((line.plan_id, line.valid_until), (self.days, datetime(2026, 11, 30, 22)))
            self._pay(line.partner_id, 492000)
            self._change(line, dear)
        self.assertEqual((line.plan_id, line.balance, line.valid_until), (dear, 0, datetime(2026, 12, 15, 22)))

    def test_prepaid_hours_to_the_second(self):
        with freeze_time("2026-11-16 09:00:00"):
            line = self._paid_line(self.hour, 1200)
        with freeze_time("2026-11-16 15:00:00"):
            change = self._change(line, self._create_plan("C-H", billing_mode="prepaid", period_unit="hour", period_count=1, list_price=300))
        self.assertEqual((change.credit, change.total), (-750, -540))
        self.assertEqual(line.valid_until, datetime(2026, 11, 16, 16))

    def test_prepaid_at_renewal(self):
        with freeze_time("2026-11-01 08:00:00"):
            line = self._paid_line(self.days)
            small = self._create_plan("C-P15", billing_mode="prepaid", period_unit="day", period_count=15, list_price=60000)
            change = self._change(line, small, "renewal")
            self.assertEqual(change.date, date(2026, 12, 1))
            self._pay(line.partner_id, 72000, subscription_id=line.id)
            self.assertEqual((line.plan_id, line.prepaid_number), (self.days, 1), "the new plan begins when the old time is over")
        with freeze_time("2026-11-30 21:50:00"):
            self.env["isp.subscription"]._renew_from_credit(self.company)
        self.assertEqual((line.plan_id, line.prepaid_number, line.valid_until), (small, 2, datetime(2026, 12, 15, 22)))
        self.assertEqual((change.state, line.balance), ("done", 0))

    def test_prepaid_becomes_postpaid(self):
        for when in ("now", "renewal"):
            with freeze_time("2026-11-01 08:00:00"):
                line = self._paid_line(self.days)
            with freeze_time("2026-11-16 09:00:00"):
                self._change(line, self.plan, when)
            with freeze_time("2026-12-01 01:00:00"):
                self.env["isp.subscription"]._renew_from_credit(self.company)
                self._bill(date(2026, 12, 1))
            self.assertEqual((line.plan_id, line.valid_until, line.state), (self.plan, False, "active"))
            expected = {
                "now": [-90000, 90000, 180000],
                "renewal": [180000],
            }[when]
            self.assertEqual([row[3] for row in self._rows(line)][1:], expected, when)

    def test_postpaid_becomes_prepaid(self):
        with freeze_time("2026-11-16 09:00:00"):
            line = self._billed_line()
            self._pay(line.partner_id, 216000 + 108000)
            self._change(line, self.days)
            self.assertEqual((line.balance, line.valid_until, line.next_bill_date), (0, datetime(2026, 12, 15, 22), False))
            later = self._billed_line()
            self._change(later, self.days, "renewal")
        with freeze_time("2026-12-01 01:00:00"):
            self._bill(date(2026, 12, 1))
            self.assertEqual((later.plan_id, later.expired, len(later.period_ids)), (self.days, True, 1))
            self._pay(later.partner_id, 2 * 216000)
        self.assertEqual((later.balance, later.valid_until), (0, datetime(2026, 12, 30, 22)))

    def test_rights(self):
        service = new_test_user(self.env, "c-service", "isp_base.group_isp_customer_service")
        technician = new_test_user(self.env, "c-tech", "isp_base.group_isp_technician")
        with freeze_time("2026-11-16 09:00:00"):
            line = self._billed_line()
            wizard = self.env["isp.plan.change.wizard"].with_user(service).create(
                {"subscription_id": line.id, "plan_id": self.big.id, "when": "renewal"}
            )
            wizard.action_confirm()
            change = line.plan_change_ids
            self.assertEqual((change.state, change.user_id), ("scheduled", service))
            with self.assertRaises(AccessError):
                change.with_user(service).write({"date": "2026-11-01"})
            with self.assertRaises(AccessError):
                change.with_user(technician).action_undo()
            with self.assertRaises(AccessError):
                self.env["isp.plan.change.wizard"].with_user(technician).create(
                    {"subscription_id": line.id, "plan_id": self.big.id}
                )
            change.with_user(service).action_undo()
            self.assertFalse(change.exists())
