# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..engine import instalment as engine

_logger = logging.getLogger(__name__)

#: Days before a date on which the customer is reminded of it.
REMIND_DAYS = 2
_MANAGER = "isp_base.group_isp_billing_manager"


class IspInstalment(models.Model):
    """An agreement to pay overdue invoices in parts.

    While it is kept, its invoices are owed but not overdue: no reminder, no suspension. Invoices beyond
    it count as ever. What is paid is read from the invoices, so a payment that bounces counts no more.
    """

    _name = "isp.instalment"
    _description = "Instalment agreement"
    _inherit = ["mail.thread"]
    _order = "id desc"

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, index=True, ondelete="restrict", tracking=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    move_ids = fields.Many2many(
        "account.move", "isp_instalment_move_rel", "instalment_id", "move_id", string="Invoices", copy=False
    )
    amount = fields.Monetary(compute="_compute_amount", store=True, help="What was open on the invoices when it began.")
    date_first = fields.Date(string="First date", required=True, default=lambda self: self.env.company._isp_today() + timedelta(days=7))
    count = fields.Integer(string="Parts", required=True, default=3)
    every = fields.Integer(required=True, default=1)
    unit = fields.Selection([("day", "Days"), ("week", "Weeks"), ("month", "Months")], required=True, default="month")
    grace_days = fields.Integer(required=True, default=3, help="Days after a date before the agreement is broken.")
    note = fields.Text()
    line_ids = fields.One2many("isp.instalment.line", "instalment_id", copy=False)
    state = fields.Selection(
        [("draft", "Proposed"), ("active", "In force"), ("kept", "Kept"), ("broken", "Broken"), ("cancelled", "Cancelled")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    paid = fields.Monetary(compute="_compute_paid", compute_sudo=True)
    left = fields.Monetary(compute="_compute_paid", compute_sudo=True, string="Still to pay")
    next_date = fields.Date(compute="_compute_paid", compute_sudo=True)
    needs_manager = fields.Boolean(compute="_compute_needs_manager")
    activated_by = fields.Many2one("res.users", readonly=True, copy=False)
    activated_at = fields.Datetime(readonly=True, copy=False)
    closed_at = fields.Datetime(readonly=True, copy=False)

    _number_unique = models.UniqueIndex("(name) WHERE name <> '/'", "This number is taken.")
    _counts = models.Constraint(
        "CHECK(count BETWEEN 1 AND 60 AND every BETWEEN 1 AND 52 AND grace_days BETWEEN 0 AND 60)",
        "An agreement has 1 to 60 parts and at most 60 days of grace.",
    )

    # === Computes ===

    @api.depends("move_ids")
    def _compute_amount(self):
        for agreement in self:
            # What was agreed does not change with what is paid.
            if agreement.state == "draft":
                agreement.amount = agreement.sudo()._open_amount()

    @api.depends("amount", "state", "move_ids.amount_residual", "line_ids.amount", "line_ids.date")
    def _compute_paid(self):
        for agreement in self:
            paid = 0 if agreement.state == "draft" else agreement.amount - agreement._open_amount()
            agreement.paid = max(paid, 0)
            agreement.left = agreement.amount - agreement.paid
            lines = agreement.line_ids.sorted(lambda line: (line.date or fields.Date.today(), line._origin.id))
            shares = engine.spread(lines.mapped("amount"), agreement.paid)
            late = [line.date for line, share in zip(lines, shares, strict=True) if share < line.amount]
            agreement.next_date = late[0] if late and agreement.state in ("draft", "active") else False

    @api.depends("amount", "company_id")
    def _compute_needs_manager(self):
        for agreement in self:
            agreement.needs_manager = agreement.amount > agreement.company_id.isp_instalment_limit

    def _open_amount(self):
        """:return: what is open on the invoices now"""
        self.ensure_one()
        lines = self.move_ids.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        return sum(lines.mapped("amount_residual"))

    # === Proposal ===

    @api.onchange("partner_id")
    def _onchange_partner_id(self):
        if self.partner_id:
            self.partner_id = self.partner_id.commercial_partner_id
            self.move_ids = self._overdue_moves()

    @api.onchange("move_ids", "count", "every", "unit", "date_first")
    def _onchange_schedule(self):
        if self.state == "draft" and self.move_ids and self.date_first:
            self.line_ids = [fields.Command.clear(), *self._prepare_lines()]

    def _overdue_moves(self):
        """:return: the invoices (and opening debts) of the customer that are overdue, without those under an agreement"""
        self.ensure_one()
        lines = self.env["account.move.line"].sudo().search(
            [
                *self.partner_id.commercial_partner_id._isp_open_lines_domain(self.company_id),
                ("amount_residual", ">", 0),
                ("date_maturity", "<", self.company_id._isp_today()),
            ]
        )
        held = self.sudo().search([("partner_id", "=", self.partner_id.id), ("state", "=", "active")]).move_ids
        return (lines.move_id - held).sudo(False)

    def _prepare_lines(self):
        """:return: commands that make the schedule: equal parts in whole pounds, the rest on the last"""
        self.ensure_one()
        amount = self.currency_id.round(self.sudo()._open_amount())
        try:
            parts = engine.schedule(amount, self.date_first, self.unit, self.every, self.count)
        except (ValueError, OverflowError):
            raise UserError(
                self.env._("%(amount)s cannot be paid in %(count)s parts.", amount=self.currency_id.format(amount), count=self.count)
            ) from None
        return [fields.Command.create({"date": day, "amount": part}) for day, part in parts]

    def action_propose(self):
        """Make the schedule anew from what is open now."""
        for agreement in self:
            agreement._only_draft()
            agreement.check_access("write")
            agreement.line_ids = [fields.Command.clear(), *agreement._prepare_lines()]
            agreement.sudo().amount = agreement.sudo()._open_amount()

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("state", "draft") != "draft":
                raise UserError(self.env._("An agreement begins as a proposal."))
            if vals.get("name", "/") == "/":
                vals["name"] = self.env["ir.sequence"].sudo().next_by_code("isp.instalment")
            if vals.get("partner_id"):
                vals["partner_id"] = self.env["res.partner"].browse(vals["partner_id"]).commercial_partner_id.id
        agreements = super().create(vals_list)
        for agreement in agreements:
            if not agreement.move_ids:
                agreement.move_ids = agreement._overdue_moves()
            if agreement.move_ids and not agreement.line_ids:
                agreement.line_ids = agreement._prepare_lines()
        return agreements

    def write(self, vals):
        if not self.env.su and vals.keys() - {"note", "message_follower_ids", "message_main_attachment_id"}:
            self._only_draft()
            if vals.keys() & {"state", "name", "activated_by", "activated_at", "closed_at", "amount"}:
                raise UserError(self.env._("An agreement changes its state by its buttons only."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        self._only_draft()

    def _only_draft(self):
        if any(agreement.state != "draft" for agreement in self):
            raise UserError(self.env._("Only a proposal can be changed. Cancel the agreement and make another."))

    # === Life ===

    def action_activate(self):
        """Put the agreement in force: its debts are no reason to cut any more, and a line cut for money comes back.

        Again: nothing happens. Above the company's limit only a billing manager may.

        :raise UserError: the debt or the schedule is not what it was
        """
        for agreement in self:
            agreement.check_access("write")
            if agreement.needs_manager and not self.env.user.has_group(_MANAGER):
                raise AccessError(self.env._("An agreement of this amount is for a billing manager to confirm."))
            agreement.sudo()._activate()

    def _activate(self):
        """See ``action_activate``. Lock: this row and the customer's, so that one invoice has one agreement in force."""
        self.ensure_one()
        self._lock()
        if self.state == "active":
            return
        self._only_draft()
        self._check_ready()
        self.write(
            {
                "state": "active",
                "amount": self._open_amount(),
                "activated_by": self.env.uid,
                "activated_at": fields.Datetime.now(),
            }
        )
        self._tell_subscriptions(self.env._("Instalment agreement %(number)s is in force.", number=self.name))
        lines = self.env["isp.subscription"].search([("partner_id", "child_of", self.partner_id.id), ("company_id", "=", self.company_id.id)])
        lines._restore_if_clear("agreement")

    def _check_ready(self):
        self.ensure_one()
        moves, today = self.move_ids, self.company_id._isp_today()
        if not moves or not self.line_ids:
            raise UserError(self.env._("An agreement needs invoices and a schedule."))
        foreign = moves.filtered(
            lambda m: m.state != "posted" or m.company_id != self.company_id or m.commercial_partner_id != self.partner_id
        )
        if foreign:
            raise UserError(
                self.env._("%(invoice)s is not an open invoice of %(customer)s.", invoice=foreign[0].display_name, customer=self.partner_id.name)
            )
        other = self.search([("state", "=", "active"), ("move_ids", "in", moves.ids), ("id", "!=", self.id)], limit=1)
        if other:
            raise UserError(self.env._("One of the invoices is under agreement %(number)s already.", number=other.name))
        debt, sum_of_lines = self._open_amount(), sum(self.line_ids.mapped("amount"))
        if debt <= 0 or self.currency_id.compare_amounts(debt, sum_of_lines):
            raise UserError(
                self.env._(
                    "The parts sum to %(parts)s, but %(debt)s is open now. Make the schedule anew.",
                    parts=self.currency_id.format(sum_of_lines),
                    debt=self.currency_id.format(debt),
                )
            )
        dates = self.line_ids.sorted("date").mapped("date")
        if len(set(dates)) < len(dates) or dates[0] < today or min(self.line_ids.mapped("amount")) <= 0:
            raise UserError(self.env._("Each part has a date of its own, from today on, and an amount above zero."))

    def action_cancel(self):
        """End the agreement; its debts are overdue again."""
        for agreement in self:
            agreement.check_access("write")
            if agreement.state == "active" and not self.env.user.has_group(_MANAGER):
                raise AccessError(self.env._("Only a billing manager ends an agreement in force."))
            work = agreement.sudo()
            work._lock()
            if work.state in ("draft", "active"):
                work._close("cancelled")

    def _close(self, state):
        self.write({"state": state, "closed_at": fields.Datetime.now()})

    def _lock(self):
        """Hold this agreement and its customer until the end of the transaction; read anew."""
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT id FROM res_partner WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", self.partner_id.ids))
        self.env.cr.execute(SQL("SELECT id FROM isp_instalment WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset()
        self.move_ids.invalidate_recordset(["amount_residual", "state"])

    def _tell_subscriptions(self, text):
        for line in self.env["isp.subscription"].search([("partner_id", "child_of", self.partner_id.id), ("state", "!=", "terminated")]):
            line.message_post(body=text)

    @api.model
    def _on_money(self, partners):
        """Money came in for these customers: agreements that are paid are kept."""
        for agreement in self.search([("partner_id", "in", partners.ids), ("state", "=", "active")]):
            agreement.move_ids.line_ids.invalidate_recordset(["amount_residual"])
            if agreement.currency_id.compare_amounts(agreement._open_amount(), 0) <= 0:
                agreement._close("kept")

    # === Cron ===

    @api.model
    def _cron_watch(self):
        """Remind of dates that come and break what was missed; one agreement a transaction."""
        self._watch(commit=True)

    @api.model
    def _watch(self, *, commit=False):
        active = self.sudo().search([("state", "=", "active")], order="id")
        for agreement in active:
            try:
                agreement._watch_one()
                self.env.flush_all()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commit:
                    raise
                # A payment was committed meanwhile; within the hour it is looked at again.
                _logger.info("Agreement %s met another transaction; later", agreement.id)
                self.env.cr.rollback()
                self.env.invalidate_all()
            if commit:
                self.env["ir.cron"]._commit_progress(1)
                self.env.invalidate_all()

    def _watch_one(self):
        """Decided under the lock, on what is paid by then. Reminders are told once for each part."""
        self._lock()
        if self.state != "active":
            return
        today = self.company_id._isp_today()
        lines = self.line_ids.sorted("date")
        amounts = lines.mapped("amount")
        if self.left <= 0:
            self._close("kept")
            return
        day = engine.missed(list(zip(lines.mapped("date"), amounts, strict=True)), self.paid, today, self.grace_days)
        if day:
            self._break(day)
            return
        for line, share in zip(lines, engine.spread(amounts, self.paid), strict=True):
            if share < line.amount and today <= line.date <= today + timedelta(days=REMIND_DAYS):
                rows = [(self.partner_id.id, f"instalment/{line.id}", {"amount": line.amount - share, "date": line.date}, self)]
                self.env["res.partner"]._isp_notify_many("instalment", rows, self.company_id)

    def _break(self, day):
        """The date ``day`` was missed: the debts are overdue again, the customer is told."""
        left = self.left
        self._close("broken")
        rows = [(self.partner_id.id, f"instalment/broken/{self.id}", {"amount": left, "date": day}, self)]
        self.env["res.partner"]._isp_notify_many("instalment_broken", rows, self.company_id)
        self._tell_subscriptions(self.env._("Instalment agreement %(number)s is broken: the date %(day)s was missed.", number=self.name, day=day))

    @api.constrains("line_ids", "state")
    def _check_lines(self):
        for agreement in self.filtered(lambda a: a.state == "active"):
            if agreement.currency_id.compare_amounts(sum(agreement.line_ids.mapped("amount")), agreement.amount):
                raise ValidationError(self.env._("The parts of an agreement sum to its amount."))
