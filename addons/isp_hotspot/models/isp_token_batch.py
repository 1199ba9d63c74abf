# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspTokenBatch(models.Model):
    """Tokens made together: to be printed, given to a reseller, or kept on an owner's telephone for the time without a network."""

    _name = "isp.token.batch"
    _description = "Batch of tokens"
    _order = "id desc"

    name = fields.Char(required=True)
    site_id = fields.Many2one("isp.site", required=True, index=True, ondelete="restrict")
    company_id = fields.Many2one(related="site_id.company_id", store=True)
    token_ids = fields.One2many("isp.token", "batch_id", readonly=True)
