"""From money on the counter to the line: seconds until RADIUS lets a suspended customer out of the walled garden.

Each customer owes an overdue invoice and is suspended. Measured is from the moment the cash form is confirmed to the
Access-Accept without the wall: booking, reconciling, restoring, commit, and RADIUS's answer over UDP. There is no peer that
does all of it; one query of the database before and after tells what the machine was worth in that moment.

    script/bench restore --customers 50 [--json]
"""

import argparse
import json
import statistics
import sys
import time
from datetime import date, timedelta

from stack import addons, paths
from stack.instance import Instance
from stack.shell import step

DATABASE = "isp_bench"


def main(argv):
    parser = argparse.ArgumentParser(prog="script/bench restore", description=__doc__.split("\n")[0])
    parser.add_argument("--customers", type=int, default=50, help="how many pay, one after the other (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    sys.path.insert(0, str(paths.REPO / "tests" / "journeys"))
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        instance.radius.start()
        seconds, query = measure(instance, options.customers)
    finally:
        instance.stop()
    report(seconds, query, options.json)


def measure(instance, number):
    from radius_client import ACCEPT, Nas

    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {"tracking_disable": True})
        step(f"Making {number} customers who owe and are suspended")
        lines = make_customers(env, number)
        nas = Nas(instance)

        def walled(name, password):
            reply = nas.login(name, password, "pap")
            assert reply.code == ACCEPT, reply
            return "Mikrotik-Address-List" in reply.values

        seconds = []
        for line in lines:
            name, password = line.username, line.access_ids.sudo().password
            assert walled(name, password), name
            started = time.perf_counter()
            env["isp.cash.payment"].create({"partner_id": line.partner_id.id, "amount": 216000})._take()
            cr.commit()
            assert not walled(name, password), name
            seconds.append(time.perf_counter() - started)
            env.invalidate_all()
        started = time.perf_counter()
        for _again in range(100):
            cr.execute("SELECT 1")
        return seconds, (time.perf_counter() - started) / 100


def make_customers(env, number):
    company, today = env.company, date.today()
    if company.chart_template != "ss":
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
    company.write({"isp_due_days": 0, "isp_grace_days": 0})
    if not env["isp.router"].search([("nas_ip", "=", "127.0.0.1")]):
        env["isp.router"].create({"name": "Bench", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})
    plan = env["isp.plan"].search([("code", "=", "RESTORE")]) or env["isp.plan"].create(
        {"code": "RESTORE", "name": "Restore", "list_price": 180000, "down_kbps": 2048, "up_kbps": 1024}
    )
    mark = int(time.time())
    partners = env["res.partner"].create([{"name": f"Restore {mark} {n}"} for n in range(number)])
    lines = env["isp.subscription"].create(
        [{"partner_id": p.id, "plan_id": plan.id, "anchor_day": 1, "username": f"r{mark}-{n}"} for n, p in enumerate(partners)]
    )
    lines._set_state("active", "import")
    ledger = env["isp.period"].sudo()
    for line in lines:
        line.billing_from = today - timedelta(days=30)
        period = line._prepare_charges(today - timedelta(days=30), None)[0]
        ledger += ledger.create({**period, "amount": 180000})
    ledger._invoice(today - timedelta(days=20))
    env["isp.subscription"]._suspend_overdue(company, today)
    env.cr.commit()
    assert set(lines.mapped("state")) == {"suspended"}, lines.mapped("state")
    return lines


def report(seconds, query, as_json):
    ordered = sorted(seconds)
    figures = {"median": statistics.median(ordered), "p95": ordered[int(0.95 * (len(ordered) - 1))], "worst": ordered[-1]}
    print("\nFrom the confirmed payment to the line, seconds: " + ", ".join(f"{k} {v:.3f}" for k, v in figures.items()))
    print(f"A query that does nothing took {query * 1000:.2f} ms on this machine at the end.")
    if as_json:
        measures = {k: {"ours": round(v, 3), "peer": None, "ratio": None, "unit": "s"} for k, v in figures.items()}
        print(json.dumps({"name": "restore", "measures": measures}))


if __name__ == "__main__":
    main(sys.argv[1:])
