# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import argparse
import contextlib
import json
import logging
import sys
from datetime import date
from pathlib import Path

from odoo.api import SUPERUSER_ID, Environment
from odoo.cli import Command
from odoo.exceptions import LockError, UserError
from odoo.modules.registry import Registry
from odoo.tools import config

USABLE, FAILED, REFUSED = 0, 1, 2
# A ladder must be there before the plan that uses it, a plan before its subscribers.
ORDER = ("fup", "plans", "subscribers")
COLUMNS = (("line", 5), ("column", 16), ("value", 24), ("reason", 0))


class CommandError(Exception):
    """What a person did wrong, in one sentence."""


class IspImport(Command):
    """Import fair-use ladders, plans and subscribers from CSV files.

    The kind of a file is told by its header; files given together are taken in the order ladders,
    plans, subscribers. Exit code: 0 the files could be used (single lines may be refused),
    2 a file was refused as a whole, 1 another error.
    """

    name = "isp_import"

    def __init__(self):
        super().__init__()
        add = self.parser.add_argument
        add("files", nargs="+", metavar="FILE", type=Path)
        add("--check", action="store_true", help="show the problems, change nothing")
        add(
            "--bill-from",
            type=_date,
            metavar="DATE",
            help="bill from this day on, as 2026-01-31 (default: today)",
        )
        add("--json", action="store_true", help="print the result as one JSON object")
        add("-c", "--config", help="configuration file of the server")
        add("-d", "--database", help="name of the database")

    def run(self, cmdargs):
        try:
            options = self.parser.parse_args(cmdargs)
        except SystemExit as end:  # 2 means here: a file was refused
            sys.exit(FAILED if end.code else USABLE)
        try:
            code = self._main(options)
        except CommandError as error:
            sys.stderr.write(f"{error}\n")
            code = FAILED
        sys.exit(code)

    def _main(self, options):
        contents = [(path, _read(path)) for path in options.files]
        arguments = ["--no-http", *(["-c", options.config] if options.config else [])]
        config.parse_config([*arguments, *(["-d", options.database] if options.database else [])], setup_logging=True)
        logging.getLogger("odoo").setLevel(logging.WARNING)
        names = config["db_name"]
        if len(names) != 1:
            raise CommandError("Name one database with -d.")
        with Registry(names[0]).cursor() as cr:
            env = Environment(cr, SUPERUSER_ID, {})
            if "isp.import" not in env:
                raise CommandError(f"The add-on isp_base is not installed in the database {names[0]}.")
            results = []
            try:
                for path, content in sorted(contents, key=lambda each: self._rank(env, each[1])):
                    results.append(self._import(env, path, content, options))
            except LockError:
                raise CommandError("Another process is importing; try again when it is done.") from None
            except UserError as error:
                raise CommandError(str(error)) from None
            finally:
                if options.check:
                    cr.rollback()
        if options.json:
            _say(json.dumps({"files": results}, ensure_ascii=False))
        return USABLE if all(result["usable"] for result in results) else REFUSED

    def _rank(self, env, content):
        kind = env["isp.import"]._kind_of(content)
        return ORDER.index(kind) if kind else len(ORDER)

    def _import(self, env, path, content, options):
        say = _silent if options.json else _say
        vals = {"bill_from": options.bill_from} if options.bill_from else {}
        record = env["isp.import"]._from_bytes(content, path.name, **vals)
        say(f"{path}: {len(content):,} bytes")

        def after_batch(running):
            if not options.check:
                env.cr.commit()
            _show_progress(say, running)

        if not options.check:
            env.cr.commit()
        # A check runs ladders and plans too, so that the subscribers beside them are judged
        # rightly; all of it is rolled back at the end.
        kind = record._kind_of(content)
        if options.check and kind == "subscribers":
            usable = record._check()
        else:
            usable = record._run(after_batch)
        result = _result(record, path, usable)
        if not options.check:
            env.cr.commit()
        _report(say, result)
        return result


def _date(text):
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a date like 2026-01-31") from None


def _read(path):
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None


def _say(text, end="\n"):
    sys.stdout.write(f"{text}{end}")
    sys.stdout.flush()


def _silent(text, end="\n"):
    """Nothing but JSON may be printed."""


def _show_progress(say, record):
    if sys.stdout.isatty():
        say(f"\r  {record.progress:3.0f} %", end="\n" if record.position >= record.last_line else "")
    else:
        say(f"  line {record.position} of {record.last_line}")


def _result(record, path, usable):
    names = ("row", "created", "updated", "unchanged", "refused", "warning")
    return {
        "file": str(path),
        "kind": record.kind or None,
        "usable": usable,
        "message": record.message,
        **{name: record[f"{name}_count"] for name in names},
        "problems": [
            {
                "line": line.line,
                "column": line.column or "",
                "value": line.value or "",
                "severity": line.severity,
                "code": line.code,
                "reason": line.reason,
            }
            for line in record.line_ids
        ],
    }


def _report(say, result):
    if not result["usable"]:
        say(f"  The file was refused: {result['message']}")
        return
    problems = sorted(result["problems"], key=lambda problem: problem["severity"] != "error")
    if problems:
        say("  " + "  ".join(f"{title:<{width}}" for title, width in COLUMNS).rstrip())
    for problem in problems:
        cells = [f"{_cut(str(problem[title]), width):<{width}}" for title, width in COLUMNS]
        mark = "" if problem["severity"] == "error" else " (warning)"
        say("  " + "  ".join(cells).rstrip() + mark)
    say(f"  {result['message']}")


def _cut(text, width):
    text = " ".join(text.split())
    return text if not width or len(text) <= width else text[: width - 1] + "…"


with contextlib.suppress(AttributeError):
    # A pipe in an old locale must not stop an import on an Arabic name.
    sys.stdout.reconfigure(errors="replace")
