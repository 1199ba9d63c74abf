# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError


class IspCashPayment(models.TransientModel):
    """Take money over the counter: book it, clear the oldest debts, print a receipt.

    Idempotency key: ``uuid``, made when the form opens. Confirming twice, or a retry of the
    request, gives the same payment.
    """

    _name = "isp.cash.payment"
    _description = "Take a payment"

    uuid = fields.Char(required=True, default=lambda self: str(uuid.uuid4()))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    subscription_id = fields.Many2one(
        "isp.subscription",
        string="For the line",
        domain="[('partner_id', 'child_of', partner_id), ('company_id', '=', company_id)]",
        help="Prepaid: this line is renewed, early too, for as many periods as the money pays. Empty: lines that have run out.",
    )
    balance = fields.Monetary(compute="_compute_balance", string="Owes now")
    overdue = fields.Monetary(compute="_compute_balance")
    amount = fields.Monetary(required=True, compute="_compute_amount", store=True, readonly=False, precompute=True)
    journal_id = fields.Many2one(
        "account.journal",
        string="Into",
        required=True,
        domain="[('type', 'in', ('cash', 'bank')), ('company_id', '=', company_id)]",
        default=lambda self: self.env["account.journal"].sudo().search(
            [("type", "=", "cash"), ("company_id", "=", self.env.company.id)], limit=1
        ),
    )
    date = fields.Date(required=True, default=lambda self: self.env.company._isp_today())
    memo = fields.Char(string="Remark")

    @api.depends("partner_id", "company_id")
    def _compute_balance(self):
        for wizard in self:
            partner = wizard.partner_id.commercial_partner_id
            due = partner._isp_dues().get((partner.id, wizard.company_id.id))
            wizard.balance = due.balance if due else 0
            wizard.overdue = due.overdue if due else 0

    @api.depends("partner_id", "subscription_id")
    def _compute_amount(self):
        """What is owed; for a prepaid line what its next renewal needs."""
        for wizard in self:
            line = wizard.subscription_id.sudo()
            price = line._next_price() if line.billing_mode == "prepaid" and line._may_renew() else 0
            wizard.amount = max(wizard.balance + price, 0)

    def action_confirm(self):
        """Book the money and open the receipt."""
        payment = self._take()
        return self.env.ref("isp_billing.action_report_isp_receipt").report_action(payment)

    def _take(self):
        """Book the money and clear debts, the oldest first; what is left over is credit.

        :return: the posted ``account.payment``
        :raise UserError: the amount is not above zero

        Transaction: the caller's, so money and its effects are committed together.
        """
        self.ensure_one()
        payments = self.env["account.payment"]
        done = payments.search([("isp_uuid", "=", self.uuid)])
        if done:
            return done
        if self.currency_id.compare_amounts(self.amount, 0) <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        if self.subscription_id.partner_id.commercial_partner_id - self.partner_id.commercial_partner_id:
            raise UserError(self.env._("%(line)s is a line of another customer.", line=self.subscription_id.display_name))
        payment = payments.create(self._prepare_payment_vals())
        payment.action_post()
        self._settle(payment)
        return payment

    def _settle(self, payment):
        """Set the posted payment against what is owed. Hook: chosen debts first."""
        payment.partner_id._isp_apply_credit(self.company_id)

    def _prepare_payment_vals(self):
        return {
            "isp_uuid": self.uuid,
            "isp_subscription_id": self.subscription_id.id,
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": self.partner_id.commercial_partner_id.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": self.journal_id.id,
            "date": self.date,
            "memo": self.memo or False,
        }
