"""Customers on the wire: accounting packets as the demo's router sends them, by ``radclient``.

A quarter of the subscribers is on line while ``script/server`` runs; every five minutes their counters
grow. What the screens show of it came through FreeRADIUS and the database, as in real life.
"""

import random
import subprocess
import time
import zlib

from .demo import DATABASE, ROUTER_SECRET
from .instance import Instance

ON_LINE = 250
EVERY = 300  # seconds between two packets of a session, as FreeRADIUS asks of routers
NAS = 'NAS-IP-Address = 127.0.0.1, NAS-Identifier = "juba-core"'


class Traffic:
    def __init__(self, instance: Instance):
        self.instance = instance
        self.sessions = self._choose()
        self.started = self.next = time.monotonic()

    def tick(self) -> None:
        """Send what is due; called again and again. Costs a second every five minutes."""
        now = time.monotonic()
        if not self.sessions or now < self.next:
            return
        if now == self.started or self.next == self.started:
            # The router was switched on: what was open in an earlier demo has ended.
            self._send([f"{NAS}, Acct-Status-Type = Accounting-On, Acct-Session-Id = boot"])
            self._send([self._packet(session, "Start", 0) for session in self.sessions])
        self._send([self._packet(session, "Interim-Update", now - self.started) for session in self.sessions])
        self.next = now + EVERY

    def _choose(self) -> list[dict]:
        query = """
            SELECT a.name, COALESCE(a.mac, ''), p.down_kbps
              FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id
             WHERE a.state = 'allowed' AND p.service_type = 'pppoe' ORDER BY a.id
        """
        postgres = self.instance.postgres
        if not postgres.psql("SELECT to_regclass('isp_access')", database=DATABASE):
            return []
        rows = [row.split("\t") for row in postgres.psql(query, database=DATABASE).splitlines()]
        chance = random.Random(2026)
        chosen = chance.sample(rows, min(ON_LINE, len(rows)))
        return [
            {
                "name": name,
                "mac": mac or "02:00:00:00:00:01",
                "id": f"{zlib.crc32(name.encode()):08x}{int(time.time()):08x}",
                "ip": f"100.64.{number // 250}.{number % 250 + 2}",
                # Nobody uses a line fully; these are averages from idle to a long film.
                "rate": int(kbps) * 125 * chance.uniform(0.005, 0.25),
                "before": chance.randrange(600, 20 * 3600),
            }
            for number, (name, mac, kbps) in enumerate(chosen)
        ]

    def _packet(self, session: dict, status: str, seconds: float) -> str:
        online = int(seconds + (session["before"] if status != "Start" else 0))
        down = int(online * session["rate"])
        up = down // 8
        name = session["name"].replace("\\", "\\\\").replace('"', '\\"')
        return (
            f'User-Name = "{name}", {NAS}, Acct-Status-Type = {status}, Acct-Session-Id = "{session["id"]}",'
            f' Calling-Station-Id = "{session["mac"]}", Framed-IP-Address = {session["ip"]}, NAS-Port-Type = Ethernet,'
            f" Acct-Session-Time = {online}, Acct-Input-Octets = {up % 2**32}, Acct-Input-Gigawords = {up >> 32},"
            f" Acct-Output-Octets = {down % 2**32}, Acct-Output-Gigawords = {down >> 32}"
        )

    def _send(self, packets: list[str]) -> None:
        target = f"127.0.0.1:{self.instance.ports['radius_acct']}"
        subprocess.run(
            ["radclient", "-q", "-p", "8", "-r", "2", "-t", "3", target, "acct", ROUTER_SECRET],
            input="\n\n".join(packets) + "\n",
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
