# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    isp_due_days = fields.Integer(related="company_id.isp_due_days", readonly=False)
    isp_confirm_run = fields.Boolean(related="company_id.isp_confirm_run", readonly=False)
    isp_auto_suspend = fields.Boolean(related="company_id.isp_auto_suspend", readonly=False)
    isp_grace_days = fields.Integer(related="company_id.isp_grace_days", readonly=False)
    isp_expiring_days = fields.Integer(related="company_id.isp_expiring_days", readonly=False)
    isp_journal_id = fields.Many2one(related="company_id.isp_journal_id", readonly=False)
    isp_opening_account_id = fields.Many2one(related="company_id.isp_opening_account_id", readonly=False)
    isp_invoice_sms = fields.Boolean(related="company_id.isp_invoice_sms", readonly=False)
    isp_invoice_email = fields.Boolean(related="company_id.isp_invoice_email", readonly=False)
    isp_sms_name = fields.Char(related="company_id.isp_sms_name", readonly=False)
    isp_quiet_from = fields.Float(related="company_id.isp_quiet_from", readonly=False)
    isp_quiet_to = fields.Float(related="company_id.isp_quiet_to", readonly=False)
    isp_price_notice_days = fields.Integer(related="company_id.isp_price_notice_days", readonly=False)
    isp_price_rounding = fields.Float(related="company_id.isp_price_rounding", readonly=False)
    isp_promotion_approval = fields.Boolean(related="company_id.isp_promotion_approval", readonly=False)
    isp_setup_product_id = fields.Many2one(related="company_id.isp_setup_product_id", readonly=False)
    isp_deposit_product_id = fields.Many2one(related="company_id.isp_deposit_product_id", readonly=False)
    isp_deposit_account_id = fields.Many2one(related="company_id.isp_deposit_account_id", readonly=False)
    isp_dunning_policy_id = fields.Many2one(related="company_id.isp_dunning_policy_id", readonly=False)
    isp_weekend = fields.Selection(related="company_id.isp_weekend", readonly=False)
    isp_no_cut_weekend = fields.Boolean(related="company_id.isp_no_cut_weekend", readonly=False)
    isp_no_cut_holiday = fields.Boolean(related="company_id.isp_no_cut_holiday", readonly=False)
    isp_cut_from = fields.Float(related="company_id.isp_cut_from", readonly=False)
    isp_cut_to = fields.Float(related="company_id.isp_cut_to", readonly=False)
    isp_cut_cap = fields.Float(related="company_id.isp_cut_cap", readonly=False)
    isp_cut_cap_min = fields.Integer(related="company_id.isp_cut_cap_min", readonly=False)
    isp_warning_hours = fields.Integer(related="company_id.isp_warning_hours", readonly=False)
    isp_put_back_days = fields.Integer(related="company_id.isp_put_back_days", readonly=False)
    isp_currency_id = fields.Many2one(related="company_id.currency_id", string="Currency of the limits")
    isp_instalment_limit = fields.Monetary(related="company_id.isp_instalment_limit", readonly=False, currency_field="isp_currency_id")
    isp_adjustment_limit = fields.Monetary(related="company_id.isp_adjustment_limit", readonly=False, currency_field="isp_currency_id")
    isp_writeoff_account_id = fields.Many2one(related="company_id.isp_writeoff_account_id", readonly=False)
