# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models, tools

from ..fields import BigInteger


class IspFupStatus(models.Model):
    """Fair use as it should be beside what the network does: a row for each running session of a line with a ladder, and for each
    line on a step that is not on line.

    What a session has is the speed its router accepted last (``isp.router.task``), else what it was answered at log-in: the speed of that
    moment by ``isp.fup.event``. Of a plan with hours the step is compared, not the hour: a session ends with its hour. Sessions begin by their router's clock: it is set right by what the last packet says of it.
    """

    _name = "isp.fup.status"
    _description = "Fair use, wanted and applied"
    _auto = False
    _order = "differs desc, at desc, id"
    _rec_name = "access_id"
    _depends = {
        "isp.access": ["plan_id", "fup_step_id", "fup_rate", "own_rate", "state"],
        "isp.plan": ["fup_id", "rate_limit", "scheduled"],
        "isp.fup.step": ["sequence"],
        "isp.fup.event": ["access_id", "at", "bytes", "rate"],
        "isp.router.task": ["session_id", "kind", "state", "rate"],
        "isp.session": ["access_id", "started", "stopped", "router_id", "updated", "last_event"],
    }

    access_id = fields.Many2one("isp.access", string="User name", readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    plan_id = fields.Many2one("isp.plan", readonly=True)
    fup_id = fields.Many2one("isp.fup", string="Ladder", readonly=True)
    step_id = fields.Many2one("isp.fup.step", string="Step", readonly=True)
    step_number = fields.Integer(string="Step number", readonly=True)
    bytes = BigInteger(string="Used when it changed", readonly=True)
    at = fields.Datetime(string="Since", readonly=True)
    wanted = fields.Char(string="Should be", readonly=True)
    applied = fields.Char(string="Is", readonly=True, help="Of the running session; blank: not on line.")
    differs = fields.Boolean(readonly=True)
    session_id = fields.Many2one("isp.session", readonly=True)
    router_id = fields.Many2one("isp.router", readonly=True)

    def init(self):
        tools.drop_view_if_exists(self.env.cr, self._table)
        self.env.cr.execute(
            """
            CREATE VIEW isp_fup_status AS
            SELECT coalesce(s.id, 1000000000 + a.id) AS id, a.id AS access_id, a.plan_id, p.fup_id, a.fup_step_id AS step_id,
                   n.sequence AS step_number, e.bytes, e.at, w.wanted, i.applied, s.id AS session_id, s.router_id,
                   (s.id IS NOT NULL AND s.router_id IS NOT NULL AND a.state = 'allowed' AND w.wanted IS NOT NULL
                    AND i.applied IS DISTINCT FROM w.wanted) AS differs
              FROM isp_access a
              JOIN isp_plan p ON p.id = a.plan_id
              LEFT JOIN isp_fup_step n ON n.id = a.fup_step_id
              LEFT JOIN isp_session s ON s.access_id = a.id AND s.stopped IS NULL
              LEFT JOIN LATERAL (SELECT e.bytes, e.at FROM isp_fup_event e WHERE e.access_id = a.id ORDER BY e.id DESC LIMIT 1) e ON true
              CROSS JOIN LATERAL (SELECT CASE WHEN a.fup_rate <> '' THEN a.fup_rate WHEN a.own_rate <> '' THEN a.own_rate
                                              WHEN p.scheduled IS NOT TRUE THEN nullif(p.rate_limit, '') END AS wanted) w
              LEFT JOIN LATERAL (
                  SELECT coalesce(
                      (SELECT CASE WHEN p.scheduled AND a.fup_rate <> '' THEN a.fup_rate ELSE t.rate END FROM isp_router_task t WHERE t.session_id = s.id AND t.kind = 'rate' AND t.state = 'done' AND t.rate <> ''
                        ORDER BY t.id DESC LIMIT 1),
                      (SELECT nullif(l.rate, '') FROM (SELECT l.rate FROM isp_fup_event l WHERE l.access_id = a.id AND l.at < date_trunc('second', s.started + (s.updated - s.last_event))
                        ORDER BY l.id DESC LIMIT 1) l),
                      nullif(a.own_rate, ''), nullif(p.rate_limit, '')) AS applied
                   WHERE s.id IS NOT NULL
              ) i ON true
             WHERE (p.fup_id IS NOT NULL OR a.fup_rate <> '') AND (s.id IS NOT NULL OR a.fup_rate <> '')
            """
        )

    def action_tell(self):
        """Have the routers told again (staff)."""
        self.env["isp.router.task"].check_access("create")
        self.sudo().session_id._queue_rate()
