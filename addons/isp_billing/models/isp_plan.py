# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IspPlan(models.Model):
    _inherit = "isp.plan"

    prepaid_basis = fields.Selection(
        [("time", "Time from the payment"), ("calendar", "To the next anchor day"), ("data", "A bundle of data")],
        string="A payment buys",
        required=True,
        default="time",
        tracking=True,
        help="Time: the period counts from the payment; the day of payment is its first day, hours count to the second. "
        "Anchor day: first the days to it, then whole months. Data: the data included, to be used within the period.",
    )

    change_fee = fields.Monetary(
        string="Fee for leaving it", tracking=True, help="Charged when a line changes from this plan to another; without taxes."
    )

    _policy_not_negative = models.Constraint("CHECK(COALESCE(change_fee, 0) >= 0)", "A fee cannot be below zero.")

    @api.constrains("billing_mode", "period_unit")
    def _check_postpaid_period(self):
        for plan in self:
            if plan.billing_mode == "postpaid" and plan.period_unit == "hour":
                raise ValidationError(self.env._("A postpaid plan is billed by days or months, not by hours."))

    @api.constrains("billing_mode", "prepaid_basis", "period_unit", "quota_mb")
    def _check_prepaid_basis(self):
        for plan in self.filtered(lambda p: p.billing_mode == "prepaid"):
            if plan.prepaid_basis == "calendar" and plan.period_unit != "month":
                raise ValidationError(self.env._("To the next anchor day: only plans by months can be paid so."))
            if plan.prepaid_basis == "data" and not plan.quota_mb:
                raise ValidationError(self.env._("A bundle of data needs the data included."))
