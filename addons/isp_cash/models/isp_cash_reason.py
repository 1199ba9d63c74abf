# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspCashReason(models.Model):
    """What cash is paid out for, and where that is booked: so a cashier chooses words, not accounts."""

    _name = "isp.cash.reason"
    _description = "Reason to pay out cash"
    _order = "sequence, name"
    _check_company_auto = True

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    account_id = fields.Many2one(
        "account.account",
        required=True,
        check_company=True,
        ondelete="restrict",
        domain="[('account_type', 'not in', ('asset_receivable', 'liability_payable', 'off_balance'))]",
        groups="isp_base.group_isp_billing_manager",
    )
    active = fields.Boolean(default=True)
