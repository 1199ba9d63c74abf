# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.isp_network.engine.rate import rate_limit

from ..engine import life


class IspTokenOffer(models.Model):
    """What a hotspot gives and sells: so much time for a price."""

    _name = "isp.token.offer"
    _description = "Offer of a hotspot"
    _order = "sequence, seconds, id"

    site_id = fields.Many2one("isp.site", required=True, index=True, ondelete="cascade")
    company_id = fields.Many2one(related="site_id.company_id")
    currency_id = fields.Many2one(related="site_id.currency_id")
    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    seconds = fields.Integer(string="Time (s)", required=True)
    counting = fields.Selection(life.COUNTINGS, string="Time counts", required=True, default="first")
    valid_days = fields.Integer(string="To be used within (days)", default=90, help="After the sale. 0: no end.")
    price = fields.Monetary(help="0: to give away only.")
    public = fields.Boolean(string="Guests can buy it", default=True, help="On the log-in page, by mobile money; where it has a price.")
    devices = fields.Integer(string="Devices at once", default=1, required=True)
    down_kbps = fields.Integer(string="Download (kbit/s)", help="0: no limit.")
    up_kbps = fields.Integer(string="Upload (kbit/s)")
    volume_mb = fields.Integer(string="Data (MB)", help="1 MB is 1,000,000 bytes. 0: no limit.")

    _seconds_valid = models.Constraint("CHECK(seconds > 0 AND seconds <= 31622400)", "The time is from a second to a year.")
    _devices_valid = models.Constraint("CHECK(devices BETWEEN 1 AND 50)", "From 1 to 50 devices.")
    _not_negative = models.Constraint(
        "CHECK(price >= 0 AND volume_mb >= 0 AND down_kbps >= 0 AND up_kbps >= 0 AND valid_days >= 0)", "A price or a limit cannot be negative."
    )

    @api.constrains("counting")
    def _check_counting(self):
        if self.filtered(lambda offer: offer.counting == "date"):
            raise ValidationError(self.env._("A date is chosen when tokens are made, not in an offer."))

    @api.depends("name", "seconds")
    @api.depends_context("lang")
    def _compute_display_name(self):
        for offer in self:
            offer.display_name = offer._text()

    def _text(self):
        """:return: its name; where that is one of the usual ones, its time in the reader's language; "" of none"""
        if self.name in dict(life.USUAL):
            return self.env["isp.token.order"].new({"seconds": self.seconds})._time_text()
        return self.name or ""

    def _prepare_terms(self):
        """:return: values that a token takes over"""
        self.ensure_one()
        return {
            "offer_id": self.id,
            "seconds": self.seconds,
            "counting": self.counting,
            "valid_days": self.valid_days,
            "devices": self.devices,
            "rate": rate_limit(self.down_kbps, self.up_kbps, 0) or False,
            "volume_bytes": self.volume_mb * 1_000_000,
            "price": self.price,
        }
