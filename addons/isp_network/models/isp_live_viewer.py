# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models


class IspLiveViewer(models.Model):
    """Somebody looks at the traffic of a router or of a line, until ``until``. One row a window."""

    _name = "isp.live.viewer"
    _description = "Who looks at live traffic"
    _log_access = False

    token = fields.Char(required=True)
    router_id = fields.Many2one("isp.router", required=True, ondelete="cascade")
    login = fields.Char(help="Of this user name; blank: the router's interfaces.")
    until = fields.Datetime(required=True)

    _token_unique = models.UniqueIndex("(token)")
    _router_index = models.Index("(router_id, until)")

    @api.autovacuum
    def _gc_gone(self):
        self.search([("until", "<", fields.Datetime.now() - timedelta(hours=1))]).unlink()
