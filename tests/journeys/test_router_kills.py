# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A worker is killed (SIGKILL) while it changes a router: the next one reads and goes on; two at once do the work of one."""

import os
import signal

import pytest
from instances import env_of
from killed import kill_at, together
from psycopg2.errors import SerializationFailure

from simulators.routeros.world import World

LINES = 40
NEVER = 10**9


@pytest.fixture(scope="module")
def tower():
    """A router that is to keep LINES log-ins, and its row in a house of its own."""
    with World() as world:
        device = world.add("tower", address="127.0.0.1", password="pw", has_rtc=True)
        yield device


@pytest.fixture(scope="module")
def house(make_instance, tower):
    instance = make_instance("router_kills")
    with env_of(instance) as env:
        plan = env["isp.plan"].create({"code": "RK", "name": "Home", "list_price": 1, "down_kbps": 2048, "up_kbps": 1024})
        router = env["isp.router"].create(
            {"name": "Tower", "nas_ip": "127.0.0.1", "wire": "api", "api_port": tower.port("api"), "api_user": "admin", "api_password": "pw", "api_tls": False, "keeps": "all"}
        )
        partner = env["res.partner"].create({"name": "Customer"})
        lines = env["isp.subscription"].create(
            [{"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1, "username": f"line{n}", "router_id": router.id} for n in range(LINES)]
        )
        lines._set_state("active", "import")
        env["isp.router.task"].search([]).unlink()
    return instance


def _router(env):
    return env["isp.router"].search([("name", "=", "Tower")])


def _look(env):
    router = _router(env)
    router._look_after()
    if router.held_plan:
        router.confirmed_plan = router.held_plan
        router._look_after()


def _apply(env):
    _router(env)._apply_tasks()


def _dies(work, command):
    """:return: ``work`` that kills its process before its ``command``-th change on the wire"""

    def dying(env):
        from odoo.addons.isp_network.drivers import routeros_api

        original, left = routeros_api.Api._send, [command]

        def send(driver, name, *args):
            if name.rpartition("/")[2] in ("add", "set", "remove"):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
            return original(driver, name, *args)

        routeros_api.Api._send = send
        work(env)

    return dying


def _kept(tower):
    return sorted((item["name"], item["password"]) for item in tower.table("ppp/secret") if item.get("comment", "").startswith("isp:"))


def _wanted(house):
    with env_of(house) as env:
        return sorted((access.name, access.password) for access in env["isp.access"].search([("subscription_id.router_id", "!=", False)]))


@pytest.mark.parametrize("command", [1, 2, 3, 25])
def test_killed_while_it_makes_log_ins(house, tower, command):
    for item in list(tower.table("ppp/secret")):
        tower.drop("ppp/secret", item)
    assert kill_at(house, _dies(_look, command), NEVER)
    assert len(_kept(tower)) < LINES
    with env_of(house) as env:
        _look(env)
    assert _kept(tower) == _wanted(house)


def test_killed_while_it_changes_them(house, tower):
    with env_of(house) as env:
        _look(env)
        for access in env["isp.access"].search([("subscription_id.router_id", "!=", False)]):
            access._apply({"password": f"new{access.id}"})
    assert kill_at(house, _dies(_apply, 20), NEVER)
    assert _kept(tower) != _wanted(house)
    with env_of(house) as env:
        assert env["isp.router.task"].search_count([("state", "=", "pending")]) == LINES, "nothing was taken as done"
        _apply(env)
        assert env["isp.router.task"].search_count([("state", "=", "done")]) == LINES
    assert _kept(tower) == _wanted(house)


def test_two_workers_at_once(house, tower):
    with env_of(house) as env:
        for access in env["isp.access"].search([("subscription_id.router_id", "!=", False)]):
            access._apply({"password": f"both{access.id}"})

    def work(env):
        from odoo.addons.queue_job.exception import RetryableJobError

        try:
            _apply(env)
        except (RetryableJobError, SerializationFailure):
            env.cr.rollback()  # as the job runner does; it tries again later

    together(house, work, work)
    assert _kept(tower) == _wanted(house)
