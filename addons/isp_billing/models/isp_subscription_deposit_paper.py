# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models
from odoo.exceptions import UserError


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    def action_print_deposit(self):
        """Print what is held of the customer's money and will be given back."""
        for subscription in self:
            if not subscription._deposit_paid_rows():
                raise UserError(self.env._("No paid deposit of %(subscription)s is held.", subscription=subscription.display_name))
        return self.env.ref("isp_billing.action_report_isp_deposit").report_action(self)

    def _deposit_paid_rows(self):
        """:return: ``isp.period`` rows (sudo) of the deposit that is held and whose invoice is paid"""
        self.ensure_one()
        rows = self.period_ids.sudo().filtered(lambda period: period.kind == "deposit" and period.move_id)
        paid = all(period.move_id.payment_state in ("paid", "in_payment") for period in rows if period.amount > 0)
        return rows if paid and self._deposit_held() > 0 else rows.browse()
