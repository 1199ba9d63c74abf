# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import schedule
from ..engine.rate import rate_limit

DAYS = [
    ("all", "Every day"),
    ("work", "Monday to Friday"),
    ("weekend", "Saturday and Sunday"),
    ("0", "Monday"),
    ("1", "Tuesday"),
    ("2", "Wednesday"),
    ("3", "Thursday"),
    ("4", "Friday"),
    ("5", "Saturday"),
    ("6", "Sunday"),
]
_BITS = {"all": schedule.EVERY_DAY, "work": schedule.WORKDAYS, "weekend": schedule.WEEKEND}


class IspPlanRate(models.Model):
    """Hours in which a plan has another speed: the night, the weekend. The first line that fits the moment wins.

    RADIUS answers with the speed of the moment and ends the session when another one begins (``radius.plan_rate``), each line
    in another second of the minute after: the device dials again and gets the new speed, also while Odoo is away.
    """

    _name = "isp.plan.rate"
    _description = "Speed of a plan in some hours"
    _order = "plan_id, sequence, id"
    _rec_name = "weekdays"

    plan_id = fields.Many2one("isp.plan", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(required=True, default=10)
    weekdays = fields.Selection(DAYS, required=True, default="all", string="Days", help="The days on which these hours begin.")
    hour_from = fields.Float(string="From", required=True, default=22)
    hour_to = fields.Float(string="To", required=True, default=6, help="Not after the beginning: on the next day. 24: midnight.")
    down_kbps = fields.Integer(string="Download (kbit/s)", help="0: not limited.")
    up_kbps = fields.Integer(string="Upload (kbit/s)", help="0: not limited.")
    burst_down_kbps = fields.Integer(string="Burst download (kbit/s)", help="0: no burst.")
    rate_limit = fields.Char(compute="_compute_rate_limit", store=True)
    days = fields.Integer(string="Days as bits", compute="_compute_days", store=True, help="Bits of the days, Monday is 1.")
    minute_from = fields.Integer(compute="_compute_minutes", store=True)
    minute_to = fields.Integer(compute="_compute_minutes", store=True)

    _hours_valid = models.Constraint(
        "CHECK(hour_from >= 0 AND hour_from < 24 AND hour_to >= 0 AND hour_to <= 24)", "Hours run from 0:00 to 24:00."
    )
    _not_negative = models.Constraint(
        "CHECK(down_kbps >= 0 AND up_kbps >= 0 AND burst_down_kbps >= 0)", "Speeds cannot be negative."
    )

    @api.depends("down_kbps", "up_kbps", "burst_down_kbps")
    def _compute_rate_limit(self):
        for line in self:
            speeds = (line.down_kbps, line.up_kbps, line.burst_down_kbps)
            line.rate_limit = rate_limit(*speeds) if min(speeds) >= 0 else ""

    @api.depends("weekdays")
    def _compute_days(self):
        for line in self:
            line.days = _BITS.get(line.weekdays) or 1 << int(line.weekdays or 0)

    @api.depends("hour_from", "hour_to")
    def _compute_minutes(self):
        for line in self:
            line.minute_from = round(line.hour_from * 60) % schedule.DAY
            line.minute_to = round(line.hour_to * 60) % schedule.DAY

    @api.constrains("hour_from", "hour_to")
    def _check_hours(self):
        for line in self:
            if line.hour_from == line.hour_to:
                raise ValidationError(self.env._("The hours begin and end at once; a whole day is 0:00 to 24:00."))

    def _windows(self):
        """:return: the lines for ``engine.schedule``, in their order"""
        return [schedule.Window(line.days, line.minute_from, line.minute_to, line.rate_limit or "") for line in self]
