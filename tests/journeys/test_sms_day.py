# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A day of SMS with the real Kannel and its fake operator: sent once, reported, operator and Kannel away and back, killed in the middle.

Whatever happens, in the end the same holds: the operator got every number once, and the log says so.
"""

import collections
import shutil
import time
import uuid

import pytest
import requests
from instances import env_of
from killed import kill_at
from stack.shell import wait_for

from simulators.momo.phone import decode

NUMBERS = iter(range(10_000))


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("sms", workers=0)
    instance.kannel.messages.unlink(missing_ok=True)
    # Reports that a killed run left behind would be told to its dead server first, again and again.
    shutil.rmtree(instance.kannel.dir, ignore_errors=True)
    instance.kannel.start()
    try:
        with env_of(instance) as env:
            env.company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
            env["isp.sms.gateway"].with_context(active_test=False).search([("id", "!=", 0)]).active = False
            gateway = env["isp.sms.gateway"].create(
                {"name": "Kannel", "driver": "kannel", "url": instance.kannel.url, "username": "isp", "password": instance.kannel.password,
                 "sender": "JubaNet", "price": 20, "callback_base": f"http://127.0.0.1:{instance.ports['odoo']}"}
            )  # fmt: skip
            gateway.action_test()
        instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
        yield instance
    finally:
        instance.kannel.stop()


def write(instance, count, **values):
    """Write messages to new numbers. :return: their numbers"""
    numbers = [f"+21192{next(NUMBERS):07d}" for _ in range(count)]
    with env_of(instance) as env:
        rows = [{"uuid": uuid.uuid4().hex, "number": number, "body": "Juba Net: your line is paid", "company_id": env.company.id, **values} for number in numbers]
        assert env["isp.sms.message"]._enqueue(rows) == count
    return numbers


def dispatch(instance):
    with env_of(instance) as env:
        return env["isp.sms.message"]._dispatch(_commit(env))


def _commit(env):
    def commit(processed=0):
        env.cr.commit()
        return 1000

    return commit


def states(instance, numbers):
    """Read the reports that came. :return: {state: count}"""
    with env_of(instance) as env:
        env["isp.sms.receipt"]._cron_read()
        rows = env["isp.sms.message"]._read_group([("number", "in", numbers)], ["state"], ["__count"])
    return dict(rows)


def later(instance):
    """A day has gone by for what waits: columns are moved, nobody sleeps."""
    with env_of(instance) as env:
        env.cr.execute("UPDATE isp_sms_message SET next_try = next_try - interval '1 day', create_date = create_date - interval '1 day'")
        env.cr.execute("UPDATE isp_sms_gateway SET resting_until = resting_until - interval '1 day'")


def got(instance, numbers):
    """:return: how often the operator got each of these numbers"""
    wanted = {number.lstrip("+") for number in numbers}
    return collections.Counter(to.lstrip("+") for _sender, to, _text in instance.kannel.received() if to.lstrip("+") in wanted)


def all_once(instance, numbers, timeout=60):
    wait_for(lambda: states(instance, numbers) == {"delivered": len(numbers)}, timeout, "the reports")
    counts = got(instance, numbers)
    assert len(counts) == len(numbers) and set(counts.values()) == {1}


def test_sent_and_reported(isp):
    numbers = write(isp, 50)
    assert dispatch(isp) == 50
    all_once(isp, numbers)
    with env_of(isp) as env:
        message = env["isp.sms.message"].search([("number", "=", numbers[0])])
        assert message.cost == 20 and message.parts == 1 and message.gateway_id.name == "Kannel" and message.final_at


def test_arabic_arrives_as_it_was_written(isp):
    number = write(isp, 1, body="مرحبا، تم استلام الدفعة")
    dispatch(isp)
    all_once(isp, number)
    (raw,) = [text for _sender, to, text in isp.kannel.received() if to.lstrip("+") == number[0].lstrip("+")]
    assert decode(*raw.split(" ", 1)) == "مرحبا، تم استلام الدفعة"


def test_a_wrong_password_is_said(isp):
    from odoo.exceptions import UserError

    with env_of(isp) as env:
        gateway = env["isp.sms.gateway"].create({"name": "Wrong", "driver": "kannel", "url": isp.kannel.url, "username": "isp", "password": "no", "active": False})
        with pytest.raises(UserError, match="uthorization"):
            gateway.action_test()


def test_the_operator_is_away_and_back(isp):
    isp.kannel.stop_operator()
    numbers = write(isp, 20)
    assert dispatch(isp) == 20
    assert states(isp, numbers) == {"accepted": 20}
    isp.kannel.start_operator()
    all_once(isp, numbers)


def test_kannel_is_away_for_a_day_and_back(isp):
    isp.kannel.stop()
    numbers = write(isp, 20)
    for _ in range(3):
        assert dispatch(isp) == 0
        later(isp)
    assert states(isp, numbers) == {"queued": 20}
    isp.kannel.start()
    assert dispatch(isp) == 20
    all_once(isp, numbers)


def test_a_second_gateway_takes_over(isp):
    with env_of(isp) as env:
        first = env["isp.sms.gateway"].search([("name", "=", "Kannel")])
        dead = first.copy({"name": "Dead", "url": "http://127.0.0.1:9", "sequence": 1, "username": "isp", "password": "x"})
        assert dead.active
    numbers = write(isp, 10)
    try:
        assert dispatch(isp) == 10
        all_once(isp, numbers)
        with env_of(isp) as env:
            dead = env["isp.sms.gateway"].search([("name", "=", "Dead")])
            assert dead.state == "resting" and dead.failures == 1
            assert set(env["isp.sms.message"].search([("number", "in", numbers)]).mapped("gateway_id.name")) == {"Kannel"}
    finally:
        with env_of(isp) as env:
            env["isp.sms.gateway"].search([("name", "=", "Dead")]).active = False


def test_killed_at_any_statement_nothing_is_lost_or_doubled(isp):
    for statement in (3, 8, 10, 11, 12, 14, 17, 20):
        numbers = write(isp, 12)
        killed = kill_at(isp, lambda env: env["isp.sms.message"]._dispatch(_commit(env)), statement)
        deadline = time.monotonic() + 60
        while states(isp, numbers) != {"delivered": 12}:
            assert time.monotonic() < deadline, (statement, killed, states(isp, numbers))
            dispatch(isp)
            time.sleep(0.3)
            # Only when every report of what went has come is the wait over.
            if sum(got(isp, numbers).values()) == 12 - states(isp, numbers).get("handing", 0):
                later(isp)
        all_once(isp, numbers)


def test_forged_doubled_and_late_reports(isp):
    number = write(isp, 1)
    dispatch(isp)
    all_once(isp, number)
    base = f"http://127.0.0.1:{isp.ports['odoo']}"
    with env_of(isp) as env:
        message = env["isp.sms.message"].search([("number", "in", number)])
        path, count = message._receipt_path(message.uuid, message.tries), len(message.receipt_ids)
    for _ in range(3):
        assert requests.get(f"{base}{path}?type=2&reply=late", timeout=20).status_code == 200
    forged = path[:-4] + "0000"
    assert requests.get(f"{base}{forged}?type=2", timeout=20).status_code == 403
    assert states(isp, number) == {"delivered": 1}
    with env_of(isp) as env:
        assert len(env["isp.sms.message"].search([("number", "in", number)]).receipt_ids) == count + 1


def test_two_companies_in_one_queue(isp):
    with env_of(isp) as env:
        other = env["res.company"].create({"name": "Nile Net", "country_id": env.ref("base.ss").id})
        numbers = [f"+21192{next(NUMBERS):07d}" for _ in range(2)]
        for number, company in zip(numbers, (env.company, other), strict=True):
            partner = env["res.partner"].create({"name": number, "phone": number})
            post = partner.message_post(body="x")
            post.record_company_id = company
            env["sms.sms"].create({"number": number, "body": "Hello", "partner_id": partner.id, "mail_message_id": post.id})
        env["sms.sms"]._process_queue()
    dispatch(isp)
    all_once(isp, numbers)
    with env_of(isp) as env:
        assert len(env["isp.sms.message"].search([("number", "in", numbers)]).company_id) == 2
        assert set(env["sms.sms"].search([("number", "in", numbers)]).mapped("state")) <= {"sent"}


def bulk_to(instance, count, **values):
    """Contacts with new numbers and a bulk to them, in draft. :return: (id of the bulk, their numbers)"""
    numbers = [f"+21192{next(NUMBERS):07d}" for _ in range(count)]
    with env_of(instance) as env:
        tag = env["res.partner.category"].create({"name": numbers[0]})
        env["res.partner"].create([{"name": f"Contact {number}", "phone": number, "category_id": [(4, tag.id)]} for number in numbers])
        bulk = env["isp.sms.bulk"].create(
            {"name": "Work on the line", "body": "{name}: work tonight", "audience": "all", "category_ids": [(4, tag.id)], "quiet": "none", **values}
        )
        return bulk.id, numbers


def work_on_bulks(env):
    env["isp.sms.bulk"]._work(_commit(env))


def figures(instance, bulk_id, *names):
    with env_of(instance) as env:
        return tuple(env["isp.sms.bulk"].browse(bulk_id)[name] for name in names)


@pytest.fixture
def small_batches(monkeypatch):
    from odoo.addons.isp_sms.models import isp_sms_bulk_preview, isp_sms_bulk_run

    monkeypatch.setattr(isp_sms_bulk_preview, "AT_ONCE", 0)
    monkeypatch.setattr(isp_sms_bulk_preview, "LOOK", 5)
    monkeypatch.setattr(isp_sms_bulk_run, "FEED", 5)


def test_a_bulk_killed_at_any_statement_reaches_everybody_once(isp, small_batches):
    """The preview, the run and the dispatcher are killed in turn, at other places each time."""
    for nth in (2, 7, 15, 27, 40):
        bulk_id, numbers = bulk_to(isp, 12)
        with env_of(isp) as env:
            env["isp.sms.bulk"].browse(bulk_id).action_preview()
        kill_at(isp, work_on_bulks, nth)
        with env_of(isp) as env:
            work_on_bulks(env)
            bulk = env["isp.sms.bulk"].browse(bulk_id)
            assert (bulk.state, bulk.recipient_count, bulk.left_out_count) == ("previewed", 12, 0), nth
            bulk._start(12)
        deadline = time.monotonic() + 90
        kills = iter((nth, nth + 9, nth + 4))
        while figures(isp, bulk_id, "state", "delivered_count") != ("done", 12):
            assert time.monotonic() < deadline, (nth, figures(isp, bulk_id, "state", "waiting_count", "delivered_count"))
            if statement := next(kills, None):
                kill_at(isp, work_on_bulks, statement)
                kill_at(isp, lambda env: env["isp.sms.message"]._dispatch(_commit(env)), statement)
            else:
                with env_of(isp) as env:
                    work_on_bulks(env)
                dispatch(isp)
            time.sleep(0.3)
            # Only when every report of what went has come is the wait over.
            if sum(got(isp, numbers).values()) + figures(isp, bulk_id, "waiting_count")[0] == 12:
                later(isp)
            states(isp, numbers)
        all_once(isp, numbers)


def test_a_bulk_stopped_while_it_goes_out(isp, small_batches):
    bulk_id, numbers = bulk_to(isp, 30, per_minute=10)
    with env_of(isp) as env:
        bulk = env["isp.sms.bulk"].browse(bulk_id)
        bulk.action_preview()
        work_on_bulks(env)
        bulk._start(30)
        work_on_bulks(env)
    assert dispatch(isp) == 10
    with env_of(isp) as env:
        env["isp.sms.bulk"].browse(bulk_id).action_stop()
        work_on_bulks(env)
    dispatch(isp)
    assert figures(isp, bulk_id, "state", "gone_count", "unsent_count") == ("stopped", 10, 20)
    wait_for(lambda: (states(isp, numbers), figures(isp, bulk_id, "delivered_count") == (10,))[1], 60, "the reports")
    assert sum(got(isp, numbers).values()) == 10
