# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import new_test_user, tagged

from odoo.addons.isp_billing.tests.common import BillingCommon


@tagged("post_install", "-at_install")
class BankCommon(BillingCommon):
    """A wallet with its journal and a customer who owes an invoice."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.suspense = cls.env["account.account"].create(
            {"name": "Unidentified", "code": "990100", "account_type": "liability_current", "reconcile": True, "company_ids": cls.company.ids}
        )
        cls.bank = cls.company_data["default_journal_bank"].copy({"name": "m-GURUSH", "code": "GUR"})
        cls.bank.default_account_id = cls.env["account.account"].create(
            {"name": "m-GURUSH", "code": "990200", "account_type": "asset_cash", "company_ids": cls.company.ids}
        )
        cls.operator = cls.env["isp.operator"].create(
            {
                "name": "m-GURUSH",
                "journal_id": cls.bank.id,
                "suspense_account_id": cls.suspense.id,
                "mapping_id": cls.env.ref("isp_bank.mapping_wallet").id,
            }
        )
        cls.line = cls._create_line(partner_id=cls._create_customer("Nyandeng Akol", phone="+211921234567").id)
        cls.customer = cls.line.partner_id
        cls.manager = cls._user("bank_manager", "isp_base.group_isp_billing_manager")

    @classmethod
    def _user(cls, login, groups, **vals):
        return new_test_user(cls.env, f"t_{login}", groups=groups, company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)], **vals)

    def _incoming(self, amount=1000, reference="R1", **vals):
        vals = {"operator_id": self.operator.id, "amount": amount, "reference": reference, "value_date": "2026-11-20", "source": "statement", **vals}
        return self.env["isp.incoming"].sudo().create(vals)

    def _balance_of(self, account):
        lines = self.env["account.move.line"].search([("account_id", "=", account.id), ("parent_state", "=", "posted")])
        return sum(lines.mapped("balance"))
