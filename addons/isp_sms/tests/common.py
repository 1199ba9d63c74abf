# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import TransactionCase

from ..drivers import DRIVERS
from ..drivers.base import Balance, Driver, Result


class StubDriver(Driver):
    """A gateway in memory: ``answers`` maps a number to an exception; all else is accepted."""

    code, label, receipts = "stub", "Stub", True
    sent, answers, credit = [], {}, None

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
