# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Customers pay invoices with Orange Money: a browser, the real Odoo, its job, and Orange's simulated page and API.

Whatever the payer, the operator or the power does, in the end the same holds: what was paid on Orange's page is booked once,
and what was not paid is not.
"""

import contextlib
import time

import pytest
import requests
from instances import env_of
from stack import logcheck
from stack.browser import DESK, PHONE, sideways, tab

NUMBER = "224620000001"
PATIENCE = 90


class Shop:
    """Juba Net with Orange Money; who owes gets an invoice."""

    def __init__(self, instance):
        self.instance = instance
        self.url = f"http://localhost:{instance.ports['odoo']}"

    def set_up(self):
        with env_of(self.instance) as env:
            env.company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
            env["account.chart.template"].with_company(env.company).try_loading("ss", env.company, install_demo=False)
            env["res.lang"]._activate_lang("ar_001")
            env["ir.module.module"].search([("name", "=", "isp_momo")])._update_translations(["ar_001"])
            env["ir.config_parameter"].set_param("web.base.url", self.url)
            ours = env.ref("isp_momo.ir_cron_wallet") + env.ref("payment.cron_post_process_payment_tx")
            (env["ir.cron"].search([]) - ours).active = False
            ours.active = True
            provider = env["payment.provider"].search([("code", "=", "orange_money"), ("company_id", "=", env.company.id)])
            provider.write(
                {"wallet_base_url": self.instance.momo.url, "wallet_environment": "ss", "wallet_collection_key": "simulated-merchant",
                 "wallet_api_user": "simulated-client", "wallet_api_key": "simulated-client-secret", "wallet_callback_base": self.url,
                 "wallet_rate": 1000, "wallet_timeout": 20, "state": "enabled", "is_published": True}
            )  # fmt: skip
            provider.journal_id = env["account.journal"].search([("type", "=", "bank"), ("company_id", "=", env.company.id)], limit=1)
            checked = provider.action_wallet_check()["params"]
            assert checked["type"] == "success", checked

    def start(self):
        self.instance.odoo.start("--max-cron-threads=1", "--log-level=warn")

    def invoice(self, amount=60000, **partner):
        """:return: (id, address of its page for who has the link)"""
        with env_of(self.instance) as env:
            payer = env["res.partner"].create({"name": "Achol Deng", "phone": "+211921234567", "lang": "en_US", **partner})
            line = (0, 0, {"name": "Internet", "price_unit": amount, "tax_ids": False})
            invoice = env["account.move"].create({"move_type": "out_invoice", "partner_id": payer.id, "invoice_line_ids": [line]})
            invoice.action_post()
            return invoice.id, self.url + invoice.get_portal_url()

    def look(self, invoice_id):
        """:return: what stands in the books: (payment state, states of its transactions, amounts of payments)"""
        with env_of(self.instance) as env:
            invoice = env["account.move"].browse(invoice_id)
            payments = env["account.payment"].search([("payment_transaction_id", "in", invoice.transaction_ids.ids)])
            return invoice.payment_state, sorted(invoice.transaction_ids.mapped("state")), payments.mapped("amount")

    def wait_until(self, invoice_id, wanted):
        deadline = time.monotonic() + PATIENCE
        while (found := self.look(invoice_id)) != wanted:
            assert time.monotonic() < deadline, f"{found} instead of {wanted}"
            time.sleep(0.3)

    def paid_once(self, invoice_id, *others, amount=60000):
        self.wait_until(invoice_id, ("paid", sorted(["done", *others]), [amount]))

    def transaction(self, invoice_id, **values):
        """Move its times: nobody sleeps. :return: values of its last transaction"""
        with env_of(self.instance) as env:
            found = env["account.move"].browse(invoice_id).transaction_ids.sorted("id")[-1:]
            if values:
                found.write(values)
            return found.read(["state", "wallet_phase", "wallet_reason", "wallet_next", "reference", "wallet_token"])[0]

    def being_asked(self, invoice_id):
        """:return: whether the operator is being asked for this payer's page"""
        with env_of(self.instance) as env:
            return bool(env["account.move"].browse(invoice_id).transaction_ids.filtered(lambda tx: tx.wallet_phase == "to_send" and tx.wallet_next))

    def age(self, invoice_id, minutes):
        with env_of(self.instance) as env:
            found = env["account.move"].browse(invoice_id).transaction_ids.sorted("id")[-1:]
            env.cr.execute(
                "UPDATE payment_transaction SET wallet_since = wallet_since - %s * interval '1 minute', wallet_next = '2020-01-01' WHERE id = %s",
                [minutes, found.id],
            )
            env.ref("isp_momo.ir_cron_wallet")._trigger()

    # === Orange's side ===

    def control(self, path, **values):
        return requests.post(f"{self.instance.momo.url}/_control/{path}", json=values, timeout=20).json()

    def orders(self, shown=None):
        found = requests.get(f"{self.instance.momo.url}/_control/orders", timeout=20).json()["orders"]
        return [order for order in found if shown is None or order["status"] == shown]


@pytest.fixture(scope="module")
def house(make_instance):
    instance = make_instance("orange", workers=0)
    instance.odoo.log.unlink(missing_ok=True)
    instance.momo.start()
    shop = Shop(instance)
    try:
        shop.control("reset")
        shop.set_up()
        shop.start()
        yield shop
    finally:
        instance.odoo.stop()
        instance.momo.stop()


@pytest.fixture
def shop(house):
    """As above on a good day of Orange, with nobody's order in its books."""
    house.control("reset")
    yield house
    if not house.instance.odoo.process:
        house.start()


def to_orange(page, url):
    """From the portal's invoice to Orange's page, as a payer clicks."""
    page.goto(url)
    page.locator("a:has-text('Pay Now'):visible, button:has-text('Pay Now'):visible").first.click()
    pay = page.locator("#pay_with button[name='o_payment_submit_button']")
    pay.wait_for()
    page.locator("#pay_with label:has-text('Orange Money')").first.click()
    pay.click()
    page.wait_for_url("**/payment/pay_token/**")


def confirm(shop, page, number=NUMBER):
    """The payer types number and one-time code on Orange's page."""
    page.fill("input[name=number]", number)
    page.fill("input[name=otp]", shop.control(f"code/{number}")["code"])
    page.click("button[value=pay]")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_paid_and_back(shop, size):
    invoice, url = shop.invoice()
    with tab(shop.url, size) as payer:
        page = payer.page
        to_orange(page, url)
        assert "60,000" in page.text_content("body") and "Juba Net" in page.text_content("body")
        confirm(shop, page)
        page.wait_for_url("**/payment/wallet/wait/**")
        page.wait_for_selector("#wallet.done")
        assert page.locator("#go").is_visible() and not page.locator("#page").is_visible()
        assert "Paid. Thank you!" in page.text_content("#title")
        assert sideways(page) <= 1
        page.screenshot(path=shop.instance.dir / f"paid-{size['width']}.png")
        page.click("#go")
        page.wait_for_selector(".o_portal_invoice_sidebar, .o_portal_sidebar")
        assert page.locator(".badge:has-text('Paid')").count()
        assert not payer.complaints, payer.complaints
    shop.paid_once(invoice)
    (order,) = shop.orders("SUCCESS")
    assert order["amount"] == 60000 and len(order["order_id"]) <= 30
    assert not logcheck.faults(shop.instance.odoo.log)


def test_browser_closed_before_coming_back(shop):
    invoice, url = shop.invoice()
    shop.control("faults", result_delay=2)
    with tab(shop.url, PHONE) as payer:
        to_orange(payer.page, url)
        payer.page.route("**/payment/wallet/**", lambda route: route.abort())
        # The browser goes away on its way back.
        with contextlib.suppress(Exception):
            confirm(shop, payer.page)
    shop.paid_once(invoice)


def test_paid_though_no_notification_came(shop):
    invoice, url = shop.invoice()
    shop.control("faults", callback="never")
    with tab(shop.url, PHONE) as payer:
        to_orange(payer.page, url)
        payer.page.route("**/payment/wallet/**", lambda route: route.abort())
        with contextlib.suppress(Exception):
            confirm(shop, payer.page)
    shop.paid_once(invoice)


def test_cancelled_then_paid_on_a_new_page(shop):
    invoice, url = shop.invoice()
    with tab(shop.url, PHONE) as payer:
        page = payer.page
        to_orange(page, url)
        page.click("button[value=cancel]")
        page.wait_for_url("**/payment/wallet/wait/**")
        page.wait_for_selector("#wallet.failed")
        assert "cancelled" in page.text_content("#text")
        assert shop.look(invoice) == ("not_paid", ["error"], [])
        page.click("#go")
        page.wait_for_selector(".o_portal_invoice_sidebar, .o_portal_sidebar")
        to_orange(page, url)
        confirm(shop, page)
        page.wait_for_selector("#wallet.done")
        assert not payer.complaints, payer.complaints
    shop.paid_once(invoice, "error")
    assert len(shop.orders()) == 2


def test_never_finished_is_closed_and_a_late_success_wins(shop):
    invoice, url = shop.invoice()
    with tab(shop.url, PHONE) as payer:
        page = payer.page
        to_orange(page, url)
        shop.wait_until(invoice, ("not_paid", ["draft"], []))
        shop.age(invoice, 16)
        shop.wait_until(invoice, ("not_paid", ["error"], []))
        assert shop.transaction(invoice)["wallet_reason"] == "PAGE_EXPIRED"
        # Orange's page is still open there, and is paid on after all.
        confirm(shop, page)
        page.wait_for_selector("#wallet.done")
    shop.paid_once(invoice)


def test_odoo_killed_while_orange_is_asked_for_its_page(shop):
    """The order exists, nobody ever saw its page: another one is made, and the invoice is paid once."""
    invoice, url = shop.invoice()
    with tab(shop.url, PHONE) as payer:
        page = payer.page
        shop.control("faults", delay=3)
        with contextlib.suppress(Exception):
            page.set_default_timeout(8000)
            page.goto(url)
            page.locator("a:has-text('Pay Now'):visible, button:has-text('Pay Now'):visible").first.click()
            page.locator("#pay_with label:has-text('Orange Money')").first.click()
            page.locator("#pay_with button[name='o_payment_submit_button']").click()
        asked = time.monotonic() + PATIENCE
        while not shop.being_asked(invoice):
            assert time.monotonic() < asked, "the page was never asked for"
            time.sleep(0.05)
        shop.instance.odoo.kill()
        page.set_default_timeout(90_000)
        made = time.monotonic() + PATIENCE
        while not shop.orders() and time.monotonic() < made:
            time.sleep(0.2)
        shop.control("faults", delay=0)
        shop.start()
        # The claim of the killed one runs out.
        shop.age(invoice, 0)
        to_orange(page, url)
        confirm(shop, page)
        page.wait_for_selector("#wallet.done")
    shop.paid_once(invoice, *["cancel"] * (len(shop.look(invoice)[1]) - 1))
    assert len(shop.orders("SUCCESS")) == 1


@pytest.mark.parametrize("moment", [0, 0.5, 1.5])
def test_odoo_killed_while_the_payer_comes_back(shop, moment):
    """SIGKILL when Orange has the money and we are about to know, to read or to book it."""
    invoice, url = shop.invoice()
    with tab(shop.url, PHONE) as payer:
        to_orange(payer.page, url)
        if not moment:
            shop.instance.odoo.kill()
        with contextlib.suppress(Exception):
            confirm(shop, payer.page)
        time.sleep(moment)
        shop.instance.odoo.kill()
    assert len(shop.orders("SUCCESS")) == 1
    shop.start()
    # What was claimed by the killed job is due again, as it is when its time has run out.
    with env_of(shop.instance) as env:
        env.cr.execute("UPDATE payment_transaction SET wallet_next = '2020-01-01' WHERE wallet_next IS NOT NULL")
        env.ref("isp_momo.ir_cron_wallet")._trigger()
    shop.paid_once(invoice)


def test_notifications_forged_doubled_and_of_another(shop):
    invoice, url = shop.invoice()
    other, _url = shop.invoice()
    shop.control("faults", callback="twice")
    with tab(shop.url, PHONE) as payer:
        to_orange(payer.page, url)
        token = shop.transaction(invoice)["wallet_token"]
        for body in (b"rubbish", b'{"status": "SUCCESS", "txnid": "MP1", "notif_token": "guess"}', b"[]"):
            assert requests.post(f"{shop.url}/payment/wallet/{token}", data=body, timeout=20).status_code == 200
        assert requests.post(f"{shop.url}/payment/wallet/{token[:-1]}_", data=b"{}", timeout=20).status_code == 404
        assert shop.look(invoice) == ("not_paid", ["draft"], [])
        confirm(shop, payer.page)
        payer.page.wait_for_selector("#wallet.done")
    shop.paid_once(invoice)
    assert shop.look(other) == ("not_paid", [], [])
