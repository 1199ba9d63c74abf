# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspBillingError(models.Model):
    """What a billing run could not do, for whom and why. The next run tries it again by itself."""

    _name = "isp.billing.error"
    _description = "Problem of a billing run"
    _order = "id desc"
    _rec_name = "message"

    run_id = fields.Many2one("isp.billing.run", required=True, readonly=True, ondelete="cascade", index=True)
    phase = fields.Selection([("rate", "Rating"), ("invoice", "Invoicing")], required=True, readonly=True)
    subscription_id = fields.Many2one("isp.subscription", readonly=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True, ondelete="cascade")
    message = fields.Char(required=True, readonly=True)
