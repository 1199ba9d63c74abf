# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Pages of guests: what travels over the line for each, in Chromium at 360 px, beside Odoo's own log-in and portal pages in the same run.

Bytes are those on the wire (head and body, as the browser counts them), once with nothing remembered and once again. Nothing is compressed on our
side or theirs: Odoo's server does not. The goals are ours: under 30 KB for the first page, under 5 KB for those after it.

    script/bench pages [--json]
"""

import argparse
import json
import os

from stack import addons, packages
from stack.browser import PHONE, tab
from stack.instance import Instance, RunLock
from stack.shell import StackError, run, step

DATABASE = "isp_bench_pages"
ADMIN = {"login": "bench-guest", "password": "bench-guest-1"}
WORK = """
import base64, io, json, uuid
from PIL import Image
# Noise: no logo is heavier.
out = io.BytesIO()
Image.effect_noise((256, 256), 100).convert("RGB").save(out, "PNG")
picture = base64.b64encode(out.getvalue()).decode()
company = env.company
company.partner_id.country_id = env.ref("base.ss")
env["res.lang"]._activate_lang("ar_001")
env["ir.module.module"].search([("name", "=", "isp_hotspot")])._update_translations(["ar_001"], overwrite=True)
provider = env["payment.provider"].with_context(active_test=False).search([("code", "=", "mtn_momo")], limit=1)
journal = env["account.journal"].search([("type", "in", ("bank", "cash")), ("company_id", "=", company.id)], limit=1)
if not journal:
    account = env["account.account"].create({"name": "MoMo", "code": "101999", "account_type": "asset_cash"})
    journal = env["account.journal"].create({"name": "MoMo", "type": "bank", "code": "BMOMO", "default_account_id": account.id})
key = "f1db798c98df4bcf83b538175893bbf0"
provider.write({"company_id": company.id, "journal_id": journal.id, "wallet_base_url": "http://127.0.0.1:9", "wallet_environment": "mtnsouthsudan", "wallet_collection_key": key,
                "wallet_disbursement_key": key, "wallet_api_key": key, "wallet_api_user": "c72025f5-5cd1-4630-99e4-8ba4722fad56", "state": "enabled", "is_published": True})
env["ir.cron"].search([]).active = False
site = env["isp.site"].search([("name", "=", "River Hotel")]) or env["isp.site"].create(
    {"name": "River Hotel", "ssid": "River", "lang": "en_US", "trial_minutes": 10, "logo": picture, "terms": "Be kind to others on this line. " * 20})
site.action_open()
for offer, price in zip(site.offer_ids, (500, 1200, 2500, 12000, 40000)):
    offer.price = price
token = env["isp.token"]._make(site, site.offer_ids[0]._prepare_terms(), state="sold")
orders = [env["isp.token.order"]._place(site, str(uuid.uuid4()), "momo", offer=site.offer_ids[0], phone=number) for number in ("0929000001", "0929000002")]
orders[1]._on_paid()
portal = env["res.users"].search([("login", "=", "bench-guest")]) or env["res.users"].with_context(no_reset_password=True).create(
    {"name": "Guest", "login": "bench-guest", "password": "bench-guest-1", "group_ids": [(6, 0, env.ref("base.group_portal").ids)]})
env.cr.commit()
print("FIGURES " + json.dumps({"slug": site.slug, "waiting": orders[0].uuid, "done": orders[1].uuid, "code": token.code}))
"""


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="script/bench pages", description=__doc__.split("\n")[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    lock = RunLock("bench", "script/bench pages")
    instance = Instance("bench", database=DATABASE, workers=0)
    instance.postgres.start()
    try:
        facts = _prepare(instance)
        instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
        try:
            measures = _measure(f"http://127.0.0.1:{instance.ports['odoo']}", facts)
        finally:
            instance.odoo.stop()
    finally:
        instance.stop()
        lock.file.close()
    print(f"\n{'page':44}{'requests':>9}{'first (bytes)':>15}{'again (bytes)':>15}{'goal':>8}")
    for name, (requests, first, again, goal) in measures.items():
        mark = "" if not goal else f"{goal:>8}" if first < goal else f"{goal:>7}!"
        print(f"{name:44}{requests:>9}{first:>15}{again:>15}{mark}")
    ours, theirs = measures["guest: first page, English"][1], measures["Odoo: /web/login"][1]
    print(f"\nOdoo's log-in page is {theirs / ours:.0f} times the guest's first page.")
    if options.json:
        print(json.dumps({"name": "pages", "measures": {name: {"requests": row[0], "first": row[1], "again": row[2]} for name, row in measures.items()}}))


def _prepare(instance: Instance) -> dict:
    before = os.environ.get("ISP_TEST_ADDONS")
    os.environ["ISP_TEST_ADDONS"] = "isp_hotspot"
    addons.bring_up_to_date(instance, DATABASE)
    if before is None:
        del os.environ["ISP_TEST_ADDONS"]
    step("A hotspot with offers, a logo, terms")
    work = f"exec(compile({WORK!r}, 'bench', 'exec'), {{'env': env}})\n"
    done = run(instance.odoo.command("shell", "-d", DATABASE, "--no-http", "--log-level=error"), input=work, env=packages.environment())
    for line in done.stdout.splitlines():
        if "FIGURES " in line:
            return json.loads(line.partition("FIGURES ")[2])
    raise StackError(f"The hotspot was not made:\n{done.stdout[-1500:]}")


def _measure(url: str, facts: dict) -> dict:
    base = f"{url}/wifi/{facts['slug']}"
    came = "mac=AA:BB:CC:00:00:01&link-login-only=http%3A%2F%2Fwifi.internal%2Flogin&chap-id=%5C371&chap-challenge=" + "%5C357" * 16 + "&b=1"
    pages = [
        ("guest: first page, English", f"{base}?{came}&lang=en", 30_000),
        ("guest: first page, Arabic", f"{base}?{came}&lang=ar", 30_000),
        ("guest: refused by the router", f"{base}?{came}&error=Too+many+devices&username={facts['code']}", 30_000),
        ("guest: waiting for the money", f"{base}/order/{facts['waiting']}?{came}", 5000),
        ("guest: the code", f"{base}/order/{facts['done']}?{came}", 5000),
        ("guest: balance", f"{base}/me?lang=ar", 5000),
        ("guest: terms", f"{base}/terms", 5000),
    ]
    measures = {name: (*_load(url, address), goal) for name, address, goal in pages}
    for name, address in (("guest: one look at how it stands", f"{base}/order/{facts['waiting']}/state"), ("router's own page (to the router, once)", f"{base}/router/login.html")):
        measures[name] = (*_load(url, f"{base}/terms", fetched=address), 5000 if "look" in name else 30_000)
    _load(url, f"{url}/web/login")  # its style sheets and scripts are made for whoever comes first
    measures["Odoo: /web/login"] = (*_load(url, f"{url}/web/login"), 0)
    measures["Odoo: /my"] = (*_load(url, f"{url}/my", ADMIN), 0)
    return measures


def _load(url: str, address: str, user=None, fetched="") -> tuple:
    """
    :param fetched: count only this, as the page's script gets it
    :return: (requests, bytes with nothing remembered, bytes when opened again)
    """
    if user:
        with tab(url, PHONE) as warm:  # as above
            warm.log_in(user)
    with tab(url, PHONE) as browser:
        page, got, own = browser.page, [], set()
        if user:
            page.goto(f"{url}/web/login")
            token = page.input_value("input[name=csrf_token]")
            answer = page.request.post(f"{url}/web/login", form={"login": user["login"], "password": user["password"], "csrf_token": token})
            assert answer.ok
        wire = page.context.new_cdp_session(page)
        wire.send("Network.enable")
        if user:
            wire.send("Network.clearBrowserCache")
        # Pictures within the page are no requests.
        wire.on("Network.requestWillBeSent", lambda event: own.add(event["requestId"]) if event["request"]["url"].startswith("data:") else None)
        wire.on("Network.loadingFinished", lambda event: got.append(event["encodedDataLength"]) if event["requestId"] not in own else None)
        sums = []
        for _time in range(2):
            got.clear()
            page.goto(address, wait_until="networkidle")
            if fetched:
                page.wait_for_timeout(500)
                got.clear()
                page.evaluate("url => fetch(url).then(answer => answer.text())", fetched)
            page.wait_for_timeout(500)
            sums.append((len(got), int(sum(got))))
        return sums[0][0], sums[0][1], sums[1][1]
