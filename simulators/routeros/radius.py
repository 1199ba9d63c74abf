# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""RADIUS as a router speaks it: requests to the servers of /radius, and the listener of /radius incoming."""

import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading
import time
from pathlib import Path

from passlib.crypto.des import des_encrypt_block
from passlib.hash import nthash
from pyrad import packet
from pyrad.dictionary import Dictionary

from .values import seconds

DICTIONARY = Dictionary(str(Path(__file__).with_name("dictionary")))
TRIES = 3
ACCEPT, REJECT = packet.AccessAccept, packet.AccessReject
#: Error-Cause of RFC 5176.
UNSUPPORTED, MISSING, NAS_MISMATCH, NOT_FOUND, SEVERAL = 401, 402, 403, 503, 508
_SIGNATURE = 80


def challenge_response(username, password, ours, peers):
    """MS-CHAPv2 (RFC 2759). :return: (response, what the server has to answer)

    >>> ours, peers = bytes.fromhex("5b5d7c7d7b3f2f3e3c2c602132262628"), bytes.fromhex("21402324255e262a28295f2b3a337c7e")
    >>> response, proof = challenge_response("User", "clientPass", ours, peers)
    >>> response.hex(), proof
    ('82309ecd8d708b5ea08faa3981cd83544233114a3d85d6df', 'S=407A5589115FD0D6209F510FE9C04566932CDA56')
    """
    challenge = hashlib.sha1(peers + ours + username.encode(), usedforsecurity=False).digest()[:8]
    secret = nthash.raw(password)
    padded = secret.ljust(21, b"\0")
    response = b"".join(des_encrypt_block(padded[at : at + 7], challenge) for at in (0, 7, 14))
    twice = nthash_of(secret)
    first = hashlib.sha1(twice + response + b"Magic server to client signing constant", usedforsecurity=False).digest()
    proof = hashlib.sha1(first + challenge + b"Pad to make it do more than one iteration", usedforsecurity=False).hexdigest()
    return response, f"S={proof.upper()}"


def nthash_of(data):
    from passlib.crypto.digest import lookup_hash

    return lookup_hash("md4").const(data).digest()


class Credentials:
    """How a client proves who it is: adds the attributes, checks the server's answer."""

    def __init__(self, method, user, password):
        """:param method: pap, chap or mschap2"""
        self.method, self.user, self.password = method, user, password
        self._challenge, self._peer = os.urandom(16), os.urandom(16)
        self._id = os.urandom(1)

    def add(self, request):
        if self.method == "pap":
            request["User-Password"] = request.PwCrypt(self.password)
        elif self.method == "chap":
            digest = hashlib.md5(self._id + self.password.encode() + self._challenge, usedforsecurity=False).digest()
            request["CHAP-Challenge"] = self._challenge
            request["CHAP-Password"] = self._id + digest
        else:
            response, _proof = challenge_response(self.user, self.password, self._challenge, self._peer)
            request["MS-CHAP-Challenge"] = self._challenge
            request["MS-CHAP2-Response"] = self._id + b"\0" + self._peer + bytes(8) + response

    def proven(self, reply):
        """Does the server know the password too? Only MS-CHAPv2 asks."""
        if self.method != "mschap2":
            return True
        _response, proof = challenge_response(self.user, self.password, self._challenge, self._peer)
        return any(value[1:] == proof.encode() for value in reply.get("MS-CHAP2-Success", []))

    def matches(self, password):
        return password == self.password


class Answered(Credentials):
    """CHAP of which the challenge was given before: the browser has answered it, nobody here knows the password."""

    def __init__(self, user, identifier, challenge, response):
        super().__init__("chap", user, "")
        self._id, self._challenge, self._response = identifier, challenge, response

    def add(self, request):
        request["CHAP-Challenge"] = self._challenge
        request["CHAP-Password"] = self._id + self._response

    def matches(self, password):
        return hashlib.md5(self._id + password.encode() + self._challenge, usedforsecurity=False).digest() == self._response


class Client:
    """Requests of one router."""

    def __init__(self, router):
        self._router = router
        self._ids = iter(())

    def servers(self, service, called="", domain=""):
        """:return: the items of /radius that serve, in order"""
        found = []
        for item in self._router.table("radius"):
            if item["disabled"] == "true" or service not in item["service"].split(","):
                continue
            if (item["called-id"] and item["called-id"] != called) or (item["domain"] and item["domain"] != domain):
                continue
            found.append(item)
        return [item for item in found if item["accounting-backup"] == "false"] + [item for item in found if item["accounting-backup"] == "true"]

    def authenticate(self, service, attributes, credentials, called=""):
        """Ask the servers one after the other until one answers.

        :return: (code, attributes of the answer); (None, {}) when none did
        """
        for item in self.servers(service, called):
            if item["accounting-backup"] == "true":
                continue

            def build(secret, _tries):
                request = packet.AuthPacket(code=packet.AccessRequest, secret=secret, dict=DICTIONARY, authenticator=os.urandom(16))
                _fill(request, attributes)
                credentials.add(request)
                if self._router.number >= (7, 15):
                    request.add_message_authenticator()
                return request

            reply = self._exchange(item, int(item["authentication-port"]), build)
            if reply is not None:
                item.more["accepts" if reply.code == ACCEPT else "rejects"] = item.more.get("accepts" if reply.code == ACCEPT else "rejects", 0) + 1
                return reply.code, _attributes(reply)
        return None, {}

    def account(self, service, attributes, moment, called=""):
        """:param moment: when it happened, in the world's time. :return: whether a server has taken it"""
        for item in self.servers(service, called):

            def build(secret, _tries):
                request = packet.AcctPacket(secret=secret, dict=DICTIONARY)
                delay = max(0, int(self._router.clock.now() - moment))
                _fill(request, {**attributes, "Acct-Delay-Time": delay})
                return request

            if self._exchange(item, int(item["accounting-port"]), build) is not None:
                return True
        return False

    def _exchange(self, item, port, build):
        """Send, again after the time-out, with what is new in it. :return: the verified answer, None"""
        wait = max(0.01, seconds(item["timeout"]))
        count = item.more
        source = item.get("src-address") or self._router.address
        with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sock:
            try:
                sock.bind((source, 0))
            except OSError:
                self._router.log("radius,error", f"cannot send from {source}")
                return None
            for number in range(TRIES):
                count["requests" if not number else "resends"] = count.get("requests" if not number else "resends", 0) + 1
                request = build(item["secret"].encode(), number)
                with contextlib.suppress(OSError):
                    if self._router.world_up:
                        sock.sendto(request.RequestPacket(), (item["address"], port))
                        reply = self._receive(sock, item, request, port, time.monotonic() + wait)
                        if reply is not None:
                            return reply
                count["timeouts"] = count.get("timeouts", 0) + 1
        self._router.log("radius,error", f"timeout: {item['address']}:{port} does not answer")
        return None

    def _receive(self, sock, item, request, port, until):
        while (left := until - time.monotonic()) > 0:
            sock.settimeout(left)
            try:
                data, peer = sock.recvfrom(8192)
            except TimeoutError:
                return None
            except OSError:
                # Nobody listens there: the router waits all the same.
                continue_at = min(left, 0.02)
                time.sleep(continue_at)
                continue
            if peer == (item["address"], port) and (reply := self._verified(data, item, request)) is not None:
                return reply
            item.more["bad-replies"] = item.more.get("bad-replies", 0) + 1
        return None

    def _verified(self, data, item, request):
        try:
            reply = request.CreateReply(packet=data)
            if not request.VerifyReply(reply, data):
                self._router.log("radius,debug", f"bad authenticator in the answer of {item['address']}")
                return None
        except packet.PacketError:
            return None
        if request.code != packet.AccessRequest:
            return reply
        signed = signature(data, request.authenticator, request.secret)
        if signed is False or (signed is None and item.get("require-message-auth") == "yes-for-request-resp"):
            self._router.log("radius,debug", f"answer of {item['address']} without a good Message-Authenticator: dropped")
            return None
        return reply


def signature(data, authenticator, secret):
    """:return: is the Message-Authenticator of this packet right? None: it has none"""
    at = 20
    while at + 2 <= len(data):
        kind, length = data[at], data[at + 1]
        if length < 2:
            return False
        if kind == _SIGNATURE and length == 18:
            plain = data[:4] + authenticator + data[20 : at + 2] + bytes(16) + data[at + 18 :]
            return hmac.compare_digest(hmac.new(secret, plain, "md5").digest(), data[at + 2 : at + 18])
        at += length
    return None


def _fill(request, attributes):
    for name, value in attributes.items():
        for each in value if isinstance(value, list) else [value]:
            request.AddAttribute(name, each)


def _attributes(reply):
    """:return: {name: [values]}; what the dictionary does not know is under its number"""
    found = {}
    for key in reply.keys():
        try:
            found[str(key)] = list(reply[key])
        except (KeyError, ValueError, IndexError, struct.error):
            found[str(key)] = []
    return found


class Listener:
    """CoA-Request and Disconnect-Request (RFC 5176) on the port of /radius incoming.

    :param act: ``(code, attributes) -> Error-Cause or None``
    """

    _REMEMBERED = 256

    def __init__(self, router, port, act):
        self._router, self._act = router, act
        self._answered = {}
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((router.address, port))
        self.port = port
        threading.Thread(target=self._listen, daemon=True).start()

    def end(self):
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _listen(self):
        while True:
            try:
                data, peer = self._sock.recvfrom(8192)
            except OSError:
                return
            if not data:
                return
            with contextlib.suppress(packet.PacketError, OSError):
                self._answer(data, peer)

    def _answer(self, data, peer):
        if not self._router.world_up:
            return
        secret = self._secret(data, peer[0])
        if secret is None:
            return
        known = (peer, data[1], data[4:20])
        if known in self._answered:
            self._sock.sendto(self._answered[known], peer)
            return
        request = packet.CoAPacket(packet=data, secret=secret, dict=DICTIONARY)
        fault = self._router.take_fault("/radius/incoming", "coa_silent", "coa_nak", "coa_lie")
        if fault and fault.kind == "coa_silent":
            return
        if fault and fault.kind == "coa_lie":
            cause = None
        elif fault:
            cause = int(fault.value or 506)
        else:
            cause = self._act(request.code, _attributes(request))
        disconnect = request.code == packet.DisconnectRequest
        code = (packet.DisconnectACK, packet.DisconnectNAK) if disconnect else (packet.CoAACK, packet.CoANAK)
        attributes = b"" if cause is None else struct.pack("!BBL", 101, 6, cause)
        for state in request.get(33, []):
            attributes += bytes([33, len(state) + 2]) + state
        answer = _signed(code[cause is not None], data, attributes, secret, signature(data, bytes(16), secret) is not None)
        self._answered[known] = answer
        if len(self._answered) > self._REMEMBERED:
            del self._answered[next(iter(self._answered))]
        self._sock.sendto(answer, peer)

    def _secret(self, data, address):
        """:return: the secret of the server that has sent this; None: a stranger, or not signed with it"""
        if len(data) < 20 or struct.unpack("!H", data[2:4])[0] != len(data) or data[0] not in (packet.DisconnectRequest, packet.CoARequest):
            return None
        known = [item["secret"].encode() for item in self._router.table("radius") if item["address"] == address and item["disabled"] == "false"]
        for secret in known:
            right = hashlib.md5(data[:4] + bytes(16) + data[20:] + secret, usedforsecurity=False).digest()
            if hmac.compare_digest(right, data[4:20]) and signature(data, bytes(16), secret) is not False:
                return secret
        self._router.log("radius,warning", f"request of {address} ignored: {'bad signature' if known else 'unknown server'}")
        return None


def _signed(code, request, attributes, secret, sign):
    if sign:
        length = struct.pack("!H", 20 + 18 + len(attributes))
        plain = bytes([code, request[1]]) + length + request[4:20] + bytes([_SIGNATURE, 18]) + bytes(16) + attributes
        attributes = bytes([_SIGNATURE, 18]) + hmac.new(secret, plain, "md5").digest() + attributes
    head = bytes([code, request[1]]) + struct.pack("!H", 20 + len(attributes))
    return head + hashlib.md5(head + request[4:20] + attributes + secret, usedforsecurity=False).digest() + attributes
