# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspBillingPreview(models.Model):
    """What a run would bill one customer, beside what the customer was billed the last time. Nothing is booked by it."""

    _name = "isp.billing.preview"
    _description = "Preview of a billing run"
    _order = "attention desc, difference_size desc, id"
    _rec_name = "partner_id"

    run_id = fields.Many2one("isp.billing.run", required=True, readonly=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade")
    currency_id = fields.Many2one(related="run_id.currency_id")
    period_count = fields.Integer(string="Periods", readonly=True)
    amount_untaxed = fields.Monetary(string="Without taxes", readonly=True)
    amount_total = fields.Monetary(string="Would be billed", readonly=True)
    last_total = fields.Monetary(string="Last time", readonly=True)
    last_date = fields.Date(readonly=True)
    difference = fields.Monetary(readonly=True)
    difference_size = fields.Monetary(readonly=True)
    change = fields.Selection(
        [
            ("same", "As last time"),
            ("new", "First bill"),
            ("more", "More"),
            ("less", "Less"),
            ("gone", "Nothing this time"),
            ("error", "Cannot be billed"),
        ],
        required=True,
        readonly=True,
    )
    attention = fields.Boolean(string="Look at it", readonly=True, help="More than a fifth above or below the last time, or not billable.")
    message = fields.Char(readonly=True)

    _once = models.Constraint("UNIQUE(run_id, partner_id)", "A customer is once in a preview.")
