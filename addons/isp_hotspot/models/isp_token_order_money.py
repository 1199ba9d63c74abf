# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError


class IspTokenOrder(models.Model):
    """Commission, statement and refund of an order."""

    _inherit = "isp.token.order"

    commission = fields.Monetary(readonly=True, help="The ISP's part of an owner's sale, without taxes, by the tariff of that day.")
    statement_id = fields.Many2one("isp.site.statement", readonly=True, index="btree_not_null", ondelete="restrict")
    refund_statement_id = fields.Many2one("isp.site.statement", readonly=True, index="btree_not_null", ondelete="restrict")

    day_id = fields.Many2one("isp.site.day", string="Booked with", readonly=True, index="btree_not_null", ondelete="restrict")
    refund_day_id = fields.Many2one("isp.site.day", readonly=True, index="btree_not_null", ondelete="restrict")

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            site = self.env["isp.site"].browse(vals["site_id"])
            if not site.own:
                vals["commission"] = site.tariff_id._commission(vals["method"], vals.get("amount", 0))
        return super().create(vals_list)

    def _payer_partner(self):
        """Override: at the ISP's own sites the money is of its guests, elsewhere of the owner."""
        return self.env.ref("isp_hotspot.partner_guest") if self.site_id.own else super()._payer_partner()

    # === Money back ===

    def _refund(self, note=""):
        """Give the money of a token that nobody has used back to the wallet it came from. The code is good no more from now on.

        :raise UserError: it was used, is not paid by mobile money, or goes back already

        Lock: order and token. What is asked of the operator goes out after the commit; when the operator says no for good, the
        token is good again (``_on_refund_failed``). Idempotency key: the state.
        """
        for order in self.sudo():
            order.lock_for_update()
            order.invalidate_recordset()
            if order.state in ("refunding", "refunded"):
                continue
            if order.method != "momo" or order.state not in ("done", "owed") or order.transaction_id.state != "done":
                raise UserError(self.env._("Only what was paid by mobile money can be paid back to the telephone."))
            if not order.transaction_id.is_post_processed:
                raise UserError(self.env._("The payment is being booked. Try again in a minute."))
            token = order.token_id._lock()
            if token and (token.state not in ("sold", "blocked") or token._facts()[token.id]["first"] or token._facts()[token.id]["used"]):
                raise UserError(self.env._("This token was used: its money is not given back."))
            token._return(note)
            order.state = "refunding"
            order.transaction_id._refund()

    def _refund_by_owner(self):
        """As ``_refund``, as far as what is due to the owner covers it: what was paid out, or is on its way, is not with the ISP any more.

        Lock: the hotspot's row, as for a statement.
        """
        for order in self.sudo():
            site = order.site_id
            site._hold_money()
            # What is paid and has no token yet is not due to the owner, and what the owner loses is without the commission.
            part = order.amount - order.commission if order.method == "momo" and order.state == "done" and not site.own else 0
            if part > max(site._money()["due"], 0):
                raise UserError(self.env._("The money of this sale was paid out to you. Give it back in cash, or ask %(company)s.", company=order.company_id.name))
            order._refund()

    def action_refund(self):
        self.check_access("write")
        self._refund()

    def _on_refunded(self):
        """The money is back, by the operator's word: also late, when the token was good again."""
        orders = self.sudo().filtered(lambda order: order.state in ("refunding", "done", "owed"))
        orders.state = "refunded"
        orders.token_id._return()

    def _on_refund_failed(self):
        """The operator's final no: the guest keeps the time. A late yes is taken all the same (``_on_refunded``)."""
        for order in self.sudo().filtered(lambda order: order.state == "refunding"):
            token = order.token_id
            order.state = "done" if token else "owed"
            if token.state == "refunded":
                # The only way out of "refunded": the refund did not happen.
                token.state = "sold"
                token.access_id._apply({"state": "allowed"})
                token._note("unblocked", self.env._("The money could not be given back."))
