# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.isp_subscription import IspSubscription
from .common import IspCommon


@tagged("post_install", "-at_install")
class TestSubscription(IspCommon):
    def test_every_change_is_logged_with_its_value(self):
        subscription = self._create_subscription()
        self.assertEqual(subscription.state, "draft")
        subscription._set_state("active", "activation")
        events = subscription._set_state("suspended", "overdue", "3 invoices")
        self.assertEqual(
            [(e.state_from, e.state_to, e.reason, e.monthly_value_before, e.monthly_value_after) for e in subscription.event_ids.sorted("id")],
            [("draft", "active", "activation", 0, 180000), ("active", "suspended", "overdue", 180000, 0)],
        )
        self.assertEqual(events.note, "3 invoices")
        self.assertEqual(events.user_id, self.env.user)

    def test_same_state_again_writes_nothing(self):
        subscription = self._create_subscription("active")
        self.assertFalse(subscription._set_state("active", "staff"))
        self.assertEqual(len(subscription.event_ids), 1)

    def test_hook_gets_the_events_of_the_changed_only(self):
        both = self._create_subscription("active") + self._create_subscription()
        seen = []
        with patch.object(
            IspSubscription, "_on_state_changed", lambda self, events: seen.append((self, events.subscription_id))
        ):
            both._set_state("active", "activation")
        self.assertEqual(seen, [(both[1], both[1])])

    def test_forbidden_change(self):
        subscription = self._create_subscription("active")
        with self.assertRaisesRegex(UserError, "cannot become"):
            subscription._set_state("pending", "staff")

    def test_state_cannot_be_written_or_created(self):
        subscription = self._create_subscription()
        with self.assertRaises(UserError):
            subscription.write({"state": "active"})
        with self.assertRaises(UserError):
            subscription.with_context(isp_state_key=True).write({"state": "active"})
        with self.assertRaises(UserError):
            self._create_subscription().sudo().copy({"state": "active"})

    def test_log_is_immutable(self):
        event = self._create_subscription("active").event_ids
        with self.assertRaises(UserError):
            event.sudo().write({"reason": "staff"})
        with self.assertRaises(UserError):
            event.sudo().unlink()

    def test_history_keeps_the_subscription(self):
        with self.assertRaises(UserError):
            self._create_subscription("active").unlink()
        self._create_subscription().unlink()

    def test_user_name_is_unique_and_exact(self):
        self._create_subscription(username="achol")
        self._create_subscription(username="Achol")
        self._create_subscription(username=False)
        self._create_subscription(username="")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self._create_subscription(username="achol")

    def test_account_no_is_unique(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.env["res.partner"].create({"name": "Other", "isp_account_no": "T1"})

    def test_customer_is_found_by_account_and_phone(self):
        self.partner.phone = "+211921234567"
        for text in ("T1", "921234567"):
            found = self.env["res.partner"].name_search(text)
            self.assertIn(self.partner.id, [row[0] for row in found])

    def test_monthly_value_follows_the_price(self):
        subscription = self._create_subscription("active")
        self.plan.list_price = 200000
        self.assertEqual(subscription.monthly_value, 200000)

    def test_archived_plan_keeps_its_product(self):
        self.plan.active = False
        self.assertTrue(self.plan.product_id.active)

    def test_plan_form(self):
        form = Form(self.env["isp.plan"])
        form.code, form.name = "FORM", "By form"
        plan = form.save()
        self.assertEqual((plan.product_id.type, plan.product_id.default_code), ("service", "FORM"))

    def test_plan_copy_has_its_own_code(self):
        self.assertEqual(self.plan.copy().code, "T-HOME-COPY")

    def test_portal_sees_own_lines_only(self):
        own = self._create_subscription("active")
        other = self._create_subscription(
            "active", partner_id=self.env["res.partner"].create({"name": "Other"}).id
        )
        user = new_test_user(self.env, "achol", "base.group_portal", partner_id=self.partner.id)
        subscriptions = self.env["isp.subscription"].with_user(user)
        self.assertEqual(subscriptions.search([]), own)
        with self.assertRaises(AccessError):
            subscriptions.browse(other.id).read(["username"])
        with self.assertRaises(AccessError):
            subscriptions.browse(own.id).read(["note"])
        with self.assertRaises(AccessError):
            subscriptions.browse(own.id)._set_state("terminated", "customer")
        plan = own.plan_id.with_user(user)
        self.assertEqual(plan.list_price, 180000)
        with self.assertRaises(AccessError):
            plan.read(["price_usd"])

    def test_technician_cannot_change_state(self):
        subscription = self._create_subscription("active")
        technician = new_test_user(self.env, "tech", "isp_base.group_isp_technician")
        with self.assertRaises(AccessError):
            subscription.with_user(technician)._set_state("suspended", "staff")

    def test_customer_service_suspends_by_wizard(self):
        subscription = self._create_subscription("active")
        user = new_test_user(self.env, "care", "isp_base.group_isp_customer_service")
        action = subscription.with_user(user).with_context(isp_new_state="suspended").action_ask_state()
        wizard = self.env["isp.subscription.state.wizard"].with_user(user).with_context(**action["context"]).create({"reason": "fraud"})
        wizard.action_confirm()
        self.assertEqual(subscription.state, "suspended")
        self.assertEqual(subscription.event_ids.sorted("id")[-1].reason, "fraud")
        self.assertEqual(subscription.event_ids.sorted("id")[-1].user_id, user)


@tagged("post_install", "-at_install")
class TestArabicName(IspCommon):
    def test_arabic_screens_show_the_arabic_name(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.partner.isp_name_ar = "أشول دينق"
        line = self._create_subscription()
        arabic = self.partner.with_context(lang="ar_001")
        self.assertEqual((self.partner.display_name, arabic.display_name), ("Achol Deng", "أشول دينق"))
        self.assertEqual(line.with_context(lang="ar_001").partner_id.display_name, "أشول دينق")
        self.assertIn(self.partner.id, [found[0] for found in arabic.name_search("أشول")])
        self.partner.isp_name_ar = False
        self.assertEqual(arabic.display_name, "Achol Deng")
