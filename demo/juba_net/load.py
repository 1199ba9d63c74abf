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
from datetime import date, timedelta

env = globals()["env"]  # of the shell
DEMO = json.loads(os.environ["ISP_DEMO"])  # {"users": […], "folder": …, "router_secret": …}
FOLDER = pathlib.Path(DEMO["folder"])
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
    cron = env.ref("mail.ir_cron_module_update_notification", raise_if_not_found=False)
    if cron:
        cron.active = False


def load_staff():
    users = env["res.users"].with_context(active_test=False, no_reset_password=True)
    home = env.ref("isp_base.action_isp_subscription", raise_if_not_found=False)
    for user in DEMO["users"]:
        if "name" not in user or users.search_count([("login", "=", user["login"])]):
            continue
        group = env.ref(user["group"], raise_if_not_found=False)
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


def load_router():
    if not has("isp.router") or env["isp.router"].search_count([("nas_ip", "=", "127.0.0.1")]):
        return
    say("Routers")
    env["isp.router"].create(
        [
            {
                "name": "Juba core",
                "nas_ip": "127.0.0.1",
                "nas_identifier": "juba-core",
                "radius_secret": DEMO["router_secret"],
                "note": "Answers on this machine: for tests with radclient.",
            },
            {
                "name": "Munuki tower",
                "nas_ip": "10.20.0.2",
                "nas_identifier": "munuki",
                "radius_secret": "munuki-tower-2026",
            },
            {
                "name": "Torit",
                "nas_ip": "10.20.0.3",
                "nas_identifier": "torit",
                "radius_secret": "torit-town-2026",
            },
        ]
    )


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
        cut = env["isp.subscription"]._suspend_overdue(company, commit=True)
        say(f"{len(cut)} subscriptions suspended for not paying")
        env.cr.commit()
    if bill(today, today):
        pay(0.12, today, today)


def protect():
    """Two lines that are never cut off by the computer, whoever pays or not."""
    lines = env["isp.subscription"].search(
        [("state", "=", "active"), ("partner_id.name", "ilike", "hospital")], order="id", limit=2
    ) or env["isp.subscription"].search([("state", "=", "active")], order="id", limit=2)
    lines.protected = True


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
    load_staff,
    load_router,
    load_files,
    load_customer,
    play_two_months,
    compile_pages,
):
    task()
    env.cr.commit()
