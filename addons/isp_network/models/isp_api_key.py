# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import hmac
import re
import secrets

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..engine.contract import SCOPES

_KEY = re.compile(r"isp_([0-9a-f]{12})_([\w-]{43})", re.A)


class IspApiKey(models.Model):
    """A key with which equipment asks the API (``engine/contract.py``).

    Of the key a digest is stored: 256 random bits cannot be guessed, so a fast one will do. It works for one company and in
    the name of one person, whose name stands in what it changes; when that person is archived, it is no key any more.
    """

    _name = "isp.api.key"
    _description = "API key"
    _order = "name, id"

    name = fields.Char(required=True, help="Which equipment or system has it.")
    active = fields.Boolean(default=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    user_id = fields.Many2one(
        "res.users", string="In the name of", required=True, default=lambda self: self.env.user, domain="[('share', '=', False)]", help="Who is named in the history of lines."
    )
    prefix = fields.Char(string="Begins with", readonly=True, copy=False)
    digest = fields.Char(readonly=True, copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    sessions = fields.Boolean(string=SCOPES["sessions"])
    authorise = fields.Boolean(string=SCOPES["authorise"])
    usage = fields.Boolean(string=SCOPES["usage"])
    lines = fields.Boolean(string=SCOPES["lines"])
    control = fields.Boolean(string=SCOPES["control"])
    orders = fields.Boolean(string=SCOPES["orders"])
    per_minute = fields.Integer(string="Requests a minute", required=True, default=300)
    expires = fields.Datetime(help="Blank: no end.")
    note = fields.Text()
    last_used = fields.Datetime(compute="_compute_last_used", help="Of the requests that are still in the log.")
    log_ids = fields.One2many("isp.api.log", "key_id", readonly=True)

    _prefix_unique = models.UniqueIndex("(prefix) WHERE prefix IS NOT NULL")
    _rate_valid = models.Constraint("CHECK(per_minute BETWEEN 1 AND 100000)", "Requests a minute: 1 to 100,000.")

    def _compute_last_used(self):
        self.env["isp.api.log"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """SELECT k, (SELECT l.at FROM isp_api_log l WHERE l.key_id = k AND l.status < 400 ORDER BY l.at DESC LIMIT 1)
                     FROM unnest(%s::int[]) k""",
                self.ids,
            )
        )
        found = dict(rows)
        for key in self:
            key.last_used = found.get(key.id)

    # === Actions ===

    def action_make_key(self):
        """Make the key, or a new one in its place, and show it once."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_administrator"):
            raise AccessError(self.env._("Only administrators make API keys."))
        self.check_access("write")
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
        self.write({"prefix": prefix, "digest": self._digest(secret)})
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("The key of %(name)s. It is shown only now.", name=self.name),
                "message": f"isp_{prefix}_{secret}",
                "type": "success",
                "sticky": True,
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_view_log(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_api_log")
        return {**action, "domain": [("key_id", "=", self.id)], "context": {}}

    # === Business ===

    @api.model
    def _of_header(self, text):
        """The key of an ``Authorization`` header, empty if it is none. Takes as long for a wrong secret as for a right one."""
        found = _KEY.fullmatch((text or "").removeprefix("Bearer ").strip())
        key = self.sudo().search([("prefix", "=", found[1])]) if found else self.browse()
        good = hmac.compare_digest(key.digest or "", self._digest(found[2] if found else ""))
        if not good or not key.user_id.active or (key.expires and key.expires <= fields.Datetime.now()):
            return self.browse()
        return key

    def _digest(self, secret):
        return hashlib.sha256(secret.encode()).hexdigest()

    def _used_in_minute(self):
        """:return: requests of the last minute, counted up to one above the limit; those on their way at this moment are not seen"""
        self.ensure_one()
        [(used,)] = self.env.execute_query(
            SQL(
                "SELECT count(*) FROM (SELECT 1 FROM isp_api_log WHERE key_id = %s AND at > %s - interval '60 seconds' LIMIT %s) l",
                self.id,
                fields.Datetime.now(),
                self.per_minute + 1,
            )
        )
        return used
