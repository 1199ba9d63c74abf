# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models

#: Writing one of these may change what a router keeps of an access.
_KEPT = {"name", "password", "state", "plan_id", "valid_until", "quota_bytes", "quota_from", "quota_day", "time_limit", "device_limit", "static_ip", "ip_pool", "fup_rate"}


class IspAccess(models.Model):
    """What routers keep follows the access: a task in the transaction of the change."""

    _inherit = "isp.access"

    @api.model_create_multi
    def create(self, vals_list):
        accesses = super().create(vals_list)
        self.env["isp.router.task"].sudo()._queue_sync(accesses)
        return accesses

    def write(self, vals):
        result = super().write(vals)
        if _KEPT & vals.keys():
            self.env["isp.router.task"].sudo()._queue_sync(self)
        return result
