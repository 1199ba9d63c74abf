# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..models.isp_token_offer_desk import UNIT_NAMES, UNITS


class IspTokenAct(models.TransientModel):
    """Why a token is blocked, paused, given more time …"""

    _name = "isp.token.act"
    _description = "Do something with tokens"

    token_ids = fields.Many2many("isp.token", readonly=True)
    what = fields.Selection(
        [
            ("block", "Block"),
            ("unblock", "Unblock"),
            ("pause", "Pause"),
            ("resume", "Resume"),
            ("extend", "Give more time"),
            ("move", "Move to another device"),
        ],
        required=True,
        readonly=True,
    )
    amount = fields.Integer(string="Time to add", default=1)
    unit = fields.Selection(UNIT_NAMES, required=True, default="hour")
    reason = fields.Char(required=True)

    def action_apply(self):
        self.ensure_one()
        self.token_ids._act(self.what, self.reason, self.amount * UNITS[self.unit])
        return {"type": "ir.actions.act_window_close"}
