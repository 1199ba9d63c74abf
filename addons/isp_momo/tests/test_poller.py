# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo import fields
from odoo.tools import mute_logger

from .common import POLLER, SimulatorCommon


class TestPoller(SimulatorCommon):
    def _sent(self, **kwargs):
        tx = self._request(**kwargs)
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.state), ("sent", "pending"), tx.wallet_raw)
        return tx

    def test_asked_approved_booked(self):
        invoice = self._invoice(1000)
        tx = self._sent(invoices=invoice)
        self._due(tx)
        self._poll()
        self.assertEqual(tx.state, "pending")
        self.simulator.decide(tx)
        self._due(tx)
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.state, tx.is_post_processed), ("final", "done", True))
        self.assertTrue(tx.provider_reference)
        self.assertEqual(invoice.payment_state, "paid")
        payment = tx.payment_id
        self.assertEqual((payment.amount, payment.wallet_uuid, payment.payment_transaction_id), (1000, tx.wallet_uuid, tx))
        self.assertFalse(tx.wallet_next)
        tx._post_process()
        tx.is_post_processed = False
        tx._post_process()
        self.assertEqual(self.env["account.payment"].search_count([("wallet_uuid", "=", tx.wallet_uuid)]), 1)

    def test_one_token_for_many(self):
        for n in range(5):
            self._request(key=f"many-{n}")
        self._poll()
        token = self.env["isp.wallet.token"].search([("provider_id", "=", self.provider.id)])
        self.assertEqual(token.product, "collection")
        kept = token.token
        self._due(*self.env["payment.transaction"].search([("wallet_phase", "=", "sent")]))
        self._poll()
        self.assertEqual(token.token, kept)
        self.assertTrue(kept.startswith("gAAAAA"), "encrypted")

    def test_token_expired_is_renewed(self):
        tx = self._sent()
        self.simulator.control("clock", advance=7200)
        self._due(tx)
        self._poll()
        self.assertEqual(tx.wallet_problem, False)
        self.assertNotIn("401", tx.wallet_raw)

    def test_key_refused_waits_and_tells_staff(self):
        self.provider.wallet_collection_key = "of another product"
        tx = self._request()
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.state, tx.wallet_tries), ("to_send", "draft", 1))
        self.assertIn(tx.wallet_problem, ("TOKEN_REFUSED", "KEY_REFUSED"))
        self.assertTrue(tx._wallet_staff_text())
        self.provider.wallet_collection_key = "simulated-collection-key"
        self._due(tx)
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.wallet_problem), ("sent", False))

    def test_rejected_then_again(self):
        invoice = self._invoice(1000)
        tx = self._sent(invoices=invoice)
        self.simulator.decide(tx, approve=False)
        self._due(tx)
        self._poll()
        self.assertEqual((tx.state, tx.wallet_reason), ("error", "APPROVAL_REJECTED"))
        self.assertIn("rejected", tx.state_message)
        self.assertEqual(invoice.payment_state, "not_paid")
        again = self._sent(key="second", invoices=invoice)
        self.assertNotEqual(again.wallet_uuid, tx.wallet_uuid)

    def test_reason_as_object_and_numbers(self):
        self.simulator.fault(reason_shape="object", numbers=True)
        tx, other = self._sent(), self._sent(key="other")
        self.simulator.decide(tx, approve=False)
        self.simulator.decide(other)
        self._due(tx, other)
        self._poll()
        self.assertEqual((tx.wallet_reason, other.state), ("APPROVAL_REJECTED", "done"))

    def test_away_for_an_hour(self):
        """503 for an hour: nothing fails, nothing is asked twice."""
        open_, new = self._sent(key="open"), self._request(key="new")
        self.simulator.fault(fail_status=503, fail_times=-1)
        for _n in range(12):
            for tx in (open_, new):
                self._age(tx, minutes=5)
            self._due(open_, new)
            self._poll()
        self.assertEqual((open_.state, new.state, new.wallet_phase), ("pending", "draft", "to_send"))
        self.assertGreater(new.wallet_next, fields.Datetime.now())
        self.simulator.fault(fail_status=0, fail_times=0)
        self._due(open_, new)
        self._poll()
        for tx in (open_, new):
            self.simulator.decide(tx)
        self._due(open_, new)
        self._poll()
        self.assertEqual((open_.state, new.state), ("done", "done"))
        self.assertEqual(len(self.simulator.asked()), 2)

    def test_refused_connection(self):
        self.provider.wallet_base_url = "http://127.0.0.1:9"
        tx = self._request()
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.wallet_unsure, tx.wallet_tries), ("to_send", False, 1))
        self._age(tx, days=2)
        self._due(tx)
        self._poll()
        self.assertEqual((tx.state, tx.wallet_reason), ("error", "NOT_SENT"))

    def test_a_dead_host_does_not_hold_up_the_queue(self):
        self.provider.wallet_base_url = "http://127.0.0.1:9"
        transactions = [self._request(key=f"dead-{n}") for n in range(30)]
        with patch("odoo.addons.isp_momo.tools.calls.THREADS", 1):
            self._poll()
        self.assertEqual(sum(tx.wallet_tries for tx in transactions), 3)

    def test_answer_lost_after_it_was_taken(self):
        """202 on its way, the line fails: the same UUID again, 409, one request."""
        self.simulator.fault(silence=1)
        self.provider.wallet_timeout = 1
        tx = self._request()
        uuid = tx.wallet_uuid
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.wallet_unsure), ("to_send", True))
        self._due(tx)
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.wallet_unsure, tx.wallet_uuid), ("sent", False, uuid))
        self.assertEqual(len(self.simulator.asked()), 1)

    def test_clock_moved_back(self):
        tx = self._request()
        future = fields.Datetime.now() + timedelta(days=400)
        with patch.object(fields.Datetime, "now", lambda *args: future):
            self._poll()
        self.assertGreater(tx.wallet_next, fields.Datetime.now() + timedelta(days=399))
        self.simulator.decide(tx)
        self._poll()
        self.assertEqual(tx.state, "done")
        self.assertEqual(len(self.simulator.asked()), 1)

    def test_met_by_another_process(self):
        """Whoever moves the row in the same moment costs a try, not the minutes of the claim."""
        tx = self._sent()
        self.simulator.decide(tx)
        self._due(tx)
        lock, meetings = type(tx)._wallet_lock, [SerializationFailure("the row has moved")] * 2

        def met(orders):
            lock(orders)
            if meetings:
                raise meetings.pop()

        with patch.object(type(tx), "_wallet_lock", met):
            self._poll()
        self.assertEqual((tx.wallet_phase, tx.state, meetings), ("final", "done", []))

    def test_late_success_after_error(self):
        invoice = self._invoice(1000)
        tx = self._sent(invoices=invoice)
        tx.write({"wallet_phase": "final", "state": "error", "wallet_next": False})
        self.simulator.decide(tx)
        finals = []
        with patch.object(type(tx), "_on_wallet_final", lambda self: finals.append(self.state)):
            self.assertTrue(tx._wallet_wake())
            self._poll()
        self.assertEqual((tx.state, invoice.payment_state, finals), ("done", "paid", ["done"]))

    def test_late_success_after_given_up(self):
        tx = self._sent()
        self._age(tx, days=8)
        tx.wallet_tries = 50
        self._due(tx)
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.state, tx.wallet_next), ("given_up", "pending", False))
        self.simulator.decide(tx)
        tx._wallet_wake()
        self._poll()
        self.assertEqual((tx.wallet_phase, tx.state), ("final", "done"))

    def test_failed_is_read_again(self):
        tx = self._sent()
        self.simulator.decide(tx, approve=False)
        for expected in (900, 7200, 86400):
            self._due(tx)
            self._poll()
            self.assertAlmostEqual((tx.wallet_next - fields.Datetime.now()).total_seconds(), expected, delta=30)
        self._due(tx)
        self._poll()
        self.assertFalse(tx.wallet_next)

    def test_final_is_told_once_for_every_change(self):
        finals = []
        with patch.object(type(self.env["payment.transaction"]), "_on_wallet_final", lambda self: finals.append(self.state)):
            tx = self._sent()
            self.simulator.decide(tx, approve=False)
            for _n in range(3):
                self._due(tx)
                self._poll()
        self.assertEqual(finals, ["error"])

    @mute_logger(POLLER)
    def test_another_amount_is_held(self):
        for field, value in (("amount", 900), ("wallet_currency", "EUR")):
            invoice = self._invoice(1000)
            tx = self._sent(key=field, invoices=invoice)
            self.simulator.decide(tx)
            tx[field] = value
            self._due(tx)
            self._poll()
            self.assertEqual((tx.state, tx.wallet_reason, tx.wallet_problem), ("error", "AMOUNT_DIFFERS", "AMOUNT_DIFFERS"))
            claim = self.env["isp.wallet.claim"].search([("transaction_id", "=", tx.id)])
            self.assertEqual((claim.kind, claim.state, claim.amount), ("differs", "open", 1000))
            self.assertEqual(invoice.payment_state, "not_paid")
            self._due(tx)
            self._poll()
            self.assertEqual(len(self.env["isp.wallet.claim"].search([("transaction_id", "=", tx.id)])), 1)

    @mute_logger(POLLER)
    def test_reference_of_another_payment(self):
        first, second = self._sent(key="a"), self._sent(key="b")
        self.simulator.decide(second)
        first.write({"provider_reference": "later"})
        self._due(second)
        self._poll()
        self.assertEqual(second.state, "done")
        reference = second.provider_reference
        second.write({"state": "error", "wallet_phase": "final", "provider_reference": False})
        second.flush_recordset()
        first.provider_reference = reference
        self._due(second)
        self._poll()
        self.assertEqual((second.state, second.wallet_problem), ("error", "DUPLICATE_REFERENCE"))

    def test_no_wallet_no_request(self):
        self.provider.wallet_holder_check = "name"
        self.simulator.control("wallet/211929999999", known=False)
        tx, good = self._request(key="none", msisdn="0929999999"), self._request(key="good")
        self._poll()
        self.assertEqual((tx.state, tx.wallet_reason), ("error", "PAYER_NOT_FOUND"))
        self.assertEqual((good.wallet_phase, good.wallet_holder), ("sent", "Customer 4567"))
        self.assertEqual(len(self.simulator.asked()), 1)

    def test_check_that_cannot_be_made_stops_nothing(self):
        self.provider.wallet_holder_check = "active"
        self.simulator.fault(fail_status=500, fail_path="accountholder", fail_times=-1)
        self._sent()

    def test_payer_is_told(self):
        self.provider.wallet_notify = True
        tx = self._sent()
        self.simulator.decide(tx)
        self._due(tx)
        self._poll(2)
        self.assertEqual((tx.state, tx.wallet_tell, tx.wallet_next), ("done", False, False))

    def test_sandbox_pays_in_euro(self):
        self.provider.write({"state": "test", "wallet_test_base_url": self.simulator.url})
        tx = self._request(msisdn="46733120000")
        self.assertEqual((tx.wallet_environment, tx.wallet_currency), ("sandbox", "EUR"))
        self._poll()
        self._due(tx)
        self._poll()
        self.assertEqual((tx.state, tx.amount, tx.currency_id.name), ("done", 1000, "SSP"))
        for number, reason in (("450", "INTERNAL_PROCESSING_ERROR"), ("451", "APPROVAL_REJECTED"), ("455", "PAYER_NOT_FOUND")):
            bad = self._request(key=number, msisdn=f"46733123{number}")
            self._poll()
            self._due(bad)
            self._poll()
            self.assertEqual((bad.state, bad.wallet_reason), ("error", reason))
