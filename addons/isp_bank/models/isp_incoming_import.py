# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, split_every

from ..engine import statement

CHUNK = 1000


class IspIncomingImport(models.Model):
    """A statement of a bank or wallet that was read. The same file, or one that overlaps it, adds only what is new."""

    _name = "isp.incoming.import"
    _description = "Import of a statement"
    _order = "id desc"
    _rec_name = "file_name"

    operator_id = fields.Many2one("isp.operator", required=True, ondelete="restrict", domain="[('mapping_id', '!=', False)]")
    company_id = fields.Many2one(related="operator_id.company_id", store=True)
    file = fields.Binary(required=True, attachment=True)
    file_name = fields.Char(required=True, default="statement.csv")
    state = fields.Selection([("draft", "New"), ("done", "Read")], default="draft", readonly=True, required=True)
    count = fields.Integer(readonly=True, string="Lines")
    added = fields.Integer(readonly=True, string="New")
    known = fields.Integer(readonly=True, string="Known already")
    out = fields.Integer(readonly=True, string="Money out", help="Lines of money that left; they are not recorded here.")
    bad = fields.Integer(readonly=True, string="Refused")
    line_ids = fields.One2many("isp.incoming.import.line", "import_id", readonly=True)
    bad_file = fields.Binary(readonly=True, attachment=True, string="Refused lines", help="Correct them and import this file.")
    bad_file_name = fields.Char(compute="_compute_bad_file_name")
    incoming_ids = fields.One2many("isp.incoming", "import_id", readonly=True)

    @api.depends("file_name")
    def _compute_bad_file_name(self):
        for record in self:
            record.bad_file_name = f"refused-{record.file_name or 'statement.csv'}"

    @api.ondelete(at_uninstall=False)
    def _unlink_only_new(self):
        if any(record.state == "done" for record in self):
            raise UserError(self.env._("A statement that was read is kept."))

    # === Actions ===

    def action_read(self):
        """Record what is new of the file; it is matched and booked in the background."""
        self.ensure_one()
        self.check_access("write")
        self._read()
        return True

    def action_view_incoming(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_bank.action_isp_incoming")
        return {**action, "domain": [("import_id", "=", self.id)], "context": {}}

    # === Business ===

    def _read(self):
        """Record the lines of the file that are new.

        :raise UserError: nothing of the file can be read; says why and what to do

        Idempotency key: operator and reference of each line, UNIQUE in the database; two imports at once do not meet,
        the operator's row is held. Transaction: the caller's; booking comes after it (``isp.incoming._cron_process``).
        """
        self.ensure_one()
        if self.state == "done":
            return
        operator = self.operator_id
        if not operator.mapping_id:
            raise UserError(self.env._("Say first what the statement of %(operator)s looks like.", operator=operator.name))
        self.env.cr.execute(SQL("SELECT id FROM isp_operator WHERE id = %s FOR UPDATE", operator.id))
        try:
            result = statement.read(base64.b64decode(self.with_context(bin_size=False).file), operator.mapping_id.sudo()._isp_mapping(operator.company_id.currency_id))
        except statement.FileError as error:
            raise UserError(self._say_file_error(error)) from error
        today = operator.company_id._isp_today()
        bad = list(result.bad)
        entries = []
        for entry in result.entries:
            if entry.date > today:
                bad.append(statement.Bad(entry.line, "future", "", entry.date.isoformat(), list(entry.raw.values())))
            else:
                entries.append(entry)
        added = known = 0
        for chunk in split_every(CHUNK, entries, list):
            new, old, refused = self._record(chunk)
            added, known, bad = added + new, known + old, bad + refused
        bad.sort(key=lambda entry: entry.line)
        self.line_ids = [fields.Command.clear()] + [fields.Command.create(self._prepare_line_vals(entry)) for entry in bad[:5000]]
        self.write(
            {
                "state": "done",
                "count": result.count,
                "added": added,
                "known": known,
                "out": result.out,
                "bad": len(bad),
                "bad_file": base64.b64encode(statement.write(result.header, [entry.fields for entry in bad], result.delimiter)) if bad else False,
            }
        )
        self.env.ref("isp_bank.ir_cron_isp_incoming").sudo()._trigger()

    def _record(self, entries):
        """:return: (number added, number known already, refused lines)"""
        incoming = self.env["isp.incoming"].sudo().with_context(tracking_disable=True, mail_create_nolog=True, mail_create_nosubscribe=True)
        before = {
            row.reference: row
            for row in incoming.search_fetch(
                [("operator_id", "=", self.operator_id.id), ("reference", "in", [entry.reference for entry in entries])],
                ["reference", "amount", "on_statement"],
            )
        }
        vals_list, seen, known, refused = [], {}, 0, []
        for entry in entries:
            row = before.get(entry.reference)
            amount = row.amount if row else seen.get(entry.reference)
            if amount is None:
                seen[entry.reference] = float(entry.amount)
                vals_list.append(self._prepare_incoming_vals(entry))
            elif self.company_id.currency_id.compare_amounts(amount, float(entry.amount)):
                refused.append(statement.Bad(entry.line, "reference", "", entry.reference, list(entry.raw.values())))
            else:
                known += 1
                if row and not row.on_statement:
                    row.on_statement = True
        incoming.create(vals_list)
        return len(vals_list), known, refused

    def _prepare_incoming_vals(self, entry):
        return {
            "operator_id": self.operator_id.id,
            "import_id": self.id,
            "reference": entry.reference,
            "value_date": entry.date,
            "amount": float(entry.amount),
            "text": entry.text[:500],
            "payer_name": entry.payer[:200],
            "payer_phone": entry.phone[:50],
            "raw": entry.raw,
            "source": "statement",
            "on_statement": True,
        }

    def _prepare_line_vals(self, bad):
        return {"line": bad.line, "column": bad.column, "value": bad.value[:200], "reason": self._say_bad(bad), "cells": bad.fields}

    def _say_bad(self, bad):
        reasons = {
            "fields": self.env._("This line has fewer columns than the header."),
            "date": self.env._("This is no date of the form that was agreed, e.g. 2026-11-20."),
            "future": self.env._("This date has not come yet."),
            "amount": self.env._("This is no amount; look at the separators of thousands and decimals."),
            "zero": self.env._("The amount is zero."),
            "piasters": self.env._("Amounts are in whole pounds."),
            "currency": self.env._("The line is in another currency."),
            "reference": self.env._("This reference was recorded before with another amount."),
        }
        return reasons[bad.code]

    def _say_file_error(self, error):
        reasons = {
            "empty": self.env._("The file is empty."),
            "big": self.env._("The file is bigger than %(limit)s MB; split it."),
            "workbook": self.env._("This is a spreadsheet workbook. Save it as “CSV UTF-8” and try again."),
            "binary": self.env._("This is not a text file. A CSV file is needed."),
            "encoding": self.env._("The letters of the file are neither UTF-8 nor %(encoding)s. Save it as “CSV UTF-8” and try again."),
            "columns": self.env._("Columns missing: %(missing)s. Columns found: %(found)s."),
            "broken": self.env._("Line %(line)s cannot be read: its quotation marks do not match."),
        }
        return reasons[error.code] % error.params
