# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.periods import Period

KINDS = [
    ("recurring", "Period"),
    ("proration", "Part of a period"),
    ("usage", "Usage"),
    ("setup", "Set-up"),
    ("deposit", "Deposit"),
    ("adjustment", "Adjustment"),
]
#: The two links that billing adds to a row afterwards; nothing else of it ever changes.
_LINKS = {"move_line_id", "move_id"}


class IspPeriod(models.Model):
    """The billing ledger: one row for each thing charged, rated once, invoiced once, never edited.

    Idempotency key: (subscription, kind, first day, source), UNIQUE in the database. ``source``
    is what caused the row: "plan" for the plan's own periods, else a text that names the cause
    ("prepaid/<number>", "service/<id>", "change/<id>", "promotion/<id>", …). Amounts are without taxes, in
    the company's currency, rounded to its smallest coin; credits are below zero. Dates are calendar days
    of the company, both inclusive; prepaid time that starts at a moment has its moments beside them, in UTC.
    """

    _name = "isp.period"
    _description = "Billed period"
    _order = "date_start desc, id desc"
    _rec_name = "label"

    subscription_id = fields.Many2one("isp.subscription", required=True, readonly=True, ondelete="restrict", index=True)
    kind = fields.Selection(KINDS, required=True, readonly=True)
    date_start = fields.Date(string="From", required=True, readonly=True)
    date_end = fields.Date(string="To", required=True, readonly=True)
    source = fields.Char(required=True, readonly=True, default="plan")
    plan_id = fields.Many2one("isp.plan", required=True, readonly=True, ondelete="restrict")
    product_id = fields.Many2one(
        "product.product", readonly=True, ondelete="restrict", help="What is charged, when it is not the plan itself."
    )
    note = fields.Char(readonly=True, help="What the invoice line says; empty: the plan and the dates.")
    time_start = fields.Datetime(readonly=True)
    time_end = fields.Datetime(readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", required=True, readonly=True, ondelete="restrict", index=True)
    company_id = fields.Many2one("res.company", required=True, readonly=True, index=True)
    currency_id = fields.Many2one("res.currency", required=True, readonly=True)
    price = fields.Monetary(string="Price of a full period", readonly=True, help="As it was on the day of rating.")
    days = fields.Integer(readonly=True)
    full_days = fields.Integer(readonly=True)
    offset_days = fields.Integer(readonly=True, help="Days of the full period that lie before the first day.")
    amount = fields.Monetary(required=True, readonly=True, help="Without taxes.")
    price_usd = fields.Float(string="Price list (USD)", digits=(12, 2), readonly=True)
    usd_rate = fields.Float(string="Rate", digits=(16, 6), readonly=True, help="Units of the company's currency for 1 USD.")
    usd_rate_date = fields.Date(string="Rate of", readonly=True)
    label = fields.Char(compute="_compute_label")
    run_id = fields.Many2one("isp.billing.run", string="Billing run", readonly=True, ondelete="set null", index="btree_not_null")
    move_line_id = fields.Many2one("account.move.line", string="Invoice line", readonly=True, ondelete="set null")
    move_id = fields.Many2one("account.move", string="Invoice", readonly=True, ondelete="set null", index="btree_not_null")
    state = fields.Selection(
        [("rated", "To invoice"), ("invoiced", "Invoiced")], compute="_compute_state", search="_search_state"
    )

    _charged_once = models.Constraint(
        "UNIQUE(subscription_id, kind, date_start, source)", "This period of the subscription is in the ledger already."
    )
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (subscription_id WITH =, daterange(date_start, date_end, '[]') WITH &&)"
        " WHERE (source = 'plan' AND kind IN ('recurring', 'proration'))",
        "Two periods of one subscription overlap.",
    )
    _fees_once = models.UniqueIndex(
        "(subscription_id, kind) WHERE kind = 'setup' OR (kind = 'deposit' AND amount > 0)",
        "Set-up fee and deposit are charged once for a subscription.",
    )
    _ended_once = models.UniqueIndex(
        "(subscription_id, source) WHERE source LIKE 'service/%/end'", "The end of this service is settled already."
    )
    _renewed_once = models.UniqueIndex(
        "(subscription_id, source) WHERE left(source, 8) = 'prepaid/'", "This renewal is in the ledger already."
    )
    _dates_in_order = models.Constraint("CHECK(date_start <= date_end)", "A period ends after it starts.")
    _invoiced_once = models.UniqueIndex("(move_line_id) WHERE move_line_id IS NOT NULL")
    _to_invoice_index = models.Index("(company_id, partner_id) WHERE move_line_id IS NULL")

    @api.depends("subscription_id", "plan_id", "date_start", "date_end")
    @api.depends_context("lang")
    def _compute_label(self):
        for period in self:
            period.label = f"{period.subscription_id.name} · {period.date_start} – {period.date_end}"

    @api.depends("move_line_id")
    def _compute_state(self):
        for period in self:
            period.state = "invoiced" if period.move_line_id else "rated"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        wanted = set(value)
        if wanted >= {"rated", "invoiced"}:
            return fields.Domain.TRUE
        if "invoiced" in wanted:
            return fields.Domain("move_line_id", "!=", False)
        return fields.Domain("move_line_id", "=", False) if "rated" in wanted else fields.Domain.FALSE

    @api.model_create_multi
    def create(self, vals_list):
        periods = super().create(vals_list)
        periods.filtered(lambda p: p.kind in ("setup", "deposit")).subscription_id.sudo().fees_due = False
        self.env["isp.subscription.promotion"]._start_with(periods)
        return periods

    def write(self, vals):
        if not vals.keys() <= _LINKS:
            raise UserError(self.env._("A billed period is never edited. Correct it by an adjustment."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("A billed period is never deleted. Correct it by an adjustment."))

    # === Parts ===

    def _engine_period(self):
        """:return: ``engine.periods.Period`` of this row's days"""
        self.ensure_one()
        days = (self.date_end - self.date_start).days + 1
        return Period(self.date_start, self.date_end, self.full_days or days, self.offset_days)

    def _unused_from(self, day):
        """:return: what the days from ``day`` on cost of this row's amount; what is left is the price of the days before"""
        self.ensure_one()
        kept, unused = self._engine_period().cut(day)
        if not unused:
            return 0
        rest = self.amount - (kept.share(self.price, self.currency_id.rounding) if kept else 0)
        # A discount may have ended before.
        return min(rest, 0) if self.amount < 0 else max(rest, 0)

    # === Invoicing ===

    def _invoice(self, invoice_date=None):
        """Invoice these rows now: for what cannot wait for the next run. See ``isp.invoicing``.

        :return: the posted invoices and credit notes, numbered
        """
        moves = self.env["account.move"]
        for company, periods in self.sudo().grouped("company_id").items():
            work = self.env["isp.invoicing"].sudo().with_company(company)
            moves += work._invoice(periods, invoice_date or company._isp_today())
        return moves.sudo(self.env.su)

    def _prepare_invoice_line_vals(self):
        """:return: values of the invoice line that charges this row, in the customer's language."""
        self.ensure_one()
        plan = self.plan_id.with_context(lang=self.partner_id.lang)
        vals = {
            "isp_period_id": self.id,
            "product_id": (self.product_id or plan.product_id).id,
            "name": " · ".join(filter(None, (self.note or self._invoice_line_name(plan), self._usd_text(plan.env.lang)))),
            "quantity": 1,
            "price_unit": self.amount,
        }
        if self.kind == "deposit":
            # The customer's money, not a sale.
            vals.update(account_id=self.company_id._isp_deposit_account().id, tax_ids=[fields.Command.clear()])
        return vals

    def _invoice_line_name(self, plan):
        return self._span_text(plan.name, self._engine_period(), plan.env.lang, whole=self.kind != "proration")

    @api.model
    def _span_text(self, name, period, lang, whole=None):
        """:return: what is charged and for which days, in language ``lang``; parts of a period say so"""
        env = self.with_context(lang=lang).env
        start, end = (self._isolated(fields.Date.to_string(day), lang) for day in (period.start, period.end))
        if period.is_full if whole is None else whole:
            return env._("%(plan)s, %(start)s to %(end)s", plan=name, start=start, end=end)
        return env._(
            "%(plan)s, %(start)s to %(end)s (%(days)s of %(full)s days)",
            plan=name,
            start=start,
            end=end,
            days=period.days,
            full=period.full_days,
        )

    def _usd_text(self, lang):
        """:return: how a price in USD was converted, in language ``lang``; nothing for other prices"""
        if not self.usd_rate:
            return ""
        return self.with_context(lang=lang).env._(
            "%(price)s at %(rate)s (rate of %(day)s)",
            price=self._isolated(f"USD {self.price_usd:,.2f}", lang),
            rate=self._isolated(f"{self.usd_rate:,.2f} {self.currency_id.name}", lang),
            day=self._isolated(fields.Date.to_string(self.usd_rate_date), lang),
        )

    def _isolated(self, text, lang):
        """A date keeps its order inside a line that runs from right to left (Unicode isolates)."""
        rtl = self.env["res.lang"]._get_data(code=lang or "en_US").direction == "rtl"
        return f"\u2066{text}\u2069" if rtl else text
