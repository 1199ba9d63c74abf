# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Kannel's smsbox over HTTP: ``GET /cgi-bin/sendsms`` (Kannel 1.4 User's Guide, "Using the HTTP interface to send SMS").

Kannel gives no id: ours goes into the address of the report.
"""

from urllib.parse import quote, urlencode, urlsplit

from .base import Driver, Message, Receipt, Refused, Result, Unknown, Unreachable, driver
from .transport import Line

#: 1 delivered, 2 failed, 4 buffered, 8 accepted by the SMSC, 16 refused by it
DLR_MASK = 31
_STATES = {"1": "delivered", "2": "failed", "4": "accepted", "8": "accepted", "16": "undeliverable"}


@driver
class Kannel(Driver):
    code = "kannel"
    label = "Kannel"
    receipts = True

    def __init__(self, settings):
        super().__init__(settings)
        path = urlsplit(settings.url).path
        self._path = path if path.strip("/") else "/cgi-bin/sendsms"
        self._line = Line(settings.url, settings.timeout)

    def send(self, message: Message) -> Result:
        status, text = self._get(self._query(message))
        if status == 202:
            return Result(text=text)
        if status == 503:
            raise Unreachable(text or "503", status)
        if status in (401, 403):
            raise Unreachable(text, status)
        if 400 <= status < 500:
            raise Refused(text, status)
        raise Unknown(f"{status} {text}", status)

    @classmethod
    def traces(cls, settings):
        return True

    def test(self):
        """A message without receiver: Kannel checks the password, then says that the receiver is missing."""
        status, text = self._get(self._login())
        if status in (401, 403) or "uthorization" in text:
            raise Unreachable(text, status)
        if status not in (202, 400):
            raise Unreachable(f"{status} {text}", status)
        return text

    def close(self):
        self._line.close()

    def _login(self):
        return {"username": self.settings.username, "password": self.settings.password}

    def _query(self, message):
        query = {**self._login(), "to": message.number, "text": message.text, "charset": "UTF-8"}
        query["coding"] = "0" if message.encoding == "gsm" else "2"
        if message.sender:
            query["from"] = message.sender
        if message.dlr_url:
            query["dlr-mask"] = DLR_MASK
            # Kannel fills the %; they must reach it unescaped inside its own value.
            query["dlr-url"] = message.dlr_url + "?type=%d&reply=%A&smsc=%i&id=%F"
        if self.settings.options.get("smsc"):
            query["smsc"] = self.settings.options["smsc"]
        return query

    def _get(self, query):
        return self._line.ask("GET", f"{self._path}?{urlencode(query, quote_via=quote)}")


def receipt(uuid, attempt, values):
    """:param values: the query of Kannel's call, as ``_query`` asked for it"""
    kind = values.get("type", "")
    return Receipt(
        state=_STATES.get(kind, ""),
        uuid=uuid,
        key=f"kannel:{uuid}:{attempt}:{kind}",
        text=values.get("reply", "")[:200],
        raw="&".join(f"{name}={value}" for name, value in sorted(values.items()))[:2000],
    )
