# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspRouterChange(models.Model):
    """A line of a plan that waits for a person; gone when it is carried out or another plan takes its place."""

    _name = "isp.router.change"
    _description = "Planned change on a router"
    _order = "restricts desc, id"
    _rec_name = "name"
    _log_access = False

    router_id = fields.Many2one("isp.router", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="router_id.company_id")
    kind = fields.Selection([("add", "Make"), ("set", "Change"), ("remove", "Remove")], required=True, readonly=True)
    menu = fields.Char(readonly=True)
    name = fields.Char(readonly=True)
    detail = fields.Char(readonly=True)
    restricts = fields.Boolean(string="Takes away", readonly=True)
