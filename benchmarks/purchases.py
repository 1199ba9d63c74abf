"""WiFi tokens bought by mobile money: asked for, approved all at once, called back, and each payment made one token.

N guests of one hotspot order an hour. Odoo's own processes ask the simulated operator (``simulators/momo``) over HTTP; then every
guest approves in the same moment, and the operator calls back: a tenth twice, a tenth not at all. Measured is from the first approval
until the last token can be used, callbacks, status reads, token and SMS together (the books follow, and are counted too). Guests whose
callback was lost wait for the poller's next look by design, so nine tenths are told apart.

    script/bench purchases --requests 1000 [--json]
"""

import argparse
import json
import sys
import time

from payments import DATABASE, Operator, make_provider, rest_of_jobs, wait
from stack import addons
from stack.instance import Instance
from stack.shell import StackError, step

PRICE = 500


def main(argv):
    parser = argparse.ArgumentParser(prog="script/bench purchases", description=__doc__.split("\n")[0])
    parser.add_argument("--requests", type=int, default=1000, help="tokens to buy (default %(default)s)")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(argv)
    instance = Instance("bench", database=DATABASE, workers=2)
    instance.postgres.start()
    try:
        addons.bring_up_to_date(instance, DATABASE)
        instance.momo.start()
        figures = measure(instance, options.requests)
    finally:
        instance.stop()
    report(figures, options)


def measure(instance, number):
    import odoo.tools
    from odoo.api import Environment
    from odoo.modules.registry import Registry

    odoo.tools.config.parse_config(["-c", str(instance.odoo.conf()), "--log-level=error"])
    with Registry(DATABASE).cursor() as cr:
        env = Environment(cr, 1, {"tracking_disable": True})
        make_provider(env, instance)
        site = make_site(env)
        rest_of_jobs(env)
        instance.odoo.start("--log-level=warn")
        try:
            return storm(env, instance, site, number)
        finally:
            instance.odoo.stop()


def make_site(env):
    mark = int(time.time())
    env.company.country_id = env.ref("base.ss")
    owner = env["res.partner"].create({"name": f"Owner {mark}"})
    site = env["isp.site"].create({"name": f"Hotspot {mark}", "ssid": "River", "partner_id": owner.id})
    site.offer_ids.price = PRICE
    env["isp.router"].search([("nas_ip", "=", "127.0.77.1")]).write({"site_id": site.id})
    if not site.router_ids:
        env["isp.router"].create({"name": "River", "nas_ip": "127.0.77.1", "radius_secret": "testing123", "site_id": site.id})
    env.cr.commit()
    return site


def storm(env, instance, site, number):
    """:return: figures, after every promise about them was checked"""
    operator = Operator(instance.momo.url)
    operator.post("reset")
    operator.post("faults", approve="phone", callback_lost_each=10, callback_twice_each=9)
    orders, started = env["isp.token.order"].browse(), time.monotonic()
    for guest in range(number):
        phone = f"21192{guest:07d}"
        orders |= env["isp.token.order"]._place(site, f"bench-{site.id}-{guest}", "momo", offer=site.offer_ids[0], phone=phone)
        if guest % 50 == 49:
            env.cr.commit()
    env.cr.commit()
    step("Asking for the money")
    wait(env, lambda: count(env, orders, "transaction_id IN (SELECT id FROM payment_transaction WHERE wallet_phase = 'sent')"), "the requests", number)
    asked = time.monotonic() - started
    step("Everybody approves at once; the operator calls back")
    started = time.monotonic()
    operator.post("decide_all", approve=True)
    made = wait(env, lambda: count(env, orders, "token_id IS NOT NULL"), "the tokens", number, started)
    booked = wait(env, lambda: count(env, orders, "transaction_id IN (SELECT id FROM payment_transaction WHERE is_post_processed)"), "the books", number, started)
    env.invalidate_all()
    figures = {"asked": asked, "course": made, "seconds": made[-1][0], "booked": booked[-1][0], "rate": number / made[-1][0]}
    figures.update(check(env, operator, orders, site))
    return figures


def count(env, orders, condition):
    env.cr.execute(f"SELECT count(*) FROM isp_token_order WHERE id = ANY(%s) AND {condition}", [orders.ids])
    return env.cr.fetchone()[0]


def check(env, operator, orders, site):
    """Compare tokens, SMS, books and the operator's ledger. :return: what differs, all 0 on a good day"""
    ledger, callbacks = operator.ledger()
    taken = [found for found in ledger if found["status"] == "SUCCESSFUL"]
    tokens = env["isp.token"].search([("site_id", "=", site.id)])
    messages = env["isp.sms.message"].search_count([("res_model", "=", "isp.token.order"), ("res_id", "in", orders.ids)])
    refused = 0
    for token in tokens[:: max(len(tokens) // 50, 1)]:
        env.cr.execute("SELECT count(*) FROM radius.authz(%s, '127.0.77.1', 'AA:BB:CC:00:00:01') WHERE attribute = 'Cleartext-Password'", [token.code])
        refused += 1 - env.cr.fetchone()[0]
    payments = env["account.payment"].search([("payment_transaction_id", "in", orders.transaction_id.ids)])
    return {
        "callbacks": callbacks,
        "without_token": len(taken) - len(orders.token_id),
        "doubled": len(tokens) - len(orders.token_id),
        "asked_twice": len(ledger) - len(orders),
        "sms": messages - len(orders),
        "refused": refused,
        "difference": sum(float(found["body"]["amount"]) for found in taken) - sum(payments.mapped("amount")),
    }


def report(figures, options):
    total = options.requests
    ninety = next(seconds for seconds, made in figures["course"] if made >= 0.9 * total)
    print(f"\n{total} tokens bought, {figures['callbacks']} callbacks")
    print(f"ordered and asked for        {figures['asked']:>8.1f} s   {total / figures['asked']:.0f} a second")
    print(f"nine tenths can be used      {ninety:>8.1f} s   {0.9 * total / ninety:.0f} a second, from the first approval")
    print(f"all can be used              {figures['seconds']:>8.1f} s   {figures['rate']:.0f} a second")
    print(f"all booked                   {figures['booked']:>8.1f} s   {total / figures['booked']:.0f} a second")
    wrong = ("without_token", "doubled", "asked_twice", "sms", "refused", "difference")
    print(", ".join(f"{name.replace('_', ' ')}: {figures[name]:.0f}" for name in wrong))
    if options.json:
        measures = {"rate": {"ours": round(figures["rate"], 1), "peer": None, "ratio": None, "unit": "1/s"}}
        measures |= {name: {"ours": figures[name], "peer": None, "ratio": None, "unit": "tokens"} for name in wrong}
        print(json.dumps({"name": "purchases", "measures": measures}))
    if any(figures[name] for name in wrong):
        raise StackError("tokens, SMS and books are not what the operator says")


if __name__ == "__main__":
    main(sys.argv[1:])
