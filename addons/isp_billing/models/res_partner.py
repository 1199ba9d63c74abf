# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from collections import namedtuple

from odoo import api, fields, models
from odoo.tools import SQL

#: What a customer owes one company: in all, beyond the day asked for, and since when.
Due = namedtuple("Due", "balance overdue oldest")


class ResPartner(models.Model):
    _inherit = "res.partner"

    isp_balance = fields.Monetary(
        compute="_compute_isp_balance",
        string="Balance",
        help="What the customer owes; below zero: credit.",
        groups="isp_base.group_isp_customer_service",
    )

    isp_notice_count = fields.Integer(compute="_compute_isp_notice_count", groups="isp_base.group_isp_customer_service")

    def _compute_isp_notice_count(self):
        groups = self.env["isp.notice"]._read_group([("partner_id", "in", self.ids)], ["partner_id"], ["__count"])
        counts = {partner.id: count for partner, count in groups}
        for partner in self:
            partner.isp_notice_count = counts.get(partner.id, 0)

    def _compute_isp_balance(self):
        dues = self.commercial_partner_id._isp_dues()
        for partner in self:
            due = dues.get((partner.commercial_partner_id.id, self.env.company.id))
            partner.isp_balance = due.balance if due else 0

    def _isp_dues(self, cutoff=None):
        """What these commercial partners owe, from the posted receivable lines.

        :param cutoff: lines due before this day count as overdue; default today of each company
        :return: {(partner id, company id): Due}, amounts in the company's currency. Credit
            that is not yet applied to an invoice is taken off what is overdue; debt under an
            instalment agreement that is kept is owed but not overdue.
        """
        if not self.ids:
            return {}
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model(["state"])
        today = cutoff or self.env.company._isp_today()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT l.partner_id, l.company_id,
                       SUM(l.amount_residual),
                       SUM(l.amount_residual) FILTER (WHERE l.amount_residual < 0 OR COALESCE(l.date_maturity, l.date) < %(day)s %(not_held)s),
                       MIN(COALESCE(l.date_maturity, l.date)) FILTER (WHERE l.amount_residual > 0 %(not_held)s)
                  FROM account_move_line l
                  JOIN account_account a ON a.id = l.account_id
                 WHERE l.partner_id = ANY(%(partners)s) AND l.parent_state = 'posted'
                   AND a.account_type = 'asset_receivable' AND l.amount_residual <> 0
                 GROUP BY l.partner_id, l.company_id
                """,
                day=today,
                partners=self.ids,
                not_held=self._isp_sql_not_held(),
            )
        )
        return {
            (partner, company): Due(float(balance), max(float(overdue or 0), 0.0), oldest)
            for partner, company, balance, overdue, oldest in rows
        }

    def _increase_rank(self, field, n=1):
        """Override of `account`: it is done after the commit, which a simulation never sees."""
        if self.env.context.get("isp_simulation"):
            return None
        return super()._increase_rank(field, n)

    def _isp_on_settled(self):
        """Money came in or a debt was cleared: look at the services of these customers."""
        customers = self.commercial_partner_id
        # A debt that is given up brings no service back.
        if customers and not self.env.context.get("isp_writing_off"):
            self.env["isp.instalment"].sudo()._on_money(customers)
            lines = self.env["isp.subscription"].sudo().search([("partner_id", "child_of", customers.ids)])
            lines._restore_if_clear()
            lines._renew_if_paid()

    def _isp_notify(self, kind, key, about=None, to=None, **params):
        """Tell this customer something, once for ever.

        :param kind: key of ``isp_notice.KINDS``
        :param key: what this is about, e.g. "receipt/<payment id>"; a second notice of the key is dropped
        :param about: the record that is the cause; it is opened from the notice and from the log of SMS
        :param to: a number to write to instead of the customer's own, as of who buys a WiFi code
        :param params: what the text shows, by kind in ``isp_notice.PLACEHOLDERS``: numbers, texts, dates, moments in UTC (kept as JSON)
        :return: the ``isp.notice``, empty when it was told before

        Transaction: the caller's; nothing is sent in it.
        """
        self.ensure_one()
        return self.env["isp.notice"].sudo()._notify_many(kind, [(self.id, key, params, about, to)])

    @api.model
    def _isp_notify_many(self, kind, rows, company=None):
        """Tell many customers something of one kind: one statement, whatever their number.

        :param rows: iterable of (partner id, key, params[, about[, to]]), as for ``_isp_notify``
        :param company: in whose name; default the current one
        :return: the ``isp.notice`` written; what was told before is left out
        """
        return self.env["isp.notice"].sudo()._notify_many(kind, rows, company)

    def _isp_apply_credit(self, company):
        """Set open credit against open debt, oldest debt first. Applying again changes nothing."""
        for partner in self.commercial_partner_id._isp_with_credit_and_debt(company):
            lines = self.env["account.move.line"].search(
                partner._isp_open_lines_domain(company), order="date_maturity, date, id"
            )
            for account in lines.account_id:
                lines.filtered(lambda line, account=account: line.account_id == account).reconcile()

    def _isp_with_credit_and_debt(self, company):
        """:return: those of these customers with both on one receivable account"""
        groups = self.env["account.move.line"]._read_group(
            self._isp_open_lines_domain(company),
            ["partner_id", "account_id"],
            ["amount_residual:min", "amount_residual:max"],
        )
        return self.browse({partner.id for partner, _account, least, most in groups if least < 0 < most})

    def _isp_open_lines_domain(self, company):
        return [
            ("partner_id", "in", self.ids),
            ("company_id", "=", company.id),
            ("parent_state", "=", "posted"),
            ("account_id.account_type", "=", "asset_receivable"),
            ("reconciled", "=", False),
            ("amount_residual", "!=", 0),
        ]

    def action_isp_take_payment(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Take a payment"),
            "res_model": "isp.cash.payment",
            "view_mode": "form",
            "target": "new",
            "context": {"default_partner_id": self.commercial_partner_id.id},
        }

    def action_view_isp_notices(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_notice")
        return {**action, "domain": [("partner_id", "child_of", self.id)], "context": {}}
