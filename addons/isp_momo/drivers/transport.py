# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Bytes on the wire: one place that knows whether a request may have arrived."""

import json
import threading
import time

import requests
from requests import exceptions
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from .base import Unknown, Unreachable

#: No answer of a wallet is longer; what is, is cut off.
LONGEST = 64 * 1024


class Response:
    """Status and body of an answer. ``json`` is {} where the body is empty or no JSON object."""

    def __init__(self, status, body):
        self.status, self.body = status, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Pace:
    """No more than ``rate`` calls a second, over all threads that share it."""

    def __init__(self, rate):
        self.gap = 1 / rate if rate else 0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self):
        with self._lock:
            now = time.monotonic()
            at = max(self._next, now)
            self._next = at + self.gap
        if at > now:
            time.sleep(at - now)


class Transport:
    """Sends with kept connections, one session a thread; never follows a redirection, never names python-requests.

    :param timeout: seconds to connect, to wait for a byte, and for the whole answer
    """

    def __init__(self, user_agent, timeout, pace=None):
        self.user_agent, self.timeout, self.pace = user_agent, timeout, pace
        self._local = threading.local()

    def send(self, method, url, headers=None, *, json=None, data=None):
        """:raise Unreachable: the other side surely got nothing  :raise Unknown: it may have got it"""
        if self.pace:
            self.pace.wait()
        try:
            with self._session().request(
                method,
                url,
                headers={"User-Agent": self.user_agent, **(headers or {})},
                json=json,
                data=data,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            ) as answer:
                return Response(answer.status_code, self._read(answer))
        except (exceptions.ConnectTimeout, exceptions.SSLError, exceptions.ProxyError) as error:
            raise Unreachable("NO_CONNECTION", _named(error)) from error
        except (exceptions.InvalidURL, exceptions.MissingSchema, exceptions.InvalidSchema, exceptions.InvalidHeader) as error:
            raise Unreachable("BAD_ADDRESS", _named(error)) from error
        except exceptions.ConnectionError as error:
            failure = Unreachable if _before_sending(error) else Unknown
            raise failure("NO_CONNECTION", _named(error)) from error
        except exceptions.RequestException as error:
            raise Unknown("NO_ANSWER", _named(error)) from error

    def _read(self, answer):
        body, until = b"", time.monotonic() + self.timeout
        for chunk in answer.iter_content(8192):
            body += chunk
            if len(body) >= LONGEST:
                return body[:LONGEST]
            if time.monotonic() > until:
                raise exceptions.Timeout("the answer dripped")
        return body

    def _session(self):
        if not hasattr(self._local, "session"):
            session = self._local.session = requests.Session()
            session.trust_env = False
        return self._local.session


def _before_sending(error):
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | NameResolutionError | ConnectTimeoutError)


def _named(error):
    """The kind of failure and the host, never the address with its tokens."""
    host = getattr(getattr(error, "request", None), "url", "") or ""
    host = host.split("/")[2] if host.count("/") > 2 else "the host"
    return f"no connection to {host} ({type(error).__name__})"
