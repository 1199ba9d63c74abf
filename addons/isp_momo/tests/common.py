# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install", "-at_install")
class WalletCommon(AccountTestInvoicingCommon):
    """A company in SSP with MTN MoMo enabled, one customer, invoices on demand."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.company = cls.env.company
        cls.ssp = cls.env.ref("base.SSP")
        cls.ssp.write({"active": True, "rounding": 1.0})
        cls.company.currency_id = cls.ssp
        cls.company.partner_id.country_id = cls.env.ref("base.ss")
        cls.payer = cls.env["res.partner"].create({"name": "Achol Deng", "phone": "+211921234567"})
        cls.provider = cls._enable("mtn_momo", wallet_base_url="http://127.0.0.1:9")

    @classmethod
    def _enable(cls, code, **values):
        journal = cls.company_data["default_journal_bank"]
        provider = cls.env["payment.provider"].search([("code", "=", code), ("company_id", "=", cls.company.id)], limit=1)
        provider = provider or cls.env["payment.provider"].search([("code", "=", code)], limit=1).copy({"company_id": cls.company.id})
        provider.write(
            {
                "wallet_collection_key": "collection-key",
                "wallet_disbursement_key": "disbursement-key",
                "wallet_api_user": "c72025f5-5cd1-4630-99e4-8ba4722fad56",
                "wallet_api_key": "f1db798c98df4bcf83b538175893bbf0",
                "wallet_environment": "mtnsouthsudan",
                "wallet_rate": 1000,
                "wallet_holder_check": "none",
                **values,
                "state": "enabled",
                "is_published": True,
            }
        )
        provider.journal_id = journal
        return provider

    def _invoice(self, amount=1000, partner=None, **values):
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or self.payer).id,
                "invoice_date": "2026-11-01",
                "currency_id": self.ssp.id,
                "invoice_line_ids": [(0, 0, {"name": "Internet", "price_unit": amount, "tax_ids": False})],
                **values,
            }
        )
        invoice.action_post()
        return invoice

    def _request(self, amount=1000, key="key-1", invoices=None, **kwargs):
        return self.env["payment.transaction"]._wallet_request(
            self.provider, kwargs.pop("partner", self.payer), amount, kwargs.pop("msisdn", "0921234567"), key=key, invoices=invoices, **kwargs
        )
