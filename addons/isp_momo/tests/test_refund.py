# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.exceptions import UserError

from .common import SimulatorCommon


class TestRefund(SimulatorCommon):
    def _paid(self, amount=1000, key="paid"):
        tx = self._request(amount, key=key, invoices=self._invoice(amount))
        self._poll()
        self.simulator.decide(tx)
        self._due(tx)
        self._poll()
        self.assertEqual(tx.state, "done")
        return tx

    def _refund(self, tx, amount=None):
        tx.action_refund(amount)
        return tx.child_transaction_ids.sorted("id")[-1:]

    def test_part_then_the_rest(self):
        tx = self._paid()
        part = self._refund(tx, 400)
        self.assertEqual((part.wallet_phase, part.amount), ("to_send", -400))
        self.assertNotEqual(part.wallet_uuid, tx.wallet_uuid)
        with self.assertRaises(UserError):
            self._refund(tx, 100)
        self._poll()
        self._due(part)
        self._poll()
        self.assertEqual((part.state, part.payment_id.payment_type, part.payment_id.amount), ("done", "outbound", 400))
        with self.assertRaises(UserError):
            self._refund(tx, 700)
        rest = self._refund(tx, 600)
        self._poll()
        self._due(rest)
        self._poll()
        self.assertEqual(rest.state, "done")
        self.assertEqual(tx.payment_id.amount_available_for_refund, 0)
        asked = self.simulator.asked("refund")
        self.assertEqual(len(asked), 2)

    def test_wizard(self):
        tx = self._paid()
        wizard = self.env["payment.refund.wizard"].with_context(active_id=tx.payment_id.id).create({"payment_id": tx.payment_id.id})
        self.assertTrue(wizard.support_refund)
        wizard.amount_to_refund = 300
        wizard.action_refund()
        self.assertEqual(tx.child_transaction_ids.amount, -300)

    def test_answer_lost(self):
        tx = self._paid()
        self.provider.wallet_timeout = 1
        refund = self._refund(tx)
        self.simulator.fault(silence=1)
        self._poll()
        self.assertEqual((refund.wallet_phase, refund.wallet_unsure), ("to_send", True))
        with self.assertRaises(UserError):
            self._refund(tx)
        self._due(refund)
        self._poll()
        self._due(refund)
        self._poll()
        self.assertEqual(refund.state, "done")
        self.assertEqual(len(self.simulator.asked("refund")), 1)

    def test_refused_then_again(self):
        tx = self._paid()
        self.provider.wallet_disbursement_key = "wrong"
        refund = self._refund(tx)
        self._poll()
        self.assertTrue(refund.wallet_problem)
        self.assertEqual(refund.wallet_phase, "to_send")
        refund._wallet_fail("NOT_ALLOWED")
        self.assertEqual((refund.state, tx.payment_id.amount_available_for_refund), ("error", 1000))
        self.provider.wallet_disbursement_key = "simulated-disbursement-key"
        again = self._refund(tx)
        self.assertNotEqual(again.wallet_uuid, refund.wallet_uuid)


class TestProvider(SimulatorCommon):
    def _check(self):
        return self.provider.action_wallet_check()["params"]

    def test_connection(self):
        self.provider.payment_method_ids.active = True
        found = self._check()
        self.assertEqual(found["type"], "success", found["message"])
        self.assertEqual(self.provider.action_wallet_balance()["params"]["type"], "info")

    def test_says_what_is_wrong(self):
        self.provider.payment_method_ids.active = True
        for field, value, word in (
            ("wallet_collection_key", "wrong", "Collection"),
            ("wallet_disbursement_key", "wrong", "Disbursement"),
            ("wallet_api_key", "wrong", "token"),
            ("wallet_environment", "mtnnowhere", "environment"),
            ("wallet_base_url", "http://127.0.0.1:9", "no connection to 127.0.0.1:9"),
            ("wallet_user_agent", "python-requests/2", "python-requests"),
            ("wallet_callback_base", "http://10.0.0.1", "https"),
        ):
            with self.subTest(field=field), self.env.cr.savepoint() as savepoint:
                self.env["isp.wallet.token"].search([]).unlink()
                self.provider[field] = value
                found = self._check()
                self.assertEqual(found["type"], "danger")
                self.assertIn(word.lower(), found["message"].lower())
                savepoint.rollback()
                self.env.invalidate_all()

    def test_outstanding_account(self):
        line = self.provider.journal_id.inbound_payment_method_line_ids.filtered(lambda m: m.payment_provider_id == self.provider)
        self.assertTrue(line.payment_account_id)
        line.payment_account_id = False
        self.assertIn("outstanding", self._check()["message"])

    def test_secrets_are_not_shown(self):
        self.env.cr.execute("SELECT wallet_api_key FROM payment_provider WHERE id = %s", [self.provider.id])
        self.assertNotIn("simulated", self.env.cr.fetchone()[0])
        self.assertNotIn("simulated", str(self.provider.read(["wallet_api_key", "wallet_collection_key"])))
        self.assertNotIn("simulated", repr(self.provider._wallet_driver().account))
