# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from zoneinfo import ZoneInfo

import pytz

from odoo import fields, models
from odoo.exceptions import UserError

from ..engine import calendar as engine


class ResCompany(models.Model):
    _inherit = "res.company"

    isp_due_days = fields.Integer(string="Days to pay", default=10, help="From the invoice's date to its due date.")
    isp_confirm_run = fields.Boolean(
        string="A person confirms billing runs", help="The run of the day is simulated and waits to be looked at."
    )
    isp_auto_suspend = fields.Boolean(string="Suspend who does not pay", default=True)
    isp_grace_days = fields.Integer(string="Grace days", default=5, help="From the due date to the suspension.")
    isp_expiring_days = fields.Integer(
        string="Days before the end of prepaid time", default=2, help="When the customer is told; 0: never."
    )
    isp_journal_id = fields.Many2one(
        "account.journal",
        string="Journal of subscription invoices",
        domain="[('type', '=', 'sale')]",
        check_company=True,
        help="Numbers without gaps; empty: the company's first sales journal.",
    )
    isp_opening_account_id = fields.Many2one(
        "account.account",
        string="Counterpart of opening balances",
        check_company=True,
        help="Empty: the account of undistributed results.",
    )
    isp_price_notice_days = fields.Integer(
        string="Days of notice of a higher price", default=30, help="The regulator (NCA) wants at least 30 days."
    )
    isp_price_rounding = fields.Float(
        string="Round prices to", default=1, digits=(12, 2), help="Prices converted from USD are rounded to a multiple of it, e.g. 100."
    )
    isp_promotion_approval = fields.Boolean(
        string="Promotions need an approval",
        default=True,
        help="The regulator (NCA) approves promotions, at least 7 days before they start. Without letter and date none can be taken.",
    )
    isp_setup_product_id = fields.Many2one(
        "product.product", string="Product of the set-up fee", help="Gives the set-up fee its account and taxes."
    )
    isp_deposit_product_id = fields.Many2one("product.product", string="Product of deposits", help="Names the deposit on the invoice.")
    isp_deposit_account_id = fields.Many2one(
        "account.account",
        string="Account of deposits",
        domain="[('account_type', 'in', ('liability_current', 'liability_non_current'))]",
        check_company=True,
        help="A liability: deposits are the customers' money. Empty: the account of the chart of South Sudan.",
    )

    isp_invoice_sms = fields.Boolean(string="Tell invoices by SMS", help="One SMS for each invoice of a billing run with something to pay.")
    isp_invoice_email = fields.Boolean(string="Send invoices by e-mail", help="One e-mail for each invoice of a billing run, with a link to it.")
    isp_sms_name = fields.Char(string="Name in SMS", size=20, help="Short, so that a text takes one SMS. Empty: the company's name.")
    isp_quiet_from = fields.Float(string="Quiet from", default=20.0, help="Notices written later wait until the quiet hours are over.")
    isp_quiet_to = fields.Float(string="Quiet until", default=8.0, help="The same hour as the beginning: no quiet hours.")

    _isp_prices_valid = models.Constraint(
        "CHECK(COALESCE(isp_price_notice_days, 0) >= 0 AND COALESCE(isp_price_rounding, 1) > 0)",
        "Days of notice are not below zero; prices are rounded to an amount above zero.",
    )
    _isp_quiet_hours = models.Constraint(
        "CHECK(isp_quiet_from >= 0 AND isp_quiet_from <= 24 AND isp_quiet_to >= 0 AND isp_quiet_to <= 24)",
        "The quiet hours lie between 0:00 and 24:00.",
    )

    def _isp_zone(self):
        """:return: name of the time zone in which this company lives (the contact's, else the user's, else UTC)"""
        self.ensure_one()
        return self.partner_id.tz or self.env.user.tz or "UTC"

    def _isp_local(self, moment):
        """:return: a moment of the database (UTC) on the company's clock, without zone"""
        zone = pytz.timezone(self._isp_zone())
        return pytz.utc.localize(moment).astimezone(zone).replace(tzinfo=None)

    def _isp_utc(self, moment):
        """:return: a moment of the company's clock as the database keeps it"""
        return pytz.timezone(self._isp_zone()).localize(moment).astimezone(pytz.utc).replace(tzinfo=None)

    def _isp_today(self):
        """:return: the calendar day of this company, in its own time zone (the contact's, else UTC)"""
        return self._isp_local(fields.Datetime.now()).date()

    def _isp_after_quiet(self, moment):
        """:return: when a notice thought of at ``moment`` may go out, both in UTC"""
        return self._isp_utc(engine.after_quiet(self._isp_local(moment), self.isp_quiet_from, self.isp_quiet_to))
    def _isp_zoneinfo(self):
        """:return: the time zone of this company for the engines"""
        return ZoneInfo(self._isp_zone())

    def _isp_invoice_journal(self):
        """:return: the journal in which subscription invoices are numbered"""
        self.ensure_one()
        return self.isp_journal_id or self.env["account.journal"].search(
            [*self.env["account.journal"]._check_company_domain(self), ("type", "=", "sale")], limit=1
        )

    def _isp_fee_product(self, source):
        """:param source: "setup" or "deposit"
        :return: the product that stands for it on invoices
        :raise UserError: none is set, or deposits have no liability to be booked on"""
        self.ensure_one()
        product = self[f"isp_{source}_product_id"] or self.env.ref(f"isp_billing.product_{source}", raise_if_not_found=False)
        if not product:
            raise UserError(
                self.env._("No product stands for the set-up fee or the deposit. Choose one: ISP → Configuration → Settings.")
            )
        if source == "deposit":
            self._isp_deposit_account()
        return product

    def _isp_deposit_account(self):
        """:return: the liability on which deposits are booked
        :raise UserError: there is none"""
        self.ensure_one()
        chart = self.env["account.chart.template"].sudo().with_company(self)
        account = self.isp_deposit_account_id or chart.ref("ss_customer_deposits", raise_if_not_found=False)
        if not account:
            raise UserError(
                self.env._("Deposits have no account. Choose a liability: ISP → Configuration → Settings, “Account of deposits”.")
            )
        return account

    def _isp_usd_rate(self, day, known=None):
        """What a dollar costs on a day: the last rate on or before it.

        :param known: dict that keeps what was found, for callers that ask often in one transaction
        :return: (units of the company's currency, day of the rate)
        :raise UserError: there is no rate on or before the day
        """
        self.ensure_one()
        known = {} if known is None else known
        if (self.id, day) not in known:
            rate = self.env["res.currency.rate"]._isp_usd(self, day)
            if not rate:
                raise UserError(
                    self.env._(
                        "There is no dollar rate on or before %(day)s. Enter it: ISP → Billing → Dollar rate.",
                        day=fields.Date.to_string(day),
                    )
                )
            known[self.id, day] = (rate._isp_units(), rate.name)
        return known[self.id, day]
