# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import life
from ..models.isp_token_offer_desk import UNIT_NAMES, UNITS


class IspTokenBatchMake(models.TransientModel):
    """So many tokens of an offer, or of terms of their own. Sent twice, it makes one batch (``uuid``)."""

    _name = "isp.token.batch.make"
    _description = "Make a batch of tokens"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, domain="[('state', '!=', 'blocked')]")
    currency_id = fields.Many2one(related="site_id.currency_id")
    name = fields.Char(string="Name", help="Blank: time and number of tokens.")
    count = fields.Integer(string="How many", required=True, default=300)
    offer_id = fields.Many2one("isp.token.offer", domain="[('site_id', '=', site_id)]", help="Blank: terms of their own.")
    amount = fields.Integer(string="Time", default=1)
    unit = fields.Selection(UNIT_NAMES, required=True, default="hour")
    # Time from the sale on would need somebody who tells that a printed token was sold.
    counting = fields.Selection([item for item in life.COUNTINGS if item[0] != "sale"], string="Time counts", required=True, default="first")
    price = fields.Monetary()
    devices = fields.Integer(string="Devices at once", default=1)
    down_kbps = fields.Integer(string="Download (kbit/s)", help="0: no limit.")
    up_kbps = fields.Integer(string="Upload (kbit/s)")
    volume_mb = fields.Integer(string="Data (MB)", help="1 MB is 1,000,000 bytes. 0: no limit.")
    until = fields.Datetime(string="Good until", help="None of them is good after it. Blank: no end before they are used.")
    note = fields.Text()

    @api.onchange("site_id")
    def _onchange_site_id(self):
        if self.offer_id.site_id != self.site_id:
            self.offer_id = self.site_id.offer_ids.filtered(lambda offer: offer.counting != "sale")[:1]

    def action_make(self):
        self.ensure_one()
        self.env["isp.token.batch"].check_access("write")
        self.site_id.check_access("read")
        batch = self.env["isp.token.batch"]._place(self.site_id, self.uuid, self._prepare_terms(), self.count, name=self.name, until=self.until, note=self.note)
        return {"type": "ir.actions.act_window", "res_model": "isp.token.batch", "res_id": batch.id, "view_mode": "form"}

    def _prepare_terms(self):
        """:return: terms that the tokens take over :raise UserError: the offer is another hotspot's or counts from the sale, or a value is out of range"""
        if self.offer_id:
            if self.offer_id.site_id != self.site_id:
                raise UserError(self.env._("This is another hotspot's offer."))
            if self.offer_id.counting == "sale":
                raise UserError(self.env._("The time of this offer runs from the sale on, and nobody tells when a printed token is sold. Choose another one."))
            return self.offer_id._prepare_terms()
        orders = self.env["isp.token.order"]
        terms = orders._own_terms(self.amount * UNITS[self.unit], self.price, self.devices, self.down_kbps, self.up_kbps, self.volume_mb)
        return {**terms, "counting": self.counting}
