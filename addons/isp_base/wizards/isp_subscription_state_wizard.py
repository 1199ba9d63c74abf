# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..models.isp_subscription import REASONS, STATES


class IspSubscriptionStateWizard(models.TransientModel):
    """Asks why before a subscription changes state."""

    _name = "isp.subscription.state.wizard"
    _description = "Change the state of subscriptions"

    subscription_ids = fields.Many2many("isp.subscription", required=True)
    new_state = fields.Selection(STATES, required=True, readonly=True)
    reason = fields.Selection(
        [reason for reason in REASONS if reason[0] in ("customer", "staff", "regulator", "fraud", "termination")],
        required=True,
        default="customer",
    )
    note = fields.Char(string="Remark")

    def action_confirm(self):
        self.ensure_one()
        self.subscription_ids._set_state(self.new_state, self.reason, self.note)
