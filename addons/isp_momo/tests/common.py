# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import contextlib
import json
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import requests

from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon

POLLER = "odoo.addons.isp_momo.models.isp_wallet_order_poller"
ROOT = Path(__file__).resolve().parents[3]


class Simulator:
    """MTN's and Orange's servers as a process of this test (``simulators/momo``), with its switches."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "simulators.momo", "--port", str(port), "--state", ":memory:"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}"
        for _n in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        self.fault(approve="phone")

    def stop(self):
        self.process.kill()
        self.process.wait()

    def control(self, path, **values):
        return requests.post(f"{self.url}/_control/{path}", data=json.dumps(values), timeout=10).json()

    def fault(self, **values):
        return self.control("faults", **values)

    def decide(self, tx, approve=True):
        return self.control(f"decide/{tx.wallet_uuid}", approve=approve)

    def asked(self, kind="requesttopay"):
        """:return: what the operator was asked for, {uuid: transaction}"""
        found = requests.get(f"{self.url}/_control/transactions", params={"kind": kind}, timeout=10).json()["transactions"]
        return found

    def ledger(self, kind):
        """:return: every move of money as it happened; doubled money is there twice"""
        return requests.get(f"{self.url}/_control/ledger", params={"kind": kind}, timeout=10).json()["moves"]


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

    def _poll(self, rounds=1, model="payment.transaction", **constants):
        """Run the poller as its job does, in a transaction of its own that it commits."""
        self.env.flush_all()
        with self.enter_registry_test_mode(), contextlib.ExitStack() as stack:
            for name, value in {"LINGER": 0, **constants}.items():
                stack.enter_context(patch(f"{POLLER}.{name}", value))
            for _n in range(rounds):
                with self.registry.cursor() as cr:
                    self.env(cr=cr, su=True)[model]._cron_wallet()
        self.env.invalidate_all()

    def _due(self, *transactions):
        """Time passes: these are asked for in the next round."""
        for tx in transactions:
            tx.wallet_next = "2020-01-01"

    def _age(self, tx, **delta):
        """The request was made longer ago."""
        tx.wallet_since -= timedelta(**delta)


class SimulatorCommon(WalletCommon):
    """As above, with the operator's simulator behind the provider."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.simulator = Simulator()
        cls.addClassCleanup(cls.simulator.stop)
        cls.provider.write(
            {
                "wallet_base_url": cls.simulator.url,
                "wallet_api_user": "5a1b9d52-4f0e-4a55-9a0e-6c1d1f3e7b10",
                "wallet_api_key": "simulated-api-key",
                "wallet_collection_key": "simulated-collection-key",
                "wallet_disbursement_key": "simulated-disbursement-key",
            }
        )

    def setUp(self):
        super().setUp()
        self.simulator.control("reset")
