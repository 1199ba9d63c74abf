# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspIncomingSplitLine(models.TransientModel):
    _name = "isp.incoming.split.line"
    _description = "Share to book"

    wizard_id = fields.Many2one("isp.incoming.split", required=True, ondelete="cascade")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    account_no = fields.Char(related="partner_id.isp_account_no")
    amount = fields.Monetary(required=True)
    currency_id = fields.Many2one(related="wizard_id.currency_id")
