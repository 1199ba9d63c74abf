# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The simulated operators answer any client as the public documents say; here two that are not ours: requests and http.client."""

import base64
import http.client
import json
import signal
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from stack.momo import Momo
from stack.shell import choose_port

from simulators.momo.mtn import ACCOUNT
from simulators.momo.orange import CLIENT

BASIC = "Basic " + base64.b64encode(f"{ACCOUNT['user']}:{ACCOUNT['key']}".encode()).decode()


class Mtn:
    """A plain client of the documents."""

    def __init__(self, momo, environment="mtnsouthsudan"):
        self.momo, self.environment, self.tokens = momo, environment, {}

    def token(self, product="collection", **headers):
        answer = requests.post(
            f"{self.momo.url}/{product}/token/",
            headers={"Authorization": BASIC, "Ocp-Apim-Subscription-Key": ACCOUNT.get(product, ""), **headers},
            timeout=10,
        )
        if answer.ok:
            self.tokens[product] = answer.json()["access_token"]
        return answer

    def call(self, method, path, body=None, *, drop=(), **headers):
        product = path.split("/")[1]
        if product not in self.tokens:
            self.token(product)
        all_headers = {
            "Authorization": f"Bearer {self.tokens[product]}",
            "Ocp-Apim-Subscription-Key": ACCOUNT[product],
            "X-Target-Environment": self.environment,
            "Content-Type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        for name in drop:
            del all_headers[name]
        data = json.dumps(body) if isinstance(body, dict) else body
        return requests.request(method, self.momo.url + path, data=data, headers=all_headers, timeout=10)

    def body(self, number="211921000001", amount="5000", currency="SSP", **more):
        payer = {"partyIdType": "MSISDN", "partyId": number}
        return {"amount": amount, "currency": currency, "externalId": "INV-1", "payer": payer, "payerMessage": "Internet", "payeeNote": "Juba Net", **more}

    def ask(self, reference=None, body=None, **headers):
        reference = reference or str(uuid.uuid4())
        return reference, self.call("POST", "/collection/v1_0/requesttopay", body or self.body(), X_Reference_Id=reference, **headers)

    def status(self, reference):
        return self.call("GET", f"/collection/v1_0/requesttopay/{reference}").json()

    def decide(self, reference, approve=True):
        return control(self.momo, f"decide/{reference}", {"approve": approve})


def control(momo, path, body=None):
    answer = requests.post(f"{momo.url}/_control/{path}", json=body or {}, timeout=10)
    assert answer.ok, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def momo(tmp_path_factory):
    service = Momo(tmp_path_factory.mktemp("momo"), choose_port(18790, set()))
    service.start()
    yield service
    service.stop()


@pytest.fixture
def mtn(momo):
    control(momo, "reset")
    return Mtn(momo)


@pytest.fixture
def listener():
    """Keeps (method, path, body) of what is called back."""
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.command, self.path, json.loads(body)))
            arrived.release()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_PUT

        def log_message(self, *_args):
            pass

    arrived = threading.Semaphore(0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.url, server.seen, server.arrived = f"http://localhost:{server.server_port}", seen, arrived
    yield server
    server.shutdown()
    server.server_close()


# === Tokens and headers === #


def test_token(mtn):
    answer = mtn.token()
    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in"} and answer.json()["expires_in"] == 3600


@pytest.mark.parametrize(
    ("product", "headers", "status"),
    [
        ("collection", {"Authorization": "Basic " + base64.b64encode(b"x:y").decode()}, 401),
        ("collection", {"Authorization": "Bearer x"}, 401),
        ("collection", {"Ocp-Apim-Subscription-Key": ACCOUNT["disbursement"]}, 401),
        ("collection", {"Ocp-Apim-Subscription-Key": ""}, 401),
    ],
)
def test_token_refused(mtn, product, headers, status):
    assert mtn.token(product, **headers).status_code == status


def test_token_takes_no_body_and_one_address(mtn):
    headers = {"Authorization": BASIC, "Ocp-Apim-Subscription-Key": ACCOUNT["collection"]}
    assert requests.post(f"{mtn.momo.url}/collection/token/", data="x=1", headers=headers, timeout=10).status_code == 400
    assert requests.post(f"{mtn.momo.url}/collection/token", headers=headers, timeout=10).status_code == 404
    assert requests.get(f"{mtn.momo.url}/collection/token/", headers=headers, timeout=10).status_code == 405


def test_second_key_does_too(mtn):
    assert mtn.token(**{"Ocp-Apim-Subscription-Key": ACCOUNT["collection"] + "-2"}).ok


def test_token_expires(mtn):
    reference, _answer = mtn.ask()
    control(mtn.momo, "clock", {"advance": 3601})
    assert mtn.call("GET", f"/collection/v1_0/requesttopay/{reference}").status_code == 401


def test_new_host(mtn):
    control(mtn.momo, "faults", {"new_host": True})
    assert mtn.token().status_code == 403  # python-requests
    assert mtn.token(**{"User-Agent": "shop/1"}).json() == {"error": "Invalid or missing X-Target-Environment header"}
    assert mtn.token(**{"User-Agent": "shop/1", "X-Target-Environment": "mtnsouthsudan"}).ok


@pytest.mark.parametrize(
    ("name", "status"),
    [("Authorization", 401), ("Ocp-Apim-Subscription-Key", 401), ("X-Target-Environment", 400), ("Content-Type", 400)],
)
def test_missing_header(mtn, name, status):
    assert mtn.call("POST", "/collection/v1_0/requesttopay", mtn.body(), X_Reference_Id=str(uuid.uuid4()), drop=[name]).status_code == status


def test_token_of_the_other_product(mtn):
    mtn.token("disbursement")
    mtn.tokens["collection"] = mtn.tokens["disbursement"]
    assert mtn.ask()[1].status_code == 401


# === Request to pay === #


def test_accepted_has_no_body(mtn):
    token = mtn.token().json()["access_token"]
    connection = http.client.HTTPConnection("localhost", mtn.momo.port, timeout=10)
    headers = {"Authorization": f"Bearer {token}", "Ocp-Apim-Subscription-Key": ACCOUNT["collection"], "X-Target-Environment": "mtnsouthsudan", "Content-Type": "application/json", "X-Reference-Id": str(uuid.uuid4())}
    for _time in range(2):  # one connection, kept open
        headers["X-Reference-Id"] = str(uuid.uuid4())
        connection.request("POST", "/collection/v1_0/requesttopay", json.dumps(mtn.body()), headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (202, b"")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"amount": 5000}, 400, "BAD_REQUEST"),
        ({"amount": "0"}, 400, "BAD_REQUEST"),
        ({"amount": "-5"}, 400, "BAD_REQUEST"),
        ({"amount": "five"}, 400, "BAD_REQUEST"),
        ({"currency": "EUR"}, 500, "INVALID_CURRENCY"),
        ({"externalId": 5}, 400, "BAD_REQUEST"),
        ({"payerMessage": "Achol's line"}, 400, "BAD_REQUEST"),
        ({"payeeNote": "x" * 161}, 400, "BAD_REQUEST"),
        ({"payer": {"partyIdType": "MSISDN", "partyId": "+211921000001"}}, 400, "BAD_REQUEST"),
        ({"payer": {"partyIdType": "MSISDN"}}, 400, "BAD_REQUEST"),
    ],
)
def test_bad_body(mtn, change, status, code):
    _reference, answer = mtn.ask(body=mtn.body(**change))
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_bad_json_uuid_and_environment(mtn):
    assert mtn.call("POST", "/collection/v1_0/requesttopay", "{", X_Reference_Id=str(uuid.uuid4())).status_code == 400
    assert mtn.ask("123")[1].status_code == 400
    assert mtn.ask(str(uuid.uuid1()))[1].status_code == 400
    answer = mtn.ask(X_Target_Environment="mtnmoon")[1]
    assert (answer.status_code, answer.json()["code"]) == (500, "NOT_ALLOWED_TARGET_ENVIRONMENT")


def test_reference_twice(mtn):
    reference, _answer = mtn.ask()
    assert mtn.ask(reference)[1].json()["code"] == "RESOURCE_ALREADY_EXIST"
    assert mtn.ask(reference.upper())[1].status_code == 409


def test_unknown_reference(mtn):
    answer = mtn.call("GET", f"/collection/v1_0/requesttopay/{uuid.uuid4()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "RESOURCE_NOT_FOUND")


def test_approved_on_the_phone(mtn):
    reference, _answer = mtn.ask()
    status = mtn.status(reference)
    assert status["status"] == "PENDING" and "financialTransactionId" not in status and "reason" not in status
    page = requests.get(f"{mtn.momo.url}/phone/211921000001", timeout=10).text
    assert "5,000 SSP" in page and reference in page
    requests.post(f"{mtn.momo.url}/phone/211921000001", data={"reference": reference, "do": "approve"}, timeout=10)
    status = mtn.status(reference)
    assert status["status"] == "SUCCESSFUL" and status["financialTransactionId"].isdigit() and status["externalId"] == "INV-1"
    assert mtn.call("GET", "/collection/v1_0/account/balance").json()["currency"] == "SSP"


def test_another_phone_cannot_approve(mtn):
    reference, _answer = mtn.ask()
    requests.post(f"{mtn.momo.url}/phone/211921000002", data={"reference": reference, "do": "approve"}, timeout=10)
    assert mtn.status(reference)["status"] == "PENDING"


def test_rejected_in_both_shapes(mtn):
    reference, _answer = mtn.ask()
    mtn.decide(reference, approve=False)
    assert mtn.status(reference)["reason"] == "APPROVAL_REJECTED"
    control(mtn.momo, "faults", {"reason_shape": "object", "numbers": True})
    status = mtn.status(reference)
    assert status["reason"]["code"] == "APPROVAL_REJECTED" and status["amount"] == 5000 and status["payer"]["partyId"] == 211921000001


def test_nobody_answers(mtn):
    reference, _answer = mtn.ask()
    control(mtn.momo, "clock", {"advance": 301})
    status = mtn.status(reference)
    assert (status["status"], status["reason"]) == ("FAILED", "EXPIRED")
    assert not mtn.decide(reference)["decided"]


def test_no_money_and_no_wallet(mtn):
    control(mtn.momo, "wallet/211921000003", {"balance": 10})
    control(mtn.momo, "wallet/211921000004", {"known": False})
    reference, _answer = mtn.ask(body=mtn.body("211921000003"))
    mtn.decide(reference)
    assert mtn.status(reference)["reason"] == "NOT_ENOUGH_FUNDS"
    reference, _answer = mtn.ask(body=mtn.body("211921000004"))
    assert mtn.status(reference)["reason"] == "PAYER_NOT_FOUND"


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        ("46733123450", "FAILED", "INTERNAL_PROCESSING_ERROR"),
        ("46733123451", "FAILED", "APPROVAL_REJECTED"),
        ("46733123452", "FAILED", "EXPIRED"),
        ("46733123453", "PENDING", None),
        ("46733123454", "PENDING", None),
        ("46733123455", "FAILED", "PAYER_NOT_FOUND"),
        ("46733123463", "FAILED", "COULD_NOT_PERFORM_TRANSACTION"),
        ("46733999999", "SUCCESSFUL", None),
    ],
)
def test_sandbox_numbers(mtn, number, status, reason):
    sandbox = Mtn(mtn.momo, "sandbox")
    reference, answer = sandbox.ask(body=sandbox.body(number, currency="EUR"))
    assert answer.status_code == 202
    seen = sandbox.status(reference)
    assert (seen["status"], seen.get("reason")) == (status, reason)
    if number.endswith("454"):
        control(mtn.momo, "clock", {"advance": 61})
        assert sandbox.status(reference)["status"] == "SUCCESSFUL"


@pytest.mark.parametrize(
    ("number", "status", "reason"),
    [
        ("46733123450", "FAILED", "INTERNAL_PROCESSING_ERROR"),
        ("46733123453", "PENDING", None),
        ("46733123455", "FAILED", "NOT_ENOUGH_FUNDS"),
        ("46733123456", "FAILED", "PAYER_LIMIT_REACHED"),
        ("46733123457", "FAILED", "PAYEE_NOT_FOUND"),
        ("46733999999", "SUCCESSFUL", None),
    ],
)
def test_sandbox_payees(mtn, number, status, reason):
    sandbox = Mtn(mtn.momo, "sandbox")
    reference, answer = transfer(sandbox, number=number, currency="EUR")
    assert answer.status_code == 202
    assert (transferred(sandbox, reference)["status"], transferred(sandbox, reference).get("reason")) == (status, reason)


def test_sandbox_is_in_euro(mtn):
    sandbox = Mtn(mtn.momo, "sandbox")
    assert sandbox.ask(body=sandbox.body(currency="SSP"))[1].json()["code"] == "INVALID_CURRENCY"


def test_provisioning(mtn):
    user, headers = str(uuid.uuid4()), {"Ocp-Apim-Subscription-Key": ACCOUNT["collection"]}
    create = {"json": {"providerCallbackHost": "shop.example"}, "headers": {**headers, "X-Reference-Id": user}, "timeout": 10}
    assert requests.post(f"{mtn.momo.url}/v1_0/apiuser", **create).status_code == 201
    assert requests.post(f"{mtn.momo.url}/v1_0/apiuser", **create).status_code == 409
    key = requests.post(f"{mtn.momo.url}/v1_0/apiuser/{user}/apikey", headers=headers, timeout=10).json()["apiKey"]
    assert requests.get(f"{mtn.momo.url}/v1_0/apiuser/{user}", headers=headers, timeout=10).json() == {"providerCallbackHost": "shop.example", "targetEnvironment": "sandbox"}
    basic = base64.b64encode(f"{user}:{key}".encode()).decode()
    assert mtn.token(Authorization=f"Basic {basic}").ok


# === Callbacks === #


def test_callback_once_by_put(mtn, listener):
    reference, answer = mtn.ask(X_Callback_Url=f"{listener.url}/back/token-1")
    assert answer.status_code == 202
    mtn.decide(reference)
    assert listener.arrived.acquire(timeout=10)
    method, path, body = listener.seen[0]
    assert (method, path, body["status"], body["externalId"]) == ("PUT", "/back/token-1", "SUCCESSFUL", "INV-1")
    assert reference not in json.dumps(body)
    mtn.status(reference)
    assert not listener.arrived.acquire(timeout=0.3)


def test_callback_twice_by_post_and_never(mtn, listener):
    control(mtn.momo, "faults", {"callback": "twice", "callback_method": "POST"})
    reference, _answer = mtn.ask(X_Callback_Url=f"{listener.url}/a")
    mtn.decide(reference, approve=False)
    assert listener.arrived.acquire(timeout=10) and listener.arrived.acquire(timeout=10)
    assert {method for method, _path, _body in listener.seen} == {"POST"}
    control(mtn.momo, "faults", {"callback": "never"})
    reference, _answer = mtn.ask(X_Callback_Url=f"{listener.url}/b")
    mtn.decide(reference)
    assert not listener.arrived.acquire(timeout=0.3)


@pytest.mark.parametrize(
    ("url", "status"),
    [("", 400), ("http://elsewhere.example/x", 500), ("http://localhost/x?a=1", 400), ("ftp://localhost/x", 400)],
)
def test_bad_callback_address(mtn, url, status):
    assert mtn.ask(X_Callback_Url=url)[1].status_code == status


# === Faults === #


def test_out_of_order_for_a_while(mtn):
    mtn.token()
    control(mtn.momo, "faults", {"fail_status": 503, "fail_path": "requesttopay", "fail_times": 2})
    assert [mtn.ask()[1].status_code for _n in range(3)] == [503, 503, 202]


def test_done_but_not_answered(mtn):
    mtn.token()
    control(mtn.momo, "faults", {"silence": 1})
    reference = str(uuid.uuid4())
    with pytest.raises(requests.ConnectionError):
        mtn.ask(reference)
    assert mtn.ask(reference)[1].status_code == 409
    assert mtn.status(reference)["status"] == "PENDING"


def test_result_comes_late(mtn):
    control(mtn.momo, "faults", {"result_delay": 3600})
    reference, _answer = mtn.ask()
    mtn.decide(reference)
    control(mtn.momo, "clock", {"advance": 1800})
    assert mtn.status(reference)["status"] == "PENDING"
    control(mtn.momo, "clock", {"advance": 1801})
    mtn.token()
    assert mtn.status(reference)["status"] == "SUCCESSFUL"


def test_too_many_reads(mtn):
    control(mtn.momo, "faults", {"status_rate": 3})
    reference, _answer = mtn.ask()
    codes = [mtn.call("GET", f"/collection/v1_0/requesttopay/{reference}").status_code for _n in range(12)]
    assert 429 in codes and 200 in codes


def test_an_unknown_fault_is_said(mtn):
    assert requests.post(f"{mtn.momo.url}/_control/faults", json={"nonsense": 1}, timeout=10).status_code == 400


def test_survives_a_kill(mtn):
    reference, _answer = mtn.ask()
    mtn.momo.process.send_signal(signal.SIGKILL)
    mtn.momo.process.wait()
    mtn.momo.start()
    assert mtn.status(reference)["status"] == "PENDING"
    assert mtn.ask(reference)[1].status_code == 409


def test_many_at_once(mtn):
    mtn.token()
    with ThreadPoolExecutor(16) as pool:
        references = [r for r, answer in pool.map(lambda _n: mtn.ask(), range(300)) if answer.status_code == 202]
    assert len(set(references)) == 300
    assert control(mtn.momo, "decide_all", {"approve": True})["decided"] == 300
    found = requests.get(f"{mtn.momo.url}/_control/transactions", timeout=10).json()["transactions"]
    assert {d["status"] for d in found} == {"SUCCESSFUL"} and len({d["txid"] for d in found}) == 300


# === Other calls === #


def test_refund_whole_part_and_too_much(mtn):
    reference, _answer = mtn.ask()
    mtn.decide(reference)

    def refund(amount, of=reference):
        own = str(uuid.uuid4())
        body = {"amount": amount, "currency": "SSP", "externalId": "R1", "payerMessage": "", "payeeNote": "", "referenceIdToRefund": of}
        assert mtn.call("POST", "/disbursement/v1_0/refund", body, X_Reference_Id=own).status_code == 202
        return mtn.call("GET", f"/disbursement/v1_0/refund/{own}").json()

    assert refund("2000")["status"] == "SUCCESSFUL"
    assert refund("3001")["reason"] == "NOT_ALLOWED"
    assert refund("3000")["status"] == "SUCCESSFUL"
    assert refund("1")["status"] == "FAILED"
    assert refund("1", str(uuid.uuid4()))["reason"] == "RESOURCE_NOT_FOUND"


def transfer(mtn, amount="100", number="211921000009", reference=None, **change):
    """:return: (reference, answer)"""
    reference = reference or str(uuid.uuid4())
    payee = {"partyIdType": "MSISDN", "partyId": number}
    body = {"amount": amount, "currency": "SSP", "externalId": "P1", "payee": payee, "payerMessage": "", "payeeNote": "Juba Net", **change}
    return reference, mtn.call("POST", "/disbursement/v1_0/transfer", body, X_Reference_Id=reference)


def transferred(mtn, reference):
    return mtn.call("GET", f"/disbursement/v1_0/transfer/{reference}").json()


def ledger(mtn, **query):
    return requests.get(f"{mtn.momo.url}/_control/ledger", params=query, timeout=10).json()


def test_transfer(mtn):
    before = float(mtn.call("GET", "/disbursement/v1_0/account/balance").json()["availableBalance"])
    reference, answer = transfer(mtn)
    assert (answer.status_code, answer.text) == (202, "")
    seen = transferred(mtn, reference)
    assert (seen["status"], seen["amount"], seen["payee"]["partyId"]) == ("SUCCESSFUL", "100", "211921000009") and seen["financialTransactionId"]
    assert transfer(mtn, reference=reference)[1].json()["code"] == "RESOURCE_ALREADY_EXIST"
    balance = mtn.call("GET", "/disbursement/v1_0/account/balance").json()
    assert (float(balance["availableBalance"]), balance["currency"]) == (before - 100, "SSP")
    (move,) = ledger(mtn, kind="transfer", number="211921000009")["moves"]
    assert (move["reference"], move["txid"], move["amount"]) == (reference, seen["financialTransactionId"], -100)
    assert mtn.call("GET", f"/collection/v1_0/requesttopay/{reference}").status_code == 404
    assert mtn.call("GET", f"/disbursement/v1_0/transfer/{uuid.uuid4()}").json()["code"] == "RESOURCE_NOT_FOUND"


def test_money_that_came_in_is_on_the_telephone(mtn):
    reference, _answer = transfer(mtn, "2500")
    page = requests.get(f"{mtn.momo.url}/phone/211921000009", timeout=10).text
    assert "You have received 2,500 SSP. Juba Net." in page and transferred(mtn, reference)["financialTransactionId"] in page
    assert "5,002,500" in page
    assert "211921000009" in requests.get(mtn.momo.url, timeout=10).text


@pytest.mark.parametrize(
    ("wallet", "reason"),
    [({"known": False}, "PAYEE_NOT_FOUND"), ({"active": False}, "PAYEE_NOT_ALLOWED_TO_RECEIVE"), ({"limit": 5_000_050}, "PAYEE_LIMIT_REACHED")],
)
def test_transfer_to_a_wallet_that_takes_none(mtn, wallet, reason):
    control(mtn.momo, "wallet/211921000009", wallet)
    reference, answer = transfer(mtn)
    assert answer.status_code == 202
    assert (transferred(mtn, reference)["status"], transferred(mtn, reference)["reason"]) == ("FAILED", reason)
    assert not ledger(mtn)["moves"]


def test_transfer_refused_at_once(mtn):
    control(mtn.momo, "faults", {"party_refused": "early"})
    control(mtn.momo, "wallet/211921000009", {"known": False})
    reference, answer = transfer(mtn)
    assert (answer.status_code, answer.json()["code"]) == (500, "PAYEE_NOT_FOUND")
    assert mtn.call("GET", f"/disbursement/v1_0/transfer/{reference}").status_code == 404


def test_transfer_of_more_than_there_is(mtn):
    control(mtn.momo, "purse/disbursement", {"balance": 150})
    first, second = transfer(mtn)[0], transfer(mtn)[0]
    assert (transferred(mtn, first)["status"], transferred(mtn, second)["reason"]) == ("SUCCESSFUL", "NOT_ENOUGH_FUNDS")
    assert mtn.call("GET", "/disbursement/v1_0/account/balance").json()["availableBalance"] == "50"


def test_transfer_lost_before_and_after_the_work(mtn):
    mtn.token("disbursement")
    for fault, known in (("deaf", 404), ("silence", 200)):
        control(mtn.momo, "faults", {fault: 1})
        reference = str(uuid.uuid4())
        with pytest.raises(requests.ConnectionError):
            transfer(mtn, reference=reference)
        assert mtn.call("GET", f"/disbursement/v1_0/transfer/{reference}").status_code == known
        assert transfer(mtn, reference=reference)[1].status_code == (202 if known == 404 else 409)
    assert len(ledger(mtn)["moves"]) == 2


def test_ledger_balances(mtn):
    reference, _answer = mtn.ask()
    mtn.decide(reference)
    transfer(mtn, "1200")
    moves = ledger(mtn)
    assert [(move["kind"], move["amount"]) for move in moves["moves"]] == [("requesttopay", 5000), ("transfer", -1200)]
    assert moves["total"] == 3800


def test_holder_and_notification(mtn):
    control(mtn.momo, "wallet/211921000005", {"name": ["Achol", "Deng"], "active": False})
    assert mtn.call("GET", "/collection/v1_0/accountholder/msisdn/211921000005/active").json() == {"result": False}
    assert mtn.call("GET", "/collection/v1_0/accountholder/MSISDN/211921000005/active").status_code == 404
    info = mtn.call("GET", "/collection/v1_0/accountholder/msisdn/211921000005/basicuserinfo").json()
    assert (info["given_name"], info["family_name"]) == ("Achol", "Deng")
    reference, _answer = mtn.ask()
    path = f"/collection/v1_0/requesttopay/{reference}/deliverynotification"
    assert mtn.call("POST", path, {"notificationMessage": "Thank you"}).status_code == 409
    mtn.decide(reference)
    assert mtn.call("POST", path, {"notificationMessage": "Thank you"}).status_code == 200
    assert "Thank you" in requests.get(f"{mtn.momo.url}/phone/211921000001?lang=ar", timeout=10).text
    control(mtn.momo, "clock", {"advance": 90000})
    mtn.token()
    assert mtn.call("POST", path, {"notificationMessage": "Late"}).status_code == 410


# === Orange === #


class Orange:
    def __init__(self, momo):
        self.momo = momo
        basic = base64.b64encode(f"{CLIENT['id']}:{CLIENT['secret']}".encode()).decode()
        self.token = requests.post(f"{momo.url}/oauth/v3/token", data={"grant_type": "client_credentials"}, headers={"Authorization": f"Basic {basic}"}, timeout=10)
        self.headers = {"Authorization": f"Bearer {self.token.json()['access_token']}"}

    def pay(self, url="http://localhost:9", **change):
        order = uuid.uuid4().hex[:20]
        body = {"merchant_key": CLIENT["merchant_key"], "currency": "OUV", "order_id": order, "amount": 1200, "return_url": f"{url}/r", "cancel_url": f"{url}/c", "notif_url": f"{url}/n", "lang": "en", "reference": "Juba Net"}
        body = {name: value for name, value in {**body, **change}.items() if value is not None}
        return body, requests.post(f"{self.momo.url}/orange-money-webpay/dev/v1/webpayment", json=body, headers=self.headers, timeout=10)

    def status(self, body, answer, **change):
        asked = {"order_id": body["order_id"], "amount": body["amount"], "pay_token": answer["pay_token"], **change}
        asked = {name: value for name, value in asked.items() if value is not None}
        return requests.post(f"{self.momo.url}/orange-money-webpay/dev/v1/transactionstatus", json=asked, headers=self.headers, timeout=10)

    def confirm(self, answer, number="224620000001"):
        code = control(self.momo, f"code/{number}")["code"]
        return requests.post(answer["payment_url"], data={"number": number, "otp": code, "do": "pay"}, allow_redirects=False, timeout=10)


@pytest.fixture
def orange(mtn):
    return Orange(mtn.momo)


def test_orange_paid(orange, listener):
    body, answer = orange.pay(listener.url)
    assert answer.status_code == 201 and set(answer.json()) == {"status", "message", "pay_token", "payment_url", "notif_token"}
    answer = answer.json()
    assert orange.status(body, answer).json() == {"status": "INITIATED", "order_id": body["order_id"]}
    assert "otp" in requests.get(answer["payment_url"], timeout=10).text
    wrong = requests.post(answer["payment_url"], data={"number": "224620000001", "otp": "0", "do": "pay"}, timeout=10)
    assert "wrong" in wrong.text
    assert orange.confirm(answer).headers["Location"] == f"{listener.url}/r"
    status = orange.status(body, answer)
    assert (status.status_code, status.json()["status"]) == (201, "SUCCESS")
    assert listener.arrived.acquire(timeout=10)
    method, _path, told = listener.seen[0]
    assert method == "POST" and told == {"status": "SUCCESS", "notif_token": answer["notif_token"], "txnid": status.json()["txnid"]}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"order_id": "x" * 31}, 24),
        ({"reference": "x" * 31}, 24),
        ({"amount": 12.5}, 24),
        ({"amount": 0}, 24),
        ({"currency": "SSP"}, 24),
        ({"notif_url": "http://localhost/" + "x" * 120}, 24),
        ({"return_url": None}, 23),
        ({"merchant_key": "nobody"}, 1202),
    ],
)
def test_orange_bad_field(orange, change, code):
    _body, answer = orange.pay(**change)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_orange_order_twice_and_no_token(orange):
    body, _answer = orange.pay()
    assert orange.pay(order_id=body["order_id"])[1].json()["code"] == 1204
    orange.headers = {"Authorization": "Bearer nothing"}
    assert orange.pay()[1].status_code == 401


def test_orange_answer_lost_once(orange):
    control(orange.momo, "faults", {"silence": 1})
    with pytest.raises(requests.ConnectionError):
        orange.pay()
    assert orange.pay()[1].status_code == 201


def test_orange_status_needs_all_three(orange):
    body, answer = orange.pay()
    answer = answer.json()
    for name in ("order_id", "amount", "pay_token"):
        refused = orange.status(body, answer, **{name: None})
        assert (refused.status_code, refused.json()["code"]) == (400, 23)
    assert orange.status(body, answer, amount=1).status_code == 404


def test_orange_abandoned_cancelled_late_and_poor(orange, listener):
    body, answer = orange.pay(listener.url)
    answer = answer.json()
    left = requests.post(answer["payment_url"], data={"do": "cancel"}, allow_redirects=False, timeout=10)
    assert left.headers["Location"] == f"{listener.url}/c"
    control(orange.momo, "clock", {"advance": 601})
    assert orange.status(body, answer).json()["status"] == "INITIATED"
    orange.confirm(answer)
    assert orange.status(body, answer).json()["status"] == "EXPIRED"
    control(orange.momo, "wallet/224620000002", {"balance": 5})
    body, answer = orange.pay(listener.url)
    orange.confirm(answer.json(), "224620000002")
    assert orange.status(body, answer.json()).json()["status"] == "FAILED"
    assert listener.arrived.acquire(timeout=10) and [told["status"] for _m, _p, told in listener.seen] == ["FAILED"]
