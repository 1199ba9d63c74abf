# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""PDUs of SMPP 3.4 as octets: header, C-octet strings, optional parameters."""

import struct
from dataclasses import dataclass, field

GENERIC_NACK, BIND_RECEIVER, BIND_TRANSMITTER, QUERY_SM, SUBMIT_SM = 0x80000000, 0x01, 0x02, 0x03, 0x04
DELIVER_SM, UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK, RESPONSE = 0x05, 0x06, 0x09, 0x15, 0x80000000

ROK, RINVMSGLEN, RINVCMDLEN, RINVCMDID, RINVBNDSTS, RALYBND = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
RINVPRTFLG, RINVREGDLVFLG, RINVSRCADR, RINVDSTADR, RINVMSGID, RINVPASWD, RINVSYSID = 0x06, 0x07, 0x0A, 0x0B, 0x0C, 0x0E, 0x0F
RMSGQFUL, RINVSERTYP, RINVESMCLASS, RTHROTTLED, RINVSCHED, RINVEXPIRY = 0x14, 0x15, 0x43, 0x58, 0x61, 0x62
RINVOPTPARSTREAM, ROPTPARNOTALLWD, RINVPARLEN, RINVDCS = 0xC0, 0xC1, 0xC2, 0x104

TLV_RECEIPTED_MESSAGE_ID, TLV_SC_INTERFACE_VERSION, TLV_MESSAGE_PAYLOAD, TLV_MESSAGE_STATE = 0x001E, 0x0210, 0x0424, 0x0427
TLV_SAR_REFERENCE, TLV_SAR_TOTAL, TLV_SAR_NUMBER = 0x020C, 0x020E, 0x020F
LARGEST = 1 << 16


class Malformed(Exception):
    """The PDU cannot be read. ``status`` is what its answer says."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


@dataclass
class Pdu:
    command: int
    status: int = 0
    sequence: int = 0
    body: bytes = b""

    def pack(self):
        return struct.pack(">LLLL", 16 + len(self.body), self.command, self.status, self.sequence) + self.body


@dataclass
class Reader:
    """The body of a PDU, read from left to right."""

    body: bytes
    at: int = 0
    tlvs: dict = field(default_factory=dict)

    def text(self, size, status):
        """A C-octet string of at most ``size`` octets with its end."""
        end = self.body.find(b"\0", self.at, self.at + size)
        if end < 0:
            raise Malformed(status)
        value, self.at = self.body[self.at : end], end + 1
        return value.decode("latin-1")

    def number(self, status=RINVCMDLEN):
        if self.at >= len(self.body):
            raise Malformed(status)
        self.at += 1
        return self.body[self.at - 1]

    def octets(self, count, status=RINVMSGLEN):
        if self.at + count > len(self.body):
            raise Malformed(status)
        self.at += count
        return self.body[self.at - count : self.at]

    def optional(self):
        """:return: {tag: octets} of all that is left"""
        while self.at < len(self.body):
            tag, length = struct.unpack(">HH", self.octets(4, RINVOPTPARSTREAM))
            self.tlvs[tag] = self.octets(length, RINVPARLEN)
        return self.tlvs


def cstring(text):
    return text.encode("latin-1", "replace") + b"\0"


def tlv(tag, octets):
    return struct.pack(">HH", tag, len(octets)) + octets


def read(stream):
    """:return: the next `Pdu` of a stream, None at its end
    :raise Malformed: its length cannot be; nothing after it can be read
    """
    head = _exact(stream, 16)
    if head is None:
        return None
    length, command, status, sequence = struct.unpack(">LLLL", head)
    if not 16 <= length <= LARGEST:
        raise Malformed(RINVCMDLEN)
    body = _exact(stream, length - 16)
    return None if body is None else Pdu(command, status, sequence, body)


def _exact(stream, count):
    data = stream.read(count) if count else b""
    return data if len(data) == count else None
