# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.isp_momo import const
from odoo.addons.isp_momo.drivers import WALLETS
from odoo.addons.isp_momo.tools.msisdn import parse

STATES = [("draft", "To be sent"), ("waiting", "Waiting"), ("done", "Paid"), ("failed", "Not paid")]


class IspWalletAsk(models.TransientModel):
    """Ask a telephone for money and watch what comes of it: at the cash desk, for a subscription, for a customer.

    Idempotency key: ``uuid``, made when the form opens: sent twice, it is one request. What another person asked of the
    same number for the same customer and amount a moment ago is shown instead of asked again.
    """

    _name = "isp.wallet.ask"
    _description = "Ask for mobile money"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Customer", required=True)
    line_id = fields.Integer(help="The subscription; looked up among the customer's own.")
    line_name = fields.Char(compute="_compute_line_name", compute_sudo=True, string="For the line")
    move_ids = fields.Json(help="Documents to be paid first; looked up among the customer's own.")
    amount = fields.Monetary(required=True)
    wallet = fields.Selection(selection="_wallet_selection", required=True, default=lambda self: self._default_wallet())
    msisdn = fields.Char(string="Number", required=True, help="The wallet that pays; it may be another person's.")
    at_desk = fields.Boolean()
    open_text = fields.Text(compute="_compute_open_text", compute_sudo=True)
    transaction_id = fields.Many2one("payment.transaction", readonly=True, ondelete="cascade")
    state = fields.Selection(STATES, compute="_compute_state", compute_sudo=True)
    title = fields.Char(compute="_compute_state", compute_sudo=True)
    text = fields.Char(compute="_compute_state", compute_sudo=True)
    hint = fields.Char(readonly=True)
    booked = fields.Boolean(compute="_compute_state", compute_sudo=True)
    receipt_number = fields.Char(compute="_compute_state", compute_sudo=True, string="Receipt")

    # === Computes ===

    @api.model
    def _wallets(self):
        """:return: enabled wallets that ask by telephone (sudo)"""
        codes = [code for code, wallet in WALLETS.items() if wallet.flow == "push"]
        domain = [("code", "in", codes), ("state", "!=", "disabled"), ("company_id", "in", self.env.companies.ids)]
        return self.env["payment.provider"].sudo().search(domain, order="sequence, id")

    @api.model
    def _wallet_selection(self):
        return [(str(provider.id), provider.name) for provider in self._wallets()]

    @api.model
    def _default_wallet(self):
        company = self.env["res.company"].browse(self.env.context.get("default_company_id") or self.env.company.id)
        return str(self._wallets().filtered(lambda p: p.company_id == company)[:1].id or "") or False

    @api.depends("line_id", "partner_id")
    def _compute_line_name(self):
        for ask in self:
            line = ask._line()
            ask.line_name = " · ".join(filter(None, (line.username or line.name, line.plan_id.name))) if line else False

    @api.depends("partner_id", "transaction_id")
    def _compute_open_text(self):
        """What else is being asked of this customer now."""
        for ask in self:
            others = self.env["payment.transaction"]._isp_on_the_way(ask.partner_id.commercial_partner_id) - ask.transaction_id
            ask.open_text = "\n".join(ask._open_line(tx) for tx in others.filtered(lambda tx, ask=ask: tx.company_id == ask.company_id))

    def _open_line(self, transaction):
        return self.env._(
            "Waiting already: %(amount)s from %(number)s, asked for by %(user)s at %(time)s.",
            amount=transaction.currency_id.format(transaction.amount),
            number=f"\u2066{transaction.wallet_msisdn}\u2069",
            user=transaction.create_uid.name,
            time=fields.Datetime.context_timestamp(self, transaction.wallet_since or transaction.create_date).strftime("%H:%M"),
        )

    @api.depends("transaction_id.state", "transaction_id.wallet_phase", "transaction_id.payment_id", "transaction_id.wallet_reason")
    @api.depends_context("lang")
    def _compute_state(self):
        for ask in self:
            ask.state, ask.title, ask.text = ask._how_it_stands()
            ask.booked = bool(ask.transaction_id.payment_id)
            ask.receipt_number = ask.transaction_id.payment_id.name

    def _how_it_stands(self):
        """:return: (state, title, sentence) for staff, in their words; asks nobody"""
        tx = self.transaction_id
        number = f"\u2066{tx.wallet_msisdn or ''}\u2069"
        if not tx:
            return "draft", False, False
        if tx.state == "done":
            told = self.env._("The operator's reference is %(reference)s.", reference=f"\u2066{tx.provider_reference or tx.reference}\u2069")
            if tx.payment_id:
                return "done", self.env._("Paid by %(number)s", number=number), told
            return "waiting", self.env._("Paid; it is being booked …"), tx._wallet_staff_text() or told
        if tx.wallet_phase == "given_up":
            return "failed", self.env._("No answer"), tx._wallet_staff_text()
        if tx.state in ("error", "cancel"):
            sentences = (self.env._(const.TEXTS.get(tx.wallet_reason, const.TEXT)), tx._wallet_staff_text())
            return "failed", self.env._("Not paid"), " ".join(filter(None, sentences))
        if tx.wallet_phase == "to_send":
            return "waiting", self.env._("Sending the request …"), self.env._("The operator is asked to send a request to %(number)s.", number=number)
        text = self.env._("A request is on the telephone %(number)s: the customer enters the wallet's PIN there. You may close this window; nothing is lost.", number=number)
        return "waiting", self.env._("Waiting for the customer"), text

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(vals.get("transaction_id") for vals in vals_list):
            raise AccessError(self.env._("A request is made by sending it."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and "transaction_id" in vals:
            raise AccessError(self.env._("A request is made by sending it."))
        return super().write(vals)

    # === Actions ===

    def action_send(self):
        """Ask for the money, and show how it stands."""
        self._ask()
        return self._action_form()

    def action_look(self):
        """Called by the window every few seconds while it waits. :return: key of STATES"""
        self.ensure_one()
        self.check_access("read")
        tx = self.sudo().transaction_id
        if tx.state in ("draft", "pending"):
            tx._wallet_look()
        return self.state

    def action_again(self):
        """The same once more, with a key of its own: the first has failed."""
        self.ensure_one()
        names = ("company_id", "partner_id", "line_id", "move_ids", "amount", "wallet", "msisdn", "at_desk")
        vals = {name: self[name].id if name in ("company_id", "partner_id") else self[name] for name in names}
        return self.create(vals)._action_form()

    def action_print(self):
        """The receipt of the payment."""
        self.ensure_one()
        self.check_access("read")
        payment = self.sudo().transaction_id.payment_id
        if not payment:
            raise UserError(self.env._("There is no receipt yet: the money has not been booked."))
        return self.env.ref("isp_billing.action_report_isp_receipt").report_action(payment.ids)

    def action_next(self):
        """Close; at the desk an empty form for the next customer."""
        if self.at_desk:
            return self.env["isp.cash.shift"]._action_payment()
        return {"type": "ir.actions.act_window_close"}

    def _action_form(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Mobile money"),
            "res_model": "isp.wallet.ask",
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"isp_with_number": True},
        }

    # === Business ===

    @api.model
    def _prepare_ask(self, partner, company, line=None):
        """:param partner: customer :param line: subscription the money is for
        :return: values of a new form: the customer's own number, what is owed and what the line's renewal needs
        :raise UserError: no wallet is enabled
        """
        wallets = self._wallets().filtered(lambda p: p.company_id == company)
        if not wallets:
            raise UserError(self.env._("No wallet that asks by telephone is enabled. An administrator enables one: Accounting → Configuration → Payment providers."))
        line = line.sudo() if line and line.billing_mode == "prepaid" else None
        due = partner._isp_dues().get((partner.id, company.id))
        price = line._next_price() if line and line._may_renew() else 0
        return {
            "company_id": company.id,
            "partner_id": partner.id,
            "line_id": line.id if line else False,
            "amount": max((due.balance if due else 0) + price, 0),
            "wallet": str(wallets[0].id),
            "msisdn": partner.sudo()._isp_own_mobile(company) or partner.phone or "",
        }

    def _ask(self):
        """Write the request down; the poller sends it after the commit.

        :return: the ``payment.transaction`` (sudo): the one made before for this form, or one that another person has open
            for the same customer, amount and number

        Idempotency keys: ``uuid``, and ``payment.transaction.wallet_once`` while it is open. Transaction: the caller's.
        """
        self.ensure_one()
        self.check_access("write")
        self.partner_id.check_access("read")
        shift = self._shift()
        if self.transaction_id:
            return self.sudo().transaction_id
        ask = self.sudo()
        provider = self._wallets().filtered(lambda p: str(p.id) == self.wallet and p.company_id == self.company_id)
        if not provider:
            raise UserError(self.env._("Choose the wallet that is to be asked."))
        if self.currency_id.compare_amounts(self.amount, self.currency_id.round(self.amount)):
            raise UserError(self.env._("%(amount)s cannot be asked for: it is no round amount of the currency.", amount=self.amount))
        number = parse(self.msisdn, self.company_id.country_id.code or "SS")
        if not number:
            raise UserError(self.env._("“%(number)s” is no telephone number. Write it as the customer says it, for example 0921 234 567.", number=self.msisdn))
        transactions = ask.env["payment.transaction"].with_company(self.company_id)
        partner, moves = self.partner_id.commercial_partner_id, ask._moves()
        once = transactions._wallet_once_key(provider, partner, self.amount, self.currency_id, moves, number)
        twin = transactions._wallet_twin(once)
        if twin:
            ask.write({"transaction_id": twin.id, "hint": ask._open_line(twin)})
            return twin
        values = {"isp_subscription_id": ask._line().id, "isp_wallet_shift_id": shift.id, "landing_route": "/my"}
        prefix = partner.isp_account_no or f"ISP{partner.id}"
        transaction = transactions._wallet_request(
            provider, partner, self.amount, number, key=f"ask/{self.uuid}", invoices=moves, reference_prefix=prefix, values=values
        )
        transaction._wallet_keep_once(once)
        ask.transaction_id = transaction
        return transaction

    def _shift(self):
        """:return: the open shift of the person at work (sudo), in whose report the money will stand

        :raise UserError: a cashier without one; customer service needs none
        """
        shift = self.env["isp.cash.shift"]._mine().filtered(lambda s: s.state == "open" and s.company_id == self.company_id)
        if not shift and not self.env.su and not self.env.user.has_group("isp_base.group_isp_customer_service"):
            raise UserError(self.env._("Open your shift first: money is asked for in a shift of one's own only."))
        return shift

    def _line(self):
        """:return: the customer's own subscription with this id (sudo), or none"""
        domain = [("id", "=", self.line_id), ("partner_id", "child_of", self.partner_id.commercial_partner_id.ids), ("company_id", "=", self.company_id.id)]
        return self.env["isp.subscription"].sudo().search(domain) if self.line_id else self.env["isp.subscription"].sudo()

    def _moves(self):
        """:return: of the documents chosen those that the customer still owes (sudo)"""
        chosen = [move for move in self.move_ids or [] if isinstance(move, int)]
        domain = [*self.partner_id.commercial_partner_id._isp_open_lines_domain(self.company_id), ("amount_residual", ">", 0), ("move_id", "in", chosen)]
        return self.env["account.move.line"].sudo().search(domain).move_id if chosen else self.env["account.move"].sudo()
