# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import hashlib

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import split_every

from odoo.addons.isp_base.engine.tabular import FileError, Problem, write_csv

from ..engine import code_file
from .isp_token_batch import MOST

_AT_ONCE = 5000


class IspTokenImport(models.Model):
    """A file of codes that were made elsewhere (another system, a printer's): each good line becomes a token of a new batch.

    Idempotency keys: ``sha256`` of the file and hotspot (UNIQUE once it was read), so a file that is uploaded twice makes nothing the second time; and the code
    of each line, UNIQUE among all. Refused lines are kept with number, value and reason; the file itself is not, because it holds codes.
    Transaction: the caller's, for the whole file.
    """

    _name = "isp.token.import"
    _description = "Codes from a file"
    _order = "id desc"
    _rec_name = "file_name"

    site_id = fields.Many2one("isp.site", string="Hotspot", required=True, ondelete="restrict", index=True)
    company_id = fields.Many2one(related="site_id.company_id", store=True)
    offer_id = fields.Many2one("isp.token.offer", required=True, domain="[('site_id', '=', site_id), ('counting', '!=', 'sale')]", ondelete="restrict", help="Time, price and limits of these codes.")
    until = fields.Datetime(string="Good until")
    file = fields.Binary(help="CSV in UTF-8 with a column “code” and, where the hotspot asks for both, “password”.", attachment=False)
    file_name = fields.Char(required=True, default="codes.csv")
    sha256 = fields.Char(string="SHA-256", readonly=True, copy=False)
    state = fields.Selection([("draft", "New"), ("done", "Read")], required=True, readonly=True, default="draft", copy=False)
    user_id = fields.Many2one("res.users", string="By", readonly=True, default=lambda self: self.env.user)
    read_at = fields.Datetime(string="Read on", readonly=True, copy=False)
    count = fields.Integer(string="Lines", readonly=True, copy=False)
    added = fields.Integer(string="Tokens made", readonly=True, copy=False)
    bad = fields.Integer(string="Refused", readonly=True, copy=False)
    batch_id = fields.Many2one("isp.token.batch", string="Batch", readonly=True, copy=False, ondelete="restrict")
    line_ids = fields.One2many("isp.token.import.line", "import_id", string="Refused lines", readonly=True)

    _file_unique = models.UniqueIndex("(site_id, sha256) WHERE state = 'done'", "This file was read already.")

    @api.ondelete(at_uninstall=False)
    def _unlink_only_new(self):
        if any(record.state == "done" for record in self):
            raise UserError(self.env._("A file that was read is kept in the list."))

    # === Actions ===

    def action_read(self):
        """Make tokens of the good lines. The same file again: the first one is opened."""
        self.ensure_one()
        self.check_access("write")
        self.site_id.check_access("read")
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only billing managers import codes."))
        record = self._read_file()
        return {"type": "ir.actions.act_window", "res_model": self._name, "res_id": record.id, "view_mode": "form", "views": [(False, "form")]}

    def action_refused_csv(self):
        self.ensure_one()
        return {"type": "ir.actions.act_url", "url": f"/isp/hotspot/import/{self.id}/refused.csv", "target": "download"}

    # === Business ===

    def _read_file(self):
        """:return: the import that read this file: itself, or an earlier one :raise UserError: nothing of the file can be read; says why"""
        if self.state == "done":
            return self
        if self.offer_id.site_id != self.site_id or self.offer_id.counting == "sale":
            raise UserError(self.env._("Choose an offer of this hotspot whose time does not run from the sale on."))
        content = base64.b64decode(self.with_context(bin_size=False).file or b"")
        digest = hashlib.sha256(content).hexdigest()
        earlier = self.search([("site_id", "=", self.site_id.id), ("sha256", "=", digest), ("state", "=", "done")])
        if earlier:
            return earlier
        try:
            good, bad, table = code_file.read(content)
        except FileError as error:
            raise UserError(self._say(error.code, error.params)) from error
        if self.site_id.login_mode == "code" and "password" in table.header:
            raise UserError(self.env._("This hotspot logs in by one code: leave the column “password” out, or change the hotspot."))
        if len(good) > MOST:
            raise UserError(self.env._("A batch has from 1 to %(most)s tokens.", most=f"{MOST:,}"))
        self.write({"state": "done", "sha256": digest, "file": False, "count": table.count, "read_at": fields.Datetime.now(), "user_id": self.env.uid})
        if good:
            bad += self._add(good)
        lines = [{"import_id": self.id, "line": p.line, "column": p.column, "value": p.value[:60], "code": p.code, "params": p.params} for p in bad]
        self.env["isp.token.import.line"].sudo().create(lines)
        self.bad = len(bad)
        return self

    def _add(self, good):
        """Make tokens of these. :return: problems of those whose code another access has"""
        site, tokens, terms = self.site_id, self.env["isp.token"].sudo(), self.offer_id._prepare_terms()
        site._need_open()
        batches = self.env["isp.token.batch"].sudo()
        batch = batches.create({**batches._prepare_vals(site, terms, self.until), "name": self.file_name, "source": "file", "state": "made", "uuid": f"file-{site.id}-{self.sha256}"})
        self.env.flush_all()
        access = tokens._prepare_access(site, terms, "made", fields.Datetime.now(), self.until or None, None)
        token = tokens._prepare_token(site, terms, "made", fields.Datetime.now(), access, batch)
        for part in split_every(_AT_ONCE, good, list):
            tokens._insert([line.code for line in part], [line.password or line.code for line in part], access, token)
        self.env.invalidate_all(flush=False)
        made = {row["code"] for row in tokens.search_read([("batch_id", "=", batch.id)], ["code"], load=None)}
        batch.count = self.added = len(made)
        if made:
            self.batch_id = batch
        else:
            batch.unlink()
        return [Problem(line.line, "code", line.code, "code_taken") for line in good if line.code not in made]

    def _refused_csv(self):
        """:return: bytes: the refused lines; nothing is calculated when a spreadsheet opens it"""
        rows = [[str(line.line), line.value or "", line.reason] for line in self.line_ids]
        return write_csv([["line", "value", "reason"], *rows])

    def _say(self, what, params):
        """:return: the reason in the reader's language"""
        own = {
            "code_characters": self.env._("A code has letters a–z and digits only; spaces, dashes and dots between them do not count."),
            "code_weak": self.env._("The code is too short: it could be guessed. Longer ones, or fewer, are needed."),
            "code_taken": self.env._("This code is taken: by another token or another user name."),
        }
        return own.get(what) or self.env["isp.import.line"].new({"code": what, "params": params}).reason
