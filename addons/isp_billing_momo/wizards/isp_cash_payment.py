# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspCashPayment(models.TransientModel):
    _inherit = "isp.cash.payment"

    has_wallet = fields.Boolean(compute="_compute_has_wallet")

    def _compute_has_wallet(self):
        self.has_wallet = bool(self.env["isp.wallet.ask"]._wallets())

    def action_wallet(self):
        """Ask the customer's telephone for the money instead of taking cash."""
        self.ensure_one()
        asks = self.env["isp.wallet.ask"]
        chosen = self.line_ids.filtered("chosen").mapped("item_id") if self.allocation == "chosen" else []
        items = self._open_items().filtered(lambda item: item.id in chosen)
        vals = asks._prepare_ask(self.partner_id.commercial_partner_id, self.company_id, line=self.subscription_id.sudo())
        vals.update(amount=self.amount, move_ids=items.move_id.ids, at_desk=True)
        return asks.create(vals)._action_form()
