# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models

from ..engine.tabular import REASONS


class IspImportLine(models.Model):
    """One thing wrong with one line of an imported file. Good lines leave no row here."""

    _name = "isp.import.line"
    _description = "Problem of an imported file"
    _order = "import_id, line, id"
    _rec_name = "line"

    import_id = fields.Many2one("isp.import", required=True, readonly=True, ondelete="cascade", index=True)
    line = fields.Integer(readonly=True, help="Line of the file, the header being 1; 0: the file as a whole.")
    column = fields.Char(readonly=True)
    value = fields.Char(readonly=True, help="As it stands in the file.")
    severity = fields.Selection(
        [("error", "Refused"), ("warning", "Warning")],
        required=True,
        readonly=True,
        help="A refused line changed nothing; a line with a warning was imported.",
    )
    code = fields.Char(readonly=True)
    params = fields.Json(readonly=True)
    reason = fields.Char(compute="_compute_reason")
    raw = fields.Text(string="Line as in the file", readonly=True, help="Passwords are masked.")

    @api.depends("code", "params")
    @api.depends_context("lang")
    def _compute_reason(self):
        for line in self:
            line.reason = self.env._(REASONS.get(line.code, line.code), **(line.params or {}))
