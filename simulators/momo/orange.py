# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Orange Money web payment: token, payment page, status and notification.

Source: Orange's "WebPay Dev - Getting started" and its clients' reports. The customer types a number and a one-time code, which the
telephone here shows.
"""

import base64
import binascii
import html
import json
import random
import secrets
from urllib.parse import urlsplit

from .web import Routes, answer, page, redirect

routes = Routes()

#: There from the start; sandbox offers are called through ``dev`` in ``OUV``, live ones through a country code.
CLIENT = {"id": "simulated-client", "secret": "simulated-client-secret", "merchant_key": "simulated-merchant"}
CURRENCY = {"dev": "OUV", "ss": "SSP", "cm": "XAF", "ci": "XOF", "ml": "XOF", "sn": "XOF", "mg": "MGA", "gn": "GNF", "cd": "USD"}
TOKEN_LIFE = 90 * 86400
PAY_TOKEN_LIFE = 600
_FIELDS = ("merchant_key", "currency", "order_id", "amount", "return_url", "cancel_url", "notif_url", "lang", "reference")


class Refusal(Exception):
    def __init__(self, status, code, message, description=""):
        self.status, self.code, self.message, self.description = status, code, message, description
        super().__init__(status, code, message)

    def answer(self):
        return answer(self.status, {"code": self.code, "message": self.message, "description": self.description or self.message})


@routes("POST", "/oauth/v3/token")
def token(op, request):
    kind, _space, text = (request.header("Authorization") or "").partition(" ")
    try:
        user, _colon, key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = key = ""
    if kind.lower() != "basic" or (user, key) != (CLIENT["id"], CLIENT["secret"]):
        return answer(401, {"error": "invalid_client", "error_description": "The client credentials are invalid."})
    if request.form().get("grant_type") != "client_credentials":
        return answer(400, {"error": "unsupported_grant_type", "error_description": "grant_type must be client_credentials."})
    made = secrets.token_urlsafe(24)
    op.store.put("orange_token", made, {"until": op.now() + TOKEN_LIFE})
    return answer(200, {"token_type": "Bearer", "access_token": made, "expires_in": str(TOKEN_LIFE)})


routes("POST", "/oauth/v2/token")(token)


def _bearer(op, request):
    kind, _space, text = (request.header("Authorization") or "").partition(" ")
    known = op.store.get("orange_token", text) if kind.lower() == "bearer" else None
    if not known:
        raise Refusal(401, 41, "Invalid credentials", "The requested service needs credentials, but the ones provided were invalid.")
    if known["until"] <= op.now():
        raise Refusal(401, 42, "Expired credentials", "The requested service needs credentials, but the ones provided were out-of-date.")


def _body(request, names):
    try:
        body = request.json()
    except ValueError as error:
        raise Refusal(400, 22, "Invalid body") from error
    for name in names:
        if body.get(name) in (None, ""):
            raise Refusal(400, 23, "Missing body field", f"{name} is missing.")
    return body


def _bad(name, text):
    return Refusal(400, 24, "Invalid body field", f"{name}: {text}")


def _whole(value):
    """:return: a whole amount above zero, None for anything else; a text of digits counts"""
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isascii() or not str(value).isdigit():
        return None
    return int(value) or None


@routes("POST", "/orange-money-webpay/{env}/v1/webpayment")
def web_payment(op, request, env):
    _bearer(op, request)
    if env not in CURRENCY:
        raise Refusal(404, 60, "Resource not found")
    body = _body(request, _FIELDS)
    if body["merchant_key"] != CLIENT["merchant_key"]:
        raise Refusal(400, 1202, "Invalid merchant key")
    if body["currency"] != CURRENCY[env]:
        raise _bad("currency", f"{CURRENCY[env]} is expected.")
    for name in ("order_id", "reference"):
        if not isinstance(body[name], str) or len(body[name]) > 30:
            raise _bad(name, "at most 30 characters.")
    if not _whole(body["amount"]):
        raise _bad("amount", "a whole number above zero.")
    for name in ("return_url", "cancel_url", "notif_url"):
        url = urlsplit(str(body[name]))
        if len(body[name]) > 120 or url.scheme not in ("http", "https") or not url.hostname:
            raise _bad(name, "an address of at most 120 characters.")
        if op.fault("orange_refuse_localhost") and url.hostname in ("localhost", "127.0.0.1", "::1"):
            raise _bad(name, "a public address.")
    pay_token = secrets.token_hex(32)
    document = {
        "env": env, "order_id": body["order_id"], "amount": _whole(body["amount"]), "pay_token": pay_token, "reference": body["reference"],
        "notif_token": secrets.token_hex(16), "urls": {name: body[name] for name in ("return_url", "cancel_url", "notif_url")},
        "status": "INITIATED", "at": op.now(), "txnid": None, "due": None,
    }  # fmt: skip
    if not op.store.add("order", f"{env}/{body['order_id']}", document):
        raise Refusal(400, 1204, "Order already exists", "The order_id was used before.")
    op.store.put("pay_token", pay_token, {"order": f"{env}/{body['order_id']}"})
    op.after()
    url = f"http://{request.header('Host')}/payment/pay_token/{pay_token}"
    return answer(201, {"status": 201, "message": "OK", "pay_token": pay_token, "payment_url": url, "notif_token": document["notif_token"]})


def settle(op, key):
    """Make a confirmed payment final when its time has come.

    :return: the order as it is now
    """
    with op.store:
        order = op.store.get("order", key)
        if not order or order["status"] != "PENDING" or order["due"] > op.now():
            return order
        wallet = op.wallet(order["number"])
        if wallet["balance"] < order["amount"]:
            order["status"] = "FAILED"
        else:
            op.change_wallet(order["number"], balance=wallet["balance"] - order["amount"])
            order["status"] = "SUCCESS"
        order["txnid"] = f"MP{random.randrange(10**6):06}.{random.randrange(10**4):04}.A{random.randrange(10**5):05}"
        op.store.put("order", key, order)
    body = {"status": order["status"], "notif_token": order["notif_token"], "txnid": order["txnid"]}
    op.call_back(order["urls"]["notif_url"], json.dumps(body).encode(), "POST")
    return order


@routes("POST", "/orange-money-webpay/{env}/v1/transactionstatus")
def status(op, request, env):
    _bearer(op, request)
    body = _body(request, ("order_id", "amount", "pay_token"))
    order = settle(op, f"{env}/{body['order_id']}")
    if not order or order["pay_token"] != body["pay_token"] or order["amount"] != _whole(body["amount"]):
        raise Refusal(404, 60, "Resource not found", "No order has this order_id, amount and pay_token.")
    seen = {"status": order["status"], "order_id": order["order_id"]}
    return answer(201, {**seen, "txnid": order["txnid"]} if order["txnid"] else seen)


# === The payment page === #


def one_time_code(op, number):
    """:return: the code that ``#144#`` shows on this telephone; it is used once, for ten minutes"""
    code = f"{random.randrange(10**6):06}"
    op.store.put("otp", number, {"code": code, "until": op.now() + 600})
    return code


def _order_of(op, pay_token):
    found = op.store.get("pay_token", pay_token)
    return (found["order"], settle(op, found["order"])) if found else (None, None)


def _form(order, problem=""):
    problem = f'<p class="bad" role="alert">{html.escape(problem)}</p>' if problem else ""
    return page(f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>Orange Money</title><style>body{{font:16px sans-serif;max-width:22rem;margin:1rem auto;padding:0 1rem}}h1{{color:#c50}}
input,button{{font:inherit;width:100%;padding:.6rem;margin:.3rem 0;box-sizing:border-box}}.bad{{color:#a00}}</style>
<h1>Orange Money</h1><p>{html.escape(order["reference"])}: <b>{order["amount"]:,}</b></p>{problem}
<form method="post"><label>Number <input name="number" inputmode="numeric" required></label>
<label>One-time code <input name="otp" inputmode="numeric" required></label><button name="do" value="pay">Pay</button></form>
<form method="post"><button name="do" value="cancel">Cancel</button></form>""")


@routes("GET POST", "/payment/pay_token/{pay_token}")
def payment_page(op, request, pay_token):
    key, order = _order_of(op, pay_token)
    if not order:
        return page("<p>This payment does not exist.</p>", 404)
    if order["status"] != "INITIATED":
        return redirect(order["urls"]["return_url"])
    if request.method == "GET":
        return _form(order)
    form = request.form()
    if form.get("do") == "cancel":
        if op.fault("cancel_expires"):
            op.store.put("order", key, {**order, "status": "EXPIRED"})
        return redirect(order["urls"]["cancel_url"])
    number = "".join(letter for letter in form.get("number", "") if letter.isdigit())
    with op.store:
        known = op.store.get("otp", number)
        if not known or known["until"] < op.now() or not secrets.compare_digest(known["code"], form.get("otp", "").encode("ascii", "ignore").decode()):
            return _form(order, "The number or the one-time code is wrong.")
        op.store.put("otp", number, {"code": "-", "until": 0})
        if op.now() > order["at"] + PAY_TOKEN_LIFE:
            op.store.put("order", key, {**order, "status": "EXPIRED"})
            return redirect(order["urls"]["cancel_url"])
        op.store.put("order", key, {**order, "status": "PENDING", "number": number, "due": op.now() + op.fault("result_delay")})
    settle(op, key)
    return redirect(order["urls"]["return_url"])
