# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""SMPP 3.4 straight to an operator's message centre (Short Message Peer to Peer Protocol Specification v3.4, issue 1.2).

One message at a time on a connection; more connections (binds) where the operator allows them. A text of several parts is
sent part after part with a user data header; the receipt is asked for with the last, whose id is the reference.
Receipts (`deliver_sm`) are acknowledged when they are safe (`confirm`): the centre brings again what was not.

The library makes the PDUs. Reading is done here where it is strict beyond use: unknown and vendor's parameters.
"""

import logging
import re
import socket
import ssl
import struct
import time
from hashlib import sha256
from urllib.parse import urlsplit

from smpplib import client, consts, exceptions, smpp

from ..engine import octets
from .base import Driver, Message, Receipt, Refused, Result, Unknown, Unreachable, driver

_logger = logging.getLogger(__name__)
# What matters is raised; and its debug output would show the password.
logging.getLogger("smpplib").setLevel(logging.ERROR)
#: Times a throttled message is tried, waiting 1, 2, 4 s.
_TRIES = 4
#: An idle connection is asked whether it is alive before something is sent.
_IDLE = 20.0
_MOST = 500
_RECEIPTED_ID, _MESSAGE_STATE, _PAYLOAD = 0x001E, 0x0427, 0x0424
_STATES = {
    "ENROUTE": "accepted", "ACCEPTD": "accepted", "DELIVRD": "delivered", "EXPIRED": "expired",
    "DELETED": "failed", "UNDELIV": "failed", "FAILED": "failed", "REJECTD": "undeliverable",
}  # fmt: skip
_BY_NUMBER = {1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD"}
_FIELD = {name: re.compile(rf"\b{name}\s*:\s*(\S+)", re.IGNORECASE) for name in ("id", "stat", "err")}
#: Of settings or of the centre itself: the message stays with us.
_NOT_NOW = {
    consts.SMPP_ESME_RTHROTTLED: "throttled", consts.SMPP_ESME_RMSGQFUL: "full", consts.SMPP_ESME_RSYSERR: "", consts.SMPP_ESME_RX_T_APPN: "",
    consts.SMPP_ESME_RINVBNDSTS: "", consts.SMPP_ESME_RBINDFAIL: "", consts.SMPP_ESME_RINVPASWD: "", consts.SMPP_ESME_RINVSYSID: "",
    consts.SMPP_ESME_RINVSRCADR: "sender", consts.SMPP_ESME_RINVSRCTON: "sender", consts.SMPP_ESME_RINVSRCNPI: "sender",
    consts.SMPP_ESME_RINVSERTYP: "", consts.SMPP_ESME_RINVSYSTYP: "",
}  # fmt: skip
_BAD_NUMBER = (consts.SMPP_ESME_RINVDSTADR, consts.SMPP_ESME_RINVDSTTON, consts.SMPP_ESME_RINVDSTNPI)
_BROKEN = (exceptions.ConnectionError, exceptions.UnknownCommandError, exceptions.PDUError, OSError, struct.error, ValueError, TypeError, KeyError)


def reference(text, ids="same", receipt=False):
    """One way to write an id that message centres write in two: in the answer and in the receipt.

    :param ids: ``same``, ``hex_dec`` (answer hexadecimal, receipt decimal) or ``dec_hex``

    >>> reference("1A2B3C5", "hex_dec"), reference("0027440069", "hex_dec", receipt=True)
    ('27440069', '27440069')
    >>> reference("0027440069", "dec_hex"), reference("1a2b3c5", "dec_hex", receipt=True)
    ('27440069', '27440069')
    >>> reference("m-AB", "hex_dec"), reference("0000"), reference("00a")
    ('m-ab', '0', 'a')
    """
    text = (text or "").strip().lower()
    if (ids == "hex_dec" and not receipt) or (ids == "dec_hex" and receipt):
        try:
            return str(int(text, 16))
        except ValueError:
            return text
    return text.lstrip("0") or text[:1]


def source(sender):
    """:return: (type of number, numbering plan, address)

    >>> source("JubaNet"), source("+211921234567"), source("1234"), source("")
    ((5, 0, 'JubaNet'), (1, 1, '211921234567'), (3, 0, '1234'), (0, 0, ''))
    """
    digits = sender.lstrip("+")
    if not sender:
        return 0, 0, ""
    if not digits.isdecimal():
        return 5, 0, sender
    return (3, 0, digits) if len(digits) <= 6 else (1, 1, digits)


class Line(client.Client):
    """A connection of the library that can be TLS with a checked name, and reads what it does not know."""

    def __init__(self, host, port, timeout, tls):
        super().__init__(host, port, timeout=timeout, logger_name="smpplib.isp_sms", allow_unknown_opt_params=True)
        self.tls, self.quiet_since = tls, time.monotonic()

    def connect(self):
        raw = socket.create_connection((self.host, self.port), self.timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = ssl.create_default_context().wrap_socket(raw, server_hostname=self.host) if self.tls else raw
        self.state = consts.SMPP_CLIENT_STATE_OPEN

    def read_before(self, deadline):
        """:return: the next PDU, None when none began before ``deadline`` (monotonic); then it comes whole or the line is broken"""
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            first = self._recv_exact(1)
        except TimeoutError:
            return None
        finally:
            self._socket.settimeout(self.timeout)
        head = first + self._recv_exact(15)
        length, _command, _status, sequence = struct.unpack(">LLLL", head)
        if not 16 <= length <= 1 << 16:
            raise exceptions.PDUError(f"a PDU of {length} octets")
        raw = head + self._recv_exact(length - 16)
        self.quiet_since = time.monotonic()
        try:
            return self._parsed(raw)
        except (exceptions.UnknownCommandError, struct.error, ValueError, TypeError, KeyError):
            self.answer("generic_nack", sequence, consts.SMPP_ESME_RINVCMDID)
            return self.read_before(deadline)

    def _parsed(self, raw):
        from smpplib.pdu import extract_command

        pdu = smpp.make_pdu(extract_command(raw), client=self)
        pdu.tlvs = {}
        pdu.parse_optional_params = lambda data: pdu.tlvs.update(_tlvs(data))
        pdu.parse(raw)
        if not pdu.is_error() and pdu.command in consts.STATE_SETTERS:
            self.state = consts.STATE_SETTERS[pdu.command]
        return pdu

    def answer(self, command, sequence, status=consts.SMPP_ESME_ROK):
        pdu = smpp.make_pdu(command, client=self, status=status)
        pdu.sequence = sequence
        # Not by `send_pdu`, which knows states for fewer answers than there are.
        self._socket.sendall(pdu.generate())


def _tlvs(data):
    """:return: {tag: octets}; what is cut off at the end is left out"""
    found, at = {}, 0
    while at + 4 <= len(data):
        tag, length = struct.unpack(">HH", data[at : at + 4])
        found[tag] = data[at + 4 : at + 4 + length]
        at += 4 + length
    return found


def _words(status):
    return f"{consts.DESCRIPTIONS.get(status, 'Unknown status')} (0x{status:08X})"


@driver
class Smpp(Driver):
    code = "smpp"
    label = "SMPP"
    receipts = True
    connections = 1
    listens = True

    def __init__(self, settings):
        super().__init__(settings)
        parts = urlsplit(settings.url)
        self._tls, self._host = parts.scheme in ("smpps", "ssmpp"), parts.hostname or ""
        try:
            self._port = parts.port or (3550 if self._tls else 2775)
        except ValueError:
            self._port = 2775
        self._split = settings.options.get("bind") == "split"
        self._ids = settings.options.get("ids") or "same"
        self._lines, self._inbox, self._taken = {}, [], []
        self._parts_reference = int(time.time() * 1000) & 0xFF

    # === Sending === #

    def send(self, message: Message) -> Result:
        self._parts_reference = (self._parts_reference + 1) & 0xFF
        try:
            pieces = octets.parts(message.text, message.encoding, self._parts_reference)
        except (KeyError, ValueError) as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
        if not pieces:
            raise Refused("no text")
        line = self._ready("transmitter" if self._split else "transceiver")
        for number, piece in enumerate(pieces, 1):
            last = number == len(pieces)
            try:
                key = self._submit(line, message, piece, udh=len(pieces) > 1, receipt=last and bool(self.settings.options.get("receipts")))
            except (Refused, Unreachable) as error:
                if number == 1:
                    raise
                raise Unknown(f"{number - 1}/{len(pieces)}: {error.text}", error.code) from error
        return Result(reference=reference(key, self._ids))

    def _submit(self, line, message, piece, udh, receipt):
        """:return: message_id"""
        ton, npi, sender = source(message.sender)
        try:
            sender.encode("ascii")
        except UnicodeError as error:
            raise Unreachable(_words(consts.SMPP_ESME_RINVSRCADR), "sender") from error
        for attempt in range(_TRIES):
            pdu = smpp.make_pdu(
                "submit_sm",
                client=line,
                source_addr_ton=ton,
                source_addr_npi=npi,
                source_addr=sender,
                dest_addr_ton=1,
                dest_addr_npi=1,
                destination_addr=message.number.lstrip("+"),
                esm_class=consts.SMPP_GSMFEAT_UDHI if udh else 0,
                data_coding=0 if message.encoding == "gsm" else 8,
                registered_delivery=1 if receipt else 0,
                short_message=piece,
            )
            answer = self._asked(line, pdu)
            if not answer.status and answer.command == "submit_sm_resp":
                return (getattr(answer, "message_id", None) or b"").decode("latin-1")
            if answer.status not in (consts.SMPP_ESME_RTHROTTLED, consts.SMPP_ESME_RMSGQFUL) or attempt == _TRIES - 1:
                break
            time.sleep(min(2**attempt, self.settings.timeout))
        if answer.status in _NOT_NOW:
            raise Unreachable(_words(answer.status), _NOT_NOW[answer.status] or f"0x{answer.status:X}")
        raise Refused(_words(answer.status), "number" if answer.status in _BAD_NUMBER else f"0x{answer.status:X}")

    def _asked(self, line, pdu):
        """Send a request and read up to its answer. Receipts that come meanwhile wait in the inbox.

        :raise Unknown: it was sent and the line broke, or nothing came
        """
        deadline = time.monotonic() + self.settings.timeout
        try:
            line.send_pdu(pdu)
            while answer := line.read_before(deadline):
                if answer.is_response() and answer.sequence == pdu.sequence:
                    return answer
                if not self._served(line, answer):
                    break
        except _BROKEN as error:
            self.close()
            raise Unknown(f"{type(error).__name__}: {error}".strip(": ")) from error
        self.close()
        raise Unknown(f"{pdu.command}: no answer")

    def _served(self, line, pdu):
        """What the centre asks of us. :return: whether the line goes on"""
        if pdu.command == "enquire_link":
            line.answer("enquire_link_resp", pdu.sequence)
        elif pdu.command == "deliver_sm":
            self._inbox.append((line, pdu))
        elif pdu.command == "unbind":
            line.answer("unbind_resp", pdu.sequence)
            return False
        return True

    # === The connection === #

    def _ready(self, mode):
        """:return: a bound line that was alive a moment ago
        :raise Unreachable: it cannot be had; nothing was sent
        """
        if line := self._lines.get(mode):
            try:
                if self._drained(line) and (time.monotonic() - line.quiet_since < _IDLE or self._asked(line, smpp.make_pdu("enquire_link", client=line))):
                    return line
            except (Unknown, *_BROKEN) as error:
                _logger.debug("The line to %s is opened anew: %s", self._host, error)
            self.close()
        return self._bound(mode)

    def _drained(self, line):
        """Read what lies there. :return: whether the line goes on"""
        while pdu := line.read_before(time.monotonic()):
            if not self._served(line, pdu):
                return False
        return True

    def _bound(self, mode):
        line = Line(self._host, self._port, self.settings.timeout, self._tls)
        try:
            line.connect()
        except (OSError, UnicodeError, ValueError) as error:
            self._drop(line)
            raise Unreachable(f"{self._host}:{self._port}: {error}") from error
        self._lines[mode] = line
        pdu = smpp.make_pdu(
            f"bind_{mode}", client=line, system_id=self.settings.username, password=self.settings.password, system_type=self.settings.options.get("system_type") or ""
        )
        try:
            answer = self._asked(line, pdu)
        except (Unknown, UnicodeError) as error:
            self.close()
            raise Unreachable(f"bind_{mode}: {error}") from error
        if answer.status:
            self.close()
            hint = " SMPP takes passwords of up to 8 characters." if answer.status == consts.SMPP_ESME_RINVPASWD and len(self.settings.password) > 8 else ""
            raise Unreachable(f"bind_{mode}: {_words(answer.status)}{hint}", f"0x{answer.status:X}")
        return line

    def close(self):
        """Unbind where it goes quickly. What was not confirmed comes again."""
        lines, self._lines, self._inbox, self._taken = list(self._lines.values()), {}, [], []
        for line in lines:
            try:
                if line.state not in (consts.SMPP_CLIENT_STATE_OPEN, consts.SMPP_CLIENT_STATE_CLOSED):
                    line.send_pdu(smpp.make_pdu("unbind", client=line))
                    deadline = time.monotonic() + 1
                    while (pdu := line.read_before(deadline)) and pdu.command != "unbind_resp":
                        continue
            except _BROKEN as error:
                _logger.debug("The line to %s was broken already: %s", self._host, error)
            finally:
                self._drop(line)

    @staticmethod
    def _drop(line):
        line.state = consts.SMPP_CLIENT_STATE_OPEN
        line.disconnect()

    def test(self):
        for mode in ("transmitter", "receiver") if self._split else ("transceiver",):
            line = self._ready(mode)
            try:
                self._asked(line, smpp.make_pdu("enquire_link", client=line))
            except Unknown as error:
                raise Unreachable(error.text) from error
        return ""

    # === Receipts === #

    def poll(self, patience=0.0):
        line = self._ready("receiver" if self._split else "transceiver")
        found, deadline = [], time.monotonic() + patience
        try:
            while len(self._inbox) < _MOST and (pdu := line.read_before(deadline)):
                if not self._served(line, pdu):
                    break
                if self._inbox:
                    deadline = min(deadline, time.monotonic() + 0.2)
        except _BROKEN as error:
            self.close()
            raise Unreachable(f"{type(error).__name__}: {error}".strip(": ")) from error
        self._taken, self._inbox = self._inbox, []
        for _line, pdu in self._taken:
            if told := self._receipt(pdu):
                found.append(told)
        # What is no receipt (a message from a telephone) is nobody's here.
        if self._taken and not found:
            self.confirm()
        return found

    def confirm(self):
        taken, self._taken = self._taken, []
        try:
            for line, pdu in taken:
                line.answer("deliver_sm_resp", pdu.sequence)
        except _BROKEN:
            self.close()  # they come again, and are known by their keys

    def _receipt(self, pdu):
        """:return: `Receipt`, None when it is none"""
        raw = pdu.short_message or pdu.tlvs.get(_PAYLOAD) or b""
        text = raw.decode("latin-1")
        fields = {name: match[1] for name, pattern in _FIELD.items() if (match := pattern.search(text))}
        told = pdu.tlvs.get(_RECEIPTED_ID, b"").split(b"\0")[0].decode("latin-1") or fields.get("id", "")
        # 0x04: a receipt, 0x20: an intermediate one (5.2.12).
        if (pdu.esm_class or 0) & 0x3C not in (0x04, 0x20) or not told:
            return None
        state = pdu.tlvs.get(_MESSAGE_STATE)
        word = (fields.get("stat") or (_BY_NUMBER.get(state[0], "") if state else ""))[:7].upper()
        number = (pdu.source_addr or b"").decode("latin-1").lstrip("+")
        digest = sha256(b"\0".join([pdu.source_addr or b"", raw, *(bytes([tag & 0xFF]) + value for tag, value in sorted(pdu.tlvs.items()))])).hexdigest()
        return Receipt(
            state=_STATES.get(word, ""),
            reference=reference(told, self._ids, receipt=True),
            number=f"+{number}" if number else "",
            key=digest[:40],
            text=f"{word} {fields.get('err', '')}".strip(),
            raw=text[:500],
        )
