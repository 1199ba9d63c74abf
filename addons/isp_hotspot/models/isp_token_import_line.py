# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class IspTokenImportLine(models.Model):
    """A line of a file of codes that made no token, and why."""

    _name = "isp.token.import.line"
    _description = "Refused line of a file of codes"
    _order = "import_id, line, id"
    _rec_name = "line"

    import_id = fields.Many2one("isp.token.import", required=True, readonly=True, ondelete="cascade", index=True)
    line = fields.Integer(readonly=True, help="Line of the file, the header being 1.")
    column = fields.Char(readonly=True)
    value = fields.Char(readonly=True, help="As it stands in the file.")
    code = fields.Char(string="Kind", readonly=True)
    params = fields.Json(readonly=True)
    reason = fields.Char(compute="_compute_reason")

    @api.depends("code", "params")
    @api.depends_context("lang")
    def _compute_reason(self):
        for line in self:
            line.reason = line.import_id._say(line.code, line.params or {})
