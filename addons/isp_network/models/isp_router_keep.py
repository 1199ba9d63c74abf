# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ..drivers import routeros
from ..engine import desired
from ..engine.desired import MENUS, Item
from ..fields import Sentence

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: Lines of a plan that are shown to a person; the rest is counted.
SHOWN = 1000
_SERVICES = {"nothing": (), "fixed": ("pppoe", "static"), "all": ("pppoe", "hotspot", "static")}


class IspRouter(models.Model):
    """What is kept on a router itself: log-ins of routers without RADIUS, copies for the day on which the server is dead.

    The database says what should be there, ``engine.desired`` finds the difference, and only that is written. Nothing is remembered of
    what was sent: after a crash, a power cut or a restored back-up the router is read again.
    """

    _inherit = "isp.router"

    keeps = fields.Selection(
        [
            ("nothing", "Nothing: RADIUS answers"),
            ("fixed", "Copies of fixed customers, beside RADIUS"),
            ("all", "All its customers: it asks no RADIUS"),
        ],
        string="Kept on the router",
        required=True,
        default="nothing",
        help="Customers of this router (on their subscriptions) can log in by what it has itself, also while our server is dead.",
    )
    subscription_ids = fields.One2many("isp.subscription", "router_id", readonly=True)
    ppp_local_address = fields.Char(string="Its PPP address", help="What customers see at the other end (local-address).")
    ppp_pool = fields.Char(string="PPP pool", help="Name of its pool for customers without a fixed address whose plan names none.")
    loss_limit = fields.Integer(
        string="May take away (%)", default=20, required=True, help="A round that would take away more than this part of what is kept waits for a person."
    )
    reconciled_at = fields.Datetime(string="As it should be since", readonly=True, copy=False)
    kept_items = fields.Integer(string="Things kept", readonly=True, copy=False)
    last_round = Sentence(readonly=True, copy=False)
    held_reason = Sentence(string="Waits for a person", readonly=True, copy=False)
    held_plan = fields.Char(readonly=True, copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    confirmed_plan = fields.Char(readonly=True, copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    change_ids = fields.One2many("isp.router.change", "router_id", string="Plan of changes", readonly=True)

    _loss_limit_valid = models.Constraint("CHECK(loss_limit BETWEEN 0 AND 100)", "A part is from 0 to 100 percent.")

    @api.constrains("keeps", "wire", "ppp_pool")
    def _check_keeps(self):
        for router in self:
            if router.keeps != "nothing" and router.wire == "none":
                raise ValidationError(self.env._("Nothing can be kept on %(name)s without its API.", name=router.name))
        self.env["isp.access"]._check_pool_names(self, ("ppp_pool",))

    def _keeps_all(self):
        return self.keeps == "all"

    def _warnings(self):
        lines = super()._warnings()
        if self.held_reason:
            lines.append(self.held_reason)
        return lines

    # === Actions ===

    def action_reconcile(self):
        """Look after these routers now (technicians and administrators)."""
        self.env["isp.router.task"].check_access("read")
        self.sudo()._queue_look_after()

    def action_confirm_plan(self):
        """A person has read the plan that waits and wants it done; another plan than this one waits again (administrators)."""
        self.ensure_one()
        self._check_administrator()
        if not self.held_plan:
            raise UserError(self.env._("No plan waits on this router."))
        self.confirmed_plan = self.held_plan
        _logger.info("Plan %s for router %s confirmed by %s", self.held_plan, self.name, self.env.user.login)
        self.sudo()._queue_look_after()

    def action_view_changes(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_router_change")
        return {**action, "domain": [("router_id", "=", self.id)]}

    # === Desired state ===

    def _desired_items(self, accesses=None):
        """What should be on this router: items for ``engine.desired``, with the profiles they need.

        :param accesses: only for these; None: for all
        :return: (items, {access id: why it cannot be kept})

        The rules are RADIUS's own (``radius.verdict``): the same speed, address and walled garden by both ways. Who is refused has no log-in
        here; a static line has none to refuse, so a closed one stays in the walled garden, until another line has its address.
        """
        self.ensure_one()
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, a.name, a.password, a.device_limit, p.service_type,
                       CASE v.verdict WHEN 'wall' THEN 'isp-' || v.reason WHEN 'reject' THEN 'isp-suspended' ELSE '' END,
                       CASE v.verdict WHEN 'reject' THEN radius.walled_rate() ELSE v.rate END, v.static_ip, v.pool, v.ipv6_pool
                  FROM isp_subscription s JOIN isp_access a ON a.subscription_id = s.id JOIN isp_plan p ON p.id = a.plan_id
                 CROSS JOIN LATERAL radius.verdict(a.name, NULL, false) v
                 WHERE s.router_id = %(router)s AND p.service_type = ANY(%(services)s) AND %(chosen)s
                   AND (v.verdict <> 'reject' OR p.service_type = 'static' AND a.static_ip <> '' AND NOT EXISTS (
                       SELECT FROM isp_access o JOIN isp_plan q ON q.id = o.plan_id LEFT JOIN isp_subscription t ON t.id = o.subscription_id
                        WHERE o.static_ip = a.static_ip AND o.id <> a.id
                          AND (o.state <> 'blocked' OR o.id > a.id AND t.router_id = s.router_id AND q.service_type = 'static')))
                 ORDER BY a.id
                """,
                router=self.id,
                services=list(_SERVICES[self.keeps]),
                chosen=SQL("true") if accesses is None else SQL("a.id = ANY(%s)", accesses.ids),
            )
        )
        items, problems = {}, {}
        for row in rows:
            make = {"pppoe": self._items_pppoe, "hotspot": self._items_hotspot, "static": self._items_static}[row[4]]
            found, problem = make(*row[:4], *row[5:])
            if problem:
                problems[row[0]] = problem
            items |= {(item.menu, item.key): item for item in found}
        return list(items.values()), problems

    def _items_pppoe(self, number, name, password, devices, wall, rate, address, pool, ipv6_pool):
        if not password:
            return [], _lt("it has no password")
        profile = {
            "local-address": self.ppp_local_address or "",
            "remote-address": pool or self.ppp_pool or "",
            "rate-limit": rate or "",
            "address-list": wall,
            "only-one": "yes" if devices == 1 else "no",
            "remote-ipv6-prefix-pool": ipv6_pool or "",
        }
        key = desired.profile_name(profile)
        values = {"name": name, "password": password, "service": "pppoe", "profile": key, "remote-address": address or ""}
        return [Item("ppp/profile", key, {"name": key, **profile}), Item("ppp/secret", f"isp:{number}", values, bool(wall))], ""

    def _items_hotspot(self, number, name, password, devices, wall, rate, *_addresses):
        profile = {"rate-limit": rate or "", "address-list": wall, "shared-users": str(devices) if devices else "unlimited"}
        key = desired.profile_name(profile)
        values = {"name": name, "password": password or "", "profile": key}
        return [Item("ip/hotspot/user/profile", key, {"name": key, **profile}), Item("ip/hotspot/user", f"isp:{number}", values, bool(wall))], ""

    def _items_static(self, number, name, _password, _devices, wall, rate, address, *_pools):
        if not address:
            return [], _lt("it has no fixed address")
        items = [Item("queue/simple", f"isp:{number}", {"name": name, "target": address, **desired.queue_values(rate)}, bool(wall))]
        if wall:
            items.append(Item("ip/firewall/address-list", f"isp:{number}", {"list": wall, "address": address}, True))
        return items, ""

    def _read_kept(self, driver):
        """:return: {menu: all its rows}. :raise Unreachable: a menu came in part, or with less than the router says are there"""
        return {path: driver.all_rows(path, [*menu.watched, *(() if menu.profiles else ("comment", "dynamic"))]) for path, menu in MENUS.items()}

    # === Reconcile ===

    def _after_health(self, driver):
        """While the router is on the line: make it as it should be."""
        result = super()._after_health(driver)
        if self.keeps != "nothing":
            self._reconcile(driver)
        return result

    def _reconcile(self, driver):
        """One read a menu, only differences are written; a plan that a machine should not carry out is held for a person.

        Idempotent: whatever an earlier round left half done is found by reading. Caller's transaction holds the router's lock.
        """
        items, problems = self._desired_items()
        plan = desired.plan(items, self._read_kept(driver))
        wanted = sum(not MENUS[item.menu].profiles for item in items)
        reason = self._objection(plan, wanted)
        if reason and not (plan.digest == self.confirmed_plan and reason[0] != "clock"):
            self._hold(plan, *reason)
            return
        refused = self._carry_out(driver, plan)
        self._note_round(plan, refused, problems, wanted)

    def _objection(self, plan, wanted):
        """:return: (kind, words) when the plan waits for a person, else None"""
        if plan.steps and self._clock_in_doubt(self.clock_skew, self.ntp_state):
            kind = "clock"
        else:
            ((known,),) = self.env.execute_query(SQL("SELECT last_value FROM isp_access_id_seq"))
            kind = desired.objection(plan, wanted, self.kept_items if self.reconciled_at else None, known, self.loss_limit)
        if not kind:
            return None
        count, losses = len(plan.steps), plan.losses
        words = {
            "clock": _lt("The router's clock was set by NTP and is %(seconds)s seconds from ours: is the server's clock wrong? Nothing is changed until they agree.", seconds=abs(self.clock_skew)),
            "nothing": _lt("Nothing should be kept there, and %(count)s things are: that would take all of them away.", count=plan.owned),
            "restored": _lt("The router keeps an access with number %(number)s, which this database has never given out: was it restored from a back-up?", number=plan.highest),
            "first": _lt("It is the first time: %(count)s changes would be made.", count=count),
            "gone": _lt("Nothing of what was kept there is left: was the router reset? %(count)s changes would be made.", count=count),
            "cap": _lt("%(losses)s of %(count)s changes take something away, more than %(percent)s %% of what is kept.", losses=losses, count=count, percent=self.loss_limit),
        }  # fmt: skip
        return kind, words[kind]

    def _hold(self, plan, kind, words):
        if plan.digest == self.held_plan and self._fields["held_reason"].is_said(self, words):
            return
        self.change_ids.unlink()
        self.env["isp.router.change"].create(
            [
                {"router_id": self.id, "kind": step.kind, "menu": step.menu, "name": step.name, "detail": step.text, "restricts": step.restricts}
                for step in sorted(plan.steps, key=lambda step: not step.restricts)[:SHOWN]
            ]
        )
        self.write({"held_reason": words, "held_plan": plan.digest, "confirmed_plan": False})
        _logger.info("Router %s: %d changes wait for a person: %s", self.name, len(plan.steps), kind)

    def _note_round(self, plan, refused, problems, wanted):
        """What came of it, and only what is news: an unchanged router costs no write but this one."""
        lines = [_lt("%(name)s in /%(menu)s is somebody else's item: remove or rename it there.", name=name, menu=menu) for menu, _key, name in plan.conflicts]
        lines += [_lt("%(name)s: %(reason)s", name=step.name, reason=reason) for step, reason in refused]
        lines += [_lt("Access %(number)s is not kept: %(reason)s.", number=number, reason=reason) for number, reason in problems.items()]
        vals = {"reconciled_at": fields.Datetime.now(), "kept_items": wanted, "last_round": lines[:5] or False}
        if plan.steps:
            _logger.info("Router %s: %d changes applied, %d refused", self.name, len(plan.steps) - len(refused), len(refused))
        if self.held_plan or self.held_reason:
            self.change_ids.unlink()
            vals |= {"held_reason": False, "held_plan": False, "confirmed_plan": False}
        self.write(vals)

    def _carry_out(self, driver, plan):
        """Do the steps, phase by phase, many on their way at a time; then end sessions that go on with what was taken or changed.

        :return: [(step, the router's words)] of what was refused
        :raise Unknown, Unreachable: the rest may or may not be done; the next round reads
        """
        refused = []
        for phase in plan.phases:
            answers = driver.run_many([step.command for step in phase])
            for step, answer in zip(phase, answers, strict=True):
                if isinstance(answer, routeros.Refused) and not (step.kind == "remove" and isinstance(answer, routeros.NotThere)):
                    refused.append((step, answer.reason))
        failed = {id(step) for step, _reason in refused}
        names = set()
        for step in plan.steps:
            if step.menu not in ("ppp/secret", "ip/hotspot/user") or id(step) in failed:
                continue
            if step.kind == "remove" or (step.kind == "set" and {"name", "profile", "disabled", "remote-address"} & step.values.keys()):
                names.add((step.menu, step.before.get("name") or step.name))
        self._end_active(driver, names)
        return refused

    def _end_active(self, driver, names):
        """End what runs under these names: [(menu of the log-in, name)]; devices dial again and get what is right now."""
        for menu, active, field in (("ppp/secret", "ppp/active", "name"), ("ip/hotspot/user", "ip/hotspot/active", "user")):
            wanted = {name for path, name in names if path == menu}
            if wanted:
                rows = driver.rows(active, [".id", field])
                driver.run_many([(f"{active}/remove", {".id": row[".id"]}) for row in rows if row.get(field) in wanted])

    def _queue_look_after(self):
        for router in self:
            router.with_delay(channel=router._channel(), description=_lt("Look after router %(name)s", name=router.name))._look_after()
