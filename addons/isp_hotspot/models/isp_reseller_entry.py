# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError

from .isp_reseller import CASH_KINDS, MEANS

KINDS = [*CASH_KINDS, ("sale", "Sale"), ("prepaid", "Printed batch"), ("consignment", "Used on consignment"), ("return", "Taken back")]


class IspResellerEntry(models.Model):
    """The ledger of a reseller: what changed float or debt, and why. Written by ``isp.reseller._book`` and the hand-over of batches; never changed.

    ``key`` is UNIQUE and says what it is for: ``cash/<uuid of the form>``, ``sale/<token>`` (a token is paid for once, whichever way),
    ``batch/<batch>`` (a prepaid batch), ``return/<token>``.
    """

    _name = "isp.reseller.entry"
    _description = "Entry of a reseller"
    _order = "id desc"
    _rec_name = "key"
    _log_access = False

    reseller_id = fields.Many2one("isp.reseller", required=True, readonly=True, ondelete="restrict")
    company_id = fields.Many2one(related="reseller_id.company_id")
    currency_id = fields.Many2one(related="reseller_id.currency_id")
    at = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", string="By", readonly=True)
    kind = fields.Selection(KINDS, string="What", required=True, readonly=True)
    key = fields.Char(required=True, readonly=True)
    count = fields.Integer(string="Tokens", readonly=True)
    price = fields.Monetary(string="Price", readonly=True, help="What guests pay.")
    commission = fields.Monetary(readonly=True)
    amount = fields.Monetary(string="Float", readonly=True, help="Change of the float.")
    debt = fields.Monetary(readonly=True, help="Change of the debt.")
    method = fields.Selection(MEANS, string="By means of", readonly=True)
    reference = fields.Char(readonly=True)
    note = fields.Char(readonly=True)
    token_id = fields.Many2one("isp.token", string="Token", readonly=True, ondelete="restrict", index="btree_not_null")
    batch_id = fields.Many2one("isp.token.batch", string="Batch", readonly=True, ondelete="restrict", index="btree_not_null")
    order_id = fields.Many2one("isp.token.order", string="Order", readonly=True, ondelete="restrict", index="btree_not_null")

    _key_unique = models.UniqueIndex("(key)", "This was booked already.")
    _reseller_index = models.Index("(reseller_id, at)")

    # pylint: disable=method-required-super,no-raise-unlink  # refusing is the whole point
    def write(self, vals):
        raise UserError(self.env._("The ledger of a reseller cannot be changed: book a correction."))

    def unlink(self):
        raise UserError(self.env._("The ledger of a reseller cannot be deleted: book a correction."))
