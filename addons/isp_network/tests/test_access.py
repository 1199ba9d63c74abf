# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from types import SimpleNamespace

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL, mute_logger

from .common import NetworkCommon

ROLES = ("technician", "customer_service", "billing_manager", "administrator")


@tagged("post_install", "-at_install")
class TestAccess(NetworkCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {role: new_test_user(cls.env, f"net-{role}", f"isp_base.group_isp_{role}") for role in ROLES}
        cls.users["portal"] = new_test_user(cls.env, "net-portal", "base.group_portal")
        cls.users["employee"] = new_test_user(cls.env, "net-employee", "base.group_user")

    def test_follows_the_subscription(self):
        self.assertEqual(
            (self.access.name, self.access.mac, self.access.plan_id, self.access.state, self.access.device_limit),
            ("achol", "AA:BB:CC:DD:EE:01", self.plan, "allowed", 1),
        )
        for state, wanted in (("suspended", "walled"), ("active", "allowed"), ("paused", "walled"), ("terminated", "blocked")):
            self.subscription._set_state(state, "staff")
            self.assertEqual(self.access.state, wanted)
        other = self._create_plan("T-FAST", down_kbps=8192, up_kbps=8192, device_limit=3)
        self.subscription.write({"username": "achol2", "mac": "AA:BB:CC:DD:EE:02", "plan_id": other.id})
        self.assertEqual((self.access.name, self.access.mac, self.access.plan_id), ("achol2", "AA:BB:CC:DD:EE:02", other))
        self.assertEqual(self.access.device_limit, 3)
        self.subscription.username = False
        self.assertEqual(self.access.state, "blocked")
        self.assertEqual(len(self.subscription.access_ids), 1)

    def test_prospect_has_none_and_without_user_name_neither(self):
        draft = self._create_subscription(username="draft")
        self.assertFalse(draft.access_ids)
        draft._set_state("pending", "activation")
        self.assertEqual(draft.access_ids.state, "blocked")
        self.assertEqual(len(draft.access_ids.password), 10)
        nameless = self._create_subscription("active")
        self.assertFalse(nameless.access_ids)
        nameless.username = "named"
        self.assertEqual(nameless.access_ids.state, "allowed")

    def test_quota_of_a_plan(self):
        cases = (
            ({"quota_mb": 0}, 0, 0),
            ({"quota_mb": 10240, "billing_mode": "prepaid", "overage_price_gb": 7500, "period_unit": "day"}, 10_240_000_000, 0),
            ({"quota_mb": 1000}, 1_000_000_000, 7),
            ({"quota_mb": 1000, "overage_price_gb": 7500}, 0, 0),
        )
        for number, (vals, quota, day) in enumerate(cases):
            plan = self._create_plan(f"T-Q{number}", **vals)
            access = self._create_subscription("active", username=f"q{number}", plan_id=plan.id, anchor_day=7).access_ids
            self.assertEqual((access.quota_bytes, access.quota_day, bool(access.quota_from)), (quota, day, True))

    def test_plan_changes_reach_the_accesses(self):
        self.plan.write({"device_limit": 4, "quota_mb": 5})
        self.assertEqual((self.access.device_limit, self.access.quota_bytes), (4, 5_000_000))
        self.plan.write({"down_kbps": 4096})
        self.assertEqual(self._authr()["Mikrotik-Rate-Limit"], "1024k/4096k")

    def test_import_gives_the_passwords_of_the_file(self):
        # With what add-ons above and below read of a line (see isp_base/engine/subscriber_file.py).
        record = SimpleNamespace(
            password="from-file", status="suspended", billing_mode="prepaid", opening_balance=0, given=frozenset()
        )
        entry = {
            "record": record,
            "partner": self.subscription.partner_id,
            "subscription": self.subscription,
            "created": True,
            "changed": False,
            "warnings": [],
        }
        importer = self.env["isp.import"].new({"company_id": self.env.company.id})
        importer._on_subscribers_imported([entry])
        self.assertEqual((self.access.password, entry["changed"]), ("from-file", True))
        entry["changed"] = False
        importer._on_subscribers_imported([entry])
        self.assertFalse(entry["changed"], "a second import writes nothing")
        entry["record"].password = ""
        importer._on_subscribers_imported([entry])
        self.assertEqual(self.access.password, "from-file")

    def test_answer_shown_to_staff_is_the_true_one(self):
        self.assertEqual(self.access._radius_answer()[0], "Access-Accept")
        self.assertIn("Mikrotik-Rate-Limit = 1024k/2048k", self.subscription.radius_answer)
        self.assertNotIn("pw", self.subscription.radius_answer.split())
        self.assertNotIn("Cleartext", self.subscription.radius_answer)
        self._acct("start", mac="AA-BB-CC-DD-EE-77")
        self.assertEqual(self.access._radius_answer()[0], "Access-Accept", "the device that is on may dial again")
        self.subscription._set_state("suspended", "staff")
        self.assertIn("Mikrotik-Address-List = isp-suspended", self.subscription.radius_answer)
        self.subscription._set_state("terminated", "staff")
        self.assertEqual(self.access._radius_answer(), ["Access-Reject", "Reply-Message = This account is closed"])

    def test_what_the_subscription_form_shows(self):
        self._acct("start", ip="10.0.0.7", mac="AA-BB-CC-DD-EE-01")
        self._acct("interim-update", up=1500, down=2_000_000, seconds=60)
        form = self.subscription.with_user(self.users["customer_service"])
        self.assertTrue(form.online)
        self.assertEqual(
            (form.online_address, form.online_device, form.online_router, form.online_volume),
            ("10.0.0.7", "AA:BB:CC:DD:EE:01", "Tower", "2.00 MB / 1.50 kB"),
        )
        self.assertEqual(form.month_volume, "2.00 MB / 1.50 kB")
        self.assertIn(self.subscription, self.env["isp.subscription"].search([("online", "=", True)]))
        self._acct("stop", seconds=61)
        self.assertFalse(self.subscription.online)
        self.assertIn(self.subscription, self.env["isp.subscription"].search([("online", "=", False)]))

    def test_new_password_is_shown_once(self):
        action = self.access.with_user(self.users["customer_service"]).action_reset_password()
        password = action["params"]["message"]
        self.assertEqual(self.access.password, password)
        self.assertEqual(self._authz(), {"Cleartext-Password": password})
        self.assertNotIn(password, " ".join(str(m.body) for m in self.subscription.message_ids))
        with self.assertRaises(AccessError):
            self.access.with_user(self.users["technician"]).action_reset_password()

    def test_what_was_in_use_stays(self):
        self._acct("start")
        for record in (self.access, self.router):
            with self.assertRaises(UserError):
                record.unlink()
        rows = self.env.execute_query(
            SQL("SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND conrelid = ANY(%s::regclass[])", ["isp_session", "isp_usage", "isp_quota_counter"])
        )
        self.assertFalse(rows, "accounting locks no row of Odoo's")

    def test_unusable_values_are_refused(self):
        for vals in ({"name": "a\nb"}, {"password": "x" * 129}, {"mac": "1"}, {"mac": "AA:BB:CC:DD:EE:01\n"}, {"own_rate": "0/0"}, {"own_rate": "1M/2M 0/0 0/0 0/0 8 1M/3M"}, {"static_ip": "10.0.0"}):
            with self.assertRaises(ValidationError):
                self.access._apply(vals)

    def test_rights(self):
        """Model, then who may read, write, create, delete it; all other cells are refused."""
        everyone = {"technician", "customer_service", "billing_manager", "administrator"}
        table = {
            "isp.access": (everyone, set(), set(), set()),
            "isp.router": (everyone, {"administrator"}, {"administrator"}, {"administrator"}),
            "isp.session": (everyone, set(), set(), set()),
            "isp.usage": (everyone, set(), set(), set()),
            "isp.quota.counter": (everyone, set(), set(), set()),
            "isp.router.task": (everyone, set(), set(), set()),
            "isp.acct.quarantine": ({"technician", "administrator"}, set(), set(), {"administrator"}),
        }
        for model, allowed in table.items():
            for role, user in self.users.items():
                for operation, who in zip(("read", "write", "create", "unlink"), allowed, strict=True):
                    may = self.env[model].with_user(user).has_access(operation)
                    self.assertEqual(may, role in who, (model, role, operation))

    def test_secrets_are_for_administrators(self):
        secrets = ((self.access, ("password",)), (self.router, ("radius_secret", "api_user", "api_password", "api_password_encrypted")))
        for role, user in self.users.items():
            for record, names in secrets:
                for name in names:
                    visible = name in record.with_user(user).fields_get()
                    self.assertEqual(visible, role == "administrator", (role, name))
                    if not visible and role not in ("portal", "employee"):
                        with self.assertRaises(AccessError), mute_logger("odoo.orm.models", "odoo.models"):
                            record.with_user(user).read([name])

    def test_other_company(self):
        company = self.env["res.company"].create({"name": "Other"})
        user = self.users["technician"]
        self._acct("start")
        self._acct("stop", seconds=5)
        self.assertTrue(self.env["isp.session"].with_user(user).search([("session_id", "=", "s1")]))
        self.access.company_id = company
        self.router.company_id = company
        for model in ("isp.access", "isp.session", "isp.usage", "isp.router"):
            domain = [("name", "in", ("achol", "Tower"))] if model in ("isp.access", "isp.router") else [("access_id", "=", self.access.id)]
            self.assertFalse(self.env[model].with_user(user).search(domain), model)
