# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import BigInteger, LooseMany2one

#: A session that has been silent for so long is not "online": two interim packets missed, and a minute.
ALIVE = timedelta(seconds=2 * 330 + 60)
#: After three missed interim packets we close it; a later packet opens it again.
STALE = timedelta(seconds=3 * 330)
#: For so long a session that we closed by ourselves may go on at a router that we do not hear.
UNHEARD = timedelta(days=3)


class IspSession(models.Model):
    """One connection of a user to a router. Rows are written by the database function ``radius.acct`` only."""

    _name = "isp.session"
    _description = "Session"
    _order = "started desc, id desc"
    _rec_name = "user_name"
    _log_access = False

    session_key = fields.Char(required=True, readonly=True, help="Digest of router, session id and user name.")
    generation = fields.Integer(required=True, readonly=True, help="Routers begin their ids again after a reboot.")
    access_id = LooseMany2one("isp.access", readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    router_id = LooseMany2one("isp.router", readonly=True)
    user_name = fields.Char(string="User name", readonly=True)
    session_id = fields.Char(string="Session id", readonly=True)
    nas_ip = fields.Char(string="Router's address", readonly=True)
    nas_port = fields.Char(string="Port", readonly=True)
    framed_ip = fields.Char(string="Address", readonly=True)
    framed_ipv6 = fields.Char(string="IPv6", readonly=True, help="Prefixes and addresses, with spaces between them.")
    mac = fields.Char(string="MAC address", readonly=True)
    called = fields.Char(string="Service", readonly=True)
    started = fields.Datetime(readonly=True, required=True)
    updated = fields.Datetime(readonly=True, required=True, help="Last packet, by the server's clock.")
    last_event = fields.Datetime(readonly=True, required=True, help="Last packet, by the router's clock where it is right.")
    stopped = fields.Datetime(readonly=True)
    presumed = fields.Boolean(readonly=True, help="No Stop packet came; we take it that the session is over.")
    cause = fields.Char(string="Ended because", readonly=True)
    seconds = BigInteger(string="Duration (s)", readonly=True)
    bytes_up = BigInteger(string="Upload", readonly=True)
    bytes_down = BigInteger(string="Download", readonly=True)
    # What the last packet added: the speed of now is added_down * 8 / added_seconds.
    added_up = BigInteger(readonly=True)
    added_down = BigInteger(readonly=True)
    added_seconds = BigInteger(readonly=True)
    superseded = fields.Boolean(readonly=True, help="The router has used the session id again.")
    wrong_clock = fields.Char(string="Router's wrong clock", readonly=True, help="Event-Timestamp as the router sent it.")
    online = fields.Boolean(compute="_compute_online", search="_search_online")

    _key_unique = models.UniqueIndex("(session_key, generation)")
    # "stopped IS NULL" finds what is open; descending, the latest come first.
    _access_index = models.Index("(access_id, stopped)")
    _nas_index = models.Index("(nas_ip, stopped)")

    @api.depends("stopped", "updated")
    def _compute_online(self):
        limit = fields.Datetime.now() - ALIVE
        for session in self:
            session.online = not session.stopped and session.updated > limit

    def _search_online(self, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        live = self._live_domain()
        return live if (operator == "in") == (True in value) else ~live

    # === Actions ===

    def action_disconnect(self):
        """Ask the router to end these sessions (staff): the customer's device dials again at once."""
        self.env["isp.router.task"].check_access("create")
        self._queue_disconnect()

    # === Business ===

    @api.model
    def _live_domain(self):
        limit = fields.Datetime.now() - ALIVE
        return fields.Domain([("stopped", "=", False), ("updated", ">", limit)])

    @api.model
    def _search_live(self, access_ids):
        """:return: sessions of these accesses that still report, the latest first."""
        return self.search(self._live_domain() & fields.Domain("access_id", "in", access_ids))

    def _may_live(self):
        """:return: whether the router may still have this session: it runs, or we only take it that it is over because nothing was heard"""
        self.ensure_one()
        if not self.stopped:
            return True
        return bool(self.presumed and self.cause == "Lost-Service" and self.updated > fields.Datetime.now() - UNHEARD)

    @api.model
    def _search_may_live(self, access_ids):
        """:return: sessions of these accesses that ``_may_live``"""
        unheard = fields.Domain([("presumed", "=", True), ("cause", "=", "Lost-Service"), ("updated", ">", fields.Datetime.now() - UNHEARD)])
        return self.search(fields.Domain("access_id", "in", access_ids) & (fields.Domain("stopped", "=", False) | unheard))

    def _queue_disconnect(self):
        """One pending task a session (a second call adds none), one job a router, in the caller's transaction.

        Sessions of routers we do not know are left alone: there is nowhere to send to.
        """
        known = self.sudo().filtered(lambda s: s.router_id and s._may_live())
        if not known:
            return
        self.env["isp.router.task"]._queue("disconnect", known)

    def _queue_rate(self):
        """As ``_queue_disconnect``: have these sessions told the speed they should have; they go on."""
        known = self.sudo().filtered(lambda s: s.router_id and s._may_live())
        self.env["isp.router.task"]._queue("rate", known)

    # === Cron ===

    @api.model
    def _cron_close_stale(self):
        """Close sessions that have missed three interim packets; the next packet of such a session opens it again.

        The end is the last packet by the router's clock, as all that will be compared with it. So are those closed that are seen in days to
        come: our clock was ahead, and who reports no more would be on line until then. Rows that an accounting packet is writing at this
        moment are left for the next time.
        """
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_session SET stopped = CASE WHEN updated > %(ahead)s THEN least(last_event, %(now)s) ELSE last_event END, presumed = true, cause = 'Lost-Service'
                 WHERE id IN (SELECT id FROM isp_session WHERE stopped IS NULL AND (updated < %(limit)s OR updated > %(ahead)s)
                               ORDER BY id LIMIT 5000 FOR UPDATE SKIP LOCKED)
                """,
                now=now,
                limit=now - STALE,
                ahead=now + timedelta(days=1),
            )
        )
        self.invalidate_model()

    @api.model
    def _cron_log_addresses(self):
        """Every 5 minutes: who has which address goes to a log of its own (isp.address.log)."""
        self.env["isp.address.log"].sudo()._sync()

    @api.autovacuum
    def _gc_old(self):
        """Ended sessions are kept for 6 months (system parameter ``isp_network.keep_session_months``; 0: for ever)."""
        usage = self.env["isp.usage"]
        first = usage._kept_from("isp_network.keep_session_months")
        if not first:
            return None
        self.env["isp.address.log"].sudo()._sync()
        # What had something to tell a router goes with it.
        old = SQL("stopped < %s", first)
        self.env.cr.execute(
            SQL("DELETE FROM isp_router_task WHERE state = 'done' AND session_id IN (SELECT id FROM isp_session WHERE %s)", old)
        )
        free = SQL("%s AND NOT EXISTS (SELECT 1 FROM isp_router_task t WHERE t.session_id = isp_session.id)", old)
        return usage._gc(SQL("isp_session"), free)
