# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
from datetime import date

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError
from odoo.tests import BaseCase, Form, new_test_user, tagged

from ..engine import instalment as engine
from .common import BillingCommon


class TestInstalmentEngine(BaseCase):
    def test_doctests(self):
        result = doctest.testmod(engine)
        self.assertGreater(result.attempted, 8)
        self.assertEqual(result.failed, 0)

    @settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.integers(1, 10**9), st.integers(1, 24), st.sampled_from(["day", "week", "month"]), st.integers(1, 4), st.integers(0, 10**9))
    def test_parts_sum_to_the_debt(self, amount, count, unit, every, paid):
        if amount < count:
            return
        parts = engine.schedule(amount, date(2026, 1, 31), unit, every, count)
        days, amounts = zip(*parts, strict=True)
        self.assertEqual((len(parts), sum(amounts)), (count, amount))
        self.assertEqual(sorted(set(days)), list(days))
        self.assertEqual(sum(engine.spread(amounts, paid)), min(amount, paid))


@tagged("post_install", "-at_install")
class TestInstalment(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.company"].search([("id", "!=", cls.company.id)]).isp_auto_suspend = False
        cls.line = cls._create_line()
        cls.partner = cls.line.partner_id

    def setUp(self):
        super().setUp()
        self._bill(date(2026, 11, 1))  # 216,000, due on the 11th
        self.clock = freeze_time("2026-11-20 09:00:00")
        self.clock.start()
        self.addCleanup(self.clock.stop)
        self.env["isp.subscription"]._suspend_overdue(self.company, date(2026, 11, 20))

    def _agree(self, user=None, **vals):
        agreements = self.env["isp.instalment"].with_user(user or self.env.user)
        return agreements.create({"partner_id": self.partner.id, "date_first": "2026-12-01", "count": 3, **vals})

    def _watch(self, moment):
        with freeze_time(moment):
            self.env.invalidate_all()
            self.env["isp.instalment"]._watch()

    def _told(self):
        return self.env["isp.notice"].search([("partner_id", "=", self.partner.id), ("kind", "like", "instalment%")], order="id").mapped("kind")

    def test_proposal_sums_to_the_debt(self):
        agreement = self._agree(count=7)
        self.assertEqual(agreement.move_ids, self.line.period_ids.move_id)
        self.assertEqual(agreement.line_ids.mapped("amount"), [30857] * 6 + [30858])
        self.assertEqual((agreement.amount, agreement.state, self.line.state), (216000, "draft", "suspended"))
        with Form(self.env["isp.instalment"]) as form:
            form.partner_id = self.partner
            form.count = 2
            form.date_first = "2026-12-05"
        self.assertEqual(form.record.line_ids.mapped("amount"), [108000, 108000])

    def test_customer_service_agrees_on_an_opening_debt(self):
        opening = self.env["account.move"].create(self._prepare_opening_debt(50000))
        opening.action_post()
        care = new_test_user(self.env, "t_care", "isp_base.group_isp_customer_service", company_ids=self.company.ids, company_id=self.company.id)
        with Form(self.env["isp.instalment"].with_user(care)) as form:
            form.partner_id = self.partner
            form.count = 2
        self.assertIn(opening, form.record.move_ids)
        self.assertEqual(sum(form.record.line_ids.mapped("amount")), 266000)
        other = self.env["account.move"].create({**self._prepare_opening_debt(1), "isp_opening_partner_id": False})
        with self.assertRaises(AccessError):
            other.with_user(care).read(["name"])

    def _prepare_opening_debt(self, amount):
        debt, equity = self.company_data["default_account_receivable"], self.company.get_unaffected_earnings_account()
        day = date(2026, 10, 1)
        lines = [{"account_id": debt.id, "debit": amount, "partner_id": self.partner.id, "date_maturity": day}, {"account_id": equity.id, "credit": amount}]
        return {"date": day, "isp_opening_partner_id": self.partner.id, "line_ids": [(0, 0, line) for line in lines]}

    def test_in_force_it_restores_and_holds_suspension(self):
        agreement = self._agree()
        agreement.action_activate()
        agreement.action_activate()
        self.assertEqual((self.line.state, self.line._last_state_event().reason), ("active", "agreement"))
        self.assertEqual((self.line.overdue, self.line.balance), (0, 216000))
        self.assertFalse(self.env["isp.subscription"]._suspend_overdue(self.company, date(2026, 11, 29)) & self.line)
        run = self.env["isp.dunning.run"].sudo().create({"company_id": self.company.id, "date": "2026-11-29"})
        self.assertNotIn(self.partner.id, [item.partner_id for item in run._plan_items()])

    def test_new_invoices_still_count(self):
        self._agree().action_activate()
        self._bill(date(2026, 12, 1))
        with freeze_time("2026-12-25 09:00:00"):
            self.assertIn(self.line, self.env["isp.subscription"]._suspend_overdue(self.company, date(2026, 12, 25)))

    def test_reminded_once_before_each_date(self):
        self._agree().action_activate()
        self._watch("2026-11-28 08:00:00")
        self.assertEqual(self._told(), [])
        for _time in range(3):
            self._watch("2026-11-29 08:00:00")
        self.assertEqual(self._told(), ["instalment"])

    def test_paid_part_by_part_is_kept(self):
        agreement = self._agree()
        agreement.action_activate()
        self._pay(self.partner, 100000)
        self.assertEqual((agreement.paid, agreement.left), (100000, 116000))
        self.assertEqual(agreement.line_ids.mapped("paid"), [72000, 28000, 0])
        self.assertEqual(agreement.line_ids.mapped("state"), ["paid", "part", "open"])
        self.assertEqual(agreement.next_date, date(2027, 1, 1))
        self._watch("2026-12-10 08:00:00")
        self.assertEqual(agreement.state, "active")
        self._pay(self.partner, 116000)
        self.assertEqual((agreement.state, self.line.state), ("kept", "active"))

    def test_a_bounced_payment_counts_no_more(self):
        agreement = self._agree()
        agreement.action_activate()
        payment = self._pay(self.partner, 72000)
        self.assertEqual(agreement.paid, 72000)
        payment.action_draft()
        payment.action_cancel()
        agreement.invalidate_recordset()
        self.assertEqual(agreement.paid, 0)
        self._watch("2026-12-05 08:00:00")
        self.assertEqual(agreement.state, "broken")

    def test_missed_and_grace_passed_is_broken(self):
        agreement = self._agree()
        agreement.action_activate()
        self._pay(self.partner, 71999)
        self._watch("2026-12-04 08:00:00")
        with freeze_time("2026-12-04 08:00:00"):
            self.assertEqual((agreement.state, agreement.line_ids[0].with_context(x=1).state), ("active", "late"))
        self._watch("2026-12-05 08:00:00")
        self._watch("2026-12-05 09:00:00")
        self.assertEqual((agreement.state, self._told()), ("broken", ["instalment_broken"]))
        with freeze_time("2026-12-05 09:00:00"):
            self.assertEqual(self.line.overdue, 216000 - 71999)
            self.assertIn(self.line, self.env["isp.subscription"]._suspend_overdue(self.company, date(2026, 12, 5)))

    def test_one_invoice_one_agreement(self):
        first, second = self._agree(), self._agree()
        first.action_activate()
        with self.assertRaises(UserError):
            second.action_activate()

    def test_the_debt_has_changed(self):
        agreement = self._agree()
        self._pay(self.partner, 1000)
        with self.assertRaises(UserError):
            agreement.action_activate()
        agreement.action_propose()
        agreement.action_activate()
        self.assertEqual(sum(agreement.line_ids.mapped("amount")), 215000)

    def test_another_customers_invoice(self):
        other = self._create_line()
        self._bill(date(2026, 11, 1))
        agreement = self._agree()
        agreement.write({"move_ids": [(4, other.period_ids.move_id.id)]})
        agreement.action_propose()
        with self.assertRaises(UserError):
            agreement.action_activate()

    def test_what_is_agreed_is_not_changed(self):
        agreement = self._agree()
        with self.assertRaises(UserError):
            agreement.state = "active"
        agreement.action_activate()
        with self.assertRaises(UserError):
            agreement.grace_days = 60
        with self.assertRaises(UserError):
            agreement.line_ids[0].amount = 1
        with self.assertRaises(UserError):
            agreement.line_ids[0].unlink()
        with self.assertRaises(UserError):
            agreement.unlink()
        agreement.action_cancel()
        self.assertEqual((agreement.state, self.line.overdue), ("cancelled", 216000))

    def test_bad_schedules(self):
        with self.assertRaises(UserError):
            self._agree(date_first="2026-11-01").action_activate()
        agreement = self._agree()
        agreement.line_ids[0].amount -= 1
        with self.assertRaises(UserError):
            agreement.action_activate()

    def test_who_may(self):
        company = {"company_id": self.company.id, "company_ids": self.company.ids}
        users = {
            role: new_test_user(self.env, f"ia_{role}", groups=group, **company)
            for role, group in {
                "technician": "isp_base.group_isp_technician",
                "portal": "base.group_portal",
                "service": "isp_base.group_isp_customer_service",
                "manager": "isp_base.group_isp_billing_manager",
            }.items()
        }
        for role in ("technician", "portal"):
            with self.assertRaises(AccessError):
                self._agree(users[role])
            self.assertFalse(self._agree().with_user(users[role]).has_access("read"))
        agreement = self._agree(users["service"])
        with self.assertRaises(AccessError):
            agreement.action_activate()
        agreement.with_user(users["manager"]).action_activate()
        self.assertEqual(agreement.state, "active")
        with self.assertRaises(AccessError):
            agreement.action_cancel()
        agreement.with_user(users["manager"]).action_cancel()
        self.company.isp_instalment_limit = 216000
        again = self._agree(users["service"])
        again.action_activate()
        self.assertEqual(again.state, "active")
