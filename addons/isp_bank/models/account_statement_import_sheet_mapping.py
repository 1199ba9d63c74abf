# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models

from ..engine import statement

_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "space": " ", "dot": "."}


class AccountStatementImportSheetMapping(models.Model):
    _inherit = "account.statement.import.sheet.mapping"

    isp_phone_column = fields.Char(string="Phone column", help="Telephone number of who paid.")

    def _isp_mapping(self, currency):
        """:return: this mapping for ``engine/statement.py``"""
        self.ensure_one()
        simple = {"comma": ",", "dot": ".", "quote": "'", "none": ""}
        distinct = self.amount_type == "distinct_credit_debit"
        texts = [name for field in (self.description_column, self.notes_column) for name in (field or "").split(",") if name.strip()]
        return statement.Mapping(
            date=self.timestamp_column.strip(),
            amount="" if distinct else (self.amount_column or "").strip(),
            debit=(self.amount_debit_column or "").strip() if distinct else "",
            credit=(self.amount_credit_column or "").strip() if distinct else "",
            sign=(self.debit_credit_column or "").strip() if self.amount_type == "absolute_value" else "",
            out_value=self.debit_value or "D",
            reference=(self.transaction_id_column or self.reference_column or "").strip(),
            text=tuple(name.strip() for name in texts),
            payer=(self.partner_name_column or "").strip(),
            phone=(self.isp_phone_column or "").strip(),
            currency=(self.currency_column or "").strip(),
            own_currency=currency.name,
            date_format=self.timestamp_format,
            thousands=simple[self.float_thousands_sep or "none"],
            decimal=simple[self.float_decimal_sep or "none"] or ".",
            encoding=self.file_encoding or "utf-8",
            delimiter=_DELIMITERS.get(self.delimiter, ","),
            quotechar=self.quotechar or '"',
            inverse=self.amount_inverse_sign,
            no_header=self.no_header,
            skip_header=self.header_lines_skip_count,
            skip_footer=self.footer_lines_skip_count,
            offset=self.offset_column,
        )
