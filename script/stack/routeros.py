"""Simulated MikroTik routers (``simulators/routeros``) as a service."""

import json
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from . import paths
from .shell import StackError, port_free, spawn, stop, wait_for


class Routers:
    """Routers made by ``add``; what they are is lost when the service stops. ``port`` is that of the control."""

    def __init__(self, run_dir: Path, port: int):
        self.dir = run_dir / "routeros"
        self.log = self.dir / "routeros.log"
        self.port = port
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    def start(self, *, stepped=False) -> None:
        """:param stepped: their time stands still until ``call("POST", "/clock", {"step": seconds})``"""
        self.dir.mkdir(parents=True, exist_ok=True)
        command = [paths.PYTHON, "-m", "simulators.routeros", "--port", self.port] + ["--stepped"] * stepped
        self.process = spawn(command, log=self.log, cwd=paths.REPO)
        wait_for(lambda: not port_free(self.port), 120, f"The simulated routers (log: {self.log})", self.process)

    def stop(self) -> None:
        stop(self.process)
        self.process = None

    def call(self, method: str, path: str, body: dict | None = None) -> dict:
        """One request to the control: see simulators/routeros/README.md.

        :raise StackError: refused; the message has the reason
        """
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(body or {}).encode(), method=method)
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise StackError(json.load(error)["error"]) from None

    def add(self, name: str, address: str, **options) -> dict:
        """:return: its address and the ports of its services; options: those of ``simulators.routeros.host.Host``"""
        return self.call("POST", "/routers", {"name": name, "address": address, **options})
