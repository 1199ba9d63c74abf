# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common import BridgeCommon


@tagged("post_install", "-at_install")
class TestRights(BridgeCommon):
    def _ask(self, user, **vals):
        asks = self.env["isp.wallet.ask"].with_user(user)
        return asks.create({"partner_id": self.customer.id, "amount": 500, "msisdn": "0921234567", "wallet": str(self.provider.id), **vals})

    def test_who_may_ask(self):
        roles = {
            "base.group_portal": False,
            "isp_base.group_isp_technician": False,
            "isp_base.group_isp_customer_service": True,
            "isp_cash.group_isp_cashier": True,
            "isp_base.group_isp_billing_manager": True,
        }
        for number, (group, may) in enumerate(roles.items()):
            user = self._user(f"role{number}", group)
            with self.subTest(group):
                self.assertEqual(self.env["isp.wallet.ask"].with_user(user).has_access("create"), may)

    def test_a_cashier_needs_an_open_shift(self):
        ask = self._ask(self.cashier)
        with self.assertRaises(UserError):
            ask.action_send()
        shift = self._open()
        shift.sudo().state = "counting"
        with self.assertRaises(UserError):
            ask.action_send()
        shift.sudo().state = "open"
        ask.action_send()
        self.assertEqual(ask.sudo().transaction_id.isp_wallet_shift_id, shift)

    def test_customer_service_needs_none(self):
        ask = self._ask(self.care)
        ask.action_send()
        self.assertFalse(ask.sudo().transaction_id.isp_wallet_shift_id)

    def test_a_form_is_its_makers(self):
        ask = self._ask(self.cashier)
        for method in ("action_look", "action_send", "action_print", "action_again"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(ask.with_user(self.other).sudo(False), method)()

    def test_a_cashier_prints_receipts_of_own_shifts_only_and_sees_no_request(self):
        self._open()
        ask = self._ask(self.cashier)
        ask.action_send()
        tx = ask.sudo().transaction_id
        self._paid(tx)
        payment = tx.payment_id
        self.assertTrue(payment.with_user(self.cashier).has_access("read"))
        self.assertFalse(payment.with_user(self.cashier).has_access("write"))
        self.assertFalse(payment.with_user(self.other).has_access("read"))
        self.assertFalse(tx.with_user(self.cashier).has_access("read"))
        report = self.env["ir.actions.report"].with_user(self.other)
        with self.assertRaises(AccessError):
            report._render_qweb_html("isp_billing.report_isp_receipt", payment.ids)

    def test_who_sees_and_decides_payouts(self):
        self.provider.wallet_disbursement_key = "disbursement-key"
        payout = self.env["isp.wallet.payout"]._payout(self.provider, self.customer, 1000, "0921000009", key="out")
        roles = {
            "base.group_portal": False,
            "isp_base.group_isp_technician": False,
            "isp_base.group_isp_customer_service": False,
            "isp_cash.group_isp_cashier": False,
            "isp_base.group_isp_billing_manager": True,
            "isp_base.group_isp_administrator": True,
        }
        for number, (group, may) in enumerate(roles.items()):
            theirs = payout.with_user(self._user(f"payout{number}", group)).sudo(False)
            with self.subTest(group):
                self.assertEqual((theirs.has_access("read"), theirs.has_access("write")), (may, may))
                self.assertFalse(theirs.has_access("create") or theirs.has_access("unlink"))
                if group != "base.group_portal":
                    menu = self.env.ref("isp_momo.menu_wallet_payouts")
                    self.assertEqual(menu.id in menu.with_user(theirs.env.user)._visible_menu_ids(), may)
