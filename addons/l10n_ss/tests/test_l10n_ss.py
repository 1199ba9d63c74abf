# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import importlib.util
from pathlib import Path

from odoo import Command, fields
from odoo.exceptions import ValidationError
from odoo.modules import get_module_path
from odoo.tests import tagged

from odoo.addons.account.tests.common import AccountTestInvoicingCommon


@tagged("post_install_l10n", "post_install", "-at_install")
class TestL10nSs(AccountTestInvoicingCommon):
    @classmethod
    @AccountTestInvoicingCommon.setup_chart_template("ss")
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env.company
        cls.chart = cls.env["account.chart.template"].with_company(cls.company)
        cls.plan = cls.env["product.product"].create(
            {
                "name": "HOME-5M",
                "type": "service",
                "list_price": 180000,
                "taxes_id": [Command.set(cls.company.account_sale_tax_id.ids)],
            }
        )

    def _invoice(self, price=180000, post=True, **values):
        invoice = self.env["account.move"].create(
            {
                "move_type": "out_invoice",
                "partner_id": self.partner_a.id,
                "invoice_date": "2026-11-01",
                "invoice_line_ids": [Command.create({"product_id": self.plan.id, "price_unit": price})],
                **values,
            }
        )
        if post:
            invoice.action_post()
        return invoice

    def _register(self, invoice, journal, **values):
        wizard = self.env["account.payment.register"].with_context(
            active_model="account.move", active_ids=invoice.ids
        )
        return wizard.create({"journal_id": journal.id, **values})._create_payments()

    # === Chart === #

    def test_chart_in_arabic(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.chart._load_translations(langs=["ar_001"], companies=self.company)
        tax = self.chart.ref("ss_excise_20").with_context(lang="ar_001")
        self.assertEqual((tax.name, tax.invoice_label, tax.tax_group_id.name), ("رسم الإنتاج 20%", "رسم الإنتاج 20%", "رسم الإنتاج"))
        self.assertEqual(self.chart.ref("ss_revenue_telecom").with_context(lang="ar_001").name, "اشتراكات الإنترنت")
        self.assertEqual(self.chart.ref("momo").with_context(lang="ar_001").name, "محفظة الهاتف")

    def test_accounts_that_came_later(self):
        """A company that has the chart gets them by the update; a number that it uses for something else stays its own."""
        path = Path(get_module_path("l10n_ss")) / "migrations" / "19.0.2.1.0" / "post-migration.py"
        spec = importlib.util.spec_from_file_location("l10n_ss_accounts", path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.env["account.account"].concat(*map(self.chart.ref, script.ADDED)).unlink()
        other = self.env["account.account"].create({"name": "Loans to friends", "code": "109000", "account_type": "asset_current"})
        for _time in range(2):
            script.migrate(self.env.cr, "19.0.2.0.0")
            floats = self.chart.ref("ss_reseller_floats")
            self.assertEqual((floats.code, floats.account_type, floats.company_ids), ("203400", "liability_current", self.company))
            self.assertFalse(self.chart.ref("ss_reseller_debts", raise_if_not_found=False))
        self.assertEqual(self.env["account.account"].search([("code", "=", "109000")]), other)
        other.code = "109001"
        script.migrate(self.env.cr, "19.0.2.0.0")
        self.assertEqual(self.chart.ref("ss_reseller_debts").code, "109000")

    def test_company_is_set_up(self):
        self.assertEqual(self.company.currency_id, self.env.ref("base.SSP"))
        self.assertEqual(self.company.account_fiscal_country_id, self.env.ref("base.ss"))
        self.assertEqual(self.company.account_sale_tax_id, self.chart.ref("ss_excise_20"))
        self.assertFalse(self.company.account_purchase_tax_id)
        self.assertEqual(self.company.tax_calculation_rounding_method, "round_per_line")
        self.assertEqual(self.company.default_cash_difference_expense_account_id.code, "612000")
        self.assertEqual(self.company.income_account_id.code, "401000")

    def test_country_suggests_the_chart(self):
        self.assertEqual(self.chart._guess_chart_template(self.env.ref("base.ss")), "ss")

    def test_every_account_is_wanted_once(self):
        names = self.chart._parse_csv("ss", "account.account")
        codes = [values["code"] for values in names.values()]
        self.assertEqual(len(codes), len(set(codes)))
        self.assertTrue(all(self.chart.ref(xmlid) for xmlid in names))

    def test_whole_pounds(self):
        pound = self.env.ref("base.SSP")
        self.assertTrue(pound.active)
        self.assertEqual((pound.rounding, pound.decimal_places), (1.0, 0))
        self.assertEqual(pound.format(216000).replace("\xa0", " "), "SSP 216,000")

    def test_states(self):
        states = self.env.ref("base.ss").state_ids
        self.assertEqual(len(states), 13)
        self.assertIn("Northern Bahr el Ghazal", states.mapped("name"))
        self.assertEqual(self.env.ref("l10n_ss.state_ss_ec").name, "Central Equatoria")

    def test_other_companies_stay_as_they_are(self):
        other = self.setup_other_company(name="Elsewhere")["company"]
        self.chart.with_company(other).try_loading("generic_coa", company=other, install_demo=False)
        lines = self.env["account.payment.method.line"].search([("journal_id.company_id", "=", other.id)])
        before = (
            lines.mapped("payment_account_id"),
            other.account_sale_tax_id,
            other.tax_calculation_rounding_method,
        )
        self.chart.try_loading("ss", company=self.company, install_demo=False)
        after = (
            lines.mapped("payment_account_id"),
            other.account_sale_tax_id,
            other.tax_calculation_rounding_method,
        )
        self.assertEqual(before, after)

    def test_loading_again_keeps_what_people_changed(self):
        line = self.chart.ref("cash").inbound_payment_method_line_ids
        line.payment_account_id = self.chart.ref("ss_unidentified_receipts")
        self.chart.try_loading("ss", company=self.company, install_demo=False)
        self.assertEqual(line.payment_account_id, self.chart.ref("ss_unidentified_receipts"))

    # === Taxes === #

    def test_invoice_of_a_month(self):
        invoice = self._invoice()
        self.assertRecordValues(
            invoice,
            [{"amount_untaxed": 180000, "amount_tax": 36000, "amount_total": 216000, "state": "posted"}],
        )
        excise = invoice.line_ids.filtered("tax_line_id")
        self.assertEqual(excise.account_id, self.chart.ref("ss_excise_payable"))

    def test_excise_is_rounded_at_each_line(self):
        # 20 % of 12 is 2.4, so 2 on each line; rounding the sum would make 3 lines 7.
        lines = [Command.create({"product_id": self.plan.id, "price_unit": 12}) for _ in range(3)]
        self.assertEqual(self._invoice(invoice_line_ids=lines).amount_tax, 6)

    def test_rate_of_the_day(self):
        for kind, day, expected in (
            ("excise", "2018-01-31", 10),
            ("excise", "2018-02-01", 15),
            ("excise", "2022-07-17", 15),
            ("excise", "2022-07-18", 20),
            ("excise", "2026-11-01", 20),
            ("withholding", "2024-12-01", -5),
            ("withholding", "2024-12-02", -15),
        ):
            with self.subTest(kind=kind, day=day):
                tax = self.env["account.tax"]._l10n_ss_tax_at(kind, fields.Date.to_date(day), self.company)
                self.assertEqual(tax.amount, expected)

    def test_sales_tax_is_off_until_switched_on(self):
        find = self.env["account.tax"]._l10n_ss_tax_at
        today = fields.Date.to_date("2026-11-01")
        self.assertFalse(find("sales", today))
        self.chart.ref("ss_sales_18").active = True
        self.assertEqual(find("sales", today), self.chart.ref("ss_sales_18"))
        self.assertFalse(find("sales", today, use="purchase"))

    def test_next_finance_act(self):
        new = self.chart.ref("ss_excise_20").copy({"name": "25% Excise", "amount": 25})
        with self.assertRaisesRegex(ValidationError, "same day"):
            new.write({"l10n_ss_kind": "excise", "l10n_ss_valid_from": "2027-07-01"})
        self.chart.ref("ss_excise_20").l10n_ss_valid_to = "2027-06-30"
        new.write({"l10n_ss_kind": "excise", "l10n_ss_valid_from": "2027-07-01"})
        find = self.env["account.tax"]._l10n_ss_tax_at
        self.assertEqual(find("excise", fields.Date.to_date("2027-06-30")).amount, 20)
        self.assertEqual(find("excise", fields.Date.to_date("2027-07-01")), new)

    def test_invoice_takes_the_rate_of_its_date(self):
        """The product keeps the excise of 20 %; an invoice of 2021 is charged 15 %, one of today 20 %."""
        for day, tax in (("2021-06-30", 27000), ("2022-07-17", 27000), ("2022-07-18", 36000)):
            self.assertEqual(self._invoice(invoice_date=day).amount_tax, tax, day)

    def test_exemption_holds_on_any_date(self):
        exempt = self.chart.ref("ss_excise_exempt")
        for day in ("2021-06-30", "2026-11-01"):
            self.assertFalse(self._invoice(invoice_date=day, fiscal_position_id=exempt.id).amount_tax, day)

    def test_a_rate_cannot_end_before_it_begins(self):
        with self.assertRaisesRegex(ValidationError, "before it begins"):
            self.chart.ref("ss_excise_20").l10n_ss_valid_to = "2022-07-17"

    def test_companies_have_their_own_rates(self):
        other = self.setup_other_company(name="Second ISP")["company"]
        day = fields.Date.to_date("2026-11-01")
        mine = self.env["account.tax"]._l10n_ss_tax_at("excise", day, self.company)
        theirs = self.env["account.tax"].with_company(other)._l10n_ss_tax_at("excise", day, other)
        self.assertEqual(mine.company_id, self.company)
        self.assertEqual(theirs.company_id, other)

    def test_exempt_customer(self):
        exempt = self.chart.ref("ss_excise_exempt")
        self.chart.ref("ss_sales_18").active = True
        for xmlid in ("ss_excise_10", "ss_excise_15", "ss_excise_20"):
            mapped = exempt.map_tax(self.chart.ref(xmlid) + self.chart.ref("ss_sales_18"))
            self.assertEqual(mapped, self.chart.ref("ss_excise_0") + self.chart.ref("ss_sales_18"))
        self.partner_a.property_account_position_id = exempt
        invoice = self._invoice()
        self.assertEqual((invoice.amount_tax, invoice.amount_total), (0, 180000))
        self.assertEqual(invoice.invoice_line_ids.tax_ids, self.chart.ref("ss_excise_0"))

    def test_government_customer_pays_excise_and_withholds_when_paying(self):
        government = self.chart.ref("ss_government")
        self.partner_a.property_account_position_id = government
        invoice = self._invoice()
        self.assertEqual(invoice.amount_total, 216000)
        self.assertIn(self.chart.ref("ss_withholding_15"), government.tax_ids)
        payment = self._register(
            invoice,
            self.chart.ref("bank"),
            amount=216000 - 27000,
            l10n_ss_withheld=0,
            payment_difference_handling="reconcile",
            writeoff_account_id=self.chart.ref("ss_withholding_receivable").id,
        )
        self.assertRecordValues(invoice, [{"payment_state": "paid", "amount_residual": 0}])
        withheld = payment.move_id.line_ids.filtered(
            lambda line: line.account_id == self.chart.ref("ss_withholding_receivable")
        )
        self.assertEqual(withheld.balance, 27000)

    # === Paid means paid === #

    def test_payment_books_an_entry(self):
        outstanding = self.chart.ref("account_journal_payment_debit_account_id")
        for xmlid, account in (
            ("cash", self.chart.ref("ss_cash")),
            ("bank", outstanding),
            ("momo", outstanding),
        ):
            with self.subTest(journal=xmlid):
                invoice = self._invoice()
                payment = self._register(invoice, self.chart.ref(xmlid))
                self.assertEqual(payment.move_id.state, "posted")
                self.assertEqual(payment.move_id.line_ids.filtered("debit").account_id, account)
                self.assertRecordValues(invoice, [{"payment_state": "paid", "amount_residual": 0}])

    def test_part_payment_leaves_the_rest(self):
        invoice = self._invoice()
        self._register(invoice, self.chart.ref("cash"), amount=100000)
        self.assertRecordValues(invoice, [{"payment_state": "partial", "amount_residual": 116000}])

    def test_refund_in_cash_books_an_entry(self):
        payment = self.env["account.payment"].create(
            {
                "payment_type": "outbound",
                "partner_type": "customer",
                "partner_id": self.partner_a.id,
                "amount": 5000,
                "journal_id": self.chart.ref("cash").id,
            }
        )
        payment.action_post()
        self.assertEqual(payment.move_id.line_ids.filtered("credit").account_id, self.chart.ref("ss_cash"))
