"""A private FreeRADIUS 3.2: own folder, loopback, unprivileged user, answers from PostgreSQL functions."""

import secrets as random
import subprocess
from pathlib import Path

from . import config, paths
from .postgres import Postgres
from .shell import StackError, chown, kill_group, private_dir, run, spawn, stop, wait_for, write_private

#: The source address of our own "are you there?"; client "health" in radiusd.conf.
_HEALTH_IP = "127.0.0.127"
_CLIENT = """\
client {name} {{
	ipaddr = {ip}
	secret = "{secret}"
	require_message_authenticator = {signed}
}}
"""


class FreeRadius:
    """The RADIUS server of one run folder, answering from ``database``.

    The routers registered at the start stand in a file, so that they stay known while the database is away;
    those registered later are asked from the database (``radius.nas``). After a change of a router's address or secret:
    restart.
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
        self._health_secret = random.token_hex(16)

    # --- life ---

    def start(self) -> None:
        self.configure()
        self.check()
        self.process = spawn(["freeradius", "-d", self.dir, "-f"], log=self.dir / "freeradius.out", user=self.user, cwd="/")
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
        command = ["radclient", "-q", "-r", "1", "-t", "1", f"127.0.0.1:{self.auth_port}", "status", self._health_secret]
        answer = subprocess.run(command, input=question, text=True, capture_output=True, check=False)
        return answer.returncode == 0

    # --- configuration ---

    def configure(self) -> None:
        """Write the configuration from ``config/freeradius`` and the routers of the database."""
        private_dir(self.dir, self.user)
        for name in ("log", "acct", "run"):
            private_dir(self.dir / name, self.user)
        values = {
            "DIR": self.dir,
            "PG_PORT": self.postgres.port,
            "DB_NAME": self.database,
            "DB_PASSWORD": self.secrets["isp_radius"],
            "AUTH_PORT": self.auth_port,
            "ACCT_PORT": self.acct_port,
            "HEALTH_SECRET": self._health_secret,
            "ROUTERS_NET": "0.0.0.0/0",
        }
        for path in config.render_tree("freeradius", self.dir, values):
            private_dir(path.parent, self.user)
            path.chmod(0o600)
            chown(path, self.user)
        self._write_clients()

    def _write_clients(self) -> None:
        """The routers in the database, as clients. Without a database the file of last time stays."""
        path = self.dir / "clients.conf"
        query = """
            SELECT id, nas_ip, radius_secret, CASE WHEN require_message_auth THEN 'yes' ELSE 'no' END
              FROM isp_router WHERE active AND radius_secret <> '' ORDER BY id
        """
        try:
            rows = self.postgres.psql(query, database=self.database, role="odoo").splitlines()
        except StackError:
            if not path.exists():
                write_private(path, "", self.user)
            return
        clients = []
        for row in rows:
            router, ip, secret, signed = row.split("\t")
            clients.append(_CLIENT.format(name=f"router-{router}", ip=ip, secret=secret, signed=signed))
        write_private(path, "".join(clients), self.user)

    def check(self) -> None:
        """``freeradius -C``: raise StackError when the configuration is not right."""
        prefix = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        run([*prefix, "freeradius", "-d", self.dir, "-C", "-l", "stdout"], cwd="/")
