# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""HTTP as the simulator needs it: requests with their raw body, answers that may be empty, late or never."""

import json
import re
import socket
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

_LARGEST = 1 << 20


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: object
    body: bytes

    def header(self, name):
        """:return: the value, None when the header is not there (an empty one is "")"""
        return self.headers.get(name)

    def json(self):
        """:raise ValueError: no JSON object"""
        value = json.loads(self.body or b"null")
        if not isinstance(value, dict):
            raise ValueError("a JSON object is expected")
        return value

    def form(self):
        return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8", "replace"), keep_blank_values=True).items()}


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    headers: dict = field(default_factory=dict)


def answer(status, value=None, **headers):
    """:return: JSON of ``value``; without one an empty body, as a 202 of MTN has"""
    body = b"" if value is None else json.dumps(value, ensure_ascii=False).encode()
    return Response(status, body, "application/json", {name.replace("_", "-"): text for name, text in headers.items()})


def page(html, status=200):
    return Response(status, html.encode(), "text/html; charset=utf-8")


def redirect(url):
    return Response(303, b"", "text/plain", {"Location": url})


class Routes:
    """Which function answers which method and path: ``@routes("POST", "/a/{id}")``; the names become arguments."""

    def __init__(self):
        self._rules = []

    def __call__(self, methods, path):
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + r"\Z")

        def keep(function):
            self._rules.append((methods.split(), pattern, function))
            return function

        return keep

    def find(self, method, path):
        """:return: (function, arguments); (None, methods that would do) when there is none"""
        allowed = []
        for methods, pattern, function in self._rules:
            if match := pattern.match(path):
                if method in methods:
                    return function, {name: unquote(text) for name, text in match.groupdict().items()}
                allowed += methods
        return None, allowed


class Server(ThreadingHTTPServer):
    """Loopback only. ``application(request) -> Response``; raising ``Silence`` ends the connection without a word."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port, application):
        self.application = application
        super().__init__(("127.0.0.1", port), _Handler)

    def handle_error(self, request, client_address):
        """A client that hangs up is no event."""
        import sys

        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class Silence(Exception):
    """No answer: the client sees the connection close after ``seconds``."""

    def __init__(self, seconds=0):
        self.seconds = seconds
        super().__init__(seconds)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "momo-simulator"
    timeout = 60

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _serve(self):
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _LARGEST:
            self.close_connection = True
            return self._send(Response(413 if length > 0 else 400))
        address = urlsplit(self.path)
        query = {name: values[-1] for name, values in parse_qs(address.query, keep_blank_values=True).items()}
        request = Request(self.command, address.path, query, self.headers, self.rfile.read(length))
        try:
            response = self.server.application(request)
        except Silence as silence:
            time.sleep(silence.seconds)
            self.close_connection = True
            return None
        return self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _serve

    def _send(self, response):
        self.send_response(response.status)
        if response.body:
            self.send_header("Content-Type", response.kind)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def log_message(self, *_args):
        """Said by the application, with the secrets left out."""
