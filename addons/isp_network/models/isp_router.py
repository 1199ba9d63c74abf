# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import ipaddress
import logging
import re
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from odoo.addons.isp_secret.tools.secret import encrypt

from ..drivers import coa, routeros
from ..engine import desired
from ..fields import Sentence, english
from .isp_router_task import OPEN
from .isp_session import ALIVE

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: Seconds until the next try after the 1st, 2nd … silence of a router; then the last one again.
BACK_OFF = (10, 30, 60, 300, 900, 1800, 3600)
#: About two days of silence: then the tasks are given up and stand in the list as failed.
MAX_FAILURES = 50
#: Tasks of one job: a job stays short, the rest follows in the next one.
BATCH = 500
#: Accesses of one job that brings a router up to date: each round reads its menus once, whatever their number.
SYNC_BATCH = 5000
_SECRET = re.compile(r"[!#-&(-\[\]-~]{6,64}")


class IspRouter(models.Model):
    """A router (RADIUS NAS) of ours.

    The RADIUS secret stands in clear text: FreeRADIUS reads it through ``radius.nas``. The password of the router's
    API is encrypted. Both are for administrators.
    """

    _name = "isp.router"
    _description = "Router"
    _order = "name"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company, help="Blank: shared by all companies.")
    nas_ip = fields.Char(string="Address", required=True, help="From here its RADIUS packets come, there CoA goes to.")
    nas_identifier = fields.Char(string="NAS identifier")
    radius_secret = fields.Char(string="RADIUS secret", copy=False, groups="isp_base.group_isp_administrator")
    require_message_auth = fields.Boolean(
        string="Signed requests only", help="Drop requests without Message-Authenticator. RouterOS 7.15 and later sends it."
    )
    coa_port = fields.Integer(string="CoA port", default=3799, required=True)
    api_port = fields.Integer(string="API port", default=8729)
    api_user = fields.Char(string="API user", groups="isp_base.group_isp_administrator")
    api_password = fields.Char(
        string="API password",
        compute="_compute_api_password",
        inverse="_inverse_api_password",
        groups="isp_base.group_isp_administrator",
        help="Stored encrypted and never shown again.",
    )
    api_password_encrypted = fields.Char(copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    zone = fields.Integer(readonly=True, copy=False, help="Hotspot whose log-ins are good here.")
    outside = fields.Boolean(
        string="Somebody else's", readonly=True, copy=False, help="Only log-ins of its zone are answered and counted here: whoever owns it knows its RADIUS secret."
    )
    setup_user_id = fields.Many2one(
        "res.users", string="May be set up by", copy=False, help="This technician may set it up, and so sees its secrets, until that has succeeded. Blank: administrators only, once it has secrets."
    )
    note = fields.Text()
    failures = fields.Integer(readonly=True, copy=False, help="Times in a row the router did not answer.")
    last_error = Sentence(string="Last error", readonly=True, copy=False)
    next_try = fields.Datetime(string="Next try", readonly=True, copy=False)
    task_ids = fields.One2many("isp.router.task", "router_id", readonly=True)
    open_tasks = fields.Integer(string="Not yet applied", compute="_compute_open_tasks")
    open_sessions = fields.Integer(compute="_compute_sessions")
    last_seen = fields.Datetime(string="Last seen", compute="_compute_sessions", help="Last accounting packet.")

    _nas_ip_unique = models.UniqueIndex("(nas_ip)", "There is a router with this address already.")
    _zone_index = models.Index("(nas_ip, zone, outside) WHERE zone > 0")
    _zone_valid = models.Constraint("CHECK(outside IS NOT TRUE OR zone > 0)", "A router that is somebody else's belongs to a hotspot.")
    _port_valid = models.Constraint("CHECK(coa_port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535.")

    # === Computes ===

    def _compute_api_password(self):
        self.api_password = False

    def _inverse_api_password(self):
        for router in self:
            if router.api_password:
                router.api_password_encrypted = encrypt(router.api_password)

    @api.depends("task_ids.state")
    def _compute_open_tasks(self):
        groups = self.env["isp.router.task"]._read_group(
            [("router_id", "in", self.ids), ("state", "in", OPEN)], ["router_id"], ["__count"]
        )
        counts = {router.id: count for router, count in groups}
        for router in self:
            router.open_tasks = counts.get(router.id, 0)

    @api.depends("nas_ip")
    def _compute_sessions(self):
        """From the index (nas_ip, stopped): open sessions, and the newest packet of open or last ended ones."""
        self.env["isp.session"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.nas_ip, o.open, greatest(o.seen, e.seen)
                  FROM unnest(%s::text[]) r (nas_ip)
                  CROSS JOIN LATERAL (SELECT count(*) FILTER (WHERE s.updated > %s) AS open, max(s.updated) AS seen
                       FROM isp_session s WHERE s.nas_ip = r.nas_ip AND s.stopped IS NULL) o
                  LEFT JOIN LATERAL (SELECT s.updated AS seen FROM isp_session s
                       WHERE s.nas_ip = r.nas_ip AND s.stopped IS NOT NULL ORDER BY s.stopped DESC LIMIT 1) e ON true
                """,
                [router.nas_ip for router in self if router.nas_ip],
                fields.Datetime.now() - ALIVE,
            )
        )
        found = {row[0]: row[1:] for row in rows}
        for router in self:
            router.open_sessions, router.last_seen = found.get(router.nas_ip, (0, False))

    # === Constraints ===

    @api.constrains("nas_ip")
    def _check_nas_ip(self):
        for router in self:
            try:
                valid = str(ipaddress.ip_address(router.nas_ip)) == router.nas_ip
            except ValueError:
                valid = False
            if not valid:
                raise ValidationError(self.env._("%(ip)s is not the address of one router.", ip=router.nas_ip))

    @api.constrains("radius_secret")
    def _check_radius_secret(self):
        """What stands in FreeRADIUS's configuration file between quotes must not end them."""
        for router in self.sudo():
            if router.radius_secret and not _SECRET.fullmatch(router.radius_secret):
                raise ValidationError(
                    self.env._("A RADIUS secret has 6 to 64 letters, digits or signs; no spaces, quotes or backslash.")
                )

    # === CRUD ===

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        """Sessions refer to a router without a foreign key."""
        sessions = self.env["isp.session"].sudo()
        if sessions.search_count([("nas_ip", "in", self.mapped("nas_ip")), ("router_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("This router has sessions; archive it instead."))

    # === Actions ===

    def action_view_sessions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_session")
        return {**action, "domain": [("nas_ip", "=", self.nas_ip)]}

    def action_view_tasks(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_router_task")
        return {**action, "domain": [("router_id", "=", self.id)]}

    # === Business ===

    def _queue_job(self, seconds=None):
        """Have the pending tasks of each of these routers applied: at most one waiting job a router.

        :param seconds: not before so many seconds from now
        Transaction: the job's row is part of the caller's; it starts after the commit.
        """
        for router in self.sudo():
            router.with_delay(
                channel=router._channel(),
                identity_key=f"isp_network.router.{router.id}",
                eta=seconds,
                description=self.env._("Apply changes on router %(name)s", name=router.name),
            )._apply_tasks()

    def _apply_tasks(self):
        """Job: tell the router what is pending. Safe to run again: a session that is gone answers "not found" (503), and what the
        router keeps is read before it is written.

        First what it keeps, then its sessions, whose devices dial again and find it. A silent router ends the round: what was
        answered is kept, the rest waits for the next job, later each time (BACK_OFF), at most MAX_FAILURES times: meanwhile one question
        a job is all that it is asked. The wait is a new job and not a RetryableJobError, which would roll back the answers already written.
        """
        self.ensure_one()
        router = self.sudo()
        if not router.active:
            return
        pending = [("router_id", "=", router.id), ("state", "=", "pending")]
        tasks = router.env["isp.router.task"]
        synced = tasks.search([*pending, ("kind", "=", "sync")], order="id", limit=SYNC_BATCH)
        told = tasks.search([*pending, ("kind", "!=", "sync")], order="id", limit=BATCH)
        if not (synced or told):
            return
        router._lock()
        try:
            if synced:
                router._apply_sync(synced)
            if told:
                router._tell_sessions(told._drop_settled())
        except coa.UnreachableError as error:
            router._on_silence(router._explain_coa(error))
            return
        except routeros.RouterError as error:
            router._on_silence(router._explain(error))
            return
        if router.failures or router.last_error or router.next_try:
            router.write({"failures": 0, "last_error": False, "next_try": False})
        if len(told) == BATCH or len(synced) == SYNC_BATCH:
            router._queue_job()

    def _tell_sessions(self, tasks):
        """CoA for each; with an API each is verified, and what CoA did not do is done by the API.

        :raise UnreachableError: CoA is not answered and there is no API; RouterError: nor does the API answer
        """
        silence = None
        try:
            with coa.Client(self.nas_ip, self.coa_port, self.radius_secret or "") as client:
                for task in tasks:
                    task._send(client)
        except coa.UnreachableError as error:
            if self.wire == "none":
                raise
            silence = error
            tasks.filtered(lambda t: t.state == "pending").write({"message": self._explain_coa(error)})
        open_tasks = tasks.filtered(lambda t: t.session_id._may_live())
        if self.wire == "none" or not open_tasks:
            return
        try:
            with self._driver() as driver:
                open_tasks._verify(driver)
        except routeros.RouterError as error:
            if silence:
                raise
            # The router answered CoA: its word stands, and the next look at its health says what is wrong with the API.
            _logger.info("Router %s: not verified: %s", self.name, error.message)

    def _apply_sync(self, tasks):
        """Bring what the router keeps of these accesses to what it should be: read, write the difference, read again.

        :raise RouterError: the connection failed; nothing is taken as done
        """
        if self.keeps == "nothing":
            tasks.write({"state": "done", "message": _lt("Nothing is kept on this router.")})
            return
        keys = {f"isp:{access.id}" for access in tasks.access_id}
        items, problems = self._desired_items(tasks.access_id)
        with self._driver() as driver:
            plan = desired.plan(items, self._read_kept(driver), only=keys)
            refused = {step.key: reason for step, reason in self._carry_out(driver, plan)}
            left = desired.plan(items, self._read_kept(driver), only=keys) if plan.steps else plan
        waiting = {key: name for _menu, key, name in left.conflicts}
        undone = {step.key for step in left.steps}
        done = tasks.browse()
        for task in tasks:
            key, reason = f"isp:{task.access_id.id}", problems.get(task.access_id.id)
            if key in waiting:
                reason = _lt("%(name)s is somebody else's item on the router: remove or rename it there.", name=waiting[key])
            elif key in undone:
                reason = refused.get(key) or _lt("The router took it and does not show it.")
            if reason:
                task.write({"state": "failed", "message": reason, "attempts": task.attempts + 1})
            else:
                done |= task
        done.write({"state": "done", "message": _lt("Kept on the router as it should be.")})

    def _on_silence(self, message):
        """The router did not answer: try later, or give its tasks up after MAX_FAILURES times.

        :param message: why, as a sentence
        """
        self.ensure_one()
        failures = self.failures + 1
        pending = self.env["isp.router.task"].search([("router_id", "=", self.id), ("state", "=", "pending")])
        pending.write({"message": message})
        if failures >= MAX_FAILURES:
            pending.write({"state": "failed"})
            self.write({"failures": 0, "last_error": message, "next_try": False})
            _logger.info("Router %s (%s): %s; %d tasks given up", self.name, self.nas_ip, english(message), len(pending))
            return
        wait = BACK_OFF[min(failures, len(BACK_OFF)) - 1]
        self.write(
            {"failures": failures, "last_error": message, "next_try": fields.Datetime.now() + timedelta(seconds=wait)}
        )
        _logger.info("Router %s (%s): %s; next try in %d s", self.name, self.nas_ip, english(message), wait)
        self._queue_job(seconds=wait)

    def _explain_coa(self, error):
        """:return: why CoA did not get through, with what to do"""
        return _lt("No answer to CoA: is the router on, is its line up, may we reach its UDP port %(port)s? (%(detail)s)", port=self.coa_port, detail=str(error))

    # === Cron ===

    @api.model
    def _cron_apply_tasks(self):
        """Every 5 minutes: jobs for routers whose pending tasks lost theirs (idempotent by the job's identity)."""
        groups = self.env["isp.router.task"]._read_group([("state", "=", "pending")], ["router_id"])
        now = fields.Datetime.now()
        for (router,) in groups:
            if not router.next_try or router.next_try <= now:
                router._queue_job()
