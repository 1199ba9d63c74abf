"""``script/odoo``: one Odoo command against an instance, running or not."""

import os
import subprocess

from . import packages
from .instance import Busy, Instance, RunLock
from .shell import StackError, fail
from .testing import DATABASE as TEST_DATABASE


def _instance(name: str, database: str) -> tuple[Instance, RunLock | None]:
    """The instance as it runs, or with PostgreSQL started and the run folder held by us."""
    try:
        lock = RunLock(name, "script/odoo")
    except Busy as busy:
        instance = Instance(name, database=database, attach=True)
        if not instance.postgres.ready():
            raise StackError(f"{busy} It is still starting; try again in a moment.") from busy
        return instance, None
    instance = Instance(name, database=database)
    instance.postgres.start()
    return instance, lock


def main(arguments: list[str]) -> None:
    name = os.environ.get("ISP_INSTANCE", "demo")
    database = TEST_DATABASE if name == "test" else "isp"
    if arguments and not arguments[0].startswith("-"):
        # Odoo's command names allow no hyphen; people type one.
        arguments = [arguments[0].replace("-", "_"), *arguments[1:]]
    try:
        packages.setup()
        instance, started_here = _instance(name, database)
    except StackError as error:
        fail(error)
    try:
        code = subprocess.run(
            instance.odoo.command(*arguments), env=packages.environment(), check=False
        ).returncode
    except KeyboardInterrupt:
        code = 130
    finally:
        if started_here:
            instance.postgres.stop()
    raise SystemExit(code)
