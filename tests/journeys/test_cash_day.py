# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A day at the cash desk and at the bank, 10 March 2027, that a person can check by hand.

A month costs 50,000 and 20 % excise: 60,000. Nine customers owe it, Deng for two months; Emmanuel's prepaid line
(25,000 and excise: 30,000) has run out. Rose takes money with the rights of a cashier and nothing else, Peter is her
manager. Each step is a transaction of its own, as each click in the browser is.

    drawer   20,000 float + 295,000 taken - 7,000 fuel - 200,000 to the safe = 108,000; counted 107,500
    safe     100,000 - 20,000 + 200,000 + 87,500 takings                     = 367,500
    bank     60,000 Ijang + 60,000 Jada + 7,000 unknown                      = 127,000
    wallet   40,000 Keji
    owed     Bol 35,000 + Deng 60,000 + Garang 60,000 + Keji 20,000          = 175,000
"""

import base64
from datetime import date, datetime

import pytest
from freezegun import freeze_time
from instances import env_of
from killed import count, kill_at, together

DAY = date(2027, 3, 10)
POSTPAID = ("Achol", "Bol", "Chol", "Deng", "Garang", "Hakim", "Ijang", "Jada", "Keji")
ROSE, MARY, PETER = "rose", "mary", "peter"
DESK_FORM = "isp_cash.view_isp_cash_payment_desk"


class Day:
    """The house on that day; ``at(login)`` is one transaction of one person."""

    def __init__(self, instance):
        self.instance = instance
        self.kept = {}

    def at(self, login=None, hour=9, **context):
        return _At(self.instance, login, hour, context)


class _At:
    def __init__(self, instance, login, hour, context):
        self.clock = freeze_time(f"{DAY} {hour:02}:00:00")
        self.env, self.login, self.context = env_of(instance), login, context

    def __enter__(self):
        self.clock.start()
        env = self.env.__enter__()
        return _as(env, self.login)(context={**env.context, **self.context}) if self.login else env

    def __exit__(self, *exc):
        try:
            return self.env.__exit__(*exc)
        finally:
            self.clock.stop()


def _as(env, login):
    """:return: ``env`` of the person, with nothing but the person's rights"""
    user = env["res.users"].search([("login", "=", login)])
    return env(user=user.id, context={"lang": user.lang, "tz": user.tz, "allowed_company_ids": user.company_ids.ids})


@pytest.fixture(scope="module")
def day(make_instance):
    day = Day(make_instance("cash_day"))
    with day.at(hour=5) as env:
        _set_up_house(env)
        _set_up_customers(env)
    return day


def _set_up_house(env):
    company = env.company
    company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id, "isp_due_days": 10, "isp_expiring_days": 3})
    company.partner_id.tz = "Africa/Juba"
    env["res.lang"]._activate_lang("ar_001")
    ours = env["ir.module.module"].search([("name", "in", ("report_weasyprint", "isp_base", "isp_billing", "isp_cash"))])
    ours._update_translations(["ar_001"])
    chart = env["account.chart.template"].with_company(company)
    chart.try_loading("ss", company, install_demo=False)
    rights = ((ROSE, "Rose Keji", "isp_cash.group_isp_cashier"), (MARY, "Mary Poni", "isp_cash.group_isp_cashier"))
    for login, name, group in (*rights, (PETER, "Peter Lado", "isp_base.group_isp_billing_manager")):
        env["res.users"].create(
            {
                "login": login,
                "name": name,
                "tz": "Africa/Juba",
                "lang": "en_US",
                "company_id": company.id,
                "company_ids": [(6, 0, company.ids)],
                "group_ids": [(6, 0, env.ref(group).ids)],
            }
        )
    drawer, safe = _cash_journal(env, "Drawer", "DRW", "101110"), _cash_journal(env, "Safe", "SAFE", "101120")
    env["isp.cash.desk"].create(
        {
            "name": "Front desk",
            "code": "FD",
            "journal_id": drawer.id,
            "safe_journal_id": safe.id,
            "user_ids": [(6, 0, env["res.users"].search([("login", "in", (ROSE, MARY))]).ids)],
            "float_amount": 20000,
        }
    )
    env["isp.cash.reason"].create({"name": "Fuel", "account_id": chart.ref("ss_site_power").id})
    opening = [(safe.default_account_id, 100000), (chart.ref("ss_opening_balance"), -100000)]
    env["account.move"].create(
        {"date": "2027-03-01", "line_ids": [(0, 0, {"name": "Opening", "account_id": account.id, "balance": balance}) for account, balance in opening]}
    ).action_post()
    for name, kind, journal, mapping in (("KCB", "bank", "bank", "mapping_bank"), ("m-GURUSH", "wallet", "momo", "mapping_wallet")):
        env["isp.operator"].create(
            {"name": name, "kind": kind, "journal_id": chart.ref(journal).id, "mapping_id": env.ref(f"isp_bank.{mapping}").id}
        )


def _cash_journal(env, name, code, number):
    account = env["account.account"].create({"name": name, "code": number, "account_type": "asset_cash"})
    return env["account.journal"].create({"name": name, "code": code, "type": "cash", "default_account_id": account.id})


def _set_up_customers(env):
    taxes = [(6, 0, env.company.account_sale_tax_id.ids)]
    home = env["isp.plan"].create({"code": "C-HOME", "name": "Home", "list_price": 50000, "taxes_id": taxes})
    for name in POSTPAID:
        line = _create_line(env, name, home)
        line.billing_from = "2027-02-01" if name == "Deng" else "2027-03-01"
    for month in ("2027-02-01", "2027-03-01"):
        run = env["isp.billing.run"].create({"date": month})
        run._process()
        assert not run.error_ids, run.error_ids.mapped("message")
    month = {"billing_mode": "prepaid", "period_unit": "day", "period_count": 30}
    prepaid = env["isp.plan"].create({"code": "C-PRE", "name": "Prepaid", "list_price": 25000, "taxes_id": taxes, **month})
    line = _create_line(env, "Emmanuel", prepaid)
    line.valid_until = "2027-03-08 22:00:00"
    line._suspend_if_expired()
    assert (line.state, line.balance) == ("suspended", 0)


def _create_line(env, name, plan):
    partner = env["res.partner"].create({"name": f"{name} Lado", "lang": "en_US"})
    line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1, "username": name.lower()})
    line._set_state("active", "import")
    return line


def _partner(env, name):
    return env["isp.subscription"].sudo().search([("username", "=", name.lower())]).partner_id


def _owes(day, *names):
    """:return: what these customers owe, by the books"""
    with env_of(day.instance) as env:
        return [env["res.partner"].browse(_partner(env, name).id).isp_balance for name in names]


def _balance(env, account):
    return sum(env["account.move.line"].search([("account_id", "=", account.id), ("parent_state", "=", "posted")]).mapped("balance"))


def _account(env, code):
    return env["account.account"].search([("code", "=", code)])


def _shift(env):
    return env["isp.cash.shift"].search([], order="id desc", limit=1)


def _form(env, name):
    """:return: the form of the counter with the customer found by the user name"""
    from odoo.tests import Form

    form = Form(env["isp.cash.payment"], view=DESK_FORM)
    form.query = name.lower()
    assert form.partner_id.name == f"{name} Lado"
    return form


def _pay(day, name, amount=None, given=0):
    """Take money as the screen does: the form is saved and confirmed. :return: (id of the form, id of the payment)"""
    with day.at(ROSE) as env:
        form = _form(env, name)
        if amount:
            form.amount = amount
        form.given = given
        wizard = form.save()
        action = wizard.action_confirm()
        assert action["report_name"] == "isp_billing.report_isp_receipt"
        return wizard.id, wizard.sudo().payment_id.id


def _statements(day, work):
    """:return: how many statements ``work`` sends when what is cached is cached; nothing of it stays"""

    def undone(env):
        work(env)
        env.flush_all()
        env.cr.rollback()

    with freeze_time(f"{DAY} 09:00:00"):
        count(day.instance, undone)
        return count(day.instance, undone)


def _text(env, report, ids):
    from odoo.addons.report_weasyprint.tests.common import text_of

    return " ".join(text_of(env["ir.actions.report"]._render_qweb_weasyprint(report, ids)[0]))


# === The morning ===


def test_01_no_money_before_the_drawer_is_counted(day):
    from odoo.exceptions import UserError

    with pytest.raises(UserError, match="Open your shift first"), day.at(ROSE) as env:
        form = _form(env, "Achol")
        form.amount = 1
        form.save().action_confirm()
    assert _owes(day, "Achol") == [60000]


def test_02_the_float_is_counted(day):
    from odoo.tests import Form

    for _tap in ("first", "second"):
        with day.at(ROSE, hour=6) as env:
            form = Form(env["isp.cash.open"])
            with form.count_ids.edit(0) as note:
                assert note.value == 1000
                note.quantity = 20
            form.from_safe = 20000
            assert (form.counted, form.difference) == (20000, 0)
            form.save().action_confirm()
    with env_of(day.instance) as env:
        shift = env["isp.cash.shift"].search([])
        assert (len(shift), shift.expected, shift.user_id.login, shift.difference) == (1, 20000, ROSE, 0)
        assert [_balance(env, _account(env, code)) for code in ("101110", "101120")] == [20000, 80000]


def test_03_one_desk_is_one_persons(day):
    from odoo.exceptions import UserError
    from odoo.tests import Form

    with pytest.raises(UserError, match="Rose Keji has an open shift at Front desk"), day.at(MARY) as env:
        form = Form(env["isp.cash.open"])
        form.save().action_confirm()
    with pytest.raises(UserError, match="Open your shift first"), day.at(MARY) as env:
        form = _form(env, "Achol")
        form.save().action_confirm()
    with env_of(day.instance) as env:
        assert len(env["isp.cash.shift"].search([])) == 1


# === Money over the counter ===


def test_04_exactly_what_is_owed_and_confirmed_twice(day):
    wizard, payment = _pay(day, "Achol")
    with day.at(ROSE) as env:
        form = env["isp.cash.payment"].browse(wizard)
        form.action_confirm()
        assert form.sudo().payment_id.id == payment
    day.kept["receipt"] = payment
    assert _owes(day, "Achol") == [0]
    with env_of(day.instance) as env:
        assert env["account.payment"].search_count([("partner_id", "=", _partner(env, "Achol").id)]) == 1
        assert _shift(env).expected == 80000


def test_05_a_part(day):
    _pay(day, "Bol", 25000)
    assert _owes(day, "Bol") == [35000]


def test_06_more_on_the_table_than_owed_gives_change(day):
    from odoo.exceptions import UserError

    with day.at(ROSE) as env:
        form = _form(env, "Chol")
        form.given = 65000
        assert (form.amount, form.change, form.change_notes, form.to_credit) == (60000, 5000, "5 × 1,000", 0)
    with pytest.raises(UserError, match="is on the table"):
        _pay(day, "Chol", 60000, given=55000)
    _pay(day, "Chol", given=65000)
    assert _owes(day, "Chol") == [0]


def test_07_the_invoice_the_customer_chooses(day):
    with day.at(ROSE) as env:
        form = _form(env, "Deng")
        assert form.amount == 120000
        form.allocation = "chosen"
        with form.line_ids.edit(1) as line:
            line.chosen = True
        assert form.amount == 60000
        form.save().action_confirm()
    assert _owes(day, "Deng") == [60000]
    with env_of(day.instance) as env:
        invoices = env["account.move"].search([("partner_id", "=", _partner(env, "Deng").id), ("move_type", "=", "out_invoice")], order="invoice_date, id")
        assert invoices.mapped("payment_state") == ["not_paid", "paid"]


def test_08_a_prepaid_line_comes_back_at_the_counter(day):
    """Paid on the 10th for thirty days: to the end of 8 April in Juba. Money once more, long before: credit."""
    with day.at(ROSE) as env:
        form = _form(env, "Emmanuel")
        with form.service_ids.edit(0) as service:
            assert (service.name, service.state, service.chosen) == ("emmanuel", "Suspended", True)
        assert form.amount == 30000
        wizard = form.save()
        wizard.action_confirm()
        wizard.action_confirm()
    with day.at() as env:
        line = env["isp.subscription"].search([("username", "=", "emmanuel")])
        assert (line.state, line.valid_until, line.prepaid_number) == ("active", datetime(2027, 4, 8, 22), 1)
        assert (line.balance, sum(line.period_ids.mapped("amount"))) == (0, 25000)
    with day.at(ROSE) as env:
        form = _form(env, "Emmanuel")
        with form.service_ids.edit(0) as service:
            assert not service.chosen
        assert (form.amount, form.subscription_id.id) == (0, False)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.97])
def test_09_the_power_goes_in_the_middle_of_a_payment(day, share):
    """Whatever had been done is gone, and the form on the screen can be confirmed again."""
    if "power cut" not in day.kept:
        with day.at(ROSE) as env:
            day.kept["power cut"] = _form(env, "Hakim").save().id

    def work(env):
        _as(env, ROSE)["isp.cash.payment"].browse(day.kept["power cut"]).action_confirm()
        env.flush_all()

    statements = _statements(day, work)
    assert statements > 50
    with freeze_time(f"{DAY} 09:00:00"):
        assert kill_at(day.instance, work, max(int(statements * share), 1))
    assert _owes(day, "Hakim") == [60000]
    with env_of(day.instance) as env:
        assert not env["account.payment"].search_count([("partner_id", "=", _partner(env, "Hakim").id)])
        assert _shift(env).expected == 255000


def test_10_again_and_two_taps_at_once_are_one_payment(day):
    from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

    def work(env):
        for _try in range(5):
            try:
                _as(env, ROSE)["isp.cash.payment"].browse(day.kept["power cut"]).action_confirm()
                env.cr.commit()
                return
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:  # as the server does with a request
                env.cr.rollback()
                env.invalidate_all()
        raise AssertionError("five tries met another transaction")

    with freeze_time(f"{DAY} 09:00:00"):
        together(day.instance, work, work)
    assert _owes(day, "Hakim") == [0]
    with env_of(day.instance) as env:
        assert env["account.payment"].search([("partner_id", "=", _partner(env, "Hakim").id)]).mapped("amount") == [60000]
        assert _shift(env).expected == 315000


def test_11_a_receipt_and_its_copy(day):
    for copy in (False, True):
        with day.at(ROSE) as env:
            line = env["isp.cash.line"].search([("payment_id", "=", day.kept["receipt"])])
            action = line.action_print()
            text = _text(env, action["report_name"], action["context"]["active_ids"])
            for part in ("Achol Lado", "60,000", "Rose Keji"):
                assert part in text, text
            assert ("COPY 1" in text) == copy, text


def test_12_fuel_is_paid_and_the_drawer_emptied_into_the_safe(day):
    from odoo.exceptions import UserError
    from odoo.tests import Form

    def out(button, amount, reason=None, to_whom=None):
        with day.at(ROSE) as env:
            action = getattr(_shift(env), button)()
            form = Form(env[action["res_model"]].with_context(**action["context"]))
            form.amount = amount
            if reason:
                form.reason_id, form.to_whom = env["isp.cash.reason"].search([("name", "=", reason)]), to_whom
            wizard = form.save()
            wizard.action_confirm()
            wizard.action_confirm()

    out("action_pay_out", 7000, "Fuel", "Total station")
    out("action_drop", 200000)
    with pytest.raises(UserError, match="There is only"):
        out("action_drop", 200000)
    with env_of(day.instance) as env:
        assert _shift(env).expected == 108000
        assert [_balance(env, _account(env, code)) for code in ("101110", "101120", "503000")] == [108000, 280000, 7000]


def test_13_a_mistake_is_reversed_by_the_manager_with_a_reason(day):
    from odoo.exceptions import AccessError
    from odoo.tests import Form

    _wizard, payment = _pay(day, "Garang", 20000)
    assert _owes(day, "Garang") == [40000]
    with pytest.raises(AccessError), day.at(ROSE) as env:
        env["isp.cash.line"].search([("payment_id", "=", payment)]).action_reverse()
    with day.at(PETER) as env:
        action = env["account.payment"].browse(payment).action_isp_reverse()
        form = Form(env[action["res_model"]].with_context(**action["context"]))
        with pytest.raises(AssertionError):
            form.save()  # no reason
        form.reason = "It was Garang Deng who paid"
        wizard = form.save()
        wizard.action_confirm()
        wizard.action_confirm()
    assert _owes(day, "Garang") == [60000]
    with env_of(day.instance) as env:
        reversal = env["isp.cash.reversal"].search([])
        assert (reversal.payment_id.id, reversal.user_id.login, reversal.reason) == (payment, PETER, "It was Garang Deng who paid")
        assert (_shift(env).expected, _shift(env).money_in) == (108000, 295000)


# === The evening ===


def _close_form(day):
    """Rose counts 107 notes of 1,000 and one of 500: 500 less than the books say. :return: id of the form"""
    from odoo.tests import Form

    with day.at(ROSE, hour=14) as env:
        action = _shift(env).action_count()
        form = Form(env[action["res_model"]].with_context(**action["context"]))
        for number, (value, quantity) in enumerate(((1000, 107), (500, 1))):
            with form.count_ids.edit(number) as note:
                assert note.value == value
                note.quantity = quantity
        assert (form.expected, form.counted, form.difference) == (108000, 107500, -500)
        assert (form.to_safe, form.left) == (87500, 20000)
        form.note = "One note of 500 is missing"
        return form.save().id


def test_14_the_close_is_whole_or_not_at_all(day):
    from odoo.exceptions import UserError

    wizard = _close_form(day)
    with pytest.raises(UserError, match="takes no money any more"):
        _pay(day, "Bol", 1000)

    def work(env):
        _as(env, ROSE)["isp.cash.close"].browse(wizard).action_confirm()
        env.flush_all()

    statements = _statements(day, work)
    for share in (0.5, 0.97):
        with freeze_time(f"{DAY} 14:00:00"):
            assert kill_at(day.instance, work, int(statements * share))
        with env_of(day.instance) as env:
            shift = _shift(env)
            assert (shift.state, shift.expected, shift.z_number, shift.counted) == ("counting", 108000, 0, 0)
    for _tap in range(2):
        with day.at(ROSE, hour=14) as env:
            env["isp.cash.close"].browse(wizard).action_confirm()
    with env_of(day.instance) as env:
        shift = _shift(env)
        assert (shift.state, shift.display_name, shift.counted, shift.difference) == ("closed", "Z FD/1", 107500, -500)
        assert {line.value: line.quantity for line in shift.count_ids if line.moment == "closing"} == {1000: 107, 500: 1}


def test_15_the_ledger_has_what_was_counted(day):
    """107,500 counted = 20,000 in the drawer + 87,500 carried to the safe."""
    with env_of(day.instance) as env:
        shift = _shift(env)
        drawer, safe, loss = (_balance(env, _account(env, code)) for code in ("101110", "101120", "612000"))
        assert (drawer, safe, loss) == (20000, 367500, 500)
        takings = shift.line_ids.filtered(lambda line: line.kind == "drop").mapped("amount")
        assert sorted(takings) == [-200000, -87500]
        assert drawer + 87500 == shift.counted == 107500
        assert shift.expected == drawer


@pytest.mark.parametrize("lang", ["en_US", "ar_001"])
@pytest.mark.parametrize("paper", ["a4", "80mm"])
def test_16_the_z_report(day, lang, paper, shared):
    from odoo.addons.report_weasyprint.tests.common import pages_of, text_of

    report = "isp_cash.action_report_isp_cash_shift" + ("_roll" if paper == "80mm" else "")
    with day.at(ROSE, hour=15, lang=lang) as env:
        pdf, kind = env["ir.actions.report"]._render_qweb_pdf(report, _shift(env).ids)
        assert kind == "pdf"
    (shared.dir / f"cash_day-{lang}-{paper}.pdf").write_bytes(pdf)
    width = float(pages_of(pdf)[0].mediabox.width) / 72 * 25.4
    assert abs(width - (80 if paper == "80mm" else 210)) < 1
    text = " ".join(text_of(pdf))
    for part in ("FD/1", "107,500", "-500", "-7,000", "315,000", "Rose Keji"):
        assert part in text, text
    if lang == "en_US":
        assert "Z report" in text
    else:
        assert "Z report" not in text
        assert any("\u0600" <= letter <= "\u06ff" or "\ufb50" <= letter <= "\ufeff" for letter in text)


# === The bank ===


def _wrong(number):
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def _import(day, text):
    """Peter reads the bank's file; what comes after it runs in the background. :return: (lines, new, known, out, refused)"""
    from odoo.tests import Form

    with day.at(PETER, hour=15) as env:
        form = Form(env["isp.incoming.import"])
        form.operator_id = env["isp.operator"].search([("name", "=", "KCB")])
        form.file = base64.b64encode(text.encode())
        record = form.save()
        record.action_read()
        result = record.count, record.added, record.known, record.out, record.bad
    with day.at(hour=15) as env:
        env["isp.incoming"].search([("state", "=", "new")])._process()
    return result


def _bank_file(day):
    with env_of(day.instance) as env:
        ijang, jada = (_partner(env, name).isp_account_no for name in ("Ijang", "Jada"))
    return (
        "Value Date,Reference,Description,Debit,Credit\n"
        f'10/03/2027,K1,internet {ijang[:3]}-{ijang[3:]},,"60,000.00"\n'
        f'10/03/2027,K2,{_wrong(jada)} internet,,"60,000.00"\n'
        '10/03/2027,K3,transfer,,"7,000.00"\n'
        "10/03/2027,K4,charges,500.00,\n"
    )


def _incoming(env, reference):
    return env["isp.incoming"].search([("reference", "=", reference)])


def test_17_the_statement_of_the_bank(day):
    """The right number is booked; the mistyped one and the unknown wait, and the bank's account agrees."""
    assert _import(day, _bank_file(day)) == (4, 3, 0, 1, 0)
    assert _owes(day, "Ijang", "Jada") == [0, 60000]
    with env_of(day.instance) as env:
        assert [_incoming(env, ref).state for ref in ("K1", "K2", "K3")] == ["booked", "suspense", "suspense"]
        assert _incoming(env, "K1").partner_id == _partner(env, "Ijang")
        assert _partner(env, "Jada") in _incoming(env, "K2").suggestion_ids.partner_id
        assert not _incoming(env, "K3").suggestion_ids
        assert [_balance(env, _account(env, code)) for code in ("101200", "203200")] == [127000, -67000]


def test_18_the_same_file_again_adds_nothing(day):
    assert _import(day, _bank_file(day)) == (4, 0, 3, 1, 0)
    with env_of(day.instance) as env:
        assert env["isp.incoming"].search_count([]) == 3
        assert [_balance(env, _account(env, code)) for code in ("101200", "203200")] == [127000, -67000]


def test_19_what_is_in_suspense_is_booked_by_a_click(day):
    from odoo.exceptions import AccessError

    with pytest.raises(AccessError), day.at(ROSE, hour=16) as env:
        env["isp.incoming.suggestion"].search([])[:1].action_book()
    with day.at(hour=16) as env:
        suggestion = _incoming(env, "K2").suggestion_ids.filtered(lambda one: one.partner_id == _partner(env, "Jada")).id

    def click(env):
        _as(env, PETER)["isp.incoming.suggestion"].browse(suggestion).action_book()
        env.flush_all()

    statements = _statements(day, click)
    with freeze_time(f"{DAY} 16:00:00"):
        assert kill_at(day.instance, click, statements // 2)
    assert _owes(day, "Jada") == [60000]
    with day.at(hour=16) as env:
        click(env)
    assert _owes(day, "Jada") == [0]
    with env_of(day.instance) as env:
        assert (_incoming(env, "K2").state, len(_incoming(env, "K2").share_ids)) == ("booked", 1)
        assert [_balance(env, _account(env, code)) for code in ("101200", "203200")] == [127000, -7000]


def test_20_a_wallets_reference_is_used_once(day):
    from odoo.exceptions import UserError
    from odoo.tests import Form

    def receipt(reference, name, amount):
        with day.at(PETER, hour=16) as env:
            form = Form(env["isp.incoming.manual"])
            form.operator_id = env["isp.operator"].search([("name", "=", "m-GURUSH")])
            form.reference, form.amount, form.partner_id = reference, amount, _partner(env, name)
            form.save().action_confirm()

    receipt("mg 10771", "Keji", 40000)
    for name in ("Keji", "Bol"):
        with pytest.raises(UserError, match="was recorded on .* by Peter Lado.*Keji Lado"):
            receipt(" MG  10771", name, 40000)
    assert _owes(day, "Keji", "Bol") == [20000, 35000]
    with env_of(day.instance) as env:
        assert _balance(env, _account(env, "101300")) == 40000


# === The night ===


def test_21_the_day_adds_up(day):
    """Billed 10 x 60,000 + 30,000 = 630,000; paid 295,000 + 60,000 + 60,000 + 40,000 = 455,000; owed 175,000."""
    with env_of(day.instance) as env:
        partners = env["isp.subscription"].search([]).partner_id
        owed = {partner.name.split()[0]: partner.isp_balance for partner in partners if partner.isp_balance}
        assert owed == {"Bol": 35000, "Deng": 60000, "Garang": 60000, "Keji": 20000}
        receivable = env["account.account"].search([("account_type", "=", "asset_receivable")])
        assert sum(_balance(env, account) for account in receivable) == sum(owed.values()) == 175000
        invoices = env["account.move"].search([("move_type", "=", "out_invoice"), ("state", "=", "posted")])
        assert sum(invoices.mapped("amount_total")) == 630000
        assert sum(invoices.mapped("amount_residual")) == 175000

        drawer, safe, bank, wallet, suspense = (
            _balance(env, _account(env, code)) for code in ("101110", "101120", "101200", "101300", "203200")
        )
        assert (drawer, safe, bank, wallet, suspense) == (20000, 367500, 127000, 40000, -7000)
        payments = env["account.payment"].search([("isp_reversal_move_id", "=", False)])
        assert sum(payments.mapped("amount")) == 455000
        # What came in is there: less what the safe had, with the fuel and the missing note, without what is nobody's yet.
        assert drawer + safe - 100000 + 7000 + 500 + bank + wallet + suspense == 455000
        assert not env["account.move"].search_count([("state", "=", "draft")])
        env.cr.execute("SELECT sum(balance) FROM account_move_line WHERE parent_state = 'posted'")
        assert env.cr.fetchone() == (0,)


def test_22_each_customer_is_told_once_a_payment(day):
    """Seven payments over the counter (the reversed one too), two by bank, one by wallet; no row twice."""
    with env_of(day.instance) as env:
        receipts = env["isp.notice"].search([("kind", "=", "receipt")])
        assert sorted(receipts.mapped("partner_id.name")) == sorted(
            f"{name} Lado" for name in ("Achol", "Bol", "Chol", "Deng", "Emmanuel", "Garang", "Hakim", "Ijang", "Jada", "Keji")
        )
        assert len(set(receipts.mapped("key"))) == len(receipts) == 10
        assert env["isp.cash.shift"].search([]).mapped("z_number") == [1]


def test_23_the_next_morning_starts_with_what_was_left(day):
    from odoo.tests import Form

    with day.at(MARY, hour=17) as env:
        form = Form(env["isp.cash.open"])
        assert form.carried == 20000
        with form.count_ids.edit(0) as note:
            note.quantity = 20
        assert form.difference == 0
        form.save().action_confirm()
    with env_of(day.instance) as env:
        shift = _shift(env)
        assert (shift.user_id.login, shift.expected, shift.difference, len(shift.line_ids)) == (MARY, 20000, 0, 0)
