# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger, LooseMany2one


class IspUsageMonth(models.Model):
    """A calendar month of one access in Juba: the sum of its days. A customer's own cycle is summed from days."""

    _name = "isp.usage.month"
    _description = "Usage by month"
    _order = "month desc, id desc"
    _rec_name = "month"
    _log_access = False

    access_id = LooseMany2one("isp.access", string="User name", required=True, readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    plan_id = fields.Many2one(related="access_id.plan_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    area = fields.Char(related="access_id.subscription_id.partner_id.isp_payam", string="Area")
    router_id = fields.Many2one(related="access_id.subscription_id.router_id", string="Router of the line")
    month = fields.Date(required=True, readonly=True, help="Its first day.")
    bytes_up = BigInteger(string="Upload", readonly=True)
    bytes_down = BigInteger(string="Download", readonly=True)
    seconds = BigInteger(string="Online (s)", readonly=True)

    _access_month_unique = models.UniqueIndex("(access_id, month)")
    # Lists begin with the latest; a year of all lines is many millions of rows.
    _latest_index = models.Index("(month, id)")
