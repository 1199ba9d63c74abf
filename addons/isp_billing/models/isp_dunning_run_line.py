# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import AccessError

from .isp_dunning_step import ACTIONS


class IspDunningRunLine(models.Model):
    """What a dunning run would do, shown before it is done."""

    _name = "isp.dunning.run.line"
    _description = "Line of a dunning run"
    _order = "run_id, overdue desc, id"
    _rec_name = "partner_id"

    run_id = fields.Many2one("isp.dunning.run", required=True, readonly=True, ondelete="cascade", index=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade")
    subscription_id = fields.Many2one("isp.subscription", readonly=True, ondelete="cascade")
    move_id = fields.Many2one("account.move", string="Oldest invoice", readonly=True, ondelete="cascade")
    step_id = fields.Many2one("isp.dunning.step", readonly=True, ondelete="cascade")
    action = fields.Selection(ACTIONS, required=True, readonly=True)
    overdue = fields.Monetary(string="Owed", readonly=True)
    since = fields.Date(readonly=True)
    company_id = fields.Many2one(related="run_id.company_id")
    currency_id = fields.Many2one(related="run_id.currency_id")
    state = fields.Selection(
        [
            ("preview", "Would be done"),
            ("pending", "To confirm"),
            ("done", "Done"),
            ("removed", "Left on"),
            ("dropped", "Not needed any more"),
        ],
        required=True,
        readonly=True,
        default="preview",
    )

    _asked_once = models.UniqueIndex(
        "(run_id, subscription_id, action) WHERE state = 'pending'", "This line is on the list already."
    )

    def action_leave_on(self):
        """Take these off the list: the step is not done for them and this debt, ever."""
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager decides who is cut off."))
        lines = self.filtered(lambda line: line.state == "pending")
        lines.check_access("read")
        lines.run_id._lock_runs()
        lines.invalidate_recordset(["state"])
        lines = lines.filtered(lambda line: line.state == "pending").sudo()
        if not lines:
            return
        lines.write({"state": "removed"})
        lines._write_logs("waived", self.env._("Left on by %(user)s", user=self.env.user.name))

    def _write_logs(self, state, result=False):
        """:return: the log rows of these lines"""
        rows = [(line.step_id, line.move_id, line.subscription_id, line.partner_id, line.overdue) for line in self]
        return self.run_id[:1]._log_cuts(rows, state, result)
