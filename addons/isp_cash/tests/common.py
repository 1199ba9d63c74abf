# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import new_test_user, tagged

from odoo.addons.isp_billing.tests.common import BillingCommon


@tagged("post_install", "-at_install")
class CashCommon(BillingCommon):
    """A desk with a drawer and a safe, two cashiers, a manager."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.drawer = cls._cash_journal("Drawer 1", "DRW1")
        cls.safe = cls._cash_journal("Safe", "SAFE")
        cls.company.write(
            {
                "default_cash_difference_income_account_id": cls._account("Cash gain", "income_other").id,
                "default_cash_difference_expense_account_id": cls._account("Cash loss", "expense").id,
            }
        )
        cls.cashier = cls._user("cashier", "isp_cash.group_isp_cashier", name="Rose Keji")
        cls.other = cls._user("other_cashier", "isp_cash.group_isp_cashier", name="Deng Mabior")
        cls.manager = cls._user("manager", "isp_base.group_isp_billing_manager", name="Peter Lado")
        cls.desk = cls.env["isp.cash.desk"].create(
            {
                "name": "Front desk",
                "code": "FD",
                "journal_id": cls.drawer.id,
                "safe_journal_id": cls.safe.id,
                "user_ids": [(6, 0, (cls.cashier + cls.other).ids)],
                "denomination_ids": [(6, 0, cls.env["isp.cash.denomination"].search([("currency_id.name", "=", "SSP")]).ids)],
                "float_amount": 20000,
            }
        )
        cls.fuel = cls.env["isp.cash.reason"].create(
            {"name": "Fuel", "account_id": cls._account("Fuel", "expense").id, "company_id": cls.company.id}
        )

    @classmethod
    def _user(cls, login, groups, **vals):
        return new_test_user(
            cls.env, f"t_{login}", groups=groups, company_id=cls.company.id, company_ids=[(6, 0, cls.company.ids)], tz="Africa/Juba", **vals
        )

    @classmethod
    def _account(cls, name, kind):
        cls.number = getattr(cls, "number", 990000) + 1
        return cls.env["account.account"].create({"name": name, "code": str(cls.number), "account_type": kind, "company_ids": cls.company.ids})

    @classmethod
    def _cash_journal(cls, name, code):
        account = cls._account(name, "asset_cash")
        return cls.env["account.journal"].create(
            {"name": name, "code": code, "type": "cash", "company_id": cls.company.id, "default_account_id": account.id}
        )

    def _open(self, user=None, desk=None, counts=None, from_safe=None):
        counts = {1000: 20} if counts is None else counts
        shifts = self.env["isp.cash.shift"].with_user(user or self.cashier)
        from_safe = sum(value * number for value, number in counts.items()) if from_safe is None else from_safe
        return shifts._open(desk or self.desk, counts, from_safe).with_user(user or self.cashier)

    def _take(self, partner, amount, user=None, **vals):
        wizards = self.env["isp.cash.payment"].with_user(user or self.cashier)
        return wizards.create({"partner_id": partner.id, "amount": amount, **vals})._take()

    def _balance_of(self, account):
        lines = self.env["account.move.line"].search([("account_id", "=", account.id), ("parent_state", "=", "posted")])
        return sum(lines.mapped("balance"))
