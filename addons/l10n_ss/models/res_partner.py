# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import fields, models


class ResPartner(models.Model):
    _inherit = "res.partner"

    l10n_ss_certificate_ids = fields.One2many("l10n_ss.certificate", "partner_id", string="Tax certificates")

    def _l10n_ss_certificate(self, kind, day=None, company=None):
        """:param str kind: ``exemption`` or ``withholding``
        :param date day: business date, normally the invoice date; default today in South Sudan
        :param company: ``res.company``, default the current one; a branch sees its parents' certificates
        :return: the ``l10n_ss.certificate`` (sudo) of this customer that holds on that day, or none
        """
        certificates = self.env["l10n_ss.certificate"].sudo()
        row = self._l10n_ss_certificate_row(kind, day, company)
        return certificates.browse(row[2]) if row else certificates

    def _l10n_ss_certificate_row(self, kind, day=None, company=None):
        certificates = self.env["l10n_ss.certificate"]
        rows = certificates._valid_periods(kind, company or self.env.company).get(self.commercial_partner_id.id, ())
        if not rows:
            return None
        day = fields.Date.to_date(day) or certificates._today()
        return next((row for row in rows if row[0] <= day <= row[1]), None)

    def _l10n_ss_withholds(self, day=None, company=None):
        """:return: whether this customer withholds tax when paying: a certificate says so, or its fiscal position"""
        self.ensure_one()
        company = company or self.env.company
        if self._l10n_ss_certificate_row("withholding", day, company):
            return True
        chart = self.env["account.chart.template"].with_company(company)
        government = chart.ref("ss_government", raise_if_not_found=False)
        position = self.commercial_partner_id.with_company(company).property_account_position_id
        return bool(government) and position == government
