# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.addons.sms.tools.sms_api import SmsApiBase

from ..engine import mobile


class SmsApiGateways(SmsApiBase):
    """Core's way out, which here only writes into our log: nothing leaves inside core's transaction.

    Idempotency key: the uuid of ``sms.sms``, UNIQUE in our log. A transaction that is rolled back and tried again sends nothing twice.
    """

    PROVIDER_TO_SMS_FAILURE_TYPE = SmsApiBase.PROVIDER_TO_SMS_FAILURE_TYPE | {"missing": "sms_number_missing"}

    def _send_sms_batch(self, messages, delivery_reports_url=False):
        """Override of `sms`. :return: for each number its uuid and ``processing``, or why it is refused"""
        log, company = self.env["isp.sms.message"].sudo(), self.company
        country = company.country_id.code
        texts = {n["uuid"]: (n["number"], m["content"]) for m in messages for n in m["numbers"]}
        origin = {sms.uuid: sms for sms in self.env["sms.sms"].sudo().search([("uuid", "in", list(texts))])}
        rows, results = [], []
        for uuid, (given, body) in texts.items():
            number, reason = mobile.check(given, country)
            sms = origin.get(uuid, self.env["sms.sms"])
            values = {**sms._prepare_isp_sms_vals(), "uuid": uuid, "number": number or given, "body": body, "company_id": company.id}
            if reason:
                label = log._refusal_label(reason, given)
                rows.append({**values, "state": "failed", "error": label, "error_code": reason})
                results.append({"uuid": uuid, "state": "missing" if reason == "missing" else "wrong_number_format", "failure_reason": label})
            else:
                rows.append(values)
                results.append({"uuid": uuid, "state": "processing"})
        log._enqueue(rows)
        return results
