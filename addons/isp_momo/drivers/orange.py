# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Orange Money web payment: the payer is sent to Orange's page and comes back; the status query alone says what happened.

Source: Orange's "WebPay Dev - Getting started". There is no refund, and no full list of error codes: what is not known here is
kept apart by its HTTP status.
"""

import base64
import hashlib
import json
import re
import secrets
from urllib.parse import urlsplit

from .base import (
    Accepted,
    NotAllowed,
    NotThere,
    Refused,
    Status,
    Unknown,
    Unreachable,
    Wallet,
    WalletError,
    decimal_of,
)

#: Longest order_id and reference, longest address.
TEXT, ADDRESS = 30, 120
#: order_id was used before.
DUPLICATE = "1204"
#: Order ids tried for one request; the second is needed when the answer to the first was lost.
ATTEMPTS = 5
_STATES = {"SUCCESS": "done", "FAILED": "failed", "EXPIRED": "failed", "INITIATED": "pending", "PENDING": "pending"}


class OrangeMoney(Wallet):
    code = "orange_money"
    title = "Orange Money"
    flow = "redirect"
    currencies = ("SSP", "XOF", "XAF", "GNF", "MGA", "CDF", "USD", "SLE", "LRD", "BWP", "MAD", "TND", "EGP", "JOD")
    sandbox_currency = "OUV"
    sandbox_url = live_url = "https://api.orange.com"
    sandbox_environment = "dev"
    whole_amounts = True
    reference_length = TEXT
    #: how long Orange's page can be paid on
    window = 600

    # === What is asked ===

    def request(self, order):
        """A new order at Orange. When the id is used already, the answer that carried the page's address was lost on its way to us:
        nobody was sent to that page, so that order can never be paid, and another one is made.
        """
        for attempt in range(ATTEMPTS):
            body = self._body(order, order_id(order.reference, order.uuid, attempt))
            answer = self._send("webpayment", body)
            if not _duplicate(answer):
                return self._accepted(answer, body["order_id"], attempt)
        raise Unknown("ORDER_EXISTS", f"the order {body['order_id']} exists already, and those before it")

    def status(self, order):
        if not order.data.get("pay_token"):
            raise NotThere("NO_PAGE", "Orange never gave a page for this request")
        asked = {"order_id": order.data["order_id"], "amount": whole(order.amount), "pay_token": order.data["pay_token"]}
        answer = self._send("transactionstatus", asked)
        if answer.status == 404:
            raise NotThere(*_reason(answer))
        if answer.status not in (200, 201):
            raise self._failure(answer)
        return _status(answer, asked["order_id"])

    @classmethod
    def genuine(cls, data, body):
        """A notification carries the notif_token of its order and nothing else that is ours."""
        try:
            told = json.loads(body).get("notif_token")
        except (ValueError, AttributeError):
            return False
        return secrets.compare_digest(str(told or "").encode(), str(data.get("notif_token") or "-").encode())

    def check(self, order=None):
        """A token, then an order of nothing: Orange names what it dislikes first, and the amount should be it."""
        keys = self.account.collection
        missing = {"merchant key": keys.subscription, "client id": keys.user, "client secret": keys.secret}
        wrong = [("NO_KEY", f"There is no {name}.") for name, value in missing.items() if not value]
        if wrong:
            return wrong
        try:
            if not order:
                self.tokens.get("collection", self._fetch_token)
                return []
            answer = self._send("webpayment", {**self._body(order, order_id("check", secrets.token_hex(8), 0)), "amount": 0})
            code, message = _reason(answer)
            if answer.status in (200, 201) or (answer.status == 400 and "amount" in message.lower()):
                return []
            failure = self._failure(answer)
            return [(failure.code, f"Orange refuses a trial order: {failure.message or code}")]
        except WalletError as error:
            return [(error.code, error.message or error.code)]

    # === How it is asked ===

    def _body(self, order, order_id):
        """:raise Refused: Orange would not take it"""
        amount = whole(order.amount)
        if not amount:
            raise Refused("WHOLE_AMOUNT", f"Orange Money takes whole amounts only, not {order.amount}")
        addresses = {"return_url": order.return_url, "cancel_url": order.cancel_url, "notif_url": order.callback_url}
        for name, address in addresses.items():
            if not address or len(address) > ADDRESS:
                raise Refused("BAD_CALLBACK", f"{name} must have 1 to {ADDRESS} characters, it has {len(address)}")
        return {
            "merchant_key": self.account.collection.subscription,
            "currency": order.currency,
            "order_id": order_id,
            "amount": amount,
            **addresses,
            "lang": "fr" if order.language[:2] == "fr" else "en",
            "reference": plain(order.merchant) or order_id,
        }

    def _accepted(self, answer, order_id, attempt):
        if answer.status not in (200, 201, 202):
            raise self._failure(answer)
        found = answer.json
        page, token = str(found.get("payment_url") or ""), str(found.get("pay_token") or "")
        if not token or urlsplit(page).scheme not in ("http", "https") or not urlsplit(page).hostname:
            raise Unknown("NO_PAGE", f"HTTP {answer.status} without a page to pay on: {_reason(answer)[1]}")
        data = {"order_id": order_id, "pay_token": token, "notif_token": str(found.get("notif_token") or "")}
        return Accepted(existed=bool(attempt), url=page, data=data)

    def _send(self, call, body):
        """With a token; one that is refused is renewed once."""
        path = f"/orange-money-webpay/{self.account.environment}/v1/{call}"
        for _last in (False, True):
            token = self.tokens.get("collection", self._fetch_token)
            answer = self._raw(path, {"Authorization": f"Bearer {token}"}, json=body)
            if answer.status != 401:
                return answer
            self.tokens.drop("collection", token)
        raise NotAllowed("KEY_REFUSED", f"HTTP 401 {_reason(answer)[1]}: Orange gives a token and then refuses it. Is the Web Payment offer approved?")

    def _fetch_token(self):
        """:return: (token, seconds it lives)"""
        keys = self.account.collection
        basic = base64.b64encode(f"{keys.user}:{keys.secret}".encode()).decode()
        answer = self._raw("/oauth/v3/token", {"Authorization": f"Basic {basic}"}, data={"grant_type": "client_credentials"})
        found = answer.json
        if answer.status in (200, 201) and found.get("access_token"):
            seconds = decimal_of(found.get("expires_in"))
            return str(found["access_token"]), int(seconds) if seconds and seconds > 0 else 3600
        told = f"HTTP {answer.status} to the token request: {_reason(answer)[1] or 'check client id, client secret and host'}"
        if answer.status in (400, 401, 403, 404) or 300 <= answer.status < 400:
            raise NotAllowed("TOKEN_REFUSED", told)
        raise Unreachable("NO_TOKEN", told)

    def _raw(self, path, headers, **body):
        url = self.account.base_url.rstrip("/") + path
        return self.transport.send("POST", url, {"Accept": "application/json", **headers}, **body)

    def _failure(self, answer):
        """:return: what an answer that is no success means, as an exception"""
        told = f"HTTP {answer.status} {_reason(answer)[1]}".strip()
        if answer.status == 403:
            return NotAllowed("FORBIDDEN", f"{told}: is the offer approved for this country?")
        if answer.status in (404, 405) or 300 <= answer.status < 400:
            return NotAllowed("WRONG_ADDRESS", f"{told}: are the host and the country code right?")
        if answer.status == 429:
            return Unreachable("TOO_MANY", told)
        if 400 <= answer.status < 500 and answer.status != 408:
            return Refused("BAD_REQUEST", told)
        return Unknown("NO_ANSWER", told)


def order_id(reference, uuid, attempt):
    """Our reference, so that a person finds it in Orange's records; a second one is the request's own.

    >>> order_id("INV/2026/00012", "9f1c", 0)
    'INV-2026-00012'
    >>> order_id("INV/2026/00012", "9f1c", 1)
    'INV-2026-00012-ynovmne2'
    >>> len(order_id("x" * 50, "9f1c", 0)), len(order_id("x" * 50, "9f1c", 1)), order_id("فاتورة", "9f1c", 0)
    (30, 30, 'sxl7ridx')
    """
    text = re.sub(r"[^A-Za-z0-9]+", "-", reference).strip("-")
    if text and not attempt and len(text) <= TEXT:
        return text
    own = base64.b32encode(hashlib.sha256(f"{uuid}:{attempt}".encode()).digest()).decode()[:8].lower()
    return f"{text[: TEXT - 9]}-{own}".lstrip("-")


def whole(text):
    """:return: a whole amount above zero as a number, None for any other

    >>> whole("1000"), whole("1000.50"), whole("0"), whole("x")
    (1000, None, None, None)
    """
    number = decimal_of(text)
    return int(number) if number is not None and number > 0 and number == number.to_integral_value() else None


def plain(text):
    """What the payer reads on the page, within Orange's length.

    >>> plain("Juba  Net – fibre, radio and everything else")
    'Juba Net fibre, radio and ever'
    """
    return " ".join(re.sub(r"[^A-Za-z0-9 .,:/_-]+", "", text or "").split())[:TEXT].strip()


def _status(answer, order_id):
    found = answer.json
    word = str(found.get("status") or "").upper()
    if str(found.get("order_id") or order_id) != order_id:
        return Status("pending", raw=answer.text, unknown_word="ANOTHERS_ORDER")
    return Status(
        state=_STATES.get(word, "pending"),
        reference=str(found.get("txnid") or ""),
        amount=decimal_of(found.get("amount")),
        currency=str(found.get("currency") or "") or None,
        reason_code={"EXPIRED": "PAGE_EXPIRED", "FAILED": "FAILED"}.get(word, ""),
        raw=answer.text,
        unknown_word="" if word in _STATES else word or "?",
        begun=word != "INITIATED",
    )


def _duplicate(answer):
    code, message = _reason(answer)
    return answer.status == 409 or (400 <= answer.status < 500 and (code == DUPLICATE or "already" in message.lower()))


def _reason(answer):
    """:return: (code, message) of an answer, of the API or of the token server"""
    found = answer.json
    texts = [str(found.get(name) or "") for name in ("message", "description", "error_description", "error")]
    return str(found.get("code") or answer.status)[:64], ": ".join(dict.fromkeys(text for text in texts if text))[:200]
