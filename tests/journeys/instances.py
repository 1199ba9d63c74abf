# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Instances for journeys (fixtures by conftest.py): databases with committed data, services of their own, an Odoo environment on them.

Run by ``script/test``, which starts PostgreSQL and installs our add-ons into the test database. A journey never
touches that database: it works in copies, and stops only services it has started.

    from instances import env_of

    def test_something(make_instance):
        instance = make_instance("line")            # own database, FreeRADIUS and Odoo on the shared PostgreSQL
        instance.radius.start()
        with env_of(instance) as env:               # committed at the end of the block
            env["isp.router"].create(...)
"""

import contextlib
import os
import shutil
import subprocess
import time
import unittest.mock
from pathlib import Path

import pytest
from stack.freeradius import FreeRadius
from stack.instance import Instance
from stack.odoo_server import Odoo
from stack.postgres import BIN
from stack.testing import DATABASE

TEMPLATE = "isp_journey_template"
#: All that were made: who has them is a module of journeys.
_made = []
_started = time.time()


@pytest.fixture(scope="session")
def shared() -> Instance:
    """The instance of the test run: its PostgreSQL is up, its test database is not ours to change."""
    run_dir = os.environ.get("ISP_TEST_RUN_DIR")
    if not run_dir:
        pytest.skip("journeys run under script/test")
    return Instance(Path(run_dir).name, database=DATABASE, workers=0, attach=True)


@pytest.fixture(scope="session")
def template(shared) -> str:
    """A database with all add-ons and nobody connected to it: copied in a second."""
    _restore(_dump(shared), shared, TEMPLATE)
    yield TEMPLATE
    shared.postgres.drop_database(TEMPLATE)


@pytest.fixture(scope="session")
def make_instance(shared, template):
    """``make_instance(name)``: an instance with a fresh database, a name for each journey; ``own_postgres=True`` gives it a cluster to stop and kill."""
    made, names = [], set()

    def make(name: str, *, own_postgres=False, workers=0) -> Instance:
        database = f"isp_journey_{name}"
        # Taken again, this process would go on with the registry of the database of before.
        assert database not in names, f"another journey has an instance {name!r}"
        names.add(database)
        instance = Instance(f"journey-{name}", database=database, workers=workers)
        if own_postgres:
            instance.postgres.start()
            made.append(instance)
            _restore(_dump(shared), instance, database)
        else:
            _borrow_postgres(instance, shared, database, workers)
            made.append(instance)
            shared.postgres.copy_database(template, database)
            _guard(instance, database)
        _copy_filestore(shared, instance, database)
        _made.append(instance)
        return instance

    yield make
    for instance in reversed(made):
        _forget(instance.odoo.database)
        _stop(instance)
        if instance.postgres is shared.postgres:
            shared.postgres.drop_database(instance.odoo.database)
        else:
            instance.postgres.stop()
            shutil.rmtree(instance.dir, ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def _rest():
    """After the last test of a module its servers need no memory and no connections any more."""
    yield
    for instance in _made:
        _stop(instance)
    _made.clear()


def _stop(instance) -> None:
    for service in (instance.proxy, instance.odoo, instance.radius):
        service.stop()


@contextlib.contextmanager
def env_of(instance, **context):
    """An Odoo environment (superuser) on the instance's database, in this process. Commits at the end; an error rolls back."""
    from odoo import SUPERUSER_ID, api
    from odoo.modules.registry import Registry

    with _connected_to(instance):
        with Registry(instance.odoo.database).cursor() as cr:
            yield api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True, **context})


@contextlib.contextmanager
def _connected_to(instance):
    """Point Odoo's settings in this process to the instance's PostgreSQL and to its key of secrets."""
    from odoo.tools import config

    # Under pytest-odoo this process is in test mode, in which loading a registry looks for tests to run.
    wanted = {"db_port": instance.postgres.port, "db_password": instance.secrets["odoo"], "test_enable": False}
    before = {name: config[name] for name in wanted}
    for name, value in wanted.items():
        config[name] = value
    try:
        with unittest.mock.patch.dict(os.environ, ISP_SECRET_KEY=instance.secrets["fernet"]):
            yield
    finally:
        for name, value in before.items():
            config[name] = value


def _forget(database: str) -> None:
    """Let go of a database in this process: its connections and its registry."""
    from odoo.modules.registry import Registry
    from odoo.sql_db import close_db

    Registry.delete(database)
    close_db(database)


def _borrow_postgres(instance, shared, database, workers) -> None:
    instance.secrets = shared.secrets
    instance.ports = {**instance.ports, "postgres": shared.postgres.port}
    instance.postgres = shared.postgres
    instance.radius = FreeRadius(instance.dir, instance.ports, shared.secrets, database, shared.postgres)
    instance.odoo = Odoo(instance.dir, instance.ports, shared.secrets, database, workers)


def _environment(instance) -> dict:
    return {**os.environ, "PGPASSWORD": instance.secrets["odoo"], "PGHOST": "127.0.0.1", "PGUSER": "odoo"}


def _dump(shared) -> Path:
    """The test database as a file; with others connected to it, it cannot be a template."""
    path = shared.dir / "journey.dump"
    if not path.exists() or path.stat().st_mtime < _started:
        command = [BIN / "pg_dump", "-Fc", "-Z1", "-p", str(shared.postgres.port), "-f", path, DATABASE]
        subprocess.run(command, env=_environment(shared), check=True)
    return path


def _restore(dump: Path, instance, database: str) -> None:
    instance.postgres.drop_database(database)
    instance.postgres.psql(f'CREATE DATABASE "{database}" OWNER odoo TEMPLATE template0')
    command = [BIN / "pg_restore", "-j2", "--no-owner", "-p", str(instance.postgres.port), "-d", database, dump]
    subprocess.run(command, env=_environment(instance), check=True)
    _guard(instance, database)


def _guard(instance, database: str) -> None:
    """Rights on the database itself are not part of a copy."""
    instance.postgres.psql(f'REVOKE TEMPORARY ON DATABASE "{database}" FROM PUBLIC')


def _copy_filestore(shared, instance, database: str) -> None:
    source = shared.odoo.dir / "data" / "filestore" / DATABASE
    target = instance.odoo.dir / "data" / "filestore" / database
    shutil.rmtree(target, ignore_errors=True)
    if source.is_dir():
        shutil.copytree(source, target)
