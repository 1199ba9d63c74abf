# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date
from unittest.mock import patch

from odoo.tests import tagged

from ..models.account_move import AccountMove
from ..models.isp_invoicing import IspInvoicing
from .common import BillingCommon

#: What differs between any two invoices.
OWN = {"id", "create_date", "write_date", "partner_id", "commercial_partner_id", "partner_shipping_id", "move_id",
       "invoice_partner_display_name", "isp_period_id", "name", "sequence_number", "access_token", "payment_reference",
       "isp_run_id", "invoice_origin", "move_name", "ref"}  # fmt: skip


@tagged("post_install", "-at_install")
class TestInvoiceShape(BillingCommon):
    """What a run makes and posts in its own way equals in every stored field what core does one by one."""

    def _stored(self, record):
        record.invalidate_recordset()
        return {
            name: record[name]
            for name, field in record._fields.items()
            if field.store and name not in OWN and field.type not in ("one2many", "binary")
        }

    def _assert_same(self, one, other):
        self.assertEqual(self._stored(one), self._stored(other))
        for line, its in zip(one.line_ids.sorted("id"), other.line_ids.sorted("id"), strict=True):
            self.assertEqual(self._stored(line), self._stored(its))

    def _bill_both_ways(self, lines_of):
        """Bill two customers alike; then two more, each made by core alone."""
        fast = lines_of() + lines_of()
        self._bill(date(2026, 12, 1))
        plain = lines_of() + lines_of()
        self.patch(IspInvoicing, "_copying_is_safe", lambda work: False)
        self.patch(AccountMove, "_isp_post", lambda moves: moves._post(soft=False))
        self._bill(date(2026, 12, 1))
        first, second = fast.period_ids.move_id.sorted("id")
        other = plain.period_ids.move_id.sorted("id")[0]
        self._assert_same(first, second)
        self._assert_same(second, other)
        return second

    def test_one_period(self):
        invoice = self._bill_both_ways(lambda: self._create_line(billing_from=date(2026, 12, 1)))
        self.assertEqual(invoice.amount_total, 216000)

    def test_part_and_periods_of_two_plans(self):
        small = self._create_plan("B-SMALL", list_price=31)

        def lines():
            partner = self._create_customer()
            return self._create_line(date(2026, 10, 12), 1, partner_id=partner.id) + self._create_line(
                date(2026, 11, 1), partner_id=partner.id, plan_id=small.id
            )

        invoice = self._bill_both_ways(lines)
        self.assertEqual(len(invoice.invoice_line_ids), 5)

    def test_exempt_and_included_taxes(self):
        levy = self.excise.copy({"name": "Levy", "amount": 2, "price_include_override": "tax_included"})
        plan = self._create_plan("B-TAX", taxes_id=[(6, 0, (self.excise + levy).ids)], list_price=99999)
        self._bill_both_ways(lambda: self._create_line(date(2026, 12, 1), plan_id=plan.id))

    def test_shapes_are_kept_apart(self):
        """Another language, tax rule or price is another shape."""
        exempt = self.env["account.fiscal.position"].create({"name": "Exempt"})
        self.excise.copy({"name": "Nothing", "amount": 0, "fiscal_position_ids": exempt.ids, "original_tax_ids": self.excise.ids})
        free = self._create_customer(property_account_position_id=exempt.id)
        lines = [self._create_line(), self._create_line(), self._create_line(partner_id=free.id)]
        self._bill(date(2026, 11, 1))
        self.assertEqual([line.period_ids.move_id.amount_total for line in lines], [216000, 216000, 180000])

    def test_each_line_charges_its_own_period(self):
        lines = self._create_line() + self._create_line() + self._create_line()
        self._bill(date(2027, 1, 1))
        for period in lines.period_ids:
            self.assertEqual(period.move_line_id.isp_period_id, period)
            self.assertEqual(period.move_line_id.partner_id, period.partner_id)
            self.assertIn(str(period.date_start), period.move_line_id.name)

    # === The matrix ===

    def _matrix_taxes(self):
        """Taxes of one plan: none, on top, included, two, a fixed amount, a group, one on the base of another."""
        tax = self.excise
        levy = tax.copy({"name": "Levy", "amount": 2})
        included = tax.copy({"name": "Included", "amount": 18, "price_include_override": "tax_included"})
        fixed = tax.copy({"name": "Stamp", "amount_type": "fixed", "amount": 7})
        on_top = tax.copy({"name": "First", "amount": 10, "include_base_amount": True, "sequence": 1})
        group = tax.copy({"name": "Both", "amount_type": "group", "children_tax_ids": [(6, 0, (tax.copy({"name": "Child"}) + levy).ids)]})
        none = tax.browse()
        return {"none": none, "one": tax, "two": tax + levy, "included": included, "fixed": fixed + tax, "cascade": on_top + levy, "group": group}

    def _matrix_partners(self):
        """What of a customer reaches the invoice."""
        self.env["res.lang"]._activate_lang("ar_001")
        delivery = [(0, 0, {"name": "Shop", "type": "delivery"})]
        account = self.company_data["default_account_receivable"].copy({"code": "103999", "name": "Big customers"})
        method = self.cash.inbound_payment_method_line_ids[:1]
        return {
            "plain": {},
            "arabic": {"lang": "ar_001"},
            "delivery": {"child_ids": delivery},
            "seller": {"user_id": self.env.user.id},
            "account": {"property_account_receivable_id": account.id},
            "method": {"property_inbound_payment_method_line_id": method.id},
            "terms": {"property_payment_term_id": self.env.ref("account.account_payment_term_30days").id},
            "company": {"is_company": True, "vat": "123456789", "ref": "R-1"},
        }

    def _assert_both_ways(self, **plan):
        self.matrix_count = getattr(self, "matrix_count", 0) + 1
        made = self._create_plan(f"B-M{self.matrix_count}", **plan)
        partner = self.matrix_partner

        def lines():
            return self._create_line(date(2026, 12, 1), plan_id=made.id, partner_id=self._create_customer(**partner).id)

        with self.subTest(plan=plan, partner=partner):
            fast = lines() + lines() + lines()
            self._bill(date(2026, 12, 1))
            with patch.object(IspInvoicing, "_copying_is_safe", lambda work: False), patch.object(
                AccountMove, "_isp_post", lambda moves: moves._post(soft=False)
            ):
                plain = lines()
                self._bill(date(2026, 12, 1))
            *copies, other = (fast + plain).period_ids.move_id.sorted("id")
            for copy in copies:
                self._assert_same(copy, other)

    def test_matrix_of_taxes_and_roundings(self):
        self.matrix_partner = {}
        matrix = self._matrix_taxes()
        for method in ("round_per_line", "round_globally"):
            self.company.tax_calculation_rounding_method = method
            for name, taxes in matrix.items():
                for price in (180000, 33333, 7):
                    self._assert_both_ways(list_price=price, taxes_id=[(6, 0, taxes.ids)])
                self.assertTrue(name)

    def test_matrix_of_partners_and_terms(self):
        for days in (0, 30):
            self.company.isp_due_days = days
            for partner in self._matrix_partners().values() if not days else [{}]:
                self.matrix_partner = partner
                self._assert_both_ways(list_price=180000)

    def test_matrix_of_currencies(self):
        """Coins of a hundredth, of five pounds."""
        self.matrix_partner = {}
        for rounding in (5, 0.01):
            self.company.currency_id.rounding = rounding
            for taxes in (self.excise, self.excise + self.excise.copy({"name": f"Levy {rounding}", "amount": 1.7})):
                self._assert_both_ways(list_price=333.33 if rounding < 1 else 33335, taxes_id=[(6, 0, taxes.ids)])

    def test_copies_are_made(self):
        """Nothing is proven where nothing is copied."""
        for _number in range(6):
            self._create_line()
        copied, original = [], IspInvoicing._copy_moves

        def watched(work, copies):
            copied.extend(len(same) for same in copies.values())
            return original(work, copies)

        with patch.object(IspInvoicing, "_copy_moves", watched):
            self._bill(date(2026, 11, 1))
        # One of each share's batch is made by core.
        self.assertEqual(sum(copied), 4)
