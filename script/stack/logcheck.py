"""Is a log of Odoo clean? Warnings, errors and tracebacks are faults, but for a short list.

``python3 script/stack/logcheck.py FILE…`` prints the faults and exits with 1 when there are any.
"""

import re
import sys
from pathlib import Path

#: What core or an OCA add-on says without need: (logger, text, why it is harmless).
ALLOWED = [
    (
        "odoo.addons.base.models.ir_cron",
        r"Job 'Base: Auto-vacuum internal data' \(\d+\) processed no record",
        "core's own clean-up job, on a day without anything to clean up",
    ),
    (
        "longpolling",
        r"Invalid HTTP method: '\\x88",
        "the closing frame of a browser's websocket that came after the server had let go of it",
    ),
    (
        "odoo.sql_db",
        r"(?s)bad query: .*\b(mail_presence|ir_attachment|isp_billing_run|isp_period)\b.*could not serialize access",
        "two tabs of one person, two clean-ups of files, two workers of a billing run at one moment: tried again",
    ),
    (
        "odoo.addons.bus.websocket",
        r"could not serialize access",
        "the same, where a tab is closed",
    ),
]

_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>[A-Z]+) (?P<database>\S+) (?P<logger>[\w.]+): (?P<text>.*)$"
)
_BAD = {"WARNING", "ERROR", "CRITICAL"}


def faults(log: Path) -> list[str]:
    """The entries of ``log`` that should not be there, each with the lines that belong to it."""
    entries: list[list[str]] = [[]]
    for line in log.read_text(errors="replace").splitlines():
        if _LINE.match(line) or (
            line.startswith("Traceback (most") and not _LINE.match((entries[-1] or [""])[0])
        ):
            entries.append([])
        entries[-1].append(line)
    return ["\n".join(entry[:40]) for entry in entries if entry and _is_fault(entry)]


def _is_fault(entry: list[str]) -> bool:
    match = _LINE.match(entry[0])
    if not match:
        return entry[0].startswith("Traceback (most")
    text = "\n".join([match["text"], *entry[1:]])
    if match["level"] in _BAD:
        return not _allowed(match["logger"], text)
    return any(line.startswith("Traceback (most") for line in entry[1:])


def _allowed(logger: str, text: str) -> bool:
    return any(logger == name and re.search(pattern, text) for name, pattern, _why in ALLOWED)


def main(paths: list[str]) -> int:
    bad = 0
    for path in map(Path, paths):
        for fault in faults(path):
            bad += 1
            print(f"{path}: {fault}")
    print(f"{bad} warnings or errors in {len(paths)} logs", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
