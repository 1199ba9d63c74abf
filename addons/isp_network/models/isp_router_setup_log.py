# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import Sentence


class IspRouterSetupLog(models.Model):
    """Who asked for a router's script, and what was answered."""

    _name = "isp.router.setup.log"
    _description = "Question of a router that sets itself up"
    _order = "id desc"

    setup_id = fields.Many2one("isp.router.setup", required=True, readonly=True, ondelete="cascade", index=True)
    address = fields.Char(string="From", readonly=True)
    what = fields.Selection([("script", "Script"), ("report", "Outcome")], required=True, readonly=True)
    answer = Sentence(readonly=True)
