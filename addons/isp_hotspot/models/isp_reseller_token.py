# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError


class IspToken(models.Model):
    _inherit = "isp.token"

    password = fields.Char(groups="isp_base.group_isp_customer_service,isp_hotspot.group_hotspot_owner,isp_hotspot.group_hotspot_reseller")
    reseller_id = fields.Many2one("isp.reseller", string="Reseller", readonly=True, ondelete="restrict", help="Who sold it, or has it to sell.")
    returned_at = fields.Datetime(string="Taken back", readonly=True, help="From its reseller, unused and paid back: it stays blocked.")

    _reseller_index = models.Index("(reseller_id, id) WHERE reseller_id IS NOT NULL")
    _consigned_index = models.Index("(sold_at) WHERE reseller_id IS NOT NULL AND batch_id IS NOT NULL")

    def _unblock(self, note=""):
        """Override: what was taken back is paid back."""
        if self.sudo().filtered("returned_at"):
            raise UserError(self.env._("It was taken back from its reseller and paid back: it stays blocked."))
        return super()._unblock(note)

    @api.model
    def _follow_steps(self):
        return (*super()._follow_steps(), self.env["isp.token.batch"]._follow_consignment)

    @api.model
    def _cron_follow_all(self):
        result = super()._cron_follow_all()
        self.env["isp.token.batch"]._follow_consignment(since=timedelta(days=400))
        return result
