# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        return super()._build_bus_channel_list(self._isp_live_channels(channels))

    def _isp_live_channels(self, channels):
        """Who may read a router may listen to its traffic; the name alone opens nothing."""
        rest, wanted = [], set()
        for channel in channels:
            if isinstance(channel, str) and channel.startswith("isp_live_"):
                if channel[9:].isdecimal() and len(channel) < 19:
                    wanted.add(int(channel[9:]))
            else:
                rest.append(channel)
        if wanted and self.env.user._is_internal() and self.env["isp.session"].has_access("read"):
            rest += [(router, "live") for router in self.env["isp.router"].search([("id", "in", list(wanted))])]
        return rest
