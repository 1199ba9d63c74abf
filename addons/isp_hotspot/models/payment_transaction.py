# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError


class PaymentTransaction(models.Model):
    """Mobile money for tokens: the token is made when the payment becomes final, in the same transaction; an owner's money is booked
    as owed to the owner.
    """

    _inherit = "payment.transaction"

    isp_token_order_id = fields.Many2one("isp.token.order", string="WiFi token", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")

    def _on_wallet_final(self):
        """Override of `isp_momo`: answers that come together make their tokens together (``_on_wallet_applied``)."""
        result = super()._on_wallet_final()
        if not self.env.context.get("wallet_together"):
            self._isp_after_money()
        return result

    def _on_wallet_applied(self):
        """Override of `isp_momo`."""
        result = super()._on_wallet_applied()
        self._isp_after_money()
        return result

    def _isp_after_money(self):
        """What is paid has its token, what is not says so. The second time nothing."""
        asked, refunds = self.filtered("isp_token_order_id"), self.filtered(lambda tx: tx.operation == "refund" and tx._isp_token_order())
        asked.filtered(lambda tx: tx.state == "done").isp_token_order_id._on_paid()
        for tx in asked.filtered(lambda tx: tx.state in ("error", "cancel")):
            tx.isp_token_order_id._on_not_paid(tx.wallet_reason or "")
        refunds.filtered(lambda tx: tx.state == "done")._isp_token_order()._on_refunded()
        refunds.filtered(lambda tx: tx.state in ("error", "cancel"))._isp_token_order()._on_refund_failed()

    def _refund(self, amount_to_refund=None):
        """Override of `isp_momo`: from wherever it is asked, the money of a token goes back whole, and by the order: its code is good no more.

        :raise UserError: a part of it, or the token was used
        """
        order = self.isp_token_order_id
        if not order:
            return super()._refund(amount_to_refund=amount_to_refund)
        if self.currency_id.compare_amounts(amount_to_refund or self.amount, self.amount):
            raise UserError(self.env._("The money of a WiFi token goes back whole, or not at all."))
        if order.state == "refunding":
            return super()._refund(amount_to_refund=amount_to_refund)
        order._refund()
        return self.child_transaction_ids.filtered(lambda tx: tx.operation == "refund").sorted("id")[-1:]

    def _isp_token_order(self):
        """:return: the orders these are the payments of, or the refunds"""
        return self.isp_token_order_id | self.source_transaction_id.isp_token_order_id

    def _isp_for_owners(self):
        """:return: those whose money is an owner's"""
        return self.filtered(lambda tx: tx._isp_token_order() and not tx._isp_token_order().site_id.own)

    def _prepare_isp_payment(self):
        """Override of `isp_billing_momo`: an owner's money is a liability, no credit of a customer."""
        values = super()._prepare_isp_payment()
        if self._isp_for_owners():
            values["destination_account_id"] = self.company_id._isp_owner_account().id
        return values

    def _create_payment(self, **extra_create_values):
        """Override of `account_payment`: what goes back to a guest is taken from where it was booked."""
        if self.operation == "refund" and self._isp_for_owners():
            extra_create_values = {"destination_account_id": self.company_id._isp_owner_account().id, **extra_create_values}
        return super()._create_payment(**extra_create_values)

    def _on_wallet_booked(self):
        """Override of `isp_billing_momo`: tokens pay no debts and get no receipt by SMS, their code is it."""
        return super(PaymentTransaction, self - self.filtered("isp_token_order_id"))._on_wallet_booked()

    def _isp_lend_time(self):
        """Override of `isp_billing_momo`: a guest's payment lends no line its time."""
        return None if self.isp_token_order_id else super()._isp_lend_time()
