# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import ipaddress
import re
import secrets

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL

from ..engine.rate import is_rate
from ..fields import BigInteger

STATES = [("allowed", "Allowed"), ("walled", "Walled garden"), ("blocked", "Blocked")]
#: Writing one of these may change what a live session should get.
_WIRE_FIELDS = {"name", "state", "plan_id", "valid_until", "quota_bytes", "quota_from", "quota_day", "time_limit", "static_ip"}
_WIRE_FIELDS |= {"topup_bytes", "topup_until", "ip_pool", "ipv6_prefix", "ipv6_link", "use_seconds", "own_rate", "zone", "mac_bound"}
#: Letters and digits that are not mistaken for one another on paper or on the phone.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
MAC = re.compile(r"([0-9A-F]{2}:){5}[0-9A-F]{2}")
POOL = re.compile(r"[\w.-]{1,64}", re.A)


class IspAccess(models.Model):
    """The network's only truth: who may log in, with what, until when.

    RADIUS answers from these rows (``sql/radius.sql``): a committed change is the next answer. Who owns an access
    (a subscription; a token of a hotspot) writes it through its own state changes; nobody edits it by hand.
    The password is stored as it is, because CHAP and MS-CHAP cannot be answered from a hash; only the
    RADIUS functions and administrators read it.
    """

    _name = "isp.access"
    _description = "Access"
    _order = "name"
    _rec_names_search = ["name", "mac", "subscription_id.partner_id.name"]

    name = fields.Char(string="User name", required=True, readonly=True, help="Exact: capitals count.")
    password = fields.Char(readonly=True, copy=False, groups="isp_base.group_isp_administrator")
    mac = fields.Char(string="MAC address", readonly=True)
    mac_login = fields.Boolean(
        string="Log-in by MAC address",
        readonly=True,
        help="The device with this MAC address needs no password: the router sends the address as user name. Who types the address"
        " on another device does not get in.",
    )
    mac_bound = fields.Boolean(string="This device only", readonly=True, help="Nobody gets in from another MAC address.")
    plan_id = fields.Many2one("isp.plan", readonly=True, index=True, ondelete="restrict")
    rate_limit = fields.Char(related="plan_id.rate_limit")
    subscription_id = fields.Many2one("isp.subscription", readonly=True, ondelete="restrict")
    partner_id = fields.Many2one(related="subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    state = fields.Selection(STATES, required=True, default="blocked", readonly=True, index=True)
    valid_until = fields.Datetime(readonly=True, help="The access is walled from then on. Blank: no end.")
    quota_bytes = BigInteger(string="Data included (bytes)", readonly=True, help="0: not limited.")
    quota_from = fields.Datetime(string="Data counts from", readonly=True)
    quota_day = fields.Integer(
        readonly=True, help="Day of the month on which the data starts again; 0: it does not, until it is bought again."
    )
    device_limit = fields.Integer(string="Devices at once", readonly=True, default=1, help="0: not limited.")
    time_limit = fields.Integer(
        string="Time included (s)", readonly=True, help="Seconds on line, counted like data. 0: not limited."
    )
    static_ip = fields.Char(string="Fixed address", readonly=True)
    ip_pool = fields.Char(string="Address pool", readonly=True, help="Instead of the plan's.")
    ipv6_prefix = fields.Char(string="Fixed IPv6 prefix", readonly=True, help="For the customer's network (Delegated-IPv6-Prefix).")
    ipv6_link = fields.Char(string="Fixed IPv6 prefix of the link", readonly=True, help="Framed-IPv6-Prefix.")
    # Who sets it tells the routers too: writing it queues nothing.
    fup_rate = fields.Char(string="Fair-use speed", readonly=True, help="While set, it replaces the plan's speed (Mikrotik-Rate-Limit).")
    fup_step_id = fields.Many2one("isp.fup.step", string="Fair-use step", readonly=True, ondelete="set null", index="btree_not_null")
    topup_bytes = BigInteger(string="Bought on top (bytes)", readonly=True)
    topup_until = fields.Datetime(string="Bought on top until", readonly=True)
    zone = fields.Integer(readonly=True, help="It is let in only at the routers of this zone (a hotspot). 0: at all routers that are ours.")
    use_seconds = fields.Integer(
        string="Time from the first log-in (s)", readonly=True, help="By the clock, on line or not, from the first log-in on. 0: no such end."
    )
    refuse_ended = fields.Boolean(
        string="Refused when ended", readonly=True, help="When it has expired or is used up, the log-in is refused; else it leads into the walled garden."
    )
    own_rate = fields.Char(string="Own speed", readonly=True, help="Instead of the plan's (Mikrotik-Rate-Limit).")
    moved_at = fields.Datetime(readonly=True, help="Devices that were on line before do not count against the limit: it moved to another device.")
    note = fields.Text()
    session_ids = fields.One2many("isp.session", "access_id", string="Sessions", readonly=True)
    online = fields.Boolean(compute="_compute_online", search="_search_online")
    radius_answer = fields.Text(string="RADIUS answers now", compute="_compute_radius_answer")

    _name_unique = models.UniqueIndex("(name)", "This user name is taken by another access.")
    _subscription_unique = models.UniqueIndex(
        "(subscription_id) WHERE subscription_id IS NOT NULL", "This subscription has an access already."
    )
    _mac_unique = models.UniqueIndex("(mac) WHERE mac_login", "Another access logs in by this MAC address.")
    _not_negative = models.Constraint("CHECK(quota_bytes >= 0 AND device_limit >= 0)", "A limit cannot be negative.")
    _time_valid = models.Constraint("CHECK(time_limit >= 0 AND use_seconds >= 0)", "A time cannot be negative.")
    _quota_day_valid = models.Constraint("CHECK(quota_day BETWEEN 0 AND 31)", "A day of the month: 1 to 31, or 0.")

    # === Computes ===

    @api.depends("session_ids.stopped", "session_ids.updated")
    def _compute_online(self):
        live = self.env["isp.session"].sudo()._search_live(self.ids).access_id
        for access in self:
            access.online = access in live

    def _search_online(self, operator, value):
        if operator not in ("in", "not in"):
            return NotImplemented
        live = self.env["isp.session"]._live_domain()
        if (operator == "in") == (True in value):
            return [("session_ids", "any", live)]
        return [("session_ids", "not any", live)]

    @api.depends("name", "state", "valid_until", "plan_id.rate_limit")
    def _compute_radius_answer(self):
        for access in self:
            access.radius_answer = "\n".join(access._radius_answer())

    # === Constraints ===

    @api.constrains("name", "password")
    def _check_text(self):
        for access in self.sudo():
            for text in (access.name, access.password or ""):
                if not text.isprintable() or len(text.encode()) > 128:
                    raise ValidationError(self.env._("User name and password: printable characters, at most 128 bytes."))

    @api.constrains("mac", "mac_login")
    def _check_mac(self):
        for access in self:
            if (access.mac_login or access.mac_bound) and not access.mac:
                raise ValidationError(self.env._("%(name)s cannot log in by a MAC address: none is known.", name=access.name))
            if access.mac and not MAC.fullmatch(access.mac):
                raise ValidationError(self.env._("%(mac)s is not a MAC address like AA:BB:CC:DD:EE:FF.", mac=access.mac))

    @api.constrains("static_ip")
    def _check_static_ip(self):
        for access in self.filtered("static_ip"):
            try:
                ipaddress.IPv4Address(access.static_ip)
            except ValueError:
                raise ValidationError(self.env._("%(ip)s is not an IPv4 address.", ip=access.static_ip)) from None

    @api.constrains("ipv6_prefix", "ipv6_link")
    def _check_ipv6(self):
        for access in self:
            for prefix in filter(None, (access.ipv6_prefix, access.ipv6_link)):
                try:
                    valid = str(ipaddress.IPv6Network(prefix)) == prefix.lower()
                except ValueError:
                    valid = False
                if not valid:
                    raise ValidationError(self.env._("%(prefix)s is not an IPv6 prefix like 2001:db8:1::/48.", prefix=prefix))

    @api.constrains("ip_pool")
    def _check_pools(self):
        self._check_pool_names(self, ("ip_pool",))

    @api.model
    def _check_pool_names(self, records, names):
        for record in records:
            for pool in filter(None, (record[name] for name in names)):
                if not POOL.fullmatch(pool):
                    raise ValidationError(
                        self.env._("%(pool)s is not the name of a pool: letters, digits, dot, dash and underscore.", pool=pool)
                    )

    @api.constrains("fup_rate", "own_rate")
    def _check_rates(self):
        for rate in filter(None, self.mapped("fup_rate") + self.mapped("own_rate")):
            if not is_rate(rate):
                raise ValidationError(self.env._("%(rate)s is not a speed like 512k/1M.", rate=rate))

    # === CRUD ===

    def write(self, vals):
        """Write, and queue a Disconnect for live sessions whose answer has changed (same transaction)."""
        if not _WIRE_FIELDS & vals.keys():
            return super().write(vals)
        before = self._wire_profiles()
        result = super().write(vals)
        after = self._wire_profiles()
        self.with_context(wire_before=before).filtered(lambda a: before.get(a.id) != after.get(a.id))._queue_disconnect()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        """Sessions and usage refer to an access without a foreign key: one that was in use stays, blocked."""
        for model in ("isp.session", "isp.usage"):
            if self.env[model].sudo().search_count([("access_id", "in", self.ids)], limit=1):
                raise UserError(self.env._("This user name has been online; it can be blocked, not deleted."))

    # === Actions ===

    def action_reset_password(self):
        """Give a new password and show it once. Sessions stay up; the next log-in needs it."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_customer_service"):
            raise AccessError(self.env._("Only customer service may reset a password."))
        self.check_access("read")
        password = self._new_password()
        self.sudo()._apply({"password": password})
        if self.subscription_id:
            self.subscription_id.sudo().message_post(body=self.env._("A new network password was given out."))
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "title": self.env._("New password of %(name)s", name=self.name),
                "message": password,
                "type": "success",
                "sticky": True,
            },
        }

    def action_view_sessions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_network.action_isp_session")
        return {**action, "domain": [("access_id", "=", self.id)], "context": {}}

    # === Business ===

    def _apply(self, vals):
        """Write what differs in ``vals`` and nothing else; idempotent. For the owners of accesses only.

        Same transaction as the business change; the disconnect of live sessions is queued in it too.
        """
        self._apply_many(dict.fromkeys(self, vals))

    @api.model
    def _apply_many(self, wanted):
        """As ``_apply``, with values of its own for each access: {access: vals}. Equal changes are one write."""
        changes = {}
        for access, vals in wanted.items():
            change = {name: value for name, value in vals.items() if self._differs(access, name, value)}
            if change:
                key = tuple(sorted(change.items()))
                changes[key] = changes.get(key, self.browse()) | access
        for change, accesses in changes.items():
            accesses.write(dict(change))

    def _renew_quota(self):
        """The data of these accesses starts again now (a bundle was bought). Caller's transaction."""
        self.write({"quota_from": fields.Datetime.now()})

    def _radius_answer(self):
        """What the RADIUS server would answer this user now: lines of text, never the password.

        Asks the very functions FreeRADIUS calls. The own device (MAC of the live session, else the known one)
        does not count against the device limit, as when it dials again.
        """
        self.ensure_one()
        if not self.id:
            return []
        self.check_access("read")
        self.env.flush_all()
        live = self.env["isp.session"].sudo()._search_live(self.ids)
        mac = live[:1].mac or self.mac or None
        rows = self.env.execute_query(
            SQL(
                """
                SELECT attribute, CASE WHEN attribute = 'Cleartext-Password' THEN NULL ELSE value END
                  FROM radius.authz(%(name)s, NULL, %(mac)s)
                UNION ALL SELECT attribute, value FROM radius.authr(%(name)s, NULL, %(mac)s)
                """,
                name=self.name,
                mac=mac,
            )
        )
        attributes = dict(rows)
        if attributes.get("Auth-Type") == "Reject":
            verdict = "Access-Reject"
        elif not {"Cleartext-Password", "Auth-Type"} & attributes.keys():
            verdict = self.env._("Access-Reject (no password set)")
        else:
            verdict = "Access-Accept"
        lines = [f"{name} = {value}" for name, value in rows if name not in ("Cleartext-Password", "Auth-Type", "Tmp-Integer-1")]
        return [verdict, *lines]

    def _wire_profiles(self):
        """What decides whether a live session is still right: {id: (name, verdict, reason, rate, addresses …)}."""
        if not self.ids:
            return {}
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT a.id, a.name, v.verdict, v.reason, v.rate, v.static_ip, v.pool, v.ipv6_prefix, v.ipv6_link, v.ipv6_pool
                  FROM isp_access a CROSS JOIN LATERAL radius.verdict(a.name, NULL, false) v
                 WHERE a.id = ANY(%s)
                """,
                self.ids,
            )
        )
        return {row[0]: row[1:] for row in rows}

    def _queue_disconnect(self):
        """Write the intent to end the sessions of these accesses that may run; a job tells the routers after the commit."""
        if self:
            self.env["isp.session"].sudo()._search_may_live(self.ids)._queue_disconnect()

    # === Utilities ===

    @api.model
    def _differs(self, access, name, value):
        old = access[name]
        return ((old.id if isinstance(old, models.BaseModel) else old) or False) != (value or False)

    @api.model
    def _new_password(self, length=10):
        return "".join(secrets.choice(_ALPHABET) for _ in range(length))
