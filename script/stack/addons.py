"""Our add-ons in a database: install the new ones, update those whose files changed."""

import hashlib
import json
import os
import re
from pathlib import Path

from . import packages, paths
from .instance import Instance
from .shell import step, write_private

_OFFLINE = ("--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0")
_LOADING = re.compile(r"Loading module (\S+) \((\d+)/(\d+)\)")


def names() -> list[str]:
    """Our add-ons; ``ISP_TEST_ADDONS`` (comma list) restricts them while one is being written."""
    chosen = os.environ.get("ISP_TEST_ADDONS")
    if chosen:
        return sorted(chosen.split(","))
    return sorted(p.parent.name for p in paths.ADDONS.glob("*/__manifest__.py"))


def bring_up_to_date(instance: Instance, database: str, *options: str) -> bool:
    """Make ``database`` hold the add-ons as they are on disk. Nothing changed: a few milliseconds.

    What was last installed is kept in a file beside Odoo's; one that was cut off in the middle is
    simply done again. Odoo's output goes to ``install.log``, that of the last time only.

    :return: whether anything had to be done.
    """
    stamp_file = stamp(instance, database)
    now = {name: _fingerprint(paths.ADDONS / name) for name in names()}
    now["base"] = packages.odoo_key()
    installed = _installed(instance, database)
    known = json.loads(stamp_file.read_text()) if installed and stamp_file.exists() else {}
    new = [name for name in now if name not in installed]
    changed = [name for name in now if name in installed and known.get(name) != now[name]]
    if not (new or changed):
        return False
    step(f"{_plural(new, 'Installing')}{_plural(changed, 'Updating')}into database {database}")
    if known:
        # Until the end they count as unknown: a cut-off update is done again.
        write_private(stamp_file, json.dumps({k: v for k, v in known.items() if k not in changed}))
    arguments = ["-d", database, *_OFFLINE, *options]
    arguments += ["-i", ",".join(new)] if new else []
    arguments += ["-u", ",".join(changed)] if changed else []
    log = instance.odoo.dir / "install.log"
    log.unlink(missing_ok=True)
    instance.odoo.run_shown(*arguments, log=log, show=_progress())
    write_private(stamp_file, json.dumps(now))
    return True


def stamp(instance: Instance, database: str) -> Path:
    return instance.odoo.dir / f"{database}.addons.json"


def _plural(items: list[str], verb: str) -> str:
    return f"{verb} {', '.join(items)} " if items else ""


def _progress():
    """Report one module in ten, and each of ours."""
    ours = set(names())

    def show(line: str) -> str | None:
        match = _LOADING.search(line)
        if match and (match[1] in ours or int(match[2]) % 10 == 0):
            return f"  module {match[2]} of {match[3]}: {match[1]}"
        return None

    return show


def _installed(instance: Instance, database: str) -> set[str]:
    if database not in instance.postgres.databases():
        return set()
    if not instance.postgres.psql("SELECT to_regclass('ir_module_module')", database=database):
        return set()
    query = "SELECT name FROM ir_module_module WHERE state IN ('installed', 'to upgrade')"
    return set(instance.postgres.psql(query, database=database).split())


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not {"__pycache__", "tests"} & set(path.parts):
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
