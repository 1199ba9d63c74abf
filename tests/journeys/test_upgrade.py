# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A house that ran on the last version gets this one: nothing of its money changes, and it bills on.

``tests/upgrade/<version>.tar.xz`` holds the add-ons of that version as they were delivered; they are installed into a database of
their own, work there, and are updated.
"""

import subprocess
import tarfile
from datetime import date

import pytest
from instances import _borrow_postgres, env_of
from stack import addons, logcheck, packages, paths
from stack.instance import Instance

OLD = paths.REPO / "tests" / "upgrade" / "19.0.1.0.0.tar.xz"
OFFLINE = ("--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0")
#: What the house did with the old version.
WORK = """
company = env.company
company.write({"name": "Old House", "country_id": env.ref("base.ss").id, "isp_due_days": 10, "isp_grace_days": 5})
company.partner_id.tz = "Africa/Juba"
env["account.chart.template"].try_loading("ss", company, install_demo=False)
plan = env["isp.plan"].create({"code": "OLD", "name": "Old plan", "list_price": 180000, "down_kbps": 2048, "up_kbps": 1024})
prepaid = env["isp.plan"].create({"code": "OLDPRE", "name": "Old prepaid", "list_price": 90000, "billing_mode": "prepaid"})
for number in range(4):
    partner = env["res.partner"].create({"name": f"Old customer {number}", "isp_account_no": f"OLD{number}"})
    line = env["isp.subscription"].create(
        {"partner_id": partner.id, "plan_id": (prepaid if number == 3 else plan).id, "anchor_day": 1, "username": f"old{number}"}
    )
    line._set_state("active", "import")
    if number < 3:
        line.billing_from = "2026-09-01"
for day in ("2026-09-01", "2026-10-01"):
    run = env["isp.billing.run"].create({"date": day})
    run._process()
    assert run.move_count == 3, run.move_count
payer = env["res.partner"].search([("isp_account_no", "=", "OLD0")])
env["isp.cash.payment"].create({"partner_id": payer.id, "amount": 432000, "date": "2026-10-05"})._take()
cut = env["isp.subscription"].search([("username", "=", "old1")])
cut._set_state("suspended", "overdue")
env.flush_all()
env.cr.execute("INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds) SELECT id, '2026-10-05 10:00', 1, 2, 3 FROM isp_access WHERE name = 'old0'")
env.cr.commit()
"""
MONEY = """
    SELECT 'ledger', subscription_id::text, kind, date_start::text, source, amount::text FROM isp_period
    UNION ALL SELECT 'invoice', name, state, invoice_date::text, payment_state, amount_residual::text FROM account_move
    UNION ALL SELECT 'line', username, state, next_bill_date::text, coalesce(billing_from::text, ''), monthly_value::text FROM isp_subscription
    UNION ALL SELECT 'event', subscription_id::text, state_from, state_to, reason, coalesce(note, '') FROM isp_subscription_event
    UNION ALL SELECT 'access', name, state, password, quota_bytes::text, '' FROM isp_access
    ORDER BY 1, 2, 3, 4, 5, 6
"""


@pytest.fixture(scope="module")
def house(shared, tmp_path_factory):
    """An instance on the new version; ``house.before`` is what the old one left, ``house.log`` that of the update."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD) as archive:
        archive.extractall(folder, filter="data")
    database = "isp_journey_upgrade"
    instance = Instance("journey-upgrade", database=database, workers=0)
    _borrow_postgres(instance, shared, database, 0)
    shared.postgres.drop_database(database)
    old = f"--addons-path={folder / 'addons'},{packages.oca_addons()}"
    names = sorted(p.parent.name for p in (folder / "addons").glob("*/__manifest__.py"))
    instance.odoo.run("-d", database, old, "-i", ",".join(names), *OFFLINE, log=instance.odoo.dir / "old.log")
    _shell(instance, old, WORK)
    instance.before = _money(instance)
    instance.log = instance.odoo.dir / "update.log"
    instance.log.unlink(missing_ok=True)
    new = sorted(set(addons.names()) - set(names))
    instance.odoo.run(
        "-d", database, "-u", ",".join(names), *(["-i", ",".join(new)] if new else []), *OFFLINE, log=instance.log
    )
    yield instance
    shared.postgres.drop_database(database)


def _shell(instance, addons_path, code):
    main = paths.REPO / "script" / "stack" / "odoo_main.py"
    command = [paths.PYTHON, main, "shell", "-c", instance.odoo.conf(), "-d", instance.odoo.database, addons_path, "--no-http"]
    done = subprocess.run(
        list(map(str, command)), input=code, env=packages.environment(), text=True, capture_output=True, check=False
    )
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-3000:]


def _money(instance):
    return instance.postgres.psql(MONEY, database=instance.odoo.database, role="odoo").split("\n")


def test_the_old_house_had_something_to_lose(house):
    kinds = {row.split("\t")[0] for row in house.before}
    assert kinds == {"ledger", "invoice", "line", "event", "access"}
    assert sum(row.startswith("ledger") for row in house.before) == 6


def test_nothing_of_its_money_changed(house):
    assert _money(house) == house.before


def test_the_update_logs_no_warning(house):
    assert not logcheck.faults(house.log)


def test_figures_of_old_runs_are_kept(house):
    with env_of(house) as env:
        runs = env["isp.billing.run"].search([], order="id")
        assert [(run.state, run.rated, run.invoiced, run.move_count) for run in runs] == [("done", 3, 3, 3)] * 2


def test_it_bills_on(house):
    with env_of(house) as env:
        run = env["isp.billing.run"].create({"date": date(2026, 11, 1)})
        run._process()
        assert not run.error_ids, run.error_ids.mapped("message")
        lines = env["isp.subscription"].search([("username", "in", ("old0", "old2"))])
        for line in lines:
            assert [str(p.date_start) for p in line.period_ids.sorted("date_start")] == ["2026-09-01", "2026-10-01", "2026-11-01"]
        assert not env["isp.subscription"].search([("username", "=", "old1")]).period_ids.filtered(
            lambda p: str(p.date_start) == "2026-11-01"
        )


def test_money_brings_the_cut_line_back(house):
    with env_of(house) as env:
        line = env["isp.subscription"].search([("username", "=", "old1")])
        env["isp.cash.payment"].create({"partner_id": line.partner_id.id, "amount": 432000})._take()
        assert line.state == "active"
        assert line.access_ids.state == "allowed"


def test_usage_of_before_is_summed_up(house):
    with env_of(house) as env:
        env["isp.usage"]._roll_up()
        day = env["isp.usage.day"].search([("access_id.name", "=", "old0")])
        assert (str(day.day), day.bytes_down) == ("2026-10-05", 2)
        env.cr.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'isp_usage' AND indexdef LIKE '%dirty%'")
        assert not env.cr.fetchall()
