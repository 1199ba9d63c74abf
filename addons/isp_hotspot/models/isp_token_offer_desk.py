# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models

from ..engine import life

UNIT_NAMES = [("minute", "Minutes"), ("hour", "Hours"), ("day", "Days"), ("week", "Weeks"), ("month", "Months (30 days)")]
UNITS = {"minute": 60, "hour": life.HOUR, "day": life.DAY, "week": 7 * life.DAY, "month": 30 * life.DAY}


class IspTokenOffer(models.Model):
    """The time of an offer as a person says it: 3 hours, 1 week."""

    _inherit = "isp.token.offer"

    time_count = fields.Integer(string="Time", compute="_compute_time", inverse="_inverse_time")
    time_unit = fields.Selection(
        UNIT_NAMES,
        string="Unit",
        compute="_compute_time",
        inverse="_inverse_time",
    )
    seconds = fields.Integer(default=life.HOUR)

    @api.depends("seconds")
    def _compute_time(self):
        for offer in self:
            offer.time_count, offer.time_unit = life.split(offer.seconds)

    def _inverse_time(self):
        for offer in self:
            offer.seconds = offer.time_count * UNITS[offer.time_unit or "hour"]
