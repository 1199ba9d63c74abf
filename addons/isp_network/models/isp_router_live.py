# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IspRouterLive(models.Model):
    _inherit = "isp.router"

    def _live_possible(self):
        """Whether this router's API can be asked."""
        router = self.sudo()
        return bool(len(router) == 1 and router.active and router.api_user and router.api_port and router.api_password_encrypted)

    def _live_driver(self):
        """:return: an unconnected driver of this router: reading needs no lock"""
        return self._driver()

    def action_live(self):
        self.ensure_one()
        return self.env["isp.live"]._action(self)
