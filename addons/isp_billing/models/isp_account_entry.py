# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL

KINDS = [
    ("opening", "Balance brought forward"),
    ("invoice", "Invoice"),
    ("credit_note", "Credit note"),
    ("payment", "Payment"),
    ("refund", "Paid back"),
    ("reversal", "Payment reversed"),
    ("withholding", "Tax withheld"),
    ("writeoff", "Written off"),
    ("adjustment", "Adjustment"),
]


class IspAccountEntry(models.Model):
    """A customer's account: each posted receivable line with the balance after it.

    A view of the books, nothing is stored. Asked for one customer, PostgreSQL reads that customer's lines only:
    the running balance is partitioned by customer and company.
    """

    _name = "isp.account.entry"
    _description = "Entry of a customer's account"
    _auto = False
    _order = "date desc, id desc"
    _rec_name = "number"

    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    date = fields.Date(readonly=True)
    date_due = fields.Date(string="Due", readonly=True)
    kind = fields.Selection(KINDS, readonly=True)
    number = fields.Char(readonly=True)
    reference = fields.Char(readonly=True, help="What the customer or the bank quoted; certificate number.")
    move_id = fields.Many2one("account.move", string="Document", readonly=True)
    payment_id = fields.Many2one("account.payment", string="Payment", readonly=True)
    journal_id = fields.Many2one("account.journal", readonly=True)
    debit = fields.Monetary(string="Charged", readonly=True)
    credit = fields.Monetary(string="Paid or credited", readonly=True)
    amount = fields.Monetary(readonly=True)
    residual = fields.Monetary(string="Open", readonly=True, help="Above zero: still to pay. Below zero: credit not used.")
    balance = fields.Monetary(readonly=True, help="What the customer owed after this entry.", aggregator=None)

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT l.id, l.partner_id, l.company_id, l.company_currency_id AS currency_id, l.date,
                   COALESCE(l.date_maturity, l.date) AS date_due,
                   %(kind)s AS kind,
                   m.name AS number,
                   COALESCE(w.certificate_no, p.memo, st.payment_ref, m.ref) AS reference,
                   l.move_id, p.id AS payment_id, l.journal_id,
                   GREATEST(l.balance, 0) AS debit, GREATEST(-l.balance, 0) AS credit, l.balance AS amount,
                   l.amount_residual AS residual,
                   SUM(l.balance) OVER (PARTITION BY l.partner_id, l.company_id ORDER BY l.date, l.id) AS balance
              FROM account_move_line l
              JOIN account_account a ON a.id = l.account_id
              JOIN account_move m ON m.id = l.move_id
         LEFT JOIN account_payment p ON p.id = m.origin_payment_id
         LEFT JOIN account_bank_statement_line st ON st.id = m.statement_line_id
         LEFT JOIN l10n_ss_withholding w ON w.move_id = m.id
             WHERE l.parent_state = 'posted' AND a.account_type = 'asset_receivable' AND l.partner_id IS NOT NULL
            """,
            kind=self._kind_sql(),
        )

    @api.model
    def _kind_sql(self):
        """:return: ``SQL`` that tells the kind of an entry; columns of l (line), m (document), p (payment), st (bank line)"""
        cases = [SQL("WHEN %s THEN %s", condition, kind) for condition, kind in self._kind_conditions()]
        return SQL("CASE %s ELSE 'adjustment' END", SQL(" ").join(cases))

    @api.model
    def _kind_conditions(self):
        """Hook. :return: [(``SQL`` condition, key of KINDS)], the first that holds tells the kind"""
        return [
            (SQL("m.isp_opening_partner_id IS NOT NULL"), "opening"),
            (SQL("m.move_type IN ('out_invoice', 'out_receipt')"), "invoice"),
            (SQL("m.move_type = 'out_refund'"), "credit_note"),
            (SQL("(p.id IS NOT NULL OR st.id IS NOT NULL) AND l.balance < 0"), "payment"),
            (SQL("p.id IS NOT NULL OR st.id IS NOT NULL"), "refund"),
            (SQL("w.id IS NOT NULL OR m.reversed_entry_id IN (SELECT move_id FROM l10n_ss_withholding)"), "withholding"),
            (SQL("EXISTS (SELECT FROM account_payment r WHERE r.isp_reversal_move_id = m.id)"), "reversal"),
            (
                SQL(
                    "l.balance < 0 AND EXISTS (SELECT FROM account_move_line o JOIN account_account oa ON oa.id = o.account_id"
                    " WHERE o.move_id = m.id AND oa.account_type LIKE 'expense%%')"
                ),
                "writeoff",
            ),
        ]

    def action_open(self):
        """Open the payment or document behind the entry."""
        self.ensure_one()
        return (self.payment_id or self.move_id)._get_records_action()
