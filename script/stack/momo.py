"""The simulated operators (``simulators/momo``) as a service."""

import subprocess
import sys
from pathlib import Path

from . import paths
from .shell import port_free, spawn, stop, wait_for

HOST = "http://localhost"
#: MTN's account of the simulator's first day, as ``ACCOUNT`` in ``simulators/momo/mtn.py``.
MTN = {
    "wallet_api_user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
    "wallet_api_key": "simulated-api-key",
    "wallet_collection_key": "simulated-collection-key",
    "wallet_disbursement_key": "simulated-disbursement-key",
}


class Momo:
    """MTN's and Orange's servers and telephones on ``port``; what they know is kept in the run folder."""

    def __init__(self, run_dir: Path, port: int, sms_log: Path | None = None):
        self.dir = run_dir / "momo"
        self.log = self.dir / "momo.log"
        self.port = port
        self.sms_log = sms_log
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"{HOST}:{self.port}"

    def start(self) -> None:
        self.dir.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "simulators.momo", "--port", self.port, "--state", self.dir / "state.sqlite"]
        command += ["--sms-log", self.sms_log] if self.sms_log else []
        self.process = spawn(command, log=self.log, cwd=paths.REPO)
        wait_for(lambda: not port_free(self.port), 120, f"The simulated operators (log: {self.log})", self.process)

    def stop(self) -> None:
        stop(self.process)
        self.process = None
