# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from urllib.parse import urlsplit

from odoo import models


class IspRouterSetup(models.Model):
    """A router of a hotspot is set up with the hotspot's pages, and opens the way to the rest of them for who is not yet logged in."""

    _inherit = "isp.router.setup"

    def _prepare_setup(self, *args, **kwargs):
        """Override of `isp_network`."""
        setup, site = super()._prepare_setup(*args, **kwargs), self.router_id.site_id
        if not (site and setup.hotspot_interface):
            return setup
        site = site.sudo()
        setup.hotspot_dns_name = setup.hotspot_dns_name or site.hotspot_name
        setup.hotspot_login_by = "cookie,http-chap,mac-cookie" + ",http-pap" * site.plain_login
        setup.hotspot_files = site._router_files()
        url = urlsplit(self._base_url())
        if url.hostname and url.hostname not in setup.allowed:
            setup.allowed = [*setup.allowed, url.hostname]
        # Behind NAT a device's address is not seen by us: it would be told for ever that it is held back.
        if url.scheme == "https" and not setup.uplink:
            setup.dhcp_options = [("isp-setup-captive", 114, f"{site._portal_url()}/capport")]
        return setup
