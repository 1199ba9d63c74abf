"""``script/odoo``: one Odoo command against an instance, running or not."""

import os
import subprocess

from . import packages
from .instance import Instance
from .shell import StackError, fail
from .testing import DATABASE as TEST_DATABASE


def main(arguments: list[str]) -> None:
    name = os.environ.get("ISP_INSTANCE", "demo")
    database = TEST_DATABASE if name == "test" else "isp"
    if arguments and not arguments[0].startswith("-"):
        # Odoo's command names allow no hyphen; people type one.
        arguments = [arguments[0].replace("-", "_"), *arguments[1:]]
    try:
        packages.setup()
        instance = Instance(name, database=database, attach=True)
        started_here = not instance.postgres.ready()
        if started_here:
            instance.postgres.start()
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
