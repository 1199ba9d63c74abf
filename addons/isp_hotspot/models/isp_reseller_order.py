# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import AccessError, UserError


class IspTokenOrder(models.Model):
    _inherit = "isp.token.order"

    reseller_id = fields.Many2one("isp.reseller", string="Reseller", readonly=True, ondelete="restrict", index="btree_not_null")

    def _compute_display_name(self):
        """The code; where there is none yet, when it was asked for."""
        for order in self:
            order.display_name = order.sudo().token_id.code or fields.Datetime.to_string(order.ordered_at)

    def write(self, vals):
        """Only what is done with an order changes it; nobody does by hand."""
        if not self.env.su:
            raise AccessError(self.env._("What was given or sold is not changed by hand."))
        return super().write(vals)

    def _on_issued(self):
        """Override: what a reseller sells is paid from the float, in the transaction that makes the token. Key: ``sale/<token>``.

        :raise UserError: the float is not enough, or it is no sale for cash: then there is no token either
        """
        result = super()._on_issued()
        for order in self.sudo():
            reseller = self.env["isp.reseller"]._of(order.user_id, order.site_id)
            if not reseller or order.site_id._is_theirs(order.user_id):
                continue
            if order.method != "cash":
                raise UserError(self.env._("A reseller sells for cash."))
            # Whatever the guest was asked for: the owner's part is of the price of the offer.
            price = max(order.amount, order.offer_id.price)
            net = reseller._net(price)
            values = {"count": 1, "price": price, "commission": price - net, "token_id": order.token_id.id, "order_id": order.id}
            reseller._book("sale", f"sale/{order.token_id.id}", -net, **values)
            order.reseller_id = order.token_id.reseller_id = reseller
        return result
