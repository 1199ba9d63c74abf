# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""From the bytes of a bank's or wallet's CSV to lines of money, and to reasons why a line is none.

>>> mapping = Mapping(date="Date", amount="Amount", reference="Ref", text=("Text",), date_format="%d/%m/%Y")
>>> data = "Date;Amount;Ref;Text\\n20/11/2026;1,500;A1;acc 1000015\\nyesterday;5;A2;\\n21/11/2026;-20;A3;fee\\n"
>>> result = read(data.encode(), mapping)
>>> [(entry.line, str(entry.date), int(entry.amount), entry.reference) for entry in result.entries]
[(2, '2026-11-20', 1500, 'A1')]
>>> [(bad.line, bad.code) for bad in result.bad], result.out
([(3, 'date')], 1)

A line without a reference gets a key that is the same whenever the file, or one that overlaps it, comes again:

>>> mapping = Mapping(date="Date", amount="Amount", text=("Text",), date_format="%d/%m/%Y")
>>> data = b"Date,Amount,Text\\n20/11/2026,100,x\\n20/11/2026,100,x\\n21/11/2026,100,x\\n"
>>> keys = [entry.reference for entry in read(data, mapping).entries]
>>> len(set(keys)), keys == [entry.reference for entry in read(data, mapping).entries]
(3, True)

The file as a whole is refused with a reason:

>>> for data in (b"", b"PK\\x03\\x04...", b"a,b\\n1,2\\n"):
...     try:
...         read(data, mapping)
...     except FileError as error:
...         print(error.code, error.params)
empty {}
workbook {}
columns {'missing': 'Date, Amount, Text', 'found': 'a, b'}
"""

import csv
import hashlib
import io
import re
import unicodedata
from dataclasses import dataclass, field
from datetime import date as calendar_date
from datetime import datetime
from decimal import Decimal, InvalidOperation

MAX_BYTES = 30 * 1024 * 1024
LARGEST = Decimal(10) ** 12
_DELIMITERS = (",", ";", "\t", "|")
_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y/%m/%d")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\u0640]")


class FileError(Exception):
    """Nothing of the file can be read; ``code`` and ``params`` say why."""

    def __init__(self, code, **params):
        self.code, self.params = code, params
        super().__init__(f"{code} {params}")


class CellError(ValueError):
    """A cell is refused."""

    def __init__(self, code):
        self.code = code
        super().__init__(code)


@dataclass(frozen=True)
class Mapping:
    """Which column is what. With ``no_header`` columns are numbers, the first is 0."""

    date: str
    amount: str = ""
    debit: str = ""
    credit: str = ""
    sign: str = ""
    out_value: str = "D"
    reference: str = ""
    text: tuple = ()
    payer: str = ""
    phone: str = ""
    currency: str = ""
    own_currency: str = "SSP"
    date_format: str = "%Y-%m-%d"
    thousands: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    delimiter: str = ","
    quotechar: str = '"'
    inverse: bool = False
    no_header: bool = False
    skip_header: int = 0
    skip_footer: int = 0
    offset: int = 0


@dataclass(frozen=True)
class Entry:
    line: int
    date: calendar_date
    amount: Decimal
    reference: str
    text: str
    payer: str
    phone: str
    raw: dict = field(repr=False)


@dataclass(frozen=True)
class Bad:
    line: int
    code: str
    column: str
    value: str
    fields: list = field(repr=False)


@dataclass
class Result:
    """``out`` counts lines of money that left, which are not ours to record."""

    header: list
    delimiter: str
    entries: list = field(default_factory=list)
    bad: list = field(default_factory=list)
    out: int = 0
    count: int = 0


def read(data, mapping):
    """:param data: bytes of the file
    :return: :class:`Result`
    :raise FileError: nothing of it can be read"""
    lines = list(io.StringIO(_decode(data, mapping.encoding), newline=""))
    lines = lines[mapping.skip_header - 1 if mapping.skip_header else 0 :]
    delimiter, header = _header(lines, mapping)
    result = Result(header, delimiter)
    rows = list(_rows(lines, delimiter, mapping))
    if not mapping.no_header:
        rows = rows[1:]
    if mapping.skip_footer:
        rows = rows[: -mapping.skip_footer]
    first = max(mapping.skip_header - 1, 0)
    seen = {}
    for number, fields in rows:
        if not any(map(clean, fields)):
            continue
        result.count += 1
        _read_row(result, mapping, number + first, fields, seen)
    return result


def _read_row(result, mapping, line, fields, seen):
    cells = {name: clean(value) for name, value in zip(result.header, fields[mapping.offset :], strict=False)}
    column = ""
    try:
        if len(fields) - mapping.offset < len(result.header):
            raise CellError("fields")
        column = mapping.date
        day = read_date(cells[mapping.date], mapping.date_format)
        column = mapping.amount or mapping.credit
        amount = _amount(cells, mapping)
        column = mapping.currency
        if column and cells[column] and cells[column].upper() != mapping.own_currency:
            raise CellError("currency")
    except CellError as error:
        result.bad.append(Bad(line, error.code, column, cells.get(column, ""), fields))
        return
    if amount < 0:
        result.out += 1
        return
    text = " · ".join(dict.fromkeys(cells[name] for name in mapping.text if cells[name]))
    entry = Entry(
        line,
        day,
        amount,
        clean_reference(cells.get(mapping.reference, "")) or _key(day, amount, text, seen),
        text,
        cells.get(mapping.payer, ""),
        cells.get(mapping.phone, ""),
        cells,
    )
    result.entries.append(entry)


def _key(day, amount, text, seen):
    base = (day.isoformat(), f"{amount:.2f}", " ".join(text.split()).casefold())
    seen[base] = seen.get(base, 0) + 1
    return "#" + hashlib.sha256("\0".join((*base, str(seen[base]))).encode()).hexdigest()[:20].upper()


def clean(text):
    """
    >>> clean(" \\u200fاسم\\u200f \\xa0")
    'اسم'
    """
    return _INVISIBLE.sub("", text or "").replace("\xa0", " ").strip()


def clean_reference(text):
    """An operator's reference, so that capitals, spaces and kinds of digits do not make two of one.

    >>> clean_reference(" ab 12٣ "), clean_reference("")
    ('AB 123', '')
    """
    return " ".join(ascii_digits(clean(text)).upper().split())


def ascii_digits(text):
    return "".join(str(unicodedata.digit(c)) if c.isdigit() else c for c in unicodedata.normalize("NFKC", text))


def read_date(text, date_format="%Y-%m-%d"):
    """
    >>> str(read_date("2026-11-20 13:45:10")), str(read_date("٢٠/١١/٢٠٢٦", "%d/%m/%Y")), str(read_date("20.11.2026"))
    ('2026-11-20', '2026-11-20', '2026-11-20')
    """
    text = ascii_digits(text).strip()
    for attempt in (date_format, *_FORMATS):
        for value in (text, text.split(" ")[0].split("T")[0]):
            try:
                day = datetime.strptime(value, attempt).date()
            except ValueError:
                continue
            if 2000 <= day.year <= 2099:
                return day
    raise CellError("date")


def read_amount(text, thousands=",", decimal="."):
    """
    >>> [str(read_amount(text)) for text in ("1,500", "SSP 12,000.00", "١٢٬٠٠٠", "(50)", "-50", "50-", "1 500")]
    ['1500', '12000.00', '12000', '-50', '-50', '-50', '1500']
    >>> str(read_amount("1.500,00", ".", ","))
    '1500.00'

    Separators in wrong places are not guessed at:

    >>> for text in ("1.500,00", "12,00", "abc", "", "1.2.3"):
    ...     try:
    ...         print(read_amount(text))
    ...     except CellError as error:
    ...         print(error)
    amount
    amount
    amount
    amount
    amount
    """
    text = ascii_digits(text).replace("\u066c", thousands or ",").replace("\u066b", decimal or ".").replace("\u2212", "-")
    text = re.sub(r"(?i)^(ssp|£)|(ssp|£)$", "", text.strip()).strip()
    negative = text.startswith("-") or text.endswith("-") or (text.startswith("(") and text.endswith(")"))
    text = text.strip("-+() ")
    whole, _point, part = text.partition(decimal) if decimal else (text, "", "")
    groups = re.split("[ '" + re.escape(thousands or " ") + "]", whole)
    well = groups[0].isdigit() and len(groups[0]) <= 15 and all(len(group) == 3 and group.isdigit() for group in groups[1:])
    if not well or (len(groups) > 1 and len(groups[0]) > 3) or (part and not part.isdigit()):
        raise CellError("amount")
    try:
        value = Decimal("".join(groups) + (f".{part}" if part else ""))
    except InvalidOperation as error:
        raise CellError("amount") from error
    if value > LARGEST:
        raise CellError("amount")
    return -value if negative else value


def _amount(cells, mapping):
    def number(name):
        return read_amount(cells[name], mapping.thousands, mapping.decimal) if cells.get(name) else Decimal(0)

    if mapping.credit:
        value = abs(number(mapping.credit)) - abs(number(mapping.debit))
    else:
        value = read_amount(cells[mapping.amount], mapping.thousands, mapping.decimal)
        if mapping.sign:
            value = -abs(value) if cells[mapping.sign].upper() == mapping.out_value.upper() else abs(value)
    if not value:
        raise CellError("zero")
    if value != value.to_integral_value():
        raise CellError("piasters")
    return -value if mapping.inverse else value


def _decode(data, encoding):
    if len(data) > MAX_BYTES:
        raise FileError("big", limit=MAX_BYTES // 1024 // 1024)
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise FileError("workbook")
    if data[:4] in (b"%PDF", b"\x89PNG") or data[:2] == b"\x1f\x8b":
        raise FileError("binary")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        attempts = ("utf-16",)
    else:
        if b"\x00" in data:
            raise FileError("binary")
        attempts = ("utf-8-sig", encoding)
    if not data.strip():
        raise FileError("empty")
    for attempt in attempts:
        try:
            return data.decode(attempt)
        except (UnicodeDecodeError, LookupError):
            continue
    raise FileError("encoding", encoding=encoding)


def _header(lines, mapping):
    """:return: (delimiter, names of the columns); another delimiter than the mapping's is seen in the header"""
    wanted = [name for name in (mapping.date, mapping.amount, mapping.debit, mapping.credit, mapping.sign) if name]
    wanted += [name for name in (mapping.reference, *mapping.text, mapping.payer, mapping.phone, mapping.currency) if name]
    first = next((line for line in lines if clean(line)), None)
    if first is None:
        raise FileError("empty")
    names = []
    for delimiter in dict.fromkeys((mapping.delimiter, *_DELIMITERS)):
        fields = next(csv.reader([first], delimiter=delimiter, quotechar=mapping.quotechar))[mapping.offset :]
        if mapping.no_header:
            fields = [str(number) for number in range(len(fields))]
        fields = [clean(name) for name in fields]
        if set(wanted) <= set(fields):
            return delimiter, fields
        if len(fields) > len(names):
            names = fields
    missing = [name for name in wanted if name not in names]
    raise FileError("columns", missing=", ".join(missing), found=", ".join(names[:20]))


def _rows(lines, delimiter, mapping):
    reader = csv.reader(lines, delimiter=delimiter, quotechar=mapping.quotechar)
    number = 1
    try:
        for fields in reader:
            yield number, fields
            number = reader.line_num + 1
    except csv.Error as error:
        raise FileError("broken", line=number) from error


def write(header, rows, delimiter=","):
    """A CSV for a spreadsheet program.

    >>> write(["a", "b"], [["1", "x;y"]], ";").decode("utf-8-sig")
    'a;b\\r\\n1;"x;y"\\r\\n'
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue().encode("utf-8-sig")
