# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
from datetime import date, timedelta
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2.errors import SerializationFailure

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..engine import dunning as engine
from ..models.isp_dunning_run import IspDunningRun
from ..models.isp_subscription import IspSubscription
from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestDunning(BillingCommon):
    """November 2026: invoices of the 1st (a Sunday) are due on Wednesday the 11th; the policy reminds on the 8th and the 12th and cuts on the 17th."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Subscriptions of other tests and of the demo are another company's matter.
        cls.env["res.company"].search([("id", "!=", cls.company.id)]).isp_auto_suspend = False
        cls.company.isp_dunning_policy_id = False
        cls.policy = cls.company._isp_dunning_policy()
        cls.line = cls._create_line(partner_id=cls._create_customer(phone="+211921234567").id)
        cls.partner = cls.line.partner_id

    def setUp(self):
        super().setUp()
        with freeze_time("2026-11-01 10:00:00"):
            self._bill(date(2026, 11, 1))
            self.run_at("2026-11-07 10:00")

    def run_at(self, moment, **kwargs):
        """A pass at this moment (UTC; Juba is two hours ahead)."""
        with freeze_time(moment):
            self.env.flush_all()
            self.env.invalidate_all()
            run = self.env["isp.dunning.run"]._run_company(self.company, **kwargs)
            self.env["isp.notice"]._send_queued()
            return run

    def day_after_day(self, first, last, hour="08:00"):
        day, run = date.fromisoformat(first), None
        while day <= date.fromisoformat(last):
            run = self.run_at(f"{day} {hour}")
            day += timedelta(days=1)
        return run

    def logs(self, partner=None):
        logs = self.env["isp.dunning.log"].search([("partner_id", "=", (partner or self.partner).id)], order="id")
        return [(str(log.date), log.action, log.days, log.state) for log in logs]

    def told(self, partner=None):
        return self.env["isp.notice"].search([("partner_id", "=", (partner or self.partner).id)], order="id").mapped("kind")

    def test_engine(self):
        result = doctest.testmod(engine)
        self.assertGreater(result.attempted, 5)
        self.assertEqual(result.failed, 0)

    def test_day_after_day(self):
        self.day_after_day("2026-11-08", "2026-11-16")
        self.assertEqual(self.logs(), [("2026-11-08", "notice", -3, "done"), ("2026-11-12", "notice", 1, "done")])
        self.assertEqual(self.line.state, "active")
        run = self.day_after_day("2026-11-17", "2026-11-17")
        self.assertEqual((self.line.state, run.state, run.suspended), ("suspended", "done", 1))
        self.assertEqual(self.logs()[2:], [("2026-11-17", "suspend", 6, "done")])
        self.assertEqual(self.told(), ["reminder", "overdue", "suspended"])
        notice = self.env["isp.notice"].search([("partner_id", "=", self.partner.id)], order="id")[0]
        self.assertEqual(notice.state, "sending")
        self.assertIn("216,000 SSP is due on 11 Nov 2026", notice.body)

    def test_again_does_nothing(self):
        self.day_after_day("2026-11-08", "2026-11-17")
        before = self.logs(), self.told(), len(self.line.event_ids)
        for hour in ("08:00", "09:00", "10:00"):
            self.run_at(f"2026-11-17 {hour}")
        self.assertEqual((self.logs(), self.told(), len(self.line.event_ids)), before)
        self.assertEqual(self.env["isp.dunning.run"].search_count([("company_id", "=", self.company.id), ("date", "=", "2026-11-17")]), 1)

    def test_cut_hours_weekend_and_holiday(self):
        self.day_after_day("2026-11-08", "2026-11-16")
        self.run_at("2026-11-17 06:30")  # 8:30
        self.run_at("2026-11-17 14:00")  # 16:00
        self.assertEqual(self.line.state, "active")
        self.env["isp.holiday"].create({"name": "Eid", "date_from": "2026-11-18", "date_to": "2026-11-19"})
        self.day_after_day("2026-11-18", "2026-11-19")
        self.assertEqual(self.line.state, "active")
        self.run_at("2026-11-20 08:00")
        self.assertEqual(self.line.state, "suspended")

    def test_weekend(self):
        self.company.isp_grace_days = 9  # cut on Saturday the 21st
        self.assertEqual(self.policy.step_ids.filtered(lambda s: s.action == "suspend").days, 10)
        self.day_after_day("2026-11-08", "2026-11-22")
        self.assertEqual(self.line.state, "active")
        self.run_at("2026-11-23 08:00")
        self.assertEqual(self.line.state, "suspended")

    def test_paid_in_time(self):
        self.day_after_day("2026-11-08", "2026-11-16")
        with freeze_time("2026-11-17 07:00:00"):
            self._pay(self.partner, 216000)
        self.run_at("2026-11-17 08:00")
        self.assertEqual(self.line.state, "active")
        self.assertNotIn("suspended", self.told())

    def test_tolerance(self):
        self.policy.tolerance = 1000
        self.day_after_day("2026-11-08", "2026-11-16")
        with freeze_time("2026-11-17 07:00:00"):
            self._pay(self.partner, 215000)
        self.run_at("2026-11-17 08:00")
        self.assertEqual(self.line.state, "active")

    def test_paying_but_for_the_tolerance_restores(self):
        self.policy.tolerance = 1000
        self.day_after_day("2026-11-08", "2026-11-17")
        with freeze_time("2026-11-17 09:00:00"):
            self._pay(self.partner, 215000)
        self.assertEqual(self.line.state, "active")
        self.assertIn("restored", self.told())

    def test_protected(self):
        other = self._create_line(partner_id=self._create_customer(isp_protected=True).id)
        self.line.protected = True
        self._bill(date(2026, 11, 1))
        self.day_after_day("2026-11-08", "2026-11-20")
        self.assertEqual((self.line + other).mapped("state"), ["active", "active"])
        self.assertEqual(self.told(), ["reminder", "overdue"])
        with freeze_time("2026-11-20 10:00:00"):
            self.assertFalse(self.env["isp.subscription"]._suspend_overdue(self.company, date(2026, 11, 20)) & (self.line + other))

    # --- outage ---

    def test_after_an_outage_the_latest_notice_only_and_a_person_is_asked(self):
        run = self.run_at("2026-11-20 08:00")
        self.assertEqual(self.logs(), [("2026-11-20", "notice", -3, "superseded"), ("2026-11-20", "notice", 1, "done")])
        self.assertEqual(self.told(), ["overdue"])
        self.assertEqual(self.line.state, "active")
        # Told for less than a day on Friday; on Monday a person is asked, however many hours were passed meanwhile.
        self.day_after_day("2026-11-21", "2026-11-22")
        run = self.run_at("2026-11-23 08:00")
        self.assertEqual((run.state, run.reason, self.line.state), ("to_confirm", "outage", "active"))
        self.assertEqual(run.line_ids.subscription_id, self.line)
        self.assertEqual((run.pending_count, run.pending_amount), (1, 216000))
        again = self.run_at("2026-11-24 08:00")
        self.assertEqual((again.state, self.line.state, len(run.line_ids)), ("done", "active", 1))
        with freeze_time("2026-11-24 08:30"):
            run.action_confirm()
        self.run_at("2026-11-24 09:00")
        self.assertEqual((self.line.state, run.state, run.line_ids.state), ("suspended", "done", "done"))

    def test_who_pays_leaves_the_list(self):
        self.run_at("2026-11-20 08:00")
        self.day_after_day("2026-11-21", "2026-11-22")
        run = self.run_at("2026-11-23 08:00")
        with freeze_time("2026-11-23 09:00"):
            self._pay(self.partner, 216000)
            run.action_confirm()
        self.run_at("2026-11-23 10:00")
        self.assertEqual((self.line.state, run.state, run.line_ids.state), ("active", "done", "dropped"))

    def test_left_on_by_a_person(self):
        self.run_at("2026-11-20 08:00")
        self.day_after_day("2026-11-21", "2026-11-22")
        run = self.run_at("2026-11-23 08:00")
        with freeze_time("2026-11-23 09:00"):
            run.line_ids.action_leave_on()
            run.line_ids.action_leave_on()
        self.day_after_day("2026-11-24", "2026-11-27")
        self.assertEqual((self.line.state, run.line_ids.state), ("active", "removed"))
        self.assertEqual(self.logs()[-1][1:], ("suspend", 6, "waived"))
        self.assertFalse(self.company.isp_cut_hold)

    def test_never_a_mass_cut(self):
        self.company.write({"isp_cut_cap": 0, "isp_cut_cap_min": 2})
        others = self._create_line() + self._create_line()
        with freeze_time("2026-11-01 10:00:00"):
            self._bill(date(2026, 11, 1))
        self.day_after_day("2026-11-08", "2026-11-16")
        run = self.run_at("2026-11-17 08:00")
        self.assertEqual((run.state, run.reason, run.pending_count), ("to_confirm", "cap", 3))
        self.assertEqual((self.line + others).mapped("state"), ["active"] * 3)
        with freeze_time("2026-11-17 09:00"):
            run.action_refuse()
        self.run_at("2026-11-18 08:00")
        self.assertEqual((self.line + others).mapped("state"), ["active"] * 3)

    def test_reminders_go_on_while_a_list_waits(self):
        self.company.write({"isp_cut_cap": 0, "isp_cut_cap_min": 0})
        late = self._create_line(date(2026, 11, 12))
        with freeze_time("2026-11-12 10:00:00"):
            self._bill(date(2026, 11, 12))  # due on the 22nd
        self.day_after_day("2026-11-08", "2026-11-24")
        self.assertEqual(self.told(late.partner_id), ["reminder", "overdue"])
        self.assertEqual(self.line.state, "active")

    # --- who was told ---

    def test_nobody_is_cut_untold(self):
        """The only notice went out before the due date: there is another one first."""
        self.day_after_day("2026-11-08", "2026-11-11")
        self.env["isp.dunning.log"].search([("partner_id", "=", self.partner.id)])
        with patch.object(IspDunningRun, "_tell_and_charge"):
            self.day_after_day("2026-11-12", "2026-11-18")
        self.assertEqual(self.line.state, "active")
        run = self.run_at("2026-11-19 08:00")
        self.assertEqual((self.line.state, self.told()[-1]), ("active", "overdue"))
        run = self.run_at("2026-11-19 13:00")
        self.assertEqual(self.line.state, "active", "told five hours ago")
        run = self.run_at("2026-11-20 08:30")
        self.assertEqual((self.line.state, run.state), ("suspended", "done"))

    def test_a_notice_that_waits_is_not_told(self):
        self.day_after_day("2026-11-08", "2026-11-11")
        with patch.object(type(self.env["isp.notice"]), "_send_queued"):
            self.day_after_day("2026-11-12", "2026-11-17")
        self.assertEqual(self.line.state, "active")

    def test_one_notice_for_two_invoices(self):
        self._create_line(partner_id=self.partner.id, billing_from=date(2026, 11, 2))
        with freeze_time("2026-11-02 10:00:00"):
            self._bill(date(2026, 11, 2))
        self.day_after_day("2026-11-08", "2026-11-11")
        self.assertEqual(self.told(), ["reminder", "reminder"])  # the 8th and the 9th
        self.run_at("2026-11-13 08:00")  # a day missed: both are overdue
        self.assertEqual(self.told(), ["reminder", "reminder", "overdue"])
        last = self.env["isp.notice"].search([("partner_id", "=", self.partner.id)], limit=1)
        self.assertEqual(last.params["amount"], 432000)
        self.assertEqual(len(self.env["isp.dunning.log"].search([("notice_id", "=", last.id)])), 2)

    # --- fee, terminate, own policy ---

    def _own_policy(self, *steps):
        policy = self.env["isp.dunning.policy"].create(
            {"name": "Own", "company_id": self.company.id, "step_ids": [Command.create(step) for step in steps]}
        )
        self.partner.isp_dunning_policy_id = policy
        return policy

    def test_fee_is_in_the_ledger_once_and_on_the_next_invoice(self):
        product = self.env["product.product"].create({"name": "Late fee", "type": "service", "taxes_id": [(6, 0, self.excise.ids)]})
        self._own_policy(
            {"days": 1, "action": "notice"},
            {"days": 3, "action": "fee", "fee": 5000, "product_id": product.id},
        )
        self.day_after_day("2026-11-08", "2026-11-18")
        self.run_at("2026-11-18 09:00")
        fee = self.line.period_ids.filtered(lambda p: p.source.startswith("dunning/"))
        log = self.env["isp.dunning.log"].search([("partner_id", "=", self.partner.id), ("action", "=", "fee")])
        self.assertEqual((fee.amount, fee.kind, fee.source, log.period_id), (5000, "adjustment", f"dunning/{log.id}", fee))
        self.assertEqual(str(log.date), "2026-11-14")
        self._bill(date(2026, 12, 1))
        self.assertIn(216000 + 6000, fee.move_id.mapped("amount_total"))
        self.assertIn(log.move_id.name, fee.move_line_id.name)

    def test_terminate(self):
        self._own_policy(
            {"days": 1, "action": "notice"}, {"days": 6, "action": "suspend"}, {"days": 20, "action": "terminate"}
        )
        self.day_after_day("2026-11-08", "2026-11-30")
        self.assertEqual(self.line.state, "suspended")
        self.day_after_day("2026-12-01", "2026-12-01")
        self.assertEqual(self.line.state, "terminated")

    def test_termination_leaves_other_suspensions(self):
        self._own_policy({"days": 1, "action": "notice"}, {"days": 20, "action": "terminate"})
        self.line._set_state("suspended", "fraud")
        self.day_after_day("2026-11-08", "2026-12-02")
        self.assertEqual(self.line.state, "suspended")

    def test_policies_that_make_no_sense(self):
        for steps in (
            [{"days": 6, "action": "suspend"}],
            [{"days": -3, "action": "notice"}, {"days": 6, "action": "suspend"}],
            [{"days": 7, "action": "notice"}, {"days": 6, "action": "suspend"}],
            [{"days": 1, "action": "notice"}, {"days": 0, "action": "suspend"}],
            [{"days": 1, "action": "fee", "fee": 5}],
        ):
            with self.subTest(steps=steps), self.assertRaises(ValidationError), self.cr.savepoint():
                self._own_policy(*steps)
        with self.assertRaises(UserError):
            self.policy.step_ids.filtered(lambda s: s.days == 1).unlink()
        with self.assertRaises(UserError):
            self.policy.active = False

    # --- lifted and put back ---

    def test_staff_put_a_line_back_and_it_is_left_alone_for_some_days(self):
        self.day_after_day("2026-11-08", "2026-11-17")
        with freeze_time("2026-11-17 10:00:00"):
            self.line._set_state("active", "staff")
        self.day_after_day("2026-11-17", "2026-11-19", hour="10:30")
        self.assertEqual(self.line.state, "active")
        self.run_at("2026-11-20 10:30")
        self.assertEqual(self.line.state, "suspended")

    def test_payment_restores_and_a_bounced_one_is_cut_again(self):
        self.day_after_day("2026-11-08", "2026-11-17")
        with freeze_time("2026-11-17 10:00:00"):
            payment = self._pay(self.partner, 216000)
            self.assertEqual((self.line.state, self.told().count("restored")), ("active", 1))
            self.assertEqual(self.logs()[-1][-1], "undone")
            payment.action_draft()
            payment.action_cancel()
        self.run_at("2026-11-18 08:00")
        self.assertEqual(self.line.state, "suspended")
        self.assertEqual([row[-1] for row in self.logs()][-2:], ["undone", "done"])

    # --- killed, twice, together ---

    def test_killed_in_the_middle_goes_on(self):
        others = self._create_line() + self._create_line()
        with freeze_time("2026-11-01 10:00:00"):
            self._bill(date(2026, 11, 1))
        self.day_after_day("2026-11-08", "2026-11-16")
        original, seen = IspSubscription._suspend_if_overdue, []

        def second_dies(lines, *args):
            seen.append(lines)
            if len(seen) == 2:
                raise RuntimeError("power cut")
            return original(lines, *args)

        small = patch.object(IspDunningRun._cut, "__kwdefaults__", {**IspDunningRun._cut.__kwdefaults__, "batch": 1})
        with small, patch.object(IspSubscription, "_suspend_if_overdue", second_dies), self.assertRaises(RuntimeError):
            self.run_at("2026-11-17 08:00")
        self.run_at("2026-11-17 09:00")
        lines = self.line + others
        self.assertEqual(lines.mapped("state"), ["suspended"] * 3)
        for line in lines:
            self.assertEqual(len(line.event_ids.filtered(lambda e: e.state_to == "suspended")), 1)
            self.assertEqual(len(line.dunning_log_ids), 1)

    def test_a_batch_that_meets_a_payment_is_decided_anew(self):
        self.day_after_day("2026-11-08", "2026-11-16")
        original, tries = IspSubscription._suspend_if_overdue, []

        def fails_first(lines, *args):
            tries.append(1)
            if len(tries) == 1:
                raise SerializationFailure("could not serialize access")
            return original(lines, *args)

        with (
            patch.object(type(self.env["ir.cron"]), "_commit_progress", lambda *args, **kwargs: 60),
            patch.object(IspSubscription, "_suspend_if_overdue", fails_first),
            patch.object(IspDunningRun, "_undo_batch", lambda run: None),
            mute_logger("odoo.addons.isp_billing.models.isp_dunning_run"),
        ):
            self.run_at("2026-11-17 08:00", commit=True)
        self.assertEqual((len(tries), self.line.state), (2, "suspended"))

    def test_company_can_switch_it_off(self):
        self.company.isp_auto_suspend = False
        with freeze_time("2026-11-17 08:00"):
            self.env["isp.dunning.run"]._cron_dunning()
        self.assertFalse(self.logs())

    # --- preview, rights ---

    def test_preview_does_nothing(self):
        self.day_after_day("2026-11-08", "2026-11-16")
        before = self.logs(), self.told()
        with freeze_time("2026-11-17 08:00"):
            preview = self.env["isp.dunning.run"].create({"company_id": self.company.id, "date": "2026-11-17"})
            preview.action_preview()
            preview.action_preview()
        self.assertEqual([(line.subscription_id, line.action, line.overdue) for line in preview.line_ids], [(self.line, "suspend", 216000)])
        self.assertEqual((preview.suspended, preview.notices), (1, 0))
        self.assertEqual((self.logs(), self.told(), self.line.state), (*before, "active"))
        self.assertEqual(self.run_at("2026-11-17 08:30").suspended, 1)

    def test_who_may(self):
        self.run_at("2026-11-20 08:00")
        self.day_after_day("2026-11-21", "2026-11-22")
        run = self.run_at("2026-11-23 08:00")
        log = self.env["isp.dunning.log"].search([("partner_id", "=", self.partner.id)], limit=1)
        roles = {
            "isp_base.group_isp_technician": ("", "", ""),
            "base.group_portal": ("", "", ""),
            "isp_base.group_isp_customer_service": ("", "R", "R"),
            "isp_base.group_isp_billing_manager": ("R", "R", "RW"),
            "isp_base.group_isp_administrator": ("R", "R", "RW"),
        }
        for group, (on_run, on_log, on_policy) in roles.items():
            user = new_test_user(
                self.env, f"dunning_{group.rpartition('_')[2]}", groups=group, company_id=self.company.id, company_ids=self.company.ids
            )
            with self.subTest(group=group):
                for record, may in ((run, on_run), (run.line_ids, on_run), (log, on_log), (self.policy, on_policy)):
                    mine = record.with_user(user)
                    self.assertEqual(mine.has_access("read"), "R" in may, record)
                    self.assertEqual(mine.has_access("write"), "W" in may, record)
                self.assertFalse(log.with_user(user).has_access("unlink"))
                if not on_run:
                    for action in ("action_confirm", "action_refuse"):
                        with self.assertRaises(AccessError):
                            getattr(run.with_user(user), action)()
                    with self.assertRaises(AccessError):
                        run.line_ids.with_user(user).action_leave_on()
        manager = self.env["res.users"].search([("login", "=", "dunning_manager")])
        with freeze_time("2026-11-23 09:00"):
            run.with_user(manager).action_confirm()
            run.with_user(manager).action_confirm()
        self.assertEqual((run.state, run.confirmed_by), ("confirmed", manager))

    def test_holidays_of_the_country_are_there(self):
        with freeze_time("2026-07-01"):
            calendar = self.company._isp_calendar(date(2026, 7, 1))
        self.assertFalse(calendar.is_working(date(2026, 7, 9)))
        self.assertTrue(calendar.is_working(date(2026, 7, 10)))
