# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import phonenumbers

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.base.models.res_partner import ResPartner as BasePartner

from ..engine import account_no


class ResPartner(models.Model):
    _inherit = "res.partner"
    # Customers are found by account number, Arabic name and phone too.
    _rec_names_search = [*BasePartner._rec_names_search, "isp_account_no", "isp_name_ar", "phone"]

    isp_account_no = fields.Char(string="Account number", copy=False, help="What the customer quotes when paying.")
    isp_name_ar = fields.Char(string="Name in Arabic")
    isp_alt_phone = fields.Char(string="Second phone")
    isp_customer_type = fields.Selection(
        [
            ("residential", "Household"),
            ("business", "Business"),
            ("government", "Government"),
            ("ngo", "NGO"),
            ("reseller", "Reseller"),
        ],
        string="Kind of customer",
    )
    isp_id_type = fields.Selection(
        [
            ("national_id", "National ID"),
            ("passport", "Passport"),
            ("tin", "Tax number"),
            ("chief_letter", "Chief's letter"),
            ("other", "Other document"),
        ],
        string="Document",
        groups="isp_base.group_isp_customer_service",
    )
    isp_id_number = fields.Char(string="Document number", groups="isp_base.group_isp_customer_service")
    isp_id_document = fields.Binary(string="Copy of the document", attachment=True, groups="isp_base.group_isp_customer_service")
    isp_id_document_name = fields.Char(groups="isp_base.group_isp_customer_service")
    isp_county = fields.Char(string="County")
    isp_payam = fields.Char(string="Payam")
    isp_boma = fields.Char(string="Boma")
    isp_subscription_ids = fields.One2many("isp.subscription", "partner_id", string="Subscriptions")
    isp_subscription_count = fields.Integer(compute="_compute_isp_subscription_count")

    _isp_account_no_unique = models.UniqueIndex(
        "(isp_account_no) WHERE isp_account_no IS NOT NULL", "This account number is taken by another customer."
    )

    def _compute_isp_subscription_count(self):
        groups = self.env["isp.subscription"]._read_group([("partner_id", "in", self.ids)], ["partner_id"], ["__count"])
        counts = {partner.id: count for partner, count in groups}
        for partner in self:
            partner.isp_subscription_count = counts.get(partner.id, 0)

    @api.depends("isp_name_ar")
    @api.depends_context("lang")
    def _compute_display_name(self):
        """Override of `base`: on Arabic screens a customer has its Arabic name."""
        result = super()._compute_display_name()
        if (self.env.lang or "").startswith("ar"):
            for partner in self:
                if partner.isp_name_ar and partner.name:
                    partner.display_name = partner.display_name.replace(partner.name, partner.isp_name_ar, 1)
        return result

    @api.constrains("isp_alt_phone")
    def _check_isp_alt_phone(self):
        for partner in self.filtered("isp_alt_phone"):
            region = (partner.country_id or partner.company_id.country_id or self.env.company.country_id).code
            try:
                valid = phonenumbers.is_valid_number(phonenumbers.parse(partner.isp_alt_phone, region))
            except phonenumbers.NumberParseException:
                valid = False
            if not valid:
                raise ValidationError(
                    self.env._("%(number)s is not a phone number, e.g. +211 921 234 567.", number=partner.isp_alt_phone)
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            if "isp_account_no" in vals:
                vals["isp_account_no"] = vals["isp_account_no"] or False
        return super().create(vals_list)

    def write(self, vals):
        if "isp_account_no" in vals:
            vals = {**vals, "isp_account_no": vals["isp_account_no"] or False}
        return super().write(vals)

    def _isp_give_account_no(self):
        """Give those without an account number the next one, its last digit a check digit.

        Numbers brought by an import stay; one that is taken already is passed over.
        """
        for partner in self.filtered(lambda p: not p.isp_account_no):
            for _try in range(1000):
                number = account_no.complete(self.env["ir.sequence"].next_by_code("isp.account.no"))
                if not self.sudo().with_context(active_test=False).search_count([("isp_account_no", "=", number)], limit=1):
                    partner.isp_account_no = number
                    break
            else:
                raise ValidationError(self.env._("The next 1,000 account numbers are taken; set the sequence “Account number” to a free one."))

    @api.model
    def _isp_by_account_no(self, text):
        """Find who has an account number as somebody typed it: spaces, dashes and Arabic digits do not matter.

        :return: (partner or an empty recordset, whether the text looks like one of our numbers with a wrong digit)
        """
        number = account_no.normalize(text)
        partner = self.search([("isp_account_no", "in", list({number, (text or "").strip()} - {""}))], limit=1) if number else self.browse()
        sequence = self.env["ir.sequence"].sudo().search([("code", "=", "isp.account.no")], limit=1)
        ours = account_no.looks_ours(number, sequence.prefix or "", sequence.padding)
        return partner, not partner and ours and not account_no.is_valid(number)

    def _address_fields(self):
        return [*super()._address_fields(), "isp_county", "isp_payam", "isp_boma"]

    def action_view_isp_subscriptions(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("isp_base.action_isp_subscription")
        return {**action, "domain": [("partner_id", "child_of", self.id)], "context": {"default_partner_id": self.id}}
