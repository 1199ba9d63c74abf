"""``script/test``: set up, bring the test database up to date, run pytest."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from . import addons, packages, paths
from .instance import Instance, RunLock
from .shell import StackError, die_with_parent, fail, step

DATABASE = "isp_test"


def prepare_database(instance: Instance) -> None:
    """Install our add-ons into the test database, or update those whose files changed."""
    addons.bring_up_to_date(instance, DATABASE)


def main(arguments: list[str]) -> None:
    try:
        lock = RunLock("test", "script/test")
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
        lock.file.close()
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
    process = subprocess.Popen(
        [str(c) for c in command], cwd=paths.REPO, env=env, preexec_fn=die_with_parent(signal.SIGINT)
    )
    for sig in (signal.SIGTERM, signal.SIGHUP):  # a Ctrl-C reaches pytest from the terminal
        signal.signal(sig, lambda *_args: process.send_signal(signal.SIGINT))
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            return process.wait()


def _is_target(argument: str) -> bool:
    return not argument.startswith("-") and Path(os.path.expanduser(argument.split("::")[0])).exists()
