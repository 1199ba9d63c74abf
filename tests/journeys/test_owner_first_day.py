# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The first day of an owner, in a real browser at 360 pixels: signs up, sets the router up with one pasted line, gives, sells for cash, sells for
MoMo; the one who got the code logs in at the simulated router, time runs out, the owner sees it, and is paid out in the evening.

The parts are tested one by one in test_owner_app and test_guest_buys; here they meet.
"""

import contextlib
import json
from unittest.mock import patch
from urllib.request import Request, urlopen

import pytest
from instances import env_of
from stack.browser import PHONE, sideways, tab
from stack.shell import wait_for
from test_owner_app import AMINA, GUEST, PAYER, WIFI, House, _furnish, give, sign_in
from test_pay_by_momo import POLLER

from simulators.routeros.vocabulary import VERSIONS

PATIENCE = 60
ROUTER, ADDRESS, DEVICE = "tea", "127.0.47.1", "AA:BB:CC:00:00:07"


class Day(House):
    def router(self, method, path, **body):
        return self.instance.routers.call(method, f"/routers/{ROUTER}{path}", body)

    def sessions(self):
        return self.router("GET", "/sessions")["sessions"]

    def job(self, model, method):
        """What Odoo's scheduler does, now."""
        with env_of(self.instance) as env:
            for step in getattr(env[model], method)():
                step()

    @contextlib.contextmanager
    def guest(self, phone):
        """A telephone that has joined the WiFi, in the same browser."""
        way = {"server": self.router("POST", "/hotspot/browser", mac=DEVICE)["proxy"], "bypass": "<-loopback>"}
        context = phone.page.context.browser.new_context(viewport=PHONE, locale="en-GB", proxy=way)
        try:
            page = context.new_page()
            page.set_default_timeout(PATIENCE * 1000)
            yield page
        finally:
            context.close()


@pytest.fixture(scope="module")
def day(make_instance):
    instance = make_instance("first_day", workers=0)
    instance.momo.start()
    instance.routers.start(stepped=True)
    # The operator's ledger of an earlier run in this folder is not this day's.
    urlopen(Request(f"{instance.momo.url}/_control/reset", b"{}", method="POST"), timeout=PATIENCE).close()
    try:
        with env_of(instance) as env:
            _furnish(env, instance)
            _isp_has_set_up_routers_before(env, instance)
        instance.radius.start()
        instance.odoo.start("--log-level=warn")
        instance.routers.add(ROUTER, ADDRESS, version=VERSIONS[-1], password="admin")
        yield Day(instance)
    finally:
        instance.odoo.stop()
        instance.routers.stop()
        instance.momo.stop()


def _isp_has_set_up_routers_before(env, instance):
    """What its routers have in common is taken over by the owner's; owners' routers stand in a network of their own."""
    env["ir.config_parameter"].set_param("isp_hotspot.router_networks", "127.0.47.0/24")
    env["ir.config_parameter"].set_param("isp_network.setup_base_url", f"http://127.0.0.1:{instance.ports['odoo']}")
    setup = env["isp.router.setup"].create(
        {
            "router_name": "Tower",
            "nas_ip": "127.0.48.1",
            "radius_address": "127.0.0.1",
            "radius_port": instance.ports["radius_auth"],
            "accounting_port": instance.ports["radius_acct"],
            "server_addresses": "127.0.0.1",
            "ntp_servers": False,
            "check_certificate": False,
        }
    )
    setup.state = "undone"


@pytest.fixture(scope="module")
def amina(day):
    with tab(day.url, PHONE) as phone:
        phone.page.set_default_timeout(PATIENCE * 1000)
        yield phone


def test_signs_up_and_pastes_one_line(day, amina):
    page = amina.page
    sign_in(day, amina)
    page.fill("input[type=tel]", AMINA)
    page.click("button[type=submit]")
    page.wait_for_selector("p.name")
    page.click("text=Yes, that is right")
    page.fill("label:has-text('SSID') ~ input", "Tea by the Nile")
    page.click("button[type=submit]")
    page.fill("input[type=password]", WIFI)
    page.click("button[type=submit]")
    page.click("text=MikroTik")
    page.click("button:has-text('ether2')")
    page.click("button[type=submit]")
    page.wait_for_selector("label:has-text('Address of the router') + input:visible")
    page.fill("label:has-text('Address of the router') + input", ADDRESS)
    page.click("button[type=submit]")
    page.wait_for_selector(".copied code")
    line = page.inner_text(".copied code").strip()
    assert sideways(page) <= 1
    day.router("POST", "/console", text=line)
    with env_of(day.instance) as env:
        [found] = env["isp.router.setup"].search([("nas_ip", "=", ADDRESS)])
        assert (found.state, found.errors) == ("done", False)
        found._look()
        router = found.router_id
        assert (router.site_id.ssid, router.outside, router.zone) == ("Tea by the Nile", True, router.site_id.id)
    page.wait_for_function("() => document.querySelectorAll('ol.steps li.good').length >= 4")
    page.click("text=Go on")
    page.wait_for_selector("nav")


def test_gives_and_sells(day, amina):
    page = amina.page
    amina.free = give(page, "Free", phone=GUEST)
    amina.cash = give(page, "Cash", offer="1 day", price="2000")
    page.click("nav a[href='#/give']")
    page.click("button:has-text('MoMo')")
    page.click(".offers button:has-text('1 hour')")
    page.fill("input[type=tel]", PAYER)
    page.fill("label:has-text('Price') + input", "500")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Approve on the telephone")
    wait_for(lambda: day.approve(PAYER), PATIENCE, "the request on the telephone")
    page.wait_for_selector(".slip b.code")
    amina.sold = page.inner_text(".slip b.code").strip()
    wait_for(lambda: {amina.free, amina.cash, amina.sold} <= set(day.orders()), PATIENCE, "all at the server")
    sms = day.rows("isp.sms.message", [("res_model", "=", "isp.token.order")], "body", "number")
    assert {row["number"] for row in sms} == {f"+211{GUEST[1:]}", f"+211{PAYER[1:]}"}
    assert all("Tea by the Nile" in row["body"] for row in sms)


def test_the_buyer_is_on_line_until_time_runs_out(day, amina):
    with day.guest(amina) as page:
        page.goto("http://example.org/")
        page.wait_for_selector(".l input[name=code]")
        page.fill(".l input[name=code]", amina.sold)
        page.click(".l button")
        page.wait_for_selector("text=You are on line")
        [session] = day.sessions()
        assert (session["user"], session["mac"]) == (amina.sold, DEVICE)
        assert 3590 < session["reply"]["Session-Timeout"][0] <= 3600
        wait_for(lambda: day.rows("isp.session", [("user_name", "=", amina.sold), ("stopped", "=", False)], "id"), PATIENCE, "the start of the session")
        day.job("isp.token", "_follow_steps")
        # The owner sees who is on line, and how long still.
        amina.page.click("nav a[href='#/home']")
        amina.page.reload()
        amina.page.wait_for_selector(f".rows li:has-text('{amina.sold}')")
        amina.page.wait_for_selector("text=2,500 SSP")
        # The hour goes by: the router ends it on the second, whatever its clock says.
        day.instance.routers.call("POST", "/clock", {"step": 3601})
        assert not day.sessions()
        with env_of(day.instance) as env:
            env.cr.execute("UPDATE isp_access_use SET first_at = first_at - interval '61 minutes'")
            env.cr.execute("UPDATE isp_token SET ends_at = ends_at - interval '61 minutes', first_used = first_used - interval '61 minutes' WHERE state = 'in_use'")
            env.cr.execute("UPDATE isp_access SET valid_until = valid_until - interval '61 minutes' FROM isp_token t WHERE t.access_id = isp_access.id AND t.state = 'in_use'")
        page.goto("http://example.org/")
        page.wait_for_selector(".l input[name=code]")
        page.fill(".l input[name=code]", amina.sold)
        page.click(".l button")
        page.wait_for_selector("text=Your time is over")
    day.job("isp.token", "_follow_steps")
    [token] = day.rows("isp.token", [("code", "=", amina.sold)], "state")
    assert token["state"] == "expired"
    page = amina.page
    page.click("nav a[href='#/given']")
    page.wait_for_selector(f".rows .order:has-text('{amina.sold}')")
    page.wait_for_selector(f".rows .order:has-text('{amina.sold}') .badge:has-text('over')")


def test_the_owner_is_paid_out(day, amina):
    """The operator's ledger says the same as the owner's telephone: what was sold for MoMo, less the commission.

    The server's own job of payouts is off: this test alone runs it, so nobody else is half way through it.
    """
    [order] = day.rows("isp.token.order", [("method", "=", "momo")], "commission", "transaction_id")
    due, commission = 500 - order["commission"], order["commission"]
    booked = [("id", "=", order["transaction_id"][0]), ("is_post_processed", "=", True)]
    wait_for(lambda: day.rows("payment.transaction", booked, "id"), PATIENCE, "the books")
    with env_of(day.instance) as env:
        assert not env.ref("isp_momo.ir_cron_wallet_payout").active
        env["res.company"].search([]).wallet_payout_limit = 100000
    page = amina.page
    page.click("nav a[href='#/home']")
    page.click("text=Statements and payout")
    page.wait_for_selector("text=To be paid out to you")
    assert sideways(page) <= 1
    page.click("button:has-text('Pay out now')")
    page.click("dialog button:has-text('Pay out')")
    page.wait_for_selector(".badge.pending:has-text('on its way')")
    wait_for(lambda: _pay_out(day), PATIENCE, "the money at the owner, and in the books")
    [(number, amount)] = _paid(day)
    [statement] = day.rows("isp.site.statement", [], "received", "commission", "amount", "state")
    assert (statement["received"], statement["state"]) == (500, "done") and statement["commission"] >= commission
    assert (number, float(amount)) == (f"211{AMINA[1:]}", statement["amount"]) and statement["amount"] <= due
    with env_of(day.instance) as env:
        owed = env["account.move.line"].search([("account_id", "=", env.company._isp_owner_account().id), ("parent_state", "=", "posted")])
        assert not sum(owed.mapped("balance"))


def _pay_out(day):
    """The job of payouts, once; run again where the operator calls the server back at that moment. :return: whether all is booked"""
    from odoo.service.model import retrying

    with env_of(day.instance) as env, patch(f"{POLLER}.LINGER", 0):
        retrying(env["isp.wallet.payout"]._cron_wallet, env)
        return bool(env["isp.wallet.payout"].search([("payment_id", "!=", False)]))


def _paid(day):
    """:return: [(number, amount)] of transfers that the operator has carried out"""
    with urlopen(Request(f"{day.instance.momo.url}/_control/transactions?kind=transfer"), timeout=PATIENCE) as answer:
        found = json.load(answer)["transactions"]
    return [(one["body"]["payee"]["partyId"], one["body"]["amount"]) for one in found if one["status"] == "SUCCESSFUL"]
