# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

ACTIONS = [
    ("notice", "Tell the customer"),
    ("fee", "Charge a fee"),
    ("suspend", "Suspend"),
    ("terminate", "Terminate"),
]


class IspDunningStep(models.Model):
    """One step of a dunning policy."""

    _name = "isp.dunning.step"
    _description = "Step of a dunning policy"
    _order = "policy_id, days, id"

    policy_id = fields.Many2one("isp.dunning.policy", required=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="policy_id.company_id", store=True)
    currency_id = fields.Many2one(related="policy_id.currency_id")
    days = fields.Integer(string="Days after the due date", required=True, help="Below zero: before the due date.")
    action = fields.Selection(ACTIONS, required=True, default="notice")
    notice_kind = fields.Selection(
        [("reminder", "Reminder before the due date"), ("overdue", "Overdue")],
        string="Notice",
        default="overdue",
        help="Its text: Configuration, Texts of notices.",
    )
    fee = fields.Monetary(help="Without taxes; on the customer's next invoice.")
    product_id = fields.Many2one("product.product", string="Fee product", domain="[('type', '=', 'service')]", help="Gives the account and the taxes of the fee.")
    working_days_only = fields.Boolean(help="On weekends and holidays the step waits for the next working day. Lines are cut by the rules in the settings anyway.")
    log_count = fields.Integer(compute="_compute_log_count")

    _once_a_day = models.UniqueIndex("(policy_id, days, action)", "A policy does the same thing once on a day.")
    _days_sane = models.Constraint("CHECK(days BETWEEN -60 AND 365)", "A step is at most 60 days before and a year after the due date.")
    _fee_positive = models.Constraint("CHECK(action <> 'fee' OR fee > 0)", "A fee is above zero.")

    def _compute_log_count(self):
        groups = self.env["isp.dunning.log"].sudo()._read_group([("step_id", "in", self.ids)], ["step_id"], ["__count"])
        counts = {step.id: count for step, count in groups}
        for step in self:
            step.log_count = counts.get(step.id, 0)

    @api.depends("days", "action", "notice_kind")
    def _compute_display_name(self):
        labels = dict(self._fields["action"]._description_selection(self.env))
        for step in self:
            step.display_name = self.env._("%(action)s, day %(days)s", action=labels.get(step.action, ""), days=step.days or 0)

    @api.constrains("action", "days", "product_id")
    def _check_sense(self):
        for step in self:
            if step.action in ("fee", "suspend", "terminate") and step.days < 1:
                raise ValidationError(self.env._("Fees and cuts come after the due date: at least one day."))
            if step.action == "fee" and not step.product_id:
                raise ValidationError(self.env._("A fee needs a product: it gives the account and the taxes."))
        self.policy_id._check_warned_before()

    @api.model_create_multi
    def create(self, vals_list):
        steps = super().create(vals_list)
        steps._follow_grace_days()
        return steps

    def write(self, vals):
        if vals.keys() & {"action", "policy_id"} and any(step.log_count for step in self):
            raise UserError(self.env._("This step has been done for customers. Remove it and add another: what was done stays in the log."))
        result = super().write(vals)
        if "days" in vals:
            self._follow_grace_days()
        return result

    @api.ondelete(at_uninstall=False)
    def _check_left_steps(self):
        left = self.policy_id.step_ids - self
        for step in left.filtered(lambda s: s.action in ("suspend", "terminate")):
            warned = left.filtered(lambda s, p=step.policy_id: s.policy_id == p and s.action == "notice" and s.days >= 0)
            if not warned or min(warned.mapped("days")) > step.days:
                raise UserError(self.env._("This notice is the only one before a cut. Nobody is cut off untold."))

    def _follow_grace_days(self):
        """The settings and the invoice name the grace days of the company's own policy."""
        for step in self.filtered(lambda s: s.action == "suspend" and s.policy_id.is_default):
            if step.company_id.isp_grace_days != step.days - 1:
                step.company_id.isp_grace_days = step.days - 1
