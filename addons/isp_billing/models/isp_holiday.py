# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspHoliday(models.Model):
    """Days on which nobody is cut off. The dates of Eid come by circular: staff enter them."""

    _name = "isp.holiday"
    _description = "Public holiday"
    _order = "date_from desc, id"

    name = fields.Char(required=True, translate=True)
    date_from = fields.Date(string="From", required=True, index=True)
    date_to = fields.Date(string="To", required=True)
    company_id = fields.Many2one("res.company", help="Empty: for all companies.")

    _in_order = models.Constraint("CHECK(date_from <= date_to)", "A holiday ends after it begins.")
    _not_forever = models.Constraint("CHECK(date_to - date_from < 32)", "A holiday lasts a month at most.")
