# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models

from .isp_access import _WIRE_FIELDS

#: Writing one of these may change what a router keeps of an access: what RADIUS answers, and what a log-in on the router has beside it.
_KEPT = _WIRE_FIELDS | {"password", "device_limit", "fup_rate", "refuse_ended"}


class IspAccess(models.Model):
    """What routers keep follows the access: a task in the transaction of the change."""

    _inherit = "isp.access"

    @api.model_create_multi
    def create(self, vals_list):
        accesses = super().create(vals_list)
        accesses._queue_kept()
        return accesses

    def write(self, vals):
        result = super().write(vals)
        if _KEPT & vals.keys():
            self._queue_kept()
        return result

    def _queue_kept(self):
        """Have routers follow; those of closed lines too that have the same address: one of all of them stands on the router."""
        addresses = [access.static_ip for access in self if access.static_ip]
        closed = self.sudo().search([("static_ip", "in", addresses), ("state", "=", "blocked")]) if addresses else self.browse()
        self.env["isp.router.task"].sudo()._queue_sync(self | closed)
