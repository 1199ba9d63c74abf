# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A line of a customer as the router sees it: real FreeRADIUS, real PostgreSQL, packets over UDP."""

import os
import re
import time
import unittest.mock
from datetime import timedelta

import pytest
from instances import env_of
from psycopg2.errors import SerializationFailure
from radius_client import ACCEPT, REJECT, Nas, attributes_of
from stack.shell import StackError, wait_for

from odoo.tools import mute_logger

GIGA = 2**32


@pytest.fixture(scope="module")
def instance(make_instance):
    instance = make_instance("radius")
    _furnish(instance)
    instance.radius.start()
    return instance


@pytest.fixture(scope="module")
def nas(instance):
    return Nas(instance)


@pytest.fixture(scope="module")
def outage(make_instance):
    """An instance whose PostgreSQL may be stopped."""
    instance = make_instance("outage", own_postgres=True)
    _furnish(instance)
    instance.radius.start()
    return instance


def _furnish(instance):
    """A router, a plan, and a customer in each state; everyone's password is ``pw-<user>``."""
    with env_of(instance) as env:
        env["isp.router"].create({"name": "Loopback", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})
        plan = env["isp.plan"].create(
            {"code": "J-HOME", "name": "Home", "list_price": 1000, "down_kbps": 2048, "up_kbps": 1024, "device_limit": 1}
        )
        partner = env["res.partner"].create({"name": "Achol"})
        for user, state in (("achol", "active"), ("walled", "suspended"), ("gone", "terminated"), ("nine", "active")):
            subscription = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "username": user})
            subscription._set_state("active", "activation")
            if state != "active":
                subscription._set_state(state, "staff")
            subscription.access_ids._apply({"password": f"pw-{user}"})


def _query(instance, sql):
    return instance.postgres.psql(sql, database=instance.odoo.database, role="odoo")


def _session(instance, session_id, columns="bytes_up, bytes_down, seconds, stopped IS NOT NULL"):
    return _query(instance, f"SELECT {columns} FROM isp_session WHERE session_id = '{session_id}' ORDER BY id").split("\n")


def _usage(instance, user):
    row = _query(
        instance,
        "SELECT coalesce(sum(bytes_up), 0), coalesce(sum(bytes_down), 0) FROM isp_usage u JOIN isp_access a"
        f" ON a.id = u.access_id WHERE a.name = '{user}'",
    )
    return tuple(int(value) for value in row.split("\t"))


# --- authentication ---


@pytest.mark.parametrize("method", ["pap", "chap", "mschap"])
def test_log_in(nas, method):
    reply = nas.login("achol", "pw-achol", method)
    assert reply.code == ACCEPT
    assert reply.values["Mikrotik-Rate-Limit"] == "1024k/2048k", "the customer's upload comes first"
    assert bytes.fromhex(reply.values["Class"][2:]).decode().startswith("isp:")
    assert 270 <= int(reply.values["Acct-Interim-Interval"]) <= 330
    assert "Mikrotik-Address-List" not in reply.values


@pytest.mark.parametrize("method", ["pap", "mschapv2"])
def test_every_reply_is_signed(nas, method):
    for user, password, code in (
        (b"achol", "pw-achol", ACCEPT),
        (b"achol", "wrong", REJECT),
        (b"nobody", "x", REJECT),
        (b"gone", "pw-gone", REJECT),
        (b"walled", "pw-walled", ACCEPT),
    ):
        for signed in (True, False):
            reply = nas.raw_login(user, password, method, signed)
            assert (reply.code, reply.signature_is_valid()) == (code, True), (user, signed)


def test_health_answer_is_signed(instance):
    health = Nas(instance, secret=instance.radius._health_secret, source="127.0.0.127")
    reply = health.raw(12, b"")
    assert (reply.code, reply.signature_is_valid()) == (ACCEPT, True)


def test_signature_check_can_fail(nas):
    reply = nas.raw_login(b"achol", "pw-achol")
    reply._secret = b"another"
    assert not reply.signature_is_valid()


def test_wrong_password_leaks_nothing(nas):
    reply = nas.login("achol", "wrong")
    assert reply.code == REJECT
    assert set(reply.values) <= {"Message-Authenticator"}
    for method in ("chap", "mschap"):
        assert nas.login("achol", "wrong", method).code == REJECT


def test_refused_log_ins_are_kept_without_the_password(instance, nas):
    """Unknown user and wrong password are told apart for customer service, never for who tries."""
    _query(instance, "DELETE FROM isp_login_attempt")
    device = {"Calling_Station_Id": "AA-BB-CC-00-00-31"}
    for user, password in (("achol", "my-secret"), ("achol", "my-secret"), ("achoI", "pw-achol"), ("gone", "pw-gone")):
        assert nas.login(user, password, "mschap" if user == "gone" else "pap", **device).code == REJECT
    assert nas.raw_login(b"\xff\xfe", "x").code == REJECT
    rows = _query(instance, "SELECT user_name, reason, times, mac FROM isp_login_attempt ORDER BY id").split("\n")
    mac = "AA:BB:CC:00:00:31"
    assert rows == [f"achol\tpassword\t2\t{mac}", f"achoI\tunknown\t1\t{mac}", f"gone\tclosed\t1\t{mac}"]
    assert "my-secret" not in _query(instance, "SELECT t::text FROM isp_login_attempt t")


def test_log_in_by_mac_address(instance, nas):
    """What a hotspot sends for a device that has not typed anything: its MAC address, with any password or none."""
    device, other = "AA:BB:CC:00:00:21", "AA:BB:CC:00:00:22"
    assert nas.login(device, device, Calling_Station_Id=device).code == REJECT
    with env_of(instance) as env:
        env["isp.access"].search([("name", "=", "nine")])._apply({"mac": device, "mac_login": True})
    try:
        for name in (device, "aabbcc000021", "aa-bb-cc-00-00-21"):
            for method, password in (("pap", device), ("pap", ""), ("chap", device), ("chap", "mac-secret")):
                reply = nas.login(name, password, method, Calling_Station_Id=device)
                assert (reply.code, reply.values.get("Mikrotik-Rate-Limit")) == (ACCEPT, "1024k/2048k"), (name, method)
        assert nas.login(device, device, Calling_Station_Id=other).code == REJECT, "typed on another device"
        assert nas.login(device, device).code == REJECT
        assert nas.login("nine", "wrong", Calling_Station_Id=device).code == REJECT
        assert nas.login("nine", "pw-nine", Calling_Station_Id=other).code == ACCEPT
    finally:
        with env_of(instance) as env:
            env["isp.access"].search([("name", "=", "nine")])._apply({"mac": False, "mac_login": False})


def test_capitals_count(nas):
    assert nas.login("Achol", "pw-achol").code == REJECT


def test_closed_account_says_why(nas):
    reply = nas.login("gone", "pw-gone")
    assert reply.code == REJECT
    assert reply.values["Reply-Message"] == "This account is closed"
    assert set(reply.values) <= {"Message-Authenticator", "Reply-Message"}


def test_suspended_is_walled(nas):
    reply = nas.login("walled", "pw-walled", "mschap")
    assert reply.code == ACCEPT
    assert reply.values["Mikrotik-Address-List"] == "isp-suspended"
    assert reply.values["Mikrotik-Rate-Limit"] == "128k/256k"
    assert nas.login("walled", "wrong").code == REJECT


def test_next_answer_after_a_change(instance, nas):
    """A committed change of state is the next answer: nothing is copied, nothing goes stale."""
    with env_of(instance) as env:
        subscription = env["isp.subscription"].search([("username", "=", "achol")])
        subscription._set_state("suspended", "overdue")
    assert nas.login("achol", "pw-achol").values["Mikrotik-Address-List"] == "isp-suspended"
    with env_of(instance) as env:
        env["isp.subscription"].search([("username", "=", "achol")])._set_state("active", "payment")
    assert nas.login("achol", "pw-achol").values["Mikrotik-Rate-Limit"] == "1024k/2048k"


def test_all_attributes_arrive(instance, nas):
    with env_of(instance) as env:
        access = env["isp.access"].search([("name", "=", "nine")])
        until = env.cr.now() + timedelta(hours=2)
        prefixes = {"ipv6_prefix": "2001:db8:7::/48", "ipv6_link": "2001:db8:8::/64"}
        vals = {**prefixes, "static_ip": "10.7.7.7", "quota_bytes": 10_000_000_000, "quota_from": env.cr.now(), "valid_until": until}
        access._apply(vals)
    try:
        values = nas.login("nine", "pw-nine", "chap").values
        assert values["Framed-IP-Address"] == "10.7.7.7"
        assert (values["Mikrotik-Total-Limit"], values["Mikrotik-Total-Limit-Gigawords"]) == ("1410065408", "2")
        assert 7100 < int(values["Session-Timeout"]) <= 7200
        assert values["Delegated-IPv6-Prefix"] == "2001:db8:7::/48"
        assert values["Framed-IPv6-Prefix"] == "2001:db8:8::/64"
        with env_of(instance) as env:
            access = env["isp.access"].search([("name", "=", "nine")])
            access._apply({"static_ip": False, "ipv6_prefix": False, "ip_pool": "business"})
            access.plan_id.ipv6_pool = "six"
        values = nas.login("nine", "pw-nine").values
        assert values["Framed-Pool"] == "business"
        assert (values["Delegated-IPv6-Prefix-Pool"], values["Mikrotik-Delegated-IPv6-Pool"]) == ("six", "six")
    finally:
        with env_of(instance) as env:
            access = env["isp.access"].search([("name", "=", "nine")])
            vals = dict.fromkeys(("static_ip", "ipv6_prefix", "ipv6_link", "ip_pool", "valid_until"), False)
            access._apply({**vals, "quota_bytes": 0})
            access.plan_id.ipv6_pool = False


HOSTILE = [
    b"x' or '1'='1",
    b"a;select pg_sleep(9)--",
    b'"; drop table isp_access; --',
    b"\\' or true --",
    b"%{exec:/bin/true}",
    b"`id`",
    b"achol\x00",
    b"\xff\xfe\xfa",
    b"\xc3\x28",
    "أحمد".encode(),
    b"a" * 253,
    b"\x01\x02\n\r\t",
    b"achol ",
]


@pytest.mark.parametrize("user", HOSTILE)
def test_hostile_names_are_rejected_at_once(instance, nas, user):
    started = time.monotonic()
    reply = nas.raw_login(user, "pw-achol")
    assert reply.code == REJECT
    assert reply.signature_is_valid()
    assert time.monotonic() - started < 3
    assert nas.login("achol", "pw-achol").code == ACCEPT


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_packets_are_counted_to_nobody(instance, nas, text):
    """In every attribute that goes to the database: acknowledged at once, kept as it is, and nothing else happens."""
    before = _usage(instance, "achol"), _query(instance, "SELECT count(*), md5(string_agg(a::text, ',' ORDER BY id)) FROM isp_access a")
    started = time.monotonic()
    # User-Name, NAS-Port-Id, Calling- and Called-Station-Id, Class, NAS-Identifier; a session of its own each time.
    texts = [(kind, text) for kind in (1, 87, 31, 30, 25, 32)]
    session = os.urandom(8).hex().encode()
    for status in (1, 3, 2):
        numbers = [(40, status.to_bytes(4)), (42, (7).to_bytes(4)), (43, (9).to_bytes(4)), (46, (1).to_bytes(4))]
        assert nas.raw_account(attributes_of([*texts, *numbers, (44, session), (4, b"\x7f\0\0\1")]))
    assert nas.raw_account(attributes_of([*texts, (40, (2).to_bytes(4)), (44, text), (4, b"\x7f\0\0\1")])), "as the id of a session"
    assert nas.raw_account(attributes_of([(40, (7).to_bytes(4)), (32, text), (44, text), (4, b"\x7f\0\0\1")])), "Accounting-On"
    for method in ("pap", "mschapv2"):
        reply = nas.raw_login(text, "x", method, more=[(kind, text) for kind in (87, 31, 30, 32)])
        assert reply.code == REJECT
    assert time.monotonic() - started < 10
    assert _session(instance, session.decode(), "bytes_up, bytes_down, access_id IS NULL, stopped IS NOT NULL") == ["7\t9\tt\tt"]
    after = _usage(instance, "achol"), _query(instance, "SELECT count(*), md5(string_agg(a::text, ',' ORDER BY id)) FROM isp_access a")
    assert after == before


@pytest.mark.parametrize(("source", "secret"), [("127.0.7.7", "testing123"), ("127.0.0.1", "wrong-secret")], ids=["unknown router", "wrong secret"])
def test_strangers_are_not_listened_to(instance, source, secret):
    """No log-in, no packet counted, no log-in noted, and no answer to guess from; unsigned, the wrong secret makes a wrong password of any."""
    def seen():
        return _query(instance, "SELECT (SELECT count(*) FROM isp_session), (SELECT sum(bytes_up + bytes_down) FROM isp_usage), (SELECT count(*) FROM isp_acct_quarantine)")

    before, stranger = seen(), Nas(instance, secret=secret, source=source)
    assert stranger.raw_login(b"achol", "pw-achol", timeout=2) is None
    reply = stranger.raw_login(b"achol", "pw-achol", signed=False, timeout=2)
    assert reply is None or (reply.code, reply.signature_is_valid()) == (REJECT, False)
    for status in (1, 3, 2):
        packet = [(40, status.to_bytes(4)), (1, b"achol"), (44, b"stranger"), (43, (9).to_bytes(4)), (4, b"\x7f\0\0\1")]
        assert not stranger.raw_account(attributes_of(packet), timeout=1)
    assert not stranger.raw_account(attributes_of([(40, (7).to_bytes(4)), (4, b"\x7f\0\0\1")]), timeout=1), "nor do sessions end by its word"
    assert seen() == before


@pytest.mark.parametrize("password", ['"%{User-Name}"', "`id`", "'a\\b'", '"', "p'w\"x", "%{User-Name}", "with space", "ÄÖب"])
def test_awkward_passwords_are_taken_literally(instance, nas, password):
    with env_of(instance) as env:
        env["isp.access"].search([("name", "=", "achol")])._apply({"password": password})
    try:
        assert nas.raw_login(b"achol", password).code == ACCEPT
        assert nas.raw_login(b"achol", password, "mschapv2").code == ACCEPT
        assert nas.raw_login(b"achol", "achol").code == REJECT
    finally:
        with env_of(instance) as env:
            env["isp.access"].search([("name", "=", "achol")])._apply({"password": "pw-achol"})


def test_router_added_while_running(instance, nas):
    new = Nas(instance, secret="another-secret", source="127.0.5.1")
    assert new.raw_login(b"achol", "pw-achol", timeout=2) is None, "nobody knows this router yet"
    with env_of(instance) as env:
        env["isp.router"].create({"name": "New", "nas_ip": "127.0.5.1", "radius_secret": "another-secret"})
    assert new.raw_login(b"achol", "pw-achol").code == ACCEPT
    assert new.account("Start", "achol", "new-1").code == "Accounting-Response"
    assert _session(instance, "new-1", "nas_ip, router_id IS NOT NULL") == ["127.0.5.1\tt"]
    new.account("Stop", "achol", "new-1")
    wrong = Nas(instance, secret="wrong-secret", source="127.0.5.1")
    assert wrong.raw_login(b"achol", "pw-achol", timeout=2) is None


def test_device_limit(instance, nas):
    mine, other = "AA-BB-CC-00-00-01", "AA-BB-CC-00-00-02"
    nas.account("Start", "achol", "dev-1", Calling_Station_Id=mine)
    reply = nas.login("achol", "pw-achol", Calling_Station_Id=other)
    assert (reply.code, reply.values["Reply-Message"]) == (REJECT, "Too many devices are logged in")
    assert nas.login("achol", "pw-achol", Calling_Station_Id="aa:bb:cc:00:00:01").code == ACCEPT, "the same device again"
    _query(instance, "UPDATE isp_session SET updated = updated - interval '12 minutes' WHERE session_id = 'dev-1'")
    assert nas.login("achol", "pw-achol", Calling_Station_Id=other).code == ACCEPT, "a dead session does not count"
    nas.account("Stop", "achol", "dev-1", Calling_Station_Id=mine)


# --- accounting ---


def test_nine_gigabytes(instance, nas):
    """Counters of 32 bits wrap twice on the way; the router says so in the gigawords."""
    answer = nas.login("nine", "pw-nine")
    common = {"Class": answer.values["Class"], "Framed_IP_Address": "10.1.2.3", "Calling_Station_Id": "AA:BB:CC:00:00:09"}
    nas.account("Start", "nine", "nine-1", **common)
    total = 9_000_000_000
    for part in range(1, 10):
        down = total * part // 9
        status = "Interim-Update" if part < 9 else "Stop"
        counters = {
            "Acct_Session_Time": part * 300,
            "Acct_Input_Octets": 1000 * part,
            "Acct_Output_Octets": down % GIGA,
            "Acct_Output_Gigawords": down // GIGA,
        }
        for _again in range(2):
            assert nas.account(status, "nine", "nine-1", **counters, **common).code == "Accounting-Response"
    assert _session(instance, "nine-1") == [f"9000\t{total}\t2700\tt"]
    assert _usage(instance, "nine") == (9000, total)


def test_class_wins_over_the_user_name(instance, nas):
    before = _usage(instance, "achol")
    value = nas.login("achol", "pw-achol").values["Class"]
    nas.account("Stop", "renamed-meanwhile", "class-1", Class=value, Acct_Output_Octets=77, Acct_Session_Time=1)
    assert _usage(instance, "achol") == (before[0], before[1] + 77)


def test_unknown_user_is_listed(instance, nas):
    nas.account("Start", "who's that?", "unknown-1")
    assert _session(instance, "unknown-1", "user_name, access_id IS NULL") == ["who's that?\tt"]


def test_bytes_that_are_no_text(instance, nas):
    """A user name that is not UTF-8 neither stops the packet nor the queue."""
    before = int(_query(instance, "SELECT count(*) FROM isp_session"))
    body = b"".join(
        bytes([kind, len(value) + 2]) + value
        for kind, value in ((40, b"\0\0\0\1"), (1, b"\xff\xfe"), (44, b"\xfabin"), (4, b"\x7f\0\0\1"), (31, b"\x80\0'"))
    )
    assert nas.raw_account(body)
    assert int(_query(instance, "SELECT count(*) FROM isp_session")) == before + 1
    assert _query(instance, "SELECT user_name, session_id FROM isp_session ORDER BY id DESC LIMIT 1") == "0xfffe\t0xfa62696e"


def test_a_router_with_names_of_another_code_page(instance, nas):
    """Names of routers, interfaces and hotspots, typed in Windows-1256: its customers log in and are counted all the same."""
    name = "برج".encode("cp1256")
    before, names = _usage(instance, "achol"), [(kind, name) for kind in (87, 30, 32, 77)]
    for method in ("pap", "mschapv2"):
        reply = nas.raw_login(b"achol", "pw-achol", method, more=names)
        assert (reply.code, reply.signature_is_valid()) == (ACCEPT, True)
    packet = [(40, (2).to_bytes(4)), (1, b"achol"), (44, b"codepage"), (43, (9).to_bytes(4)), (4, b"\x7f\0\0\1")]
    assert nas.raw_account(attributes_of([*packet, *names]))
    assert _usage(instance, "achol") == (before[0], before[1] + 9)
    assert _session(instance, "codepage", "user_name, called, nas_port") == [f"achol\t0x{name.hex()}\t0x{name.hex()}"]
    assert nas.raw_account(attributes_of([(1, "أحمد".encode()), (44, b"arabic"), (30, "برج".encode()), *packet[:1], packet[4]]))
    assert _session(instance, "arabic", "user_name, called") == ["أحمد\tبرج"], "what is UTF-8 stays as it is"


def test_ipv6_prefixes_are_told_with_the_address(instance, nas):
    told = {"Delegated_IPv6_Prefix": "2001:db8:7:100::/56", "Framed_IPv6_Prefix": "2001:db8:8:1::/64", "Framed_IPv6_Address": "2001:db8:9::1"}
    nas.account("Start", "nine", "both", Framed_IP_Address="10.7.7.8", **told)
    assert _session(instance, "both", "framed_ip, framed_ipv6") == ["10.7.7.8\t2001:db8:7:100::/56 2001:db8:8:1::/64 2001:db8:9::1"]
    nas.account("Start", "nine", "six", Delegated_IPv6_Prefix="2001:db8:7:200::/56")
    nas.account("Start", "nine", "four", Framed_IP_Address="10.7.7.9")
    with env_of(instance) as env:
        env["isp.address.log"]._sync()
        sessions = env["isp.session"].search([("session_id", "in", ("six", "four"))])
        logged = env["isp.address.log"].search([("session", "in", sessions.ids)])
        assert sorted(logged.mapped("framed_ip")) == ["10.7.7.9", "2001:db8:7:200::/56"]
    for session in ("both", "six", "four"):
        nas.account("Stop", "nine", session)


def test_router_restart_closes_its_sessions(instance, nas):
    past = int(time.time()) - 600
    nas.account("Start", "achol", "boot-1", Event_Timestamp=past)
    nas.radclient("acct", {"Acct-Status-Type": "Accounting-On", "NAS-IP-Address": "127.0.0.1", "Acct-Session-Id": "0"})
    assert _session(instance, "boot-1", "cause, presumed") == ["NAS-Reboot\tt"]


def test_poison_is_acknowledged_and_kept(instance, nas):
    before = int(_query(instance, "SELECT count(*) FROM isp_acct_quarantine"))
    reply = nas.account("Stop", "achol", "poison-1", Acct_Output_Gigawords=4_000_000_000, Acct_Output_Octets=5)
    assert reply.code == "Accounting-Response"
    assert int(_query(instance, "SELECT count(*) FROM isp_acct_quarantine")) == before + 1
    assert nas.account("Tunnel-Start", "achol", "poison-2").code == "Accounting-Response"


@pytest.mark.parametrize("late", ["the same hour", "an hour that was summed up", "a new hour of the day"])
def test_a_packet_while_usage_is_summed_up(instance, late):
    """It is booked after the sums have begun to be made: they fail and are made again, and nothing is lost."""
    day = int(time.time()) // 86400 * 86400 - 3 * 86400  # 2 o'clock in Juba
    user = {"the same hour": "nine", "an hour that was summed up": "walled", "a new hour of the day": "gone"}[late]

    def book(seconds, down):
        texts = ["interim-update", f"late-{user}", user, "", "127.0.0.1", *[""] * 4, day + seconds, "", day + seconds, seconds, "0", "", down, "", ""]
        quoted = ", ".join(f"'{text}'" for text in texts)
        _query(instance, f"SELECT radius.acct({quoted})")

    def sums():
        rows = _query(instance, f"SELECT sum(d.bytes_down) FROM isp_usage_day d JOIN isp_access a ON a.id = d.access_id WHERE a.name = '{user}' AND d.day = to_timestamp({day})::date")
        return int(rows or 0)

    before = sums()
    book(1000, 10)
    book(5000, 30)
    if late == "an hour that was summed up":
        with env_of(instance) as env:
            env["isp.usage"]._roll_up()
        assert sums() - before == 30
        book(5100, 31)
    with pytest.raises(SerializationFailure), mute_logger("odoo.sql_db"), env_of(instance) as env:
        env.cr.execute("SELECT count(*) FROM isp_usage")
        book({"the same hour": 5200, "an hour that was summed up": 5200, "a new hour of the day": 9000}[late], 50)
        env["isp.usage"]._roll_up()
    for _again in range(2):
        with env_of(instance) as env:
            env["isp.usage"]._roll_up()
        assert sums() - before == 50
    assert _query(instance, "SELECT count(*) FROM isp_usage u JOIN isp_access a ON a.id = u.access_id WHERE dirty AND hour < date_trunc('hour', now() AT TIME ZONE 'UTC')") == "0"


# --- the database is away (the story of a whole power cut: test_power_cut.py) ---


def test_old_packets_keep_their_time(outage):
    """A router without a right clock: what counts is when the packet came in, also when it waited on disk."""
    nas = Nas(outage)
    outage.postgres.stop()
    came = int(time.time())
    nas.account("Start", "achol", "clock-1", Event_Timestamp=86400)
    nas.account("Start", "achol", "clock-2")
    time.sleep(6)
    outage.postgres.start()
    wait_for(lambda: _session(outage, "clock-2") != [""], 60, "packets drained")
    for session in ("clock-1", "clock-2"):
        started = int(float(_session(outage, session, "extract(epoch FROM started)")[0]))
        assert abs(started - came) <= 2
    assert _session(outage, "clock-1", "wrong_clock") == ["86400"]


def test_log_ins_while_the_database_is_away(outage):
    """Who may be on line now may log in for an hour from a file; others get silence, so that the router asks elsewhere."""
    nas = Nas(outage)
    with env_of(outage) as env:
        plan = env["isp.plan"].search([("code", "=", "J-HOME")])
        for name, password in (("DEFAULT", "open-sesame"), ("$INCLUDE /etc/passwd", "x"), ("evil", '"%{exec:id}'), ("plain", "pl-ain")):
            env["isp.access"].create({"name": name, "password": password, "plan_id": plan.id, "state": "allowed"})
        env["isp.router"].create({"name": "Hostile\n}", "nas_ip": "127.0.9.9", "radius_secret": "abc${prefix}x"})
        env["isp.router"].create({"name": "Next", "nas_ip": "127.0.9.8", "radius_secret": "next-secret"})
    _forget_connections(outage)
    assert outage.radius.refresh() == "routers"
    assert "plain" not in (outage.radius.dir / "policy" / "users_fallback").read_text(), "nobody asked for it"
    with env_of(outage) as env:
        env["ir.config_parameter"].set_param("isp_network.offline_log_ins", "all")
    _forget_connections(outage)
    assert outage.radius.refresh(log_ins=False) == ""
    assert outage.radius.refresh() == "log-ins"
    assert len(outage.radius.left_out) == 4, outage.radius.left_out
    assert outage.radius.refresh() == "", "nothing has changed"
    assert "client router-" in (outage.radius.dir / "clients.conf").read_text()
    assert Nas(outage, secret="next-secret", source="127.0.9.8").raw_login(b"plain", "pl-ain").code == ACCEPT
    outage.postgres.stop()
    try:
        for method in ("pap", "chap", "mschap"):
            reply = nas.login("plain", "pl-ain", method)
            assert (reply.code, reply.values["Mikrotik-Rate-Limit"], reply.values["Session-Timeout"]) == (ACCEPT, "1024k/2048k", "3600")
        assert nas.raw_login(b"plain", "pl-ain").signature_is_valid()
        refused = nas.raw_login(b"plain", "wrong")
        assert (refused.code, refused.signature_is_valid()) == (REJECT, True)
        assert {kind for kind, _value in refused.attributes()} == {80}, "nothing but the signature"
        for user in ("walled", "gone", "evil", "nobody"):
            assert nas.raw_login(user.encode(), "open-sesame", timeout=5) is None, user
    finally:
        outage.postgres.start()


def test_files_that_are_not_right_do_not_take_the_place_of_good_ones(outage):
    before = (outage.radius.dir / "clients.conf").read_text()
    process = outage.radius.process
    broken = {"clients.conf": "client x {", "policy/users_fallback": ""}
    with unittest.mock.patch.object(outage.radius, "_files", return_value=broken), pytest.raises(StackError):
        outage.radius.refresh()
    assert (outage.radius.dir / "clients.conf").read_text() == before
    assert outage.radius.process is process and process.poll() is None
    assert outage.radius.ready()
    wait_for(lambda: Nas(outage).login("plain", "pl-ain").code == ACCEPT, 20, "The database is asked again")
    with env_of(outage) as env:
        env["isp.access"].search([("name", "=", "plain")])._apply({"password": "changed"})
    _forget_connections(outage)
    assert outage.radius.refresh() == "log-ins"
    assert "changed" in (outage.radius.dir / "policy" / "users_fallback").read_text()
    wait_for(lambda: Nas(outage).login("plain", "changed").code == ACCEPT, 20, "FreeRADIUS reads its log-ins again")


def test_health_as_odoo_asks(instance):
    instance.odoo.conf()
    settings = instance.odoo.conf().read_text()
    assert f"radius_health = 127.0.0.1:{instance.radius.auth_port}" in settings
    with env_of(instance) as env:
        server = env["isp.radius.server"].create(
            {"name": "x", "host": "127.0.0.1", "port": instance.radius.auth_port, "source": "127.0.0.127"}
        )
        server.secret = instance.radius._health_secret
        server._ask()
        assert server.health == "well", server.last_error
        server.source = "127.0.0.126"
        server._ask()
        assert server.health == "silent", "only the client called health is answered"


def test_requests_that_are_not_signed(instance, nas):
    """A router set to signed requests only: others are dropped, without an answer to guess from."""
    with env_of(instance) as env:
        vals = {"name": "Strict", "nas_ip": "127.0.6.1", "radius_secret": "strict-secret", "require_message_auth": True}
        env["isp.router"].create(vals)
    strict = Nas(instance, secret="strict-secret", source="127.0.6.1")
    assert strict.raw_login(b"achol", "pw-achol").code == ACCEPT
    assert strict.raw_login(b"achol", "pw-achol", signed=False, timeout=3) is None


def test_configuration_is_checked(instance):
    assert instance.radius.ready()
    broken = instance.radius.dir / "sites" / "broken"
    broken.write_text("server x {")
    broken.chmod(0o644)
    try:
        with pytest.raises(StackError):
            instance.radius.check()
    finally:
        broken.unlink()


def test_no_password_in_the_log(instance):
    log = instance.radius.log.read_text(errors="replace") + (instance.radius.dir / "freeradius.out").read_text()
    assert not re.search(r"pw-(achol|nine|walled|gone)", log)
    assert instance.secrets["isp_radius"] not in log


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM isp_access",
        "SELECT password FROM public.isp_access LIMIT 1",
        "SELECT count(*) FROM res_users",
        "INSERT INTO isp_session (session_key) VALUES ('x')",
        "UPDATE isp_access SET state = 'allowed'",
        "DELETE FROM isp_usage",
        "CREATE TABLE mine (a int)",
        "CREATE TEMPORARY TABLE mine (a int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION radius.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT * FROM radius.verdict('achol', NULL, false)",
        "SELECT radius.quarantine('x', '{}')",
        "SELECT nextval('isp_session_id_seq')",
        "SET ROLE odoo",
        "COPY isp_access TO STDOUT",
    ],
)
def test_the_radius_role_may_not(instance, sql):
    with pytest.raises(StackError, match="permission denied"):
        instance.postgres.psql(sql, database=instance.odoo.database, role="isp_radius")


def test_the_radius_role_may(instance):
    def ask(sql):
        return instance.postgres.psql(sql, database=instance.odoo.database, role="isp_radius")

    assert ask("SELECT attribute FROM radius.authz('achol')") == "Cleartext-Password"
    assert "Class" in ask("SELECT attribute FROM radius.authr('achol', '127.0.0.1', 'AA-BB-CC-00-00-01')")
    assert ask("SELECT secret FROM radius.nas('127.0.0.1')") == "testing123"
    assert ask("SELECT radius.postauth('', '', '', '')") == "1"
    blanks = ", ".join(["''"] * 18)
    assert ask(f"SELECT radius.acct({blanks}), radius.acct_nas('', '', '', '')") == "1\t1"


def _forget_connections(instance):
    from odoo.sql_db import close_db

    close_db(instance.odoo.database)
