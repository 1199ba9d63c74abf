# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: A session that still reports so long after its end by the clock was not ended by its router, which was told by Session-Timeout.
GRACE = timedelta(seconds=90)
#: Routers say whole seconds. Who dials again in the second of the end is in the walled garden, and stays there.
BLUR = timedelta(seconds=1)
#: Minutes between two Disconnects for one session, and how many times a router's word is taken that it is done.
AGAIN, TIMES = timedelta(minutes=15), 3
#: Sessions of one run; the rest follows a minute later.
BATCH = 5000
#: The newest sessions, among which are all of the last minutes.
NEWEST = 20_000


class IspSession(models.Model):
    """Sessions that run on after their end are ended by us, whoever the router is.

    A router is told at the log-in when a session ends (``Session-Timeout``) and after how much data (``Mikrotik-Total-Limit``). Routers that
    do not know the one, have a wrong clock for the other, or several devices that share one rest, each of which was told all of it, go on:
    accounting sees that. What happens then is what happens to a suspended line: Disconnect, and RADIUS answers the next log-in.
    """

    _inherit = "isp.session"

    @api.model
    def _cron_end_overdue(self, days=3):
        """Every minute: see ``_end_overdue``. Once a day for those that were not heard for so long that nobody looked for them any more."""
        self._end_overdue(timedelta(days=days))
        self._end_surplus()

    @api.model
    def _end_overdue(self, lately=timedelta(days=3)):
        """Have sessions ended that began before their time was over or their data used up, and go on. Caller's transaction.

        One pending task a session (UNIQUE), and none while one is open, was given up by a person, or was done since the session was last heard.
        A router that acknowledges and goes on is told ``TIMES`` times; then it stands in the list of what is not applied, for a person.

        :param lately: how long ago the end may be
        :return: the sessions to end
        """
        rows = self._overdue(lately)
        ending = self.sudo().browse(row[0] for row in rows if row[1] < TIMES)
        self._give_up_on([row[0] for row in rows if row[1] >= TIMES])
        if ending:
            _logger.info("%d sessions go on after the end of their time or data: told to their routers", len(ending))
            self.env["isp.router.task"].sudo()._queue("over", ending)
        return ending

    @api.model
    def _overdue(self, lately):
        """:return: rows (session, times its router has said that it ended it)

        From the two ends, each by its index, to the few that run; only for these RADIUS is asked what it would answer now, which knows of data on
        top, of a new cycle and of time that was added. Moments are of our clock: a session's start is set right by what its last packet says of the
        router's. Sessions that began after the end are in the walled garden already, if there is one.
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        since = now - lately
        return self.env.execute_query(
            SQL(
                """
                WITH ended AS (
                    %(ends)s
                ), running AS MATERIALIZED (
                    SELECT DISTINCT s.id, a.name
                      FROM ended e JOIN isp_access a ON a.id = e.access_id
                      JOIN isp_session s ON s.access_id = e.access_id AND s.stopped IS NULL
                      JOIN isp_router r ON r.id = s.router_id AND r.active
                     WHERE (e.heard IS NULL OR s.updated > e.heard)
                       AND (a.refuse_ended OR s.started + (s.updated - s.last_event) < e.at - %(blur)s)
                       AND NOT EXISTS (SELECT FROM isp_router_task t WHERE t.session_id = s.id AND t.kind IN ('over', 'disconnect')
                                          AND (t.state <> 'done' OR t.write_date > least(%(again)s, s.updated - interval '1 minute')))
                )
                SELECT n.id, (SELECT count(*) FROM isp_router_task t
                               WHERE t.session_id = n.id AND t.kind = 'over' AND t.state = 'done' AND t.attempts > 0)
                  FROM running n CROSS JOIN LATERAL radius.verdict(n.name, NULL, false) v
                 WHERE v.verdict <> 'accept' ORDER BY n.id LIMIT %(batch)s
                """,
                ends=SQL(" UNION ALL ").join(self._overdue_ends(since, now)),
                blur=BLUR,
                again=now - AGAIN,
                batch=BATCH,
            )
        )

    @api.model
    def _overdue_ends(self, since, now):
        """:return: list of SQL: SELECT access_id, its end, when its router must have ended it at the latest (NULL: at once), for ends in this time"""
        return [
            SQL(
                """
                SELECT a.id AS access_id, a.valid_until AS at, a.valid_until + %s AS heard FROM isp_access a
                 WHERE a.valid_until > %s AND a.valid_until < %s AND a.state = 'allowed'
                """,
                GRACE,
                since,
                now,
            ),
            SQL("SELECT c.access_id, c.spent_at, NULL::timestamp FROM isp_quota_counter c WHERE c.spent_at > %s", since),
        ]

    @api.model
    def _end_surplus(self):
        """Have devices put off that came too many: two that log in at the same moment do not see each other yet. Who came first stays.

        Counted as ``radius.verdict`` does: a device once, those that report, and after a move only the new one. Caller's transaction; as
        often as ``_end_overdue``, and then for a person too.

        :return: the sessions to end
        """
        self.env.flush_all()
        now = fields.Datetime.now()
        rows = self.env.execute_query(
            SQL(
                """
                WITH fresh AS MATERIALIZED (
                    SELECT DISTINCT n.access_id FROM (SELECT access_id, stopped, updated FROM isp_session ORDER BY id DESC LIMIT %(newest)s) n
                     WHERE n.stopped IS NULL AND n.updated > %(now)s - interval '15 minutes' AND n.access_id IS NOT NULL
                ), live AS (
                    SELECT s.id, s.access_id, s.router_id, s.updated, a.device_limit,
                           min(s.id) OVER (PARTITION BY s.access_id, coalesce(s.mac, s.id::text)) AS came
                      FROM fresh f JOIN isp_access a ON a.id = f.access_id AND a.device_limit > 0
                      JOIN isp_session s ON s.access_id = a.id AND s.stopped IS NULL
                       AND s.updated > %(now)s - (2 * radius.interim(a.id) + 60) * interval '1 second'
                       AND (a.moved_at IS NULL OR s.started > a.moved_at)
                ), placed AS (
                    SELECT l.*, dense_rank() OVER (PARTITION BY l.access_id ORDER BY l.came) AS place FROM live l
                )
                SELECT p.id, (SELECT count(*) FROM isp_router_task t WHERE t.session_id = p.id AND t.kind = 'disconnect' AND t.state = 'done')
                  FROM placed p JOIN isp_router r ON r.id = p.router_id AND r.active
                 WHERE p.place > p.device_limit
                   AND NOT EXISTS (SELECT FROM isp_router_task t WHERE t.session_id = p.id AND t.kind IN ('over', 'disconnect')
                                      AND (t.state <> 'done' OR t.write_date > least(%(again)s, p.updated - interval '1 minute')))
                 ORDER BY p.id LIMIT %(batch)s
                """,
                newest=NEWEST,
                now=now,
                again=now - AGAIN,
                batch=BATCH,
            )
        )
        surplus = self.sudo().browse(row[0] for row in rows if row[1] < TIMES)
        self._give_up_on([row[0] for row in rows if row[1] >= TIMES], "disconnect")
        if surplus:
            _logger.info("%d sessions of more devices than their access lets in: told to their routers", len(surplus))
            self.env["isp.router.task"].sudo()._queue("disconnect", surplus)
        return surplus

    @api.model
    def _give_up_on(self, session_ids, kind="over"):
        """Their routers say that they are ended, and they go on: for a person."""
        if not session_ids:
            return
        tasks = self.env["isp.router.task"].sudo()
        told = tasks.search([("session_id", "in", session_ids), ("kind", "=", kind), ("state", "=", "done")]).grouped("session_id")
        tasks.browse(max(group.ids) for group in told.values()).write(
            {"state": "failed", "message": _lt("The router says that the session has ended, and it goes on: see whether it takes Disconnect-Requests, or end it there by hand.")}
        )
        _logger.info("%d sessions go on though their routers say that they have ended", len(told))
