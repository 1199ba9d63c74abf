# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_outage_sms = fields.Boolean(string="Tell outages by SMS", help="Who was on line at a router that fell silent gets one SMS. Not at night.")
    isp_outage_hours = fields.Float(string="Hours without a credit", help="Outages that are shorter are not credited. 0: none is.")
    isp_outage_share = fields.Float(string="Share credited (%)", default=100, help="Of the part of the period's price that the outage took.")

    _outage_share_valid = models.Constraint("CHECK(isp_outage_share BETWEEN 0 AND 1000)", "The share of an outage that is credited: 0 to 1000 %.")
