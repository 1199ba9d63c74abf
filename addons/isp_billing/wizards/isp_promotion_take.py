# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError


class IspPromotionTake(models.TransientModel):
    """Give a line a promotion: by the voucher the customer says, or one that needs none."""

    _name = "isp.promotion.take"
    _description = "Take a promotion"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True)
    company_id = fields.Many2one(related="subscription_id.company_id")
    code = fields.Char(string="Voucher")
    promotion_id = fields.Many2one(
        "isp.promotion", string="or promotion", domain="[('code', '=', False), ('company_id', '=', company_id)]"
    )
    summary = fields.Char(compute="_compute_summary")
    problem = fields.Char(compute="_compute_summary")

    @api.depends("code", "promotion_id", "subscription_id")
    def _compute_summary(self):
        for wizard in self:
            wizard.summary = wizard.problem = False
            if wizard.code or wizard.promotion_id:
                try:
                    promotion = wizard._promotion()
                    promotion._check_usable(wizard.subscription_id)
                    wizard.summary = promotion._summary(wizard.subscription_id.plan_id)
                except UserError as error:
                    wizard.problem = error.args[0]

    def _promotion(self):
        if self.code:
            return self.env["isp.promotion"]._find(self.code, self.company_id)
        if self.promotion_id:
            return self.promotion_id
        raise UserError(self.env._("Enter a voucher or choose a promotion."))

    def action_confirm(self):
        """Take it. A second click finds it taken and says so."""
        self.ensure_one()
        self.subscription_id._take_promotion(self._promotion())
        return {"type": "ir.actions.act_window_close"}
