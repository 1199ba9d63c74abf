# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..engine import drawer
from .account_move import CASH_KINDS


class IspCashShift(models.Model):
    """One person at one drawer, from the count at opening to the count at closing.

    What was taken and paid out is read from the posted entries (``isp.cash.line``); nothing is counted here a second
    time. Whatever enters or closes a shift holds its row (``_hold``): a payment is in the Z report or refused.
    """

    _name = "isp.cash.shift"
    _description = "Shift at a cash desk"
    _order = "id desc"

    desk_id = fields.Many2one("isp.cash.desk", required=True, readonly=True, ondelete="restrict", index=True)
    user_id = fields.Many2one("res.users", string="Cashier", required=True, readonly=True, index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    cash_account_id = fields.Many2one("account.account", required=True, readonly=True, ondelete="restrict")
    state = fields.Selection(
        [("open", "Open"), ("counting", "Counting"), ("closed", "Closed")], default="open", required=True, readonly=True, index=True
    )
    opened_at = fields.Datetime(string="Opened", required=True, readonly=True, default=fields.Datetime.now)
    closed_at = fields.Datetime(string="Closed", readonly=True)
    closed_by_id = fields.Many2one("res.users", string="Closed by", readonly=True)
    z_number = fields.Integer(string="Z number", readonly=True, copy=False)
    carried = fields.Monetary(string="Left by the shift before", readonly=True)
    line_ids = fields.One2many("isp.cash.line", "shift_id", readonly=True)
    count_ids = fields.One2many("isp.cash.count", "shift_id", readonly=True)
    note = fields.Char(string="Remark", readonly=True)
    money_in = fields.Monetary(compute="_compute_money", string="Payments", help="Without what was reversed in this shift.")
    expected = fields.Monetary(compute="_compute_money", string="In the drawer", help="Float + in - out, from the books.")
    difference = fields.Monetary(compute="_compute_money", help="Counted more (+) or less (-) than the books say.")
    counted = fields.Monetary(compute="_compute_counted", string="Counted at close")
    counted_opening = fields.Monetary(compute="_compute_counted", string="Counted at opening")
    touched_at = fields.Datetime(readonly=True)

    _one_a_desk = models.UniqueIndex("(desk_id) WHERE state <> 'closed'", "A shift is open at this desk already.")
    _one_a_person = models.UniqueIndex("(user_id) WHERE state <> 'closed'", "You have an open shift already.")
    _z_unique = models.UniqueIndex("(desk_id, z_number) WHERE z_number > 0", "This Z report exists already.")

    # === Computes ===

    @api.depends("line_ids.amount", "carried")
    def _compute_money(self):
        totals = {shift.id: {} for shift in self}
        rows = self.env["isp.cash.line"]._read_group([("shift_id", "in", self.ids)], ["shift_id", "kind"], ["amount:sum"])
        for shift, kind, amount in rows:
            totals[shift.id][kind] = amount
        for shift in self:
            by_kind = totals.get(shift.id, {})
            shift.money_in = by_kind.get("payment", 0) + by_kind.get("reversal", 0)
            shift.expected = shift.carried + sum(by_kind.values())
            shift.difference = by_kind.get("opening", 0) + by_kind.get("closing", 0)

    @api.depends("count_ids.quantity", "count_ids.value", "count_ids.moment")
    def _compute_counted(self):
        for shift in self:
            shift.counted = sum(line.amount for line in shift.count_ids if line.moment == "closing")
            shift.counted_opening = sum(line.amount for line in shift.count_ids if line.moment == "opening")

    @api.depends("desk_id.name", "desk_id.code", "z_number", "opened_at", "user_id.name")
    def _compute_display_name(self):
        for shift in self:
            desk = shift.desk_id.sudo()
            if shift.z_number:
                shift.display_name = f"Z {desk.code}/{shift.z_number}"
            else:
                shift.display_name = " · ".join(filter(None, (desk.name, shift.user_id.sudo().name)))

    # === Actions ===

    @api.model
    def _action_desk(self):
        """What the menu "Take a payment" opens: the form, or first the opening of a shift."""
        if not self._mine() and not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            return self._action_open()
        return self._action_payment()

    @api.model
    def _action_mine(self):
        """What the menu "My shift" opens: the shift, or the opening of one."""
        shift = self._mine()
        return shift.sudo(False)._action_form() if shift else self._action_open()

    @api.model
    def _action_open(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Open a shift"),
            "res_model": "isp.cash.open",
            "view_mode": "form",
            "target": "new",
        }

    @api.model
    def _action_payment(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Take a payment"),
            "res_model": "isp.cash.payment",
            "view_mode": "form",
            "views": [(self.env.ref("isp_cash.view_isp_cash_payment_desk").id, "form")],
            "target": "current",
            "context": {"isp_with_number": True, "form_view_initial_mode": "edit"},
        }

    def _action_form(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Shift"),
            "res_model": "isp.cash.shift",
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
        }

    def action_take_payment(self):
        self._check_own()
        return self._action_payment()

    def action_pay_out(self):
        return self._action_out("paid_out", self.env._("Pay out"))

    def action_drop(self):
        return self._action_out("drop", self.env._("To safe or bank"))

    def action_put_in(self):
        return self._action_out("float", self.env._("From the safe"))

    def _action_out(self, kind, name):
        self._check_own()
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "isp.cash.out",
            "view_mode": "form",
            "target": "new",
            "context": {"default_shift_id": self.id, "default_kind": kind},
        }

    def action_count(self):
        """Stop taking money and count the drawer. Again: go on counting."""
        self._check_own(or_manager=True)
        shift = self.sudo()
        shift._hold()
        if shift.state == "closed":
            return self._action_form()
        shift.state = "counting"
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Count and close"),
            "res_model": "isp.cash.close",
            "view_mode": "form",
            "target": "new",
            "context": {"default_shift_id": self.id},
        }

    def action_resume(self):
        """Take money again: the count was started too early."""
        self._check_own(or_manager=True)
        shift = self.sudo()
        shift._hold()
        if shift.state == "counting":
            shift.state = "open"
        return True

    def action_print(self):
        """The Z report of a closed shift, else the X report: what is in the drawer so far."""
        self.check_access("read")
        return self.env.ref("isp_cash.action_report_isp_cash_shift").report_action(self.ids)

    def action_print_roll(self):
        self.check_access("read")
        return self.env.ref("isp_cash.action_report_isp_cash_shift_roll").report_action(self.ids)

    # === Business ===

    @api.model
    def _mine(self):
        """:return: the shift of the person at work that is not closed, with sudo; empty when there is none"""
        return self.sudo().search(
            [("user_id", "=", self.env.uid), ("state", "!=", "closed"), ("company_id", "in", self.env.companies.ids)], limit=1
        )

    def _check_own(self, or_manager=False):
        """:raise AccessError: the shift is somebody else's"""
        self.ensure_one()
        self.check_access("read")
        if self.user_id != self.env.user and not (or_manager and self.env.user.has_group("isp_base.group_isp_billing_manager")):
            raise AccessError(self.env._("This is the shift of %(cashier)s.", cashier=self.user_id.sudo().name))

    def _hold(self):
        """Wait for the rows, mark them, read them anew.

        The mark makes whoever held the row in the same moment start again on what we wrote (REPEATABLE READ): of a
        payment and a close the second sees the first.
        """
        if not self.ids:
            return
        self.flush_recordset()
        self.env.cr.execute(
            SQL("UPDATE isp_cash_shift SET touched_at = now() AT TIME ZONE 'UTC' WHERE id IN %s", tuple(sorted(self.ids))),
            log_exceptions=False,  # whoever comes second is tried again
        )
        self.invalidate_recordset()

    @api.model
    def _open(self, desk, counts, from_safe=0):
        """Open a shift of the person at work at ``desk``.

        :param counts: {value of a note: how many} in the drawer now, the float from the safe included
        :param from_safe: part of it just taken out of the desk's safe
        :return: the shift; the one open already, if it is one's own at this desk
        :raise UserError: no right to this desk, somebody else's shift is open, a count below zero

        What the shift before left and what is counted may differ: the difference is booked. Idempotency: one open
        shift a desk and a person, UNIQUE in the database. Transaction: the caller's.
        """
        user, desk = self.env.user, desk.sudo()
        mine = self._mine()
        if mine and mine.desk_id == desk:
            return mine
        if user not in desk.user_ids and not user.has_group("isp_base.group_isp_billing_manager"):
            raise UserError(self.env._("You are not among the cashiers of %(desk)s; a billing manager can add you.", desk=desk.name))
        if mine:
            raise UserError(self.env._("Close your shift at %(desk)s first.", desk=mine.desk_id.name))
        shifts = self.sudo()
        other = shifts.search([("desk_id", "=", desk.id), ("state", "!=", "closed")], limit=1)
        if other:
            raise UserError(self.env._("%(cashier)s has an open shift at %(desk)s.", cashier=other.user_id.name, desk=desk.name))
        counted = self._total(counts)
        self._check_whole(desk.currency_id, from_safe)
        if from_safe < 0 or from_safe > counted:
            raise UserError(self.env._("What comes from the safe cannot be more than what is in the drawer."))
        shift = shifts.create(shifts._prepare_shift_vals(desk))
        shift._record_count("opening", counts)
        if from_safe:
            shift._book("float", from_safe, shift._safe_account(desk.safe_journal_id), self.env._("Float"), f"shift/{shift.id}/float")
        shift._book_difference("opening", counted)
        return shift

    def _prepare_shift_vals(self, desk):
        return {
            "desk_id": desk.id,
            "user_id": self.env.uid,
            "company_id": desk.company_id.id,
            "cash_account_id": desk.journal_id.default_account_id.id,
            "carried": desk._last_closed().expected,
        }

    def _close(self, counts, to_safe=0, note=None):
        """Close the shift: book the difference, move the takings, give the Z number.

        :param counts: {value of a note: how many} in the drawer now
        :param to_safe: part of it that goes to safe or bank now; the rest is the next shift's
        :return: True, also when it is closed already

        Lock: the shift's row. Transaction: the caller's.
        """
        self.ensure_one()
        shift = self.sudo()
        shift._hold()
        if shift.state == "closed":
            return True
        counted = self._total(counts)
        self._check_whole(shift.currency_id, to_safe)
        if to_safe < 0 or to_safe > counted:
            raise UserError(self.env._("More cannot go to the safe than was counted."))
        shift.state = "counting"
        shift._record_count("closing", counts)
        shift._book_difference("closing", counted)
        if to_safe:
            safe = shift._safe_account(shift.desk_id.safe_journal_id)
            shift._book("drop", -to_safe, safe, self.env._("Takings"), f"shift/{shift.id}/takings")
        shift.write(
            {
                "state": "closed",
                "closed_at": fields.Datetime.now(),
                "closed_by_id": self.env.uid,
                "note": note or False,
                "z_number": int(shift.desk_id.z_sequence_id.next_by_id()),
            }
        )
        return True

    def _move_cash(self, kind, amount, key, reason=None, journal=None, to_whom=None, note=None):
        """Pay out, bring to the safe or fetch from it.

        :param kind: "paid_out", "drop" or "float"
        :param amount: above zero, whole pounds
        :param key: idempotency key of the form
        :return: the posted ``account.move``; the one made before when the key was used
        """
        self.ensure_one()
        shift = self.sudo()
        shift._hold()
        self._check_whole(shift.currency_id, amount)
        if amount <= 0:
            raise UserError(self.env._("The amount must be above zero."))
        if kind == "paid_out":
            if not reason or not (to_whom or "").strip():
                raise UserError(self.env._("Say what for and to whom."))
            account, text = reason.sudo().account_id, reason.name
        else:
            account, text = shift._safe_account(journal or shift.desk_id.safe_journal_id), self._kind_label(kind)
        text = " · ".join(filter(None, (text, (note or "").strip())))
        sign = 1 if kind == "float" else -1
        return shift._book(kind, sign * amount, account, text, f"{kind}/{key}", to_whom=to_whom)

    def _book(self, kind, amount, account, text, key, to_whom=None):
        """Book cash into the drawer (out of it below zero) against ``account``, once for ``key``."""
        self.ensure_one()
        moves = self.env["account.move"]
        before = moves.search([("isp_cash_key", "=", key)])
        if before:
            return before
        if amount < 0 and kind != "closing" and kind != "opening":
            self._check_in_drawer(-amount)
        move = moves.create(self._prepare_entry_vals(kind, amount, account, text, key, to_whom))
        move.action_post()
        self.invalidate_recordset()
        return move

    def _prepare_entry_vals(self, kind, amount, account, text, key, to_whom):
        return {
            "move_type": "entry",
            "journal_id": self.desk_id.journal_id.id,
            "company_id": self.company_id.id,
            "date": self.company_id._isp_today(),
            "ref": text,
            "isp_shift_id": self.id,
            "isp_cash_kind": kind,
            "isp_cash_key": key,
            "isp_cash_to": (to_whom or "").strip() or False,
            "line_ids": [
                fields.Command.create({"name": text, "account_id": self.cash_account_id.id, "balance": amount}),
                fields.Command.create({"name": text, "account_id": account.id, "balance": -amount}),
            ],
        }

    def _book_difference(self, moment, counted):
        difference = counted - self.expected
        if self.currency_id.is_zero(difference):
            return
        company = self.company_id
        account = (
            company.default_cash_difference_income_account_id if difference > 0 else company.default_cash_difference_expense_account_id
        )
        if not account:
            raise UserError(
                self.env._("Choose the accounts of cash differences in the accounting settings of %(company)s.", company=company.name)
            )
        self._book(moment, difference, account, self._kind_label(moment), f"shift/{self.id}/{moment}")

    def _record_count(self, moment, counts):
        self.env["isp.cash.count"].create(
            [{"shift_id": self.id, "moment": moment, "value": value, "quantity": quantity} for value, quantity in counts.items() if quantity]
        )

    def _safe_account(self, journal):
        """:return: the account against which money goes to or comes from a safe or bank

        A safe is cash that is there at once; a bank says on its statement when it has it.
        """
        if not journal:
            raise UserError(self.env._("Choose the safe or bank of the desk %(desk)s first.", desk=self.desk_id.name))
        account = journal.default_account_id if journal.type == "cash" else self.company_id.transfer_account_id
        if not account:
            raise UserError(self.env._("The journal %(journal)s has no account.", journal=journal.display_name))
        return account

    def _check_in_drawer(self, amount):
        if self.currency_id.compare_amounts(amount, self.expected) > 0:
            raise UserError(
                self.env._(
                    "There is only %(there)s in the drawer of %(desk)s.",
                    there=self.currency_id.format(self.expected),
                    desk=self.desk_id.name,
                )
            )

    @api.model
    def _check_whole(self, currency, amount):
        """:raise UserError: cash has no piasters"""
        if not currency.is_zero(amount - currency.round(amount)) or currency.round(amount) != int(currency.round(amount)):
            raise UserError(self.env._("Cash is counted in whole pounds: %(amount)s is not.", amount=amount))

    @api.model
    def _total(self, counts):
        try:
            return drawer.total(counts)
        except ValueError as error:
            raise UserError(self.env._("A number of notes is whole and not below zero: %(what)s.", what=error)) from error

    # === Report ===

    @api.model
    def _kind_label(self, kind):
        return dict(self.env["isp.cash.line"]._fields["kind"]._description_selection(self.env))[kind]

    def _report_totals(self):
        """:return: [(label, number, amount)] by kind, in the order of the day"""
        self.ensure_one()
        rows = {
            kind: (count, amount)
            for kind, count, amount in self.env["isp.cash.line"]._read_group(
                [("shift_id", "=", self.id)], ["kind"], ["__count", "amount:sum"]
            )
        }
        return [(self._kind_label(kind), *rows[kind]) for kind, _label in CASH_KINDS if kind in rows]
