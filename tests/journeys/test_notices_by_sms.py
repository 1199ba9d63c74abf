# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""From the bill to the telephone: invoice, reminder, suspension, receipt and return of two customers, through the real Kannel and its fake operator.

The tests of this file are one story and run in its order. Whatever is started twice or killed in the middle, each telephone gets each text once,
one of them in Arabic.
"""

import shutil
from datetime import date

import pytest
from freezegun import freeze_time
from instances import env_of
from killed import kill_at
from stack.shell import wait_for

from simulators.momo.phone import decode

ENGLISH, ARABIC = "+211921110001", "+211921110002"
PRICE = 180000


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("notices", workers=0)
    shutil.rmtree(instance.kannel.dir, ignore_errors=True)
    instance.kannel.start()
    try:
        _found(instance)
        instance.odoo.start("--max-cron-threads=0", "--log-level=warn")
        yield instance
    finally:
        instance.kannel.stop()


def _found(instance):
    with env_of(instance) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
        company.partner_id.tz = "Africa/Juba"
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("name", "=", "isp_billing")])._update_translations(["ar_001"], overwrite=True)
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        company.write({"isp_due_days": 10, "isp_grace_days": 5, "isp_auto_suspend": True, "isp_invoice_sms": True, "isp_quiet_from": 20, "isp_quiet_to": 8})
        env["isp.sms.gateway"].with_context(active_test=False).search([]).active = False
        env["isp.sms.gateway"].create(
            {"name": "Kannel", "driver": "kannel", "url": instance.kannel.url, "username": "isp", "password": instance.kannel.password,
             "sender": "JubaNet", "price": 20, "callback_base": f"http://127.0.0.1:{instance.ports['odoo']}"}
        )  # fmt: skip
        plan = env["isp.plan"].create({"code": "N-HOME", "name": "Home 2M", "list_price": PRICE, "taxes_id": [(5,)]})
        for number, (phone, lang) in enumerate(((ENGLISH, "en_US"), (ARABIC, "ar_001"))):
            partner = env["res.partner"].create({"name": f"Customer {number}", "phone": phone, "lang": lang, "isp_account_no": f"N10000{number}"})
            line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 2})
            line._set_state("active", "import")
            line.billing_from = date(2026, 11, 2)


def commit(env):
    def end(processed=0):
        env.cr.commit()
        return 1000

    return end


def deliver(isp):
    """All that sends, as the schedulers do."""
    with env_of(isp) as env:
        env["isp.notice"]._send_queued()
        env.cr.commit()
        env["sms.sms"]._process_queue()
        env.cr.commit()
        env["isp.sms.message"]._dispatch(commit(env))


def arrived(isp):
    """:return: {number: texts on that telephone, in order}"""
    texts = {ENGLISH: [], ARABIC: []}
    for _sender, to, raw in isp.kannel.received():
        number = "+" + to.lstrip("+")
        if number in texts:
            texts[number].append(decode(*raw.split(" ", 1)))
    return texts


def expect(isp, count):
    """:return: what came last on both telephones, when each has ``count`` texts and everything is reported delivered"""

    def there():
        with env_of(isp) as env:
            env["isp.sms.receipt"]._cron_read()
            env.cr.commit()
            states = set(env["isp.sms.message"].search([("number", "in", [ENGLISH, ARABIC])]).mapped("state"))
        return states == {"delivered"} and all(len(texts) >= count for texts in arrived(isp).values())

    wait_for(there, 60, f"{count} texts on each telephone: {arrived(isp)}")
    texts = arrived(isp)
    assert {number: len(some) for number, some in texts.items()} == {ENGLISH: count, ARABIC: count}, texts
    return texts[ENGLISH][-1], texts[ARABIC][-1]


def line_of(env, phone):
    return env["isp.subscription"].search([("partner_id.phone", "=", phone)])


@freeze_time("2026-11-02 09:00:00", tick=True)
def test_the_invoice(isp):
    with env_of(isp) as env:
        run = env["isp.billing.run"].create({"date": date(2026, 11, 2)})
        run._process(commit=True)
        assert not run.error_ids, run.error_ids.mapped("message")
    for statement in (1, 3, 5, 8):
        kill_at(isp, _tell, statement)
    with env_of(isp) as env:
        _tell(env)
        numbers = {move.partner_id.phone: move.name for move in env["isp.billing.run"].search([]).move_ids}
    for statement in (5, 12, 20, 30):
        kill_at(isp, lambda env: (env["isp.notice"]._send_queued(), env.cr.commit()), statement)
    for _twice in range(2):
        deliver(isp)
    english, arabic = expect(isp, 1)
    assert english == f"Juba Net: invoice {numbers[ENGLISH]}. Please pay 180,000 SSP by 12 Nov 2026. Account N100000."
    assert arabic == f"Juba Net: فاتورة {numbers[ARABIC]}، 180,000 جنيه حتى 12/11/2026"


def _tell(env):
    for run in env["isp.billing.run"].search([("to_tell", "=", True)]):
        run._tell_invoices(commit(env))
    env.cr.commit()


def _dunning(isp):
    with env_of(isp) as env:
        env["isp.dunning.run"]._run_company(env.company, commit=False)


@freeze_time("2026-11-09 09:00:00", tick=True)
def test_the_reminder(isp):
    for _twice in range(2):
        _dunning(isp)
        deliver(isp)
    english, arabic = expect(isp, 2)
    assert "180,000 SSP is due on 12 Nov 2026" in english
    assert arabic.startswith("Juba Net: المطلوب 180,000 جنيه حتى 12/11/2026")


@freeze_time("2026-11-13 09:00:00", tick=True)
def test_overdue(isp):
    _dunning(isp)
    deliver(isp)
    english, arabic = expect(isp, 3)
    assert "overdue since 12 Nov 2026" in english and "متأخر" in arabic


@freeze_time("2026-11-18 09:00:00", tick=True)
def test_suspended(isp):
    with env_of(isp) as env:
        env["isp.dunning.run"].search([]).last_pass = "2026-11-18 08:30:00"  # the computer was not off
        env.company.isp_cut_hold = False
        env.company.isp_cut_cap_min = 100
    for _twice in range(2):
        _dunning(isp)
        deliver(isp)
    with env_of(isp) as env:
        assert {line_of(env, phone).state for phone in (ENGLISH, ARABIC)} == {"suspended"}
    english, arabic = expect(isp, 4)
    assert "your internet is off because 180,000 SSP is overdue" in english and "الخدمة موقوفة" in arabic


@freeze_time("2026-11-18 12:00:00", tick=True)
def test_paid_restored_and_told_once_each(isp):
    with env_of(isp) as env:
        cash = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", env.company.id)], limit=1)
        for phone in (ENGLISH, ARABIC):
            partner = line_of(env, phone).partner_id
            env["isp.cash.payment"].create({"partner_id": partner.id, "amount": PRICE, "journal_id": cash.id, "date": "2026-11-18"})._take()
    for _twice in range(2):
        deliver(isp)
    expect(isp, 6)
    english, arabic = (sorted(arrived(isp)[phone][-2:]) for phone in (ENGLISH, ARABIC))
    assert "thank you, your internet is back" in english[0] and "we received 180,000 SSP" in english[1]
    assert any("عادت الخدمة" in text for text in arabic) and any("استلمنا 180,000 جنيه" in text for text in arabic)


def test_the_log_says_why_each_was_sent(isp):
    with env_of(isp) as env:
        messages = env["isp.sms.message"].search([("number", "=", ENGLISH)], order="id")
        assert sorted(messages.mapped("notice_kind")) == ["invoice", "overdue", "receipt", "reminder", "restored", "suspended"]
        assert set(messages.mapped("parts")) == {1}
        about = dict(zip(messages.mapped("notice_kind"), messages.mapped("res_model"), strict=True))
        assert about["invoice"] == about["reminder"] == "account.move"
        assert about["receipt"] in ("account.payment", "isp.notice") and about["suspended"] == "isp.subscription"
        assert all(messages.mapped("res_name"))
        assert set(messages.isp_notice_id.mapped("state")) == {"sent"}
