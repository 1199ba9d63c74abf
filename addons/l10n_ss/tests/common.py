# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import Command
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install_l10n", "post_install", "-at_install")
class SouthSudanCommon(AccountTestInvoicingCommon):
    """A company with the chart of South Sudan, a plan of SSP 180,000 and customers."""

    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("ss")
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(context={**cls.env.context, "tracking_disable": True})
        cls.company = cls.env.company
        cls.chart = cls.env["account.chart.template"].with_company(cls.company)
        cls.plan = cls.env["product.product"].create(
            {
                "name": "HOME-5M",
                "type": "service",
                "list_price": 180000,
                "taxes_id": [Command.set(cls.company.account_sale_tax_id.ids)],
            }
        )
        cls.embassy = cls.env["res.partner"].create({"name": "Embassy of Norway"})
        cls.ministry = cls.env["res.partner"].create({"name": "Ministry of Health"})

    @classmethod
    def _certificate(cls, **vals):
        return cls.env["l10n_ss.certificate"].create(
            {
                "partner_id": cls.embassy.id,
                "number": "EX-1",
                "valid_from": "2026-01-01",
                "valid_to": "2026-12-31",
                **vals,
            }
        )

    @classmethod
    def _invoice(cls, partner=None, day="2026-11-01", price=180000, post=True, **vals):
        invoice = cls.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": (partner or cls.embassy).id,
                "invoice_date": day,
                "invoice_line_ids": [Command.create({"product_id": cls.plan.id, "price_unit": price})],
                **vals,
            }
        )
        if post:
            invoice.action_post()
        return invoice
