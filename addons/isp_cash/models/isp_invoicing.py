# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models


class IspInvoicing(models.AbstractModel):
    _inherit = "isp.invoicing"

    @api.model
    def _known_posting(self):
        """Override of `isp_billing`: what a shift does at posting concerns money only."""
        return super()._known_posting() | {"isp_cash"}
