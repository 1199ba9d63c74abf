# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Paying with MTN MoMo, from the customer's telephone to the books, with Odoo, PostgreSQL, a browser and the simulated operator.

First as people see it: the portal on a telephone, the request on another's, yes, no, nothing, late. Then as machines break:
killed at any statement, all ways of being told at once, the operator away. In the end the same holds: what the operator says
was paid is booked, once.
"""

import contextlib
import json
from unittest.mock import patch
from urllib.request import Request, urlopen

import pytest
from instances import env_of
from killed import count, kill_at, together
from stack.browser import PHONE, sideways, tab
from stack.shell import wait_for

POLLER = "odoo.addons.isp_momo.models.isp_wallet_order_poller"
ACHOL = {"login": "achol", "password": "achol-portal-1"}
#: Deng's telephone: Achol asks him to pay.
DENG = "211929876543"
PRICE = 25000
#: What takes a second on a quiet machine.
PATIENCE = 180


class House:
    """The instance, and the switches of the simulated operator."""

    def __init__(self, instance):
        self.instance = instance
        self.url = f"http://127.0.0.1:{instance.ports['odoo']}"
        self.serial = 0

    def switch(self, path, **values):
        request = Request(f"{self.instance.momo.url}/_control/{path}", json.dumps(values).encode(), method="POST")
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def ledger(self, kind="requesttopay"):
        """:return: {reference: what the operator knows of it}"""
        return {found["reference"]: found for found in self.seen(f"transactions?kind={kind}")["transactions"]}

    def seen(self, path):
        """:return: what the operator tells whoever controls it"""
        with urlopen(f"{self.instance.momo.url}/_control/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def invoice(self, env):
        """:return: a posted invoice that Achol owes"""
        achol = env["res.users"].search([("login", "=", ACHOL["login"])]).partner_id
        line = {"name": "Internet", "price_unit": PRICE, "tax_ids": False}
        invoice = env["account.move"].create({"move_type": "out_invoice", "partner_id": achol.id, "invoice_line_ids": [(0, 0, line)]})
        invoice.action_post()
        return invoice

    def ask(self, number=DENG, due=True):
        """Ask for an invoice as other parts of the house do. :return: id of the transaction"""
        self.serial += 1
        with env_of(self.instance) as env:
            invoice = self.invoice(env)
            tx = env["payment.transaction"]._wallet_request(provider(env), invoice.partner_id, PRICE, number, key=f"journey-{self.serial}", invoices=invoice)
            if not due:
                tx.wallet_next = False
            return tx.id

    def poll(self, *ids):
        """Time has passed for these: the poller looks at them."""
        with env_of(self.instance) as env, patch(f"{POLLER}.LINGER", 0):
            if ids:
                env.cr.execute("UPDATE payment_transaction SET wallet_next = now() AT TIME ZONE 'UTC' - interval '10 s' WHERE id = ANY(%s) AND wallet_phase <> 'final'", [list(ids)])
            env["payment.transaction"]._cron_wallet()

    def look(self, tx_id, *names):
        with env_of(self.instance) as env:
            tx = env["payment.transaction"].browse(tx_id)
            return tuple(tx[name] for name in names)

    def state(self, tx_id):
        return self.look(tx_id, "state")[0]

    def uuid(self, tx_id):
        return self.look(tx_id, "wallet_uuid")[0]

    def decide(self, tx_id, approve=True):
        assert self.switch(f"decide/{self.uuid(tx_id)}", approve=approve)["decided"]


def provider(env):
    return env["payment.provider"].search([("code", "=", "mtn_momo"), ("company_id", "=", env.company.id)], limit=1)


@pytest.fixture(scope="module")
def house(make_instance):
    instance = make_instance("momo", workers=0)
    instance.momo.start()
    try:
        with env_of(instance) as env:
            furnish(env, instance)
        house = House(instance)
        house.switch("reset")
        yield house
    finally:
        instance.momo.stop()


def furnish(env, instance):
    company = env.company
    company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
    env["account.chart.template"].try_loading("ss", company, install_demo=False)
    env["payment.provider"].search([("state", "!=", "disabled")]).state = "disabled"
    journal = env["account.journal"].search([("code", "=", "MOMO"), ("company_id", "=", company.id)])
    momo = provider(env)
    momo.write(
        {
            "wallet_base_url": instance.momo.url,
            "wallet_environment": "mtnsouthsudan",
            "wallet_api_user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
            "wallet_api_key": "simulated-api-key",
            "wallet_collection_key": "simulated-collection-key",
            "wallet_disbursement_key": "simulated-disbursement-key",
            "wallet_callback_base": f"http://localhost:{instance.ports['odoo']}",
            "wallet_holder_check": "name",
            "wallet_rate": 100,
            "state": "enabled",
            "is_published": True,
        }
    )
    momo.journal_id = journal
    portal = env["res.users"].with_context(no_reset_password=True).create(
        {"name": "Achol Deng", **ACHOL, "group_ids": [(6, 0, env.ref("base.group_portal").ids)]}
    )  # fmt: skip
    portal.partner_id.write({"phone": "+211921234567", "country_id": env.ref("base.ss").id, "city": "Juba", "street": "Airport Road", "email": "achol@example.com"})
    # Other jobs of the house would stand in the way of the one that is looked at.
    ours = env.ref("isp_momo.ir_cron_wallet") | env.ref("payment.cron_post_process_payment_tx")
    env["ir.cron"].search([("id", "not in", ours.ids)]).active = False


@pytest.fixture(autouse=True)
def _mended(house):
    """One that fails does not leave its faults to the next."""
    yield
    house.switch("faults", callback="once", result_delay=0, fail_status=0, fail_times=0)


@pytest.fixture
def server(house):
    """Odoo as customers meet it, with its jobs."""
    house.instance.odoo.start("--log-level=warn")
    try:
        yield house
    finally:
        house.instance.odoo.stop()


def booked_once(house, *ids):
    """Each of these is one payment, its invoice is paid, and the operator has taken the same money for it."""
    ledger = house.ledger()
    with env_of(house.instance) as env:
        for tx in env["payment.transaction"].browse(ids):
            payments = env["account.payment"].search([("payment_transaction_id", "=", tx.id)])
            assert len(payments) == 1 and payments == tx.payment_id, tx.reference
            assert (tx.state, tx.wallet_phase, tx.is_post_processed) == ("done", "final", True)
            assert tx.invoice_ids.payment_state == "paid" and not tx.invoice_ids.amount_residual
            found = ledger[tx.wallet_uuid]
            assert (found["status"], float(found["body"]["amount"]), found["txid"]) == ("SUCCESSFUL", payments.amount, tx.provider_reference)
        mine = env["payment.transaction"].search([("wallet_uuid", "in", list(ledger))])
        assert len(mine) == len(ledger), "the operator was asked for what nobody knows"


# --- people ---


@contextlib.contextmanager
def portal(house, invoice_id):
    """Achol's telephone, on the page of an invoice."""
    with tab(house.url, PHONE) as phone:
        phone.page.set_default_timeout(PATIENCE * 1000)
        phone.log_in(ACHOL)
        open_invoice(house, phone, invoice_id)
        yield phone


def open_invoice(house, phone, invoice_id):
    """As the link in the list of invoices does."""
    with env_of(house.instance) as env:
        path = env["account.move"].browse(invoice_id).get_portal_url()
    phone.page.goto(f"{house.url}{path}")


def pay(phone, number):
    page = phone.page
    page.locator('a[href="#"][data-bs-target="#pay_with"]:visible, a[data-bs-target="#pay_with"]:visible').first.click()
    page.locator('input[name="wallet_msisdn"]').wait_for(state="visible")
    assert sideways(page) <= 1
    page.fill('input[name="wallet_msisdn"]', number)
    page.locator('#pay_with button[name="o_payment_submit_button"]:visible').click()
    page.wait_for_selector("main#wallet")
    assert sideways(page) <= 1


def on_the_telephone(phone, house, number, what):
    """The payer's own telephone: the request is there; press ``what``."""
    other = phone.page.context.new_page()
    wait_for(lambda: _has_request(other, house, number), PATIENCE, "the request on the telephone")
    assert "25,000 SSP" in other.content()
    other.click(f'button[value="{what}"]')
    other.wait_for_selector('p[role="status"]')
    other.close()


def _has_request(page, house, number):
    page.goto(f"{house.instance.momo.url}/phone/{number}")
    return page.locator('button[value="approve"]').count() == 1


@pytest.fixture
def invoice(house):
    with env_of(house.instance) as env:
        return house.invoice(env).id


def transaction(house, invoice_id):
    """:return: id of the last transaction of an invoice"""
    with env_of(house.instance) as env:
        return env["account.move"].browse(invoice_id).transaction_ids.sorted("id")[-1:].id


def test_on_the_telephone(server, invoice):
    """Achol asks Deng; he says no, then yes; she sees it, and the money lies on the outstanding account."""
    with portal(server, invoice) as phone:
        page = phone.page
        pay(phone, "0929 876 543")
        assert "waiting" in page.get_attribute("#wallet", "class")
        assert DENG not in page.content(), "the whole number is nobody's business"
        on_the_telephone(phone, server, DENG, "reject")
        page.wait_for_selector("#wallet.failed")
        assert "rejected on the telephone" in page.inner_text("#text")
        refused = transaction(server, invoice)
        assert server.look(refused, "state", "wallet_reason", "wallet_holder") == ("error", "APPROVAL_REJECTED", "Customer 6543")

        open_invoice(server, phone, invoice)
        pay(phone, "0929876543")
        on_the_telephone(phone, server, DENG, "approve")
        page.wait_for_selector("#wallet.done")
        paid = transaction(server, invoice)
        reference = server.look(paid, "provider_reference")[0]
        assert reference in page.inner_text("#text")
        wait_for(lambda: server.look(paid, "is_post_processed")[0], PATIENCE, "the booking")
        page.click("#go")
        page.wait_for_selector("text=INV/")
        assert not [said for said in phone.complaints if "favicon" not in said], phone.complaints
    booked_once(server, paid)
    with env_of(server.instance) as env:
        payment = env["payment.transaction"].browse(paid).payment_id
        lines = payment.journal_id.inbound_payment_method_line_ids.filtered(lambda line: line.payment_provider_id == provider(env))
        assert lines.payment_account_id in payment.move_id.line_ids.account_id
        assert payment.journal_id.default_account_id not in payment.move_id.line_ids.account_id
        receipt, kind = env["ir.actions.report"]._render_qweb_html("account.report_payment_receipt", payment.ids)
        assert kind == "html" and payment.name.encode() in receipt
        assert env["isp.notice"].search_count([("key", "=", f"receipt/{payment.id}")]) == 1


def test_nobody_answers_then_it_is_paid_again(server, invoice):
    """Five minutes go by; the page says so, and the next request is another one."""
    with portal(server, invoice) as phone:
        pay(phone, DENG)
        first = transaction(server, invoice)
        wait_for(lambda: server.state(first) == "pending", PATIENCE, "the request")
        server.switch("clock", advance=301)
        phone.page.wait_for_selector("#wallet.failed")
        assert "not approved in time" in phone.page.inner_text("#text")
        open_invoice(server, phone, invoice)
        pay(phone, DENG)
        on_the_telephone(phone, server, DENG, "approve")
        phone.page.wait_for_selector("#wallet.done")
    second = transaction(server, invoice)
    wait_for(lambda: server.look(second, "is_post_processed")[0], PATIENCE, "the booking")
    booked_once(server, second)
    assert server.state(first) == "error"
    assert server.uuid(first) != server.uuid(second)


def test_i_have_already_paid(server, invoice):
    """Before the operator has told: it is being asked; after: found. With a reference nobody knows: staff look."""
    with portal(server, invoice) as phone:
        page = phone.page
        server.switch("faults", callback="never", result_delay=5)
        pay(phone, DENG)
        on_the_telephone(phone, server, DENG, "approve")
        waiting = page.url
        page.click("text=I have already paid")
        page.fill("#reference", "990011")
        page.fill("#msisdn", "0929876543")
        page.fill("#amount", "25,000")
        page.click("button[type=submit]")
        page.wait_for_selector("text=The operator is being asked")
        assert sideways(page) <= 1
        paid = transaction(server, invoice)
        wait_for(lambda: server.look(paid, "is_post_processed")[0], PATIENCE, "the booking")
        page.goto(waiting.replace("/wait/", "/claim/"))
        page.fill("#reference", server.look(paid, "provider_reference")[0])
        page.click("button[type=submit]")
        page.wait_for_selector("text=Found: it is paid")
    server.switch("faults", callback="once", result_delay=0)
    booked_once(server, paid)
    with env_of(server.instance) as env:
        claim = env["isp.wallet.claim"].search([("reference", "=", "990011")])
        assert (claim.state, claim.amount, claim.msisdn) == ("open", PRICE, DENG)


def test_the_server_dies_while_it_asks(server):
    """SIGKILL of Odoo as soon as the operator has the request, and when it is paid; started again, it is found and booked once."""
    asked = server.ask()
    wait_for(lambda: server.uuid(asked) in server.ledger(), PATIENCE, "the request at the operator")
    for step in ("asked", "approved"):
        server.instance.odoo.kill()
        if step == "asked":
            server.decide(asked)
        # Minutes go by: what the killed one had claimed is free again.
        with env_of(server.instance) as env:
            env.cr.execute("UPDATE payment_transaction SET wallet_next = now() AT TIME ZONE 'UTC' WHERE id = %s AND wallet_next IS NOT NULL", [asked])
        server.instance.odoo.start("--log-level=warn")
    wait_for(lambda: server.look(asked, "is_post_processed")[0], PATIENCE, "the booking")
    booked_once(server, asked)


# --- machines; the poller runs here, step by step ---


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
def test_killed_between_the_operators_yes_and_the_commit(house, share):
    """While it asks, and while it books: killed at a statement, then left in peace."""

    def work(env):
        with patch(f"{POLLER}.LINGER", 0):
            env["payment.transaction"]._cron_wallet()

    if share == 0.1:
        measured = house.ask()
        house.asking = count(house.instance, work)
        house.decide(measured)
        with env_of(house.instance) as env:
            env["payment.transaction"].browse(measured)._wallet_wake()
        house.booking = count(house.instance, work)
        booked_once(house, measured)
    tx = house.ask()
    assert kill_at(house.instance, work, max(int(house.asking * share), 1)), "it was over before the kill"
    house.poll(tx)
    assert house.look(tx, "state", "wallet_phase") == ("pending", "sent")
    assert house.uuid(tx) in house.ledger()
    house.decide(tx)
    with env_of(house.instance) as env:
        env["payment.transaction"].browse(tx)._wallet_wake()
    assert kill_at(house.instance, work, max(int(house.booking * share), 1)), "it was over before the kill"
    house.poll(tx)
    booked_once(house, tx)


def test_told_by_all_at_the_same_moment(house):
    """Callback, the payer's page, two pollers and core's job: one payment."""
    from odoo.service.model import retrying

    for _again in range(3):
        tx = house.ask()
        house.poll()
        house.decide(tx)
        token, uuid = house.look(tx, "wallet_token", "wallet_uuid")

        def poll(env):
            with patch(f"{POLLER}.LINGER", 0):
                env["payment.transaction"]._cron_wallet()

        def request(method):
            return lambda env: retrying(lambda: method(env), env)

        together(
            house.instance,
            request(lambda env, token=token: env["payment.transaction"]._wallet_called_back(token, b'{"status": "SUCCESSFUL"}', True)),
            request(lambda env, tx=tx: env["payment.transaction"].browse(tx)._wallet_state()),
            request(lambda env, tx=tx: env["payment.transaction"].browse(tx).filtered(lambda t: t.state == "done")._post_process()),
            poll,
            poll,
            lambda env: env["payment.transaction"]._cron_post_process(),
        )
        house.poll(tx)
        booked_once(house, tx)
        assert [found for found in house.ledger() if found == uuid] == [uuid]


def test_asked_at_the_same_moment(house):
    """Who asks twice gets one; many who ask for something else under one name get a reference each, and none has to try again for it."""
    from odoo.service.model import retrying

    def ask(*keys):
        def work(env, key):
            payer = env["res.users"].search([("login", "=", ACHOL["login"])]).partner_id
            return env["payment.transaction"]._wallet_request(provider(env), payer, PRICE, DENG, key=key, reference_prefix="SHOP")

        def buy(env):
            tries = 0
            for key in keys:

                def once(key=key):
                    nonlocal tries
                    tries += 1
                    return work(env, key)

                retrying(once, env)
            assert keys == ("same",) or tries == len(keys), f"{tries} tries for {len(keys)}"

        return buy

    shops = [[f"shop-{shop}-{n}" for n in range(6)] for shop in range(6)]
    together(house.instance, ask("same"), ask("same"), *[ask(*keys) for keys in shops])
    with env_of(house.instance) as env:
        found = env["payment.transaction"].search([("wallet_key", "in", ["same", *sum(shops, [])])])
        assert len(found) == 37 and len(set(found.mapped("reference"))) == 37
        assert all(reference.startswith("SHOP-") for reference in found.mapped("reference"))
        found.wallet_next = False


def test_the_operator_is_away_for_an_hour(house):
    """503 to everything; the hour is in the columns, nobody sleeps. Nothing fails, nothing is asked twice."""
    asked = house.ask()
    house.poll()
    house.switch("faults", fail_status=503, fail_times=-1)
    new = house.ask()
    for _five_minutes in range(12):
        with env_of(house.instance) as env:
            env.cr.execute("UPDATE payment_transaction SET wallet_since = wallet_since - interval '5 minutes' WHERE id IN %s", [(asked, new)])
        house.poll(asked, new)
    assert house.state(asked) == "pending"
    assert house.look(new, "state", "wallet_phase") == ("draft", "to_send")
    house.switch("faults", fail_status=0, fail_times=0)
    house.poll(asked, new)
    for tx in (asked, new):
        house.decide(tx)
    house.poll(asked, new)
    booked_once(house, asked, new)


def test_late_success_wins(house):
    """The operator says nothing final for eight days and is given up; then it says that it was paid."""
    tx = house.ask()
    house.poll()
    house.switch("faults", result_delay=700_000)
    house.decide(tx)
    with env_of(house.instance) as env:
        env.cr.execute("UPDATE payment_transaction SET wallet_since = wallet_since - interval '8 days', wallet_tries = 60 WHERE id = %s", [tx])
    house.poll(tx)
    assert house.look(tx, "wallet_phase", "wallet_problem") == ("given_up", "GIVEN_UP")
    house.switch("clock", advance=700_001)
    house.switch("faults", result_delay=0)
    with env_of(house.instance) as env:
        env["payment.transaction"].browse(tx).action_wallet_ask()
    house.poll()
    booked_once(house, tx)


def test_money_back(house):
    """Part, then the rest, from our wallet to the payer's: two payments out, and no third."""
    from odoo.exceptions import UserError

    tx = house.ask()
    house.poll()
    house.decide(tx)
    house.poll(tx)
    booked_once(house, tx)
    for amount in (10000, None):
        with env_of(house.instance) as env:
            paid = env["payment.transaction"].browse(tx)
            paid.action_refund(amount or PRICE - 10000)
            refund = paid.child_transaction_ids.sorted("id")[-1:].id
        house.poll()
        house.poll(refund)
        assert house.state(refund) == "done"
    refunds = house.ledger("refund")
    assert sorted(float(found["body"]["amount"]) for found in refunds.values()) == [10000, PRICE - 10000]
    assert {found["status"] for found in refunds.values()} == {"SUCCESSFUL"}
    with env_of(house.instance) as env:
        paid = env["payment.transaction"].browse(tx)
        out = paid.child_transaction_ids.payment_id
        assert sorted(out.mapped("amount")) == [10000, PRICE - 10000] and set(out.mapped("payment_type")) == {"outbound"}
        with pytest.raises(UserError):
            paid.action_refund(1)
