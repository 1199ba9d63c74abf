"""``script/test``: set up, bring the test database up to date, run pytest."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

from . import packages, paths
from .instance import Instance
from .shell import StackError, fail, step

DATABASE = "isp_test"


def addon_names() -> list[str]:
    """Our add-ons; ``ISP_TEST_ADDONS`` (comma list) restricts them while one is being written."""
    chosen = os.environ.get("ISP_TEST_ADDONS")
    if chosen:
        return sorted(chosen.split(","))
    return sorted(p.parent.name for p in paths.ADDONS.glob("*/__manifest__.py"))


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and "tests" not in path.parts:
            digest.update(str(path.relative_to(folder)).encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def prepare_database(instance: Instance) -> None:
    """Install our add-ons into the test database, or update those whose files changed."""
    stamp = instance.dir / "addons.json"
    names = addon_names()
    now = {name: _fingerprint(paths.ADDONS / name) for name in names}
    known = json.loads(stamp.read_text()) if stamp.exists() else {}
    if DATABASE not in instance.postgres.databases():
        known = {}
    changed = [name for name in names if known.get(name) not in (None, now[name])]
    new = [name for name in names if name not in known]
    if set(known) - set(names) or not (changed or new):
        if not (changed or new):
            return
        instance.postgres.drop_database(DATABASE)
        changed, new = [], names
    stamp.unlink(missing_ok=True)
    step(f"Preparing the test database: {', '.join(new + changed)}")
    options = ["--stop-after-init", "--no-http", "--workers=0", "--max-cron-threads=0"]
    if new:
        options += ["-i", ",".join(new)]
    if changed:
        options += ["-u", ",".join(changed)]
    instance.odoo.run(*options, log=instance.odoo.log)
    stamp.write_text(json.dumps(now))


def main(arguments: list[str]) -> None:
    try:
        packages.setup()
        instance = Instance("test", database=DATABASE, workers=0)
        instance.postgres.start()
    except StackError as error:
        fail(error)
    try:
        prepare_database(instance)
        instance.odoo.conf()
        code = _pytest(instance, arguments)
    except StackError as error:
        fail(error)
    finally:
        instance.stop()
    raise SystemExit(code)


def _pytest(instance: Instance, arguments: list[str]) -> int:
    targets = [] if any(_is_target(a) for a in arguments) else ["addons", "tests"]
    env = packages.environment()
    env["PYTHONPATH"] = f"{paths.REPO / 'script'}:{env.get('PYTHONPATH', '')}".rstrip(":")
    env["ISP_TEST_RUN_DIR"] = str(instance.dir)
    command = [paths.PYTHON, "-m", "pytest", f"--odoo-config={instance.odoo.dir / 'odoo.conf'}"]
    command += [f"--odoo-database={DATABASE}", "--odoo-http", "--odoo-log-level=warn", *targets, *arguments]
    step("Running the tests")
    sys.stdout.flush()
    return subprocess.run([str(c) for c in command], cwd=paths.REPO, env=env, check=False).returncode


def _is_target(argument: str) -> bool:
    return not argument.startswith("-") and Path(os.path.expanduser(argument.split("::")[0])).exists()
