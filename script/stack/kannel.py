"""Kannel with its own fake operator: bearerbox, smsbox and fakesmsc as one service."""

import contextlib
import re
import secrets
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import config
from .shell import port_free, private_dir, spawn, stop, wait_for, write_private

FAKESMSC = "/usr/lib/kannel/test/fakesmsc"
#: Ports this service needs, with where the search for a free one begins.
PORTS = {"kannel": 13013, "kannel_admin": 13100, "kannel_box": 13101, "kannel_smsc": 13102}
_GOT = re.compile(r"Got message \d+: <(\S+) (\S+) (.*)>$")


class Kannel:
    """:param ports: those of ``PORTS``

    ``stop`` and ``start`` are a power cut's: what was taken stays in the spool. ``operator`` is the fake SMSC, which may go alone.
    """

    def __init__(self, run_dir: Path, ports: dict[str, int]):
        self.dir = run_dir / "kannel"
        self.log = self.dir / "bearerbox.log"
        self.messages = self.dir / "fakesmsc.log"
        self.ports = ports
        self.process: subprocess.Popen | None = None
        self.smsbox: subprocess.Popen | None = None
        self.operator: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['kannel']}"

    @property
    def password(self) -> str:
        """Made once per run folder."""
        path = self.dir / "password"
        if not path.exists():
            private_dir(self.dir)
            write_private(path, secrets.token_urlsafe(12))
        return path.read_text()

    def start(self) -> None:
        self.stop()  # what is left of it when one of the three has ended by itself
        private_dir(self.dir)
        for name in ("spool", "dlr"):
            (self.dir / name).mkdir(exist_ok=True)
        values = {f"{name.upper()}_PORT": port for name, port in self.ports.items() if name in PORTS}
        values |= {"KANNEL_PASSWORD": self.password, "KANNEL_DIR": self.dir}
        conf = write_private(self.dir / "kannel.conf", config.render("kannel/kannel.conf", values))
        self.process = spawn(["/usr/sbin/bearerbox", "-v", "4", conf], log=self.dir / "out.log", cwd=self.dir)
        self._wait_for("kannel_box", self.process)
        self._wait_for("kannel_smsc", self.process)
        self.smsbox = spawn(["/usr/sbin/smsbox", "-v", "4", conf], log=self.dir / "out.log", cwd=self.dir)
        self._wait_for("kannel", self.smsbox)
        self.start_operator()

    def _wait_for(self, name: str, process: subprocess.Popen) -> None:
        wait_for(lambda: not port_free(self.ports[name]), 120, f"Kannel (log: {self.dir / 'out.log'})", process)

    def start_operator(self) -> None:
        """The operator's SMSC: it takes every message and writes it to its log."""
        command = [FAKESMSC, "-H", "127.0.0.1", "-r", self.ports["kannel_smsc"], "-i", "1000000", "-m", "0", "0 0 text -"]
        self.operator = spawn(command, log=self.messages, cwd=self.dir)
        wait_for(lambda: "(online" in self.status(), 120, "The fake operator", self.operator)

    def stop_operator(self) -> None:
        stop(self.operator)
        self.operator = None

    def status(self) -> str:
        """:return: bearerbox's own page; "" while it does not answer"""
        with contextlib.suppress(urllib.error.URLError, OSError):
            url = f"http://127.0.0.1:{self.ports['kannel_admin']}/status.txt?password={self.password}"
            with urllib.request.urlopen(url, timeout=5) as page:
                return page.read().decode()
        return ""

    def received(self) -> list[tuple[str, str, str]]:
        """:return: [(sender, receiver, kind and text)] of all that the operator ever got, in parts as on the air"""
        if not self.messages.exists():
            return []
        lines = self.messages.read_text("utf-8", "replace").splitlines()
        return [match.groups() for line in lines if (match := _GOT.search(line))]

    def stop(self) -> None:
        self.stop_operator()
        stop(self.smsbox)
        stop(self.process)
        self.smsbox = self.process = None
