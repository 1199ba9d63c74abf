# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspTokenBatchAct(models.TransientModel):
    """Why a batch is blocked, let go again, or taken back from its reseller."""

    _name = "isp.token.batch.act"
    _description = "Block or take back a batch of tokens"

    batch_id = fields.Many2one("isp.token.batch", string="Batch", required=True, readonly=True)
    what = fields.Selection([("block", "Block"), ("unblock", "Unblock"), ("take_back", "Take back")], required=True, readonly=True)
    made_count = fields.Integer(related="batch_id.made_count")
    left_count = fields.Integer(related="batch_id.left_count")
    reason = fields.Char(required=True)

    def action_apply(self):
        self.ensure_one()
        self.batch_id._act(self.what, self.reason)
        return {"type": "ir.actions.act_window_close"}
