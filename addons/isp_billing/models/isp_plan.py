# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models
from odoo.exceptions import ValidationError


class IspPlan(models.Model):
    _inherit = "isp.plan"

    @api.constrains("billing_mode", "period_unit")
    def _check_postpaid_period(self):
        for plan in self:
            if plan.billing_mode == "postpaid" and plan.period_unit == "hour":
                raise ValidationError(self.env._("A postpaid plan is billed by days or months, not by hours."))
