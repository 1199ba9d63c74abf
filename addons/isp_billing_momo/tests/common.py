# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from decimal import Decimal

from odoo.tests import tagged

from odoo.addons.isp_cash.tests.common import CashCommon
from odoo.addons.isp_momo.drivers.base import Status
from odoo.addons.isp_momo.tests.common import WalletCommon


@tagged("post_install", "-at_install")
class BridgeCommon(WalletCommon, CashCommon):
    """A desk with cashiers, MTN MoMo enabled, a customer with a telephone; what the operator answers is said by the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.country_id = cls.env.ref("base.ss")
        cls.customer = cls._create_customer(phone="+211921234567", lang="en_US")
        cls.care = cls._user("care", "isp_base.group_isp_customer_service", name="Mona")

    def _debt(self, amount=1000, days=0, partner=None):
        """A posted invoice of that amount; due so many days ago, below zero: later."""
        from datetime import timedelta

        day = self.company._isp_today() - timedelta(days=days)
        return self._invoice(amount, partner or self.customer, invoice_date=day, invoice_date_due=day, invoice_payment_term_id=False)

    def _asked(self, amount=1000, key="key-1", invoices=None, **values):
        return self._request(amount, key, invoices, partner=self.customer, values=values)

    def _paid(self, *transactions):
        """The operator says that these were paid; they are booked as the poller does it."""
        for tx in transactions:
            tx._wallet_lock()
            status = Status("done", reference=f"FT{tx.id}", amount=Decimal(tx._wallet_amount()), currency=tx.wallet_currency)
            tx._wallet_succeed(status)
        self.env["payment.transaction"].browse([tx.id for tx in transactions])._post_process()

    def _failed(self, tx, code="APPROVAL_REJECTED"):
        tx._wallet_lock()
        tx._wallet_fail(code)

    def _balance(self, partner=None):
        partner = partner or self.customer
        due = partner._isp_dues().get((partner.id, self.company.id))
        return due.balance if due else 0

    def _notices(self, kind, partner=None):
        return self.env["isp.notice"].search([("partner_id", "=", (partner or self.customer).id), ("kind", "=", kind)])
