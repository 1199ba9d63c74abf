# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class AccountJournal(models.Model):
    _inherit = "account.journal"

    isp_desk_ids = fields.One2many("isp.cash.desk", "journal_id", string="Cash desks")
