# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest
import random
import re
from datetime import date, timedelta

from freezegun import freeze_time
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import BaseCase, new_test_user, tagged

from odoo.addons.report_weasyprint.tests.common import pages_of, text_of

from ..engine import statement as engine
from .test_taxes import TaxCommon

amounts = st.integers(-10_000_000, 10_000_000)
DAY = date(2026, 11, 20)
#: A busy machine is no error.
patient = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class TestStatementEngine(BaseCase):
    def test_doctests(self):
        result = doctest.testmod(engine)
        self.assertGreater(result.attempted, 6)
        self.assertEqual(result.failed, 0)

    @patient
    @given(amounts, st.lists(amounts))
    def test_opening_and_entries_sum_to_closing(self, opening, entries):
        rows, closing = engine.running(opening, entries)
        self.assertEqual(closing, opening + sum(entries))
        self.assertEqual(len(rows), len(entries))

    @patient
    @given(st.lists(st.tuples(st.dates(date(2025, 1, 1), date(2027, 12, 31)), amounts)))
    def test_every_open_pound_has_one_age(self, items):
        age = engine.ageing(items, DAY)
        self.assertEqual(age.balance, sum(amount for _due, amount in items))
        self.assertGreaterEqual(min(*age.buckets, age.not_due, age.credit), 0)


class StatementCommon(TaxCommon):
    def _statement(self, partner, start="2026-01-01", end="2026-12-31"):
        start, end = date.fromisoformat(str(start)), date.fromisoformat(str(end))
        return partner._isp_statements(start, end, self.company)[partner.id]

    def _story(self):
        """October and November billed; paid in part, one month net of tax, a credit note."""
        partner = self._create_customer("Ministry of Health", isp_account_no="C901")
        line = self._create_line(billing_from=date(2026, 10, 1), partner_id=partner.id)
        self._bill(date(2026, 10, 1))
        self._bill(date(2026, 11, 1))
        october, november = line.period_ids.sorted("date_start").move_id.sorted("invoice_date")
        self._pay(partner, 100000, date="2026-10-15", memo="Cheque 17")
        self._pay(partner, 89000, date="2026-11-03")
        self._withhold(october, day="2026-11-03", certificate_no="WHT/1")
        refund = november._reverse_moves([{"invoice_date": date(2026, 11, 10), "date": date(2026, 11, 10)}])
        refund.invoice_line_ids.price_unit = 30000
        refund.action_post()
        self._pay(partner, 300000, date="2026-11-18")
        return partner, october, november


@tagged("post_install", "-at_install")
@freeze_time("2026-11-20 10:00:00")
class TestStatement(StatementCommon):
    def test_story_by_hand(self):
        partner, october, november = self._story()
        statement = self._statement(partner, "2026-10-10", "2026-11-20")
        self.assertEqual(statement.opening, 216000)
        self.assertEqual(
            [(str(row.date), row.kind, row.debit, row.credit, row.balance) for row in statement.rows],
            [
                ("2026-10-15", "payment", 0, 100000, 116000),
                ("2026-11-01", "invoice", 216000, 0, 332000),
                ("2026-11-03", "payment", 0, 89000, 243000),
                ("2026-11-03", "withholding", 0, 27000, 216000),
                ("2026-11-10", "credit_note", 0, 36000, 180000),
                ("2026-11-18", "payment", 0, 300000, -120000),
            ],
        )
        self.assertEqual((statement.closing, statement.ageing.balance), (-120000, -120000))
        first, *_others, last = statement.rows
        self.assertEqual((first.reference, first.paid), ("Cheque 17", [(october.name, 100000)]))
        self.assertIn(november.name, dict(last.paid))

    def test_ageing_is_that_of_the_last_day(self):
        """What was paid afterwards was open then."""
        partner, _october, _november = self._story()
        age = self._statement(partner, end="2026-11-05").ageing
        self.assertEqual((age.due, age.not_due, age.credit), (0, 216000, 0))
        age = self._statement(partner, end="2026-10-31").ageing
        self.assertEqual((age.buckets, age.not_due), ((116000, 0, 0, 0), 0))
        age = self._statement(partner).ageing
        self.assertEqual((age.due, age.not_due, age.credit), (0, 0, 120000))

    def test_customer_without_entries(self):
        statement = self._statement(self._create_customer())
        self.assertEqual((statement.opening, statement.rows, statement.closing, statement.ageing.balance), (0, [], 0, 0))

    def test_reversed_payment_and_cancelled_tax(self):
        partner, october, _november = self._story()
        payment = self.env["account.payment"].search([("partner_id", "=", partner.id)], limit=1, order="id desc")
        payment._isp_reverse(date(2026, 11, 19), "Bounced")
        withholding = self.env["l10n_ss.withholding"].search([("partner_id", "=", partner.id)])
        withholding.cancel_reason = "No certificate"
        withholding.action_cancel()
        statement = self._statement(partner)
        self.assertEqual([(row.kind, row.debit) for row in statement.rows[-2:]], [("reversal", 300000), ("withholding", 27000)])
        self.assertEqual(statement.closing, 207000)
        self.assertEqual(statement.ageing.balance, 207000)
        self.assertEqual(october.l10n_ss_withheld, 0)

    def test_written_off(self):
        partner = self._create_customer()
        line = self._create_line(partner_id=partner.id)
        self._bill(date(2026, 11, 1))
        receivable = line.period_ids.move_id.line_ids.filtered(lambda item: item.account_type == "asset_receivable")
        move = self.env["account.move"].create(
            {
                "date": "2026-11-20",
                "line_ids": [
                    (0, 0, {"account_id": receivable.account_id.id, "partner_id": partner.id, "credit": 216000}),
                    (0, 0, {"account_id": self.chart.ref("ss_bad_debts").id, "debit": 216000}),
                ],
            }
        )
        move.action_post()
        self.assertEqual(self._statement(partner).rows[-1].kind, "writeoff")

    def test_random_lives(self):
        """Opening and entries sum to the closing balance, on any days; the ageing too; the last agrees with the books."""
        for seed in range(4):
            rng = random.Random(seed)
            partner = self._create_customer(f"Customer {seed}")
            line = self._create_line(date(2026, 6, rng.randint(1, 28)), rng.randint(1, 31), partner_id=partner.id)
            for month in range(6, 12):
                self._bill(date(2026, month, 28), invoice_date=date(2026, month, rng.randint(1, 28)))
                for _number in range(rng.randint(0, 2)):
                    self._pay(partner, rng.randint(1, 300000), date=str(date(2026, month, rng.randint(1, 28))))
                invoice = rng.choice(line.period_ids.move_id)
                if rng.random() < 0.4 and not invoice.l10n_ss_withheld and invoice.invoice_date <= date(2026, 11, 20):
                    self._withhold(invoice, day=str(invoice.invoice_date))
            self._assert_sums(partner, rng)

    def _assert_sums(self, partner, rng):
        days = sorted(date(2026, 5, 15) + timedelta(days=rng.randint(0, 230)) for _number in range(6))
        carried = None
        for start, end in zip(days, days[1:], strict=False):
            statement = self._statement(partner, start, end - timedelta(days=1)) if start < end else None
            if not statement:
                continue
            self.assertEqual(statement.opening + sum(row.debit - row.credit for row in statement.rows), statement.closing)
            self.assertEqual(statement.ageing.balance, statement.closing)
            self.assertIn(statement.opening, (carried, statement.opening if carried is None else carried))
            carried = statement.closing
        books = partner._isp_dues().get((partner.id, self.company.id))
        self.assertEqual(self._statement(partner).closing, books.balance if books else 0)

    def test_many_customers_cost_two_queries(self):
        lines = self._create_line() + self._create_line() + self._create_line()
        self._bill(date(2026, 11, 1))
        partners = lines.partner_id
        start, end = date(2026, 1, 1), date(2026, 12, 31)
        partners._isp_statements(start, end, self.company)
        self.env.flush_all()
        before = self.cr.sql_log_count
        statements = partners._isp_statements(start, end, self.company)
        self.assertEqual(self.cr.sql_log_count - before, 2)
        self.assertEqual({statement.closing for statement in statements.values()}, {216000})

    # === Screen === #

    def test_account_on_the_screen(self):
        partner, _october, _november = self._story()
        entries = self.env["isp.account.entry"].search([("partner_id", "=", partner.id)], order="date, id")
        self.assertEqual(entries.mapped("balance"), [216000, 116000, 332000, 243000, 216000, 180000, -120000])
        action = partner.action_isp_account()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), entries.sorted(lambda e: (e.date, e.id), reverse=True))
        self.assertEqual(entries[1].action_open()["res_model"], "account.payment")
        self.assertEqual(entries[0].action_open()["res_model"], "account.move")

    # === Paper === #

    def _pdf(self, partner, paper="a4", **vals):
        wizard = self.env["isp.statement"].create(
            {"partner_id": partner.id, "date_from": "2026-10-10", "date_to": "2026-11-20", "paper": paper, **vals}
        )
        report = wizard.action_print()["report_name"]
        return self.env["ir.actions.report"]._render_qweb_weasyprint(report, wizard.ids)[0]

    def test_paper(self):
        partner, october, _november = self._story()
        text = text_of(self._pdf(partner))[0]
        for part in ("C901", "Opening balance", "216,000", "Cheque 17", "WHT/1", october.name, "Your credit, not used yet", "120,000"):
            self.assertIn(part, text)
        self.assertNotIn("Carried forward", text)
        roll = self._pdf(partner, "80mm")
        self.assertAlmostEqual(float(pages_of(roll)[0].mediabox.width), 80 / 25.4 * 72, delta=1)
        self.assertIn("Opening balance", text_of(roll)[0])

    def test_balance_is_carried_over_pages(self):
        partner = self._create_customer()
        for number in range(60):
            self._pay(partner, 1000 + number, date="2026-11-01")
        pages = text_of(self._pdf(partner))
        self.assertGreater(len(pages), 1)
        carried = re.search(r"Carried forward: \W*SSP (-?[\d,]+)", pages[0])[1]
        brought = re.search(r"Brought forward: \W*SSP (-?[\d,]+)", pages[1])[1]
        self.assertEqual(carried, brought)
        self.assertNotIn("Brought forward", pages[0])
        self.assertNotIn("Carried forward", pages[-1])

    def test_in_arabic(self):
        self.env["res.lang"]._activate_lang("ar_001")
        partner, _october, _november = self._story()
        partner.write({"lang": "ar_001", "isp_name_ar": "وزارة الصحة"})
        for paper in ("a4", "80mm"):
            text = text_of(self._pdf(partner, paper))[0]
            self.assertIn("120,000", text)
            self.assertFalse(set(text) & set("٠١٢٣٤٥٦٧٨٩"), "one kind of digits on paper")

    def test_sent_by_email(self):
        partner, _october, _november = self._story()
        wizard = self.env["isp.statement"].create({"partner_id": partner.id})
        with self.assertRaisesRegex(UserError, "e-mail"):
            wizard.action_send()
        partner.email = "health@example.com"
        wizard.action_send()
        message = partner.message_ids[:1]
        self.assertEqual((len(message.attachment_ids), message.partner_ids), (1, partner))

    def test_days_in_order(self):
        with self.assertRaises(ValidationError):
            self.env["isp.statement"].create({"partner_id": self._create_customer().id, "date_to": "2026-01-01"})

    def test_rights(self):
        partner, _october, _november = self._story()
        entry = self.env["isp.account.entry"].search([("partner_id", "=", partner.id)], limit=1)
        for login, group, allowed in (
            ("cs", "isp_base.group_isp_customer_service", True),
            ("bm", "isp_base.group_isp_billing_manager", True),
            ("te", "isp_base.group_isp_technician", False),
            ("po", "base.group_portal", False),
        ):
            company = {} if group == "base.group_portal" else {"company_id": self.company.id}
            user = new_test_user(self.env, f"st-{login}", groups=group, **company)
            if allowed:
                self.assertTrue(entry.with_user(user).read(["balance"]))
                wizard = self.env["isp.statement"].with_user(user).create({"partner_id": partner.id})
                self.env["ir.actions.report"].with_user(user)._render_qweb_weasyprint(
                    "isp_billing.action_report_isp_statement", wizard.ids
                )
                continue
            with self.assertRaises(AccessError):
                entry.with_user(user).read(["balance"])
            with self.assertRaises(AccessError):
                self.env["isp.statement"].with_user(user).create({"partner_id": partner.id})
