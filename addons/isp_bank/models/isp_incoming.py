# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from odoo.addons.isp_base.engine import account_no

from ..engine import match, statement

_logger = logging.getLogger(__name__)

BATCH = 100
TRIES = 5
#: Suggestions kept for a person to choose from.
MOST_SUGGESTIONS = 5


class IspIncoming(models.Model):
    """Money that came in through a bank or a wallet: recorded first, understood afterwards.

    Idempotency key: the operator and its reference, UNIQUE in the database. What is sure is booked to its customer;
    the rest is booked to the account of unidentified receipts, so that the bank's account agrees, and waits here.

    The books hold money received once: as a payment, or as an entry on the suspense account that payments take it from.
    Core statement lines are not used for it (see ``account.bank.statement.line``).
    """

    _name = "isp.incoming"
    _description = "Money received"
    _inherit = ["mail.thread"]
    _order = "value_date desc, id desc"
    _rec_name = "reference"

    operator_id = fields.Many2one("isp.operator", required=True, readonly=True, ondelete="restrict", index=True)
    reference = fields.Char(required=True, readonly=True, help="The operator's own; made of the line when it has none (#…).")
    value_date = fields.Date(string="Date", required=True, readonly=True)
    amount = fields.Monetary(required=True, readonly=True)
    open_amount = fields.Monetary(compute="_compute_open_amount", store=True, string="Not given to a customer")
    payer_name = fields.Char(string="Payer", readonly=True)
    payer_phone = fields.Char(string="Payer's phone", readonly=True)
    text = fields.Char(readonly=True)
    raw = fields.Json(readonly=True, help="The line as it came.")
    source = fields.Selection([("statement", "Statement"), ("manual", "Entered by hand")], required=True, readonly=True)
    import_id = fields.Many2one("isp.incoming.import", string="Import", readonly=True, ondelete="set null", index="btree_not_null")
    on_statement = fields.Boolean(readonly=True, help="A statement of the operator shows it.")
    state = fields.Selection(
        [("new", "New"), ("suspense", "In suspense"), ("booked", "Booked"), ("returned", "Sent back")],
        default="new",
        required=True,
        readonly=True,
        index=True,
        tracking=True,
    )
    error = fields.Char(readonly=True, string="Why it was not booked")
    company_id = fields.Many2one(related="operator_id.company_id", store=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    share_ids = fields.One2many("isp.incoming.share", "incoming_id", readonly=True)
    suggestion_ids = fields.One2many("isp.incoming.suggestion", "incoming_id", readonly=True)
    best_id = fields.Many2one("res.partner", compute="_compute_best", string="Best suggestion")
    partner_id = fields.Many2one("res.partner", compute="_compute_partner_id", store=True, string="Customer", index="btree_not_null")
    move_ids = fields.One2many("account.move", "isp_incoming_id", readonly=True)
    touched_at = fields.Datetime(readonly=True)

    _reference_unique = models.UniqueIndex("(operator_id, reference)", "This reference of the operator is recorded already.")
    _amount_positive = models.Constraint("CHECK(amount > 0)", "Money received is above zero.")

    # === Computes ===

    @api.depends("amount", "share_ids.amount", "share_ids.taken_back", "state")
    def _compute_open_amount(self):
        for incoming in self:
            given = sum(share.amount for share in incoming.share_ids if not share.taken_back)
            incoming.open_amount = 0 if incoming.state == "returned" else incoming.amount - given

    @api.depends("suggestion_ids.score")
    def _compute_best(self):
        for incoming in self:
            incoming.best_id = incoming.suggestion_ids[:1].partner_id

    @api.depends("share_ids.partner_id", "share_ids.taken_back")
    def _compute_partner_id(self):
        for incoming in self:
            incoming.partner_id = incoming.share_ids.filtered(lambda share: not share.taken_back).partner_id[:1]

    @api.depends("operator_id.name", "reference")
    def _compute_display_name(self):
        for incoming in self:
            incoming.display_name = " ".join(filter(None, (incoming.operator_id.name, incoming.reference)))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            vals["reference"] = statement.clean_reference(vals.get("reference"))
            if not vals["reference"]:
                raise ValidationError(self.env._("Enter the reference of the bank or wallet."))
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("Money received is never deleted; it can be marked as sent back."))

    # === Actions ===

    def action_match(self):
        """Look again whose it may be; book what is sure now."""
        self._check_may_book()
        self.sudo()._process()
        return True

    def action_split(self):
        return self._action_wizard("isp.incoming.split", self.env._("Whose money is it?"))

    def action_return(self):
        return self._action_wizard("isp.incoming.reason", self.env._("Sent back to the payer"), default_kind="return")

    def action_take_back(self):
        return self._action_wizard("isp.incoming.reason", self.env._("Booked to the wrong customer"), default_kind="take_back")

    def _action_wizard(self, model, name, **context):
        self.ensure_one()
        self._check_may_book()
        context = {f"default_{key.removeprefix('default_')}": value for key, value in context.items()}
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": model,
            "view_mode": "form",
            "target": "new",
            "context": {"default_incoming_id": self.id, **context},
        }

    def action_view_payments(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_account_payments")
        return {**action, "domain": [("id", "in", self.share_ids.payment_id.ids)], "context": {"create": False}}

    # === Recording ===

    @api.model
    def _clean_reference(self, text):
        return statement.clean_reference(text)

    @api.model
    def _record_manual(self, operator, reference, amount, value_date, **vals):
        """Record one receipt that a person typed.

        :return: the ``isp.incoming``
        :raise UserError: the reference was used before: says when, by whom and for which customer
        """
        reference = statement.clean_reference(reference)
        before = self.sudo().search([("operator_id", "=", operator.id), ("reference", "=", reference)])
        if before:
            raise UserError(before._say_used())
        if value_date > operator.company_id._isp_today():
            raise UserError(self.env._("The date %(date)s has not come yet.", date=fields.Date.to_string(value_date)))
        self._check_amount(operator, amount)
        return self.sudo().create(
            {"operator_id": operator.id, "reference": reference, "amount": amount, "value_date": value_date, "source": "manual", **vals}
        )

    def _say_used(self):
        self.ensure_one()
        return self.env._(
            "%(operator)s reference %(reference)s was recorded on %(date)s by %(user)s: %(amount)s, %(state)s, %(customer)s.",
            operator=self.operator_id.name,
            reference=self.reference,
            date=fields.Date.to_string(self.create_date),
            user=self.create_uid.name,
            amount=self.currency_id.format(self.amount),
            state=dict(self._fields["state"]._description_selection(self.env))[self.state],
            customer=self.partner_id.name or self.env._("no customer yet"),
        )

    @api.model
    def _check_amount(self, operator, amount):
        currency = operator.company_id.currency_id
        if currency.compare_amounts(amount, 0) <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        if amount != int(amount):
            raise UserError(self.env._("Amounts are in whole pounds."))

    # === Matching ===

    @api.model
    def _cron_process(self):
        """Match and book what is new, a batch a transaction. Killed or run twice it books nothing twice."""
        self = self.with_context(tracking_disable=True)
        tries, last_id = 0, 0
        remaining = self.search_count([("state", "=", "new")])
        self.env["ir.cron"]._commit_progress(remaining=remaining)
        while batch := self.search([("state", "=", "new"), ("id", ">", last_id)], order="id", limit=BATCH):
            try:
                batch._process()
                self.env.flush_all()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                tries += 1
                if tries == TRIES:
                    raise
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("Booking money received met another transaction, try %s of %s", tries, TRIES)
                continue
            last_id, tries = batch[-1].id, 0
            if not self.env["ir.cron"]._commit_progress(len(batch)):
                break

    def _process(self):
        """Match these and book what is sure to its customer, the rest to suspense. Again: only what is still open.

        One that cannot be booked (a closed period, an archived account) stays as it is and says why.
        """
        self = self.sudo()
        self._hold()
        waiting = self.filtered(lambda incoming: incoming.state in ("new", "suspense") and incoming.open_amount)
        for incoming, (customer, suggestions) in waiting._match().items():
            try:
                with self.env.cr.savepoint():
                    incoming._decide(customer, suggestions)
            except UserError as error:
                incoming.invalidate_recordset()
                incoming.error = str(error)
                _logger.warning("Money received %s could not be booked: %s", incoming.id, error)

    def _decide(self, customer, suggestions):
        self.ensure_one()
        self.error = False
        if customer and not self.share_ids:
            self._book([(customer, None)], "sure")
            return
        self.suggestion_ids.unlink()
        self.env["isp.incoming.suggestion"].create([{"incoming_id": self.id, **vals} for vals in suggestions])
        if self.state == "new":
            self._to_suspense()

    def _match(self):
        """:return: {incoming: (sure customer or empty, [values of suggestions, the best first])}"""
        hints = {incoming: match.read(incoming.text, incoming.payer_phone) for incoming in self}
        found = {incoming: defaultdict(set) for incoming in self}
        mistyped = self._match_accounts(hints, found)
        self._match_invoices(hints, found)
        self._match_phones(hints, found)
        result = {}
        partners = self.env["res.partner"]
        for incoming in self:
            candidates = found[incoming]
            sure = match.sure(candidates, incoming in mistyped)
            if sure:
                result[incoming] = (partners.browse(sure), [])
                continue
            likeness = incoming._match_weak(candidates)
            scores = {partner: match.score(reasons, likeness.get(partner, 0)) for partner, reasons in candidates.items()}
            best = sorted(scores, key=lambda partner, scores=scores: (-scores[partner], partner))[:MOST_SUGGESTIONS]
            result[incoming] = (
                partners,
                [
                    {"partner_id": partner, "score": scores[partner], "reasons": ",".join(sorted(candidates[partner]))}
                    for partner in best
                ],
            )
        return result

    def _partner_domain(self):
        return [("company_id", "in", [False, *self.company_id.ids])]

    def _match_accounts(self, hints, found):
        """:return: those whose text has a number of ours with a wrong check digit"""
        words = {word for hint in hints.values() for word in hint.words}
        partners = self.env["res.partner"].search([("isp_account_no", "in", list(words)), *self._partner_domain()])
        by_number = {partner.isp_account_no: partner.commercial_partner_id.id for partner in partners}
        sequence = self.env["ir.sequence"].sudo().search([("code", "=", "isp.account.no")], limit=1)
        mistyped = self.browse()
        for incoming, hint in hints.items():
            for word in hint.words:
                ours = account_no.looks_ours(word, sequence.prefix or "", sequence.padding)
                if word in by_number:
                    checked = ours and account_no.is_valid(word)
                    found[incoming][by_number[word]].add("account" if checked else "account_old")
                elif ours and not account_no.is_valid(word):
                    mistyped += incoming
        return mistyped

    def _match_invoices(self, hints, found):
        names = {name for hint in hints.values() for name in hint.names}
        moves = self.env["account.move"].search(
            [
                ("name", "in", list(names)),
                ("move_type", "=", "out_invoice"),
                ("state", "=", "posted"),
                ("company_id", "in", self.company_id.ids),
            ]
        )
        by_name = {(move.name, move.company_id): move.commercial_partner_id.id for move in moves}
        for incoming, hint in hints.items():
            for name in hint.names:
                partner = by_name.get((name, incoming.company_id))
                if partner:
                    found[incoming][partner].add("invoice")

    def _match_phones(self, hints, found):
        tails = {tail for hint in hints.values() for tail in hint.phones}
        if not tails:
            return
        self.env["res.partner"].flush_model(["phone_sanitized", "isp_alt_phone", "commercial_partner_id", "active", "company_id"])
        rows = self.env.execute_query(
            SQL(
                r"""
                SELECT right(regexp_replace(number, '\D', '', 'g'), 9) AS tail, array_agg(DISTINCT customer)
                  FROM (SELECT phone_sanitized AS number, commercial_partner_id AS customer, active, company_id FROM res_partner
                         WHERE right(phone_sanitized, 9) = ANY(%(tails)s)
                        UNION ALL
                        SELECT isp_alt_phone, commercial_partner_id, active, company_id FROM res_partner WHERE isp_alt_phone IS NOT NULL) p
                 WHERE active AND (company_id IS NULL OR company_id = ANY(%(companies)s))
                   AND right(regexp_replace(number, '\D', '', 'g'), 9) = ANY(%(tails)s)
                 GROUP BY 1
                """,
                tails=list(tails),
                companies=self.company_id.ids,
            )
        )
        by_tail = dict(rows)
        for incoming, hint in hints.items():
            for tail in hint.phones:
                customers = by_tail.get(tail, [])
                for customer in customers:
                    found[incoming][customer].add("phone" if len(customers) == 1 else "phone_shared")

    def _match_weak(self, candidates):
        """Add who owes just this amount and who has a similar name; alone they never suffice.

        :return: {customer: likeness of the name}
        """
        self.ensure_one()
        partners = self.env["res.partner"]
        for item in self.env["account.move.line"].search(
            [
                ("parent_state", "=", "posted"),
                ("account_id.account_type", "=", "asset_receivable"),
                ("reconciled", "=", False),
                ("amount_residual", "=", self.open_amount),
                ("company_id", "=", self.company_id.id),
            ],
            limit=20,
        ):
            candidates[item.partner_id.commercial_partner_id.id].add("amount")
        words = [word for word in match.fold(self.payer_name).split() if len(word) > 2][:4]
        likely = partners.browse(candidates)
        for word in words:
            likely |= partners.search([("name", "ilike", word), ("isp_subscription_ids", "!=", False), *self._partner_domain()], limit=40)
        likeness = {}
        for partner in likely.commercial_partner_id if self.payer_name else ():
            alike = max(match.name_score(self.payer_name, name) for name in (partner.name, partner.isp_name_ar) if name)
            if alike >= match.ALIKE:
                likeness[partner.id] = alike
                candidates[partner.id].add("name")
        return likeness

    # === Booking ===

    def _check_may_book(self):
        if not self.env.su and not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("A billing manager says whose money it is."))
        self.check_access("read")

    def _hold(self):
        """Wait for the rows, mark them, read them anew: of two at the same moment the second sees what the first did."""
        if not self.ids:
            return
        self.env.flush_all()
        self.env.cr.execute(
            SQL("UPDATE isp_incoming SET touched_at = now() AT TIME ZONE 'UTC' WHERE id IN %s", tuple(sorted(self.ids))),
            log_exceptions=False,  # whoever comes second is tried again
        )
        self.invalidate_recordset()

    def _book(self, shares, key):
        """Give this money, or parts of it, to customers: one payment each.

        :param shares: [(customer, amount or None for all that is open)]
        :param key: idempotency key of whoever asks, for this money; the same key again books nothing
        :return: the ``isp.incoming.share`` rows of the key
        :raise UserError: more than is open, nothing, or it was sent back

        Lock: this row. Transaction: the caller's.
        """
        self.ensure_one()
        incoming = self.sudo()
        incoming._hold()
        rounds = len(incoming.share_ids.filtered("taken_back"))
        keys = [f"{incoming.id}/{key}/{rounds}/{number}" for number in range(len(shares))]
        before = incoming.share_ids.filtered(lambda share: share.key in keys)
        if before:
            return before
        if incoming.state == "returned" or not incoming.open_amount:
            raise UserError(self.env._("%(money)s is given already: %(customer)s.", money=self.display_name, customer=incoming.partner_id.name or ""))
        shares = [(partner.commercial_partner_id, incoming.open_amount if amount is None else amount) for partner, amount in shares]
        currency = incoming.currency_id
        for _partner, amount in shares:
            self._check_amount(incoming.operator_id, amount)
        total = sum(amount for _partner, amount in shares)
        if currency.compare_amounts(total, incoming.open_amount) > 0:
            raise UserError(
                self.env._("%(total)s is more than the %(open)s still open.", total=currency.format(total), open=currency.format(incoming.open_amount))
            )
        if incoming.state == "new" and (len(shares) > 1 or currency.compare_amounts(total, incoming.amount)):
            incoming._to_suspense()
        rows = incoming.env["isp.incoming.share"]
        for share_key, (partner, amount) in zip(keys, shares, strict=True):
            rows += incoming._book_share(partner, amount, share_key)
        if not incoming.open_amount:
            incoming.suggestion_ids.unlink()
            incoming.write({"state": "booked", "error": False})
        return rows

    def _book_share(self, partner, amount, key):
        share = self.env["isp.incoming.share"].create({"incoming_id": self.id, "partner_id": partner.id, "amount": amount, "key": key})
        payment = self.env["account.payment"].with_company(self.company_id).create(self._prepare_payment_vals(share))
        waiting = self._suspense_lines()
        payment.outstanding_account_id = self.operator_id.suspense_account_id if waiting else self.operator_id.journal_id.default_account_id
        share.payment_id = payment
        payment.action_post()
        if waiting:
            taken = payment.move_id.line_ids.filtered(lambda line: line.account_id == waiting.account_id)
            (waiting + taken).reconcile()
        partner._isp_apply_credit(self.company_id)
        partner._isp_notify("receipt", f"receipt/{payment.id}", about=payment, **self._prepare_notice(payment))
        return share

    def _prepare_payment_vals(self, share):
        return {
            "isp_uuid": f"incoming/{share.key}",
            "isp_incoming_id": self.id,
            "payment_type": "inbound",
            "partner_type": "customer",
            "partner_id": share.partner_id.id,
            "amount": share.amount,
            "currency_id": self.currency_id.id,
            "journal_id": self.operator_id.journal_id.id,
            "date": self._booking_date(),
            "memo": " · ".join(filter(None, (self.display_name, self.text)))[:200],
        }

    def _prepare_notice(self, payment):
        due = payment.partner_id._isp_dues().get((payment.partner_id.id, payment.company_id.id))
        return {
            "amount": payment.amount,
            "number": payment.name,
            "date": fields.Date.to_string(payment.date),
            "balance": due.balance if due else 0,
        }

    def _booking_date(self):
        """:return: the value date; the first day after it that is open, when its period is closed"""
        locked = self.company_id._get_user_fiscal_lock_date(self.operator_id.journal_id)
        return max(self.value_date, locked + timedelta(days=1)) if locked else self.value_date

    def _suspense_lines(self):
        """:return: items of this money that stand on the suspense account"""
        moves = self.env["account.move"].search([("isp_incoming_id", "=", self.id), ("state", "=", "posted")])
        return moves.line_ids.filtered(
            lambda line: line.account_id == self.operator_id.suspense_account_id and not line.reconciled and line.balance < 0
        )

    def _to_suspense(self):
        self.ensure_one()
        bank, suspense = self.operator_id.journal_id.default_account_id, self.operator_id.suspense_account_id
        self._entry(f"suspense/{self.id}", bank, suspense, self.amount, self._booking_date(), self.display_name)
        self.state = "suspense"

    def _entry(self, key, debit, credit, amount, date, text):
        """Book an entry of this money once for ``key``."""
        moves = self.env["account.move"]
        before = moves.search([("isp_incoming_key", "=", key)])
        if before:
            return before
        line = {"name": text}
        move = moves.create(
            {
                "move_type": "entry",
                "journal_id": self.operator_id.journal_id.id,
                "company_id": self.company_id.id,
                "date": date,
                "ref": text,
                "isp_incoming_id": self.id,
                "isp_incoming_key": key,
                "line_ids": [
                    fields.Command.create({**line, "account_id": debit.id, "balance": amount}),
                    fields.Command.create({**line, "account_id": credit.id, "balance": -amount}),
                ],
            }
        )
        move.action_post()
        return move

    def _return(self, reason):
        """The money that is not given to a customer was sent back. Again: nothing.

        :return: True
        """
        self.ensure_one()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why."))
        incoming = self.sudo()
        incoming._hold()
        if incoming.state == "returned" or not incoming.open_amount:
            return True
        if incoming.state == "new":
            incoming._to_suspense()
        waiting = incoming._suspense_lines()
        bank, suspense = incoming.operator_id.journal_id.default_account_id, incoming.operator_id.suspense_account_id
        text = f"{incoming.display_name}: {reason.strip()}"
        move = incoming._entry(f"return/{incoming.id}", suspense, bank, incoming.open_amount, incoming.company_id._isp_today(), text)
        (waiting + move.line_ids.filtered(lambda line: line.account_id == suspense)).reconcile()
        incoming.suggestion_ids.unlink()
        incoming.state = "returned"
        incoming.message_post(body=self.env._("Sent back: %(reason)s", reason=reason.strip()))
        return True

    def _take_back(self, reason):
        """It was booked to the wrong customer: the payments are reversed, the money stands in suspense again. Again: nothing."""
        self.ensure_one()
        if not (reason or "").strip():
            raise UserError(self.env._("Say why."))
        incoming = self.sudo()
        incoming._hold()
        shares = incoming.share_ids.filtered(lambda share: not share.taken_back)
        if incoming.state == "returned" or not shares:
            return True
        for payment in shares.payment_id:
            payment._isp_reverse(
                incoming.company_id._isp_today(), f"{incoming.display_name}: {reason.strip()}", **incoming._prepare_take_back_vals(payment, reason)
            )
        incoming.state = "suspense"
        incoming.message_post(body=self.env._("Taken back from %(who)s: %(reason)s", who=", ".join(shares.partner_id.mapped("name")), reason=reason.strip()))
        return True

    def _prepare_take_back_vals(self, payment, reason):
        bank, suspense = self.operator_id.journal_id.default_account_id, self.operator_id.suspense_account_id
        lines = payment._prepare_reversal_vals(self.company_id._isp_today(), reason.strip())["line_ids"]
        for command in lines:
            if command[2]["account_id"] == bank.id:
                command[2]["account_id"] = suspense.id
        return {"line_ids": lines, "isp_incoming_id": self.id, "isp_incoming_key": f"take back/{payment.id}"}
