# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..fields import LooseMany2one


class IspAccessUse(models.Model):
    """When an access whose time runs from its first log-in was used first: one row an access, never changed.

    Written by ``radius.first_use`` (after the Access-Accept) and by ``radius.acct`` (a session nobody saw begin), whichever comes
    first. Idempotency key: the access.
    """

    _name = "isp.access.use"
    _description = "First use of an access"
    _rec_name = "access_id"
    _log_access = False

    access_id = LooseMany2one("isp.access", required=True, readonly=True)
    first_at = fields.Datetime(required=True, readonly=True)
    mac = fields.Char(string="MAC address", readonly=True)
    nas_ip = fields.Char(string="Router's address", readonly=True)

    _access_unique = models.UniqueIndex("(access_id)")
    _first_index = models.Index("(first_at)")
