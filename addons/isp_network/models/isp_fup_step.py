# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models


class IspFupStep(models.Model):
    _inherit = "isp.fup.step"

    @api.depends("sequence", "after_mb")
    def _compute_display_name(self):
        for step in self:
            step.display_name = self.env._("Step %(number)s", number=step.sequence)
