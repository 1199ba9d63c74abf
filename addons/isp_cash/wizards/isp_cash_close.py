# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashClose(models.TransientModel):
    _name = "isp.cash.close"
    _description = "Count and close a shift"

    shift_id = fields.Many2one("isp.cash.shift", required=True, readonly=True)
    desk_id = fields.Many2one(related="shift_id.desk_id")
    currency_id = fields.Many2one(related="shift_id.currency_id")
    count_ids = fields.One2many("isp.cash.count.entry", "close_id", compute="_compute_count_ids", store=True, readonly=False, precompute=True)
    counted = fields.Monetary(compute="_compute_counted")
    expected = fields.Monetary(related="shift_id.expected", string="Should be in the drawer")
    difference = fields.Monetary(compute="_compute_counted")
    to_safe = fields.Monetary(string="To safe or bank now", compute="_compute_to_safe", store=True, readonly=False, precompute=True)
    left = fields.Monetary(compute="_compute_left", string="Left for the next shift")
    has_safe = fields.Boolean(compute="_compute_has_safe", compute_sudo=True)
    note = fields.Char(string="Remark")

    @api.depends("shift_id")
    def _compute_count_ids(self):
        for wizard in self:
            wizard.count_ids = self.env["isp.cash.count.entry"]._commands(wizard.shift_id.desk_id)

    @api.depends("count_ids.value", "count_ids.quantity", "expected")
    def _compute_counted(self):
        for wizard in self:
            wizard.counted = sum(wizard.count_ids.mapped("amount"))
            wizard.difference = wizard.counted - wizard.expected

    @api.depends("shift_id")
    def _compute_has_safe(self):
        for wizard in self:
            wizard.has_safe = bool(wizard.shift_id.desk_id.safe_journal_id)

    @api.depends("counted", "has_safe")
    def _compute_to_safe(self):
        for wizard in self:
            float_amount = wizard.shift_id.desk_id.sudo().float_amount
            wizard.to_safe = max(wizard.counted - float_amount, 0) if wizard.has_safe else 0

    @api.depends("counted", "to_safe")
    def _compute_left(self):
        for wizard in self:
            wizard.left = wizard.counted - wizard.to_safe

    def action_confirm(self):
        """Close the shift and print its Z report. Again: the same Z report."""
        self.ensure_one()
        self.shift_id._check_own(or_manager=True)
        self.shift_id._close(self.count_ids._counts(), self.to_safe, self.note)
        return {**self.shift_id.action_print(), "close_on_report_download": True}

    def action_back(self):
        """Counted too early: take money again."""
        self.shift_id.action_resume()
        return {"type": "ir.actions.act_window_close"}
