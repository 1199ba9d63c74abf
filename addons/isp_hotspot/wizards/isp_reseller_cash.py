# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import contextlib
import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..models.isp_reseller import CASH_KINDS, MEANS


class IspResellerCash(models.TransientModel):
    """Money between a reseller and whom he sells for. Sent twice, it is booked once (``uuid``)."""

    _name = "isp.reseller.cash"
    _description = "Money of a reseller"

    uuid = fields.Char(required=True, readonly=True, default=lambda self: str(uuid.uuid4()))
    reseller_id = fields.Many2one("isp.reseller", string="Reseller", required=True, readonly=True)
    currency_id = fields.Many2one(related="reseller_id.currency_id")
    balance = fields.Monetary(related="reseller_id.balance", string="Float")
    debt = fields.Monetary(related="reseller_id.debt")
    kind = fields.Selection(CASH_KINDS, string="What", required=True, default="topup")
    amount = fields.Monetary(required=True)
    method = fields.Selection(MEANS, string="By", required=True, default="cash")
    own = fields.Boolean(related="reseller_id.own")
    company_id = fields.Many2one(related="reseller_id.company_id")
    journal_id = fields.Many2one(
        "account.journal",
        string="Where the money is",
        compute="_compute_journal_id",
        store=True,
        readonly=False,
        domain="[('type', 'in', ('cash', 'bank')), ('company_id', 'parent_of', company_id)]",
        help="In the books of the ISP, whose hotspots these are. The drawer of a cash desk takes money in your own open shift only.",
    )
    reference = fields.Char(help="Number of the receipt or of the transfer.")
    note = fields.Char()

    @api.depends("method", "reseller_id")
    def _compute_journal_id(self):
        """Where such money usually is; blank where that is to be said."""
        for wizard in self:
            wizard.journal_id = False
            if wizard.own:
                with contextlib.suppress(UserError):
                    wizard.journal_id = wizard.company_id._isp_reseller_journal(wizard.method)

    def action_book(self):
        self.ensure_one()
        self.reseller_id._take(self.uuid, self.kind, self.amount, method=self.method, journal=self.journal_id, reference=self.reference, note=self.note)
        return {"type": "ir.actions.act_window_close"}
