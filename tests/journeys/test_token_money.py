# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Mobile money for WiFi tokens as machines break: killed at any statement between the operator's yes and the token, told by all at once,
SMS gateway away. In the end: each payment made one token and one SMS, and a token is good at the next log-in.
"""

from unittest.mock import patch

import pytest
from instances import env_of
from killed import count, kill_at, together
from test_pay_by_momo import POLLER, House, furnish

GUEST = "211921234567"


class Hotspot(House):
    def order(self, uuid=None):
        """A guest asks for an hour. :return: id of the order"""
        self.serial += 1
        with env_of(self.instance) as env:
            site = env["isp.site"].search([("ssid", "=", "River")])
            return env["isp.token.order"]._place(site, uuid or f"journey-{self.serial}", "momo", offer=site.offer_ids[0], phone=GUEST).id

    def transaction(self, order_id):
        with env_of(self.instance) as env:
            return env["isp.token.order"].browse(order_id).transaction_id.id

    def approve(self, order_id):
        tx = self.transaction(order_id)
        self.decide(tx)
        with env_of(self.instance) as env:
            env["payment.transaction"].browse(tx)._wallet_wake()
        return tx


@pytest.fixture(scope="module")
def hotspot(make_instance):
    instance = make_instance("tokens", workers=0)
    instance.momo.start()
    try:
        with env_of(instance) as env:
            furnish(env, instance)
            owner = env["res.partner"].create({"name": "Amina", "phone": "+211921111111"})
            site = env["isp.site"].create({"name": "River", "ssid": "River", "partner_id": owner.id})
            site.offer_ids.price = 500
            env["isp.router"].create({"name": "River", "nas_ip": "127.0.5.1", "radius_secret": "testing123", "site_id": site.id})
        hotspot = Hotspot(instance)
        hotspot.switch("reset")
        yield hotspot
    finally:
        instance.momo.stop()


def one_token(hotspot, *orders):
    """Each of these has one token that lets in at its site, one SMS, one payment booked as the owner's money."""
    with env_of(hotspot.instance) as env:
        for order in env["isp.token.order"].browse(orders):
            token = order.token_id
            assert (order.state, token.state, order.transaction_id.state) == ("done", "sold", "done")
            assert env["isp.token"].search_count([("create_date", "=", token.create_date), ("id", "=", token.id)]) == 1
            sms = env["isp.sms.message"].search([("res_model", "=", "isp.token.order"), ("res_id", "=", order.id)])
            assert len(sms) == 1 and token.code in sms.body
            env.cr.execute("SELECT attribute, value FROM radius.authz(%s, '127.0.5.1', 'AA:BB:CC:00:00:01')", [token.code])
            assert dict(env.cr.fetchall())["Cleartext-Password"] == token.code
            payment = env["account.payment"].search([("payment_transaction_id", "=", order.transaction_id.id)])
            assert len(payment) == 1 and payment.amount == 500
            assert payment.destination_account_id == env.company._isp_owner_account()
        assert env["isp.token"].search_count([]) == env["isp.token.order"].search_count([("state", "=", "done")])


def work(env):
    with patch(f"{POLLER}.LINGER", 0):
        env["payment.transaction"]._cron_wallet()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.65, 0.8])
def test_killed_between_money_and_token(hotspot, share):
    if share == 0.1:
        measured = hotspot.order()
        hotspot.poll()
        hotspot.approve(measured)
        hotspot.statements = count(hotspot.instance, work)
        one_token(hotspot, measured)
    order = hotspot.order()
    hotspot.poll()
    tx = hotspot.approve(order)
    assert kill_at(hotspot.instance, work, max(int(hotspot.statements * share), 1)), "it was over before the kill"
    hotspot.poll(tx)
    one_token(hotspot, order)


def test_told_by_all_at_the_same_moment(hotspot):
    """Callback, two pollers, the guest's page and core's job: one token."""
    from odoo.service.model import retrying

    order = hotspot.order()
    hotspot.poll()
    tx = hotspot.transaction(order)
    hotspot.decide(tx)
    token = hotspot.look(tx, "wallet_token")[0]
    together(
        hotspot.instance,
        lambda env: retrying(lambda: env["payment.transaction"]._wallet_called_back(token, b'{"status": "SUCCESSFUL"}', True), env),
        work,
        work,
        lambda env: env["payment.transaction"]._cron_post_process(),
    )
    hotspot.poll(tx)
    one_token(hotspot, order)


def test_two_taps_at_the_same_moment(hotspot):
    """The same form twice, by two workers: one order, one request to the telephone."""
    from odoo.service.model import retrying

    def tap(env):
        def place():
            site = env["isp.site"].search([("ssid", "=", "River")])
            env["isp.token.order"]._place(site, "double-tap", "momo", offer=site.offer_ids[0], phone=GUEST)

        retrying(place, env)

    before = len(hotspot.ledger())
    together(hotspot.instance, tap, tap, tap)
    hotspot.poll()
    with env_of(hotspot.instance) as env:
        order = env["isp.token.order"].search([("uuid", "=", "double-tap")])
        assert len(order) == 1
        assert env["payment.transaction"].search_count([("isp_token_order_id", "=", order.id)]) == 1
        order_id = order.id
    assert len(hotspot.ledger()) == before + 1
    hotspot.poll(hotspot.approve(order_id))
    one_token(hotspot, order_id)


def test_given_up_then_paid_after_all(hotspot):
    """The operator says nothing final for eight days; then it says that it was paid: the token is made, and goes out by SMS."""
    order = hotspot.order()
    hotspot.poll()
    tx = hotspot.transaction(order)
    hotspot.switch("faults", result_delay=700_000)
    hotspot.decide(tx)
    with env_of(hotspot.instance) as env:
        env.cr.execute("UPDATE payment_transaction SET wallet_since = wallet_since - interval '8 days', wallet_tries = 60 WHERE id = %s", [tx])
    hotspot.poll(tx)
    assert hotspot.look(tx, "wallet_phase") == ("given_up",)
    hotspot.switch("clock", advance=700_001)
    hotspot.switch("faults", result_delay=0)
    with env_of(hotspot.instance) as env:
        env["payment.transaction"].browse(tx).action_wallet_ask()
    hotspot.poll()
    one_token(hotspot, order)


def test_paid_out_while_somebody_sells(hotspot):
    """A sale that is under way refers to the hotspot's row; the owner is paid out all the same, and it stands on the next statement."""
    with env_of(hotspot.instance) as selling:
        site = selling["isp.site"].search([("ssid", "=", "River")])
        order = selling["isp.token.order"]._place(site, "under-way", "cash", offer=site.offer_ids[0])
        selling.flush_all()
        with env_of(hotspot.instance) as env:
            site = env["isp.site"].search([("ssid", "=", "River")])
            site.momo_msisdn = GUEST
            statement = env["isp.site.statement"]._settle(site, asked_by_owner=True)
            assert statement.amount > 0
            assert statement.received == 500 * env["isp.token.order"].search_count([("method", "=", "momo"), ("state", "=", "done")])
        assert order.state == "done"
