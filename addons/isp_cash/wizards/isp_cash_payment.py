# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import drawer


class IspCashPayment(models.TransientModel):
    """The screen of the counter: who, what is owed, how much, receipt.

    Idempotency key: ``uuid`` (see `isp_billing`). The shift is held before the key is looked up, so a second tap
    waits for the first and finds its payment.
    """

    _inherit = "isp.cash.payment"

    shift_id = fields.Many2one("isp.cash.shift", readonly=True, default=lambda self: self.env["isp.cash.shift"]._mine().id)
    query = fields.Char(string="Find", help="Account number, phone, user name or name.")
    found_ids = fields.Many2many("res.partner", compute="_compute_found")
    found_count = fields.Integer(compute="_compute_found")
    hint = fields.Char(compute="_compute_found")
    partner_id = fields.Many2one(compute="_compute_partner_id", store=True, readonly=False, precompute=True)
    account_no = fields.Char(related="partner_id.isp_account_no", string="Account number")
    journal_id = fields.Many2one(default=None, compute="_compute_journal_id", store=True, readonly=False, precompute=True)
    subscription_id = fields.Many2one(compute="_compute_subscription_id", store=True, readonly=False, precompute=True)
    service_ids = fields.One2many(
        "isp.cash.payment.service", "wizard_id", compute="_compute_service_ids", store=True, readonly=False, precompute=True
    )
    due_overdue = fields.Monetary(compute="_compute_debt", compute_sudo=True, string="Overdue now")
    due_later = fields.Monetary(compute="_compute_debt", compute_sudo=True, string="Due later")
    due_credit = fields.Monetary(compute="_compute_debt", compute_sudo=True, string="Credit not used yet")
    allocation = fields.Selection([("oldest", "Oldest first"), ("chosen", "Chosen invoices")], default="oldest", required=True)
    line_ids = fields.One2many("isp.cash.payment.line", "wizard_id", compute="_compute_line_ids", store=True, readonly=False, precompute=True)
    given = fields.Monetary(help="What the customer puts on the table; blank: just the amount.")
    change = fields.Monetary(compute="_compute_change", string="Change to give back")
    change_notes = fields.Char(compute="_compute_change_notes", compute_sudo=True)
    to_credit = fields.Monetary(compute="_compute_to_credit", string="Becomes credit")
    payment_id = fields.Many2one("account.payment", readonly=True)
    receipt_number = fields.Char(related="payment_id.name", string="Receipt")
    amount = fields.Monetary(compute="_compute_amount", store=True, readonly=False, precompute=True)

    # === Computes ===

    @api.depends("payment_id")
    def _compute_display_name(self):
        for wizard in self:
            wizard.display_name = wizard.sudo().payment_id.name or self.env._("Take a payment")

    @api.depends("query")
    def _compute_found(self):
        for wizard in self:
            found, mistyped = self.env["res.partner"]._isp_find(wizard.query)
            wizard.found_ids, wizard.found_count = found, len(found)
            wizard.hint = False
            if mistyped:
                wizard.hint = self.env._("This account number is mistyped: its last digit does not fit. Ask for it again.")
            elif wizard.query and not found:
                wizard.hint = self.env._("Nobody found. Try the account number, the phone or a part of the name.")

    @api.depends("query")
    def _compute_partner_id(self):
        for wizard in self:
            if wizard.query:
                found = wizard.found_ids._origin
                known = wizard.partner_id in found
                wizard.partner_id = found if len(found) == 1 else wizard.partner_id if known else False
            else:
                wizard.partner_id = wizard.partner_id

    @api.depends("shift_id", "company_id")
    def _compute_journal_id(self):
        journals = self.env["account.journal"].sudo()
        for wizard in self:
            wizard.journal_id = (
                wizard.shift_id.sudo().desk_id.journal_id
                or wizard.journal_id
                or journals.search(
                    [("type", "in", ("cash", "bank")), ("company_id", "=", wizard.company_id.id), ("isp_desk_ids", "=", False)],
                    order="type desc, sequence, id",
                    limit=1,
                )
            )

    @api.depends("partner_id", "company_id", "payment_id")
    def _compute_debt(self):
        for wizard in self:
            today = wizard.company_id._isp_today()
            items = wizard._open_items(credits=True)
            debts = items.filtered(lambda item: item.amount_residual > 0)
            overdue = debts.filtered(lambda item, today=today: (item.date_maturity or item.date) < today)
            wizard.due_overdue = sum(overdue.mapped("amount_residual"))
            wizard.due_later = sum((debts - overdue).mapped("amount_residual"))
            wizard.due_credit = -sum((items - debts).mapped("amount_residual"))

    @api.depends("partner_id", "company_id")
    def _compute_line_ids(self):
        for wizard in self:
            wizard.line_ids = [fields.Command.clear()] + [
                fields.Command.create({"item_id": item.id}) for item in wizard._open_items()
            ]

    @api.depends("allocation", "line_ids.chosen")
    def _compute_amount(self):
        result = super()._compute_amount()
        for wizard in self.filtered(lambda wizard: wizard.allocation == "chosen"):
            chosen = wizard.line_ids.filtered("chosen")
            if chosen:
                wizard.amount = sum(chosen.mapped("residual"))
        return result

    @api.depends("amount", "given")
    def _compute_change(self):
        for wizard in self:
            wizard.change = max(wizard.given - wizard.amount, 0) if wizard.given else 0

    @api.depends("change", "shift_id")
    def _compute_change_notes(self):
        for wizard in self:
            values = wizard.shift_id.desk_id.denomination_ids.mapped("value")
            notes, _rest = drawer.change(wizard.change, values)
            wizard.change_notes = " + ".join(f"{quantity} × {value:,.0f}" for value, quantity in notes.items())

    @api.depends("amount", "balance")
    def _compute_to_credit(self):
        for wizard in self:
            wizard.to_credit = max(wizard.amount - max(wizard.balance, 0), 0)

    @api.depends("partner_id", "company_id")
    def _compute_service_ids(self):
        """The line that the form was opened for is chosen; else who has one line, which runs out, comes to renew it."""
        named = self.env.context.get("default_subscription_id")
        for wizard in self:
            lines = wizard._services()
            chosen = lines.filtered(lambda line: line.id == named) if named else wizard._propose(lines)
            wizard.service_ids = [fields.Command.clear()] + [
                fields.Command.create({"line_id": line.id, "chosen": line in chosen}) for line in lines
            ]

    def _propose(self, lines):
        """:return: of the customer's lines the one that money without a word would renew: the only one, prepaid, that has
        run out or will within the company's days. A renewal before that is the customer's wish: the cashier asks and ticks it.
        """
        return lines.filtered(lambda line: len(lines) == 1 and line._may_renew() and (line._has_run_out() or line.expiring))

    @api.depends("service_ids.chosen")
    def _compute_subscription_id(self):
        for wizard in self:
            chosen = wizard.service_ids.filtered("chosen").mapped("line_id")
            wizard.subscription_id = wizard._services().filtered(lambda line, chosen=chosen: line.id in chosen).sudo(False)[:1]

    def _services(self):
        """:return: the customer's lines in or out of service, with sudo"""
        lines = self.env["isp.subscription"].sudo()
        partner = self.partner_id.commercial_partner_id
        if not partner:
            return lines
        return lines.search(
            [("partner_id", "child_of", partner.ids), ("company_id", "=", self.company_id.id), ("state", "not in", ("draft", "terminated"))],
            order="id",
            limit=20,
        )

    # === Actions ===

    def action_confirm(self):
        """Take the money and print the receipt; the screen then shows the change to give back."""
        self.payment_id = self._take().id
        return self.action_print()

    def action_print(self):
        self.ensure_one()
        return self.env.ref("isp_billing.action_report_isp_receipt").report_action(self.sudo().payment_id.ids)

    def action_next(self):
        """An empty form for the next customer."""
        return self.env["isp.cash.shift"]._action_payment()

    # === Business ===

    def _open_items(self, credits=False):
        """:param credits: also what the customer has to the good
        :return: open receivable items of the customer, the oldest first, with sudo"""
        self.ensure_one()
        items = self.env["account.move.line"].sudo()
        partner = self.partner_id.commercial_partner_id
        if not partner:
            return items
        domain = partner._isp_open_lines_domain(self.company_id)
        if not credits:
            domain = [*domain, ("amount_residual", ">", 0)]
        return items.search(domain, order="date_maturity, date, id")

    def _take(self):
        """Override of `isp_billing`: only in an open shift of one's own when it is cash of a desk.

        A cashier has no right to the books; the money is booked for the cashier after these checks.

        :raise UserError: no shift, piasters, too little on the table, the form was used for something else
        """
        self.ensure_one()
        shift = self._check_shift()
        shift._hold()
        payment = self.env["account.payment"].sudo().search([("isp_uuid", "=", self.uuid)])
        if payment:
            self._check_same(payment)
            return payment.sudo(self.env.su)
        self._check_money(shift)
        wizard = self.with_company(self.company_id).sudo() if shift else self
        payment = super(IspCashPayment, wizard)._take()
        payment.sudo().partner_id._isp_notify("receipt", f"receipt/{payment.id}", about=payment, **wizard._prepare_notice(payment.sudo()))
        return payment.sudo(self.env.su)

    def _check_shift(self):
        """:return: the shift that takes this money, with sudo; empty when it is no desk's"""
        shift = self.env["isp.cash.shift"]._mine()
        at_desk = self.journal_id.sudo().isp_desk_ids.filtered("active")
        if not at_desk and (self.env.su or self.env.user.has_group("isp_base.group_isp_billing_manager")):
            return shift.browse()
        if not shift or shift.company_id != self.company_id:
            raise UserError(self.env._("Open your shift first: money is taken in a shift of one's own only."))
        if shift.desk_id.journal_id != self.journal_id.sudo():
            raise UserError(self.env._("Your shift is at %(desk)s: its drawer takes the money.", desk=shift.desk_id.name))
        return shift

    def _check_money(self, shift):
        shift._check_whole(self.currency_id, self.amount)
        if self.given and self.currency_id.compare_amounts(self.given, self.amount) < 0:
            raise UserError(
                self.env._(
                    "%(given)s is on the table, but the amount is %(amount)s: lower the amount or ask for more.",
                    given=self.currency_id.format(self.given),
                    amount=self.currency_id.format(self.amount),
                )
            )

    def _check_same(self, payment):
        same = payment.partner_id == self.partner_id.commercial_partner_id and not self.currency_id.compare_amounts(payment.amount, self.amount)
        if not same:
            raise UserError(
                self.env._(
                    "This form has taken %(amount)s from %(customer)s already (%(receipt)s). Open a new one.",
                    amount=payment.currency_id.format(payment.amount),
                    customer=payment.partner_id.name,
                    receipt=payment.name,
                )
            )

    def _settle(self, payment):
        """Override of `isp_billing`: the chosen invoices first, the rest as ever."""
        chosen = self.line_ids.filtered("chosen") if self.allocation == "chosen" else self.line_ids.browse()
        own = payment.move_id.line_ids.filtered(lambda item: item.account_id.account_type == "asset_receivable")
        items = {item.id: item for item in self._open_items()}
        for item in [items[line.item_id] for line in chosen if line.item_id in items]:
            if own.amount_residual and item.account_id == own.account_id:
                (own + item).reconcile()
        return super()._settle(payment)

    def _prepare_payment_vals(self):
        vals = super()._prepare_payment_vals()
        shift = self.env["isp.cash.shift"]._mine()
        if shift and shift.desk_id.journal_id == self.journal_id:
            vals.update(isp_shift_id=shift.id, isp_given=self.given or self.amount, date=self.company_id._isp_today())
        return vals

    def _prepare_notice(self, payment):
        due = payment.partner_id._isp_dues().get((payment.partner_id.id, payment.company_id.id))
        return {
            "amount": payment.amount,
            "number": payment.name,
            "date": fields.Date.to_string(payment.date),
            "balance": due.balance if due else 0,
        }
