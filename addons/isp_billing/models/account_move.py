# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountMove(models.Model):
    _inherit = "account.move"

    isp_run_id = fields.Many2one("isp.billing.run", string="Billing run", readonly=True, copy=False, ondelete="set null", index="btree_not_null")
    isp_opening_partner_id = fields.Many2one(
        "res.partner",
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="The customer whose balance this entry brought from the system before.",
    )

    _isp_one_opening = models.UniqueIndex(
        "(company_id, isp_opening_partner_id) WHERE isp_opening_partner_id IS NOT NULL AND state <> 'cancel'",
        "The opening balance of this customer is booked already.",
    )

    def _isp_post(self):
        """Post a batch of invoices of one journal.

        Their numbers are given here, in one go: the first asks the journal for the next number
        (and so holds the journal's numbering until the end of the transaction), the others count on.
        """
        self._post(soft=False)

    def _invoice_paid_hook(self):
        """Override of `account`: a paid invoice may bring a service back."""
        super()._invoice_paid_hook()
        self.filtered(lambda move: move.move_type == "out_invoice").partner_id._isp_on_settled()
