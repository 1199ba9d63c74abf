# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models
from odoo.tools import SQL

from odoo.addons.isp_network.models.isp_session_overdue import GRACE


class IspSession(models.Model):
    _inherit = "isp.session"

    @api.model
    def _overdue_ends(self, since, now):
        """Override: a token whose time runs from its first log-in ends when that time is over."""
        return [
            *super()._overdue_ends(since, now),
            SQL("SELECT t.access_id, t.ends_at, t.ends_at + %s FROM isp_token t WHERE t.ends_at > %s AND t.ends_at < %s AND t.first_used IS NOT NULL", GRACE, since, now),
        ]
