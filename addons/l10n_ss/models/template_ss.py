# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models

from odoo.addons.account.models.chart_template import template


class AccountChartTemplate(models.AbstractModel):
    _inherit = "account.chart.template"

    @template("ss")
    def _get_ss_template_data(self):
        return {
            "name": self.env._("South Sudan"),
            "code_digits": "6",
            "property_account_receivable_id": "ss_receivable",
            "property_account_payable_id": "ss_payable",
        }

    @template("ss", "res.company")
    def _get_ss_res_company(self):
        return {
            self.env.company.id: {
                "account_fiscal_country_id": "base.ss",
                "bank_account_code_prefix": "1012",
                "cash_account_code_prefix": "1011",
                "transfer_account_code_prefix": "1017",
                # Whole pounds: round once, at the line.
                "tax_calculation_rounding_method": "round_per_line",
                "account_sale_tax_id": "ss_excise_20",
                "income_account_id": "ss_revenue_telecom",
                "expense_account_id": "ss_expense",
                "account_default_pos_receivable_account_id": "ss_receivable_pos",
                "income_currency_exchange_account_id": "ss_exchange_gain",
                "expense_currency_exchange_account_id": "ss_exchange_loss",
                "default_cash_difference_income_account_id": "ss_cash_difference_gain",
                "default_cash_difference_expense_account_id": "ss_cash_difference_loss",
                "account_journal_early_pay_discount_gain_account_id": "ss_early_payment_gain",
                "account_journal_early_pay_discount_loss_account_id": "ss_early_payment_loss",
                "deferred_revenue_account_id": "ss_deferred_revenue",
                "deferred_expense_account_id": "ss_prepayments",
            }
        }

    @template("ss", "account.journal")
    def _get_ss_account_journal(self):
        return {
            "cash": {
                "name": self.env._("Cash"),
                "type": "cash",
                "code": "CSH1",
                "default_account_id": "ss_cash",
                "show_on_dashboard": True,
                "sequence": 6,
            },
            "bank": {"default_account_id": "ss_bank"},
            "momo": {
                "name": self.env._("Mobile Money"),
                "type": "bank",
                "code": "MOMO",
                "default_account_id": "ss_mobile_money",
                "show_on_dashboard": True,
                "sequence": 8,
            },
        }

    def _post_load_data(self, template_code, company, template_data):
        result = super()._post_load_data(template_code, company, template_data)
        if template_code == "ss" and not company.parent_id:
            self.with_company(company)._l10n_ss_set_payment_accounts()
        return result

    def _l10n_ss_set_payment_accounts(self):
        """Give the payment methods of the chart's journals an account, so that a payment books an entry.

        Cash is in the drawer at once and goes to the cash account itself; bank and mobile money wait in the
        outstanding accounts for their statement. Accounts somebody has chosen already are kept.
        """
        receipts = self.ref("account_journal_payment_debit_account_id")
        payments = self.ref("account_journal_payment_credit_account_id")
        for xmlid in ("cash", "bank", "momo"):
            journal = self.ref(xmlid, raise_if_not_found=False)
            if not journal:
                continue
            drawer = journal.default_account_id if journal.type == "cash" else False
            for lines, account in (
                (journal.inbound_payment_method_line_ids, drawer or receipts),
                (journal.outbound_payment_method_line_ids, drawer or payments),
            ):
                lines.filtered(lambda line: not line.payment_account_id).payment_account_id = account
