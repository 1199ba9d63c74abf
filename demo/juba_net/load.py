# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Loads the demo ISP "Juba Net" through the product's own ways; run by ``script/server``.

The text of this file is the input of Odoo's ``shell``, which gives it ``env``. Every step looks
first whether it was done: running it again changes nothing. Lines that begin with ``## `` are
shown as progress. Dates count from today, so the screens look alike on any day.
"""

import json
import os
import pathlib
import random
import sys
from datetime import date, timedelta

env = globals()["env"]  # of the shell
DEMO = json.loads(os.environ["ISP_DEMO"])  # {"users": […], "folder": …, "router_secret": …}
FOLDER = pathlib.Path(DEMO["folder"])
sys.path.insert(0, str(FOLDER))
import hotspot  # noqa: E402  beside this file
import network  # noqa: E402

LINES = int(os.environ.get("ISP_DEMO_LINES") or 100_000)  # of each file, for a quicker demo
ENGLISH, ARABIC = "en_US", "ar_001"

company = env.ref("base.main_company")
chance = random.Random(2026)


def say(text):
    print(f"## {text}", flush=True)


def has(model):
    return model in env


def load_company():
    if company.name == "Juba Net":
        return
    say("Company, chart of accounts, languages")
    country = env.ref("base.ss")
    states = env["res.country.state"].search([("country_id", "=", country.id)])
    company.write(
        {
            "name": "Juba Net",
            "street": "Airport Road",
            "city": "Juba",
            "state_id": states.filtered(lambda state: "Central Equatoria" in state.name)[:1].id,
            "country_id": country.id,
            "phone": "+211 920 000 100",
            "email": "office@jubanet.example",
            "website": "https://jubanet.example",
            "vat": "100200300",
        }
    )
    company.partner_id.write({"tz": "Africa/Juba", "lang": ENGLISH})
    if has("account.chart.template"):
        chart = env["account.chart.template"]
        if "ss" in chart._get_chart_template_mapping() and company.chart_template != "ss":
            chart.try_loading("ss", company, install_demo=False)
    env["ir.default"].set("res.partner", "tz", "Africa/Juba")
    env["ir.default"].set("res.partner", "lang", ENGLISH)
    stay_at_home()


def stay_at_home():
    """Core asks Odoo's own services for news and company data; the demo talks to nobody."""
    if "iap_enrich_auto_done" in company:
        company.iap_enrich_auto_done = True
    names = ["mail.ir_cron_module_update_notification"]
    if not has("isp.sms.gateway"):
        names.append("sms.ir_cron_sms_scheduler_action")
    for name in names:
        cron = env.ref(name, raise_if_not_found=False)
        if cron:
            cron.active = False


def load_sms():
    """SMS go to Kannel, whose operator is simulated: the telephones' pages show them."""
    if not has("isp.sms.gateway") or env["isp.sms.gateway"].search_count([]):
        return
    say("SMS gateway: Kannel")
    kannel = DEMO["kannel"]
    env["isp.sms.gateway"].create(
        {
            "name": "Kannel",
            "driver": "kannel",
            "url": kannel["url"],
            "username": "isp",
            "password": kannel["password"],
            "sender": "JubaNet",
            "price": 25,
        }
    )
    env.ref("sms.ir_cron_sms_scheduler_action").active = True


def load_momo():
    """MTN MoMo asks simulated telephones; it is enabled, not in test mode: MTN's sandbox answers by itself and asks nobody."""
    if not has("isp.wallet.claim"):
        return
    provider = env["payment.provider"].search([("code", "=", "mtn_momo"), ("company_id", "=", company.id)], limit=1)
    if not provider or provider.state != "disabled":
        return
    say("MTN MoMo, with simulated telephones")
    journals = env["account.journal"].search([("company_id", "=", company.id), ("type", "=", "bank")])
    journal = journals.filtered(lambda journal: journal.code == "MOMO") or journals[:1]
    provider.payment_method_ids.active = True
    provider.write(
        {
            **DEMO["momo"]["account"],
            "wallet_base_url": DEMO["momo"]["url"],
            "wallet_environment": "mtnsouthsudan",
            "wallet_callback_base": DEMO["url"],
            "wallet_holder_check": "name",
            "state": "enabled",
            "is_published": True,
        }
    )
    provider.journal_id = journal


def load_staff():
    users = env["res.users"].with_context(active_test=False, no_reset_password=True)
    for user in DEMO["users"]:
        if "name" not in user or users.search_count([("login", "=", user["login"])]):
            continue
        group = env.ref(user["group"], raise_if_not_found=False)
        home = env.ref(user.get("home", "isp_base.action_isp_subscription"), raise_if_not_found=False)
        vals = {
            "name": user["name"],
            "login": user["login"],
            "email": user["login"],
            "password": user["password"],
            "lang": user.get("lang", ENGLISH),
            "tz": "Africa/Juba",
            "action_id": home.id if home else False,
            "group_ids": [(4, group.id)] if group else [],
        }
        if user["group"].endswith("administrator"):
            env.ref("base.user_admin").write(vals)
        else:
            users.create(vals)
        say(f"{user['role']}: {user['login']}")


def load_files():
    """Ladders, plans and subscribers, by the product's own import."""
    if not has("isp.import"):
        return
    for name in ("fup.csv", "plans.csv", "subscribers.csv"):
        if env["isp.import"].search_count([("file_name", "=", name), ("state", "=", "done")]):
            continue
        data = b"".join((FOLDER / name).read_bytes().splitlines(keepends=True)[: LINES + 1])
        say(f"Importing {name}")
        record = env["isp.import"].search([("file_name", "=", name)], limit=1) or env[
            "isp.import"
        ]._from_bytes(data, name, bill_from=last_month())
        env.cr.commit()

        def after_batch(running):
            env.cr.commit()
            if running.last_line > 400:
                say(f"  line {running.position} of {running.last_line}")

        record._run(after_batch)
        env.cr.commit()
        say(
            f"  {record.created_count} created, {record.updated_count} updated, {record.refused_count} lines refused"
        )


def last_month():
    return (date.today().replace(day=1) - timedelta(days=1)).replace(day=1)


def load_customer():
    """The portal's customer: an imported subscriber with a log-in."""
    user = DEMO["users"][-1]
    if not has("isp.subscription") or env["res.users"].search_count([("login", "=", user["login"])]):
        return
    line = env["isp.subscription"].search(
        [("state", "=", "active"), ("plan_id.code", "=", "HOME-5M"), ("partner_id.is_company", "=", False)],
        order="id",
        limit=1,
    )
    partner = line.partner_id
    vals = {"login": user["login"], "password": user["password"], "tz": "Africa/Juba"}
    if not partner:
        vals["name"] = "Customer"
    else:
        vals["partner_id"] = partner.id
    group = env.ref("base.group_portal")
    env["res.users"].with_context(no_reset_password=True).create({**vals, "group_ids": [(6, 0, group.ids)]})
    say(f"{user['role']}: {user['login']} ({partner.name or 'no subscription'})")


def bill(day, invoice_date):
    """A billing run as staff start it, here and now."""
    run = env["isp.billing.run"].search([("date", "=", day)], limit=1)
    if run.state == "done":
        return False
    say(f"Billing run of {day}")
    run = run or env["isp.billing.run"].create(
        {"date": day, "invoice_date": invoice_date, "company_id": company.id}
    )
    run._process(commit=True)
    say(f"  {run.move_count} invoices, {company.currency_id.format(run.amount_total)}")
    return True


def pay(share, first_day, last_day):
    """Most customers pay what they owe, on some day, part of them only half of it."""
    partners = env["res.partner"].search([("isp_subscription_ids", "!=", False)], order="id")
    dues = partners._isp_dues(last_day)
    debtors = [
        (partners.browse(partner), due.balance)
        for (partner, _company), due in sorted(dues.items())
        if due.balance > 0
    ]
    journal = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", company.id)], limit=1)
    vals_list = []
    for partner, balance in debtors:
        if chance.random() > share or partner in kept_back():
            continue
        amount = balance if chance.random() < 0.95 else company.currency_id.round(balance / 2)
        day = first_day + timedelta(days=chance.randrange((last_day - first_day).days + 1))
        vals = {"partner_id": partner.id, "amount": amount, "journal_id": journal.id, "date": day}
        vals_list.append(env["isp.cash.payment"].new(vals)._prepare_payment_vals())
    say(f"{len(vals_list)} payments")
    quiet = {"mail_create_nolog": True, "tracking_disable": True, "mail_notrack": True}
    for start in range(0, len(vals_list), 50):
        payments = env["account.payment"].with_context(**quiet).create(vals_list[start : start + 50])
        payments.action_post()
        payments.partner_id._isp_apply_credit(company)
        env.cr.commit()


def kept_back():
    """The portal's customer owes the present month, so that there is something to see and to pay."""
    user = env["res.users"].search([("login", "=", DEMO["users"][-1]["login"])])
    return user.partner_id


def play_two_months():
    """Last month billed and mostly paid, who did not pay is cut off; this month billed, some of it paid."""
    if not has("isp.billing.run"):
        return
    today, first = date.today(), last_month()
    if bill(first, first):
        protect()
        pay(0.9, first + timedelta(days=2), first + timedelta(days=14))
        remind()
        cut = env["isp.subscription"]._suspend_overdue(company, commit=True)
        say(f"{len(cut)} subscriptions suspended for not paying")
        env.cr.commit()
    if bill(today, today):
        pay(0.12, today, today)


def remind():
    """Today's dunning run: who owes last month's bill is told so; nobody is cut who was not told the day before."""
    run = env["isp.dunning.run"]._run_company(company, commit=True)
    say(f"{run.notices} reminders")


def protect():
    """Two lines that are never cut off by the computer, whoever pays or not."""
    lines = env["isp.subscription"].search(
        [("state", "=", "active"), ("partner_id.name", "ilike", "hospital")], order="id", limit=2
    ) or env["isp.subscription"].search([("state", "=", "active")], order="id", limit=2)
    lines.protected = True

def staff(role):
    """The person of a role, as whom a step below is done."""
    login = next(user["login"] for user in DEMO["users"] if user["role"] == role)
    return env["res.users"].search([("login", "=", login)])


def lines_of(plan, count):
    """Some lines in service of a plan, to play with; the portal's customer is left alone."""
    domain = [("state", "=", "active"), ("plan_id.code", "=", plan), ("anchor_day", "=", 1)]
    domain += [("partner_id", "not in", kept_back().ids)]
    return env["isp.subscription"].search(domain, order="id", limit=count)


def name_both(record, arabic):
    record.with_context(lang=ARABIC).name = arabic


def load_services():
    """Add-on services on business lines, a promotion with a voucher, a change of plan for next month."""
    if not has("isp.promotion") or env["isp.promotion"].search_count([]):
        return
    say("Services, a promotion and a change of plan")
    products = env["product.product"].create(
        [
            {"name": name, "type": "service", "isp_is_service": True, "list_price": price, "purchase_ok": False}
            for name, price in (("Static IP address", 45_000), ("Rent of a router", 22_500))
        ]
    )
    name_both(products[0], "عنوان IP ثابت")
    name_both(products[1], "إيجار جهاز توجيه")
    today = company._isp_today()
    env["isp.subscription.service"].create(
        [
            {"subscription_id": line.id, "product_id": product.id, "date_from": today}
            for line in lines_of("BIZ-10M", 2)
            for product in products
        ]
    )
    promotion = env["isp.promotion"].create(
        {
            "name": "Rainy season: 20 % off",
            "code": "RAIN20",
            "customer_kind": "all",
            "discount_kind": "percent",
            "value": 20,
            "period_count": 3,
            "max_uses": 50,
            "date_from": today - timedelta(days=10),
            "date_to": today + timedelta(days=50),
            "approval_ref": "NCA/CP/118",
            "approval_date": today - timedelta(days=30),
        }
    )
    name_both(promotion, "موسم الأمطار: خصم 20 ٪")
    for line in lines_of("HOME-2M", 4):
        line._take_promotion(promotion)
    faster = env["isp.plan"].search([("code", "=", "HOME-10M")], limit=1)
    for line in lines_of("HOME-5M", 2):
        line.with_user(staff("Customer service"))._change_plan(faster, "renewal")


def load_agreement():
    """Somebody who was cut off pays in three parts, the first of them today; a credit waits for approval."""
    if not has("isp.instalment") or env["isp.instalment"].search_count([]):
        return
    say("An instalment agreement and credits")
    care, today = staff("Customer service"), company._isp_today()
    cut = env["isp.subscription"].search([("state", "=", "suspended"), ("billing_mode", "=", "postpaid")], order="id")
    for partner in cut.partner_id:
        agreement = env["isp.instalment"].with_user(care).create({"partner_id": partner.id, "date_first": today})
        if agreement.line_ids:
            agreement.note = "Asked for at the counter; the salary comes at the end of the month."
            agreement.with_user(staff("Billing manager")).action_activate()
            break
        agreement.unlink()
    credits = ((15_000, "Cable replaced after rain, one day off"), (60_000, "Fibre cut at Munuki, four days off"))
    for line, (amount, reason) in zip(lines_of("HOME-5M", 2), credits, strict=False):
        env["isp.adjustment"].with_user(care).create(
            {"partner_id": line.partner_id.id, "subscription_id": line.id, "amount": amount, "reason": reason}
        ).action_submit()


def load_cash_desk():
    """The morning's shift is counted and closed with its Z report, the afternoon's is open."""
    if not has("isp.cash.desk") or env["isp.cash.desk"].search_count([]):
        return
    say("Cash desk: a shift with its Z report, one open")
    safe = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", company.id)], limit=1)
    drawer = env["account.journal"].create({"name": "Front desk", "code": "DRW1", "type": "cash"})
    cashier = staff("Cashier")
    desk = env["isp.cash.desk"].create(
        {
            "name": "Front desk",
            "code": "FD",
            "journal_id": drawer.id,
            "safe_journal_id": safe.id,
            "user_ids": [(6, 0, cashier.ids)],
            "float_amount": 20_000,
        }
    )
    power = env["account.chart.template"].ref("ss_site_power")
    fuel = env["isp.cash.reason"].create({"name": "Fuel for the generator", "account_id": power.id})
    name_both(fuel, "وقود المولّد")
    payers = debtors()
    shift = open_shift(desk, cashier, 20_000)
    for partner, balance in payers[:6]:
        take(cashier, partner, balance)
    shift._move_cash("paid_out", 18_000, "demo", reason=fuel, to_whom="Emmanuel Wani", note="2 jerrycans")
    counted = int(shift.expected) - 500
    shift._close(notes(desk, counted), counted - 20_000, "A note of 500 is missing")
    open_shift(desk, cashier, 0)
    for partner, balance in payers[6:9]:
        take(cashier, partner, balance)
    for part in env["isp.instalment"].search([("state", "=", "active")]).line_ids[:1]:
        take(cashier, part.instalment_id.partner_id, part.amount)


def debtors():
    """:return: [(customer in service, what is owed)]"""
    lines = env["isp.subscription"].search([("state", "=", "active"), ("partner_id", "not in", kept_back().ids)], order="id")
    held = env["isp.instalment"].search([("state", "=", "active")]).partner_id
    dues = (lines.partner_id - held)._isp_dues(company._isp_today())
    return [
        (env["res.partner"].browse(partner), due.balance)
        for (partner, _company), due in sorted(dues.items())
        if due.balance > 0
    ]


def notes(desk, amount):
    from odoo.addons.isp_cash.engine import drawer

    return drawer.change(amount, desk.denomination_ids.mapped("value"))[0]


def open_shift(desk, cashier, from_safe):
    in_drawer = from_safe or int(desk._last_closed().expected)
    return env["isp.cash.shift"].with_user(cashier)._open(desk, notes(desk, in_drawer), from_safe)


def take(cashier, partner, amount):
    """Cash over the counter, the notes rounded up to thousands."""
    vals = {"partner_id": partner.id, "amount": amount, "given": -(-amount // 1000) * 1000}
    env["isp.cash.payment"].with_user(cashier).create(vals)._take()


def load_wallet():
    """Money through a wallet: one comes from a telephone we know and is booked, three wait in suspense."""
    if not has("isp.operator") or env["isp.operator"].search_count([]):
        return
    say("Money received through a wallet")
    journal = env["account.journal"].create({"name": "m-GURUSH", "code": "MGUR", "type": "bank"})
    operator = env["isp.operator"].create(
        {"name": "m-GURUSH", "kind": "wallet", "journal_id": journal.id, "mapping_id": env.ref("isp_bank.mapping_wallet").id}
    )
    payers = [partner for partner, _balance in debtors()[-4:]]
    receipts = [
        {"payer_name": payers[0].name, "text": f"internet {payers[0].isp_account_no}"},
        {"payer_name": payers[1].name, "text": "internet home"},
        {"payer_name": "Wani Stephen", "payer_phone": payers[2].phone, "text": "for my brother"},
        {"payer_name": "Agent 0417", "text": f"wifi {payers[3].isp_account_no[:-1]}"},
    ]
    for number, (partner, receipt) in enumerate(zip(payers, receipts, strict=True), 1):
        due = partner._isp_dues()[partner.id, company.id]
        vals = {"operator_id": operator.id, "reference": f"MG{company._isp_today():%y%m%d}{number:04}", "amount": due.balance}
        env["isp.incoming.manual"].with_user(staff("Billing manager")).create({**vals, **receipt}).action_confirm()


def load_network():
    """Routers, what lines used in the last year, outages, fair use and a backlog."""
    if has("isp.router.setup"):
        network.load(env, DEMO, staff, say)


def load_hotspots():
    """Hotspots, their owners, tokens, orders, a batch, a reseller, a statement."""
    if has("isp.site"):
        hotspot.load(env, DEMO, staff, say)


def preview_next_month():
    """Next month's bills wait to be looked at."""
    if not has("isp.billing.preview"):
        return
    today, runs = company._isp_today(), env["isp.billing.run"]
    if not runs.search_count([("date", ">", today)]):
        month = (today.replace(day=28) + timedelta(days=4)).replace(day=1)
        preview = runs.create({"date": month, "company_id": company.id})
        preview._simulate(commit=True)
        say(f"Preview of {month}: {preview.preview_count} customers, {preview.preview_attention} to look at")


def compile_pages():
    """The style sheets and scripts, so that nobody waits for them at the first visit."""
    say("Preparing pages in English and Arabic")
    qweb = env["ir.qweb"]
    for name in ("web.assets_web", "web.assets_frontend"):
        qweb._get_asset_bundle(name, css=False, js=True).js()
        for rtl in (False, True):
            qweb._get_asset_bundle(name, css=True, js=False, rtl=rtl).css()
    for name in ("web.assets_frontend_minimal", "web.assets_frontend_lazy"):
        qweb._get_asset_bundle(name, css=False, js=True).js()


for task in (
    load_company,
    load_sms,
    load_momo,
    load_staff,
    load_files,
    load_customer,
    play_two_months,
    load_services,
    load_agreement,
    load_cash_desk,
    load_wallet,
    load_network,
    load_hotspots,
    preview_next_month,
    compile_pages,
):
    task()
    env.cr.commit()
