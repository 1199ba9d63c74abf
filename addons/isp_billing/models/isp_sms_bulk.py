# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, escape_psql

#: States of a subscription that has not ended.
CURRENT = ("pending", "active", "suspended", "paused")
_FILTERS = {
    "isp_line_state", "isp_plan_ids", "isp_billing_mode", "isp_customer_type", "isp_county", "isp_payam", "isp_overdue_min", "isp_overdue_days", "isp_ends_within",
}  # fmt: skip


class IspSmsBulk(models.Model):
    """Bulk SMS to customers: by plan, state of the line, place, and what is overdue."""

    _inherit = "isp.sms.bulk"

    audience = fields.Selection(default="customers")
    isp_line_state = fields.Selection(
        [
            ("current", "Any that has not ended"),
            ("active", "Active"),
            ("suspended", "Suspended"),
            ("paused", "Paused"),
            ("pending", "To install"),
            ("terminated", "Ended (former customers)"),
        ],
        "Whose subscription is",
        required=True,
        default="current",
    )
    isp_plan_ids = fields.Many2many("isp.plan", string="On one of the plans", groups="isp_base.group_isp_customer_service")
    isp_billing_mode = fields.Selection([("postpaid", "Postpaid"), ("prepaid", "Prepaid")], "Who pay")
    isp_customer_type = fields.Selection(lambda self: self.env["res.partner"]._fields["isp_customer_type"].selection, "Kind of customer")
    isp_county = fields.Char("In the county", help="Several are separated by commas.")
    isp_payam = fields.Char("In the payam", help="Several are separated by commas.")
    currency_id = fields.Many2one(related="company_id.currency_id")
    isp_overdue_min = fields.Monetary("Overdue at least", help="What is past its due date, less credit; debt under an agreement that is kept is not overdue. 0: any amount.")
    isp_overdue_days = fields.Integer("Overdue for at least (days)", help="0: does not matter.")
    isp_ends_within = fields.Integer("Paid time ends within (days)", help="Prepaid lines. 0: does not matter.")

    _isp_filters_sane = models.Constraint(
        "CHECK(COALESCE(isp_overdue_min, 0) >= 0 AND COALESCE(isp_overdue_days, 0) >= 0 AND COALESCE(isp_ends_within, 0) >= 0)",
        "Amounts and days of the selection are not below zero.",
    )

    @api.model
    def _audience_selection(self):
        """Extend of `isp_sms`."""
        return [("customers", self.env._("Customers")), *super()._audience_selection()]

    @api.model
    def _preview_inputs(self):
        """Extend of `isp_sms`."""
        return super()._preview_inputs() | _FILTERS

    @api.model
    def _allowed_placeholders(self):
        """Extend of `isp_sms`. Who owes nothing has no {balance}, and gets no text that names it."""
        return [*super()._allowed_placeholders(), "account", "plan", "balance", "overdue"]

    def _company_quiet(self):
        """Override of `isp_sms`."""
        return self.company_id.isp_quiet_from, self.company_id.isp_quiet_to

    # === Who ===

    def _prepare_recipient_domain(self):
        """Extend of `isp_sms`."""
        domain = super()._prepare_recipient_domain()
        if self.audience != "customers":
            return domain
        domain &= self._isp_line_domain()
        if self.isp_customer_type:
            domain &= Domain("isp_customer_type", "=", self.isp_customer_type)
        for place in ("isp_county", "isp_payam"):
            if names := [name.strip() for name in (self[place] or "").replace("،", ",").split(",") if name.strip()]:
                domain &= Domain.OR(Domain(place, "=ilike", escape_psql(name)) for name in names)
        if self.isp_overdue_min or self.isp_overdue_days:
            domain &= self._isp_overdue_domain()
        return domain

    def _isp_line_domain(self):
        """:return: Domain on res.partner: who has, or had, such a subscription"""
        of_company = Domain("company_id", "=", self.company_id.id)
        states = CURRENT if self.isp_line_state == "current" else (self.isp_line_state,)
        line = of_company & Domain("state", "in", states)
        if self.isp_plan_ids:
            line &= Domain("plan_id", "in", self.isp_plan_ids.ids)
        if self.isp_billing_mode:
            line &= Domain("billing_mode", "=", self.isp_billing_mode)
        if self.isp_ends_within:
            now = fields.Datetime.now()
            line &= Domain("valid_until", ">=", now) & Domain("valid_until", "<=", now + timedelta(days=self.isp_ends_within))
        domain = Domain("isp_subscription_ids", "any", line)
        if self.isp_line_state == "terminated":
            domain &= ~Domain("isp_subscription_ids", "any", of_company & Domain("state", "in", CURRENT))
        return domain

    def _isp_overdue_domain(self):
        """As `res.partner._isp_dues` counts what is overdue, for all customers in one statement."""
        self.env["account.move.line"].flush_model()
        self.env["account.move"].flush_model(["state"])
        today = self.company_id._isp_today()
        owing = SQL(
            """
            SELECT l.partner_id FROM account_move_line l JOIN account_account a ON a.id = l.account_id
             WHERE l.company_id = %(company)s AND l.parent_state = 'posted' AND a.account_type = 'asset_receivable' AND l.amount_residual <> 0
             GROUP BY l.partner_id
            HAVING COALESCE(SUM(l.amount_residual) FILTER (WHERE l.amount_residual < 0 OR COALESCE(l.date_maturity, l.date) < %(today)s %(not_held)s), 0) >= %(least)s
               AND MIN(COALESCE(l.date_maturity, l.date)) FILTER (WHERE l.amount_residual > 0 %(not_held)s) <= %(since)s
            """,
            company=self.company_id.id,
            today=today,
            not_held=self.env["res.partner"]._isp_sql_not_held(),
            least=self.isp_overdue_min or self.currency_id.rounding or 0.01,
            since=today - timedelta(days=max(self.isp_overdue_days, 1)),
        )
        return Domain.custom(to_sql=lambda _model, alias, _query: SQL("%s IN (%s)", SQL.identifier(alias, "commercial_partner_id"), owing))

    def _recipient_numbers(self, partner):
        """Extend of `isp_sms`: as notices do."""
        return [*super()._recipient_numbers(partner), partner.isp_alt_phone, partner.commercial_partner_id.phone]

    def _recipient_values(self, partners, langs):
        """Extend of `isp_sms`."""
        values = super()._recipient_values(partners, langs)
        used = f"{self.body or ''}{self.body_ar or ''}"
        dues = partners.commercial_partner_id._isp_dues() if "{balance}" in used or "{overdue}" in used else {}
        plans = self._isp_plan_names(partners, langs) if "{plan}" in used else {}
        for partner in partners:
            lang, customer = langs[partner.id], partner.commercial_partner_id
            mine = values[partner.id]
            if lang.startswith("ar") and partner.isp_name_ar:
                mine["name"] = partner.isp_name_ar
            mine["account"] = customer.isp_account_no or partner.isp_account_no
            mine["plan"] = plans.get(partner.id)
            if due := dues.get((customer.id, self.company_id.id)):
                for name, amount in (("balance", due.balance), ("overdue", due.overdue)):
                    mine[name] = self.env["isp.notice"]._money(amount, self.company_id, lang) if amount > 0 else None
        return values

    def _isp_plan_names(self, partners, langs):
        """:return: {partner id: the plans of their lines, in the language of their text}"""
        lines = self.env["isp.subscription"].sudo().search_fetch(
            [("partner_id", "in", partners.ids), ("company_id", "=", self.company_id.id), ("state", "in", CURRENT)], ["partner_id", "plan_id"], order="id"
        )  # fmt: skip
        found = {}
        for line in lines:
            name = line.plan_id.with_context(lang=langs[line.partner_id.id]).name
            found.setdefault(line.partner_id.id, {})[name] = True
        return {partner: ", ".join(names) for partner, names in found.items()}
