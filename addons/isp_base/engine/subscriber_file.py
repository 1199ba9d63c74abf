# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A list of subscribers: rows in, records and problems out.

>>> import dataclasses
>>> cells = dict.fromkeys(LAYOUT.columns, "") | {
...     "account_no": "C1", "name": "Achol Deng", "phone": "0921 234 567", "plan_code": "home-2m",
...     "billing_mode": "postpaid", "username": "achol", "status": "Active",
...     "start_date": "14/03/2025", "anchor_day": "1", "opening_balance": "SSP 12,000"}
>>> plans = {"HOME-2M": PlanFacts("postpaid", "pppoe")}
>>> [record], problems = read([Row(2, cells)], plans)
>>> record.phone, record.plan_code, str(record.start_date), record.opening_balance, record.lang
('+211921234567', 'HOME-2M', '2025-03-14', 12000, 'en')
>>> records, problems = read([Row(2, cells), Row(3, cells | {"username": "deng", "phone": "call brother"})], plans)
>>> print(*problems, sep="\\n")
line 3, account_no, C1: Line 2 has the same value already.
line 3, phone, call brother: This is not a valid telephone number.
"""

import datetime
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import cells
from .tabular import ERROR, MASK, WARNING, CellError, Layout, Problem, Row

LAYOUT = Layout(
    kind="subscribers",
    columns=(
        "account_no",
        "name",
        "name_ar",
        "phone",
        "alt_phone",
        "email",
        "lang",
        "customer_type",
        "id_type",
        "id_number",
        "state",
        "county",
        "payam",
        "address",
        "plan_code",
        "billing_mode",
        "service_type",
        "username",
        "password",
        "mac",
        "status",
        "start_date",
        "anchor_day",
        "opening_balance",
        "currency",
        "notes",
    ),
    signed=frozenset({"phone", "alt_phone", "opening_balance"}),
    secret=frozenset({"password"}),
    multiline=frozenset({"address", "notes"}),
    limits={"account_no": 64, "username": 128, "address": 1000, "notes": 4000},
)

LANGUAGES = {"": "en", "en": "en", "english": "en", "ar": "ar", "arabic": "ar"}
STATUSES = {word: word for word in ("active", "suspended", "terminated")}
BILLING_MODES = {word: word for word in ("postpaid", "prepaid")}
SERVICE_TYPES = {word: word for word in ("pppoe", "hotspot", "static")}
CUSTOMER_TYPES = {word: word for word in ("residential", "business", "government", "ngo", "reseller")}
ID_TYPES = {word: word for word in ("national_id", "passport", "tin", "chief_letter", "other")}


class PlanFacts(NamedTuple):
    """What a line is compared with: the plan's ``billing_mode`` and ``service_type``."""

    billing_mode: str
    service_type: str


@dataclass(frozen=True, slots=True)
class SubscriberRecord:
    """An accepted line. Texts are trimmed, ``""`` is blank.

    :param line: number in the file
    :param phone: E.164, ``alt_phone`` too (or blank)
    :param lang: ``en`` or ``ar``
    :param plan_code: as the catalogue writes it (upper case)
    :param service_type: the plan's
    :param password: a secret; not part of ``repr()``
    :param mac: ``AA:BB:CC:DD:EE:FF`` or blank
    :param status: ``active``, ``suspended`` or ``terminated``
    :param anchor_day: 1 to 31; the day of ``start_date`` when the cell is blank
    :param opening_balance: whole SSP; above zero the customer owes, below zero is credit
    :param given: the columns that are not blank in the file; an update leaves the others alone
    """

    line: int
    account_no: str
    name: str
    name_ar: str
    phone: str
    alt_phone: str
    email: str
    lang: str
    customer_type: str
    id_type: str
    id_number: str
    state: str
    county: str
    payam: str
    address: str
    plan_code: str
    billing_mode: str
    service_type: str
    username: str
    password: str = field(repr=False)
    mac: str = ""
    status: str = "active"
    start_date: datetime.date | None = None
    anchor_day: int = 1
    opening_balance: int = 0
    currency: str = "SSP"
    notes: str = ""
    given: frozenset = frozenset()


# Columns that are taken as they stand.
_PLAIN = ("name_ar", "id_number", "state", "county", "payam", "address", "notes")

# column -> (what makes a value of the cell, arguments); a refusal of the cell refuses the line
_STRICT: dict[str, tuple[Callable, tuple]] = {
    "account_no": (cells.text, ()),
    "name": (cells.text, ()),
    "phone": (cells.phone, ()),
    "lang": (cells.choice, (LANGUAGES, "lang_unknown")),
    "plan_code": (cells.text, ()),
    "billing_mode": (cells.choice, (BILLING_MODES,)),
    "username": (cells.text, ()),
    "status": (cells.choice, (STATUSES,)),
    "start_date": (cells.date, ()),
    "opening_balance": (cells.amount, ()),
    "mac": (cells.mac, ()),
}

# column -> (function, arguments, code of the warning, value then used)
_LENIENT: dict[str, tuple[Callable, tuple, str, str]] = {
    "alt_phone": (cells.phone, (), "alt_phone_dropped", ""),
    "email": (cells.email, (), "email_dropped", ""),
    "customer_type": (cells.choice, (CUSTOMER_TYPES,), "customer_type_unknown", "residential"),
    "id_type": (cells.choice, (ID_TYPES,), "id_type_unknown", "other"),
}


def read(
    rows: Iterable[Row],
    plans: Mapping[str, PlanFacts],
    owners: Mapping[str, str] | None = None,
    states: Iterable[str] | None = None,
) -> tuple[list[SubscriberRecord], list[Problem]]:
    """Check the rows of a file.

    The second line of a file with an account number or user name already there is refused,
    whatever became of the first one.

    :param plans: the catalogue, by upper-case code
    :param owners: account number ("" for none) by user name, of the user names in use
    :param states: names of the country's states; ``None`` takes any
    :return: the accepted records and the problems, both in the order of the file
    """
    reader = _Reader(plans, owners or {}, states)
    return reader.judge(rows)


class _Reader:
    def __init__(self, plans, owners, states):
        self.plans = plans
        self.owners = owners
        self.states = None if states is None else {name.casefold() for name in states}
        self.problems: list[Problem] = []
        self.first_line: dict[str, dict[str, int]] = {"account_no": {}, "username": {}}

    def judge(self, rows):
        records = []
        for row in rows:
            before = len(self.problems)
            values = self._values(row)
            if all(problem.severity == WARNING for problem in self.problems[before:]):
                records.append(SubscriberRecord(**values))
        return records, self.problems

    def _report(self, row: Row, column: str, code: str, severity: str = ERROR, **params: Any) -> None:
        self.problems.append(Problem(row.line, column, row.shown(column, LAYOUT), code, params, severity))

    def _values(self, row: Row) -> dict[str, Any]:
        raw = row.cells
        values: dict[str, Any] = {"line": row.line, "given": frozenset(name for name in raw if raw[name])}
        self._check_unique(row)
        for column, (function, arguments) in _STRICT.items():
            try:
                values[column] = function(raw[column], *arguments)
            except CellError as error:
                self._report(row, column, error.code, **error.params)
        for column, (function, arguments, warning, fallback) in _LENIENT.items():
            values[column] = ""
            if raw[column]:
                try:
                    values[column] = function(raw[column], *arguments)
                except CellError:
                    values[column] = fallback
                    self._report(row, column, warning, WARNING)
        for column in _PLAIN:
            values[column] = raw[column]
        self._read_anchor(row, values)
        self._read_password(row, values)
        self._check_plan(row, values)
        self._check_surroundings(row, values)
        return values

    def _check_unique(self, row: Row) -> None:
        for column, seen in self.first_line.items():
            value = row.cells[column]
            if not value:
                continue
            if not value.isprintable():
                self._report(row, column, "control_character")
            first = seen.setdefault(value, row.line)
            if first != row.line:
                self._report(row, column, "twice_in_file", line=first)

    def _read_anchor(self, row: Row, values: dict[str, Any]) -> None:
        if not row.cells["anchor_day"]:
            values["anchor_day"] = values["start_date"].day if "start_date" in values else 1
            return
        try:
            values["anchor_day"] = cells.integer(row.cells["anchor_day"], 1, 31)
        except CellError as error:
            self._report(row, "anchor_day", error.code, **error.params)

    def _read_password(self, row: Row, values: dict[str, Any]) -> None:
        values["password"] = row.cells["password"]
        if values["password"] == MASK:
            self._report(row, "password", "password_masked")

    def _check_plan(self, row: Row, values: dict[str, Any]) -> None:
        values["service_type"] = ""
        if not values.get("plan_code"):
            return
        values["plan_code"] = values["plan_code"].upper()
        plan = self.plans.get(values["plan_code"])
        if plan is None:
            self._report(row, "plan_code", "plan_unknown")
            return
        mode = values.get("billing_mode")
        if mode and mode != plan.billing_mode:
            self._report(
                row, "billing_mode", "billing_mode_differs", plan=values["plan_code"], mode=plan.billing_mode
            )
        values["service_type"] = plan.service_type
        if row.cells["service_type"].casefold() not in ("", plan.service_type):
            self._report(
                row,
                "service_type",
                "service_type_differs",
                WARNING,
                plan=values["plan_code"],
                service=plan.service_type,
            )

    def _check_surroundings(self, row: Row, values: dict[str, Any]) -> None:
        owner = self.owners.get(row.cells["username"])
        twice = self.first_line["username"].get(row.cells["username"]) != row.line
        if owner is not None and owner != row.cells["account_no"] and not twice:
            self._report(row, "username", "username_taken")
        state = row.cells["state"]
        if state and self.states is not None and state.casefold() not in self.states:
            self._report(row, "state", "state_unknown", WARNING)
        if row.cells["currency"].upper() not in ("", "SSP"):
            self._report(row, "currency", "currency_unknown")
        values["currency"] = "SSP"


