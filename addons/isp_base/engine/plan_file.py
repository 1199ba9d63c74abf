# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A catalogue of plans: rows in, records and problems out.

>>> cells = dict.fromkeys(LAYOUT.columns, "") | {
...     "code": "hs-1h", "name": "Hotspot 1 hour", "service_type": "hotspot", "billing_mode": "prepaid",
...     "period": "1 hour", "price_usd": "0.3", "price_ssp": "1500", "down_kbps": "2048",
...     "up_kbps": "1024", "sessions": "1"}
>>> [plan], problems = read([Row(2, cells)], ladders=())
>>> plan.code, plan.period_count, plan.period_unit, plan.price_usd, plan.price_ssp, plan.quota_mb
('HS-1H', 1, 'hour', Decimal('0.3'), 1500, 0)
>>> records, problems = read([Row(2, cells | {"fup": "FUP-9", "period": "a while"})], ladders=("FUP-1",))
>>> print(*problems, sep="\\n")
line 2, period, a while: This is not a period like 1 month, 30 days or 3 hours.
line 2, fup, FUP-9: There is no fair-use ladder with this code.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from . import cells
from .subscriber_file import BILLING_MODES, SERVICE_TYPES
from .tabular import CellError, Layout, Problem, Row

LAYOUT = Layout(
    kind="plans",
    columns=(
        "code",
        "name",
        "name_ar",
        "service_type",
        "billing_mode",
        "period",
        "price_usd",
        "price_ssp",
        "down_kbps",
        "up_kbps",
        "burst_down_kbps",
        "quota_mb",
        "fup",
        "overage_ssp_per_gb",
        "sessions",
    ),
    limits={"code": 64},
)


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """An accepted plan: codes in upper case, prices of one period without taxes, kbit/s, MB (0: none)."""

    line: int
    code: str
    name: str
    name_ar: str
    service_type: str
    billing_mode: str
    period_count: int
    period_unit: str
    price_usd: Decimal
    price_ssp: int
    down_kbps: int
    up_kbps: int
    burst_down_kbps: int
    quota_mb: int
    fup: str
    overage_ssp_per_gb: int
    sessions: int


def _zero_or(function):
    return lambda value: function(value or "0")


def _price(value: str) -> int:
    pounds = cells.amount(cells.text(value))
    if pounds < 0:
        raise CellError("not_number")
    return pounds


_CELLS = {
    "code": lambda value: cells.text(value).upper(),
    "name": cells.text,
    "name_ar": str,
    "service_type": lambda value: cells.choice(value, SERVICE_TYPES),
    "billing_mode": lambda value: cells.choice(value, BILLING_MODES),
    "period": cells.period,
    "price_usd": _zero_or(cells.number),
    "price_ssp": _price,
    "down_kbps": _zero_or(cells.integer),
    "up_kbps": _zero_or(cells.integer),
    "burst_down_kbps": _zero_or(cells.integer),
    "quota_mb": _zero_or(cells.integer),
    "fup": str.upper,
    "overage_ssp_per_gb": lambda value: _price(value or "0"),
    "sessions": lambda value: cells.integer(value or "1", 1, 1000),
}


def read(rows: Iterable[Row], ladders: Collection[str]) -> tuple[list[PlanRecord], list[Problem]]:
    """Check the rows of a file.

    :param ladders: upper-case codes of the fair-use ladders there are
    :return: the accepted records and the problems, both in the order of the file
    """
    records, problems, first_line = [], [], {}
    for row in rows:
        found, values = [], {}
        for column, function in _CELLS.items():
            try:
                values[column] = function(row.cells[column])
            except CellError as error:
                found.append(Problem(row.line, column, row.cells[column], error.code, error.params))
        code = row.cells["code"].upper()
        if code and first_line.setdefault(code, row.line) != row.line:
            found.append(
                Problem(row.line, "code", row.cells["code"], "twice_in_file", {"line": first_line[code]})
            )
        if values.get("fup") and values["fup"] not in ladders:
            found.append(Problem(row.line, "fup", row.cells["fup"], "fup_unknown"))
        problems += found
        if not found:
            count, unit = values.pop("period")
            records.append(PlanRecord(line=row.line, period_count=count, period_unit=unit, **values))
    return records, problems
