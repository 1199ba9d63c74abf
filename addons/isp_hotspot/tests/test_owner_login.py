# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tests.common import JsonRpcException
from odoo.tools import mute_logger

from ..models.res_users import BY_SMS
from .app_common import AMINA, DENG, NEW, PASSWORD, AppCommon

STAFF = "+211921000009"


@tagged("post_install", "-at_install")
class TestOwnerLogin(AppCommon):
    def _wrong(self, code):
        return f"{(int(code) + 1) % 10**6:06d}"

    def _age(self, number, **span):
        self.env["isp.owner.code"].search([("number", "=", number)]).sent_at -= timedelta(**span)

    # === A code by SMS ===

    def test_sign_up(self):
        self.call("code", number="0921 000 003")
        code = self.sent_code()
        message = self.messages(NEW)
        self.assertEqual((len(message), message.number, message.parts), (1, NEW, 1))
        answer = self.call("login", number="0921000003", code=code)
        user = self.env["res.users"].search([("login", "=", NEW)])
        self.assertEqual((answer["user"], answer["by"], answer["password"], len(answer["sites"])), (user.id, "sms", False, 1))
        self.assertTrue(user.has_group("isp_hotspot.group_hotspot_owner") and user.share)
        self.assertEqual((user.partner_id.phone, answer["sites"][0]["state"]), (NEW, "new"))
        self.assertEqual(self.call("me")["user"], user.id)
        site = self.env["isp.site"].search([("partner_id", "=", user.partner_id.id)])
        self.assertEqual(site.offer_ids.with_context(lang="en_US").mapped("name"), ["1 hour", "3 hours", "1 day", "1 week", "1 month"])

    def test_log_in_makes_no_second_one(self):
        self.assertEqual(self.call("login", number=AMINA, code=self.code_for(AMINA))["user"], self.owner.id)
        self.assertEqual(self.env["isp.site"].search([("partner_id", "=", self.owner.partner_id.id)]), self.site)

    def test_a_code_is_good_once(self):
        code = self.code_for()
        self.assertIn("user", self.call("login", number=NEW, code=code))
        self.authenticate(None, None)
        self.assertIn("error", self.call("login", number=NEW, code=code))
        with self.assertRaises(JsonRpcException):
            self.call("me")

    def test_a_code_is_good_for_its_number_and_ten_minutes(self):
        code = self.code_for()
        self.code_for(AMINA)
        self.assertIn("error", self.call("login", number=AMINA, code=code) if self.sent_code(AMINA) != code else {"error": ""})
        self._age(NEW, minutes=11)
        self.assertIn("error", self.call("login", number=NEW, code=code))
        self.assertFalse(self.env["res.users"].search([("login", "=", NEW)]), "nobody signs up by a wrong code")

    def test_few_tries(self):
        code = self.code_for()
        with patch.object(type(self.env["res.users"]), "_on_login_cooldown", lambda *_args: False):
            for _n in range(5):
                self.assertIn("error", self.call("login", number=NEW, code=self._wrong(code)))
            self.assertEqual(self.env["isp.owner.code"].search([("number", "=", NEW)]).tries, 5)
            self.assertIn("error", self.call("login", number=NEW, code=code), "the right one after five wrong ones")

    def test_guesser_is_slowed_down_by_odoo(self):
        self.env["ir.config_parameter"].set_param("base.login_cooldown_after", "5")
        code = self.code_for()
        with mute_logger("odoo.addons.base.models.res_users"):
            for _n in range(5):
                self.call("login", number=DENG, password="wrong")
            self.assertIn("error", self.call("login", number=NEW, code=code))

    # === Who asks for codes ===

    def test_sent_once_a_minute(self):
        first = self.call("code", number=NEW)
        again = self.call("code", number=NEW)
        self.assertEqual(len(self.messages(NEW)), 1)
        self.assertEqual(first["wait"], 60)
        self.assertLessEqual(again["wait"], 60)

    def test_so_many_for_one_number(self):
        for _n in range(5):
            self.call("code", number=NEW)
            self._age(NEW, minutes=2)
        self.assertIn("Too many", self.call("code", number=NEW)["error"])
        self.assertEqual(len(self.messages(NEW)), 5)
        self.env["isp.owner.meter"].search([("key", "like", f"codes_per_number/{NEW}")]).since -= timedelta(hours=2)
        self.assertIn("wait", self.call("code", number=NEW))

    def test_a_stranger_cannot_have_a_thousand_sent(self):
        answers = [self.call("code", number=f"+2119210001{n:02d}") for n in range(25)]
        self.assertEqual(len(self.messages()), 20)
        self.assertTrue(all("error" in answer for answer in answers[20:]))

    def test_nor_many_strangers(self):
        self.env["ir.config_parameter"].set_param("isp_hotspot.codes_per_hour", "3")
        self.env["ir.config_parameter"].set_param("isp_hotspot.codes_per_address", "1000")
        answers = [self.call("code", number=f"+2119210001{n:02d}") for n in range(5)]
        self.assertEqual(["error" in answer for answer in answers], [False, False, False, True, True])

    def test_only_mobile_numbers_of_here(self):
        for number in ("", None, "12", "hello", "+256772123456", "+12015550123", [], {"a": 1}, "9" * 500):
            self.assertIn("error", self.call("code", number=number), number)
        self.assertFalse(self.messages())

    def test_nobody_is_told_whether_a_number_is_known(self):
        new_test_user(self.env, STAFF, groups="isp_base.group_isp_administrator", name="Staff")
        answers = {number: self.call("code", number=number) for number in (NEW, AMINA, STAFF)}
        self.assertEqual(len({str(answer) for answer in answers.values()}), 1)
        wrong = {str(self.call("login", number=number, code="000000")) for number in (STAFF, "+211921000777")}
        self.assertEqual(len(wrong), 1)

    # === Whom it lets in ===

    def test_staff_never(self):
        user = new_test_user(self.env, STAFF, groups="isp_base.group_isp_administrator", name="Staff")
        self.call("code", number=STAFF)
        self.assertFalse(self.messages(STAFF))
        row = self.env["isp.owner.code"].search([("number", "=", STAFF)])
        row.digest = self.env["isp.owner.code"]._digest(STAFF, "123456")
        self.assertIn("error", self.call("login", number=STAFF, code="123456"))
        with self.assertRaises(JsonRpcException):
            self.call("me")
        self.assertFalse(user.has_group("isp_hotspot.group_hotspot_owner"))

    def test_customer_of_the_portal_by_proof_only(self):
        user = new_test_user(self.env, NEW, groups="base.group_portal", name="Achol")
        user.password = PASSWORD
        self.assertIn("log in once with a code", self.call("login", number=NEW, password=PASSWORD)["error"])
        self.assertFalse(user.has_group("isp_hotspot.group_hotspot_owner"))
        self.assertEqual(self.call("login", number=NEW, code=self.code_for())["user"], user.id)
        self.assertTrue(user.has_group("isp_hotspot.group_hotspot_owner"))

    def test_customer_with_this_number_is_not_taken_over(self):
        customer = self.env["res.partner"].create({"name": "Achol", "phone": NEW})
        answer = self.call("login", number=NEW, code=self.code_for())
        self.assertNotEqual(self.env["res.users"].browse(answer["user"]).partner_id, customer)

    def test_who_was_closed_stays_out(self):
        self.owner.active = False
        self.assertIn("closed", self.call("login", number=AMINA, code=self.code_for(AMINA))["error"])
        self.assertIn("error", self.call("login", number=AMINA, password=PASSWORD))
        self.assertFalse(self.owner.active)

    def test_closed_while_logged_in(self):
        self.log_in()
        self.owner.active = False
        with self.assertRaises(JsonRpcException):
            self.call("me")

    def test_the_credential_alone_is_no_proof(self):
        """The log-in page of Odoo passes on any type; without the code it is nothing."""
        page = self.url_open("/web/login")
        token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
        for values in ({"password": ""}, {"password": "x", "code": self.code_for(AMINA)}):
            self.url_open("/web/login", data={"csrf_token": token, "login": AMINA, "type": BY_SMS, **values})
            with self.assertRaises(JsonRpcException):
                self.call("me")

    def test_password(self):
        self.assertIn("error", self.call("login", number=AMINA, password="wrong"))
        self.assertIn("error", self.call("login", number=AMINA))
        answer = self.log_in()
        self.assertEqual((answer["by"], answer["password"], answer["user"]), ("password", True, self.owner.id))

    def test_second_step_where_one_is_asked_for(self):
        """Who has two-factor log-in is not let in by the first."""
        with patch.object(type(self.env["res.users"]), "_mfa_url", lambda _user: "/web/login/totp"):
            self.assertEqual(self.call("login", number=AMINA, password=PASSWORD), {"totp": "/web/login/totp?redirect=/wifi/app"})
            with self.assertRaises(JsonRpcException):
                self.call("me")

    # === Setting a password ===

    def test_new_owner_sets_a_password(self):
        self.call("login", number=NEW, code=self.code_for())
        for bad in ("", "short", "0921000003", "password1", "aaaaaaaa", None, ["x"]):
            self.assertIn("error", self.call("password", new=bad), bad)
        self.assertEqual(self.call("password", new="  green fish river "), {"password": True})
        self.assertTrue(self.call("me")["password"], "and is logged in still")
        self.authenticate(None, None)
        self.assertEqual(self.log_in(NEW, "green fish river")["by"], "password")

    def test_changing_it_takes_the_old_one(self):
        self.log_in()
        self.assertIn("error", self.call("password", new="green fish river", old="wrong"))
        self.assertIn("error", self.call("password", new="green fish river"))
        self.assertIn("password", self.call("password", new="green fish river", old=PASSWORD))

    def test_forgotten_within_a_quarter_of_an_hour_of_a_code(self):
        self.call("login", number=AMINA, code=self.code_for(AMINA))
        self.assertIn("password", self.call("password", new="green fish river"))
        with patch("odoo.addons.isp_hotspot.controllers.app_api.FRESH", -1):
            self.assertIn("error", self.call("password", new="blue fish river"))

    def test_log_out_ends_it_and_blocks_what_the_telephone_holds(self):
        self.log_in()
        codes = [token["code"] for token in self.reserve()]
        self.ask("logout", device=self.device)
        with self.assertRaises(JsonRpcException):
            self.call("me")
        self.assertEqual(set(self.env["isp.token"].search([("code", "in", codes)]).mapped("state")), {"blocked"})

    def test_log_out_reaches_the_own_telephone_only(self):
        """At all of its hotspots; whoever knows the number of somebody else's telephone takes nothing from it."""
        self.log_in()
        second = self.env["isp.site"].create({"name": "Second", "ssid": "Second", "partner_id": self.owner.partner_id.id, "company_id": self.env.company.id})
        held = [token["code"] for site in (self.site, second) for token in self.sync(site=site.slug)["add"]]
        self.assertEqual(len(held), 5 * len(self.site.offer_ids | second.offer_ids))
        tokens = self.env["isp.token"].search([("code", "in", held)])
        self.authenticate(None, None)
        self.log_in(DENG)
        self.call("logout", device=self.device)
        self.assertEqual(set(tokens.mapped("state")), {"made"})
        self.authenticate(None, None)
        self.log_in()
        second.active = False
        self.call("logout", device=self.device)
        self.assertEqual(set(tokens.mapped("state")), {"blocked"})

    def test_who_came_by_the_log_in_page_of_odoo_came_by_password(self):
        self.authenticate(AMINA, PASSWORD)
        self.assertEqual(self.call("me")["by"], "password")
        self.call("login", number=AMINA, code=self.code_for(AMINA))
        self.assertEqual(self.call("me")["by"], "sms")

    # === Forgetting ===

    def test_the_log_forgets_the_code(self):
        code = self.code_for()
        message = self.messages(NEW)
        codes = self.env["isp.owner.code"]
        self.assertNotIn(code, codes.search([]).mapped("digest"))
        message.write({"state": "accepted", "handed_at": fields.Datetime.now()})
        codes._cron_forget()
        self.assertIn(code, message.body, "not while it is good")
        self.env.flush_all()
        self.env.cr.execute("UPDATE isp_sms_message SET create_date = create_date - interval '11 minutes' WHERE id = %s", [message.id])
        self._age(NEW, hours=2)
        codes._cron_forget()
        self.assertFalse(message.body)
        self.assertTrue(message.number, "that one was sent is known")
        self.assertFalse(codes.search([]))
