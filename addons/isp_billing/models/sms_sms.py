# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields, models

from .isp_notice import _SMS_STATE, VALID_HOURS


class SmsSms(models.Model):
    _inherit = "sms.sms"

    isp_notice_id = fields.Many2one("isp.notice", string="Notice", readonly=True, ondelete="set null")

    # The text of a notice leaves the house once: a failed one is sent again as the same row.
    _isp_notice_once = models.UniqueIndex("(isp_notice_id) WHERE isp_notice_id IS NOT NULL", "This notice has its SMS already.")

    def write(self, vals):
        """Override of `sms`: the notice tells how its SMS fares; rows of `sms` are swept away some time."""
        result = super().write(vals)
        if "state" in vals:
            labels = dict(self._fields["failure_type"]._description_selection(self.env))
            reason = labels.get(vals.get("failure_type"), vals.get("failure_type")) or False
            self.sudo().isp_notice_id._on_delivery(_SMS_STATE.get(vals["state"], "sending"), reason)
        return result

    def _get_sms_company(self):
        """Override of `sms`: a notice goes out in the name of its own company."""
        return self.isp_notice_id.company_id[:1] or super()._get_sms_company()

    def _prepare_isp_sms_vals(self):
        """Extend of `isp_sms`: the notice and what it is about; "who" is the user who caused it, not the scheduler."""
        vals = super()._prepare_isp_sms_vals()
        notice = self.isp_notice_id
        if notice:
            hours = VALID_HOURS.get(notice.kind)
            notice = notice.with_context(lang=notice.company_id.partner_id.lang)
            kinds = dict(notice._fields["kind"]._description_selection(notice.env))
            vals |= {
                "isp_notice_id": notice.id,
                "notice_kind": notice.kind,
                "res_model": notice.res_model or notice._name,
                "res_id": notice.res_id or notice.id,
                "reason": kinds[notice.kind],
                "create_uid": notice.create_uid.id,
                "valid_until": hours and max(notice.send_after, fields.Datetime.now()) + timedelta(hours=hours),
            }
        return vals
