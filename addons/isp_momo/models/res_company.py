# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    wallet_payout_limit = fields.Monetary(
        string="Payouts without a person up to",
        help="Payouts to wallets go out by themselves up to this amount; above it somebody with the right confirms each. 0: every one.",
    )

    _wallet_payout_limit_right = models.Constraint("CHECK (COALESCE(wallet_payout_limit, 0) >= 0)", "The limit of payouts cannot be below zero.")
