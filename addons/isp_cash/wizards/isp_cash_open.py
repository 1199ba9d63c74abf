# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashOpen(models.TransientModel):
    _name = "isp.cash.open"
    _description = "Open a shift"

    desk_id = fields.Many2one("isp.cash.desk", required=True, default=lambda self: self._default_desk())
    currency_id = fields.Many2one(related="desk_id.currency_id")
    carried = fields.Monetary(compute="_compute_carried", compute_sudo=True, string="Left by the shift before")
    from_safe = fields.Monetary(string="Fetched from the safe", help="Part of what is in the drawer now.")
    count_ids = fields.One2many("isp.cash.count.entry", "open_id", compute="_compute_count_ids", store=True, readonly=False, precompute=True)
    counted = fields.Monetary(compute="_compute_counted")
    difference = fields.Monetary(compute="_compute_counted")

    @api.model
    def _default_desk(self):
        return self.env["isp.cash.desk"].search([("company_id", "=", self.env.company.id), ("user_ids", "in", self.env.uid)], limit=1)

    @api.depends("desk_id")
    def _compute_carried(self):
        for wizard in self:
            wizard.carried = wizard.desk_id._last_closed().expected if wizard.desk_id else 0

    @api.depends("desk_id")
    def _compute_count_ids(self):
        for wizard in self:
            wizard.count_ids = self.env["isp.cash.count.entry"]._commands(wizard.desk_id)

    @api.depends("count_ids.value", "count_ids.quantity", "carried", "from_safe")
    def _compute_counted(self):
        for wizard in self:
            wizard.counted = sum(wizard.count_ids.mapped("amount"))
            wizard.difference = wizard.counted - wizard.carried - wizard.from_safe

    def action_confirm(self):
        """Open the shift and show it. Again: the same shift."""
        self.ensure_one()
        shift = self.env["isp.cash.shift"]._open(self.desk_id, self.count_ids._counts(), self.from_safe)
        return shift.sudo(False)._action_form()
