# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspRouterTaskGiveUp(models.TransientModel):
    """Why changes are left undone."""

    _name = "isp.router.task.give.up"
    _description = "Give up changes for routers"

    task_ids = fields.Many2many("isp.router.task", readonly=True)
    reason = fields.Char(required=True)

    def action_apply(self):
        self.ensure_one()
        self.task_ids._give_up(self.reason)
        return {"type": "ir.actions.act_window_close"}
