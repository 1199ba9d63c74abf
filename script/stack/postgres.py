"""A private PostgreSQL 15 cluster: own folder, own port, unprivileged user, fsync on."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from . import config, paths
from .shell import chown, kill_group, parents, private_dir, run, spawn, stop, wait_for, write_private

BIN = Path("/usr/lib/postgresql/15/bin")


class Postgres:
    """The cluster of one run folder.

    Roles: ``postgres`` (superuser, set-up only), ``odoo`` (owns the databases),
    ``isp_radius`` (may execute the functions of schema ``radius``).
    """

    def __init__(self, run_dir: Path, port: int, secrets: dict[str, str]):
        self.dir = run_dir / "postgresql"
        self.data = self.dir / "data"
        self.log = self.dir / "postgresql.log"
        self.port = port
        self.secrets = secrets
        self.user = paths.service_user("postgres")
        self.process: subprocess.Popen | None = None

    # --- life ---

    def start(self) -> None:
        if not self.data.exists():
            self._initdb()
        self._configure()
        # SIGINT is the fast shutdown; SIGTERM would wait for every client to leave.
        command = [BIN / "postgres", "-D", self.data]
        self.process = spawn(command, log=self.log, user=self.user, death_signal=signal.SIGINT, cwd="/")
        wait_for(self.ready, 60, f"PostgreSQL (log: {self.log})", self.process)
        self._create_roles()

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, nothing committed is lost."""
        stop(self.process, sig=signal.SIGINT, timeout=60)
        self.process = None

    def crash(self) -> None:
        """``pg_ctl stop -m immediate``: as when the power fails."""
        command = [BIN / "pg_ctl", "stop", "-D", self.data, "-m", "immediate"]
        prefix = ["setpriv", f"--reuid={self.user}", "--clear-groups"] if self.user else []
        run([*prefix, *command], cwd="/")
        self.process.wait()
        self.process = None

    def kill(self) -> None:
        """SIGKILL of all its processes: as when the power fails."""
        children = [pid for pid, parent in parents() if parent == self.process.pid]
        kill_group(self.process)
        for pid in children:  # each is the head of a group of its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process = None

    def ready(self) -> bool:
        probe = [BIN / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-t", "1"]
        return subprocess.run(probe, check=False).returncode == 0

    # --- use ---

    def psql(self, sql: str, *, database="postgres", role="postgres") -> str:
        """Run SQL and return the rows as text, columns separated by tabs."""
        command = [BIN / "psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1"]
        command += ["-h", "127.0.0.1", "-p", str(self.port), "-U", role, "-d", database]
        env = {**os.environ, "PGPASSWORD": self.secrets[role]}
        return run([*command, "-c", sql], env=env).stdout.rstrip("\n")

    def databases(self) -> set[str]:
        return set(self.psql("SELECT datname FROM pg_database").split())

    def drop_database(self, name: str) -> None:
        self.psql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def copy_database(self, source: str, target: str) -> None:
        self.drop_database(target)
        self.psql(f'CREATE DATABASE "{target}" TEMPLATE "{source}" OWNER odoo STRATEGY FILE_COPY')

    # --- making it ---

    def _initdb(self) -> None:
        private_dir(self.dir, self.user, mode=0o755)
        fresh = self.dir / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        private_dir(fresh, self.user)
        password_file = write_private(self.dir / "initdb.pw", self.secrets["postgres"], self.user)
        command = [BIN / "initdb", "-D", fresh, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]
        command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        prefix = ["setpriv", f"--reuid={self.user}", "--clear-groups"] if self.user else []
        try:
            run([*prefix, *command], cwd="/")
        finally:
            password_file.unlink()
        fresh.rename(self.data)

    def _configure(self) -> None:
        values = {"PG_PORT": self.port}
        for name in ("postgresql.conf", "pg_hba.conf"):
            target = self.data / ("isp.conf" if name == "postgresql.conf" else name)
            target.write_text(config.render(f"postgresql/{name}", values))
            chown(target, self.user)
        main = self.data / "postgresql.conf"
        if not re.search(r"^include 'isp\.conf'", main.read_text(), re.M):
            with main.open("a") as stream:
                stream.write("include 'isp.conf'\n")

    def _create_roles(self) -> None:
        existing = self.psql("SELECT rolname FROM pg_roles").split()
        for role, rights in (("odoo", "CREATEDB"), ("isp_radius", "NOINHERIT CONNECTION LIMIT 40")):
            if role not in existing:
                password = self.secrets[role]
                self.psql(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEROLE {rights} PASSWORD '{password}'")
