# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A browser at the simulated router's hotspot: pages with variables, log-in by PAP and CHAP, the way out. The users are the router's own."""

import hashlib
import http.server
import re
import threading
import urllib.error
import urllib.parse
import urllib.request

import pytest

from simulators.routeros import pages
from simulators.routeros.access import RefusedError
from simulators.routeros.commands import write_file
from simulators.routeros.world import World

MAC = "AA:BB:CC:00:00:01"
PAGE = "chap=[$(chap-id)|$(chap-challenge)] mac=$(mac) error=[$(error)] user=[$(username)] plain=$(plain-passwd) orig=[$(link-orig)]"


@pytest.fixture
def router():
    with World(running=False) as world:
        router = world.add("Hotel", address="127.0.9.2", version="7.24", password="admin")
        router.console(
            "/ip pool add name=hs ranges=127.0.52.2-127.0.52.9\n"
            "/ip hotspot profile add name=hs hotspot-address=127.0.52.1 dns-name=wifi.internal login-by=http-chap html-directory-override=pages\n"
            "/ip hotspot add name=hs interface=ether4 address-pool=hs profile=hs disabled=no\n"
            "/ip hotspot user add name=guest password=secret; /ip hotspot user add name=hour password=x limit-uptime=1h\n"
            "/ip hotspot user profile set [find name=default] shared-users=2"
        )
        write_file(router, "pages/login.html", PAGE)
        write_file(router, "pages/errors.txt", "invalid-username = who is $(username)?")
        yield router


class Browser:
    """Follows no redirect, so that each can be looked at."""

    def __init__(self, router, mac=MAC):
        class Stay(urllib.request.HTTPRedirectHandler):
            def redirect_request(self, *_args):
                return None

        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": f"http://127.0.0.1:{router.way(mac).port}"}), Stay)

    def get(self, url, data=None):
        """:return: (status, body or where it leads)"""
        try:
            with self.opener.open(url, urllib.parse.urlencode(data).encode() if data else None, timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers.get("Location") or error.read().decode()

    def answer(self, password):
        """:return: of the challenge that the log-in page has now"""
        return self.answer_to(self.get("http://wifi.internal/login")[1], password)

    @staticmethod
    def answer_to(body, password):
        identifier, challenge = re.search(r"chap=\[(.*?)\|(.*?)\]", body).groups()
        raw = [bytes(int(part, 8) for part in text.split("\\")[1:]) for text in (identifier, challenge)]
        return hashlib.md5(raw[0] + password.encode() + raw[1]).hexdigest()


@pytest.fixture
def browser(router):
    return Browser(router)


def log_in(browser, user, password):
    return browser.get("http://wifi.internal/login", {"username": user, "password": password})


def test_stranger_is_sent_to_the_page(browser):
    assert browser.get("http://example.org/a?b=1") == (302, "http://wifi.internal/login?dst=http%3A%2F%2Fexample.org%2Fa%3Fb%3D1")
    assert browser.get("http://wifi.internal/") == (302, "http://wifi.internal/login")
    assert browser.get("http://127.0.52.1/status") == (302, "http://wifi.internal/login")
    status, body = browser.get("http://wifi.internal/login?dst=http%3A%2F%2Fexample.org%2Fa")
    assert status == 200 and "mac=AA:BB:CC:00:00:01 error=[] user=[] plain=no orig=[http://example.org/a]" in body
    assert browser.get("http://wifi.internal/nothing.html") == (404, "Error 404")


def test_chap(router, browser):
    answer = browser.answer("secret")
    status, body = log_in(browser, "guest", answer)
    assert (status, "You are logged in" in body) == (200, True)
    [session] = router.desk.sessions.values()
    assert (session.user, session.login_by, session.mac) == ("guest", "http-chap", MAC)
    assert browser.get("http://example.org/")[1].endswith("The internet: example.org</p>")
    assert "Welcome guest" in browser.get("http://wifi.internal/status")[1]
    assert "just logged out" in browser.get("http://wifi.internal/logout")[1]
    assert not router.desk.sessions
    assert browser.get("http://example.org/")[0] == 302
    # An answer is good once: the challenge is another one now.
    assert "error=[who is guest?]" in log_in(browser, "guest", answer)[1]


def test_by_address_too(router, browser):
    """As a page somewhere else does it: the log-in is in the address."""
    query = urllib.parse.urlencode({"username": "guest", "password": browser.answer("secret")})
    assert "You are logged in" in browser.get(f"http://wifi.internal/login?{query}")[1]


def test_refused(router, browser):
    assert "error=[who is guest?] user=[guest]" in log_in(browser, "guest", browser.answer("wrong"))[1]
    assert "web browser did not send challenge response" in log_in(browser, "guest", "secret")[1]
    router.console("/ip hotspot profile set hs login-by=http-pap")
    assert "You are logged in" in log_in(browser, "guest", "secret")[1]


def test_tried_again_from_the_page_that_tells_the_error(router, browser):
    body = log_in(browser, "guest", browser.answer("wrong"))[1]
    assert "You are logged in" in log_in(browser, "guest", browser.answer_to(body, "secret"))[1]


def test_time_ends(router, browser):
    log_in(browser, "hour", browser.answer("x"))
    assert "left 1h" in browser.get("http://wifi.internal/status")[1]
    router.clock.set(router.clock.now() + 3601)
    router.happen()
    assert browser.get("http://example.org/")[0] == 302
    assert "user hour has reached uptime limit" in log_in(browser, "hour", browser.answer("x"))[1]


def test_challenge_is_forgotten_after_an_hour(router, browser):
    answer = browser.answer("secret")
    router.clock.set(router.clock.now() + 3601)
    assert "error=[who is guest?]" in log_in(browser, "guest", answer)[1]


def test_garden_and_address_of_the_device(router, browser):
    """What stands in the walled garden is reached before the log-in, from the device's own address unless NAT changes it."""
    seen = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.client_address[0], self.headers["Host"], self.path))
            self.send_response(200)
            self.send_header("Set-Cookie", "a=b")
            self.end_headers()
            self.wfile.write(b"shop")

        def log_message(self, *_args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/x?y=1"
    try:
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            browser.get(url)
        router.console("/ip hotspot walled-garden ip add action=accept dst-address=127.0.0.1")
        assert browser.get(url) == (200, "shop")
        router.console("/ip firewall nat add chain=srcnat src-address=127.0.52.0/24 action=masquerade")
        assert browser.get(url) == (200, "shop")
        assert [address for address, _host, _path in seen] == ["127.0.52.2", "127.0.9.2"]
        assert seen[0][1:] == (f"127.0.0.1:{server.server_address[1]}", "/x?y=1")
        router.world_up = False
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            browser.get(url)
        assert browser.get("http://wifi.internal/login")[0] == 200, "the router's own page is still there"
    finally:
        server.shutdown()
        server.server_close()


def test_pages_that_are_lost(router, browser):
    """An override that is not there: the router's own pages."""
    router.console('/file remove [/file find where name~"^pages"]')
    assert '<form action="http://wifi.internal/login" method="post">' in browser.get("http://wifi.internal/login")[1]


def test_own_files(router, browser):
    write_file(router, "pages/rlogin.html", "$(if logged-in == 'no')go to $(link-redirect)$(endif)")
    write_file(router, "pages/a.js", "var a = '$(mac)';")
    assert browser.get("http://example.org/") == (200, "go to http://wifi.internal/login?dst=http%3A%2F%2Fexample.org%2F")
    assert browser.get("http://wifi.internal/a.js") == (200, "var a = '$(mac)';")


def test_two_devices(router):
    one, other = Browser(router), Browser(router, "AA:BB:CC:00:00:02")
    assert "logged in" in log_in(one, "guest", one.answer("secret"))[1]
    assert other.get("http://example.org/")[0] == 302
    assert {host["mac-address"] for host in router.table("ip/hotspot/host")} == {MAC, "AA:BB:CC:00:00:02"}


def test_no_hotspot(router, browser):
    router.console("/ip hotspot set hs disabled=yes")
    assert browser.get("http://example.org/")[0] == 502
    with pytest.raises(RefusedError):
        router.way(MAC).host()


def test_nested_and_broken_conditions():
    assert pages.render("$(if a)1$(if b)2$(else)3$(endif)4$(else)5$(endif)6", {"b": "x"}) == "56"
    assert pages.render("$(endif)a$(else)b$(if x)c", {}) == "ab"
