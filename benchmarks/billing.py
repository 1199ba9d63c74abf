"""Invoices a second, drafted and posted: ours beside OCA ``contract``, same database, one run.

Each side bills N customers with one line at 180,000 and 20 % tax, and posts. Ours does more on the
way (ledger row, batch commits, links); both end with posted, numbered, unpaid invoices. Half of the
peer's work is done before ours and half after, so that a machine that slows down slows both.

    script/bench billing --subscribers 1000,10000 --peer 400 [--json]

The last size is billed once more by two workers on one run; 1000,50000 shows that an invoice costs the same in a big house.
"""

import argparse
import contextlib
import json
import multiprocessing
import re
import time
from datetime import date
from pathlib import Path

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
    rows = []
    with environment(instance) as env:
        for number, (size, workers) in enumerate([(size, 1) for size in sizes] + [(sizes[-1], 2)]):
            prepare(env)
            month = date(2030 + number, 1, 1)
            step(f"Ours: making {size} subscriptions")
            make_subscriptions(env, size, month)
            make_contracts(env, peer_size, month)
            halves = split(env["contract.contract"].search([("date_start", "=", month)]))
            peer_seconds = peer(env, halves[0], month)
            env.invalidate_all()
            forget_peak()
            before = memory()
            run_record = env["isp.billing.run"].create({"date": month})
            env.cr.commit()
            with colleagues(instance, run_record.id, workers - 1) as go:
                seconds = ours(env, run_record, go)
            check(run_record, size)
            grown = memory() - before
            step(f"Ours: {size} invoices in {seconds:.1f} s, {workers} at work")
            peer_seconds += peer(env, halves[1], month)
            step(f"OCA contract: {peer_size} invoices in {peer_seconds:.1f} s, half before ours and half after")
            rows.append((size, workers, size / seconds, peer_size / peer_seconds, grown, memory()))
            env.invalidate_all()
    return rows


@contextlib.contextmanager
def environment(instance):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        yield Environment(cr, 1, {})


@contextlib.contextmanager
def colleagues(instance, run_id, number):
    """Other processes that wait, loaded, and work on the run from the moment ``go()`` is called until it is over."""
    context = multiprocessing.get_context("spawn")
    ready, start = context.Barrier(number + 1), context.Event()
    others = [context.Process(target=help_with, args=(instance.dir.name, run_id, n + 1, ready, start)) for n in range(number)]
    for other in others:
        other.start()
    ready.wait(120)

    def go(work):
        start.set()
        work()
        for other in others:
            other.join()
            assert other.exitcode == 0, other.exitcode

    yield go


def help_with(name, run_id, worker, ready, start):
    with environment(Instance(name, database=DATABASE, workers=0, attach=True)) as env:
        run_record = env["isp.billing.run"].browse(run_id)
        run_record.read(["state"])
        forget_peak()
        env.cr.rollback()
        ready.wait(120)
        start.wait(120)
        run_record._work_through(commit=True, worker=worker)
        env.cr.commit()
        print(f"           (colleague: peak memory {memory():.0f} MB)")


def memory():
    """Peak resident memory of this process since ``forget_peak``, MB."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024


def forget_peak():
    """Preparing is not what is measured, and a process inherits the peak of the one that started it (proc(5))."""
    Path("/proc/self/clear_refs").write_text("5")


def prepare(env):
    company = env.company
    if company.chart_template != "ss":
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
    company.write({"isp_due_days": 10})
    env["account.move"].search([("state", "=", "draft")]).unlink()
    # Lines of an earlier measurement, of the other benchmarks too, are over.
    env.cr.execute("UPDATE isp_subscription SET state = 'terminated', billing_from = NULL, next_bill_date = NULL")
    env["contract.contract"].search([]).write({"active": False})
    env.invalidate_all()
    if not env["isp.plan"].search([("code", "=", "BENCH")]):
        env["isp.plan"].create({"code": "BENCH", "name": "Bench", "list_price": 180000})
    env.cr.commit()


def make_subscriptions(env, size, month):
    """The first by the ORM, the others are copies of it: making them is not what is measured."""
    from odoo.addons.isp_billing.tools import clone

    plan = env["isp.plan"].search([("code", "=", "BENCH")])
    assert plan.taxes_id, "the chart's excise must be the default tax"
    partner = env["res.partner"].create({"name": f"Bench {month.year}"})
    line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1})
    line._set_state("active", "import")
    line.write({"billing_from": month})
    env.flush_all()
    partners, lines = clone.new_ids(partner, size - 1), clone.new_ids(line, size - 1)
    names = [f"Bench {month.year} {n}" for n in range(size - 1)]
    unique = {"isp_account_no": [None] * (size - 1)}
    clone.copy_rows(
        partner, [partner.id] * len(partners), partners, commercial_partner_id=partners, name=names, complete_name=names, **unique
    )
    clone.copy_rows(line, [line.id] * len(lines), lines, partner_id=partners, name=[f"B{n}" for n in lines])
    env.cr.execute("ANALYZE isp_subscription, res_partner")
    env.cr.commit()
    env.invalidate_all()


def ours(env, run_record, go):
    """:return: seconds from the start of the run to its last committed step, all workers through"""
    run_record._start()
    env.cr.commit()
    started = time.perf_counter()
    go(lambda: run_record._work_through(commit=True))
    return time.perf_counter() - started


def check(run_record, size):
    run_record.invalidate_recordset()
    assert run_record.state == "done", run_record.state
    assert not run_record.error_ids, run_record.error_ids.mapped("message")[:3]
    done = run_record.env["account.move"].search_count(
        [("isp_run_id", "=", run_record.id), ("state", "=", "posted"), ("amount_total", "=", 216000)]
    )
    assert done == size, (done, size)


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
    print(f"\n{'subscribers':>12} {'workers':>8} {'ours 1/s':>10} {'peer 1/s':>10} {'ratio':>7} {'memory grown MB':>16} {'peak MB':>9}")
    measures = {}
    for size, workers, mine, theirs, grown, peak in rows:
        print(f"{size:>12} {workers:>8} {mine:>10.1f} {theirs:>10.1f} {mine / theirs:>7.2f} {grown:>16.0f} {peak:>9.0f}")
        name = f"invoice_{size}" if workers == 1 else f"invoice_{size}_{workers}_workers"
        measures[name] = {"ours": round(mine, 1), "peer": round(theirs, 1), "ratio": round(mine / theirs, 2), "unit": "1/s"}
        measures[name.replace("invoice", "memory")] = {"ours": round(peak), "peer": None, "ratio": None, "unit": "MB"}
    alone = [row for row in rows if row[1] == 1]
    measures["invoice"] = measures[f"invoice_{alone[-1][0]}"]
    if len(alone) > 1:
        cost = alone[0][2] / alone[-1][2]
        print(f"\nCost of an invoice at {alone[-1][0]} against {alone[0][0]}: {cost:.2f} times")
        measures["cost_growth"] = {"ours": round(cost, 2), "peer": None, "ratio": None, "unit": "times"}
    if as_json:
        print(json.dumps({"name": "billing", "measures": measures}))


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
