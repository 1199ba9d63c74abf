# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A customer's device on the line, for journeys: at a simulated router, or packet by packet.

    line = PppoeLine(world, router, "achol", "pw")          # HotspotLine(…)
    line = PacketLine(Nas(instance, source="127.0.40.9"), "deng", "pw", address="127.40.9.2")
    line.log_in().rate                                      # what the RADIUS server answered, as ``Answer``
    line.use(2_000_000_000)                                 # bytes, at the speed the line has; told by an interim packet
    line.rate, line.on                                      # what the router does with it now
    line.bytes                                              # {session id: (up, down)} of all its sessions, as the device counted them
"""

import socket
import threading
from dataclasses import dataclass

from pyrad import packet
from radius_client import ACCEPT

from simulators.routeros.access import RefusedError
from simulators.routeros.radius import DICTIONARY

GIGA = 2**32
#: Longer than the interval of any access between two interim packets.
INTERIM = 335


class NotIn(Exception):
    """The log-in was refused, with these words."""


@dataclass
class Answer:
    """What an Access-Accept says. ``limit``: bytes left by Total-Limit and its Gigawords, None without."""

    rate: str
    address_list: str
    limit: int | None
    timeout: int | None
    class_: bytes
    message: str

    @classmethod
    def of(cls, values):
        """:param values: {attribute: value}, numbers as such or as text"""
        limit = None
        if "Mikrotik-Total-Limit" in values or "Mikrotik-Total-Limit-Gigawords" in values:
            limit = int(values.get("Mikrotik-Total-Limit", 0)) + GIGA * int(values.get("Mikrotik-Total-Limit-Gigawords", 0))
        timeout, class_ = values.get("Session-Timeout"), values["Class"]
        if isinstance(class_, str):
            class_ = bytes.fromhex(class_.removeprefix("0x"))
        return cls(
            values.get("Mikrotik-Rate-Limit", ""), values.get("Mikrotik-Address-List", ""), limit, timeout and int(timeout), class_, values.get("Reply-Message", "")
        )


class SimulatedLine:
    """A customer of a router of ``simulators.routeros`` in a world that is stepped."""

    def __init__(self, world, router, user, password, mac):
        self.world, self.router, self.user, self.password, self.mac = world, router, user, password, mac
        self.session = None
        self.bytes = {}

    def log_in(self):
        try:
            self.session = self._connect()
        except RefusedError as refused:
            raise NotIn(str(refused)) from None
        self._remember()
        self.world.settled()
        return Answer.of({name: values[0] for name, values in self.session.reply.items() if values})

    def _remember(self):
        self.bytes[self.session.id] = self.session.bytes

    def hang_up(self):
        self.session.hang_up()
        self._remember()
        self.world.settled()

    @property
    def on(self):
        self._remember()
        return self.session.ended is None

    @property
    def ended(self):
        return self.session.ended

    @property
    def address(self):
        return self.session.address

    @property
    def session_id(self):
        return self.session.id

    @property
    def rate(self):
        """What its queue on the router lets through, (up, down) in bits a second; None without a queue."""
        queue = self.router.desk.queue_of(self.session.address)
        return queue and tuple(int(part) for part in queue["max-limit"].split("/"))

    @property
    def lists(self):
        return self.router.desk.lists_of(self.session.address)

    def use(self, volume):
        """Five parts down, one up, as fast as the line is, until it is through or the router ends it; then the next interim packet."""
        self.session.use(up=10**11, down=5 * 10**11)
        speed = sum(self.session.rate)
        if speed:
            self.world.step(volume * 8 / speed)
        self.session.use()
        self.world.step(INTERIM)
        self._remember()

    def reach(self, **more):
        return self.router.desk.reach(self.session.address, **more)


class PppoeLine(SimulatedLine):
    def _connect(self):
        return self.router.desk.dial(self.user, self.password, self.mac, interface="ether2")


class HotspotLine(SimulatedLine):
    def _connect(self):
        return self.router.desk.log_in(self.router.desk.arrive(self.mac, interface="ether4"), self.user, self.password)


class CoaPort:
    """Where a router of another make takes CoA-Requests and Disconnect-Requests (RFC 5176), signed with its secret.

    :param act: ``(request) -> Error-Cause``, 0 when it is done; ``request.code`` and its attributes are pyrad's
    """

    def __init__(self, address, secret, act=lambda request: 0):
        self.secret, self.act, self.requests = secret, act, []
        #: Does it answer?
        self.up = True
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind((address, 0))
        self.port = self._sock.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self):
        self._sock.close()

    def _listen(self):
        while True:
            try:
                data, peer = self._sock.recvfrom(4096)
            except OSError:
                return
            request = packet.CoAPacket(packet=data, secret=self.secret.encode(), dict=DICTIONARY)
            reply = request.CreateReply()
            if not (self.up and request.VerifyCoARequest() and request.verify_message_authenticator()):
                continue
            self.requests.append(request)
            if cause := self.act(request):
                reply.code = request.code + 2
                reply["Error-Cause"] = cause
            self._sock.sendto(reply.ReplyPacket(), peer)


class PacketLine:
    """A customer of a router of another make: we send its packets, each twice, and take its CoA. It obeys rate, list and limits."""

    def __init__(self, nas, user, password, address, mac):
        self.nas, self.user, self.password, self.address, self.mac = nas, user, password, address, mac
        self.bytes = {}
        self.session_id = self.answer = self.ended = None
        self.seconds = 0
        #: What the router's clock said when it started (seconds since 1970); None: it sends none.
        self.clock = None
        self.coa = CoaPort(nas.source, nas.secret, self._act)

    def close(self):
        self.coa.close()

    # --- the customer ---

    def log_in(self):
        more = {"Calling_Station_Id": self.mac, "NAS_Port_Type": "Ethernet", "Framed_Protocol": "PPP"}
        reply = self.nas.login(self.user, self.password, "mschap", **more)
        if reply.code != ACCEPT:
            raise NotIn(reply.values.get("Reply-Message", reply.code or "no answer"))
        self.answer = Answer.of(reply.values)
        self.session_id = f"pkt-{len(self.bytes) + 1}"
        self.bytes[self.session_id] = (0, 0)
        self.ended, self.seconds = None, 0
        self._account("Start")
        return self.answer

    def hang_up(self, cause="User-Request"):
        self.ended = cause
        self._account("Stop", cause)

    @property
    def on(self):
        return self.ended is None

    @property
    def rate(self):
        return tuple(int(part[:-1]) * {"k": 1000, "M": 1_000_000}[part[-1]] for part in self.answer.rate.split("/")) if self.answer.rate else None

    @property
    def lists(self):
        return {self.answer.address_list} - {""}

    def use(self, volume):
        up, down = self.bytes[self.session_id]
        if self.answer.limit is not None:
            volume = min(volume, self.answer.limit - up - down)
        if not self.lists:
            self.bytes[self.session_id] = (up + volume // 6, down + volume - volume // 6)
        self.seconds += INTERIM
        if self.answer.limit is not None and sum(self.bytes[self.session_id]) >= self.answer.limit:
            self.hang_up("NAS-Request")
        else:
            self._account("Interim-Update")

    # --- packets ---

    def _account(self, status, cause=None):
        up, down = self.bytes[self.session_id]
        counters = {
            "Acct_Session_Time": self.seconds,
            "Acct_Input_Octets": up % GIGA,
            "Acct_Input_Gigawords": up // GIGA,
            "Acct_Output_Octets": down % GIGA,
            "Acct_Output_Gigawords": down // GIGA,
        }
        more = {"Class": f"0x{self.answer.class_.hex()}", "Framed_IP_Address": self.address, "Calling_Station_Id": self.mac, **(counters if status != "Start" else {})}
        if cause:
            more["Acct_Terminate_Cause"] = cause
        if self.clock is not None:
            more["Event_Timestamp"] = self.clock + self.seconds
        for _twice in range(2):
            assert self.nas.account(status, self.user, self.session_id, **more).code == "Accounting-Response"

    def _act(self, request):
        if request["Acct-Session-Id"] != [self.session_id] or self.ended:
            return 503
        if request.code == packet.CoARequest:
            self.answer.rate = request["Mikrotik-Rate-Limit"][0]
        else:
            self.hang_up("Admin-Reset")
        return 0
