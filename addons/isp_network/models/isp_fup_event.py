# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import BigInteger


class IspFupEvent(models.Model):
    """A line went to another step of its ladder: when, at which volume, to which speed. Written by ``isp.usage.meter``, kept as long as hours."""

    _name = "isp.fup.event"
    _description = "Change of the fair-use speed"
    _order = "id desc"
    _rec_name = "access_id"
    _log_access = False

    access_id = fields.Many2one("isp.access", string="User name", required=True, readonly=True, ondelete="cascade")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    at = fields.Datetime(string="When", required=True, readonly=True)
    since = fields.Datetime(string="Counted from", readonly=True)
    bytes = BigInteger(string="Used", readonly=True)
    step_id = fields.Many2one("isp.fup.step", string="Step", readonly=True, ondelete="set null")
    rate = fields.Char(string="Speed", readonly=True, help="Blank: the plan's.")

    _access_index = models.Index("(access_id, id)")
