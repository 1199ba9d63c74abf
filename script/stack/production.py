"""Fills the templates of ``config/`` for the containers of ``docker-compose.yml``.

Runs in the service ``config`` before the others, with the secrets of ``config/production.env`` in
its environment: ``production.py odoo FOLDER``, likewise ``freeradius`` and ``kannel``. ``production.py
radius-files FOLDER`` is a service: it keeps the routers and log-ins of the database there for FreeRADIUS.
"""

import json
import os
import sys
import time
from pathlib import Path

import psycopg2

if __package__:
    from . import config, radius_files
else:  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from stack import config, radius_files

DATABASE = "isp"
#: Seconds between two looks at the database: at its routers, and at its log-ins, each of which is worked out.
_PAUSES = {"clients.conf": 60, "users_fallback": 600}
_TURN = 10


def odoo(target: Path, env) -> None:
    values = {
        "ADDONS_PATH": "/opt/isp/addons,/opt/isp/oca/odoo/addons",
        "DATA_DIR": "/var/lib/odoo",
        "PG_HOST": "postgres",
        "PG_PORT": 5432,
        "LISTEN": "0.0.0.0",
        "DB_NAME": DATABASE,
        "DB_PASSWORD": env["ODOO_DB_PASSWORD"],
        "ADMIN_PASSWORD": env["ODOO_MASTER_PASSWORD"],
        "SECRET_KEY": env["ISP_SECRET_KEY"],
        "RADIUS_HEALTH": "freeradius:1812",
        "RADIUS_HEALTH_SECRET": env.get("RADIUS_HEALTH_SECRET", ""),
        "RADIUS_HEALTH_SOURCE": "",
        "ODOO_PORT": 8069,
        "GEVENT_PORT": 8072,
        "WORKERS": env.get("ODOO_WORKERS", 5),
    }
    (target / "odoo.conf").write_text(config.render("odoo/odoo.conf", values))


def freeradius(target: Path, env, **elsewhere) -> None:
    """:param elsewhere: values of the templates that differ, for a test"""
    values = {
        "DIR": "/etc/isp",
        "PG_HOST": "postgres",
        "PG_PORT": 5432,
        "LISTEN": "*",
        "DB_NAME": DATABASE,
        "DB_PASSWORD": env["RADIUS_DB_PASSWORD"],
        "AUTH_PORT": 1812,
        "ACCT_PORT": 1813,
        "HEALTH_SECRET": env["RADIUS_HEALTH_SECRET"],
        "ROUTERS_NET": "0.0.0.0/0",
        **elsewhere,
    }
    for path in config.render_tree("freeradius", target, values):
        path.chmod(0o600)
    for folder in ("log", "acct", "run", "wanted"):
        (target / folder).mkdir(0o700, exist_ok=True)
    # ``watch.sh`` puts the routers of last time in again, and those of the database when they come.
    (target / "clients.conf").touch(0o600)


def write_radius_file(folder: Path, name: str, answer) -> list[str]:
    """Ask the database, and write the file in one step if it has changed.

    :param answer: function: a query → the one value of its answer
    :return: rows that were left out, and why
    """
    query, make = radius_files.FILES[name]
    text, left = make(answer(query))
    path, new = folder / name, folder / f".{name}"
    if not path.exists() or path.read_text() != text:
        new.touch(0o600)
        with new.open("w") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        new.replace(path)
    return left


def keep_radius_files(folder: Path, env) -> None:
    """Look at the database, for ever. While it is away the files stay as they are."""

    def answer(query):
        connection = psycopg2.connect(
            host="postgres", dbname=DATABASE, user="odoo", password=env["ODOO_DB_PASSWORD"], connect_timeout=5, options="-c statement_timeout=60000"
        )
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(query)
                value = cursor.fetchone()[0]
                return value if isinstance(value, str) else json.dumps(value)
        finally:
            connection.close()

    said, looked = {}, {}
    while True:
        for name, pause in _PAUSES.items():
            if time.monotonic() < looked.get(name, float("-inf")) + pause:
                continue
            try:
                now = "; ".join(["written", *(f"left out: {text}" for text in write_radius_file(folder, name, answer))])
            except psycopg2.Error as error:
                now = f"stays as it is, the database does not answer: {str(error).strip()}"
            else:
                looked[name] = time.monotonic()
                (folder / ".looked").touch()
            if said.get(name) != now:
                print(f"{name}: {now}", flush=True)
                said[name] = now
        time.sleep(_TURN)


def kannel(target: Path, env) -> None:
    values = {
        "KANNEL_DIR": "/etc/isp",
        "KANNEL_PORT": 13013,
        "KANNEL_ADMIN_PORT": 13000,
        "KANNEL_BOX_PORT": 13001,
        "KANNEL_PASSWORD": env["KANNEL_PASSWORD"],
        "SMPP_PORT": env.get("SMPP_PORT") or 2775,
        "SMPP_RATE": env.get("SMPP_RATE") or 10,
        **{name: env.get(name, "") for name in ("SMPP_HOST", "SMPP_USER", "SMPP_PASSWORD", "SMPP_SYSTEM_TYPE")},
    }
    path = target / "kannel.conf"
    path.write_text(config.render("kannel/production.conf", values))
    path.chmod(0o600)
    for folder in ("spool", "dlr"):
        (target / folder).mkdir(exist_ok=True)


if __name__ == "__main__":
    {"odoo": odoo, "freeradius": freeradius, "kannel": kannel, "radius-files": keep_radius_files}[sys.argv[1]](Path(sys.argv[2]), os.environ)
