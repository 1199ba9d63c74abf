"""Caddy in front of Odoo: one address for pages and websocket."""

import os
import subprocess
from pathlib import Path

from . import config
from .shell import port_free, spawn, stop, wait_for


class Proxy:
    def __init__(self, run_dir: Path, ports: dict[str, int]):
        self.dir = run_dir / "caddy"
        self.log = self.dir / "caddy.log"
        self.ports = ports
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        values = {
            "HTTP_PORT": self.ports["http"],
            "ODOO_PORT": self.ports["odoo"],
            "GEVENT_PORT": self.ports["gevent"],
            "WALL_PORT": self.ports["wall"],
        }
        caddyfile = self.dir / "Caddyfile"
        caddyfile.write_text(config.render("caddy/Caddyfile", values))
        env = {**os.environ, "XDG_DATA_HOME": str(self.dir), "XDG_CONFIG_HOME": str(self.dir)}
        command = ["caddy", "run", "--config", caddyfile, "--adapter", "caddyfile"]
        self.process = spawn(command, log=self.log, env=env, cwd=self.dir)
        http = self.ports["http"]
        wait_for(lambda: not port_free(http), 120, f"Proxy (log: {self.log})", self.process)

    def stop(self) -> None:
        stop(self.process)
        self.process = None
