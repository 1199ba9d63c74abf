"""The demo as ``script/server`` runs it, in a run folder of its own, for the journeys that need it.

Kept between runs of the tests: only what changed is loaded again.
"""

import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

from stack import paths
from stack.shell import die_with_parent

FOLDER = Path(os.environ["ISP_TEST_RUN_DIR"]) / "journeys"
SCRIPT = paths.REPO / "script" / "server"


class Server:
    """One call of ``script/server``; ``text`` is what it has printed so far."""

    def __init__(self, folder: Path, *arguments: str, **environment: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.output = folder / "terminal.txt"
        env = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "ISP_TEST_RUN_DIR")}
        env.update(environment, ISP_RUN_DIR=str(folder))
        self.started = time.monotonic()
        with self.output.open("w") as stream:
            self.process = subprocess.Popen(
                [SCRIPT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                env=env,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    @property
    def text(self) -> str:
        return self.output.read_text()

    def wait_for(self, pattern: str, timeout: float) -> re.Match:
        """Wait until the terminal shows ``pattern``; seconds since the start are in ``elapsed``."""
        deadline = time.monotonic() + timeout
        while True:
            ended = self.process.poll() is not None
            match = re.search(pattern, self.text)
            if match:
                self.elapsed = time.monotonic() - self.started
                return match
            assert not ended, f"script/server ended with code {self.process.returncode}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {pattern!r} after {timeout} s:\n{self.text}"
            time.sleep(0.1)

    def open(self, timeout: float = 1200) -> str:
        """Wait for the address."""
        return self.wait_for(r"Juba Net is open at\s+(http://\S+)\s[\s\S]*Ctrl-C", timeout)[1]

    def end(self, sig=signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        return self.process.wait(60)

    def services(self) -> set[int]:
        """The ids of the processes that still run out of this run folder."""
        found = set()
        for cmdline in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = cmdline.read_bytes()
            except OSError:
                continue
            if f"{self.folder}/demo/".encode() in words:
                found.add(int(cmdline.parent.name))
        return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Demo:
    """The demo all journeys share; started when first asked for, ended with pytest."""

    server: Server | None = None
    url = ""

    @classmethod
    def running(cls) -> str:
        """:return: its address"""
        if cls.server is None or cls.server.process.poll() is not None:
            # A quarter of the list: enough for every screen to show something.
            cls.server = Server(FOLDER, "--port", str(free_port()), ISP_DEMO_LINES="250")
            cls.url = cls.server.open()
        return cls.url

    @classmethod
    def log(cls) -> Path:
        return FOLDER / "demo" / "odoo" / "odoo.log"

    @classmethod
    def stop(cls) -> None:
        if cls.server:
            cls.server.end()
