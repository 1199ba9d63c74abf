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

    suspend_billing = fields.Selection(
        [("stop", "Not billed"), ("bill", "Billing goes on")],
        string="While suspended",
        required=True,
        default="stop",
        tracking=True,
        help="Not billed: days without service are never charged; what is billed already stays billed.",
    )
    pause_billing = fields.Selection(
        [("none", "The paid period lapses"), ("credit", "Unused days are given back"), ("fee", "A monthly fee")],
        string="While paused",
        required=True,
        default="none",
        tracking=True,
        help="Unused days: postpaid as a credit at once, prepaid as time after the pause. Fee: from the end of the paid period on.",
    )
    pause_fee = fields.Monetary(tracking=True, help="For a month of pause, without taxes.")
    termination_settlement = fields.Selection(
        [("credit", "Unused days are given back"), ("none", "The paid period lapses")],
        string="At the end",
        required=True,
        default="credit",
        tracking=True,
    )
    notice_days = fields.Integer(
        string="Notice (days)", tracking=True, help="Charged when the customer ends the contract; a billing manager may waive it."
    )
    termination_fee = fields.Monetary(tracking=True, help="Charged when the customer ends the contract; without taxes.")

    _policy_not_negative = models.Constraint(
        "CHECK(COALESCE(change_fee, 0) >= 0 AND COALESCE(pause_fee, 0) >= 0 AND COALESCE(termination_fee, 0) >= 0"
        " AND COALESCE(notice_days, 0) >= 0)",
        "Fees and the notice cannot be below zero.",
    )

    @api.constrains("billing_mode", "period_unit")
    def _check_postpaid_period(self):
        for plan in self:
            if plan.billing_mode == "postpaid" and plan.period_unit == "hour":
                raise ValidationError(self.env._("A postpaid plan is billed by days or months, not by hours."))

    @api.constrains("billing_mode", "pause_billing", "pause_fee")
    def _check_pause_fee(self):
        for plan in self.filtered(lambda p: p.pause_billing == "fee"):
            if plan.billing_mode == "prepaid":
                raise ValidationError(self.env._("A pause fee is billed monthly: a prepaid plan cannot have one."))
            if plan.pause_fee <= 0:
                raise ValidationError(self.env._("Say how much the pause costs a month."))

    @api.constrains("billing_mode", "prepaid_basis", "period_unit", "quota_mb")
    def _check_prepaid_basis(self):
        for plan in self.filtered(lambda p: p.billing_mode == "prepaid"):
            if plan.prepaid_basis == "calendar" and plan.period_unit != "month":
                raise ValidationError(self.env._("To the next anchor day: only plans by months can be paid so."))
            if plan.prepaid_basis == "data" and not plan.quota_mb:
                raise ValidationError(self.env._("A bundle of data needs the data included."))
