# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models

from odoo.addons.sms.tools.sms_api import SmsApi

from ..tools.sms_api import SmsApiGateways


class SmsSms(models.Model):
    _inherit = "sms.sms"

    def _split_by_api(self):
        """Override of `sms`: one way out for each company, that of its `_get_sms_api_class`."""
        others = self.browse()
        for company, records in self.grouped(lambda sms: sms._get_sms_company()[:1]).items():
            api_class = (company or self.env.company)._get_sms_api_class()
            if api_class is not SmsApi:
                sms_api = api_class(self.env)
                sms_api._set_company(company or self.env.company)
                yield sms_api, records
            else:
                others += records
        if others:
            yield from super(SmsSms, others)._split_by_api()

    @api.model
    def _process_queue(self):
        """Override of `sms`, which takes all companies of a batch for one and fails on two (odoo/odoo#276426)."""
        domain = [("state", "=", "outgoing"), ("to_delete", "!=", True)]
        batch_size = self._get_send_batch_size()
        records = self.search(domain, limit=batch_size, order="id").try_lock_for_update()
        if not records:
            return
        for sms_api, batch in records._split_by_api():
            batch.with_context(sms_api=sms_api)._send(unlink_failed=False, unlink_sent=True, raise_exception=False)
        remaining = self.search_count(domain) if len(records) == batch_size else 0
        self.env["ir.cron"]._commit_progress(len(records), remaining=remaining)

    def _send_with_api(self, sms_api, unlink_failed=False, unlink_sent=True, raise_exception=False):
        """Override of `sms`: what only waits in our log is not swept away before it has left."""
        unlink_sent = unlink_sent and not isinstance(sms_api, SmsApiGateways)
        return super()._send_with_api(
            sms_api, unlink_failed=unlink_failed, unlink_sent=unlink_sent, raise_exception=raise_exception
        )

    def _prepare_isp_sms_vals(self):
        """:return: who and why, for the log; an empty recordset gives nothing. Add-ons that send SMS add theirs"""
        if not self:
            return {}
        message = self.mail_message_id
        return {
            "partner_id": self.partner_id.id,
            "res_model": message.model or False,
            "res_id": message.res_id or False,
            "reason": message.subject or message.record_name or False,
            "create_uid": self.create_uid.id,
        }
