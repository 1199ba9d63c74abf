# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The network of "Juba Net" before ``script/server`` starts it: routers, what lines used in the last year, outages, fair use, changes that wait.

Called by ``load.py`` inside Odoo's shell. What packets would have told is written by the functions that take packets
(``radius.acct``) or, for the long past, as the sums that they leave. Every step looks first whether it was done.
"""

from datetime import UTC, timedelta

from odoo import fields
from odoo.tools import SQL

#: Where the payams are, about.
PLACES = {
    "Juba Town": (4.852, 31.603), "Kator": (4.834, 31.601), "Rejaf": (4.795, 31.580), "Munuki": (4.871, 31.562), "Wau North": (7.715, 27.998),
    "Rumbek Town": (6.807, 29.679), "Yambio Town": (4.571, 28.396), "Bentiu Town": (9.260, 29.800), "Malakal Centre": (9.533, 31.661),
    "Nyong": (4.413, 32.567), "Yei Town": (4.095, 30.677), "Bor Town": (6.207, 31.559),
}  # fmt: skip
#: Parts of a day's traffic by the hour, midnight in Juba first.
HOURS = (3, 2, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 5, 5, 5, 6, 7, 8, 10, 11, 10, 8, 5)
#: Days for which there are hours, days for which there are days, months.
DAYS_OF_HOURS, DAYS, MONTHS = 31, 62, 13
MB = 1_000_000


def load(env, demo, staff, say):
    routers = load_routers(env, demo, say)
    place_customers(env, demo, routers)
    env.cr.commit()
    away = next(router for router in demo["routers"] if router.get("away"))
    load_usage(env, [routers[key] for key in ("juba-core", "munuki", away["key"])], say)
    env.cr.commit()
    past_outages(env, routers, say)
    env.cr.commit()
    fall_silent(env, routers[away["key"]], say)
    env.cr.commit()
    backlog(env, routers[away["key"]], staff, say)
    fair_use(env, say)
    load_api_key(env, demo, staff)


# === Routers ===


def load_routers(env, demo, say):
    """The routers, and for each a set-up that waits for its line. :return: {key: router}"""
    model, setups = env["isp.router"], env["isp.router.setup"]
    found = {}
    for router in demo["routers"]:
        record = model.search([("nas_identifier", "=", router["key"])], limit=1)
        if not record:
            say(f"Router {router['name']}")
            record = model.create({"name": router["name"], "nas_ip": router["address"], "nas_identifier": router["key"], "radius_secret": f"{router['key']}-juba-net"})
        elif record.nas_ip != router["address"]:
            record.nas_ip = router["address"]
        found[router["key"]] = record
        if not record.setup_ids:
            number = router["number"]
            setups.create(
                {
                    "router_id": record.id,
                    "router_name": record.name,
                    "nas_ip": record.nas_ip,
                    "pppoe": bool(router["payams"]),
                    "pppoe_interfaces": "ether2",
                    "pppoe_pool": f"100.64.{number}.2-100.64.{number}.254",
                    "pppoe_gateway": f"100.64.{number}.1",
                    "hotspot": bool(router.get("hotspot")),
                    "hotspot_interface": "ether4",
                    "hotspot_address": f"10.5.{number}.1/24",
                    "uplink": "ether1",
                    "radius_address": "127.0.0.1",
                    "radius_port": demo["radius"]["auth"],
                    "accounting_port": demo["radius"]["acct"],
                    "server_addresses": "127.0.0.1",
                    "wall_page": "127.0.0.1:80",
                    "allowed_hosts": "jubanet.example, pay.example",
                }
            )
    if not model.search_count([("nas_ip", "=", "127.0.0.1")]):
        model.create({"name": "Test bench", "nas_ip": "127.0.0.1", "nas_identifier": "radclient", "radius_secret": demo["router_secret"], "note": "This machine itself: for tests with radclient."})
    return found


def place_customers(env, demo, routers):
    """Which router a line hangs on, and where the customer lives; then, some routers keep copies of these lines."""
    quiet = {"tracking_disable": True, "mail_notrack": True}
    lines = env["isp.subscription"].with_context(**quiet).search([("router_id", "=", False)])
    hotspot = next(router["key"] for router in demo["routers"] if router.get("hotspot"))
    by_payam = {payam: router["key"] for router in demo["routers"] for payam in router["payams"]}
    for key, group in lines.grouped(lambda line: hotspot if line.service_type == "hotspot" else by_payam.get(line.partner_id.isp_payam, hotspot)).items():
        group.router_id = routers[key]
    for line in lines:
        middle = PLACES.get(line.partner_id.isp_payam)
        if middle and not line.partner_id.partner_latitude:
            # Around the middle, each somewhere else.
            off = [((line.id * prime) % 100 - 50) / 5000 for prime in (37, 61)]
            line.partner_id.write({"partner_latitude": middle[0] + off[0], "partner_longitude": middle[1] + off[1]})
    for router in demo["routers"]:
        record = routers[router["key"]]
        if router.get("keeps") and record.keeps == "nothing":
            own = {"keeps": router["keeps"], "ppp_local_address": f"100.64.{router['number']}.1", "ppp_pool": "isp-setup-pppoe"}
            # Where its API is, the set-up will say.
            record.write({"wire": "api", "api_user": "isp", "api_password": "not set up yet", **own})


# === Usage ===


def load_usage(env, routers, say):
    """A year of it: hours of the last days, days of two months, months. As ``isp.usage`` would have left them; today's current hour is left to packets.

    :param routers: some lines of each are busier than their ladder allows
    """
    cr = env.cr
    cr.execute("SELECT 1 FROM isp_usage_month LIMIT 1")
    if cr.fetchone():
        return
    say("What lines used in the last year")
    # Lines that were there before they came to us have their data counted from then on.
    cr.execute("UPDATE isp_access a SET quota_from = s.start_date FROM isp_subscription s WHERE s.id = a.subscription_id AND s.start_date IS NOT NULL AND s.billing_mode = 'postpaid'")
    env.invalidate_all()
    cr.execute("SELECT setseed(0.2026)")
    cr.execute(
        SQL(
            """
            CREATE TEMPORARY TABLE habit ON COMMIT DROP AS
            SELECT a.id, greatest(s.start_date, %(first)s::date) AS start,
                   -- Bytes a day: most take a small part of what their ladder leaves free, a few somewhat more than that.
                   (coalesce((SELECT min(t.after_mb) FROM isp_fup_step t WHERE t.fup_id = p.fup_id), p.down_kbps * 8) * %(mb)s::numeric
                    * CASE WHEN a.id = ANY(%(busy)s) THEN (1.6 + random() * 0.8)
                           / greatest(extract(epoch FROM now() AT TIME ZONE 'UTC' - radius.quota_start(NULL, s.anchor_day, (now() AT TIME ZONE 'UTC')::timestamp)) / 86400, 4)
                           ELSE (0.04 + 0.5 * power(random(), 2.5)) / 30 END)::bigint AS daily
              FROM isp_access a JOIN isp_subscription s ON s.id = a.subscription_id JOIN isp_plan p ON p.id = a.plan_id
             WHERE s.state <> 'terminated' AND NOT (a.quota_bytes > 0)
            """,
            first=fields.Date.today() - timedelta(days=400),
            mb=MB,
            busy=[access for router in routers for access in busy_lines(env, router).access_ids.ids],
        )
    )
    now = fields.Datetime.now().replace(minute=0, second=0, microsecond=0)
    today = (now + timedelta(hours=2)).date()
    weights = SQL("(ARRAY[%s])[extract(hour FROM h.at)::integer + 1] / %s", SQL(", ").join(SQL("%s", float(part)) for part in HOURS), float(sum(HOURS)))
    cr.execute(
        SQL(
            """
            INSERT INTO isp_usage (access_id, hour, bytes_up, bytes_down, seconds, dirty)
            SELECT h.id, h.at - interval '2 hours', (h.bytes * (0.06 + random() * 0.1))::bigint, h.bytes, (600 + random() * 3000)::integer, false
              FROM (SELECT x.id, g.at, (x.daily * %(weight)s * random() * 2)::bigint AS bytes
                      FROM habit x CROSS JOIN LATERAL (SELECT generate_series(greatest(x.start::timestamp, %(first)s), %(last)s, interval '1 hour') AS at) g
                      CROSS JOIN LATERAL (SELECT g.at) h (at)
                     WHERE random() < 0.75) h
             WHERE h.bytes > 100000
            ON CONFLICT (access_id, hour) DO NOTHING
            """,
            weight=weights,
            first=fields.Datetime.to_datetime(today - timedelta(days=DAYS_OF_HOURS)),
            last=now + timedelta(hours=1),
        )
    )
    cr.execute(
        """
        INSERT INTO isp_usage_day (access_id, day, bytes_up, bytes_down, seconds)
        SELECT access_id, (hour + interval '2 hours')::date, sum(bytes_up), sum(bytes_down), sum(seconds) FROM isp_usage GROUP BY 1, 2
        ON CONFLICT (access_id, day) DO NOTHING
        """
    )
    cr.execute(
        SQL(
            """
            INSERT INTO isp_usage_day (access_id, day, bytes_up, bytes_down, seconds)
            SELECT d.id, d.day, (d.bytes * (0.06 + random() * 0.1))::bigint, d.bytes, (7200 + random() * 50000)::integer
              FROM (SELECT x.id, g.day::date AS day, (x.daily * (0.3 + random() * 1.4))::bigint AS bytes
                      FROM habit x CROSS JOIN LATERAL generate_series(greatest(x.start, %(first)s), %(last)s, interval '1 day') g (day)
                     WHERE random() < 0.9) d
            ON CONFLICT (access_id, day) DO NOTHING
            """,
            first=min(today - timedelta(days=DAYS), (today.replace(day=1) - timedelta(days=1)).replace(day=1)),
            last=today - timedelta(days=DAYS_OF_HOURS + 1),
        )
    )
    cr.execute(
        SQL(
            """
            INSERT INTO isp_usage_month (access_id, month, bytes_up, bytes_down, seconds)
            SELECT access_id, date_trunc('month', day)::date, sum(bytes_up), sum(bytes_down), sum(seconds) FROM isp_usage_day
             WHERE day >= %(two)s GROUP BY 1, 2
            UNION ALL
            SELECT m.id, m.month, (m.bytes * 0.11)::bigint, m.bytes, (300000 + random() * 1000000)::integer
              FROM (SELECT x.id, g.month::date AS month, (x.daily * 30 * (0.5 + random()))::bigint AS bytes
                      FROM habit x CROSS JOIN LATERAL generate_series(date_trunc('month', greatest(x.start, %(first)s)), %(two)s::date - 1, interval '1 month') g (month)) m
            ON CONFLICT (access_id, month) DO NOTHING
            """,
            two=(today.replace(day=1) - timedelta(days=1)).replace(day=1),
            first=(today - timedelta(days=31 * MONTHS)).replace(day=1),
        )
    )
    env.invalidate_all()


def busy_lines(env, router):
    """Two lines of a router that use more than their fair share."""
    lines = env["isp.subscription"].search([("router_id", "=", router.id), ("state", "=", "active"), ("service_type", "=", "pppoe"), ("plan_id.fup_id", "!=", False)], order="id", limit=9)
    return lines[7:9]


# === Packets and outages ===


def packet(env, kind, line, router, number, at, seconds, down=0):
    """An accounting packet of a line that came at ``at``."""
    access = line.access_ids[:1]
    moment = str(int(at.timestamp()))
    mac = access.mac or f"02:1B:00:00:{access.id >> 8 & 255:02X}:{access.id & 255:02X}"
    ip = f"100.64.{router.id % 250}.{number % 250 + 2}"
    env.cr.execute(
        "SELECT radius.acct(%s, %s, %s, %s, %s, 'ether2', %s, %s, 'isp', %s, '0', %s, %s, %s, '0', %s, '0', '')",
        (kind, f"d{access.id:06x}{int(moment) - seconds:08x}", access.name, f"isp:{access.id}", router.nas_ip, ip, mac, moment, moment, str(seconds), str(down // 9), str(down)),
    )


def on_line(env, router, count, started, heard):
    """Some lines of a router were on line from ``started`` on and heard last at ``heard``, both UTC."""
    lines = env["isp.subscription"].search([("router_id", "=", router.id), ("state", "=", "active"), ("service_type", "=", "pppoe")], order="id", limit=count)
    for number, line in enumerate(lines):
        packet(env, "start", line, router, number, started.replace(tzinfo=UTC), 0)
        seconds = int((heard - started).total_seconds()) - number % 60
        packet(env, "interim-update", line, router, number, (heard - timedelta(seconds=number % 60)).replace(tzinfo=UTC), seconds, (number % 7 + 1) * 60 * MB)
    env.invalidate_all()
    return lines


def past_outages(env, routers, say):
    """A tower without power some days ago, told and to be credited; and our own evening without power, of which nobody is to blame but us."""
    outages = env["isp.outage"]
    if outages.search_count([]):
        return
    say("Outages")
    env.company.write({"isp_outage_hours": 2, "isp_outage_share": 100})
    now = fields.Datetime.now().replace(microsecond=0)
    began = now - timedelta(days=6, hours=5)
    on_line(env, routers["munuki"], 40, began - timedelta(hours=7), began)
    outage = outages._open(routers["munuki"], began)
    outage.note = "The batteries of the tower were empty; a generator was brought."
    outage._close(began + timedelta(hours=4, minutes=25))
    ours = outages._open(env["isp.router"], now - timedelta(days=19, hours=2))
    ours._close(now - timedelta(days=19, hours=2) + timedelta(minutes=50))
    ours.note = "No power in the office, the generator did not start."
    env["isp.session"]._cron_close_stale()


def fall_silent(env, router, say):
    """The router that is away: its customers were on line until a short while ago."""
    outages = env["isp.outage"]
    if outages.search_count([("router_id", "=", router.id)]):
        return
    say(f"{router.name} falls silent")
    silent = fields.Datetime.now().replace(microsecond=0) - timedelta(minutes=26)
    on_line(env, router, 24, silent - timedelta(hours=9), silent)
    env["isp.outage.pulse"].sudo()._answered({router.id}, silent)
    outages._open(router, silent)


# === What follows from it ===


def fair_use(env, say):
    """As the job does every five minutes."""
    if env["isp.fup.event"].search_count([]):
        return
    env["isp.usage.meter"]._cron_meter()
    say(f"Fair use: {env['isp.access'].search_count([('fup_step_id', '!=', False)])} lines are slowed down")


def backlog(env, router, staff, say):
    """What staff changed since, and the router that is away does not know."""
    tasks = env["isp.router.task"]
    if tasks.search_count([("router_id", "=", router.id)]):
        return
    lines = env["isp.subscription"].search([("router_id", "=", router.id), ("state", "=", "active"), ("service_type", "=", "pppoe")], order="id", limit=6)
    for line in lines[:3]:
        line.with_user(staff("Customer service"))._set_state("suspended", "customer", note="Asked for it: away until the rains are over")
    for line in lines[3:]:
        line.static_ip = f"100.64.4.{200 + line.id % 50}"
    say(f"{tasks.search_count([('state', '=', 'pending')])} changes wait for {router.name}")


def load_api_key(env, demo, staff):
    keys = env["isp.api.key"]
    if not keys.search_count([("name", "=", demo["api_key"])]):
        keys.create({"name": demo["api_key"], "user_id": staff("Administrator").id, "sessions": True, "usage": True, "note": "Office, second rack; James looks after it."})
