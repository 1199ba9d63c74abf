# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.fields import Domain


class IspRouter(models.Model):
    _inherit = "isp.router"

    site_id = fields.Many2one("isp.site", string="Hotspot", ondelete="restrict", index="btree_not_null", help="Its tokens are good at this router.")

    @api.model_create_multi
    def create(self, vals_list):
        routers = super().create(vals_list)
        routers.filtered("site_id")._sync_site()
        return routers

    def write(self, vals):
        result = super().write(vals)
        if "site_id" in vals:
            self._sync_site()
        return result

    def _sync_site(self):
        """Zone and trust follow from the hotspot; one that is blocked or archived lets no token in, and who is on line by one is put off."""
        for router in self:
            site = router.site_id
            wanted = {"zone": site.id or 0, "outside": bool(site) and not site.own, "closed": bool(site) and not site._is_open()}
            if any(router[name] != value for name, value in wanted.items()):
                router.write(wanted)
                if router.closed:
                    router._put_off_tokens()

    def _put_off_tokens(self):
        sessions = self.env["isp.session"].sudo()
        sessions.search(Domain("router_id", "in", self.ids) & Domain("access_id.zone", ">", 0) & sessions._may_live_domain())._queue_disconnect()
