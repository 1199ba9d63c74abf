# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date, timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

#: The price a plan had before its first change.
_ALWAYS = date(2000, 1, 1)
#: Whose price it is: they are told.
_CONCERNED = ("pending", "active", "suspended", "paused")


class IspPlanPrice(models.Model):
    """The price of a plan from a day on. A period costs what is valid on its first day, whenever it is rated.

    A draft binds nobody. Confirmed, its customers are told, each once (notice key "price/<id>/<customer>"),
    and it stands: what people were told is not edited, only withdrawn before its day.
    """

    _name = "isp.plan.price"
    _description = "Price of a plan"
    _order = "date_from desc, id desc"
    _rec_name = "date_from"

    plan_id = fields.Many2one("isp.plan", required=True, ondelete="cascade", index=True)
    date_from = fields.Date(string="From", required=True, help="Periods that start on this day or later cost it.")
    price = fields.Monetary(help="Of a period, without taxes.")
    price_usd = fields.Float(string="Price (USD)", digits=(12, 2), groups="base.group_user")
    price_before = fields.Monetary(string="Instead of", readonly=True, copy=False)
    note = fields.Char(string="Remark")
    is_approved = fields.Boolean(string="Sooner, approved", copy=False, help="The regulator allows an increase sooner than the days of notice.")
    approval_ref = fields.Char(string="Approval", copy=False, help="The regulator's letter.")
    state = fields.Selection(
        [("draft", "Draft"), ("planned", "Planned"), ("applied", "In force"), ("withdrawn", "Withdrawn")],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    told_at = fields.Datetime(string="Customers told", readonly=True, copy=False)
    price_basis = fields.Selection(related="plan_id.price_basis")
    currency_id = fields.Many2one(related="plan_id.currency_id")

    _one_a_day = models.UniqueIndex("(plan_id, date_from) WHERE state <> 'withdrawn'", "The plan has a price from this day on already.")
    _not_negative = models.Constraint("CHECK(COALESCE(price, 0) >= 0 AND COALESCE(price_usd, 0) >= 0)", "A price cannot be below zero.")

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su and any(vals.get("state", "draft") != "draft" for vals in vals_list):
            raise UserError(self.env._("A price starts as a draft; confirm it by its button."))
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and any(row.state != "draft" for row in self) and vals.keys() - {"note"}:
            raise UserError(self.env._("A confirmed price is not changed: withdraw it before its day, or add another from a later day."))
        if not self.env.su and vals.keys() & {"state", "told_at", "price_before"}:
            raise UserError(self.env._("A price is confirmed and withdrawn by its buttons."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_draft(self):
        if any(row.state != "draft" for row in self):
            raise UserError(self.env._("A confirmed price is kept; withdraw it before its day."))

    # === Actions ===

    def action_confirm(self):
        """Let the price stand: customers are told in the background, from its day on periods cost it."""
        self.check_access("write")
        for row in self.filtered(lambda r: r.state == "draft"):
            row._check_notice()
            plan = row.plan_id.sudo()
            if not plan._price_rows():
                self.sudo().create({**plan._prepare_price_until_now(), "state": "applied"})
            row.sudo().write({"state": "planned", "price_before": row._price_of_day_before()})
        self.env.ref("isp_billing.ir_cron_prices").sudo()._trigger()

    def action_withdraw(self):
        """The price does not come. Who was told before must be told by hand."""
        self.check_access("write")
        for row in self.filtered(lambda r: r.state == "planned"):
            if row.date_from <= self.env.company._isp_today():
                raise UserError(self.env._("This price is in force: add another one from a later day."))
            row.sudo().state = "withdrawn"

    # === Business ===

    def _value(self):
        """:return: the figure that the price list is kept in: USD or the company's currency"""
        self.ensure_one()
        return self.sudo().price_usd if self.price_basis == "usd" else self.price

    def _price_of_day_before(self):
        """:return: what a period costs that starts the day before, in the company's currency"""
        self.ensure_one()
        plan = self.plan_id.sudo()
        before = plan._price_row(self.date_from - timedelta(days=1))
        return before.price if before and self.price_basis != "usd" else plan.list_price

    def _check_notice(self):
        """:raise UserError: in the past, or an increase that is told too late"""
        self.ensure_one()
        company = self.env.company
        today, plan = company._isp_today(), self.plan_id.sudo()
        if self.date_from < today:
            raise UserError(self.env._("A price cannot start on a day that is over: %(day)s.", day=fields.Date.to_string(self.date_from)))
        before = plan._price_row(self.date_from - timedelta(days=1))
        old = before._value() if before else plan._price_list_value()
        earliest = today + timedelta(days=company.isp_price_notice_days)
        approved = self.is_approved and (self.approval_ref or "").strip()
        if self._value() > old and self.date_from < earliest and not approved:
            raise UserError(
                self.env._(
                    "Customers and the regulator are told of a higher price %(days)s days before: %(plan)s can cost more from %(day)s on. "
                    "If the regulator allows it sooner, tick “approved” and enter the letter.",
                    days=company.isp_price_notice_days,
                    plan=plan.display_name,
                    day=fields.Date.to_string(earliest),
                )
            )

    # === Scheduled work ===

    @api.model
    def _cron_prices(self):
        """Bring the prices of the day into force and tell customers of those to come.

        Again does nothing: what is in force stays, a customer is told once by the key of the notice.
        """
        self._apply()
        self.env["isp.plan"].search([("price_basis", "=", "usd")])._refresh_list_price()
        self.env["ir.cron"]._commit_progress(1)
        self._tell_all(commit=True)
        self.env["isp.subscription"]._refresh_monthly_values()

    @api.model
    def _apply(self):
        """The plan shows the price of the day. Rating does not wait for this: it reads the rows."""
        today = self.env.company._isp_today()
        for row in self.sudo().search([("state", "=", "planned"), ("date_from", "<=", today)], order="date_from, id"):
            row.plan_id._show_price(row)
            row.state = "applied"

    @api.model
    def _tell_all(self, *, commit=False, batch=1000):
        """Tell the customers of every planned price, and of one in force that nobody was told of.

        :param commit: commit after each batch (a cron's work)
        :return: how many were told
        """
        count = 0
        rows = self.sudo().search(
            ["&", ("date_from", ">", _ALWAYS), "|", ("state", "=", "planned"), "&", ("state", "=", "applied"), ("told_at", "=", False)]
        )
        for row in rows:
            for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
                count += row.with_company(company)._tell(company, commit, batch)
            if not row.told_at:
                row.told_at = fields.Datetime.now()
        return count

    def _tell(self, company, commit, batch):
        self.ensure_one()
        count, last_id = 0, 0
        while partners := self._customers_to_tell(company, last_id, batch):
            prices = self._prepare_notice_prices(company)
            names = {lang: self.plan_id.with_context(lang=lang).name for lang in set(partners.mapped("lang"))}
            rows = [(partner.id, f"price/{self.id}/{partner.id}", {**prices, "plan": names[partner.lang]}, self.plan_id) for partner in partners]
            count += len(self.env["isp.notice"].sudo()._notify_many("price_change", rows, company))
            last_id = partners[-1].id
            if commit:
                self.env["ir.cron"]._commit_progress(len(partners))
        return count

    def _prepare_notice_prices(self, company):
        """:return: parameters of the notice; prices with the taxes of today, as customers pay them"""
        plan = self.plan_id.sudo().with_company(company)
        taxes = plan.taxes_id.filtered(lambda tax: tax.company_id == company)
        new = plan._in_company_currency(self.price_usd, company) if self.price_basis == "usd" else self.price

        def paid(price):
            return taxes.compute_all(price, company.currency_id)["total_included"] if taxes else price

        return {"price": paid(new), "old_price": paid(self.price_before), "date": fields.Date.to_string(self.date_from)}

    def _customers_to_tell(self, company, last_id, limit):
        """:return: the next customers, by id, whose price it will be and who have not been told"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT p.commercial_partner_id
                  FROM isp_subscription s
                  JOIN res_partner p ON p.id = s.partner_id
                 WHERE s.plan_id = %(plan)s AND s.company_id = %(company)s AND s.state = ANY(%(states)s)
                   AND NOT (COALESCE(s.price_is_fixed, FALSE) AND COALESCE(s.price_fixed_until, %(day)s) >= %(day)s)
                   AND p.commercial_partner_id > %(last_id)s
                   AND NOT EXISTS (SELECT 1 FROM isp_notice n WHERE n.key = %(key)s || p.commercial_partner_id)
                 ORDER BY 1
                 LIMIT %(limit)s
                """,
                plan=self.plan_id.id,
                company=company.id,
                states=list(_CONCERNED),
                day=self.date_from,
                last_id=last_id,
                key=f"price/{self.id}/",
                limit=limit,
            )
        )
        return self.env["res.partner"].browse(row[0] for row in rows)
