# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


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
        """Zone and trust follow from the hotspot."""
        for router in self:
            wanted = {"zone": router.site_id.id or 0, "outside": bool(router.site_id) and not router.site_id.own}
            if any(router[name] != value for name, value in wanted.items()):
                router.write(wanted)
