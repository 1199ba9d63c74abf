# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import binascii
import hashlib
import logging
from collections import Counter
from datetime import timedelta
from itertools import islice

import psycopg2

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import import_file
from ..engine.tabular import ERROR, REASON_COLUMNS, REASONS, WARNING, FileError, Problem, Table, write_csv

_logger = logging.getLogger(__name__)

#: Records in one transaction: a power cut costs this many, and they are done again.
BATCH = 200
#: Days a file with its passwords is kept after it was imported.
KEEP_DAYS = 30


class IspImport(models.Model):
    """A file of ladders, plans or subscribers, what became of it and what was wrong with it.

    The engine reads and judges (``engine/import_file.py``); this model compares with what is stored and
    writes. Good lines are imported where others are refused; a file that cannot be trusted as a
    whole changes nothing.

    Idempotency key: the code of a ladder or plan, the ``account_no`` of a subscriber. A second
    import of the same file writes nothing.
    Transactions: one a batch of ``BATCH`` records, in which ``position`` moves on too, so a run
    that was cut off goes on behind the last batch that was committed.
    """

    _name = "isp.import"
    _description = "Import of a file"
    _order = "id desc"

    name = fields.Char(compute="_compute_name", store=True)
    kind = fields.Selection(
        [("fup", "Fair-use ladders"), ("plans", "Plans"), ("subscribers", "Subscribers")],
        readonly=True,
        copy=False,
        help="Told by the header of the file.",
    )
    upload = fields.Binary(
        string="File", compute="_compute_upload", inverse="_inverse_upload", help="CSV in UTF-8, at most 20 MB."
    )
    file_name = fields.Char()
    # Holds passwords, so nobody but administrators gets it back.
    file_data = fields.Binary(
        string="Stored file", attachment=True, readonly=True, copy=False, groups="isp_base.group_isp_administrator"
    )
    sha256 = fields.Char(string="SHA-256", readonly=True, copy=False)
    has_file = fields.Boolean(readonly=True, copy=False)
    state = fields.Selection(
        [("draft", "Draft"), ("queued", "Waiting"), ("running", "Running"), ("done", "Done"), ("failed", "Refused")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
    )
    bill_from = fields.Date(
        string="Bill from",
        default=fields.Date.context_today,
        help="The first period billed here is the first one that begins on or after this day.",
    )
    user_id = fields.Many2one("res.users", string="Imported by", default=lambda self: self.env.user, readonly=True)
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, readonly=True)
    date_done = fields.Datetime(string="Finished", readonly=True, copy=False)
    message = fields.Text(readonly=True, copy=False)
    row_count = fields.Integer(string="Lines", readonly=True, copy=False)
    created_count = fields.Integer(string="Created", readonly=True, copy=False)
    updated_count = fields.Integer(string="Updated", readonly=True, copy=False)
    unchanged_count = fields.Integer(string="Unchanged", readonly=True, copy=False)
    refused_count = fields.Integer(string="Refused", readonly=True, copy=False)
    warning_count = fields.Integer(string="Warnings", readonly=True, copy=False)
    position = fields.Integer(readonly=True, copy=False, help="The last line of the file that is dealt with.")
    last_line = fields.Integer(readonly=True, copy=False)
    progress = fields.Float(compute="_compute_progress")
    line_ids = fields.One2many("isp.import.line", "import_id", string="Problems", readonly=True)

    # === Computes ===

    @api.depends("file_name", "kind")
    def _compute_name(self):
        for record in self:
            record.name = record.file_name or self.env._("Import")

    def _compute_upload(self):
        self.upload = False

    def _inverse_upload(self):
        for record in self.filtered("upload"):
            if record.state in ("queued", "running"):
                raise UserError(self.env._("This import is running; its file cannot be replaced."))
            try:
                data = base64.b64decode(record.upload, validate=True)
            except binascii.Error as error:
                raise UserError(self.env._("The file did not arrive in one piece; choose it again.")) from error
            record._attach(data)

    @api.depends("position", "last_line", "state")
    def _compute_progress(self):
        for record in self:
            share = record.position / record.last_line if record.last_line else 0
            record.progress = 100 if record.state == "done" else min(100 * share, 100)

    # === CRUD ===

    @api.ondelete(at_uninstall=False)
    def _unlink_only_idle(self):
        if any(record.state in ("queued", "running") for record in self):
            raise UserError(self.env._("An import that is running cannot be deleted."))

    # === Actions ===

    def action_check(self):
        """Read the file and show what is wrong with it. Changes nothing but this record."""
        for record in self:
            record._assert_idle()
            record._check()
        return True

    def action_import(self):
        """Import in the background; a file that is refused as a whole is told at once."""
        for record in self:
            record._assert_idle()
            if record._check():
                record.sudo().write({"state": "queued", "message": False, "user_id": self.env.uid, **record._no_counts()})
        self.env.ref("isp_base.ir_cron_isp_import").sudo()._trigger()
        return True

    def action_reset(self):
        self._assert_idle()
        self.line_ids.sudo().unlink()
        self.sudo().write({"state": "draft", "message": False, "position": 0, **self._no_counts()})

    def action_download_refused(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/isp/import/{self.id}/refused.csv", "target": "download"}

    def action_view_problems(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_base.action_isp_import_line")
        severity = self.env.context.get("isp_severity")
        context = {f"search_default_{severity}": 1} if severity else {}
        return {**action, "domain": [("import_id", "=", self.id)], "context": context}

    # === Business ===

    @api.model
    def _from_bytes(self, data, file_name, **vals):
        """A new import of ``data`` (bytes of a file); not yet checked, nothing imported."""
        record = self.create({"file_name": file_name, **vals})
        record._attach(data)
        return record

    @api.model
    def _kind_of(self, data):
        """:return: the kind of a file by its content; False for one that would be refused"""
        try:
            return import_file.read(data).layout.kind
        except FileError:
            return False

    def _check(self):
        """Read the file and list its problems; nothing else changes.

        :return: whether the file can be used (single lines may be refused all the same)
        """
        self.ensure_one()
        record = self._as_importer()
        record.line_ids.unlink()
        record.write({"state": "draft", "message": False, "position": 0, **record._no_counts()})
        try:
            table = record._read_table()
        except FileError as error:
            record._refuse_file(error)
            return False
        records, problems = record._judge(table)
        record._store_problems(table, problems)
        known = record._count_known(records)
        record.write(
            {
                "row_count": table.count,
                "message": self.env._(
                    "Checked, nothing changed: %(good)s of %(rows)s lines can be imported "
                    "(%(new)s new, %(known)s known), %(refused)s are refused.",
                    good=table.count - record.refused_count,
                    rows=table.count,
                    new=len(records) - known,
                    known=known,
                    refused=record.refused_count,
                ),
            }
        )
        return True

    def _run(self, after_batch=None):
        """Import the file, from where an earlier run was cut off.

        :param after_batch: called with the import after each batch, the place to commit;
            False stops there (a later call goes on)
        :return: whether the file could be used
        :raise LockError: another process is importing this file

        Running it again after the end, or the same file anew, changes nothing.
        """
        self.ensure_one()
        record = self._as_importer()
        record.lock_for_update()
        record.invalidate_recordset()
        try:
            table = record._read_table()
        except FileError as error:
            record._refuse_file(error)
            return False
        if record.state not in ("queued", "running"):
            record.write({"position": 0, **record._no_counts()})
        records, problems = record._judge(table)
        record.line_ids.filtered(lambda line: line.line > record.position or not record.position).unlink()
        record._store_problems(table, [p for p in problems if p.line > record.position or not record.position])
        record.write({"state": "running", "row_count": table.count, "last_line": max(table.originals)})
        rest = iter([each for each in records if each.line > record.position])
        while batch := list(islice(rest, BATCH)):
            record._run_batch(batch, table)
            if after_batch:
                position = record.position
                record.env.flush_all()
                if after_batch(record) is False:
                    return True
                record.lock_for_update()
                record.invalidate_recordset()
                if record.position != position or record.state != "running":
                    return True  # somebody else has taken over
        record.write(
            {
                "state": "done",
                "position": record.last_line,
                "date_done": fields.Datetime.now(),
                "message": record._summary(),
            }
        )
        return True

    def _run_batch(self, batch, table):
        """Import some records and note how far we are, in the caller's transaction."""
        importer = self._importers()[table.layout.kind]
        try:
            with self.env.cr.savepoint():
                counts, problems = importer(batch)
                self.env.flush_all()
        except (UserError, psycopg2.IntegrityError, psycopg2.DataError):
            # One of them is in the way: find out which.
            counts, problems = Counter(), []
            for each in batch:
                self._run_one(importer, each, counts, problems)
        self._store_problems(table, problems)
        self.write(
            {
                "position": batch[-1].line,
                "created_count": self.created_count + counts["created"],
                "updated_count": self.updated_count + counts["updated"],
                "unchanged_count": self.unchanged_count + counts["unchanged"],
            }
        )

    def _run_one(self, importer, record, counts, problems):
        try:
            with self.env.cr.savepoint():
                found_counts, found = importer([record])
                self.env.flush_all()
        except UserError as error:
            problems.append(Problem(record.line, "", "", "not_stored", {"detail": str(error.args[0])}))
        except (psycopg2.IntegrityError, psycopg2.DataError) as error:
            detail = error.diag.message_primary or type(error).__name__
            problems.append(Problem(record.line, "", "", "not_stored", {"detail": detail}))
        else:
            counts.update(found_counts)
            problems += found

    # === Cron ===

    @api.model
    def _cron_run(self):
        """Run the waiting imports, and those that were cut off, a batch a transaction."""
        cron = self.env["ir.cron"]
        waiting = self.search([("state", "in", ("queued", "running"))], order="id")
        cron._commit_progress(remaining=len(waiting))
        for record in waiting:
            done, left = record._run_in_cron(cron)
            if not left:
                return
            if done and not cron._commit_progress(1):
                return

    def _run_in_cron(self, cron):
        """:return: ``(whether it came to its end, seconds left for the job)``"""
        left = float("inf")

        def after_batch(_record):
            nonlocal left
            left = cron._commit_progress(0)
            return left > 0

        try:
            self._run(after_batch)
        except psycopg2.OperationalError:
            raise  # another transaction was quicker: the job is tried again
        except Exception as error:
            self.env.cr.rollback()
            _logger.exception("Import %s stopped behind line %s", self.id, self.position)
            self.write(
                {
                    "state": "failed",
                    "message": self.env._(
                        "Stopped by an error of the program (%(error)s). Import again to go on.",
                        error=type(error).__name__,
                    ),
                }
            )
        return self.state in ("done", "failed"), left

    @api.autovacuum
    def _gc_files(self):
        """Files hold passwords: they go when nobody needs them any more."""
        limit = fields.Datetime.now() - timedelta(days=KEEP_DAYS)
        old = self.search([("has_file", "=", True), ("state", "in", ("done", "failed")), ("write_date", "<", limit)])
        old.write({"file_data": False, "has_file": False})

    # === Hooks for each kind of file ===

    def _importers(self):
        """Kind of file -> method that imports a batch of its records.

        :return: dict; a method takes a list of engine records and returns
            ``(Counter of created, updated, unchanged; list of Problem)``
        """
        return {
            "fup": self._import_ladders,
            "plans": self._import_plans,
            "subscribers": self._import_subscribers,
        }

    def _judge(self, table):
        """:return: ``(records, problems)`` of a table, all problems of the file included"""
        judge = {
            "fup": self._judge_ladders,
            "plans": self._judge_plans,
            "subscribers": self._judge_subscribers,
        }[table.layout.kind]
        records, problems = judge(table.rows)
        return records, sorted(table.problems + problems, key=lambda problem: problem.line)

    def _count_known(self, records):
        """:return: how many of the records are stored already, whatever they say now"""
        counters = {
            "fup": lambda: ("isp.fup", "code", [each.code for each in records]),
            "plans": lambda: ("isp.plan", "code", [each.code for each in records]),
            "subscribers": lambda: ("res.partner", "isp_account_no", [each.account_no for each in records]),
        }
        model, field, keys = counters[self.kind]()
        return self.env[model].with_context(active_test=False).search_count([(field, "in", keys)])

    # === Utilities ===

    def _attach(self, data):
        self.sudo().write(
            {
                "file_data": base64.b64encode(data),
                "has_file": True,
                "sha256": hashlib.sha256(data).hexdigest(),
                "state": "draft",
                "kind": False,
                "message": False,
                "position": 0,
                "line_ids": [(5, 0, 0)],
                **self._no_counts(),
            }
        )

    def _assert_idle(self):
        self.check_access("write")
        for record in self:
            if record.state in ("queued", "running"):
                raise UserError(self.env._("This import is running already."))
            if not record.has_file:
                raise UserError(self.env._("Choose a file first."))

    def _as_importer(self):
        """With all rights, but as the person who imports: the log of a subscription names that person."""
        record = self.with_user(self.user_id or self.env.user).with_company(self.company_id).sudo()
        return record.with_context(active_test=False, lang="en_US")

    def _no_counts(self):
        names = ("row_count", "created_count", "updated_count", "unchanged_count", "refused_count", "warning_count")
        return {**dict.fromkeys((*names, "last_line"), 0), "date_done": False}

    def _read_table(self) -> Table:
        """:raise FileError: the file as a whole is refused"""
        data = base64.b64decode(self.with_context(bin_size=False).file_data or b"")
        table = import_file.read(data)
        if self.kind != table.layout.kind:
            self.kind = table.layout.kind
        return table

    def _refuse_file(self, error):
        env = self.env(context={**self.env.context, "lang": self.user_id.lang or "en_US"})
        self.write({"state": "failed", "message": env._(REASONS[error.code], **error.params)})

    def _store_problems(self, table, problems):
        shown = {}
        for line in {problem.line for problem in problems if problem.line}:
            shown[line] = self._shown_line(table, line)
        self.env["isp.import.line"].create(
            [
                {
                    "import_id": self.id,
                    "line": problem.line,
                    "column": problem.column,
                    "value": problem.value,
                    "code": problem.code,
                    "params": problem.params,
                    "severity": problem.severity,
                    "raw": shown.get(problem.line),
                }
                for problem in problems
            ]
        )
        if problems:
            self.env.flush_all()
            lines = self.env["isp.import.line"]._read_group(
                [("import_id", "=", self.id)], ["severity"], ["line:count_distinct", "__count"]
            )
            found = {severity: (distinct, count) for severity, distinct, count in lines}
            self.write(
                {
                    "refused_count": found.get(ERROR, (0, 0))[0],
                    "warning_count": found.get(WARNING, (0, 0))[1],
                }
            )

    def _shown_line(self, table, line):
        """The line as in the file, its secrets masked; nothing where its form is broken."""
        values = table.fields_of(line) if line > 1 else table.header
        return write_csv([values], table.delimiter).decode("utf-8-sig").rstrip("\r\n") if values else False

    def _summary(self):
        env = self.env(context={**self.env.context, "lang": self.user_id.lang or "en_US"})
        return env._(
            "%(rows)s lines: %(created)s created, %(updated)s updated, %(unchanged)s unchanged, "
            "%(refused)s refused, %(warnings)s warnings.",
            rows=self.row_count,
            created=self.created_count,
            updated=self.updated_count,
            unchanged=self.unchanged_count,
            refused=self.refused_count,
            warnings=self.warning_count,
        )

    def _refused_csv(self, *, secrets=False):
        """The refused lines as a file that can be mended and imported again.

        :param secrets: with the passwords, else masked (such a line must be completed by hand)
        :return: bytes, UTF-8 with byte order mark; the columns of the file behind the reasons
        """
        self.ensure_one()
        table = self.sudo()._read_table()
        reasons = {}
        for line in self.line_ids.filtered(lambda line: line.severity == ERROR):
            columns, texts = reasons.setdefault(line.line, ([], []))
            columns.append(line.column or "")
            texts.append(line.reason)
        rows = [[*REASON_COLUMNS, *(name for name in table.header)]]
        for number in sorted(reasons):
            columns, texts = reasons[number]
            head = [str(number), " ".join(filter(None, columns)), " ".join(texts)]
            rows.append([*head, *table.fields_of(number, secrets=secrets)])
        return write_csv(self._without_reason_columns(rows), table.delimiter)

    def _without_reason_columns(self, rows):
        """A file that came from here has the columns of the reasons already; they are not doubled."""
        count = len(REASON_COLUMNS)
        if tuple(rows[0][count : count * 2]) != REASON_COLUMNS:
            return rows
        return [row[:count] + row[count * 2 :] for row in rows]

    def _changes(self, record, vals):
        """:return: the part of ``vals`` that differs from what ``record`` holds"""
        changes = {}
        for name, value in vals.items():
            current = record[name]
            if isinstance(current, models.BaseModel):
                current = current.id
            if (current or False) != (value or False):
                changes[name] = value
        return changes
