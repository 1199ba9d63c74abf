# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path

import requests

from odoo.tests import TransactionCase

from ..drivers import DRIVERS
from ..drivers.base import Balance, Driver, Result


class StubDriver(Driver):
    """A gateway in memory: ``answers`` maps a number to an exception; all else is accepted."""

    code, label, receipts = "stub", "Stub", True
    sent, answers, credit = [], {}, None

    @classmethod
    def traces(cls, settings):
        return True

    def send(self, message):
        error = self.answers.get((self.settings.url, message.number)) or self.answers.get(self.settings.url)
        if error:
            raise error
        self.sent.append((self.settings.url, message))
        return Result(reference=f"ref-{message.uuid}")

    def test(self):
        return "fine"

    def balance(self):
        return None if self.credit is None else Balance(self.credit, "SSP")


class SmsCase(TransactionCase):
    """A company with one gateway in memory."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        DRIVERS["stub"] = StubDriver
        cls.addClassCleanup(DRIVERS.pop, "stub")
        cls.messages = cls.env["isp.sms.message"]
        cls.env["isp.sms.gateway"].search([]).active = False
        cls.company = cls.env["res.company"].create({"name": "Nile Net", "country_id": cls.env.ref("base.ss").id})
        cls.gateway = cls.env["isp.sms.gateway"].create({"name": "First", "driver": "stub", "url": "first", "price": 20.0})

    def setUp(self):
        super().setUp()
        StubDriver.sent, StubDriver.answers, StubDriver.credit = [], {}, None
        # What commits between two steps is a savepoint here.
        self.patch(self.env.cr, "commit", self.env.flush_all)

    def enqueue(self, *numbers, **values):
        rows = [{"uuid": f"{abs(hash((number, n, self.id()))):032x}", "number": number, "body": "Hello", "company_id": self.company.id, **values} for n, number in enumerate(numbers)]
        self.messages._enqueue(rows)
        return self.messages.search([("uuid", "in", [row["uuid"] for row in rows])], order="id")

    def dispatch(self):
        return self.messages._dispatch(lambda processed=0: 1000)

    def report(self, message, kind, attempt=None):
        from ..drivers.kannel import receipt

        attempt = message.tries if attempt is None else attempt
        return self.env["isp.sms.receipt"]._take(self.env["isp.sms.gateway"], [receipt(message.uuid, attempt, {"type": str(kind)})], attempt)

    def read_reports(self):
        self.env["isp.sms.receipt"]._read_batch(1000)


class Gateways:
    """The simulated gateways as a process of this test (``simulators/sms``), with their switches."""

    def __init__(self):
        self.port, self.smpp_port = _free_port(), _free_port()
        command = [sys.executable, "-m", "simulators.sms", "--port", str(self.port), "--smpp-port", str(self.smpp_port)]
        self.process = subprocess.Popen(command, cwd=Path(__file__).resolve().parents[3], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url, self.smpp_url = f"http://127.0.0.1:{self.port}", f"smpp://127.0.0.1:{self.smpp_port}"
        for port in (self.port, self.smpp_port):
            for _n in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def control(self, path, **values):
        return requests.post(f"{self.url}/_control/{path}", json=values, timeout=10).json()

    def arrived(self, way=""):
        """:return: what telephones got, parts put together"""
        return requests.get(f"{self.url}/_control/messages", params={"way": way}, timeout=10).json()["messages"]

    def waiting(self):
        """:return: SMPP receipts that nobody has acknowledged"""
        return requests.get(f"{self.url}/_control/receipts", timeout=10).json()["receipts"]


def _free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class GatewaysCase(SmsCase):
    """The same with the simulated gateways; ``self.gateway`` is none of theirs and off."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateways = Gateways()
        cls.addClassCleanup(cls.gateways.stop)
        cls.gateway.active = False

    def setUp(self):
        super().setUp()
        self.gateways.control("reset")

    def make(self, driver, **values):
        base = {
            "smpp": {"url": self.gateways.smpp_url, "username": "jubanet", "password": "secret12", "sender": "JubaNet"},
            "africastalking": {"url": self.gateways.url, "username": "jubanet", "password": "atsk_simulated", "sender": "JubaNet"},
            "http": {
                "url": f"{self.gateways.url}/send?user={{username}}&pass={{password}}&to={{number}}&text={{text}}&from={{sender}}&ref={{uuid}}&dlr={{dlr_url}}",
                "username": "jubanet", "password": "secret", "sender": "JubaNet", "http_ok": "^OK", "http_id": r"OK (\S+)", "http_later": "ERR 105|ERR 101", "receipts": True,
            },
        }[driver]  # fmt: skip
        return self.env["isp.sms.gateway"].create({"name": driver, "driver": driver, "timeout": 5, **base, **values})
