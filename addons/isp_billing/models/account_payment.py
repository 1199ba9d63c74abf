# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL


class AccountPayment(models.Model):
    _inherit = "account.payment"

    isp_uuid = fields.Char(readonly=True, copy=False, help="Made by the form that took the money: the same form twice is one payment.")

    isp_print_count = fields.Integer(string="Printed", readonly=True, copy=False)
    isp_reversal_move_id = fields.Many2one(
        "account.move", string="Reversed by", readonly=True, copy=False, index="btree_not_null", ondelete="restrict"
    )
    isp_subscription_id = fields.Many2one(
        "isp.subscription",
        string="For the line",
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Prepaid line this money is for: it is renewed, early too, for as many periods as the money pays.",
    )

    _isp_uuid_unique = models.UniqueIndex("(isp_uuid) WHERE isp_uuid IS NOT NULL", "This payment is booked already.")

    def action_post(self):
        """Override of `account`: money that pays no invoice yet counts for the customer at once.

        The line a payment names is renewed first, then those that have run out. Money that renews nothing stays credit.
        """
        result = super().action_post()
        money = self.filtered(lambda p: p.partner_type == "customer" and p.payment_type == "inbound")
        renewed = money.filtered(lambda p: p._isp_named_line()._renew_with(p) if p._isp_named_line() else False)
        money.partner_id._isp_on_settled()
        (money - renewed)._isp_tell_missing_to_prepaid()
        return result

    def _isp_reverse(self, date, ref, **move_vals):
        """Book a posted payment out again: the entry the other way round, tied to it. What it paid is open again.

        A service it brought back is not cut here: who owes is decided by the reminders.

        :param date: accounting date of the reversal
        :param ref: why, for the entry
        :param move_vals: more values of the entry; ``journal_id`` when the money leaves from another drawer
        :return: the posted ``account.move``, the one made before when it was reversed already
        :raise UserError: the payment is not booked

        Lock: the payment's row. Idempotency key: the payment. Transaction: the caller's.
        """
        self.ensure_one()
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM account_payment WHERE id = %s FOR UPDATE", self.id))
        self.invalidate_recordset(["isp_reversal_move_id", "state"])
        if self.isp_reversal_move_id:
            return self.isp_reversal_move_id
        if self.move_id.state != "posted":
            raise UserError(self.env._("%(payment)s is not booked, so there is nothing to reverse.", payment=self.display_name))
        originals = self.move_id.line_ids
        receivable = originals.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        receivable.remove_move_reconcile()
        vals = {**self._prepare_reversal_vals(date, ref), **move_vals}
        move = self.env["account.move"].create(vals)
        move.action_post()
        self.isp_reversal_move_id = move
        for line, mirror in zip(originals, move.line_ids, strict=True):
            if line.account_id.reconcile and line.account_id == mirror.account_id and not line.reconciled:
                (line + mirror).reconcile()
        return move

    def _prepare_reversal_vals(self, date, ref):
        return {
            "move_type": "entry",
            "journal_id": self.journal_id.id,
            "company_id": self.company_id.id,
            "partner_id": self.partner_id.id,
            "date": date,
            "ref": ref,
            "line_ids": [
                fields.Command.create(
                    {
                        "name": ref,
                        "account_id": line.account_id.id,
                        "partner_id": line.partner_id.id,
                        "currency_id": line.currency_id.id,
                        "amount_currency": -line.amount_currency,
                        "balance": -line.balance,
                        "date_maturity": date,
                    }
                )
                for line in self.move_id.line_ids
            ],
        }

    def _isp_named_line(self):
        """:return: the line this money is for (sudo); none when it belongs to another customer"""
        self.ensure_one()
        line = self.isp_subscription_id.sudo()
        same = line.partner_id.commercial_partner_id == self.partner_id.commercial_partner_id
        return line if same and line.company_id == self.company_id else line.browse()

    def _isp_tell_missing_to_prepaid(self):
        """As ``_isp_tell_missing`` for each; customers without a prepaid line are found together."""
        domain = [("partner_id", "child_of", self.partner_id.commercial_partner_id.ids), ("billing_mode", "=", "prepaid")]
        prepaid = self.env["isp.subscription"].sudo().search(domain).partner_id.commercial_partner_id if self else self.partner_id
        for payment in self.filtered(lambda p: p.isp_subscription_id or p.partner_id.commercial_partner_id in prepaid):
            payment._isp_tell_missing()

    def _isp_tell_missing(self):
        """Say what is missing to renew the line named, else the one that ran out first; nothing when none waits."""
        self.ensure_one()
        lines = self._isp_named_line().filtered(lambda s: s.billing_mode == "prepaid" and s._may_renew())
        if not lines and not self.isp_subscription_id:
            domain = [("partner_id", "child_of", self.partner_id.commercial_partner_id.ids)]
            domain += [("company_id", "=", self.company_id.id), ("billing_mode", "=", "prepaid")]
            lines = self.env["isp.subscription"].sudo().search(domain)
            lines = lines.filtered(lambda s: s._may_renew() and s._has_run_out())
        for line in lines._oldest_expiry_first()[:1]:
            line._tell_missing(self)

    def _isp_settled(self):
        """:return: [(name of what was paid, amount)] in the payment's currency, credit last"""
        self.ensure_one()
        lines = self.move_id.line_ids.filtered(lambda line: line.account_id.account_type == "asset_receivable")
        rows = [
            (partial.debit_move_id.move_id.ref if partial.debit_move_id.move_id.isp_opening_partner_id else partial.debit_move_id.move_id.name, partial.credit_amount_currency)
            for partial in lines.matched_debit_ids.sorted("id")
        ]
        rest = self.amount - sum(amount for _name, amount in rows)
        if not self.currency_id.is_zero(rest):
            rows.append((self.env._("Credit"), rest))
        return rows
