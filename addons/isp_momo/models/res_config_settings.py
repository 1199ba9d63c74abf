# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    wallet_payout_limit = fields.Monetary(related="company_id.wallet_payout_limit", readonly=False)
