# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_incoming_id = fields.Many2one(
        "isp.incoming", string="Money received", readonly=True, copy=False, ondelete="restrict", index="btree_not_null"
    )
