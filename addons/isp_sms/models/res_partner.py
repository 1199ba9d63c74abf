# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    isp_sms_count = fields.Integer("SMS sent", compute="_compute_isp_sms_count", groups="isp_sms.group_user")

    @api.depends_context("uid", "allowed_company_ids")
    def _compute_isp_sms_count(self):
        """Of the partner and of all its contacts."""
        family = self.with_context(active_test=False).search_fetch([("id", "child_of", self.ids)], ["parent_id"])
        counts = dict(self.env["isp.sms.message"]._read_group([("partner_id", "in", family.ids)], ["partner_id"], ["__count"]))
        totals = dict.fromkeys(self.ids, 0)
        for member, count in counts.items():
            while member:
                if member.id in totals:
                    totals[member.id] += count
                member = member.parent_id
        for partner in self:
            partner.isp_sms_count = totals.get(partner.id, 0)

    def action_view_isp_sms(self):
        """The SMS to this partner and its contacts, newest first."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_sms.action_isp_sms_message")
        return {**action, "domain": [("partner_id", "child_of", self.id)], "context": {}}
