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
]

_LINE = re.compile(
    r"^\d{4}-\d\d-\d\d [\d:,]+ \d+ (?P<level>[A-Z]+) (?P<database>\S+) (?P<logger>[\w.]+): (?P<text>.*)$"
)
_BAD = {"WARNING", "ERROR", "CRITICAL"}


def faults(log: Path) -> list[str]:
    """The entries of ``log`` that should not be there, each with the lines that belong to it."""
    found: list[list[str]] = []
    inside = False
    for line in log.read_text(errors="replace").splitlines():
        match = _LINE.match(line)
        if match:
            inside = match["level"] in _BAD and not _allowed(match["logger"], match["text"])
            if inside:
                found.append([line])
        elif inside:
            found[-1].append(line)
        elif line.startswith("Traceback (most recent call last)"):
            found.append([line])
            inside = True
    return ["\n".join(entry[:40]) for entry in found]


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
