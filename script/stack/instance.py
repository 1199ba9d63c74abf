"""One set of services in one run folder: PostgreSQL, FreeRADIUS, Odoo and the proxy."""

import base64
import fcntl
import json
import os
import secrets
import socket
import zlib

from . import kannel, paths
from .freeradius import FreeRadius
from .kannel import Kannel
from .momo import Momo
from .odoo_server import Odoo
from .postgres import Postgres
from .proxy import Proxy
from .routeros import Routers
from .shell import StackError, choose_port, end_leftovers, port_free, write_private

_FIRST_PORTS = {
    "http": 8069,
    "odoo": 8169,
    "gevent": 8269,
    "wall": 8081,
    "postgres": 15432,
    "radius_auth": 11812,
    "radius_acct": 12813,
    "momo": 8790,
    "routeros": 8990,
    **kannel.PORTS,
}
_UDP = {"radius_auth", "radius_acct"}


class Instance:
    """The services of run folder ``name``. Nothing starts by itself: call their ``start``."""

    def __init__(self, name: str, *, database="isp", http_port: int | None = None, workers=2, attach=False):
        """:param attach: take the ports as they stand: another process may be serving on them."""
        self.dir = paths.run_dir(name)
        self.dir.mkdir(parents=True, exist_ok=True)
        self.dir.chmod(0o755)
        self.secrets = self._load_secrets()
        self.ports = self._choose_ports(http_port, attach)
        self.postgres = Postgres(self.dir, self.ports["postgres"], self.secrets)
        self.radius = FreeRadius(self.dir, self.ports, self.secrets, database, self.postgres)
        self.odoo = Odoo(self.dir, self.ports, self.secrets, database, workers)
        self.proxy = Proxy(self.dir, self.ports)
        # The world outside, simulated: started where it is asked for.
        self.kannel = Kannel(self.dir, self.ports)
        self.momo = Momo(self.dir, self.ports["momo"], self.kannel.messages)
        self.routers = Routers(self.dir, self.ports["routeros"])

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['http']}"

    def services(self) -> list[tuple[str, object]]:
        """In the order they start; each has ``start``, ``stop``, ``process`` and ``log``."""
        return [("PostgreSQL", self.postgres), ("FreeRADIUS", self.radius), ("Odoo", self.odoo), ("Caddy", self.proxy)]

    def world(self) -> list[tuple[str, object]]:
        """The world outside, simulated: what the demo adds to its services, and production has for real."""
        return [("Kannel and its fake operator", self.kannel), ("Telephones and wallets", self.momo)]

    def stop(self) -> None:
        """Stop what this process started, users' side first."""
        self.routers.stop()
        for _name, service in reversed([*self.world(), *self.services()]):
            service.stop()

    def _load_secrets(self) -> dict[str, str]:
        """Passwords are made once per run folder and never leave it."""
        path = self.dir / "secrets.json"
        if path.exists():
            known = json.loads(path.read_text())
            if "radius_health" not in known:  # a folder of an earlier version
                known["radius_health"] = secrets.token_urlsafe(18)
                write_private(path, json.dumps(known))
            return known
        names = ("postgres", "odoo", "isp_radius", "master", "radius_health")
        made = {name: secrets.token_urlsafe(18) for name in names}
        made["fernet"] = base64.urlsafe_b64encode(os.urandom(32)).decode()
        write_private(path, json.dumps(made))
        return made

    def _choose_ports(self, http_port: int | None, attach: bool) -> dict[str, int]:
        """Keep the ports of last time where they are free, else take the next free ones."""
        path = self.dir / "ports.json"
        last = json.loads(path.read_text()) if path.exists() else {}
        if attach and last:
            # A service that is newer than the run folder has no port there yet.
            return {**_FIRST_PORTS, **last}
        if http_port and not port_free(http_port):
            raise StackError(f"Port {http_port} is in use by another program, or only root may take it.")
        # Run folders start their search in different places: two may be set up at the same time.
        spread = zlib.crc32(str(self.dir).encode()) % 97
        taken = {http_port} if http_port else set()
        ports = {"http": http_port} if http_port else {}
        for name, first in _FIRST_PORTS.items():
            if name in ports:
                continue
            kind = socket.SOCK_DGRAM if name in _UDP else socket.SOCK_STREAM
            first += 0 if name == "http" else spread
            wanted = first if name == "http" else last.get(name, first)
            if wanted in taken or not port_free(wanted, kind):
                wanted = choose_port(first, taken, kind)
            taken.add(wanted)
            ports[name] = wanted
        write_private(path, json.dumps(ports))
        return ports


class RunLock:
    """A run folder belongs to one command at a time; the kernel lets go when that command ends."""

    def __init__(self, name: str, command: str):
        """:raises Busy: another command has it; its message says which."""
        self.folder = paths.run_dir(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.command = command
        self.file = (self.folder / "lock").open("a+")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.file.seek(0)
            raise Busy(json.loads(self.file.read() or "{}")) from None
        self.note()
        end_leftovers(self.folder)

    def note(self, **facts) -> None:
        """What the next caller is told: the address, for example."""
        self.file.truncate(0)
        self.file.write(json.dumps({"command": self.command, "pid": os.getpid(), **facts}))
        self.file.flush()


class Busy(StackError):
    def __init__(self, facts: dict):
        self.facts = facts
        super().__init__(
            f"{facts.get('command', 'Another command')} (process {facts.get('pid', '?')}) is using this run folder."
        )
