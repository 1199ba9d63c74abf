# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    isp_adjustment_id = fields.Many2one("isp.adjustment", string="Adjustment", readonly=True, copy=False, ondelete="restrict")

    _isp_adjusted_once = models.UniqueIndex(
        "(isp_adjustment_id) WHERE isp_adjustment_id IS NOT NULL AND state <> 'cancel'", "This adjustment is booked already."
    )
