# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from .isp_notice import KINDS


class IspSmsMessage(models.Model):
    _inherit = "isp.sms.message"

    isp_notice_id = fields.Many2one("isp.notice", string="Notice", readonly=True, index="btree_not_null", ondelete="set null")
    notice_kind = fields.Selection(KINDS, string="Kind of notice", readonly=True)

    def _insert_columns(self):
        """Extend of `isp_sms`."""
        return {**super()._insert_columns(), "isp_notice_id": "int", "notice_kind": "varchar"}

    def _prepare_row(self, row):
        """Extend of `isp_sms`: the notice, from ``sms.sms._prepare_isp_sms_vals``."""
        own = {"isp_notice_id": row.get("isp_notice_id") or None, "notice_kind": row.get("notice_kind") or None}
        return {**super()._prepare_row(row), **own}

    def _prepare_forgotten(self):
        """Extend of `isp_sms`: the notice is of a customer; its kind stays for the report of costs."""
        return {**super()._prepare_forgotten(), "isp_notice_id": None}

    def _tell(self, changed):
        """Extend of `isp_sms`: a notice that failed says why, in the gateway's words."""
        result = super()._tell(changed)
        bad = [uuid for uuid, state in changed.items() if state in ("failed", "undeliverable", "expired")]
        states = dict(self._fields["state"]._description_selection(self.env)) if bad else {}
        for message in self.sudo().search([("uuid", "in", bad), ("isp_notice_id.state", "=", "failed")]) if bad else ():
            message.isp_notice_id.reason = (message.error or states[message.state])[:500]
        return result
