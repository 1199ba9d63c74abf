# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The main job: load an ISP's list, bill a month, take the money, cut off who does not pay, put back who does.

The tests of this file are one story and run in its order, on one company and one database. Real PostgreSQL, FreeRADIUS and Odoo processes; packets over UDP; every change committed.
"""

import contextlib
import csv
import json
import os
import re
import unittest.mock
from calendar import monthrange
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from freezegun import freeze_time
from instances import env_of
from radius_client import ACCEPT, Nas
from stack.shell import StackError, wait_for

REPO = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("ISP_DATA_DIR") or REPO / "demo" / "juba_net")
EXPECTED = Path(os.environ.get("ISP_DATA_DIR") or REPO / "addons/isp_base/tests/data") / "subscribers.expected.json"
HAND_OVER = date(2026, 11, 1)
MONTHS = [(2026, 11), (2026, 12), (2027, 1), (2027, 2), (2027, 3), (2027, 4)]
FILES = ("fup.csv", "plans.csv", "subscribers.csv")

expected = json.loads(EXPECTED.read_text())
plans = {row["code"]: row for row in csv.DictReader((DATA / "plans.csv").open(encoding="utf-8-sig"))}
source = {}
for row in csv.DictReader((DATA / "subscribers.csv").open(encoding="utf-8-sig")):
    source.setdefault(row["account_no"].strip(), row)  # of two lines with one number the first counts
accepted = [line for line in expected["lines"] if "status" in line]
refused = {line["line"] for line in expected["lines"] if "status" not in line}
billed = [line for line in accepted if line["status"] == "active" and line["billing_mode"] == "postpaid"]


@pytest.fixture(scope="module")
def isp(make_instance):
    """Juba Net: a company with South Sudan's chart, a router, and nothing else."""
    instance = make_instance("main_job", own_postgres=True, workers=2)
    _found_company(instance)
    instance.radius.start()
    return instance


@pytest.fixture(scope="module")
def nas(isp):
    return Nas(isp)


def _found_company(instance):
    with env_of(instance) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
        company.partner_id.tz = "Africa/Juba"
        env["res.lang"]._activate_lang("ar_001")
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        # The story's clock is its own: nothing may happen because of today's date.
        company.write({"isp_due_days": 10, "isp_grace_days": 5, "isp_auto_suspend": False})
        known = env["ir.model.data"].search([("module", "=", "isp_billing"), ("model", "=", "ir.cron"), ("name", "not like", "ir_cron_billing_run_%")])
        env["ir.cron"].browse(known.mapped("res_id")).active = False
        # Small steps, so that there is a middle of a run to fail in.
        env["ir.config_parameter"].set_param("isp_billing.batch_size", "20")
        env["isp.router"].create({"name": "Loopback", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})


def _import(instance, *paths):
    """The command a person types. :return: (exit code, what it printed as JSON or text)"""
    command = ["isp_import", *paths, "--bill-from", HAND_OVER.isoformat(), "--json"]
    try:
        output = instance.odoo.run(*command)
    except StackError as error:
        return int(re.search(r"exit (\d+)", str(error))[1]), str(error)
    return 0, output


def _results(output):
    """The JSON object at the end of the command's output. :return: one dict a file"""
    return json.loads(output[output.index('{"files"') :].split("\n")[0])["files"]


def _query(instance, sql):
    """Rows of a query, each a list of texts."""
    rows = instance.postgres.psql(sql, database=instance.odoo.database, role="odoo")
    return [row.split("\t") for row in rows.split("\n")] if rows else []


def _state_of_everything(instance):
    """Rows and last change of every table an import may touch."""
    tables = (
        "res_partner isp_plan product_product product_template isp_fup isp_fup_step isp_subscription"
        " isp_subscription_event isp_access isp_period account_move account_move_line"
    ).split()
    union = " UNION ALL ".join(f"SELECT '{t}', count(*), max(write_date) FROM {t}" for t in tables)
    return _query(instance, union)


def _bill(instance, day):
    with env_of(instance) as env:
        run = env["isp.billing.run"].create({"date": day})
        run._process(commit=True)
        assert not run.error_ids, run.error_ids.mapped("message")
        return {"state": run.state, "periods": run.period_count, "invoices": run.move_count}


def _check_ledger(instance, starts_of):
    """Every active postpaid line has exactly the periods it should have, each on one line of one posted invoice."""
    rows = _query(
        instance,
        """
        SELECT c.isp_account_no, p.date_start, p.amount, l.price_subtotal, l.price_total, m.state
          FROM isp_period p
          JOIN res_partner c ON c.id = p.partner_id
          JOIN account_move_line l ON l.isp_period_id = p.id AND l.id = p.move_line_id
          JOIN account_move m ON m.id = l.move_id AND m.id = p.move_id
        """,
    )
    assert int(_query(instance, "SELECT count(*) FROM isp_period")[0][0]) == len(rows), "a period without its invoice line"
    found = Counter((account, start) for account, start, *_rest in rows)
    wanted = Counter((line["account_no"], day.isoformat()) for line in billed for day in starts_of(line))
    assert found == wanted
    prices = {line["account_no"]: int(plans[line["plan_code"]]["price_ssp"]) for line in billed}
    for account, _start, amount, subtotal, total, state in rows:
        price = prices[account]
        assert (float(amount), float(subtotal), float(total), state) == (price, price, price * 1.2, "posted"), account
    _check_numbers(instance)


def _check_numbers(instance):
    rows = _query(
        instance,
        """
        SELECT sequence_prefix, min(sequence_number), max(sequence_number), count(*), count(DISTINCT sequence_number)
          FROM account_move WHERE move_type = 'out_invoice' GROUP BY sequence_prefix
        """,
    )
    assert rows
    for _prefix, first, last, count, distinct in rows:
        assert (int(first), int(last), int(count)) == (1, int(count), int(distinct)), "numbers have a gap or a double"


def _anchors(line, months):
    """First days of the periods in these months, by a calendar of our own."""
    day = int(source[line["account_no"]]["anchor_day"])
    return [date(year, month, min(day, monthrange(year, month)[1])) for year, month in months]


# --- 1. load the list ---


def test_1_import(isp):
    code, output = _import(isp, *(DATA / name for name in FILES))
    assert code == 0
    assert _query(isp, "SELECT count(*) FROM isp_plan") == [[str(len(plans))]]
    problems = [p for result in _results(output) for p in result["problems"] if p["severity"] == "error"]
    assert {p["line"] for p in problems} == refused
    assert len(refused) == expected["rejected"]
    assert all(p["line"] > 1 and p["column"] and p["reason"] for p in problems)
    rows = _query(
        isp,
        """
        SELECT c.isp_account_no, c.phone, p.code, p.billing_mode, s.state, s.start_date, coalesce(s.mac, ''),
               split_part(c.lang, '_', 1), s.anchor_day
          FROM isp_subscription s JOIN res_partner c ON c.id = s.partner_id JOIN isp_plan p ON p.id = s.plan_id
        """,
    )
    assert len(rows) == expected["accepted"]
    got = {row[0]: row[1:8] for row in rows}
    keys = ("phone", "plan_code", "billing_mode", "status", "start_date", "mac", "lang")
    assert got == {line["account_no"]: [line[key] for key in keys] for line in accepted}
    assert Counter(row[4] for row in rows) == Counter(expected["by_status"])


def test_1_opening_balances_stand_in_the_ledger(isp):
    rows = _query(
        isp,
        """
        SELECT c.isp_account_no, sum(l.balance) FROM account_move_line l
          JOIN account_account a ON a.id = l.account_id JOIN res_partner c ON c.id = l.partner_id
         WHERE a.account_type = 'asset_receivable' AND l.parent_state = 'posted' GROUP BY 1
        """,
    )
    amounts = {account: float(amount) for account, amount in rows}
    assert amounts == {line["account_no"]: line["opening_balance"] for line in accepted if line["opening_balance"]}
    assert sum(a for a in amounts.values() if a > 0) == expected["receivable"]
    assert -sum(a for a in amounts.values() if a < 0) == expected["credit"]


def test_1_second_import_changes_nothing(isp):
    before = _state_of_everything(isp)
    code, _output = _import(isp, *(DATA / name for name in FILES))
    assert code == 0
    assert _state_of_everything(isp) == before


SPOILT = {
    "renamed columns": (lambda text: text.replace("account_no", "AccountNumber", 1).encode(), "account_no"),
    "a binary file": (lambda text: b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, "text"),
    "UTF-16": (lambda text: text.encode("utf-16"), "UTF-16"),
    "an empty file": (lambda text: b"", "empty"),
    "a formula": (lambda text: text.replace("Plot 12 Block 3", '"=HYPERLINK(""http://x"")"', 1).encode(), "formula"),
}


def test_1_spoilt_files_are_refused_as_a_whole(isp, tmp_path):
    text = (DATA / "subscribers.csv").read_text(encoding="utf-8-sig")
    for number, (spoil, _word) in enumerate(SPOILT.values()):
        (tmp_path / f"{number}.csv").write_bytes(spoil(text))
    before = _state_of_everything(isp)
    code, output = _import(isp, *sorted(tmp_path.glob("*.csv")))
    assert code == 2
    assert "Traceback" not in output
    messages = {Path(result["file"]).stem: result["message"] for result in _results(output) if not result["usable"]}
    for number, (kind, (_spoil, word)) in enumerate(SPOILT.items()):
        assert word.lower() in messages[str(number)].lower(), kind
    assert _state_of_everything(isp) == before


# --- 2. bill ---


def test_2_a_month(isp):
    assert _bill(isp, "2026-11-30") == {"state": "done", "periods": len(billed), "invoices": len(billed)}
    _check_ledger(isp, lambda line: _anchors(line, MONTHS[:1]))


def test_2_again_bills_nothing(isp):
    assert _bill(isp, "2026-11-30") == {"state": "done", "periods": 0, "invoices": 0}


def test_2_three_months_without_a_run(isp):
    assert _bill(isp, "2027-02-28")["periods"] == 3 * len(billed)
    _check_ledger(isp, lambda line: _anchors(line, MONTHS[:4]))
    assert _bill(isp, "2027-02-28") == {"state": "done", "periods": 0, "invoices": 0}


# --- 5. the power fails while billing ---


def _start_run(instance, day):
    with env_of(instance) as env:
        run = env["isp.billing.run"].create({"date": day})
        run.action_start()
        return run.id


def _invoices(instance, run):
    return int(_query(instance, f"SELECT count(*) FROM account_move WHERE isp_run_id = {run}")[0][0])


def _wait(instance, condition, what):
    """Odoo's scheduler looks by itself once a minute; a notice like that of any new job makes it look at once."""

    def look():
        instance.postgres.psql(f"NOTIFY cron_trigger, '{instance.odoo.database}'", role="odoo")
        return wait_for(condition, 3, what)

    for _patience in range(100):
        with contextlib.suppress(StackError):
            return look()
    return look()


def _finish(instance, run):
    state = f"SELECT state FROM isp_billing_run WHERE id = {run}"
    _wait(instance, lambda: _query(instance, state) == [["done"]], "The billing run after the power cut")
    assert _query(instance, f"SELECT count(*) FROM isp_billing_error WHERE run_id = {run}") == [["0"]]
    assert _query(instance, "SELECT count(*) FROM account_move WHERE state = 'draft'") == [["0"]]


def test_5_sigkill_of_odoo_in_the_middle(isp):
    isp.odoo.start()
    run = _start_run(isp, "2027-03-31")
    _wait(isp, lambda: _invoices(isp, run) > 0, "The first invoices of the run")
    isp.odoo.kill()
    assert 0 < _invoices(isp, run) < len(billed), "the kill came too late to prove anything"
    isp.odoo.start()
    _finish(isp, run)
    _check_ledger(isp, lambda line: _anchors(line, MONTHS[:5]))


def test_5_postgres_dies_in_the_middle(isp):
    run = _start_run(isp, "2027-04-30")
    _wait(isp, lambda: _invoices(isp, run) > 0, "The first invoices of the run")
    isp.postgres.crash()
    isp.odoo.stop()  # its master ends without a database; script/server starts it again (test_server_script.py)
    isp.postgres.start()
    isp.odoo.start()
    assert 0 < _invoices(isp, run) < len(billed), "the crash came too late to prove anything"
    _finish(isp, run)
    _check_ledger(isp, lambda line: _anchors(line, MONTHS))
    isp.odoo.stop()


# --- 3. the line ---


@pytest.fixture(scope="module")
def customer(isp):
    """An active PPPoE subscriber who is billed and came without a balance: (line of the file, line expected)."""
    for line in billed:
        row = source[line["account_no"]]
        if row["service_type"] == "pppoe" and not line["opening_balance"]:
            return {**row, **line, "username": row["username"].strip(), "password": row["password"].strip()}
    raise AssertionError("the data has no such subscriber")


@pytest.mark.parametrize("method", ["pap", "chap", "mschap"])
def test_3_log_in(nas, customer, method):
    reply = nas.login(customer["username"], customer["password"], method)
    plan = plans[customer["plan_code"]]
    assert reply.code == ACCEPT
    assert reply.values["Mikrotik-Rate-Limit"].split()[0] == f"{plan['up_kbps']}k/{plan['down_kbps']}k"
    assert "Class" in reply.values
    assert 270 <= int(reply.values["Acct-Interim-Interval"]) <= 330
    assert "Message-Authenticator" in reply.values


def test_3_every_reply_is_signed(nas, customer):
    for password in (customer["password"], "wrong"):
        assert nas.raw_login(customer["username"].encode(), password).signature_is_valid()


def test_3_a_session_of_9_gb_counts_9_gb(isp, nas, customer):
    giga, volume = 2**32, 9_000_000_000
    counters = [(0, 0), (volume // 3, 600), (2 * volume // 3, 1200), (volume, 1800)]
    kinds = ["Start", "Interim-Update", "Interim-Update", "Stop"]
    for kind, (octets, seconds) in zip(kinds, counters, strict=True):
        for _twice in range(2):
            reply = nas.account(
                kind,
                customer["username"],
                "nine",
                Acct_Session_Time=seconds,
                Acct_Output_Octets=octets % giga,
                Acct_Output_Gigawords=octets // giga,
                Acct_Input_Octets=1000,
            )
            assert reply.code == "Accounting-Response"
    assert _usage(isp, customer) == volume


def _usage(isp, customer):
    """Bytes down counted for the customer's line."""
    user = customer["username"]
    sql = f"SELECT sum(bytes_down) FROM isp_usage u JOIN isp_access a ON a.id = u.access_id WHERE a.name = '{user}'"
    return int(float(_query(isp, sql)[0][0] or 0))


# --- 4. cut off, put back ---

LATER = "2027-06-01 09:00:00"


def _pay(instance, account, amount):
    with freeze_time(LATER), env_of(instance) as env:
        partner = env["res.partner"].search([("isp_account_no", "=", account)])
        cash = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", env.company.id)], limit=1)
        env["isp.cash.payment"].create({"partner_id": partner.id, "amount": amount, "journal_id": cash.id})._take()


def _is_walled(nas, customer):
    reply = nas.login(customer["username"], customer["password"], "mschap")
    assert reply.code == ACCEPT
    return "Mikrotik-Address-List" in reply.values


def test_4_who_does_not_pay_is_walled(isp, nas, customer):
    assert not _is_walled(nas, customer)
    suspend = "isp.subscription"
    with env_of(isp) as env:
        env[suspend]._suspend_overdue(env.company, date(2026, 12, 15), commit=True)
    assert not _is_walled(nas, customer), "the grace days have not passed"
    with env_of(isp) as env:
        suspended = env[suspend]._suspend_overdue(env.company, date(2026, 12, 16), commit=True)
        assert suspended
        assert set(suspended.mapped("state")) == {"suspended"}
        again = env[suspend]._suspend_overdue(env.company, date(2026, 12, 16), commit=True)
        assert not again
    assert _is_walled(nas, customer)


def test_4_part_payment_does_not_the_rest_does(isp, nas, customer):
    due = len(MONTHS) * int(plans[customer["plan_code"]]["price_ssp"]) * 1.2
    _pay(isp, customer["account_no"], due - 1000)
    assert _is_walled(nas, customer)
    _pay(isp, customer["account_no"], 1000)
    assert not _is_walled(nas, customer), "the very next answer is the normal one"
    events = _query(
        isp,
        f"""SELECT e.state_from, e.state_to, e.reason FROM isp_subscription_event e
              JOIN isp_subscription s ON s.id = e.subscription_id
             WHERE s.username = '{customer["username"]}' ORDER BY e.id""",
    )
    assert events[-2:] == [["active", "suspended", "overdue"], ["suspended", "active", "payment"]]


def test_4_a_payment_in_the_same_moment_wins(isp, nas, customer):
    """Money is committed after the suspension has chosen whom to cut, and before it cuts."""
    with freeze_time(LATER), env_of(isp) as env:
        before = _query(isp, f"SELECT count(*) FROM isp_subscription_event WHERE subscription_id = {_line(env, customer).id}")
        # A new debt, long overdue.
        partner = _line(env, customer).partner_id
        move = env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": partner.id,
                "invoice_date": "2027-01-01",
                "invoice_date_due": "2027-01-10",
                "invoice_line_ids": [(0, 0, {"name": "Cable", "price_unit": 5000, "tax_ids": False})],
            }
        )
        move.action_post()
    chosen = []
    with freeze_time(LATER), env_of(isp) as env:
        model = type(env["isp.subscription"])
        original = model._overdue_candidates

        def choose_and_pay(self, *args):
            candidates = original(self, *args)
            if _line(env, customer) in candidates and not chosen:
                chosen.append(True)
                _pay(isp, customer["account_no"], 5000)
            return candidates

        with unittest.mock.patch.object(model, "_overdue_candidates", choose_and_pay):
            env["isp.subscription"]._suspend_overdue(env.company, date(2027, 6, 1), commit=True)
    assert chosen, "the line was not chosen: nothing was proven"
    assert not _is_walled(nas, customer)
    with env_of(isp) as env:
        after = _query(isp, f"SELECT count(*) FROM isp_subscription_event WHERE subscription_id = {_line(env, customer).id}")
    assert after == before, "never cut, so never put back"


def _line(env, customer):
    return env["isp.subscription"].search([("username", "=", customer["username"])])


# --- 6. accounting while the database is away ---


def test_6_packets_wait_on_disk_and_count_once(isp, nas, customer):
    before = _usage(isp, customer)
    isp.postgres.stop()
    for kind, octets in (("Start", 0), ("Interim-Update", 1_000_000), ("Interim-Update", 1_000_000), ("Stop", 5_000_000)):
        reply = nas.account(kind, customer["username"], "dark", Acct_Session_Time=octets // 1000, Acct_Output_Octets=octets)
        assert reply.code == "Accounting-Response"
    isp.postgres.start()
    stopped = "SELECT count(*) FROM isp_session WHERE session_id = 'dark' AND stopped IS NOT NULL"
    wait_for(lambda: _query(isp, stopped) == [["1"]], 60, "The packets that waited on disk")
    assert _usage(isp, customer) - before == 5_000_000


# --- 7. who may do what ---

ROLES = {
    "administrator": "isp_base.group_isp_administrator",
    "billing": "isp_base.group_isp_billing_manager",
    "service": "isp_base.group_isp_customer_service",
    "technician": "isp_base.group_isp_technician",
    "customer": "base.group_portal",
}
#: Read, Write, Create, Delete; a letter that is missing is forbidden. A customer's "R" is that of the own rows.
RIGHTS = {
    #                         administrator  billing  service  technician  customer
    "res.partner":            ("RWCD",       "RWCD",  "RWCD",  "R",        "R"),
    "isp.plan":               ("RWCD",       "RWCD",  "R",     "R",        "R"),
    "isp.fup":                ("RWCD",       "RWCD",  "R",     "R",        ""),
    "isp.subscription":       ("RWCD",       "RWC",   "RWC",   "R",        "R"),
    "isp.subscription.event": ("R",          "R",     "R",     "R",        ""),
    "isp.import":             ("RWCD",       "RWC",   "",      "",         ""),
    "isp.period":             ("R",          "R",     "R",     "",         "R"),
    "isp.billing.run":        ("RWCD",       "RWCD",  "",      "",         ""),
    "account.move":           ("RWCD",       "RWCD",  "R",     "",         "R"),
    "account.payment":        ("RWCD",       "RWCD",  "R",     "",         ""),
    "isp.access":             ("R",          "R",     "R",     "R",        ""),
    "isp.router":             ("RWCD",       "R",     "R",     "R",        ""),
    "isp.session":            ("R",          "R",     "R",     "R",        ""),
    "isp.usage":              ("R",          "R",     "R",     "R",        ""),
}  # fmt: skip
OPERATIONS = {"R": "read", "W": "write", "C": "create", "D": "unlink"}


@pytest.fixture(scope="module")
def people(isp, customer):
    """A user in each role. :return: {role: user id}"""
    with env_of(isp) as env:
        partner = env["res.partner"].search([("isp_account_no", "=", customer["account_no"])])
        made = {}
        for role, group in ROLES.items():
            vals = {"name": role, "login": f"{role}@jubanet.example", "group_ids": [(6, 0, env.ref(group).ids)]}
            if role == "customer":
                vals["partner_id"] = partner.id
            made[role] = env["res.users"].with_context(no_reset_password=True).create(vals).id
        return made


def _sample(env, model, role, people):
    """A row to try on: for a customer one of the own, where such a thing exists."""
    domain = [("move_type", "=", "out_invoice")] if model == "account.move" else []
    if role == "customer":
        partner = env["res.users"].browse(people[role]).partner_id
        if model == "res.partner":
            return partner
        if "partner_id" in env[model]._fields:
            return env[model].search([*domain, ("partner_id", "=", partner.id)], limit=1)
    return env[model].search(domain, limit=1)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("model", RIGHTS)
def test_7_rights(isp, people, model, role):
    from odoo.exceptions import AccessError, UserError
    from odoo.tools import mute_logger

    letters = RIGHTS[model][list(ROLES).index(role)]
    with env_of(isp) as env:
        record = _sample(env, model, role, people)
        assert record or model in ("isp.import",), f"no {model} to try on"
        own = record.with_user(people[role])
        for letter, operation in OPERATIONS.items():
            allowed = own.has_access(operation)
            assert allowed == (letter in letters), f"{role} {'may' if allowed else 'may not'} {operation} {model}"
            if letter in letters:
                continue
            with mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule"):
                with pytest.raises((AccessError, UserError)), env.cr.savepoint():
                    _try(own, operation)
                    raise AssertionError(f"{role} could {operation} {model}")


def _try(record, operation):
    """Really do it, the way an RPC call would."""
    if operation == "read":
        record.read(["id", "display_name"])
        assert record.search_count([("id", "in", record.ids)]) == 0
        record.check_access("read")
    elif operation == "write":
        record.write({"write_date": "2020-01-01 00:00:00"} if "name" not in record._fields else {"name": "x"})
    elif operation == "create":
        record.create({})
    else:
        record.unlink()


def test_7_secrets_are_for_nobody(isp, people):
    """Passwords of lines and secrets of routers are read by RADIUS alone; not even the list of fields gives them."""
    from odoo.exceptions import AccessError

    for role in ("billing", "service", "technician"):
        with env_of(isp) as env:
            for model, field in (("isp.access", "password"), ("isp.router", "radius_secret")):
                rows = env[model].with_user(people[role]).search([], limit=1)
                with pytest.raises(AccessError):
                    rows.read([field])
                with pytest.raises(AccessError):
                    env[model].with_user(people[role]).search([(field, "like", "a%")])
                assert field not in env[model].with_user(people[role]).fields_get()


def test_7_a_customer_sees_nobody_else(isp, people, customer):
    with env_of(isp) as env:
        user = env["res.users"].browse(people["customer"])
        for model in ("isp.subscription", "isp.period", "account.move"):
            seen = env[model].with_user(user).search([])
            assert seen, model
            assert seen.sudo().partner_id.commercial_partner_id == user.partner_id, model
