"""Odoo: its configuration file, one-off commands, and the server with workers."""

import itertools
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import config, packages, paths
from .shell import kill_group, port_free, private_dir, run, run_shown, spawn, stop, wait_for, write_private

_NESTED = ("i18n", "module")


class Odoo:
    """Odoo of one run folder. ``database`` is the one it serves."""

    def __init__(
        self, run_dir: Path, ports: dict[str, int], secrets: dict[str, str], database: str, workers=2
    ):
        self.dir = run_dir / "odoo"
        self.log = self.dir / "odoo.log"
        self.ports = ports
        self.secrets = secrets
        self.database = database
        self.workers = workers
        self.process: subprocess.Popen | None = None

    def addons_path(self) -> str:
        return f"{paths.ADDONS},{packages.oca_addons()}"

    def conf(self) -> Path:
        """Write the configuration file and return its path."""
        private_dir(self.dir)
        values = {
            "ADDONS_PATH": self.addons_path(),
            "DATA_DIR": private_dir(self.dir / "data"),
            "PG_PORT": self.ports["postgres"],
            "DB_PASSWORD": self.secrets["odoo"],
            "DB_NAME": self.database,
            "ADMIN_PASSWORD": self.secrets["master"],
            "SECRET_KEY": self.secrets["fernet"],
            "RADIUS_HEALTH": f"127.0.0.1:{self.ports['radius_auth']}",
            "RADIUS_HEALTH_SECRET": self.secrets["radius_health"],
            "RADIUS_HEALTH_SOURCE": "127.0.0.127",
            "ODOO_PORT": self.ports["odoo"],
            "GEVENT_PORT": self.ports["gevent"],
            "WORKERS": self.workers,
        }
        return write_private(self.dir / "odoo.conf", config.render("odoo/odoo.conf", values))

    def command(self, *args) -> list[str]:
        """The command line of ``odoo <args>`` on this instance: ``command("shell")``, ``command("i18n", "export", "isp_base")``."""
        words = [str(arg) for arg in args]
        # Some commands have commands of their own, and know the configuration file behind these only.
        depth = 2 if words and words[0] in _NESTED else 1
        name = list(itertools.takewhile(lambda word: not word.startswith("-"), words[:depth]))
        head = [str(paths.PYTHON), str(paths.REPO / "script" / "stack" / "odoo_main.py")]
        # Odoo looks for an add-on's command before it reads the configuration file.
        path = [f"--addons-path={self.addons_path()}"] if name else []
        return [*head, *path, *name, "-c", str(self.conf()), *words[len(name) :]]

    def run(self, *args, log: Path | None = None, **kwargs) -> str:
        """Run one command to its end, e.g. ``run("-i", "isp_network", "--stop-after-init")``."""
        return run(self.command(*args), log=log or self.log, env=packages.environment(), **kwargs).stdout

    def run_shown(self, *args, log: Path, show, **kwargs) -> None:
        """Like ``run`` for long commands: ``show(line)`` picks what is reported as progress."""
        run_shown(self.command(*args), log=log, show=show, **{"env": packages.environment(), **kwargs})

    def start(self, *extra) -> None:
        self.process = spawn(
            self.command(*extra, f"--logfile={self.log}"),
            log=self.dir / "odoo.out",
            env=packages.environment(),
        )
        what = f"Odoo (log: {self.log})"
        wait_for(self.ready, 120, what, self.process)
        if self.workers:  # the websocket's process starts after the others
            wait_for(lambda: not port_free(self.ports["gevent"]), 60, what, self.process)

    def ready(self) -> bool:
        url = f"http://127.0.0.1:{self.ports['odoo']}/web/health"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self) -> None:
        stop(self.process, timeout=30)
        self.process = None

    def kill(self) -> None:
        """SIGKILL of the server with its workers."""
        if self.process:
            kill_group(self.process)
            self.process = None
