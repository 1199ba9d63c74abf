# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, http
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from odoo.addons.payment import utils as payment_utils

from .common import SimulatorCommon


@tagged("post_install", "-at_install")
class TestPortal(SimulatorCommon, HttpCase):
    def _pay(self, invoice, number="0921234567", **values):
        """As the payment form does: a transaction, then the number."""
        params = {
            "provider_id": self.provider.id,
            "payment_method_id": self.provider.payment_method_ids.id,
            "token_id": None,
            "amount": invoice.amount_residual,
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": "/my/invoices",
            "access_token": invoice._portal_ensure_token(),
        }
        made = self.make_jsonrpc_request(f"/invoice/transaction/{invoice.id}", params)
        values = {"reference": made["reference"], "msisdn": number, "access_token": made["wallet_access_token"], **values}
        return made, lambda: self.make_jsonrpc_request("/payment/wallet/pay", values)

    def setUp(self):
        super().setUp()
        self.provider.payment_method_ids.active = True
        self.invoice = self._invoice(1000)
        self.env.flush_all()

    def _transactions(self):
        self.env.invalidate_all()
        return self.env["payment.transaction"].search([("invoice_ids", "in", self.invoice.ids)])

    def test_number_then_waiting_then_paid(self):
        _made, ask = self._pay(self.invoice, "+211 929 876 543")
        url = ask()["url"]
        tx = self._transactions()
        self.assertEqual((tx.wallet_msisdn, tx.wallet_phase), ("211929876543", "to_send"))
        self._poll()
        page = self.url_open(url)
        self.assertIn("Approve on the telephone", page.text)
        self.assertNotIn("211929876543", page.text)
        self.simulator.decide(tx)
        self._due(tx)
        self._poll()
        page = self.url_open(url)
        self.assertIn("Paid. Thank you!", page.text)
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_the_language_of_the_page_before(self):
        """The customer's language is English; who pays reads Arabic."""
        self.env["res.lang"]._activate_lang("ar_001")
        _made, ask = self._pay(self.invoice)
        url = ask()["url"]
        self.assertIn('dir="ltr"', self.url_open(url).text)
        self.assertIn('dir="rtl"', self.url_open(url, cookies={"frontend_lang": "ar_001"}).text)
        self.assertIn('dir="ltr"', self.url_open(f"{url}?lang=en", cookies={"frontend_lang": "ar_001"}).text)
        self.assertIn('dir="ltr"', self.url_open(url, cookies={"frontend_lang": "xx_'<"}).text)

    def test_waiting_page_asks_the_operator(self):
        _made, ask = self._pay(self.invoice)
        url = ask()["url"]
        self._poll()
        tx = self._transactions()
        tx.write({"wallet_next": "2099-01-01", "wallet_asked": "2020-01-01"})
        self.env.flush_all()
        state = self.url_open(url.replace("/wait/", "/state/")).json()
        self.assertEqual(state["state"], "waiting")
        self.env.invalidate_all()
        self.assertLessEqual(tx.wallet_next, fields.Datetime.now())

    def test_double_click(self):
        _made, ask = self._pay(self.invoice)
        self.assertEqual(ask(), ask())
        self._poll()
        self.assertEqual(len(self._transactions()), 1)
        self.assertEqual(len(self.simulator.asked()), 1)

    def test_two_tabs(self):
        first, second = self._pay(self.invoice)[1](), self._pay(self.invoice)[1]()
        self.assertEqual(first, second)
        self._poll()
        self.assertEqual(sorted(self._transactions().mapped("state")), ["cancel", "pending"])
        self.assertEqual(len(self.simulator.asked()), 1)

    def test_again_after_a_refusal(self):
        first = self._pay(self.invoice)[1]()
        self._poll()
        tx = self._transactions()
        self.simulator.decide(tx, approve=False)
        self._due(tx)
        self._poll()
        self.assertIn("rejected", self.url_open(first["url"]).text)
        self.assertNotEqual(self._pay(self.invoice)[1]()["url"], first["url"])

    @mute_logger("odoo.http")
    def test_anothers_payment(self):
        made, _ask = self._pay(self.invoice)
        token = payment_utils.generate_access_token("wallet", "other", self.payer.id, env=self.env)
        for wrong in ({"access_token": token}, {"access_token": ""}, {"reference": "other"}):
            with self.assertRaises(Exception):  # noqa: B017  the error of the server
                self._pay(self.invoice, **wrong)[1]()
        tx = self.env["payment.transaction"].search([("reference", "=", made["reference"])])
        signature = tx._wallet_signature(tx.id + 1)
        for page in ("wait", "state", "claim"):
            self.assertEqual(self.url_open(f"/payment/wallet/{page}/{tx.id}/{signature}").status_code, 404)

    @mute_logger("odoo.http")
    def test_no_number(self):
        with self.assertRaises(Exception):  # noqa: B017  the error of the server
            self._pay(self.invoice, "12")[1]()
        self.assertEqual(self._transactions().wallet_phase, False)

    def test_i_have_already_paid(self):
        self.authenticate(None, None)
        url = self._pay(self.invoice)[1]()["url"].replace("/wait/", "/claim/")
        self._poll()
        tx = self._transactions()
        tx.write({"wallet_next": "2099-01-01", "wallet_woken": False})
        self.env.flush_all()
        self.assertIn("csrf_token", self.url_open(url).text)
        csrf = http.Request.csrf_token(self)
        answer = self.url_open(url, data={"csrf_token": csrf, "reference": "77001", "msisdn": "0921234567", "amount": "1,000"})
        self.assertIn("The operator is being asked", answer.text)
        self.url_open(url, data={"csrf_token": csrf, "reference": "77001", "msisdn": "0921234567"})
        self.env.invalidate_all()
        self.assertLessEqual(tx.wallet_next, fields.Datetime.now())
        claim = self.env["isp.wallet.claim"].search([("reference", "=", "77001")])
        self.assertEqual((claim.partner_id, claim.amount, claim.state, tx.state), (self.payer, 1000, "open", "pending"))
        self.simulator.decide(tx)
        self._due(tx)
        self._poll()
        answer = self.url_open(url, data={"csrf_token": csrf, "reference": tx.provider_reference, "msisdn": ""})
        self.assertIn("Found: it is paid", answer.text)

    def test_claim_does_not_tell_of_others(self):
        other = self._request(partner=self.env["res.partner"].create({"name": "Another"}))
        self._poll()
        self.simulator.decide(other)
        self._due(other)
        self._poll()
        found, claim = self.env["isp.wallet.claim"]._say_paid(self.provider, other.provider_reference, "", 0, self.payer)
        self.assertFalse(found)
        self.assertTrue(claim)
        claim.action_search()
        self.assertEqual((claim.state, claim.transaction_id), ("found", other))
