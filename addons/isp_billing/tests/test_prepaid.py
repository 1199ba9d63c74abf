# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import BillingCommon

NOW = "2026-11-20 16:00:00"


@tagged("post_install", "-at_install")
class PrepaidCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.month = cls._create_plan("P-MONTH", billing_mode="prepaid")
        cls.days = cls._create_plan("P-30", billing_mode="prepaid", period_unit="day", period_count=30)
        cls.hour = cls._create_plan("P-HOUR", billing_mode="prepaid", period_unit="hour", period_count=24, list_price=1000)
        cls.calendar = cls._create_plan("P-CAL", billing_mode="prepaid", prepaid_basis="calendar")

    @classmethod
    def _create_prepaid(cls, plan=None, **vals):
        """A prepaid line in service that was never paid."""
        values = {"partner_id": cls._create_customer().id, "plan_id": (plan or cls.month).id, "anchor_day": 1, **vals}
        line = cls.env["isp.subscription"].create(values)
        line._set_state("active", "activation")
        return line

    def _pay(self, partner, amount, **vals):
        """For no line in particular; the cash desk would propose the only one."""
        return super()._pay(partner, amount, **{"subscription_id": False, **vals})

    def _notices(self, line, kind):
        return self.env["isp.notice"].search(
            [("partner_id", "=", line.partner_id.commercial_partner_id.id), ("kind", "=", kind)]
        )


@freeze_time(NOW)
@tagged("post_install", "-at_install")
class TestPrepaid(PrepaidCommon):
    def test_payment_makes_period_invoice_and_expiry(self):
        line = self._create_prepaid()
        self.assertTrue(line.expired)
        self._pay(line.partner_id, 216000)
        self.assertEqual(line.valid_until, datetime(2026, 12, 19, 22))
        self.assertRecordValues(
            line.period_ids,
            [{"source": "prepaid/1", "kind": "recurring", "date_start": date(2026, 11, 20), "date_end": date(2026, 12, 19)}],
        )
        invoice = line.period_ids.move_id
        self.assertRecordValues(
            invoice, [{"state": "posted", "amount_total": 216000, "amount_residual": 0, "payment_state": "paid"}]
        )
        self.assertEqual((line.state, line.balance, line.prepaid_number), ("active", 0, 1))
        self.assertEqual(self._notices(line, "renewed").params["date"], "2026-12-19")
        self.assertFalse(self._notices(line, "missing"))

    def test_same_form_twice_renews_once(self):
        line = self._create_prepaid()
        for _time in range(2):
            self._pay(line.partner_id, 432000, uuid="same")
        self.assertEqual((line.prepaid_number, line.balance), (1, -216000))

    def test_too_small_is_credit_and_the_customer_is_told_what_is_missing(self):
        line = self._create_prepaid()
        payment = self._pay(line.partner_id, 100000)
        self.assertFalse(line.period_ids)
        self.assertTrue(line.expired)
        notice = self._notices(line, "missing")
        self.assertEqual((notice.key, notice.params["missing"]), (f"missing/{payment.id}", 116000))
        self._pay(line.partner_id, 116000)
        self.assertEqual((line.prepaid_number, line.balance), (1, 0))
        self.assertEqual(len(self._notices(line, "missing")), 1)

    def test_older_debts_are_paid_first(self):
        partner = self._create_customer()
        postpaid = self._create_line(partner_id=partner.id)
        self._bill(date(2026, 11, 1))
        line = self._create_prepaid(partner_id=partner.id)
        self._pay(partner, 216000 + 215999)
        self.assertEqual(postpaid.period_ids.move_id.payment_state, "paid")
        self.assertFalse(line.period_ids)
        self._pay(partner, 1)
        self.assertEqual(line.prepaid_number, 1)

    def test_early_extends_late_starts_now(self):
        line = self._create_prepaid(self.days)
        self._pay(line.partner_id, 216000)
        first = line.valid_until
        with freeze_time("2026-12-01 09:00:00"):
            self._pay(line.partner_id, 216000)
            self.assertEqual(line.valid_until, first, "nothing has run out: the money stays credit")
            line_credit = -line.balance
            self._pay(line.partner_id, 216000, subscription_id=line.id)
            self.assertEqual((line_credit, line.balance), (216000, -216000))
        self.assertEqual(line.valid_until, datetime(2027, 1, 18, 22))
        self.assertEqual(line.period_ids.sorted("id")[-1].date_start, date(2026, 12, 20))
        with freeze_time("2027-02-10 09:00:00"):
            self._pay(line.partner_id, 1)
        self.assertEqual(line.period_ids.sorted("id")[-1].date_start, date(2027, 2, 10))
        self.assertEqual(line.valid_until, datetime(2027, 3, 11, 22))

    def test_a_payment_for_a_line_buys_as_many_periods_as_it_pays(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 3 * 216000 + 5, subscription_id=line.id)
        self.assertEqual((line.prepaid_number, line.valid_until, line.balance), (3, datetime(2027, 2, 19, 22), -5))
        self.assertFalse(self._notices(line, "missing"))

    def test_named_line_comes_first_then_the_oldest(self):
        partner = self._create_customer()
        one, two, three = (self._create_prepaid(partner_id=partner.id) for _number in range(3))
        two.valid_until = datetime(2026, 10, 1)
        self._pay(partner, 216000)
        self.assertEqual([s.prepaid_number for s in (one, two, three)], [0, 1, 0])
        self._pay(partner, 216000, subscription_id=three.id)
        self.assertEqual([s.prepaid_number for s in (one, two, three)], [0, 1, 1])
        self._pay(partner, 216000)
        self.assertEqual([s.prepaid_number for s in (one, two, three)], [1, 1, 1])

    def test_line_of_another_customer_is_refused(self):
        line, other = self._create_prepaid(), self._create_customer("Other")
        with self.assertRaises(UserError):
            self._pay(other, 216000, subscription_id=line.id)
        payment = self.env["account.payment"].create(
            {"partner_id": other.id, "amount": 216000, "journal_id": self.cash.id, "payment_type": "inbound",
             "partner_type": "customer", "isp_subscription_id": line.id}
        )
        payment.action_post()
        self.assertFalse(line.period_ids)

    def test_hours_count_to_the_second(self):
        line = self._create_prepaid(self.hour)
        with freeze_time("2026-11-20 21:30:07"):
            self._pay(line.partner_id, 1200)
        self.assertEqual(line.valid_until, datetime(2026, 11, 21, 21, 30, 7))
        row = line.period_ids
        self.assertEqual((row.time_start, row.time_end), (datetime(2026, 11, 20, 21, 30, 7), line.valid_until))
        self.assertEqual((row.kind, row.amount), ("recurring", 1000))
        with freeze_time("2026-11-21 10:00:00"):
            self._pay(line.partner_id, 2400, subscription_id=line.id)
        self.assertEqual((line.prepaid_number, line.valid_until), (3, datetime(2026, 11, 23, 21, 30, 7)))

    def test_calendar_part_then_whole_periods(self):
        line = self._create_prepaid(self.calendar)
        self._pay(line.partner_id, 79200 + 216000, subscription_id=line.id)
        rows = line.period_ids.sorted("id")
        self.assertEqual(rows.mapped("amount"), [66000, 180000])
        self.assertEqual((rows[0].kind, rows[0].date_end, rows[1].kind), ("proration", date(2026, 11, 30), "recurring"))
        self.assertEqual((line.valid_until, line.balance), (datetime(2026, 12, 31, 22), 0))

    def test_month_ends_do_not_drift(self):
        line = self._create_prepaid()
        with freeze_time("2027-01-31 09:00:00"):
            self._pay(line.partner_id, 3 * 216000, subscription_id=line.id)
        self.assertEqual(
            [row.date_end for row in line.period_ids.sorted("id")], [date(2027, 2, 27), date(2027, 3, 30), date(2027, 4, 29)]
        )

    def test_credit_renews_by_itself_before_the_end(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 216000)
        self._pay(line.partner_id, 300000)
        company = self.company
        renew = self.env["isp.subscription"]._renew_from_credit
        with freeze_time("2026-12-19 21:00:00"):
            self.assertFalse(renew(company) & line)
        with freeze_time("2026-12-19 21:50:00"):
            self.assertIn(line, renew(company))
            self.assertFalse(renew(company) & line)
        self.assertEqual(line.valid_until, datetime(2027, 1, 19, 22))
        self.assertEqual(line.balance, -84000)

    def test_without_auto_renew_credit_stays(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 216000)
        line.auto_renew = False
        self._pay(line.partner_id, 300000)
        with freeze_time("2027-01-02 08:00:00"):
            self.env["isp.subscription"]._renew_from_credit(self.company)
            self.assertEqual(line.prepaid_number, 1)
            self._pay(line.partner_id, 1, subscription_id=line.id)
        self.assertEqual(line.prepaid_number, 2)

    def test_credit_too_small_is_looked_at_again_later_only(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 200000)
        renew = self.env["isp.subscription"]._renew_from_credit
        renew(self.company)
        self.assertTrue(line.renew_checked_at)
        self.month.list_price = 150000
        renew(self.company)
        self.assertFalse(line.prepaid_number)
        with freeze_time("2026-11-20 23:00:00"):
            renew(self.company)
        self.assertEqual(line.prepaid_number, 1)

    def test_expired_is_logged_and_payment_brings_back(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 216000)
        suspend = self.env["isp.subscription"]._suspend_expired
        self.assertNotIn(line, suspend(self.company))
        with freeze_time("2026-12-19 22:00:00"):
            self.assertIn(line, suspend(self.company))
            self.assertFalse(suspend(self.company) & line)
            self.assertEqual((line.state, line._last_state_event().reason), ("suspended", "expired"))
        with freeze_time("2026-12-24 10:00:00"):
            self._pay(line.partner_id, 215999)
            self.assertEqual(line.state, "suspended")
            self._pay(line.partner_id, 1)
        self.assertEqual((line.state, line.valid_until), ("active", datetime(2027, 1, 23, 22)))

    def test_money_does_not_lift_other_suspensions_or_pauses(self):
        fraud, paused = self._create_prepaid(), self._create_prepaid()
        fraud._set_state("suspended", "fraud")
        paused._set_state("paused", "customer")
        for line in (fraud, paused):
            self._pay(line.partner_id, 216000)
            self._pay(line.partner_id, 216000, subscription_id=line.id)
            self.assertEqual((line.prepaid_number, line.balance), (0, -432000))

    def test_credit_paid_before_the_installation_starts_the_line(self):
        partner = self._create_customer()
        self._pay(partner, 216000)
        line = self._create_prepaid(partner_id=partner.id)
        self.assertEqual((line.prepaid_number, line.expired, line.state), (1, False, "active"))

    def test_protected_line_is_renewed_on_debt(self):
        line = self._create_prepaid(protected=True)
        self.env["isp.subscription"]._renew_from_credit(self.company)
        self.assertEqual((line.prepaid_number, line.balance), (1, 216000))

    def test_one_credit_pays_one_line(self):
        partner = self._create_customer()
        lines = self._create_prepaid(partner_id=partner.id) + self._create_prepaid(partner_id=partner.id)
        self._pay(partner, 300000)
        self.env["isp.subscription"]._renew_from_credit(self.company)
        self.assertEqual(sum(lines.mapped("prepaid_number")), 1)
        self.assertEqual(partner.isp_balance, -84000)

    def test_what_fails_keeps_the_money_and_says_why(self):
        line = self._create_prepaid()
        with (
            patch.object(type(line), "_prepare_plan_period", side_effect=UserError("no rate")),
            mute_logger("odoo.addons.isp_billing.models.isp_subscription_prepaid"),
        ):
            payment = self._pay(line.partner_id, 216000)
        self.assertEqual((payment.state != "draft", line.balance, line.prepaid_problem), (True, -216000, "no rate"))
        self.env["isp.subscription"]._renew_from_credit(self.company)
        self.assertEqual((line.prepaid_number, line.prepaid_problem), (1, False))

    def test_ledger_refuses_a_renewal_twice(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 216000)
        values = {**line.period_ids.copy_data()[0], "date_start": date(2026, 12, 1)}
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self.env["isp.period"].sudo().create(values)

    def test_form_shows_the_price_and_renews_once(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 216000)
        self._pay(line.partner_id, 500000)
        context = line.action_renew()["context"]
        form = self.env["isp.renew"].with_context(**context).create({})
        self.assertEqual((form.total, form.credit, form.missing), (216000, 500000, 0))
        form.action_confirm()
        form.action_confirm()
        self.assertEqual((line.prepaid_number, line.balance, line.valid_until), (2, -284000, form.valid_until))
        poor = self._create_prepaid()
        form = self.env["isp.renew"].with_context(**poor.action_renew()["context"]).create({})
        self.assertEqual(form.missing, 216000)
        with self.assertRaises(UserError):
            form.action_confirm()
        pay = Form(self.env["isp.cash.payment"].with_context(**form.action_pay()["context"]))
        self.assertEqual((pay.amount, pay.subscription_id), (216000, poor))

    def test_ending_soon_is_told_once(self):
        line, rich, hour = self._create_prepaid(), self._create_prepaid(), self._create_prepaid(self.hour)
        for subscription in (line, rich, hour):
            self._pay(subscription.partner_id, 216000, subscription_id=subscription.id)
        self._pay(rich.partner_id, 216000)
        tell = self.env["isp.subscription"]._tell_expiring
        for day in ("2026-12-17 21:00:00", "2026-12-18 08:00:00", "2026-12-19 08:00:00"):
            with freeze_time(day):
                tell(self.company)
        self.assertEqual(self._notices(line, "expiring").params["amount"], 216000)
        self.assertFalse(self._notices(rich, "expiring") + self._notices(hour, "expiring"))

    def test_paid_until_by_hand(self):
        line = self._create_prepaid()
        self.env["isp.subscription"]._suspend_expired(self.company)
        self.assertEqual(line.state, "suspended")
        wizard = self.env["isp.paid.until"].create(
            {"subscription_ids": line.ids, "valid_until": "2026-12-01 22:00:00", "reason": "goodwill"}
        )
        wizard.action_confirm()
        self.assertEqual((line.state, line.valid_until), ("active", datetime(2026, 12, 1, 22)))
        with self.assertRaises(UserError):
            self.env["isp.paid.until"].create(
                {"subscription_ids": self._create_line().ids, "valid_until": "2026-12-01", "reason": "x"}
            ).action_confirm()

    def test_lists_find_what_ended_and_what_ends(self):
        over, fresh = self._create_prepaid(), self._create_prepaid()
        self._pay(fresh.partner_id, 216000)
        found = self.env["isp.subscription"].search([("expired", "=", True)])
        self.assertEqual(found & (over + fresh), over)
        with freeze_time("2026-12-18 23:00:00"):
            soon = self.env["isp.subscription"].search([("expiring", "=", True)])
            self.assertEqual(soon & (over + fresh), fresh)

    def test_plan_must_make_sense(self):
        with self.assertRaises(ValidationError):
            self._create_plan("P-BAD1", billing_mode="prepaid", prepaid_basis="calendar", period_unit="day")
        with self.assertRaises(ValidationError):
            self._create_plan("P-BAD2", billing_mode="prepaid", prepaid_basis="data")

    def test_rights(self):
        line = self._create_prepaid()
        self._pay(line.partner_id, 432000)
        service = new_test_user(self.env, "p-service", "isp_base.group_isp_customer_service")
        technician = new_test_user(self.env, "p-tech", "isp_base.group_isp_technician")
        form = self.env["isp.renew"].with_user(service).with_context(default_subscription_id=line.id).create({})
        form.action_confirm()
        self.assertEqual(line.prepaid_number, 2)
        with self.assertRaises(AccessError):
            self.env["isp.renew"].with_user(technician).with_context(default_subscription_id=line.id).create({})
        with self.assertRaises(AccessError):
            self.env["isp.paid.until"].with_user(service).create(
                {"subscription_ids": line.ids, "valid_until": "2026-12-01", "reason": "x"}
            )
        with self.assertRaises(AccessError):
            line.with_user(technician).write({"valid_until": "2027-12-01"})
