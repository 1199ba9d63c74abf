# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspFupStep(models.Model):
    """One rung of a fair-use ladder."""

    _name = "isp.fup.step"
    _description = "Step of a fair-use ladder"
    _order = "fup_id, sequence"

    fup_id = fields.Many2one("isp.fup", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer(string="Step", required=True, default=1)
    after_mb = fields.Integer(string="After (MB)", required=True)
    down_kbps = fields.Integer(string="Download (kbit/s)", required=True)
    up_kbps = fields.Integer(string="Upload (kbit/s)", required=True)

    _step_unique = models.Constraint("UNIQUE(fup_id, sequence)", "The ladder has this step already.")
    _positive = models.Constraint(
        "CHECK(after_mb > 0 AND down_kbps > 0 AND up_kbps > 0)",
        "Volume and speeds of a step must be above zero.",
    )
