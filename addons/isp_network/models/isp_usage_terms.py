# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspUsageTerms(models.Model):
    """What data above the bundle costs a line in one of its cycles: its plan as it was when the line began to count on it.

    Never edited: what is changed on the plan holds from the next cycle on. Idempotency key: (subscription, plan, last day of the cycle), UNIQUE:
    who leaves the plan or is suspended, and is back within the cycle, goes on with the terms he had.
    """

    _name = "isp.usage.terms"
    _description = "Terms of data above the bundle"
    _order = "cycle_end desc, id desc"
    _rec_name = "cycle_end"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one(related="subscription_id.company_id", store=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    plan_id = fields.Many2one("isp.plan", required=True, readonly=True, ondelete="restrict")
    cycle_end = fields.Date(string="Last day of the cycle", required=True, readonly=True)
    quota_mb = fields.Integer(string="Data included (MB)", readonly=True, help="In a whole cycle.")
    price_gb = fields.Monetary(string="Price of a GB", readonly=True, help="Without taxes.")
    exact = fields.Boolean(string="To the byte", readonly=True, help="Else each GB begun is charged.")
    cap = fields.Monetary(string="At most a month", readonly=True, help="0: no limit.")
    alert_percents = fields.Char(string="Tell the customer at (%)", readonly=True)

    _once_a_cycle = models.UniqueIndex("(subscription_id, plan_id, cycle_end)", "The terms of this cycle stand already.")
