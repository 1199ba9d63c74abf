# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import namedtuple

from odoo import models
from odoo.tools import SQL

from ..engine import statement as engine

#: One line of a statement. ``paid``: [(number of what this money paid, amount)].
Row = namedtuple("Row", "date date_due kind number reference journal_id debit credit balance paid")
#: ``ageing``: ``engine.statement.Ageing`` on the last day.
Statement = namedtuple("Statement", "opening rows closing ageing")


class ResPartner(models.Model):
    _inherit = "res.partner"

    def _isp_statements(self, date_from, date_to, company=None):
        """The accounts of these customers with one company, from the receivable lines: two queries, however many customers.

        :param date_from: first day, inclusive
        :param date_to: last day, inclusive; the ageing is that of this day, whatever was paid since
        :param company: default the current one
        :return: {commercial partner id: Statement}, one for each; amounts in the company's currency. Opening and rows
            always sum to the closing balance, and so does the ageing
        """
        customers, company = self.commercial_partner_id, company or self.env.company
        for model in ("account.move.line", "account.move", "account.payment", "account.partial.reconcile", "l10n_ss.withholding"):
            self.env[model].flush_model()
        opening, rows = customers._isp_statement_rows(date_from, date_to, company)
        items = customers._isp_open_items(date_to, company)
        statements = {}
        for customer in customers:
            mine = rows.get(customer.id, [])
            start = opening.get(customer.id, 0)
            balances, closing = engine.running(start, [row.debit - row.credit for row in mine])
            mine = [row._replace(balance=balance) for row, balance in zip(mine, balances, strict=True)]
            statements[customer.id] = Statement(start, mine, closing, engine.ageing(items.get(customer.id, []), date_to))
        return statements

    def _isp_statement_rows(self, date_from, date_to, company):
        """:return: ({partner id: balance before}, {partner id: [Row]}); an invoice due in parts is one row"""
        entries = self.env["isp.account.entry"]
        found = self.env.execute_query(
            SQL(
                """
                SELECT e.partner_id, e.date >= %(start)s, MIN(e.date), MIN(e.date_due), MIN(e.kind), MIN(e.number),
                       MIN(e.reference), MIN(e.journal_id), SUM(e.amount),
                       CASE WHEN e.date >= %(start)s THEN (
                           SELECT json_agg(json_build_array(COALESCE(dm.name, dm.ref), r.amount) ORDER BY r.id)
                             FROM account_partial_reconcile r
                             JOIN account_move_line d ON d.id = r.debit_move_id
                             JOIN account_move dm ON dm.id = d.move_id
                            WHERE r.credit_move_id = ANY(array_agg(e.id)) AND r.max_date <= %(end)s
                       ) END
                  FROM (%(entries)s) e
                 WHERE e.partner_id = ANY(%(partners)s) AND e.company_id = %(company)s AND e.date <= %(end)s
                 GROUP BY e.partner_id, e.date >= %(start)s, CASE WHEN e.date >= %(start)s THEN e.move_id END
                 ORDER BY e.partner_id, MIN(e.date), MIN(e.id)
                """,
                start=date_from,
                end=date_to,
                entries=entries._table_query,
                partners=self.ids,
                company=company.id,
            )
        )
        opening, rows = {}, {}
        for partner, inside, day, due, kind, number, reference, journal, amount, paid in found:
            if not inside:
                opening[partner] = float(amount)
                continue
            amount = float(amount)
            rows.setdefault(partner, []).append(
                Row(day, due, kind, number, reference, journal, max(amount, 0), max(-amount, 0), 0, [tuple(p) for p in paid or []])
            )
        return opening, rows

    def _isp_open_items(self, day, company):
        """:return: {partner id: [(due date, amount open)]} as it was at the end of that day"""
        found = self.env.execute_query(
            SQL(
                """
                SELECT l.partner_id, COALESCE(l.date_maturity, l.date), l.balance
                       - COALESCE((SELECT SUM(r.amount) FROM account_partial_reconcile r
                                    WHERE r.debit_move_id = l.id AND r.max_date <= %(day)s), 0)
                       + COALESCE((SELECT SUM(r.amount) FROM account_partial_reconcile r
                                    WHERE r.credit_move_id = l.id AND r.max_date <= %(day)s), 0) AS open
                  FROM account_move_line l
                  JOIN account_account a ON a.id = l.account_id
                 WHERE l.partner_id = ANY(%(partners)s) AND l.company_id = %(company)s AND l.parent_state = 'posted'
                   AND a.account_type = 'asset_receivable' AND l.date <= %(day)s
                """,
                day=day,
                partners=self.ids,
                company=company.id,
            )
        )
        items = {}
        for partner, due, amount in found:
            if amount:
                items.setdefault(partner, []).append((due, float(amount)))
        return items

    def action_isp_account(self):
        """Open the customer's account: every entry with the balance after it."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_account_entry")
        customer = self.commercial_partner_id
        return {
            **action,
            "name": self.env._("Account of %(customer)s", customer=customer.display_name),
            "domain": [("partner_id", "=", customer.id), ("company_id", "=", self.env.company.id)],
            "context": {"default_partner_id": customer.id, "isp_one_customer": True},
        }

    def action_isp_statement(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Statement of account"),
            "res_model": "isp.statement",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": self.commercial_partner_id.id},
        }
