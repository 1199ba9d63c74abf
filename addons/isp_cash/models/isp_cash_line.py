# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.tools import SQL

from .account_move import CASH_KINDS


class IspCashLine(models.Model):
    """What went into or out of a drawer in a shift: read from the posted entries, so there is nothing to differ from."""

    _name = "isp.cash.line"
    _description = "Movement of a cash desk"
    _auto = False
    _order = "id desc"
    _rec_name = "name"
    _depends = {
        "account.move": ["name", "state", "isp_shift_id", "isp_cash_kind", "origin_payment_id", "partner_id", "ref", "isp_cash_to"],
        "account.payment": ["isp_reversal_move_id"],
        "account.move.line": ["move_id", "account_id", "balance"],
        "isp.cash.shift": ["cash_account_id", "user_id", "company_id", "desk_id"],
    }

    name = fields.Char(string="Number", readonly=True)
    at = fields.Datetime(string="Time", readonly=True)
    kind = fields.Selection(CASH_KINDS, readonly=True)
    shift_id = fields.Many2one("isp.cash.shift", readonly=True)
    desk_id = fields.Many2one("isp.cash.desk", readonly=True)
    user_id = fields.Many2one("res.users", string="Cashier", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    payment_id = fields.Many2one("account.payment", readonly=True)
    to_whom = fields.Char(readonly=True)
    note = fields.Char(string="Remark", readonly=True)
    amount = fields.Monetary(readonly=True, help="Into the drawer; below zero: out of it.")
    reversed = fields.Boolean(readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT m.id, m.name, m.create_date AS at, m.isp_cash_kind AS kind, m.isp_shift_id AS shift_id, s.desk_id, s.user_id,
                   m.company_id, m.partner_id, m.origin_payment_id AS payment_id, m.isp_cash_to AS to_whom, m.ref AS note,
                   p.isp_reversal_move_id IS NOT NULL AS reversed,
                   (SELECT COALESCE(SUM(l.balance), 0)
                      FROM account_move_line l
                     WHERE l.move_id = m.id AND l.account_id = s.cash_account_id) AS amount
              FROM account_move m
              JOIN isp_cash_shift s ON s.id = m.isp_shift_id
              LEFT JOIN account_payment p ON p.id = m.origin_payment_id
             WHERE m.isp_shift_id IS NOT NULL AND m.state = 'posted'
            """
        )

    def action_print(self):
        """The receipt of this payment, marked as a copy when it was printed before."""
        self.ensure_one()
        self.check_access("read")
        return self.env.ref("isp_billing.action_report_isp_receipt").report_action(self.sudo().payment_id.ids)

    def action_reverse(self):
        """Ask a manager why, then book the payment out again."""
        self.ensure_one()
        return self.payment_id.action_isp_reverse()
