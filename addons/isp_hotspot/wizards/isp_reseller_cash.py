# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import fields, models

from ..models.isp_reseller import CASH_KINDS, MEANS


class IspResellerCash(models.TransientModel):
    """Money between a reseller and whom he sells for. Sent twice, it is booked once (``uuid``)."""

    _name = "isp.reseller.cash"
    _description = "Money of a reseller"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    reseller_id = fields.Many2one("isp.reseller", string="Reseller", required=True, readonly=True)
    currency_id = fields.Many2one(related="reseller_id.currency_id")
    balance = fields.Monetary(related="reseller_id.balance", string="Float")
    debt = fields.Monetary(related="reseller_id.debt")
    kind = fields.Selection(CASH_KINDS, string="What", required=True, default="topup")
    amount = fields.Monetary(required=True)
    method = fields.Selection(MEANS, string="By", required=True, default="cash")
    reference = fields.Char(help="Number of the receipt or of the transfer.")
    note = fields.Char()

    def action_book(self):
        self.ensure_one()
        self.reseller_id._take(self.uuid, self.kind, self.amount, method=self.method, reference=self.reference, note=self.note)
        return {"type": "ir.actions.act_window_close"}
