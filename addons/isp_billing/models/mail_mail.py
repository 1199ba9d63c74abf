# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from .isp_notice import _MAIL_STATE


class MailMail(models.Model):
    _inherit = "mail.mail"

    isp_notice_id = fields.Many2one("isp.notice", string="Notice", readonly=True, ondelete="set null")

    _isp_notice_once = models.UniqueIndex("(isp_notice_id) WHERE isp_notice_id IS NOT NULL", "This notice has its e-mail already.")

    def write(self, vals):
        """Override of `mail`: a notice that goes by e-mail alone fares as its e-mail does."""
        result = super().write(vals)
        if "state" in vals:
            alone = self.sudo().isp_notice_id.filtered(lambda n: not n.number)
            alone._on_delivery(_MAIL_STATE.get(vals["state"], "sending"), vals.get("failure_reason") or False)
        return result
