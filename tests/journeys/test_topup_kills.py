# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Data bought on top by a process that is killed (SIGKILL) at any statement, pressed twice, done by two at once.

After each of it, and a retry: one top-up, one row in the ledger, one charge, one payment, the data once, and the line told once.
"""

import uuid

import pytest
from instances import env_of
from killed import count, kill_at, together
from psycopg2 import IntegrityError

from simulators.routeros.world import World

GB = 10**9
PRICE = 5_000
#: Where it is killed, as a part of all its statements (which are a few more or less each time): the locks, the sale, the money, the ledger, the
#: invoice, the network.
SHARES = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
SLOW, FAST = "512k/1024k", "1024k/2048k"


@pytest.fixture(scope="module")
def tower():
    """A router that knows the customers itself and takes CoA."""
    with World(running=False) as world:
        router = world.add("tower", address="127.0.0.1", password="pw", has_rtc=True)
        router.console(
            "/radius add service=ppp address=127.0.0.1 secret=testing123; /radius incoming set accept=yes port=3798; /ppp aaa set use-radius=yes accounting=no;"
            "/ip pool add name=customers ranges=10.9.1.1-10.9.9.254; /ppp profile set default remote-address=customers;"
            f"/ppp profile add name=slow rate-limit={SLOW} remote-address=customers; /interface pppoe-server server add interface=ether2 disabled=no"
        )
        yield router


@pytest.fixture(scope="module")
def isp(make_instance, tower):
    instance = make_instance("topup_kills")
    with env_of(instance) as env:
        company = env.company
        company.write({"name": "Juba Net", "country_id": env.ref("base.ss").id})
        company.partner_id.tz = "Africa/Juba"
        env["account.chart.template"].try_loading("ss", company, install_demo=False)
        env.ref("isp_network.product_topup").taxes_id = False
        ladder = env["isp.fup"].create({"code": "TK", "name": "2 GB", "step_ids": [(0, 0, {"after_mb": 2000, "down_kbps": 1024, "up_kbps": 512})]})
        speed = {"down_kbps": 2048, "up_kbps": 1024, "list_price": 1, "taxes_id": [(5,)], "alert_percents": False}
        env["isp.plan"].create([{"code": "TK-LADDER", "name": "Ladder", "fup_id": ladder.id, **speed}, {"code": "TK-QUOTA", "name": "Quota", "quota_mb": 2000, **speed}])
        env["isp.topup.offer"].create({"name": "3 GB", "volume_mb": 3000, "price": PRICE})
        env["isp.router"].create(
            {"name": "Tower", "nas_ip": "127.0.0.1", "radius_secret": "testing123", "coa_port": 3798, "wire": "api", "api_port": tower.port("api"), "api_user": "admin",
             "api_password": "pw", "api_tls": False}
        )  # fmt: skip
    instance.customers = 0
    return instance


class Customer:
    """A line that has used 2.5 GB and is on line: slow by the ladder, or with its data used up."""

    def __init__(self, isp, tower, plan="TK-LADDER", pay="credit"):
        isp.customers += 1
        self.isp, self.tower, self.pay, self.user = isp, tower, pay, f"line{isp.customers}"
        self.sale, self.payment = str(uuid.uuid4()), str(uuid.uuid4())
        tower.console(f'/ppp secret add name={self.user} password=pw profile=slow service=pppoe')
        self.session = tower.desk.dial(self.user, "pw", mac=f"02:00:00:00:10:{isp.customers:02X}")
        with env_of(isp) as env:
            partner = env["res.partner"].create({"name": self.user})
            line = env["isp.subscription"].create({"partner_id": partner.id, "plan_id": env["isp.plan"].search([("code", "=", plan)]).id, "anchor_day": 1, "username": self.user})
            line._set_state("active", "activation")
            env.flush_all()
            env.cr.execute("UPDATE isp_access SET quota_from = '2020-01-01' WHERE subscription_id = %s", [line.id])
            packet = ["interim-update", self.session.id, self.user, "", "127.0.0.1", "", self.session.address, self.session.mac, "", "", "", "", "600", "0", "0", str(5 * GB // 2), "0", ""]
            env.cr.execute(f"SELECT radius.acct({', '.join(['%s'] * 18)})", packet)
            env.invalidate_all()
            env["isp.usage.meter"]._evaluate(line.access_ids)
            env["isp.router.task"].search([("access_id", "=", line.access_ids.id)]).unlink()
            self.line_id, self.partner_id = line.id, partner.id

    def buy(self, env):
        """Requests as they come from screens: forms are saved, then confirmed; the sale, then the money. Whoever is told that another was faster presses again."""
        self._confirm(env, self._sale_form, "action_confirm")
        if self.pay == "credit":
            self._confirm(env, self._money_form, "_take")

    def _confirm(self, env, make, method):
        form = make(env)
        env.cr.commit()
        self._again(env, getattr(form, method))

    @staticmethod
    def _again(env, work, tries=5):
        from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY

        for left in reversed(range(tries)):
            try:
                work()
                env.flush_all()
                env.cr.commit()
                return
            except (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, IntegrityError):
                if not left:
                    raise
                env.cr.rollback()
                env.invalidate_all()

    def _sale_form(self, env):
        offer = env["isp.topup.offer"].search([])
        return env["isp.topup.wizard"].create({"subscription_id": self.line_id, "offer_id": offer.id, "pay": self.pay, "uuid": self.sale})

    def _money_form(self, env):
        cash = env["account.journal"].search([("type", "=", "cash"), ("company_id", "=", env.company.id)], limit=1)
        return env["isp.cash.payment"].create({"uuid": self.payment, "partner_id": self.partner_id, "amount": PRICE, "journal_id": cash.id})

    def facts(self):
        """:return: {what: how often or how much}, all of it"""
        with env_of(self.isp) as env:
            line = env["isp.subscription"].browse(self.line_id)
            access, invoices = line.access_ids, env["account.move"].search([("partner_id", "=", self.partner_id), ("move_type", "=", "out_invoice")])
            env.cr.execute("SELECT verdict, rate, coalesce(reason, '') FROM radius.verdict(%s, NULL, false)", [self.user])
            answer = env.cr.fetchone()
            return {
                "topups": line.topup_ids.mapped("state"),
                "ledger": line.period_ids.filtered(lambda p: p.source.startswith("topup/")).mapped("amount"),
                "invoices": [(move.state, move.amount_total, move.payment_state in ("paid", "in_payment")) for move in invoices],
                "payments": env["account.payment"].search([("partner_id", "=", self.partner_id)]).mapped("amount"),
                "data": access.topup_bytes,
                "answer": answer,
                "tasks": env["isp.router.task"].search([("access_id", "=", access.id)], order="id").mapped("kind"),
                "events": env["isp.fup.event"].search([("access_id", "=", access.id)], order="id").mapped("rate"),
                "jobs": bool(env["queue.job"].search_count([("state", "in", ("pending", "enqueued")), ("method_name", "=", "_apply_tasks")])),
            }


def before(customer):
    slow = customer.pay == "credit"
    return {
        "topups": [], "ledger": [], "invoices": [], "payments": [], "data": 0, "tasks": [],
        "answer": ("accept", SLOW, "") if slow else ("wall", "128k/256k", "quota"), "events": [SLOW] if slow else [],
    }  # fmt: skip


def waiting(customer):
    """Sold, and not paid yet."""
    return {**before(customer), "topups": ["waiting"]}


def bought(customer):
    slow = customer.pay == "credit"
    return {
        "topups": ["done"], "ledger": [PRICE], "data": 3 * GB, "answer": ("accept", FAST, ""), "events": [SLOW, False] if slow else [],
        "invoices": [("posted", PRICE, True)] if slow else [], "payments": [PRICE] if slow else [], "tasks": ["rate"] if slow else ["disconnect"],
    }  # fmt: skip


def without_jobs(facts):
    return {name: value for name, value in facts.items() if name != "jobs"}


@pytest.fixture(scope="module")
def statements(isp, tower):
    """How many statements each way of buying sends when nobody disturbs it."""
    found = {}
    for plan, pay in (("TK-LADDER", "credit"), ("TK-QUOTA", "invoice")):
        for _warm in range(2):
            customer = Customer(isp, tower, plan, pay)
            assert without_jobs(customer.facts()) == before(customer)
            found[pay] = count(isp, customer.buy)
            assert customer.facts() == {**bought(customer), "jobs": True}
    return found


@pytest.mark.parametrize("share", SHARES)
@pytest.mark.parametrize(("plan", "pay"), [("TK-LADDER", "credit"), ("TK-QUOTA", "invoice")])
def test_killed_while_it_is_sold(isp, tower, statements, plan, pay, share):
    customer = Customer(isp, tower, plan, pay)
    assert kill_at(isp, customer.buy, max(int(statements[pay] * share), 1)), "it was over before the kill"
    found = without_jobs(customer.facts())
    assert found in ([before(customer), waiting(customer), bought(customer)] if pay == "credit" else [before(customer), bought(customer)]), "all of it or nothing"
    count(isp, customer.buy)
    assert without_jobs(customer.facts()) == bought(customer)
    count(isp, customer.buy)
    assert without_jobs(customer.facts()) == bought(customer), "once more is once"


def test_two_at_once(isp, tower):
    """The button pressed on two screens at the same moment."""
    for plan, pay in (("TK-LADDER", "credit"), ("TK-QUOTA", "invoice")):
        customer = Customer(isp, tower, plan, pay)
        together(isp, customer.buy, customer.buy, customer.buy)
        assert without_jobs(customer.facts()) == bought(customer)


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.85, 0.95])
def test_killed_while_the_router_is_told(isp, tower, share):
    """What CoA has done already is done again: the same speed in the same session."""

    def apply(env):
        env["isp.router"].search([])._apply_tasks()

    customer = Customer(isp, tower)
    with env_of(isp) as env:
        env["isp.router.task"].search([]).unlink()
    count(isp, customer.buy)
    if share == 0.1:
        isp.telling = count(isp, apply)
        customer = Customer(isp, tower)
        count(isp, customer.buy)
    assert kill_at(isp, apply, max(int(isp.telling * share), 1))
    count(isp, apply)
    with env_of(isp) as env:
        access = env["isp.access"].search([("name", "=", customer.user)])
        tasks = env["isp.router.task"].search([("access_id", "=", access.id)])
        assert (tasks.mapped("state"), tasks.rate) == (["done"], FAST)
        status = env["isp.fup.status"].search([("access_id", "=", access.id)])
        assert (status.wanted, status.applied, status.differs) == (FAST, FAST, False)
    assert customer.session.ended is None
    assert tower.desk.queue_of(customer.session.address)["max-limit"] == "1024000/2048000"
