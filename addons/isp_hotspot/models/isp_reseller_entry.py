# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError

from .isp_reseller import CASH_KINDS, MEANS

SALE_KINDS = [("sale", "Sale"), ("prepaid", "Printed batch"), ("consignment", "Used on consignment"), ("return", "Taken back")]
KINDS = [*CASH_KINDS, *SALE_KINDS]


class IspResellerEntry(models.Model):
    """The ledger of a reseller: what changed float or debt, and why. Written by ``isp.reseller._book`` and the hand-over of batches; never changed.

    ``key`` is UNIQUE and says what it is for: ``cash/<uuid of the form>``, ``sale/<token>`` (a token is paid for once, whichever way),
    ``batch/<batch>`` (a prepaid batch), ``return/<token>``.

    Books, for who sells for the ISP itself: money is an ``account.payment`` (``isp_reseller_entry_id``, UNIQUE), a sale stands on one
    ``isp.site.day``, for ever (``day_id``, written by ``isp.site.day._book`` alone).
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
    day_id = fields.Many2one(
        "isp.site.day", string="Booked with", readonly=True, ondelete="restrict", index="btree_not_null", groups="isp_base.group_isp_billing_manager"
    )
    payment_ids = fields.One2many("account.payment", "isp_reseller_entry_id", string="Payment", readonly=True, groups="isp_base.group_isp_billing_manager")

    _key_unique = models.UniqueIndex("(key)", "This was booked already.")
    _reseller_index = models.Index("(reseller_id, at)")
    _day_todo_index = models.Index("(reseller_id) WHERE day_id IS NULL AND kind IN ('sale', 'prepaid', 'consignment', 'return')")

    # pylint: disable=method-required-super,no-raise-unlink  # refusing is the whole point
    def write(self, vals):
        raise UserError(self.env._("The ledger of a reseller cannot be changed: book a correction."))

    def unlink(self):
        raise UserError(self.env._("The ledger of a reseller cannot be deleted: book a correction."))

    # === Books ===

    def _book_payment(self, journal=None):
        """The money of this entry as a payment on the float or the debt of the reseller; the second time nothing.

        :param journal: where the money is; blank: by the entry's ``method`` :raise UserError: a place for it is missing

        Idempotency key: the entry. Lock: the reseller's row, which who wrote the entry holds. Transaction: the caller's.
        """
        entry = self.sudo()
        entry.ensure_one()
        if entry.payment_ids:
            return
        place = journal.sudo() if journal else entry.company_id._isp_reseller_journal(entry.method)
        values, shift = entry._prepare_payment(place), entry.company_id._isp_own_shift()
        if shift.desk_id.journal_id == place:
            shift._hold()
            if values["payment_type"] == "outbound":
                shift._check_in_drawer(values["amount"])
            values["isp_shift_id"] = shift.id
        payment = entry.env["account.payment"].with_company(entry.company_id).create(values)
        if place.type == "cash" or not payment.outstanding_account_id:  # cash is there at once, whatever account the payment method names
            payment.outstanding_account_id = place.default_account_id
        payment.action_post()

    def _prepare_payment(self, journal):
        """:return: values of the ``account.payment``. Not a customer's: it pays no invoice and renews no line, should the reseller have one"""
        company, money = self.company_id, self.amount - self.debt
        kind = "inbound" if money > 0 else "outbound"
        lines = journal[f"{kind}_payment_method_line_ids"]
        return {
            "isp_reseller_entry_id": self.id,
            "payment_type": kind,
            "partner_type": "supplier",
            "partner_id": self.reseller_id.partner_id.commercial_partner_id.id,
            "destination_account_id": company._isp_reseller_account("debt" if self.debt else "float").id,
            "amount": abs(money),
            "currency_id": company.currency_id.id,
            "date": company._isp_today(),
            "journal_id": journal.id,
            "company_id": company.id,
            "payment_method_line_id": (lines.filtered(lambda line: line.code == "manual") or lines)[:1].id,
            "memo": " - ".join(filter(None, (dict(self._fields["kind"]._description_selection(self.env))[self.kind], self.reference, self.note))),
        }
