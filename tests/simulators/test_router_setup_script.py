# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The script that sets a router up, and the one that undoes it, on simulated routers of four versions.

The simulator refuses menus, commands and arguments that the version does not have, and reads the language by itself.
"""

import http.server
import pathlib
import sys
import threading
import types

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from simulators.routeros.vocabulary import VERSIONS
from simulators.routeros.world import World

FOLDER = pathlib.Path(__file__).parents[2] / "addons/isp_network/engine"
KEY = "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXphYmNkZWY="


def _load():
    """The engine knows no Odoo: it is loaded without it."""
    package = sys.modules.setdefault("isp_network_engine", types.ModuleType("isp_network_engine"))
    package.__path__ = [str(FOLDER)]
    import importlib

    return importlib.import_module("isp_network_engine.router_setup")


engine = _load()


def make(version, **more):
    values = {
        "radius_address": "127.0.0.1",
        "radius_secret": "radius-secret",
        "servers": ["127.0.0.1", "10.77.0.0/24"],
        "api_user": "isp",
        "api_password": "api-password",
        "report_url": "http://127.0.0.1:9/report",
        "version": engine.version_of(version),
        "address": "127.0.9.1",
        "ntp": ["pool.ntp.org", "10.0.0.2"],
        "dns": ["1.1.1.1"],
        "allowed": ["pay.example", "203.0.113.5", "10.3.0.0/16"],
        "wall": "203.0.113.9:8081",
        "uplink": "ether1",
        "pppoe_interfaces": ["ether2", "ether3"],
        "pppoe_pool": "10.9.0.2-10.9.0.254,10.9.4.0/24",
        "pppoe_gateway": "10.9.0.1",
        "hotspot_interface": "ether4",
        "hotspot_address": "10.5.50.1/24",
        "wireguard": {"endpoint": "vpn.example", "port": 51820, "server_key": KEY, "address": "10.99.0.2/24", "server_address": "10.99.0.1/32"},
    }
    return engine.Setup(**{**values, **more})


@pytest.fixture(params=VERSIONS)
def router(request):
    with World(running=False) as world:
        router = world.add("Tower", address="127.0.9.1", version=request.param, password="admin")
        # The owner's own things, which have to stay as they are.
        router.console(
            "/ip firewall filter add chain=input action=drop comment=own; /ip firewall filter add chain=forward action=accept comment=own\n"
            "/ip firewall nat add chain=srcnat action=masquerade comment=own; /ip firewall address-list add list=isp-allowed address=pay.example comment=own\n"
            "/ip service set api-ssl address=10.0.0.0/8,192.168.0.0/16 disabled=yes; /ip service set api disabled=yes\n"
            "/radius add service=login address=10.8.8.8 secret=own; /radius incoming set port=1700; /ppp aaa set interim-update=1m accounting=no\n"
            "/system ntp client servers add address=pool.ntp.org; /ip pool add name=own ranges=10.1.1.1-10.1.1.9; /ip address add address=10.20.0.1/24 interface=ether5"
        )
        yield router


class Shop(http.server.BaseHTTPRequestHandler):
    """Our server: has the pages of a hotspot, unless it is away."""

    away = False

    def do_GET(self):
        self.send_response(500 if self.away else 200)
        self.end_headers()
        self.wfile.write(f"page {self.path}".encode())

    def log_message(self, *_args):
        """Quiet."""


@pytest.fixture(scope="module")
def shop():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def hotspot(router, shop, **more):
    files = [(f"{shop}/wifi/x/router/{name}", name) for name in ("login.html", "errors.txt")]
    options = [("isp-setup-captive", 114, "https://isp.example/wifi/x/capport")]
    return make(router.version, hotspot_files=files, dhcp_options=options, hotspot_login_by="cookie,http-chap,mac-cookie", hotspot_dns_name="wifi.internal", check_certificate=False, **more)


def config(router):
    """The export, with secrets, users and files, without its head."""
    text = router.console(":put [/export terse show-sensitive]").replace("\r", "")
    rest = [dict(row) for name in ("user", "user/group", "file", "certificate") for row in router.table(name)]
    return [line for line in text.split("\n") if not line.startswith("#")], rest


def run(router, setup):
    said = router.console(engine.setup_script(setup))
    assert "Not done" not in said, said
    return said


def test_all_is_set(router):
    run(router, make(router.version))
    rows = {name: [dict(row) for row in router.table(name)] for name in ("radius", "user", "user/group", "ip/hotspot", "interface/pppoe-server/server", "interface/wireguard/peers")}
    [mine] = [row for row in rows["radius"] if row.get("comment") == "isp-setup:radius"]
    assert (mine["timeout"], mine["secret"], mine["service"], mine["src-address"] if "src-address" in mine else "") == ("3s", "radius-secret", "ppp,hotspot", "")
    assert mine.get("require-message-auth", "yes-for-request-resp") == "yes-for-request-resp"
    assert router.singleton("radius/incoming")["accept"] == "true" and router.singleton("radius/incoming")["port"] == "3799"
    assert (router.singleton("ppp/aaa")["use-radius"], router.singleton("ppp/aaa")["accounting"]) == ("true", "true")
    assert router.singleton("system/ntp/client")["enabled"] == "true"
    [group] = [row for row in rows["user/group"] if row["name"] == engine.GROUP]
    assert set(group["policy"].split(",")) == {"api", "read", "write", "test", "ftp"}
    [user] = [row for row in rows["user"] if row["name"] == "isp"]
    assert (user["group"], user["address"]) == (engine.GROUP, "127.0.0.1/32,10.77.0.0/24")
    service = router.find_name("ip/service", "api-ssl")
    assert (service["disabled"], service["address"]) == ("false", "10.0.0.0/8,192.168.0.0/16,127.0.0.1/32,10.77.0.0/24")
    assert service["certificate"] == engine.CERTIFICATE
    assert router.find_name("ip/service", "api")["disabled"] == "true", "with a certificate the open one stays as it was"
    assert [row["disabled"] for row in rows["ip/hotspot"] + rows["interface/pppoe-server/server"]] == ["false"] * 3
    assert router.find_name("interface/wireguard", engine.WIREGUARD)["private-key"] != KEY
    assert router.find_name("file", engine.FILE) is None


def test_our_rules_come_first(router):
    run(router, make(router.version))
    comments = [row["comment"].split(":")[0] for row in router.table("ip/firewall/filter")]
    assert comments == ["isp-setup"] * 16 + ["own"] * 2
    for name in engine.WALLED:
        router.console(f"/ip firewall address-list add list={name} address=10.9.0.7")
        reach = router.desk.reach
        assert reach("10.9.0.7", port=80) == "dst-nat 203.0.113.9:8081"
        assert reach("10.9.0.7", port=443) == "drop"
        assert reach("10.9.0.7", port=53, protocol="udp") == "accept"
        assert reach("10.9.0.7", to="203.0.113.5", port=443) == "accept"
        assert reach("10.9.0.7", to="203.0.113.5", port=80) == "accept"
        assert reach("10.9.0.8", port=443) == "accept", "others are not walled"
        router.console("/ip firewall address-list remove [find address=10.9.0.7]")


def test_again_changes_nothing_and_undo_leaves_it_as_before(router):
    before = config(router)
    run(router, make(router.version))
    once = config(router)
    assert once != before
    run(router, make(router.version))
    assert config(router) == once
    router.console(engine.undo_line())
    assert config(router) == before
    assert "Undone." in router.console(engine.undo_script()), "undone twice, by the pasted text"
    assert config(router) == before


def test_changed_values_double_nothing(router):
    before = config(router)
    run(router, make(router.version))
    counts = {name: len(table) for name, table in router.tables.items()}
    run(router, make(router.version, radius_address="127.0.0.2", allowed=["pay.example", "b.example", "203.0.113.5"], pppoe_pool="10.9.9.2-10.9.9.9,10.9.8.0/24", api_password="other"))
    assert {name: len(table) for name, table in router.tables.items()} == counts
    assert [row["address"] for row in router.table("radius")] == ["10.8.8.8", "127.0.0.2"]
    router.console(engine.undo_line())
    assert config(router) == before


@pytest.mark.parametrize("folder", ["isp-setup-hotspot", "flash/isp-setup-hotspot"])
def test_pages_and_options_of_a_hotspot(router, shop, folder):
    """Fetched, shown, told by DHCP; again, and nothing changes; undone, and it is as before. On the flash of routers that have one."""
    if folder.startswith("flash"):
        router.console('/file add name="flash"')
    router.console('/file add name="isp-setup-hotspot-of-the-owner.txt" contents="own"')
    before = config(router)
    run(router, hotspot(router, shop))
    profile = router.find_name("ip/hotspot/profile", "isp-setup-hotspot")
    assert (profile["html-directory-override"], profile["login-by"], profile["dns-name"]) == (folder, "cookie,http-chap,mac-cookie", "wifi.internal")
    assert router.table("file").by_name(f"{folder}/login.html")["contents"] == "page /wifi/x/router/login.html"
    [option] = router.table("ip/dhcp-server/option")
    assert (option["code"], option["value"]) == ("114", "s'https://isp.example/wifi/x/capport'")
    [network] = [row for row in router.table("ip/dhcp-server/network") if row.get("comment") == "isp-setup:hotspot-network"]
    assert network["dhcp-option"] == "isp-setup-captive"
    assert router.find_name("ip/hotspot/user/profile", "default")["shared-users"] == "unlimited", "else the router allows one device a log-in"
    once = config(router)
    run(router, hotspot(router, shop))
    assert config(router) == once
    router.console(engine.undo_line())
    assert config(router) == before


def test_undo_with_notes_of_an_earlier_set_up(router, shop):
    """What they do not tell was not changed then: the rest is put back."""
    run(router, hotspot(router, shop))
    [notes] = [item for item in router.table("system/script") if item["name"] == engine.NOTES]
    notes["source"] = notes["source"].replace("hotspot-shared=1\n", "")
    assert "hotspot-shared" not in notes["source"]
    router.console(engine.undo_line())
    assert (router.singleton("radius/incoming")["port"], router.find_name("ip/service", "api-ssl")["disabled"]) == ("1700", "true")
    assert not [item for item in router.table("system/script")]


def test_pages_that_cannot_be_fetched(router, shop):
    """It is told, the router shows its own pages and all the rest is done; the next time they come."""
    Shop.away = True
    try:
        assert "Not done: pages," in router.console(engine.setup_script(hotspot(router, shop)))
    finally:
        Shop.away = False
    profile = router.find_name("ip/hotspot/profile", "isp-setup-hotspot")
    assert (profile["html-directory-override"], profile["use-radius"]) == ("", "true")
    run(router, hotspot(router, shop))
    assert profile["html-directory-override"] == "isp-setup-hotspot"


def test_what_fails_is_told_and_the_rest_is_done(router):
    said = router.console(engine.setup_script(make(router.version, pppoe_interfaces=["ether9"], hotspot_interface="wlan7", uplink="")))
    assert "Not done: pppoe,hotspot," in said
    assert any(row.get("comment") == "isp-setup:radius" for row in router.table("radius"))
    before = len(router.table("ip/pool"))
    router.console(engine.undo_line())
    assert len(router.table("ip/pool")) == 1 < before


def test_without_a_certificate_the_open_service_within_the_tunnel_only(router):
    def refuse(*_args):
        raise engine_trap("failure: no")

    from simulators.routeros.values import Trap as engine_trap

    router.special("certificate", "sign", refuse)
    for tunnel, service in ((make(router.version).wireguard, "api"), ({}, None)):
        router.console("/ip service set api disabled=yes")
        said = router.console(engine.setup_script(make(router.version, wireguard=tunnel)))
        assert (router.find_name("ip/service", "api")["disabled"] == "false") == (service == "api")
        assert "certificate," in said and ("service," in said) == (service is None)


def test_what_the_owner_had_named_so_is_not_touched(router):
    router.console('/user group add name=visitors policy=read; /user add name=isp group=visitors password=own comment="isp: own"; /ip pool add name=isp-setup-pppoe ranges=10.1.9.1')
    said = router.console(engine.setup_script(make(router.version)))
    assert "user," in said and "pppoe," in said
    assert (router.find_name("user", "isp")["group"], router.find_name("ip/pool", "isp-setup-pppoe")["ranges"]) == ("visitors", "10.1.9.1")
    router.console(engine.undo_line())
    assert router.find_name("user", "isp")["group"] == "visitors"


def test_too_old(router):
    before = config(router)
    with pytest.raises(Exception, match="needs RouterOS 7.12"):
        router.console(engine.too_old())
    assert config(router) == before


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ['"; /system reset-configuration; "', "$[/quit]", "$(1+1)", "\\", '\\"', "a\nb", "a\r\n/ip pool remove 0", "[find]", "{", "}", "#", "$ispErrors", "?", "\x00\x1b"]
)


@pytest.fixture(scope="module")
def newest():
    with World(running=False) as world:
        yield world.add("Tower", address="127.0.9.7", version=VERSIONS[-1], password="admin")


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE)
@example('"; /system identity set name=broken; :put "')
def test_what_is_quoted_is_only_text(newest, text):
    # What :put writes goes line by line; the length says the rest.
    assert newest.console(f":local x {engine.quote(text)}; :put ([:len $x] . $x)") == f"{len(text)}{text}"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(HOSTILE, HOSTILE, HOSTILE)
def test_hostile_values_stay_values(newest, one, two, three):
    """Whatever stands in names and secrets: the script sets just that, or reports the step; nothing else is done."""
    newest.console(engine.undo_script())
    before = config(newest)
    newest.console(engine.setup_script(make("7.24", radius_secret=one, api_password=two, hotspot_dns_name=three, pppoe_interfaces=[three], wireguard={})))
    [radius] = newest.table("radius")
    assert radius["secret"] == one
    assert newest.find_name("user", "isp").get("password") == two
    assert newest.singleton("system/identity")["name"] == "Tower"
    newest.console(engine.undo_line())
    assert config(newest) == before
