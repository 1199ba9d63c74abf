# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_uuid = fields.Char(readonly=True, copy=False, help="Made by the form that took the money: the same form twice is one payment.")

    _isp_uuid_unique = models.UniqueIndex("(isp_uuid) WHERE isp_uuid IS NOT NULL", "This payment is booked already.")

    def action_post(self):
        """Override of `account`: money that pays no invoice yet counts for the customer at once."""
        result = super().action_post()
        self.filtered(lambda p: p.partner_type == "customer" and p.payment_type == "inbound").partner_id._isp_on_settled()
        return result

    def _isp_settled(self):
        """:return: [(name of what was paid, amount)] in the payment's currency, credit last"""
        self.ensure_one()
        lines = self.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        rows = [
            (partial.debit_move_id.move_id.ref if partial.debit_move_id.move_id.isp_opening_partner_id else partial.debit_move_id.move_id.name, partial.credit_amount_currency)
            for partial in lines.matched_debit_ids.sorted("id")
        ]
        rest = self.amount - sum(amount for _name, amount in rows)
        if not self.currency_id.is_zero(rest):
            rows.append((self.env._("Credit"), rest))
        return rows
