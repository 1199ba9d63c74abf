"""The demo ISP "Juba Net": its database, its people and what the terminal says about them."""

import json
import shutil
import zlib

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
#: Who earns with WiFi tokens, each with a page of their own. "site" is a hotspot of demo/juba_net/hotspot.py.
OWNERS = [
    {"role": "Hotspot owner", "name": "Amina Lado", "login": "+211921000003", "password": "amina-juba", "page": "/wifi/app", "site": "tea"},
    {"role": "Hotspot owner", "name": "يوسف آدم", "login": "+211925000004", "password": "yusuf-juba", "page": "/wifi/app", "site": "cafe", "lang": "ar_001"},
]
RESELLER = {"role": "Token reseller", "name": "Joseph Kenyi", "login": "joseph@kiosk.example", "phone": "+211921000007", "password": "joseph-juba", "page": "/my/reseller"}
#: Of the demo's router 127.0.0.1, for tests with radclient.
ROUTER_SECRET = "juba-core-2026"
#: Simulated MikroTik routers (network.py), each for customers of some payams. "key" is its NAS identifier and its name in the simulator. The one
#: that is "away" waits from the first day for somebody who pastes its line; until then it has an outage and a backlog.
ROUTERS = [
    {"key": "juba-core", "name": "Juba core", "number": 1, "version": "7.24", "payams": ["Juba Town", "Kator", "Rejaf"]},
    {"key": "munuki", "name": "Munuki tower", "number": 2, "version": "7.16.2", "payams": ["Munuki"], "hotspot": True, "site": "market"},
    {"key": "wau", "name": "Wau", "number": 3, "version": "7.20.8", "payams": ["Wau North", "Rumbek Town", "Yambio Town", "Bentiu Town", "Malakal Centre"], "keeps": "fixed"},
    {"key": "torit", "name": "Torit", "number": 4, "version": "7.24", "payams": ["Nyong", "Yei Town", "Bor Town"], "keeps": "fixed", "away": True},
    # Owners' own ones: a hotspot and no more.
    {"key": "tea", "name": "Tea by the Nile", "number": 5, "version": "7.16.2", "payams": [], "hotspot": True, "site": "tea"},
    {"key": "cafe", "name": "مقهى النيل الأبيض", "number": 6, "version": "7.24", "payams": [], "hotspot": True, "site": "cafe"},
]
#: The key of a controller of radio links, which asks and reports by the API.
API_KEY = "Controller of the radio links"


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
    for router in ROUTERS:
        address = _quoted(router_address(instance, router))
        where = f"nas_ip <> {address} AND nas_ip LIKE '127.%'"
        _sql(instance, "isp_router", f"SET nas_ip = {address} WHERE nas_identifier = '{router['key']}' AND {where}")
        whose = f"router_id IN (SELECT id FROM isp_router WHERE nas_identifier = '{router['key']}')"
        _sql(instance, "isp_router_setup", f"SET nas_ip = {address} WHERE {whose} AND {where}")
    auth, acct = instance.ports["radius_auth"], instance.ports["radius_acct"]
    _sql(instance, "isp_router_setup", f"SET radius_port = {auth}, accounting_port = {acct} WHERE radius_address = '127.0.0.1'")
    if instance.postgres.psql("SELECT to_regclass('isp_site')", database=DATABASE).strip():
        value = f"VALUES ('isp_hotspot.radius_ports', '{auth},{acct}') ON CONFLICT (key) DO UPDATE SET value = EXCLUDED.value"
        instance.postgres.psql(f"INSERT INTO ir_config_parameter (key, value) {value}", database=DATABASE)
    _sql(instance, "isp_sms_gateway", f"SET url = {_quoted(instance.kannel.url)} WHERE driver = 'kannel' AND url LIKE 'http://127.0.0.1:%'")


def router_address(instance: Instance, router: dict) -> str:
    """A loopback address of its own, another in each run folder: two demos may run beside each other."""
    folder = zlib.crc32(str(instance.dir).encode())
    return f"127.{64 + folder % 128}.{folder // 128 % 250 + 1}.{router['number']}"


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
        "owners": OWNERS,
        "reseller": RESELLER,
        "folder": str(LOADER.parent),
        "router_secret": ROUTER_SECRET,
        "routers": [{**router, "address": router_address(instance, router)} for router in ROUTERS],
        "radius": {"auth": instance.ports["radius_auth"], "acct": instance.ports["radius_acct"]},
        "api_key": API_KEY,
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
    rows = [(u["role"], u["login"], u["password"], u.get("page", "")) for u in [*USERS, *OWNERS, RESELLER]]
    return "\n".join(f"  {role:18} {login:28} {password:14} {page}".rstrip() for role, login, password, page in rows)


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
RADIUS answers on     {radius}, secret {ROUTER_SECRET}{_routers(instance)}"""


def _routers(instance: Instance) -> str:
    if instance.routers.process is None:
        return ""
    away = next(router for router in ROUTERS if router.get("away"))
    return f"""
The routers           {instance.routers.url}
                      terminals of simulated MikroTik routers; {away['name']} is away until its set-up line is pasted there"""
