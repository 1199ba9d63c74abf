# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import AccessError
from odoo.tests import new_test_user

from .common import WalletCommon


class TestRights(WalletCommon):
    """Who may see and change what: requests, claims, tokens; and what lists cost."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reader = new_test_user(cls.env, "wallet-reader", "account.group_account_readonly")
        cls.clerk = new_test_user(cls.env, "wallet-clerk", "account.group_account_invoice")
        cls.manager = new_test_user(cls.env, "wallet-manager", "account.group_account_manager")
        cls.payer_out = new_test_user(cls.env, "wallet-payer-out", "isp_momo.group_wallet_payout")
        cls.nobody = new_test_user(cls.env, "wallet-nobody", "base.group_user")
        cls.stranger = new_test_user(cls.env, "wallet-stranger", "base.group_portal")

    def _claim(self, reference="4711"):
        return self.env["isp.wallet.claim"]._say_paid(self.provider, reference, "0921234567", 500, self.payer)[1]

    def test_claims(self):
        claim = self._claim()
        self.assertEqual(claim.with_user(self.reader).reference, "4711")
        with self.assertRaises(AccessError):
            claim.with_user(self.reader).write({"note": "x"})
        for user in (self.nobody, self.stranger):
            with self.assertRaises(AccessError):
                claim.with_user(user).read(["reference"])
        claim.with_user(self.clerk).write({"note": "Found in the portal of the operator"})
        claim.with_user(self.clerk).action_found()
        self.assertEqual(claim.state, "found")
        with self.assertRaises(AccessError):
            claim.with_user(self.clerk).unlink()

    def _payout(self, key="out", amount=1000):
        return self.env["isp.wallet.payout"]._payout(self.provider, self.payer, amount, "0921000009", key=key)

    def test_payouts(self):
        """Who has the right sees and decides, with no other right; nobody makes, deletes or changes one by hand."""
        payout = self._payout().sudo(False)
        self.assertEqual(payout.sudo().state, "draft")
        for user in (self.reader, self.clerk, self.nobody, self.stranger):
            theirs = payout.with_user(user)
            for method in ("action_confirm", "action_refuse", "action_wallet_ask", "action_retry", "action_paid", "action_not_paid", "action_book", "action_settled"):
                with self.subTest(user=user.login, method=method), self.assertRaises(AccessError):
                    getattr(theirs, method)()
            with self.assertRaises(AccessError):
                theirs.read(["amount"])
        for user in (self.manager, self.payer_out):
            mine = payout.with_user(user)
            self.assertEqual(mine.read(["amount"])[0]["amount"], 1000)
            with self.assertRaises(AccessError):
                mine.unlink()
            with self.assertRaises(AccessError):
                mine.create({"provider_id": self.provider.id, "partner_id": self.payer.id, "amount": 1, "currency_id": self.ssp.id, "reference": "mine"})
            with self.assertRaises(AccessError):
                mine.read(["wallet_token"])
        payout.with_user(self.payer_out).action_confirm()
        self.assertEqual((payout.sudo().state, payout.sudo().confirmed_by), ("pending", self.payer_out))

    def test_payouts_of_another_company(self):
        payout = self._payout().sudo(False)
        other = self.env["res.company"].create({"name": "Another ISP"})
        stranger = new_test_user(self.env, "other-manager", "isp_momo.group_wallet_payout", company_id=other.id, company_ids=[(6, 0, other.ids)])
        self.assertFalse(self.env["isp.wallet.payout"].with_user(stranger).search([]))
        for method in ("action_confirm", "action_refuse", "action_wallet_ask"):
            with self.subTest(method), self.assertRaises(AccessError):
                getattr(payout.with_user(stranger), method)()
        self.assertEqual(payout.sudo().state, "draft")

    def test_secrets_are_for_the_system(self):
        tx = self._request()
        for user in (self.reader, self.clerk, self.nobody, self.stranger):
            for record, field in ((self.provider, "wallet_api_key"), (tx, "wallet_token")):
                with self.assertRaises(AccessError):
                    record.with_user(user).read([field])
            with self.assertRaises(AccessError):
                self.env["isp.wallet.token"].with_user(user).search([])

    def test_another_customer(self):
        tx = self._request(invoices=self._invoice(1000))
        with self.assertRaises(AccessError):
            tx.with_user(self.stranger).read(["wallet_msisdn"])

    def _cost(self, model, view, rows):
        """:return: queries that the list of ``rows`` takes"""
        user = self.manager
        arch = self.env[model].with_user(user).get_view(self.env.ref(view).id, "list")
        names = [name for name in arch["models"][model] if name in self.env[model]._fields]
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        self.env[model].with_user(user).browse(rows.ids).web_read({name: {} for name in names})
        return self.cr.sql_log_count - before

    def test_lists_cost_the_same_whatever_their_length(self):
        requests = self.env["payment.transaction"].browse([self._request(key=f"n{n}", invoices=self._invoice(1000)).id for n in range(12)])
        claims = self.env["isp.wallet.claim"].browse([self._claim(f"r{n}").id for n in range(12)])
        payouts = self.env["isp.wallet.payout"].browse([self._payout(f"p{n}").id for n in range(12)])
        for model, view, rows in (
            ("isp.wallet.payout", "isp_momo.view_isp_wallet_payout_list", payouts),
            ("payment.transaction", "isp_momo.view_payment_transaction_wallet_list", requests.sudo()),
            ("isp.wallet.claim", "isp_momo.view_isp_wallet_claim_list", claims),
        ):
            self._cost(model, view, rows[:2])
            self.assertLessEqual(self._cost(model, view, rows), self._cost(model, view, rows[:2]) + 1, model)
