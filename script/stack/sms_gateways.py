"""The simulated SMS gateways (``simulators/sms``) as a service."""

import subprocess
import sys
from pathlib import Path

from . import paths
from .shell import port_free, spawn, stop, wait_for


class SmsGateways:
    """Africa's Talking and a plain gateway on ``port``, an SMSC on ``smpp_port``; what they know is kept in the run folder."""

    def __init__(self, run_dir: Path, port: int, smpp_port: int):
        self.dir = run_dir / "sms_gateways"
        self.log = self.dir / "sms.log"
        self.port, self.smpp_port = port, smpp_port
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "simulators.sms", "--port", self.port, "--smpp-port", self.smpp_port, "--state", self.dir / "state.sqlite"]
        self.process = spawn(command, log=self.log, cwd=paths.REPO)
        for port in (self.port, self.smpp_port):
            wait_for(lambda port=port: not port_free(port), 120, f"The simulated SMS gateways (log: {self.log})", self.process)

    def stop(self) -> None:
        stop(self.process)
        self.process = None
