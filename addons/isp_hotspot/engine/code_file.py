# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
r"""Codes that were made elsewhere, from a CSV file with a column ``code`` and, if need be, ``password``.

>>> good, bad, table = read(b"code\nAB12-CD34\n\nab12cd34\nab_12cd34\n123456\n")
>>> good
[Code(line=2, code='ab12cd34', password='')]
>>> [(problem.line, problem.value, problem.code) for problem in bad]
[(4, 'ab12cd34', 'twice_in_file'), (5, 'ab_12cd34', 'code_characters'), (6, '123456', 'code_weak')]
>>> read(b"code;password\nriver-1001;secret 1\n")[0]
[Code(line=2, code='river1001', password='secret1')]

Passwords are read as the hotspot's pages read what is typed: small letters and digits.
"""

import re
from typing import NamedTuple

from odoo.addons.isp_base.engine.tabular import ERROR, Layout, Problem, read_table

from .code import clean

LAYOUTS = (
    Layout("code, password", ("code", "password"), secret=frozenset({"password"}), limits={"code": 40, "password": 64}),
    Layout("code", ("code",), limits={"code": 40}),
)
#: Of how many possible codes at most one may be good: all tries that a hotspot lets through in two weeks.
RARE = 10**6
#: What may stand between letters and digits: it is neither kept nor typed.
_BETWEEN = re.compile(r"[\s.-]")


class Code(NamedTuple):
    line: int
    code: str
    password: str


def read(data):
    """:param data: bytes of the file
    :return: (``Code`` of each good line, ``Problem`` of each refused one, the ``Table``)
    :raise FileError: the file as a whole is refused
    """
    table = read_table(data, LAYOUTS)
    good, bad, lines = [], [problem for problem in table.problems if problem.severity == ERROR], {}
    for row in table.rows:
        text = clean(row.cells["code"])
        reason, params = _objection(row.cells, text, len(table.rows)), {}
        if not reason and text in lines:
            reason, params = "twice_in_file", {"line": lines[text]}
        if reason:
            bad.append(Problem(row.line, "code", row.cells["code"][:60], reason, params))
        else:
            lines[text] = row.line
            good.append(Code(row.line, text, clean(row.cells.get("password", ""))))
    return good, sorted(bad, key=lambda problem: problem.line), table


def _objection(cells, text, count):
    if not cells["code"]:
        return "missing"
    password = cells.get("password", "")
    if len(_BETWEEN.sub("", cells["code"])) != len(text) or len(_BETWEEN.sub("", password)) != len(clean(password)):
        return "code_characters"
    kinds = (10 if any(char.isdigit() for char in text) else 0) + (26 if any(char.isalpha() for char in text) else 0)
    return "code_weak" if len(text) < 6 or kinds ** len(text) < count * RARE else ""
