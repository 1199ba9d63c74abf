# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.isp_momo.drivers import WALLETS

#: In the chart of South Sudan.
RESELLER_ACCOUNTS = {"float": "ss_reseller_floats", "debt": "ss_reseller_debts", "share": "ss_owner_share"}


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_owner_account_id = fields.Many2one(
        "account.account",
        string="Owed to owners of hotspots",
        domain="[('account_type', 'in', ('liability_current', 'liability_payable'))]",
        check_company=True,
        help="What guests paid by mobile money belongs to the owner until it is paid out. Empty: the account of the chart of South Sudan.",
    )
    isp_reseller_float_account_id = fields.Many2one(
        "account.account",
        string="Floats of resellers",
        domain="[('account_type', '=', 'liability_current')]",
        check_company=True,
        help="Paid in by those who sell for your own hotspots, and not sold yet. Empty: the account of the chart of South Sudan.",
    )
    isp_reseller_debt_account_id = fields.Many2one(
        "account.account",
        string="Owed by resellers",
        domain="[('account_type', '=', 'asset_current')]",
        check_company=True,
        help="Printed tokens on consignment that were used and are not paid yet. Empty: the account of the chart of South Sudan.",
    )
    isp_reseller_share_account_id = fields.Many2one(
        "account.account",
        string="Commission of resellers",
        domain="[('account_type', 'in', ('expense', 'expense_direct_cost'))]",
        check_company=True,
        help="What those who sell for your own hotspots keep. Empty: the account of the chart of South Sudan.",
    )
    isp_commission_product_id = fields.Many2one("product.product", string="Product of the commission", help="Gives the commission on owners' sales its account and taxes.")
    isp_token_product_id = fields.Many2one("product.product", string="Product of WiFi tokens", help="Gives sales at the ISP's own hotspots their account and taxes.")

    def _isp_owner_account(self):
        """:return: the liability on which owners' money stands :raise UserError: there is none"""
        self.ensure_one()
        chart = self.env["account.chart.template"].sudo().with_company(self)
        account = self.isp_owner_account_id or chart.ref("ss_owner_share_payable", raise_if_not_found=False)
        if not account:
            raise UserError(self.env._("Money of hotspot owners has no account. Choose a liability: ISP → Configuration → Settings, “Owed to owners of hotspots”."))
        return account

    def _isp_reseller_account(self, name):
        """:param name: float, debt or share :return: the account on which it stands :raise UserError: there is none"""
        self.ensure_one()
        field = f"isp_reseller_{name}_account_id"
        account = self[field] or self.env["account.chart.template"].sudo().with_company(self).ref(RESELLER_ACCOUNTS[name], raise_if_not_found=False)
        if not account:
            label = self._fields[field]._description_string(self.env)
            raise UserError(self.env._("Resellers' money has no account. Choose one: ISP → Configuration → Settings, “%(field)s”.", field=label))
        return account

    def _isp_reseller_journal(self, method):
        """:param method: cash, bank or wallet
        :return: where resellers' money goes, unless it is said: the drawer of one's own shift; no other, which takes money in its shift only
        :raise UserError: there is none"""
        self.ensure_one()
        if method == "cash" and (shift := self._isp_own_shift()):
            return shift.desk_id.journal_id
        journals = self.env["account.journal"].sudo()
        wallets = self.env["payment.provider"].sudo().search([("company_id", "=", self.id), ("code", "in", list(WALLETS)), ("state", "!=", "disabled")], order="sequence, id").journal_id
        domain = [*journals._check_company_domain(self), ("type", "=", "cash" if method == "cash" else "bank"), ("id", "not in", wallets.ids)]
        journal = wallets[:1] if method == "wallet" else journals.search(domain).filtered(lambda journal: not journal.isp_desk_ids.filtered("active"))[:1]
        if not journal:
            raise UserError(self.env._("Say where the money is: choose a journal."))
        return journal

    def _isp_own_shift(self):
        """:return: the open shift (sudo) of the person at work, at a desk of this company; empty when there is none"""
        return self.env["isp.cash.shift"]._mine().filtered(lambda shift: shift.company_id == self and shift.state == "open")

    def _isp_hotspot_product(self, name):
        """:param name: "commission" or "token" :return: the product that stands for it on invoices"""
        self.ensure_one()
        return self[f"isp_{name}_product_id"] or self.env.ref(f"isp_hotspot.product_{name}")
