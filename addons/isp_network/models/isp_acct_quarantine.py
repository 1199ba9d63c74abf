# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models


class IspAcctQuarantine(models.Model):
    """Accounting packets that could not be counted, as they came. Kept for 90 days."""

    _name = "isp.acct.quarantine"
    _description = "Unusable accounting packet"
    _order = "id desc"
    _rec_name = "reason"
    _log_access = False

    received = fields.Datetime(required=True, readonly=True)
    reason = fields.Char(required=True, readonly=True)
    payload = fields.Text(readonly=True, help="The packet's values (JSON).")

    @api.autovacuum
    def _gc_old(self):
        old = self.search([("received", "<", fields.Datetime.now() - timedelta(days=90))], limit=10000)
        old.unlink()
        return len(old), len(old) == 10000
