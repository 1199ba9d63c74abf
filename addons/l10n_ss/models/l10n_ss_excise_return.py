# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL

#: Day of the next month by which the return is filed and the excise paid.
DUE_DAY = 15


class L10nSsExciseReturn(models.Model):
    """The monthly excise return (Form 105, part 5: excisable services by State) from posted invoices and credit notes.

    A row for each State and rate. The State is that of the place of delivery, else the customer's. Months are those of the
    accounting date, so the return can be held against the ledger; what differs is shown, never hidden.
    """

    _name = "l10n_ss.excise.return"
    _description = "Excise return"
    _inherit = ["mail.thread"]
    _order = "date_from desc, id desc"
    _check_company_auto = True

    date_from = fields.Date(
        string="Month",
        required=True,
        default=lambda self: self.env["l10n_ss.certificate"]._today() - relativedelta(months=1, day=1),
        help="Any day of the month.",
    )
    date_to = fields.Date(compute="_compute_dates", store=True)
    date_due = fields.Date(string="File by", compute="_compute_dates", store=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    state = fields.Selection(
        [("draft", "To file"), ("filed", "Filed")], default="draft", required=True, readonly=True, copy=False, tracking=True
    )
    filed_on = fields.Date(copy=False, tracking=True)
    reference = fields.Char(copy=False, tracking=True, help="Number the Revenue Authority gave.")
    line_ids = fields.One2many("l10n_ss.excise.return.line", "return_id", readonly=True)
    base = fields.Monetary(string="Taxable", compute="_compute_totals", store=True)
    tax = fields.Monetary(string="Excise", compute="_compute_totals", store=True)
    exempt_base = fields.Monetary(string="Exempt", compute="_compute_totals", store=True)
    uncertified_base = fields.Monetary(
        string="Exempt without certificate", compute="_compute_totals", store=True, help="Look at these before filing."
    )
    ledger_tax = fields.Monetary(
        string="Excise in the ledger", readonly=True, help="Movement of the excise account in the month, payments apart."
    )
    paid = fields.Monetary(string="Paid in the month", readonly=True, help="Paid to the Revenue Authority, for months before too.")
    difference = fields.Monetary(compute="_compute_difference", help="In the ledger, but in no invoice or credit note.")
    late_tax = fields.Monetary(
        string="Excise since filing", compute="_compute_late_tax", help="Posted into this month after it was filed."
    )

    _month_once = models.Constraint("UNIQUE(company_id, date_from)", "This month has an excise return already.")

    # === Computes === #

    @api.depends("date_from")
    def _compute_dates(self):
        for record in self:
            day = record.date_from
            record.date_to = day and day + relativedelta(day=31)
            record.date_due = day and day + relativedelta(months=1, day=DUE_DAY)

    @api.depends("line_ids")
    def _compute_totals(self):
        for record in self:
            for name in ("base", "tax", "exempt_base", "uncertified_base"):
                record[name] = sum(record.line_ids.mapped(name))

    @api.depends("tax", "ledger_tax")
    def _compute_difference(self):
        for record in self:
            record.difference = record.ledger_tax - record.tax

    @api.depends("state", "tax")
    def _compute_late_tax(self):
        for record in self:
            filed = record.state == "filed"
            record.late_tax = sum(vals["tax"] for vals in record._prepare_lines()) - record.tax if filed else 0

    @api.depends("date_from")
    def _compute_display_name(self):
        for record in self:
            record.display_name = record.date_from and f"{record.date_from:%Y-%m}"

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        returns = super().create([self._first_day(vals) for vals in vals_list])
        returns.action_compute()
        return returns

    def write(self, vals):
        if vals.keys() & {"date_from", "company_id", "line_ids"} and any(record.state == "filed" for record in self):
            raise UserError(self.env._("A filed return is not changed. Take it back first."))
        return super().write(self._first_day(vals))

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        if any(record.state == "filed" for record in self):
            raise UserError(self.env._("A filed return is kept."))

    @api.model
    def _first_day(self, vals):
        """A month is its first day, so that each has one return."""
        day = fields.Date.to_date(vals.get("date_from"))
        return {**vals, "date_from": day.replace(day=1)} if day else vals

    # === Actions === #

    def action_compute(self):
        """Read the month anew from the books."""
        self._lock_rows()
        for record in self:
            if record.state == "filed":
                raise UserError(self.env._("A filed return is not changed. Take it back first."))
            record.line_ids.sudo().unlink()
            ledger, paid = record._ledger()
            record.write(
                {
                    "line_ids": [Command.create(vals) for vals in record._prepare_lines()],
                    "ledger_tax": ledger,
                    "paid": paid,
                }
            )

    def action_file(self):
        """Freeze the figures as they were filed."""
        self._lock_rows()
        today = self.env["l10n_ss.certificate"]._today()
        for record in self.filtered(lambda r: r.state == "draft"):
            if record.date_to >= today:
                raise UserError(self.env._("The month %(month)s is not over yet.", month=record.display_name))
            record.action_compute()
            record.write({"state": "filed", "filed_on": record.filed_on or today})

    def action_take_back(self):
        """Open a filed return again, to correct it. The chatter keeps what was filed."""
        for record in self.filtered(lambda r: r.state == "filed"):
            record.message_post(
                body=self.env._(
                    "Taken back. Filed were: taxable %(base)s, excise %(tax)s, exempt %(exempt)s.",
                    base=record.currency_id.format(record.base),
                    tax=record.currency_id.format(record.tax),
                    exempt=record.currency_id.format(record.exempt_base),
                )
            )
            record.state = "draft"

    def action_view_lines(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("l10n_ss.action_l10n_ss_excise_return_line")
        return {**action, "domain": [("return_id", "=", self.id)]}

    def action_view_documents(self):
        self.ensure_one()
        documents = self._moves_domain() & Domain("line_ids.tax_ids", "in", self._taxes().ids)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Documents of the return"),
            "res_model": "account.move",
            "view_mode": "list,form",
            "domain": list(documents),
            "context": {"create": False},
        }

    def action_view_difference(self):
        """The entries on the excise account that no invoice or credit note made."""
        self.ensure_one()
        domain = self._ledger_domain() & Domain("move_id.move_type", "not in", ("out_invoice", "out_refund", "out_receipt"))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Other entries on the excise account"),
            "res_model": "account.move.line",
            "view_mode": "list,form",
            "domain": list(domain),
            "context": {"create": False},
        }

    # === Figures === #

    def _taxes(self, exempt=True):
        """:return: the excise taxes on sales, of all times; with those that stand for them where a customer is exempt"""
        taxes = self.env["account.tax"].sudo().with_context(active_test=False)
        domain = [*taxes._check_company_domain(self.company_id), ("type_tax_use", "=", "sale")]
        rates = taxes.search([*domain, ("l10n_ss_kind", "=", "excise")])
        return rates + taxes.search([*domain, ("original_tax_ids", "in", rates.ids), ("amount", "=", 0)]) if exempt else rates

    def _moves_domain(self):
        return (
            Domain("company_id", "=", self.company_id.id)
            & Domain("state", "=", "posted")
            & Domain("date", ">=", self.date_from)
            & Domain("date", "<=", self.date_to)
            & Domain("move_type", "in", ("out_invoice", "out_refund", "out_receipt"))
        )

    def _prepare_lines(self):
        """:return: values of the rows, one a State and rate, in the company's currency; credit notes taken off

        One query over the month's lines: those that bear excise give the base, those of the tax give the tax.
        """
        self.ensure_one()
        for model in ("account.move", "account.move.line", "res.partner"):
            self.env[model].flush_model()
        taxes = self._taxes()
        rows = self.env.execute_query(
            SQL(
                """
                WITH part AS (
                    SELECT l.move_id, r.account_tax_id AS tax_id, -l.balance AS base, 0 AS tax
                      FROM account_move_line l
                      JOIN account_move_line_account_tax_rel r ON r.account_move_line_id = l.id
                     WHERE r.account_tax_id = ANY(%(taxes)s) AND l.display_type = 'product' AND %(month)s
                 UNION ALL
                    SELECT l.move_id, l.tax_line_id, 0, -l.balance
                      FROM account_move_line l
                     WHERE l.tax_line_id = ANY(%(taxes)s) AND %(month)s
                )
                SELECT COALESCE(s.state_id, p.state_id, c.state_id) AS state, part.tax_id,
                       SUM(part.base), SUM(part.tax),
                       SUM(part.base) FILTER (WHERE m.move_type = 'out_refund'),
                       SUM(part.tax) FILTER (WHERE m.move_type = 'out_refund'),
                       SUM(part.base) FILTER (WHERE m.l10n_ss_certificate_id IS NULL),
                       COUNT(DISTINCT m.id)
                  FROM part
                  JOIN account_move m ON m.id = part.move_id
             LEFT JOIN res_partner s ON s.id = m.partner_shipping_id
             LEFT JOIN res_partner p ON p.id = m.partner_id
             LEFT JOIN res_partner c ON c.id = m.commercial_partner_id
                 WHERE m.move_type IN ('out_invoice', 'out_refund', 'out_receipt')
                 GROUP BY 1, 2
                """,
                taxes=taxes.ids,
                month=SQL(
                    "l.parent_state = 'posted' AND l.company_id = %s AND l.date BETWEEN %s AND %s",
                    self.company_id.id,
                    self.date_from,
                    self.date_to,
                ),
            )
        )
        taxed = self._taxes(exempt=False)
        return [
            {
                "state_id": state,
                "tax_id": tax,
                "rate": taxes.browse(tax).amount,
                "base": float(base) if tax in taxed.ids else 0,
                "tax": float(amount),
                "credit_base": -float(credit_base or 0),
                "credit_tax": -float(credit_tax or 0),
                "exempt_base": 0 if tax in taxed.ids else float(base),
                "uncertified_base": 0 if tax in taxed.ids else float(uncertified or 0),
                "document_count": count,
            }
            for state, tax, base, amount, credit_base, credit_tax, uncertified, count in rows
        ]

    def _ledger_domain(self):
        lines = self._taxes(exempt=False).invoice_repartition_line_ids + self._taxes(exempt=False).refund_repartition_line_ids
        return (
            Domain("account_id", "in", lines.account_id.ids)
            & Domain("company_id", "=", self.company_id.id)
            & Domain("parent_state", "=", "posted")
            & Domain("date", ">=", self.date_from)
            & Domain("date", "<=", self.date_to)
        )

    def _ledger(self):
        """:return: (excise the ledger took up in the month, excise paid out in it)"""
        groups = self.env["account.move.line"].sudo()._read_group(self._ledger_domain(), ["journal_id"], ["balance:sum"])
        money = sum(balance for journal, balance in groups if journal.type in ("bank", "cash", "credit"))
        return -sum(balance for _journal, balance in groups) + money, money

    def _lock_rows(self):
        if not self.ids:
            return
        self.check_access("write")
        self.flush_recordset()
        self.env.cr.execute(SQL("SELECT id FROM l10n_ss_excise_return WHERE id = ANY(%s) ORDER BY id FOR UPDATE", self.ids))
        self.invalidate_recordset(["state"])
