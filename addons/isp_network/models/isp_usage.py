# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger, LooseMany2one


class IspUsage(models.Model):
    """Hourly counters of one access. ``radius.acct`` adds the difference between two packets to the hour of the later one."""

    _name = "isp.usage"
    _description = "Usage"
    _order = "hour desc, id desc"
    _rec_name = "hour"
    _log_access = False

    access_id = LooseMany2one("isp.access", required=True, readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    hour = fields.Datetime(required=True, readonly=True, help="Start of the hour (UTC).")
    bytes_up = BigInteger(string="Upload", readonly=True)
    bytes_down = BigInteger(string="Download", readonly=True)
    seconds = BigInteger(string="Online (s)", readonly=True)

    _access_hour_unique = models.UniqueIndex("(access_id, hour)")
