# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class AccountTax(models.Model):
    """South Sudan changes rates by Finance Act, so each rate is a record with dates.

    ======================  ====  =====================================  =================================
    telecom excise          10 %  to 31 January 2018
                            15 %  1 February 2018 to 17 July 2022        Finance Act 2017/18
                            20 %  from 18 July 2022                      Finance Act 2021/22
    withheld by government   5 %  to 1 December 2024
                            15 %  from 2 December 2024                   Finance Act 2024/25
    sales tax               18 %  off; not due on internet access        hotels, restaurants, bars, imports
    ======================  ====  =====================================  =================================

    A new rate is a new record: close the old one on the last day it applies. Have an accountant confirm.
    """

    _inherit = "account.tax"

    l10n_ss_kind = fields.Selection(
        [("excise", "Excise"), ("withholding", "Withholding"), ("sales", "Sales tax")],
        string="Kind (South Sudan)",
        copy=False,
        help="Rates of one kind follow each other in time; the invoice date chooses among them.",
    )
    l10n_ss_valid_from = fields.Date("Valid from", copy=False, help="First day of this rate; empty: always.")
    l10n_ss_valid_to = fields.Date(
        "Valid to", copy=False, help="Last day of this rate; empty: until changed."
    )

    @api.constrains(
        "l10n_ss_kind", "l10n_ss_valid_from", "l10n_ss_valid_to", "type_tax_use", "active", "company_id"
    )
    def _check_l10n_ss_validity(self):
        for tax in self.filtered("l10n_ss_kind"):
            start, end = tax._l10n_ss_period()
            if start > end:
                raise ValidationError(self.env._("%(tax)s ends before it begins.", tax=tax.name))
            others = (
                self.search(tax._l10n_ss_kind_domain(tax.l10n_ss_kind, tax.type_tax_use, tax.company_id))
                - tax
            )
            for other in others if tax.active else ():
                other_start, other_end = other._l10n_ss_period()
                if start <= other_end and other_start <= end:
                    raise ValidationError(
                        self.env._(
                            "%(tax)s and %(other)s are of one kind and valid on the same day. Close one first.",
                            tax=tax.name,
                            other=other.name,
                        )
                    )

    @api.model
    def _l10n_ss_tax_at(self, kind, day, company=None, use=None):
        """Return the tax of a kind that is valid on a day.

        :param str kind: ``excise``, ``withholding`` or ``sales``
        :param date day: business date in Africa/Juba, normally the invoice date
        :param company: ``res.company``, default the current one; a branch sees its parents' taxes
        :param str use: ``type_tax_use``, default ``none`` for withholding (it is taken when paying, not on
            the invoice) and ``sale`` for the others
        :return: one ``account.tax``, or none when no active rate of that kind covers the day
        """
        use = use or ("none" if kind == "withholding" else "sale")
        taxes = self.search(self._l10n_ss_kind_domain(kind, use, company or self.env.company))
        day = fields.Date.to_date(day)
        return taxes.filtered(lambda tax: tax._l10n_ss_period()[0] <= day <= tax._l10n_ss_period()[1])[:1]

    @api.model
    def _l10n_ss_kind_domain(self, kind, use, company):
        return [
            *self._check_company_domain(company),
            ("active", "=", True),
            ("l10n_ss_kind", "=", kind),
            ("type_tax_use", "=", use),
        ]

    def _l10n_ss_period(self):
        """Return the first and the last day of the rate, both inclusive."""
        self.ensure_one()
        return self.l10n_ss_valid_from or date.min, self.l10n_ss_valid_to or date.max

    def _l10n_ss_at(self, day):
        """Return the rate of this tax's kind that is valid on a day; itself when it is not dated or none is."""
        self.ensure_one()
        start, end = self._l10n_ss_period()
        if not self.l10n_ss_kind or start <= day <= end:
            return self
        return self._l10n_ss_tax_at(self.l10n_ss_kind, day, self.company_id, self.type_tax_use) or self
