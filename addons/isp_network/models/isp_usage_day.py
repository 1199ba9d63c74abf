# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger, LooseMany2one


class IspUsageDay(models.Model):
    """A day of one access, midnight to midnight in Juba: the sum of its hours, behind by an hour at most."""

    _name = "isp.usage.day"
    _description = "Usage by day"
    _order = "day desc, id desc"
    _rec_name = "day"
    _log_access = False

    access_id = LooseMany2one("isp.access", string="User name", required=True, readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    plan_id = fields.Many2one(related="access_id.plan_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    area = fields.Char(related="access_id.subscription_id.partner_id.isp_payam", string="Area")
    router_id = fields.Many2one(related="access_id.subscription_id.router_id", string="Router of the line")
    day = fields.Date(required=True, readonly=True)
    bytes_up = BigInteger(string="Upload", readonly=True)
    bytes_down = BigInteger(string="Download", readonly=True)
    bytes_free = BigInteger(string="Not counted", readonly=True, help="Of it, in hours that were free by the ladder when the day was summed up.")
    seconds = BigInteger(string="Online (s)", readonly=True)

    _access_day_unique = models.UniqueIndex("(access_id, day)")
    # Lists begin with the latest; a year of all lines is many millions of rows.
    _latest_index = models.Index("(day, id)")
