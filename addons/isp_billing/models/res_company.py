# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import pytz

from odoo import fields, models


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_due_days = fields.Integer(string="Days to pay", default=10, help="From the invoice's date to its due date.")
    isp_auto_suspend = fields.Boolean(string="Suspend who does not pay", default=True)
    isp_grace_days = fields.Integer(string="Grace days", default=5, help="From the due date to the suspension.")
    isp_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of subscription invoices",
        domain="[('type', '=', 'sale')]",
        check_company=True,
        help="Numbers without gaps; empty: the company's first sales journal.",
    )
    isp_opening_account_id = fields.Many2one(
        "account.account",
        string="Counterpart of opening balances",
        check_company=True,
        help="Empty: the account of undistributed results.",
    )

    def _isp_today(self):
        """:return: the calendar day of this company, in its own time zone (the contact's, else UTC)"""
        self.ensure_one()
        zone = pytz.timezone(self.partner_id.tz or self.env.user.tz or "UTC")
        return pytz.utc.localize(fields.Datetime.now()).astimezone(zone).date()

    def _isp_invoice_journal(self):
        """:return: the journal in which subscription invoices are numbered"""
        self.ensure_one()
        return self.isp_journal_id or self.env["account.journal"].search(
            [*self.env["account.journal"]._check_company_domain(self), ("type", "=", "sale")], limit=1
        )
