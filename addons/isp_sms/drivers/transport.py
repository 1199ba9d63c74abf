# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One kept HTTP connection that tells apart what was surely not sent and what may have been.

``http.client`` and not a larger library, because this is the hot path of a bulk run, and because nothing is ever sent twice here.
"""

import http.client
import socket
import ssl
from urllib.parse import urlsplit

from .base import Unknown, Unreachable


class Line:
    """:param url: its scheme, host and port count"""

    def __init__(self, url, timeout):
        parts = urlsplit(url)
        self._https, self._host, self._timeout = parts.scheme == "https", parts.hostname or "", timeout
        try:
            self._port = parts.port
        except ValueError:
            self._port = None
        self._connection = None

    def ask(self, method, target, body=None, headers=None, largest=65536):
        """:return: (status, text of the answer)
        :raise Unreachable: no connection; nothing was sent
        :raise Unknown: it was sent, at least in part, and no whole answer came

        A kept connection that the other side has closed meanwhile is opened again before anything is sent on it.
        """
        connection = self._connected()
        try:
            connection.request(method, target, body=body, headers={"Connection": "keep-alive", **(headers or {})})
            answer = connection.getresponse()
            raw = answer.read(largest)
            rest = answer.read(1)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unknown(f"{type(error).__name__}: {error}") from error
        if answer.will_close or rest:
            self.close()
        return answer.status, raw.decode("utf-8", "replace").strip()

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connected(self):
        if self._connection is not None and not self._alive():
            self.close()
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._https else http.client.HTTPConnection
            connection = kind(self._host, self._port, timeout=self._timeout)
            try:
                connection.connect()
            except (OSError, ssl.SSLError, UnicodeError) as error:
                raise Unreachable(f"{self._host}:{connection.port}: {error}") from error
            self._connection = connection
        return self._connection

    def _alive(self):
        """An idle connection with something to read is one that the other side has closed."""
        sock = self._connection.sock
        if sock is None:
            return False
        sock.settimeout(0)
        try:
            # In TLS this takes what belongs to the handshake (tickets) and says that it wants more.
            sock.recv(1, *(() if self._https else (socket.MSG_PEEK,)))
            return False
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        finally:
            sock.settimeout(self._timeout)
