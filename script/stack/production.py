"""Fills the templates of ``config/`` for the containers of ``docker-compose.yml``.

Runs in the service ``config`` before the others, with the secrets of ``config/production.env`` in
its environment: ``production.py odoo FOLDER``, likewise ``freeradius`` and ``kannel``.
"""

import os
import sys
from pathlib import Path

if __package__:
    from . import config
else:  # started as a file
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from stack import config

DATABASE = "isp"


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


def freeradius(target: Path, env) -> None:
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
    }
    for path in config.render_tree("freeradius", target, values):
        path.chmod(0o600)
    for folder in ("log", "acct", "run"):
        (target / folder).mkdir(exist_ok=True)
    # Routers are asked from the database as they call; none need be known from the start.
    (target / "clients.conf").touch(0o600)


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
    {"odoo": odoo, "freeradius": freeradius, "kannel": kannel}[sys.argv[1]](Path(sys.argv[2]), os.environ)
