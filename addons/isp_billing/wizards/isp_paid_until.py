# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import AccessError, UserError


class IspPaidUntil(models.TransientModel):
    """Sets the end of prepaid lines by hand: what another system sold, or days given as goodwill. The reason is kept."""

    _name = "isp.paid.until"
    _description = "Set until when prepaid lines are paid"

    subscription_ids = fields.Many2many("isp.subscription", required=True, readonly=True)
    valid_until = fields.Datetime(string="Paid until", required=True)
    reason = fields.Char(required=True)

    def action_confirm(self):
        """Write the new end; saying the same again changes nothing.

        :raise UserError: a line is not prepaid
        """
        self.ensure_one()
        if not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager sets until when a line is paid."))
        lines = self.subscription_ids
        for line in lines.filtered(lambda s: s.billing_mode != "prepaid"):
            raise UserError(self.env._("%(line)s is not prepaid.", line=line.display_name))
        lines._lock_rows()
        changed = lines.filtered(lambda s: s.valid_until != self.valid_until)
        changed.write({"valid_until": self.valid_until, "renew_checked_at": False})
        for line in changed:
            line.message_post(body=self.env._("Paid until was set by hand: %(reason)s", reason=self.reason))
        back = changed.filtered(
            lambda s: s.state == "suspended" and not s.expired and s._last_state_event().reason == "expired"
        )
        back._set_state("active", "staff", self.reason)
