# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo.tests import new_test_user

from odoo.addons.isp_network.tests.common import NetworkCommon

PHONE, DEVICE, OTHER = "+211921234567", "AA:BB:CC:00:00:01", "AA:BB:CC:00:00:02"


class HotspotMixin:
    """Two owners, each with a hotspot and a router of their own."""

    @classmethod
    def _create_hotspots(cls):
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.env.company.partner_id.country_id = cls.env.ref("base.ss")
        cls.owner, cls.site, cls.nas = cls._create_hotspot("amina", "River Hotel", "127.0.3.1")
        cls.other_owner, cls.other_site, cls.other_nas = cls._create_hotspot("deng", "Deng Shop", "127.0.3.2")
        cls.offer = cls.site.offer_ids[0]
        cls.offer.price = 500

    @classmethod
    def _create_hotspot(cls, login, name, address):
        user = new_test_user(cls.env, login, groups="isp_hotspot.group_hotspot_owner", name=login.title(), company_id=cls.env.company.id)
        site = cls.env["isp.site"].create({"name": name, "ssid": name, "partner_id": user.partner_id.id, "company_id": cls.env.company.id})
        router = cls.env["isp.router"].create({"name": name, "nas_ip": address, "radius_secret": "testing123", "site_id": site.id})
        return user, site, router

    def _place(self, method="cash", site=None, **more):
        site = site or self.site
        values = {"offer": site.offer_ids[0], **more}
        return self.env["isp.token.order"]._place(site, str(uuid.uuid4()), method, **values)


class HotspotCommon(HotspotMixin, NetworkCommon):
    """The same beside the ISP's own router and customer, asked as RADIUS does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_hotspots()

    def _made(self, count=1, site=None, **more):
        site = site or self.site
        return self.env["isp.token"]._make(site, {**site.offer_ids[0]._prepare_terms(), **more}, count)

    def _log_in(self, token, mac=DEVICE, nas="127.0.3.1"):
        """:return: (RADIUS's check rows, its reply rows) and, where it would be let in, what FreeRADIUS does then"""
        check, reply = self._ask("authz", token.code, mac, nas), self._ask("authr", token.code, mac, nas)
        if check.get("Tmp-Integer-1"):
            self.env.cr.execute("SELECT radius.first_use(%s, %s, %s)", (token.code, nas, mac))
        return check, reply

    def _follow(self):
        for step in self.env["isp.token"]._follow_steps():
            step()

    def _later(self, **span):
        """Time goes by for RADIUS: what it has written is as much older."""
        self.env.flush_all()
        for table, column in (("isp_access_use", "first_at"), ("isp_session", "started"), ("isp_session", "updated"), ("isp_token", "first_used"), ("isp_token", "ends_at"), ("isp_access", "valid_until"), ("isp_access", "first_until")):
            keys = ", ".join(f"{name} => {value}" for name, value in span.items())
            self.env.cr.execute(f"UPDATE {table} SET {column} = {column} - make_interval({keys})")  # pylint: disable=sql-injection
        self.env.invalidate_all()
