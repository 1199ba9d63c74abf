# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspIncomingImportLine(models.Model):
    """A line of a statement that could not be recorded, and why."""

    _name = "isp.incoming.import.line"
    _description = "Refused line of a statement"
    _order = "line, id"
    _rec_name = "reason"

    import_id = fields.Many2one("isp.incoming.import", required=True, readonly=True, ondelete="cascade", index=True)
    line = fields.Integer(readonly=True)
    column = fields.Char(readonly=True)
    value = fields.Char(readonly=True)
    reason = fields.Char(readonly=True)
    cells = fields.Json(readonly=True)
