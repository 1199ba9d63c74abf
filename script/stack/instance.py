"""One set of services in one run folder: PostgreSQL, FreeRADIUS, Odoo and the proxy."""

import base64
import json
import os
import secrets
import socket

from . import paths
from .odoo_server import Odoo
from .postgres import Postgres
from .proxy import Proxy
from .shell import choose_port, port_free, write_private

_FIRST_PORTS = {
    "http": 8069,
    "odoo": 8169,
    "gevent": 8269,
    "postgres": 15432,
    "radius_auth": 11812,
    "radius_acct": 12813,
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
        self.odoo = Odoo(self.dir, self.ports, self.secrets, database, workers)
        self.proxy = Proxy(self.dir, self.ports)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.ports['http']}"

    def stop(self) -> None:
        """Stop what this process started, users' side first."""
        for service in (self.proxy, self.odoo, self.postgres):
            service.stop()

    def _load_secrets(self) -> dict[str, str]:
        """Passwords are made once per run folder and never leave it."""
        path = self.dir / "secrets.json"
        if path.exists():
            return json.loads(path.read_text())
        names = ("postgres", "odoo", "isp_radius", "master")
        made = {name: secrets.token_urlsafe(18) for name in names}
        made["fernet"] = base64.urlsafe_b64encode(os.urandom(32)).decode()
        write_private(path, json.dumps(made))
        return made

    def _choose_ports(self, http_port: int | None, attach: bool) -> dict[str, int]:
        """Keep the ports of last time where they are free, else take the next free ones."""
        path = self.dir / "ports.json"
        last = json.loads(path.read_text()) if path.exists() else {}
        if attach and last:
            return last
        taken: set[int] = set()
        ports = {}
        for name, first in _FIRST_PORTS.items():
            kind = socket.SOCK_DGRAM if name in _UDP else socket.SOCK_STREAM
            wanted = last.get(name, first)
            if name == "http" and http_port:
                wanted = http_port
            if wanted in taken or not port_free(wanted, kind):
                wanted = choose_port(first, taken, kind)
            taken.add(wanted)
            ports[name] = wanted
        path.write_text(json.dumps(ports))
        return ports

