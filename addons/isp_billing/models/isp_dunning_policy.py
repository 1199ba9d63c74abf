# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError


class IspDunningPolicy(models.Model):
    """What happens to a customer who does not pay, by the days since the due date."""

    _name = "isp.dunning.policy"
    _description = "Dunning policy"
    _order = "name"

    name = fields.Char(required=True, translate=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    active = fields.Boolean(default=True)
    tolerance = fields.Monetary(default=0, help="Nothing happens to who owes this much or less.")
    step_ids = fields.One2many("isp.dunning.step", "policy_id", copy=True)
    is_default = fields.Boolean(compute="_compute_is_default")
    partner_count = fields.Integer(compute="_compute_partner_count", string="Customers with it")

    _tolerance_positive = models.Constraint("CHECK(tolerance >= 0)", "The tolerance cannot be below zero.")

    def _compute_is_default(self):
        for policy in self:
            policy.is_default = policy.company_id.isp_dunning_policy_id == policy

    def _compute_partner_count(self):
        groups = self.env["res.partner"]._read_group([("isp_dunning_policy_id", "in", self.ids)], ["isp_dunning_policy_id"], ["__count"])
        counts = {policy.id: count for policy, count in groups}
        for policy in self:
            policy.partner_count = counts.get(policy.id, 0)

    @api.constrains("step_ids")
    def _check_warned_before(self):
        """Nobody is cut off who was not told after the due date."""
        for policy in self:
            warned = policy.step_ids.filtered(lambda s: s.action == "notice" and s.days >= 0).mapped("days")
            for step in policy.step_ids.filtered(lambda s: s.action in ("suspend", "terminate")):
                if not warned or min(warned) > step.days:
                    raise ValidationError(
                        self.env._(
                            "“%(policy)s” cuts lines %(days)s days after the due date without a notice from the due date on. Add a notice before.",
                            policy=policy.name,
                            days=step.days,
                        )
                    )

    @api.constrains("active")
    def _check_default_in_use(self):
        for policy in self.filtered(lambda p: not p.active and p.company_id.isp_dunning_policy_id == p):
            raise UserError(self.env._("“%(policy)s” is the policy of the company. Choose another in the settings first.", policy=policy.name))

    def action_set_default(self):
        """The policy of all customers of its company that have none of their own."""
        for policy in self:
            policy.company_id.isp_dunning_policy_id = policy

    @api.model
    def _prepare_default_steps(self, grace_days):
        """:return: values of the steps of a company's first policy: it was cut after the grace days before, too"""
        return [
            {"days": -3, "action": "notice", "notice_kind": "reminder"},
            {"days": 1, "action": "notice", "notice_kind": "overdue"},
            {"days": max(grace_days, 0) + 1, "action": "suspend"},
        ]
