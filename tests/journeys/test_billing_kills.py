# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Billing that is killed at any statement, done twice at once, with a clock that goes back, on a database of yesterday.

After each of it the same holds: every period of every line once, in one line of one posted invoice; numbers without gap;
what the ledger says is what the invoices say is what the customers owe or have paid.
"""

import uuid
from datetime import date
from itertools import count as endless

import pytest
from freezegun import freeze_time
from instances import _forget, env_of
from killed import count, kill_at, together

LINES = 24
PRICE, WITH_TAX = 180000, 216000


@pytest.fixture(scope="module")
def isp(make_instance):
    instance = make_instance("kills")
    with env_of(instance) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id, "isp_due_days": 10, "isp_grace_days": 5})
        company.partner_id.tz = "Africa/Juba"
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        env["ir.config_parameter"].set_param("isp_billing.batch_size", "5")
        plan = env["isp.plan"].create({"code": "K-POST", "name": "Home", "list_price": PRICE})
        env["isp.plan"].create(
            {"code": "K-PRE", "name": "Prepaid", "list_price": 50000, "billing_mode": "prepaid", "period_count": 1, "taxes_id": False}
        )
        partners = env["res.partner"].create([{"name": f"Customer {n}"} for n in range(LINES)])
        lines = env["isp.subscription"].create(
            [{"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1} for partner in partners]
        )
        lines._set_state("active", "import")
        lines.write({"billing_from": "2027-01-01"})
    return instance


@pytest.fixture(scope="module")
def months():
    """The months that tests of this module bill, each once, in order."""
    return (date(2027 + n // 12, n % 12 + 1, 1) for n in endless())


def _bill(day):
    """:return: the work of billing up to ``day`` and going on with what was begun"""

    def work(env):
        runs = env["isp.billing.run"]
        run = runs.search([("date", "=", day), ("state", "!=", "done")], limit=1) or runs.create({"date": day})
        env.cr.commit()
        run._process(commit=True) if run.state == "draft" else run._work_through(commit=True)
        assert not run.error_ids, run.error_ids.mapped("message")

    return work


def _check(instance, until):
    """The three truths agree and every month up to ``until`` is charged once."""
    wanted = (until.year - 2027) * 12 + until.month
    with env_of(instance) as env:
        env.cr.execute(
            "SELECT subscription_id, count(*), count(DISTINCT date_start), count(move_line_id), sum(amount)"
            "  FROM isp_period WHERE source = 'plan' GROUP BY 1"
        )
        rows = env.cr.fetchall()
        assert len(rows) == LINES
        assert {row[1:] for row in rows} == {(wanted, wanted, wanted, wanted * PRICE)}
        env.cr.execute(
            "SELECT count(*), count(DISTINCT p.id), sum(l.price_subtotal) FROM account_move_line l"
            "  JOIN isp_period p ON p.id = l.isp_period_id AND p.move_line_id = l.id AND p.source = 'plan'"
            "  JOIN account_move m ON m.id = l.move_id AND m.state = 'posted'"
        )
        assert env.cr.fetchone() == (LINES * wanted, LINES * wanted, LINES * wanted * PRICE)
        env.cr.execute("SELECT count(*) FROM account_move WHERE state = 'draft'")
        assert env.cr.fetchone() == (0,)
        env.cr.execute(
            "SELECT sequence_prefix, min(sequence_number), max(sequence_number), count(*), count(DISTINCT sequence_number)"
            "  FROM account_move WHERE move_type = 'out_invoice' GROUP BY 1"
        )
        for prefix, first, last, number, distinct in env.cr.fetchall():
            assert (first, last, number) == (1, number, distinct), f"numbers of {prefix} have a gap or a double"


@pytest.mark.parametrize("share", [0.08, 0.2, 0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97])
def test_killed_while_billing(isp, months, share):
    """Rating, making, numbering and posting lie between the first and the last statement."""
    if share == 0.08:
        isp.statements = count(isp, _bill(next(months)))
    month = next(months)
    assert kill_at(isp, _bill(month), int(isp.statements * share)), "it was over before the kill"
    # Killed again while it goes on, then left in peace.
    kill_at(isp, _bill(month), int(isp.statements * share / 2))
    count(isp, _bill(month))
    _check(isp, month)


def test_two_runs_at_once(isp, months):
    month = next(months)

    def own_run(env):
        env["isp.billing.run"].create({"date": month})._process(commit=True)

    together(isp, own_run, own_run)
    _check(isp, month)


def test_two_workers_on_one_run(isp, months):
    month = next(months)
    with env_of(isp) as env:
        run = env["isp.billing.run"].create({"date": month})
        run._start()
        run_id = run.id

    def helps(worker):
        return lambda env: env["isp.billing.run"].browse(run_id)._work_through(commit=True, worker=worker)

    together(isp, helps(0), helps(1))
    _check(isp, month)
    with env_of(isp) as env:
        run = env["isp.billing.run"].browse(run_id)
        assert (run.state, run.rated, run.invoiced) == ("done", LINES, LINES)
        assert set(run.step_ids.mapped("share")) == {0, 1}


def test_one_of_two_workers_dies(isp, months):
    month = next(months)
    with env_of(isp) as env:
        run = env["isp.billing.run"].create({"date": month})
        run._start()
        run_id = run.id

    def work(env, worker=0):
        env["isp.billing.run"].browse(run_id)._work_through(commit=True, worker=worker)

    kill_at(isp, lambda env: work(env, 1), isp.statements // 3)
    count(isp, work)
    _check(isp, month)


def test_the_clock_goes_back(isp, months):
    month = next(months)
    count(isp, _bill(month))
    with freeze_time("2026-06-01 09:00:00"):
        count(isp, _bill(date(2026, 6, 1)))
        count(isp, _bill(month))
    _check(isp, month)


def test_database_of_yesterday(isp, months, shared):
    """A day's work is lost and done again: the same invoices for the same customers come out."""
    month = next(months)
    database = isp.odoo.database
    _forget(database)
    shared.postgres.drop_database(f"{database}_yesterday")
    shared.postgres.copy_database(database, f"{database}_yesterday")
    count(isp, _bill(month))
    before = _invoices(isp, month)
    _forget(database)
    shared.postgres.drop_database(database)
    shared.postgres.psql(f'ALTER DATABASE "{database}_yesterday" RENAME TO "{database}"')
    count(isp, _bill(month))
    _check(isp, month)
    assert _invoices(isp, month) == before
    assert len(before) == LINES


def _invoices(instance, day):
    with env_of(instance) as env:
        env.cr.execute("SELECT name, partner_id, amount_total FROM account_move WHERE invoice_date = %s ORDER BY name", [day])
        return env.cr.fetchall()


# --- prepaid ---


@pytest.mark.parametrize("share", [0.15, 0.4, 0.6, 0.8, 0.9])
def test_killed_while_renewing(isp, share):
    """Money, period, invoice and expiry are there together or not at all; the form sent again makes one of each."""
    with env_of(isp) as env:
        partner = env["res.partner"].create({"name": f"Prepaid {share}"})
        plan = env["isp.plan"].search([("code", "=", "K-PRE")])
        line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": 1})
        line._set_state("active", "activation")
        partner_id, line_id = partner.id, line.id
    key = str(uuid.uuid4())

    def pay(env, key=key):
        form = env["isp.cash.payment"].create({"uuid": key, "partner_id": partner_id, "subscription_id": line_id, "amount": 50000})
        form._take()

    if share == 0.15:
        isp.payment = 0
        with env_of(isp) as env:
            other = env["res.partner"].create({"name": "Measured"})
            first = env["isp.subscription"].create({"partner_id": other.id, "plan_id": plan.id, "anchor_day": 1})
            first._set_state("active", "activation")
            ids = other.id, first.id
        isp.payment = count(
            isp,
            lambda env: env["isp.cash.payment"].create({"partner_id": ids[0], "subscription_id": ids[1], "amount": 50000})._take(),
        )
    assert kill_at(isp, pay, int(isp.payment * share))
    assert _renewals(isp, line_id) in ((0, 0, 0), (1, 1, 1))
    count(isp, pay)
    once = _renewals(isp, line_id)
    assert once == (1, 1, 1)
    count(isp, pay)
    together(isp, pay, pay)
    assert _renewals(isp, line_id) == once


def _renewals(instance, line_id):
    """:return: (payments, periods, invoices) of the line's customer"""
    with env_of(instance) as env:
        line = env["isp.subscription"].browse(line_id)
        payments = env["account.payment"].search_count([("partner_id", "=", line.partner_id.id)])
        invoices = line.period_ids.move_id
        assert all(move.payment_state in ("paid", "in_payment") for move in invoices)
        return payments, len(line.period_ids), len(invoices)


# --- suspension ---


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_killed_while_suspending(isp, share):
    """Who does not pay is cut once, whatever happens on the way."""

    def cut(env):
        env["isp.subscription"]._suspend_overdue(env.company, date(2040, 1, 1), commit=True, batch=5)

    if share == 0.3:
        count(isp, _bill(date(2027, 1, 1)))
        with env_of(isp) as env:
            lines = env["isp.subscription"].search([("billing_mode", "=", "postpaid")])
            lines[:8].protected = True
    else:
        with env_of(isp) as env:
            env["isp.subscription"].search([("state", "=", "suspended")])._set_state("active", "staff")
    events = _events(isp)
    kill_at(isp, cut, 200 if share == 0.3 else int(isp.cut * share))
    isp.cut = count(isp, cut) if share == 0.3 else isp.cut
    count(isp, cut)
    assert _events(isp) - events == LINES - 8


def _events(instance):
    with env_of(instance) as env:
        return env["isp.subscription.event"].search_count([("state_to", "=", "suspended"), ("reason", "=", "overdue")])


# --- dunning ---


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6, 0.8])
def test_killed_while_dunning(isp, share):
    """Reminders, and cuts of those who were told: each once, whatever happens on the way."""
    day = {0.2: "2045-03-07", 0.4: "2045-03-08", 0.6: "2045-03-09", 0.8: "2045-03-10"}[share]

    def dun(env):
        with freeze_time(f"{day} 09:00:00"):
            env["isp.dunning.run"]._run_company(env.company, commit=True)

    if share == 0.2:
        count(isp, _bill(date(2027, 1, 1)))
        with env_of(isp) as env:
            env["isp.subscription"].search([("state", "=", "suspended")])._set_state("active", "staff")
            # The first pass learns the day; nothing is to be counted yet.
        isp.dunning = 400
    killed = kill_at(isp, dun, int(isp.dunning * share))
    isp.dunning = max(count(isp, dun), 100) if share == 0.2 else isp.dunning
    count(isp, dun)
    with env_of(isp) as env:
        env.cr.execute(
            "SELECT step_id, move_id, subscription_id, partner_id, count(*) FROM isp_dunning_log WHERE state <> 'undone' GROUP BY 1, 2, 3, 4 HAVING count(*) > 1"
        )
        assert env.cr.fetchall() == []
        env.cr.execute("SELECT key, count(*) FROM isp_notice GROUP BY 1 HAVING count(*) > 1")
        assert env.cr.fetchall() == []
        logs = env["isp.dunning.log"].search_count([])
    assert logs or share == 0.2
    again = count(isp, dun)
    with env_of(isp) as env:
        assert env["isp.dunning.log"].search_count([]) == logs, (killed, again)
