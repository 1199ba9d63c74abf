# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, ConcurrencyError, UserError
from odoo.tests import Form, tagged

from .common import BridgeCommon


@tagged("post_install", "-at_install")
class TestDesk(BridgeCommon):
    """The cashier asks the customer's telephone."""

    def _form(self, user=None, **vals):
        """What the button of the desk opens."""
        wizards = self.env["isp.cash.payment"].with_user(user or self.cashier).with_context(allowed_company_ids=self.company.ids)
        wizard = wizards.create({"partner_id": self.customer.id, **vals})
        return wizards.env["isp.wallet.ask"].browse(wizard.action_wallet()["res_id"])

    def _requests(self):
        return self.env["payment.transaction"].search([("partner_id", "=", self.customer.id), ("wallet_phase", "!=", False)])

    def test_asked_waited_paid(self):
        shift, debt = self._open(), self._debt(45000, days=3)
        ask = self._form()
        self.assertEqual((ask.amount, ask.msisdn, ask.wallet, ask.state), (45000, "+211921234567", str(self.provider.id), "draft"))
        self.assertEqual(ask.action_send()["res_id"], ask.id)
        tx = ask.sudo().transaction_id
        self.assertEqual((ask.state, ask.action_look()), ("waiting", "waiting"))
        self.assertEqual((tx.create_uid, tx.isp_wallet_shift_id), (self.cashier, shift))
        drawer = shift.expected
        self._paid(tx)
        ask.invalidate_recordset()
        self.assertEqual((ask.state, ask.action_look(), ask.booked), ("done", "done", True))
        self.assertIn(tx.provider_reference, ask.text)
        self.assertEqual(debt.payment_state, "paid")
        self.assertEqual(shift.expected, drawer, "it is not in the drawer")
        self.assertEqual(shift.wallet_in, 45000)
        self.assertEqual(ask.action_print()["type"], "ir.actions.report")

    def test_it_fails_in_clear_words_and_is_tried_again(self):
        self._open()
        ask = self._form(amount=500)
        ask.action_send()
        tx = ask.sudo().transaction_id
        self._failed(tx, "NOT_ENOUGH_FUNDS")
        ask.invalidate_recordset()
        self.assertEqual((ask.state, ask.title), ("failed", "Not paid"))
        self.assertIn("enough money", ask.text)
        again = self.env["isp.wallet.ask"].with_user(self.cashier).browse(ask.action_again()["res_id"])
        self.assertEqual((again.state, again.amount, again.msisdn), ("draft", 500, ask.msisdn))
        again.action_send()
        self.assertNotEqual(again.sudo().transaction_id, tx)
        self._paid(tx)
        ask.invalidate_recordset()
        self.assertEqual(ask.state, "done", "a late success wins")

    def test_another_number_and_amount(self):
        self._open()
        with Form(self._form(amount=500)) as form:
            form.msisdn, form.amount = "0922 000 111", 700
        ask = form.record
        ask.action_send()
        tx = ask.sudo().transaction_id
        self.assertEqual((tx.wallet_msisdn, tx.amount, tx.partner_id), ("211922000111", 700, self.customer))

    def test_wrong_number_and_amount_are_refused(self):
        self._open()
        for vals in ({"msisdn": "12"}, {"amount": 0}, {"amount": -5}, {"wallet": False}):
            ask = self._form(amount=500)
            if vals.get("wallet") is False:
                self.provider.sudo().state = "disabled"
            else:
                ask.write(vals)
            with self.subTest(vals), self.assertRaises(UserError):
                ask.action_send()
        self.assertFalse(self._requests())

    def test_a_double_click_is_one_request(self):
        self._open()
        ask = self._form(amount=500)
        ask.action_send()
        ask.action_send()
        # The form was lost and loaded again before it knew of its request.
        ask.sudo().transaction_id = False
        ask.action_send()
        self.assertEqual(len(self._requests()), 1)

    def test_two_cashiers_see_one_request(self):
        self._open()
        first, second = self._form(amount=500), self._form(self.care_at_desk(), amount=500)
        first.action_send()
        second.action_send()
        self.assertEqual(second.sudo().transaction_id, first.sudo().transaction_id)
        self.assertIn("Rose Keji", second.hint)
        third = self._form(amount=800)
        self.assertIn("500", third.open_text)
        third.action_send()
        self.assertEqual(len(self._requests()), 2)

    def care_at_desk(self):
        both = self._user("both", "isp_base.group_isp_customer_service,isp_cash.group_isp_cashier", name="Deng")
        return both

    def test_two_at_the_same_moment_start_again(self):
        """What the other one made is not seen yet, only its key: this transaction fails and is run again by the server."""
        self._open()
        first, second = self._form(amount=500), self._form(amount=500)
        first.action_send()
        model = type(self.env["payment.transaction"])
        self.patch(model, "_wallet_twin", lambda self, once: self.browse())
        with self.assertRaises(ConcurrencyError):
            second.action_send()

    def test_an_old_request_does_not_stand_in_the_way(self):
        self._open()
        first, second = self._form(amount=500), self._form(amount=500)
        first.action_send()
        self._age(first.sudo().transaction_id, minutes=11)
        second.action_send()
        self.assertEqual(len(self._requests()), 2)

    def test_chosen_invoices_are_paid_and_only_the_customers_own(self):
        self._open()
        older, chosen = self._debt(1000, days=30), self._debt(600, days=1)
        foreign = self._debt(900, partner=self._create_customer("Other"))
        wizard = self.env["isp.cash.payment"].with_user(self.cashier).create({"partner_id": self.customer.id, "allocation": "chosen"})
        wizard.line_ids.filtered(lambda line: line.item_id in chosen.line_ids.ids).chosen = True
        ask = wizard.env["isp.wallet.ask"].browse(wizard.action_wallet()["res_id"])
        self.assertEqual((ask.amount, ask.move_ids), (600, chosen.ids))
        ask.move_ids = [*chosen.ids, foreign.id, "x"]
        ask.action_send()
        self.assertEqual(ask.sudo().transaction_id.invoice_ids, chosen)
        self._paid(ask.sudo().transaction_id)
        self.assertEqual((chosen.amount_residual, older.amount_residual, foreign.amount_residual), (0, 1000, 900))

    def test_a_prepaid_line_is_renewed_from_its_own_screen(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000)
        line = self._create_line(partner_id=self.customer.id, plan_id=plan.id, valid_until=fields.Datetime.now() + timedelta(days=2))
        env = self.env(user=self.care)
        ask = env["isp.wallet.ask"].browse(env["isp.subscription"].browse(line.id).action_isp_wallet()["res_id"])
        self.assertEqual(ask.amount, 1200)
        self.assertIn("B-PRE", ask.line_name)
        ask.action_send()
        self._paid(ask.sudo().transaction_id)
        self.assertEqual(line.prepaid_number, 1)

    def test_a_foreign_line_is_not_renewed(self):
        self._open()
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000)
        line = self._create_line(plan_id=plan.id, valid_until=fields.Datetime.now() + timedelta(days=2))
        ask = self._form(amount=500)
        ask.line_id = line.id
        ask.action_send()
        self.assertFalse(ask.sudo().transaction_id.isp_subscription_id)

    def test_the_z_report_lists_it_apart(self):
        shift = self._open()
        self._take(self.customer, 1000)
        ask, late = self._form(amount=500), self._form(amount=600)
        (ask + late).mapped(lambda one: one.action_send())
        self._paid(ask.sudo().transaction_id)
        shift._close({1000: 21})
        shift.sudo().closed_at = fields.Datetime.now() + timedelta(seconds=5)
        self._paid(late.sudo().transaction_id)
        self.env.cr.execute("UPDATE account_payment SET create_date = %s WHERE id = %s", (shift.closed_at + timedelta(minutes=1), late.sudo().transaction_id.payment_id.id))
        self.env.invalidate_all()
        self.assertEqual((shift.expected, shift.difference, shift.wallet_in), (21000, 0, 500))
        for report in ("action_report_isp_cash_shift", "action_report_isp_cash_shift_roll"):
            html = self.env["ir.actions.report"].with_user(self.cashier)._render_qweb_html(f"isp_cash.{report}", shift.ids)[0].decode()
            self.assertIn("Mobile money", html)
            self.assertIn(ask.sudo().transaction_id.payment_id.name, html)
            self.assertNotIn(late.sudo().transaction_id.payment_id.name, html)

    def test_the_receipt_names_the_operators_reference(self):
        self._open()
        ask = self._form(amount=500)
        ask.action_send()
        tx = ask.sudo().transaction_id
        self._paid(tx)
        report = self.env["ir.actions.report"].with_user(self.cashier)
        html = report._render_qweb_html("isp_billing.report_isp_receipt", tx.payment_id.ids)[0].decode()
        self.assertIn(tx.provider_reference, html)
        self.assertNotIn("Received by", html)

    def test_a_request_cannot_be_put_under_a_form(self):
        self._open()
        tx = self._asked(500)
        ask = self._form(amount=500)
        with self.assertRaises(AccessError):
            ask.transaction_id = tx.id
        with self.assertRaises(AccessError):
            ask.create({"partner_id": self.customer.id, "amount": 5, "msisdn": "0921234567", "transaction_id": tx.id})
