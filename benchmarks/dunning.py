"""Dunning over many subscriptions: ours beside OCA ``account_credit_control``, same database, one run.

Ours looks at N active subscriptions, each with an open invoice, of which so many are to be acted on: a quarter is
reminded of what is due soon, a quarter of what is overdue, half is suspended, each looked at again under its lock.
The peer makes its credit control lines for as many overdue invoices, nothing else: it neither suspends nor re-checks.

    script/bench dunning --subscriptions 50000 --act 2000 --peer 500 [--json]
"""

import argparse
import json
import resource
import time
from datetime import date, timedelta

from stack import addons
from stack.instance import Instance
from stack.shell import step

DATABASE = "isp_bench"
PEER = "account_credit_control"
#: A Tuesday without holiday, 10:00 in Juba.
TODAY = date(2026, 11, 17)
NOW = f"{TODAY} 08:00:00"


def main(argv):
    parser = argparse.ArgumentParser(prog="script/bench dunning", description=__doc__.split("\n")[0])
    parser.add_argument("--subscriptions", type=int, default=50000, help="active lines, each with an open invoice (default %(default)s)")
    parser.add_argument("--act", type=int, default=2000, help="lines to act on (default %(default)s)")
    parser.add_argument("--peer", type=int, default=500, help="overdue invoices for the peer, 0 for none (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        has_peer = bool(options.peer) and install_peer(instance)
        figures = measure(instance, options, has_peer)
    finally:
        instance.stop()
    report(figures, options)


def install_peer(instance):
    """:return: whether the peer is in the database; without it ours is measured alone"""
    import importlib.util

    if not importlib.util.find_spec(f"odoo.addons.{PEER}"):
        step(f"OCA {PEER} is not installed (pip install odoo-addon-{PEER}): ours alone")
        return False
    query = f"SELECT count(*) FROM ir_module_module WHERE name = '{PEER}' AND state = 'installed'"
    if instance.postgres.psql(query, database=DATABASE) == "0":
        step(f"Installing OCA {PEER}")
        instance.odoo.run("-d", DATABASE, "-i", PEER, "--stop-after-init", "--no-http", "--workers=0")
    return True


def measure(instance, options, has_peer):
    from freezegun import freeze_time

    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    registry = Registry(DATABASE)
    with registry.cursor() as cr:
        env = Environment(cr, 1, {})
        company = prepare(env)
        step(f"Making {options.subscriptions} subscriptions with an open invoice each")
        make(env, company, options.subscriptions, options.act)
        # The clock stands still for what is decided; seconds are counted on the real one.
        with freeze_time(NOW):
            seconds, run = ours(env, company)
            again, _run = ours(env, company)
        figures = {"ours": seconds, "again": again, "notices": run.notices, "suspended": run.suspended}
        assert run.suspended == options.act // 2, (run.suspended, options.act)
        assert run.notices == options.act - options.act // 2, (run.notices, options.act)
        if has_peer:
            step(f"OCA {PEER}: {options.peer} overdue invoices")
            figures["peer"] = peer(env, company, options.peer)
    return figures


def prepare(env):
    company = env.company
    if company.chart_template != "ss":
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
    company.partner_id.tz = "Africa/Juba"
    # What is measured is the work; the cap is for people.
    company.write({"isp_auto_suspend": True, "isp_cut_cap": 100, "isp_cut_hold": False, "isp_dunning_policy_id": False})
    policy = company._isp_dunning_policy()
    assert policy.step_ids.mapped("days") == [-3, 1, company.isp_grace_days + 1]
    if not env["isp.plan"].search([("code", "=", "BENCH")]):
        env["isp.plan"].create({"code": "BENCH", "name": "Bench", "list_price": 180000})
    for table in ("isp_dunning_run_line", "isp_dunning_log", "isp_dunning_run"):
        env.cr.execute(f"DELETE FROM {table}")  # pylint: disable=sql-injection  # fixed names
    # Lines and debts of earlier runs and other benchmarks are none of today's.
    env.cr.execute("UPDATE isp_subscription SET state = 'terminated'")
    env.cr.execute("UPDATE account_move_line SET parent_state = 'draft' WHERE parent_state = 'posted'")
    env.cr.commit()
    env.invalidate_all()
    return company


def make(env, company, size, act):
    """Customers, lines, and posted invoices: one real invoice, its rows copied by SQL."""
    plan = env["isp.plan"].search([("code", "=", "BENCH")])
    first = env["res.partner"].create({"name": "Dunned 0"})
    move = env["account.move"].create(
        {
            "move_type": "out_invoice",
            "partner_id": first.id,
            "invoice_date": TODAY - timedelta(days=30),
            "invoice_date_due": TODAY + timedelta(days=60),
            "invoice_line_ids": [(0, 0, {"product_id": plan.product_id.id, "name": "Bench", "price_unit": 180000})],
        }
    )
    move.action_post()
    line = env["isp.subscription"].create({"partner_id": first.id, "plan_id": plan.id, "anchor_day": 1})
    line._set_state("active", "import")
    env.flush_all()
    copy(env, "res_partner", first.id, size - 1, name="'Dunned ' || n", commercial_partner_id="id_new", isp_account_no="NULL")
    partners = ids(env, "res_partner", first.id, "name LIKE 'Dunned %%'")
    copy(env, "isp_subscription", line.id, size - 1, name="'D' || id_new", partner_id=f"{partners[1]} + n - 1")
    copy(
        env, "account_move", move.id, size - 1, name="'DUN/' || id_new", sequence_number="n",
        partner_id=f"{partners[1]} + n - 1", commercial_partner_id=f"{partners[1]} + n - 1", access_token="NULL",
    )  # fmt: skip
    moves = ids(env, "account_move", move.id, "name LIKE 'DUN/%%'")
    receivable = move.line_ids.filtered(lambda item: item.account_id.account_type == "asset_receivable")
    copy(
        env, "account_move_line", receivable.id, size - 1, move_id=f"{moves[1]} + n - 1",
        partner_id=f"{partners[1]} + n - 1", move_name="'DUN/' || id_new",
    )  # fmt: skip
    # Who is acted on: due in three days, due since two, and due since long and told last week.
    grace = company.isp_grace_days
    for share, due in ((range(act // 4), 3), (range(act // 4, act // 2), -2), (range(act // 2, act), -grace - 1)):
        env.cr.execute(
            "UPDATE account_move_line SET date_maturity = %s WHERE move_id BETWEEN %s AND %s AND date_maturity IS NOT NULL",
            [TODAY + timedelta(days=due), moves[1] + share.start, moves[1] + share.stop - 1],
        )
    overdue = company.isp_dunning_policy_id.step_ids.filtered(lambda s: s.days == 1)
    env.cr.execute(
        """
        INSERT INTO isp_dunning_log (step_id, move_id, partner_id, days, amount, date, action, state, company_id, create_date)
        SELECT %s, l.move_id, l.partner_id, 1, l.amount_residual, l.date_maturity + 1, 'notice', 'done', l.company_id, l.date_maturity + 1
          FROM account_move_line l WHERE l.move_id BETWEEN %s AND %s AND l.amount_residual > 0
        """,
        [overdue.id, moves[1] + act // 2, moves[1] + act - 1],
    )
    env.cr.execute("INSERT INTO isp_dunning_run (company_id, date, state, last_pass) VALUES (%s, %s, 'done', %s)",
                   [company.id, TODAY - timedelta(days=1), f"{TODAY - timedelta(days=1)} 08:00:00"])  # fmt: skip
    env.cr.commit()
    for table in ("res_partner", "isp_subscription", "account_move", "account_move_line", "isp_dunning_log"):
        env.cr.execute(f"ANALYZE {table}")  # pylint: disable=sql-injection  # fixed names
    env.cr.commit()
    env.invalidate_all()


def copy(env, table, row_id, count, **values):
    """Copy one row ``count`` times; ``values`` are SQL over ``n`` (1, 2, …) and ``id_new``."""
    env.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> 'id' AND is_generated = 'NEVER'",
        [table],
    )
    columns = [row[0] for row in env.cr.fetchall()]
    chosen = ", ".join(values.get(column, f't."{column}"') for column in columns)
    names = ", ".join(f'"{column}"' for column in columns)
    env.cr.execute(
        f"""
        INSERT INTO {table} (id, {names})
        SELECT id_new, {chosen}
          FROM {table} t,
               (SELECT n, nextval('{table}_id_seq') AS id_new FROM (SELECT generate_series(1, %s) AS n ORDER BY 1) s) numbers
         WHERE t.id = %s
        """,  # pylint: disable=sql-injection  # names of this file and of the catalogue
        [count, row_id],
    )


def ids(env, table, after, condition):
    """:return: (number, first id) of the rows copied from row ``after``"""
    env.cr.execute(f"SELECT count(*), min(id) FROM {table} WHERE id > %s AND {condition}", [after])  # pylint: disable=sql-injection
    return env.cr.fetchone()


def clock():
    """Seconds by the machine's clock, also while Python's stands still."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def ours(env, company):
    started = clock()
    run = env["isp.dunning.run"]._run_company(company, commit=True)
    return clock() - started, run


def peer(env, company, size):
    """The peer's lines for ``size`` overdue invoices of its own customers."""
    policy = env.ref(f"{PEER}.credit_control_3_time")
    policy.write({"company_id": company.id})
    env.cr.execute(
        """
        SELECT l.partner_id, l.account_id FROM account_move_line l
         WHERE l.date_maturity < %s AND l.amount_residual > 0 AND l.parent_state = 'posted' LIMIT %s
        """,
        [TODAY, size],
    )
    rows = env.cr.fetchall()
    policy.account_ids = [(6, 0, list({row[1] for row in rows}))]
    env["res.partner"].browse(row[0] for row in rows).write({"credit_policy_id": policy.id})
    company.credit_policy_id = False
    env.cr.commit()
    env.invalidate_all()
    day = TODAY + timedelta(days=60)
    run = env["credit.control.run"].create({"date": day, "policy_ids": [(6, 0, policy.ids)], "company_id": company.id})
    env.cr.commit()
    started = clock()
    run.generate_credit_lines()
    env.flush_all()
    env.cr.commit()
    seconds = clock() - started
    return seconds, env["credit.control.line"].search_count([("run_id", "=", run.id)])


def report(figures, options):
    rate = options.act / figures["ours"]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\n{options.subscriptions} subscriptions, {options.act} to act on")
    print(f"{'':28}{'seconds':>10}{'per action':>14}")
    print(f"{'ours':28}{figures['ours']:>10.1f}{1000 * figures['ours'] / options.act:>11.1f} ms   {figures['notices']} told, {figures['suspended']} suspended")
    print(f"{'ours, again: nothing to do':28}{figures['again']:>10.1f}")
    measures = {
        "seconds": {"ours": round(figures["ours"], 1), "peer": None, "ratio": None, "unit": "s"},
        "seconds_again": {"ours": round(figures["again"], 1), "peer": None, "ratio": None, "unit": "s"},
        "memory": {"ours": round(peak), "peer": None, "ratio": None, "unit": "MB"},
    }
    if "peer" in figures:
        seconds, count = figures["peer"]
        theirs = count / seconds
        print(f"{'OCA ' + PEER:28}{seconds:>10.1f}{1000 * seconds / max(count, 1):>11.1f} ms   {count} lines, no suspension")
        print(f"\nActions a second: ours {rate:.0f}, peer {theirs:.0f}, {rate / theirs:.2f} times")
        measures["actions"] = {"ours": round(rate, 1), "peer": round(theirs, 1), "ratio": round(rate / theirs, 2), "unit": "1/s"}
    print(f"Peak memory {peak:.0f} MB")
    if options.json:
        print(json.dumps({"name": "dunning", "measures": measures}))
