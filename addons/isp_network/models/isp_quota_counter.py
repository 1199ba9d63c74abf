# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger, LooseMany2one


class IspQuotaCounter(models.Model):
    """Bytes an access with a quota has used since its cycle began: what authentication reads, one row an access.

    Written by ``radius.acct``. A new cycle or a new purchase (``quota_from``) makes ``since`` old: the row then counts as
    nothing and the next packet starts it again, without a job at midnight.
    """

    _name = "isp.quota.counter"
    _description = "Data used of a quota"
    _rec_name = "access_id"
    _log_access = False

    access_id = LooseMany2one("isp.access", required=True, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    # What ``since`` was worked out from, and until when it holds: whoever reads need not do that again.
    until = fields.Datetime(readonly=True)
    quota_from = fields.Datetime(string="Data counts from", readonly=True)
    quota_day = fields.Integer(readonly=True)
    bytes = BigInteger(readonly=True)
    seconds = BigInteger(readonly=True)
    spent_at = fields.Datetime(string="Used up", readonly=True, help="When a packet reached the end of the data or of the time on line. Blank: something is left.")

    _access_unique = models.UniqueIndex("(access_id)")
    _spent_index = models.Index("(spent_at) WHERE spent_at IS NOT NULL")
