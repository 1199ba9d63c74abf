# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine.periods import Period

_MANAGER = "isp_base.group_isp_billing_manager"


class IspAdjustment(models.Model):
    """Money given up: a goodwill credit, a credit note of an invoice, a debt written off. Always with a reason.

    Idempotency key: the adjustment itself. It is done once, under its row lock; the ledger row
    (source "goodwill/<id>") and the document (``isp_adjustment_id``, UNIQUE) refuse a second time.
    """

    _name = "isp.adjustment"
    _description = "Adjustment of a customer's account"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "id desc"

    name = fields.Char(string="Number", required=True, readonly=True, copy=False, default="/")
    kind = fields.Selection(
        [("goodwill", "Goodwill credit"), ("credit_note", "Credit note of an invoice"), ("write_off", "Write-off")],
        required=True,
        default="goodwill",
        tracking=True,
    )
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, index=True, ondelete="restrict")
    subscription_id = fields.Many2one(
        "isp.subscription", domain="[('partner_id', 'child_of', partner_id)]", index="btree_not_null", ondelete="restrict"
    )
    move_id = fields.Many2one(
        "account.move",
        string="Invoice",
        domain="[('commercial_partner_id', '=', partner_id), ('state', '=', 'posted'), ('move_type', '=', 'out_invoice'), ('company_id', '=', company_id)]",
        index="btree_not_null",
        ondelete="restrict",
    )
    whole = fields.Boolean(string="The whole invoice", default=True)
    amount = fields.Monetary(
        required=True,
        compute="_compute_amount",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
        help="Goodwill: without taxes. Credit note and write-off: with taxes.",
    )
    reason = fields.Char(required=True, tracking=True)
    at_once = fields.Boolean(string="Credit note at once", default=True, help="Off: the credit is on the next invoice.")
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [("draft", "New"), ("to_approve", "To approve"), ("done", "Done"), ("refused", "Refused"), ("cancelled", "Cancelled")],
        required=True,
        readonly=True,
        default="draft",
        copy=False,
        index=True,
        tracking=True,
    )
    requested_by = fields.Many2one("res.users", readonly=True, copy=False)
    requested_at = fields.Datetime(readonly=True, copy=False)
    approved_by = fields.Many2one("res.users", readonly=True, copy=False, tracking=True)
    approved_at = fields.Datetime(readonly=True, copy=False)
    open_amount = fields.Monetary(compute="_compute_open_amount", compute_sudo=True, string="Open on the invoice")
    period_ids = fields.One2many("isp.period", compute="_compute_results", compute_sudo=True)
    result_move_ids = fields.Many2many("account.move", compute="_compute_results", compute_sudo=True, string="Documents")

    _amount_positive = models.Constraint("CHECK(amount > 0)", "The amount must be above zero.")
    _number_unique = models.UniqueIndex("(name) WHERE name <> '/'", "This number is taken.")

    # === Computes ===

    @api.depends("kind", "move_id", "whole")
    def _compute_amount(self):
        for adjustment in self:
            move = adjustment.move_id.sudo()
            if adjustment.kind == "credit_note" and move and adjustment.whole:
                adjustment.amount = adjustment._left_to_credit()
            elif adjustment.kind == "write_off" and move and not adjustment.amount:
                adjustment.amount = move.amount_residual
            else:
                adjustment.amount = adjustment.amount or 0

    @api.depends("move_id")
    def _compute_open_amount(self):
        for adjustment in self:
            adjustment.open_amount = sum(adjustment._receivable_lines().mapped("amount_residual"))

    def _compute_results(self):
        for adjustment in self:
            adjustment.period_ids = self.env["isp.period"].search([("source", "=", f"goodwill/{adjustment.id}")])
            moves = self.env["account.move"].search([("isp_adjustment_id", "=", adjustment.id)])
            adjustment.result_move_ids = moves | adjustment.period_ids.move_id

    def _receivable_lines(self):
        return self.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")

    def _left_to_credit(self):
        """:return: what of the invoice has no credit note yet"""
        move = self.move_id.sudo()
        credited = move.reversal_move_ids.filtered(lambda m: m.state == "posted")
        return move.amount_total - sum(credited.mapped("amount_total"))

    @api.onchange("subscription_id")
    def _onchange_subscription_id(self):
        if self.subscription_id:
            self.partner_id = self.subscription_id.partner_id.commercial_partner_id

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if vals.get("state", "draft") != "draft":
                raise UserError(self.env._("An adjustment begins as a new one."))
            if vals.get("name", "/") == "/":
                vals["name"] = self.env["ir.sequence"].sudo().next_by_code("isp.adjustment")
            if vals.get("partner_id"):
                vals["partner_id"] = self.env["res.partner"].browse(vals["partner_id"]).commercial_partner_id.id
            vals.update(requested_by=self.env.uid, requested_at=fields.Datetime.now())
        return super().create(vals_list)

    def write(self, vals):
        free = {"message_follower_ids", "message_main_attachment_id", "activity_ids"}
        if not self.env.su and vals.keys() - free:
            if any(adjustment.state != "draft" for adjustment in self):
                raise UserError(self.env._("What was asked for is not changed any more. Cancel it and ask anew."))
            if vals.keys() & {"state", "name", "requested_by", "requested_at", "approved_by", "approved_at"}:
                raise UserError(self.env._("An adjustment changes its state by its buttons only."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        if any(adjustment.state != "draft" for adjustment in self):
            raise UserError(self.env._("Only a new adjustment can be deleted."))

    # === Actions ===

    def action_submit(self):
        """Do it, if this user may alone; else ask a billing manager. Again: nothing happens."""
        for adjustment in self._locked("draft"):
            adjustment.check_access("write")
            work = adjustment.sudo()
            work._check()
            if adjustment._may_alone():
                work._do()
            else:
                work.write({"state": "to_approve"})
                work._call_a_manager()

    def action_approve(self):
        """A billing manager who did not ask for it does it."""
        for adjustment in self._locked("to_approve"):
            adjustment._only_another_manager()
            work = adjustment.sudo()
            work._check()
            work.write({"approved_by": self.env.uid, "approved_at": fields.Datetime.now()})
            work._do()

    def action_refuse(self):
        for adjustment in self._locked("to_approve"):
            adjustment._only_another_manager()
            adjustment.sudo().write({"state": "refused", "approved_by": self.env.uid, "approved_at": fields.Datetime.now()})
            adjustment.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def action_cancel(self):
        for adjustment in self:
            if adjustment.requested_by != self.env.user and not self.env.user.has_group(_MANAGER):
                raise AccessError(self.env._("Only who asked for it, or a billing manager, takes it back."))
        for adjustment in self._locked("draft") + self._locked("to_approve"):
            adjustment.check_access("write")
            adjustment.sudo().write({"state": "cancelled"})
            adjustment.sudo().activity_unlink(["mail.mail_activity_data_todo"])

    def action_view_results(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        return {**action, "domain": [("id", "in", self.sudo().result_move_ids.ids)], "context": {"create": False}}

    def _locked(self, state):
        """:return: those of these in ``state``, their rows locked and read anew: of two clicks the second finds none"""
        self.check_access("read")
        self.env.flush_all()
        self.env.cr.execute(SQL("SELECT id FROM isp_adjustment WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset()
        return self.filtered(lambda a: a.state == state)

    def _may_alone(self):
        """Customer service gives goodwill up to the limit; a billing manager does everything up to it."""
        self.ensure_one()
        if self.amount > self.company_id.isp_adjustment_limit:
            return False
        return self.kind == "goodwill" or self.env.user.has_group(_MANAGER)

    def _only_another_manager(self):
        self.ensure_one()
        self.check_access("write")
        if not self.env.user.has_group(_MANAGER):
            raise AccessError(self.env._("Only a billing manager approves adjustments."))
        if self.requested_by == self.env.user:
            raise UserError(self.env._("Somebody else has to approve what you asked for."))

    def _call_a_manager(self):
        users = self.env.ref(_MANAGER).all_user_ids.filtered(
            lambda u: self.company_id in u.company_ids and not u.share and u.id > 1 and u != self.requested_by
        )
        for user in users[:5]:
            self.activity_schedule("mail.mail_activity_data_todo", user_id=user.id, summary=self.env._("Adjustment to approve"))

    # === Doing ===

    def _check(self):
        """:raise UserError: what is asked for does not fit the invoice or the customer"""
        self.ensure_one()
        if self.kind == "goodwill":
            line = self.subscription_id or self._line_of_customer()
            if not line or line.partner_id.commercial_partner_id != self.partner_id or line.company_id != self.company_id:
                raise UserError(self.env._("A goodwill credit needs a subscription of this customer."))
            return
        move = self.move_id
        if not move or move.state != "posted" or move.commercial_partner_id != self.partner_id or move.company_id != self.company_id:
            raise UserError(self.env._("Choose a posted invoice of this customer."))
        if self.kind == "credit_note" and move.move_type != "out_invoice":
            raise UserError(self.env._("Choose a posted invoice of this customer."))
        most = self._left_to_credit() if self.kind == "credit_note" else sum(self._receivable_lines().mapped("amount_residual"))
        if self.currency_id.compare_amounts(self.amount, most) > 0:
            raise UserError(
                self.env._(
                    "%(amount)s is more than there is: %(most)s on %(invoice)s.",
                    amount=self.currency_id.format(self.amount),
                    most=self.currency_id.format(most),
                    invoice=move.name,
                )
            )

    def _do(self):
        """Book it, in the caller's transaction; the row is locked."""
        self.ensure_one()
        getattr(self.with_company(self.company_id), f"_do_{self.kind}")()
        self.write({"state": "done"})
        self.activity_unlink(["mail.mail_activity_data_todo"])
        self._tell_log()

    def _do_goodwill(self):
        """A credit in the ledger; its credit note at once or with the next invoice."""
        line = self.subscription_id or self._line_of_customer()
        self.subscription_id = line
        periods = self.env["isp.period"].create(self._prepare_goodwill_vals(line))
        if self.at_once:
            periods._invoice()

    def _prepare_goodwill_vals(self, line):
        today = self.company_id._isp_today()
        env = self.with_context(lang=self.partner_id.lang).env
        return line._prepare_period(
            Period(today, today, 1),
            -self.amount,
            kind="adjustment",
            source=f"goodwill/{self.id}",
            note=env._("Credit: %(reason)s", reason=self.reason),
        )

    def _line_of_customer(self):
        domain = [("partner_id", "child_of", self.partner_id.id), ("company_id", "=", self.company_id.id), ("state", "!=", "draft")]
        return self.env["isp.subscription"].search(domain, order="id", limit=1)

    def _do_credit_note(self):
        """Reverse the invoice, whole or in part, with its own taxes; each part of it stands in the ledger."""
        whole = not self.currency_id.compare_amounts(self.amount, self.move_id.amount_total)
        refund = self.move_id._reverse_moves([self._prepare_reversal_vals()], cancel=False)
        if not whole:
            self._scale(refund)
        self._credit_ledger(refund)
        refund._post(soft=False)
        lines = (self.move_id + refund).line_ids.filtered(
            lambda line: line.account_id.account_type == "asset_receivable" and not line.reconciled
        )
        for account in lines.account_id:
            lines.filtered(lambda line, account=account: line.account_id == account).reconcile()

    def _prepare_reversal_vals(self):
        today = self.company_id._isp_today()
        return {
            "ref": self.env._("%(invoice)s: %(reason)s", invoice=self.move_id.name, reason=self.reason),
            "date": today,
            "invoice_date": today,
            "invoice_date_due": today,
            "isp_adjustment_id": self.id,
        }

    def _scale(self, refund):
        """Make a reversal credit ``amount`` with taxes, or the most below it that its taxes allow."""
        products = refund.invoice_line_ids.filtered(lambda line: line.display_type == "product")
        ratio = self.amount / refund.amount_total
        for line in products:
            line.price_unit = self.currency_id.round(line.price_unit * ratio)
        step = self.currency_id.rounding
        last = products[-1]
        for _try in range(20):
            over = refund.amount_total - self.amount
            if over <= 0:
                break
            last.price_unit -= max(step, self.currency_id.round(over / 2))
        for _try in range(20):
            before = last.price_unit
            last.price_unit = before + step
            if refund.amount_total > self.amount:
                last.price_unit = before
                break

    def _credit_ledger(self, refund):
        """Rows of the ledger for what is credited of its rows."""
        originals = self.move_id.invoice_line_ids.filtered(lambda line: line.display_type == "product").sorted("id")
        credited = refund.invoice_line_ids.filtered(lambda line: line.display_type == "product").sorted("id")
        today = self.company_id._isp_today()
        for number, (line, credit) in enumerate(zip(originals, credited, strict=True), 1):
            period = line.isp_period_id
            if not period or self.currency_id.is_zero(credit.price_subtotal):
                continue
            row = self.env["isp.period"].create(
                {
                    **period.subscription_id._prepare_period(Period(today, today, 1), -credit.price_subtotal),
                    "kind": "adjustment",
                    "source": f"credit/{self.id}/{number}",
                    "plan_id": period.plan_id.id,
                    "product_id": line.product_id.id,
                    "partner_id": period.partner_id.id,
                    "note": credit.name,
                    "move_line_id": credit.id,
                    "move_id": refund.id,
                }
            )
            credit.isp_period_id = row

    def _do_write_off(self):
        """Book the debt to bad debts and clear it. A line that was cut stays cut; the excise is not reclaimed by it."""
        account = self.company_id._isp_writeoff_account()
        debts = self._receivable_lines().filtered(lambda line: not line.reconciled)
        entry = self.env["account.move"].create(self._prepare_write_off_vals(account, debts[:1].account_id))
        entry._post(soft=False)
        credit = entry.line_ids.filtered(lambda line: line.account_id == debts[:1].account_id)
        (debts.filtered(lambda line: line.account_id == credit.account_id) + credit).with_context(isp_writing_off=True).reconcile()

    def _prepare_write_off_vals(self, account, receivable):
        label = self.env._("Write-off of %(invoice)s: %(reason)s", invoice=self.move_id.name, reason=self.reason)
        line = {"partner_id": self.partner_id.id, "name": label, "currency_id": self.currency_id.id}
        journal = self.env["account.journal"].search(
            [*self.env["account.journal"]._check_company_domain(self.company_id), ("type", "=", "general")], limit=1
        )
        return {
            "move_type": "entry",
            "journal_id": journal.id,
            "company_id": self.company_id.id,
            "date": self.company_id._isp_today(),
            "ref": label,
            "isp_adjustment_id": self.id,
            "line_ids": [
                fields.Command.create({**line, "account_id": account.id, "balance": self.amount}),
                fields.Command.create({**line, "account_id": receivable.id, "balance": -self.amount}),
            ],
        }

    def _tell_log(self):
        """In the chatter of the customer and of the subscription: what, why, who."""
        label = dict(self._fields["kind"]._description_selection(self.env))[self.kind]
        text = self.env._(
            "%(kind)s %(number)s of %(amount)s: %(reason)s (asked by %(asked)s, approved by %(approved)s)",
            kind=label,
            number=self.name,
            amount=self.currency_id.format(self.amount),
            reason=self.reason,
            asked=self.requested_by.name,
            approved=self.approved_by.name or self.env._("nobody: within the limit"),
        )
        self.partner_id.message_post(body=text)
        if self.subscription_id:
            self.subscription_id.message_post(body=text)
