# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The REST API (manual, page "REST API"): GET, PUT, PATCH, DELETE and POST under /rest, Basic authentication, JSON whose values are texts."""

import base64
import json
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, unquote, urlsplit

from .device import Call
from .query import Query
from .values import Trap

_LARGEST = 4 << 20
_REASONS = {400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 500: "Internal Server Error"}


class Refused(Exception):
    def __init__(self, status, detail=None):
        super().__init__(detail)
        self.status, self.detail = status, detail


def handler(router):
    """:return: a request handler class of that router"""
    return type("Handler", (_Handler,), {"router": router})


class _Handler(BaseHTTPRequestHandler):
    router = None

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "RouterOS", ""
    timeout = 60
    # Head and body in one piece, at once: else each answer waits for the peer's delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_args):
        """Nothing: the router's own log has what matters."""

    def _serve(self):
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > _LARGEST:
            self.close_connection = True
            return self._send(400, {"error": 400, "message": "Bad Request", "detail": "content too long"})
        body = self.rfile.read(int(length))
        try:
            fault = self._fault()
            if fault and fault.kind in ("silent", "drop"):
                self.close_connection = True
                return None
            if fault and fault.kind == "trap":
                raise Refused(400, str(fault.value))
            if fault and fault.kind == "ignore":
                return self._send(200, [])
            status, value = _answer(self.router, self.command, self.path, self.headers.get("Authorization"), body, self.client_address[0])
            if fault:
                self.close_connection = True
                if fault.kind == "half":
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n[{")
                return None
        except Refused as refused:
            status = refused.status
            value = {"error": status, "message": _REASONS.get(status, "")}
            if refused.detail is not None:
                value["detail"] = refused.detail
        return self._send(status, value)

    def _fault(self):
        """A fault is meant for the path with /rest, or as the API would have it."""
        path = urlsplit(self.path).path
        for wanted in (path, path.removeprefix("/rest")):
            slow = self.router.take_fault(wanted, "slow")
            if slow:
                time.sleep(float(slow.value or 1))
            fault = self.router.take_fault(wanted, "silent", "drop", "drop_after", "half", "trap", "ignore")
            if fault:
                return fault
        return None

    def _send(self, status, value):
        data = b"" if value is None else json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogateescape")
        self.send_response(status, _REASONS.get(status))
        if status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="RouterOS"')
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        if self.router.reboot_asked:
            self.router.reboot_asked = False
            self.router.reboot()

    do_GET = do_PUT = do_PATCH = do_DELETE = do_POST = _serve


def _answer(router, method, target, authorization, body, address):
    parts = urlsplit(target)
    if parts.path != "/rest" and not parts.path.startswith("/rest/"):
        raise Refused(404)
    user = _login(router, authorization, address)
    words = [unquote(part) for part in parts.path.removeprefix("/rest").split("/") if part]
    if any("/" in word for word in words):
        raise Refused(400, "no such command or directory")
    args = _body(body) if method in ("PUT", "PATCH", "POST") else {}
    try:
        return _METHODS[method](router, user, words, args, parse_qsl(parts.query, keep_blank_values=True))
    except Trap as trap:
        status = 404 if trap.message.startswith("no such item") else 500 if "permissions" in trap.message else 400
        raise Refused(status, trap.message) from None


def _login(router, authorization, address):
    try:
        kind, _, coded = (authorization or "").partition(" ")
        name, colon, password = base64.b64decode(coded, validate=True).decode().partition(":")
        if kind.lower() != "basic" or not colon:
            raise ValueError
        with router.lock:
            return router.login(name, password, address, "rest-api")
    except (ValueError, Trap):
        raise Refused(401) from None


def _body(body):
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise Refused(400, "invalid JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "JSON object expected")
    result = {}
    for name, part in value.items():
        if isinstance(part, bool):
            part = "true" if part else "false"
        if name not in (".proplist", ".query") and (isinstance(part, dict | list) or part is None):
            raise Refused(400, f"invalid value for argument {name}")
        result[name] = part if isinstance(part, list) else str(part)
    return result


def _split(router, words):
    """:return: (menu, the item's key or None)"""
    menu = "/".join(words)
    if menu in router.vocabulary.directories:
        return menu, None
    if len(words) > 1 and "/".join(words[:-1]) in router.vocabulary.directories:
        return "/".join(words[:-1]), words[-1]
    return menu, None


def _get(router, user, words, _args, query):
    menu, key = _split(router, words)
    proplist, wanted = None, []
    for name, value in query:
        if name == ".proplist":
            proplist = value.split(",")
        else:
            wanted.append(f"?{name}={value}")
    call = Call(user, menu, "print", {}, Query(wanted), proplist, via="rest")
    if key is None:
        rows = list(router.execute(call).rows)
        return 200, rows if router.vocabulary.is_table(menu) or menu in ("ip/service", "log") else (rows[0] if rows else {})
    call.proplist = None
    rows = [row for row in router.execute(call).rows if key in (row.get(".id"), row.get("name"))]
    if not rows:
        raise Refused(404, f"no such command or directory ({key})" if not key.startswith("*") else "no such item")
    return 200, router._only(rows[0], proplist)


def _put(router, user, words, args, _query):
    menu = "/".join(words)
    reply = router.execute(Call(user, menu, "add", args, via="rest"))
    return 201, _row(router, user, menu, reply.ret)


def _patch(router, user, words, args, _query):
    menu, key = _split(router, words)
    if key is None:
        raise Refused(400, "missing or invalid resource identifier")
    router.execute(Call(user, menu, "set", {**args, ".id": key}, via="rest"))
    with router.lock:
        item = router.table(menu).get(key if key.startswith("*") else args.get("name", key))
    return 200, _row(router, user, menu, item.id)


def _row(router, user, menu, key):
    with router.lock:
        return next(row for row in router.rows(Call(user, menu, "print", {}, via="rest")) if row[".id"] == key)


def _delete(router, user, words, _args, _query):
    menu, key = _split(router, words)
    if key is None:
        raise Refused(400, "missing or invalid resource identifier")
    if "remove" not in router.vocabulary.commands.get(menu, {}):
        raise Refused(406, "no such command or directory (remove)")
    router.execute(Call(user, menu, "remove", {".id": key}, via="rest"))
    return 204, None


def _post(router, user, words, args, _query):
    if not words:
        raise Refused(400, "no such command")
    proplist, queries = args.pop(".proplist", None), args.pop(".query", [])
    if isinstance(proplist, str):
        proplist = proplist.split(",")
    try:
        query = Query([f"?{word}" for word in queries])
    except ValueError:
        raise Refused(400, "query is incorrect") from None
    menu, command = "/".join(words[:-1]), words[-1]
    if command in ("monitor-traffic", "monitor") and "once" not in args and "duration" not in args:
        raise Refused(400, "Session closed: command does not end by itself; use once or duration")
    if command == "ping" and "count" not in args:
        raise Refused(400, "Session closed: command does not end by itself; use count")
    if any(name in args for name in ("follow", "follow-only", "interval")) and "duration" not in args:
        raise Refused(400, "Session closed: command does not end by itself")
    reply = router.execute(Call(user, menu, command, args, query, proplist, via="rest"))
    rows = list(reply.rows)
    return 200, {"ret": reply.ret} if reply.ret is not None else rows


_METHODS = {"GET": _get, "PUT": _put, "PATCH": _patch, "DELETE": _delete, "POST": _post}
