# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.tools import SQL


class ResPartner(models.Model):
    _inherit = "res.partner"

    isp_dunning_policy_id = fields.Many2one(
        "isp.dunning.policy",
        string="Dunning policy",
        ondelete="restrict",
        index="btree_not_null",
        groups="isp_base.group_isp_customer_service",
        help="Empty: the company's own.",
    )
    isp_protected = fields.Boolean(
        string="Never cut off",
        tracking=True,
        groups="isp_base.group_isp_customer_service",
        help="No line of this customer is suspended automatically (hospital, police, …). Reminders are sent.",
    )
    isp_dunning_count = fields.Integer(compute="_compute_isp_dunning_count", groups="isp_base.group_isp_customer_service")

    def _compute_isp_dunning_count(self):
        groups = self.env["isp.dunning.log"]._read_group([("partner_id", "in", self.ids)], ["partner_id"], ["__count"])
        counts = {partner.id: count for partner, count in groups}
        for partner in self:
            partner.isp_dunning_count = counts.get(partner.id, 0)

    def action_view_isp_dunning(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_dunning_log")
        return {**action, "domain": [("partner_id", "=", self.commercial_partner_id.id)], "context": {}}

    def _isp_sql_not_held(self):
        """:return: SQL that leaves out journal items ``l`` whose debt is not to be dunned now: under an agreement that is kept. Hook."""
        self.env["isp.instalment"].flush_model(["state", "move_ids"])
        return SQL(
            """AND NOT EXISTS (SELECT 1 FROM isp_instalment_move_rel held JOIN isp_instalment i ON i.id = held.instalment_id
                                WHERE held.move_id = l.move_id AND i.state = 'active')"""
        )

    def action_isp_instalment(self):
        """Propose an agreement over what is overdue."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Instalment agreement"),
            "res_model": "isp.instalment",
            "view_mode": "form",
            "context": {"default_partner_id": self.commercial_partner_id.id},
        }

    def action_isp_adjust(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Adjustment"),
            "res_model": "isp.adjustment",
            "view_mode": "form",
            "context": {"default_partner_id": self.commercial_partner_id.id},
        }

    def _isp_tolerance(self, company):
        """:return: what these customers may owe ``company`` without anything happening: the least of their policies'"""
        policies = self.commercial_partner_id.sudo().isp_dunning_policy_id.filtered(lambda p: p.company_id == company and p.active)
        return min((policies or company._isp_dunning_policy()).mapped("tolerance"))
