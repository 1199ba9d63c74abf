# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""From the bytes of a CSV file to its rows, or to one clear reason why not.

A file is refused as a whole (:class:`FileError`) when its rows cannot be trusted: it is not UTF-8
text, its columns are not those of a known layout, or a cell holds a spreadsheet formula. A row
that cannot be read is refused alone (:class:`Problem`) and the others stay.

>>> layout = Layout("pets", ("name", "born"))
>>> table = read_table(b"Name;born\\nRex;2020\\n\\n'Tom;2021;black\\n", (layout,))
>>> [(row.line, row.cells) for row in table.rows]
[(2, {'name': 'Rex', 'born': '2020'})]
>>> print(*table.problems, sep="\\n")
line 4: This line has 3 fields where the header has 2.
>>> try:
...     read_table(b"name,birth\\nRex,2020\\n", (layout,))
... except FileError as error:
...     print(error)
Columns missing: born (is it birth?). Columns found: name, birth.
"""

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

ERROR = "error"
WARNING = "warning"

MAX_BYTES = 20 * 1024 * 1024
MAX_LINES = 200_000
MAX_LINE_CHARS = 20_000
MAX_RECORD_LINES = 20
MASK = "********"

DELIMITERS = ",;\t"

# Columns this program adds when it writes the refused lines of a file; they may come back.
REASON_COLUMNS = ("refused_line", "refused_column", "refused_reason")


def _lt(text: str) -> str:
    """Mark a template for translation; who shows it, translates it."""
    return text


# Code -> English template. All that an import says to a person stands here.
REASONS = {
    # the file as a whole
    "file_empty": _lt("The file is empty."),
    "file_no_rows": _lt("The file has a header and no lines below it."),
    "file_too_big": _lt("The file has %(size)s MB; at most %(limit)s MB can be imported at once."),
    "file_too_many_lines": _lt("The file has more than %(limit)s lines; split it."),
    "file_workbook": _lt("This is a spreadsheet workbook, not a CSV file. Save it as “CSV UTF-8” and try again."),
    "file_binary": _lt("This is not a text file. A CSV file in UTF-8 is needed."),
    "file_utf16": _lt("The file is in UTF-16 (“Unicode text”). Save it as “CSV UTF-8” and try again."),
    "file_encoding": _lt("Line %(line)s is not UTF-8 text. Save the file as “CSV UTF-8” and try again."),
    "columns_unknown": _lt("This is none of the files known here: %(kinds)s. Columns found: %(found)s."),
    "columns_missing": _lt("Columns missing: %(missing)s. Columns found: %(found)s."),
    "columns_twice": _lt("The column %(columns)s is there twice."),
    "header_broken": _lt("The header line cannot be read: %(detail)s."),
    "formula": _lt("Line %(line)s, column %(column)s holds a formula: %(value)s. Nothing was imported."),
    # a line as a whole
    "columns_extra": _lt("Columns not known here are left out: %(columns)s."),
    "field_count": _lt("This line has %(found)s fields where the header has %(expected)s."),
    "line_too_long": _lt("This line is longer than %(limit)s characters."),
    "quote_broken": _lt('The quotation marks (") of this line do not match.'),
    "control_character": _lt("The cell holds a control character."),
    # a cell
    "missing": _lt("This must not be blank."),
    "too_long": _lt("This is longer than %(limit)s characters."),
    "choice_unknown": _lt("This is none of: %(choices)s."),
    "not_whole_number": _lt("This is not a whole number from %(low)s to %(high)s."),
    "not_number": _lt("This is not a number of at least 0."),
    "phone_invalid": _lt("This is not a valid telephone number."),
    "alt_phone_dropped": _lt("This is not a valid telephone number; the line is imported without it."),
    "email_dropped": _lt("This is not an e-mail address; the line is imported without it."),
    "lang_unknown": _lt("The language is not known; en, ar, English and Arabic are."),
    "lang_missing": _lt("Arabic is not installed here: %(count)s customers keep English until it is."),
    "date_invalid": _lt("This is not a date like 2025-03-14, 14/03/2025 or 14-Mar-2025."),
    "date_impossible": _lt("This day does not exist."),
    "amount_invalid": _lt("This is not an amount like 12000, 12,000, 12000.00, SSP 12,000 or -5000."),
    "amount_fraction": _lt("Amounts are in whole pounds."),
    "currency_unknown": _lt("Balances are in SSP."),
    "mac_invalid": _lt("This is not a MAC address (12 hexadecimal digits, with : or - or nothing between)."),
    "password_masked": _lt("The password is hidden in this file. Take this line from the original file."),
    "period_invalid": _lt("This is not a period like 1 month, 30 days or 3 hours."),
    # lines beside each other
    "twice_in_file": _lt("Line %(line)s has the same value already."),
    "ladder_broken": _lt("Another line of this ladder is refused, so all of its lines are."),
    "ladder_order": _lt("The steps of a ladder count 1, 2, 3 … and begin at rising volumes."),
    "ladder_differs": _lt("Line %(line)s of the same ladder says something else."),
    # beside what is stored
    "plan_unknown": _lt("There is no plan with this code."),
    "billing_mode_differs": _lt("The plan %(plan)s is %(mode)s."),
    "service_type_differs": _lt("The plan %(plan)s is %(service)s; the plan decides."),
    "customer_type_unknown": _lt("This type of customer is not known; residential is used."),
    "id_type_unknown": _lt("This type of document is not known; other is used."),
    "username_taken": _lt("Another customer has this user name."),
    "state_unknown": _lt("This state is not known; it is kept in the note."),
    "fup_unknown": _lt("There is no fair-use ladder with this code."),
    "plan_in_use": _lt("Subscriptions use this plan: its %(fields)s cannot change. Use a new code."),
    "managed_here": _lt("This is managed here now (%(current)s); what the file says is left out."),
    "balance_managed": _lt("The opening balance is booked already; what the file says is left out."),
    "subscription_unclear": _lt("This customer has several subscriptions and none has this user name."),
    "states_missing": _lt("The states of the country are not known here; they are kept in the notes."),
    "names_missing": _lt("Arabic is not installed here: Arabic names are left out. Import again when it is."),
    "not_stored": _lt("The line could not be stored: %(detail)s"),
    "other_company": _lt("This customer's subscription belongs to another company."),
    "state_change_refused": _lt("A subscription that is “%(current)s” cannot become that; the file is left out."),
    "remark": "%(text)s",
}


def reason(code: str, params: Mapping[str, Any]) -> str:
    """
    >>> reason("twice_in_file", {"line": 7})
    'Line 7 has the same value already.'
    """
    return REASONS[code] % params


class FileError(Exception):
    """The file as a whole is refused; nothing of it may be imported.

    ``code`` and ``params`` belong to :data:`REASONS`; ``line`` and ``column`` where one can be named.
    """

    def __init__(self, code: str, *, line: int = 0, column: str = "", **params: Any):
        self.code = code
        self.line = line
        self.column = column
        self.params = {**params, **({"line": line} if line else {}), **({"column": column} if column else {})}
        super().__init__(reason(code, self.params))


class CellError(ValueError):
    """A cell's value is refused."""

    def __init__(self, code: str, **params: Any):
        self.code = code
        self.params = params
        super().__init__(reason(code, params))


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with one line.

    :param line: number of the line in the file, the header being 1; the first one of a record
        that runs over several; 0 speaks of the whole file
    :param column: name of the column, blank for the line as a whole
    :param value: the cell as it stands in the file; a secret is masked
    :param code: key of :data:`REASONS`
    :param severity: ``error`` refuses the line, ``warning`` does not
    """

    line: int
    column: str
    value: str
    code: str
    params: dict = field(default_factory=dict)
    severity: str = ERROR

    @property
    def reason(self) -> str:
        return reason(self.code, self.params)

    def __str__(self) -> str:
        where = ", ".join(
            part for part in (f"line {self.line}" if self.line else "", self.column, self.value) if part
        )
        return f"{where}: {self.reason}" if where else self.reason


@dataclass(frozen=True)
class Layout:
    """A kind of file: its columns, all of which must be there, in any order.

    :param signed: columns in which ``+211…`` and ``-5000`` are no formula
    :param secret: columns whose value is never shown
    :param multiline: columns in which a line break is allowed
    :param limits: longest value of a column, in characters, where it is not :attr:`limit`
    """

    kind: str
    columns: tuple[str, ...]
    signed: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    multiline: frozenset[str] = frozenset()
    limits: Mapping[str, int] = field(default_factory=dict)
    limit: int = 200


@dataclass(slots=True)
class Row:
    """A line whose cells could be read: ``cells`` by column, trimmed, blank is ``""``."""

    line: int
    cells: dict[str, str] = field(repr=False)
    fields: list[str] = field(default_factory=list, repr=False)

    def shown(self, column: str, layout: Layout) -> str:
        """The cell for a report."""
        value = self.cells.get(column, "")
        return MASK if value and column in layout.secret else value


@dataclass
class Table:
    """What was read. ``count`` counts all lines that are not blank, the refused ones too."""

    layout: Layout
    header: list[str]
    delimiter: str
    rows: list[Row]
    problems: list[Problem]
    count: int
    # line -> fields as they stand in the file, also of lines refused for their form
    originals: dict[int, list[str]] = field(default_factory=dict, repr=False)

    def fields_of(self, line: int, *, secrets: bool = False) -> list[str]:
        """The fields of a line to show to a person: as they stand, secrets masked.

        Where the form of the line is broken nobody knows which field is the secret: nothing is shown.
        """
        values = self.originals.get(line, [])
        if secrets or not self.layout.secret:
            return values
        if len(values) < len(self.header):
            return []
        if any(map(clean, values[len(self.header) :])):
            return []
        return [
            MASK if value and name in self.layout.secret else value
            for name, value in zip(self.header, values, strict=False)
        ]


# --- text ---------------------------------------------------------------------------------------

_MARKS = "\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_EDGES = re.compile(rf"^[\s{_MARKS}]+|[\s{_MARKS}]+$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_LINE = re.compile(r"[\x00-\x1f\x7f]")

_MAGIC = (
    (b"PK\x03\x04", "file_workbook"),
    (b"PK\x05\x06", "file_workbook"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_workbook"),
    (b"\xff\xfe\x00\x00", "file_binary"),
    (b"\x00\x00\xfe\xff", "file_binary"),
    (b"\xff\xfe", "file_utf16"),
    (b"\xfe\xff", "file_utf16"),
    (b"\x89PNG", "file_binary"),
    (b"%PDF", "file_binary"),
    (b"\x1f\x8b", "file_binary"),
)


def clean(text: str) -> str:
    """Without the spaces of any kind and the invisible marks around it.

    >>> clean("\\u00a0 HOME-2M\\u200f "), clean(" \\t\\u00a0")
    ('HOME-2M', '')
    """
    return _EDGES.sub("", text)


def decode(data: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    >>> decode(b"\\xef\\xbb\\xbfname")
    'name'
    >>> try:
    ...     decode("name".encode("utf-16"))
    ... except FileError as error:
    ...     print(error)
    The file is in UTF-16 (“Unicode text”). Save it as “CSV UTF-8” and try again.
    """
    if len(data) > MAX_BYTES:
        raise FileError("file_too_big", size=f"{len(data) / 1048576:.0f}", limit=MAX_BYTES // 1048576)
    for magic, code in _MAGIC:
        if data.startswith(magic):
            raise FileError(code)
    data = data.removeprefix(b"\xef\xbb\xbf")
    if b"\x00" in data:
        # Text in UTF-16 without its mark has a NUL in every other place.
        nuls = data[:4096].count(b"\x00")
        raise FileError("file_utf16" if nuls >= min(len(data), 4096) // 3 else "file_binary")
    # Old programs end a text with Ctrl-Z.
    data = data.removesuffix(b"\x1a")
    if not data.strip():
        raise FileError("file_empty")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = len(re.findall(rb"\r\n|\r|\n", data[: error.start])) + 1
        # A text in another encoding has printable lines around the odd letter.
        if len(_CONTROL_BYTES.findall(data[:4096])) > len(data[:4096]) // 50:
            raise FileError("file_binary") from None
        raise FileError("file_encoding", line=line) from None


_CONTROL_BYTES = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


# --- lines --------------------------------------------------------------------------------------


def _records(text: str, delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """``(line, fields, code)`` of each record; the code names what is wrong with its form.

    A quotation mark that is never closed must not swallow the file: a record runs over
    at most MAX_RECORD_LINES lines, and after a broken one the very next line is read again.
    """
    # newline="": lines end with \\n, \\r\\n or \\r and keep their ends.
    lines = list(io.StringIO(text, newline=""))
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index]
        if len(line) > MAX_LINE_CHARS:
            index += 1
            yield number, [line[:MAX_LINE_CHARS].rstrip("\r\n")], "line_too_long"
            continue
        try:
            if '"' not in line:
                used, fields = 1, line.rstrip("\r\n").split(delimiter)
            else:
                window = lines[index : index + MAX_RECORD_LINES]
                reader = csv.reader(window, delimiter=delimiter, strict=True)
                fields = next(reader)
                used = reader.line_num
        except (csv.Error, StopIteration):
            index += 1
            yield number, [line.rstrip("\r\n")], "quote_broken"
            continue
        index += used
        yield number, fields, ""


def _header(text: str, layouts: Iterable[Layout]) -> tuple[Layout, list[str], str]:
    """The layout, the columns and the delimiter by which most known columns are found."""
    best = None
    for delimiter in DELIMITERS:
        for _line, fields, code in _records(text[: MAX_LINE_CHARS * 2], delimiter):
            if not code and not any(map(clean, fields)):
                continue
            names = [clean(name).casefold() for name in fields]
            for layout in layouts:
                hits = len(set(names) & set(layout.columns))
                rank = (hits, hits / len(layout.columns))
                if best is None or rank > best[0]:
                    best = (rank, layout, names, delimiter, code)
            break
    if best is None:
        raise FileError("file_empty")
    rank, layout, names, delimiter, code = best
    if code == "quote_broken":
        raise FileError("header_broken", detail=REASONS[code].rstrip("."))
    if rank[0] < 2 and rank[1] < 0.5:
        found = _shorten(name for name in names if name)
        raise FileError("columns_unknown", kinds=", ".join(each.kind for each in layouts), found=found or "–")
    return layout, names, delimiter


def _shorten(names: Iterable[str]) -> str:
    return ", ".join(_CONTROL_LINE.sub(" ", name)[:40] for name in islice(names, 40))


def _check_columns(layout: Layout, names: list[str]) -> list[Problem]:
    twice = sorted({name for name in names if name in layout.columns and names.count(name) > 1})
    if twice:
        raise FileError("columns_twice", line=1, columns=", ".join(twice))
    extra = [name for name in names if name and name not in layout.columns and name not in REASON_COLUMNS]
    missing = [name for name in layout.columns if name not in names]
    if missing:
        hints = []
        for name in missing:
            close = difflib.get_close_matches(name, extra, 1, 0.5)
            if not close and len(missing) == len(extra) == 1:
                close = extra
            hints.append(f"{name} (is it {_shorten(close)}?)" if close else name)
        raise FileError(
            "columns_missing", line=1, missing=", ".join(hints), found=_shorten(name for name in names if name)
        )
    if extra:
        return [Problem(1, "", "", "columns_extra", {"columns": _shorten(extra)}, WARNING)]
    return []


# --- formulas -----------------------------------------------------------------------------------

_HARMLESS = re.compile(
    r"""[-–—\s]+                       # a dash for "nothing"
      | [+-]\s?[\d][\d\s().,/-]*       # a number, a telephone number
      | -\s+[^=(|!"+@]*                # a note that begins like an item of a list
    """,
    re.VERBOSE,
)
_CALCULATES = re.compile(r"[=|!@\"]|[A-Za-z]\s*\(|[\w)]\s*[+*^&]\s*[\w(]")


def is_formula(value: str, *, signed: bool = False, secret: bool = False) -> bool:
    """Whether a spreadsheet would calculate the cell instead of showing it.

    What begins with ``=`` always is one. What begins with ``+``, ``-`` or ``@`` is one, unless it is
    a number, a telephone number, a mere dash or a note written as an item of a list. In a
    *signed* column (telephones, amounts) a sign is at home, and garbage behind it is only garbage;
    a *secret* may begin with any sign a password has and is a formula only when it calls something.

    >>> [is_formula(v) for v in ("=1+1", " =HYPERLINK(A1)", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1")]
    [True, True, True, True, True, True]
    >>> [is_formula(v) for v in ("-", "+211 912 345 678", "- pays late", "O'Brien = Sons", "Ali (2)", "قرنق")]
    [False, False, False, False, False, False]
    >>> [is_formula(v, signed=True) for v in ("-5000", "-12k", "+211 (0) 912", "=1", "-5+cmd|' /C'!A0")]
    [False, False, False, True, True]
    >>> [is_formula(v, secret=True) for v in ("=x9", "@dmin", "-pw", "=cmd|' /C calc'!A0", "=SUM(A1)")]
    [False, False, False, True, True]
    """
    first = value[:1]
    if first.isspace() or first in _EDGE_MARKS:
        value = clean(value)
        first = value[:1]
    if first not in _STARTS:
        return False
    if secret:
        return bool(_CALLS.match(value))
    if first in "=＝":
        return True
    if signed:
        return bool(_CALCULATES.search(value[1:]))
    return not _HARMLESS.fullmatch(value)


_STARTS = frozenset("=+-@＝＋－＠")
_EDGE_MARKS = frozenset("\u200b\u200c\u200d\u200e\u200f\u2060\ufeff")
_CALLS = re.compile(r"[=+\-@＝＋－＠]+\s*[\w.]+\s*[(|!]")


def _refuse_formulas(layout: Layout, names: list[str], records: list[tuple[int, list[str], str]]) -> None:
    width = len(names)
    for line, fields, _code in records:
        for position, value in enumerate(fields):
            if not value or value[0].isalnum():
                continue
            name = names[position] if position < width else ""
            if is_formula(value, signed=name in layout.signed, secret=name in layout.secret):
                shown = MASK if name in layout.secret else _CONTROL_LINE.sub(" ", clean(value))[:60]
                column = _shorten([name]) or str(position + 1)
                raise FileError("formula", line=line, column=column, value=shown)


# --- the table ----------------------------------------------------------------------------------


def read_table(data: bytes, layouts: tuple[Layout, ...]) -> Table:
    """Read a file.

    :param data: the bytes of the file
    :param layouts: the kinds of file that are expected; the header tells which one it is
    :raise FileError: the file as a whole is refused
    """
    text = decode(data)
    layout, names, delimiter = _header(text, layouts)
    problems = _check_columns(layout, names)
    records = []
    for line, fields, code in _records(text, delimiter):
        if code or any(map(clean, fields)):
            records.append((line, fields, code))
            if len(records) > MAX_LINES:
                raise FileError("file_too_many_lines", limit=MAX_LINES)
    header, records = records[0], records[1:]
    _refuse_formulas(layout, [""] * len(header[1]), [header])
    _refuse_formulas(layout, names, records)
    if not records:
        raise FileError("file_no_rows")
    table = Table(layout, names, delimiter, [], problems, len(records))
    known = [(position, name) for position, name in enumerate(names) if name in layout.columns]
    returned = REASON_COLUMNS[0] in names
    for line, fields, code in records:
        table.originals[line] = fields
        problem = _problem_of_form(line, fields, code, len(names))
        if problem:
            problems.append(problem)
            continue
        if returned:
            fields = [_bare(value) for value in fields]
        row = Row(line, {name: clean(fields[position]) for position, name in known}, fields)
        found = list(_problems_of_cells(row, layout))
        if found:
            problems.extend(found)
        else:
            table.rows.append(row)
    return table


def _problem_of_form(line: int, fields: list[str], code: str, width: int) -> Problem | None:
    if code:
        return Problem(line, "", "", code, {"limit": MAX_LINE_CHARS} if code == "line_too_long" else {})
    if len(fields) < width or any(map(clean, fields[width:])):
        return Problem(line, "", "", "field_count", {"found": len(fields), "expected": width})
    return None


def _problems_of_cells(row: Row, layout: Layout) -> Iterator[Problem]:
    for name, value in row.cells.items():
        if not value or value.isalnum() and len(value) < 30:
            continue
        pattern = _CONTROL if name in layout.multiline else _CONTROL_LINE
        if pattern.search(value):
            shown = _CONTROL_LINE.sub("\N{REPLACEMENT CHARACTER}", row.shown(name, layout))
            yield Problem(row.line, name, shown[:60], "control_character")
        limit = layout.limits.get(name, layout.limit)
        if len(value) > limit:
            yield Problem(row.line, name, row.shown(name, layout)[:60], "too_long", {"limit": limit})


def _bare(value: str) -> str:
    """Without the apostrophe :func:`write_csv` put in front."""
    return value[1:] if value[:1] == "'" and is_formula(value[1:]) else value


def write_csv(rows: Iterable[Iterable[str]], delimiter: str = ",") -> bytes:
    """Rows as a CSV file a spreadsheet opens without calculating anything.

    A cell that would be a formula gets an apostrophe in front. UTF-8 with a byte order mark.

    >>> write_csv([["name", "phone"], ["=1+1", "+211 912"]]).decode("utf-8-sig")
    "name,phone\\r\\n'=1+1,+211 912\\r\\n"
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter)
    for row in rows:
        writer.writerow([f"'{cell}" if is_formula(cell) else cell for cell in row])
    return b"\xef\xbb\xbf" + stream.getvalue().encode("utf-8")
