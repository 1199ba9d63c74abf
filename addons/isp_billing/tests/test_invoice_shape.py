# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

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
