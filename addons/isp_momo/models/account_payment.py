# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountPayment(models.Model):
    _inherit = "account.payment"

    wallet_uuid = fields.Char(readonly=True, copy=False, help="The wallet's request this money is of: one request is one payment.")

    _wallet_uuid_unique = models.UniqueIndex("(wallet_uuid) WHERE wallet_uuid IS NOT NULL", "This payment is booked already.")
