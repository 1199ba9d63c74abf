# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspRouterSetupLine(models.TransientModel):
    """Shows a line or a script once. It is never saved: the line holds the token, of which only a digest is kept."""

    _name = "isp.router.setup.line"
    _description = "Line to paste into a router"

    line = fields.Char(readonly=True)
    minutes = fields.Integer(readonly=True)
    unchecked = fields.Boolean(readonly=True)
    script = fields.Text(readonly=True)
    undo = fields.Text(readonly=True)
