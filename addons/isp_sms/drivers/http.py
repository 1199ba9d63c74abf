# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Any gateway that takes a message in one HTTP request: address, body and headers with placeholders (`engine.template`).

Options: ``method``, ``body``, ``content_type``, ``headers`` (lines "Name: value"), ``ok``, ``later`` and ``id`` (regular
expressions on the answer's text), ``report_status`` and ``report_id`` (names in its reports), ``report_words``
(lines "word = state"), ``balance_url`` and ``balance``.
"""

import re
from urllib.parse import urlsplit, urlunsplit

from ..engine import template
from .base import Balance, Driver, Message, Receipt, Refused, Result, Unknown, Unreachable, driver
from .transport import Line

STATES = ("accepted", "delivered", "failed", "undeliverable", "expired")
#: Words of reports that gateways share, in small letters; those of SMPP among them.
WORDS = {
    "accepted": ("accepted", "acceptd", "enroute", "queued", "buffered", "sent", "submitted", "pending", "4", "8"),
    "delivered": ("delivered", "delivrd", "success", "deliveredtoterminal", "ok", "1"),
    "failed": ("failed", "undeliv", "undelivered", "undeliverable", "deleted", "error", "2"),
    "undeliverable": ("rejected", "rejectd", "blocked", "blacklisted", "16"),
    "expired": ("expired",),
}
_WORDS = {word: state for state, words in WORDS.items() for word in words}
_UUID = re.compile(r"[0-9a-f]{32}")


def headers(text):
    """
    :raise ValueError: a line without a name

    >>> headers("Authorization: Bearer {password}\\n\\nX-A: b")
    {'Authorization': 'Bearer {password}', 'X-A': 'b'}
    """
    found = {}
    for line in (text or "").splitlines():
        if line.strip():
            name, colon, value = line.partition(":")
            if not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()):
                raise ValueError(line)
            found[name.strip()] = value.strip()
    return found


def words(text):
    """
    :raise ValueError: a line that is no "word = state"

    >>> words("DELIVERED_OK = delivered\\n7=failed")
    {'delivered_ok': 'delivered', '7': 'failed'}
    """
    found = {}
    for line in (text or "").splitlines():
        if line.strip():
            word, _equal, state = (part.strip() for part in line.rpartition("="))
            if not word or state not in STATES:
                raise ValueError(line)
            found[word.lower()] = state
    return found


@driver
class Http(Driver):
    code = "http"
    label = "HTTP"

    @classmethod
    def traces(cls, settings):
        return "dlr_url" in template.used(f"{settings.url} {settings.options.get('body')} {settings.options.get('headers')}")

    def __init__(self, settings):
        super().__init__(settings)
        self._options = settings.options
        self._line = Line(settings.url, settings.timeout)

    def send(self, message: Message) -> Result:
        values = {
            **self._login(),
            "number": message.number, "digits": message.number.lstrip("+"), "text": message.text, "sender": message.sender,
            "uuid": message.uuid, "dlr_url": message.dlr_url,
        }  # fmt: skip
        status, text = self._ask(self._line, self.settings.url, values, self._options.get("method") or "GET")
        if 200 <= status < 300:
            return self._result(text)
        if self._is(text, "later") or status in (401, 402, 403, 404, 405, 407, 408, 429, 503) or 300 <= status < 400:
            raise Unreachable(f"{status} {text[:300]}", status)
        if 400 <= status < 500:
            raise Refused(f"{status} {text[:300]}", status)
        raise Unknown(f"{status} {text[:300]}", status)

    def _result(self, text):
        if self._is(text, "later"):
            raise Unreachable(text[:300])
        if self._options.get("ok") and not self._is(text, "ok"):
            raise Refused(text[:300])
        found = re.search(self._options["id"], text) if self._options.get("id") else None
        return Result(reference=(found[1] if found.re.groups else found[0])[:200] if found else "", text=text[:200])

    def _is(self, text, option):
        return bool(self._options.get(option) and re.search(self._options[option], text))

    def _login(self):
        return {"username": self.settings.username, "password": self.settings.password}

    def _ask(self, line, url, values, method):
        parts = urlsplit(url)
        target = template.fill(urlunsplit(("", "", parts.path or "/", parts.query, "")), values, "url")
        sent = {name: template.fill(value, values, "plain").replace("\n", " ").replace("\r", " ") for name, value in headers(self._options.get("headers")).items()}
        body = None
        if method == "POST":
            kind = self._options.get("content_type") or "application/x-www-form-urlencoded"
            body = template.fill(self._options.get("body") or "", values, template.kind_of(kind)).encode()
            sent = {"Content-Type": kind, **sent}
        return line.ask(method, target, body, {name: value.encode("utf-8") for name, value in sent.items()})

    def balance(self):
        url = self._options.get("balance_url")
        if not url:
            return None
        text = self._get(url)
        found = re.search(self._options.get("balance") or r"-?\d[\d,]*\.?\d*", text)
        try:
            return Balance(float((found[1] if found.re.groups else found[0]).replace(",", ""))) if found else None
        except ValueError:
            return None

    def _get(self, url):
        line = Line(url, self.settings.timeout)
        try:
            status, text = self._ask(line, url, {**self._login(), **dict.fromkeys(template.NAMES - {"username", "password"}, "")}, "GET")
        except Unknown as error:
            raise Unreachable(error.text) from error
        finally:
            line.close()
        if status != 200:
            raise Unreachable(f"{status} {text[:300]}", status)
        return text

    def test(self):
        """The balance where it is told; else only whether somebody is there: no request is made that could send something."""
        if self._options.get("balance_url"):
            return self._get(self._options["balance_url"])[:200]
        self._line._connected()
        return ""

    def close(self):
        self._line.close()

    @classmethod
    def report(cls, settings, values):
        options = settings.options
        low = {str(name).lower(): str(value) for name, value in values.items()}
        status = _named(low, options.get("report_status"), ("status", "stat", "state", "dlr_status", "type"))
        reference = _named(low, options.get("report_id"), ("id", "message_id", "messageid", "msgid", "msg_id", "smsid"))
        uuid = next((low[name] for name in ("uuid", "ref", "reference", "client_ref") if _UUID.fullmatch(low.get(name, ""))), "")
        if not status or not (reference or uuid or low.get("_signed")):
            raise ValueError("status or id is missing")
        state = {**_WORDS, **words(options.get("report_words"))}.get(status.lower(), "")
        number = _named(low, "", ("number", "to", "msisdn", "phone", "phonenumber"))
        return Receipt(state=state, uuid=uuid, reference=reference, number=number, key=f"{uuid or reference}:{status.lower()}", text=status)


def _named(values, name, names):
    """:return: the value of the name that is set, or of the first usual one that is there"""
    return next((values[n] for n in ([name.lower()] if name else names) if values.get(n)), "")
