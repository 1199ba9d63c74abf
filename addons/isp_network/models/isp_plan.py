# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.fair_use import percents
from ..engine.rate import rate_limit

#: Fields of a plan that accesses copy (the rate is joined).
_COPIED = {"device_limit", "quota_mb", "overage_price_gb", "billing_mode", "period_unit", "prepaid_basis"}
#: What terms of data above the bundle are made of.
_TERMS = {"quota_mb", "overage_price_gb", "overage_unit", "overage_cap", "alert_percents", "billing_mode"}


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

    alert_percents = fields.Char(
        string="Tell the customer at (%)",
        default="50,80,100",
        help="Parts of the data included, or of the first step of the ladder, at which the customer gets an SMS. Blank: none. Where data above the"
        " bundle has a price, it is told at 100 % in any case.",
    )
    overage_price_gb = fields.Monetary(
        help="Without taxes. Bundle, price, limit and what is told hold for customers from their next month on: who has begun one keeps what held."
    )
    overage_unit = fields.Selection(
        [("started", "Each GB begun"), ("exact", "To the byte")],
        string="Data above is charged",
        required=True,
        default="started",
        help="A GB begun is charged once in the customer's month, also where the line was suspended or changed its plan within it.",
    )
    overage_cap = fields.Monetary(
        string="At most a month",
        help="For data above the bundle in the customer's month as a whole, also where the line was suspended or changed its plan within it; without taxes. 0: no limit.",
    )

    _overage_valid = models.Constraint("CHECK(overage_cap >= 0)", "An amount cannot be negative.")

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

    @api.constrains("alert_percents")
    def _check_alert_percents(self):
        for plan in self:
            try:
                percents(plan.alert_percents)
            except ValueError as error:
                raise ValidationError(
                    self.env._("“%(text)s” is no part to tell at: whole numbers from 1 to 1000 with commas, like 50,80,100.", text=error)
                ) from None

    def write(self, vals):
        """Override: what data above the bundle costs is edited for cycles to come; who has begun one keeps his terms (`isp.usage.terms`)."""
        lines = self.sudo().subscription_ids.filtered(lambda s: s.state != "terminated") if _TERMS & vals.keys() else self.env["isp.subscription"]
        lines._keep_usage_terms()
        if "billing_mode" in vals:
            for line in lines.filtered(lambda s: s.plan_id.billing_mode != vals["billing_mode"]):
                line._close_usage(line.company_id._isp_today() - timedelta(days=1))
        result = super().write(vals)
        for line in lines.filtered(lambda s: not s.usage_from and s._sells_overage()):
            line._open_usage(line.company_id._isp_today())
        if _COPIED & vals.keys():
            self.sudo().subscription_ids.filtered("access_ids")._sync_access()
        return result
