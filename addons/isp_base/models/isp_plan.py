# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models

from ..engine.value import monthly_value


class IspPlan(models.Model):
    """What is sold: speed, volume and price for a period. A plan *is* a product.

    Prices, taxes, price lists and reports of products therefore hold for plans
    (``list_price`` is the price of one period in the company's currency, without taxes).
    """

    _name = "isp.plan"
    _description = "Plan"
    _inherits = {"product.product": "product_id"}
    _inherit = ["mail.thread"]
    _order = "code"
    _rec_names_search = ["code", "name"]

    product_id = fields.Many2one("product.product", "Product record", required=True, ondelete="restrict", index=True)
    code = fields.Char(required=True, tracking=True)
    service_type = fields.Selection(
        [("pppoe", "PPPoE"), ("hotspot", "Hotspot"), ("static", "Static address")],
        required=True,
        default="pppoe",
    )
    billing_mode = fields.Selection(
        [("postpaid", "Postpaid"), ("prepaid", "Prepaid")], required=True, default="postpaid", tracking=True
    )
    billing_timing = fields.Selection(
        [("advance", "In advance"), ("arrears", "In arrears")],
        required=True,
        default="advance",
        help="In advance: a period is billed on its first day. In arrears: on the day after its last.",
    )
    period_count = fields.Integer(string="Period", required=True, default=1, tracking=True)
    period_unit = fields.Selection(
        [("hour", "Hours"), ("day", "Days"), ("month", "Months")], required=True, default="month", tracking=True
    )
    # The internal price list: customers see what they are charged.
    price_usd = fields.Float(string="Price list (USD)", digits=(12, 2), groups="base.group_user")
    down_kbps = fields.Integer(string="Download (kbit/s)", help="0: not limited.", tracking=True)
    up_kbps = fields.Integer(string="Upload (kbit/s)", help="0: not limited.", tracking=True)
    burst_down_kbps = fields.Integer(string="Burst download (kbit/s)", help="0: no burst.")
    quota_mb = fields.Integer(string="Data included (MB)", help="0: not limited.")
    fup_id = fields.Many2one("isp.fup", string="Fair use", ondelete="restrict", index="btree_not_null")
    overage_price_gb = fields.Monetary(string="Price of a GB above the bundle")
    device_limit = fields.Integer(string="Devices at once", required=True, default=1)
    # A field of its own: archiving a plan keeps the product of old invoices in use.
    active = fields.Boolean(default=True)
    subscription_ids = fields.One2many("isp.subscription", "plan_id")
    subscription_count = fields.Integer(compute="_compute_subscription_count")

    _code_unique = models.Constraint("UNIQUE(code)", "A plan with this code exists already.")
    _period_positive = models.Constraint("CHECK(period_count > 0)", "A period has at least one unit.")
    _not_negative = models.Constraint(
        "CHECK(down_kbps >= 0 AND up_kbps >= 0 AND burst_down_kbps >= 0 AND quota_mb >= 0 AND device_limit > 0)",
        "Speeds and volumes cannot be negative; at least one device must be allowed.",
    )

    @api.depends("code", "name")
    def _compute_display_name(self):
        for plan in self:
            plan.display_name = f"[{plan.code}] {plan.name}" if plan.code else plan.name

    def _compute_subscription_count(self):
        groups = self.env["isp.subscription"]._read_group(
            [("plan_id", "in", self.ids), ("state", "!=", "terminated")], ["plan_id"], ["__count"]
        )
        counts = {plan.id: count for plan, count in groups}
        for plan in self:
            plan.subscription_count = counts.get(plan.id, 0)

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([{**self._prepare_product_vals(vals), **vals} for vals in vals_list])

    def copy_data(self, default=None):
        vals_list = super().copy_data(default)
        for plan, vals in zip(self, vals_list, strict=True):
            if not (default or {}).get("code"):
                vals["code"] = self.env._("%(code)s-COPY", code=plan.code)
        return vals_list

    def action_view_subscriptions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_base.action_isp_subscription")
        return {**action, "domain": [("plan_id", "=", self.id)], "context": {"default_plan_id": self.id}}

    def _prepare_product_vals(self, vals):
        """What a plan's product starts with; a value given for the plan wins."""
        return {
            "type": "service",
            "sale_ok": True,
            "purchase_ok": False,
            "default_code": vals.get("code"),
        }

    def _monthly_value(self):
        """:return: price of one period scaled to a month, in the company's currency, rounded."""
        self.ensure_one()
        return self.currency_id.round(monthly_value(self.list_price, self.period_unit, self.period_count))
