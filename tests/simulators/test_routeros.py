# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The simulated router answers any client as the manual says: raw sockets, librouteros and requests, none of them ours."""

import doctest
import functools
import hashlib
import importlib
import random
import re
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import librouteros
import pytest
import requests
from librouteros.exceptions import ConnectionClosed, FatalError, LibRouterosError, MultiTrapError, TrapError
from librouteros.login import token

from simulators.routeros import vocabulary
from simulators.routeros.clock import Clock
from simulators.routeros.device import Fault
from simulators.routeros.host import Host
from simulators.routeros.words import encode_length

PASSWORD = "first day"


@pytest.fixture
def router():
    with Host("r1", clock=Clock(), password=PASSWORD) as host:
        yield host


@pytest.fixture
def api(router):
    connection = connect(router)
    yield connection
    connection.close()


def connect(router, user="admin", password=PASSWORD, **more):
    return librouteros.connect(router.address, user, password, port=router.port("api"), encoding="utf-8", **{"timeout": 10, **more})


class Raw:
    """Sentences by hand."""

    def __init__(self, router, login=True):
        self.sock = socket.create_connection((router.address, router.port("api")), timeout=10)
        if login:
            assert self.ask("/login", "=name=admin", f"=password={PASSWORD}") == [["!done"]]

    def send(self, *words):
        data = b""
        for word in words:
            raw = word.encode()
            data += encode_length(len(raw)) + raw
        self.sock.sendall(data + b"\0")

    def word(self):
        first = self._take(1)[0]
        size = next((n for n, limit in enumerate((0x80, 0xC0, 0xE0, 0xF0)) if first < limit), 4)
        length = int.from_bytes(bytes([first & (0x7F, 0x3F, 0x1F, 0x0F, 0)[size]]) + self._take(size), "big")
        return self._take(length).decode()

    def _take(self, size):
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def sentence(self):
        words = []
        while word := self.word():
            words.append(word)
        return words

    def ask(self, *words):
        self.send(*words)
        return self.until_done()

    def until_done(self):
        answer = [self.sentence()]
        while answer[-1][0] not in ("!done", "!fatal"):
            answer.append(self.sentence())
        return answer


@pytest.mark.parametrize("name", ["words", "query", "vocabulary", "values", "export", "pages"])
def test_examples_in_the_code(name):
    result = doctest.testmod(importlib.import_module(f"simulators.routeros.{name}"))
    assert result.attempted or name == "vocabulary"
    assert not result.failed


# --- the wire ---


def test_login_in_both_ways_and_not_at_all(router):
    raw = Raw(router, login=False)
    assert raw.ask("/login", "=name=admin", "=password=no") == [["!trap", "=message=invalid user name or password (6)"], ["!done"]]
    [[done, ret]] = raw.ask("/login")
    assert (done, ret[:5], len(ret)) == ("!done", "=ret=", 5 + 32)
    response = hashlib.md5(b"\0" + PASSWORD.encode() + bytes.fromhex(ret[5:])).hexdigest()
    assert raw.ask("/login", "=name=admin", f"=response=00{response}") == [["!done"]]
    old = connect(router, login_method=token)
    assert tuple(old("/system/identity/print")) == ({"name": "r1"},)
    assert Raw(router, login=False).ask("/system/identity/print") == [["!fatal", "not logged in"]]
    assert raw.ask("/quit") == [["!fatal", "session terminated on request"]]


def test_a_challenge_is_good_for_one_answer(router):
    raw = Raw(router, login=False)
    [[_done, ret]] = raw.ask("/login")
    right = "00" + hashlib.md5(b"\0" + PASSWORD.encode() + bytes.fromhex(ret[5:])).hexdigest()
    assert raw.ask("/login", "=name=admin", "=response=00" + "0" * 32)[0][0] == "!trap"
    assert raw.ask("/login", "=name=admin", f"=response={right}")[0][0] == "!trap"


@pytest.mark.parametrize("size", [0, 0x7F - 9, 0x80, 0x3FFF, 0x4000, 0x1FFFFF, 0x200000])
def test_words_of_every_length(router, size):
    raw = Raw(router)
    # A comment, for it may be long; the answer's words have the same lengths.
    assert raw.ask("/interface/set", "=.id=ether1", "=comment=" + "x" * size) == [["!done"]]
    row, _done = raw.ask("/interface/print", "?name=ether1", "=.proplist=comment") if size else (["!re", "=comment="], None)
    assert row == ["!re", "=comment=" + "x" * size]


def test_the_longest_form_of_a_length_is_understood(router):
    raw = Raw(router)
    word = b"/system/identity/print"
    raw.sock.sendall(b"\xf0" + len(word).to_bytes(4, "big") + word + b"\0")
    assert raw.until_done() == [["!re", "=name=r1"], ["!done"]]


@pytest.mark.parametrize("data", [b"\xf8", b"\xff\xff", b"\xf0\xff\xff\xff\xff"])
def test_what_is_no_word_ends_the_connection(router, data):
    raw = Raw(router)
    raw.sock.sendall(data)
    with pytest.raises(EOFError):
        raw.sentence()


def test_tagged_commands_run_side_by_side_and_can_be_cancelled(router):
    raw = Raw(router)
    raw.send("/log/listen", ".tag=watch")
    assert raw.ask("/ppp/secret/add", "=name=amina", ".tag=7") == [["!done", "=ret=*1", ".tag=7"]]
    raw.send("/cancel", "=tag=watch", ".tag=8")
    seen = []
    while not any(words[:1] == ["!done"] and words[-1] == ".tag=watch" for words in seen):
        seen.append(raw.sentence())
    assert ["!trap", "=category=2", "=message=interrupted", ".tag=watch"] in seen
    assert ["!done", ".tag=8"] in seen


def test_listen_tells_changes_and_removals(router):
    raw = Raw(router)
    raw.send("/ppp/secret/listen", ".tag=w")
    other = connect(router)
    secrets = other.path("ppp", "secret")
    assert eventually(lambda: router.listeners)
    key = secrets.add(name="amina")
    words = raw.sentence()
    assert words[0] == "!re" and "=name=amina" in words and words[-1] == ".tag=w"
    secrets.update(**{".id": key, "disabled": True})
    assert "=disabled=true" in raw.sentence()
    secrets.remove(key)
    assert raw.sentence() == ["!re", f"=.id={key}", "=.dead=true", ".tag=w"]


def test_monitor_without_once_goes_on_until_cancelled(router):
    raw = Raw(router)
    raw.send("/interface/monitor-traffic", "=interface=ether2,ether1", "=interval=0.05", ".tag=m")
    rows = [raw.sentence() for _nth in range(6)]
    assert [row[1] for row in rows] == ["=name=ether2", "=name=ether1"] * 3
    raw.send("/cancel", "=tag=m", ".tag=c")
    while (words := raw.sentence()) != ["!done", ".tag=m"]:
        assert words[0] in ("!re", "!trap", "!done")
    [once, _other, done] = raw.ask("/interface/monitor-traffic", "=interface=ether1,ether2", "=once=")
    assert (once[1], done) == ("=name=ether1", ["!done"])


def test_an_endless_command_without_a_tag_is_cancelled_too(router):
    raw = Raw(router)
    raw.send("/ppp/secret/print", "=follow=")
    raw.send("/system/identity/print")
    assert eventually(lambda: router.listeners)
    connect(router).path("ppp", "secret").add(name="a")
    assert "=name=a" in raw.sentence()
    raw.send("/cancel")
    assert [raw.sentence() for _nth in range(5)].count(["!done"]) == 3


@pytest.mark.parametrize("seed", range(20))
def test_noise_harms_nobody_else(router, seed):
    noise = random.Random(seed)
    raw = Raw(router, login=noise.random() < 0.5)
    data = b"".join(encode_length(len(word)) + word for word in (noise.choice(NOISE) for _nth in range(30))) + noise.randbytes(200)
    raw.sock.sendall(data)
    raw.sock.shutdown(socket.SHUT_WR)
    while raw.sock.recv(65536):
        continue
    assert tuple(connect(router)("/system/identity/print")) == ({"name": "r1"},)


NOISE = [b"", b"", b"/login", b"/ppp/secret/add", b"/ppp/secret/print", b"=name=a", b"=", b"==", b"=.id=", b"=.proplist=", b"?", b"?#", b"?#&|!.", b"?name", b".tag=1", b".tag=", b".x=1", b"=count-only=", b"!re", b"/", b"//", b"/cancel", b"=numbers=,", b"\xff\xfe", b"=follow="]


def test_a_port_that_is_taken_is_said_in_the_log(router, api):
    taken = socket.create_server((router.address, 0))
    api.path("ip", "service").update(**{".id": "www", "port": taken.getsockname()[1]})
    assert any("service www cannot listen" in row["message"] for row in api.path("log"))
    taken.close()


def test_queries_and_properties(api):
    raw_words = (
        (("?type=ether", "=.proplist=name"), 5),
        (("?name=ether1", "?name=ether2", "?#|"), 2),
        (("?name=ether1", "?#!"), 4),
        (("?name=ether1", "?type=vlan"), 0),
        (("?-comment",), 5),
        (("?disabled=yes",), 0),
    )
    for words, count in raw_words:
        assert len(tuple(api.rawCmd("/interface/print", *words))) == count, words
    assert tuple(api.rawCmd("/interface/print", "?name=ether1", "=.proplist=mtu,name")) == ({"mtu": 1500, "name": "ether1"},)
    assert tuple(api.rawCmd("/interface/print", "=count-only=")) == ({"ret": 5},)
    with pytest.raises(TrapError, match="query is incorrect"):
        tuple(api.rawCmd("/interface/print", "?name=ether1", "?#&"))


@pytest.mark.parametrize(("version", "empty"), [("7.16.2", [["!done"]]), ("7.24", [["!empty"], ["!done"]])])
def test_an_empty_answer_is_said_since_7_18(version, empty):
    with Host(clock=Clock(), version=version, password=PASSWORD) as router:
        assert Raw(router).ask("/ppp/secret/print") == empty


# --- vocabulary and values ---


@pytest.mark.parametrize("version", vocabulary.VERSIONS)
def test_every_menu_of_the_tree_can_be_printed(version):
    with Host(clock=Clock(), version=version, password=PASSWORD) as router:
        api, tree = connect(router), vocabulary.of(version)
        for menu, commands in tree.commands.items():
            if "print" in commands:
                tuple(api(f"/{menu}/print"))
        with pytest.raises(TrapError, match="no such command"):
            tuple(api("/interface/pppoe-server/server/frobnicate"))


def test_what_a_version_does_not_have_is_refused():
    for version, knows in (("7.12.2", False), ("7.16.2", True)):
        with Host(clock=Clock(), version=version, password=PASSWORD) as router:
            api = connect(router)
            add = functools.partial(api.path("radius").add, address="10.0.0.1", secret="s", service="ppp")
            if knows:
                add(**{"require-message-auth": "no"})
            else:
                with pytest.raises(TrapError, match="^unknown parameter"):
                    add(**{"require-message-auth": "no"})
            assert ("require-message-auth" in next(iter(api.path("radius")), {})) is knows


@pytest.mark.parametrize(
    ("command", "args", "message"),
    [
        ("/ppp/secret/add", {"nam": "a"}, "unknown parameter"),
        ("/ppp/secret/add", {}, r"missing value\(s\) of argument\(s\) name"),
        ("/ppp/secret/add", {"name": "a", "profile": "none"}, "input does not match any value of profile"),
        ("/ppp/secret/add", {"name": "a", "service": "dsl"}, "input does not match any value of service"),
        ("/ppp/secret/add", {"name": "a", "remote-address": "10.0.0.300"}, "invalid value for argument remote-address"),
        ("/ppp/secret/add", {"name": "a", "limit-bytes-in": "-1"}, "invalid value for argument limit-bytes-in"),
        ("/ppp/secret/set", {".id": "*77", "comment": "x"}, "no such item"),
        ("/ppp/secret/set", {".id": "0", "comment": "x"}, "no such item"),
        ("/ppp/secret/set", {"comment": "x"}, r"missing value\(s\) of argument\(s\) numbers"),
        ("/ppp/secret/print", {"where": "name=a"}, "unknown parameter"),
        ("/ppp/secret/find", {}, "no such command"),
        ("/ppp/profile/add", {"name": "p", "rate-limit": "10M/20M/3"}, "invalid value for argument rate-limit"),
        ("/ppp/profile/remove", {".id": "*0"}, "failure: default"),
        ("/radius/set", {".id": "*1"}, "no such item"),
        ("/radius/incoming/set", {"port": "70000"}, r"value of port out of range \(0..65535\)"),
        ("/queue/simple/add", {"name": "q"}, r"missing value\(s\) of argument\(s\) target"),
        ("/queue/simple/add", {"target": "10.0.0.1", "max-limit": "10Q"}, "invalid value for argument max-limit"),
        ("/ip/firewall/nat/add", {"chain": "dstnat", "action": "dst-nat", "dst-port": "80"}, "failure: ports can be specified if proto"),
        ("/ip/hotspot/user/add", {"name": "a", "mac-address": "12:34"}, "mac address required"),
        ("/interface/wireguard/add", {"private-key": "short"}, "invalid value for argument private-key"),
        ("/system/routerbord/print", {}, "no such command or directory"),
    ],
)
def test_refusals_have_the_words_of_the_device(api, command, args, message):
    with pytest.raises((TrapError, MultiTrapError)) as caught:
        tuple(api(command, **args))
    assert re.search(message, str(caught.value))


def test_names_are_unique_where_the_device_says_so(api):
    rows = [
        ("ppp secret", {"name": "a", "service": "pppoe"}, "secret with the same name already exists"),
        ("ip hotspot user", {"name": "a"}, "already have user with this name for this server"),
        ("ip firewall address-list", {"list": "l", "address": "10.0.0.1"}, "already have such entry"),
        ("queue simple", {"name": "q", "target": "10.0.0.1"}, "already have such name"),
        ("ip pool", {"name": "p", "ranges": "10.0.0.2-10.0.0.3"}, "pool with such name exists"),
        ("ip address", {"address": "10.0.0.1/24", "interface": "ether1"}, "already have such address"),
        ("user", {"name": "u", "group": "read"}, "user with the same name already exists"),
    ]
    for menu, values, message in rows:
        path = api.path(*menu.split())
        path.add(**values)
        with pytest.raises(TrapError, match=f"failure: {message}"):
            path.add(**values)
    api.path("ppp", "secret").add(name="a", service="l2tp")


def test_values_are_shown_as_the_device_shows_them(api):
    api.path("ip", "pool").add(name="p", ranges="10.0.0.2-10.0.0.9")
    api.path("ppp", "profile").add(name="10M", **{"rate-limit": "5M/10M", "session-timeout": "90m", "remote-address": "p"})
    api.path("queue", "simple").add(name="q", target="10.0.0.7", **{"max-limit": "5M/10240k", "burst-time": "8", "priority": "3"})
    [queue] = api.path("queue", "simple")
    assert {key: queue[key] for key in ("target", "max-limit", "burst-time", "priority", "limit-at", "disabled", "bytes")} == {
        "target": "10.0.0.7/32",
        "max-limit": "5000000/10240000",
        "burst-time": "8s/8s",
        "priority": "3/3",
        "limit-at": "0/0",
        "disabled": False,
        "bytes": "0/0",
    }
    profile = [row for row in api.path("ppp", "profile") if row["name"] == "10M"][0]
    assert (profile["session-timeout"], profile["rate-limit"], profile["only-one"]) == ("1h30m", "5M/10M", "default")
    assert "comment" not in profile and "idle-timeout" not in profile
    api.path("ip", "hotspot", "user").add(name="v1", **{"limit-bytes-total": "10G", "limit-uptime": "1d", "mac-address": "aa-bb-cc-00-11-22"})
    [user] = [row for row in api.path("ip", "hotspot", "user") if row["name"] == "v1"]
    assert (user["limit-bytes-total"], user["limit-uptime"], user["mac-address"]) == (10 << 30, "1d", "AA:BB:CC:00:11:22")


def test_references_follow_a_new_name_and_show_the_id_of_what_is_gone(api):
    profiles, secrets = api.path("ppp", "profile"), api.path("ppp", "secret")
    key = profiles.add(name="gold")
    secrets.add(name="a", profile="gold")
    profiles.update(**{".id": key, "name": "silver"})
    assert [row["profile"] for row in secrets] == ["silver"]
    profiles.remove(key)
    assert [row["profile"] for row in secrets] == [key]


def test_order_move_copy_unset_enable(api):
    rules = api.path("ip", "firewall", "filter")
    first, second = (rules.add(chain="forward", action=action) for action in ("accept", "drop"))
    third = rules.add(chain="input", **{"place-before": first, "protocol": "tcp", "dst-port": "22"})
    assert [row[".id"] for row in rules] == [third, first, second]
    tuple(api("/ip/firewall/filter/move", numbers=second, destination=third))
    assert [row[".id"] for row in rules] == [second, third, first]
    copied = rules.add(**{"copy-from": third, "comment": "again"})
    assert [row for row in rules if row[".id"] == copied][0]["dst-port"] == 22
    tuple(api("/ip/firewall/filter/unset", numbers=third, **{"value-name": "dst-port"}))
    assert "dst-port" not in [row for row in rules if row[".id"] == third][0]
    tuple(api("/ip/firewall/filter/disable", numbers=f"{first},{second}"))
    assert [row["disabled"] for row in rules] == [True, False, True, False]
    tuple(api("/ip/firewall/filter/comment", numbers=first, comment="isp:1"))
    assert tuple(api("/ip/firewall/filter/get", **{".id": first, "value-name": "comment"})) == ({"ret": "isp:1"},)


# --- users and services ---


def test_rights_of_groups(router, api):
    api.path("user", "group").add(name="isp", policy="api,read,test")
    api.path("user").add(name="billing", group="isp", password="p")
    api.path("ppp", "secret").add(name="a", password="hidden")
    small = connect(router, "billing", "p")
    assert [row["password"] for row in small.path("ppp", "secret")] == ["*****"]
    for command, args in (("/ppp/secret/add", {"name": "b"}), ("/ppp/secret/remove", {".id": "*1"}), ("/system/reboot", {}), ("/user/add", {"name": "x", "group": "full"}), ("/file/add", {"name": "x"})):
        with pytest.raises(TrapError, match=r"not enough permissions \(9\)"):
            tuple(small(command, **args))
    api.path("user", "group").add(name="web", policy="rest-api,read")
    api.path("user").add(name="rest", group="web", password="p")
    with pytest.raises(TrapError, match="invalid user name or password"):
        connect(router, "rest", "p")
    api.path("user").update(**{".id": "billing", "address": "10.9.9.0/24"})
    with pytest.raises(TrapError, match="invalid user name or password"):
        connect(router, "billing", "p")


def test_services_open_close_and_admit(router, api):
    services = api.path("ip", "service")
    services.update(**{".id": "api", "max-sessions": 2})
    second = connect(router)
    with pytest.raises((ConnectionClosed, OSError)):
        connect(router)
    second.close()
    services.update(**{".id": "www", "address": "10.0.0.0/8"})
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{router.port('www')}/rest/system/identity", timeout=10)
    services.update(**{".id": "www", "disabled": True})
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((router.address, router.port("www")), timeout=5)


def test_tls_needs_a_certificate(router, api):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    wrap = functools.partial(context.wrap_socket, server_hostname="r1")
    arguments = (router.address, "admin", PASSWORD)
    with pytest.raises(OSError, match="(?i)ssl|handshake|eof"):
        librouteros.connect(*arguments, port=router.port("api-ssl"), ssl_wrapper=wrap, timeout=10)
    api.path("certificate").add(name="own", **{"common-name": "r1", "subject-alt-name": "DNS:r1,IP:127.0.0.1"})
    tuple(api("/certificate/sign", number="own"))
    api.path("ip", "service").update(**{".id": "api-ssl", "certificate": "own"})
    tuple(api("/certificate/export-certificate", numbers="own", **{"file-name": "ca"}))
    pem = [row["contents"] for row in api.path("file") if row["name"] == "ca.crt"][0]
    pinned = ssl.create_default_context(cadata=pem)
    tls = librouteros.connect(*arguments, port=router.port("api-ssl"), ssl_wrapper=functools.partial(pinned.wrap_socket, server_hostname="r1"), timeout=10)
    assert tuple(tls("/system/identity/print")) == ({"name": "r1"},)
    with pytest.raises(ssl.SSLCertVerificationError):
        strange = ssl.create_default_context()
        librouteros.connect(*arguments, port=router.port("api-ssl"), ssl_wrapper=functools.partial(strange.wrap_socket, server_hostname="r1"), timeout=10)


# --- REST ---


def test_rest_over_the_same_state(router, api):
    web = requests.Session()
    web.auth = ("admin", PASSWORD)
    base = f"http://127.0.0.1:{router.port('www')}/rest"
    made = web.put(f"{base}/ppp/secret", json={"name": "a", "disabled": True, "limit-bytes-in": 5}, timeout=10)
    assert (made.status_code, made.json()[".id"], made.json()["disabled"], made.json()["limit-bytes-in"]) == (201, "*1", "true", "5")
    assert web.get(f"{base}/ppp/secret/*1", timeout=10).json()["name"] == web.get(f"{base}/ppp/secret/a", timeout=10).json()["name"] == "a"
    assert web.patch(f"{base}/ppp/secret/*1", json={"comment": "isp:1"}, timeout=10).json()["comment"] == "isp:1"
    assert web.get(f"{base}/ppp/secret?.proplist=name,comment&name=a", timeout=10).json() == [{"name": "a", "comment": "isp:1"}]
    assert web.post(f"{base}/ppp/secret/print", json={".proplist": ["name"], ".query": ["name=a", "name=b", "#|"]}, timeout=10).json() == [{"name": "a"}]
    assert web.get(f"{base}/system/identity", timeout=10).json() == {"name": "r1"}
    assert web.post(f"{base}/system/identity/set", json={"name": "r2"}, timeout=10).json() == []
    assert [row["name"] for row in api.path("system", "identity")] == ["r2"]
    assert web.delete(f"{base}/ppp/secret/*1", timeout=10).status_code == 204
    refusals = [
        (web.put(f"{base}/ppp/secret", json={"nam": "a"}, timeout=10), 400, "Bad Request", "unknown parameter nam"),
        (web.get(f"{base}/ppp/secret/*1", timeout=10), 404, "Not Found", "no such item"),
        (web.delete(f"{base}/ppp/secret/*1", timeout=10), 404, "Not Found", "no such item"),
        (web.delete(f"{base}/interface/ether1", timeout=10), 406, "Not Acceptable", "no such command or directory (remove)"),
        (web.patch(f"{base}/ppp/secret", json={"name": "b"}, timeout=10), 400, "Bad Request", "missing or invalid resource identifier"),
        (web.get(f"{base}/no/such", timeout=10), 400, "Bad Request", "no such command or directory (no)"),
        (web.put(f"{base}/ppp/secret", data="{", timeout=10), 400, "Bad Request", "invalid JSON"),
    ]
    for answer, status, message, detail in refusals:
        assert answer.status_code == status and answer.json() == {"error": status, "message": message, "detail": detail}
    assert requests.get(f"{base}/system/identity", auth=("admin", "no"), timeout=10).json() == {"error": 401, "message": "Unauthorized"}
    services = api.path("ip", "service")
    services.update(**{".id": "www-ssl", "disabled": False})
    with pytest.raises(requests.ConnectionError):
        requests.get(f"https://127.0.0.1:{router.port('www-ssl')}/rest/system/identity", verify=False, timeout=10)


# --- faults ---


@pytest.mark.parametrize(
    ("kind", "value", "error", "done"),
    [
        ("half", None, ConnectionClosed, True),
        ("drop", None, ConnectionClosed, False),
        ("drop_after", None, ConnectionClosed, True),
        ("fatal", "session terminated", FatalError, False),
        ("trap", "failure: busy", TrapError, False),
        ("silent", None, TimeoutError, False),
        ("slow", 30, TimeoutError, False),
        ("garbage", None, Exception, False),
    ],
)
def test_faults_happen_once(router, kind, value, error, done):
    router.faults.append(Fault(kind, value, path="/ppp/secret/add"))
    first = connect(router, timeout=0.5)
    with pytest.raises(error):
        first.path("ppp", "secret").add(name="a")
    again = connect(router)
    assert [row["name"] for row in again.path("ppp", "secret")] == (["a"] if done else [])
    again.path("ppp", "secret").add(name="b")


def test_a_slow_command_keeps_no_other_waiting(router):
    router.faults.append(Fault("slow", 60, path="/ppp/secret/add"))
    raw = Raw(router)
    raw.send("/ppp/secret/add", "=name=amina", ".tag=slow")
    assert raw.ask("/system/identity/print", ".tag=quick")[-1] == ["!done", ".tag=quick"]
    raw.send("/cancel", "=tag=slow", ".tag=c")
    assert sorted(raw.sentence() for _nth in range(3)) == [["!done", ".tag=c"], ["!done", ".tag=slow"], ["!trap", "=category=2", "=message=interrupted", ".tag=slow"]]
    assert not len(router.table("ppp/secret")), "it was not done"


def test_a_slow_command_without_a_tag_is_not_overtaken_and_can_be_cancelled(router):
    router.faults += [Fault("slow", 0.3, path="/system/identity"), Fault("slow", 60, path="/ip/pool")]
    raw = Raw(router)
    raw.send("/system/identity/print")
    raw.send("/ppp/profile/print", "=count-only=")
    assert [raw.sentence()[0] for _nth in range(3)] == ["!re", "!done", "!done"]
    raw.send("/ip/pool/print")
    raw.send("/cancel", ".tag=c")
    assert sorted(raw.sentence() for _nth in range(3)) == [["!done"], ["!done", ".tag=c"], ["!trap", "=category=2", "=message=interrupted"]]


def test_an_answer_to_somebody_else_comes_first(router, api):
    assert tuple(api("/system/identity/print")) == ({"name": "r1"},)
    router.faults.append(Fault("other", path="/ip/pool"))
    api.path("ip", "pool").add(name="p", ranges="10.0.0.2-10.0.0.3")
    assert tuple(api("/ip/address/print")) != tuple(connect(router)("/ip/address/print"))


def test_a_write_that_is_ignored_and_a_list_that_is_empty(router, api):
    router.faults += [Fault("ignore", path="/ppp/secret/add"), Fault("big_word", 1 << 20, path="/interface/print")]
    api.path("ppp", "secret").add(name="a")
    assert tuple(api.path("ppp", "secret")) == ()
    assert len(next(iter(api.path("interface")))["comment"]) == 1 << 20
    router.faults.append(Fault("empty", path="/interface"))
    assert tuple(api.path("interface")) == ()
    assert len(tuple(api.path("interface"))) == 5


def test_a_reboot_loses_the_time_and_what_was_dynamic(router, api):
    api.path("ip", "firewall", "address-list").add(list="l", address="10.0.0.1", timeout="1h")
    api.path("ip", "firewall", "address-list").add(list="l", address="10.0.0.2")
    api.path("ppp", "secret").add(name="a")
    assert tuple(api("/system/clock/print"))[0]["date"] == f"{router.today():%Y-%m-%d}"
    router.power_cut()
    with pytest.raises((ConnectionClosed, OSError)):
        tuple(api("/system/clock/print"))
    again = connect(router)
    assert tuple(again("/system/clock/print"))[0]["date"] == "1970-01-02"
    assert [row["address"] for row in again.path("ip", "firewall", "address-list")] == ["10.0.0.2"]
    assert [row["name"] for row in again.path("ppp", "secret")] == ["a"]
    tuple(again("/system/ntp/client/set", enabled="yes", servers="10.0.0.9"))
    assert tuple(again("/system/ntp/client/print"))[0]["status"] == "waiting"
    before = router.started
    tuple(again("/system/reboot"))
    assert eventually(lambda: router.started > before and connect(router))
    assert tuple(connect(router)("/system/ntp/client/print"))[0]["status"] == "waiting"
    router.clock.set(router.clock.now() + 10)
    router.happen()
    assert tuple(connect(router)("/system/ntp/client/print"))[0]["status"] == "synchronized"
    assert tuple(connect(router)("/system/clock/print"))[0]["date"] != "1970-01-02"


def eventually(condition):
    for _nth in range(200):
        try:
            if condition():
                return True
        except (OSError, LibRouterosError):
            pass
        threading.Event().wait(0.05)
    return False


def test_device_mode_needs_a_hand_at_the_router(router, api):
    tuple(api("/system/device-mode/update", mode="home"))
    assert tuple(api("/system/device-mode/print"))[0]["hotspot"] is True
    assert router.press_button()
    assert not router.press_button()
    assert tuple(connect(router)("/system/device-mode/print"))[0]["hotspot"] is False


# --- scripts ---


def test_a_script_by_execute(router, api):
    url = f"http://127.0.0.1:{router.port('www')}/rest/execute"
    ask = functools.partial(requests.post, url, auth=("admin", PASSWORD), timeout=10)
    assert ask(json={"script": ":put [/system identity get name]", "as-string": True}).json() == {"ret": "r1"}
    assert "ret" in ask(json={"script": "/ip pool add name=p ranges=10.0.0.2-10.0.0.3"}).json()
    assert [row["name"] for row in api.path("ip", "pool")] == ["p"]
    assert tuple(api("/execute", script="/frob"))[0]["ret"]
    assert "bad command name frob" in [row["message"] for row in api.path("log")][-1]


class Files(BaseHTTPRequestHandler):
    files = {}

    def do_GET(self):
        body = self.files.get(self.path)
        self.send_response(200 if body is not None else 404)
        self.end_headers()
        self.wfile.write((body or "").encode())

    def log_message(self, *_args):
        """Quiet."""


@pytest.fixture
def web():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


SETUP = r"""# set-up
/ip pool
:if ([:len [find name="isp"]] = 0) do={
    add name="isp" ranges=10.5.0.2-10.5.3.254
} else={ set [find name="isp"] ranges=10.5.0.2-10.5.3.254 }
/ppp profile add name=isp local-address=10.5.0.1 \
    remote-address=isp comment="isp:\
    profile" rate-limit="1M/2M"
:local who "billing"; :local n (2 + 3 * 4)
/user group add name=isp policy=api,read,write,test
/user add name=$who group=isp password="a \"b\" \$c" comment="isp:$n"
:foreach i in=[/interface find where type=ether and name~"ether[12]"] do={ /interface set $i comment=("port " . [/interface get $i name]) }
:do { /ip pool add name=isp ranges=10.9.0.2-10.9.0.3 } on-error={ :log warning "pool is there" }
/ip service set telnet disabled=yes
/system script add name=s source={ :put "hi }"; /log info "done" }
"""


def test_a_router_sets_itself_up_from_what_it_fetches(router, api, web):
    Files.files = {"/setup.rsc": SETUP}
    row = tuple(api("/tool/fetch", url=f"{web}/setup.rsc", **{"dst-path": "setup.rsc"}))[0]
    assert row["status"] == "finished"
    tuple(api("/import", **{"file-name": "setup.rsc"}))
    pool = [row["ranges"] for row in api.path("ip", "pool")]
    profile = [row for row in api.path("ppp", "profile") if row["name"] == "isp"][0]
    assert (pool, profile["comment"], profile["remote-address"]) == (["10.5.0.2-10.5.3.254"], "isp:profile", "isp")
    assert [row.get("comment") for row in api.path("interface")] == ["port ether1", "port ether2", None, None, None]
    assert tuple(connect(router, "billing", 'a "b" $c')("/user/print", **{})) and [row["comment"] for row in api.path("user") if row["name"] == "billing"] == ["isp:14"]
    assert "pool is there" in [row["message"] for row in api.path("log")]
    assert [row["disabled"] for row in api.path("ip", "service") if row["name"] == "telnet"] == [True]
    tuple(api("/system/script/run", number="s"))
    assert [row["message"] for row in api.path("log")][-1] == "done"
    Files.files = {"/answer": "42"}
    said = router.console(f':local r [/tool fetch url="{web}/answer" output=user as-value]; :if (($r->"status") = "finished") do={{ :put ($r->"data") }}')
    assert said == "42"
    with pytest.raises(TrapError, match="Fetch failed with status 404"):
        tuple(api("/tool/fetch", url=f"{web}/none.rsc"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/ip pool add nam=x ranges=10.0.0.2", r"bad parameter nam \(line 2 column 14\)"),
        ("/ip poool add name=x", r"bad command name poool \(line 2 column 5\)"),
        ("/ip pool frob", r"bad command name frob \(line 2 column 10\)"),
        (":frobnicate 1", r"bad command name frobnicate"),
        ("/ip pool add name=\"x", "expected closing quote"),
        (":if (1 = 1) do={ /ip pool", "expected closing brace"),
        ("/ip pool add name=x ranges=10.0.0.2-10.0.0.3 extra stuff", "expected end of command"),
        (":put [/ip pool find", "expected closing brace"),
        ("$function 1", "syntax error"),
    ],
)
def test_what_a_script_has_wrong_changes_nothing(api, text, message):
    api.path("file").add(name="bad.rsc", contents=f"/ip pool add name=before ranges=10.0.0.2-10.0.0.3\n{text}\n")
    with pytest.raises(TrapError, match=message):
        tuple(api("/import", **{"file-name": "bad.rsc"}))
    assert not tuple(api.path("ip", "pool"))


def test_an_error_while_it_runs_keeps_what_was_done(api):
    api.path("file").add(name="half.rsc", contents="/ip pool add name=a ranges=10.0.0.2-10.0.0.3\n/ip pool add name=a ranges=10.0.0.2-10.0.0.3\n/ip pool add name=b ranges=10.0.0.2-10.0.0.3")
    with pytest.raises(TrapError, match=r"failure: pool with such name exists \(/ip/pool/add; line 2\)"):
        tuple(api("/import", **{"file-name": "half.rsc"}))
    assert [row["name"] for row in api.path("ip", "pool")] == ["a"]


@pytest.mark.parametrize("terse", [False, True])
def test_an_export_sets_up_another_router(router, api, terse):
    api.path("file").add(name="setup.rsc", contents=SETUP)
    tuple(api("/import", **{"file-name": "setup.rsc"}))
    api.path("ppp", "secret").add(name="amina", password="p w", profile="isp", comment='say "hi" $x')
    api.path("queue", "simple").add(target="10.0.0.1/32", **{"max-limit": "1M/2M"})
    api.path("ip", "firewall", "address-list").add(list="gone", address="10.0.0.1", timeout="1h")
    text = api.config().export(terse=terse, show_sensitive=True)
    assert "gone" not in text and "p w" in text
    assert "p w" not in api.config().export(terse=terse)
    with Host("r2", clock=Clock(), password=PASSWORD) as other:
        copy = connect(other)
        copy.config().apply(text)
        for menu in (("ppp", "secret"), ("ppp", "profile"), ("ip", "pool"), ("queue", "simple"), ("system", "script"), ("interface",), ("ip", "service")):
            ports = ("port", "local") if menu == ("ip", "service") else ()
            assert [{k: v for k, v in row.items() if k not in ports} for row in copy.path(*menu)] == [{k: v for k, v in row.items() if k not in ports} for row in api.path(*menu)], menu
        assert api.config().compare(text.replace("\n", "\r\n"), terse=terse, show_sensitive=True) == ""


WHOLE = r"""{
:local token "abc"; :local server 10.99.0.1
/interface wireguard
:if ([:len [find name="isp"]] = 0) do={ add name="isp" listen-port=13231 comment="isp:tunnel" }
peers
:if ([:len [find comment="isp:tunnel"]] = 0) do={ add interface=isp public-key="AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" endpoint-address=vpn.isp.example \
    endpoint-port=51820 allowed-address=10.99.0.0/24 persistent-keepalive=25s comment="isp:tunnel" }
/ip address
remove [find comment="isp:tunnel"]; add address=10.99.0.7/24 interface=isp comment="isp:tunnel"
/radius remove [find where comment~"^isp:"]
/radius add service=ppp,hotspot address=$server secret="s3\"cret" timeout=3s comment="isp:radius"
/radius incoming set accept=yes port=3799
/user group
:do { add name=isp policy=read,write,test,api,!ftp } on-error={ set [find name=isp] policy=read,write,test,api,!ftp }
/user
:if ([find name=isp-api] = "") do={ add name=isp-api group=isp password="p" address=10.99.0.1/32 comment="isp:api" }
/system ntp client set enabled=yes servers=$server
/ppp aaa set use-radius=yes accounting=yes interim-update=5m
/ip pool add name=isp ranges=10.5.0.2-10.5.0.254
/ppp profile add name=isp local-address=10.5.0.1 remote-address=isp
/interface pppoe-server server add interface=ether2 service-name=isp default-profile=isp disabled=no
/ip hotspot profile add name=isp use-radius=yes login-by=http-chap,mac dns-name=login.isp
/ip hotspot add name=isp interface=ether3 profile=isp address-pool=isp disabled=no
/ip hotspot walled-garden add dst-host="*.isp.example" comment="isp:portal"
/ip hotspot walled-garden ip add action=accept dst-address=192.0.2.7 comment="isp:portal"
/ip firewall nat add chain=dstnat src-address-list=isp-walled protocol=tcp dst-port=80 action=dst-nat to-addresses=10.99.0.1 to-ports=8080 comment="isp:wall"
/ip firewall filter
add chain=forward src-address-list=isp-walled dst-address=!10.99.0.1 action=drop comment="isp:wall" place-before=[find chain=input]
/system scheduler add name=isp interval=1d on-event="/tool fetch url=\"http://10.99.0.1/\$token\" output=none" comment="isp:check"
:foreach i in=[/ip service find where name="telnet" or name="ftp"] do={ /ip service disable $i }
:put ("key " . [/interface wireguard get isp public-key])
:delay 2s
}
"""


@pytest.mark.parametrize("version", vocabulary.VERSIONS)
def test_a_whole_set_up_pasted_into_the_terminal(version):
    with Host("r1", clock=Clock(), version=version, password=PASSWORD) as router:
        text = WHOLE.replace(" place-before=[find chain=input]", "")
        key = router.console(text)
        assert re.fullmatch("key [A-Za-z0-9+/]{43}=", key)
        api = connect(router)
        [peer] = api.path("interface", "wireguard", "peers")
        assert (peer["endpoint-port"], peer["allowed-address"], peer["persistent-keepalive"]) == (51820, "10.99.0.0/24", "25s")
        [entry] = api.path("radius")
        assert (entry["secret"], entry["address"], entry["timeout"], entry["service"]) == ('s3"cret', "10.99.0.1", "3s", "ppp,hotspot")
        [rule] = api.path("ip", "firewall", "filter")
        assert (rule["dst-address"], rule["src-address-list"]) == ("!10.99.0.1", "isp-walled")
        [job] = api.path("system", "scheduler")
        assert job["on-event"] == '/tool fetch url="http://10.99.0.1/$token" output=none'
        assert [row["disabled"] for row in api.path("ip", "service") if row["name"] in ("telnet", "ftp", "ssh")] == [True, True, False]
        tuple(api("/radius/incoming/set", accept="no"))
        undo = "\n".join(f"/{menu} remove [find comment~\"^isp:\"]" for menu in ("radius", "ip firewall nat", "ip firewall filter", "ip address", "system scheduler", "user"))
        router.console(undo)
        assert not [*api.path("radius"), *api.path("ip", "firewall", "filter"), *api.path("system", "scheduler")]


def test_the_router_answers_while_it_waits_for_a_download(router, api):
    asked, go = threading.Event(), threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.set()
            go.wait(10)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_args):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    api.path("system", "script").add(name="wait", source=f'/tool fetch url="http://127.0.0.1:{server.server_port}/x" output=none')
    runner = threading.Thread(target=lambda: tuple(connect(router)("/system/script/run", number="wait")))
    runner.start()
    try:
        assert asked.wait(10)
        assert tuple(connect(router)("/system/identity/print")) == ({"name": "r1"},)
    finally:
        go.set()
        runner.join()
        server.shutdown()
        server.server_close()


def test_connections_are_rows_of_the_services_later_on(router, api):
    rows = [row for row in api.path("ip", "service") if row["name"] == "api"]
    assert [row["dynamic"] for row in rows] == [False, True] and rows[1]["connection"] is True


def test_servers_are_added_switched_off(api):
    for menu in ("interface pppoe-server server", "ip hotspot"):
        path = api.path(*menu.split())
        path.add(interface="ether2")
        assert [row["disabled"] for row in path] == [True]
