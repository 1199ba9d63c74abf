# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: Rows that are kept at most, whatever their age.
MOST = 1_000_000


class IspApiLog(models.Model):
    """A request to the API: who, what, how it ended. Kept for 90 days, a million at most.

    The limit of requests a minute is counted here too, so that no row is shared by the requests of a key.
    """

    _name = "isp.api.log"
    _description = "API request"
    _order = "at desc, id desc"
    _rec_name = "operation"
    _log_access = False

    key_id = fields.Many2one("isp.api.key", readonly=True, required=True, ondelete="cascade")
    company_id = fields.Many2one(related="key_id.company_id")
    at = fields.Datetime(readonly=True, required=True, default=fields.Datetime.now)
    operation = fields.Char(readonly=True, required=True)
    path = fields.Char(readonly=True)
    status = fields.Integer(readonly=True, required=True)
    detail = fields.Char(readonly=True)
    ip = fields.Char(string="From", readonly=True)
    milliseconds = fields.Integer(string="Took (ms)", readonly=True)

    _key_index = models.Index("(key_id, at)")
    _at_index = models.Index("(at)")

    @api.autovacuum
    def _gc_old(self):
        """90 days (system parameter ``isp_network.keep_api_days``), and no more than MOST."""
        days = self.env["ir.config_parameter"].sudo().get_param("isp_network.keep_api_days") or ""
        limit = fields.Datetime.now() - timedelta(days=int(days) if days.isdecimal() else 90)
        condition = SQL(
            "at < greatest(%s, coalesce((SELECT o.at FROM isp_api_log o ORDER BY o.at DESC OFFSET %s LIMIT 1), '-infinity'))", limit, MOST
        )
        return self.env["isp.usage"]._gc(SQL("isp_api_log"), condition)
