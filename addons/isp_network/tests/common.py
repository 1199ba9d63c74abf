# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import time
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user
from odoo.tools import SQL

from odoo.addons.isp_base.tests.common import IspCommon
from odoo.addons.queue_job.tests.common import trap_jobs

#: The parameters of radius.acct, in order, by the names the tests use.
ACCT = (
    "kind session login class_ nas port ip mac called event delay received seconds up up_giga down down_giga cause".split()
)


class NetworkCommon(IspCommon):
    """An active customer ``achol`` with password ``pw``, and the functions as FreeRADIUS calls them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.subscription = cls._create_subscription("active", username="achol", mac="AA:BB:CC:DD:EE:01")
        cls.access = cls.subscription.access_ids
        cls.access._apply({"password": "pw"})
        cls.router = cls.env["isp.router"].create({"name": "Tower", "nas_ip": "127.0.0.1", "radius_secret": "testing123"})
        cls.start = int(time.time()) // 3600 * 3600 - 7200

    def _ask(self, function, login, mac=None, nas="127.0.0.1"):
        """:return: {attribute: value} of radius.authz or radius.authr"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL("SELECT id, username, attribute, value, op FROM %s(%s, %s, %s)", SQL(f"radius.{function}"), login, nas, mac)
        )
        self.assertTrue(all(row[4] == ":=" for row in rows))
        return {row[2]: row[3] for row in rows}

    def _authz(self, login="achol", mac=None):
        return self._ask("authz", login, mac)

    def _authr(self, login="achol", mac=None):
        return self._ask("authr", login, mac)

    def _acct(self, kind, session="s1", login="achol", nas="127.0.0.1", **more):
        """One packet; values are sent as text, as FreeRADIUS does."""
        self.env.flush_all()
        values = {"kind": kind, "session": session, "login": login, "nas": nas, **more}
        texts = [str(values.get(name, "")) for name in ACCT]
        ((answer,),) = self.env.execute_query(SQL("SELECT radius.acct(%s)", SQL(", ").join(SQL("%s", t) for t in texts)))
        self.env.invalidate_all()
        return answer

    def _sessions(self, session="s1"):
        return self.env["isp.session"].search([("session_id", "=", session)], order="generation")

    def _used(self, access=None):
        """:return: (upload, download, seconds) booked for the access in the hourly counters"""
        rows = self.env["isp.usage"].search([("access_id", "=", (access or self.access).id)])
        return tuple(sum(rows.mapped(name)) for name in ("bytes_up", "bytes_down", "seconds"))


class RowsCommon(NetworkCommon):
    """``made[model]``: as many rows as ``rows`` of every model, each with a customer, a line and a router of its own."""

    rows = 1

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        now = fields.Datetime.now()
        ladder = cls.env["isp.fup"].create({"code": "T-L", "name": "Ladder", "step_ids": [(0, 0, {"sequence": 1, "after_mb": 1, "down_kbps": 64, "up_kbps": 64})]})
        offer = cls.env["isp.topup.offer"].create({"name": "5 GB", "volume_mb": 5000, "price": 10})
        lines, cls.made = [], {}
        with trap_jobs():
            for n in range(cls.rows):
                partner = cls.env["res.partner"].create({"name": f"Customer {n}"})
                router = cls.env["isp.router"].create({"name": f"Router {n}", "nas_ip": f"127.7.0.{n + 1}", "radius_secret": "testing123"})
                plan = cls._create_plan(f"T-L{n}", fup_id=ladder.id)
                lines.append(cls._create_subscription("active", username=f"list{n}", partner_id=partner.id, plan_id=plan.id, router_id=router.id))
        accesses = [line.access_ids for line in lines]
        sessions = cls._make(
            "isp.session",
            lambda n: {
                "session_key": f"k{n}", "generation": 0, "access_id": accesses[n].id, "router_id": lines[n].router_id.id, "nas_ip": lines[n].router_id.nas_ip,
                "user_name": f"list{n}", "session_id": f"s{n}", "framed_ip": f"10.0.0.{n}", "started": now, "updated": now, "last_event": now,
            },
        )  # fmt: skip
        cls.made["isp.router"] = cls.env["isp.router"].union(*(line.router_id for line in lines))
        cls.made["isp.access"] = cls.env["isp.access"].union(*accesses)
        cls.made["isp.fup.status"] = cls.env["isp.fup.status"].browse(sessions.ids)
        own = {
            "isp.router.task": lambda n: {"router_id": lines[n].router_id.id, "session_id": sessions[n].id, "access_id": accesses[n].id},
            "isp.router.change": lambda n: {"router_id": lines[n].router_id.id, "kind": "add", "menu": "ppp/secret", "name": f"list{n}"},
            "isp.router.config": lambda n: {"router_id": lines[n].router_id.id, "content": "x\n", "digest": f"{n}"},
            "isp.router.setup": lambda n: {"router_id": lines[n].router_id.id, "router_name": f"Router {n}", "nas_ip": lines[n].router_id.nas_ip},
            "isp.usage": lambda n: {"access_id": accesses[n].id, "hour": now, "bytes_down": 5},
            "isp.usage.day": lambda n: {"access_id": accesses[n].id, "day": now, "bytes_down": 5},
            "isp.usage.month": lambda n: {"access_id": accesses[n].id, "month": now, "bytes_down": 5},
            "isp.usage.alert": lambda n: {"access_id": accesses[n].id, "since": now, "percent": 80, "at": now},
            "isp.usage.rating": lambda n: {
                "subscription_id": lines[n].id, "company_id": lines[n].company_id.id, "access_id": accesses[n].id, "plan_id": lines[n].plan_id.id,
                "date_start": now, "date_end": now, "amount": 3,
            },
            "isp.usage.terms": lambda n: {"subscription_id": lines[n].id, "plan_id": lines[n].plan_id.id, "cycle_end": now},
            "isp.fup.event": lambda n: {"access_id": accesses[n].id, "at": now, "step_id": ladder.step_ids.id},
            "isp.topup": lambda n: {"uuid": f"t{n}", "subscription_id": lines[n].id, "offer_id": offer.id, "bytes": 5, "price": 10, "pay": "credit"},
            "isp.topup.offer": lambda n: {"name": f"Offer {n}", "volume_mb": 5, "price": 3, "plan_ids": [(6, 0, lines[n].plan_id.ids)]},
            "isp.outage": lambda n: {"router_id": lines[n].router_id.id, "company_id": lines[n].company_id.id, "started": now - timedelta(hours=3), "ended": now, "creditable": True},
            "isp.login.attempt": lambda n: {
                "user_name": f"list{n}", "access_id": accesses[n].id, "mac": "", "reason": "password", "hour": now, "times": 1, "first": now, "last": now,
            },
            "isp.api.key": lambda n: {"name": f"Key {n}", "user_id": new_test_user(cls.env, f"key{n}", groups="base.group_user").id},
            "isp.acct.quarantine": lambda n: {"received": now, "reason": "x", "payload": "{}"},
            "isp.address.log": lambda n: {"session": sessions[n].id, "framed_ip": f"10.0.0.{n}", "started": now},
            "isp.address.order": lambda n: {"number": f"O{n}", "authority": "Court", "ordered_on": now, "address": f"10.0.0.{n}", "moment_from": now, "moment_to": now},
            "isp.radius.server": lambda n: {"name": f"Server {n}", "host": "127.0.0.1"},
        }  # fmt: skip
        for model, values in own.items():
            cls._make(model, values)
        devices = cls._make("isp.api.device", lambda n: {"name": f"Device {n}", "company_id": cls.env.company.id})
        cls._make("isp.api.push", lambda n: {"device_id": devices[n].id, "sequence": f"{n}", "digest": "d", "state": "counted", "received": now, "router_id": lines[n].router_id.id})
        cls._make("isp.api.log", lambda n: {"key_id": cls.made["isp.api.key"][n].id, "operation": "status", "status": 200})
        cls._make("isp.outage.line", lambda n: {"outage_id": cls.made["isp.outage"][0].id, "subscription_id": lines[n].id, "partner_id": lines[n].partner_id.id})
        cls._make("isp.plan.rate", lambda n: {"plan_id": lines[n].plan_id.id})
        cls._make("isp.fup.hours", lambda n: {"fup_id": ladder.id})
        cls._make("isp.quota.counter", lambda n: {"access_id": accesses[n].id, "since": now})
        cls._make("isp.access.use", lambda n: {"access_id": accesses[n].id, "first_at": now})
        cls._make("isp.login.guess", lambda n: {"nas_ip": lines[n].router_id.nas_ip, "mac": "", "since": now, "wrong": 1})
        cls._make("isp.outage.pulse", lambda n: {"router_id": lines[n].router_id.id, "answered": now})
        cls._make("isp.live.viewer", lambda n: {"token": f"{n}", "router_id": lines[n].router_id.id, "until": now})
        cls._make("isp.router.setup.log", lambda n: {"setup_id": cls.made["isp.router.setup"][n].id, "what": "script"})
        cls.made["isp.subscription"] = cls.env["isp.subscription"].union(*lines)
        cls.made["isp.plan"] = cls.made["isp.subscription"].plan_id

    @classmethod
    def _make(cls, model, values):
        cls.made[model] = cls.env[model].create([values(n) for n in range(cls.rows)])
        return cls.made[model]
