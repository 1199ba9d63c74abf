# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The line of a customer, from the first log-in to the wall and back: real PostgreSQL, FreeRADIUS, Odoo, Caddy, a simulated router.

Three customers of one plan live through the same: a PPPoE customer and one of a hotspot, who reads Arabic, at a simulated RouterOS that was set up by the pasted line,
and one behind a router of another make, whose every packet is sent by hand, and twice. The tests of this file are one story and run in its order.

1 GB is 10⁹ bytes. 40 GB a month are included; after 20 GB the line is slow; 10 GB may be bought on top, which moves both.
"""

import http.client
import re
import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from freezegun import freeze_time
from instances import env_of
from lines import HotspotLine, NotIn, PacketLine, PppoeLine
from radius_client import Nas
from stack.shell import wait_for

from simulators.routeros.world import World

GB = 10**9
FAST, SLOW, WALL = "200000k/1000000k", "20000k/100000k", "128k/256k"
BITS = {FAST: (200_000_000, 1_000_000_000), SLOW: (20_000_000, 100_000_000), WALL: (128_000, 256_000)}
QUOTA, STEP, TOPUP = 40 * GB, 20 * GB, 10 * GB
PRICE, TOPUP_PRICE = 180_000, 5_000
TOWER, OTHER = "127.0.40.1", "127.0.40.9"
KEYS = {"achol": "7a1e0c1e-0001", "deng": "7a1e0c1e-0002", "nyandeng": "7a1e0c1e-0003"}


class House:
    """What the tests of the story share."""

    def __init__(self, instance, world, router):
        self.instance, self.world, self.router = instance, world, router
        self.lines = {}

    def env(self):
        return env_of(self.instance)

    def apply(self):
        """The jobs of the routers, as the job runner does them."""
        with self.env() as env:
            for router in env["isp.router"].search([]):
                router._apply_tasks()
        self.world.settled()

    def meter(self):
        with self.env() as env:
            env["isp.usage.meter"]._cron_meter()

    def end_overdue(self):
        with self.env() as env:
            env["isp.session"]._cron_end_overdue()

    def statuses(self):
        """:return: {user: (should be, is, differs)} of ``isp.fup.status``"""
        with self.env() as env:
            return {row.access_id.name: (row.wanted, row.applied, row.differs) for row in env["isp.fup.status"].search([])}

    def tasks(self, state="pending"):
        with self.env() as env:
            return sorted((task.access_id.name, task.kind) for task in env["isp.router.task"].search([("state", "=", state)]))

    def notices(self, *kinds):
        """:return: {user: [kind, or percent of usage]} in the order they were written"""
        told = {user: [] for user in self.lines}
        with self.env() as env:
            for notice in env["isp.notice"].search([("kind", "in", kinds)], order="id"):
                told[notice.partner_id.name].append((notice.params or {}).get("percent", notice.kind))
        return told

    def counters(self, user):
        """What the database has counted: by session, by hour, as it came, by quota."""
        with self.env() as env:
            env.cr.execute(
                "SELECT a.id, (SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_session s WHERE s.access_id = a.id),"
                " (SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_usage u WHERE u.access_id = a.id),"
                " (SELECT coalesce(sum(bytes_up + bytes_down), 0) FROM isp_usage_raw r WHERE r.access_id = a.id),"
                " (SELECT coalesce(max(bytes), 0) FROM isp_quota_counter c WHERE c.access_id = a.id)"
                "  FROM isp_access a WHERE a.name = %s", [user])  # fmt: skip
            return [int(number) for number in env.cr.fetchone()[1:]]

    @staticmethod
    def cut_day(due):
        """The first Tuesday a week after."""
        return due + timedelta(days=7 + (1 - due.weekday()) % 7)

    def line_of(self, env, user):
        return env["isp.subscription"].search([("username", "=", user)])

    def pay(self, user, amount, key):
        """The cashier takes money, and presses the button twice."""
        for _twice in range(2):
            with self.env() as env:
                cash = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", env.company.id)], limit=1)
                partner = self.line_of(env, user).partner_id
                env["isp.cash.payment"].create({"uuid": key, "partner_id": partner.id, "amount": amount, "journal_id": cash.id})._take()

    def browse(self, line, url="http://news.example/today"):
        """What the customer's browser shows for a plain page of somebody else: what the router does with it, and where that leads.

        :return: text of the page
        """
        parts = urlsplit(url)
        host, port = "127.0.0.1", self.instance.ports["wall"]
        if hasattr(line, "reach"):
            assert line.reach(port=443) == "drop"
            assert line.reach(port=80) == f"dst-nat {host}:{port}"
        status, location, _text = self._get(line, host, port, parts.path, {"Host": parts.netloc})
        assert status == 302
        page = urlsplit(location)
        status, _none, text = self._get(line, "127.0.0.1", page.port, page.path, {"Host": page.netloc})
        assert status == 200
        return re.sub(r"\s+", " ", re.sub(r"(?s)<style>.*?</style>|<[^>]+>", " ", text))

    @staticmethod
    def _get(line, host, port, path, headers):
        connection = http.client.HTTPConnection(host, port, timeout=60, source_address=(line.address, 0))
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("Location"), answer.read().decode()
        connection.close()
        return found


@pytest.fixture(scope="module")
def house(make_instance):
    instance = make_instance("line", workers=0)
    _furnish(instance)
    instance.radius.start()
    instance.odoo.start("--max-cron-threads=0", "--load=base,rpc,web", "--log-level=warn")  # jobs are done by the tests
    instance.proxy.start()
    with World(running=False) as world:
        router = world.add("tower", address=TOWER, version="7.16.2", password="admin", has_rtc=True)
        _set_up(instance, router)
        other = Nas(instance, secret="other-secret", source=OTHER)
        house = House(instance, world, router)
        packets = PacketLine(other, "nyandeng", "pw-nyandeng", "127.40.9.2", "AA-BB-CC-40-00-03")
        with house.env() as env:
            env["isp.router"].create({"name": "Other", "nas_ip": OTHER, "radius_secret": "other-secret", "coa_port": packets.coa.port})
        house.lines = {
            "achol": PppoeLine(world, router, "achol", "pw-achol", "AA:BB:CC:40:00:01"),
            "deng": HotspotLine(world, router, "deng", "pw-deng", "AA:BB:CC:40:00:02"),
            "nyandeng": packets,
        }
        yield house
        packets.close()


def _furnish(instance):
    """The company, its plan, and three customers who signed yesterday: their bundle counts by the month from that day on."""
    with env_of(instance) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id, "phone": "+211920000001"})
        company.partner_id.tz = "Africa/Juba"
        env["res.lang"]._activate_lang("ar_001")
        env["ir.module.module"].search([("name", "=", "isp_network")])._update_translations(["ar_001"], overwrite=True)
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        company.write({"isp_due_days": 10, "isp_grace_days": 5, "isp_auto_suspend": True})
        env["ir.config_parameter"].set_param("isp_network.setup_base_url", f"http://127.0.0.1:{instance.ports['odoo']}")
        env.ref("isp_network.product_topup").taxes_id = False
        ladder = env["isp.fup"].create(
            {"code": "L-20", "name": "20 GB", "window": "month", "step_ids": [(0, 0, {"after_mb": STEP // 10**6, "down_kbps": 100_000, "up_kbps": 20_000})]}
        )
        plan = env["isp.plan"].create(
            {"code": "L-HOME", "name": "Home 1G", "list_price": PRICE, "taxes_id": [(5,)], "down_kbps": 1_000_000, "up_kbps": 200_000,
             "quota_mb": QUOTA // 10**6, "fup_id": ladder.id, "alert_percents": "50,80,100"}
        )  # fmt: skip
        env["isp.topup.offer"].create({"name": "10 GB more", "volume_mb": TOPUP // 10**6, "price": TOPUP_PRICE})
        signed = _signed(env)
    with freeze_time(f"{signed} 08:00:00"), env_of(instance) as env:
        for user in KEYS:
            partner = env["res.partner"].create({"name": user, "phone": f"+21192111000{len(user)}", "lang": "ar_001" if user == "deng" else "en_US"})
            line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": plan.id, "anchor_day": signed.day, "username": user})
            line._set_state("active", "activation")
            line.access_ids._apply({"password": f"pw-{user}"})


def _signed(env):
    """The day before today, by the customers' clock."""
    return env.company._isp_today() - timedelta(days=1)


def _set_up(instance, router):
    """The router, by the pasted line."""
    with env_of(instance) as env:
        setup = env["isp.router.setup"].create(
            {
                "router_name": "tower",
                "nas_ip": TOWER,
                "pppoe_interfaces": "ether2",
                "pppoe_pool": "127.40.1.2-127.40.1.99",
                "pppoe_gateway": "127.40.1.1",
                "hotspot": True,
                "hotspot_interface": "ether4",
                "hotspot_address": "127.40.2.1/24",
                "uplink": "ether1",
                "radius_address": "127.0.0.1",
                "radius_port": instance.ports["radius_auth"],
                "accounting_port": instance.ports["radius_acct"],
                "server_addresses": "127.0.0.1",
                "wall_page": f"127.0.0.1:{instance.ports['wall']}",
            }
        )
        line = setup.action_make_line()["context"]["default_line"]
        setup_id = setup.id
    router.console(line)
    with env_of(instance) as env:
        setup = env["isp.router.setup"].browse(setup_id)
        setup._look_again()
        assert setup.health == "good", setup.steps
        assert setup.router_id.wire == "api"


# --- the story ---


def test_the_first_log_in(house):
    for user, line in house.lines.items():
        answer = line.log_in()
        assert (answer.rate, answer.address_list, answer.limit, answer.timeout) == (FAST, "", QUOTA, None), user
        with house.env() as env:
            access = env["isp.access"].search([("name", "=", user)])
            assert answer.class_ == f"isp:{access.id}".encode()
            assert access.online
            session = access.session_ids
            assert (len(session), session.session_id, session.framed_ip) == (1, line.session_id, line.address)
        assert line.rate == BITS[FAST] and not line.lists
    with pytest.raises(NotIn):
        PppoeLine(house.world, house.router, "achol", "wrong", "AA:BB:CC:40:00:09").log_in()


def test_slow_after_so_much(house):
    """The ladder's step, told by CoA to the session that runs."""
    sessions = {user: line.session_id for user, line in house.lines.items()}
    for line in house.lines.values():
        line.use(21 * GB)
    for _twice in range(2):
        house.meter()
    assert house.statuses() == dict.fromkeys(house.lines, (SLOW, FAST, True)), "wanted, and not yet applied"
    assert house.tasks() == [(user, "rate") for user in sorted(house.lines)]
    for _twice in range(2):
        house.apply()
    assert house.statuses() == dict.fromkeys(house.lines, (SLOW, SLOW, False))
    for user, line in house.lines.items():
        assert (line.on, line.session_id, line.rate) == (True, sessions[user], BITS[SLOW])
        line.use(GB)
        assert house.counters(user) == [sum(map(sum, line.bytes.values()))] * 4, user
    assert house.notices("usage", "used_up") == {user: [50] for user in house.lines}


def test_bought_on_top(house):
    """Sold over the counter; given when the money is there, once, whatever is pressed twice; fast again in the same session."""
    sessions = {user: line.session_id for user, line in house.lines.items()}
    for user, key in KEYS.items():
        with house.env() as env:
            line, offer = house.line_of(env, user), env["isp.topup.offer"].search([])
            form = env["isp.topup.wizard"].create({"subscription_id": line.id, "offer_id": offer.id, "uuid": key})
            assert (form.total, form.missing) == (TOPUP_PRICE, TOPUP_PRICE)
            for _twice in range(2):
                action = form.action_confirm()
            assert (action["res_model"], action["context"]["default_amount"]) == ("isp.cash.payment", TOPUP_PRICE)
            assert line.topup_ids.mapped("state") == ["waiting"]
        assert house.lines[user].rate == BITS[SLOW]
        house.pay(user, TOPUP_PRICE, f"{key}-topup")
        with house.env() as env:
            line, offer = house.line_of(env, user), env["isp.topup.offer"].search([])
            line._sell_topup(offer, "credit", key)
            assert line.topup_ids.mapped("state") == ["done"]
            assert line.period_ids.filtered(lambda p: p.source.startswith("topup/")).mapped("amount") == [TOPUP_PRICE]
            assert line.period_ids.move_id.mapped("payment_state") in (["paid"], ["in_payment"])
            assert line._credit() == 0
    assert house.tasks() == [(user, "rate") for user in sorted(house.lines)]
    house.apply()
    assert house.statuses() == dict.fromkeys(house.lines, (FAST, FAST, False))
    for user, line in house.lines.items():
        assert (line.on, line.session_id, line.rate) == (True, sessions[user], BITS[FAST])
    house.meter()
    assert not house.tasks()


def test_overdue_and_walled(house):
    """The bill of the month, that nobody paid: reminded, cut on a working day, walled at the next log-in; the wall says why."""
    with house.env() as env:
        run = env["isp.billing.run"].create({"date": _signed(env)})
        run._process(commit=True)
        assert not run.error_ids, run.error_ids.mapped("message")
        due = run.move_ids.mapped("invoice_date_due")[0]
        env.company.isp_cut_cap_min = 100
    for day in (due - timedelta(days=3), due + timedelta(days=1), house.cut_day(due)):
        with freeze_time(f"{day} 09:00:00"), house.env() as env:
            env["isp.dunning.run"].search([]).last_pass = f"{day} 08:30:00"
            env.company.isp_cut_hold = False
            for _twice in range(2):
                env["isp.dunning.run"]._run_company(env.company)
            env["isp.notice"]._send_queued()
    with house.env() as env:
        assert {house.line_of(env, user).state for user in house.lines} == {"suspended"}
    assert house.notices("suspended") == {user: ["suspended"] for user in house.lines}
    house.apply()
    for user, line in house.lines.items():
        wait_for(lambda line=line: not line.on, 10, f"The end of {user}'s session")
        assert line.ended == "Admin-Reset"
        answer = line.log_in()
        assert (answer.rate, answer.address_list, answer.limit, answer.timeout, answer.message) == (WALL, "isp-suspended", None, 900, "Suspended")
        assert (line.rate, line.lists) == (BITS[WALL], {"isp-suspended"})
        line.use(GB)
        assert sum(line.bytes[line.session_id]) == 0, "nothing gets through"
        english = user != "deng"
        words = ("because an invoice is overdue", f"Overdue since {due}", "it is back by itself") if english else ("لأن فاتورة تأخر سدادها", f"متأخر منذ {due}")
        page = house.browse(line)
        for some in (*words, f"{PRICE:,}"):
            assert some in page, page
        assert "More data" not in page and "المزيد" not in page


def test_paid_and_back(house):
    for user in house.lines:
        house.pay(user, PRICE, f"{KEYS[user]}-bill")
        with house.env() as env:
            line = house.line_of(env, user)
            assert (line.state, line._credit()) == ("active", 0)
    assert house.notices("restored") == {user: ["restored"] for user in house.lines}
    house.apply()
    for user, line in house.lines.items():
        wait_for(lambda line=line: not line.on, 10, f"The end of {user}'s walled session")
        used = house.counters(user)[3]
        answer = line.log_in()
        assert (answer.rate, answer.address_list, answer.timeout) == (FAST, "", None)
        assert answer.limit == QUOTA + TOPUP - used
        assert 22 * GB - 100 < used <= 22 * GB
        assert (line.rate, line.lists) == (BITS[FAST], set())


def test_used_up(house):
    """Slow again at the step that moved; then the end of the data: wall with a page that sells more, alerts once each."""
    for line in house.lines.values():
        line.use(19 * GB)
    house.meter()
    house.apply()
    for line in house.lines.values():
        assert (line.on, line.rate) == (True, BITS[SLOW])
        line.use(9 * GB + 100)
        assert line.ended == "NAS-Request"
    for _twice in range(2):
        house.meter()
    assert house.notices("usage", "used_up") == {user: [50, 80, "used_up"] for user in house.lines}
    house.end_overdue()
    assert not house.tasks(), "routers that know the limit have ended the sessions themselves"
    for line in house.lines.values():
        answer = line.log_in()
        assert (answer.rate, answer.address_list, answer.limit, answer.message) == (WALL, "isp-quota", None, "Data used up")
        house.end_overdue()
        assert not house.tasks(), "who dials again at once is left in the walled garden"
        page = house.browse(line)
        for words in ("لأن البيانات نفدت" if line.user == "deng" else "because the data is used up", "10 GB more", f"{TOPUP_PRICE:,}"):
            assert words in page, page
        assert page.count("50.00 GB") == 2, page


def test_bought_at_the_wall(house):
    for user, line in house.lines.items():
        with house.env() as env:
            house.line_of(env, user)._sell_topup(env["isp.topup.offer"].search([]), "invoice", f"{KEYS[user]}-wall")
        house.apply()
        wait_for(lambda line=line: not line.on, 10, "The end of the walled session")
        answer = line.log_in()
        assert (answer.rate, answer.address_list) == (SLOW, ""), "50 GB are used, the step begins at 40"
        assert TOPUP - 100 < answer.limit <= TOPUP
        line.use(GB)
        line.hang_up()


def test_time_that_was_paid(house):
    """A prepaid line: its sessions end by themselves on the second, wherever the server is by then; the wall names the price."""
    with house.env() as env:
        plan = env["isp.plan"].create(
            {"code": "L-PRE", "name": "Prepaid", "list_price": 7000, "taxes_id": [(5,)], "billing_mode": "prepaid", "period_count": 1, "down_kbps": 2048, "up_kbps": 1024}
        )
        line = env["isp.subscription"].create({"partner_id": env["res.partner"].create({"name": "lado"}).id, "plan_id": plan.id, "anchor_day": 1, "username": "lado"})
        line._set_state("active", "activation")
        line.access_ids._apply({"password": "pw-lado"})
    device = PppoeLine(house.world, house.router, "lado", "pw-lado", "AA:BB:CC:40:00:04")
    for key in ("first", "second"):
        assert (device.log_in().address_list, device.lists) == ("isp-expired", {"isp-expired"})
        page = house.browse(device)
        assert "because the time that was paid is over" in page and "7,000" in page, page
        house.pay("lado", 7000, f"lado-{key}")
        house.apply()
        assert device.ended == "Admin-Reset"
        with house.env() as env:
            line = house.line_of(env, "lado")
            paid = line.valid_until
            left = (paid - env.cr.now()).total_seconds()
            assert left > 27 * 86400 and len(line.period_ids) == (1 if key == "first" else 2)
        answer = device.log_in()
        assert (answer.rate, answer.timeout) == ("1024k/2048k", 86400), "asked again after a day at most"
        device.hang_up()
        with house.env() as env:
            house.line_of(env, "lado").valid_until = env.cr.now() + timedelta(seconds=3)
        answer = device.log_in()
        assert 0 < answer.timeout <= 3
        house.world.step(answer.timeout)
        assert device.ended == "Session-Timeout"
        time.sleep(answer.timeout)


def test_every_packet_counted_once(house):
    with house.env() as env:
        env["isp.usage"]._roll_up()
    for user, line in house.lines.items():
        seen = sum(map(sum, line.bytes.values()))
        assert house.counters(user) == [seen] * 4, user
        with house.env() as env:
            access = env["isp.access"].search([("name", "=", user)])
            assert sorted((s.session_id, (s.bytes_up, s.bytes_down)) for s in access.session_ids) == sorted(line.bytes.items())
            assert all(access.session_ids.mapped("stopped"))
    assert not house.tasks() and not house.tasks("failed")
    with house.env() as env:
        assert not env["isp.acct.quarantine"].search([])
