# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    isp_incoming_id = fields.Many2one("isp.incoming", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    isp_incoming_key = fields.Char(readonly=True, copy=False, help="What this entry books of the money received; once only.")

    _isp_incoming_once = models.UniqueIndex("(isp_incoming_key) WHERE isp_incoming_key IS NOT NULL", "This is booked already.")
