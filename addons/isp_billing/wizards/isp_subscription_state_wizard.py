# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspSubscriptionStateWizard(models.TransientModel):
    _inherit = "isp.subscription.state.wizard"

    waive = fields.Boolean(
        string="Without notice and fee", help="The line ends today and costs no fee. A billing manager decides it."
    )

    def action_confirm(self):
        wizard = self.with_context(isp_waive=True) if self.waive else self
        return super(IspSubscriptionStateWizard, wizard).action_confirm()
