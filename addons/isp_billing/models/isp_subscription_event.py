# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspSubscriptionEvent(models.Model):
    _inherit = "isp.subscription.event"

    def _event_before(self):
        """:return: the change of the same subscription's state before this one"""
        self.ensure_one()
        before = self.search([("subscription_id", "=", self.subscription_id.id), ("id", "<", self.id)], order="id desc")
        return before.filtered(lambda e: e.state_from != e.state_to)[:1]
