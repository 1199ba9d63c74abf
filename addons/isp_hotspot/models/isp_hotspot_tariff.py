# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspHotspotTariff(models.Model):
    """What the ISP keeps of an owner's sales, and from how much on the rest is paid out."""

    _name = "isp.hotspot.tariff"
    _description = "Commission tariff"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    momo_percent = fields.Float(string="Of mobile money (%)", digits=(5, 2))
    cash_percent = fields.Float(string="Of cash (%)", digits=(5, 2), help="Of what the owner takes in cash; set off against mobile money.")
    fixed = fields.Monetary(string="For each sale", help="On top of the percentage, for mobile money.")
    site_ids = fields.One2many("isp.site", "tariff_id")
    payout_from = fields.Monetary(string="Paid out from", help="Less than this waits.")

    _values_valid = models.Constraint(
        "CHECK(momo_percent BETWEEN 0 AND 100 AND cash_percent BETWEEN 0 AND 100 AND fixed >= 0 AND payout_from >= 0)",
        "From 0 to 100 percent; amounts are not negative.",
    )

    def _commission(self, method, amount):
        """:param method: of the order :return: what the ISP keeps of ``amount``, without taxes, in whole units of the currency, never more than the amount"""
        if not self or method not in ("momo", "cash"):
            return 0
        kept = amount * (self.momo_percent if method == "momo" else self.cash_percent) / 100 + (self.fixed if method == "momo" else 0)
        return min(self.currency_id.round(kept), amount)
