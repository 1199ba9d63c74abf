# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlsplit

import requests

from odoo import fields
from odoo.exceptions import ValidationError
from odoo.tests import BaseCase, HttpCase, tagged
from odoo.tools import file_open, mute_logger

from odoo.addons.isp_secret.fields import reveal

from ..drivers.base import (
    Accepted,
    Account,
    Keys,
    NotAllowed,
    Order,
    Refused,
    Status,
    Tokens,
    Unknown,
    Unreachable,
)
from ..drivers.orange import OrangeMoney
from ..drivers.transport import Response, Transport
from .common import POLLER, SimulatorCommon

REDIRECT = "odoo.addons.isp_momo.models.payment_transaction_redirect"
PHONE = "224620000001"


@tagged("post_install", "-at_install")
class OrangeCommon(SimulatorCommon):
    """A company in SSP with Orange Money enabled, the simulator behind it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.provider.state = "disabled"
        cls.provider = cls._enable(
            "orange_money",
            wallet_base_url=cls.simulator.url,
            wallet_environment="ss",
            wallet_collection_key="simulated-merchant",
            wallet_api_user="simulated-client",
            wallet_api_key="simulated-client-secret",
            wallet_callback_base="http://localhost:9",
        )
        cls.provider.payment_method_ids.active = True

    def _asked(self, amount=1000, **kwargs):
        """A transaction whose payer was sent to the page."""
        tx = self._request(amount, msisdn="", **kwargs)
        self.assertTrue(self._open(tx), (tx.wallet_phase, tx.wallet_reason, tx.wallet_raw))
        return tx

    def _open(self, tx):
        return self._apart(tx, lambda tx: tx._wallet_page())

    def _apart(self, tx, work):
        """Do this in a transaction of its own, as a request of a browser is. :return: what it answers"""
        self.env.flush_all()
        with self.enter_registry_test_mode(), self.registry.cursor() as cr:
            found = work(self.env(cr=cr, su=True)["payment.transaction"].browse(tx.id))
        self.env.invalidate_all()
        return found

    def _orders(self):
        return requests.get(f"{self.simulator.url}/_control/orders", timeout=10).json()["orders"]

    def _page(self, tx, **form):
        return requests.post(reveal(tx, "wallet_payment_url"), data=form, allow_redirects=False, timeout=10)

    def _confirm(self, tx, number=PHONE):
        """As the payer does on Orange's page."""
        code = self.simulator.control(f"code/{number}")["code"]
        return self._page(tx, number=number, otp=code, do="pay")

    def _read(self, *transactions):
        self._due(*transactions)
        self._poll()


class TestRedirect(OrangeCommon):
    def test_page_paid_booked(self):
        invoice = self._invoice(1000)
        tx = self._asked(invoices=invoice)
        self.assertEqual((tx.wallet_phase, tx.state, tx.operation), ("sent", "draft", "online_redirect"))
        (order,) = self._orders()
        self.assertEqual((order["amount"], order["order_id"], order["reference"]), (1000, tx.reference.replace("/", "-"), self.company.name[:30]))
        self.assertNotIn(order["pay_token"], json.dumps(tx.read()[0], default=str))
        self._read(tx)
        self.assertEqual((tx.state, invoice._has_to_be_paid()), ("draft", True))
        answer = self._confirm(tx)
        self.assertEqual(urlsplit(answer.headers["Location"]).path, f"/payment/wallet/back/{tx.id}/{tx._wallet_signature(tx.id)}")
        self._read(tx)
        self.assertEqual((tx.state, tx.wallet_phase, tx.is_post_processed, tx.wallet_next), ("done", "final", True, False))
        self.assertTrue(tx.provider_reference.startswith("MP"))
        self.assertEqual((invoice.payment_state, tx.payment_id.amount), ("paid", 1000))

    def test_confirmed_is_pending_until_final(self):
        self.simulator.fault(result_delay=60)
        tx = self._asked()
        self._confirm(tx)
        self._read(tx)
        self.assertEqual((tx.state, tx.wallet_phase), ("pending", "sent"))
        self.assertEqual(self._open(tx), "", "nobody pays twice on one page")
        self._age(tx, hours=1)
        self._read(tx)
        self.assertEqual(tx.state, "pending", "what was confirmed is not closed by our clock")
        self.simulator.control("clock", advance=61)
        self._read(tx)
        self.assertEqual(tx.state, "done")

    def test_one_token_for_many(self):
        for n in range(4):
            self._asked(key=f"many-{n}")
        token = self.env["isp.wallet.token"].search([("provider_id", "=", self.provider.id)])
        self.assertEqual((len(token), token.product), (1, "collection"))
        self.assertGreater(token.expires, fields.Datetime.now() + timedelta(days=80))
        self.simulator.control("clock", advance=91 * 86400)
        self._asked(key="later")

    def test_asked_once(self):
        tx = self._asked()
        self.assertEqual(self._open(tx), reveal(tx, "wallet_payment_url"))
        self.assertEqual(len(self._orders()), 1)

    def test_claimed_by_another_tab(self):
        tx = self._request(msisdn="")
        self.assertEqual(len(self._apart(tx, lambda tx: tx._wallet_claim_this())), 1)
        self.assertFalse(self._apart(tx, lambda tx: tx._wallet_claim_this()))
        self.assertEqual((self._open(tx), self._orders()), ("", []))
        self.assertEqual(tx._wallet_state()["title"], "Opening Orange Money …")

    # === The page that never came ===

    def test_answer_lost_after_it_was_taken(self):
        """The order exists, its page is known to nobody: another order, and one page."""
        self.simulator.fault(silence=1)
        tx = self._request(msisdn="")
        self.assertEqual(self._open(tx), "")
        self.assertEqual((tx.wallet_phase, tx.wallet_unsure, tx.state), ("to_send", False, "draft"))
        self._due(tx)
        self.assertTrue(self._open(tx), (tx.wallet_phase, tx.wallet_reason, tx.wallet_raw))
        first, second = self._orders()
        self.assertTrue(second["order_id"].startswith(first["order_id"]))
        self.assertLessEqual(len(second["order_id"]), 30)
        self._confirm(tx)
        self._read(tx)
        self.assertEqual(tx.state, "done")

    def test_killed_between_answer_and_commit(self):
        """What the operator answered is gone with the transaction; the claim runs out, the poller asks again."""
        tx = self._request(msisdn="")
        (call,) = self._apart(tx, lambda tx: tx._wallet_claim_this())
        self.assertTrue(call.run().answer.url)
        self.assertEqual((tx.wallet_phase, self._open(tx)), ("to_send", ""))
        self._read(tx)
        self.assertEqual((tx.wallet_phase, len(self._orders())), ("sent", 2))
        self._confirm(tx)
        self._read(tx)
        self.assertEqual((tx.state, self.env["account.payment"].search_count([("wallet_uuid", "=", tx.wallet_uuid)])), ("done", 1))

    def test_order_ids_used_by_another_database(self):
        tx = self._asked()
        tx.write({"wallet_phase": "to_send", "wallet_next": False, "wallet_data": False, "wallet_payment_url": False})
        self.assertTrue(self._open(tx))
        self.assertEqual(len({order["order_id"] for order in self._orders()}), 2)

    @mute_logger(REDIRECT)
    def test_keys_refused_is_said_at_once(self):
        for key, reason in (("wallet_api_key", "TOKEN_REFUSED"), ("wallet_environment", "WRONG_ADDRESS"), ("wallet_collection_key", "BAD_REQUEST")):
            right = reveal(self.provider, key) if key != "wallet_environment" else "ss"
            self.provider[key] = "xx"
            tx = self._request(msisdn="", key=key)
            self.assertEqual(self._open(tx), "")
            self.assertEqual((tx.state, tx.wallet_reason, tx.wallet_problem), ("error", reason, reason))
            self.assertTrue(tx.wallet_help)
            self.assertIn("cannot take the payment now", tx._wallet_state()["text"])
            self.provider[key] = right

    @mute_logger(REDIRECT)
    def test_away_for_an_hour(self):
        """503: who waits for a page is told in minutes; what is open stays open."""
        open_, new = self._asked(key="open"), self._request(msisdn="", key="new")
        self.simulator.fault(fail_status=503, fail_times=-1)
        self.assertEqual(self._open(new), "")
        self.assertEqual((new.state, new.wallet_phase), ("draft", "to_send"))
        self._age(new, minutes=4)
        self._read(new, open_)
        self.assertEqual((new.state, new.wallet_reason, new.wallet_next), ("error", "NOT_SENT", False))
        self._age(open_, hours=1)
        self._read(open_)
        self.assertEqual((open_.state, open_.wallet_phase), ("draft", "sent"))
        self.simulator.fault(fail_status=0, fail_times=0)
        self._confirm(open_)
        self._read(open_)
        self.assertEqual(open_.state, "done")

    @mute_logger(REDIRECT)
    def test_no_connection_then_there(self):
        self.provider.wallet_base_url = "http://127.0.0.1:9"
        tx = self._request(msisdn="")
        self.assertEqual(self._open(tx), "")
        self.assertEqual((tx.wallet_phase, tx.wallet_tries), ("to_send", 1))
        tx.wallet_base_url = self.simulator.url
        self._read(tx)
        self.assertEqual(tx.wallet_phase, "sent")
        self.assertTrue(self._open(tx))

    def test_link_opened_days_later(self):
        tx = self._request(msisdn="")
        self._age(tx, days=3)
        self.simulator.fault(fail_status=503, fail_times=1)
        self._open(tx)
        self.assertEqual(tx.wallet_phase, "to_send", "the time begins when the payer comes")
        self._read(tx)
        self._read(tx)
        self.assertEqual((tx.wallet_phase, tx.state), ("sent", "draft"))

    def test_looking_asks_nothing_and_never_opened_is_closed(self):
        tx = self._request(msisdn="")
        self.assertEqual(tx._wallet_state()["page"], tx._wallet_go_url())
        self.assertFalse(tx.wallet_next)
        self._poll()
        self.assertEqual(self._orders(), [])
        self._age(tx, days=8)
        self.env["payment.transaction"].sudo()._gc_wallet_pages()
        self.assertEqual((tx.state, tx.wallet_reason), ("error", "PAGE_EXPIRED"))

    # === Not paid, or late ===

    def test_never_finished_then_late_success(self):
        invoice = self._invoice(1000)
        tx = self._asked(invoices=invoice)
        self._age(tx, minutes=11)
        self._read(tx)
        self.assertEqual(tx.state, "draft", "the page has ended, a result may be on its way")
        self.assertLessEqual(tx.wallet_next, tx.wallet_since + timedelta(minutes=15))
        self._age(tx, minutes=5)
        self._read(tx)
        self.assertEqual((tx.state, tx.wallet_reason, tx.wallet_phase, tx.wallet_problem), ("error", "PAGE_EXPIRED", "final", False))
        self.assertAlmostEqual((tx.wallet_next - fields.Datetime.now()).total_seconds(), 900, delta=30)
        self._confirm(tx)
        self._read(tx)
        self.assertEqual((tx.state, invoice.payment_state, tx.wallet_reason), ("done", "paid", False))

    def test_never_finished_is_read_for_a_day(self):
        tx = self._asked()
        self._age(tx, minutes=16)
        for expected in (900, 7200, 86400):
            self._read(tx)
            self.assertAlmostEqual((tx.wallet_next - fields.Datetime.now()).total_seconds(), expected, delta=30)
        self._read(tx)
        self.assertEqual((tx.wallet_next, tx.state), (False, "error"))

    def test_expired_and_failed(self):
        late, poor = self._asked(key="late"), self._asked(key="poor")
        self.simulator.control("clock", advance=601)
        self._confirm(late)
        self.simulator.control("clock", advance=-601)
        self.simulator.control("wallet/224620000002", balance=5)
        self._confirm(poor, "224620000002")
        self._read(late, poor)
        self.assertEqual((late.state, late.wallet_reason, poor.state, poor.wallet_reason), ("error", "PAGE_EXPIRED", "error", "FAILED"))

    def test_left_is_a_hint(self):
        tx, paid = self._asked(key="left"), self._asked(key="paid")
        self._confirm(paid)
        for one in (tx, paid):
            one._wallet_came_back(left=True)
        self._poll()
        self.assertEqual((tx.state, tx.wallet_reason, paid.state), ("error", "TRANSACTION_CANCELED", "done"))
        self._confirm(tx)
        tx.wallet_woken = False
        tx._wallet_came_back()
        self._poll()
        self.assertEqual(tx.state, "done", "changed their mind: a late success wins")

    def test_back_to_a_closed_payment(self):
        """Who pays after all and comes back is not told "not paid", and is read until it is known."""
        self.simulator.fault(result_delay=60)
        tx = self._asked()
        self._age(tx, minutes=16)
        self._read(tx)
        self.assertEqual(tx._wallet_state()["state"], "failed")
        self._confirm(tx)
        tx.wallet_woken = False
        tx._wallet_came_back()
        self.assertEqual(tx._wallet_state()["state"], "waiting")
        self._poll()
        self.assertLess((tx.wallet_next - fields.Datetime.now()).total_seconds(), 20, "confirmed: soon to be known")
        self.simulator.control("clock", advance=61)
        self._read(tx)
        self.assertEqual((tx.state, tx._wallet_state()["state"]), ("done", "done"))

    def test_left_while_the_operator_is_away(self):
        tx = self._asked()
        self.simulator.fault(fail_status=503, fail_times=1)
        tx._wallet_came_back(left=True)
        self._poll()
        self.assertEqual(tx.state, "draft")
        self.assertTrue(self._open(tx), "and came again")
        self._read(tx)
        self.assertEqual((tx.state, tx.wallet_left), ("draft", False))

    # === Wrong money ===

    def test_whole_amounts(self):
        self.ssp.rounding = 0.01
        with self.assertRaises(ValidationError) as caught:
            self._request(1000.5, msisdn="")
        self.assertIn("whole amounts only", str(caught.exception))
        self._asked(1000)
        with self.assertRaises(Refused):
            self.provider._wallet_driver().request(Order("uuid", "reference", "7.5", "SSP"))

    @mute_logger(POLLER)
    def test_another_amount_or_currency(self):
        for n, told in enumerate(({"amount": 900}, {"currency": "XAF"}, {"amount": "1000.00", "currency": "SSP"})):
            tx = self._asked(key=str(n))
            body = {"status": "SUCCESS", "order_id": self._data(tx)["order_id"], "txnid": f"MP{n}", **told}
            self._answered(tx, 201, body)
            right = "currency" in told and "amount" in told
            self.assertEqual((tx.state, tx.wallet_reason), ("done", False) if right else ("error", "AMOUNT_DIFFERS"))

    def _data(self, tx):
        return json.loads(reveal(tx, "wallet_data"))

    def _answered(self, tx, status, body):
        """The operator answers this to the status query."""
        with patch.object(Transport, "send", lambda *args, **kwargs: _response(status, body)):
            self.env["isp.wallet.token"].search([]).unlink()
            self.env["isp.wallet.token"]._keep(self.provider, tx.wallet_base_url, tx.wallet_environment, {"collection": ("t", 4e9)})
            self._read(tx)

    def test_rubbish_and_anothers_order(self):
        tx = self._asked()
        answers = [(200, b""), (201, b"<html>"), (201, b"[]"), (201, b"null"), (200, {"status": ["SUCCESS"]}), (201, {"status": "FAILURE"}), (201, {}),
                   (201, {"status": "SUCCESS", "order_id": "another", "txnid": "MP1"}), (500, b""), (502, b"\xff"), (404, {"code": 60}), (400, {"code": 23}), (429, b""), (302, b"")]  # fmt: skip
        for status, body in answers:
            self._answered(tx, status, body)
            self.assertIn((tx.state, tx.wallet_phase), [("draft", "sent"), ("pending", "sent")], (status, body))
            self.assertFalse(tx.provider_reference)
        self.env["isp.wallet.token"].search([]).unlink()
        self._confirm(tx)
        self._read(tx)
        self.assertEqual(tx.state, "done")

    @mute_logger(POLLER)
    def test_reference_of_another_payment(self):
        first, second = self._asked(key="a"), self._asked(key="b")
        self._confirm(first)
        self._read(first)
        self._answered(second, 201, {"status": "SUCCESS", "txnid": first.provider_reference})
        self.assertEqual((second.state, second.wallet_problem), ("error", "DUPLICATE_REFERENCE"))

    # === Settings ===

    def test_sandbox(self):
        self.provider.write({"state": "test", "wallet_test_base_url": self.simulator.url})
        tx = self._asked()
        self.assertEqual((tx.wallet_environment, tx.wallet_currency), ("dev", "OUV"))
        self._confirm(tx)
        self._read(tx)
        self.assertEqual((tx.state, tx.amount, tx.currency_id.name), ("done", 1000, "SSP"))

    def test_references(self):
        invoice = self._invoice(1000, payment_reference="INV/2026/NORTH/BRANCH/000000012345")
        invoice.name = "INV/2026/NORTH/BRANCH/000000012345"
        transactions = [self._request(msisdn="", key=f"r{n}", invoices=invoice) for n in range(3)]
        self.assertEqual(len(set(tx.reference for tx in transactions)), 3)
        self.assertLessEqual(max(len(tx.reference) for tx in transactions), 30)
        self.assertTrue(all(tx.reference.startswith("INV/2026/N") for tx in transactions))

    def test_connection_test(self):
        def told():
            return self.provider.action_wallet_check()["params"]

        found = told()
        self.assertEqual(found["title"], "Connected", found["message"])
        self.assertEqual(self._orders(), [], "nothing was asked for")
        for field, value, word in (
            ("wallet_api_key", "x", "token request"),
            ("wallet_collection_key", "x", "merchant key"),
            ("wallet_environment", "xx", "country code"),
            ("wallet_environment", "cm", "currency"),
            ("wallet_base_url", "http://127.0.0.1:9", "no connection"),
            ("wallet_callback_base", "https://pay.example.com/" + "x" * 80, "120 characters"),
            ("wallet_callback_base", "http://10.0.0.1", "https addresses"),
        ):
            right = reveal(self.provider, field) if field.endswith("key") else self.provider[field]
            self.provider[field] = value
            self.env["isp.wallet.token"].search([]).unlink()
            found = told()
            self.assertEqual(found["title"], "Not ready", field)
            self.assertIn(word, found["message"].lower() if word == "merchant key" else found["message"])
            self.provider[field] = right

    def test_required_fields_are_called_as_orange_calls_them(self):
        with self.assertRaisesRegex(ValidationError, "Merchant key"):
            self.provider.wallet_collection_key = False

    def test_no_decimals_no_key_in_what_is_kept(self):
        tx = self._asked()
        self.env.flush_all()
        self.env.cr.execute("SELECT wallet_data, wallet_raw FROM payment_transaction WHERE id = %s", [tx.id])
        data, _raw = self.env.cr.fetchone()
        self.assertTrue(data.startswith("gAAAAA"), "encrypted")

    def test_neutralized(self):
        tx = self._asked()
        self.env.flush_all()
        with file_open("isp_momo/data/neutralize.sql") as script:
            self.env.cr.execute(script.read())
        self.env.invalidate_all()
        self.assertFalse(self.provider.wallet_api_key or self.provider.wallet_base_url or tx.wallet_data or tx.wallet_payment_url or tx.wallet_token)


class Line:
    """A transport that answers what it was given."""

    def __init__(self, answers):
        self.answers, self.sent = list(answers), []

    def send(self, method, url, headers=None, **body):
        self.sent.append((method, url, headers, body.get("json") or body.get("data")))
        return _response(*self.answers.pop(0))


def _response(status, body):
    return Response(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@tagged("post_install", "-at_install")
class TestOrangeDriver(BaseCase):
    """The driver alone: which answer is which of the three."""

    def _driver(self, *answers):
        """:return: (a driver that is answered this, list of what it sends: (method, url, headers, body))"""
        line = Line(answers)
        return OrangeMoney(Account("https://api.example/", "cm", Keys("m", "u", "s")), Tokens({"collection": ("kept", 4e9)}), line), line.sent

    def _order(self, **values):
        urls = {"callback_url": "https://a.example/n", "return_url": "https://a.example/r", "cancel_url": "https://a.example/c"}
        return Order(**{"uuid": "1", "reference": "INV/1", "amount": "500", "currency": "XAF", "merchant": "Réseau Juba Net et Fils de la Rive", "language": "fr", **urls, **values})

    def test_request(self):
        page = {"status": 201, "message": "OK", "pay_token": "p", "payment_url": "https://webpayment.example/p", "notif_token": "n"}
        driver, sent = self._driver((201, page))
        self.assertEqual(driver.request(self._order()), Accepted(False, page["payment_url"], {"order_id": "INV-1", "pay_token": "p", "notif_token": "n"}))
        ((_method, url, headers, body),) = sent
        self.assertEqual(url, "https://api.example/orange-money-webpay/cm/v1/webpayment")
        self.assertEqual(headers["Authorization"], "Bearer kept")
        self.assertEqual((body["amount"], body["lang"], body["order_id"], body["currency"]), (500, "fr", "INV-1", "XAF"))
        self.assertIs(type(body["amount"]), int)
        self.assertLessEqual(len(body["reference"]), 30)

    def test_which_of_the_three(self):
        for answer, kind in (
            ((400, {"code": 24, "message": "Invalid body field"}), Refused),
            ((422, b""), Refused),
            ((403, {"code": 50}), NotAllowed),
            ((404, {"code": 60}), NotAllowed),
            ((302, b""), NotAllowed),
            ((429, b""), Unreachable),
            ((408, b""), Unknown),
            ((500, b""), Unknown),
            ((503, b"<html>"), Unknown),
            ((201, b""), Unknown),
            ((201, {"pay_token": "p", "payment_url": "javascript:alert(1)"}), Unknown),
            ((201, {"payment_url": "https://x.example"}), Unknown),
        ):
            with self.assertRaises(kind) as caught:
                self._driver(answer)[0].request(self._order())
            self.assertIs(type(caught.exception), kind, answer)

    def test_token(self):
        good = (201, {"pay_token": "p", "payment_url": "https://x.example/p"})
        driver, sent = self._driver((401, {"code": 42}), (200, {"access_token": "new", "expires_in": "7776000"}), good)
        driver.request(self._order())
        self.assertEqual([headers["Authorization"] for _m, _u, headers, _b in sent], ["Bearer kept", "Basic dTpz", "Bearer new"])
        self.assertEqual(sent[1][3], {"grant_type": "client_credentials"})
        for answer, kind in (((401, {"error": "invalid_client"}), NotAllowed), ((503, b""), Unreachable), ((200, b"x"), Unreachable)):
            with self.assertRaises(kind):
                self._driver((401, {}), answer)[0].request(self._order())
        with self.assertRaises(NotAllowed):
            self._driver((401, {}), (200, {"access_token": "new"}), (401, {}))[0].request(self._order())

    def test_order_id_used(self):
        used, good = (400, {"code": 1204, "message": "Order already exists"}), (201, {"pay_token": "p", "payment_url": "https://x.example/p"})
        driver, sent = self._driver(used, (409, b""), good)
        self.assertTrue(driver.request(self._order()).existed)
        self.assertEqual(len({body["order_id"] for *_rest, body in sent}), 3)
        with self.assertRaises(Unknown):
            self._driver(*[used] * 5)[0].request(self._order())

    def test_status_words(self):
        order = self._order(data={"order_id": "INV-1", "pay_token": "p"})
        for word, state, begun in (("INITIATED", "pending", False), ("PENDING", "pending", True), ("SUCCESS", "done", True), ("FAILED", "failed", True), ("EXPIRED", "failed", True), ("Success", "done", True)):
            status = self._driver((201, {"status": word, "order_id": "INV-1", "txnid": "MP1"}))[0].status(order)
            self.assertEqual((status.state, status.begun, status.unknown_word), (state, begun, ""), word)
        driver, sent = self._driver((200, {"status": "FAILURE"}))
        self.assertEqual(driver.status(order), Status("pending", raw='{"status": "FAILURE"}', unknown_word="FAILURE"))
        self.assertEqual(sent[0][3], {"order_id": "INV-1", "amount": 500, "pay_token": "p"})


class TestRedirectPages(OrangeCommon, HttpCase):
    def setUp(self):
        super().setUp()
        self.provider.wallet_callback_base = self.base_url()
        self.invoice = self._invoice(1000)
        self.env.flush_all()

    def _pay(self, amount=None):
        """As the payment form does. :return: path that the form is sent to"""
        params = {
            "provider_id": self.provider.id,
            "payment_method_id": self.provider.payment_method_ids.id,
            "token_id": None,
            "amount": amount or self.invoice.amount_residual,
            "flow": "redirect",
            "tokenization_requested": False,
            "landing_route": "/my/invoices",
            "access_token": self.invoice._portal_ensure_token(),
        }
        made = self.make_jsonrpc_request(f"/invoice/transaction/{self.invoice.id}", params)
        return made["redirect_form_html"].split('action="')[1].split('"')[0]

    def _transactions(self):
        self.env.invalidate_all()
        return self.env["payment.transaction"].search([("invoice_ids", "in", self.invoice.ids)], order="id")

    def _go(self, path):
        return self.url_open(path, allow_redirects=False)

    def test_there_and_back(self):
        answer = self._go(self._pay())
        self.assertEqual(answer.status_code, 303)
        tx = self._transactions()
        self.assertEqual(answer.headers["Location"], reveal(tx, "wallet_payment_url"))
        back = self._confirm(tx).headers["Location"]
        self.assertTrue(back.startswith(self.base_url()))
        page = self.url_open(back)
        self.assertIn("Not paid yet", page.text)
        self._poll()
        self.assertIn("Paid. Thank you!", self.url_open(back).text)
        self.assertEqual(self.invoice.payment_state, "paid")

    def test_back_again_and_two_tabs(self):
        first, second = self._go(self._pay()), self._go(self._pay())
        self.assertEqual(first.headers["Location"], second.headers["Location"])
        self.assertEqual(self._transactions().mapped("state"), ["draft", "cancel"])
        self.assertEqual(len(self._orders()), 1)
        self._age(self._transactions()[0], minutes=9)
        self.env.flush_all()
        self.assertNotEqual(self._go(self._pay()).headers["Location"], first.headers["Location"], "its page ends soon")

    def test_cancelled_then_again(self):
        self._go(self._pay())
        tx = self._transactions()
        left = self._page(tx, do="cancel").headers["Location"]
        self.url_open(left)
        self._poll()
        self.assertIn("cancelled", self.url_open(tx._wallet_wait_url()).text)
        self.assertEqual(self._go(self._pay()).status_code, 303)
        self.assertEqual(self._transactions().mapped("state"), ["error", "draft"])

    def test_the_page_waits_and_says_why(self):
        self.simulator.fault(fail_status=503, fail_times=1)
        path = self._pay()
        page = self._go(path)
        self.assertIn('http-equiv="refresh"', page.text)
        self.assertIn("Opening Orange Money", page.text)
        self._due(self._transactions())
        self.env.flush_all()
        self.assertEqual(self._go(path).status_code, 303)

    @mute_logger("odoo.http", REDIRECT)
    def test_no_decimals_no_keys_no_signature(self):
        self.ssp.rounding = 0.01
        self.env.flush_all()
        with self.assertRaisesRegex(Exception, "ValidationError"):
            self._pay(999.5)
        self.provider.wallet_api_key = "wrong"
        self.env.flush_all()
        path = self._pay()
        self.assertIn("cannot take the payment now", self._go(path).text)
        for other in ("go", "back", "left"):
            self.assertEqual(self._go(path.replace("/go/", f"/{other}/")[:-1] + "_").status_code, 404)

    def test_paid_is_shown_when_it_is_booked(self):
        self._go(self._pay())
        tx = self._transactions()
        self._confirm(tx)
        with patch.object(type(tx), "_wallet_book_waiting", lambda self: None):
            self._read(tx)
        self.assertEqual((tx.state, tx._wallet_state()["state"]), ("done", "waiting"))
        tx.last_state_change -= timedelta(seconds=30)
        self.assertEqual(tx._wallet_state()["state"], "done", "it is paid, whoever has to look at the booking")

    # === What Orange calls ===

    def _notify(self, tx, body):
        return self.opener.post(f"{self.base_url()}/payment/wallet/{tx.wallet_token}", data=body if isinstance(body, bytes) else json.dumps(body), timeout=30)

    def _asleep(self, tx):
        tx.write({"wallet_next": "2099-01-01", "wallet_woken": False})
        self.env.flush_all()

    def test_notification_wakes_and_is_not_believed(self):
        self._go(self._pay())
        tx = self._transactions()
        data = json.loads(reveal(tx, "wallet_data"))
        self._asleep(tx)
        for _twice in range(2):
            self.assertEqual(self._notify(tx, {"status": "SUCCESS", "notif_token": data["notif_token"], "txnid": "MP1"}).status_code, 200)
        self.env.invalidate_all()
        self.assertLessEqual(tx.wallet_next, fields.Datetime.now())
        self.assertNotIn(data["notif_token"], tx.wallet_callback)
        self._poll()
        self.assertEqual((tx.state, tx.provider_reference), ("draft", False))

    def test_forged_notification(self):
        self._go(self._pay())
        tx = self._transactions()
        self._asleep(tx)
        forged = [b"", b"{", b"[]", b"null", b"\xff", {}, {"status": "SUCCESS", "notif_token": "x" * 32, "txnid": "MP1"}, {"notif_token": None}, {"notif_token": {"a": 1}}, {"notif_token": "é"}]
        for body in forged:
            self.assertEqual(self._notify(tx, body).status_code, 200)
        self.env.invalidate_all()
        self.assertEqual((tx.wallet_next.year, tx.state, tx.wallet_callback), (2099, "draft", False))

    def test_anothers_notification(self):
        self._go(self._pay())
        tx = self._transactions()
        other = self._asked(key="other")
        token = json.loads(reveal(other, "wallet_data"))["notif_token"]
        self._asleep(tx)
        self._notify(tx, {"status": "SUCCESS", "notif_token": token, "txnid": "MP1"})
        self.env.invalidate_all()
        self.assertEqual((tx.wallet_next.year, tx.state), (2099, "draft"))

    def test_late_notification_after_the_end(self):
        self._go(self._pay())
        tx = self._transactions()
        self._age(tx, minutes=16)
        self._read(tx)
        self.assertEqual(tx.state, "error")
        self._confirm(tx)
        data = json.loads(reveal(tx, "wallet_data"))
        self._asleep(tx)
        self._notify(tx, {"status": "SUCCESS", "notif_token": data["notif_token"], "txnid": "MP1"})
        self._poll()
        self.env.invalidate_all()
        self.assertEqual((tx.state, self.invoice.payment_state), ("done", "paid"))
        self._notify(tx, {"status": "FAILED", "notif_token": data["notif_token"], "txnid": "MP1"})
        self.env.invalidate_all()
        self.assertEqual((tx.state, tx.wallet_next), ("done", False))
