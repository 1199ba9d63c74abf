# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError


class IspSmsBulkConfirm(models.TransientModel):
    """The last look before it goes out."""

    _name = "isp.sms.bulk.confirm"
    _description = "Confirm a bulk SMS"

    bulk_id = fields.Many2one("isp.sms.bulk", required=True, readonly=True, ondelete="cascade")
    recipient_count = fields.Integer(related="bulk_id.recipient_count")
    parts_count = fields.Integer(related="bulk_id.parts_count")
    long_count = fields.Integer(related="bulk_id.long_count")
    left_out_count = fields.Integer(related="bulk_id.left_out_count")
    cost_text = fields.Char(related="bulk_id.cost_text")
    quiet_text = fields.Char(related="bulk_id.quiet_text")
    service = fields.Boolean(related="bulk_id.service")
    must_type = fields.Boolean(compute="_compute_must_type")
    typed = fields.Char("Type the number of recipients")

    @api.depends("bulk_id")
    def _compute_must_type(self):
        for wizard in self:
            wizard.must_type = wizard.recipient_count > wizard.bulk_id._ask_above()

    def action_send(self):
        self.ensure_one()
        digits = "".join(str(int(letter)) for letter in self.typed or "" if letter.isdecimal())
        if self.must_type and not digits:
            raise UserError(self.env._("It goes to %s people. Type this number to confirm.", f"{self.recipient_count:,}"))
        self.bulk_id._start(int(digits) if digits else None)
        return {"type": "ir.actions.act_window_close"}
