# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Our two drivers of RouterOS at simulated routers: the same answers by both wires, and what they say when a router misbehaves."""

import datetime
import doctest
import importlib.util
import pathlib
import random
import socket
import sys
import threading
import types

import pytest

from simulators.routeros.clock import Clock
from simulators.routeros.device import Fault
from simulators.routeros.host import Host
from simulators.routeros.vocabulary import VERSIONS

FOLDER = pathlib.Path(__file__).parents[2] / "addons/isp_network/drivers"


def load(name):
    """The drivers know no Odoo: they are loaded without it."""
    package = sys.modules.setdefault("isp_network_drivers", types.ModuleType("isp_network_drivers"))
    package.__path__ = [str(FOLDER)]
    return importlib.import_module(f"isp_network_drivers.{name}")


routeros, routeros_api, routeros_rest = load("routeros"), load("routeros_api"), load("routeros_rest")
WIRES = {"api": (routeros_api.Api, "api"), "rest": (routeros_rest.Rest, "www")}
PASSWORD = "päss wörd"


@pytest.fixture
def router():
    with Host("r1", clock=Clock(), password=PASSWORD) as host:
        yield host


@pytest.fixture(params=WIRES)
def wire(request):
    return request.param


@pytest.fixture
def driver(router, wire):
    with make(router, wire) as made:
        yield made


def make(router, wire, **more):
    kind, service = WIRES[wire]
    options = {"host": router.address, "port": router.port(service), "user": "admin", "password": PASSWORD, "tls": False, **more}
    return kind(routeros.Address(**options))


def test_examples_in_the_code():
    result = doctest.testmod(routeros)
    assert result.attempted >= 9 and not result.failed


def test_values_are_texts_as_they_are(driver):
    values = {"name": "amina", "password": "00123", "comment": "no", "limit-bytes-in": "5"}
    key = driver.add("ppp/secret", values)
    driver.add("ppp/secret", {"name": "dëng", "password": "true", "comment": "isp:2 مرحبا"})
    rows = driver.rows("ppp/secret", fields=["name", "password", "comment", "limit-bytes-in", "disabled"])
    assert rows == [
        {"name": "amina", "password": "00123", "comment": "no", "limit-bytes-in": "5", "disabled": "false"},
        {"name": "dëng", "password": "true", "comment": "isp:2 مرحبا", "limit-bytes-in": "0", "disabled": "false"},
    ]
    assert [row["name"] for row in driver.rows("ppp/secret", where={"password": "true", "name": "dëng"})] == ["dëng"]
    driver.change("ppp/secret", key, {"disabled": "yes", "comment": "isp:1"})
    assert [(row["disabled"], row["comment"]) for row in driver.all_rows("ppp/secret") if row[".id"] == key] == [("true", "isp:1")]
    driver.remove("ppp/secret", key)
    assert driver.count("ppp/secret") == 1
    driver.remove("ppp/secret")
    driver.set("system/identity", {"name": "ger 2"})
    assert driver.get("system/identity") == {"name": "ger 2"}
    assert driver.traffic(["ether2", "ether1"]) == {"ether2": (0, 0), "ether1": (0, 0)}
    assert driver.rows("ip/pool") == [] == driver.all_rows("ip/pool")


def test_refusals_are_told_apart(router, driver):
    driver.add("ppp/secret", {"name": "a"})
    cases = [
        (lambda: driver.add("ppp/secret", {"name": "a"}), routeros.Exists),
        (lambda: driver.change("ppp/secret", "*77", {"comment": "x"}), routeros.NotThere),
        (lambda: driver.remove("ppp/secret", "*77"), routeros.NotThere),
        (lambda: driver.add("ppp/secret", {"nam": "b"}), routeros.Unsupported),
        (lambda: driver.rows("no/such"), routeros.Unsupported),
        (lambda: driver.add("ppp/secret", {"name": "b", "profile": "gold"}), routeros.Refused),
    ]
    for call, kind in cases:
        with pytest.raises(routeros.Refused) as caught:
            call()
        assert type(caught.value) is kind
    for key in ("0", "a", "*1,*2", ""):
        with pytest.raises(ValueError, match="is no id"):
            driver.change("ppp/secret", key, {"comment": "x"})
    assert [row.get("comment") for row in driver.rows("ppp/secret")] == [None]
    driver.add("user/group", {"name": "small", "policy": "api,rest-api,read"})
    driver.add("user", {"name": "small", "group": "small", "password": "p"})
    with make(router, "api", user="small", password="p") as small, pytest.raises(routeros.NoRight):
        small.add("ppp/secret", {"name": "b"})


def test_no_way_in(router, wire):
    with make(router, wire, password="wrong") as wrong, pytest.raises(routeros.NotAllowed):
        wrong.get("system/identity")
    with make(router, wire, port=1) as closed, pytest.raises(routeros.Unreachable) as caught:
        closed.add("ppp/secret", {"name": "a"})
    assert type(caught.value) is routeros.Unreachable and PASSWORD not in str(caught.value)
    assert PASSWORD not in repr(wrong.address)


@pytest.mark.parametrize(("kind", "service"), [("api", "api-ssl"), ("rest", "www-ssl")])
def test_tls_trusts_the_pinned_certificate_only(router, kind, service):
    with make(router, kind) as plain:
        plain.change("ip/service", [row[".id"] for row in plain.rows("ip/service") if row["name"] == service][0], {"disabled": "no"})
        port = router.port(service)
        with make(router, kind, port=port, tls=True) as bare, pytest.raises(routeros.NotTrusted):
            bare.get("system/identity")
        for name in ("own", "other"):
            plain.add("certificate", {"name": name, "common-name": "r1.isp", "subject-alt-name": "DNS:r1.isp"})
            plain.run("certificate/sign", {"number": name})
            plain.run("certificate/export-certificate", {"numbers": name, "file-name": name})
        pem = {row["name"]: row["contents"] for row in plain.rows("file")}
        plain.change("ip/service", [row[".id"] for row in plain.rows("ip/service") if row["name"] == service][0], {"certificate": "own"})
    with make(router, kind, port=port, tls=True, ca=pem["own.crt"], server_name="r1.isp") as pinned:
        assert pinned.get("system/identity") == {"name": "r1"}
    for wrong in ({"ca": pem["other.crt"], "server_name": "r1.isp"}, {"ca": pem["own.crt"], "server_name": "r2.isp"}, {"server_name": "r1.isp"}):
        with make(router, kind, port=port, tls=True, **wrong) as distrusting, pytest.raises(routeros.NotTrusted):
            distrusting.get("system/identity")


@pytest.mark.parametrize(("kind", "done"), [("half", True), ("drop", False), ("drop_after", True), ("silent", False)])
def test_a_change_without_an_answer_is_in_doubt_and_reading_is_not(router, wire, kind, done):
    path = "/ppp/secret" if wire == "api" else "/rest"
    with make(router, wire, timeout=0.5) as driver:
        router.faults.append(Fault(kind, path=path))
        with pytest.raises(routeros.Unknown):
            driver.add("ppp/secret", {"name": "a"})
        # The next command is on a new connection, and is answered by its own answer.
        assert [row["name"] for row in driver.rows("ppp/secret")] == ["a"] * done
        router.faults.append(Fault(kind, path=path))
        with pytest.raises(routeros.Unreachable) as caught:
            driver.rows("ppp/secret")
        assert not isinstance(caught.value, routeros.Unknown)
        assert driver.get("system/identity") == {"name": "r1"}


@pytest.mark.parametrize("kind", ["other", "garbage", "fatal"])
def test_what_is_not_our_answer_closes_the_connection(router, kind):
    with make(router, "api") as driver:
        driver.add("ip/pool", {"name": "p", "ranges": "10.0.0.2-10.0.0.9"})
        router.faults.append(Fault(kind, path="/ppp/secret/print"))
        with pytest.raises(routeros.Unreachable):
            driver.rows("ppp/secret")
        assert driver.rows("ppp/secret") == [] and len(driver.rows("ip/pool")) == 1


def test_a_late_answer_is_not_taken_for_the_next_one(router):
    with make(router, "api", timeout=0.3) as driver:
        router.faults.append(Fault("slow", 0.6, path="/interface"))
        with pytest.raises(routeros.Unreachable):
            driver.rows("interface")
        threading.Event().wait(0.5)
        assert driver.rows("ppp/secret") == []


def test_a_long_word_is_read_and_an_endless_drip_is_not(router):
    with make(router, "api") as driver:
        router.faults.append(Fault("big_word", 1 << 20, path="/interface"))
        assert len(driver.rows("interface")[0]["comment"]) == 1 << 20
    listener = socket.create_server(("127.0.0.1", 0))

    def drip():
        sock, _peer = listener.accept()
        with sock:
            try:
                while True:
                    sock.sendall(b"\x7f")
                    threading.Event().wait(0.05)
            except OSError:
                return

    threading.Thread(target=drip, daemon=True).start()
    with make(router, "api", port=listener.getsockname()[1], timeout=0.5) as driver, pytest.raises(routeros.Unreachable, match="no answer in time"):
        driver.rows("interface")
    listener.close()


def peer(*answers, login=True):
    """:return: the port of a server that answers each connection so, and closes"""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            try:
                sock, _peer = listener.accept()
            except OSError:
                return
            with sock:
                if login:
                    sock.recv(4096)
                    sock.sendall(b"\x05!done\x06.tag=1\x00")
                sock.recv(4096)
                sock.sendall(b"".join(answers))

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


@pytest.mark.parametrize("seed", range(25))
def test_noise_is_never_an_answer_of_the_api(router, seed):
    noise = random.Random(seed)
    pieces = [b"\x00", b"\x03!re", b"\x05!done", b"\x05!trap", b"\x06!fatal", b"\x06.tag=2", b"\x06.tag=9", b"\x04=a=b", b"\x02==", b"\x01?", b"\x05=ret=", b"\xf8", b"\xff\xff", b"\x80", b"\x04\xff\xfe\xfd\xfc"]
    listener, port = peer(b"".join(noise.choice(pieces) for _nth in range(12)), noise.randbytes(noise.randrange(40)))
    try:
        with make(router, "api", port=port, timeout=0.5) as driver:
            for call in (lambda: driver.add("ppp/secret", {"name": "a"}), driver.capabilities, lambda: driver.run_many([("ppp/secret/add", {"name": "a"})] * 3), lambda: driver.all_rows("ppp/secret")):
                try:
                    call()
                except routeros.RouterError as error:
                    assert str(error)
    finally:
        listener.close()


@pytest.mark.parametrize("body", ["5", '"x"', "[1]", '[{"a": 1}]', '{"ret": 5}', "{", "null", '{"error": "x"}', "[[]]", '{"detail": 5, "error": 400}'])
@pytest.mark.parametrize("status", [200, 302, 400, 500])
def test_noise_is_never_an_answer_of_rest(router, status, body):
    listener, port = peer(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode(), login=False)
    try:
        with make(router, "rest", port=port, timeout=2) as driver:
            for call in (lambda: driver.add("ppp/secret", {"name": "a"}), lambda: driver.all_rows("ppp/secret"), lambda: driver.count("ppp/secret"), lambda: driver.get("system/identity")["name"]):
                with pytest.raises((routeros.RouterError, KeyError)):
                    call()
    finally:
        listener.close()


def test_bytes_that_are_no_utf_8_are_seen(router):
    listener, port = peer(b"\x03!re\x06.tag=2\x0b=comment=a\xe9\x00\x05!done\x06.tag=2\x00")
    with make(router, "api", port=port) as driver:
        assert driver.rows("ppp/secret") == [{"comment": "a\ufffd"}]
    listener.close()


def test_an_empty_list_is_not_believed(router, driver):
    driver.add("ppp/secret", {"name": "a"})
    router.faults.append(Fault("empty", path="/ppp/secret"))
    assert [row["name"] for row in driver.all_rows("ppp/secret", fields=["name"])] == ["a"]
    router.faults += [Fault("empty", path="/ppp/secret")]
    assert driver.rows("ppp/secret") == []


def test_export_short_and_long(router, driver):
    driver.add("ppp/secret", {"name": "amina", "password": "hidden one", "comment": "isp:1"})
    assert "hidden one" not in driver.export() and 'password="hidden one"' in driver.export(sensitive=True)
    driver.run_many([("ppp/secret/add", {"name": f"customer-{number:05}", "comment": f"isp:{number} 0123456789"}) for number in range(1500)])
    text = driver.export()
    assert len(text) > 64 << 10 and "\r" not in text and all(f"customer-{number:05}" in text for number in range(1500))
    assert driver.rows("file") == []


def test_many_changes(router, driver):
    key = driver.add("queue/simple", {"name": "q", "target": "10.9.0.1"})
    commands = [("queue/simple/add", {"name": f"q{number}", "target": f"10.0.{number // 250}.{number % 250}", "max-limit": "1M/2M"}) for number in range(300)]
    commands[7] = ("queue/simple/add", {"name": "q", "target": "10.9.0.1"})
    commands.append(("queue/simple/set", {".id": key, "max-limit": "3M/3M"}))
    answers = driver.run_many(commands)
    assert isinstance(answers[7], routeros.Exists) and answers[-1] is None
    names = {row[".id"]: row["name"] for row in driver.rows("queue/simple")}
    assert [names[answer] for number, answer in enumerate(answers[:-1]) if number != 7] == [f"q{number}" for number in range(300) if number != 7]


def test_many_changes_cut_off_say_what_is_in_doubt(router, wire):
    with make(router, wire, timeout=1) as driver:
        commands = [("ppp/secret/add", {"name": f"s{number}"}) for number in range(100)]
        if wire == "api":
            router.faults.append(Fault("drop_after", path="/ppp/secret/add"))
            cut = router.faults[-1]
            router.faults.clear()
            original, count = router.take_fault, iter(range(1000))

            def after_forty(path, *kinds):
                if path.startswith("/ppp") and "drop_after" in kinds and next(count) == 40:
                    return cut
                return original(path, *kinds)

            router.take_fault = after_forty
        else:
            router.faults.append(Fault("drop_after", path="/rest"))
        with pytest.raises(routeros.Unknown) as caught:
            driver.run_many(commands)
        router.__dict__.pop("take_fault", None)
        there = {row["name"] for row in driver.rows("ppp/secret")}
        for number, answer in enumerate(caught.value.done):
            if answer is not None:
                assert f"s{number}" in there
            elif number not in caught.value.in_doubt:
                assert f"s{number}" not in there
        assert caught.value.in_doubt and any(answer is None for answer in caught.value.done)


@pytest.mark.parametrize("version", VERSIONS)
def test_capabilities_of_each_version(version, wire):
    with Host("ger", clock=Clock(), password=PASSWORD, version=version, licence="4") as router, make(router, wire) as driver:
        found = driver.capabilities()
        assert (found.identity, found.version, found.licence, found.pppoe_limit, found.hotspot_limit) == ("ger", routeros.version_of(version), "4", 200, 200)
        assert found.allows("hotspot") and found.ntp == "stopped" and abs(found.clock_error) < 5
        router.singleton("system/device-mode")["hotspot"] = "false"
        router.power_cut(0)
        if wire == "api":
            with pytest.raises(routeros.Unreachable):
                driver.capabilities()
        again = driver.capabilities()
        assert not again.allows("hotspot") and again.clock.year == 1970 and again.clock_error < -datetime.timedelta(days=365 * 50).total_seconds()
