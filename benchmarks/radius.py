# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""RADIUS: authentications and accounting packets a second, ours beside FreeRADIUS's own schema and queries.

Two FreeRADIUS servers on one PostgreSQL (fsync on), asked in turn by the same client on the same machine:

* ours: ``config/freeradius`` and the functions of isp_network; every access has a quota and a device limit;
* the peer: tables and queries of the Debian package (``mods-config/sql/main/postgresql``, read at run time), same server
  settings; a password and the same reply attributes for each user, no quota and no device limit (``auth``).
  ``auth, limits`` gives the peer what ours does in each answer: ``Simultaneous-Use`` with its own count query, and a
  monthly quota by rlm_sqlcounter.

Rounds are short and the sides take turns, so that other work on the machine meets all of them; a ratio is the median of the rounds'
ratios. A tenth as many users again are on line from the start, in all databases: without any open session in its statistics PostgreSQL
takes the peer's updates through an index of all open sessions, which no provider's database would do.

``--table 1000000`` adds accesses to ours, as tokens of hotspots will, and measures one log-in at a time, beside the peer with its users.

Every answer is checked to be an Access-Accept, and after accounting the sums in both databases must be right.
"""

import argparse
import json
import os
import random
import re
import select
import shutil
import socket
import struct
import time
from collections import deque
from hashlib import md5
from pathlib import Path
from statistics import median

from stack import addons, packages
from stack.freeradius import FreeRadius
from stack.instance import Instance, RunLock
from stack.shell import StackError, choose_port, chown, run, step, sudo

STOCK = Path("/etc/freeradius/3.0/mods-config/sql/main/postgresql")
#: Ours is filled in a copy of a database that holds the add-ons and one plan.
EMPTY, OURS, PEER = "isp_bench_radius", "isp_bench_radius_full", "stock_bench_radius"
SECRET = b"bench-secret"
PASSWORD = b"benchmark-pass"
GIGA = 2**32


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="script/bench radius", description=__doc__.split("\n")[0])
    parser.add_argument("--accesses", type=int, default=50_000, help="users in both databases")
    parser.add_argument("--sessions", type=int, default=None, help="old sessions in both (default: one a user)")
    parser.add_argument("--requests", type=int, default=3_000, help="log-ins of one measurement; a third as many sessions")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=12, help="measurements of each; the median counts")
    parser.add_argument("--table", type=int, default=0, help="accesses in our table for the latency of one log-in (0: not measured)")
    parser.add_argument("--method", choices=("pap", "chap"), default="pap")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    options.sessions = options.accesses if options.sessions is None else options.sessions
    # Kept until the end: the run folder is ours.
    lock = RunLock("bench", "script/bench radius")
    instance = Instance("bench", database=OURS, workers=0)
    instance.postgres.start()
    # Three servers with 16 connections each; the role's limit is meant for one.
    instance.postgres.psql("ALTER ROLE isp_radius CONNECTION LIMIT 60")
    servers = []
    try:
        servers = [_ours(instance, options), _peer(instance, options), _peer(instance, options, limits=True)]
        measures = _measure(instance, options, *servers)
    finally:
        for server in servers:
            server.stop()
        instance.stop()
        lock.file.close()
    _table(options, measures)
    if options.json:
        print(json.dumps({"name": "radius", "measures": measures}))


# --- the two sides ---


def _ours(instance: Instance, options) -> FreeRadius:
    addons_before = os.environ.get("ISP_TEST_ADDONS")
    os.environ["ISP_TEST_ADDONS"] = "isp_base,isp_network"
    addons.bring_up_to_date(instance, EMPTY)
    if addons_before is None:
        del os.environ["ISP_TEST_ADDONS"]
    step(f"{options.accesses} accesses in our database")
    _base(instance)
    instance.postgres.copy_database(EMPTY, OURS)
    sql = f"""
        INSERT INTO isp_access (name, password, plan_id, company_id, state, quota_bytes, quota_from, quota_day, device_limit)
        SELECT u.name, '{PASSWORD.decode()}', (SELECT id FROM isp_plan WHERE code = 'BENCH'), 1, 'allowed',
               1000000000000, date_trunc('month', now() AT TIME ZONE 'UTC'), 1, 1
          FROM ({_users(options)}) u;
        INSERT INTO isp_session (session_key, generation, access_id, user_name, session_id, nas_ip, mac, started, updated,
                                 last_event, stopped, presumed, seconds, bytes_up, bytes_down)
        SELECT md5('old' || n), 0, a.id, a.name, 'old' || n, '127.0.0.1', 'AA:BB:CC:00:00:01', t.at, t.at, t.at, t.at, false,
               3600, 1000, 1000000
          FROM generate_series(1, {options.sessions}) n
          JOIN isp_access a ON a.name = 'user' || (n % {options.accesses} + 1)
          CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE 'UTC') - make_interval(hours => 1 + n % 600) AS at) t;
        INSERT INTO isp_session (session_key, generation, access_id, user_name, session_id, nas_ip, mac, started, updated,
                                 last_event, presumed, seconds, bytes_up, bytes_down)
        SELECT md5('open' || a.id), 0, a.id, a.name, 'open' || a.id, '127.0.0.1', 'AA:BB:CC:00:00:02', t.now, t.now, t.now, false,
               0, 1000, 1000000
          FROM isp_access a, (SELECT now() AT TIME ZONE 'UTC' AS now) t WHERE a.name LIKE 'online%';
        INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds)
        SELECT access_id, date_trunc('hour', started), sum(bytes_up), sum(bytes_down), sum(seconds) FROM isp_session GROUP BY 1, 2;
        INSERT INTO isp_quota_counter (access_id, since, until, quota_from, quota_day, bytes)
        SELECT a.id, radius.quota_start(quota_from, quota_day, t.now), radius.quota_end(quota_day, t.now), quota_from, quota_day, 1001000
          FROM isp_access a, (SELECT now() AT TIME ZONE 'UTC' AS now) t;
    """
    instance.postgres.psql(sql, database=OURS, role="odoo")
    instance.postgres.psql("VACUUM ANALYZE", database=OURS)
    instance.radius.start()
    return instance.radius


def _users(options) -> str:
    """SQL: the names of those who dial in the measurements, and of those who are on line all the time."""
    return (
        f"SELECT 'user' || n AS name FROM generate_series(1, {options.accesses}) n"
        f" UNION ALL SELECT 'online' || n FROM generate_series(1, {options.accesses // 10}) n"
    )


_BASE = f"""
if not env["isp.plan"].search([("code", "=", "BENCH")]):
    env["isp.plan"].create({{"code": "BENCH", "name": "Bench", "list_price": 1000, "down_kbps": 2048, "up_kbps": 1024}})
    env["isp.router"].create({{"name": "Bench", "nas_ip": "127.0.0.1", "radius_secret": "{SECRET.decode()}"}})
    env.cr.commit()
"""


def _base(instance: Instance) -> None:
    """The plan of all accesses and their router, made by Odoo: their tables belong to the add-ons."""
    if instance.postgres.psql("SELECT id FROM isp_plan WHERE code = 'BENCH'", database=EMPTY):
        return
    command = instance.odoo.command("shell", "-d", EMPTY, "--no-http", "--log-level=error")
    run(command, input=_BASE, env=packages.environment())


class Stock(FreeRadius):
    """The distribution's schema and queries on the same server settings as ours."""

    limits = False

    def configure(self) -> None:
        super().configure()
        queries = _read_as_root(STOCK / "queries.conf")
        self._write("sql/queries.conf", queries)
        sql = (self.dir / "mods" / "sql").read_text()
        names = "radacct radacct radpostauth radcheck radgroupcheck radreply radgroupreply radusergroup nas".split()
        sql = re.sub(r'"none"', lambda _m: f'"{names.pop(0)}"', sql).replace("search_path=radius", "search_path=public")
        sql = re.sub(r"\topen_query = .*\n", "", sql)
        # Without groups it asks one query less, as ours.
        self._write("mods/sql", sql)
        main = (self.dir / "sites" / "main").read_text()
        unique = '{\n\t\tupdate request {\n\t\t\t&Acct-Unique-Session-Id := "%{md5:%{User-Name},%{Acct-Session-Id},%{NAS-IP-Address}}"\n\t\t}\n'
        main = main.replace("preacct {\n", f"preacct {unique}")
        # Its password comes from its check query, not among the reply items as ours.
        main, found = re.subn(r"\t\telsif \(updated \|\| ok\) \{\n.*?\n\t\t\}\n", "", main, count=1, flags=re.S)
        if not found:
            raise StackError("benchmarks/radius.py no longer fits config/freeradius/sites/main.")
        if self.limits:
            self._write("mods/quota", _SQLCOUNTER)
            main = main.replace("\t\tpap\n\n", "\t\tquota\n\t\tpap\n\n", 1)
            main = main.replace("\tpreacct {", "\tsession {\n\t\tsql\n\t}\n\n\tpreacct {", 1)
            queries = re.sub(r"simul_verify_query = (?:.*\\\n)*.*\n", "", queries)
            self._write("sql/queries.conf", queries)
        self._write("sites/main", main)
        self._write("clients.conf", f"client bench {{\n\tipaddr = 127.0.0.1\n\tsecret = {SECRET.decode()}\n}}\n")
        if self.limits:
            with (self.dir / "dictionary").open("a") as stream:
                stream.write("ATTRIBUTE\tMax-Monthly-Octets\t3000\tinteger64\n")

    def _write(self, name: str, text: str) -> None:
        path = self.dir / name
        path.touch(mode=0o600)
        path.write_text(text)
        path.chmod(0o600)
        chown(path, self.user)


_SQLCOUNTER = """\
sqlcounter quota {
	sql_module_instance = sql
	dialect = postgresql
	counter_name = Monthly-Octets
	check_name = Max-Monthly-Octets
	reply_name = Mikrotik-Total-Limit
	key = User-Name
	reset = monthly
	query = "SELECT coalesce(sum(acctinputoctets + acctoutputoctets), 0) FROM radacct WHERE username = '%{${key}}' AND acctstarttime >= to_timestamp(%%b)"
}
"""


def _peer(instance: Instance, options, limits=False) -> FreeRadius:
    folder = instance.dir / ("stock-limits" if limits else "stock")
    folder.mkdir(exist_ok=True)
    taken = set(instance.ports.values())
    base = 14812 if limits else 13812
    ports = {name: choose_port(base + n, taken, socket.SOCK_DGRAM) for n, name in enumerate(("radius_auth", "radius_acct"))}
    database = f"{PEER}_limits" if limits else PEER
    server = Stock(folder, ports, instance.secrets, database, instance.postgres)
    server.limits = limits
    step(f"{options.accesses} users in the stock schema{' with limits' if limits else ''}")
    instance.postgres.drop_database(database)
    instance.postgres.psql(f'CREATE DATABASE "{database}" OWNER odoo')
    instance.postgres.psql(_read_as_root(STOCK / "schema.sql"), database=database, role="odoo")
    extra = (
        """
        INSERT INTO radcheck (username, attribute, op, value)
        SELECT username, a.name, ':=', a.value FROM radcheck,
               (VALUES ('Simultaneous-Use', '1'), ('Max-Monthly-Octets', '1000000000000')) a (name, value);
        """
        if limits
        else ""
    )
    # What sqlcounter asks for and the stock schema has no index of: without it the peer would read the whole table.
    index = "CREATE INDEX ON radacct (username, acctstarttime);" if limits else ""
    sql = f"""
        INSERT INTO radcheck (username, attribute, op, value)
        SELECT u.name, 'Cleartext-Password', ':=', '{PASSWORD.decode()}' FROM ({_users(options)}) u;
        {extra}
        INSERT INTO radreply (username, attribute, op, value)
        SELECT u.name, a.name, ':=', a.value FROM ({_users(options)}) u,
               (VALUES ('Mikrotik-Rate-Limit', '1024k/2048k'), ('Acct-Interim-Interval', '300'), ('Class', 'isp:1')) a (name, value);
        {index}
        INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctstoptime,
                             acctsessiontime, acctinputoctets, acctoutputoctets, callingstationid)
        SELECT 'old' || n, md5('old' || n), 'user' || (n % {options.accesses} + 1), '127.0.0.1',
               now() - make_interval(hours => 1 + n % 600), now() - make_interval(hours => n % 600),
               now() - make_interval(hours => n % 600), 3600, 1000, 1000000, 'AA:BB:CC:00:00:01'
          FROM generate_series(1, {options.sessions}) n;
        INSERT INTO radacct (acctsessionid, acctuniqueid, username, nasipaddress, acctstarttime, acctupdatetime, acctsessiontime,
                             acctinputoctets, acctoutputoctets, callingstationid)
        SELECT 'open' || n, md5('open' || n), 'online' || n, '127.0.0.1', now(), now(), 0, 1000, 1000000, 'AA:BB:CC:00:00:02'
          FROM generate_series(1, {options.accesses // 10}) n;
    """
    instance.postgres.psql(sql, database=database, role="odoo")
    grants = (
        "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO isp_radius;"
        "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO isp_radius"
    )
    instance.postgres.psql(grants, database=database, role="odoo")
    instance.postgres.psql("VACUUM ANALYZE", database=database)
    server.start()
    return server


def _read_as_root(path: Path) -> str:
    return run([*sudo(), "cat", path]).stdout


# --- the client: so many packets in flight over one socket for each 256 identifiers ---


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes([kind, len(value) + 2]) + value


def _auth_packet(identifier: int, user: bytes, method: str) -> bytes:
    authenticator = os.urandom(16)
    if method == "pap":
        padded = PASSWORD + bytes(-len(PASSWORD) % 16)
        key = md5(SECRET + authenticator).digest()
        secret = _attribute(2, bytes(a ^ b for a, b in zip(padded, key, strict=True)))
    else:
        proof = md5(bytes([identifier]) + PASSWORD + authenticator).digest()
        secret = _attribute(3, bytes([identifier]) + proof)
    body = _attribute(1, user) + secret + _attribute(4, b"\x7f\0\0\1") + _attribute(31, b"AA:BB:CC:00:00:01")
    return struct.pack("!BBH", 1, identifier, 20 + len(body)) + authenticator + body


def _acct_packet(identifier: int, body: bytes) -> bytes:
    head = struct.pack("!BBH", 4, identifier, 20 + len(body))
    return head + md5(head + bytes(16) + body + SECRET).digest() + body


def _send_all(port: int, packets, in_flight: int, expected: int) -> tuple[float, list[float]]:
    """Send ``packets`` (callables taking the identifier), at most ``in_flight`` unanswered.

    :return: (packets a second, latencies in seconds). An answer of another code or none within 5 s is an error.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        sock.connect(("127.0.0.1", port))
        # An identifier is used again as late as possible: the server may still be putting the old request away.
        free = deque(range(256))
        waiting: dict[int, float] = {}
        latencies = []
        started = time.perf_counter()
        queue = iter(packets)
        exhausted = False
        while not exhausted or waiting:
            while len(waiting) < min(in_flight, 200) and not exhausted:
                make = next(queue, None)
                if make is None:
                    exhausted = True
                    break
                identifier = free.popleft()
                waiting[identifier] = time.perf_counter()
                sock.send(make(identifier))
            if not waiting:
                break
            if not select.select([sock], [], [], 5)[0]:
                raise StackError(f"No answer to {len(waiting)} packets within 5 s.")
            reply = sock.recv(4096)
            if reply[0] != expected or reply[1] not in waiting:
                raise StackError(f"Unexpected answer: code {reply[0]} instead of {expected}.")
            latencies.append(time.perf_counter() - waiting.pop(reply[1]))
            free.append(reply[1])
        return len(latencies) / (time.perf_counter() - started), latencies


# --- measuring ---


def _auth(server: FreeRadius, options, users: list[bytes], in_flight: int | None = None) -> tuple[float, list[float]]:
    packets = [lambda i, user=user: _auth_packet(i, user, options.method) for user in users]
    return _send_all(server.auth_port, packets, in_flight or options.in_flight, 2)


def _acct(server: FreeRadius, options, tag: str, users: list[bytes]) -> dict[str, float]:
    """Start, interim and stop of a session of each user; up 1,000 and down 5,000,000,000 bytes in the end."""
    steps = {"start": (1, 0, 0, 0), "interim": (3, 300, 500, 2_500_000_000), "stop": (2, 600, 1000, 5_000_000_000)}
    began = int(time.time()) - 600
    seconds = {}
    for name, (status, duration, up, down) in steps.items():
        packets = []
        for number, user in enumerate(users):
            body = b"".join(
                _attribute(kind, value)
                for kind, value in (
                    (40, struct.pack("!I", status)),
                    (1, user),
                    (44, f"{tag}-{number}".encode()),
                    (4, b"\x7f\0\0\1"),
                    (87, b"bridge-local"),
                    (8, struct.pack("!I", 0x0A000000 + number)),
                    (31, b"AA:BB:CC:00:00:01"),
                    (30, b"service1"),
                    (55, struct.pack("!I", began + duration)),
                    (46, struct.pack("!I", duration)),
                    (42, struct.pack("!I", up % GIGA)),
                    (52, struct.pack("!I", up // GIGA)),
                    (43, struct.pack("!I", down % GIGA)),
                    (53, struct.pack("!I", down // GIGA)),
                )
            )
            packets.append(lambda i, body=body: _acct_packet(i, body))
        speed, _latencies = _send_all(server.acct_port, packets, options.in_flight, 5)
        seconds[name] = len(users) / speed
    return seconds


def _measure(instance, options, ours, peer, limited) -> dict:
    randomizer = random.Random(1)

    def users(count):
        return [f"user{n}".encode() for n in randomizer.sample(range(1, options.accesses + 1), min(count, options.accesses))]

    sides = {"ours": ours, "peer": peer, "limits": limited}
    auth: dict[str, list[float]] = {name: [] for name in sides}
    late: dict[str, list[float]] = {name: [] for name in sides}
    acct: dict[str, list[dict]] = {"ours": [], "peer": []}
    for server in sides.values():  # warm: every connection has its plans
        _auth(server, options, users(3000))
    step("Measuring")
    per_step = max(options.requests // 3, 1)
    booked = 0
    for number in range(options.rounds):
        order = list(sides) if number % 2 == 0 else list(sides)[::-1]
        asked = users(options.requests)
        for name in order:
            speed, latencies = _auth(sides[name], options, asked)
            auth[name].append(speed)
            late[name] += latencies
        dialling = users(per_step)
        for name in order:
            if name in acct:
                acct[name].append(_acct(sides[name], options, f"r{number}", dialling))
        booked += len(dialling)
    _check_sums(instance, booked)
    measures = {
        "auth": _compare(auth["ours"], auth["peer"]),
        "auth_limits": _compare(auth["ours"], auth["limits"]),
        "auth_p99": _times(late["ours"], late["peer"], 0.99),
    }
    count = min(per_step, options.accesses)
    for name in ("start", "interim", "stop"):
        measures[f"acct_{name}"] = _compare(*[[count / r[name] for r in acct[side]] for side in ("ours", "peer")])
    measures["acct"] = _compare(*[[3 * count / sum(r.values()) for r in acct[side]] for side in ("ours", "peer")])
    if options.table:
        measures |= _alone(instance, options, randomizer, ours, peer)
    return measures


def _alone(instance, options, randomizer, ours, peer) -> dict:
    """One log-in at a time: ours with ``--table`` accesses, the peer with its users."""
    step(f"{options.table} accesses in our database")
    sql = f"""
        INSERT INTO isp_access (name, password, plan_id, company_id, state, quota_bytes, quota_from, quota_day, device_limit)
        SELECT 'user' || n, a.password, a.plan_id, a.company_id, a.state, a.quota_bytes, a.quota_from, a.quota_day, a.device_limit
          FROM generate_series({options.accesses + 1}, {options.table}) n, isp_access a WHERE a.name = 'user1';
        INSERT INTO isp_quota_counter (access_id, since, until, quota_from, quota_day, bytes)
        SELECT a.id, c.since, c.until, c.quota_from, c.quota_day, 0
          FROM isp_access a, isp_access f JOIN isp_quota_counter c ON c.access_id = f.id
         WHERE f.name = 'user1' AND NOT EXISTS (SELECT FROM isp_quota_counter k WHERE k.access_id = a.id);
    """
    instance.postgres.psql(sql, database=OURS, role="odoo")
    instance.postgres.psql("VACUUM ANALYZE", database=OURS)
    last = {ours: max(options.table, options.accesses), peer: options.accesses}
    late: dict[FreeRadius, list[float]] = {server: [] for server in last}
    step("Measuring one log-in at a time")
    for _round in range(2 * options.rounds):
        for server in randomizer.sample(list(last), 2):
            asked = [f"user{randomizer.randint(1, last[server])}".encode() for _n in range(150)]
            late[server] += _auth(server, options, asked, in_flight=1)[1]
    return {"alone": _times(late[ours], late[peer], 0.5), "alone_p99": _times(late[ours], late[peer], 0.99)}


def _compare(ours: list[float], peer: list[float]) -> dict:
    """Speeds of the same rounds."""
    ratio = median(a / b for a, b in zip(ours, peer, strict=True))
    return {"ours": round(median(ours), 1), "peer": round(median(peer), 1), "ratio": round(ratio, 2), "unit": "1/s"}


def _times(ours: list[float], peer: list[float], share: float) -> dict:
    """Within how many milliseconds this share of the answers came."""
    a, b = (sorted(side)[int(len(side) * share)] * 1000 for side in (ours, peer))
    return {"ours": round(a, 2), "peer": round(b, 2), "ratio": round(a / b, 2), "unit": "ms"}


def _check_sums(instance, sessions: int) -> None:
    """Every packet counted, once, on both sides."""
    want = [sessions, 1000 * sessions, 5_000_000_000 * sessions, sessions]
    queries = {
        OURS: "SELECT count(*), sum(bytes_up), sum(bytes_down), count(stopped) FROM isp_session WHERE session_id LIKE 'r%'",
        PEER: "SELECT count(*), sum(acctinputoctets), sum(acctoutputoctets), count(acctstoptime) FROM radacct WHERE acctsessionid LIKE 'r%'",
    }
    for database, query in queries.items():
        row = instance.postgres.psql(query, database=database, role="odoo").split("\t")
        if [int(value or 0) for value in row] != want:
            raise StackError(f"{database} counted {row}, not {want}.")
    extra = """
        SELECT (SELECT sum(bytes_up + bytes_down) FROM isp_usage) - (SELECT sum(bytes_up + bytes_down) FROM isp_session),
               (SELECT sum(bytes) FROM isp_quota_counter) - (SELECT count(*) * 1001000 FROM isp_access),
               (SELECT count(*) FROM isp_acct_quarantine)
    """
    row = instance.postgres.psql(extra, database=OURS, role="odoo").split("\t")
    if row != ["0", str(5_000_001_000 * sessions), "0"]:
        raise StackError(f"Hourly counters, quota or quarantine are off: {row}")


LABELS = {
    "auth": "log-ins (peer: password only)",
    "auth_limits": "log-ins (peer: with quota and limit)",
    "auth_p99": "log-ins, 99 % within",
    "acct_start": "accounting Start",
    "acct_interim": "accounting Interim-Update",
    "acct_stop": "accounting Stop",
    "acct": "accounting, all three",
    "alone": "one log-in alone, half within",
    "alone_p99": "one log-in alone, 99 % within",
}


def _table(options, measures: dict) -> None:
    print(f"\n{options.accesses} accesses, {options.sessions} old sessions, {options.in_flight} in flight, {options.method}, median of {options.rounds}")
    print(f"{'':38} {'ours':>10} {'stock':>10} {'ratio':>7}")
    for name, row in measures.items():
        label = LABELS[name]
        print(f"{label:38} {row['ours']:>10} {row['peer']:>10} {row['ratio']:>7}  {row['unit']}")


if shutil.which("freeradius") is None and Path("/usr/sbin/freeradius").exists():
    os.environ["PATH"] += ":/usr/sbin"
