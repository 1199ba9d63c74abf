"""Mobile money in a storm: requests asked for, approved all at once, called back, read, booked and reconciled, each once.

N customers owe an invoice each. Odoo's own processes ask the simulated operator (``simulators/momo``) over HTTP; then every
payer approves in the same moment, and the operator calls back: a tenth twice, a tenth not at all. Measured is from the first
approval until the last invoice is paid, callbacks, status reads, booking and reconciling together; those whose callback was
lost wait for the poller's next look, so they are told apart. Counted is what stands in the database and in the operator's ledger.

The peer is core's ``_post_process`` of as many confirmed transactions, one by one with a commit each as core's job does it,
with nobody to ask and nobody calling. Ours booking alone, of the same, stands beside it.

The operator's limit of calls a second (10 at MTN) is set so high that this machine is the limit.

    script/bench payments --requests 1000 --peer 1000 [--json]
"""

import argparse
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from urllib.request import Request, urlopen

from stack import addons
from stack.instance import Instance
from stack.shell import StackError, step

DATABASE = "isp_bench"
PRICE = 25000
#: Seconds after which something that does not go on counts as stuck.
PATIENCE = 600


def main(argv):
    parser = argparse.ArgumentParser(prog="script/bench payments", description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=1000, help="requests to pay (default %(default)s)")
    parser.add_argument("--peer", type=int, default=None, help="transactions for core, and for our booking alone, 0 for none (default: as many)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    options.peer = options.requests if options.peer is None else options.peer
    instance = Instance("bench", database=DATABASE, workers=2)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        instance.momo.start()
        figures = measure(instance, options)
    finally:
        instance.stop()
    report(figures, options)


def measure(instance, options):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {"tracking_disable": True})
        provider = make_provider(env, instance)
        step(f"Making {options.requests} customers who owe")
        invoices = make_invoices(env, options.requests)
        rest_of_jobs(env)
        instance.odoo.start("--log-level=warn")
        try:
            figures = storm(env, instance, provider, invoices)
        finally:
            instance.odoo.stop()
        if options.peer:
            step(f"Our booking alone, then core's: {options.peer} each")
            figures["alone"] = timed(book_ours, env, confirmed(env, provider, options.peer, "ours"))
            figures["peer"] = timed(book_core, env, confirmed(env, provider, options.peer, "core"))
        return figures


# --- the storm ---


def storm(env, instance, provider, invoices):
    """:return: figures, after every promise about them was checked"""
    operator = Operator(instance.momo.url)
    operator.post("reset")
    operator.post("faults", approve="phone", callback_lost_each=10, callback_twice_each=9)
    requests = env["payment.transaction"].browse()
    started = time.monotonic()
    for number, invoice in enumerate(invoices):
        requests |= env["payment.transaction"]._wallet_request(
            provider, invoice.partner_id, invoice.amount_residual, f"21192{number:07d}", key=f"bench-{invoice.id}", invoices=invoice
        )
    env.cr.commit()
    step("Asking for the money")
    wait(env, lambda: count(env, requests, "wallet_phase = 'sent'") == len(requests), "the requests")
    asked = time.monotonic() - started
    step("Everybody approves at once; the operator calls back")
    started = time.monotonic()
    operator.post("decide_all", approve=True)
    approved = time.monotonic() - started
    told = "id IN (SELECT id FROM payment_transaction WHERE wallet_callback IS NOT NULL)"
    booked = wait(env, lambda: count(env, requests, "is_post_processed"), "the booking", len(requests), started)
    env.invalidate_all()
    figures = {"asked": asked, "approved": approved, "seconds": booked[-1][0], "course": booked, "told": count(env, requests, told)}
    figures["rate"] = len(requests) / figures["seconds"]
    figures.update(check(env, operator, requests, invoices))
    return figures


class Operator:
    """The switches of the simulated operator, and its ledger."""

    def __init__(self, url):
        self.url = f"{url}/_control"

    def post(self, path, **values):
        return self._ask(Request(f"{self.url}/{path}", json.dumps(values).encode(), method="POST"))

    def ledger(self):
        """:return: (transactions asked for, callbacks that were taken)"""
        found = self._ask(Request(f"{self.url}/transactions?kind=requesttopay"))
        return found["transactions"], found["callbacks_delivered"]

    def _ask(self, request):
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


def wait(env, value, what, wanted=True, started=None):
    """Look until ``value()`` is ``wanted``. :return: [(seconds, value)] whenever it changed"""
    started, course = started or time.monotonic(), []
    moved = time.monotonic()
    while not course or course[-1][1] != wanted:
        env.cr.rollback()
        found = value()
        now = time.monotonic()
        if not course or found != course[-1][1]:
            course.append((now - started, found))
            moved = now
        if now - moved > PATIENCE:
            raise StackError(f"{what} did not go on for {PATIENCE} seconds, at {found}")
        time.sleep(0.05)
    return course


def count(env, requests, condition):
    env.cr.execute(f"SELECT count(*) FROM payment_transaction WHERE id = ANY(%s) AND {condition}", [requests.ids])
    return env.cr.fetchone()[0]


def check(env, operator, requests, invoices):
    """Compare the books with the operator's ledger. :return: what differs, all 0 on a good day"""
    ledger, callbacks = operator.ledger()
    taken = {found["reference"]: float(found["body"]["amount"]) for found in ledger if found["status"] == "SUCCESSFUL"}
    payments = env["account.payment"].search([("payment_transaction_id", "in", requests.ids)])
    booked = {payment.wallet_uuid: payment.amount for payment in payments if payment.state in ("in_process", "paid")}
    return {
        "callbacks": callbacks,
        "asked_twice": len(ledger) - len(requests),
        "lost": len(set(taken) - set(booked)),
        "doubled": len(payments) - len(booked),
        "difference": sum(taken.values()) - sum(payments.mapped("amount")),
        "unpaid": len(invoices.filtered(lambda invoice: invoice.payment_state not in ("paid", "in_payment") or invoice.amount_residual)),
    }


# --- what there is before ---


def make_provider(env, instance):
    company = env.company
    if company.chart_template != "ss":
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
    provider = env["payment.provider"].search([("code", "=", "mtn_momo"), ("company_id", "=", company.id)], limit=1)
    provider.write(
        {
            "wallet_base_url": instance.momo.url,
            "wallet_environment": "mtnsouthsudan",
            "wallet_api_user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
            "wallet_api_key": "simulated-api-key",
            "wallet_collection_key": "simulated-collection-key",
            "wallet_callback_base": f"http://localhost:{instance.odoo.ports['odoo']}",
            "wallet_rate": 1000,
            "state": "enabled",
        }
    )
    provider.journal_id = provider.journal_id or env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", company.id)], limit=1)
    env.cr.commit()
    return provider


def make_invoices(env, number):
    """:return: posted invoices, each of a customer of its own"""
    mark = int(time.time())
    invoices = env["account.move"].browse()
    for first in range(0, number, 200):
        partners = env["res.partner"].create([{"name": f"Payer {mark} {n}"} for n in range(first, min(first + 200, number))])
        line = {"name": "Internet", "price_unit": PRICE, "tax_ids": False}
        made = env["account.move"].create([{"move_type": "out_invoice", "partner_id": p.id, "invoice_line_ids": [(0, 0, line)]} for p in partners])
        made.action_post()
        env.cr.commit()
        invoices |= made
    return invoices


def rest_of_jobs(env):
    """Jobs that have nothing to do with payments wait until tomorrow: two runs shall compare."""
    ours = env.ref("isp_momo.ir_cron_wallet") | env.ref("payment.cron_post_process_payment_tx")
    env["ir.cron.trigger"].search([]).unlink()
    env["ir.cron"].search([("id", "not in", ours.ids)]).nextcall = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(days=1)
    env.cr.commit()


# --- booking alone ---


def confirmed(env, provider, number, mark):
    """:return: ids of transactions that the operator has confirmed, of one invoice each, not booked yet"""
    invoices, now = make_invoices(env, number), int(time.time())
    transactions = env["payment.transaction"].create(
        [
            {
                "provider_id": provider.id,
                "payment_method_id": provider.with_context(active_test=False).payment_method_ids[:1].id,
                "partner_id": invoice.partner_id.id,
                "amount": invoice.amount_residual,
                "currency_id": invoice.currency_id.id,
                "reference": f"{mark}-{now}-{invoice.id}",
                "provider_reference": f"{mark}{now}{invoice.id}",
                "invoice_ids": [(6, 0, invoice.ids)],
                "operation": "online_direct",
                "state": "done",
                **({"wallet_uuid": f"{mark}-{now}-{invoice.id}"} if mark == "ours" else {}),
            }
            for invoice in invoices
        ]
    )
    env.cr.commit()
    env.invalidate_all()
    return transactions.ids


def timed(work, env, ids):
    """:return: transactions a second"""
    started = time.monotonic()
    work(env, ids)
    seconds = time.monotonic() - started
    env.invalidate_all()
    transactions = env["payment.transaction"].browse(ids)
    wrong = transactions.filtered(lambda tx: not tx.is_post_processed or len(tx.payment_id) != 1 or tx.invoice_ids.amount_residual)
    if wrong:
        raise StackError(f"{len(wrong)} of {len(ids)} transactions were not booked")
    return len(ids) / seconds


def book_ours(env, ids):
    env["payment.transaction"]._wallet_book_waiting()


def book_core(env, ids):
    """As ``_cron_post_process``: one after the other, a commit each."""
    for tx in env["payment.transaction"].browse(ids):
        tx._post_process()
        env.cr.commit()


def report(figures, options):
    total = options.requests
    ninety = next(seconds for seconds, booked in figures["course"] if booked >= 0.9 * total)
    print(f"\n{total} requests to pay, {figures['told']} called back, {figures['callbacks']} callbacks in all")
    print(f"written down and asked for   {figures['asked']:>8.1f} s   {total / figures['asked']:.0f} a second")
    print(f"approved                     {figures['approved']:>8.1f} s")
    print(f"nine tenths booked           {ninety:>8.1f} s   {0.9 * total / ninety:.0f} a second, from the first approval")
    print(f"all booked and reconciled    {figures['seconds']:>8.1f} s   {figures['rate']:.0f} a second")
    print(f"against the operator's ledger: {figures['lost']} lost, {figures['doubled']} doubled, {figures['asked_twice']} asked twice, {figures['unpaid']} invoices unpaid, difference {figures['difference']:.0f} SSP")
    measures = {"rate": {"ours": round(figures["rate"], 1), "peer": None, "ratio": None, "unit": "1/s"}}
    measures |= {name: {"ours": figures[name], "peer": None, "ratio": None, "unit": "payments"} for name in ("lost", "doubled", "asked_twice", "unpaid")}
    if options.peer:
        alone, peer = figures["alone"], figures["peer"]
        print(f"booking alone                {alone:>8.0f} a second, core's {peer:.0f} a second: {alone / peer:.2f} times")
        measures["rate"].update(peer=round(peer, 1), ratio=round(figures["rate"] / peer, 2))
        measures["booking"] = {"ours": round(alone, 1), "peer": round(peer, 1), "ratio": round(alone / peer, 2), "unit": "1/s"}
    if options.json:
        print(json.dumps({"name": "payments", "measures": measures}))
    if any(figures[name] for name in ("lost", "doubled", "asked_twice", "unpaid", "difference")):
        raise StackError("the books are not what the operator says")


if __name__ == "__main__":
    main(sys.argv[1:])
