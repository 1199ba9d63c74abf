"""Invoices a second, drafted and posted: ours beside OCA ``contract``, same database, one run.

Each side bills N customers with one line at 180,000 and 20 % tax, and posts. Ours does more on the
way (ledger row, batch commits, links); both end with posted, numbered, unpaid invoices. Half of the
peer's work is done before ours and half after, so that a machine that slows down slows both.

    script/bench billing --subscribers 1000,10000 --peer 400 [--json]
"""

import argparse
import json
import resource
import time
from datetime import date

from stack import addons
from stack.instance import Instance
from stack.shell import step

DATABASE = "isp_bench"


def main(argv):
    parser = argparse.ArgumentParser(prog="script/bench billing", description=__doc__.split("\n")[0])
    parser.add_argument("--subscribers", default="1000,10000", help="comma list of sizes for ours (default %(default)s)")
    parser.add_argument("--peer", type=int, default=400, help="contracts billed by the peer in each round (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        has_peer = "SELECT count(*) FROM ir_module_module WHERE name = 'contract' AND state = 'installed'"
        if instance.postgres.psql(has_peer, database=DATABASE) == "0":
            step("Installing OCA contract")
            instance.odoo.run("-d", DATABASE, "-i", "contract", "--stop-after-init", "--no-http", "--workers=0")
        rows = measure(instance, [int(size) for size in options.subscribers.split(",")], options.peer)
    finally:
        instance.stop()
    report(rows, options.json)


def measure(instance, sizes, peer_size):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    registry = Registry(DATABASE)
    rows = []
    with registry.cursor() as cr:
        env = Environment(cr, 1, {})
        for number, size in enumerate(sizes):
            prepare(env)
            month = date(2030 + number, 1, 1)
            step(f"Ours: making {size} subscriptions")
            make_subscriptions(env, size, month)
            make_contracts(env, peer_size, month)
            halves = split(env["contract.contract"].search([("date_start", "=", month)]))
            peer_seconds = peer(env, halves[0], month)
            before = memory()
            seconds, count = ours(env, month)
            assert count == size, (count, size)
            grown = memory() - before
            step(f"Ours: {size} invoices in {seconds:.1f} s")
            peer_seconds += peer(env, halves[1], month)
            step(f"OCA contract: {peer_size} invoices in {peer_seconds:.1f} s, half before ours and half after")
            rows.append((size, size / seconds, peer_size / peer_seconds, grown, memory()))
    return rows


def memory():
    """Peak resident memory of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepare(env):
    company = env.company
    if company.chart_template != "ss":
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
    company.write({"isp_due_days": 10})
    env["account.move"].search([("state", "=", "draft")]).unlink()
    env["isp.subscription"].search([]).write({"billing_from": False})
    env["contract.contract"].search([]).write({"active": False})
    env.invalidate_all()
    if not env["isp.plan"].search([("code", "=", "BENCH")]):
        env["isp.plan"].create({"code": "BENCH", "name": "Bench", "list_price": 180000})
    env.cr.commit()


def make_subscriptions(env, size, month):
    plan = env["isp.plan"].search([("code", "=", "BENCH")])
    assert plan.taxes_id, "the chart's excise must be the default tax"
    quiet = env(context={"tracking_disable": True, "mail_create_nolog": True})
    for start in range(0, size, 1000):
        names = range(start, min(start + 1000, size))
        partners = quiet["res.partner"].create([{"name": f"Bench {month.year} {n}"} for n in names])
        lines = quiet["isp.subscription"].create(
            [{"partner_id": p.id, "plan_id": plan.id, "anchor_day": 1} for p in partners]
        )
        lines._set_state("active", "import")
        lines.write({"billing_from": month})
        env.cr.commit()
        env.invalidate_all()


def ours(env, month):
    run_record = env["isp.billing.run"].create({"date": month})
    env.cr.commit()
    started = time.perf_counter()
    run_record._process(commit=True)
    seconds = time.perf_counter() - started
    assert not run_record.error_ids, run_record.error_ids.mapped("message")[:3]
    return seconds, len(run_record.move_ids.filtered(lambda m: m.state == "posted" and m.amount_total == 216000))


def make_contracts(env, size, month):
    plan = env["isp.plan"].search([("code", "=", "BENCH")])
    partners = env["res.partner"].create([{"name": f"Peer {month.year} {n}"} for n in range(size)])
    env["contract.contract"].create(
        [
            {
                "name": f"Peer {partner.name}",
                "partner_id": partner.id,
                "contract_type": "sale",
                "date_start": month,
                "recurring_next_date": month,
                "contract_line_ids": [
                    (
                        0,
                        0,
                        {
                            "product_id": plan.product_id.id,
                            "name": "Bench",
                            "quantity": 1,
                            "price_unit": 180000,
                            "recurring_rule_type": "monthly",
                            "recurring_interval": 1,
                            "date_start": month,
                            "recurring_next_date": month,
                        },
                    )
                ],
            }
            for partner in partners
        ]
    )
    env.cr.commit()
    env.invalidate_all()


def split(records):
    middle = len(records) // 2
    return records[:middle], records[middle:]


def peer(env, contracts, month):
    started = time.perf_counter()
    moves = contracts._recurring_create_invoice(date_ref=month)
    moves.action_post()
    env.cr.commit()
    seconds = time.perf_counter() - started
    done = moves.filtered(lambda m: m.state == "posted" and m.amount_total == 216000)
    assert len(done) == len(contracts), (len(done), len(contracts))
    return seconds


def report(rows, as_json):
    print(f"\n{'subscribers':>12} {'ours 1/s':>10} {'peer 1/s':>10} {'ratio':>7} {'memory grown MB':>16} {'peak MB':>9}")
    for size, mine, theirs, grown, peak in rows:
        print(f"{size:>12} {mine:>10.1f} {theirs:>10.1f} {mine / theirs:>7.2f} {grown:>16.0f} {peak:>9.0f}")
    measures = {}
    for size, mine, theirs, _grown, peak in rows:
        measures[f"invoice_{size}"] = {"ours": round(mine, 1), "peer": round(theirs, 1), "ratio": round(mine / theirs, 2), "unit": "1/s"}
        measures[f"memory_{size}"] = {"ours": round(peak), "peer": None, "ratio": None, "unit": "MB"}
    size, mine, theirs, *_rest = rows[0]
    measures["invoice"] = {"ours": round(mine, 1), "peer": round(theirs, 1), "ratio": round(mine / theirs, 2), "unit": "1/s"}
    if len(rows) > 1:
        cost = rows[0][1] / rows[-1][1]
        print(f"\nCost of an invoice at {rows[-1][0]} against {rows[0][0]}: {cost:.2f} times")
        measures["cost_growth"] = {"ours": round(cost, 2), "peer": None, "ratio": None, "unit": "times"}
    if as_json:
        print(json.dumps({"name": "billing", "measures": measures}))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
