# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_owner_account_id = fields.Many2one(related="company_id.isp_owner_account_id", readonly=False)
    isp_reseller_float_account_id = fields.Many2one(related="company_id.isp_reseller_float_account_id", readonly=False)
    isp_reseller_debt_account_id = fields.Many2one(related="company_id.isp_reseller_debt_account_id", readonly=False)
    isp_reseller_share_account_id = fields.Many2one(related="company_id.isp_reseller_share_account_id", readonly=False)
    isp_commission_product_id = fields.Many2one(related="company_id.isp_commission_product_id", readonly=False)
    isp_token_product_id = fields.Many2one(related="company_id.isp_token_product_id", readonly=False)
