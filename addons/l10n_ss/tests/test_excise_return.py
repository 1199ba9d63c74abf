# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from freezegun import freeze_time
from psycopg2 import IntegrityError

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import SouthSudanCommon


@tagged("post_install_l10n", "post_install", "-at_install")
@freeze_time("2026-12-05 10:00:00")
class TestExciseReturn(SouthSudanCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.juba, cls.wau = cls.env.ref("l10n_ss.state_ss_ec"), cls.env.ref("l10n_ss.state_ss_bw")
        cls.ministry.state_id = cls.juba

    def _return(self, day="2026-11-17"):
        return self.env["l10n_ss.excise.return"].create({"date_from": day})

    def _rows(self, record):
        return {
            (line.state_id.code or "-", line.rate): (line.base, line.tax, line.exempt_base, line.credit_base, line.credit_tax)
            for line in record.line_ids
        }

    def test_month_by_hand(self):
        """Juba: 180,000 + 100,000 − 50,000 credited; Wau 40,000; an embassy without a State, 70,000 exempt."""
        self._invoice(self.ministry)
        second = self._invoice(self.ministry, price=100000)
        refund = second._reverse_moves([{"invoice_date": date(2026, 11, 25), "date": date(2026, 11, 25)}])
        refund.invoice_line_ids.price_unit = 50000
        refund.action_post()
        clinic = self.env["res.partner"].create(
            {"name": "Clinic in Wau", "parent_id": self.ministry.id, "type": "delivery", "state_id": self.wau.id}
        )
        self._invoice(self.ministry, price=40000, partner_shipping_id=clinic.id)
        self._certificate()
        self._invoice(self.embassy, price=70000)
        # Not of this month, not posted:
        self._invoice(self.ministry, day="2026-10-31")
        self._invoice(self.ministry, day="2026-12-01")
        self._invoice(self.ministry, post=False)
        record = self._return()
        self.assertEqual(
            self._rows(record),
            {
                (self.juba.code, 20): (230000, 46000, 0, 50000, 10000),
                (self.wau.code, 20): (40000, 8000, 0, 0, 0),
                ("-", 0): (0, 0, 70000, 0, 0),
            },
        )
        self.assertRecordValues(
            record,
            [{"base": 270000, "tax": 54000, "exempt_base": 70000, "uncertified_base": 0, "ledger_tax": 54000, "difference": 0}],
        )
        self.assertEqual((str(record.date_from), str(record.date_due)), ("2026-11-01", "2026-12-15"))
        self.assertEqual(len(self.env["account.move"].search(record.action_view_documents()["domain"])), 5)

    def test_two_rates_in_one_month(self):
        self.chart.ref("ss_excise_20").l10n_ss_valid_to = "2026-11-14"
        new = self.chart.ref("ss_excise_20").copy({"name": "25% Excise", "amount": 25})
        new.write({"l10n_ss_kind": "excise", "l10n_ss_valid_from": "2026-11-15"})
        self._invoice(self.ministry, day="2026-11-14", price=1000)
        self._invoice(self.ministry, day="2026-11-15", price=1000)
        self.assertEqual(
            self._rows(self._return()),
            {(self.juba.code, 20): (1000, 200, 0, 0, 0), (self.juba.code, 25): (1000, 250, 0, 0, 0)},
        )

    def test_exempt_without_certificate_is_shown(self):
        self._invoice(self.ministry, price=500, fiscal_position_id=self.chart.ref("ss_excise_exempt").id)
        record = self._return()
        self.assertEqual((record.exempt_base, record.uncertified_base), (500, 500))

    def test_difference_with_the_ledger(self):
        self._invoice(self.ministry, price=1000)
        excise, bank = self.chart.ref("ss_excise_payable"), self.chart.ref("bank")
        for journal, debit, credit in (
            (self.company_data["default_journal_misc"], 30, 0),
            (bank, 500, 0),
        ):
            self.env["account.move"].create(
                {
                    "date": "2026-11-20",
                    "journal_id": journal.id,
                    "line_ids": [
                        Command.create({"account_id": excise.id, "debit": debit, "credit": credit}),
                        Command.create({"account_id": self.chart.ref("ss_retained_earnings").id, "debit": credit, "credit": debit}),
                    ],
                }
            ).action_post()
        record = self._return()
        self.assertEqual((record.tax, record.ledger_tax, record.difference, record.paid), (200, 170, -30, 500))
        self.assertEqual(len(self.env["account.move.line"].search(record.action_view_difference()["domain"])), 2)

    def test_filed_is_frozen(self):
        self._invoice(self.ministry, price=1000)
        record = self._return()
        record.action_file()
        record.action_file()
        self.assertEqual((record.state, str(record.filed_on)), ("filed", "2026-12-05"))
        self._invoice(self.ministry, price=100)
        record.invalidate_recordset()
        self.assertEqual((record.tax, record.late_tax), (200, 20))
        for change in (record.action_compute, record.unlink, lambda: record.write({"date_from": "2026-10-01"})):
            with self.assertRaises(UserError):
                change()
        record.action_take_back()
        record.action_compute()
        self.assertEqual((record.tax, record.late_tax), (220, 0))

    def test_month_that_is_not_over(self):
        record = self._return("2026-12-01")
        with self.assertRaisesRegex(UserError, "not over"):
            record.action_file()

    def test_one_return_a_month(self):
        self._return("2026-11-02")
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError), self.cr.savepoint():
            self._return("2026-11-28")

    def test_computing_again_changes_nothing(self):
        self._invoice(self.ministry)
        record = self._return()
        before = self._rows(record)
        record.action_compute()
        self.assertEqual(self._rows(record), before)

    def test_other_company_is_left_out(self):
        other = self.setup_other_company(name="Second ISP")["company"]
        self._invoice(self.ministry)
        record = self.env["l10n_ss.excise.return"].with_company(other).create({"date_from": "2026-11-01", "company_id": other.id})
        self.assertFalse(record.line_ids)

    def test_rights(self):
        self._invoice(self.ministry)
        clerk = new_test_user(self.env, "clerk", groups="account.group_account_invoice", company_id=self.company.id)
        plain = new_test_user(self.env, "plain", groups="base.group_user", company_id=self.company.id)
        record = self.env["l10n_ss.excise.return"].with_user(clerk).create({"date_from": "2026-11-01"})
        record.action_file()
        self.assertEqual(record.tax, 36000)
        with self.assertRaises(AccessError):
            record.line_ids.write({"tax": 1})
        for records in (record, record.line_ids):
            with self.assertRaises(AccessError):
                records.with_user(plain).read(["tax"])
