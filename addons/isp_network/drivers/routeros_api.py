# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The binary API, on librouteros: its words and lengths; rows, time-outs and tags are ours.

Every command has a tag, so that a late answer to an earlier one is known for what it is. After anything that is not the answer to our command the connection is closed.
"""

import hashlib
import hmac
import socket
import ssl
import time

from librouteros.connections import SocketTransport
from librouteros.exceptions import LibRouterosError
from librouteros.protocol import ApiProtocol, decode_length, determine_length

from .routeros import (
    Driver,
    NotAllowed,
    NotTrusted,
    Unknown,
    Unreachable,
    context_for,
    is_change,
    plain_fingerprint,
    refusal,
)

#: Commands on their way at a time: enough for a line with 100 ms, few enough that their answers fit the buffers.
_WINDOW = 32
#: An answer is not longer: 2,000 queues are half a megabyte.
_LONGEST_ANSWER = 64 << 20


class _Transport(SocketTransport):
    """Reads in blocks, and knows by when the whole answer has to be there: a peer that drips bytes ends too."""

    def __init__(self, sock, timeout):
        super().__init__(sock)
        self._timeout = timeout
        self._data = b""
        self._at = 0
        self._until = self._left = 0

    def begin(self):
        """A command starts."""
        self._until = time.monotonic() + self._timeout
        self._left = _LONGEST_ANSWER
        self.sock.settimeout(self._timeout)

    def read(self, length):  # pylint: disable=method-required-super
        while len(self._data) - self._at < length:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("no whole answer in time")
            if length > self._left:
                raise LibRouterosError("the answer is too long")
            self.sock.settimeout(left)
            more = self.sock.recv(65536)
            if not more:
                raise LibRouterosError("the connection was closed")
            self._left -= len(more)
            self._data = self._data[self._at :] + more
            self._at = 0
        self._at += length
        return self._data[self._at - length : self._at]


class _Protocol(ApiProtocol):
    def readSentence(self):
        """:return: (reply word, the other words); an empty sentence is skipped"""
        words = []
        while not words:
            words = list(iter(self.readWord, ""))
        if words[0] == "!fatal":
            raise LibRouterosError(" ".join(words[1:]) or "the router closed the connection")
        return words[0], words[1:]

    def readWord(self):
        """Bytes that are no UTF-8 are seen as such, not dropped."""
        first = self.transport.read(1)
        length = decode_length(first + self.transport.read(determine_length(first)))
        return self.transport.read(length).decode("utf-8", "replace")


class Api(Driver):
    _protocol = None
    _transport = None
    _tag = 0

    def close(self):
        if self._transport is not None:
            self._transport.close()
        self._protocol = self._transport = None

    # --- commands ---

    def run(self, command, values=None, where=None, fields=None):
        rows, _ret = self._ask(command, values or {}, where, fields)
        return rows

    def _returned(self, command, values=None):
        _rows, ret = self._ask(command, values or {})
        return ret

    def run_many(self, commands):
        commands = list(commands)
        answers = [None] * len(commands)
        waiting = {}
        position = 0
        try:
            self._connect()
            while position < len(commands) or waiting:
                while position < len(commands) and len(waiting) < _WINDOW:
                    command, values = commands[position]
                    waiting[self._send(command, values)] = (position, command, [])
                    position += 1
                tag, refused, ret = self._next_end(waiting)
                # Each answer is progress: the time is for one command, not for all.
                self._transport.begin()
                at, command, _rows = waiting.pop(tag)
                answers[at] = refusal(refused, command) if refused is not None else ret
        except (OSError, LibRouterosError, ValueError) as error:
            self.close()
            left = {at for at, _command, _rows in waiting.values()}
            raised = (Unknown if left else Unreachable)(f"{self.address.host}: {_reason(error)} after {position - len(left)} of {len(commands)} changes")
            raised.done = [answers[at] if at < position and at not in left else None for at in range(len(commands))]
            raised.in_doubt = left
            raise raised from None
        return answers

    def _ask(self, command, values, where=None, fields=None):
        """:return: (rows, the text with ``!done`` or None)"""
        self._connect()
        try:
            tag = self._send(command, values, where, fields)
            waiting = {tag: (0, command, [])}
            _tag, refused, ret = self._next_end(waiting)
        except (OSError, LibRouterosError, ValueError) as error:
            self.close()
            kind = Unknown if is_change(command) else Unreachable
            raise kind(f"{self.address.host}: /{command}: {_reason(error)}") from None
        if refused is not None:
            raise refusal(refused, command)
        return waiting[tag][2], ret

    def _send(self, command, values, where=None, fields=None):
        """:return: the tag"""
        self._tag += 1
        words = [f"={name}={value}" for name, value in values.items()]
        if fields:
            words.append(f"=.proplist={','.join(fields)}")
        words += [f"?{name}={value}" for name, value in (where or {}).items()]
        self._transport.begin()
        self._protocol.writeSentence(f"/{command}", *words, f".tag={self._tag}")
        return str(self._tag)

    def _next_end(self, waiting):
        """Read until one of the waiting commands has ended; rows of all are kept.

        :return: (tag, the words of the refusal or None, the text of ``!done`` or None)
        """
        refusals = {}
        while True:
            kind, words = self._protocol.readSentence()
            row, tag = {}, None
            for word in words:
                if word.startswith(".tag="):
                    tag = word[5:]
                elif word.startswith("="):
                    name, _equals, value = word[1:].partition("=")
                    row[name] = value
            if tag not in waiting:
                raise LibRouterosError("an answer to another command came")
            if kind == "!re":
                waiting[tag][2].append(row)
            elif kind == "!trap":
                refusals.setdefault(tag, []).append(row.get("message", "no reason given"))
            elif kind == "!done":
                return tag, ", ".join(refusals[tag]) if tag in refusals else None, row.get("ret")
            elif kind != "!empty":
                raise LibRouterosError(f"an unexpected word came: {kind[:40]}")

    # --- connection ---

    def _connect(self):
        if self._transport is not None:
            return
        address = self.address
        try:
            sock = socket.create_connection((address.host, address.port), timeout=address.timeout)
        except OSError as error:
            raise Unreachable(f"{address.host}:{address.port} cannot be reached: {error.strerror or error}") from None
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A router whose power was cut says nothing: the kernel asks.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if address.tls:
            sock = self._trusted(sock)
        self._transport = _Transport(sock, address.timeout)
        self._protocol = _Protocol(transport=self._transport, encoding="utf-8")
        try:
            self._tag += 1
            self._transport.begin()
            self._protocol.writeSentence("/login", f"=name={address.user}", f"=password={address.password}", f".tag={self._tag}")
            _tag, refused, ret = self._next_end({str(self._tag): (0, "login", [])})
        except (OSError, LibRouterosError, ValueError) as error:
            self.close()
            raise Unreachable(f"{address.host}: log-in: {_reason(error)}") from None
        if refused is not None or ret:
            # An answer with a challenge is RouterOS before 6.43, which has nothing that we need.
            self.close()
            raise NotAllowed(f"{address.host}: log-in as {address.user}: {refused or 'RouterOS is older than 6.43'}")

    def _trusted(self, sock):
        address = self.address
        try:
            secured = context_for(address).wrap_socket(sock, server_hostname=address.server_name or address.host)
        except (ssl.SSLError, ssl.CertificateError) as error:
            sock.close()
            raise NotTrusted(f"{address.host}: TLS: {getattr(error, 'verify_message', '') or error.reason or error}") from None
        except OSError as error:
            sock.close()
            raise Unreachable(f"{address.host}: TLS: {error.strerror or error}") from None
        if address.fingerprint:
            found = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
            if not hmac.compare_digest(found, plain_fingerprint(address.fingerprint)):
                secured.close()
                raise NotTrusted(f"{address.host}: TLS: another certificate is there (SHA-256 {found})")
        return secured


def _reason(error):
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__


