# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.tests import new_test_user, tagged

from odoo.addons.queue_job.tests.common import trap_jobs

from .common import NetworkCommon

MANY, FEW = 60, 10
ROLES = ("isp_base.group_isp_administrator", "isp_base.group_isp_billing_manager", "isp_network.group_isp_lawful")


@tagged("post_install", "-at_install")
class TestLists(NetworkCommon):
    """Every list costs the same number of queries whether it shows ten rows or sixty, each with a customer, a line and a router of its own."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(cls.env, "reader", groups=",".join(ROLES))
        now = fields.Datetime.now()
        ladder = cls.env["isp.fup"].create({"code": "T-L", "name": "Ladder", "step_ids": [(0, 0, {"sequence": 1, "after_mb": 1, "down_kbps": 64, "up_kbps": 64})]})
        offer = cls.env["isp.topup.offer"].create({"name": "5 GB", "volume_mb": 5000, "price": 10})
        lines, cls.made = [], {}
        with trap_jobs():
            for n in range(MANY):
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
        cls.made["isp.subscription"] = cls.env["isp.subscription"].union(*lines)
        cls.made["isp.plan"] = cls.made["isp.subscription"].plan_id

    @classmethod
    def _make(cls, model, values):
        cls.made[model] = cls.env[model].create([values(n) for n in range(MANY)])
        return cls.made[model]

    def _lists(self):
        """:return: [(model, its list view)] of this add-on, and those to which it adds columns"""
        known = self.env["ir.model.data"].search([("module", "=", "isp_network"), ("model", "=", "ir.ui.view")])
        views = self.env["ir.ui.view"].browse(known.mapped("res_id"))
        own = [(view.model, view) for view in views if view.type == "list" and view.mode == "primary"]
        return [*own, *((model, self.env.ref(f"isp_base.view_{model.replace('.', '_')}_list")) for model in ("isp.subscription", "isp.plan"))]

    def _spec(self, model, arch):
        """What the web client asks for a list: the names of linked rows, their own fields where they are shown as tags."""
        spec = {}
        for node in arch.iterfind(".//field"):
            kind = self.env[model]._fields[node.get("name")].type
            spec[node.get("name")] = {"fields": {"display_name": {}}} if kind in ("many2one", "many2many") else {}
        return spec

    def _cost(self, model, spec, rows):
        """:return: queries that a list of these rows takes"""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        found = self.env[model].with_user(self.user).web_search_read([("id", "in", rows.ids)], spec, limit=len(rows))
        self.assertEqual(len(found["records"]), len(rows), model)
        return self.cr.sql_log_count - before

    def _assert_flat(self, model, spec):
        rows = self.made[model]
        self._cost(model, spec, rows[:FEW])  # what is read once a process
        self.assertEqual(self._cost(model, spec, rows), self._cost(model, spec, rows[:FEW]), f"{model}: each row adds queries")

    def test_rows_do_not_add_queries(self):
        lists = self._lists()
        self.assertGreater(len(lists), 20)
        for model, view in lists:
            with self.subTest(view=view.name):
                self.assertIn(model, self.made, "a new list is to be measured too")
                arch = etree.fromstring(self.env[model].with_user(self.user).get_view(view.id, "list")["arch"])
                self._assert_flat(model, self._spec(model, arch))

    def test_lines_of_an_outage(self):
        arch = etree.fromstring(self.env["isp.outage"].get_view(self.env.ref("isp_network.view_isp_outage_form").id, "form")["arch"])
        self._assert_flat("isp.outage.line", self._spec("isp.outage.line", arch.find(".//field[@name='line_ids']/list")))
