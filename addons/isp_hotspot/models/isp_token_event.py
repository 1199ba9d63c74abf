# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspTokenEvent(models.Model):
    """What a person or a payment did with a token, never changed: who blocked it, who gave it more time."""

    _name = "isp.token.event"
    _description = "Event of a token"
    _order = "id desc"
    _log_access = False

    token_id = fields.Many2one("isp.token", required=True, readonly=True, index=True, ondelete="cascade")
    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", readonly=True, default=lambda self: self.env.user)
    what = fields.Selection(
        [
            ("sold", "Sold"),
            ("blocked", "Blocked"),
            ("unblocked", "Unblocked"),
            ("paused", "Paused"),
            ("resumed", "Resumed"),
            ("extended", "Extended"),
            ("moved", "Moved to another device"),
            ("refunded", "Refunded"),
        ],
        required=True,
        readonly=True,
    )
    note = fields.Char(readonly=True)
