# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

WHEN = [("now", "Now"), ("renewal", "At the next period")]


class IspPlanChange(models.Model):
    """A line changes to another plan: now, with the effect in money booked at once, or at its next period.

    Written by ``isp.subscription._change_plan`` only. One that is scheduled has written nothing else yet:
    undoing it deletes the row. Idempotency key: ``uuid`` of the form; rows of the ledger have the source "change/<id>/…".
    """

    _name = "isp.plan.change"
    _description = "Change of plan"
    _order = "id desc"
    _rec_name = "plan_to_id"

    uuid = fields.Char(readonly=True, copy=False)
    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one(related="subscription_id.company_id", store=True)
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    plan_from_id = fields.Many2one("isp.plan", string="From plan", required=True, readonly=True, ondelete="restrict")
    plan_to_id = fields.Many2one("isp.plan", string="To plan", required=True, readonly=True, ondelete="restrict")
    when = fields.Selection(WHEN, required=True, readonly=True)
    date = fields.Date(required=True, readonly=True, help="First day on the new plan.")
    state = fields.Selection(
        [("scheduled", "Scheduled"), ("done", "Done")], required=True, readonly=True, default="scheduled", index=True
    )
    credit = fields.Monetary(readonly=True, help="For unused days of the old plan, without taxes.")
    charge = fields.Monetary(readonly=True, help="On the new plan for the rest of the time, without taxes.")
    fee = fields.Monetary(readonly=True)
    tax = fields.Monetary(readonly=True)
    total = fields.Monetary(readonly=True, help="With taxes; below zero: credit.")
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    done_at = fields.Datetime(readonly=True)

    _uuid_unique = models.UniqueIndex("(uuid) WHERE uuid IS NOT NULL", "This change has been confirmed already.")
    _one_scheduled = models.UniqueIndex(
        "(subscription_id) WHERE state = 'scheduled'", "A change of plan is scheduled for this line already."
    )

    def action_undo(self):
        """Undo a change that has not taken effect: nothing of it is left.

        :raise UserError: it has taken effect
        """
        self.subscription_id.check_access("write")
        changes = self.sudo()
        changes.subscription_id._lock_rows()
        changes.invalidate_recordset(["state"])
        changes.exists().unlink()

    @api.ondelete(at_uninstall=False)
    def _unlink_only_scheduled(self):
        if any(change.state == "done" for change in self):
            raise UserError(self.env._("This change has taken effect. Change the plan again instead."))
