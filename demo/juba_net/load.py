# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Loads the demo ISP "Juba Net" through the product's own ways; run by ``script/server``.

The text of this file is the input of Odoo's ``shell``, which gives it ``env``. Every step looks
first whether it was done: running it again changes nothing. Lines that begin with ``## `` are
shown as progress.
"""

import json
import os

env = globals()["env"]  # of the shell
USERS = json.loads(os.environ["ISP_DEMO_USERS"])


def say(text):
    print(f"## {text}", flush=True)


def has(model):
    return model in env


def load_company():
    company = env.ref("base.main_company")
    country = env.ref("base.ss")
    state = env["res.country.state"].search([("country_id", "=", country.id), ("name", "ilike", "Central Equatoria")], limit=1)
    vals = {
        "name": "Juba Net",
        "street": "Airport Road",
        "city": "Juba",
        "state_id": state.id,
        "country_id": country.id,
        "phone": "+211 920 000 100",
        "email": "office@jubanet.example",
        "website": "https://jubanet.example",
    }
    if company.name == vals["name"]:
        return company
    say("Company, chart of accounts, languages")
    company.write(vals)
    company.partner_id.tz = "Africa/Juba"
    _stay_at_home(company)
    if has("account.chart.template"):
        chart = env["account.chart.template"]
        code = "ss" if "ss" in chart._get_chart_template_mapping() else "generic_coa"
        if company.chart_template != code:
            chart.try_loading(code, company, install_demo=False)
    env["ir.default"].set("res.partner", "tz", "Africa/Juba")
    env["ir.default"].set("res.partner", "lang", "en_US")
    return company


def _stay_at_home(company):
    """Core asks Odoo's own services for news and company data; the demo talks to nobody."""
    if "iap_enrich_auto_done" in company:
        company.iap_enrich_auto_done = True
    cron = env.ref("mail.ir_cron_module_update_notification", raise_if_not_found=False)
    if cron:
        cron.active = False


def load_users(company):
    made = []
    for user in USERS:
        if user["group"] == "base.group_portal":
            continue
        vals = {
            "name": user["name"],
            "login": user["login"],
            "email": user["login"],
            "lang": user.get("lang", "en_US"),
            "tz": "Africa/Juba",
        }
        record = env["res.users"].with_context(active_test=False).search([("login", "=", user["login"])])
        if record:
            continue
        if user["group"].endswith("administrator"):
            record = env.ref("base.user_admin")
            record.write({**vals, "password": user["password"]})
        else:
            record = env["res.users"].with_context(no_reset_password=True).create({**vals, "password": user["password"]})
        group = env.ref(user["group"], raise_if_not_found=False)
        if group:
            record.write({"group_ids": [(4, group.id)]})
        made.append(user["role"])
    if made:
        say(f"Users: {', '.join(made)}")


def main():
    company = load_company()
    load_users(company)
    env.cr.commit()


main()
