# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class PaymentTransaction(models.Model):
    """Mobile money for tokens: the token is made when the payment becomes final, in the same transaction."""

    _inherit = "payment.transaction"

    isp_token_order_id = fields.Many2one("isp.token.order", string="WiFi token", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")

    def _on_wallet_final(self):
        """Override of `isp_momo`."""
        result = super()._on_wallet_final()
        for tx in self.filtered(lambda tx: tx.isp_token_order_id and tx.operation != "refund"):
            if tx.state == "done":
                tx.isp_token_order_id._on_paid()
            elif tx.state in ("error", "cancel"):
                tx.isp_token_order_id._on_not_paid(tx.wallet_reason or "")
        return result
