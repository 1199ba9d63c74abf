# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspCashPaymentService(models.TransientModel):
    """A line of the customer at the counter: all of it that a cashier sees."""

    _name = "isp.cash.payment.service"
    _description = "Line of the customer"

    wizard_id = fields.Many2one("isp.cash.payment", required=True, ondelete="cascade")
    line_id = fields.Integer(string="Subscription", required=True, help="The subscription; looked up among the customer's own.")
    chosen = fields.Boolean(string="Renew")
    name = fields.Char(compute="_compute_line", compute_sudo=True, string="Line")
    plan = fields.Char(compute="_compute_line", compute_sudo=True)
    state = fields.Char(compute="_compute_line", compute_sudo=True)
    valid_until = fields.Datetime(compute="_compute_line", compute_sudo=True, string="Paid until")
    prepaid = fields.Boolean(compute="_compute_line", compute_sudo=True)

    @api.depends("line_id", "wizard_id.partner_id")
    def _compute_line(self):
        for wizard, services in self.grouped("wizard_id").items():
            lines = {line.id: line for line in wizard._services()}
            for service in services:
                line = lines.get(service.line_id) or self.env["isp.subscription"]
                service.name = line.username or line.name or ""
                service.plan = line.plan_id.name or ""
                service.state = dict(line._fields["state"]._description_selection(self.env)).get(line.state, "")
                service.valid_until = line.valid_until
                service.prepaid = line.billing_mode == "prepaid"
