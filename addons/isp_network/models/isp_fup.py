# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine.fair_use import hour_mask
from .isp_plan_rate import _BITS, DAYS


class IspFup(models.Model):
    """Hours that do not count, hours in which alone a ladder slows down. Applied by ``isp.usage.meter``.

    Zones that do not count (a cache, the provider's own servers) are not offered: accounting packets tell the bytes of a session, not
    where they went. A router that routes such a zone past its queue and past the PPP interface's counters does not exist in RouterOS.
    """

    _inherit = "isp.fup"

    hour_ids = fields.One2many("isp.fup.hours", "fup_id", string="Hours", copy=True)
    free_hours = fields.Char(compute="_compute_hours", store=True, help="168 signs, Monday 0:00 first: 1 is not counted.")
    slow_hours = fields.Char(compute="_compute_hours", store=True, help="168 signs: 1 is an hour in which steps hold. Blank: always.")

    @api.depends("hour_ids.effect", "hour_ids.weekdays", "hour_ids.hour_from", "hour_ids.hour_to")
    def _compute_hours(self):
        for ladder in self:
            for effect in ("free", "slow"):
                lines = ladder.hour_ids.filtered(lambda line, effect=effect: line.effect == effect and line.weekdays)
                spans = [(_BITS.get(line.weekdays) or 1 << int(line.weekdays), line.hour_from % 24, line.hour_to % 24) for line in lines]
                ladder[f"{effect}_hours"] = hour_mask(spans)

    @api.constrains("step_ids")
    def _check_steps(self):
        """A step that comes later begins later."""
        for ladder in self:
            volumes = ladder.step_ids.sorted("sequence").mapped("after_mb")
            if volumes != sorted(set(volumes)):
                raise ValidationError(self.env._("%(ladder)s: each step begins after more megabytes than the one before.", ladder=ladder.display_name))


class IspFupHours(models.Model):
    """Hours of a ladder. Usage is counted by the hour, so they are whole; what a packet adds counts in the hour in which it came."""

    _name = "isp.fup.hours"
    _description = "Hours of a fair-use ladder"
    _order = "fup_id, effect, id"
    _rec_name = "weekdays"

    fup_id = fields.Many2one("isp.fup", required=True, ondelete="cascade", index=True)
    effect = fields.Selection(
        [("free", "Free: not counted"), ("slow", "The only hours in which it slows down")], required=True, default="free"
    )
    weekdays = fields.Selection(DAYS, required=True, default="all", string="Days", help="The days on which these hours begin.")
    hour_from = fields.Integer(string="From (hour)", required=True, default=0)
    hour_to = fields.Integer(string="To (hour)", required=True, default=6, help="Not after the beginning: on the next day. 24: midnight.")

    _hours_valid = models.Constraint(
        "CHECK(hour_from >= 0 AND hour_from < 24 AND hour_to >= 0 AND hour_to <= 24 AND hour_from <> hour_to)",
        "Hours run from 0 to 24 and do not end where they begin; a whole day is 0 to 24.",
    )
