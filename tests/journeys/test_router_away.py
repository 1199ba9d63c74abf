# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Two routers that nobody reaches for a day, in which 4,000 lines change; then they are back.

The one keeps its customers' log-ins and is driven by its API, the other knows RADIUS and CoA only and has 4,000 sessions.
"""

from collections import Counter
from datetime import timedelta

import pytest
from instances import env_of
from lines import CoaPort

from simulators.routeros.world import World

LINES = 4000
TOWER, OTHER = "127.0.42.1", "127.0.42.2"
DAY = 24 * 3600


@pytest.fixture(scope="module")
def tower():
    with World(running=False) as world:
        yield world.add("tower", address=TOWER, password="pw", has_rtc=True)


@pytest.fixture(scope="module")
def other():
    port = CoaPort(OTHER, "testing123")
    yield port
    port.close()


@pytest.fixture(scope="module")
def house(make_instance, tower, other):
    """Each line has its log-in on the one router, and a session on the other."""
    instance = make_instance("away")
    with env_of(instance) as env:
        plan = env["isp.plan"].create({"code": "RA", "name": "Home", "list_price": 1, "down_kbps": 2048, "up_kbps": 1024})
        wire = {"wire": "api", "api_port": tower.port("api"), "api_user": "admin", "api_password": "pw", "api_tls": False, "keeps": "all"}
        kept = env["isp.router"].create({"name": "Tower", "nas_ip": tower.address, **wire})
        env["isp.router"].create({"name": "Other", "nas_ip": OTHER, "radius_secret": "testing123", "coa_port": other.port})
        line = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": "Customer"}).id, "plan_id": plan.id, "anchor_day": 1, "username": "line1"})
        line._set_state("active", "import")
        line.router_id = kept
        env.flush_all()
        env["isp.router.task"].search([]).unlink()
        _copy(env, "isp_subscription", line.id, {"name": "'R' || n", "username": "'line' || n"})
        _copy(env, "isp_access", line.access_ids.id, {"name": "'line' || n", "subscription_id": "(SELECT id FROM isp_subscription WHERE username = 'line' || n)"})
        env.cr.execute(
            "SELECT radius.acct('start', 's' || a.id, a.name, 'isp:' || a.id, %s, '', '10.8.0.1', '', '', '', '', '', '', '', '', '', '', '') FROM isp_access a", [OTHER]
        )
        env.invalidate_all()
        _look(env)
    return instance


def _copy(env, table, number, changes):
    """LINES rows like this one, without the forms that make one."""
    env.cr.execute("SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id'", [table])
    columns = [name for (name,) in env.cr.fetchall()]
    values = [changes.get(name, f't."{name}"') for name in columns]
    names = ", ".join(f'"{name}"' for name in columns)
    env.cr.execute(f"INSERT INTO {table} ({names}) SELECT {', '.join(values)} FROM {table} t, generate_series(2, {LINES}) n WHERE t.id = {number}")


def _look(env):
    router = env["isp.router"].search([("name", "=", "Tower")])
    router._look_after()
    if router.held_plan:
        router.confirmed_plan = router.held_plan
        router._look_after()
    assert not (router.held_reason or router.api_error)


def _lines(env, first, last):
    return env["isp.access"].search([("name", "in", [f"line{n}" for n in range(first, last + 1)])])


def _kept(tower):
    """:return: {log-in: (password, walled)} as the router has them"""
    profiles = {profile["name"]: bool(profile.get("address-list")) for profile in tower.table("ppp/profile")}
    return {item["name"]: (item["password"], profiles[item["profile"]]) for item in tower.table("ppp/secret") if item.get("comment", "").startswith("isp:")}


def _wanted(house):
    with env_of(house) as env:
        env.cr.execute("SELECT a.name, a.password, v.verdict = 'wall' FROM isp_access a, radius.verdict(a.name, NULL, false) v")
        return {name: (password, walled) for name, password, walled in env.cr.fetchall()}


def _tasks(house):
    """:return: {(router, state): how many}"""
    with env_of(house) as env:
        groups = env["isp.router.task"]._read_group([], ["router_id", "state"], ["__count"])
        return {(router.name, state): count for router, state, count in groups}


def _a_day(house, tries=100):
    """The jobs of the routers, until a day of waiting is over. :return: {router: tries}"""
    tried = Counter()
    with env_of(house) as env:
        routers = env["isp.router"].search([])
    for number in routers.ids:
        waited = 0
        while waited < DAY:
            with env_of(house) as env:
                router = env["isp.router"].browse(number)
                router._apply_tasks()
                waited += (router.next_try - _now()).total_seconds()
                tried[router.name] += 1
                assert tried[router.name] < tries
    return tried


def _now():
    from odoo import fields

    return fields.Datetime.now()


def test_a_day_away_and_four_thousand_changes(house, tower, other, monkeypatch):
    from odoo.addons.isp_network.drivers import coa

    patient = coa.Client.__init__
    monkeypatch.setattr(coa.Client, "__init__", lambda client, host, port, secret: patient(client, host, port, secret, 0.05 if not other.up else 1.5, 2))
    before = _kept(tower)
    assert len(before) == LINES and before == _wanted(house)
    tower.link(False)
    other.up = False

    # Morning: half of them are suspended, and a quarter pays in the afternoon; a quarter has a new password; of a quarter the paid time is over.
    with env_of(house) as env:
        _lines(env, 1, 2000)._apply({"state": "walled"})
    with env_of(house) as env:
        _lines(env, 2001, 3000)._apply({"password": "new"})
        _lines(env, 3001, 4000)._apply({"valid_until": _now() - timedelta(minutes=1)})
    tried = _a_day(house)
    assert set(tried.values()) <= set(range(20, 40)), f"asked less and less often: {tried}"
    with env_of(house) as env:
        _lines(env, 1001, 2000)._apply({"state": "allowed"})
    assert _tasks(house) == {("Tower", "pending"): LINES, ("Other", "pending"): 3000}
    assert _kept(tower) == before

    tower.link(True)
    other.up = True
    with env_of(house) as env:
        for _job in range(20):
            for router in env["isp.router"].search([]):
                router._apply_tasks()
    assert _tasks(house) == {("Tower", "done"): LINES, ("Other", "done"): 3000}
    assert _kept(tower) == _wanted(house)
    assert Counter(walled for _password, walled in _kept(tower).values()) == {True: 2000, False: 2000}
    told = Counter(request["User-Name"][0] for request in other.requests)
    assert (len(told), set(told.values())) == (2000, {1}), "who has paid meanwhile is left alone"
    assert set(told) == {f"line{n}" for n in (*range(1, 1001), *range(3001, 4001))}
    with env_of(house) as env:
        assert set(env["isp.router"].search([]).mapped("failures")) == {0}
        _look(env)
    assert _kept(tower) == _wanted(house)
