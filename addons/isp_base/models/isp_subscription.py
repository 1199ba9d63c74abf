# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from ..engine import lifecycle

STATES = [
    ("draft", "Prospect"),
    ("pending", "To install"),
    ("active", "Active"),
    ("suspended", "Suspended"),
    ("paused", "Paused"),
    ("terminated", "Terminated"),
]
REASONS = [
    ("import", "Imported"),
    ("activation", "Activation"),
    ("overdue", "Overdue invoice"),
    ("payment", "Payment received"),
    ("agreement", "Instalment agreement"),
    ("customer", "Customer's wish"),
    ("staff", "Decision of staff"),
    ("regulator", "Order of the regulator"),
    ("fraud", "Misuse"),
    ("plan_change", "Change of plan"),
    ("termination", "End of contract"),
    ("expired", "Prepaid time over"),
]
#: In the context of the one method that may write ``state``. An object, so no RPC call can pass it.
_STATE_KEY = object()


class IspSubscription(models.Model):
    """Who has which plan, where, and in which state."""

    _name = "isp.subscription"
    _description = "Subscription"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"
    _rec_names_search = ["name", "username", "partner_id.name", "partner_id.isp_account_no", "partner_id.phone"]

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, index=True, ondelete="restrict", tracking=True)
    plan_id = fields.Many2one("isp.plan", required=True, index=True, ondelete="restrict", tracking=True)
    state = fields.Selection(STATES, default="draft", required=True, readonly=True, copy=False, index=True, tracking=True)
    service_type = fields.Selection(related="plan_id.service_type", store=True)
    billing_mode = fields.Selection(related="plan_id.billing_mode", store=True)
    username = fields.Char(string="User name", copy=False, tracking=True, help="Log-in on PPPoE or hotspot; exact, capitals count.")
    mac = fields.Char(string="MAC address", copy=False)
    start_date = fields.Date(default=fields.Date.context_today, tracking=True)
    anchor_day = fields.Integer(
        default=lambda self: fields.Date.context_today(self).day,
        required=True,
        help="Day of the month on which a period starts. 29 to 31: the last day of shorter months.",
    )
    valid_until = fields.Datetime(
        string="Paid until", copy=False, readonly=True, index="btree_not_null", help="The line is closed from then on. Blank: no end."
    )
    lent_until = fields.Datetime(
        string="Kept open until", copy=False, readonly=True, help="Beyond what is paid for, because money is on its way. Blank: it is not."
    )
    protected = fields.Boolean(tracking=True, help="Never suspended automatically (hospital, police, …).")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    monthly_value = fields.Monetary(compute="_compute_monthly_value", store=True, help="Price scaled to a month, without taxes.")
    event_ids = fields.One2many("isp.subscription.event", "subscription_id", readonly=True)
    note = fields.Text(groups="base.group_user")
    partner_phone = fields.Char(related="partner_id.phone", string="Phone")
    account_no = fields.Char(related="partner_id.isp_account_no")
    color = fields.Integer(compute="_compute_color")

    _username_unique = models.UniqueIndex(
        "(username) WHERE username IS NOT NULL", "This user name is taken by another subscription."
    )
    _name_unique = models.UniqueIndex("(company_id, name) WHERE name <> '/'", "This subscription number exists already.")
    _anchor_day_valid = models.Constraint("CHECK(anchor_day BETWEEN 1 AND 31)", "The anchor day is a day of the month: 1 to 31.")

    # === Computes ===

    @api.depends("plan_id.list_price", "plan_id.period_unit", "plan_id.period_count", "plan_id", "company_id")
    def _compute_monthly_value(self):
        for subscription in self:
            plan = subscription.plan_id
            subscription.monthly_value = plan._monthly_value() if plan else 0

    @api.depends("state")
    def _compute_color(self):
        colors = {"active": 10, "suspended": 1, "paused": 3, "pending": 4, "terminated": 0, "draft": 7}
        for subscription in self:
            subscription.color = colors[subscription.state]

    @api.depends("name", "partner_id.name")
    def _compute_display_name(self):
        for subscription in self:
            subscription.display_name = " · ".join(filter(None, (subscription.name, subscription.partner_id.name)))

    def _open_until(self):
        """:return: until when the network serves this line while it is active: what was paid for, or what was lent; False: no end"""
        self.ensure_one()
        return self.valid_until and max(self.valid_until, self.lent_until or self.valid_until)

    # === Constraints ===

    @api.constrains("username")
    def _check_username(self):
        for subscription in self:
            name = subscription.username
            if name and (name != name.strip() or not name.isprintable()):
                raise ValidationError(self.env._("The user name %(name)r has spaces at its ends or unprintable characters.", name=name))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("state", "draft") != "draft":
                raise UserError(self.env._("A subscription starts as a prospect; change its state afterwards."))
            if vals.get("name", "/") == "/":
                company = vals.get("company_id") or self.env.company.id
                vals["name"] = self.env["ir.sequence"].with_company(company).next_by_code("isp.subscription")
            self._clean_identity(vals)
        subscriptions = super().create(vals_list)
        subscriptions.partner_id.commercial_partner_id.sudo()._isp_give_account_no()
        return subscriptions

    def write(self, vals):
        if "state" in vals and self.env.context.get("isp_state_key") is not _STATE_KEY:
            raise UserError(self.env._("The state of a subscription changes by its buttons only, so that it is logged."))
        self._clean_identity(vals)
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_untouched(self):
        if any(subscription.event_ids for subscription in self):
            raise UserError(self.env._("A subscription with a history cannot be deleted; terminate it."))

    @api.model
    def _clean_identity(self, vals):
        """Blank is "none", so that the unique index does not compare blanks."""
        for field in ("username", "mac"):
            if field in vals:
                vals[field] = vals[field] or False

    # === Actions ===

    def action_activate(self):
        """The button that needs no question: a new or paused line goes into service."""
        self._set_state("active", "activation" if self.state in ("draft", "pending") else "staff")

    def action_pending(self):
        self._set_state("pending", "activation")

    def action_ask_state(self):
        """Open the small form that asks why, for the state named in the context."""
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Why?"),
            "res_model": "isp.subscription.state.wizard",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_subscription_ids": self.ids,
                "default_new_state": self.env.context.get("isp_new_state", "suspended"),
            },
        }

    # === Business ===

    def _set_state(self, new_state, reason, note=None):
        """Change the state of these subscriptions: the one way to do it.

        Rows are locked in the order of their ids and read again under the lock, so of two
        callers the second finds the first one's state. A subscription already in
        ``new_state`` is left alone: calling again writes nothing.

        :param new_state: key of STATES
        :param reason: key of REASONS
        :param note: free text for the log; or {subscription id: text}
        :return: the ``isp.subscription.event`` rows written, one a subscription changed
        :raise UserError: the change is not allowed (see engine/lifecycle.py)

        Transaction: the caller's. Hooks (``_on_state_changed``) run inside it and must not call
        outside systems; they queue.
        """
        self._lock_rows()
        changing = self.filtered(lambda s: s.state != new_state)
        labels = dict(self._fields["state"]._description_selection(self.env))
        for subscription in changing:
            if not lifecycle.allowed(subscription.state, new_state):
                raise UserError(
                    self.env._(
                        "%(subscription)s is “%(old)s” and cannot become “%(new)s”.",
                        subscription=subscription.display_name,
                        old=labels[subscription.state],
                        new=labels.get(new_state, new_state),
                    )
                )
        if not changing:
            return self.env["isp.subscription.event"]
        vals_list = [s._prepare_event_vals(new_state, reason, note) for s in changing]
        changing.with_context(isp_state_key=_STATE_KEY).write({"state": new_state})
        events = self.env["isp.subscription.event"].sudo().create(vals_list)
        changing._on_state_changed(events)
        return events.sudo(self.env.su)

    def _on_state_changed(self, events):
        """Hook: these subscriptions have just changed state (``events``, same order, sudo).

        Runs in the transaction of the change. Override to bill, to write the access, to queue.
        """

    def _prepare_event_vals(self, new_state, reason, note):
        self.ensure_one()
        live = {"active"}
        return {
            "subscription_id": self.id,
            "user_id": self.env.uid,
            "state_from": self.state,
            "state_to": new_state,
            "reason": reason,
            "note": (note.get(self.id) if isinstance(note, dict) else note) or False,
            "monthly_value_before": self.monthly_value if self.state in live else 0,
            "monthly_value_after": self.monthly_value if new_state in live else 0,
        }

    def _lock_rows(self):
        """Wait for and hold the row locks until the end of the transaction; read anew.

        Odoo works in REPEATABLE READ: if another transaction changed a row meanwhile, PostgreSQL
        raises a serialization failure and the caller's whole request or batch is tried again.
        """
        if not self.ids:
            return
        self.check_access("write")
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM isp_subscription WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset(["state"])
