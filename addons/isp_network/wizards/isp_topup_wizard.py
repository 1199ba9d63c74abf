# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models


class IspTopupWizard(models.TransientModel):
    """Sell data on top over the counter. Idempotency key: ``uuid``, made when the form opens."""

    _name = "isp.topup.wizard"
    _description = "Sell data on top"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    company_id = fields.Many2one(related="subscription_id.company_id")
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    offer_ids = fields.Many2many("isp.topup.offer", compute="_compute_offer_ids")
    offer_id = fields.Many2one("isp.topup.offer", string="Data on top", required=True, domain="[('id', 'in', offer_ids)]")
    billing_mode = fields.Selection(related="subscription_id.billing_mode")
    pay = fields.Selection([("credit", "Now"), ("invoice", "With the next invoice")], required=True, default="credit")
    until = fields.Datetime(string="Good until", compute="_compute_offer_ids")
    used = fields.Char(string="Used now", compute="_compute_offer_ids")
    total = fields.Monetary(string="To pay", compute="_compute_total")
    credit = fields.Monetary(compute="_compute_total", help="What the customer has paid in advance, after all debts; below zero: owed.")
    missing = fields.Monetary(compute="_compute_total")

    @api.depends("subscription_id")
    def _compute_offer_ids(self):
        for wizard in self:
            line = wizard.subscription_id.sudo()
            wizard.offer_ids = line._topup_offers()
            wizard.until = line._can_top_up() and line._topup_until()
            wizard.used = line._usage_sentence()

    @api.depends("offer_id", "pay")
    def _compute_total(self):
        for wizard in self:
            line = wizard.subscription_id.sudo()
            topup = self.env["isp.topup"].sudo().new(
                {"subscription_id": line.id, "offer_id": wizard.offer_id.id, "price": wizard.offer_id.price}
            )
            wizard.total = self.env["isp.quote"].sudo()._quote([topup._prepare_period()], line.company_id).total if wizard.offer_id else 0
            wizard.credit = line._credit()
            wizard.missing = max(wizard.total - wizard.credit, 0) if wizard.pay == "credit" else 0

    def action_confirm(self):
        """Sell it; where money is missing, take the payment: it is given as soon as that is booked."""
        self.ensure_one()
        self.subscription_id.check_access("write")
        missing = self.missing
        topup = self.subscription_id._sell_topup(self.offer_id, self.pay, self.uuid)
        if topup.state != "waiting":
            return {"type": "ir.actions.act_window_close"}
        action = self.partner_id.commercial_partner_id.action_isp_take_payment()
        return {**action, "context": {**action["context"], "default_amount": missing}}
