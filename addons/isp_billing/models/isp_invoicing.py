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
        :return: posted ``account.move``: for each customer one invoice of what is owed, or, where credits
            outweigh it, an invoice of the charges and a credit note
        """
        locked = periods.try_lock_for_update()
        locked.invalidate_recordset(["move_line_id"])
        free = locked.filtered(lambda p: not p.move_line_id).sorted(lambda p: (p.partner_id.id, p.date_start, p.id))
        groups = [part for group in free.grouped("partner_id").values() for part in self._split(group)]
        by_shape, safe = {}, self._copying_is_safe()
        for group in groups:
            shape = self.with_context(l10n_ss_date=invoice_date)._shape(group) if safe else None
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

    # === Copies of a posted invoice ===

    def _shape(self, periods):
        """:return: equal for two groups whose invoices differ in customer, number and texts only; None for one that
        only core may make"""
        if sum(periods.mapped("amount")) <= 0:
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
        """:return: values of the document that charges these rows of one customer; a credit note when they sum below zero"""
        company = self.env.company
        is_credit = sum(periods.mapped("amount")) < 0
        charges = [period._prepare_invoice_line_vals() for period in periods]
        if is_credit:
            charges = [{**charge, "price_unit": -charge["price_unit"]} for charge in charges]
        return {
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
