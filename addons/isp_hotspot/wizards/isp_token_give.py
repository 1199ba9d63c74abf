# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from ..models.isp_token_offer_desk import UNIT_NAMES, UNITS
from ..models.isp_token_order import METHODS


class IspTokenGive(models.TransientModel):
    """One token given or sold by staff at a hotspot of the ISP's own. Sent twice, it is one order (``uuid``)."""

    _name = "isp.token.give"
    _description = "Give or sell a token"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    site_id = fields.Many2one(
        "isp.site",
        string="Hotspot",
        required=True,
        domain="[('own', '=', True), ('state', '!=', 'blocked')]",
        default=lambda self: self.env["isp.site"].search([("own", "=", True), ("state", "!=", "blocked")], limit=1),
    )
    currency_id = fields.Many2one(related="site_id.currency_id")
    method = fields.Selection([item for item in METHODS if item[0] != "trial"], string="Method", required=True, default="cash")
    phone = fields.Char(string="Telephone", help="Gets the code by SMS, and is asked for mobile money. Blank: nobody gets an SMS.")
    payer = fields.Char(string="Paid by another telephone", help="Blank: the telephone above pays.")
    lang = fields.Selection(lambda self: self.env["res.lang"].get_installed(), string="Language of the SMS", help="Blank: the hotspot's.")
    offer_id = fields.Many2one("isp.token.offer", domain="[('site_id', '=', site_id)]", help="Blank: terms of its own.")
    amount = fields.Integer(string="Time", default=1)
    unit = fields.Selection(UNIT_NAMES, required=True, default="hour")
    price = fields.Monetary(compute="_compute_price", store=True, readonly=False)
    devices = fields.Integer(string="Devices at once", default=1)
    down_kbps = fields.Integer(string="Download (kbit/s)", help="0: no limit.")
    up_kbps = fields.Integer(string="Upload (kbit/s)")
    volume_mb = fields.Integer(string="Data (MB)", help="1 MB is 1,000,000 bytes. 0: no limit.")

    @api.depends("offer_id")
    def _compute_price(self):
        for wizard in self:
            wizard.price = wizard.offer_id.price

    @api.onchange("site_id")
    def _onchange_site_id(self):
        if self.offer_id.site_id != self.site_id:
            self.offer_id = self.site_id.offer_ids[:1]

    def action_give(self):
        """Idempotency key: ``uuid``. :raise AccessError: not at a hotspot of another owner; free ones are the billing manager's"""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_customer_service") or not self.site_id.own:
            raise AccessError(self.env._("Tokens of this hotspot are given and sold by its owner."))
        if self.method == "free" and not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only billing managers give tokens away."))
        self.site_id.check_access("read")
        order = self.env["isp.token.order"]._place(
            self.site_id, self.uuid, self.method, phone=self.phone or "", payer=self.payer or "", lang=self.lang or None, amount=self.price, user=self.env.user, **self._prepare_terms()
        )
        shown = order.token_id or order
        return {"type": "ir.actions.act_window", "res_model": shown._name, "res_id": shown.id, "view_mode": "form", "views": [(False, "form")]}

    def _prepare_terms(self):
        """:return: ``offer`` or ``terms`` of the order :raise UserError: another hotspot's offer, or a value out of range"""
        if not self.offer_id:
            orders = self.env["isp.token.order"]
            return {"terms": orders._own_terms(self.amount * UNITS[self.unit], self.price, self.devices, self.down_kbps, self.up_kbps, self.volume_mb)}
        if self.offer_id.site_id != self.site_id:
            raise UserError(self.env._("This is another hotspot's offer."))
        return {"offer": self.offer_id}
