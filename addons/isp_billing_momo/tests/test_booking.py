# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, timedelta
from decimal import Decimal

from odoo import fields
from odoo.tests import tagged

from odoo.addons.isp_momo.drivers.base import Status

from .common import BridgeCommon


@tagged("post_install", "-at_install")
class TestBooking(BridgeCommon):
    """Wallet money behaves as any payment of isp_billing."""

    def test_the_oldest_debt_is_paid_first_and_the_rest_is_credit(self):
        newer, older = self._debt(1000, days=1), self._debt(700, days=40)
        self._paid(self._asked(900))
        self.assertEqual((older.amount_residual, newer.amount_residual), (0, 800))
        self._paid(self._asked(1000, key="key-2"))
        self.assertEqual(newer.payment_state, "paid")
        self.assertEqual(self._balance(), -200)

    def test_the_chosen_invoice_comes_first_then_the_oldest(self):
        newer, older = self._debt(1000, days=1), self._debt(700, days=40)
        self._paid(self._asked(1300, invoices=newer))
        self.assertEqual((newer.amount_residual, older.amount_residual), (0, 400))

    def test_an_invoice_paid_meanwhile_leaves_the_money_for_the_others(self):
        invoice, other = self._debt(1000, days=1), self._debt(600, days=2)
        tx = self._asked(1000, invoices=invoice)
        self._take_cash(1000, invoice)
        self._paid(tx)
        self.assertFalse(invoice.amount_residual + other.amount_residual)
        self.assertEqual(self._balance(), -400)

    def _take_cash(self, amount, invoice):
        wizard = self.env["isp.cash.payment"].create({"partner_id": self.customer.id, "amount": amount, "journal_id": self.cash.id, "allocation": "chosen"})
        wizard.line_ids.filtered(lambda line: line.item_id in invoice.line_ids.ids).chosen = True
        wizard.amount = amount
        wizard._take()

    def test_money_without_an_invoice_is_credit_that_the_next_run_uses(self):
        line = self._create_line(partner_id=self.customer.id)
        self._paid(self._asked(300000))
        self.assertEqual(self._balance(), -300000)
        self._bill(date(2026, 11, 1))
        invoice = line.invoice_ids
        self.assertEqual(invoice.payment_state, "paid")
        self.assertEqual(self._balance(), invoice.amount_total - 300000)

    def test_the_service_is_back_with_the_payment(self):
        line = self._create_line(partner_id=self.customer.id)
        self._debt(1000, days=40)
        line._suspend_if_overdue(self.company._isp_today())
        self.assertEqual(line.state, "suspended")
        self._paid(self._asked(400))
        self.assertEqual(line.state, "suspended", "a part is not enough")
        self._paid(self._asked(600, key="key-2"))
        self.assertEqual(line.state, "active")
        self.assertEqual(line.event_ids.sorted("id")[-1:].reason, "payment")
        self.assertTrue(self._notices("restored"))

    def test_a_prepaid_line_is_renewed_when_it_is_enough(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000)
        line = self._create_line(partner_id=self.customer.id, plan_id=plan.id, valid_until=fields.Datetime.now() - timedelta(hours=1))
        line._suspend_if_expired()
        self._paid(self._asked(1000))
        self.assertEqual((line.state, line.prepaid_number), ("suspended", 0))
        self.assertEqual(self._notices("missing").params["missing"], 200)
        self._paid(self._asked(200, key="key-2"))
        self.assertEqual((line.state, line.prepaid_number), ("active", 1))
        self.assertFalse(self._balance())

    def test_money_for_a_line_renews_it_early(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000)
        until = fields.Datetime.now() + timedelta(days=3)
        named, other = (self._create_line(partner_id=self.customer.id, plan_id=plan.id, valid_until=until) for _n in range(2))
        self._paid(self._asked(2400, isp_subscription_id=named.id))
        self.assertEqual((named.prepaid_number, other.prepaid_number), (2, 0))
        self.assertEqual(self.env["account.payment"].search([("isp_subscription_id", "=", named.id)]).amount, 2400)

    def test_the_receipt_goes_out_once(self):
        self._debt(1000)
        tx = self._asked(400)
        self._paid(tx)
        tx._wallet_succeed(Status("done", reference=f"FT{tx.id}", amount=Decimal(400), currency=tx.wallet_currency))
        tx._post_process()
        receipt = self._notices("receipt")
        self.assertEqual(receipt.key, f"receipt/{tx.payment_id.id}")
        self.assertEqual((receipt.params["amount"], receipt.params["balance"], receipt.params["number"]), (400, 600, tx.payment_id.name))

    def test_many_at_once_are_each_settled_and_told(self):
        customers = [self._create_customer(f"Customer {number}") for number in range(8)]
        debts = [self._debt(1000 + number, days=3, partner=customer) for number, customer in enumerate(customers)]
        transactions = [
            self._request(debt.amount_total, f"many-{debt.id}", partner=customer) for customer, debt in zip(customers, debts, strict=True)
        ]
        self._paid(*transactions)
        self.assertEqual({debt.payment_state for debt in debts}, {"paid"})
        self.assertEqual([len(self._notices("receipt", customer)) for customer in customers], [1] * 8)

    def test_a_refund_tells_no_receipt(self):
        tx = self._asked(400)
        self._paid(tx)
        tx.payment_method_id.support_refund = "partial"
        refund = tx._refund(amount_to_refund=400)
        self._paid(refund)
        self.assertEqual(len(self._notices("receipt")), 1)
        self.assertFalse(self._balance())
