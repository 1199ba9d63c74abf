# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspFup(models.Model):
    """A fair-use ladder: from so many megabytes on, this speed."""

    _name = "isp.fup"
    _description = "Fair-use ladder"
    _order = "code"
    _rec_names_search = ["code", "name"]

    code = fields.Char(required=True)
    name = fields.Char(required=True, translate=True)
    window = fields.Selection(
        [("day", "Day"), ("week", "Week"), ("month", "Month")],
        required=True,
        default="month",
        help="Usage is counted within this window; a month runs from the customer's cycle day.",
    )
    step_ids = fields.One2many("isp.fup.step", "fup_id", string="Steps", copy=True)
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint("UNIQUE(code)", "A fair-use ladder with this code exists already.")

    @api.depends("code", "name")
    def _compute_display_name(self):
        for fup in self:
            fup.display_name = f"[{fup.code}] {fup.name}" if fup.code else fup.name
