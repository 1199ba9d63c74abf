# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install")
class BillingCommon(AccountTestInvoicingCommon):
    """A company in SSP with a 20 % tax on top, one plan, and subscriptions on demand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.company = cls.env.company
        ssp = cls.env.ref("base.SSP")
        ssp.write({"active": True, "rounding": 1.0})
        cls.env.user.group_ids += cls.env.ref("isp_base.group_isp_administrator")
        cls.company.write(
            {"currency_id": ssp.id, "isp_due_days": 10, "isp_grace_days": 5, "isp_journal_id": cls.company_data["default_journal_sale"].id}
        )
        cls.company.partner_id.tz = "Africa/Juba"
        cls.excise = cls.env["account.tax"].create(
            {"name": "Excise 20 %", "amount": 20, "type_tax_use": "sale", "country_id": cls.company.account_fiscal_country_id.id}
        )
        cls.plan = cls._create_plan("B-HOME")
        cls.cash = cls.company_data["default_journal_cash"]
        cls.cash.inbound_payment_method_line_ids.payment_account_id = cls.cash.default_account_id

    @classmethod
    def _create_plan(cls, code, **vals):
        return cls.env["isp.plan"].create(
            {"code": code, "name": code, "list_price": 180000, "taxes_id": [(6, 0, cls.excise.ids)], **vals}
        )

    @classmethod
    def _create_customer(cls, name="Achol Deng", **vals):
        return cls.env["res.partner"].create({"name": name, **vals})

    @classmethod
    def _create_line(cls, billing_from=date(2026, 11, 1), anchor_day=None, **vals):
        """An active subscription charged from ``billing_from`` on."""
        values = {
            "partner_id": cls._create_customer().id,
            "plan_id": cls.plan.id,
            "anchor_day": anchor_day or billing_from.day,
            **vals,
        }
        line = cls.env["isp.subscription"].create(values)
        line._set_state("active", "import")
        line.billing_from = billing_from
        return line

    def _bill(self, date, **vals):
        run = self.env["isp.billing.run"].create({"date": date, "company_id": self.company.id, **vals})
        run._process()
        return run

    def _pay(self, partner, amount, **vals):
        wizard = self.env["isp.cash.payment"].create(
            {"partner_id": partner.id, "amount": amount, "journal_id": self.cash.id, "date": "2026-11-20", **vals}
        )
        return wizard._take()
