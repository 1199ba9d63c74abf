# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import pricing


class IspUsdRate(models.TransientModel):
    """Enter what a dollar costs on a day. One rate a day: entering it again replaces it for what is billed from then on."""

    _name = "isp.usd.rate"
    _description = "Dollar rate of a day"

    company_id = fields.Many2one("res.company", required=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    date = fields.Date(required=True, default=lambda self: self.env.company._isp_today())
    rate = fields.Float(string="1 USD =", digits=(16, 4), required=True)
    last_rate = fields.Float(string="Last rate", digits=(16, 4), compute="_compute_last")
    last_date = fields.Date(string="of", compute="_compute_last")
    is_far = fields.Boolean(compute="_compute_is_far")
    is_checked = fields.Boolean(string="I have checked it")

    @api.depends("company_id", "date")
    def _compute_last(self):
        for wizard in self:
            last = self.env["res.currency.rate"]._isp_usd(wizard.company_id, wizard.date)
            wizard.last_rate = last._isp_units() if last else 0
            wizard.last_date = last.name

    @api.depends("rate", "last_rate")
    def _compute_is_far(self):
        for wizard in self:
            wizard.is_far = pricing.differs(wizard.rate, wizard.last_rate)

    def action_save(self):
        """Keep the rate of the day; plans with prices in USD show the new price soon."""
        self.ensure_one()
        if self.rate <= 0:
            raise UserError(self.env._("Enter how many %(currency)s one dollar costs.", currency=self.currency_id.name))
        if self.date > self.company_id._isp_today():
            raise UserError(self.env._("The rate of a day to come is not known yet."))
        if self.is_far and not self.is_checked:
            raise UserError(
                self.env._(
                    "The new rate is more than 20 %% away from the last one (%(last)s). Check it, then tick the box.", last=f"{self.last_rate:,.2f}"
                )
            )
        self._save()
        self.env.ref("isp_billing.ir_cron_prices").sudo()._trigger()
        return self.env["ir.actions.act_window"]._for_xml_id("isp_billing.action_isp_usd_rates")

    def _save(self):
        company, usd = self.company_id.root_id, self.env.ref("base.USD").sudo()
        rates = self.env["res.currency.rate"].sudo().with_company(company)
        domain = [("currency_id", "=", usd.id), ("company_id", "=", company.id), ("name", "=", self.date)]
        if not usd.active:
            usd.active = True
        found = rates.search(domain)
        if found:
            found.inverse_company_rate = self.rate
        else:
            vals = {"currency_id": usd.id, "company_id": company.id, "name": self.date, "inverse_company_rate": self.rate}
            rates.create(vals)
