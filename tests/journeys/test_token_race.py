"""WiFi tokens sold and made at the same moment by several processes: each on a connection of its own, nothing faked."""

import threading
import uuid

import pytest
from instances import env_of

PRICE, NET = 500, 450


@pytest.fixture(scope="module")
def hotspot(make_instance):
    """An instance with one hotspot and a reseller whose float is enough for seven tokens."""
    instance = make_instance("token_race")
    with env_of(instance) as env:
        # Floats of the ISP's own hotspots stand in its books.
        env.company.country_id = env.ref("base.ss")
        env["account.chart.template"].try_loading("ss", env.company, install_demo=False)
        site = env["isp.site"].create({"name": "Plaza", "ssid": "Plaza"})
        site.offer_ids[0].price = PRICE
        user = env["res.users"].with_context(no_reset_password=True).create({"name": "Garang", "login": "garang@kiosk.example", "group_ids": [(6, 0, [env.ref("base.group_portal").id])]})
        reseller = env["isp.reseller"].create({"partner_id": user.partner_id.id, "user_id": user.id, "site_ids": [(6, 0, site.ids)], "commission": 10})
        reseller._take("float", "topup", 7 * NET + 100)
        ids = site.id, reseller.id, site.offer_ids[0].id
    return instance, *ids


def at_once(instance, count, work):
    """Run ``work(env, number)`` in so many threads as Odoo runs a request: again when it met another one.

    :return: what each returned, or the UserError that refused it; None for one that died
    """
    from odoo.exceptions import UserError
    from odoo.service.model import retrying

    barrier, results = threading.Barrier(count), [None] * count

    def one(number):
        try:
            with env_of(instance) as env:
                barrier.wait(60)
                results[number] = retrying(lambda: (work(env, number),), env)[0]
        except UserError as error:
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def test_a_float_is_never_below_zero(hotspot):
    """Three rounds of four sales at once, for which the float is not enough."""
    from odoo.exceptions import UserError

    instance, _site, reseller_id, offer_id = hotspot
    results = []
    for _round in range(3):
        results += at_once(instance, 4, lambda env, _n: env["isp.reseller"].browse(reseller_id)._sell(str(uuid.uuid4()), env["isp.token.offer"].browse(offer_id)).id)
    sold = [result for result in results if isinstance(result, int)]
    assert all(isinstance(result, (int, UserError)) for result in results), results
    assert len(set(sold)) == 7, results
    with env_of(instance) as env:
        reseller = env["isp.reseller"].browse(reseller_id)
        assert reseller.balance == 100
        assert not reseller._audit()
        assert env["isp.token"].search_count([("reseller_id", "=", reseller_id)]) == 7


def test_the_same_form_at_the_same_moment_is_one(hotspot):
    instance, site_id, reseller_id, offer_id = hotspot
    key = str(uuid.uuid4())

    def make(env, _number):
        offer = env["isp.token.offer"].browse(offer_id)
        return env["isp.token.batch"]._place(env["isp.site"].browse(site_id), key, offer._prepare_terms(), 500).id

    batches = at_once(instance, 3, make)
    assert len(set(batches)) == 1 and isinstance(batches[0], int), batches
    orders = at_once(instance, 3, lambda env, _n: env["isp.token.order"]._place(env["isp.site"].browse(site_id), key, "cash", offer=env["isp.token.offer"].browse(offer_id)).id)
    assert len(set(orders)) == 1 and isinstance(orders[0], int), orders
    entries = at_once(instance, 3, lambda env, _n: env["isp.reseller"].browse(reseller_id)._take(key, "topup", 1000).id)
    assert len(set(entries)) == 1 and isinstance(entries[0], int), entries
    with env_of(instance) as env:
        assert env["isp.token"].search_count([("batch_id", "=", batches[0])]) == 500
        assert env["isp.reseller"].browse(reseller_id).balance == 1100


def test_taken_back_and_used_at_the_same_moment(hotspot):
    """Whoever logs in while the batch is taken back: the token is paid for or paid back, never both, and never neither."""
    from odoo.tools import SQL

    instance, site_id, reseller_id, offer_id = hotspot
    with env_of(instance) as env:
        reseller = env["isp.reseller"].browse(reseller_id)
        reseller._take("more", "topup", 20 * NET)
        batch = env["isp.token.batch"]._place(env["isp.site"].browse(site_id), str(uuid.uuid4()), env["isp.token.offer"].browse(offer_id)._prepare_terms(), 20)
        batch._give(reseller, "consignment")
        batch_id, codes, debt = batch.id, batch.token_ids.mapped("code"), reseller.debt
        # One is in use before, so that there is one whatever comes first.
        env.cr.execute(SQL("SELECT radius.first_use(%s, NULL, %s)", codes[-1], "AA:BB:CC:00:00:02"))

    def work(env, number):
        if number:
            for code in codes[:10]:
                env.cr.execute(SQL("SELECT radius.first_use(%s, NULL, %s)", code, "AA:BB:CC:00:00:01"))
                env.cr.commit()
        else:
            env["isp.token.batch"].browse(batch_id)._take_back("race")

        return number

    assert at_once(instance, 2, work) == [0, 1]
    with env_of(instance) as env:
        env["isp.token"]._cron_follow()
        env["isp.token"]._cron_follow_all()
        batch, reseller = env["isp.token.batch"].browse(batch_id), env["isp.reseller"].browse(reseller_id)
        back = batch.token_ids.filtered("returned_at")
        assert batch.returned_count == len(back)
        assert reseller.debt - debt == NET * (20 - len(back))
        assert set(back.mapped("state")) == {"blocked"} and set(back.access_id.mapped("state")) == {"blocked"}
        assert set((batch.token_ids - back).mapped("state")) == {"in_use"}
        assert 0 < len(back) < 20
        assert not reseller._audit()
