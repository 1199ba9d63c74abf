# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""MTN MoMo Open API: provisioning, tokens, Collection and Disbursement.

Sources: MTN's portal pages on API user, collection, disbursement, callback and testing (momodeveloper.mtn.com), its
community's list of answers, and the sandbox's published test numbers.
"""

import base64
import binascii
import ipaddress
import json
import random
import re
import secrets
import uuid
from decimal import Decimal
from urllib.parse import urlsplit

from .web import Routes, answer

routes = Routes()

#: Currency of each target environment.
CURRENCY = {
    "sandbox": "EUR", "mtnsouthsudan": "SSP", "mtnuganda": "UGX", "mtnghana": "GHS", "mtnivorycoast": "XOF", "mtnzambia": "ZMW",
    "mtncameroon": "XAF", "mtnbenin": "XOF", "mtncongo": "XAF", "mtnswaziland": "SZL", "mtnguineaconakry": "GNF",
    "mtnsouthafrica": "ZAR", "mtnliberia": "LRD", "mtnnigeria": "NGN", "mtnrwanda": "RWF",
}  # fmt: skip
#: The account that is there from the start; others: ``/_control/account`` or the sandbox's provisioning.
ACCOUNT = {
    "user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
    "key": "simulated-api-key",
    "collection": "simulated-collection-key",
    "disbursement": "simulated-disbursement-key",
    "host": "localhost",
}
PRODUCTS = ("collection", "disbursement")
TOKEN_LIFE = 3600
APPROVAL_WINDOW = 300
NOTIFICATION_WINDOW = 86400
#: Sandbox: last two digits of 467331234xx -> (final status or None for one that stays pending, reason).
MAGIC = {
    "collection": {
        "50": ("FAILED", "INTERNAL_PROCESSING_ERROR"), "51": ("FAILED", "APPROVAL_REJECTED"), "52": ("FAILED", "EXPIRED"),
        "53": (None, None), "54": ("LATE", None), "55": ("FAILED", "PAYER_NOT_FOUND"), "56": ("FAILED", "PAYEE_NOT_ALLOWED_TO_RECEIVE"),
        "57": ("FAILED", "NOT_ALLOWED"), "58": ("FAILED", "NOT_ALLOWED_TARGET_ENVIRONMENT"), "59": ("FAILED", "INVALID_CALLBACK_URL_HOST"),
        "60": ("FAILED", "INVALID_CURRENCY"), "61": ("FAILED", "INTERNAL_PROCESSING_ERROR"), "62": ("FAILED", "SERVICE_UNAVAILABLE"),
        "63": ("FAILED", "COULD_NOT_PERFORM_TRANSACTION"), "64": ("FAILED", "TRANSFER_TYPE_UNKNOWN"),
    },
    "disbursement": {
        "50": ("FAILED", "INTERNAL_PROCESSING_ERROR"), "51": ("FAILED", "APPROVAL_REJECTED"), "52": ("FAILED", "EXPIRED"),
        "53": (None, None), "54": ("LATE", None), "55": ("FAILED", "NOT_ENOUGH_FUNDS"), "56": ("FAILED", "PAYER_LIMIT_REACHED"),
        "57": ("FAILED", "PAYEE_NOT_FOUND"), "58": ("FAILED", "NOT_ALLOWED"), "59": ("FAILED", "NOT_ALLOWED_TARGET_ENVIRONMENT"),
        "60": ("FAILED", "INVALID_CALLBACK_URL_HOST"), "61": ("FAILED", "INVALID_CURRENCY"), "62": ("FAILED", "INTERNAL_PROCESSING_ERROR"),
        "63": ("FAILED", "SERVICE_UNAVAILABLE"),
    },
}  # fmt: skip
#: Sandbox: ``referenceIdToRefund`` 1 to 13 are test values, not references.
MAGIC_REFUND = {
    "1": "RESOURCE_NOT_FOUND", "2": "INTERNAL_PROCESSING_ERROR", "3": "APPROVAL_REJECTED", "4": "EXPIRED", "5": None, "6": "LATE",
    "7": "NOT_ALLOWED", "8": "NOT_ALLOWED_TARGET_ENVIRONMENT", "9": "INVALID_CALLBACK_URL_HOST", "10": "INVALID_CURRENCY",
    "11": "INTERNAL_PROCESSING_ERROR", "12": "SERVICE_UNAVAILABLE", "13": "COULD_NOT_PERFORM_TRANSACTION",
}  # fmt: skip
_MAGIC_ACTIVE = {
    "50": (404, "RESOURCE_NOT_FOUND"), "51": (200, None), "52": (500, "NOT_ALLOWED"), "53": (500, "NOT_ALLOWED_TARGET_ENVIRONMENT"),
    "54": (500, "INTERNAL_PROCESSING_ERROR"), "55": (503, "SERVICE_UNAVAILABLE"),
}  # fmt: skip
_MAGIC_NUMBER = re.compile(r"467331234(\d\d)")
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,4})?")
#: A note holds letters, digits and little else: an apostrophe is a documented cause of 400.
_NOTE = re.compile(r"[\w\s.,:/#()\-]{0,160}")
_MSISDN = re.compile(r"[1-9]\d{7,14}")
MESSAGES = {
    "RESOURCE_ALREADY_EXIST": "Duplicated reference id. Creation of resource failed.",
    "RESOURCE_NOT_FOUND": "Requested resource was not found.",
    "NOT_ALLOWED_TARGET_ENVIRONMENT": "Access to target environment is forbidden.",
    "INVALID_CALLBACK_URL_HOST": "Callback URL with different host name then configured for API User.",
    "INVALID_CURRENCY": "Currency not supported.",
    "NOT_ALLOWED": "Authorization failed. Insufficient permissions.",
    "INTERNAL_PROCESSING_ERROR": "An internal error occurred while processing.",
    "SERVICE_UNAVAILABLE": "Service temporarily unavailable, try again later.",
    "PAYER_NOT_FOUND": "Payer not found.",
    "PAYEE_NOT_FOUND": "Payee not found.",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE": "Payee is not allowed to receive.",
    "PAYEE_LIMIT_REACHED": "Payee limit reached.",
    "NOT_ENOUGH_FUNDS": "The balance is not sufficient.",
}


class Refusal(Exception):
    def __init__(self, status, code="", message=""):
        self.status, self.code, self.message = status, code, message
        super().__init__(status, code, message)

    def answer(self):
        if not (self.code or self.message):
            return answer(self.status)
        return answer(self.status, {"code": self.code, "message": self.message or MESSAGES.get(self.code, self.code)})


# === Who asks === #


def _account_of(op, product, key):
    for _user, account in op.store.all("account"):
        if key in (account[product], f"{account[product]}-2"):
            return account
    return None


def _subscription(op, request, product):
    """The gateway before the API: a key of the product, first or second.

    :raise Refusal: 401
    """
    key = request.header("Ocp-Apim-Subscription-Key")
    if not key:
        raise Refusal(401, "401", "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.")
    account = _account_of(op, product, key)
    if not account:
        raise Refusal(401, "401", "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.")
    if op.fault("new_host") and "python-requests" in (request.header("User-Agent") or ""):
        raise Refusal(403)
    return key


def _uuid4(text):
    try:
        return str(uuid.UUID(text)) == text.lower() and uuid.UUID(text).version == 4
    except (ValueError, TypeError, AttributeError):
        return False


def _environment(request, op, account):
    name = request.header("X-Target-Environment")
    if not name:
        raise Refusal(400, "BAD_REQUEST", "Missing X-Target-Environment header.")
    if name not in CURRENCY or name not in account["environments"]:
        raise Refusal(500, "NOT_ALLOWED_TARGET_ENVIRONMENT")
    return name


def _caller(op, request, product):
    """:return: (account, environment) of a request with subscription key, bearer token and target environment
    :raise Refusal: as the API does, in this order"""
    _subscription(op, request, product)
    kind, _space, text = (request.header("Authorization") or "").partition(" ")
    token = op.store.get("token", text) if kind.lower() == "bearer" else None
    if not token or token["product"] != product or token["until"] <= op.now():
        raise Refusal(401, "UNAUTHORIZED", "Unauthorized: access token is missing, invalid or expired.")
    account = op.store.get("account", token["user"])
    if _account_of(op, product, request.header("Ocp-Apim-Subscription-Key"))["user"] != account["user"]:
        raise Refusal(401, "UNAUTHORIZED", "Unauthorized: token and subscription key belong to different accounts.")
    return account, _environment(request, op, account)


# === Provisioning (sandbox) === #


def _any_key(op, request):
    for product in PRODUCTS:
        try:
            return _subscription(op, request, product)
        except Refusal as refusal:
            last = refusal
    raise last


@routes("POST", "/v1_0/apiuser")
def create_user(op, request):
    key = _any_key(op, request)
    reference = request.header("X-Reference-Id")
    if not _uuid4(reference):
        raise Refusal(400, "BAD_REQUEST", "X-Reference-Id must be a UUID version 4.")
    try:
        host = request.json().get("providerCallbackHost")
    except ValueError as error:
        raise Refusal(400, "BAD_REQUEST", "The body must be JSON with providerCallbackHost.") from error
    if not isinstance(host, str) or "/" in host or not host:
        raise Refusal(400, "BAD_REQUEST", "providerCallbackHost is a host name only.")
    owner = next(a for p in PRODUCTS if (a := _account_of(op, p, key)))
    account = {**owner, "user": reference, "key": "", "host": host, "environments": ["sandbox"]}
    if not op.store.add("account", reference, account):
        raise Refusal(409, "RESOURCE_ALREADY_EXIST")
    return answer(201)


@routes("POST", "/v1_0/apiuser/{user}/apikey")
def create_key(op, request, user):
    _any_key(op, request)
    with op.store:
        account = op.store.get("account", user)
        if not account:
            raise Refusal(404, "RESOURCE_NOT_FOUND")
        account["key"] = secrets.token_hex(16)
        op.store.put("account", user, account)
    return answer(201, {"apiKey": account["key"]})


@routes("GET", "/v1_0/apiuser/{user}")
def read_user(op, request, user):
    _any_key(op, request)
    account = op.store.get("account", user)
    if not account:
        raise Refusal(404, "RESOURCE_NOT_FOUND")
    return answer(200, {"providerCallbackHost": account["host"], "targetEnvironment": account["environments"][0]})


# === Tokens === #


@routes("POST", "/{product}/token/")
def token(op, request, product):
    if product not in PRODUCTS:
        raise Refusal(404)
    _subscription(op, request, product)
    if request.body:
        raise Refusal(400, "BAD_REQUEST", "A request for a token has no body.")
    kind, _space, text = (request.header("Authorization") or "").partition(" ")
    try:
        user, _colon, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = key = ""
    account = op.store.get("account", user) if user else None
    if kind.lower() != "basic" or not account or not account["key"] or not secrets.compare_digest(account["key"].encode(), key.encode()):
        return answer(401, {"error": "login_failed"})
    if op.fault("new_host") and request.header("X-Target-Environment") not in CURRENCY:
        return answer(400, {"error": "Invalid or missing X-Target-Environment header"})
    text = f"{secrets.token_urlsafe(24)}.{secrets.token_urlsafe(48)}.{secrets.token_urlsafe(24)}"
    op.store.put("token", text, {"product": product, "user": user, "until": op.now() + TOKEN_LIFE})
    return answer(200, {"access_token": text, "token_type": "access_token", "expires_in": TOKEN_LIFE})


# === Moving money === #


def _callback_url(op, request, account):
    url = request.header("X-Callback-Url")
    if url is None:
        return None
    parts = urlsplit(url)
    if not url or parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal(400, "BAD_REQUEST", "X-Callback-Url must not be empty and must be an http(s) address.")
    if parts.query or parts.fragment:
        raise Refusal(400, "BAD_REQUEST", "X-Callback-Url takes no query.")
    if parts.hostname != account["host"] or (op.fault("callback_refuse_ip") and _is_ip(parts.hostname)):
        raise Refusal(500, "INVALID_CALLBACK_URL_HOST")
    return url


def _is_ip(host):
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _body(request, party):
    """:return: the checked body; all values are texts, as the schema says
    :raise Refusal: 400"""
    if (request.header("Content-Type") or "").partition(";")[0].strip() != "application/json":
        raise Refusal(400, "BAD_REQUEST", "Content-Type must be application/json.")
    try:
        body = request.json()
    except ValueError as error:
        raise Refusal(400, "BAD_REQUEST", f"The body is not JSON: {error}") from error
    for name in ("amount", "currency", "externalId"):
        if not isinstance(body.get(name), str):
            raise Refusal(400, "BAD_REQUEST", f"{name} is missing or not a text.")
    if not _AMOUNT.fullmatch(body["amount"]) or not Decimal(body["amount"]):
        raise Refusal(400, "BAD_REQUEST", "amount must be a number above zero.")
    for name in ("payerMessage", "payeeNote"):
        if not isinstance(body.get(name, ""), str) or not _NOTE.fullmatch(body.get(name, "")):
            raise Refusal(400, "BAD_REQUEST", f"{name} has at most 160 letters and digits, no special characters.")
    if party:
        who = body.get(party)
        if not isinstance(who, dict) or who.get("partyIdType") not in ("MSISDN", "EMAIL", "PARTY_CODE") or not isinstance(who.get("partyId"), str):
            raise Refusal(400, "BAD_REQUEST", f"{party} needs partyIdType and partyId as texts.")
        if who["partyIdType"] == "MSISDN" and not _MSISDN.fullmatch(who["partyId"]):
            raise Refusal(400, "BAD_REQUEST", "A MSISDN is digits with the country code, without +.")
    return body


def _create(op, request, product, kind, party, extra=()):
    op.before()
    account, environment = _caller(op, request, product)
    reference = request.header("X-Reference-Id")
    if not _uuid4(reference):
        raise Refusal(400, "BAD_REQUEST", "X-Reference-Id must be a UUID version 4.")
    url = _callback_url(op, request, account)
    body = _body(request, party)
    for name in extra:
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refusal(400, "BAD_REQUEST", f"{name} is missing.")
    if op.store.get("transaction", reference.lower()):
        raise Refusal(409, "RESOURCE_ALREADY_EXIST")
    if body["currency"] != CURRENCY[environment]:
        raise Refusal(500, "INVALID_CURRENCY")
    if party and environment != "sandbox" and op.fault("party_refused") == "early" and not op.wallet(body[party]["partyId"])["known"]:
        raise Refusal(500, f"{party.upper()}_NOT_FOUND")
    known = ("amount", "currency", "externalId", "payerMessage", "payeeNote", *([party] if party else []), *extra)
    document = {
        "kind": kind, "product": product, "environment": environment, "user": account["user"], "reference": reference.lower(),
        "body": {name: body[name] for name in known if name in body},
        "status": "PENDING", "reason": None, "at": op.now(), "callback": url, "due": None, "outcome": None, "txid": None,
    }  # fmt: skip
    _foresee(op, document)
    if not op.store.add("transaction", document["reference"], document):
        raise Refusal(409, "RESOURCE_ALREADY_EXIST")
    op.after()
    settle(op, document["reference"])
    return answer(202)


def _foresee(op, document):
    """Decide what comes of it where no person does: test numbers, refunds and payouts, unknown numbers."""
    body, now = document["body"], op.now()
    number = next((body[p]["partyId"] for p in ("payer", "payee") if p in body), "")
    if document["environment"] == "sandbox":
        match = _MAGIC_NUMBER.fullmatch(number)
        status, reason = MAGIC[document["product"]].get(match[1], ("SUCCESSFUL", None)) if match else ("SUCCESSFUL", None)
        if document["kind"] == "refund" and body["referenceIdToRefund"] in MAGIC_REFUND:
            reason = MAGIC_REFUND[body["referenceIdToRefund"]]
            status = {None: None, "LATE": "LATE"}.get(reason, "FAILED")
        if status == "LATE":
            document.update(outcome="SUCCESSFUL", due=now + 60)
        elif status:
            document.update(outcome=status, why=reason, due=now + op.fault("result_delay"))
        if status or document["kind"] != "refund":
            return
    wallet = op.wallet(number) if number else None
    if wallet and not wallet["known"]:
        document.update(outcome="FAILED", why="PAYER_NOT_FOUND" if document["kind"] == "requesttopay" else "PAYEE_NOT_FOUND", due=now)
    elif document["kind"] == "requesttopay":
        if op.fault("approve") == "auto":
            document.update(outcome="SUCCESSFUL", due=now + op.fault("result_delay"))
    else:
        document.update(outcome="SUCCESSFUL", due=now + op.fault("result_delay"))


def _purse(document):
    """Where the merchant's money of an account lies: collection and disbursement are two."""
    return f"merchant:{document['user']}:{document['environment']}:{document['product']}"


def settle(op, reference):
    """Make what is due final: time-outs, decided results. Called whenever a transaction is looked at.

    :return: the document as it is now
    """
    with op.store:
        document = op.store.get("transaction", reference)
        if not document or document["status"] != "PENDING":
            return document
        now = op.now()
        if document["due"] is not None and document["due"] <= now:
            _finish(op, document)
        elif document["outcome"] is None and document["environment"] != "sandbox" and now >= document["at"] + APPROVAL_WINDOW:
            document.update(outcome="FAILED", why="EXPIRED")
            _finish(op, document)
        else:
            return document
        op.store.put("transaction", reference, document)
    if document["callback"]:
        op.call_back(document["callback"], json.dumps(shape(op, document)).encode(), op.fault("callback_method"))
    return document


def _finish(op, document):
    body, status, why = document["body"], document["outcome"], document.get("why")
    amount = float(Decimal(body["amount"]))
    if status == "SUCCESSFUL":
        status, why = _move(op, document, amount)
    document.update(status=status, reason=why, final=op.now())
    if status == "SUCCESSFUL":
        document["txid"] = str(random.randrange(10**9, 10**10))
        _record(op, document, amount)


def _move(op, document, amount):
    """Book an accepted transaction in the wallets.

    :return: (final status, reason)
    """
    body, kind, sandbox = document["body"], document["kind"], document["environment"] == "sandbox"
    purse = op.purse(_purse(document))
    if kind == "requesttopay":
        number = body["payer"]["partyId"]
        wallet = op.wallet(number)
        if not sandbox and wallet["balance"] < amount:
            return "FAILED", "NOT_ENOUGH_FUNDS"
        op.change_wallet(number, balance=wallet["balance"] - amount)
        op.store.put("purse", _purse(document), {"balance": purse + amount})
        return "SUCCESSFUL", None
    if kind == "refund" and not (sandbox and body["referenceIdToRefund"] in MAGIC_REFUND):
        original = op.store.get("transaction", body["referenceIdToRefund"].lower())
        if not original or original["kind"] != "requesttopay" or original["status"] != "SUCCESSFUL":
            return "FAILED", "RESOURCE_NOT_FOUND"
        back = original.get("refunded", 0) + amount
        if back > float(Decimal(original["body"]["amount"])):
            return "FAILED", "NOT_ALLOWED"
        op.store.put("transaction", original["reference"], {**original, "refunded": back})
        number = original["body"]["payer"]["partyId"]
    else:
        number = body.get("payee", {}).get("partyId")
        if number and (refused := _may_not_receive(op.wallet(number), amount)):
            return "FAILED", refused
    if purse < amount:
        return "FAILED", "NOT_ENOUGH_FUNDS"
    op.store.put("purse", _purse(document), {"balance": purse - amount})
    if number:
        op.change_wallet(number, balance=op.wallet(number)["balance"] + amount)
    return "SUCCESSFUL", None


def _may_not_receive(wallet, amount):
    """:return: reason why money sent to this wallet does not arrive, None when it does"""
    if not wallet["active"]:
        return "PAYEE_NOT_ALLOWED_TO_RECEIVE"
    if wallet["limit"] is not None and wallet["balance"] + amount > wallet["limit"]:
        return "PAYEE_LIMIT_REACHED"
    return None


def _record(op, document, amount):
    """The ledger, and the line that the telephone gets about money that came in."""
    body, kind = document["body"], document["kind"]
    party = next((body[p]["partyId"] for p in ("payer", "payee") if p in body), None)
    if kind == "refund":
        original = op.store.get("transaction", body["referenceIdToRefund"].lower())
        party = original["body"]["payer"]["partyId"] if original else None
    known = {name: document[name] for name in ("kind", "reference", "txid", "environment", "user")}
    op.book(**known, externalId=body["externalId"], number=party, amount=amount if kind == "requesttopay" else -amount, currency=body["currency"])
    if party and kind != "requesttopay":
        op.tell(party, f"You have received {amount:,.10g} {body['currency']}. {body.get('payeeNote') or body['externalId']}. Reference {document['txid']}.")


def decide(op, reference, approved):
    """A person approves or rejects a request on the telephone.

    :return: whether it was still to be decided
    """
    settle(op, reference)
    with op.store:
        document = op.store.get("transaction", reference)
        if not document or document["kind"] != "requesttopay" or document["status"] != "PENDING" or document["outcome"]:
            return False
        document.update(outcome="SUCCESSFUL" if approved else "FAILED", why=None if approved else "APPROVAL_REJECTED", due=op.now() + op.fault("result_delay"))
        op.store.put("transaction", reference, document)
    settle(op, reference)
    return True


def shape(op, document):
    """:return: a transaction as the status and the callback show it; there is no X-Reference-Id in it"""

    def number(text):
        return int(text) if op.fault("numbers") and text.isdigit() else text

    body = document["body"]
    seen = {"amount": number(body["amount"]), "currency": body["currency"]}
    if document["txid"]:
        seen["financialTransactionId"] = number(document["txid"])
    seen["externalId"] = number(body["externalId"])
    for party in ("payer", "payee"):
        if party in body:
            seen[party] = {"partyIdType": body[party]["partyIdType"], "partyId": number(body[party]["partyId"])}
    seen.update({name: body.get(name, "") for name in ("payerMessage", "payeeNote")}, status=document["status"])
    if reason := document["reason"]:
        seen["reason"] = {"code": reason, "message": MESSAGES.get(reason, reason)} if op.fault("reason_shape") == "object" else reason
    return seen


def _status(op, request, product, kind, reference):
    account, environment = _caller(op, request, product)
    if limit := op.fault("status_rate"):
        second = f"{account['user']}:{int(op.now())}"
        with op.store:
            count = (op.store.get("rate", second) or {"count": 0})["count"] + 1
            op.store.put("rate", second, {"count": count})
        if count > limit:
            raise Refusal(429, "429", "Rate limit is exceeded. Try again in 1 seconds.")
    document = settle(op, reference.lower())
    if not document or document["kind"] != kind or document["user"] != account["user"] or document["environment"] != environment:
        raise Refusal(404, "RESOURCE_NOT_FOUND")
    return answer(200, shape(op, document))


@routes("POST", "/collection/v1_0/requesttopay")
def request_to_pay(op, request):
    return _create(op, request, "collection", "requesttopay", "payer")


@routes("GET", "/collection/v1_0/requesttopay/{reference}")
def request_status(op, request, reference):
    return _status(op, request, "collection", "requesttopay", reference)


@routes("POST", "/collection/v1_0/requesttopay/{reference}/deliverynotification")
def notify(op, request, reference):
    account, _environment_name = _caller(op, request, "collection")
    try:
        text = request.json().get("notificationMessage")
    except ValueError:
        text = None
    if not isinstance(text, str) or not 0 < len(text) <= 160:
        raise Refusal(400, "BAD_REQUEST", "notificationMessage has 1 to 160 characters.")
    document = settle(op, reference.lower())
    if not document or document["user"] != account["user"] or document["kind"] != "requesttopay":
        raise Refusal(404, "RESOURCE_NOT_FOUND")
    if document["status"] != "SUCCESSFUL":
        raise Refusal(409, "RESOURCE_ALREADY_EXIST", "The transaction has not been successful.")
    if op.now() > document["final"] + NOTIFICATION_WINDOW:
        raise Refusal(410, "GONE", "Delivery notification window expired.")
    op.tell(document["body"]["payer"]["partyId"], text)
    return answer(200)


@routes("POST", "/disbursement/{version}/refund")
def refund(op, request, version):
    if version not in ("v1_0", "v2_0"):
        raise Refusal(404)
    return _create(op, request, "disbursement", "refund", None, ("referenceIdToRefund",))


@routes("GET", "/disbursement/v1_0/refund/{reference}")
def refund_status(op, request, reference):
    return _status(op, request, "disbursement", "refund", reference)


@routes("POST", "/disbursement/v1_0/transfer")
def transfer(op, request):
    return _create(op, request, "disbursement", "transfer", "payee")


@routes("GET", "/disbursement/v1_0/transfer/{reference}")
def transfer_status(op, request, reference):
    return _status(op, request, "disbursement", "transfer", reference)


# === Accounts === #


@routes("GET", "/{product}/v1_0/account/balance")
def balance(op, request, product):
    if product not in PRODUCTS:
        raise Refusal(404)
    account, environment = _caller(op, request, product)
    purse = op.purse(f"merchant:{account['user']}:{environment}:{product}")
    return answer(200, {"availableBalance": f"{purse:.15g}", "currency": CURRENCY[environment]})


@routes("GET", "/{product}/v1_0/account/balance/{currency}")
def balance_in(op, request, product, currency):
    response = balance(op, request, product)
    if json.loads(response.body)["currency"] != currency:
        raise Refusal(500, "INVALID_CURRENCY")
    return response


@routes("GET", "/{product}/v1_0/accountholder/msisdn/{number}/active")
def active(op, request, product, number):
    if product not in PRODUCTS:
        raise Refusal(404)
    _account, environment = _caller(op, request, product)
    if environment == "sandbox" and (match := _MAGIC_NUMBER.fullmatch(number)) and match[1] in _MAGIC_ACTIVE:
        status, code = _MAGIC_ACTIVE[match[1]]
        if code:
            raise Refusal(status, code)
        return answer(200, {"result": False})
    wallet = op.wallet(number)
    return answer(200, {"result": bool(wallet["known"] and wallet["active"] and _MSISDN.fullmatch(number))})


@routes("GET", "/{product}/v1_0/accountholder/msisdn/{number}/basicuserinfo")
def basic_user_info(op, request, product, number):
    if product not in PRODUCTS:
        raise Refusal(404)
    _caller(op, request, product)
    wallet = op.wallet(number)
    if not wallet["known"]:
        raise Refusal(404, "RESOURCE_NOT_FOUND")
    given, family = wallet["name"]
    return answer(200, {"given_name": given, "family_name": family, "birthdate": "1990-01-01", "locale": "en_SS", "gender": "FEMALE", "status": "ACTIVE"})
