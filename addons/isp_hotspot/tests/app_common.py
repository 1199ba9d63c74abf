# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re
import uuid

from odoo.tests import HttpCase

from .common import HotspotCommon

AMINA, DENG, NEW = "+211921000001", "+211921000002", "+211921000003"
PASSWORD = "river-boat-2026"
API = "/wifi/app/api"


class AppMixin:
    """Two owners who log in with their numbers, and what their telephones ask."""

    @classmethod
    def _create_logins(cls):
        cls.owner.write({"login": AMINA, "password": PASSWORD})
        cls.other_owner.write({"login": DENG, "password": PASSWORD})
        cls.site.momo_msisdn = "211921000001"
        cls.device = str(uuid.uuid4())

    def setUp(self):
        super().setUp()
        # Log-ins of tests come from one address; Odoo counts the wrong ones of all.
        self.registry._login_failures = None
        self.authenticate(None, None)

    @classmethod
    def enable_momo(cls):
        """MTN MoMo is there; nobody answers at its address."""
        providers = cls.env["payment.provider"]
        momo = providers.search([("code", "=", "mtn_momo"), ("company_id", "=", cls.env.company.id)], limit=1)
        momo = momo or providers.search([("code", "=", "mtn_momo")], limit=1).copy({"company_id": cls.env.company.id})
        keys = ("collection_key", "disbursement_key", "api_key", "environment")
        momo.write({**{f"wallet_{name}": "x" * 12 for name in keys}, "wallet_api_user": str(uuid.uuid4()), "wallet_base_url": "http://127.0.0.1:9", "wallet_holder_check": "none", "state": "enabled"})

    def call(self, name, /, **params):
        """:return: what the server answers to the app"""
        self.env.flush_all()
        answer = self.make_jsonrpc_request(f"{API}/{name}", params)
        self.env.invalidate_all()
        return answer

    def ask(self, name, /, **params):
        """As ``call``, of the own hotspot. :return: its answer, which is no refusal"""
        answer = self.call(name, site=self.site.slug, **params)
        self.assertNotIn("error", answer)
        return answer

    def log_in(self, number=AMINA, password=PASSWORD):
        answer = self.call("login", number=number, password=password)
        self.assertNotIn("error", answer)
        return answer

    def messages(self, number=None):
        domain = [("res_model", "=", "isp.owner.code"), *([("number", "=", number)] if number else [])]
        return self.env["isp.sms.message"].search(domain, order="id")

    def sent_code(self, number=NEW):
        """:return: the digits of the SMS that was sent last"""
        return re.search(r"\d{6}", self.messages(number)[-1].body)[0]

    def code_for(self, number=NEW):
        self.call("code", number=number)
        return self.sent_code(number)

    def item(self, **more):
        return {"uuid": str(uuid.uuid4()), "method": "free", "offer": self.offer.id, **more}

    def sync(self, *items, held=(), **more):
        values = {"site": self.site.slug, "device": self.device, "name": "Tecno", "items": list(items), "held": list(held), **more}
        return self.call("sync", **values)

    def reserve(self):
        """:return: the tokens that this telephone gets at its first sync"""
        return self.sync()["add"]


class AppCommon(AppMixin, HotspotCommon, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._create_logins()
