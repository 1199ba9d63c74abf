# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The database of last night is restored at noon, while customers are on line: the network goes on, and what they use is counted to them and to nobody else."""

import pytest
from instances import _forget, env_of
from lines import PacketLine
from radius_client import ACCEPT, Nas
from stack.shell import wait_for

GB = 10**9
#: From last night on line; since this morning; registered this morning.
USERS = ("achol", "deng", "newest")


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("restored")
    with env_of(instance) as env:
        env["isp.plan"].create({"code": "RN", "name": "Home", "list_price": 1, "down_kbps": 2048, "up_kbps": 1024, "quota_mb": 100_000})
    instance.radius.start()
    return instance


@pytest.fixture(scope="module")
def lines(isp):
    made = {}
    for number, user in enumerate(USERS, 1):
        nas = Nas(isp, secret="testing123", source=f"127.0.43.{number}")
        made[user] = PacketLine(nas, user, f"pw-{user}", f"10.43.0.{number}", f"AA-BB-CC-43-00-0{number}")
    with env_of(isp) as env:
        env["isp.router"].create(
            [{"name": user, "nas_ip": line.nas.source, "radius_secret": "testing123", "coa_port": line.coa.port} for user, line in made.items()]
        )
    yield made
    for line in made.values():
        line.close()


def register(isp, user):
    """:return: id of the access"""
    with env_of(isp) as env:
        plan = env["isp.plan"].search([("code", "=", "RN")])
        line = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": user}).id, "plan_id": plan.id, "anchor_day": 1, "username": user})
        line._set_state("active", "activation")
        line.access_ids._apply({"password": f"pw-{user}"})
        env.flush_all()
        env.cr.execute("UPDATE isp_access SET quota_from = '2020-01-01' WHERE id = %s", [line.access_ids.id])
        return line.access_ids.id


def counted(isp, user):
    """:return: bytes by session, by hour, by quota"""
    with env_of(isp) as env:
        access = env["isp.access"].search([("name", "=", user)])
        env.cr.execute(
            "SELECT (SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_session WHERE access_id = %(id)s),"
            " (SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_usage WHERE access_id = %(id)s),"
            " (SELECT coalesce(sum(bytes), 0) FROM isp_quota_counter WHERE access_id = %(id)s)",
            {"id": access.id},
        )
        return [int(number) for number in env.cr.fetchone()]


def test_restored_while_customers_are_on_line(isp, lines, shared):
    database = isp.odoo.database
    achol, deng, newest = (lines[user] for user in USERS)
    for user in ("achol", "deng"):
        register(isp, user)
    achol.log_in()
    achol.use(GB)

    _forget(database)
    isp.radius.stop()  # who is connected would hold up a copy
    shared.postgres.drop_database(f"{database}_night")
    shared.postgres.copy_database(database, f"{database}_night")
    isp.radius.start()

    lost = register(isp, "newest")
    deng.log_in()
    newest.log_in()
    for line, volume in ((achol, 2 * GB), (deng, 3 * GB), (newest, 4 * GB)):
        line.use(volume)
    assert counted(isp, "newest") == [4 * GB] * 3

    _forget(database)
    shared.postgres.drop_database(database)
    shared.postgres.psql(f'ALTER DATABASE "{database}_night" RENAME TO "{database}"')
    wait_for(lambda: achol.nas.login("deng", "pw-deng").code == ACCEPT, 60, "RADIUS on the restored database")
    with env_of(isp) as env:
        # Who was on line last night was heard of hours ago.
        env.cr.execute("UPDATE isp_session SET updated = updated - interval '9 hours', last_event = last_event - interval '9 hours', started = started - interval '9 hours'")
        env["isp.session"]._cron_close_stale()
        assert env["isp.session"].search([]).mapped("cause") == ["Lost-Service"]
    assert register(isp, "other") == lost, "the number of the customer it does not know is given out again"

    for line in lines.values():
        line.use(GB)
    for user, total in (("achol", 4 * GB), ("deng", 4 * GB), ("other", 0)):
        assert counted(isp, user) == [total] * 3, user
    with env_of(isp) as env:
        sessions = {session.user_name: session for session in env["isp.session"].search([])}
        assert {user: (session.access_id.name, session.online) for user, session in sessions.items()} == {
            "achol": ("achol", True), "deng": ("deng", True), "newest": (False, True)
        }  # fmt: skip
        assert not env["isp.router.task"].search([]), "nobody is cut because of it"
    assert all(line.on for line in lines.values())

    # Staff register the customer again, who is still on line and notices nothing.
    register(isp, "newest")
    newest.use(GB)
    assert counted(isp, "newest") == [6 * GB] * 3
    assert counted(isp, "other") == [0] * 3
    for user, line in lines.items():
        line.hang_up()
        assert counted(isp, user) == [sum(map(sum, line.bytes.values()))] * 3, user
