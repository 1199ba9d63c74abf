# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The REST API (7.1 and later; without TLS 7.9 and later): a request for each command, nothing kept. For routers whose API port is not ours to open."""

import json
import time

import requests
from requests import exceptions
from requests.adapters import HTTPAdapter
from urllib3.exceptions import NameResolutionError, NewConnectionError

from .routeros import (
    Driver,
    NotAllowed,
    NotTrusted,
    Refused,
    RouterError,
    Unknown,
    Unreachable,
    context_for,
    is_change,
    plain_fingerprint,
    refusal,
)

_LONGEST_ANSWER = 64 << 20


class _Adapter(HTTPAdapter):
    """Trusts the pinned certificate and no other; an IP address may be called by the name in it."""

    def __init__(self, address):
        self._address = address
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args, **kwargs):
        kwargs["ssl_context"] = context_for(self._address)
        if self._address.fingerprint:
            kwargs["assert_fingerprint"] = plain_fingerprint(self._address.fingerprint)
        elif self._address.server_name:
            kwargs["server_hostname"] = kwargs["assert_hostname"] = self._address.server_name
        return super().init_poolmanager(*args, **kwargs)

    def cert_verify(self, conn, url, verify, cert):
        """The context has it all; requests would add its own authorities."""


class Rest(Driver):
    def __init__(self, address):
        super().__init__(address)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.auth = (address.user.encode(), address.password.encode())
        if address.tls:
            self._session.mount("https://", _Adapter(address))
            # With a fingerprint the certificate itself is compared (assert_fingerprint), not who signed it.
            self._session.verify = not address.fingerprint

    def close(self):
        self._session.close()

    def run(self, command, values=None, where=None, fields=None):
        answer = self._ask(command, values or {}, where, fields)
        rows = answer if isinstance(answer, list) else [answer] if answer else []
        if not all(isinstance(row, dict) and all(isinstance(value, str) for value in row.values()) for row in rows):
            raise self._lost(command, "the answer is no list of rows")
        return rows

    def _returned(self, command, values=None):
        answer = self._ask(command, values or {})
        if isinstance(answer, list):
            answer = answer[0] if len(answer) == 1 else {}
        ret = answer.get("ret") if isinstance(answer, dict) else None
        if ret is not None and not isinstance(ret, str):
            raise self._lost(command, "the answer is no text")
        return ret

    def run_many(self, commands):
        commands = list(commands)
        answers = []
        for command, values in commands:
            try:
                answers.append(self._returned(command, values))
            except Refused as refused:
                answers.append(refused)
            except RouterError as error:
                error.done = answers + [None] * (len(commands) - len(answers))
                error.in_doubt = {len(answers)} if isinstance(error, Unknown) else set()
                raise
        return answers

    def _ask(self, command, values, where=None, fields=None):
        """Everything goes by POST, which is the console's command with its arguments.

        :return: the JSON
        """
        body = dict(values)
        if fields:
            body[".proplist"] = list(fields)
        if where:
            body[".query"] = [f"{name}={value}" for name, value in where.items()] + ["#&"] * (len(where) - 1)
        address = self.address
        url = f"{'https' if address.tls else 'http'}://{address.host}:{address.port}/rest/{command}"
        try:
            status, data = self._exchange(url, json.dumps(body).encode())
        except exceptions.SSLError as error:
            raise NotTrusted(f"{address.host}: TLS: {_short(error)}") from None
        except exceptions.ConnectTimeout:
            raise Unreachable(f"{address.host}:{address.port} cannot be reached: no answer in time") from None
        except exceptions.ConnectionError as error:
            cause = getattr(error.args[0], "reason", None) if error.args else None
            if isinstance(cause, NewConnectionError | NameResolutionError):
                raise Unreachable(f"{address.host}:{address.port} cannot be reached") from None
            raise self._lost(command, "the connection was closed") from None
        except (exceptions.RequestException, OSError) as error:
            raise self._lost(command, "no answer in time" if isinstance(error, exceptions.Timeout | TimeoutError) else _short(error)) from None
        return self._judged(command, status, data)

    def _exchange(self, url, body):
        """:return: (status, the whole body); within the time for all of it"""
        timeout = self.address.timeout
        until = time.monotonic() + timeout
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        with self._session.post(url, data=body, headers=headers, timeout=(timeout, timeout), stream=True, allow_redirects=False) as answer:
            data = bytearray()
            for block in answer.iter_content(65536):
                data += block
                if time.monotonic() > until:
                    raise TimeoutError
                if len(data) > _LONGEST_ANSWER:
                    raise OSError("the answer is too long")
            return answer.status_code, bytes(data)

    def _judged(self, command, status, data):
        if status == 401:
            raise NotAllowed(f"{self.address.host}: log-in as {self.address.user}: refused")
        try:
            answer = json.loads(data) if data else []
        except ValueError:
            raise self._lost(command, f"status {status}, and no JSON") from None
        if status < 300:
            return answer
        detail = answer.get("detail") or answer.get("message") if isinstance(answer, dict) else None
        if isinstance(detail, str) and (400 <= status < 500 or "permissions" in detail):
            raise refusal(detail, command)
        raise self._lost(command, f"status {status}")

    def _lost(self, command, reason):
        kind = Unknown if is_change(command) else Unreachable
        return kind(f"{self.address.host}: /{command}: {reason}")


def _short(error):
    text = str(error)
    return text[:200]
