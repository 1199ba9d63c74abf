# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Two devices share what is left, at routers of another make that end nothing by themselves: real FreeRADIUS and PostgreSQL, packets and CoA over UDP.

RADIUS tells each device all that is left, or the end of the time; these routers read neither. Accounting sees the end, and the network makes it.
"""

import pytest
from instances import env_of
from lines import PacketLine
from radius_client import Nas

GB = 10**9
WALL = "128k/256k"
#: At home and at the shop; the shop's router has started with a clock of 1970.
PLACES = {"home": "127.0.46.1", "shop": "127.0.46.2"}


class PlainLine(PacketLine):
    """At a router that knows user names, passwords and lists: no limit of data, no end of time."""

    def log_in(self):
        answer = super().log_in()
        self.told, answer.limit = answer.limit, None
        return answer


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("together")
    with env_of(instance) as env:
        plan = env["isp.plan"].create(
            {"code": "UT", "name": "Home", "list_price": 1, "down_kbps": 8192, "up_kbps": 2048, "quota_mb": 3_000, "device_limit": 2}
        )
        line = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": "achol"}).id, "plan_id": plan.id, "anchor_day": 1, "username": "achol"})
        line._set_state("active", "activation")
        line.access_ids._apply({"password": "pw-achol"})
        env.flush_all()
        env.cr.execute("UPDATE isp_access SET quota_from = '2020-01-01'")
    instance.radius.start()
    return instance


@pytest.fixture(scope="module")
def devices(isp):
    made = {}
    for number, (place, address) in enumerate(PLACES.items(), 1):
        made[place] = PlainLine(Nas(isp, source=address), "achol", "pw-achol", f"10.46.0.{number}", f"AA-BB-CC-46-00-0{number}")
    made["shop"].clock = 60
    with env_of(isp) as env:
        env["isp.router"].create([{"name": place, "nas_ip": line.nas.source, "radius_secret": line.nas.secret, "coa_port": line.coa.port} for place, line in made.items()])
    yield made
    for line in made.values():
        line.close()


def minute(isp):
    """What the scheduled job does every minute, and then the jobs of the routers."""
    with env_of(isp) as env:
        env["isp.session"]._cron_end_overdue()
    with env_of(isp) as env:
        for router in env["isp.router"].search([]):
            router._apply_tasks()


def tasks(isp):
    """:return: [(router, kind, state)]"""
    with env_of(isp) as env:
        return [(task.router_id.name, task.kind, task.state) for task in env["isp.router.task"].search([], order="id")]


def later(isp, minutes):
    """So much time goes by; nobody writes anything because of it."""
    with env_of(isp) as env:
        for table, columns in (("isp_session", ("started", "updated", "last_event")), ("isp_quota_counter", ("spent_at",)), ("isp_access", ("valid_until",))):
            for column in columns:
                env.cr.execute(f"UPDATE {table} SET {column} = {column} - %s * interval '1 minute'", [minutes])


def test_a_router_that_reads_another_word(devices):
    """Below 4 GB the data left is told in CoovaChilli's attribute too; there is none in the walled garden."""
    nas = devices["home"].nas
    answer = nas.login("achol", "pw-achol", "mschap").values
    assert (answer["Mikrotik-Total-Limit"], answer["ChilliSpot-Max-Total-Octets"]) == (str(3 * GB), str(3 * GB))


def test_used_up_by_two(isp, devices):
    home, shop = devices.values()
    for line in (home, shop):
        line.log_in()
        assert line.told == 3 * GB
    later(isp, 5)
    home.use(2 * GB)
    minute(isp)
    assert home.on and shop.on and not tasks(isp)

    shop.coa.up = False
    shop.use(GB + 100)
    minute(isp)
    assert home.ended == "Admin-Reset"
    assert shop.on, "its router does not hear us"
    minute(isp)
    assert tasks(isp) == [("home", "over", "done"), ("shop", "over", "pending")], "each once"

    shop.coa.up = True
    minute(isp)
    assert shop.ended == "Admin-Reset"
    assert len(home.coa.requests) == len(shop.coa.requests) == 1
    with env_of(isp) as env:
        assert set(env["isp.router.task"].search([]).mapped("state")) == {"done"}


def test_walled_at_the_next_log_in(isp, devices):
    later(isp, 1)
    for line in devices.values():
        answer = line.log_in()
        assert (answer.rate, answer.address_list, line.told, answer.message) == (WALL, "isp-quota", None, "Data used up")
        line.use(GB)
        assert sum(line.bytes[line.session_id]) == 0
    for _twice in range(2):
        minute(isp)
        later(isp, 20)
    assert all(line.on for line in devices.values()), "who is in the walled garden is left there"
    assert len(tasks(isp)) == 2


def test_more_is_bought(isp, devices):
    with env_of(isp) as env:
        access = env["isp.access"].search([("name", "=", "achol")])
        access._apply({"topup_bytes": GB, "topup_until": "2099-01-01 00:00:00"})
    minute(isp)
    home, shop = devices.values()
    assert home.ended == shop.ended == "Admin-Reset"
    assert home.log_in().address_list == ""
    assert shop.log_in().address_list == ""
    assert home.told == GB - 100
    later(isp, 5)
    home.use(GB // 2)
    minute(isp)
    assert home.on and shop.on
    shop.use(GB // 2)
    minute(isp)
    assert home.ended == shop.ended == "Admin-Reset"
    assert home.log_in().address_list == "isp-quota"
    home.hang_up()


def test_the_time_is_over(isp, devices):
    """The router at the shop knows no Session-Timeout, and thinks it is 1970."""
    with env_of(isp) as env:
        env.flush_all()
        env.cr.execute("UPDATE isp_access SET quota_from = now() AT TIME ZONE 'UTC', valid_until = now() AT TIME ZONE 'UTC' + interval '8 minutes'")
    shop = devices["shop"]
    answer = shop.log_in()
    assert answer.address_list == "" and 470 < answer.timeout <= 480
    later(isp, 6)
    shop.use(GB // 10)
    minute(isp)
    assert shop.on
    later(isp, 4)
    minute(isp)
    assert shop.on, "nothing was heard since: it may have ended"
    shop.use(GB // 10)
    minute(isp)
    assert shop.ended == "Admin-Reset"
    assert shop.log_in().address_list == "isp-expired"
    shop.use(GB)
    minute(isp)
    assert shop.on
    shop.hang_up()
    with env_of(isp) as env:
        assert not env["isp.acct.quarantine"].search([])
        assert not env["isp.router.task"].search([("state", "!=", "done")])
