# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged

from odoo.addons.report_weasyprint.tests.common import pages_of, text_of

from .common import CashCommon


@tagged("post_install", "-at_install")
class TestShift(CashCommon):
    def _customer(self):
        line = self._create_line()
        self._bill(date(2026, 11, 1))
        return line.partner_id

    def test_a_day_at_the_desk_adds_up(self):
        shift = self._open()
        self._take(self._customer(), 216000)
        self._take(self._customer(), 100000)
        shift._move_cash("paid_out", 7000, "k1", reason=self.fuel, to_whom="Station", note="generator")
        shift._move_cash("drop", 200000, "k2")
        self.assertEqual((shift.expected, shift.money_in), (129000, 316000))
        self.assertEqual(self._balance_of(self.drawer.default_account_id), 129000)
        self.assertEqual(self._balance_of(self.safe.default_account_id), 180000)
        self.assertEqual(self._balance_of(self.fuel.account_id), 7000)
        shift._close({1000: 128, 500: 1}, to_safe=108500, note="one note short")
        self.assertEqual((shift.state, shift.z_number, shift.difference), ("closed", 1, -500))
        self.assertEqual(shift.expected, 20000)
        self.assertEqual(self._balance_of(self.company.default_cash_difference_expense_account_id), 500)
        self.assertEqual(self._balance_of(self.drawer.default_account_id), 20000)

    def test_float_is_carried_and_a_difference_at_opening_is_booked(self):
        self._open()._close({1000: 20})
        shift = self._open(self.other, counts={1000: 20, 100: 3}, from_safe=0)
        self.assertEqual((shift.carried, shift.expected, shift.difference), (20000, 20300, 300))
        self.assertEqual(self._balance_of(self.company.default_cash_difference_income_account_id), -300)

    def test_z_numbers_have_no_gaps_and_are_per_desk(self):
        other = self.desk.copy({"name": "Back desk", "code": "BD", "journal_id": self._cash_journal("Drawer 2", "DRW2").id, "user_ids": self.other.ids})
        numbers = []
        for _day in range(3):
            shift = self._open()
            shift._close({1000: 20}, to_safe=20000)
            shift._close({1000: 1})  # again: nothing
            numbers.append(shift.z_number)
        self.assertEqual(numbers, [1, 2, 3])
        back = self._open(self.other, desk=other)
        back._close({1000: 20})
        self.assertEqual((back.z_number, back.display_name), (1, "Z BD/1"))

    def test_close_twice_books_once(self):
        shift = self._open()
        shift._close({1000: 21}, to_safe=1000)
        entries = shift.line_ids
        shift._close({1000: 50}, to_safe=50000)
        self.assertEqual((shift.line_ids, shift.counted, shift.expected), (entries, 21000, 20000))

    def test_same_form_of_paying_out_twice_is_once(self):
        shift = self._open()
        wizard = self.env["isp.cash.out"].with_user(self.cashier).create(
            {"shift_id": shift.id, "kind": "paid_out", "amount": 500, "reason_id": self.fuel.id, "to_whom": "Station"}
        )
        wizard.action_confirm()
        wizard.action_confirm()
        self.assertEqual(shift.expected, 19500)

    def test_one_open_shift_a_desk_and_a_person(self):
        shift = self._open()
        self.assertEqual(self._open(), shift)  # double tap
        with self.assertRaisesRegex(UserError, "Rose Keji has an open shift"):
            self._open(self.other)
        back = self.desk.copy({"name": "Back", "code": "BD", "journal_id": self._cash_journal("Drawer 2", "DRW2").id, "user_ids": self.cashier.ids})
        with self.assertRaisesRegex(UserError, "Close your shift at Front desk first"):
            self._open(desk=back)
        self.desk.user_ids -= self.other
        shift._close({1000: 20})
        with self.assertRaisesRegex(UserError, "not among the cashiers"):
            self._open(self.other)

    def test_the_drawer_never_goes_below_zero(self):
        shift = self._open()
        for kind, extra in (("drop", {}), ("paid_out", {"reason": self.fuel, "to_whom": "x"})):
            with self.assertRaisesRegex(UserError, "There is only"):
                shift._move_cash(kind, 20001, f"too much {kind}", **extra)
        for amount in (0, -5, 10.5):
            with self.assertRaises(UserError):
                shift._move_cash("drop", amount, f"bad {amount}")
        with self.assertRaisesRegex(UserError, "Say what for"):
            shift._move_cash("paid_out", 5, "no reason")
        with self.assertRaisesRegex(UserError, "More cannot go"):
            shift._close({1000: 1}, to_safe=2000)
        with self.assertRaisesRegex(UserError, "number of notes"):
            shift._close({1000: -1})

    def test_counting_stops_money_until_it_is_resumed(self):
        shift, customer = self._open(), self._customer()
        shift.action_count()
        with self.assertRaisesRegex(UserError, "takes no money"):
            self._take(customer, 1000)
        shift.action_resume()
        self.assertTrue(self._take(customer, 1000))
        shift._close({1000: 21})
        with self.assertRaisesRegex(UserError, "Open your shift first"):
            self._take(customer, 1000)

    def test_entries_of_a_shift_stay_as_they_are(self):
        shift = self._open()
        payment = self._take(self._customer(), 1000).sudo()
        for change in (payment.action_draft, payment.action_cancel, payment.unlink, payment.move_id.button_draft, payment.move_id.button_cancel):
            with self.assertRaisesRegex(UserError, "stays as it is"):
                change()
        with self.assertRaises(UserError):
            payment.move_id.with_user(self.manager).isp_shift_id = False
        with self.assertRaises(UserError):
            payment.with_user(self.manager).isp_shift_id = False
        shift._close({1000: 21})
        late = {"payment_type": "inbound", "partner_id": payment.partner_id.id, "amount": 5, "journal_id": self.drawer.id, "isp_shift_id": shift.id}
        with self.assertRaisesRegex(UserError, "takes no money"):
            self.env["account.payment"].sudo().create(late).action_post()
        self.assertEqual(shift.expected, 21000)

    def test_the_drawer_takes_money_in_shifts_only(self):
        vals = {"payment_type": "inbound", "partner_id": self._customer().id, "amount": 5, "journal_id": self.drawer.id}
        with self.assertRaisesRegex(UserError, "drawer of a cash desk"):
            self.env["account.payment"].create(vals).action_post()

    def test_somebody_elses_shift_is_closed_by_a_manager_only(self):
        shift = self._open()
        with self.assertRaises(AccessError):
            shift.with_user(self.other).action_count()
        shift.with_user(self.manager).action_count()
        wizard = self.env["isp.cash.close"].with_user(self.manager).create({"shift_id": shift.id})
        wizard.count_ids.filtered(lambda entry: entry.value == 1000).quantity = 20
        self.assertEqual((wizard.counted, wizard.difference, wizard.to_safe), (20000, 0, 0))
        wizard.action_confirm()
        self.assertEqual((shift.state, shift.closed_by_id), ("closed", self.manager))

    def test_forms_work_for_a_cashier(self):
        form = Form(self.env["isp.cash.open"].with_user(self.cashier))
        self.assertEqual(form.desk_id, self.desk)
        with form.count_ids.edit(0) as note:
            self.assertEqual(note.value, 1000)
            note.quantity = 20
        form.from_safe = 20000
        self.assertEqual((form.counted, form.difference), (20000, 0))
        action = form.save().action_confirm()
        shift = self.env["isp.cash.shift"].with_user(self.cashier).browse(action["res_id"])
        action = shift.action_count()
        form = Form(self.env["isp.cash.close"].with_user(self.cashier).with_context(**action["context"]))
        with form.count_ids.edit(0) as note:
            note.quantity = 25
        self.assertEqual((form.counted, form.difference, form.to_safe, form.left), (25000, 5000, 5000, 20000))
        form.save().action_confirm()
        self.assertEqual((shift.state, shift.expected, shift.difference), ("closed", 20000, 5000))

    def test_reports(self):
        shift = self._open()
        customer = self._customer()
        self._take(customer, 100000)
        shift._move_cash("paid_out", 7000, "k1", reason=self.fuel, to_whom="Station", note="generator")
        for name, width in (("action_report_isp_cash_shift", 210), ("action_report_isp_cash_shift_roll", 80)):
            with self.subTest(name):
                pdf = self._pdf(name, shift)
                self.assertAlmostEqual(float(pages_of(pdf)[0].mediabox.width), width / 25.4 * 72, delta=1)
                text = text_of(pdf)[0]
                for part in ("X report", "Rose Keji", "100,000", "-7,000", "113,000", customer.name):
                    self.assertIn(part, text)
        shift._close({1000: 112})
        text = text_of(self._pdf("action_report_isp_cash_shift", shift))[0]
        for part in ("Z report", "Z FD/1", "-1,000", "112,000"):
            self.assertIn(part, text)

    def _pdf(self, name, shift):
        reports = self.env["ir.actions.report"].with_user(self.cashier)
        return reports._render_qweb_weasyprint(f"isp_cash.{name}", shift.ids)[0]
