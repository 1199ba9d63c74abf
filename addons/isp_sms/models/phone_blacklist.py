# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.tools import SQL


class PhoneBlacklist(models.Model):
    _inherit = "phone.blacklist"

    @api.model_create_multi
    def create(self, vals_list):
        """Override of `phone_validation`: who opts out gets nothing more, not even what waits already."""
        records = super().create(vals_list)
        records._isp_cancel_waiting()
        return records

    def write(self, vals):
        """Override of `phone_validation`"""
        result = super().write(vals)
        if vals.get("active") or "number" in vals:
            self._isp_cancel_waiting()
        return result

    def _isp_cancel_waiting(self):
        """Cancel their messages of bulks that still wait; service messages go out."""
        numbers = self.filtered("active").mapped("number")
        if not numbers:
            return
        messages = self.env["isp.sms.message"].sudo()
        messages.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                UPDATE isp_sms_message m SET state = 'canceled', final_at = %s, error = %s FROM isp_sms_bulk b
                 WHERE m.res_model = 'isp.sms.bulk' AND b.id = m.res_id AND NOT COALESCE(b.service, FALSE) AND m.state = 'queued' AND m.number = ANY(%s)
             RETURNING m.uuid, m.state
                """,
                fields.Datetime.now(),
                self.env._("Wants no SMS"),
                numbers,
            )
        )
        messages.invalidate_model()
        messages._tell(dict(rows))
