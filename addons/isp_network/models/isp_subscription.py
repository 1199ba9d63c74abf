# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.isp_billing.models.isp_subscription import MONEY_REASONS

from ..engine.volume import human
from ..fields import BigInteger
from .isp_access import STATES

#: What the network does in each state of a subscription.
ACCESS_STATE = {
    "draft": "blocked",
    "pending": "blocked",
    "active": "allowed",
    "suspended": "walled",
    "paused": "walled",
    "terminated": "blocked",
}
#: Fields of a subscription that its access follows.
_FOLLOWED = {"username", "mac", "plan_id", "anchor_day", "company_id", "valid_until", "lent_until"}
#: What a line has on the wire beyond its plan; the access has the same.
_OWN = ("mac_login", "static_ip", "ip_pool", "ipv6_prefix", "ipv6_link")
_FOLLOWED |= set(_OWN)
_JUBA = ZoneInfo("Africa/Juba")


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    access_ids = fields.One2many("isp.access", "subscription_id", readonly=True)
    mac_login = fields.Boolean(
        string="Log-in by MAC address",
        copy=False,
        tracking=True,
        help="The device with this line's MAC address needs no password.",
    )
    static_ip = fields.Char(string="Fixed address", copy=False, tracking=True)
    ip_pool = fields.Char(string="Address pool", help="Instead of the plan's.", tracking=True)
    ipv6_prefix = fields.Char(string="Fixed IPv6 prefix", copy=False, tracking=True, help="For the customer's network, like 2001:db8:1::/48.")
    ipv6_link = fields.Char(string="Fixed IPv6 prefix of the link", copy=False, tracking=True)
    quota_carried = BigInteger(readonly=True, copy=False, help="Bytes of the bundle before that were left at an early renewal.")
    access_state = fields.Selection(STATES, string="Network", compute="_compute_wire", compute_sudo=True)
    online = fields.Boolean(compute="_compute_wire", search="_search_online", compute_sudo=True)
    online_since = fields.Datetime(compute="_compute_wire", compute_sudo=True)
    online_address = fields.Char(string="Address now", compute="_compute_wire", compute_sudo=True)
    online_device = fields.Char(string="Device", compute="_compute_wire", compute_sudo=True)
    online_router = fields.Char(string="Router", compute="_compute_wire", compute_sudo=True)
    online_volume = fields.Char(string="This session", compute="_compute_wire", compute_sudo=True, help="Download / upload.")
    month_volume = fields.Char(string="This month", compute="_compute_month_volume", compute_sudo=True, help="Download / upload.")
    radius_answer = fields.Text(string="RADIUS answers now", compute="_compute_radius_answer", compute_sudo=True)

    attempt_ids = fields.Many2many(
        "isp.login.attempt", string="Refused log-ins", compute="_compute_attempt_ids", compute_sudo=True
    )

    # === Computes ===

    @api.depends("access_ids")
    def _compute_attempt_ids(self):
        """The last twenty refusals of the user name, or of the device while it tried another one."""
        for subscription in self:
            access = subscription.access_ids[:1]
            whose = fields.Domain("access_id", "in", access.ids)
            if access.mac:
                whose |= fields.Domain([("mac", "=", access.mac), ("reason", "=", "unknown")])
            subscription.attempt_ids = self.env["isp.login.attempt"].search(whose, limit=20) if access else False

    @api.depends("access_ids.state", "access_ids.session_ids.stopped")
    def _compute_wire(self):
        sessions = self.env["isp.session"]._search_live(self.access_ids.ids)
        by_access = sessions.grouped("access_id")
        for subscription in self:
            access = subscription.access_ids[:1]
            session = by_access.get(access, sessions.browse())[:1]
            subscription.access_state = access.state
            subscription.online = bool(session)
            subscription.online_since = session.started
            subscription.online_address = session.framed_ip
            subscription.online_device = session.mac
            subscription.online_router = session.router_id.name or session.nas_ip
            subscription.online_volume = session and f"{human(session.bytes_down)} / {human(session.bytes_up)}"

    def _search_online(self, operator, value):
        return [("access_ids.online", operator, value)]

    @api.depends("access_ids")
    def _compute_month_volume(self):
        """Since the first of the month in Juba, from the hourly counters."""
        local = fields.Datetime.now().replace(tzinfo=UTC).astimezone(_JUBA)
        start = local.replace(day=1, hour=0, minute=0, second=0, microsecond=0).astimezone(UTC).replace(tzinfo=None)
        groups = self.env["isp.usage"]._read_group(
            [("access_id", "in", self.access_ids.ids), ("hour", ">=", start)],
            ["access_id"],
            ["bytes_down:sum", "bytes_up:sum"],
        )
        sums = {access: (int(down), int(up)) for access, down, up in groups}
        for subscription in self:
            down, up = sums.get(subscription.access_ids[:1], (0, 0))
            subscription.month_volume = f"{human(down)} / {human(up)}"

    @api.depends("access_ids.radius_answer")
    def _compute_radius_answer(self):
        for subscription in self:
            subscription.radius_answer = subscription.access_ids[:1].radius_answer

    # === CRUD ===

    def write(self, vals):
        result = super().write(vals)
        if _FOLLOWED & vals.keys():
            self.filtered(lambda s: s.access_ids or s.state != "draft")._sync_access()
        return result

    # === Actions ===

    def action_reset_password(self):
        self.ensure_one()
        self.check_access("write")
        return self.access_ids[:1].action_reset_password()

    def action_view_sessions(self):
        self.ensure_one()
        return self.access_ids[:1].action_view_sessions()

    # === Business ===

    def _on_state_changed(self, events):
        """The access follows in the transaction of the change, so the next RADIUS answer after the commit is right."""
        result = super()._on_state_changed(events)
        self._sync_access()
        return result

    def _sync_access(self):
        """Create or bring up to date the access of each of these subscriptions. Idempotent; caller's transaction.

        A subscription without a user name has no access; one that loses its user name has a blocked one.
        New accesses get a generated password.
        """
        accesses = self.env["isp.access"].sudo()
        known = accesses.search([("subscription_id", "in", self.ids)]).grouped("subscription_id")
        created, changes = [], {}
        for subscription in self.sudo():
            access = known.get(subscription)
            if not access and subscription.username:
                vals = subscription._prepare_access_vals()
                created.append({"password": accesses._new_password(), "quota_from": fields.Datetime.now(), **vals})
            elif access and not subscription.username:
                changes[access] = {"state": "blocked"}
            elif access:
                changes[access] = subscription._prepare_access_vals()
                if access.plan_id != subscription.plan_id:
                    changes[access]["quota_from"] = fields.Datetime.now()
        accesses._apply_many(changes)
        if created:
            accesses.create(created)

    def _prepare_access_vals(self):
        """What the access of this subscription holds. A quota cuts off where no overage is sold (any more: when the cycle is over), and for prepaid."""
        self.ensure_one()
        plan = self.plan_id
        cuts = self._quota_cuts()
        carried = self.quota_carried if self._quota_is_bought() else 0
        return {
            "subscription_id": self.id,
            "name": self.username,
            "mac": self.mac,
            **{name: self[name] for name in _OWN},
            "plan_id": plan.id,
            "company_id": self.company_id.id,
            "state": ACCESS_STATE[self.state],
            "valid_until": self._open_until(),
            "device_limit": plan.device_limit,
            "quota_bytes": plan.quota_mb * 1_000_000 + carried if cuts else 0,
            "quota_day": self.anchor_day if cuts and not self._quota_is_bought() else 0,
        }

    def _quota_cuts(self):
        self.ensure_one()
        plan = self.plan_id
        return bool(plan.quota_mb) and (plan.billing_mode == "prepaid" or not (plan.overage_price_gb or self.usage_from))

    def _quota_is_bought(self):
        """Whether data comes with each payment, not with the month."""
        self.ensure_one()
        plan = self.plan_id
        return plan.period_unit != "month" or (plan.billing_mode == "prepaid" and plan.prepaid_basis == "data")

    def _wall(self):
        """Why this line is in the walled garden now, by the rules of RADIUS itself and the log of the line.

        :return: "" when it is not, else: "debt" (an overdue invoice), "expired" (paid time is over), "paused" (customer's wish), "data" or
            "time" (what is included is used up), "suspended" (anything else)
        """
        self.ensure_one()
        access = self.sudo().access_ids[:1]
        if not access:
            return ""
        self.env.flush_all()
        query = SQL("SELECT v.verdict, v.reason, v.message FROM radius.verdict(%s, NULL, false) v", access.name)
        [(verdict, reason, message)] = self.env.execute_query(query)
        if verdict != "wall":
            return ""
        if reason == "quota":
            return "time" if message == "Time used up" else "data"
        if reason == "expired":
            return "expired"
        if self.state == "paused":
            return "paused"
        why = self._last_state_event().reason
        if why in MONEY_REASONS and self._credit() < 0:
            return "debt"
        return "expired" if why == "expired" else "suspended"

    def _wall_due(self, wall):
        """:param wall: what ``_wall`` returned. :return: (what to pay to come back, 0 where money does not do it; since when it is overdue or None)"""
        self.ensure_one()
        partner = self.partner_id.commercial_partner_id
        due = partner._isp_dues().get((partner.id, self.company_id.id))
        if wall == "debt" and due:
            return due.overdue or due.balance, due.oldest
        if wall == "expired" and self._may_renew():
            return max(self._next_price() - self._credit(), 0), None
        return 0, None

    # === Prepaid ===

    def _quota_left(self):
        """:return: {subscription id: bytes of the quota left}, of those that have one"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT x.subscription_id,
                       greatest(x.quota_bytes + CASE WHEN x.topup_until > %(now)s THEN x.topup_bytes ELSE 0 END - CASE WHEN c.since = radius.quota_start(x.quota_from, x.quota_day, %(now)s)
                                                     THEN c.bytes ELSE 0 END, 0)
                  FROM isp_access x
                  LEFT JOIN isp_quota_counter c ON c.access_id = x.id
                 WHERE x.subscription_id = ANY(%(ids)s) AND x.quota_bytes > 0
                """,
                ids=self.ids,
                now=fields.Datetime.now(),
            )
        )
        return {subscription: int(left) for subscription, left in rows}

    def _has_run_out(self, ahead=timedelta(0)):
        """Override of `isp_billing`: a bundle of data is over when it is used up."""
        if super()._has_run_out(ahead):
            return True
        return self.plan_id.prepaid_basis == "data" and self._quota_left().get(self.id) == 0

    def _prepaid_left(self):
        """Override of `isp_billing`: of a bundle the data that is left is worth money, not the time."""
        left, bought = super()._prepaid_left()
        if self.plan_id.prepaid_basis != "data" or not bought:
            return left, bought
        bundle = self.plan_id.quota_mb * 1_000_000
        return self._quota_left().get(self.id, 0), [(row, amount, bundle) for row, amount, _seconds in bought]

    @api.model
    def _sql_run_out(self):
        """Override of `isp_billing`: find the bundles that are used up."""
        return SQL(
            """%s OR EXISTS (SELECT 1 FROM isp_access x
                               JOIN isp_plan n ON n.id = x.plan_id
                               JOIN isp_quota_counter c ON c.access_id = x.id
                              WHERE x.subscription_id = s.id AND n.prepaid_basis = 'data' AND x.quota_bytes > 0
                                AND c.bytes >= x.quota_bytes AND c.since = radius.quota_start(x.quota_from, x.quota_day, %s))""",
            super()._sql_run_out(),
            fields.Datetime.now(),
        )

    def _book_renewal(self, renewal, on_debt=False):
        """Override of `isp_billing`: data that is left is read before the renewal starts the quota again."""
        left = 0 if self._has_run_out() else self._quota_left().get(self.id, 0)
        return super(IspSubscription, self.with_context(isp_quota_left=left))._book_renewal(renewal, on_debt)

    def _on_renewed(self, periods, term):
        """Override of `isp_billing`: a payment starts the data again; what is left of a bundle is added to the new one."""
        result = super()._on_renewed(periods, term)
        if self._quota_cuts():
            started = term.starts <= fields.Datetime.now()
            if self._quota_is_bought():
                self.quota_carried = self.env.context.get("isp_quota_left", 0)
                self._sync_access()
            if self._quota_is_bought() or started:
                self.sudo().access_ids._renew_quota()
        return result
