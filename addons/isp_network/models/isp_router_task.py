# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL


class IspRouterTask(models.Model):
    """Something a router still has to be told: the list of what the network has not yet applied.

    Idempotency: one pending task a session and kind (unique index). Written in the transaction of the business
    change; a job of the router (``isp.router._apply_tasks``) does it after the commit.
    """

    _name = "isp.router.task"
    _description = "Change for a router"
    _order = "id desc"
    _rec_name = "session_id"

    router_id = fields.Many2one("isp.router", required=True, readonly=True, ondelete="cascade")
    session_id = fields.Many2one("isp.session", required=True, readonly=True, ondelete="cascade", index=True)
    access_id = fields.Many2one(related="session_id.access_id", string="User name")
    company_id = fields.Many2one(related="router_id.company_id")
    kind = fields.Selection(
        [("disconnect", "Disconnect"), ("rate", "Change the speed")], required=True, readonly=True, default="disconnect"
    )
    rate = fields.Char(string="Speed given", readonly=True, help="What the router accepted for the session (Mikrotik-Rate-Limit).")
    state = fields.Selection(
        [("pending", "Not yet applied"), ("done", "Applied"), ("failed", "Refused or given up")],
        required=True,
        readonly=True,
        default="pending",
    )
    message = fields.Char(string="Last answer", readonly=True)
    attempts = fields.Integer(readonly=True)

    _pending_unique = models.UniqueIndex("(session_id, kind) WHERE state = 'pending'")
    _open_index = models.Index("(router_id, id) WHERE state <> 'done'")

    # === Actions ===

    def action_retry(self):
        """Try failed ones again, and pending ones now (staff)."""
        self.check_access("read")
        self.env["isp.router.task"].check_access("create")
        tasks = self.sudo().filtered(lambda t: t.state != "done")
        routers = tasks.router_id
        failed = tasks.filtered(lambda t: t.state == "failed")
        for kind, group in failed.grouped("kind").items():
            sessions = group.session_id
            group.unlink()
            self.sudo()._queue(kind, sessions)
        routers.write({"failures": 0, "next_try": False})
        routers._queue_job()

    # === Business ===

    @api.model
    def _queue(self, kind, sessions):
        """Write one pending task a session unless it has one, and one job a router. Caller's transaction."""
        if not sessions:
            return
        sessions.flush_recordset()
        self.flush_model(["state"])
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_router_task (router_id, session_id, kind, state, attempts, create_uid, create_date, write_uid, write_date)
                SELECT router_id, id, %(kind)s, 'pending', 0, %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM isp_session WHERE id = ANY(%(ids)s) AND router_id IS NOT NULL ORDER BY id
                ON CONFLICT (session_id, kind) WHERE state = 'pending' DO NOTHING
                """,
                kind=kind,
                uid=self.env.uid,
                ids=sessions.ids,
            )
        )
        self.invalidate_model()
        sessions.router_id._queue_job()

    def _send(self, client):
        """Do this task with an open ``coa.Client``; UnreachableError passes through."""
        self.ensure_one()
        if self.session_id.stopped:
            self._close(True, self.env._("The session was over already."))
            return
        getattr(self, f"_send_{self.kind}")(client)

    def _send_disconnect(self, client):
        self._close(*client.disconnect(self._prepare_attributes()))

    def _send_rate(self, client):
        """Give the session the speed that RADIUS would answer now, whatever was right when the task was written.

        What cannot be told to a running session (no limit at all, the walled garden) or is refused, ends it: the device
        dials again and is answered anew.
        """
        rate = self._rate_of_now()
        refusal = self.env._("There is no speed that could be sent.")
        if rate:
            accepted, message = client.set_rate(self._prepare_attributes(), rate)
            if accepted and self._verify_rate(rate):
                self.rate = rate
                self._close(True, message)
                return
            refusal = message
        ended, message = client.disconnect(self._prepare_attributes())
        self._close(ended, f"{refusal}. {message}")

    def _verify_rate(self, rate):
        """Hook: whether the router does what it has acknowledged. The acknowledgement is all that CoA says."""
        return True

    def _rate_of_now(self):
        """:return: ``Mikrotik-Rate-Limit`` of the next log-in, None when that would not be an ordinary one with a limit, or would
        end at an hour that the running session does not know"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.rate FROM isp_access a JOIN isp_plan p ON p.id = a.plan_id CROSS JOIN LATERAL radius.verdict(a.name, NULL, false) v
                 WHERE a.id = %s AND v.verdict = 'accept' AND (a.fup_rate <> '' OR p.scheduled IS NOT TRUE)
                """,
                self.access_id.id,
            )
        )
        return rows[0][0] if rows else None

    def _close(self, done, message):
        self.write({"state": "done" if done else "failed", "message": message, "attempts": self.attempts + 1})

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
