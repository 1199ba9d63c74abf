# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models


class PaymentTransaction(models.Model):
    """Wallet money is money like any other: debts first, the oldest before the others, then prepaid lines, the rest is credit."""

    _inherit = "payment.transaction"

    isp_subscription_id = fields.Many2one(
        "isp.subscription",
        string="For the line",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Prepaid line this money is for: it is renewed, early too, for as many periods as the money pays.",
    )
    isp_wallet_shift_id = fields.Many2one(
        "isp.cash.shift", string="Asked for in shift", readonly=True, copy=False, ondelete="restrict", index="btree_not_null"
    )
    isp_held_ids = fields.Many2many(
        "isp.subscription", "isp_wallet_hold_rel", "transaction_id", "subscription_id", string="Not cut meanwhile", readonly=True, copy=False
    )

    _isp_open_index = models.Index("(partner_id) WHERE wallet_phase IN ('to_send', 'sent')")

    # === Asking ===

    def _wallet_start(self, msisdn=""):
        """Override of `isp_momo`: prepaid time that ends before the answer is kept open until then."""
        fresh = not self.wallet_phase
        result = super()._wallet_start(msisdn)
        if fresh and self.wallet_phase:
            self._isp_lend_time()
        return result

    def _isp_lend_time(self):
        """Keep the customer's prepaid lines open that would be closed while this is asked, as long as a request holds a cut.

        What is over already is not opened. Taken back by the answer: ``_isp_take_back``.
        """
        hours, now = timedelta(hours=self.company_id.isp_wallet_hold_hours), fields.Datetime.now()
        domain = [("partner_id", "child_of", self.partner_id.commercial_partner_id.ids), ("company_id", "=", self.company_id.id)]
        domain += [("billing_mode", "=", "prepaid"), ("state", "=", "active"), ("valid_until", ">", now), ("valid_until", "<", now + hours)]
        for line in self.env["isp.subscription"].sudo().search(domain):
            until = now + hours - line._wallet_waited()
            if until > line.valid_until:
                self.isp_held_ids += line
                line.lent_until = until

    def _on_wallet_final(self):
        """Override of `isp_momo`: who refused to pay has what is paid for, no more."""
        result = super()._on_wallet_final()
        if self.state != "done":
            self._isp_take_back()
        return result

    def _isp_take_back(self):
        """End what was lent because of these, unless another request of the customer is open."""
        lent = self.isp_held_ids.filtered("lent_until")
        for line in lent:
            if not self._isp_on_the_way(line.partner_id.commercial_partner_id) - self:
                line.lent_until = False

    # === Booking ===

    def _prepare_isp_payment(self):
        """:return: what the payment of this request takes over from it"""
        return {"isp_subscription_id": self.isp_subscription_id.id, "isp_wallet_shift_id": self.isp_wallet_shift_id.id}

    def _prepare_wallet_payment(self):
        return {**super()._prepare_wallet_payment(), **self._prepare_isp_payment()}

    def _create_payment(self, **extra_create_values):
        """Override of `account_payment`: wallet money that is not booked together with others."""
        own = self._prepare_isp_payment() if self.wallet_uuid and self.operation != "refund" else {}
        return super()._create_payment(**{**own, **extra_create_values})

    def _on_wallet_booked(self):
        """Override of `isp_momo`: what the invoices asked for did not take pays other debts, the oldest first; then the receipt.

        Services came back and lines were renewed when the payment was posted: all in one transaction.
        """
        result = super()._on_wallet_booked()
        money = self.payment_id.filtered(lambda p: p.payment_type == "inbound" and p.state not in ("draft", "canceled", "rejected"))
        for company, payments in money.grouped("company_id").items():
            payments.partner_id.with_company(company)._isp_apply_credit(company)
        money._isp_tell_received()
        self.sudo()._isp_take_back()
        return result

    # === Money on its way ===

    @api.model
    def _isp_on_the_way(self, customers):
        """Requests that may still bring money of these customers.

        :param customers: commercial partners
        :return: ``payment.transaction`` (sudo), the oldest first: asked and without a final answer since not longer than the
            company's hours; or paid and not booked yet
        """
        now, transactions = fields.Datetime.now(), self.sudo()
        if not customers:
            return transactions.browse()
        theirs = [("partner_id.commercial_partner_id", "in", customers.ids), ("wallet_uuid", "!=", False), ("operation", "!=", "refund")]
        asked = transactions.search([*theirs, ("wallet_phase", "in", ("to_send", "sent")), ("state", "in", ("draft", "pending", "error"))], order="id")
        paid = transactions.search([*theirs, ("state", "=", "done"), ("is_post_processed", "=", False)], order="id")
        recent = asked.filtered(lambda tx: tx.wallet_since and tx.wallet_since > now - timedelta(hours=tx.company_id.isp_wallet_hold_hours))
        return paid + recent
