# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.tools import SQL


class IspInvoicing(models.AbstractModel):
    """Turns rows of the ledger into posted, numbered invoices and credit notes.

    Each row takes its invoice line once: rows are locked and those that have one are left out, so
    calling again makes nothing. Transaction: the caller's. Credit of the customer is used at once.
    """

    _name = "isp.invoicing"
    _description = "Invoicing of billed periods"

    def _invoice(self, periods, invoice_date, run=None):
        """:param periods: ``isp.period`` rows of the current company; those invoiced already are left out
        :param invoice_date: date of the invoices; they are due ``isp_due_days`` later
        :param run: ``isp.billing.run`` the invoices belong to
        :return: posted ``account.move``: for each customer one invoice of what is owed, or, where credits
            outweigh it, an invoice of the charges and a credit note
        """
        locked = periods.try_lock_for_update()
        locked.invalidate_recordset(["move_line_id"])
        free = locked.filtered(lambda p: not p.move_line_id).sorted(lambda p: (p.partner_id.id, p.date_start, p.id))
        groups = [part for group in free.grouped("partner_id").values() for part in self._split(group)]
        moves = self._create_moves(groups, invoice_date, run)
        self._link_periods(free)
        moves._isp_post()
        moves.partner_id._isp_apply_credit(self.env.company)
        return moves

    def _split(self, periods):
        """:return: the documents for rows of one customer: together if the charges outweigh the credits in every tax
        that they bear, else apart: an invoice is never below zero"""
        credits = periods.filtered(lambda p: p.amount < 0)
        if not credits or credits == periods:
            return [periods]
        totals = {}
        for period in periods:
            taxes = (period.product_id or period.plan_id.product_id).taxes_id
            totals[taxes] = totals.get(taxes, 0) + period.amount
        return [periods] if min(totals.values()) >= 0 else [periods - credits, credits]

    def _create_moves(self, groups, invoice_date, run):
        """Drafts, one a group of rows of one customer.

        Invoices of the same shape have the same lines but for the customer and the texts. So core makes
        the first of each shape, with its taxes and terms, and the others take its lines: half the work.
        The result is the same in every stored field (tests/test_invoice_shape.py).
        """
        moves = self.env["account.move"]
        by_shape = {}
        for periods in groups:
            by_shape.setdefault(self.with_context(l10n_ss_date=invoice_date)._shape(periods), []).append(periods)
        firsts = moves.create([self._prepare_move_vals(same[0], invoice_date, run) for same in by_shape.values()])
        others = []
        for first, same in zip(firsts, by_shape.values(), strict=True):
            template = first._isp_line_template() if len(same) > 1 else []
            others += [self._prepare_move_vals(periods, invoice_date, run, template) for periods in same[1:]]
        alike = moves.with_context(skip_invoice_sync=True, skip_invoice_line_sync=True).create(others)
        return firsts + alike.with_env(self.env)

    def _shape(self, periods):
        """:return: equal for two groups whose invoices differ in customer and texts only"""
        partner = periods.partner_id.with_company(self.env.company)
        if self._has_analytic_models():
            # Their distribution may depend on anything of the customer.
            return partner.id
        position = self.env["account.fiscal.position"]._get_fiscal_position(partner)
        return (
            partner.lang,
            partner.property_account_receivable_id.id,
            position.id,
            tuple(((period.product_id or period.plan_id.product_id).id, period.amount) for period in periods),
        )

    def _has_analytic_models(self):
        return bool(self.env["account.analytic.distribution.model"].sudo().search_count([], limit=1))

    def _prepare_move_vals(self, periods, invoice_date, run=None, template=None):
        """:return: values of the document that charges these rows of one customer; a credit note when they sum below zero

        :param template: all journal items of an invoice of the same shape, from ``_isp_line_template``
        """
        company = self.env.company
        is_credit = sum(periods.mapped("amount")) < 0
        vals = {
            "move_type": "out_refund" if is_credit else "out_invoice",
            "company_id": company.id,
            "journal_id": company._isp_invoice_journal().id,
            "partner_id": periods.partner_id.id,
            "currency_id": company.currency_id.id,
            "invoice_date": invoice_date,
            "invoice_date_due": fields.Date.add(invoice_date, days=0 if is_credit else company.isp_due_days),
            "invoice_payment_term_id": False,
            "invoice_origin": run.name if run else False,
            "isp_run_id": run.id if run else False,
        }
        charges = [period._prepare_invoice_line_vals() for period in periods]
        if is_credit:
            charges = [{**charge, "price_unit": -charge["price_unit"]} for charge in charges]
        if not template:
            return {**vals, "invoice_line_ids": [fields.Command.create(charge) for charge in charges]}
        texts = iter(charges)
        lines = [{**line, **next(texts)} if line["display_type"] == "product" else line for line in template]
        partner = {"partner_id": periods.partner_id.id}
        return {**vals, "line_ids": [fields.Command.create({**line, **partner}) for line in lines]}

    def _link_periods(self, periods):
        """Write the invoice lines into the ledger; each row takes its line once."""
        self.env["account.move.line"].flush_model(["isp_period_id"])
        self.env.execute_query(
            SQL(
                """
                UPDATE isp_period p SET move_line_id = l.id, move_id = l.move_id
                  FROM account_move_line l
                 WHERE l.isp_period_id = p.id AND p.id = ANY(%s) AND p.move_line_id IS NULL
             RETURNING p.id
                """,
                periods.ids,
            )
        )
        periods.invalidate_recordset(["move_line_id", "move_id"])
