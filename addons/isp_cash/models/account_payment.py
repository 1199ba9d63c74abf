# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_shift_id = fields.Many2one("isp.cash.shift", string="Shift", readonly=True, copy=False, ondelete="restrict", index="btree_not_null")
    isp_given = fields.Monetary(string="Given", readonly=True, copy=False, help="What the customer put on the table.")
    isp_reversal_id = fields.One2many("isp.cash.reversal", "payment_id", readonly=True)

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(vals.get("isp_shift_id") for vals in vals_list):
            raise UserError(self.env._("Money enters a shift at the cash desk only."))
        payments = super().create(vals_list)
        for payment in payments.filtered("isp_shift_id"):
            # Cash is in the drawer at once, whatever account the payment method names.
            payment.outstanding_account_id = payment.isp_shift_id.cash_account_id
        return payments

    def write(self, vals):
        if not self.env.su and {"isp_shift_id", "isp_given"} & vals.keys():
            raise UserError(self.env._("Money enters a shift at the cash desk only."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_not_of_a_shift(self):
        self._isp_refuse_in_shift()

    # === Actions ===

    def action_post(self):
        """Override of `account`: the drawer of a desk takes money in a shift only."""
        outside = self.filtered(lambda p: p.state == "draft" and not p.isp_shift_id and p.journal_id.sudo().isp_desk_ids.filtered("active"))
        if outside:
            raise UserError(
                self.env._(
                    "%(journal)s is the drawer of a cash desk: take the money in an open shift, or choose another journal.",
                    journal=outside[0].journal_id.display_name,
                )
            )
        return super().action_post()

    def action_draft(self):
        self._isp_refuse_in_shift()
        return super().action_draft()

    def action_cancel(self):
        self._isp_refuse_in_shift()
        return super().action_cancel()

    def action_isp_reverse(self):
        """Ask why; the money leaves the drawer of the shift that is open now."""
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("A billing manager reverses payments."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reverse %(payment)s", payment=self.display_name),
            "res_model": "isp.cash.reverse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_payment_id": self.id},
        }

    # === Business ===

    def _isp_refuse_in_shift(self):
        self.sudo().filtered("isp_shift_id").move_id._isp_refuse_in_shift()

    def _isp_open_shift(self):
        """:return: the open shift whose drawer would give this money back: the payment's desk, else one's own"""
        self.ensure_one()
        shifts = self.env["isp.cash.shift"].sudo().search([("state", "=", "open"), ("company_id", "=", self.company_id.id)])
        desk = self.sudo().isp_shift_id.desk_id
        return (
            shifts.filtered(lambda shift: shift.desk_id == desk)[:1] or shifts.filtered(lambda shift: shift.user_id == self.env.user)[:1]
        )

    def _isp_reverse_at_desk(self, reason, shift=None):
        """Book this payment out again with a reason; cash leaves the drawer of ``shift``.

        :param shift: open ``isp.cash.shift``; needed when the money went into a cash journal
        :return: the ``isp.cash.reversal``, the one made before when it was reversed already

        Lock: the payment's row and the shift's. Idempotency key: the payment. Transaction: the caller's.
        """
        self.ensure_one()
        payment, shift = self.sudo(), shift and shift.sudo()
        reversals = payment.env["isp.cash.reversal"]
        if shift:
            shift._hold()
        before = reversals.search([("payment_id", "=", payment.id)])
        if before:
            return before
        if not (reason or "").strip():
            raise UserError(self.env._("Say why the payment is reversed."))
        if payment.isp_reversal_move_id:
            raise UserError(self.env._("%(payment)s is reversed already.", payment=self.display_name))
        if payment.payment_type != "inbound" or payment.partner_type != "customer":
            raise UserError(self.env._("%(payment)s is no payment of a customer.", payment=self.display_name))
        vals = {}
        if payment.journal_id.type == "cash":
            vals = payment._prepare_cash_reversal_vals(shift)
        move = payment._isp_reverse(payment.company_id._isp_today(), reason.strip(), **vals)
        reversal = reversals.create({"payment_id": payment.id, "reason": reason.strip(), "shift_id": shift.id if shift else False, "move_id": move.id})
        payment.message_post(body=self.env._("Reversed: %(reason)s", reason=reason.strip()))
        return reversal

    def _prepare_cash_reversal_vals(self, shift):
        """:return: values of the entry that takes the money out of the drawer of ``shift``"""
        if not shift or shift.state != "open":
            raise UserError(self.env._("Cash is given back out of an open shift: open one first."))
        shift._check_in_drawer(self.amount)
        drawer = (self.isp_shift_id.cash_account_id or self.outstanding_account_id).id
        lines = self._prepare_reversal_vals(self.date, "")["line_ids"]
        for command in lines:
            command[2]["name"] = self.env._("Reversal of %(payment)s", payment=self.name)
            command[2]["date_maturity"] = self.company_id._isp_today()
            if command[2]["account_id"] == drawer:
                command[2]["account_id"] = shift.cash_account_id.id
        return {
            "journal_id": shift.desk_id.journal_id.id,
            "isp_shift_id": shift.id,
            "isp_cash_kind": "reversal",
            "isp_cash_key": f"reversal/{self.id}",
            "line_ids": lines,
        }

    def _generate_move_vals(self, write_off_line_vals=None, force_balance=None, line_ids=None):
        vals = super()._generate_move_vals(write_off_line_vals, force_balance, line_ids)
        if self.isp_shift_id:
            vals.update(isp_shift_id=self.isp_shift_id.id, isp_cash_kind="payment")
        return vals
