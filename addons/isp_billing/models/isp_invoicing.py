# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL, ormcache

from ..tools import clone


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
        :return: posted ``account.move``: for each customer one invoice of what is owed or one credit note of what is
            given back; one of each where one document cannot be both (see ``_kind``)
        """
        locked = periods.try_lock_for_update()
        locked.invalidate_recordset(["move_line_id"])
        free = locked.filtered(lambda p: not p.move_line_id).sorted(lambda p: (p.partner_id.id, p.date_start, p.id))
        groups = [part for group in free.grouped("partner_id").values() for part in self._split(group, invoice_date)]
        by_shape, safe = {}, self._copying_is_safe()
        for group in groups:
            shape = self.with_context(l10n_ss_date=invoice_date)._shape(group, invoice_date) if safe else None
            by_shape.setdefault(shape, []).append(group)
        # Core makes and posts the first of each shape, with its taxes and terms; the others are copies of it.
        plain = [group for shape, same in by_shape.items() for group in (same[:1] if shape else same)]
        moves = self.env["account.move"].create([self._prepare_move_vals(group, invoice_date, run) for group in plain])
        moves._isp_post()
        firsts = dict(zip((group.ids[0] for group in plain), moves, strict=True))
        copies = {firsts[same[0].ids[0]]: same[1:] for shape, same in by_shape.items() if shape and same[1:]}
        moves += self._copy_moves(copies)
        self._link_periods(free)
        moves.partner_id._isp_apply_credit(self.env.company)
        return moves

    def _split(self, periods, day):
        """:return: the documents for rows of one customer: one wherever one can be, else what bears more charges than
        credits apart from the rest"""
        if self._kind(periods, day):
            return [periods]
        given = {taxes for taxes, total in self._by_taxes(periods).items() if total < 0}
        credits = periods.filtered(lambda p: self._taxes(p) in given)
        return [periods - credits, credits]

    def _kind(self, periods, day):
        """The one document that these rows of one customer make: an invoice with credits as lines below zero, or a credit
        note with charges as lines below zero.

        Neither of them is below zero in total, nor in any tax: tax is charged by an invoice and given back by a credit note,
        and the excise return tells them apart. So rows that charge one tax and give back another need two documents; so
        does a deposit (which bears no tax) that is returned with a smaller charge that is taxed.

        :return: "out_invoice", "out_refund", or None where it takes one of each
        """
        amounts = periods.mapped("amount")
        if min(amounts) >= 0:
            return "out_invoice"
        if max(amounts) <= 0:
            return "out_refund"
        taxed = [total for taxes, total in self._by_taxes(periods).items() if taxes] or [0]
        charges, gives, total = max(taxed) > 0, min(taxed) < 0, self._round(sum(amounts))
        if charges and gives:
            return None
        if total >= 0 and not gives:
            return "out_invoice"
        if total <= 0 and not charges:
            return "out_refund"
        with_taxes = self._total(periods, day)
        if charges and with_taxes >= 0:
            return "out_invoice"
        if gives and with_taxes <= 0:
            return "out_refund"
        # Who is exempt is charged no tax, whatever the product bears.
        return ("out_invoice" if total > 0 else "out_refund") if with_taxes == total else None

    @api.model
    def _round(self, amount):
        return self.env.company.currency_id.round(amount)

    @api.model
    def _taxes(self, period):
        return (period.product_id or period.plan_id.product_id).taxes_id

    def _by_taxes(self, periods):
        """:return: {taxes: what rows that bear them come to without taxes}"""
        totals = {}
        for period in periods:
            taxes = self._taxes(period)
            totals[taxes] = totals.get(taxes, 0) + period.amount
        return {taxes: self._round(total) for taxes, total in totals.items()}

    def _total(self, periods, day):
        """:return: what these rows come to with the taxes of the day; writes nothing"""
        vals = self._prepare_document_vals("out_invoice", periods, day)
        for _command, _id, line in vals["invoice_line_ids"]:
            line.pop("isp_period_id")
        move = self.env["account.move"].with_context(l10n_ss_date=fields.Date.to_string(day)).new(vals)
        return self._round(move.tax_totals["total_amount_currency"])

    # === Copies of a posted invoice ===

    def _shape(self, periods, day):
        """:return: equal for two groups whose invoices differ in customer, number and texts only; None for one that
        only core may make"""
        if sum(periods.mapped("amount")) <= 0 or self._kind(periods, day) != "out_invoice":
            return None
        partner = periods.partner_id.with_company(self.env.company)
        if self.env["account.fiscal.position"]._get_fiscal_position(partner, self._delivery(partner)):
            # Certificates and the like may leave their mark on the invoice.
            return None
        return (
            partner.lang,
            partner.user_id.id,
            partner.property_account_receivable_id.id,
            partner.property_inbound_payment_method_line_id.id,
            tuple(((period.product_id or period.plan_id.product_id).id, period.amount) for period in periods),
        )

    def _delivery(self, partner):
        """:return: the address core would choose as the place of delivery"""
        if not partner.child_ids:
            return partner
        return partner.browse(partner.address_get(["delivery"])["delivery"])

    @ormcache("self.env.company.id", cache="default")
    def _foreign_posting(self):
        """:return: add-ons that do something at posting which a copy would miss"""
        return sorted({c._module for c in type(self.env["account.move"]).mro() if "_post" in vars(c)} - self._known_posting())

    @api.model
    def _known_posting(self):
        """Hook: add-ons whose work at posting is in the values of the invoice and its lines, so that a copy has it too,
        or does not concern invoices of subscriptions, or customers with a fiscal position only (those are not copied)."""
        return {"account", "isp_billing", "l10n_ss", "sale", "stock_account"}

    def _copying_is_safe(self):
        """Distributions, sealed journals and other add-ons may do more than the values of the invoice show."""
        return not (
            self._foreign_posting()
            or self.env.company._isp_invoice_journal().restrict_mode_hash_table
            or self.env["account.analytic.distribution.model"].sudo().search_count([], limit=1)
        )

    def _copy_moves(self, copies):
        """:param copies: {posted invoice: groups of ledger rows whose invoices have its shape}
        :return: their invoices, posted, equal in every stored field to what core would have made
            (tests/test_invoice_shape.py); numbers follow those of this transaction without gap
        """
        self.env.flush_all()
        moves, lines = self.env["account.move"], self.env["account.move.line"]
        groups = [(first, periods) for first, same in copies.items() for periods in same]
        if not groups:
            return moves
        ids = clone.new_ids(moves, len(groups))
        numbers = [first._isp_next_number() for first in copies for _same in copies[first]]
        partners = [periods.partner_id for _first, periods in groups]
        clone.copy_rows(
            moves,
            [first.id for first, _periods in groups],
            ids,
            name=[name for name, _number in numbers],
            sequence_number=[number for _name, number in numbers],
            payment_reference=[
                name if first.payment_reference == first.name else first.payment_reference
                for (first, _periods), (name, _number) in zip(groups, numbers, strict=True)
            ],
            partner_id=[partner.id for partner in partners],
            commercial_partner_id=[partner.commercial_partner_id.id for partner in partners],
            partner_shipping_id=[self._delivery(partner).id for partner in partners],
            invoice_partner_display_name=[partner.display_name for partner in partners],
            access_token=[None] * len(ids),
            made_sequence_gap=[False] * len(ids),
        )
        rows = [
            (line, move_id, name, periods, index)
            for (first, periods), move_id, (name, _number) in zip(groups, ids, numbers, strict=True)
            for line, index in first._isp_lines_with_index()
        ]
        clone.copy_rows(
            lines,
            [line.id for line, *_rest in rows],
            clone.new_ids(lines, len(rows)),
            move_id=[move_id for _line, move_id, *_rest in rows],
            move_name=[name for _line, _move, name, *_rest in rows],
            partner_id=[periods.partner_id.id for *_rest, periods, _index in rows],
            name=[self._copied_name(line, name, periods, index) for line, _move, name, periods, index in rows],
            isp_period_id=[None if index is None else periods[index].id for *_rest, periods, index in rows],
        )
        self.env.invalidate_all(flush=False)
        copied = moves.browse(ids)
        self.env["res.partner"].union(*partners)._increase_rank("customer_rank")
        return copied

    def _copied_name(self, line, number, periods, index):
        """:return: what the copy of ``line`` says"""
        if index is not None:
            return periods[index]._prepare_invoice_line_vals()["name"]
        return number if line.display_type == "payment_term" else line.name or None

    def _prepare_move_vals(self, periods, invoice_date, run=None):
        """:return: values of the document that these rows of one customer make, see ``_split``"""
        return self._prepare_document_vals(self._kind(periods, invoice_date), periods, invoice_date, run)

    def _prepare_document_vals(self, move_type, periods, invoice_date, run=None):
        company, is_credit = self.env.company, move_type == "out_refund"
        charges = [period._prepare_invoice_line_vals() for period in periods]
        if is_credit:
            charges = [{**charge, "price_unit": -charge["price_unit"]} for charge in charges]
        return {
            "move_type": move_type,
            "company_id": company.id,
            "journal_id": company._isp_invoice_journal().id,
            "partner_id": periods.partner_id.id,
            "currency_id": company.currency_id.id,
            "invoice_date": invoice_date,
            "invoice_date_due": fields.Date.add(invoice_date, days=0 if is_credit else company.isp_due_days),
            "invoice_payment_term_id": False,
            "invoice_origin": run.name if run else False,
            "isp_run_id": run.id if run else False,
            "invoice_line_ids": [fields.Command.create(charge) for charge in charges],
        }

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
