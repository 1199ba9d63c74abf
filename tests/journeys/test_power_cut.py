# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Power cuts: the database dies, FreeRADIUS dies, the whole server dies, and yesterday's database comes back, while routers and customers go on.

The tests of this file are one story and run in its order: real PostgreSQL (a cluster of its own), FreeRADIUS and Odoo with its job runner,
simulated routers with PPPoE customers. Their time stands still but for ``step``, and runs six hours behind: six hours are theirs to go through.
"""

import re
import socket
import time
from dataclasses import dataclass, field

import pytest
from instances import _environment, _restore, env_of
from radius_client import Nas
from stack.postgres import BIN
from stack.shell import chown, run, wait_for

from odoo.sql_db import close_db

from simulators.routeros.access import RefusedError
from simulators.routeros.device import Fault
from simulators.routeros.world import World

HOUR = 3600
#: The longest time between two interim packets of a session, and a second.
INTERVAL = 331
HOMES = 40
#: Customers of the router that keeps copies of log-ins.
SHOPS = 8
SETUP = """
/radius add service=ppp address=127.0.0.1 secret=testing123 authentication-port={auth} accounting-port={acct} timeout=3s
/radius incoming set accept=yes port={coa}
/ppp aaa set use-radius=yes interim-update=5m
/ip pool add name=customers ranges=10.{net}.0.2-10.{net}.3.254
/ppp profile add name=isp local-address=10.{net}.0.1 remote-address=customers
/interface pppoe-server server add interface=ether2 disabled=no service-name=isp default-profile=isp
"""


@dataclass
class House:
    """Our server (``instance``) and the world of the routers, with what customers have really used."""

    instance: object
    world: World
    #: Sessions of each customer, as the routers have them.
    sessions: dict = field(default_factory=dict)
    #: What each session had told us when we last looked, and what counts of those that ended unheard.
    told: dict = field(default_factory=dict)
    unheard: dict = field(default_factory=dict)

    def query(self, sql):
        rows = self.instance.postgres.psql(sql, database=self.instance.odoo.database, role="odoo")
        return [row.split("\t") for row in rows.split("\n")] if rows else []

    def number(self, sql):
        return int(self.query(sql)[0][0])

    def env(self):
        """A transaction on the database, with no connection of before it died."""
        close_db(self.instance.odoo.database)
        return env_of(self.instance)

    def dial(self, router, user, device=1, **speeds):
        """:return: the session. :raise RefusedError: with what the customer's device is told"""
        session = self.world.routers[router].desk.dial(user, f"pw-{user}", f"02:00:00:00:00:{device:02X}")
        session.use(**(speeds or {"up": 80_000, "down": 800_000}))
        self.sessions.setdefault(user, []).append(session)
        return session

    def live(self, seconds):
        """Time passes for everybody, in steps that are small beside the minute by which sessions are told apart."""
        while seconds > 0:
            self.world.step(min(seconds, 30))
            self.age(min(seconds, 30))
            seconds -= 30

    def age(self, seconds):
        """Our clock goes on too: make older what it has written, which are all times of a router whose own clock is wrong."""
        ours = ", ".join(f"{name} = CASE WHEN wrong_clock IS NULL THEN {name} ELSE {name} - passed END" for name in ("started", "last_event", "stopped"))
        self.query(f"UPDATE isp_session SET updated = updated - passed, {ours} FROM (SELECT interval '{seconds} seconds' AS passed) p")
        self.query(f"UPDATE isp_router SET checked_at = checked_at - interval '{seconds} seconds'")

    def settle(self, live=True):
        """Nobody uses the line, until every session has told all that it carried and nothing waits on disk."""
        for session in self.running():
            session.use()
        if live:
            self.live(INTERVAL)
            self.drained()
        else:
            self.world.step(INTERVAL)
        self.told = {session: session.bytes for session in self.running()}

    def ends_unheard(self, sessions):
        """The end of these reaches nobody, nor what they carried since they last told."""
        self.unheard |= {session: self.told[session] for session in sessions}

    def drained(self):
        wait_for(lambda: not list(self.instance.radius.waiting.glob("detail*")), 60, "All that waits on disk for the database")

    def running(self):
        return [session for router in self.world.routers.values() for session in router.desk.sessions.values()]

    def lost(self):
        """Times that a router waited for an answer in vain."""
        return sum(item.more.get("timeouts", 0) for router in self.world.routers.values() for item in router.table("radius"))

    def carried(self):
        """:return: {user: (bytes up, bytes down)}, as the routers counted and could tell"""
        sums = {}
        for user, sessions in self.sessions.items():
            volumes = [self.unheard.get(session, session.bytes) for session in sessions]
            sums[user] = tuple(map(sum, zip(*volumes, strict=True)))
        return sums

    def counted(self):
        """:return: the same, as we have booked it to hours"""
        rows = self.query("SELECT a.name, sum(u.bytes_up), sum(u.bytes_down) FROM isp_usage u JOIN isp_access a ON a.id = u.access_id GROUP BY 1")
        return {user: (int(up), int(down)) for user, up, down in rows}

    def patience(self, text):
        """How long routers wait for an answer of RADIUS, three times."""
        for router in self.world.routers.values():
            router.console(f"/radius set [find] timeout={text}")

    def reached(self):
        """FreeRADIUS has found the database again: it does not answer from its file any more."""
        nas = Nas(self.instance, source=self.world.routers["tower"].address)
        wait_for(lambda: "Session-Timeout" not in nas.login("home0", "pw-home0").values, 60, "Answers of the database")
        self.drained()

    def die(self):
        """The power of the server fails."""
        heard = {(nas, key): (int(up), int(down)) for nas, key, up, down in self.query("SELECT nas_ip, session_id, bytes_up, bytes_down FROM isp_session")}
        self.told = {session: heard[session.desk.router.address, session.id] for session in self.running()}
        for service in (self.instance.odoo, self.instance.radius, self.instance.postgres):
            service.kill()

    def wait(self, sql, what):
        """Wait until the running Odoo, for which all that is scheduled is due, has made the condition true."""
        self.query("UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute'")

        def look():
            self.instance.postgres.psql(f"NOTIFY cron_trigger, '{self.instance.odoo.database}'", role="odoo")
            time.sleep(0.5)
            return self.query(f"SELECT {sql}") == [["t"]]

        wait_for(look, 90, what)


@pytest.fixture(scope="module")
def house(make_instance):
    instance = make_instance("power_cut", own_postgres=True, workers=2)
    with World(running=False, start=int(time.time()) - 6 * HOUR) as world:
        house = House(instance, world)
        ports = {}
        for number, name in enumerate(("tower", "hill"), 51):
            router = world.add(name, address=f"127.0.{number}.1", password="pw")
            ports[name] = _free_udp_port(router.address)
            router.console(SETUP.format(auth=instance.radius.auth_port, acct=instance.radius.acct_port, coa=ports[name], net=number))
        _furnish(house, ports)
        instance.radius.start()
        yield house


def _free_udp_port(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((address, 0))
        return sock.getsockname()[1]


def _furnish(house, ports):
    """Two routers driven by their API; homes at the tower, shops at the hill, which keeps copies of their log-ins."""
    with house.env() as env:
        env["ir.config_parameter"].set_param("isp_network.offline_log_ins", "all")
        ours = env["ir.model.data"].search([("module", "=", "isp_network"), ("model", "=", "ir.cron")]).mapped("res_id")
        env["ir.cron"].search([("id", "not in", ours)]).active = False
        env["isp.plan"].create({"code": "PC-HOME", "name": "Home", "list_price": 1000, "down_kbps": 2048, "up_kbps": 1024, "device_limit": 1})
        for name, router in house.world.routers.items():
            vals = {"name": name, "nas_ip": router.address, "radius_secret": "testing123", "coa_port": ports[name], "wire": "api", "api_port": router.port("api")}
            env["isp.router"].create({**vals, "api_user": "admin", "api_password": "pw", "api_tls": False, "ppp_local_address": "10.52.0.1", "ppp_pool": "customers"})
        for number in range(HOMES):
            _customer(env, f"home{number}", "tower")
        for number in range(SHOPS):
            _customer(env, f"shop{number}", "hill")


# --- 1. the database dies ---


def test_1_packets_flow_while_the_database_is_dead(house):
    """Its packets are taken and wait on disk; who may log in now may log in; about others nothing is said."""
    tower = house.world.routers["tower"]
    for number in range(HOMES - 1):
        house.dial("tower", f"home{number}", up=1000 * number, down=16_000 * (number + 1))
    house.world.step(2 * INTERVAL)
    assert set(house.counted()) == {f"home{number}" for number in range(HOMES - 1)}
    house.instance.postgres.crash()
    house.world.step(2 * INTERVAL)
    late = house.dial("tower", f"home{HOMES - 1}")
    assert (late.limits.rate, late.local) == ("1024k/2048k", False)
    house.sessions["home0"][0].hang_up()
    house.world.step(INTERVAL)
    assert house.lost() == 0, "every packet was taken"
    house.patience("300ms")
    with pytest.raises(RefusedError, match="not responding"):
        tower.desk.dial("nobody", "pw", "02:00:00:00:00:99")
    house.patience("3s")
    for status, user, more in (
        ("Interim-Update", "bad' \\\" name\nx", {}),
        ("Stop", "home1", {"Acct_Input_Gigawords": 4_000_000_000}),
        ("Tunnel-Start", "home1", {}),
    ):
        assert Nas(house.instance, source=tower.address).account(status, user, "odd", **more).code == "Accounting-Response"
    house.settle(live=False)
    assert list(house.instance.radius.waiting.glob("detail*")), "they wait on disk"


# --- 2. FreeRADIUS dies while it drains ---


def test_2_freeradius_dies_while_it_drains(house):
    """What waited is counted once, though it is killed in the middle, torn at the end, and comes up before the database does."""
    radius, carried = house.instance.radius, house.carried()
    house.instance.postgres.start()
    total = "SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_usage"
    before = house.number(total)
    wait_for(lambda: house.number(total) > before, 60, "The first packets that waited")
    radius.kill()
    assert house.number(total) < sum(map(sum, carried.values())), "killed in the middle"
    house.instance.postgres.crash()
    _tear(house)
    radius.start()
    house.sessions["home1"][0].hang_up()
    house.world.settled()
    assert house.lost() == 3, "of nobody's log-in, and no packet"
    house.instance.postgres.start()
    house.drained()
    assert house.counted() == carried
    sessions = "FROM isp_session WHERE user_name LIKE 'home%'"
    assert house.query(f"SELECT count(*), count(stopped) {sessions}") == [[str(HOMES), "2"]]
    started = house.query(f"SELECT user_name, extract(epoch FROM started)::bigint {sessions}")
    assert {user: int(moment) for user, moment in started} == {user: int(found[0].started) for user, found in house.sessions.items()}, "the true times"
    assert house.number("SELECT count(*) FROM isp_acct_quarantine") == 1


def _tear(house):
    """The power failed while a packet was written: a part of it is there. It was not acknowledged, so it counts for nothing."""
    radius = house.instance.radius
    text = max(radius.waiting.glob("detail*")).read_text().rstrip()
    last = text[text.rindex("\n\n") + 2 :]
    path = radius.waiting / time.strftime("detail-%Y%m%d:%H")
    with path.open("a") as stream:
        stream.write(re.match(r'.*Acct-Session-Id = "..', last, re.S)[0] + "\0" * 100)
    chown(path, radius.user)


# --- 3. the whole server dies ---


def test_3_the_whole_server_dies_and_the_routers_go_on(house):
    tower, hill = house.world.routers["tower"], house.world.routers["hill"]
    _keep_copies(house)
    for number in range(SHOPS):
        house.dial("hill", f"shop{number}")
    house.world.step(60)
    house.settle()
    assert house.counted() == house.carried()
    for session in house.running():
        session.use(up=8_000, down=80_000)
    house.world.step(120)  # what nobody has been told of yet

    # Somebody is being cut off: the job is at the router, which is slow, when the power fails.
    tower.faults.append(Fault("coa_silent", times=None))
    house.instance.odoo.start("--max-cron-threads=0")
    with house.env() as env:
        env["isp.subscription"].search([("username", "=", "home2")])._set_state("suspended", "staff")
    wait_for(lambda: house.number("SELECT count(*) FROM queue_job WHERE state = 'started'"), 60, "The job")
    house.die()
    tower.faults.clear()

    # Meanwhile: a Stop is lost; a router has a power cut of its own, and its customers dial again. The numbers of its sessions begin
    # again and its clock says 1970.
    house.patience("50ms")
    house.ends_unheard([house.sessions["home3"][0], *hill.desk.sessions.values()])
    house.sessions["home3"][0].hang_up()
    hill.power_cut(0)
    assert hill.today().year == 1970
    for number in (0, *range(SHOPS - 2, 0, -1)):
        assert house.dial("hill", f"shop{number}").local, "by the copy that the router keeps"
    with pytest.raises(RefusedError, match="not responding"):
        tower.desk.dial("home3", "pw-home3", "02:00:00:00:00:02")
    house.world.step(5 * INTERVAL)
    assert house.lost() > HOMES

    # The power is back: FreeRADIUS is up before the database.
    house.patience("3s")
    house.instance.radius.start()
    house.instance.postgres.start()
    house.age(5 * INTERVAL)

    # The dead session of another device does not keep anybody out.
    assert house.number("SELECT count(*) FROM isp_session WHERE user_name = 'home3' AND stopped IS NULL") == 1
    house.reached()
    house.dial("tower", "home3", device=2)
    house.world.settled()
    with house.env() as env:
        env["isp.session"]._cron_close_stale()
        assert env["isp.session"].search([("stopped", "=", False)]).mapped("user_name") == ["home3"]
        # Cut off before the router has said that the session goes on.
        env["isp.subscription"].search([("username", "=", "home4")])._set_state("suspended", "staff")
    house.instance.odoo.start()
    house.wait("EXISTS (SELECT 1 FROM isp_router WHERE rebooted_at IS NOT NULL)", "The reboot at the hill, as its API tells")
    for user in ("home2", "home4"):
        wait_for(lambda user=user: house.sessions[user][0].ended, 60, f"The end of {user}'s session")

    # Late packets open what was taken for over; nothing else has happened to anybody.
    house.live(INTERVAL)
    house.settle()
    ended = {"home0": "User-Request", "home1": "User-Request", "home2": "Admin-Reset", "home3": "User-Request", "home4": "Admin-Reset"}
    ended |= {f"shop{number}": "NAS-Error" for number in range(SHOPS)}
    assert {user: sessions[0].ended for user, sessions in house.sessions.items() if sessions[0].ended} == ended
    assert not [session for sessions in house.sessions.values() for session in sessions[1:] if session.ended]
    assert house.query("SELECT access.name FROM isp_router_task t JOIN isp_access access ON access.id = t.access_id WHERE kind <> 'sync' ORDER BY 1") == [["home2"], ["home4"]]
    running = sorted((session.user, session.id) for session in house.running())
    assert [tuple(row) for row in house.query("SELECT user_name, session_id FROM isp_session WHERE stopped IS NULL ORDER BY 1, 2")] == running
    assert house.counted() == house.carried(), "each byte once"
    assert house.number("SELECT count(*) FROM isp_session WHERE session_id = '81000001' AND user_name = 'shop0'") == 2
    assert house.number("SELECT count(*) FROM isp_outage WHERE router_id IS NOT NULL") == 0, "nobody is blamed for our power"


def _keep_copies(house):
    """The router at the hill gets copies of its customers' log-ins, after a person has read the plan."""
    with house.env() as env:
        router = env["isp.router"].search([("name", "=", "hill")])
        router.keeps = "fixed"
        router._look_after()
        if router.held_plan:
            router.confirmed_plan = router.held_plan
            router._look_after()
        assert router.kept_items == SHOPS, router.held_reason
        env["isp.router.task"].search([]).unlink()


# --- 4. nothing happens to all at once ---


def test_4_a_clock_that_is_wrong_walls_nobody(house):
    """The server comes up with a wrong clock, by which all that was paid for is over: copies on routers stay as they are."""
    hill = house.world.routers["hill"]
    before = [dict(item) for item in hill.table("ppp/secret")]
    error = hill.clock_error
    hill.console("/system ntp client set enabled=yes servers=198.51.100.1")
    hill.sync_time()
    _expire_shops(house, "now() AT TIME ZONE 'UTC' - interval '1 day'")
    _held(house, "LIKE '%server''s clock wrong%'")
    hill.console("/system ntp client set enabled=no")
    hill.clock_error = error
    _held(house, "LIKE '%take something away%'")
    assert [dict(item) for item in hill.table("ppp/secret")] == before
    _expire_shops(house, "NULL")
    _held(house, "IS NULL")
    assert len(hill.desk.sessions) == SHOPS - 1, "everybody is still on line"


def _expire_shops(house, moment):
    house.query(f"UPDATE isp_access SET valid_until = {moment} WHERE name LIKE 'shop%'")


def _held(house, condition):
    """Have all routers looked after by the jobs of Odoo, until what waits for a person at the hill is as it should be."""
    house.wait(f"EXISTS (SELECT 1 FROM isp_router WHERE name = 'hill' AND held_reason {condition})", f"A plan that is held because {condition}")


# --- 5. the database of last night ---


def test_5_last_nights_database_comes_back(house):
    """Who is on line goes on to be counted, whoever came since is taken for nobody else, and no router is emptied."""
    instance, hill = house.instance, house.world.routers["hill"]
    house.settle()
    night = _back_up(instance)
    for session in house.running():
        session.use(up=16_000, down=160_000)
    house.dial("tower", "home0")
    with house.env() as env:
        guest = _customer(env, "guest", "hill")
        env["isp.router"].search([("name", "=", "hill")])._look_after()
    assert "guest" in [item["name"] for item in hill.table("ppp/secret")]
    assert house.dial("tower", "guest").local is False
    house.ends_unheard([house.sessions["home5"][0]])
    house.sessions["home5"][0].hang_up()
    house.live(2 * INTERVAL)
    assert house.number("SELECT count(*) FROM isp_session WHERE user_name = 'guest' AND access_id IS NOT NULL") == 1

    instance.odoo.stop()
    instance.radius.stop()
    house.patience("50ms")
    house.world.step(2 * INTERVAL)
    _restore(night, instance, instance.odoo.database)
    house.age(4 * INTERVAL)  # since the back-up
    house.patience("3s")
    instance.radius.start()
    with house.env() as env:
        router = env["isp.router"].search([("name", "=", "hill")])
        router._look_after()
        assert "restored from a back-up" in router.held_reason
        assert len(hill.table("ppp/secret")) == SHOPS + 1
        env["isp.session"]._cron_close_stale()
        assert _customer(env, "newcomer", "tower") == guest, "the number is given out again"
    house.settle()
    carried = house.carried()
    lost = carried.pop("guest")
    assert lost > (0, 0)
    assert house.counted() == carried
    assert house.query("SELECT access_id IS NULL FROM isp_session WHERE user_name = 'guest'") == [["t"]]
    running = sorted((session.user, session.id) for session in house.running())
    assert [tuple(row) for row in house.query("SELECT user_name, session_id FROM isp_session WHERE stopped IS NULL ORDER BY 1, 2")] == running


def _back_up(instance):
    path = instance.dir / "night.dump"
    command = [BIN / "pg_dump", "-Fc", "-Z1", "-p", instance.postgres.port, "-f", path, instance.odoo.database]
    run(command, env=_environment(instance))
    return path


def _customer(env, user, router):
    """:return: the number of the access"""
    vals = {
        "partner_id": env["res.partner"].create({"name": user}).id,
        "plan_id": env["isp.plan"].search([("code", "=", "PC-HOME")]).id,
        "router_id": env["isp.router"].search([("name", "=", router)]).id,
        "username": user,
    }
    line = env["isp.subscription"].create(vals)
    line._set_state("active", "import")
    line.access_ids._apply({"password": f"pw-{user}"})
    return line.access_ids.id
