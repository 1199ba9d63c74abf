# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A year of one customer, day by day, with all that may happen to a bill; it ends with a statement that a person can check by hand.

The house works as it does by itself: each day its scheduled work is done in the order of the clock, all committed. What people do, they do by
their forms. Every pound of the statement is written below, with how it comes about.
"""

from datetime import date, timedelta

import pytest
from freezegun import freeze_time
from instances import env_of

FIRST, LAST = date(2027, 1, 1), date(2027, 12, 31)


class Year:
    """The house and its customer; ``until(day)`` lets the days pass."""

    def __init__(self, instance):
        self.instance = instance
        self.day = FIRST

    def until(self, day):
        """Live each day up to ``day``: bills, reminders, cuts, agreements, prices."""
        while self.day <= day:
            with self.at(self.day) as env:
                _live(env)
            self.day += timedelta(days=1)

    def at(self, day):
        """An environment on ``day`` at ten in the morning in Juba."""
        return _At(self.instance, day)


class _At:
    def __init__(self, instance, day):
        self.clock, self.env = freeze_time(f"{day} 08:00:00"), env_of(instance)

    def __enter__(self):
        self.clock.start()
        return self.env.__enter__()

    def __exit__(self, *exc):
        try:
            return self.env.__exit__(*exc)
        finally:
            self.clock.stop()


def _live(env):
    company = env.company
    env["isp.plan.price"]._cron_prices()
    today = company._isp_today()
    if env["isp.billing.run"]._has_work(company, today):
        run = env["isp.billing.run"].create({"date": today})
        run._process()
        assert not run.error_ids, run.error_ids.mapped("message")
    env["isp.notice"]._send_queued()
    env["isp.dunning.run"]._run_company(company)
    env["isp.instalment"]._watch()


@pytest.fixture(scope="module")
def year(make_instance):
    instance = make_instance("billing_year")
    year = Year(instance)
    with year.at(FIRST) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id, "isp_due_days": 10, "isp_grace_days": 5})
        company.partner_id.tz = "Africa/Juba"
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("state", "=", "installed")])._update_translations(["ar_001"])
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        company.isp_writeoff_account_id = env["account.account"].search([("code", "=", "610000")], limit=1)
        address = env["product.product"].create(
            {"name": "Static address", "type": "service", "list_price": 10000, "isp_is_service": True, "taxes_id": [(6, 0, company.account_sale_tax_id.ids)]}
        )
        home = env["isp.plan"].create(
            {
                "code": "Y-HOME",
                "name": "Home",
                "list_price": 100000,
                "setup_fee": 20000,
                "deposit": 50000,
                "taxes_id": [(6, 0, company.account_sale_tax_id.ids)],
            }
        )
        home.copy({"code": "Y-BIZ", "name": "Business", "list_price": 200000, "setup_fee": 0, "deposit": 0})
        env["isp.promotion"].create(
            {"name": "Half price", "code": "JUBA50", "discount_kind": "percent", "value": 50, "period_count": 3, "date_from": "2026-12-01", "date_to": "2027-12-31", "approval_ref": "NCA/17", "approval_date": "2026-11-20"}
        )
        partner = env["res.partner"].create(
            {"name": "Achol Deng", "isp_account_no": "JN-2027", "phone": "+211921234567", "lang": "en_US", "email": "achol@example.com"}
        )
        line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": home.id, "anchor_day": 1, "username": "achol"})
        env["isp.subscription.service"].create({"subscription_id": line.id, "product_id": address.id, "date_from": "2027-01-01"})
        env["isp.promotion.take"].create({"subscription_id": line.id, "code": "juba50"}).action_confirm()
        line.action_activate()
    return year


def _line(env):
    return env["isp.subscription"].search([("username", "=", "achol")])


def _pay(year, day, amount):
    year.until(day - timedelta(days=1))
    with year.at(day) as env:
        env["isp.cash.payment"].create({"partner_id": _line(env).partner_id.id, "amount": amount})._take()
    year.until(day)


def _balance(year):
    with year.at(year.day) as env:
        return _line(env).balance


def _notices(year, kind):
    with env_of(year.instance) as env:
        return env["isp.notice"].search_count([("kind", "=", kind), ("partner_id", "=", _line(env).partner_id.id)])


def _set_state(year, state, reason="customer"):
    with year.at(year.day) as env:
        form = env["isp.subscription.state.wizard"].create(
            {"subscription_ids": _line(env).ids, "new_state": state, "reason": reason}
        )
        form.action_confirm()


def test_01_first_bill_with_fee_deposit_service_and_voucher(year):
    """(100,000 - 50,000 + 10,000 + 20,000) with 20 % excise, and the deposit without: 96,000 + 50,000."""
    year.until(date(2027, 1, 1))
    assert _balance(year) == 146000
    _pay(year, date(2027, 1, 5), 146000)
    assert _balance(year) == 0


def test_02_too_much_is_credit_that_the_next_run_uses(year):
    """February and March cost (50,000 + 10,000) x 1.2 = 72,000 each; 200,000 paid: 56,000 are left for April."""
    _pay(year, date(2027, 2, 3), 200000)
    assert _balance(year) == -128000
    year.until(date(2027, 3, 1))
    assert _balance(year) == -56000


def test_03_the_promotion_ends_after_three_months(year):
    """April: (100,000 + 10,000) x 1.2 = 132,000, less the credit: 76,000."""
    year.until(date(2027, 4, 1))
    assert _balance(year) == 76000
    _pay(year, date(2027, 4, 5), 76000)


def test_04_upgrade_in_the_middle_is_shown_before(year):
    """16 of 30 days: credit 53,333, charge 106,667: 53,334 without taxes; excise by line 21,333 - 10,667."""
    year.until(date(2027, 4, 14))
    with year.at(date(2027, 4, 15)) as env:
        business = env["isp.plan"].search([("code", "=", "Y-BIZ")])
        form = env["isp.plan.change.wizard"].create({"subscription_id": _line(env).id, "plan_id": business.id, "when": "now"})
        assert (form.credit, form.charge, form.problem) == (-53333, 106667, False)
        shown = form.total
        form.action_confirm()
        form.action_confirm()
        assert _line(env).plan_id == business
        assert _line(env).balance == shown == 64000
    _pay(year, date(2027, 4, 20), 64000)
    _pay(year, date(2027, 5, 3), 252000)
    assert _balance(year) == 0


def test_05_a_new_price_is_told_before(year):
    year.until(date(2027, 5, 19))
    with year.at(date(2027, 5, 20)) as env:
        business = env["isp.plan"].search([("code", "=", "Y-BIZ")])
        env["isp.plan.price"].create({"plan_id": business.id, "date_from": "2027-07-01", "price": 220000}).action_confirm()
    year.until(date(2027, 5, 31))
    assert _notices(year, "price_change") == 1


def test_06_who_does_not_pay_is_reminded_and_cut(year):
    """June: 252,000, due on the 11th; suspended after the grace."""
    year.until(date(2027, 6, 15))
    assert _notices(year, "reminder") == 1
    assert _notices(year, "overdue") >= 1
    year.until(date(2027, 6, 17))
    with env_of(year.instance) as env:
        assert _line(env).state == "suspended"
        assert _line(env).access_ids.state == "walled"
    assert _notices(year, "suspended") == 1


def test_07_an_agreement_brings_the_line_back_and_is_kept(year):
    """Three parts of 84,000 every two weeks. The new price of July: (220,000 + 10,000) x 1.2 = 276,000."""
    year.until(date(2027, 6, 17))
    with year.at(date(2027, 6, 18)) as env:
        line = _line(env)
        agreement = env["isp.instalment"].create(
            {"partner_id": line.partner_id.id, "date_first": "2027-06-25", "count": 3, "every": 2, "unit": "week"}
        )
        agreement.move_ids = agreement._overdue_moves()
        agreement.action_propose()
        assert agreement.line_ids.mapped("amount") == [84000, 84000, 84000]
        agreement.action_activate()
        assert line.state == "active"
        agreement_id = agreement.id
    for day, amount in ((date(2027, 6, 25), 84000), (date(2027, 7, 5), 276000), (date(2027, 7, 9), 84000), (date(2027, 7, 23), 84000)):
        _pay(year, day, amount)
    with env_of(year.instance) as env:
        assert env["isp.instalment"].browse(agreement_id).state == "kept"
        assert _line(env).state == "active"
    assert _balance(year) == 0


def test_08_a_pause_gives_back_the_unused_days(year):
    """August is paid; after the 10th 21 of 31 days come back, and only the days from 15 September are charged."""
    with env_of(year.instance) as env:
        env["isp.plan"].search([("code", "=", "Y-BIZ")]).write({"pause_billing": "credit", "termination_settlement": "credit"})
    _pay(year, date(2027, 8, 3), 276000)
    year.until(date(2027, 8, 9))
    year.day = date(2027, 8, 10)
    _set_state(year, "paused")
    year.until(date(2027, 9, 14))
    # 21/31 of 220,000 = 149,032 and of 10,000 = 6,774; excise 29,806 and 1,355
    assert _balance(year) == -(149032 + 6774 + 29806 + 1355) == -186967
    year.day = date(2027, 9, 15)
    _set_state(year, "active")
    year.until(date(2027, 9, 15))
    # 16/30 of 220,000 = 117,333 and of 10,000 = 5,333; excise 23,467 and 1,067
    assert _balance(year) == -186967 + (117333 + 5333 + 23467 + 1067) == -39767


def test_09_parts_goodwill_and_a_write_off(year):
    year.until(date(2027, 10, 1))
    before = _balance(year)
    assert before == 276000 - 39767
    _pay(year, date(2027, 10, 2), 100000)
    _pay(year, date(2027, 10, 7), before - 100000)
    assert _balance(year) == 0
    with year.at(date(2027, 10, 12)) as env:
        line = _line(env)
        goodwill = env["isp.adjustment"].create(
            {"kind": "goodwill", "partner_id": line.partner_id.id, "subscription_id": line.id, "amount": 5000, "reason": "Tower down"}
        )
        goodwill.action_submit()
        assert goodwill.state == "done"
        assert line.balance == -6000
    _pay(year, date(2027, 11, 3), 276000 - 6000 - 500)
    with year.at(date(2027, 11, 20)) as env:
        line = _line(env)
        assert line.balance == 500
        invoice = env["account.move"].search([("partner_id", "=", line.partner_id.id), ("amount_residual", ">", 0), ("move_type", "=", "out_invoice")])
        off = env["isp.adjustment"].create(
            {"kind": "write_off", "partner_id": line.partner_id.id, "move_id": invoice.id, "amount": 500, "reason": "Small change"}
        )
        off.action_submit()
        assert off.state == "done", off.state
    assert _balance(year) == 0


def test_10_the_end_settles_to_a_refund(year):
    """16 of 31 unused days of December and the deposit come back, and are paid out."""
    _pay(year, date(2027, 12, 3), 276000)
    year.until(date(2027, 12, 15))
    year.day = date(2027, 12, 15)
    _set_state(year, "terminated", "termination")
    with year.at(date(2027, 12, 15)) as env:
        line = _line(env)
        assert line.state == "terminated"
        refund = -line.balance
        # 16/31 of 220,000 = 113,548 and of 10,000 = 5,161; excise 22,710 and 1,032; the deposit has none
        assert refund == 113548 + 5161 + 22710 + 1032 + 50000
        form = env["isp.refund"].create({"partner_id": line.partner_id.id})
        assert form.amount == refund
        form._pay_out()
        form._pay_out()
    assert _balance(year) == 0
    year.until(LAST)
    assert _balance(year) == 0


def test_11_the_statement_adds_up(year):
    with year.at(LAST) as env:
        partner = _line(env).partner_id
        statement = partner._isp_statements(FIRST, LAST)[partner.id]
        balance = statement.opening
        for row in statement.rows:
            balance += row.debit - row.credit
            assert row.balance == balance
            print(row.date, row.kind, row.number, row.debit, row.credit, row.balance)
        assert (statement.opening, balance, statement.closing) == (0, 0, 0)
        charged = sum(row.debit for row in statement.rows if row.kind == "invoice")
        ledger = env["isp.period"].search([("partner_id", "=", partner.id)])
        moves = ledger.move_id
        assert sum(ledger.mapped("amount")) == sum(moves.mapped("amount_untaxed_signed"))
        assert not ledger.filtered(lambda p: not p.move_line_id)
        assert charged == sum(moves.filtered(lambda m: m.move_type == "out_invoice").mapped("amount_total"))


def test_12_nothing_happens_twice(year):
    """The same days once more: not a row more."""
    tables = ("isp_period", "account_move", "account_payment", "isp_notice", "isp_subscription_event", "isp_dunning_log")

    def counts():
        with env_of(year.instance) as env:
            return {t: env.execute_query(_count(t))[0][0] for t in tables}

    before = counts()
    for day in (date(2027, 6, 17), date(2027, 12, 1), LAST):
        with year.at(day) as env:
            _live(env)
    assert counts() == before


def _count(table):
    from odoo.tools import SQL

    return SQL("SELECT count(*) FROM %s", SQL.identifier(table))


@pytest.mark.parametrize("lang", ["en_US", "ar_001"])
@pytest.mark.parametrize("paper", ["a4", "80mm"])
def test_13_the_paper(year, lang, paper, shared):
    with year.at(LAST) as env:
        partner = _line(env).partner_id
        partner.lang = lang
        statement = env["isp.statement"].create({"partner_id": partner.id, "date_from": FIRST, "date_to": LAST, "paper": paper})
        report = "isp_billing.action_report_isp_statement" + ("_roll" if paper == "80mm" else "")
        pdf, kind = env["ir.actions.report"]._render_qweb_pdf(report, statement.ids)
        assert kind == "pdf" and pdf.startswith(b"%PDF")
        (shared.dir / f"billing_year-{lang}-{paper}.pdf").write_bytes(pdf)
