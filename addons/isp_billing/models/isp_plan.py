# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError


class IspPlan(models.Model):
    _inherit = "isp.plan"

    setup_fee = fields.Monetary(tracking=True, help="Charged once to a new line, without taxes.")
    deposit = fields.Monetary(tracking=True, help="Taken once from a new line and given back at its end; no taxes.")

    _fees_not_negative = models.Constraint(
        "CHECK(COALESCE(setup_fee, 0) >= 0 AND COALESCE(deposit, 0) >= 0)", "Set-up fee and deposit cannot be below zero."
    )

    @api.constrains("billing_mode", "period_unit")
    def _check_postpaid_period(self):
        for plan in self:
            if plan.billing_mode == "postpaid" and plan.period_unit == "hour":
                raise ValidationError(self.env._("A postpaid plan is billed by days or months, not by hours."))
