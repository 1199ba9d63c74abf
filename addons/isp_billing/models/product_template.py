# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ProductTemplate(models.Model):
    _inherit = "product.template"

    isp_is_service = fields.Boolean(
        string="Add-on service", help="May be added to a subscription; its price is that of one period of the plan."
    )
