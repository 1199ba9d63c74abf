# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A router's side of RADIUS for the tests: radclient, and packets made by hand where radclient hides what matters."""

import hashlib
import hmac
import os
import re
import socket
import struct
import subprocess
from dataclasses import dataclass, field

from passlib.crypto.des import des_encrypt_block
from passlib.hash import nthash

ACCEPT, REJECT = "Access-Accept", "Access-Reject"
_CODES = {2: ACCEPT, 3: REJECT}
_MICROSOFT = 311


@dataclass
class Reply:
    """``code`` is the packet's name, "" when nobody answered; ``values`` its attributes as radclient prints them."""

    code: str = ""
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class Nas:
    """A router: ``source`` is its address, as registered in ``isp.router``."""

    instance: object
    secret: str = "testing123"
    source: str = "127.0.0.1"

    # --- radclient ---

    def radclient(self, kind: str, attributes: dict, *, timeout=8, tries=1) -> Reply:
        """Send one packet (kind: auth, acct, status) with ``attributes`` as radclient writes them."""
        radius = self.instance.radius
        port = radius.acct_port if kind == "acct" else radius.auth_port
        lines = [f"{name} = {_quote(value)}" for name, value in attributes.items()]
        lines.append(f"Packet-Src-IP-Address = {self.source}")
        command = ["radclient", "-x", "-r", str(tries), "-t", str(timeout), "--", f"127.0.0.1:{port}", kind, self.secret]
        result = subprocess.run(command, input="\n".join(lines), text=True, errors="replace", capture_output=True, check=False)
        head, _, tail = result.stdout.partition("Received ")
        if not tail:
            return Reply()
        values = dict(re.findall(r"^\t([\w-]+) [:+]?= (.*)$", tail, re.M))
        return Reply(tail.split(" ", 1)[0], {name: value.strip('"') for name, value in values.items()})

    def login(self, user: str, password: str, method="pap", **more) -> Reply:
        secret = {"pap": "User-Password", "chap": "CHAP-Password", "mschap": "MS-CHAP-Password"}[method]
        attributes = {"User-Name": user, secret: password, "NAS-IP-Address": self.source}
        attributes |= {name.replace("_", "-"): value for name, value in more.items()}
        return self.radclient("auth", attributes)

    def account(self, status: str, user: str, session: str, **more) -> Reply:
        attributes = {
            "Acct-Status-Type": status,
            "User-Name": user,
            "Acct-Session-Id": session,
            "NAS-IP-Address": self.source,
            **{name.replace("_", "-"): value for name, value in more.items()},
        }
        return self.radclient("acct", attributes)

    # --- by hand ---

    def raw_login(self, user: bytes, password: str, method="pap", signed=True, timeout=8, more=()):
        """An Access-Request made here, with ``more`` attributes [(kind, bytes)]. :return: ``RawReply``, or None when nobody answered in time."""
        authenticator = os.urandom(16)
        attributes = _attribute(1, user) + _attribute(4, socket.inet_aton(self.source)) + attributes_of(more)
        if method == "pap":
            attributes += _attribute(2, _pap(password.encode(), self.secret.encode(), authenticator))
        elif method == "mschapv2":
            attributes += _mschapv2(user, password)
        return self.raw(1, attributes, authenticator, signed, timeout)

    def raw(self, code: int, attributes: bytes, authenticator: bytes | None = None, signed=True, timeout=8):
        """Any packet to the authentication port (1 Access-Request, 12 Status-Server)."""
        authenticator = authenticator or os.urandom(16)
        if signed:
            attributes += _attribute(80, bytes(16))
        packet = struct.pack("!BBH", code, 7, 20 + len(attributes)) + authenticator + attributes
        if signed:
            packet = packet[:-16] + hmac.digest(self.secret.encode(), packet, "md5")
        answer = self._send(packet, self.instance.radius.auth_port, timeout)
        return answer and RawReply(answer, authenticator, self.secret.encode())

    def raw_account(self, attributes: bytes, timeout=8) -> bool:
        """An Accounting-Request with these bytes as attributes. :return: whether it was acknowledged"""
        head = struct.pack("!BBH", 4, os.urandom(1)[0], 20 + len(attributes))
        authenticator = hashlib.md5(head + bytes(16) + attributes + self.secret.encode()).digest()
        answer = self._send(head + authenticator + attributes, self.instance.radius.acct_port, timeout)
        return bool(answer) and answer[0] == 5

    def _send(self, packet: bytes, port: int, timeout: float) -> bytes | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((self.source, 0))
            sock.settimeout(timeout)
            sock.sendto(packet, ("127.0.0.1", port))
            try:
                return sock.recv(4096)
            except TimeoutError:
                return None


class RawReply:
    """An answer as it came over the wire."""

    def __init__(self, data: bytes, request_authenticator: bytes, secret: bytes):
        self.data = data[: struct.unpack("!H", data[2:4])[0]]
        self.code = _CODES.get(data[0], str(data[0]))
        self._request = request_authenticator
        self._secret = secret

    def attributes(self) -> list[tuple[int, bytes]]:
        found, rest = [], self.data[20:]
        while rest:
            found.append((rest[0], rest[2 : rest[1]]))
            rest = rest[rest[1] :]
        return found

    def signature_is_valid(self) -> bool:
        """There is one Message-Authenticator and it is the HMAC-MD5 of this packet; the Response Authenticator fits too."""
        signatures = [value for kind, value in self.attributes() if kind == 80]
        if len(signatures) != 1:
            return False
        position = self.data.index(bytes([80, 18]) + signatures[0]) + 2
        blank = self.data[:4] + self._request + self.data[20:position] + bytes(16) + self.data[position + 16 :]
        response = hashlib.md5(self.data[:4] + self._request + self.data[20:] + self._secret).digest()
        return hmac.compare_digest(hmac.digest(self._secret, blank, "md5"), signatures[0]) and response == self.data[4:20]


def _quote(value) -> str:
    text = str(value)
    if re.fullmatch(r"[\w.:-]+", text, re.A):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def attributes_of(pairs) -> bytes:
    """:param pairs: iterable of (kind, value) :return: as they stand in a packet"""
    return b"".join(_attribute(kind, value) for kind, value in pairs)


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value) + 2]) + value


def _vendor(vendor: int, kind: int, value: bytes) -> bytes:
    return _attribute(26, struct.pack("!I", vendor) + _attribute(kind, value))


def _pap(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    padded = password + bytes(-len(password) % 16)
    out, last = b"", authenticator
    for start in range(0, len(padded), 16):
        key = hashlib.md5(secret + last).digest()
        last = bytes(a ^ b for a, b in zip(padded[start : start + 16], key, strict=True))
        out += last
    return out


def _mschapv2(user: bytes, password: str) -> bytes:
    """MS-CHAP-Challenge and MS-CHAP2-Response (RFC 2759)."""
    server, peer = os.urandom(16), os.urandom(16)
    challenge = hashlib.sha1(peer + server + user).digest()[:8]
    key = bytes.fromhex(nthash.hash(password)) + bytes(5)
    answer = b"".join(des_encrypt_block(key[i : i + 7], challenge) for i in (0, 7, 14))
    response = bytes([1, 0]) + peer + bytes(8) + answer
    return _vendor(_MICROSOFT, 11, server) + _vendor(_MICROSOFT, 25, response)
