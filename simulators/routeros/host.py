# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The sockets of a router: the services of /ip/service, opened and closed as that menu says; and its life: power, reboots."""

import contextlib
import random
import socket
import ssl
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer

from . import api, commands, rest
from .access import OFF, ON, Desk
from .device import Router, _within
from .network import Way
from .pages import Pages

_SERVED = ("api", "api-ssl", "www", "www-ssl")


class Host(Router):
    """A router that can be reached. ``start`` and ``stop``; or use it in ``with``.

    :param ports: {"api": 0...}: 0 takes a free port, which /ip/service then shows. Services that are not named are not opened,
        for the usual ports below 1024 are not ours to take.
    :param uplink: the interface to the internet: what customers download comes in there
    :param boot_seconds: real seconds that a reboot takes
    :param tells_boot: Accounting-On and -Off are sent: whether devices do is not documented
    :param old_login: the challenge of RouterOS before 6.43 is offered too
    """

    def __init__(self, name="MikroTik", *, ports=None, uplink="ether1", boot_seconds=0.2, old_login=True, tells_boot=False, **more):
        ports = {"api": 0, "api-ssl": 0, "www": 0, "www-ssl": 0} if ports is None else dict(ports)
        address = more.get("address", "127.0.0.1")
        for service, port in ports.items():
            ports[service] = port or _free_port(address)
        super().__init__(name, ports=ports, **more)
        self.uplink = uplink
        self.boot_seconds, self.old_login = boot_seconds, old_login
        self._opened = set(ports)
        self._servers = {}
        self._sockets = set()
        self._count = {}
        self._guard = threading.Lock()
        self.powered = False
        self.linked = True
        self.desk = Desk(self, tells_boot)
        self.pages = Pages(self)
        self.ways = {}
        self._time_asked = None
        self.after("ip/service", lambda _item: self._reopen())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exc):
        self.stop()
        self.close_ways()

    def close_ways(self):
        for way in self.ways.values():
            way.close()
        self.ways.clear()

    def port(self, service):
        return int(self.find_name("ip/service", service)["port"])

    def start(self):
        self.powered = True
        self._time_asked = self.clock.now()
        self._reopen()
        self.desk.listen()
        if self.desk.tells_boot:
            self.desk.tell_boot(ON)

    def way(self, mac, interface=None):
        """:return: the proxy of a device at the hotspot (``network.Way``), the same for the same device"""
        with self.lock:
            if mac.upper() not in self.ways:
                self.ways[mac.upper()] = Way(self, mac, interface)
            return self.ways[mac.upper()]

    def stop(self):
        """Off, without a word to anybody."""
        self.powered = False
        self._reopen()
        self.desk.listen()
        self.drop_connections()

    # --- life ---

    def reboot(self):
        """As /system/reboot: sessions are told, then everything ends; back after ``boot_seconds``."""
        with self.lock:
            for session in list(self.desk.sessions.values()):
                self.desk.end(session, "NAS-Reboot")
        if self.desk.tells_boot:
            self.desk.tell_boot(OFF)
        self.desk.settled()
        self.power_cut()

    def power_cut(self, seconds=None):
        """Everything ends and nobody is told. ``seconds``: how long it is dark, in real seconds."""
        self.power_off()
        time.sleep(self.boot_seconds if seconds is None else seconds)
        self.power_on()

    def power_off(self):
        """Dark, until ``power_on``."""
        with self.lock:
            for session in list(self.desk.sessions.values()):
                self.desk.end(session, "NAS-Error", tell=False)
        self.stop()
        with self.lock:
            self.forget()
            self.lose_time()
            self.users_on.clear()

    def power_on(self):
        self.log("system,info", "router rebooted")
        self.started = self.clock.now()
        self.start()

    def link(self, up):
        """The line between us and the router: without it customers stay on, but neither API nor RADIUS nor CoA get through."""
        self.linked = self.world_up = up
        self._reopen()
        self.desk.listen()
        if not up:
            self.drop_connections()

    def press_button(self):
        """Confirm a change of device-mode in time, which reboots. :return: whether there was one"""
        until, wanted = self.pending_mode or (0, None)
        self.pending_mode = None
        if wanted is None or self.clock.now() > until:
            return False
        self.singleton("system/device-mode").update(wanted)
        self.reboot()
        return True

    def forget(self):
        """What lives in memory only."""
        self.desk.forget()
        for menu in ("ip/firewall/address-list", "queue/simple", "ip/address", "interface"):
            for item in [item for item in self.table(menu) if item.dynamic]:
                self.drop(menu, item)
        for item in (*self.table("interface"), *self.table("queue/simple")):
            item.more.pop("bytes", None)
            item.more.pop("rate", None)

    # --- time ---

    #: Seconds after the start until NTP has an answer.
    NTP_SECONDS = 5

    def next_moment(self):
        """:return: when something happens by itself, None"""
        with self.lock:
            if not self.powered:
                return None
            moments = [self.desk.next_moment(), commands.next_schedule(self)]
            moments += [item.more["until"] for item in self.table("ip/firewall/address-list") if "until" in item.more]
            if self._time_asked is not None:
                moments.append(self._time_asked + self.NTP_SECONDS)
            return min((moment for moment in moments if moment is not None), default=None)

    def happen(self):
        """Do what is due."""
        with self.lock:
            if not self.powered:
                return
            now = self.clock.now()
            if self._time_asked is not None and self._time_asked + self.NTP_SECONDS <= now:
                # Asked again every minute until it is right.
                self.sync_time()
                self._time_asked = None if self.synchronised() else now + 60
            self.desk.happen()
            for item in [item for item in self.table("ip/firewall/address-list") if item.more.get("until", now + 1) <= now]:
                self.drop("ip/firewall/address-list", item)
        commands.run_schedules(self)

    def rows(self, call):
        if call.menu in ("interface", "queue/simple", "ip/hotspot/active"):
            self.desk.refresh()
        return super().rows(call)

    def rate_of(self, item):
        self.desk.fresh()
        if item.dynamic:
            return super().rate_of(item)
        rates = [session.rate for session in self.desk.sessions.values() if item["name"] in (session.server["interface"], "aggregate")]
        if item["name"] == self.uplink and not rates:
            rates = [session.rate[::-1] for session in self.desk.sessions.values()]
        return sum(rate[0] for rate in rates), sum(rate[1] for rate in rates)

    def drop_connections(self):
        with self._guard:
            sockets = list(self._sockets)
        for sock in sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    # --- services ---

    def _reopen(self):
        """Open what should be open, close the rest."""
        wanted = {}
        if self.powered and self.linked:
            for item in self.table("ip/service"):
                if item["name"] in self._opened and item["disabled"] == "false":
                    wanted[item["name"]] = (int(item["port"]), item.get("certificate"), item.get("tls-version"))
        for name in [name for name, (_server, made) in self._servers.items() if wanted.get(name) != made]:
            server, _made = self._servers.pop(name)
            server.end()
        for name, made in wanted.items():
            if name in self._servers:
                continue
            try:
                self._servers[name] = (_Server(self, name, made[0], self._context(name, made[1])), made)
            except OSError as error:
                self.log("system,error", f"service {name} cannot listen on port {made[0]}: {error.strerror}")

    def _context(self, name, certificate):
        """TLS as the router does it: without a certificate there are only anonymous ciphers, which most clients refuse."""
        if not name.endswith("-ssl"):
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        item = self.find_name("certificate", certificate) if certificate and certificate != "none" else None
        if item is None or "key" not in item.more:
            context.set_ciphers("ADH:@SECLEVEL=0")
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            return context
        if self.find_name("ip/service", name)["tls-version"] == "only-1.2":
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(item.more["pem"] + item.more["key"])
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def admit(self, name, sock, address):
        """May this connection be? Counts it. :return: whether"""
        item = self.find_name("ip/service", name)
        if self.take_fault(f"/{name}", "refuse") or not _within(address, item["address"]):
            return False
        with self._guard:
            if self._count.get(name, 0) >= int(item.get("max-sessions", "20")):
                return False
            self._count[name] = self._count.get(name, 0) + 1
            self._sockets.add(sock)
        return True

    def connections(self):
        """:return: {service: how many are open now}"""
        with self._guard:
            return {name: count for name, count in self._count.items() if count}

    def leave(self, name, sock):
        with self._guard:
            self._count[name] -= 1
            self._sockets.discard(sock)


class _Server:
    """Connections of one service, a thread for each."""

    def __init__(self, host, name, port, context):
        self._host, self._name, self._context = host, name, context
        self._socket = socket.create_server((host.address, port), backlog=128)
        self._web = _Web(rest.handler(host)) if name.startswith("www") else None
        threading.Thread(target=self._accept, daemon=True).start()

    def end(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self):
        while True:
            try:
                sock, peer = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock, peer[0]), daemon=True).start()

    def _serve(self, sock, address):
        if not self._host.admit(self._name, sock, address):
            sock.close()
            return
        plain = sock
        try:
            if self._context:
                sock.settimeout(20)
                sock = self._context.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
                with self._host._guard:
                    self._host._sockets.add(sock)
            if self._web:
                self._web.finish_request(sock, (address, 0))
            else:
                api.serve(self._host, sock, address, "api", self._host.old_login)
        except OSError:
            pass  # A handshake that failed, a peer that left.
        finally:
            self._host.leave(self._name, plain)
            with self._host._guard:
                self._host._sockets.discard(sock)
            sock.close()


class _Web(ThreadingHTTPServer):
    """Only its way to handle a request: the sockets are ours."""

    def __init__(self, handler):
        self.RequestHandlerClass = handler


def _free_port(address):
    """Below the ports that outgoing connections take, so that nobody has it when it is opened."""
    while True:
        port = random.randrange(15000, 32000)
        try:
            with socket.create_server((address, port)):
                return port
        except OSError:
            continue
