# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class IspSubscription(models.Model):
    """The router at which a line ends."""

    _inherit = "isp.subscription"

    router_id = fields.Many2one(
        "isp.router", string="Router of the line", copy=False, tracking=True, index="btree_not_null", ondelete="restrict",
        help="Where the line ends. A router that keeps log-ins keeps this one's.",
    )  # fmt: skip

    def write(self, vals):
        if "router_id" not in vals:
            return super().write(vals)
        tasks = self.env["isp.router.task"].sudo()
        tasks._queue_sync(self.sudo().access_ids)
        result = super().write(vals)
        tasks._queue_sync(self.sudo().access_ids)
        return result
