"""``script/screenshots``: pictures of the running demo, in English and Arabic.

Called by a person on the system's Python it finds or starts the demo, then calls itself with the
address on the Python that has the browser's driver.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

if __package__:
    from . import demo, packages, paths
    from .instance import Busy, RunLock
    from .shell import StackError, die_with_parent, fail, step
else:  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from stack import demo, packages, paths
    from stack.instance import Busy, RunLock
    from stack.shell import StackError, die_with_parent, fail, step

import signal

PICTURES = paths.REPO / "docs" / "pictures"
LARGEST = 300_000


def main() -> None:
    try:
        packages.setup()
        url = _running()
        server = None
        if not url:
            server, url = _start()
        try:
            code = subprocess.run([paths.PYTHON, __file__, url, *sys.argv[1:]], check=False).returncode
        finally:
            if server:
                server.send_signal(signal.SIGINT)
                server.wait()
    except StackError as error:
        fail(error)
    raise SystemExit(code)


def _running() -> str:
    """:return: the address of the demo that runs, empty when none does"""
    try:
        RunLock("demo", "script/screenshots").file.close()
    except Busy as busy:
        if not busy.facts.get("url"):
            raise StackError(f"{busy} It is still starting; try again in a moment.") from busy
        return busy.facts["url"]
    return ""


def _start() -> tuple[subprocess.Popen, str]:
    server = subprocess.Popen(
        [paths.REPO / "script" / "server"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    url = ""
    for line in server.stdout:
        print(line, end="", flush=True)
        if line.startswith("Juba Net is open at"):
            url = line.split()[-1]
        if line.startswith("Ctrl-C"):
            return server, url
    raise StackError("script/server did not start.")


# --- with the browser ---


def _pictures(url: str, only: str = "") -> None:
    """:param only: "network": these alone"""
    from stack.browser import DESK, PHONE, tab  # not on the system's Python

    users = {user["role"]: user for user in demo.USERS}
    if only == "network":
        _in_both_languages(url, users["Administrator"], _network, ("", "-phone"))
        _customer_usage(url, users["Customer (portal)"])
        return
    with tab(url, DESK) as office:
        _enter(office, users["Billing manager"])
        office.open_action("isp_base.action_isp_subscription")
        _save(office, "subscribers")
    arabic = [
        ("partner_id.lang", "=", "ar_001"),
        ("partner_id.isp_name_ar", "!=", False),
        ("state", "=", "active"),
        ("billing_mode", "=", "postpaid"),
    ]
    on_line = [*arabic, ("online", "=", True)]
    with tab(url, {"width": 1280, "height": 900}) as office:
        _enter(office, users["Customer service"])
        # Who is on line differs from demo to demo; if nobody fits, one who is not, in a small demo anybody.
        found = [
            *office.call("isp.subscription", "search", on_line, limit=1, order="id DESC"),
            *office.call("isp.subscription", "search", arabic, limit=1, order="id DESC"),
            *office.call("isp.subscription", "search", [("state", "=", "active")], limit=1),
        ]
        line = found[0]
        _open_record(office, "isp.subscription", line)
        _save(office, "subscription-arabic")
    with tab(url, PHONE) as office:
        _enter(office, users["Customer service"])
        office.open_action("isp_base.action_isp_subscription")
        _save(office, "subscribers-arabic-phone")
    _in_both_languages(url, users["Cashier"], _cash_desk)
    _in_both_languages(url, users["Billing manager"], _billing)
    _in_both_languages(url, users["Billing manager"], _sms)
    _in_both_languages(url, users["Administrator"], _network, ("", "-phone"))
    _customer_usage(url, users["Customer (portal)"])
    _mobile_money(url, users)
    _hotspots(url, users)


def _in_both_languages(url: str, user: dict, take, sizes=("",)) -> None:
    """``take(office, suffix of the file names)`` in English and in Arabic; the user has English again afterwards.

    :param sizes: "" a desk, "-phone" a telephone; part of the suffix
    """
    from stack.browser import DESK, PHONE, tab

    for lang, suffix in (("ar_001", "-arabic"), ("en_US", "")):
        with tab(url, DESK) as office:
            _enter(office, user)
            (me,) = office.call("res.users", "search", [("login", "=", user["login"])])
            office.call("res.users", "write", [me], {"lang": lang})
        # The style sheets of a direction come with the log-in.
        for place in sizes:
            with tab(url, PHONE if place else DESK) as office:
                _enter(office, user)
                take(office, f"{suffix}{place}")


def _cash_desk(office, suffix: str) -> None:
    """A customer who came to pay, found by the account number."""
    office.open_action("isp_cash.action_isp_cash_mine")
    _save(office, f"cash-shift{suffix}")
    login = [("login", "=", demo.USERS[-1]["login"])]  # the customer who owes this month
    (user,) = office.call("res.users", "search_read", login, ["partner_id"])
    (payer,) = office.call("res.partner", "read", user["partner_id"][:1], ["isp_account_no"])
    office.open_action("isp_cash.action_isp_cash_take")
    office.page.fill(".o_field_widget[name=query] input", payer["isp_account_no"])
    office.page.keyboard.press("Tab")
    office.settle()
    _save(office, f"cash-desk{suffix}")


def _billing(office, suffix: str) -> None:
    for name, model, domain in (
        ("preview", "isp.billing.run", [("state", "=", "preview")]),
        ("dunning", "isp.dunning.run", [("state", "!=", "draft")]),
        ("instalment", "isp.instalment", [("state", "=", "active")]),
    ):
        _open_first(office, model, domain)
        _save(office, f"{name}{suffix}")


def _sms(office, suffix: str) -> None:
    """SMS to many: what would go out, before anything does."""
    text = {
        "name": "Fibre to Gudele cut" if not suffix else "انقطاع الألياف في قوديلي",
        "body": "Dear {name}, the fibre to Gudele is cut. We expect it back by 18:00. Juba Net",
        "body_ar": "انقطعت الألياف في قوديلي. نتوقع العودة 18:00. جوبا نت",
        "service": True,
    }
    (bulk,) = office.call("isp.sms.bulk", "create", [text])
    office.call("isp.sms.bulk", "action_preview", [bulk])
    _open_record(office, "isp.sms.bulk", bulk)
    _save(office, f"bulk-sms{suffix}")
    office.page.set_viewport_size({"width": 360, "height": 740})
    _open_record(office, "isp.sms.bulk", bulk)
    _save(office, f"bulk-sms{suffix}-phone")
    office.call("isp.sms.bulk", "unlink", [bulk])


def _network(office, suffix: str) -> None:
    """Routers, lines and what waits, on a desk and on a telephone."""
    for action, name in (("router_task", "backlog"), ("fup_status", "fair-use"), ("load", "load"), ("outage", "outages")):
        office.open_action(f"isp_network.action_isp_{action}")
        _save(office, f"{name}{suffix}")
    (router,) = office.call("isp.router", "search", [("nas_identifier", "=", "munuki")])
    (setup,) = office.call("isp.router.setup", "search", [("router_id", "=", router)], limit=1)
    _open_record(office, "isp.router.setup", setup)
    _save(office, f"router-setup{suffix}")
    _router_line(office, setup, suffix)
    lang = "ar_001" if "arabic" in suffix else "en_US"
    office.open_action(office.call("isp.router", "action_live", [router], context={"lang": lang}))
    office.page.wait_for_selector(".o_isp_live_first")
    time.sleep(60)
    _save(office, f"live-router{suffix}")
    if suffix.endswith("-phone"):
        return
    _open_first(office, "isp.outage", [("router_id", "!=", False), ("ended", "!=", False)])
    _save(office, f"outage-credits{suffix}")
    # Somebody who is slowed down, and on line.
    (slow,) = office.call("isp.fup.status", "search_read", [("step_id", "!=", False), ("applied", "!=", False)], ["subscription_id"], limit=1)
    office.page.set_viewport_size({"width": 1280, "height": 1250})
    _open_record(office, "isp.subscription", slow["subscription_id"][0])
    office.page.click(".o_notebook_headers a[name=usage]")
    _save(office, f"usage{suffix}")


def _router_line(office, like: int, suffix: str) -> None:
    """The line to paste, of a router that is forgotten again."""
    (again,) = office.call("isp.router.setup", "copy", [like], {"router_id": False, "router_name": "Gudele", "nas_ip": "127.0.0.200"})
    try:
        _open_record(office, "isp.router.setup", again)
        office.page.click("button[name=action_make_line]:visible")
        office.page.wait_for_selector(".modal .o_field_CopyClipboardChar")
        _save(office, f"router-setup-line{suffix}")
        office.page.click(".modal-footer button")
    finally:
        (setup,) = office.call("isp.router.setup", "read", [again], ["router_id"])
        office.call("isp.router.setup", "unlink", [again])
        if setup["router_id"]:
            office.call("isp.router", "unlink", setup["router_id"][:1])


def _customer_usage(url: str, user: dict) -> None:
    """What the customer sees of it, on a telephone."""
    from stack.browser import PHONE, tab

    for lang, suffix in (("en_US", ""), ("ar_001", "-arabic")):
        with tab(url, PHONE) as customer:
            customer.log_in(user)
            customer.page.goto(f"{url}/my/usage?span=day&lang={lang}")
            _save(customer, f"my-usage{suffix}-phone")


def _mobile_money(url: str, users: dict) -> None:
    """A customer pays an invoice on a small screen, and the telephone that is asked."""
    from stack.browser import DESK, PHONE, tab

    with tab(url, DESK) as office:
        _enter(office, users["Administrator"])
        (payer,) = office.call("res.users", "search_read", [("login", "=", demo.USERS[-1]["login"])], ["partner_id"])
        owed = [("partner_id", "=", payer["partner_id"][0]), ("state", "=", "posted"), ("amount_residual", ">", 0)]
        invoices = office.call("account.move", "search", owed, order="id desc", limit=2)
        links = [office.call("account.move", "get_portal_url", [invoice]) for invoice in invoices]
        domain = [("code", "=", "mtn_momo"), ("state", "=", "enabled")]
        (wallet,) = office.call("payment.provider", "search_read", domain, ["wallet_base_url"], limit=1)
        (partner,) = office.call("res.partner", "read", payer["partner_id"][:1], ["phone_sanitized"])
    number = partner["phone_sanitized"].lstrip("+")
    for lang, suffix in (("en_US", ""), ("ar_001", "-arabic")):
        for size, place in ((DESK, ""), (PHONE, "-phone")):
            with tab(url, size) as customer:
                page = customer.page
                page.context.add_cookies([{"name": "frontend_lang", "value": lang, "url": url}])
                page.goto(f"{url}{links[0]}")
                page.locator('a[data-bs-target="#pay_with"]:visible').first.click()
                page.locator('input[name="wallet_msisdn"]').wait_for(state="visible")
                page.fill('input[name="wallet_msisdn"]', f"0{number[3:]}")
                _save(customer, f"pay{suffix}{place}")
                if not place:
                    continue
                page.locator('#pay_with button[name="o_payment_submit_button"]:visible').click()
                page.wait_for_selector("main#wallet")
                _save(customer, f"pay-waiting{suffix}{place}")
                telephone = page.context.new_page()
                address = f"{wallet['wallet_base_url']}/phone/{number}?lang={lang[:2]}"
                reject = telephone.locator('button[value="reject"]')
                for _second in range(60):
                    telephone.goto(address)
                    if reject.count():
                        break
                    time.sleep(1)
                customer.page = telephone
                _save(customer, f"telephone{suffix}")
                reject.first.click()


def _hotspots(url: str, users: dict) -> None:
    """An owner's app, the page of that hotspot's guests, and all hotspots as staff see them; one owner has it in English, one in Arabic."""
    from stack.browser import DESK, PHONE, tab

    for owner, suffix in zip(demo.OWNERS, ("", "-arabic"), strict=True):
        with tab(url, DESK) as office:
            _enter(office, users["Administrator"])
            (site,) = office.call("isp.site", "search_read", [("partner_id.name", "=", owner["name"])], ["slug"])
            sold = [("site_id", "=", site["id"]), ("state", "=", "done"), ("method", "=", "momo"), ("token_id.state", "=", "in_use")]
            (order,) = office.call("isp.token.order", "search_read", sold, ["uuid"], limit=1)
        with tab(url, PHONE, owner.get("lang", "en")[:2]) as phone:
            page = phone.page
            page.goto(f"{url}/wifi/app")
            page.click(".sign .link")
            page.fill("input[type=tel]", owner["login"])
            page.fill("input[type=password]", owner["password"])
            page.click("button[type=submit]")
            page.wait_for_selector(".home .today")
            _save(phone, f"wifi-home{suffix}")
            page.click("nav a[href='#/give']")
            page.click(".choice button[data-value=momo]")
            page.click(".offers button:nth-child(3)")
            page.evaluate("document.activeElement.blur()")
            _save(phone, f"wifi-give{suffix}")
            for where, there, name in ((f"order/{order['uuid']}", ".slip .qr", "token"), ("money", ".statement", "money")):
                page.goto(f"{url}/wifi/app#/{where}")
                page.wait_for_selector(there)
                _save(phone, f"wifi-{name}{suffix}")
            page.goto(f"{url}/wifi/{site['slug']}")
            _save(phone, f"wifi-guest{suffix}")
    _in_both_languages(url, users["Billing manager"], _staff_hotspots)


def _staff_hotspots(office, suffix: str) -> None:
    office.open_action("isp_hotspot.action_isp_token_order")
    _save(office, f"wifi-sales{suffix}")


def _open_first(office, model: str, domain: list) -> None:
    (record,) = office.call(model, "search", domain, limit=1, order="id desc")
    _open_record(office, model, record)


def _enter(office, user: dict) -> None:
    office.log_in(user)
    office.settle()


def _open_record(office, model: str, record: int) -> None:
    office.open_action(
        {"type": "ir.actions.act_window", "res_model": model, "res_id": record, "views": [[False, "form"]]}
    )


def _save(office, name: str) -> None:
    """A picture of at most 256 colours: a quarter of the size, and no eye sees the difference."""
    import io

    from PIL import Image

    time.sleep(1)
    picture = Image.open(io.BytesIO(office.page.screenshot())).convert("RGB")
    target = PICTURES / f"{name}.png"
    target.parent.mkdir(parents=True, exist_ok=True)
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        target, optimize=True
    )
    size = target.stat().st_size
    if size > LARGEST:
        raise StackError(f"{target} has {size} bytes; at most {LARGEST} are wanted.")
    step(f"{target.relative_to(paths.REPO)}: {size // 1000} KB")


if __name__ == "__main__":
    _pictures(*sys.argv[1:3])
