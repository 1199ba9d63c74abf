"""The demo ISP "Juba Net": its database, its people and what the terminal says about them."""

import json
import shutil

from . import addons, momo, packages, paths
from .instance import Instance
from .shell import step

DATABASE = "isp"
#: Built under this name and renamed when complete: what was cut off is thrown away.
BUILDING = "isp_building"
LOADER = paths.REPO / "demo" / "juba_net" / "load.py"

#: Everybody by role; the customer is the last. Passwords are for show: the demo answers on this machine only.
USERS = [
    {
        "role": "Administrator",
        "name": "Achol Deng",
        "login": "admin@jubanet.example",
        "password": "admin-juba",
        "group": "isp_base.group_isp_administrator",
    },
    {
        "role": "Billing manager",
        "name": "Peter Lado",
        "login": "billing@jubanet.example",
        "password": "billing-juba",
        "group": "isp_base.group_isp_billing_manager",
    },
    {
        "role": "Cashier",
        "name": "Rose Keji",
        "login": "cash@jubanet.example",
        "password": "cash-juba",
        "group": "isp_cash.group_isp_cashier",
        "home": "isp_cash.action_isp_cash_take",
    },
    {
        "role": "Customer service",
        "name": "منى عبد الله",
        "login": "care@jubanet.example",
        "password": "care-juba",
        "group": "isp_base.group_isp_customer_service",
        "lang": "ar_001",
    },
    {
        "role": "Technician",
        "name": "James Wani",
        "login": "tech@jubanet.example",
        "password": "tech-juba",
        "group": "isp_base.group_isp_technician",
    },
    {
        "role": "Customer (portal)",
        "login": "customer@jubanet.example",
        "password": "customer-juba",
        "group": "base.group_portal",
    },
]
#: Of the demo's router 127.0.0.1, for tests with radclient.
ROUTER_SECRET = "juba-core-2026"


def prepare(instance: Instance) -> None:
    """Make the demo's database, or bring it up to date with the add-ons on disk."""
    if DATABASE not in instance.postgres.databases():
        _build(instance)
    elif addons.bring_up_to_date(instance, DATABASE):
        _load(instance, DATABASE)
    _point_at_services(instance)


def _point_at_services(instance: Instance) -> None:
    """The ports may be others than last time."""
    url = _quoted(instance.url)
    _sql(instance, "ir_config_parameter", f"SET value = {url} WHERE key = 'web.base.url' AND value <> {url}")
    where = f"code = 'mtn_momo' AND wallet_base_url LIKE '{momo.HOST}:%'"
    _sql(instance, "payment_provider", f"SET wallet_base_url = {_quoted(instance.momo.url)}, wallet_callback_base = {url} WHERE {where}")
    _sql(instance, "isp_sms_gateway", f"SET url = {_quoted(instance.kannel.url)} WHERE driver = 'kannel' AND url LIKE 'http://127.0.0.1:%'")


def _sql(instance: Instance, table: str, change: str) -> None:
    """Change rows of a table, if the add-ons that are installed have it."""
    column = change.split()[1]
    query = f"SELECT count(*) FROM information_schema.columns WHERE table_name = '{table}' AND column_name = '{column}'"
    if instance.postgres.psql(query, database=DATABASE).strip() != "0":
        instance.postgres.psql(f"UPDATE {table} {change}", database=DATABASE)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "") + "'"


def _build(instance: Instance) -> None:
    instance.postgres.drop_database(BUILDING)
    filestore = instance.odoo.dir / "data" / "filestore"
    for name in (BUILDING, DATABASE):
        shutil.rmtree(filestore / name, ignore_errors=True)
    addons.bring_up_to_date(instance, BUILDING, "--load-language=en_US,ar_001")
    _load(instance, BUILDING)
    if (filestore / BUILDING).exists():
        (filestore / BUILDING).rename(filestore / DATABASE)
    addons.stamp(instance, BUILDING).rename(addons.stamp(instance, DATABASE))
    instance.postgres.psql(f'ALTER DATABASE "{BUILDING}" RENAME TO "{DATABASE}"')


def _load(instance: Instance, database: str) -> None:
    """Run the loader inside Odoo; it may run again on what it made."""
    step("Loading Juba Net")
    facts = {
        "users": USERS,
        "folder": str(LOADER.parent),
        "router_secret": ROUTER_SECRET,
        "url": instance.url,
        "momo": {"url": instance.momo.url, "account": momo.MTN},
        "kannel": {"url": instance.kannel.url, "password": instance.kannel.password},
    }
    env = {**packages.environment(), "ISP_DEMO": json.dumps(facts)}
    log = instance.odoo.dir / "load.log"
    log.unlink(missing_ok=True)
    command = ("shell", "-d", database, "--no-http", "--workers=0", "--max-cron-threads=0")
    with LOADER.open() as script:
        instance.odoo.run_shown(*command, log=log, show=_progress, env=env, stdin=script)


def _progress(line: str) -> str | None:
    return f"  {line[3:].strip()}" if line.startswith("## ") else None


def logins() -> str:
    rows = [(u["role"], u["login"], u["password"]) for u in USERS]
    return "\n".join(f"  {role:18} {login:28} {password}" for role, login, password in rows)


def telephone(instance: Instance) -> str:
    """:return: the page of the portal customer's simulated telephone; the list of telephones when there is none"""
    query = f"""SELECT p.phone_sanitized FROM res_users u JOIN res_partner p ON p.id = u.partner_id WHERE u.login = '{USERS[-1]["login"]}'"""
    number = ""
    if instance.postgres.psql("SELECT to_regclass('isp_subscription')", database=DATABASE).strip():
        number = "".join(filter(str.isdigit, instance.postgres.psql(query, database=DATABASE)))
    return f"{instance.momo.url}/phone/{number}" if number else instance.momo.url


def welcome(instance: Instance) -> str:
    radius = f"127.0.0.1:{instance.ports['radius_auth']}"
    return f"""Juba Net is open at  {instance.url}

{logins()}

The customer's phone  {telephone(instance)}
                      approves mobile money, shows the SMS; any other number opens there too
RADIUS answers on     {radius}, secret {ROUTER_SECRET}"""
