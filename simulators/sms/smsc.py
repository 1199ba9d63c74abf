# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A message centre that speaks SMPP 3.4 (Short Message Peer to Peer Protocol Specification v3.4, issue 1.2)."""

import re
import socketserver
import struct
import threading
import time

from . import alphabet, pdu
from .network import FATES
from .pdu import Malformed, Pdu

#: ``system_id`` and what belongs to it.
ACCOUNT = {"system_id": "jubanet", "password": "secret12", "system_type": ""}
_MODES = {pdu.BIND_TRANSMITTER: "t", pdu.BIND_RECEIVER: "r", pdu.BIND_TRANSCEIVER: "tr"}
_TIME = re.compile(r"(\d{12}\d[0-4]\d[+-]|\d{15}R)?\Z")


class Smsc(socketserver.ThreadingTCPServer):
    """Loopback only. Receipts wait in the store until a session of their account may receive and acknowledges them."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, network):
        self.network, self.sessions, self.lock = network, [], threading.Lock()
        super().__init__(("127.0.0.1", port), Session)
        threading.Thread(target=self._deliver, daemon=True).start()

    def _deliver(self):
        while True:
            time.sleep(0.02)
            waiting = [(key, doc) for key, doc in self.network.store.all("receipt") if doc["due"] <= time.time()]
            with self.lock:
                sessions = [s for s in self.sessions if "r" in s.mode]
            taken = {key for session in sessions for key in list(session.out.values())}
            for session in sessions:
                room = self.network.fault("receipt_window") - len(session.out)
                mine = [(key, doc) for key, doc in waiting if doc["account"] == session.account and key not in taken]
                for key, doc in mine[: max(room, 0)]:
                    taken.add(key)
                    session.deliver(key, doc)

    def handle_error(self, request, client_address):
        """A client that hangs up is no event."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, ValueError, OSError)):
            super().handle_error(request, client_address)


class Session(socketserver.StreamRequestHandler):
    """One connection. ``mode``: "" before it is bound, else t, r or tr; ``out``: {sequence: receipt not acknowledged}"""

    def setup(self):
        super().setup()
        self.network, self.mode, self.account, self.out = self.server.network, "", "", {}
        self.sequence, self.count, self.writing, self.second = 0, 0, threading.Lock(), (0, 0)

    def handle(self):
        if self.network.fault("refuse_connections"):
            return
        while True:
            try:
                got = pdu.read(self.rfile)
            except Malformed as error:
                self.send(Pdu(pdu.GENERIC_NACK, error.status, 0))
                return
            if got is None or not self.serve(got):
                return

    def finish(self):
        with self.server.lock:
            if self in self.server.sessions:
                self.server.sessions.remove(self)
        self.mode = ""
        super().finish()

    def send(self, answer):
        with self.writing:
            self.wfile.write(answer.pack())
            self.wfile.flush()

    def serve(self, got):
        """:return: whether the session goes on"""
        if got.command & pdu.RESPONSE:
            key = self.out.pop(got.sequence, None)
            if key and got.command == pdu.DELIVER_SM | pdu.RESPONSE and got.status == 0:
                self.network.store.remove("receipt", key)
            return True
        if delay := self.network.fault("delay"):
            time.sleep(delay)
        answers = {
            pdu.SUBMIT_SM: self.submit,
            pdu.QUERY_SM: self.query,
            pdu.ENQUIRE_LINK: lambda _got: (0, b""),
            pdu.UNBIND: lambda _got: (0, b""),
            **dict.fromkeys(_MODES, self.bind),
        }
        if got.command not in answers:
            self.send(Pdu(pdu.GENERIC_NACK, pdu.RINVCMDID, got.sequence))
            return True
        try:
            status, body = answers[got.command](got)
        except Malformed as error:
            status, body = error.status, b""
        answer = Pdu(got.command | pdu.RESPONSE, status, got.sequence, body)
        if got.command == pdu.SUBMIT_SM and not status:
            if self.network.spend("silence"):
                return False
            if self.network.spend("cut"):
                with self.writing:
                    self.wfile.write(answer.pack()[:18])
                return False
        self.send(answer)
        if got.command == pdu.SUBMIT_SM and self.network.fault("unbind_after") and self.count >= self.network.fault("unbind_after"):
            self.sequence += 1
            self.send(Pdu(pdu.UNBIND, 0, self.sequence))
            return False
        return got.command != pdu.UNBIND

    # === Requests: (status, body of the answer) === #

    def bind(self, got):
        if self.mode:
            raise Malformed(pdu.RALYBND)
        read = pdu.Reader(got.body)
        name, password = read.text(16, pdu.RINVSYSID), read.text(9, pdu.RINVPASWD)
        read.text(13, 0x53)
        for _n in range(3):  # interface_version, addr_ton, addr_npi
            read.number()
        read.text(41, pdu.RINVCMDLEN)
        account = self.network.store.get("smpp", name)
        if status := self.network.fault("bind_status"):
            raise Malformed(status)
        if not account:
            raise Malformed(pdu.RINVSYSID)
        if account["password"] != password:
            raise Malformed(pdu.RINVPASWD)
        with self.server.lock:
            most = self.network.fault("max_binds")
            if most and sum(s.account == name for s in self.server.sessions) >= most:
                raise Malformed(pdu.RALYBND)
            self.account, self.mode = name, _MODES[got.command]
            self.server.sessions.append(self)
        return 0, pdu.cstring("simulator") + pdu.tlv(pdu.TLV_SC_INTERFACE_VERSION, b"\x34")

    def submit(self, got):
        if "t" not in self.mode:
            raise Malformed(pdu.RINVBNDSTS)
        message = self._message(got.body)
        self._refuse()
        number = self.network.next_number()
        key = self._written(number, self.network.fault("id_format"))
        stat = self.network.fate(message["number"])
        self.network.keep(key, way="smpp", account=self.account, stat=stat, **message)
        self.count += 1
        wanted = message["registered"] & 3
        if wanted == 1 or (wanted == 2 and stat != "DELIVRD"):
            told = self._written(number, self.network.fault("receipt_id_format") or self.network.fault("id_format"))
            self.network.report({"way": "smpp", "account": self.account, "id": told, "number": message["number"], "sender": message["sender"],
                                 "sender_ton": message["sender_ton"], "text": message["text"][:20], "stat": stat, "submitted": time.time()})  # fmt: skip
        return 0, pdu.cstring(key)

    def _refuse(self):
        network = self.network
        if rate := network.fault("rate"):
            now = int(time.monotonic())
            self.second = (now, self.second[1] + 1 if self.second[0] == now else 1)
            if self.second[1] > rate:
                raise Malformed(pdu.RTHROTTLED)
        if status := network.fault("submit_status"):
            with network.store:
                first = network.fault("submit_from")
                network.set_faults({"submit_from": max(first - 1, 1)})
            if first <= 1 and network.spend("submit_times"):
                raise Malformed(status)

    @staticmethod
    def _written(number, how):
        return {"decimal": f"{number:010d}", "hex": f"{number:X}", "text": f"m-{number:x}-ss"}[how]

    def _message(self, body):
        read = pdu.Reader(body)
        read.text(6, pdu.RINVSERTYP)
        sender_ton, _npi, sender = read.number(), read.number(), read.text(21, pdu.RINVSRCADR)
        ton, _npi, number = read.number(), read.number(), read.text(21, pdu.RINVDSTADR)
        esm_class, _protocol, priority = read.number(), read.number(), read.number()
        if priority > 3:
            raise Malformed(pdu.RINVPRTFLG)
        for status in (pdu.RINVSCHED, pdu.RINVEXPIRY):
            if not _TIME.match(read.text(17, status).rstrip()):
                raise Malformed(status)
        registered, _replace, coding, _default, length = (read.number() for _n in range(5))
        octets, tlvs = read.octets(length), read.optional()
        if registered & 3 == 3:
            raise Malformed(pdu.RINVREGDLVFLG)
        if length > 254:
            raise Malformed(pdu.RINVMSGLEN)
        if pdu.TLV_MESSAGE_PAYLOAD in tlvs:
            if length:
                raise Malformed(pdu.ROPTPARNOTALLWD)
            octets = tlvs[pdu.TLV_MESSAGE_PAYLOAD]
        if sender_ton == 5 and not 1 <= len(sender) <= 11:
            raise Malformed(pdu.RINVSRCADR)
        if not number.isdecimal() or not 3 <= len(number) <= 15 or ton > 6:
            raise Malformed(pdu.RINVDSTADR)
        text, part = self._text(octets, coding, esm_class, tlvs, payload=pdu.TLV_MESSAGE_PAYLOAD in tlvs)
        return {"sender": sender, "sender_ton": sender_ton, "number": number, "text": text, "part": part, "coding": coding,
                "registered": registered, "esm_class": esm_class, "octets": octets.hex()}  # fmt: skip

    @staticmethod
    def _text(octets, coding, esm_class, tlvs, payload):
        """:return: (text, (reference, parts, number) or None)"""
        part = header = None
        if esm_class & 0x40:
            if not octets or len(octets) <= octets[0]:
                raise Malformed(pdu.RINVESMCLASS)
            header, octets = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
        try:
            part = alphabet.concatenation(header or b"")
            text = alphabet.decode(octets, coding)
        except (ValueError, UnicodeError) as error:
            raise Malformed(pdu.RINVDCS if "coding" in str(error) else pdu.RINVMSGLEN) from error
        if all(tag in tlvs for tag in (pdu.TLV_SAR_REFERENCE, pdu.TLV_SAR_TOTAL, pdu.TLV_SAR_NUMBER)):
            part = (struct.unpack(">H", tlvs[pdu.TLV_SAR_REFERENCE])[0], tlvs[pdu.TLV_SAR_TOTAL][0], tlvs[pdu.TLV_SAR_NUMBER][0])
        # What fits on the air: 140 octets with the header, seven bits a character in GSM.
        room = 140 - (len(header) + 1 if header is not None else 6 if part else 0)
        if not payload and len(octets) > (room * 8 // 7 if coding in (0, 1) else room):
            raise Malformed(pdu.RINVMSGLEN)
        return text, part

    def query(self, got):
        if "t" not in self.mode:
            raise Malformed(pdu.RINVBNDSTS)
        key = pdu.Reader(got.body).text(65, pdu.RINVMSGID)
        message = self.network.store.get("message", key)
        if not message or message.get("account") != self.account:
            raise Malformed(pdu.RINVMSGID)
        return 0, pdu.cstring(key) + b"\0" + bytes([FATES[message["stat"]], 0])

    # === Receipts === #

    def deliver(self, key, receipt):
        self.sequence += 1
        self.out[self.sequence] = key
        tlvs = b""
        if self.network.fault("receipt_tlv"):
            tlvs = pdu.tlv(pdu.TLV_RECEIPTED_MESSAGE_ID, pdu.cstring(receipt["id"])) + pdu.tlv(pdu.TLV_MESSAGE_STATE, bytes([FATES[receipt["stat"]]]))
        text = self._receipt_text(receipt).encode("ascii", "replace") if self.network.fault("receipt_text") else b""
        ton = 1 if len(receipt["number"]) > 9 else 2
        body = b"\0" + bytes([ton, 1]) + pdu.cstring(receipt["number"]) + bytes([receipt["sender_ton"], 0]) + pdu.cstring(receipt["sender"])
        body += bytes([0x04, 0, 0]) + b"\0\0" + bytes([0, 0, 0, 0, len(text)]) + text + tlvs
        try:
            self.send(Pdu(pdu.DELIVER_SM, 0, self.sequence, body))
        except (OSError, ValueError):
            self.out.clear()  # the session is over; the receipt stays in the store

    @staticmethod
    def _receipt_text(receipt):
        """Appendix B of the specification."""
        good = receipt["stat"] == "DELIVRD"
        submitted, done = (time.strftime("%y%m%d%H%M", time.gmtime(at)) for at in (receipt["submitted"], time.time()))
        return (
            f"id:{receipt['id']} sub:001 dlvrd:{int(good):03d} submit date:{submitted} done date:{done} "
            f"stat:{receipt['stat']} err:{0 if good else 11:03d} text:{receipt['text']}"
        )
