# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError

from ..fields import BigInteger

#: What billing writes afterwards; nothing else of a row changes.
_LATER = {"bytes_seen", "period_id"}


class IspUsageRating(models.Model):
    """Usage of some days that was rated once: a cycle, or the part of one before a change of plan, a pause or the end.

    Idempotency key: (subscription, first day), UNIQUE. ``bytes_seen`` is what has been counted for these days; packets that come later
    (up to 90 days) are charged with the next part that is rated (``bytes_late`` there), never by changing this one.
    """

    _name = "isp.usage.rating"
    _description = "Usage rated"
    _order = "date_start desc, id desc"
    _rec_name = "date_start"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict")
    partner_id = fields.Many2one(related="subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    access_id = fields.Many2one("isp.access", string="User name", readonly=True, ondelete="restrict")
    plan_id = fields.Many2one("isp.plan", required=True, readonly=True, ondelete="restrict")
    terms_id = fields.Many2one("isp.usage.terms", string="Terms", readonly=True, ondelete="restrict")
    price_gb = fields.Monetary(related="terms_id.price_gb", string="Price of a GB")
    date_start = fields.Date(string="From", required=True, readonly=True)
    date_end = fields.Date(string="To", required=True, readonly=True)
    bytes_used = BigInteger(string="Used", readonly=True)
    bytes_late = BigInteger(string="From earlier days", readonly=True, help="Packets of days rated before that came afterwards.")
    bytes_included = BigInteger(string="Included", readonly=True)
    bytes_topup = BigInteger(string="Bought on top", readonly=True)
    bytes_charged = BigInteger(string="Above", readonly=True)
    bytes_paid = BigInteger(string="Charged (bytes)", readonly=True, help="With the rest of a GB that was begun, less what earlier parts of the cycle began.")
    bytes_seen = BigInteger(string="Counted until now", readonly=True)
    amount = fields.Monetary(readonly=True, help="Without taxes.")
    period_id = fields.Many2one("isp.period", string="In the ledger", readonly=True, ondelete="restrict", help="Blank: nothing was charged.")

    _rated_once = models.UniqueIndex("(subscription_id, date_start)", "The usage of these days is rated already.")
    _days_in_order = models.Constraint("CHECK(date_start <= date_end)", "A period ends after it starts.")

    def write(self, vals):
        if not vals.keys() <= _LATER:
            raise UserError(self.env._("Usage that was rated is never edited. Correct it by an adjustment."))
        return super().write(vals)
