# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_wallet_hold_hours = fields.Integer(
        string="Hours a request holds a cut",
        default=2,
        help="While mobile money is asked for and not answered, nobody is cut off, so many hours at most. 0: cut all the same.",
    )

    _isp_wallet_hold = models.Constraint("CHECK(COALESCE(isp_wallet_hold_hours, 0) BETWEEN 0 AND 72)", "A request holds a cut for 0 to 72 hours.")
