# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""MTN MoMo Open API: Collection (ask for money), Disbursement (send it back, pay it out).

Sources: momodeveloper.mtn.com, momoapi.mtn.com; what contradicts itself there is served both ways.
"""

import base64
import re
from decimal import Decimal

from .base import (
    Accepted,
    Balance,
    Holder,
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

#: Codes of a 500 that are a plain no to this request. Others may hide a request that exists.
REFUSALS = {
    "PAYER_NOT_FOUND",
    "PAYEE_NOT_FOUND",
    "NOT_ALLOWED",
    "NOT_ALLOWED_TARGET_ENVIRONMENT",
    "INVALID_CALLBACK_URL_HOST",
    "INVALID_CURRENCY",
    "PAYEE_NOT_ALLOWED_TO_RECEIVE",
}
_STATES = {"SUCCESSFUL": "done", "FAILED": "failed", "PENDING": "pending", "CREATED": "pending", "ONGOING": "pending"}
#: Old documents and SDKs have these as statuses: no is no.
_STATES |= {"REJECTED": "failed", "TIMEOUT": "failed", "EXPIRED": "failed"}
_SPECIAL = re.compile(r"[^A-Za-z0-9 .,:/_-]+")


class MtnMomo(Wallet):
    code = "mtn_momo"
    title = "MTN MoMo"
    flow = "push"
    currencies = ("SSP", "EUR", "UGX", "GHS", "XOF", "XAF", "ZMW", "SZL", "GNF", "ZAR", "LRD", "NGN", "RWF")
    sandbox_currency = "EUR"
    sandbox_url = "https://sandbox.momodeveloper.mtn.com"
    sandbox_environment = "sandbox"
    live_url = "https://proxy.momoapi.mtn.com"
    live_environment = "mtnsouthsudan"
    products = ("collection", "disbursement")
    checks_holder = refunds = pays_out = has_balance = notifies = True
    window = 300

    # === What is asked ===

    def request(self, order):
        body = {**self._money(order), "payer": {"partyIdType": "MSISDN", "partyId": order.msisdn}}
        return self._create("collection", "/collection/v1_0/requesttopay", order, body)

    def status(self, order):
        return self._status("collection", f"/collection/v1_0/requesttopay/{order.uuid}")

    def refund(self, order):
        body = {**self._money(order), "referenceIdToRefund": order.original}
        return self._create("disbursement", "/disbursement/v1_0/refund", order, body)

    def refund_status(self, order):
        return self._status("disbursement", f"/disbursement/v1_0/refund/{order.uuid}")

    def transfer(self, order):
        body = {**self._money(order), "payee": {"partyIdType": "MSISDN", "partyId": order.msisdn}}
        return self._create("disbursement", "/disbursement/v1_0/transfer", order, body)

    def transfer_status(self, order):
        return self._status("disbursement", f"/disbursement/v1_0/transfer/{order.uuid}")

    def balance(self, product="collection"):
        answer = self._send(product, "GET", f"/{product}/v1_0/account/balance")
        if answer.status != 200:
            raise self._failure(answer)
        found = answer.json
        return Balance(decimal_of(found.get("availableBalance")) or Decimal(0), str(found.get("currency") or ""))

    def holder(self, msisdn, name=False):
        path = f"/collection/v1_0/accountholder/msisdn/{msisdn}"
        answer = self._send("collection", "GET", f"{path}/active")
        if answer.status == 404:
            return Holder(active=False)
        if answer.status != 200:
            raise self._failure(answer)
        result = answer.json.get("result")
        active = None if result is None else str(result).lower() == "true"
        return Holder(active, self._name(path) if name and active else "")

    def notify(self, order, text):
        text = plain(text)
        answer = self._send(
            "collection",
            "POST",
            f"/collection/v1_0/requesttopay/{order.uuid}/deliverynotification",
            json={"notificationMessage": text},
            headers={"notificationMessage": text, "Language": order.language[:2]},
        )
        if answer.status not in (200, 201, 202):
            raise self._failure(answer)

    def check(self, order=None):
        wrong = []
        for product in self.products:
            keys = getattr(self.account, product)
            if not keys.subscription:
                if product == "collection":
                    wrong.append(("NO_KEY", "There is no subscription key of the product Collection."))
                continue
            try:
                answer = self._send(product, "GET", f"/{product}/v1_0/account/balance")
                if answer.status != 200:
                    raise self._failure(answer)
            except WalletError as error:
                wrong.append((error.code, f"{product.capitalize()}: {error.message or error.code}"))
        return wrong

    # === How it is asked ===

    def _money(self, order):
        return {
            "amount": order.amount,
            "currency": order.currency,
            "externalId": plain(order.reference),
            "payerMessage": plain(order.payer_message),
            "payeeNote": plain(order.payee_note),
        }

    def _create(self, product, path, order, body):
        headers = {"X-Reference-Id": order.uuid}
        if order.callback_url:
            headers["X-Callback-Url"] = order.callback_url
        answer = self._send(product, "POST", path, json=body, headers=headers)
        if answer.status in (200, 201, 202):
            return Accepted()
        if answer.status == 409:
            return Accepted(existed=True)
        raise self._failure(answer)

    def _status(self, product, path):
        answer = self._send(product, "GET", path)
        if answer.status == 404:
            raise NotThere(*_reason(answer.json))
        if answer.status != 200:
            raise self._failure(answer)
        return _status(answer)

    def _name(self, path):
        """The holder's name; a name that is not told is no reason to stop."""
        try:
            answer = self._send("collection", "GET", f"{path}/basicuserinfo")
        except (Unreachable, Unknown):
            return ""
        found = answer.json if answer.status == 200 else {}
        return " ".join(str(found[key]) for key in ("given_name", "family_name") if found.get(key))

    def _send(self, product, method, path, *, json=None, headers=None):
        """With a token; one that is refused is renewed once.

        :raise NotAllowed: this server's keys are refused, or its address
        """
        for last in (False, True):
            token = self.tokens.get(product, lambda: self._fetch_token(product))
            answer = self._raw(product, method, path, {"Authorization": f"Bearer {token}", **(headers or {})}, json=json)
            if answer.status != 401:
                return answer
            self.tokens.drop(product, token)
            if last:
                raise NotAllowed("KEY_REFUSED", f"HTTP 401: is the subscription key that of {product.capitalize()}?")
        raise AssertionError("not reached")

    def _fetch_token(self, product):
        """:return: (token, seconds it lives). A POST without a body: a body is a documented cause of 400."""
        keys = getattr(self.account, product)
        basic = base64.b64encode(f"{keys.user}:{keys.secret}".encode()).decode()
        answer = self._raw(product, "POST", f"/{product}/token/", {"Authorization": f"Basic {basic}"})
        token = answer.json.get("access_token")
        if answer.status == 200 and token:
            seconds = decimal_of(answer.json.get("expires_in"))
            return str(token), int(seconds) if seconds else 3600
        code, message = _reason(answer.json)
        if answer.status in (400, 401, 403, 404):
            raise NotAllowed("TOKEN_REFUSED", f"HTTP {answer.status} to the token request of {product}: {message or code or 'check user, key, host and user agent'}")
        raise Unreachable("NO_TOKEN", f"HTTP {answer.status} to the token request of {product}: {message or code}")

    def _raw(self, product, method, path, headers, json=None):
        base = {
            "Ocp-Apim-Subscription-Key": getattr(self.account, product).subscription,
            "X-Target-Environment": self.account.environment,
        }
        return self.transport.send(method, self.account.base_url.rstrip("/") + path, {**base, **headers}, json=json)

    def _failure(self, answer):
        """:return: what an answer that is no success means, as an exception"""
        code, message = _reason(answer.json)
        told = f"HTTP {answer.status} {message or code}".strip()
        if answer.status == 400:
            return Refused(code or "BAD_REQUEST", told)
        if answer.status in (401, 403):
            return NotAllowed(code or "FORBIDDEN", f"{told}: key, user agent or the address of this server is refused")
        if answer.status == 404:
            return Refused(code, told) if code in REFUSALS else NotAllowed(code or "WRONG_ADDRESS", f"{told}: is the host right?")
        if answer.status == 429:
            return Unreachable("TOO_MANY", told)
        if answer.status == 500 and code in REFUSALS:
            return Refused(code, told)
        if 300 <= answer.status < 400:
            return NotAllowed("WRONG_ADDRESS", f"{told}: the host sends elsewhere")
        return Unknown(code or "NO_ANSWER", told)


def plain(text):
    """A text MTN takes: no apostrophe nor other special characters, 160 at most.

    >>> plain("Achol's bill №7 – home")
    'Achols bill 7 home'
    """
    return " ".join(_SPECIAL.sub("", text or "").split())[:160]


def _status(answer):
    found = answer.json
    word = str(found.get("status") or "").upper()
    code, message = _reason(found.get("reason"))
    return Status(
        state=_STATES.get(word, "pending"),
        reference=str(found.get("financialTransactionId") or ""),
        amount=decimal_of(found.get("amount")),
        currency=str(found.get("currency") or "") or None,
        reason_code=code or (word if _STATES.get(word) == "failed" and word != "FAILED" else ""),
        message=message,
        raw=answer.text,
        unknown_word="" if word in _STATES else word or "?",
    )


def _reason(found):
    """:return: (code, message) of a reason, which is an object or a bare word

    >>> _reason({"code": "PAYER_NOT_FOUND", "message": "Payee does not exist"})
    ('PAYER_NOT_FOUND', 'Payee does not exist')
    >>> _reason("INTERNAL_PROCESSING_ERROR")
    ('INTERNAL_PROCESSING_ERROR', '')
    """
    if isinstance(found, dict):
        return str(found.get("code") or found.get("error") or "")[:64], str(found.get("message") or found.get("error") or "")[:200]
    return (str(found)[:64] if found else ""), ""
