# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, timedelta

from odoo import api, fields, models, tools
from odoo.exceptions import ValidationError
from odoo.fields import Domain

KINDS = [("exemption", "Excise exemption"), ("withholding", "Withholding agent")]
#: A responsible person is reminded so many days before a certificate ends.
REMIND_DAYS = 30


class L10nSsCertificate(models.Model):
    """What the Revenue Authority has given a customer: exemption from excise, or the duty to withhold.

    An exemption holds on invoices dated within its validity, by itself; both days are inclusive. Two certificates
    of one kind and customer never hold on the same day: the database refuses the second, so there is always one answer.
    """

    _name = "l10n_ss.certificate"
    _description = "Tax certificate"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "valid_from desc, id desc"
    _rec_name = "number"
    _check_company_auto = True

    kind = fields.Selection(KINDS, required=True, default="exemption", tracking=True)
    number = fields.Char(required=True, copy=False, tracking=True)
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        required=True,
        index=True,
        ondelete="restrict",
        domain="[('parent_id', '=', False)]",
        tracking=True,
    )
    issued_by = fields.Char(default=lambda self: self.env._("South Sudan Revenue Authority"))
    issued_on = fields.Date()
    valid_from = fields.Date(required=True, default=lambda self: self._today(), tracking=True)
    valid_to = fields.Date(tracking=True, help="Last day; empty: until withdrawn.")
    document = fields.Binary(string="Copy", attachment=True)
    document_name = fields.Char()
    fiscal_position_id = fields.Many2one(
        "account.fiscal.position",
        compute="_compute_fiscal_position_id",
        store=True,
        readonly=False,
        check_company=True,
        help="What an exemption makes of the taxes of an invoice.",
    )
    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company, index=True)
    user_id = fields.Many2one(
        "res.users", string="Responsible", default=lambda self: self.env.user, help="Reminded before the certificate ends."
    )
    active = fields.Boolean(default=True, tracking=True, help="A withdrawn certificate is archived; invoices made keep it.")
    state = fields.Selection(
        [("future", "Not valid yet"), ("valid", "Valid"), ("expired", "Expired")],
        compute="_compute_state",
        search="_search_state",
    )
    days_left = fields.Integer(compute="_compute_state")
    reminded_for = fields.Date(readonly=True, copy=False, help="The end that somebody was reminded of.")
    note = fields.Text()

    _number_unique = models.UniqueIndex(
        "(company_id, kind, lower(number))", "This certificate number is recorded already."
    )
    _days_in_order = models.Constraint(
        "CHECK(valid_to IS NULL OR valid_from <= valid_to)", "The certificate ends before it begins."
    )
    # Ranges of one number compare with core's operators alone, without an extension of the database.
    _exemption_alone = models.Constraint(
        "EXCLUDE USING gist (int4range(partner_id, partner_id, '[]') WITH &&, int4range(company_id, company_id, '[]') WITH &&,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (active AND kind = 'exemption')",
        "The customer has another exemption on some of these days. End that one first.",
    )
    _withholding_alone = models.Constraint(
        "EXCLUDE USING gist (int4range(partner_id, partner_id, '[]') WITH &&, int4range(company_id, company_id, '[]') WITH &&,"
        " daterange(valid_from, valid_to, '[]') WITH &&) WHERE (active AND kind = 'withholding')",
        "The customer has another certificate of a withholding agent on some of these days. End that one first.",
    )

    # === Computes === #

    @api.depends("kind", "company_id")
    def _compute_fiscal_position_id(self):
        for certificate in self:
            chart = self.env["account.chart.template"].with_company(certificate.company_id)
            exempt = certificate.kind == "exemption"
            certificate.fiscal_position_id = exempt and chart.ref("ss_excise_exempt", raise_if_not_found=False)

    @api.depends("valid_from", "valid_to")
    def _compute_state(self):
        today = self._today()
        for certificate in self:
            end = certificate.valid_to or date.max
            if certificate.valid_from and certificate.valid_from > today:
                certificate.state = "future"
            else:
                certificate.state = "valid" if today <= end else "expired"
            certificate.days_left = (certificate.valid_to - today).days if certificate.valid_to else 0

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = self._today()
        domains = {
            "future": Domain("valid_from", ">", today),
            "expired": Domain("valid_to", "<", today),
            "valid": Domain("valid_from", "<=", today) & (Domain("valid_to", "=", False) | Domain("valid_to", ">=", today)),
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    @api.depends("number", "kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for certificate in self:
            certificate.display_name = " ".join(filter(None, (labels.get(certificate.kind), certificate.number)))

    # === Constraints === #

    @api.constrains("kind", "fiscal_position_id", "company_id")
    def _check_fiscal_position(self):
        for certificate in self:
            if certificate.kind == "exemption" and not certificate.fiscal_position_id:
                raise ValidationError(
                    self.env._("Choose the fiscal position that the exemption %(number)s stands for.", number=certificate.number)
                )

    @api.constrains("partner_id")
    def _check_partner(self):
        for certificate in self:
            if certificate.partner_id != certificate.partner_id.commercial_partner_id:
                raise ValidationError(
                    self.env._(
                        "A certificate is that of the customer, here %(customer)s, not of a contact or address.",
                        customer=certificate.partner_id.commercial_partner_id.display_name,
                    )
                )

    @api.constrains("number")
    def _check_number(self):
        if any(not certificate.number.strip() for certificate in self):
            raise ValidationError(self.env._("A certificate has a number."))

    # === CRUD === #

    @api.model_create_multi
    def create(self, vals_list):
        certificates = super().create([self._clean(vals) for vals in vals_list])
        self._forget()
        return certificates

    def write(self, vals):
        result = super().write(self._clean(vals))
        self._forget()
        return result

    def unlink(self):
        result = super().unlink()
        self._forget()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_unused(self):
        used = self.env["account.move"].sudo().search([("l10n_ss_certificate_id", "in", self.ids)], limit=1)
        if used:
            raise ValidationError(
                self.env._(
                    "Certificate %(number)s is named on %(invoice)s. Archive it instead.",
                    number=used.l10n_ss_certificate_id.number,
                    invoice=used.display_name,
                )
            )

    @api.model
    def _clean(self, vals):
        """Spaces around a number are no part of it: the number with and without them is one."""
        return {**vals, "number": vals["number"].strip()} if isinstance(vals.get("number"), str) else vals

    @api.model
    def _forget(self):
        """What is known of certificates is read anew, by all workers."""
        self.env.registry.clear_cache()

    # === Business === #

    @api.model
    @tools.ormcache("kind", "company.id")
    def _valid_periods(self, kind, company):
        """:return: {partner id: ((first day, last day, certificate id, fiscal position id), …)} of this company and those above it.

        Few customers have a certificate, and each invoice asks: so all are kept in memory.
        """
        periods = {}
        domain = [("kind", "=", kind), ("company_id", "parent_of", company.id)]
        for certificate in self.sudo().with_context(active_test=True).search(domain, order="company_id desc, valid_from, id"):
            periods.setdefault(certificate.partner_id.id, []).append(
                (certificate.valid_from, certificate.valid_to or date.max, certificate.id, certificate.fiscal_position_id.id)
            )
        return {partner: tuple(rows) for partner, rows in periods.items()}

    @api.model
    def _today(self):
        """:return: the calendar day in South Sudan"""
        return fields.Date.context_today(self.with_context(tz="Africa/Juba"))

    # === Reminders === #

    @api.model
    def _cron_remind(self):
        """Give somebody a task for each certificate that ends within 30 days; once for each end.

        A certificate renewed (its end moved, or the next one recorded) needs none.
        """
        today = self._today()
        for certificate in self.search(
            [("valid_to", ">=", today), ("valid_to", "<=", today + timedelta(days=REMIND_DAYS))], order="id"
        ):
            if certificate.reminded_for != certificate.valid_to and not certificate._is_followed():
                certificate._remind()

    def _is_followed(self):
        """:return: whether the customer has a certificate for the day after this one ends"""
        self.ensure_one()
        return bool(self.partner_id._l10n_ss_certificate(self.kind, self.valid_to + timedelta(days=1), self.company_id))

    def _remind(self):
        self.ensure_one()
        for user in self._reminder_users():
            self.activity_schedule(
                "mail.mail_activity_data_todo",
                date_deadline=self.valid_to,
                summary=self.with_context(lang=user.lang).env._("Tax certificate %(number)s ends", number=self.number),
                user_id=user.id,
            )
        self.reminded_for = self.valid_to

    def _reminder_users(self):
        """Hook. :return: the responsible person if still at work on bills, else all who are"""
        self.ensure_one()
        group = self._reminder_group()
        users = group.all_user_ids.filtered(lambda u: u.active and not u.share and self.company_id in u.company_ids)
        return self.user_id & users or users

    @api.model
    def _reminder_group(self):
        """Hook. :return: the ``res.groups`` whose members look after certificates"""
        return self.env.ref("account.group_account_invoice").sudo()
