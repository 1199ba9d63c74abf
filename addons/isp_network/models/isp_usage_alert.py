# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger


class IspUsageAlert(models.Model):
    """A customer was told that so much is used. Idempotency: once a window and threshold, UNIQUE in the database."""

    _name = "isp.usage.alert"
    _description = "Usage told to a customer"
    _order = "id desc"
    _rec_name = "access_id"
    _log_access = False

    access_id = fields.Many2one("isp.access", string="User name", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    since = fields.Datetime(string="Counted from", required=True, readonly=True)
    percent = fields.Integer(required=True, readonly=True)
    at = fields.Datetime(string="When", required=True, readonly=True)
    bytes = BigInteger(string="Used", readonly=True)
    volume = BigInteger(string="Of", readonly=True)

    _told_once = models.UniqueIndex("(access_id, since, percent)")
