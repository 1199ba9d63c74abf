# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models

#: Wrong codes of one device on the pages of a hotspot within WINDOW, after which it is not listened to until they are older.
PER_DEVICE = 10
#: Wrong codes on the pages of one hotspot in a minute, from whatever devices.
PER_SITE = 60
WINDOW = 15


class IspPortalTry(models.Model):
    """What was tried on the pages of a hotspot of late: wrong codes, and tokens that were moved. What keeps codes from being guessed here.

    One row a try, so that requests do not wait for each other; those on their way are not seen, so a limit may be passed by as many as
    there are workers. While somebody is kept out nothing is written. (At the routers: ``isp.login.guess``.)
    """

    _name = "isp.portal.try"
    _description = "Try on the pages of a hotspot"
    _log_access = False
    _order = "id desc"

    site_id = fields.Many2one("isp.site", required=True, readonly=True, ondelete="cascade")
    what = fields.Selection([("wrong", "Wrong code"), ("moved", "Moved")], required=True, readonly=True)
    key = fields.Char(required=True, readonly=True, help="The device, or the token.")
    device = fields.Char(readonly=True)
    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)

    _site_index = models.Index("(site_id, what, at)")
    _key_index = models.Index("(key, what, at)")

    @api.model
    def _count(self, site, what, key=None, minutes=WINDOW):
        domain = [("site_id", "=", site.id), ("what", "=", what), ("at", ">", fields.Datetime.now() - timedelta(minutes=minutes))]
        return self.sudo().search_count([*domain, ("key", "=", key)] if key else domain, limit=PER_SITE)

    @api.model
    def _note(self, site, what, key, device=""):
        self.sudo().create({"site_id": site.id, "what": what, "key": key, "device": device})

    @api.model
    def _is_locked(self, site, key, device, mac):
        """:param key: what its tries are counted by :return: whether no more codes of this device are looked at now; what strangers try keeps
        nobody out whom the hotspot knows"""
        return self._count(site, "wrong", key) >= PER_DEVICE or (self._count(site, "wrong", minutes=1) >= PER_SITE and not site._knows(device, mac))

    @api.autovacuum
    def _forget_old(self):
        self.sudo().search([("at", "<", fields.Datetime.now() - timedelta(days=1))], limit=100_000).unlink()
