# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models

from ..engine.rate import rate_limit

#: Fields of a plan that accesses copy (the rate is joined).
_COPIED = {"device_limit", "quota_mb", "overage_price_gb", "billing_mode", "period_unit", "prepaid_basis"}


class IspPlan(models.Model):
    _inherit = "isp.plan"

    rate_limit = fields.Char(
        compute="_compute_rate_limit",
        store=True,
        help="What routers are told (Mikrotik-Rate-Limit): customer's upload/download, then bursts. Blank: no limit.",
    )

    rate_ids = fields.One2many("isp.plan.rate", "plan_id", string="Speed by the hour", copy=True)
    scheduled = fields.Boolean(compute="_compute_scheduled", store=True)
    ip_pool = fields.Char(string="Address pool", help="Name of a pool on the routers (Framed-Pool). Blank: the router's own choice.")
    ipv6_pool = fields.Char(
        string="IPv6 prefix pool", help="Name of a pool on the routers from which customers get a prefix (Mikrotik-Delegated-IPv6-Pool)."
    )

    @api.depends("down_kbps", "up_kbps", "burst_down_kbps")
    def _compute_rate_limit(self):
        for plan in self:
            plan.rate_limit = rate_limit(plan.down_kbps, plan.up_kbps, plan.burst_down_kbps)

    @api.depends("rate_ids")
    def _compute_scheduled(self):
        for plan in self:
            plan.scheduled = bool(plan.rate_ids)

    @api.constrains("ip_pool", "ipv6_pool")
    def _check_pools(self):
        self.env["isp.access"]._check_pool_names(self, ("ip_pool", "ipv6_pool"))

    def write(self, vals):
        result = super().write(vals)
        if _COPIED & vals.keys():
            self.sudo().subscription_ids.filtered("access_ids")._sync_access()
        return result
