# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The network behind a router, as a browser on one device sees it: an HTTP proxy through which every request goes the device's way.

What the router lets through goes on where it leads, if that is on this machine; anything else is "the internet", a page of one line. It comes from the
device's own address when that is one of this machine's (127.…) and no NAT changes it, else from the router's.
"""

import contextlib
import html
import http.client
import ipaddress
import select
import socket
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .access import RefusedError
from .pages import Request

#: Where names lead that nobody here has.
_ELSEWHERE = "198.51.100.7"
_HOP = {"connection", "proxy-connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class Way:
    """One device's way: ``port`` of the proxy. The device arrives with the first request."""

    def __init__(self, router, mac, interface=None):
        self.router, self.mac, self.interface = router, mac, interface
        way = self

        class Handler(_Handler):
            pass

        Handler.way = way
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def host(self):
        """:raise RefusedError: no hotspot there"""
        return self.router.desk.arrive(self.mac, interface=self.interface)

    def decide(self, name, port, path="/"):
        """:return: (what happens, address it leads to)"""
        try:
            to = str(ipaddress.ip_address(name))
        except ValueError:
            to = _ELSEWHERE
        with self.router.lock:
            result = self.router.desk.reach(self.host()["address"], host=name, to=to, port=port, path=path)
        if result == "accept" and not self.router.world_up:
            result = "drop"
        return result, to

    def source(self):
        """:return: the address from which it comes"""
        address = self.host()["address"]
        natted = any(
            rule["chain"] == "srcnat" and rule["action"] == "masquerade" and rule["disabled"] == "false" and _covers(rule.get("src-address"), address)
            for rule in self.router.table("ip/firewall/nat")
        )
        return self.router.address if natted or not ipaddress.ip_address(address).is_loopback else address


def _covers(network, address):
    return network is None or ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    way = None

    def log_message(self, *_args):
        """Quiet."""

    def _serve(self):
        parts = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name, port, way = parts.hostname or "", parts.port or 80, self.way
        try:
            host = way.host()
            if port == 80 and way.router.pages.is_own(host, name):
                return self._own(host, parts, body)
            result, to = way.decide(name, port, parts.path or "/")
        except (RefusedError, ValueError) as error:
            return self._send(502, str(error))
        if result == "login":
            return self._own(host, parts, body)
        if result.startswith("dst-nat "):
            address, _colon, there = result[8:].partition(":")
            return self._forward(address, int(there or port), parts, body)
        if result != "accept":
            self.close_connection = True  # nothing comes back
            return None
        if not ipaddress.ip_address(to).is_loopback:
            return self._send(200, f"<!doctype html><title>{html.escape(name)}</title><p id=internet>The internet: {html.escape(name)}</p>")
        return self._forward(to, port, parts, body)

    do_GET = do_POST = do_HEAD = _serve

    def _own(self, host, parts, body):
        values = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        if self.command == "POST":
            values |= dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        name = parts.hostname if parts.port in (None, 80) else parts.netloc
        answer = self.way.router.pages.answer(host, Request(name, parts.path or "/", parts.query, values, self.command))
        return self._send(answer.status, answer.body, answer.kind, {"Location": answer.location} if answer.location else {})

    def _forward(self, address, port, parts, body):
        connection = http.client.HTTPConnection(address, port, timeout=60, source_address=(self.way.source(), 0))
        path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        headers = {key: value for key, value in self.headers.items() if key.lower() not in _HOP}
        try:
            connection.request(self.command, path, body or None, {**headers, "Host": parts.netloc})
            reply = connection.getresponse()
            data = reply.read()
        except OSError:
            self.close_connection = True
            return
        finally:
            connection.close()
        self.send_response(reply.status)
        for key, value in reply.getheaders():
            if key.lower() not in _HOP:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else data)

    def do_CONNECT(self):
        name, _colon, port = self.path.rpartition(":")
        try:
            result, to = self.way.decide(name, int(port))
        except (RefusedError, ValueError) as error:
            return self._send(502, str(error))
        if result != "accept" or not ipaddress.ip_address(to).is_loopback:
            self.close_connection = True
            return None
        try:
            other = socket.create_connection((to, int(port)), timeout=10, source_address=(self.way.source(), 0))
        except OSError:
            self.close_connection = True
            return None
        self.send_response(200, "Connection established")
        self.end_headers()
        with other:
            _pipe(self.connection, other)
        self.close_connection = True
        return None

    def _send(self, status, text, kind="text/html", headers=None):
        data = text.encode("utf-8", "surrogateescape")
        self.send_response(status)
        for key, value in {"Content-Type": f"{kind}; charset=utf-8", "Content-Length": str(len(data)), "Cache-Control": "no-cache", **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(data)


def _pipe(one, other):
    with contextlib.suppress(OSError):
        while True:
            ready, _write, _error = select.select([one, other], [], [], 60)
            if not ready:
                return
            for source in ready:
                data = source.recv(65536)
                if not data:
                    return
                (other if source is one else one).sendall(data)
