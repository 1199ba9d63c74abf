# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import BridgeCommon


@tagged("post_install", "-at_install")
class TestHold(BridgeCommon):
    """Nobody is cut while the money is on its way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.line = cls._create_line(partner_id=cls.customer.id)

    def setUp(self):
        super().setUp()
        self.debt = self._debt(1000, days=40)

    def _cut(self):
        return self.env["isp.subscription"]._suspend_overdue(self.company)

    def test_an_open_request_holds_the_cut_and_says_so(self):
        tx = self._asked(1000)
        self.assertFalse(self._cut())
        self.assertFalse(self._cut())
        self.assertEqual(tx.isp_held_ids, self.line)
        notes = self.line.message_ids.filtered(lambda message: tx.reference in (message.body or ""))
        self.assertEqual(len(notes), 1, "said once")
        self._paid(tx)
        self.assertFalse(self._cut())
        self.assertEqual(self.line.state, "active")

    def test_a_refused_request_holds_nothing(self):
        tx = self._asked(1000)
        self.assertFalse(self._cut())
        self._failed(tx)
        self.assertEqual(self._cut(), self.line)

    def test_a_late_success_brings_the_line_back(self):
        tx = self._asked(1000)
        self._failed(tx, "EXPIRED")
        self.assertEqual(self._cut(), self.line)
        self._paid(tx)
        self.assertEqual(self.line.state, "active")
        self.assertEqual(self.debt.payment_state, "paid")

    def test_it_holds_for_the_companys_hours_only(self):
        tx = self._asked(1000)
        tx.wallet_phase = "sent"
        self._age(tx, hours=1, minutes=59)
        self.assertFalse(self._cut())
        self._age(tx, minutes=2)
        self.assertEqual(self._cut(), self.line)

    def test_asking_again_and_again_does_not_hold_for_ever(self):
        for number in range(3):
            tx = self._asked(1000, key=f"again-{number}")
            self._cut()
            self._age(tx, hours=number and 1)
            self._failed(tx, "EXPIRED")
        first = self.env["payment.transaction"].search([("wallet_key", "=", "again-0")])
        self._age(first, hours=3)
        self._asked(1000, key="again-3")
        self.assertEqual(self._cut(), self.line)

    def test_zero_hours_cut_all_the_same_but_not_who_has_paid(self):
        self.company.isp_wallet_hold_hours = 0
        tx = self._asked(1000)
        tx.write({"state": "done", "wallet_phase": "final"})
        self.assertFalse(self._cut(), "paid, to be booked in a moment")
        tx.write({"state": "pending", "wallet_phase": "sent"})
        self.assertEqual(self._cut(), self.line)

    def test_anothers_request_holds_nothing(self):
        self._request(1000, "foreign", partner=self._create_customer("Other"))
        self.assertEqual(self._cut(), self.line)

    def test_a_contacts_request_is_the_customers(self):
        contact = self._create_customer("Wife", parent_id=self.customer.id)
        self._request(1000, "contact", partner=contact)
        self.assertFalse(self._cut())

    def test_the_dunning_run_waits_and_goes_on(self):
        self.company.write({"isp_cut_from": 0, "isp_cut_to": 24, "isp_no_cut_weekend": False, "isp_no_cut_holiday": False, "isp_warning_hours": 0, "isp_cut_cap": 100})
        runs = self.env["isp.dunning.run"].with_company(self.company)
        tx = self._asked(1000)
        runs._run_company(self.company)
        # The customer was told yesterday.
        self.env["isp.notice"].search([]).write({"state": "sent", "send_after": fields.Datetime.now() - timedelta(days=1)})
        self.env.cr.execute("UPDATE isp_dunning_log SET create_date = create_date - interval '1 day'")
        self.company.isp_cut_hold = False
        run = runs._run_company(self.company)
        self.assertEqual((self.line.state, run.suspended), ("active", 0))
        self.assertEqual(tx.isp_held_ids, self.line)
        self.assertFalse(self.env["isp.dunning.log"].search([("subscription_id", "=", self.line.id)]))
        self._failed(tx)
        run = runs._run_company(self.company)
        self.assertEqual((self.line.state, run.suspended), ("suspended", 1))

    def test_a_termination_waits_too(self):
        self._cut()
        tx = self._asked(1000)
        self.assertFalse(self.line._terminate_if_overdue(self.company._isp_today()))
        self._failed(tx)
        self.assertEqual(self.line._terminate_if_overdue(self.company._isp_today()), self.line)

    def test_a_prepaid_line_is_not_written_off_meanwhile(self):
        plan = self._create_plan("B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000)
        customer = self._create_customer("Prepaid", phone="+211921000222")
        line = self._create_line(partner_id=customer.id, plan_id=plan.id, valid_until=fields.Datetime.now() - timedelta(minutes=5))
        tx = self._request(1200, "prepaid", partner=customer)
        self.assertFalse(self.env["isp.subscription"]._suspend_expired(self.company) & line)
        self._paid(tx)
        self.assertEqual((line.state, line.prepaid_number), ("active", 1))

    def _ends_soon(self, minutes=3):
        plan = self.env["isp.plan"].search([("code", "=", "B-PRE")]) or self._create_plan(
            "B-PRE", billing_mode="prepaid", period_unit="day", period_count=7, list_price=1000
        )
        customer = self._create_customer("Prepaid", phone="+211921000222")
        until = fields.Datetime.now() + timedelta(minutes=minutes)
        return self._create_line(partner_id=customer.id, plan_id=plan.id, valid_until=until)

    def test_prepaid_time_that_ends_meanwhile_is_kept_open_until_the_answer(self):
        line = self._ends_soon()
        until = line.valid_until
        tx = self._request(1200, "prepaid", partner=line.partner_id, values={"isp_subscription_id": line.id})
        self.assertEqual((line.valid_until, line._open_until()), (until, tx.wallet_since + timedelta(hours=2)))
        self._failed(tx, "EXPIRED")
        self.assertEqual(line._open_until(), until, "no money, no more time")
        self._paid(tx)
        self.assertEqual((line.prepaid_number, line.lent_until), (1, False))
        self.assertGreater(line.valid_until, until + timedelta(days=6))

    def test_time_is_lent_once_in_a_week_and_never_for_what_is_over(self):
        line, over, later = self._ends_soon(), self._ends_soon(-3), self._ends_soon(60 * 24)
        for one in (over, later):
            self._request(1200, f"other-{one.id}", partner=one.partner_id)
            self.assertFalse(one.lent_until)
        tx = self._request(1200, "first", partner=line.partner_id)
        self.assertTrue(line.lent_until)
        self._failed(tx)
        self._age(tx, hours=1)
        again = self._request(1200, "again", partner=line.partner_id)
        self.assertEqual(line.lent_until, again.wallet_since + timedelta(hours=1))
        self._failed(again)
        self._age(tx, hours=1)
        self._request(1200, "third", partner=line.partner_id)
        self.assertFalse(line.lent_until)

    def test_time_stays_while_another_request_is_open(self):
        line = self._ends_soon()
        first, second = (self._request(1200 + number, f"two-{number}", partner=line.partner_id) for number in range(2))
        self._failed(first)
        self.assertTrue(line.lent_until)
        self._failed(second)
        self.assertFalse(line.lent_until)

    def test_the_network_follows(self):
        if "isp.access" not in self.env:
            self.skipTest("without isp_network")
        line = self._ends_soon()
        line.username = "soon"
        until = line.valid_until
        tx = self._request(1200, "network", partner=line.partner_id)
        self.assertEqual(line.access_ids.sudo().valid_until, line.lent_until)
        self._failed(tx)
        self.assertEqual(line.access_ids.sudo().valid_until, until)
