# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import pricing

#: In the context of the one method that shows another price on a plan with a price schedule.
_PRICE_KEY = object()


class IspPlan(models.Model):
    """What a plan costs: its price list, its price schedule, set-up fee and deposit."""

    _inherit = "isp.plan"

    price_basis = fields.Selection(
        [("ssp", "In the company's currency"), ("usd", "In USD")],
        string="Price list",
        required=True,
        default="ssp",
        tracking=True,
        help="In USD: a period costs the price in USD at the rate of the day on which it falls due.",
    )
    price_ids = fields.One2many("isp.plan.price", "plan_id", string="Price schedule")
    has_schedule = fields.Boolean(compute="_compute_has_schedule")
    setup_fee = fields.Monetary(string="Set-up fee", tracking=True, help="Charged once to a new line, without taxes.")
    deposit = fields.Monetary(tracking=True, help="Taken once from a new line and given back at its end; no taxes.")

    _fees_not_negative = models.Constraint(
        "CHECK(COALESCE(setup_fee, 0) >= 0 AND COALESCE(deposit, 0) >= 0)", "Set-up fee and deposit cannot be below zero."
    )

    @api.depends("price_ids.state")
    def _compute_has_schedule(self):
        for plan in self:
            plan.has_schedule = bool(plan._price_rows())

    # === Prices ===

    def write(self, vals):
        """A plan with a price schedule has its prices there, with their days."""
        if self.env.context.get("isp_price_key") is not _PRICE_KEY:
            for plan in self:
                name = "price_usd" if (vals.get("price_basis") or plan.price_basis) == "usd" else "list_price"
                other = name in vals and abs((vals[name] or 0) - plan.sudo()[name]) > 0.004
                basis = vals.get("price_basis", plan.price_basis) != plan.price_basis
                if (other or basis) and plan._price_rows():
                    raise UserError(
                        self.env._("The prices of %(plan)s are in its price schedule: add a line there.", plan=plan.display_name)
                    )
        return super().write(vals)

    def _price_rows(self):
        """:return: the prices that stand, whatever their day"""
        return self.sudo().price_ids.filtered(lambda row: row.state in ("planned", "applied"))

    def _price_row(self, day):
        """:return: the ``isp.plan.price`` valid on ``day``; empty for a plan without schedule"""
        self.ensure_one()
        return self._price_rows().filtered(lambda row: row.date_from <= day).sorted("date_from")[-1:]

    def _price_list_value(self):
        """:return: the price as the price list has it, in USD or in the company's currency"""
        self.ensure_one()
        return self.sudo().price_usd if self.price_basis == "usd" else self.list_price

    def _prepare_price_until_now(self):
        return {
            "plan_id": self.id,
            "date_from": "2000-01-01",
            "price": self.list_price,
            "price_usd": self.price_usd,
            "price_before": self.list_price,
            "note": self.env._("Price until now"),
        }

    def _in_company_currency(self, amount, company, day=None, rates=None):
        """An amount of the price list in USD at the rate of a day, rounded as the company rounds prices.

        :param day: default today
        :raise UserError: there is no rate on or before it
        """
        rate, _day = company._isp_usd_rate(day or company._isp_today(), rates)
        return pricing.convert(amount, rate, company.isp_price_rounding or 1)

    def _show_price(self, row):
        """The price of the day is what the plan shows and what its product costs elsewhere."""
        plan = self.sudo().with_context(isp_price_key=_PRICE_KEY)
        if plan.price_basis == "usd":
            plan.price_usd = row.price_usd
        else:
            plan.list_price = row.price

    def _refresh_list_price(self):
        """Show what plans in USD cost at the rate of today; without a rate they keep what they show."""
        company = self.env.company
        if not self.env["res.currency.rate"]._isp_usd(company, company._isp_today()):
            return
        for plan in self.sudo().filtered(lambda p: p.price_basis == "usd"):
            price = plan._in_company_currency(plan.price_usd, company)
            if plan.list_price != price:
                plan.with_context(isp_price_key=_PRICE_KEY).list_price = price
