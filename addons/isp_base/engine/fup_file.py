# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Fair-use ladders: rows (one a step) in, ladders and problems out.

A ladder with a step missing would throttle wrongly, so one refused line refuses its whole ladder.

>>> step = {"code": "fup-60g", "name": "Fair use 60 GB", "window": "month", "step": "1",
...         "after_mb": "61440", "down_kbps": "1024", "up_kbps": "512"}
>>> rows = [Row(2, step), Row(3, step | {"step": "2", "after_mb": "92160"})]
>>> [ladder], problems = read(rows)
>>> ladder.code, ladder.window, [(s.sequence, s.after_mb) for s in ladder.steps]
('FUP-60G', 'month', [(1, 61440), (2, 92160)])
>>> ladders, problems = read([Row(2, step), Row(3, step | {"step": "2", "after_mb": "many"})])
>>> print(*problems, sep="\\n")
line 2: Another line of this ladder is refused, so all of its lines are.
line 3, after_mb, many: This is not a whole number from 1 to 2147483647.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from . import cells
from .tabular import CellError, Layout, Problem, Row

LAYOUT = Layout(
    kind="fup",
    columns=("code", "name", "window", "step", "after_mb", "down_kbps", "up_kbps"),
    limits={"code": 64},
)

WINDOWS = {word: word for word in ("day", "week", "month")}


@dataclass(frozen=True, slots=True)
class StepRecord:
    """From ``after_mb`` on: these speeds in kbit/s."""

    line: int
    sequence: int
    after_mb: int
    down_kbps: int
    up_kbps: int


@dataclass(frozen=True, slots=True)
class FupRecord:
    """An accepted ladder; ``line`` is its first one."""

    line: int
    code: str
    name: str
    window: str
    steps: tuple[StepRecord, ...]


_CELLS = {
    "code": lambda value: cells.text(value).upper(),
    "name": cells.text,
    "window": lambda value: cells.choice(value, WINDOWS),
    "step": lambda value: cells.integer(value, 1, 100),
    "after_mb": lambda value: cells.integer(value, 1),
    "down_kbps": lambda value: cells.integer(value, 1),
    "up_kbps": lambda value: cells.integer(value, 1),
}


def read(rows: Iterable[Row]) -> tuple[list[FupRecord], list[Problem]]:
    """Check the rows of a file.

    :return: the accepted ladders and the problems, in the order of the file
    """
    groups: dict[str, list[tuple[Row, dict]]] = {}
    problems: list[Problem] = []
    for row in rows:
        values = {}
        for column, function in _CELLS.items():
            try:
                values[column] = function(row.cells[column])
            except CellError as error:
                problems.append(Problem(row.line, column, row.cells[column], error.code, error.params))
        groups.setdefault(row.cells["code"].upper(), []).append((row, values))
    for code, lines in groups.items():
        if code and not {problem.line for problem in problems} & {row.line for row, _values in lines}:
            problems += _problems_of_ladder(lines)
    refused = {problem.line for problem in problems}
    ladders = []
    for code, lines in groups.items():
        if not refused.intersection(row.line for row, _values in lines):
            ladders.append(_ladder(code, lines))
            continue
        if code:
            problems += [
                Problem(row.line, "", "", "ladder_broken") for row, _values in lines if row.line not in refused
            ]
    return ladders, sorted(problems, key=lambda problem: problem.line)


def _problems_of_ladder(lines: list[tuple[Row, dict]]) -> list[Problem]:
    problems = []
    first_row, first = lines[0]
    volume = 0
    for number, (row, values) in enumerate(lines, 1):
        for column in ("name", "window"):
            if values[column] != first[column]:
                problems.append(
                    Problem(row.line, column, row.cells[column], "ladder_differs", {"line": first_row.line})
                )
        if values["step"] != number:
            problems.append(Problem(row.line, "step", row.cells["step"], "ladder_order"))
        elif values["after_mb"] <= volume:
            problems.append(Problem(row.line, "after_mb", row.cells["after_mb"], "ladder_order"))
        volume = values["after_mb"]
    return problems


def _ladder(code: str, lines: list[tuple[Row, dict]]) -> FupRecord:
    row, first = lines[0]
    steps = tuple(
        StepRecord(each.line, values["step"], values["after_mb"], values["down_kbps"], values["up_kbps"])
        for each, values in lines
    )
    return FupRecord(row.line, code, first["name"], first["window"], steps)
