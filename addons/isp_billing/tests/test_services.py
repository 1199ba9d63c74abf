# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from .common import BillingCommon


class PricingCommon(BillingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.address = cls._create_service_product("Static address", 20000)
        cls.rent = cls._create_service_product("Router rent", 9000)

    @classmethod
    def _create_service_product(cls, name, price):
        return cls.env["product.product"].create(
            {"name": name, "type": "service", "list_price": price, "isp_is_service": True, "taxes_id": [Command.set(cls.excise.ids)]}
        )

    def _add(self, line, product=None, date_from=date(2026, 11, 1), **vals):
        return self.env["isp.subscription.service"].create(
            {"subscription_id": line.id, "product_id": (product or self.address).id, "date_from": date_from, **vals}
        )

    def _amounts(self, line, source):
        rows = line.period_ids.filtered(lambda p: p.source.startswith(source)).sorted(lambda p: (p.date_start, p.id))
        return [(row.date_start.isoformat(), row.date_end.isoformat(), row.amount) for row in rows]


@tagged("post_install", "-at_install")
class TestServices(PricingCommon):
    def test_billed_with_the_plan(self):
        line = self._create_line()
        self._add(line)
        self._add(line, self.rent, quantity=2)
        self._bill(date(2026, 11, 1))
        self.assertEqual(sorted(line.period_ids.mapped("amount")), [18000, 20000, 180000])
        self.assertEqual(line.period_ids.move_id.amount_total, 218000 * 1.2)
        texts = " ".join(line.period_ids.move_line_id.mapped("name"))
        self.assertIn("Static address, 2026-11-01 to 2026-11-30", texts)
        self.assertIn("Router rent × 2", texts)
        self._bill(date(2026, 11, 30))
        self.assertEqual(len(line.period_ids), 3)

    def test_days_of_start_and_end(self):
        line = self._create_line()
        service = self._add(line, date_from=date(2026, 11, 11), date_to=date(2026, 12, 10))
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            self._amounts(line, service._source()),
            [("2026-11-11", "2026-11-30", 13333), ("2026-12-01", "2026-12-10", 6452)],
        )
        self.assertIn("20 of 30 days", line.period_ids.filtered(lambda p: p.amount == 13333).move_line_id.name)

    def test_started_in_a_billed_period(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        service = self._add(line, date_from=date(2026, 11, 21))
        self._bill(date(2026, 11, 21))
        self._bill(date(2026, 11, 22))
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            self._amounts(line, service._source()),
            [("2026-11-21", "2026-11-30", 6667), ("2026-12-01", "2026-12-31", 20000)],
        )
        self.assertFalse(line.charges_pending)

    def test_ended_in_a_billed_period_is_credited_once(self):
        line = self._create_line()
        service = self._add(line)
        self._bill(date(2026, 11, 1))
        service.date_to = date(2026, 11, 12)
        for day in (12, 13, 30):
            self._bill(date(2026, 11, day))
        self._bill(date(2026, 12, 1))
        self.assertEqual(
            self._amounts(line, service._source()),
            [("2026-11-01", "2026-11-30", 20000), ("2026-11-13", "2026-11-30", -12000)],
        )
        credit = line.period_ids.filtered(lambda p: p.amount < 0)
        self.assertEqual((credit.kind, credit.move_id.move_type, credit.move_id.amount_total), ("adjustment", "out_refund", 14400))
        with self.assertRaises(UserError):
            service.date_to = date(2026, 11, 20)

    def test_parts_make_the_whole(self):
        """Started late, ended early, in several steps: what is paid are the days used."""
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        service = self._add(line, date_from=date(2026, 11, 8))
        self._bill(date(2026, 11, 8))
        service.date_to = date(2026, 11, 19)
        self._bill(date(2026, 11, 9))
        head = self._add(line, date_from=date(2026, 11, 1), date_to=date(2026, 11, 7))
        tail = self._add(line, date_from=date(2026, 11, 20), date_to=date(2026, 11, 30))
        self._bill(date(2026, 11, 10))
        rows = line.period_ids.filtered(lambda p: p.source != "plan")
        self.assertEqual(sum(rows.mapped("amount")), 20000)
        self.assertEqual({p.source.split("/")[1] for p in rows}, {str(s.id) for s in service + head + tail})

    def test_end_moved_before_it_is_settled(self):
        line = self._create_line()
        service = self._add(line, date_to=date(2026, 11, 10))
        self._bill(date(2026, 11, 1))
        service.date_to = date(2026, 11, 20)
        self._bill(date(2026, 11, 2))
        self.assertEqual(
            self._amounts(line, service._source()),
            [("2026-11-01", "2026-11-10", 6667), ("2026-11-11", "2026-11-20", 6666)],
        )

    def test_end_of_a_suspended_line_is_credited(self):
        line = self._create_line()
        service = self._add(line)
        self._bill(date(2026, 11, 1))
        line._set_state("suspended", "staff")
        service.date_to = date(2026, 11, 15)
        self._bill(date(2026, 11, 16))
        self.assertEqual(self._amounts(line, service._source())[1], ("2026-11-16", "2026-11-30", -10000))

    def test_what_the_end_of_the_line_gave_back_is_not_given_back_again(self):
        line = self._create_line()
        service, twin = self._add(line), self._add(line)
        self._bill(date(2026, 11, 1))
        row = line.period_ids.filtered(lambda p: p.source == twin._source())
        vals = {**row.copy_data()[0], "date_start": "2026-11-13", "offset_days": 12, "days": 18, "kind": "adjustment"}
        for number in (1, 2):
            self.env["isp.period"].sudo().create(
                {**vals, "source": f"termination/7/credit/{number}", "price": -20000, "amount": -12000, "move_line_id": False}
            )
        line._set_state("terminated", "termination")
        (service + twin).date_to = date(2026, 11, 12)
        self._bill(date(2026, 11, 13))
        self.assertFalse(line.period_ids.filtered(lambda p: p.source.endswith("/end")))

    def test_two_of_a_kind_end_on_their_own_days(self):
        line = self._create_line()
        service, twin = self._add(line), self._add(line)
        self._bill(date(2026, 11, 1))
        service.date_to = date(2026, 11, 12)
        self._bill(date(2026, 11, 12))
        twin.date_to = date(2026, 11, 21)
        self._bill(date(2026, 11, 21))
        self.assertEqual(sorted(line.period_ids.filtered(lambda p: p.amount < 0).mapped("amount")), [-12000, -6000])

    def test_missed_months_and_arrears(self):
        line = self._create_line(plan_id=self._create_plan("B-ARR", billing_timing="arrears").id)
        service = self._add(line, date_from=date(2026, 11, 16))
        self._bill(date(2027, 2, 1))
        self.assertEqual([amount for _start, _end, amount in self._amounts(line, service._source())], [10000, 20000, 20000])

    def test_what_is_billed_is_not_edited(self):
        line = self._create_line()
        service = self._add(line)
        service.price = 21000
        self._bill(date(2026, 11, 1))
        self.assertTrue(service.is_billed)
        for vals in ({"price": 1}, {"quantity": 3}, {"date_from": "2026-11-02"}, {"product_id": self.rent.id}):
            with self.assertRaisesRegex(UserError, "has been billed"):
                service.write(vals)
        with self.assertRaises(UserError):
            service.unlink()
        service.write({"price": 21000, "date_to": "2026-11-20"})

    def test_end_is_settled_once_in_the_database(self):
        line = self._create_line()
        service = self._add(line)
        self._bill(date(2026, 11, 1))
        service.date_to = date(2026, 11, 12)
        self._bill(date(2026, 11, 12))
        vals = line.period_ids.filtered(lambda p: p.amount < 0).copy_data()[0]
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
            self.env["isp.period"].sudo().create({**vals, "date_start": "2026-11-14"})

    def test_monthly_value(self):
        with freeze_time("2026-11-10 12:00:00"):
            line = self._create_line(plan_id=self._create_plan("B-Q", period_count=3, list_price=540000).id)
            self._add(line, price=30000)
            self._add(line, date_from=date(2026, 12, 1))
            self.assertEqual(line.monthly_value, 190000)

    @freeze_time("2026-11-10 12:00:00")
    def test_customer_service_adds_but_does_not_price(self):
        line = self._create_line()
        care = new_test_user(self.env, "care2", "isp_base.group_isp_customer_service")
        services = self.env["isp.subscription.service"].with_user(care)
        vals = {"subscription_id": line.id, "product_id": self.address.id}
        service = services.create({**vals, "price": 20000})
        for change in ({"price": 1}, {"date_to": "2026-11-09", "date_from": "2026-11-09"}):
            with self.assertRaises(AccessError):
                service.write(change)
        with self.assertRaises(AccessError):
            services.create({**vals, "price": 5})
        service.date_to = date(2026, 11, 20)
        self.assertTrue(line.charges_pending)

    def test_rights(self):
        line = self._create_line()
        service = self._add(line)
        technician = new_test_user(self.env, "tech2", "isp_base.group_isp_technician")
        portal = new_test_user(self.env, "portal2", "base.group_portal")
        self.assertEqual(service.with_user(technician).amount, 20000)
        for user, operation in ((technician, "write"), (technician, "create"), (portal, "read")):
            self.assertFalse(service.with_user(user).has_access(operation))

    def test_form(self):
        line = self._create_line()
        with Form(line) as form, form.service_ids.new() as service:
            service.product_id = self.rent
            service.quantity = 2
            self.assertEqual((service.price, service.amount), (9000, 18000))
        self.assertEqual(line.service_ids.amount, 18000)


@tagged("post_install", "-at_install")
class TestFees(PricingCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.fee_plan = cls._create_plan("B-FEE", setup_fee=50000, deposit=100000)
        cls.liability = cls.env["account.account"].create(
            {"name": "Deposits", "code": "203900", "account_type": "liability_current", "reconcile": True}
        )
        cls.company.isp_deposit_account_id = cls.liability
        cls.env.ref("isp_billing.product_setup").taxes_id = cls.excise

    def _new_line(self, **vals):
        return self.env["isp.subscription"].create(
            {"partner_id": self._create_customer().id, "plan_id": self.fee_plan.id, "anchor_day": 1, **vals}
        )

    @freeze_time("2026-11-01 12:00:00")
    def test_once_for_ever(self):
        line = self._new_line()
        line.action_activate()
        self._bill(date(2026, 11, 1))
        invoice = line.period_ids.move_id
        self.assertEqual((invoice.amount_untaxed, invoice.amount_tax), (330000, (180000 + 50000) * 0.2))
        deposit = invoice.invoice_line_ids.filtered(lambda m: m.isp_period_id.kind == "deposit")
        self.assertEqual((deposit.account_id, deposit.tax_ids, deposit.price_subtotal), (self.liability, self.env["account.tax"], 100000))
        self.assertEqual(line._deposit_held(), 100000)
        line._set_state("terminated", "termination")
        line._set_state("active", "staff")
        self._bill(date(2026, 12, 1))
        charged = line.period_ids.filtered(lambda p: p.kind in ("setup", "deposit") and p.source != "deposit/return")
        self.assertEqual(len(charged), 2)

    def test_not_for_imported_lines(self):
        line = self._create_line(plan_id=self.fee_plan.id)
        line._set_state("suspended", "staff")
        line._set_state("active", "staff")
        self._bill(date(2026, 11, 1))
        self.assertFalse(line.period_ids.filtered(lambda p: p.kind in ("setup", "deposit")))

    @freeze_time("2026-11-01 12:00:00")
    def test_waived_with_a_reason(self):
        with self.assertRaises(ValidationError):
            self._new_line(setup_fee=0)
        line = self._new_line(setup_fee=0, deposit=20000, fee_waiver="opening week")
        line.action_activate()
        self._bill(date(2026, 11, 1))
        self.assertEqual(sorted(line.period_ids.mapped("amount")), [20000, 180000])
        with self.assertRaises(ValidationError):
            line.with_user(self.env.user).sudo(False).setup_fee = 10

    def test_customer_service_does_not_waive(self):
        line = self._new_line()
        care = new_test_user(self.env, "care3", "isp_base.group_isp_customer_service")
        with self.assertRaises(AccessError):
            line.with_user(care).write({"deposit": 0, "fee_waiver": "a friend"})
        self.assertEqual(line.with_user(care).deposit, 100000)

    @freeze_time("2026-11-01 12:00:00")
    def test_deposit_without_account_is_a_clear_problem(self):
        self.company.isp_deposit_account_id = False
        good, line = self._create_line(), self._new_line()
        line.action_activate()
        run = self._bill(date(2026, 11, 1))
        self.assertTrue(good.period_ids)
        self.assertIn("Deposits have no account", run.error_ids.message)
        self.company.isp_deposit_account_id = self.liability
        self._bill(date(2026, 11, 2))
        self.assertEqual(line._deposit_held(), 100000)

    @freeze_time("2026-11-01 12:00:00")
    def test_fees_once_in_the_database(self):
        line = self._new_line()
        line.action_activate()
        self._bill(date(2026, 11, 1))
        for kind in ("setup", "deposit"):
            vals = line.period_ids.filtered(lambda p, kind=kind: p.kind == kind).copy_data()[0]
            with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.env.cr.savepoint():
                self.env["isp.period"].sudo().create({**vals, "date_start": "2026-12-05", "date_end": "2026-12-05"})
