# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError

from .isp_subscription import REASONS, STATES


class IspSubscriptionEvent(models.Model):
    """One change of a subscription's state: who, when, why, and what it was worth.

    Written by ``isp.subscription._set_state`` in the transaction of the change, never edited.
    Churn and MRR are sums over these rows.
    """

    _name = "isp.subscription.event"
    _description = "Change of a subscription's state"
    _order = "date desc, id desc"
    _rec_name = "state_to"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict", index=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id", store=True, index=True)
    company_id = fields.Many2one(related="subscription_id.company_id", store=True)
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now, index=True)
    user_id = fields.Many2one("res.users", string="By", required=True, readonly=True)
    state_from = fields.Selection(STATES, string="From", required=True, readonly=True)
    state_to = fields.Selection(STATES, string="To", required=True, readonly=True)
    reason = fields.Selection(REASONS, required=True, readonly=True)
    note = fields.Char(readonly=True)
    monthly_value_before = fields.Monetary(readonly=True, help="What the subscription brought in a month until then.")
    monthly_value_after = fields.Monetary(readonly=True)

    # pylint: disable=method-required-super,no-raise-unlink  # refusing is the whole point
    def write(self, vals):
        raise UserError(self.env._("The log of a subscription cannot be changed."))

    def unlink(self):
        raise UserError(self.env._("The log of a subscription cannot be deleted."))
