# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    def action_live(self):
        self.ensure_one()
        return self.env["isp.live"]._action(self)
