# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.tools import SQL


class IspSmsMessage(models.Model):
    _inherit = "isp.sms.message"

    _bulk_once = models.UniqueIndex("(res_id, number) WHERE res_model = 'isp.sms.bulk'", "A number gets a bulk once.")
    _bulk_state = models.Index("(res_id, state) WHERE res_model = 'isp.sms.bulk'")

    def _served_by(self, gateway):
        """Override: the messages of a bulk go by its gateway, and not while it is paused, being stopped, or in its quiet hours."""
        now = fields.Datetime.now()
        return SQL(
            """(%s AND (res_model IS DISTINCT FROM 'isp.sms.bulk' OR EXISTS (
                SELECT 1 FROM isp_sms_bulk b
                 WHERE b.id = res_id AND b.state NOT IN ('paused', 'stopping') AND (b.gateway_id IS NULL OR b.gateway_id = %s)
                   AND (b.state <> 'running' OR b.closed_from IS NULL OR %s < b.closed_from OR %s >= b.closed_to))))""",
            super()._served_by(gateway),
            gateway.id,
            now,
            now,
        )
