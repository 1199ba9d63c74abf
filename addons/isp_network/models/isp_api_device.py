# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL


class IspApiDevice(models.Model):
    """Equipment that reports usage: its numbers count once. ``forgotten``: up to here single numbers are no longer remembered."""

    _name = "isp.api.device"
    _description = "Equipment that reports usage"
    _order = "name"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    forgotten = fields.Char(readonly=True, default="0")

    _name_unique = models.UniqueIndex("(company_id, name)")

    @api.model
    def _locked(self, company, name):
        """The device, made if it is new, and its row locked: one request of a device at a time. Caller's transaction."""
        query = SQL(
            """
            INSERT INTO isp_api_device (company_id, name, forgotten) VALUES (%s, %s, '0')
            ON CONFLICT (company_id, name) DO UPDATE SET name = excluded.name RETURNING id
            """,
            company.id,
            name,
        )
        # Odoo runs the request again when two meet here, and only here: that is no error for the log.
        self.env.cr.execute(query, log_exceptions=False)
        return self.browse(self.env.cr.fetchone()[0])
