# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: A watch that was away for longer knows nothing of the time between: the server was off.
GAP = timedelta(minutes=5)


class IspOutagePulse(models.Model):
    """When a router's API answered last; the row without a router is the watch itself. Apart from ``isp.router``, which others write."""

    _name = "isp.outage.pulse"
    _description = "Sign of life of a router"
    _log_access = False

    router_id = fields.Many2one("isp.router", readonly=True, ondelete="cascade")
    answered = fields.Datetime(readonly=True, required=True)
    since = fields.Datetime(readonly=True)

    _router_unique = models.UniqueIndex("(coalesce(router_id, 0))")

    @api.model
    def _beat(self, now):
        """The watch is alive. :return: since when it is without a gap"""
        watch = self.search([("router_id", "=", False)])
        if not watch:
            watch = self.create({"answered": now, "since": now})
        if now - watch.answered > GAP or now < watch.answered - GAP:
            watch.since = now
        watch.answered = now
        return watch.since

    @api.model
    def _answered(self, routers, now):
        if routers:
            self.env.cr.execute(
                SQL(
                    """INSERT INTO isp_outage_pulse (router_id, answered) SELECT unnest(%s::int[]), %s
                       ON CONFLICT (coalesce(router_id, 0)) DO UPDATE SET answered = excluded.answered""",
                    sorted(routers),
                    now,
                )
            )
            self.env.invalidate_all()
