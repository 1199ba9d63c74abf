# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from ..engine import desired
from ..fields import Sentence

_lt = LazyTranslate(__name__)
#: Tasks that wait for somebody or something.
OPEN = ("pending", "failed")
#: What ``drivers.coa`` answers, for people.
_ANSWERS = {
    "Disconnected": _lt("Disconnected"),
    "The router had no such session": _lt("The router had no such session"),
}


class IspRouterTask(models.Model):
    """Something a router still has to be told: the list of what the network has not yet applied.

    A task is of a session (end it, change its speed) or of an access (bring what the router keeps up to date). Idempotency: one pending
    task a session and kind, one a router and access (unique indexes), so a day of changes is one change. Written in the transaction of the
    business change; a job of the router (``isp.router._apply_tasks``) does it after the commit.

    Another kind of a session ``x`` has ``_send_x(client)`` and, where a router with an API can be asked, ``_is_applied_x(row)``.
    """

    _name = "isp.router.task"
    _description = "Change for a router"
    _order = "id desc"
    _rec_name = "access_id"

    router_id = fields.Many2one("isp.router", required=True, readonly=True, ondelete="cascade")
    session_id = fields.Many2one("isp.session", readonly=True, ondelete="cascade", index=True)
    access_id = fields.Many2one("isp.access", string="User name", readonly=True, ondelete="cascade", index="btree_not_null")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one(related="router_id.company_id")
    kind = fields.Selection(
        [("disconnect", "Disconnect"), ("over", "Disconnect: used up"), ("rate", "Change the speed"), ("sync", "Keep as it should be")],
        required=True,
        readonly=True,
        default="disconnect",
    )
    rate = fields.Char(string="Speed given", readonly=True, help="What the router accepted for the session (Mikrotik-Rate-Limit).")
    state = fields.Selection(
        [("pending", "Not yet applied"), ("done", "Applied"), ("failed", "Refused or given up"), ("dropped", "Given up by a person")],
        required=True,
        readonly=True,
        default="pending",
    )
    before = fields.Char(readonly=True, help="What the session got when it began to be wrong: when that is right again, nothing is to do.")
    message = Sentence(string="Last answer", readonly=True)
    attempts = fields.Integer(readonly=True)
    rounds = fields.Integer(string="Tried again", readonly=True, help="Times that it was refused or given up and was tried again by itself when the router was heard.")
    age = fields.Char(compute="_compute_age")

    _pending_unique = models.UniqueIndex("(session_id, kind) WHERE state = 'pending'")
    _sync_unique = models.UniqueIndex("(router_id, access_id) WHERE state = 'pending' AND kind = 'sync'")
    _open_index = models.Index("(router_id, id) WHERE state <> 'done'")

    @api.depends("create_date", "state")
    def _compute_age(self):
        now = fields.Datetime.now()
        for task in self:
            minutes = int((now - task.create_date).total_seconds() // 60) if task.create_date and task.state in OPEN else 0
            days, hours = minutes // 1440, minutes // 60 % 24
            if task.state not in OPEN:
                task.age = False
            elif days:
                task.age = self.env._("%(days)s d %(hours)s h", days=days, hours=hours)
            elif hours:
                task.age = self.env._("%(hours)s h %(minutes)s min", hours=hours, minutes=minutes % 60)
            else:
                task.age = self.env._("%(minutes)s min", minutes=minutes)

    # === Actions ===

    def action_retry(self):
        """Try failed ones again, and pending ones now (staff)."""
        self.check_access("read")
        self.env["isp.router.task"].check_access("create")
        tasks = self.sudo().filtered(lambda t: t.state in OPEN)
        routers = tasks.router_id
        tasks.filtered(lambda t: t.state == "failed")._wait_again(by_hand=True)
        routers.write({"failures": 0, "next_try": False})
        routers._queue_job()

    def action_give_up(self):
        """Ask for the reason, then leave these changes undone (staff)."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Give up"),
            "res_model": "isp.router.task.give.up",
            "view_mode": "form",
            "target": "new",
            "context": {"default_task_ids": self.ids},
        }

    def _give_up(self, reason):
        """Leave open tasks undone; the next round still reads what a router keeps."""
        self.check_access("read")
        if not self.env.user.has_group("isp_base.group_isp_technician"):
            raise AccessError(self.env._("Only technicians may give up what the network has not applied."))
        for task in self.sudo().filtered(lambda t: t.state in OPEN):
            why = _lt("%(user)s: %(reason)s", user=self.env.user.name, reason=reason)
            last = self._fields["message"].sentence(task)
            task.write({"state": "dropped", "message": _lt("%(words)s (%(detail)s)", words=why, detail=last) if last else why})

    # === Business ===

    @api.model
    def _queue(self, kind, sessions):
        """Write one pending task a session unless it has one, and one job a router. Caller's transaction.

        ``wire_before`` in the context: {access id: answer before the change}.
        """
        if not sessions:
            return
        sessions.flush_recordset()
        self.flush_model(["state"])
        before = self.env.context.get("wire_before", {})
        told = {session.id: repr(before[session.access_id.id]) for session in sessions if session.access_id.id in before}
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_router_task (router_id, session_id, access_id, kind, state, attempts, before, create_uid, create_date, write_uid, write_date)
                SELECT s.router_id, s.id, a.id, %(kind)s, 'pending', 0, b.before, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM isp_session s LEFT JOIN isp_access a ON a.id = s.access_id
                  LEFT JOIN unnest(%(told)s::integer[], %(texts)s::text[]) b (id, before) ON b.id = s.id
                 WHERE s.id = ANY(%(ids)s) AND s.router_id IS NOT NULL ORDER BY s.id
                ON CONFLICT (session_id, kind) WHERE state = 'pending' DO NOTHING
                """,
                kind=kind,
                uid=self.env.uid,
                ids=sessions.ids,
                told=list(told),
                texts=list(told.values()),
            )
        )
        self.invalidate_model()
        sessions.router_id._queue_job()

    @api.model
    def _queue_sync(self, accesses):
        """Have what routers keep of these accesses brought up to date: one pending task a router and access. Caller's transaction."""
        routers = accesses.subscription_id.router_id.filtered(lambda r: r.keeps != "nothing")
        if not routers:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_router_task (router_id, access_id, kind, state, attempts, create_uid, create_date, write_uid, write_date)
                SELECT s.router_id, a.id, 'sync', 'pending', 0, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM isp_access a JOIN isp_subscription s ON s.id = a.subscription_id
                 WHERE a.id = ANY(%(ids)s) AND s.router_id = ANY(%(routers)s) ORDER BY a.id
                ON CONFLICT (router_id, access_id) WHERE state = 'pending' AND kind = 'sync' DO NOTHING
                """,
                uid=self.env.uid,
                ids=accesses.ids,
                routers=routers.ids,
            )
        )
        self.invalidate_model()
        routers._queue_job()

    def _wait_again(self, by_hand=False):
        """Have failed tasks wait again, with what they know: of several for one thing one stays, the first. Caller's transaction.

        :param by_hand: a person wants it: the rounds begin anew
        """
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                WITH gone AS (DELETE FROM isp_router_task WHERE id = ANY(%(ids)s) AND state = 'failed' RETURNING *)
                INSERT INTO isp_router_task (router_id, session_id, access_id, kind, state, attempts, rounds, before, message, create_uid, create_date, write_uid, write_date)
                SELECT router_id, session_id, access_id, kind, 'pending', attempts, CASE WHEN %(by_hand)s THEN 0 ELSE coalesce(rounds, 0) + 1 END, before,
                       CASE WHEN NOT %(by_hand)s THEN message END, create_uid, create_date, %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM gone ORDER BY id
                ON CONFLICT DO NOTHING
                """,
                ids=self.ids,
                by_hand=by_hand,
                uid=self.env.uid,
            )
        )
        self.env.invalidate_all()

    def _send(self, client):
        """Do this task of a session with an open ``coa.Client``; UnreachableError passes through."""
        self.ensure_one()
        if not self.session_id._may_live():
            self._close(True, _lt("The session was over already."))
            return
        getattr(self, f"_send_{self.kind}")(client)

    def _send_disconnect(self, client):
        done, answer = client.disconnect(self._prepare_attributes())
        self._close(done, self._said(answer))

    def _send_over(self, client):
        self._send_disconnect(client)

    def _send_rate(self, client):
        """Give the session the speed that RADIUS would answer now, whatever was right when the task was written.

        What cannot be told to a running session (no limit at all, the walled garden) or is refused, ends it: the device
        dials again and is answered anew.
        """
        rate = self._rate_of_now()
        refusal = _lt("There is no speed that could be sent.")
        if rate:
            accepted, message = client.set_rate(self._prepare_attributes(), rate)
            if accepted and self._verify_rate(rate):
                self.rate = rate
                self._close(True, _lt("Speed %(rate)s", rate=rate) if message.startswith("Speed") else self._said(message))
                return
            refusal = self._said(message)
        ended, message = client.disconnect(self._prepare_attributes())
        self._close(ended, [refusal, self._said(message)])

    @staticmethod
    def _said(answer):
        """:return: an answer to CoA as a sentence"""
        cause = re.fullmatch(r"The router refused \(Error-Cause (.*)\)", answer)
        return _lt("The router refused (Error-Cause %(cause)s)", cause=cause[1]) if cause else _ANSWERS.get(answer) or answer

    def _verify_rate(self, rate):
        """Hook: whether the router does what it has acknowledged. The acknowledgement is all that CoA says; see ``_verify``."""
        return True

    def _rate_of_now(self):
        """:return: ``Mikrotik-Rate-Limit`` of the next log-in, None when that would not be an ordinary one with a limit, or would
        end at an hour that the running session does not know"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.rate FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id CROSS JOIN LATERAL radius.verdict(a.name, NULL, false) v
                 WHERE a.id = %s AND v.verdict = 'accept'
                   AND (p.scheduled IS NOT TRUE OR a.own_rate <> '' OR (
                       SELECT r.change_in FROM radius.plan_rate(p.id, p.rate_limit, statement_timestamp() AT TIME ZONE 'UTC', a.fup_rate) r) IS NULL)
                """,
                self.access_id.id,
            )
        )
        return rows[0][0] if rows else None

    def _close(self, done, message):
        self.write({"state": "done" if done else "failed", "message": message, "attempts": self.attempts + 1})

    def _is_applied_disconnect(self, row, _queues):
        """:param row: the session's row on the router, None when it has none. :param queues: rows of its simple queues"""
        return row is None

    def _is_applied_over(self, row, queues):
        return self._is_applied_disconnect(row, queues)

    def _is_applied_rate(self, row, queues):
        """A speed that was acknowledged must stand in the session's queue; where none is found the word of the router counts."""
        if row is None:
            return True
        if not self.rate:
            return False
        limits = {desired.speeds(queue.get("max-limit", "")) for queue in queues if self._is_queue_of(queue)}
        return not limits or desired.speeds(self.rate.split(" ")[0]) in limits

    def _is_queue_of(self, queue):
        """Sessions' queues: ``<pppoe-achol>``, of a hotspot the customer's address."""
        name, address = queue.get("name", ""), self.session_id.framed_ip
        return name == f"<pppoe-{self.session_id.user_name}>" or bool(address and desired.network(queue.get("target", "")) == address)

    def _drop_settled(self):
        """Tasks whose sessions have the right answer again (suspended and paid while the router was away, used up and bought on top) are done.

        :return: the others
        """
        told = self.filtered(lambda t: t.before or t.kind == "over")
        now = told.access_id._wire_profiles() if told else {}
        settled = told.filtered(lambda t: t._is_settled(now.get(t.access_id.id)))
        settled.write({"state": "done", "message": _lt("What the session has is right again.")})
        return self - settled

    def _is_settled(self, profile):
        """:param profile: of its access at this moment (``_wire_profiles``)"""
        if self.kind == "over":
            return bool(profile) and profile[1] == "accept"
        return self.before == repr(profile)

    def _verify(self, driver):
        """Ask the router whether sessions are as they should be, and remove those that are not: CoA is taken at its word by nobody.

        :param driver: of the router of all of these
        :raise RouterError: as the driver does; then the answer to CoA stands
        """
        # A device that dials again is another session: it has another id.
        rows = self._rows_of_sessions(driver)
        has_rates = any(task.rate and rows[task] for task in self)
        queues = driver.rows("queue/simple", ["name", "target", "max-limit"], {"dynamic": "true"}) if has_rates else []
        wrong = {task: rows[task] for task in self if not getattr(task, f"_is_applied_{task.kind}")(rows[task], queues)}
        good = self.filtered(lambda t: t not in wrong)
        good.filtered(lambda t: t.state != "done").write({"state": "done", "message": _lt("The router had no such session any more.")})
        if not wrong:
            return
        driver.run_many([(f"{row['menu']}/remove", {".id": row[".id"]}) for row in wrong.values() if row])
        left = self._rows_of_sessions(driver)
        for task in wrong:
            if left[task] is None:
                task.write({"state": "done", "message": _lt("Removed by the API; CoA: %(answer)s", answer=self._fields["message"].sentence(task) or "-")})
            else:
                task.write({"state": "failed", "message": _lt("Still online after CoA and removal by the API.")})

    def _rows_of_sessions(self, driver):
        """:return: {task: the row of its session on the router, with "menu", or None}"""
        by_name = {}
        for menu, name in (("ppp/active", "name"), ("ip/hotspot/active", "user")):
            fields_ = [".id", name, "address", *(["session-id"] if menu == "ppp/active" else [])]
            for row in driver.rows(menu, fields_):
                by_name.setdefault(row.get(name), []).append({**row, "menu": menu})
        return {task: next((row for row in by_name.get(task.session_id.user_name, ()) if self._is_of(row, task.session_id)), None) for task in self}

    @staticmethod
    def _is_of(row, session):
        shown = row.get("session-id", "").lower().removeprefix("0x").lstrip("0")
        if shown:
            return shown == (session.session_id or "").lower().lstrip("0")
        return not session.framed_ip or row.get("address") == session.framed_ip

    def _prepare_attributes(self):
        """What names the session to the router (RFC 5176)."""
        session = self.session_id
        attributes = {
            "User-Name": session.user_name,
            "Acct-Session-Id": session.session_id,
            "NAS-IP-Address": session.nas_ip,
            "Framed-IP-Address": session.framed_ip,
        }
        return {name: value for name, value in attributes.items() if value}
