# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Paying out to wallets while the power fails: whatever is killed, and whenever, the operator sends the money once and the books hold it once."""

import os
from pathlib import Path
from unittest.mock import patch

import pytest
from instances import env_of
from killed import count, kill_at, together
from stack.browser import DESK, PHONE, sideways, tab
from stack.shell import wait_for
from test_pay_by_momo import PATIENCE, POLLER, House, furnish, provider

OWNER = "211921000009"
AMOUNT = 1200
MANAGERS = {lang: {"login": f"rose_{lang}", "password": f"rose_{lang}-1"} for lang in ("en_US", "ar_001")}
PICTURES = Path(os.environ.get("ISP_TEST_RUN_DIR", ".")) / "screens"


class Payer(House):
    """Juba Net, who owes owners of WiFi sites."""

    def pay(self, key=None, amount=AMOUNT):
        """Pay somebody as other parts of the house do. :return: id of the payout"""
        self.serial += 1
        with env_of(self.instance) as env:
            return owe(env, key or f"journey-{self.serial}", amount).id

    def poll(self, *ids):
        """Time has passed for these: the poller looks at them."""
        with env_of(self.instance) as env:
            if ids:
                env.cr.execute("UPDATE isp_wallet_payout SET wallet_next = '2020-01-01' WHERE id = ANY(%s) AND wallet_phase <> 'final'", [list(ids)])
            work(env)

    def look(self, payout_id, *names):
        with env_of(self.instance) as env:
            payout = env["isp.wallet.payout"].browse(payout_id)
            return tuple(payout[name] for name in names)

    def moves(self):
        """:return: [(reference, what went out)] as the money moved"""
        return [(move["reference"], -move["amount"]) for move in self.seen("ledger?kind=transfer")["moves"]]


def owe(env, key, amount=AMOUNT):
    owner = env["res.partner"].search([("name", "=", "Nyandeng Garang")])
    return env["isp.wallet.payout"]._payout(provider(env), owner, amount, OWNER, key=key, memo="Sales of a day")


def work(env):
    with patch(f"{POLLER}.LINGER", 0):
        env["isp.wallet.payout"]._cron_wallet()


@pytest.fixture(scope="module")
def house(make_instance):
    instance = make_instance("payout", workers=0)
    instance.momo.start()
    try:
        with env_of(instance) as env:
            furnish(env, instance)
            env.ref("isp_momo.ir_cron_wallet_payout").active = True
            env.company.wallet_payout_limit = 1_000_000
            env["res.partner"].create({"name": "Nyandeng Garang", "phone": f"+{OWNER}"})
        house = Payer(instance)
        house.switch("reset")
        yield house
    finally:
        instance.momo.stop()


def paid_once(house, *ids):
    """Each of these is one transfer at the operator and one payment in the books; nothing else has moved."""
    moves = house.moves()
    with env_of(house.instance) as env:
        for payout in env["isp.wallet.payout"].browse(ids):
            payments = env["account.payment"].search([("wallet_uuid", "=", payout.wallet_uuid)])
            assert (payout.state, payout.wallet_phase) == ("done", "final"), (payout.reference, payout.state, payout.wallet_raw)
            assert len(payments) == 1 and payments == payout.payment_id and payments.move_id.state == "posted"
            assert [amount for reference, amount in moves if reference == payout.wallet_uuid] == [payout.amount]
        every = env["isp.wallet.payout"].search([("state", "=", "done")])
        assert len(moves) == len(every) and sum(amount for _reference, amount in moves) == sum(every.payment_id.mapped("amount"))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.4, 0.5, 0.6, 0.75, 0.9])
def test_killed_at_a_statement(house, share):
    """While it sends, and while it reads and books: claim, call and apply each are cut through somewhere."""
    house.switch("faults", result_delay=30)
    if share == 0.1:
        measured = house.pay()
        house.sending = count(house.instance, work)
        house.switch("clock", advance=31)
        with env_of(house.instance) as env:
            env["isp.wallet.payout"].browse(measured)._wallet_wake()
        house.booking = count(house.instance, work)
        paid_once(house, measured)
    payout = house.pay()
    uuid = house.look(payout, "wallet_uuid")[0]
    assert kill_at(house.instance, work, max(int(house.sending * share), 1)), "it was over before the kill"
    house.poll(payout)
    assert house.look(payout, "state", "wallet_phase", "wallet_uuid") == ("pending", "sent", uuid)
    house.switch("clock", advance=31)
    house.switch("faults", result_delay=0)
    with env_of(house.instance) as env:
        env["isp.wallet.payout"].browse(payout)._wallet_wake()
    assert kill_at(house.instance, work, max(int(house.booking * share), 1)), "it was over before the kill"
    house.poll(payout)
    paid_once(house, payout)


def test_killed_before_the_commit_of_the_caller(house):
    """Nothing was promised, nothing is paid; asked again it is paid once."""
    before = house.moves()
    assert kill_at(house.instance, lambda env: owe(env, "cut"), 12), "it was over before the kill"
    house.poll()
    assert house.moves() == before
    payout = house.pay("cut")
    for _n in range(2):
        house.poll(payout)
    paid_once(house, payout)


def test_the_server_dies_while_the_operator_works(house):
    """SIGKILL of Odoo while the operator takes its time over the transfer, and again while it takes its time over the status."""
    house.switch("faults", delay=4)
    house.instance.odoo.start("--log-level=warn")
    try:
        payout = house.pay()
        for _step in ("sent", "read"):
            wait_for(lambda: house.look(payout, "wallet_asked")[0], PATIENCE, "the claim")
            house.instance.odoo.kill()
            with env_of(house.instance) as env:
                env.cr.execute("UPDATE isp_wallet_payout SET wallet_next = '2020-01-01', wallet_asked = NULL WHERE id = %s", [payout])
            house.instance.odoo.start("--log-level=warn")
        house.switch("faults", delay=0)
        wait_for(lambda: house.look(payout, "payment_id")[0], PATIENCE, "the booking")
    finally:
        house.instance.odoo.stop()
        house.switch("faults", delay=0)
    paid_once(house, payout)


def test_all_at_the_same_moment(house):
    """Two callers with one key, two pollers, the operator's call, a person who asks: one payout, one transfer, one payment."""
    from odoo.service.model import retrying

    def request(method):
        return lambda env: retrying(lambda: method(env), env)

    for again in range(3):
        key = f"together-{again}"
        together(house.instance, *[request(lambda env, key=key: owe(env, key))] * 3, work)
        with env_of(house.instance) as env:
            payout = env["isp.wallet.payout"].search([("wallet_key", "=", key)])
            assert len(payout) == 1
            payout, token = payout.id, payout.wallet_token
        house.poll(payout)
        together(
            house.instance,
            request(lambda env, token=token: env["isp.wallet.payout"]._wallet_called_back(token, b'{"status": "SUCCESSFUL"}', True)),
            request(lambda env, payout=payout: env["isp.wallet.payout"].browse(payout).action_wallet_ask()),
            request(lambda env, payout=payout: env["isp.wallet.payout"].browse(payout)._wallet_book()),
            work,
            work,
        )
        house.poll(payout)
        paid_once(house, payout)


def test_a_person_presses_twice(house):
    """Confirmed by two at once: sent once."""
    from odoo.service.model import retrying

    with env_of(house.instance) as env:
        env.company.wallet_payout_limit = 0
    payout = house.pay()
    assert house.look(payout, "state") == ("draft",)

    def confirm(env):
        retrying(lambda: env["isp.wallet.payout"].browse(payout).action_confirm(), env)

    together(house.instance, confirm, confirm)
    for _n in range(2):
        house.poll(payout)
    paid_once(house, payout)


# --- people ---


@pytest.fixture(scope="module")
def office(house):
    """Payouts as they may stand: to confirm, on its way, paid, failed for good, given up; a billing manager who reads English, and one who reads Arabic."""
    with env_of(house.instance) as env:
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("state", "=", "installed")])._update_translations(["ar_001"], overwrite=True)
        for lang, user in MANAGERS.items():
            groups = [(6, 0, env.ref("isp_base.group_isp_billing_manager").ids)]
            env["res.users"].with_context(no_reset_password=True).create({**user, "name": "Rose Keji", "lang": lang, "odoobot_state": "disabled", "group_ids": groups})
        env.company.wallet_payout_limit = 0
        for number in range(8):
            owe(env, f"confirm-{number}", 1_250_000)
        way, failed, lost = (owe(env, name, 48_500) for name in ("way", "failed", "lost"))
        for payout in (way, failed, lost):
            payout.action_confirm()
            payout.wallet_next = "2099-01-01"
        failed._wallet_fail("PAYEE_LIMIT_REACHED")
        lost.write({"wallet_phase": "given_up", "wallet_problem": "GIVEN_UP", "wallet_next": False})
        ids = {"failed": failed.id, "lost": lost.id}
    house.instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
    yield ids
    house.instance.odoo.stop()


@pytest.mark.parametrize("lang", MANAGERS)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_billing_manager_decides(house, office, lang, size):
    """The list and each kind of form; one is paid out, one refused."""
    PICTURES.mkdir(exist_ok=True)
    name = f"{lang}-{size['width']}"
    with tab(house.url, size) as desk:
        page = desk.page
        desk.log_in(MANAGERS[lang])
        desk.open_action("isp_momo.action_isp_wallet_payout")
        page.wait_for_selector(".o_data_row, .o_kanban_record:not(.o_kanban_ghost)")
        page.screenshot(path=PICTURES / f"payouts-{name}.png")
        assert sideways(page) <= 1
        for state, payout in office.items():
            page.goto(f"{house.url}/odoo/action-isp_momo.action_isp_wallet_payout/{payout}")
            page.wait_for_selector(".o_form_view")
            desk.settle()
            page.screenshot(path=PICTURES / f"payout-{state}-{name}.png")
            assert sideways(page) <= 1
            assert page.locator(".alert-warning").count() == 1
        for button, state in (("action_confirm", "pending"), ("action_refuse", "failed")):
            (payout,) = desk.call("isp.wallet.payout", "search", [("state", "=", "draft")], limit=1)
            page.goto(f"{house.url}/odoo/action-isp_momo.action_isp_wallet_payout/{payout}")
            press(desk, button, f"payout-{button}-{name}")
            wait_for(lambda: house.look(payout, "state")[0] == state, PATIENCE, state)  # noqa: B023
            assert house.look(payout, "confirmed_by")[0].id
        assert not [said for said in desk.complaints if "favicon" not in said], desk.complaints


def press(desk, button, picture):
    """A button of the form, which a telephone hides in a menu, and the yes to its question."""
    page = desk.page
    page.wait_for_selector(".o_form_view")
    desk.settle()
    page.screenshot(path=PICTURES / f"{picture}.png")
    if not page.locator(f"button[name={button}]").first.is_visible():
        page.locator(".o_statusbar_buttons button:has(.oi-ellipsis-v)").click()
    page.locator(f"button[name={button}]").first.click()
    page.wait_for_selector(".modal-footer .btn-primary")
    page.locator(".modal-footer .btn-primary").click()
    desk.settle()
