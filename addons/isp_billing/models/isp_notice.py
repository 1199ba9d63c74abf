# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

KINDS = [
    ("reminder", "Reminder before the due date"),
    ("overdue", "Overdue"),
    ("suspended", "Suspended"),
    ("restored", "Back in service"),
    ("receipt", "Receipt"),
    ("renewed", "Prepaid renewed"),
    ("missing", "Payment too small to renew"),
    ("expiring", "Prepaid ends soon"),
    ("price_change", "New price"),
    ("plan_change", "Change of plan"),
    ("instalment", "Instalment due"),
    ("instalment_broken", "Instalment agreement broken"),
]


class IspNotice(models.Model):
    """Something a customer is told, once.

    Idempotency key: ``key``, UNIQUE in the database. Written in the transaction of its cause; sent afterwards.
    """

    _name = "isp.notice"
    _description = "Notice to a customer"
    _order = "id desc"
    _rec_name = "kind"

    key = fields.Char(required=True, readonly=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    params = fields.Json(readonly=True, help="What the text is made of.")

    _told_once = models.UniqueIndex("(key)", "The customer has been told already.")
