# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Africa's Talking, bulk SMS (docs.africastalking.com: "Send SMS", "Delivery reports", "Fetch application data").

It knows no key of ours: a message is known by its ``messageId``, which comes with the answer. So what was sent and not
answered is not sent again. Reports are brought to the address that stands in its dashboard.
"""

import json
import re
from urllib.parse import urlencode, urlsplit

from .base import Balance, Driver, Message, Receipt, Refused, Result, Unknown, Unreachable, driver
from .transport import Line

LIVE, SANDBOX = "https://api.africastalking.com", "https://api.sandbox.africastalking.com"
#: statusCode of a number -> what it means here. Those of settings, credit and of their platform leave the message with us.
ACCEPTED = (100, 101, 102)
NOT_NOW = {402: "sender", 405: "credit", 500: "", 501: ""}
REFUSED = {401: "risk", 403: "number", 404: "number", 406: "blacklist", 407: "route", 409: "blacklist", 502: "gateway"}
_STATES = {
    "sent": "accepted", "submitted": "accepted", "buffered": "accepted", "success": "delivered", "rejected": "undeliverable",
    "failed": "failed", "absentsubscriber": "failed", "expired": "expired",
}  # fmt: skip
_MONEY = re.compile(r"\s*([A-Z]{3})?\s*(-?[\d,]*\.?\d+)\s*\Z")


def money(text):
    """
    >>> money("UGX 0.8000"), money("KES 1,785.50"), money("0"), money("None")
    ((0.8, 'UGX'), (1785.5, 'KES'), (0.0, ''), (None, ''))
    """
    match = _MONEY.match(str(text or ""))
    return (float(match[2].replace(",", "")), match[1] or "") if match else (None, "")


@driver
class AfricasTalking(Driver):
    code = "africastalking"
    label = "Africa's Talking"
    receipts = True

    def __init__(self, settings):
        super().__init__(settings)
        self.base = settings.url or (SANDBOX if settings.username == "sandbox" else LIVE)
        self._path = urlsplit(self.base).path.rstrip("/").removesuffix("/version1/messaging").removesuffix("/version1")
        self._line = Line(self.base, settings.timeout)

    def send(self, message: Message) -> Result:
        form = {"username": self.settings.username, "to": message.number, "message": message.text, "bulkSMSMode": "1"}
        if message.sender:
            form["from"] = message.sender
        if self.settings.options.get("enqueue"):
            form["enqueue"] = "1"
        headers = {**self._headers(), "Content-Type": "application/x-www-form-urlencoded"}
        status, text = self._line.ask("POST", f"{self._path}/version1/messaging", urlencode(form).encode(), headers)
        if status in (200, 201):
            return self._result(text)
        if status in (401, 403, 429, 503):
            raise Unreachable(f"{status} {text[:300]}", status)
        if 400 <= status < 500:
            raise Refused(f"{status} {text[:300]}", status)
        raise Unknown(f"{status} {text[:300]}", status)

    def _result(self, text):
        try:
            data = json.loads(text)["SMSMessageData"]
            rows, told = list(data.get("Recipients") or ()), str(data.get("Message") or "")
            code = int(rows[0]["statusCode"]) if rows else 0
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unknown(f"not understood: {text[:200]}") from error
        if not rows:
            # No number was looked at: the name of the sender, or the whole request, does not please.
            if "sender" in told.lower():
                raise Unreachable(told, "sender")
            raise Refused(told or "no recipients")
        row = rows[0]
        words = f"{code} {row.get('status') or told}"
        if code in NOT_NOW:
            raise Unreachable(words, NOT_NOW[code] or code)
        if code not in ACCEPTED:
            raise Refused(words, REFUSED.get(code) or code)
        cost, currency = money(row.get("cost"))
        return Result(reference=str(row.get("messageId") or ""), text=words, cost=cost, currency=currency)

    def balance(self):
        amount, currency = money(self._user())
        return None if amount is None else Balance(amount, currency)

    def test(self):
        return self._user()

    def _user(self):
        """:return: what the account holds, as it is told"""
        query = urlencode({"username": self.settings.username})
        try:
            status, text = self._line.ask("GET", f"{self._path}/version1/user?{query}", headers=self._headers())
            if status != 200:
                raise Unreachable(f"{status} {text[:300]}", status)
            return str(json.loads(text)["UserData"]["balance"])
        except Unknown as error:
            raise Unreachable(error.text, error.code) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Unreachable(f"not understood: {text[:200]}") from error

    def _headers(self):
        return {"apiKey": self.settings.password, "Accept": "application/json"}

    def close(self):
        self._line.close()

    @classmethod
    def report(cls, settings, values):
        reference, status = str(values.get("id") or ""), str(values.get("status") or "")
        if not reference or not status:
            raise ValueError("id or status is missing")
        reason = str(values.get("failureReason") or "")
        state = _STATES.get(status.lower(), "")
        if state == "failed" and reason.lower() == "expired":
            state = "expired"
        return Receipt(
            state=state,
            reference=reference,
            number=str(values.get("phoneNumber") or ""),
            key=f"{reference}:{status.lower()}",
            text=f"{status} {reason}".strip(),
        )
