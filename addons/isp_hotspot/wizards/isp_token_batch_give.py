# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspTokenBatchGive(models.TransientModel):
    """Who gets the printed batch, and whether it is paid for now or as it is used."""

    _name = "isp.token.batch.give"
    _description = "Give a batch of tokens to a reseller"

    batch_id = fields.Many2one("isp.token.batch", string="Batch", required=True, readonly=True)
    site_id = fields.Many2one(related="batch_id.site_id")
    currency_id = fields.Many2one(related="batch_id.currency_id")
    left_count = fields.Integer(related="batch_id.left_count")
    reseller_id = fields.Many2one("isp.reseller", string="Reseller", required=True, domain="[('site_ids', 'in', site_id)]")
    handover = fields.Selection(
        [("prepaid", "Paid from the float now"), ("consignment", "Paid as they are used")], string="Terms", required=True, default="prepaid"
    )
    balance = fields.Monetary(related="reseller_id.balance", string="Float")
    amount = fields.Monetary(string="To pay now", compute="_compute_amount")

    @api.depends("reseller_id", "handover")
    def _compute_amount(self):
        for wizard in self:
            net = wizard.reseller_id._net(wizard.batch_id.price)
            wizard.amount = net * wizard.left_count if wizard.handover == "prepaid" else 0

    def action_give(self):
        self.ensure_one()
        self.batch_id.check_access("write")
        self.reseller_id.check_access("read")
        self.batch_id._give(self.reseller_id, self.handover)
        return {"type": "ir.actions.act_window_close"}
