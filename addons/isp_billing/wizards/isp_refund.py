# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL


class IspRefund(models.TransientModel):
    """Pays credit out to the customer, from the journal the money leaves.

    Idempotency key: ``uuid``, made when the form opens. Never more than the customer's credit.
    """

    _name = "isp.refund"
    _description = "Pay out a refund"

    uuid = fields.Char(required=True, default=lambda self: str(uuid.uuid4()))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True)
    credit = fields.Monetary(compute="_compute_credit")
    amount = fields.Monetary(required=True, compute="_compute_amount", store=True, readonly=False, precompute=True)
    journal_id = fields.Many2one(
        "account.journal",
        string="From",
        required=True,
        domain="[('type', 'in', ('cash', 'bank')), ('company_id', '=', company_id)]",
        default=lambda self: self.env["account.journal"].search(
            [("type", "=", "cash"), ("company_id", "=", self.env.company.id)], limit=1
        ),
    )
    date = fields.Date(required=True, default=lambda self: self.env.company._isp_today())
    memo = fields.Char(string="Remark")

    @api.depends("partner_id", "company_id")
    def _compute_credit(self):
        for wizard in self:
            partner = wizard.partner_id.commercial_partner_id
            due = partner._isp_dues().get((partner.id, wizard.company_id.id))
            wizard.credit = max(-due.balance, 0) if due else 0

    @api.depends("partner_id")
    def _compute_amount(self):
        for wizard in self:
            wizard.amount = wizard.credit

    def action_confirm(self):
        """Book the money out and open the payment."""
        payment = self._pay_out()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.payment",
            "res_id": payment.id,
            "view_mode": "form",
        }

    def _pay_out(self):
        """Book the payment to the customer and set it against the credit.

        :return: the posted ``account.payment``; of the same form twice the first one
        :raise UserError: the amount is not above zero, or more than the credit

        Transaction: the caller's. Two refunds at once use the same credit lines: the second fails to serialize,
        is tried again and finds the credit gone.
        """
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager pays out refunds."))
        payments = self.env["account.payment"]
        done = payments.search([("isp_uuid", "=", self.uuid)])
        if done:
            return done
        partner = self.partner_id.commercial_partner_id
        self.env.cr.execute(SQL("SELECT id FROM res_partner WHERE id = %s FOR NO KEY UPDATE", partner.id))
        self.invalidate_recordset(["credit"])
        if self.currency_id.compare_amounts(self.amount, 0) <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        if self.currency_id.compare_amounts(self.amount, self.credit) > 0:
            raise UserError(
                self.env._(
                    "%(customer)s has a credit of %(credit)s; more cannot be paid out.",
                    customer=partner.display_name,
                    credit=self.currency_id.format(self.credit),
                )
            )
        payment = payments.create(self._prepare_payment_vals(partner))
        payment.action_post()
        partner._isp_apply_credit(self.company_id)
        return payment

    def _prepare_payment_vals(self, partner):
        return {
            "isp_uuid": self.uuid,
            "payment_type": "outbound",
            "partner_type": "customer",
            "partner_id": partner.id,
            "amount": self.amount,
            "currency_id": self.currency_id.id,
            "journal_id": self.journal_id.id,
            "date": self.date,
            "memo": self.memo or False,
        }
