# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models
from odoo.exceptions import UserError


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_owner_account_id = fields.Many2one(
        "account.account",
        string="Owed to owners of hotspots",
        domain="[('account_type', 'in', ('liability_current', 'liability_payable'))]",
        check_company=True,
        help="What guests paid by mobile money belongs to the owner until it is paid out. Empty: the account of the chart of South Sudan.",
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

    def _isp_hotspot_product(self, name):
        """:param name: "commission" or "token" :return: the product that stands for it on invoices"""
        self.ensure_one()
        return self[f"isp_{name}_product_id"] or self.env.ref(f"isp_hotspot.product_{name}")
