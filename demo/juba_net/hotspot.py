# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The hotspots of "Juba Net": one of its own, two of outside owners, a reseller; tokens in every state, orders, a batch on paper, a statement.

Called by ``load.py`` inside Odoo's shell, after the network. What the operator or a router would have told is told by the functions that take
their answers. Who is on line now is not made here: the simulated routers let holders of tokens log in (``script/stack/network.py``).
"""

import uuid
from decimal import Decimal

from odoo import fields
from odoo.fields import Command

from odoo.addons.isp_momo.drivers.base import Status

#: What each offer costs, the shortest first.
PRICES = (300, 700, 1_500, 6_000, 20_000)
WORDS = {
    "market": {
        "name": "Munuki market",
        "ssid": "JubaNet Market",
        "trial_minutes": 15,
        "terms": "One person, one code. Who disturbs others is put off.",
        "terms_ar": "رمز واحد لكل شخص. من يزعج الآخرين يُقطع عنه الاتصال.",
    },
    "tea": {
        "name": "Tea by the Nile",
        "ssid": "Tea by the Nile",
        "momo_holder": "Amina Lado",
        "terms": "Free for an hour with a pot of tea.",
        "terms_ar": "ساعة مجانية مع إبريق شاي.",
    },
    "cafe": {
        "name": "مقهى النيل الأبيض",
        "ssid": "مقهى النيل",
        "momo_holder": "يوسف آدم",
        "login_mode": "pair",
        "trial_minutes": 10,
        "terms": "Ask at the bar.",
        "terms_ar": "اسأل عند الطاولة.",
    },
}


def load(env, demo, staff, say):
    """:param demo: with "owners": [{"site", "name", "login", "password", "lang"}], "reseller" the same, and "routers" of which some have a "site" """
    if env["isp.site"].search_count([]):
        return
    say("Hotspots: one of our own, two of outside owners")
    env.company.wallet_payout_limit = env.company.wallet_payout_limit or 500_000
    # Whoever signs up here has a simulated router: its address is one of this machine's.
    env["ir.config_parameter"].set_param("isp_hotspot.router_networks", "127.0.0.0/8")
    env["ir.config_parameter"].set_param("isp_hotspot.radius_host", "127.0.0.1")
    # What is due of today waits for the night, or for who presses "Pay out now".
    env.ref("isp_hotspot.tariff_usual").payout_from = 40_000
    owners = {owner["site"]: make_user(env, owner, "isp_hotspot.group_hotspot_owner") for owner in demo["owners"]}
    sites = {}
    for router in demo["routers"]:
        if key := router.get("site"):
            sites[key] = make_site(env, key, owners.get(key), env["isp.router"].search([("nas_identifier", "=", router["key"])]))
    say("Tokens given, sold, used and paid back")
    for key, site in sites.items():
        by = owners.get(key, staff("Cashier"))
        sell(env, site, by, YESTERDAY)
        pay_out(env, site)
        refuse(env, site)
        give_back(env, site)
        becomes_of_them(env, site, by, sell(env, site, by, TODAY))
    env.cr.commit()
    say("Batches of tokens, one of them on paper, and a reseller")
    reseller = make_reseller(env, demo["reseller"], sites["market"], staff("Billing manager"))
    batches(env, sites["market"], reseller)


def make_user(env, person, group):
    users = env["res.users"].with_context(no_reset_password=True)
    vals = users._prepare_hotspot_owner(person["login"]) if person["login"].startswith("+") else {"login": person["login"], "email": person["login"]}
    own = {"name": person["name"], "password": person["password"], "lang": person.get("lang", "en_US"), "tz": "Africa/Juba"}
    return users.create({**vals, **own, "group_ids": [Command.set(env.ref(group).ids)]})


def make_site(env, key, owner, router):
    words = dict(WORDS[key])
    arabic = words.pop("terms_ar")
    if owner:
        words |= {"partner_id": owner.partner_id.id, "momo_msisdn": owner.login.lstrip("+"), "lang": owner.lang, "wifi_password": "tea and sugar 77"}
    site = env["isp.site"].create(words)
    site.with_context(lang="ar_001").terms = arabic
    for offer, price in zip(site.offer_ids.sorted("seconds"), PRICES, strict=True):
        offer.price = price
    online = site.offer_ids.create({"site_id": site.id, "name": "5 hours online", "seconds": 5 * 3600, "counting": "online", "price": 2_000, "sequence": 20})
    online.with_context(lang="ar_001").name = "5 ساعات اتصال"
    router.site_id = site
    site.action_open()
    return site


# === Sales ===

#: (method, which offer: its place in the list, telephone, hours ago)
YESTERDAY = [
    ("momo", 2, "0921000011", 31), ("momo", 3, "0925000012", 30.2), ("momo", 4, "0921000013", 29.7), ("cash", 3, "", 28), ("cash", 0, "", 27),
    ("momo", 4, "0929000015", 26.4), ("cash", 4, "", 25), ("momo", 3, "0921000016", 24.2),
]  # fmt: skip
TODAY = [
    ("free", 0, "0921000017", 4.9), ("cash", 1, "", 4.3), ("momo", 0, "0925000018", 3.8), ("cash", 3, "", 3.1), ("cash", 5, "", 2.9), ("momo", 2, "0921000020", 2.2),
    ("momo", 3, "0929000021", 1.8), ("free", 1, "", 1.3), ("momo", 2, "0921000022", 0.8), ("cash", 2, "", 0.6), ("momo", 4, "0925000023", 0.4),
]  # fmt: skip


def offers_of(site):
    """By time, those counted on line last."""
    return site.offer_ids.sorted(lambda offer: (offer.counting == "online", offer.seconds))


def sell(env, site, by, sales):
    """:param by: the user who gives and takes cash; mobile money is paid by guests themselves :return: the tokens"""
    offers = offers_of(site)
    orders = [place(env, offers[number], method, phone, ago, by if method != "momo" else None) for method, number, phone, ago in sales]
    env["payment.transaction"].union(*(order.transaction_id for order in orders))._post_process()
    return [order.token_id for order in orders]


def refuse(env, site):
    """Somebody was asked and said no."""
    refused = place(env, offers_of(site)[2], "momo", "0921000024", 6.5, paid=False)
    refused.transaction_id._wallet_lock()
    refused.transaction_id._wallet_fail("APPROVAL_REJECTED")


def place(env, offer, method, phone, ago, by=None, paid=True):
    """:param ago: hours :return: the order; mobile money is there, to be booked"""
    order = env["isp.token.order"]._place(offer.site_id, str(uuid.uuid4()), method, offer=offer, phone=phone, user=by)
    if method == "momo" and paid:
        answer(order.transaction_id)
    at = fields.Datetime.subtract(fields.Datetime.now(), minutes=int(ago * 60))
    env.flush_all()
    env.cr.execute("UPDATE isp_token_order SET ordered_at = %s, done_at = CASE WHEN done_at IS NOT NULL THEN %s END WHERE id = %s", [at, at, order.id])
    env.cr.execute("UPDATE isp_token SET sold_at = %s WHERE id = %s", [at, order.token_id.id or None])
    # Their SMS came when they were sold.
    env.cr.execute("UPDATE isp_sms_message SET state = 'delivered' WHERE res_model = 'isp.token.order' AND res_id = %s AND state = 'queued'", [order.id])
    env.invalidate_all()
    return order


def answer(asked):
    """The operator says that the money moved."""
    asked._wallet_lock()
    asked._wallet_succeed(Status("done", reference=f"FT{asked.id:08}", amount=Decimal(asked._wallet_amount()), currency=asked.wallet_currency))


def give_back(env, site):
    """Somebody paid at the wrong hotspot; the money is back."""
    order = place(env, offers_of(site)[0], "momo", "0921000025", 5.8)
    order.transaction_id._post_process()
    order._refund("Paid at the wrong hotspot")
    refund = order.transaction_id.child_transaction_ids
    answer(refund)
    refund._post_process()


def becomes_of_them(env, site, by, tokens):
    """In use, used up, over, blocked, paused; the rest waits to be used."""
    router = site.router_ids[:1]
    in_use = [token for token in tokens if token.seconds >= 86400]
    over = [token for token in tokens if token.seconds == 3600]
    online = next(token for token in tokens if token.counting == "online")
    env.flush_all()
    for token in [*in_use, *over]:
        env.cr.execute("SELECT radius.first_use(%s, %s, %s)", [token.code, router.nas_ip, mac(token)])
        env.cr.execute("UPDATE isp_access_use SET first_at = %s WHERE access_id = %s", [fields.Datetime.add(token.sold_at, minutes=4), token.access_id.id])
    session(env, router, online, 5 * 3600, 2_400_000_000)
    for token in over:
        session(env, router, token, 3600, 410_000_000)
    env.invalidate_all()
    for step in env["isp.token"]._follow_steps():
        step()
    arabic = site.lang != "en_US"
    in_use[-1].with_user(by).sudo()._pause("مسافر حتى الاثنين" if arabic else "Away until Monday")
    last = [token for token in tokens if token.state == "sold"][-1]
    last.with_user(by).sudo()._block("سُرق الهاتف" if arabic else "The telephone was stolen")


def mac(token):
    """The telephone that logs in by it, as the simulated routers make it up."""
    number = token.access_id.id
    return "02:1B:" + ":".join(f"{number >> shift & 255:02X}" for shift in (24, 16, 8, 0))


def session(env, router, token, seconds, down):
    """A session that began so long ago and was ended by its router a moment ago."""
    now = int(fields.Datetime.now().timestamp())
    for kind, at, length, data in (("start", now - seconds, 0, 0), ("stop", now - 60, seconds, down)):
        env.cr.execute(
            "SELECT radius.acct(%s, %s, %s, %s, %s, 'ether2', %s, %s, 'isp', %s, '0', %s, %s, %s, '0', %s, '0', '')",
            (kind, f"h{token.access_id.id:08x}", token.code, f"isp:{token.access_id.id}", router.nas_ip, f"10.5.9.{token.id % 250 + 2}", mac(token), str(now), str(at), str(length), str(data // 9), str(data)),
        )


# === Paper and resellers ===


def make_reseller(env, person, site, manager):
    user = make_user(env, person, "base.group_portal")
    user.partner_id.phone = person["phone"]
    reseller = env["isp.reseller"].create({"partner_id": user.partner_id.id, "user_id": user.id, "site_ids": [Command.set(site.ids)], "commission": 10})
    reseller.with_user(manager)._take("demo-1", "topup", 50_000)
    for seconds, phone in ((3600, "0921000031"), (86400, ""), (3600, "")):
        offer = site.offer_ids.filtered(lambda offer, seconds=seconds: offer.seconds == seconds)
        reseller._sell(str(uuid.uuid4()), offer, phone=phone)
    return reseller


def batches(env, site, reseller):
    """One batch on paper, one with the reseller, one that was lost and is blocked."""
    hour, day = (site.offer_ids.filtered(lambda offer, seconds=seconds: offer.seconds == seconds) for seconds in (3600, 86400))
    make = env["isp.token.batch"]._place
    printed = make(site, str(uuid.uuid4()), hour._prepare_terms(), 300, name="Kiosk at the gate")
    env["isp.token.print"]._ask(printed, "a4_30", "en_US", 1, 60)
    make(site, str(uuid.uuid4()), day._prepare_terms(), 100, name="Joseph's shop")._give(reseller, "consignment")
    make(site, str(uuid.uuid4()), hour._prepare_terms(), 50, name="Lost on the bus")._block("The bag was left on the bus")


def pay_out(env, site):
    """What came in until yesterday, by a statement. One payout is done; the simulated operator is asked for the other when the demo has started."""
    statement = env["isp.site.statement"]._settle(site)
    if not statement:
        return
    yesterday = fields.Datetime.subtract(fields.Datetime.now(), hours=23)
    env.flush_all()
    env.cr.execute("UPDATE isp_site_statement SET date_to = %s, create_date = %s WHERE id = %s", [yesterday, yesterday, statement.id])
    env.invalidate_all()
    if site.lang == "en_US":
        answer(statement.payout_ids)
        statement.payout_ids._wallet_book()
