# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Customers at the simulated router: a RADIUS server of pyrad's, radclient and librouteros look at them; nothing of ours."""

import contextlib
import hashlib
import hmac
import re
import socket
import subprocess
import threading
import types

import librouteros
import pytest
from librouteros.exceptions import TrapError
from pyrad import packet
from stack.routeros import Routers
from stack.shell import StackError, choose_port, wait_for

from simulators.routeros import radius
from simulators.routeros.access import RefusedError
from simulators.routeros.device import Fault
from simulators.routeros.world import World

SECRET = "s3cret"
PASSWORD = "first day"


class Server:
    """Answers as it is told: ``users[name] = (password, {attribute: value})``. Keeps what it was asked."""

    def __init__(self):
        self.users, self.asked, self.accounted = {}, [], []
        self.sign, self.quiet, self.lose = True, False, 0
        self._sockets = []
        self.auth, self.acct = self._open(self._authenticate), self._open(self._account)

    def _open(self, function):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        self._sockets.append(sock)
        threading.Thread(target=self._serve, args=(sock, function), daemon=True).start()
        return sock.getsockname()[1]

    def _serve(self, sock, function):
        while True:
            try:
                data, peer = sock.recvfrom(4096)
            except OSError:
                return
            if data and not self.quiet:
                if self.lose:
                    self.lose -= 1
                elif answer := function(data, peer):
                    with contextlib.suppress(OSError):
                        sock.sendto(answer, peer)

    def stop(self):
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _authenticate(self, data, peer):
        request = packet.AuthPacket(packet=data, secret=SECRET.encode(), dict=radius.DICTIONARY)
        attributes = {str(name): request[name] for name in request.keys()}
        self.asked.append((peer[0], attributes, radius.signature(data, data[4:20], SECRET.encode())))
        password, reply = self.users.get(attributes["User-Name"][0], (None, {}))
        answer = request.CreateReply(message_authenticator=self.sign)
        answer.code = packet.AccessAccept if password is not None and self._right(request, attributes, password, answer) else packet.AccessReject
        for name, value in reply.items() if answer.code == packet.AccessAccept else [("Reply-Message", "No such customer")]:
            answer.AddAttribute(name, value)
        return answer.ReplyPacket()

    @staticmethod
    def _right(request, attributes, password, answer):
        if "User-Password" in attributes:
            return request.PwDecrypt(attributes["User-Password"][0]) == password
        if "CHAP-Password" in attributes:
            return request.VerifyChapPasswd(password)
        response = attributes["MS-CHAP2-Response"][0]
        expected, proof = radius.challenge_response(attributes["User-Name"][0], password, attributes["MS-CHAP-Challenge"][0], response[2:18])
        answer.AddAttribute("MS-CHAP2-Success", response[:1] + proof.encode())
        return response[26:50] == expected

    def _account(self, data, _peer):
        request = packet.AcctPacket(packet=data, secret=SECRET.encode(), dict=radius.DICTIONARY)
        assert request.VerifyAcctRequest()
        self.accounted.append({str(name): request[name][0] for name in request.keys()})
        return request.CreateReply().ReplyPacket()

    def kinds(self):
        return [one["Acct-Status-Type"] for one in self.accounted]


@pytest.fixture
def server():
    made = Server()
    yield made
    made.stop()


@pytest.fixture
def world():
    with World(running=False, start=1_790_000_000) as made:
        yield made


@pytest.fixture
def router(world, server):
    made = world.add("site-1", address="127.0.1.1", password=PASSWORD)
    api = connect(made)
    for service in ("ppp", "hotspot"):
        api.path("radius").add(service=service, address="127.0.0.1", secret=SECRET, timeout="200ms", **{"authentication-port": server.auth, "accounting-port": server.acct})
    tuple(api("/radius/incoming/set", accept="yes", port=str(free_udp_port(made.address))))
    tuple(api("/ppp/aaa/set", **{"use-radius": "yes"}))
    api.path("ip", "pool").add(name="customers", ranges="10.5.0.2-10.5.0.4")
    api.path("ppp", "profile").add(name="isp", **{"local-address": "10.5.0.1", "remote-address": "customers"})
    api.path("interface", "pppoe-server", "server").add(interface="ether2", disabled=False, **{"service-name": "isp", "default-profile": "isp"})
    api.path("ip", "hotspot", "profile").add(name="isp", **{"use-radius": True, "login-by": "http-chap,http-pap,mac"})
    api.path("ip", "hotspot").add(name="hs", interface="ether3", profile="isp", disabled=False, **{"address-pool": "customers"})
    api.close()
    return made


def free_udp_port(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


def connect(router):
    return librouteros.connect(router.address, "admin", PASSWORD, port=router.port("api"), encoding="utf-8", timeout=10)


def rows(router, *menu, **wanted):
    api = connect(router)
    found = [row for row in api.path(*menu) if all(row.get(name) == value for name, value in wanted.items())]
    api.close()
    return found


def radclient(router, kind, attributes, secret=SECRET):
    """:return: (acknowledged, what radclient printed); acknowledged is None when nothing came back"""
    port = router.singleton("radius/incoming")["port"]
    text = ", ".join(f'{name} = "{value}"' if isinstance(value, str) else f"{name} = {value}" for name, value in attributes.items())
    command = ["radclient", "-x", "-r", "1", "-t", "1", "--", f"{router.address}:{port}", kind, secret]
    result = subprocess.run(command, input=text, text=True, capture_output=True, timeout=20, check=False)
    output = result.stdout + result.stderr
    if "No reply" in output or "NAK" not in output and "ACK" not in output:
        return None, output
    return "NAK" not in output, output


# --- log in ---


@pytest.mark.parametrize(("method", "attribute"), [("pap", "User-Password"), ("chap", "CHAP-Password"), ("mschap2", "MS-CHAP2-Response")])
def test_pppoe_by_radius(router, server, method, attribute):
    server.users["amina"] = ("pässword", {"Framed-IP-Address": "10.9.0.7", "Mikrotik-Rate-Limit": "1M/4M", "Mikrotik-Address-List": "walled", "Class": b"service-7"})
    session = router.desk.dial("amina", "pässword", "02:AA:00:00:00:07", method=method)
    router.desk.settled()
    [(source, asked, signed)] = server.asked
    assert source == router.address and signed is True and attribute in asked
    expected = {
        "Service-Type": 2,
        "Framed-Protocol": 1,
        "NAS-Port-Type": 15,
        "User-Name": "amina",
        "Calling-Station-Id": "02:AA:00:00:00:07",
        "Called-Station-Id": "isp",
        "NAS-Port-Id": "ether2",
        "Acct-Session-Id": session.id,
        "NAS-Identifier": "site-1",
        "NAS-IP-Address": "127.0.1.1",
    }
    assert {name: asked[name][0] for name in expected} == expected and "Framed-IP-Address" not in asked
    [active] = rows(router, "ppp", "active")
    assert (active["name"], active["address"], active["service"], active["caller-id"], active["radius"]) == ("amina", "10.9.0.7", "pppoe", "02:AA:00:00:00:07", True)
    [queue] = rows(router, "queue", "simple")
    assert (queue["name"], queue["target"], queue["max-limit"], queue["dynamic"]) == ("<pppoe-amina>", "<pppoe-amina>", "1000000/4000000", True)
    assert [(row["list"], row["address"], row["dynamic"]) for row in rows(router, "ip", "firewall", "address-list")] == [("walled", "10.9.0.7", True)]
    assert rows(router, "interface", name="<pppoe-amina>")
    [start] = server.accounted
    assert (start["Acct-Status-Type"], start["Acct-Session-Id"], start["Class"], start["Framed-IP-Address"], start["Acct-Authentic"]) == (1, session.id, b"service-7", "10.9.0.7", 1)
    for menu in (("queue", "simple"), ("ppp", "secret")):
        with pytest.raises(TrapError):
            connect(router).path(*menu).remove("*1")
    connect(router).path("ppp", "active").remove(active[".id"])
    router.desk.settled()
    assert (server.accounted[-1]["Acct-Status-Type"], server.accounted[-1]["Acct-Terminate-Cause"]) == (2, 6)
    assert not rows(router, "ppp", "active") + rows(router, "queue", "simple") + rows(router, "ip", "firewall", "address-list") + rows(router, "interface", name="<pppoe-amina>")


def test_who_may_not_in_is_told_why(router, server):
    server.users["amina"] = ("p", {})
    for user, password, method, message in (("nobody", "p", "pap", "No such customer"), ("amina", "wrong", "mschap2", "No such customer")):
        with pytest.raises(RefusedError, match=message):
            router.desk.dial(user, password, method=method)
    connect(router).path("interface", "pppoe-server", "server").update(**{".id": "*1", "authentication": "chap,mschap2"})
    with pytest.raises(RefusedError, match="method"):
        router.desk.dial("amina", "p", method="pap")
    with pytest.raises(RefusedError, match="no PPPoE server"):
        router.desk.dial("amina", "p", interface="ether4")
    for number in range(3):
        router.desk.dial("amina", "p", f"02:00:00:00:00:0{number}")
    with pytest.raises(RefusedError, match="pool is empty"):
        router.desk.dial("amina", "p", "02:00:00:00:00:09")
    assert [row["name"] for row in rows(router, "interface", type="pppoe-in")] == ["<pppoe-amina>", "<pppoe-amina-1>", "<pppoe-amina-2>"]


def test_an_answer_without_message_authenticator_is_dropped_as_the_router_is_set(router, server):
    server.users["amina"], server.sign = ("p", {}), False
    with pytest.raises(RefusedError, match="not responding"):
        router.desk.dial("amina", "p")
    assert len(server.asked) == radius.TRIES
    connect(router).path("radius").update(**{".id": "*1", "require-message-auth": "no"})
    assert router.desk.dial("amina", "p")


def test_the_next_server_is_asked_and_then_the_secrets_on_the_router_are_enough(router, server):
    api = connect(router)
    server.users["amina"] = ("p", {})
    first = api.path("radius").add(service="ppp", address="127.0.0.1", secret="x", timeout="50ms", **{"authentication-port": free_udp_port("127.0.0.1")})
    tuple(api("/radius/move", numbers=first, destination="*1"))
    assert router.desk.dial("amina", "p").local is False
    server.quiet = True
    with pytest.raises(RefusedError, match="not responding"):
        router.desk.dial("deng", "p", "02:00:00:00:00:02")
    api.path("ppp", "secret").add(name="deng", password="p", profile="isp", **{"limit-bytes-in": 1000})
    session = router.desk.dial("deng", "p", "02:00:00:00:00:02")
    assert session.local and session.limits.upload == 1000
    with pytest.raises(RefusedError, match="authentication failed"):
        router.desk.dial("deng", "wrong", "02:00:00:00:00:02")
    server.quiet = False
    router.desk.settled()
    assert [(one["User-Name"], one["Acct-Authentic"]) for one in server.accounted if one["User-Name"] == "deng"] in ([], [("deng", 2)])


def test_the_licence_has_a_limit(world, server):
    router = world.add("small", address="127.0.1.2", licence="1", password=PASSWORD)
    api = connect(router)
    api.path("interface", "pppoe-server", "server").add(interface="ether1", disabled=False)
    for name in "ab":
        api.path("ppp", "secret").add(name=name, **{"remote-address": "10.0.0.9"})
    router.desk.dial("a", "")
    with pytest.raises(RefusedError, match="license limit of 1"):
        router.desk.dial("b", "", "02:00:00:00:00:02")
    assert tuple(api("/system/license/print"))[0]["nlevel"] == 1


def test_hotspot_by_chap_pap_and_mac(router, server):
    server.users["voucher-1"] = ("p", {"Mikrotik-Rate-Limit": "512k/2M", "Session-Timeout": 3600})
    server.users["02:BB:00:00:00:01"] = ("", {})
    host = router.desk.arrive("02:bb:00:00:00:02")
    assert rows(router, "ip", "hotspot", "active") == []
    [waiting] = rows(router, "ip", "hotspot", "host")
    assert (waiting["mac-address"], waiting["authorized"]) == ("02:BB:00:00:00:02", False)
    assert router.desk.reach(host["address"], port=80) == "login" and router.desk.reach(host["address"], port=443) == "drop"
    session = router.desk.log_in(host, "voucher-1", "p")
    asked = server.asked[-1][1]
    expected = {"Service-Type": 1, "NAS-Port-Type": 19, "Called-Station-Id": "hs", "NAS-Port-Id": "ether3", "Framed-IP-Address": host["address"], "Mikrotik-Host-IP": host["address"]}
    assert {name: asked[name][0] for name in expected} == expected and "CHAP-Password" in asked
    [active] = rows(router, "ip", "hotspot", "active")
    assert (active["user"], active["login-by"], active["session-time-left"], active["radius"]) == ("voucher-1", "http-chap", "1h", True)
    assert router.desk.reach(host["address"]) == "accept"
    with pytest.raises(RefusedError, match="no more sessions are allowed"):
        router.desk.log_in(router.desk.arrive("02:BB:00:00:00:03"), "voucher-1", "p", "pap")
    router.desk.arrive("02:BB:00:00:00:01")
    assert [row["user"] for row in rows(router, "ip", "hotspot", "active")] == ["voucher-1", "02:BB:00:00:00:01"]
    session.hang_up()
    router.desk.settled()
    assert (server.accounted[-1]["User-Name"], server.accounted[-1]["Acct-Terminate-Cause"]) == ("voucher-1", 1)


def test_walled_garden_and_bindings(router):
    api = connect(router)
    garden = api.path("ip", "hotspot", "walled-garden")
    garden.add(**{"dst-host": "*.isp.example", "comment": "isp:portal"})
    api.path("ip", "hotspot", "walled-garden", "ip").add(action="accept", protocol="tcp", **{"dst-address": "192.0.2.7", "dst-port": "443"})
    api.path("ip", "hotspot", "ip-binding").add(type="bypassed", **{"mac-address": "02:BB:00:00:00:05"})
    api.path("ip", "hotspot", "ip-binding").add(type="blocked", **{"mac-address": "02:BB:00:00:00:06"})
    address = router.desk.arrive("02:BB:00:00:00:02")["address"]
    assert router.desk.reach(address, "pay.isp.example", port=443) == router.desk.reach(address, to="192.0.2.7") == "accept"
    assert router.desk.reach(address, "example.org", port=80) == "login"
    assert router.desk.reach(router.desk.arrive("02:BB:00:00:00:05")["address"]) == "accept"
    with pytest.raises(RefusedError, match="blocked"):
        router.desk.arrive("02:BB:00:00:00:06")


def test_hotspot_is_off_where_the_device_mode_says_so(router):
    router.singleton("system/device-mode")["hotspot"] = "false"
    with pytest.raises(RefusedError, match="device-mode"):
        router.desk.arrive("02:BB:00:00:00:02")


def test_a_local_voucher_is_used_up(router, world):
    api = connect(router)
    api.path("ip", "hotspot", "user").add(name="reserve", password="p", comment="isp:reserve", **{"limit-bytes-total": 1_000_000, "limit-uptime": "1h"})
    host = router.desk.arrive("02:BB:00:00:00:02")
    router.desk.log_in(host, "reserve", "p").use(down=8000)
    world.step(600)
    router.desk._of_host(host).hang_up()
    [user] = rows(router, "ip", "hotspot", "user", name="reserve")
    assert (user["uptime"], user["bytes-out"]) == ("10m", 600_000)
    router.desk.log_in(host, "reserve", "p").use(down=8000)
    world.step(3600)
    assert rows(router, "ip", "hotspot", "active") == []
    with pytest.raises(RefusedError, match="traffic limit"):
        router.desk.log_in(host, "reserve", "p")


# --- use, limits, time ---


def test_interims_count_and_gigawords_carry(router, server, world):
    server.users["amina"] = ("p", {"Acct-Interim-Interval": 300, "Mikrotik-Rate-Limit": "10M/100M"})
    session = router.desk.dial("amina", "p")
    session.use(up=1_000_000, down=1_000_000_000)
    world.step(1000)
    assert server.kinds() == [1, 3, 3, 3]
    last = server.accounted[-1]
    assert (last["Acct-Session-Time"], last["Acct-Input-Octets"], last["Acct-Input-Gigawords"]) == (900, 112_500_000, 0)
    total = 900 * 100_000_000 // 8
    assert (last["Acct-Output-Gigawords"], last["Acct-Output-Octets"]) == (total >> 32, total & 0xFFFFFFFF) and total >> 32
    assert last["Event-Timestamp"] == 1_790_000_900
    [queue] = rows(router, "queue", "simple")
    assert queue["bytes"] == f"125000000/{1000 * 12_500_000}" and queue["rate"] == "1000000/100000000"
    monitor = tuple(connect(router)("/interface/monitor-traffic", interface="ether2,<pppoe-amina>", once=""))
    assert [(row["name"], row["tx-bits-per-second"]) for row in monitor] == [("ether2", 100_000_000), ("<pppoe-amina>", 100_000_000)]
    [uplink] = tuple(connect(router)("/interface/monitor-traffic", interface="ether1", once=""))
    assert (uplink["rx-bits-per-second"], uplink["tx-bits-per-second"]) == (100_000_000, 1_000_000)
    octets = {row["name"]: (row["rx-byte"], row["tx-byte"]) for row in rows(router, "interface")}
    assert octets["ether2"] == octets["<pppoe-amina>"] == octets["ether1"][::-1] == (125_000_000, 12_500_000_000)


@pytest.mark.parametrize(
    ("reply", "ends", "cause", "octets"),
    [
        ({"Session-Timeout": 600}, 600, 5, 600_000),
        ({"Mikrotik-Total-Limit": 500_000}, 500, 10, 500_000),
        ({"Mikrotik-Total-Limit": 0, "Mikrotik-Total-Limit-Gigawords": 1}, None, None, None),
        ({"Mikrotik-Xmit-Limit": 250_000}, 250, 10, 250_000),
        ({"Mikrotik-Recv-Limit": 1}, None, None, None),
    ],
)
def test_the_router_ends_a_session_by_itself(router, server, world, reply, ends, cause, octets):
    server.users["amina"] = ("p", reply)
    session = router.desk.dial("amina", "p")
    session.use(down=8000)
    world.step(3600)
    if ends is None:
        assert session.ended is None and server.kinds() == [1]
        return
    stop = server.accounted[-1]
    assert (stop["Acct-Status-Type"], stop["Acct-Terminate-Cause"], stop["Acct-Session-Time"]) == (2, cause, ends)
    assert abs(stop["Acct-Output-Octets"] - octets) <= 1


def test_idle_and_walled_customers_use_nothing(router, server, world):
    server.users["amina"] = ("p", {"Idle-Timeout": 300, "Mikrotik-Address-List": "walled"})
    api = connect(router)
    rule = api.path("ip", "firewall", "filter").add(chain="forward", action="drop", **{"src-address-list": "walled"})
    api.path("ip", "firewall", "nat").add(chain="dstnat", action="dst-nat", protocol="tcp", **{"src-address-list": "walled", "dst-port": "80", "to-addresses": "10.0.0.1", "to-ports": "8080"})
    session = router.desk.dial("amina", "p")
    assert router.desk.reach(session.address, port=80) == "dst-nat 10.0.0.1:8080" and router.desk.reach(session.address) == "drop"
    session.use(down=8000)
    world.step(100)
    assert session.bytes == (0, 0)
    api.path("ip", "firewall", "filter").remove(rule)
    world.step(100)
    assert session.bytes == (0, 100_000)
    session.use()
    world.step(299)
    assert session.ended is None
    world.step(2)
    assert session.ended == "Idle-Timeout" and server.accounted[-1]["Acct-Terminate-Cause"] == 4


def test_the_first_queue_that_fits_decides(router, server, world):
    server.users["amina"] = ("p", {"Framed-IP-Address": "10.9.0.7"})
    api = connect(router)
    session = router.desk.dial("amina", "p")
    session.use(down=8_000_000)
    api.path("queue", "simple").add(name="net", target="10.9.0.0/24", **{"max-limit": "1M/800k"})
    world.step(10)
    assert session.bytes == (0, 1_000_000)
    [net] = rows(router, "queue", "simple")
    assert net["bytes"] == "0/1000000"
    api.path("queue", "simple").update(**{".id": net[".id"], "max-limit": "1M/1600k"})
    world.step(10)
    assert session.bytes == (0, 3_000_000)


def test_a_lost_packet_is_sent_again_with_its_delay_and_a_lost_stop_is_lost(router, server, world):
    server.users["amina"] = ("p", {})
    session = router.desk.dial("amina", "p")
    world.settled()
    server.lose = 1
    world.step(100)
    session.hang_up()
    world.settled()
    assert server.kinds() == [1, 2]
    again = router.desk.dial("amina", "p")
    world.settled()
    server.lose = radius.TRIES
    again.hang_up()
    world.settled()
    assert server.kinds() == [1, 2, 1]


def test_after_a_power_cut_numbers_begin_again_and_it_is_1970(router, server, world):
    server.users["amina"] = ("p", {})
    first = router.desk.dial("amina", "p")
    router.power_cut(seconds=0)
    second = router.desk.dial("amina", "p")
    world.settled()
    assert second.id == first.id
    assert server.kinds() == [1, 1] and server.accounted[-1]["Event-Timestamp"] < 200_000
    tuple(connect(router)("/system/ntp/client/set", enabled="yes", servers="10.0.0.1"))
    world.step(70)
    second.hang_up()
    world.settled()
    assert server.accounted[-1]["Event-Timestamp"] == 1_790_000_070


def test_a_cut_line_leaves_customers_on(router, server, world):
    server.users["amina"] = ("p", {"Acct-Interim-Interval": 300})
    session = router.desk.dial("amina", "p")
    session.use(down=8000)
    world.settled()
    router.link(False)
    with pytest.raises(OSError, match="refused"):
        connect(router)
    assert radclient(router, "disconnect", {"User-Name": "amina"})[0] is None
    with pytest.raises(RefusedError, match="not responding"):
        router.desk.dial("deng", "p", "02:00:00:00:00:02")
    world.step(900)
    assert server.kinds() == [1]
    router.link(True)
    world.step(300)
    assert server.kinds() == [1, 3] and server.accounted[-1]["Acct-Output-Octets"] == 1_200_000
    assert rows(router, "ppp", "active")


def test_an_answer_with_a_rate_that_cannot_be_read_lets_nobody_in(router, server):
    server.users["amina"] = ("p", {"Mikrotik-Rate-Limit": "1M/"})
    with pytest.raises(RefusedError, match="rate limit"):
        router.desk.dial("amina", "p")


def test_a_reboot_tells_and_boot_is_told_when_asked_for(world, server):
    router = world.add("telling", address="127.0.1.3", tells_boot=True, password=PASSWORD)
    api = connect(router)
    api.path("radius").add(service="ppp", address="127.0.0.1", secret=SECRET, **{"accounting-port": server.acct})
    api.path("interface", "pppoe-server", "server").add(interface="ether1", disabled=False)
    api.path("ppp", "secret").add(name="a", **{"remote-address": "10.0.0.9"})
    router.desk.dial("a", "")
    router.reboot()
    world.settled()
    assert sorted(server.kinds()) == [1, 2, 7, 8] and server.kinds()[-1] == 7
    assert [one["Acct-Terminate-Cause"] for one in server.accounted if one["Acct-Status-Type"] == 2] == [11]


# --- CoA and Disconnect, by radclient ---


def test_disconnect(router, server, world):
    server.users["amina"] = ("p", {})
    session = router.desk.dial("amina", "p")
    for attributes, cause in (
        ({"User-Name": "nobody"}, 503),
        ({"User-Name": "amina", "Acct-Session-Id": "81ffffff"}, 503),
        ({"Acct-Session-Id": session.id, "NAS-IP-Address": "127.0.1.9"}, 403),
        ({"NAS-IP-Address": router.address}, 402),
    ):
        acknowledged, output = radclient(router, "disconnect", attributes)
        assert acknowledged is False and re.search(rf"Error-Cause = .*({cause}|{ {503: 'Session-Context-Not-Found', 403: 'NAS-Identification-Mismatch', 402: 'Missing-Attribute'}[cause] })", output), output
    assert radclient(router, "disconnect", {"User-Name": "amina"}, secret="wrong")[0] is None
    assert session.ended is None
    assert radclient(router, "disconnect", {"User-Name": "amina", "Framed-IP-Address": session.address, "Acct-Session-Id": session.id, "NAS-IP-Address": router.address})[0] is True
    world.settled()
    assert session.ended == "Admin-Reset" and server.accounted[-1]["Acct-Terminate-Cause"] == 6


def test_coa_changes_a_session_that_goes_on(router, server, world):
    server.users["amina"] = ("p", {"Mikrotik-Rate-Limit": "1M/1M"})
    session = router.desk.dial("amina", "p")
    session.use(down=100_000_000)
    world.step(8)
    name = {"User-Name": "amina", "Acct-Session-Id": session.id}
    assert radclient(router, "coa", {**name, "Mikrotik-Rate-Limit": "2M/8M", "Mikrotik-Address-List": "slow", "Message-Authenticator": "0x00"})[0] is True
    world.step(8)
    assert session.bytes == (0, 1_000_000 + 8_000_000)
    assert rows(router, "queue", "simple")[0]["max-limit"] == "2000000/8000000"
    assert [row["list"] for row in rows(router, "ip", "firewall", "address-list")] == ["slow"]
    acknowledged, output = radclient(router, "coa", {**name, "Mikrotik-Rate-Limit": "nonsense"})
    assert acknowledged is False and rows(router, "queue", "simple")[0]["max-limit"] == "2000000/8000000"
    assert radclient(router, "coa", {**name, "Framed-Pool": "other"})[0] is False
    assert session.ended is None and server.kinds() == [1]
    assert radclient(router, "coa", {**name, "Session-Timeout": 60})[0] is True
    world.step(61)
    assert session.ended == "Session-Timeout"


def test_a_hotspot_session_is_found_by_its_address_only(router, server):
    server.users["v"] = ("p", {})
    session = router.desk.log_in(router.desk.arrive("02:BB:00:00:00:02"), "v", "p")
    assert radclient(router, "disconnect", {"User-Name": "v"})[0] is False
    assert radclient(router, "disconnect", {"User-Name": "v", "Framed-IP-Address": session.address})[0] is True
    assert session.ended


def test_coa_that_lies_is_silent_or_refused(router, server):
    server.users["amina"] = ("p", {"Mikrotik-Rate-Limit": "1M/1M"})
    router.desk.dial("amina", "p")
    change = {"User-Name": "amina", "Mikrotik-Rate-Limit": "2M/2M"}
    router.faults += [Fault("coa_lie"), Fault("coa_nak", 501), Fault("coa_silent")]
    answers = [radclient(router, "coa", change)[0] for _nth in range(3)]
    assert answers == [True, False, None]
    assert rows(router, "queue", "simple")[0]["max-limit"] == "1000000/1000000"
    assert radclient(router, "coa", change)[0] is True


def test_the_same_request_again_has_the_same_answer(router, server):
    server.users["amina"] = ("p", {})
    session = router.desk.dial("amina", "p")
    body = b"\x01\x07amina"
    head = b"\x28\x09" + (20 + len(body)).to_bytes(2, "big")
    data = head + hashlib.md5(head + bytes(16) + body + SECRET.encode()).digest() + body
    port = int(router.singleton("radius/incoming")["port"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        answers = []
        for _nth in range(2):
            sock.sendto(data, (router.address, port))
            answers.append(sock.recv(4096))
        assert answers[0] == answers[1] and answers[0][0] == 41 and session.ended
        right = hashlib.md5(answers[0][:4] + data[4:20] + answers[0][20:] + SECRET.encode()).digest()
        assert hmac.compare_digest(right, answers[0][4:20])
        for broken in (data[:-1], data[:10], b"", b"\x28" * 20, data[:4] + bytes(16) + data[20:]):
            sock.sendto(broken, (router.address, port))
        sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            sock.recv(4096)


def test_incoming_is_closed_until_it_is_accepted(router):
    tuple(connect(router)("/radius/incoming/set", accept="no"))
    assert radclient(router, "disconnect", {"User-Name": "a"})[0] is None


def test_many_at_once(router, server, world):
    api = connect(router)
    api.path("ip", "pool").update(**{".id": "*1", "ranges": "10.5.0.2-10.5.7.254"})
    for number in range(300):
        server.users[f"c{number}"] = ("p", {"Acct-Interim-Interval": 300, "Mikrotik-Rate-Limit": "1M/2M"})
    failures = []

    def some(first):
        for number in range(first, 300, 8):
            try:
                router.desk.dial(f"c{number}", "p", f"02:00:00:00:{number // 256:02X}:{number % 256:02X}").use(down=1_000_000)
            except RefusedError as refused:
                failures.append(refused)

    threads = [threading.Thread(target=some, args=(first,)) for first in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and len(rows(router, "ppp", "active")) == 300
    assert len({row["address"] for row in rows(router, "ppp", "active")}) == 300
    world.step(900)
    assert server.kinds().count(1) == 300 and server.kinds().count(3) == 900
    assert all(one["Acct-Output-Octets"] == one["Acct-Session-Time"] * 125_000 for one in server.accounted if one["Acct-Status-Type"] == 3)


# --- another process ---


def test_the_service_and_its_control(tmp_path, server):
    routers = Routers(tmp_path, choose_port(18990, set()))
    routers.start(stepped=True)
    try:
        made = routers.add("site-9", "127.0.1.9", password=PASSWORD, version="7.20.8")
        api = librouteros.connect(made["address"], "admin", PASSWORD, port=made["ports"]["api"], encoding="utf-8", timeout=10)
        assert tuple(api("/system/resource/print"))[0]["version"].startswith("7.20.8")
        api.path("interface", "pppoe-server", "server").add(interface="ether1", disabled=False)
        api.path("ppp", "secret").add(name="a", password="p", **{"remote-address": "10.0.0.9"})
        with pytest.raises(StackError, match="authentication failed"):
            routers.call("POST", "/routers/site-9/pppoe", {"user": "a", "password": "x"})
        key = routers.call("POST", "/routers/site-9/pppoe", {"user": "a", "password": "p"})["id"]
        routers.call("POST", f"/routers/site-9/sessions/{key}", {"down": 8000})
        routers.call("POST", "/clock", {"step": 60})
        [session] = routers.call("GET", "/routers/site-9/sessions")["sessions"]
        assert (session["user"], session["down"], session["rate"]) == ("a", 60_000, [0, 8000])
        assert routers.call("GET", "/routers/site-9/reach?address=10.0.0.9")["result"] == "accept"
        routers.call("POST", "/routers/site-9/faults", {"faults": [{"kind": "trap", "value": "failure: busy", "path": "/ppp"}]})
        with pytest.raises(TrapError, match="failure: busy"):
            tuple(api.path("ppp", "active"))
        routers.call("POST", "/routers/site-9/power", {"do": "cut", "seconds": 0})
        assert routers.call("GET", "/")["routers"][0]["sessions"] == 0
        many = [{"user": "a", "password": "p" if number else "x", "mac": f"02:00:00:00:00:0{number}"} for number in range(3)]
        results = routers.call("POST", "/routers/site-9/pppoe/many", {"clients": many})["results"]
        assert [result.get("error") for result in results] == ["authentication failed", None, None]
        assert routers.call("POST", "/routers/site-9/console", {"text": ":put [/system identity get name]"})["output"] == "site-9"
        with pytest.raises(StackError, match="bad command name"):
            routers.call("POST", "/routers/site-9/console", {"text": "/frob"})
        with pytest.raises(StackError, match="not there"):
            routers.call("GET", "/routers/nowhere")
    finally:
        routers.stop()


# --- a RADIUS server that is not ours at all ---

RADIUSD = """\
prefix = /usr
libdir = /usr/lib/freeradius
name = radius
logdir = {folder}
radacctdir = {folder}
run_dir = {folder}
db_dir = {folder}
proxy_requests = no
max_requests = 1024
security {{
	max_attributes = 200
	reject_delay = 0
}}
thread pool {{
	start_servers = 1
	max_servers = 2
}}
modules {{
	pap {{
	}}
	chap {{
	}}
	mschap {{
	}}
	detail {{
		filename = {folder}/detail
	}}
	files {{
		filename = {folder}/users
	}}
}}
client router {{
	ipaddr = 127.0.1.1
	secret = {secret}
	require_message_authenticator = yes
}}
server default {{
	listen {{
		type = auth
		ipaddr = 127.0.0.1
		port = {auth}
	}}
	listen {{
		type = acct
		ipaddr = 127.0.0.1
		port = {acct}
	}}
	authorize {{
		chap
		mschap
		files
		pap
	}}
	authenticate {{
		Auth-Type PAP {{
			pap
		}}
		Auth-Type CHAP {{
			chap
		}}
		Auth-Type MS-CHAP {{
			mschap
		}}
	}}
	post-auth {{
		update reply {{
			Message-Authenticator := 0x00
		}}
		Post-Auth-Type REJECT {{
			update reply {{
				Message-Authenticator := 0x00
			}}
		}}
	}}
	accounting {{
		detail
	}}
}}
"""
USERS = """\
amina Cleartext-Password := "p w"
	Mikrotik-Rate-Limit = "1M/4M",
	Mikrotik-Total-Limit = 1410065408,
	Mikrotik-Total-Limit-Gigawords = 2,
	Acct-Interim-Interval = 60,
	Class = 0x7365727669636537
02:BB:00:00:00:09 Cleartext-Password := ""
"""


@pytest.fixture
def freeradius(tmp_path):
    ports = {"auth": free_udp_port("127.0.0.1"), "acct": free_udp_port("127.0.0.1")}
    (tmp_path / "radiusd.conf").write_text(RADIUSD.format(folder=tmp_path, secret=SECRET, **ports))
    (tmp_path / "dictionary").write_text("$INCLUDE /usr/share/freeradius/dictionary\n")
    (tmp_path / "users").write_text(USERS)
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(["freeradius", "-d", tmp_path, "-X"], stdout=out, stderr=out)
    wait_for(lambda: "Ready to process" in (tmp_path / "out").read_text(), 20, "FreeRADIUS", process)
    yield types.SimpleNamespace(**ports, folder=tmp_path)
    process.terminate()
    process.wait()


def test_freeradius_takes_all_three_ways_and_the_accounting(router, world, freeradius):
    api = connect(router)
    for row in api.path("radius"):
        api.path("radius").update(**{".id": row[".id"], "authentication-port": freeradius.auth, "accounting-port": freeradius.acct, "timeout": "3s"})
    for method in ("pap", "chap", "mschap2"):
        with pytest.raises(RefusedError, match="authentication failed"):
            router.desk.dial("amina", "wrong", method=method)
        session = router.desk.dial("amina", "p w", "02:AA:00:00:00:07", method=method)
        assert (session.limits.rate, session.limits.total, session.limits.interim, session.limits.classes) == ("1M/4M", 10_000_000_000, 60, [b"service7"])
        session.hang_up()
        world.settled()  # packets of different sessions may pass each other
    session = router.desk.dial("amina", "p w", "02:AA:00:00:00:07")
    session.use(up=100_000, down=1_000_000)
    world.step(60)
    session.hang_up()
    world.settled()
    router.desk.arrive("02:BB:00:00:00:09")
    assert [row["user"] for row in connect(router).path("ip", "hotspot", "active")] == ["02:BB:00:00:00:09"]
    world.settled()
    packets = [block for block in (freeradius.folder / "detail").read_text().split("\n\n") if "Acct-Status-Type" in block]
    assert [re.search(r"Acct-Status-Type = (\S+)", block)[1] for block in packets] == ["Start", "Stop"] * 3 + ["Start", "Interim-Update", "Stop", "Start"]
    interim = packets[7]
    for line in ("Acct-Input-Octets = 750000", "Acct-Output-Octets = 7500000", "Acct-Session-Time = 60", "Class = 0x7365727669636537", "NAS-Port-Type = Ethernet", 'Calling-Station-Id = "02:AA:00:00:00:07"', "Acct-Authentic = RADIUS"):
        assert line in interim, interim
    assert "Acct-Terminate-Cause = User-Request" in packets[8]
