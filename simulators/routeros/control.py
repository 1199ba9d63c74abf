# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a test may do to the routers of another process: JSON over HTTP. No router has this. README.md lists the paths."""

import json
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from . import terminal
from .access import RefusedError
from .device import FAULTS, Fault
from .values import Trap


def server(world, port):
    """:return: an HTTP server on the loopback, not yet serving"""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1
        disable_nagle_algorithm = True

        def log_message(self, *_args):
            """Quiet."""

        def _serve(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            words = [unquote(word) for word in parts.path.split("/") if word]
            kind = "application/json"
            try:
                status, value = 200, _answer(world, self.command, words, json.loads(body or b"{}"), dict(parse_qsl(parts.query)))
            except RefusedError as refused:
                status, value = 403, {"error": str(refused)}
            except (KeyError, LookupError) as error:
                status, value = 404, {"error": f"not there: {error}"}
            except (ValueError, TypeError, AttributeError, Trap) as error:
                status, value = 400, {"error": str(error)}
            if self.command == "GET" and status == 200 and "text/html" in self.headers.get("Accept", "") and (text := terminal.page(words, value)):
                kind, data = "text/html; charset=utf-8", text.encode()
            else:
                data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_DELETE = _serve

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _answer(world, method, words, body, query):
    match method, words:
        case "GET", []:
            return {"routers": [{"key": key, **router_facts(router)} for key, router in world.routers.items()], "faults": FAULTS, "now": world.clock.now()}
        case "GET", ["clock"]:
            return {"now": world.clock.now()}
        case "POST", ["clock"]:
            world.step(float(body["step"]))
            return {"now": world.clock.now()}
        case "POST", ["routers"]:
            return router_facts(world.add(body.pop("name"), **body))
        case "DELETE", ["routers", name]:
            world.remove(name)
            return {}
        case _, ["routers", name, *rest]:
            return _router(world.routers[name], method, rest, body, query)
    raise LookupError("/" + "/".join(words))


def _router(router, method, words, body, query):
    match method, words:
        case "GET", []:
            return router_facts(router)
        case "POST", ["faults"]:
            faults = [Fault(**one) for one in body["faults"]]
            if unknown := {fault.kind for fault in faults} - set(FAULTS):
                raise ValueError(f"there is no fault {', '.join(unknown)}")
            router.faults += faults
            return {}
        case "DELETE", ["faults"]:
            router.faults.clear()
            return {}
        case "POST", ["power"]:
            actions = {"reboot": router.reboot, "cut": lambda: router.power_cut(body.get("seconds")), "off": router.power_off, "on": router.power_on, "button": router.press_button}
            return {"done": actions[body["do"]]() is not False}
        case "POST", ["console"]:
            return {"output": router.console(body["text"])}
        case "POST", ["link"]:
            router.link(bool(body["up"]))
            return {}
        case "POST", ["world"]:
            router.world_up = bool(body["up"])
            return {}
    return _customers(router, router.desk, method, words, body, query)


def _customers(router, desk, method, words, body, query):
    match method, words:
        case "POST", ["pppoe"]:
            return session_facts(desk.dial(body.pop("user"), body.pop("password"), **body))
        case "POST", ["pppoe", "many"]:
            with ThreadPoolExecutor(16) as pool:
                return {"results": list(pool.map(lambda one: _dial(desk, **one), body["clients"]))}
        case "POST", ["hotspot"]:
            return dict(desk.arrive(body.pop("mac"), **body))
        case "POST", ["hotspot", "login"]:
            return session_facts(desk.log_in(desk.arrive(body.pop("mac")), body.pop("user"), body.pop("password"), **body))
        case "POST", ["hotspot", "browser"]:
            return {"proxy": f"http://127.0.0.1:{router.way(body['mac'], body.get('interface')).port}"}
        case "GET", ["sessions"]:
            with router.lock:
                return {"sessions": [session_facts(session) for session in desk.sessions.values()]}
        case "POST", ["use"]:
            with router.lock:
                there = {key: wanted for key, wanted in body["sessions"].items() if key in desk.sessions}
                for key, (up, down) in there.items():
                    desk.sessions[key].use(int(up), int(down))
                return {"users": sorted(session.user for session in desk.sessions.values())}
        case "GET", ["sessions", key]:
            return session_facts(desk.sessions[key])
        case "POST", ["sessions", key]:
            desk.sessions[key].use(int(body.get("up", 0)), int(body.get("down", 0)))
            return session_facts(desk.sessions[key])
        case "DELETE", ["sessions", key]:
            desk.sessions[key].hang_up(query.get("cause", "User-Request"))
            return {}
        case "GET", ["reach"]:
            with router.lock:
                more = {**query, "port": int(query.get("port", 443))}
                return {"result": desk.reach(more.pop("address"), **more)}
    raise LookupError("/" + "/".join(words))


def _dial(desk, user, password, up=0, down=0, **more):
    try:
        session = desk.dial(user, password, **more)
    except RefusedError as refused:
        return {"error": str(refused)}
    session.use(up, down)
    return session_facts(session)


def router_facts(router):
    incoming = router.singleton("radius/incoming")
    return {
        "name": router.singleton("system/identity")["name"],
        "address": router.address,
        "version": router.version,
        "powered": router.powered,
        "linked": router.linked,
        "ports": {service: router.port(service) for service in ("api", "api-ssl", "www", "www-ssl")},
        "coa": {"accept": incoming["accept"] == "true", "port": int(incoming["port"])},
        "sessions": len(router.desk.sessions),
        "connections": router.connections(),
    }


def session_facts(session):
    with session.desk.router.lock:
        up, down = session.bytes
        session.desk.fresh()
        return {
            "id": session.id,
            "kind": session.kind,
            "user": session.user,
            "mac": session.mac,
            "address": session.address,
            "local": session.local,
            "up": up,
            "down": down,
            "rate": list(session.rate),
            "rate_limit": session.limits.rate,
            "address_list": session.limits.address_list,
            "reply": {name: [value.hex() if isinstance(value, bytes) else value for value in found] for name, found in session.reply.items()},
            "ended": session.ended,
        }
