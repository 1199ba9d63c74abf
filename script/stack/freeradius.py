"""A private FreeRADIUS 3.2: own folder, loopback, unprivileged user, answers from PostgreSQL functions."""

import secrets as random
import shutil
import subprocess
import time
from pathlib import Path

from . import config, paths, radius_files
from .postgres import Postgres
from .shell import StackError, chown, kill_group, private_dir, run, spawn, stop, wait_for, write_private

#: The source address of our own "are you there?"; client "health" in radiusd.conf.
_HEALTH_IP = "127.0.0.127"
#: Seconds between two looks at the routers and log-ins of the database.
_REFRESH = 60
#: Where the files of ``radius_files`` lie.
_CLIENTS, _USERS = "clients.conf", "policy/users_fallback"


class FreeRadius:
    """The RADIUS server of one run folder, answering from ``database``.

    Routers stand in a file, so that they stay known while the database is away, and so do the log-ins of that time
    (``radius_files``). ``refresh`` brings both up to date: what is new is checked in a folder of its own before it is put in
    place, file by file in one step. A router registered between two looks is asked from the database (``radius.nas``).
    """

    def __init__(self, run_dir: Path, ports: dict[str, int], secrets: dict[str, str], database: str, postgres: Postgres):
        self.dir = run_dir / "freeradius"
        self.log = self.dir / "log" / "radius.log"
        self.waiting = self.dir / "acct"
        self.auth_port = ports["radius_auth"]
        self.acct_port = ports["radius_acct"]
        self.secrets = secrets
        self.database = database
        self.postgres = postgres
        self.user = paths.service_user("freerad")
        self.process: subprocess.Popen | None = None
        self._health_secret = secrets.get("radius_health") or random.token_hex(16)
        self._looked = self._looked_at_log_ins = time.monotonic()
        self.left_out: list[str] = []

    # --- life ---

    def start(self) -> None:
        self.configure()
        self._spawn()

    def _spawn(self) -> None:
        self.process = spawn(["sh", self.dir / "start.sh"], log=self.dir / "freeradius.out", user=self.user, cwd="/")
        wait_for(self.ready, 30, f"FreeRADIUS (log: {self.log})", self.process)

    def stop(self) -> None:
        stop(self.process)
        self.process = None

    def kill(self) -> None:
        """SIGKILL: as when the power fails."""
        if self.process:
            kill_group(self.process)
            self.process = None

    def ready(self) -> bool:
        """Does it answer Status-Server?"""
        question = f"Packet-Src-IP-Address = {_HEALTH_IP}, Message-Authenticator = 0x00"
        command = ["radclient", "-q", "-r", "1", "-t", "1", "--", f"127.0.0.1:{self.auth_port}", "status", self._health_secret]
        answer = subprocess.run(command, input=question, text=True, capture_output=True, check=False)
        return answer.returncode == 0

    # --- configuration ---

    def configure(self) -> None:
        """Write the configuration from ``config/freeradius`` with the routers and log-ins of the database.

        It is checked beside the one that stands there, which stays when the new one is not right.
        """
        files = self._files()
        staged = self._stage(files)
        self.check(staged)
        shutil.rmtree(staged)
        self._render(self.dir, files)

    def refresh(self, log_ins=True) -> str:
        """Look at the routers and log-ins of the database, and put in place what has changed.

        The server is started again, which takes less than a second: routers ask again after that time. (SIGHUP reads
        neither of the two files again in FreeRADIUS 3.2.1, although it says so.)

        :param log_ins: look at the log-ins too
        :return: what was new: "", "log-ins", or "routers"
        :raise StackError: the new files are not right; the old ones stay
        """
        self._looked = time.monotonic()
        files = self._files()
        changed = [name for name, text in files.items() if (self.dir / name).read_text() != text]
        if not log_ins and changed == [_USERS]:
            changed = []
        if not changed or not self.process:
            return ""
        staged = self._stage(files)
        self.check(staged)
        shutil.rmtree(staged)
        for name in changed:
            write_private(self.dir / name, files[name], self.user)
        if _USERS in changed:
            self._looked_at_log_ins = self._looked
        stop(self.process)
        self._spawn()
        return "routers" if _CLIENTS in changed else "log-ins"

    def tick(self) -> str:
        """``refresh``: routers once a minute, log-ins every ten; called again and again."""
        now = time.monotonic()
        if now < self._looked + _REFRESH:
            return ""
        return self.refresh(log_ins=now > self._looked_at_log_ins + 10 * _REFRESH)

    def _files(self) -> dict[str, str]:
        """The files made of the database's rows; without a database those of last time."""
        made = {}
        self.left_out = []
        for name in (_CLIENTS, _USERS):
            path = self.dir / name
            query, write = radius_files.FILES[path.name]
            try:
                made[name], left = write(self.postgres.psql(query, database=self.database, role="odoo"))
                self.left_out += left
            except StackError:
                made[name] = path.read_text() if path.exists() else ""
        return made

    def _stage(self, files: dict[str, str]) -> Path:
        """A whole configuration beside the one in use, to be checked."""
        staged = self.dir.with_name("freeradius.new")
        shutil.rmtree(staged, ignore_errors=True)
        self._render(staged, files)
        return staged

    def _render(self, folder: Path, files: dict[str, str]) -> None:
        private_dir(folder, self.user)
        for name in ("log", "acct", "run"):
            private_dir(folder / name, self.user)
        values = {
            "DIR": folder,
            "PG_PORT": self.postgres.port,
            "DB_NAME": self.database,
            "DB_PASSWORD": self.secrets["isp_radius"],
            "AUTH_PORT": self.auth_port,
            "ACCT_PORT": self.acct_port,
            "HEALTH_SECRET": self._health_secret,
            "ROUTERS_NET": "0.0.0.0/0",
        }
        for path in config.render_tree("freeradius", folder, values):
            private_dir(path.parent, self.user)
            path.chmod(0o600)
            chown(path, self.user)
        for name, text in files.items():
            write_private(folder / name, text, self.user)

    def check(self, folder: Path | None = None) -> None:
        """``freeradius -C``: raise StackError when the configuration is not right."""
        prefix = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        run([*prefix, "freeradius", "-d", folder or self.dir, "-C", "-l", "stdout"], cwd="/")
