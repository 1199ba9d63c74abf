# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError


class IspRenew(models.TransientModel):
    """Shows what the next renewal of a prepaid line costs and does it from the customer's credit.

    Idempotency key: ``number``, the renewal that was shown. Confirming twice renews once.
    """

    _name = "isp.renew"
    _description = "Renew a prepaid line"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True)
    partner_id = fields.Many2one(related="subscription_id.partner_id")
    currency_id = fields.Many2one(related="subscription_id.currency_id")
    number = fields.Integer(readonly=True)
    date_from = fields.Date(string="From", readonly=True)
    valid_until = fields.Datetime(string="New end", readonly=True)
    untaxed = fields.Monetary(string="Without taxes", readonly=True)
    total = fields.Monetary(string="To pay", readonly=True)
    credit = fields.Monetary(readonly=True, help="What the customer has paid in advance, after all debts; below zero: owed.")
    missing = fields.Monetary(readonly=True)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        line = self.env["isp.subscription"].browse(values.get("subscription_id"))
        if line:
            values.update(self._prepare_offer(line))
        return values

    @api.model
    def _prepare_offer(self, line):
        line.check_access("write")
        line = line.sudo()
        if not line._may_renew():
            raise UserError(
                self.env._("%(line)s cannot be renewed: it is not prepaid, or not in service.", line=line.display_name)
            )
        renewal, credit = line._prepare_renewal(), line._credit()
        return {
            "number": renewal.number,
            "date_from": renewal.term.period.start,
            "valid_until": renewal.term.ends,
            "untaxed": renewal.quote.untaxed,
            "total": renewal.quote.total,
            "credit": credit,
            "missing": max(renewal.quote.total - credit, 0),
        }

    def action_confirm(self):
        """Renew from credit; nothing when this renewal has been done meanwhile.

        :raise UserError: the credit is not enough, or the line cannot be renewed
        """
        self.ensure_one()
        line = self.subscription_id
        line.check_access("write")
        line = line.sudo()
        if line._try_renewal(early=True, number=self.number) is False and line.prepaid_number < self.number:
            raise UserError(
                line.prepaid_problem or self.env._("The credit is not enough any more. Take a payment for this line.")
            )

    def action_pay(self):
        """Take what is missing; the payment renews the line."""
        self.ensure_one()
        action = self.partner_id.commercial_partner_id.action_isp_take_payment()
        return {**action, "context": {**action["context"], "default_subscription_id": self.subscription_id.id}}
