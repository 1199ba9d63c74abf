# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
import json
import string
from datetime import date
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..engine import cells, fup_file, import_file, plan_file, subscriber_file, tabular
from .import_common import data_file

EXPECTED = json.loads((Path(__file__).parent / "data" / "subscribers.expected.json").read_text())
# How the expectation names what is wrong -> the column and the reason of ours.
REFUSALS = {
    "plan_unknown": ("plan_code", "plan_unknown"),
    "phone_foreign_garbage": ("phone", "phone_invalid"),
    "phone_short": ("phone", "phone_invalid"),
    "dup_account": ("account_no", "twice_in_file"),
    "dup_username": ("username", "twice_in_file"),
    "amount_garbage": ("opening_balance", "amount_invalid"),
    "name_missing": ("name", "missing"),
    "date_impossible": ("start_date", "date_impossible"),
    "status_unknown": ("status", "choice_unknown"),
}
HEADER = ",".join(subscriber_file.LAYOUT.columns)
GOOD = {
    "account_no": "C1",
    "name": "Achol Deng",
    "phone": "0921234567",
    "plan_code": "HOME-2M",
    "billing_mode": "postpaid",
    "username": "achol",
    "password": "s3cret",
    "status": "active",
    "start_date": "2025-03-14",
    "anchor_day": "1",
}
PLANS = {"HOME-2M": subscriber_file.PlanFacts("postpaid", "pppoe")}


def file_of(*lines, header=HEADER, delimiter=",", end="\n"):
    """A subscriber file; each line a dict of what differs from GOOD."""
    names = header.split(",")
    rows = [names] + [[(GOOD | line).get(name, "") for name in names] for line in lines]
    return end.join(delimiter.join(row) for row in rows).encode() + end.encode()


def judge(data, **kwargs):
    """All problems of a file and its records."""
    table = import_file.read(data)
    records, problems = subscriber_file.read(table.rows, PLANS, **kwargs)
    return records, sorted(table.problems + problems, key=lambda problem: problem.line)


class TestImportEngine(BaseCase):
    def _refused(self, data, code):
        with self.assertRaises(tabular.FileError) as caught:
            import_file.read(data)
        self.assertEqual(caught.exception.code, code)
        self.assertTrue(str(caught.exception))
        return caught.exception

    def test_doctests(self):
        for module in (cells, fup_file, import_file, plan_file, subscriber_file, tabular):
            with self.subTest(module=module.__name__):
                result = doctest.testmod(module)
                self.assertGreater(result.attempted, 0)
                self.assertEqual(result.failed, 0)

    # === The file of the data folder ===

    def test_expected(self):
        ladders, problems = fup_file.read(import_file.read(data_file("fup.csv")).rows)
        self.assertFalse(problems)
        plans, problems = plan_file.read(import_file.read(data_file("plans.csv")).rows, {x.code for x in ladders})
        self.assertFalse(problems)
        facts = {plan.code: subscriber_file.PlanFacts(plan.billing_mode, plan.service_type) for plan in plans}
        table = import_file.read(data_file("subscribers.csv"))
        records, problems = subscriber_file.read(table.rows, facts)
        self.assertEqual((table.count, len(records)), (EXPECTED["rows"], EXPECTED["accepted"]))
        self.assertEqual(len({problem.line for problem in problems}), EXPECTED["rejected"])
        by_line = {record.line: record for record in records}
        for line in EXPECTED["lines"]:
            number = line["line"]
            if "rejected" in line:
                self.assertNotIn(number, by_line)
                found = {(problem.column, problem.code) for problem in problems if problem.line == number}
                self.assertEqual(found, {REFUSALS[line["rejected"]]}, number)
                continue
            record = by_line[number]
            values = {name: getattr(record, name) for name in line}
            self.assertEqual(values | {"start_date": record.start_date.isoformat()}, line)
        balances = [record.opening_balance for record in records]
        self.assertEqual(sum(x for x in balances if x > 0), EXPECTED["receivable"])
        self.assertEqual(-sum(x for x in balances if x < 0), EXPECTED["credit"])

    # === Files that are refused as a whole ===

    def test_refused_files(self):
        good = file_of({})
        self._refused(b"", "file_empty")
        self._refused(b"\xef\xbb\xbf\r\n \n", "file_empty")
        self._refused(HEADER.encode(), "file_no_rows")
        self._refused(HEADER.encode() + b"\n,,,\n\n", "file_no_rows")
        self._refused(b"PK\x03\x04" + b"\x00" * 100, "file_workbook")
        self._refused(b"\x89PNG\r\n\x1a\n\x00\x00", "file_binary")
        self._refused(good + b"\x00", "file_binary")
        self._refused(bytes(range(128, 256)) + bytes(range(1, 32)), "file_binary")
        self._refused(b"x" * (tabular.MAX_BYTES + 1), "file_too_big")
        for encoding in ("utf-16", "utf-16-le", "utf-16-be"):
            self._refused(good.decode().encode(encoding), "file_utf16")
        error = self._refused(file_of({}, {"name": "Café"}).decode().encode("latin-1"), "file_encoding")
        self.assertEqual(error.line, 3)

    def test_renamed_columns(self):
        error = self._refused(file_of({}, header=HEADER.replace("phone,alt_phone", "telephone,alt_phone")), "columns_missing")
        self.assertIn("phone (is it telephone?)", str(error))
        self.assertIn("account_no", str(error))
        error = self._refused(file_of({}, header=HEADER.replace("username,", "login,")), "columns_missing")
        self.assertIn("username (is it login?)", str(error))
        self._refused(file_of({}, header=HEADER.replace("mac,", "")), "columns_missing")
        self._refused(file_of({}, header=HEADER.replace("mac,", "name,mac,")), "columns_twice")
        error = self._refused(b"compte,nom,prix\n1,2,3\n", "columns_unknown")
        self.assertIn("compte, nom, prix", str(error))

    def test_formulas(self):
        for column, value in (
            ("name", "=HYPERLINK(1)"),
            ("notes", "+cmd|' /C calc'!A0"),
            ("notes", "@SUM(A1:A2)"),
            ("address", "-2+3"),
            ("phone", "=1+1"),
            ("opening_balance", "=SUM(A1:A9)"),
            ("opening_balance", "-5+cmd|' /C calc'!A0"),
            ("name", "\t=1+1"),
        ):
            with self.subTest(value=value):
                error = self._refused(file_of({}, {column: value}), "formula")
                self.assertEqual((error.line, error.column), (3, column))
        error = self._refused(file_of({"password": "=cmd|'x'!A0"}), "formula")
        self.assertNotIn("cmd", str(error))

    def test_no_formulas(self):
        for column, value in (
            ("phone", "+211 921 234 567"),
            ("phone", "+211 (0) 921 234 567"),
            ("opening_balance", "-5000"),
            ("notes", "- pays late"),
            ("notes", "-"),
            ("notes", "+211 921 234 567"),
            ("password", "=x7-@"),
            ("password", "+-@"),
            ("name", "O'Brien & Sons = brothers"),
            ("name_ar", "قرنق دينق"),
        ):
            with self.subTest(value=value):
                [record], problems = judge(file_of({column: value}))
                self.assertFalse(problems)
                if column in ("notes", "password", "name", "name_ar"):
                    self.assertEqual(getattr(record, column), value)

    # === Forms of a file that are accepted ===

    def test_accepted_forms(self):
        two = ({}, {"account_no": "C2", "username": "b"})
        for delimiter in ",;\t":
            for end in ("\n", "\r\n", "\r"):
                for mark in (b"", b"\xef\xbb\xbf"):
                    records, problems = judge(mark + file_of(*two, delimiter=delimiter, end=end))
                    self.assertEqual([record.line for record in records], [2, 3])
                    self.assertFalse(problems)

    def test_header_any_case_and_order(self):
        names = HEADER.split(",")
        header = ",".join(names[::-1])
        data = file_of({}, header=header).decode().replace("account_no", " Account_No\u00a0").encode()
        [record], problems = judge(data)
        self.assertEqual(record.account_no, "C1")
        self.assertFalse(problems)

    def test_extra_columns(self):
        [_record], [problem] = judge(file_of({}, header=HEADER + ",colour,"))
        self.assertEqual((problem.code, problem.severity), ("columns_extra", "warning"))
        self.assertIn("colour", problem.reason)

    def test_blank_lines_do_not_count(self):
        data = file_of({}) + b"\n" + b"," * 25 + b"\n" + file_of({"account_no": "C2", "username": "b"}).split(b"\n", 1)[1]
        table = import_file.read(data)
        self.assertEqual([row.line for row in table.rows], [2, 5])
        self.assertEqual(table.count, 2)

    # === Lines ===

    def test_line_numbers_behind_quoted_line_breaks(self):
        data = file_of({"address": '"Plot 12\nBlock 3"'}, {"account_no": "C2", "username": "b", "status": "maybe"})
        [record], [problem] = judge(data)
        self.assertEqual(record.address, "Plot 12\nBlock 3")
        self.assertEqual((problem.line, problem.column, problem.value), (4, "status", "maybe"))

    def test_quote_never_closed(self):
        lines = [{"account_no": f"C{i}", "username": f"u{i}"} for i in range(40)]
        lines[3]["notes"] = '"never closed'
        records, problems = judge(file_of(*lines))
        self.assertEqual(len(records), 39)
        self.assertEqual([(problem.line, problem.code) for problem in problems], [(5, "quote_broken")])

    def test_field_count(self):
        good = file_of({}).decode()
        short = file_of({"account_no": "C2", "username": "b"}).decode().split("\n")[1]
        data = good + short.replace(",active", "") + "\n" + short + ",,\n" + short + ",x\n"
        records, problems = judge(data.encode())
        self.assertEqual([record.line for record in records], [2, 4])
        self.assertEqual([(p.line, p.code) for p in problems], [(3, "field_count"), (5, "field_count")])

    def test_long_lines_and_cells(self):
        records, problems = judge(
            file_of(
                {},
                {"account_no": "C2", "notes": "x" * 30_000},
                {"account_no": "C3", "username": "c", "name": "x" * 300},
                {"account_no": "C4", "username": "d\x07"},
            )
        )
        self.assertEqual(len(records), 1)
        self.assertEqual(
            [(p.line, p.column, p.code) for p in problems],
            [(3, "", "line_too_long"), (4, "name", "too_long"), (5, "username", "control_character")],
        )

    def test_refusals(self):
        for column, value, code in (
            ("account_no", "", "missing"),
            ("name", "\u00a0 ", "missing"),
            ("username", "", "missing"),
            ("phone", "", "phone_invalid"),
            ("phone", "0921 23", "phone_invalid"),
            ("lang", "fr", "lang_unknown"),
            ("plan_code", "GOLD", "plan_unknown"),
            ("plan_code", "", "missing"),
            ("billing_mode", "prepaid", "billing_mode_differs"),
            ("billing_mode", "", "choice_unknown"),
            ("status", "", "choice_unknown"),
            ("start_date", "", "date_invalid"),
            ("start_date", "2025-13-01", "date_impossible"),
            ("start_date", "31/02/2025", "date_impossible"),
            ("start_date", "03/14/2025", "date_impossible"),
            ("start_date", "14 March 2025", "date_invalid"),
            ("start_date", "٢٠٢٥-٠٣-١٤", "date_invalid"),
            ("anchor_day", "32", "not_whole_number"),
            ("anchor_day", "first", "not_whole_number"),
            ("opening_balance", "12k?", "amount_invalid"),
            ("opening_balance", "-12k", "amount_invalid"),
            ("opening_balance", "12000.50", "amount_fraction"),
            ("opening_balance", '"1,2000"', "amount_invalid"),
            ("opening_balance", "USD 50", "amount_invalid"),
            ("currency", "USD", "currency_unknown"),
            ("mac", "68652b1fc4", "mac_invalid"),
            ("mac", "68:65-2B:1F:C4:A0", "mac_invalid"),
            ("password", tabular.MASK, "password_masked"),
        ):
            with self.subTest(column=column, value=value):
                records, problems = judge(file_of({column: value}))
                self.assertFalse(records)
                self.assertIn((2, column, code), [(p.line, p.column, p.code) for p in problems])

    def test_warnings(self):
        for column, value, code in (
            ("alt_phone", "ask his brother", "alt_phone_dropped"),
            ("email", "at home", "email_dropped"),
            ("customer_type", "alien", "customer_type_unknown"),
            ("id_type", "library card", "id_type_unknown"),
            ("service_type", "hotspot", "service_type_differs"),
            ("state", "Atlantis", "state_unknown"),
        ):
            with self.subTest(column=column):
                [_record], [problem] = judge(file_of({column: value}), states=["Lakes"])
                self.assertEqual((problem.column, problem.code, problem.severity), (column, code, "warning"))

    def test_unique(self):
        records, problems = judge(
            file_of(
                {"phone": "wrong"},
                {"username": "other"},
                {"account_no": "C2"},
                {"account_no": "C3", "username": "taken"},
                {"account_no": "C4", "username": "mine"},
                {"account_no": "c1", "username": "ACHOL"},
            ),
            owners={"taken": "C9", "mine": "C4"},
        )
        self.assertEqual([record.account_no for record in records], ["C4", "c1"])
        self.assertEqual(
            [(p.line, p.column, p.code) for p in problems],
            [
                (2, "phone", "phone_invalid"),
                (3, "account_no", "twice_in_file"),
                (4, "username", "twice_in_file"),
                (5, "username", "username_taken"),
            ],
        )
        self.assertEqual(problems[1].reason, "Line 2 has the same value already.")

    def test_several_problems_of_a_line(self):
        records, problems = judge(file_of({"phone": "x", "status": "y", "start_date": "z"}))
        self.assertFalse(records)
        self.assertEqual([problem.column for problem in problems], ["phone", "status", "start_date"])

    def test_values(self):
        [record], _problems = judge(file_of({"lang": "ARABIC", "plan_code": " home-2m ", "anchor_day": "", "mac": "68652b1fc4a0"}))
        self.assertEqual((record.lang, record.plan_code, record.anchor_day), ("ar", "HOME-2M", 14))
        self.assertEqual((record.mac, record.start_date), ("68:65:2B:1F:C4:A0", date(2025, 3, 14)))
        self.assertEqual(record.service_type, "pppoe")

    # === Plans and ladders ===

    def test_plan_refusals(self):
        table = import_file.read(
            data_file("plans.csv").replace(b"1 month", b"1 moon", 1).replace(b"HOME-10M,", b"home-5m,", 1)
        )
        records, problems = plan_file.read(table.rows, {"FUP-60G", "FUP-150G", "FUP-300G"})
        self.assertEqual(len(records), 11)
        self.assertEqual(
            [(p.line, p.column, p.code) for p in problems],
            [(2, "period", "period_invalid"), (4, "code", "twice_in_file"), (11, "fup", "fup_unknown")],
        )

    def test_ladder_refusals(self):
        def lines(text):
            return fup_file.read(import_file.read(data_file("fup.csv").replace(*text)).rows)

        records, problems = lines((b"month,2,92160", b"month,3,92160"))
        self.assertEqual([(p.line, p.code) for p in problems], [(3, "ladder_broken"), (4, "ladder_order")])
        self.assertEqual(len(records), 3)
        records, problems = lines((b"month,2,92160", b"week,2,92160"))
        self.assertIn((4, "window", "ladder_differs"), [(p.line, p.column, p.code) for p in problems])
        records, problems = lines((b"month,2,92160", b"month,2,60000"))
        self.assertIn((4, "after_mb", "ladder_order"), [(p.line, p.column, p.code) for p in problems])

    # === Secrets and files that are written ===

    def test_password_is_not_shown(self):
        data = file_of({"password": "hunter2", "status": "maybe"}, {"account_no": "C2"}) + b"C3,too,hunter2,short\n"
        table = import_file.read(data)
        records, problems = subscriber_file.read(table.rows, PLANS)
        shown = [table.fields_of(line) for line in table.originals]
        self.assertNotIn("hunter2", f"{records}{problems}{table}{shown}")
        self.assertIn("hunter2", f"{table.fields_of(2, secrets=True)}")

    def test_written_file_comes_back(self):
        rows = [[*tabular.REASON_COLUMNS, *HEADER.split(",")]]
        for line in ({}, {"account_no": "C2", "username": "b", "password": "@SUM(1)"}):
            rows.append(["9", "x", "why", *((GOOD | line).get(name, "") for name in HEADER.split(","))])
        data = tabular.write_csv(rows)
        self.assertIn(b"'@SUM(1)", data)
        records, problems = judge(data)
        self.assertFalse(problems)
        self.assertEqual([record.password for record in records], ["s3cret", "@SUM(1)"])

    def test_reasons_have_no_open_placeholder(self):
        names = {name for template in tabular.REASONS.values() for _t, name, _s, _c in string.Formatter().parse(template) if name}
        self.assertFalse(names, "templates are filled with %, not with {}")

    # === Any bytes ===

    def _survives(self, data):
        try:
            table = import_file.read(data)
        except tabular.FileError as error:
            self.assertTrue(str(error))
            return
        if table.layout is subscriber_file.LAYOUT:
            records, problems = subscriber_file.read(table.rows, PLANS, {"a": "b"}, ["Lakes"])
        elif table.layout is plan_file.LAYOUT:
            records, problems = plan_file.read(table.rows, set())
        else:
            records, problems = fup_file.read(table.rows)
        lines = {problem.line for problem in problems + table.problems if problem.severity == "error"}
        self.assertTrue(all(str(problem) for problem in problems + table.problems))
        if table.layout is not fup_file.LAYOUT:
            self.assertEqual(len(records) + len(lines), table.count)
        tabular.write_csv(table.fields_of(line, secrets=True) for line in table.originals)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, data):
        self._survives(data)

    @settings(max_examples=300, deadline=None)
    @given(
        st.sampled_from(("fup.csv", "plans.csv", "subscribers.csv")),
        st.integers(0, 3000),
        st.integers(0, 50),
        st.one_of(
            st.binary(max_size=20),
            st.text(alphabet="\",;\n\r\t=+-@ '|()0x\x00é", max_size=20).map(str.encode),
        ),
    )
    def test_any_damage(self, name, position, cut, inserted):
        data = data_file(name)[:3000]
        position %= len(data)
        self._survives(data[:position] + inserted + data[position + cut :])
