# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, models

from odoo.addons.isp_base.engine import account_no


class ResPartner(models.Model):
    _inherit = "res.partner"

    @api.depends_context("isp_with_number")
    def _compute_display_name(self):
        result = super()._compute_display_name()
        if self.env.context.get("isp_with_number"):
            for partner in self.filtered("isp_account_no"):
                partner.display_name = f"{partner.display_name} · {partner.isp_account_no}"
        return result

    @api.model
    def _isp_find(self, text, limit=8):
        """Find customers as people at a counter name themselves.

        :param text: account number, user name, phone (the last nine digits count) or part of a name
        :return: (partners, whether the text is an account number with a wrong check digit)
        """
        text = (text or "").strip()
        if not text:
            return self.browse(), False
        partner, mistyped = self._isp_by_account_no(text)
        if partner:
            return partner, False
        line = self.env["isp.subscription"].sudo().search([("username", "=", text), ("company_id", "in", self.env.companies.ids)], limit=1)
        if line:
            return self.search([("id", "=", line.partner_id.commercial_partner_id.id)]), False
        digits = account_no.normalize(text).lstrip("+")
        if digits.isdigit() and len(digits) >= 7:
            tail = digits[-9:].lstrip("0")
            found = self.search(["|", ("phone_sanitized", "=like", f"%{tail}"), ("isp_alt_phone", "=like", f"%{tail}")], limit=limit)
            if found:
                return found.commercial_partner_id, False
        if mistyped:
            return self.browse(), True
        ids = [row[0] for row in self.name_search(text, [("parent_id", "=", False)], limit=limit)]
        return self.browse(ids), False
