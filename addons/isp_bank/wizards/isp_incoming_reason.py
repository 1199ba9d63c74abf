# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspIncomingReason(models.TransientModel):
    _name = "isp.incoming.reason"
    _description = "Reason"

    incoming_id = fields.Many2one("isp.incoming", required=True, readonly=True)
    kind = fields.Selection([("return", "Sent back to the payer"), ("take_back", "Booked to the wrong customer")], required=True, readonly=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        self.ensure_one()
        self.incoming_id._check_may_book()
        if self.kind == "return":
            self.incoming_id._return(self.reason)
        else:
            self.incoming_id._take_back(self.reason)
        return {"type": "ir.actions.act_window_close"}
