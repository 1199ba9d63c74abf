# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..engine import pricing
from ..engine.periods import Period

#: What may change after the service has been billed.
_OPEN_FIELDS = {"date_to"}


class IspSubscriptionService(models.Model):
    """An add-on of a subscription: a static address, the rent of a router.

    It is billed with the plan's own periods, for the days it runs. Rows of the ledger: source
    "service/<id>", and once "service/<id>/end" for the unused days of what was billed already.
    """

    _name = "isp.subscription.service"
    _description = "Service on a subscription"
    _order = "date_from, id"
    _rec_name = "product_id"

    subscription_id = fields.Many2one("isp.subscription", required=True, ondelete="cascade", index=True)
    product_id = fields.Many2one(
        "product.product", string="Service", required=True, ondelete="restrict", domain="[('isp_is_service', '=', True)]"
    )
    quantity = fields.Float(required=True, default=1, digits=(12, 2))
    price = fields.Monetary(
        compute="_compute_price",
        store=True,
        readonly=False,
        precompute=True,
        help="For one, for one period of the plan, without taxes.",
    )
    amount = fields.Monetary(compute="_compute_amount", string="A period")
    date_from = fields.Date(string="From", required=True, default=lambda self: self.env.company._isp_today())
    date_to = fields.Date(string="To", help="Last day of the service; empty: no end.")
    state = fields.Selection(
        [("planned", "Planned"), ("running", "In force"), ("ended", "Ended")], compute="_compute_state", search="_search_state"
    )
    is_billed = fields.Boolean(compute="_compute_is_billed")
    partner_id = fields.Many2one(related="subscription_id.partner_id", string="Customer")
    company_id = fields.Many2one(related="subscription_id.company_id", store=True, precompute=True, index=True)
    currency_id = fields.Many2one(related="company_id.currency_id")

    _dates_in_order = models.Constraint("CHECK(date_to IS NULL OR date_from <= date_to)", "A service ends after it starts.")
    _not_negative = models.Constraint(
        "CHECK(quantity > 0 AND price >= 0)", "The quantity of a service is above zero, its price not below."
    )

    # === Computes ===

    @api.depends("product_id")
    def _compute_price(self):
        for service in self:
            service.price = service._default_price()

    @api.depends("price", "quantity")
    def _compute_amount(self):
        for service in self:
            service.amount = service.currency_id.round(service.price * service.quantity)

    @api.depends("date_from", "date_to")
    def _compute_state(self):
        for service in self:
            today = (service.company_id or self.env.company)._isp_today()
            if service.date_to and service.date_to < today:
                service.state = "ended"
            else:
                service.state = "planned" if service.date_from and service.date_from > today else "running"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        today = self.env.company._isp_today()
        ended = Domain("date_to", "!=", False) & Domain("date_to", "<", today)
        planned = ~ended & Domain("date_from", ">", today)
        domains = {"ended": ended, "planned": planned, "running": ~ended & Domain("date_from", "<=", today)}
        return Domain.OR(domains[state] for state in value if state in domains)

    def _compute_is_billed(self):
        billed = self._ledger()
        for service in self:
            service.is_billed = bool(billed.get(service._origin.id))

    # === CRUD ===

    @api.model_create_multi
    def create(self, vals_list):
        services = super().create(vals_list)
        services.subscription_id._lock_rows()
        for service in services:
            if service.currency_id.compare_amounts(service.price, service._default_price()):
                service._check_may_price()
        services._tell_subscription(self.env._("Service added: %(service)s, %(amount)s a period from %(day)s"))
        services.subscription_id._mark_pending()
        return services

    def write(self, vals):
        self.subscription_id._lock_rows()
        changing = {name for name in vals if any(service._is_other(name, vals[name]) for service in self)}
        if "price" in changing:
            self._check_may_price()
        if changing - _OPEN_FIELDS:
            self._check_unbilled()
        if "date_to" in changing:
            self._check_may_end(fields.Date.to_date(vals["date_to"]))
        result = super().write(vals)
        if "date_to" in changing and vals["date_to"]:
            self._tell_subscription(self.env._("Service ends: %(service)s on %(last)s"))
        self.subscription_id._mark_pending()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unbilled(self):
        self.subscription_id._lock_rows()
        self._check_unbilled()
        self.subscription_id._mark_pending()

    def _is_other(self, name, value):
        field = self._fields[name]
        return field.convert_to_cache(value, self) != field.convert_to_cache(self[name], self)

    def _check_unbilled(self):
        billed = self._ledger()
        for service in self:
            if billed.get(service.id):
                raise UserError(
                    self.env._(
                        "%(service)s of %(subscription)s has been billed and cannot be changed: give it a last day and add a new one.",
                        service=service.product_id.display_name,
                        subscription=service.subscription_id.display_name,
                    )
                )

    def _check_may_price(self):
        if not self.env.su and not self.env.user.has_group("isp_base.group_isp_billing_manager"):
            raise AccessError(self.env._("Only a billing manager gives a service another price than that of its product."))

    def _check_may_end(self, day):
        """An end that lies behind gives money back: that is the billing manager's decision."""
        manager = self.env.su or self.env.user.has_group("isp_base.group_isp_billing_manager")
        for service in self:
            if service._is_settled():
                raise UserError(
                    self.env._("The end of %(service)s is settled already: add a new one.", service=service.product_id.display_name)
                )
            today = service.company_id._isp_today()
            if day and day < today and not manager:
                raise AccessError(self.env._("Only a billing manager ends a service on a day that is over."))

    def _tell_subscription(self, text):
        for service in self:
            values = {
                "service": service._label(),
                "amount": service.currency_id.format(service.amount),
                "day": fields.Date.to_string(service.date_from),
                "last": fields.Date.to_string(service.date_to) if service.date_to else "",
            }
            service.subscription_id.message_post(body=text % values)

    # === Actions ===

    def action_end_today(self):
        """Give the running services their last day: today."""
        for service in self:
            service.date_to = max(service.company_id._isp_today(), service.date_from)

    # === Rating ===

    def _default_price(self):
        self.ensure_one()
        company = self.company_id or self.env.company
        product = self.product_id.with_company(company)
        return product.currency_id._convert(product.lst_price, company.currency_id, company, company._isp_today()) if product else 0

    def _source(self):
        return f"service/{self.id}"

    def _end_source(self):
        return f"service/{self.id}/end"

    def _is_settled(self):
        """:return: whether its unused days have been credited"""
        rows = self.env["isp.period"].sudo()
        domain = [("subscription_id", "=", self.subscription_id.id), ("source", "=", self._end_source())]
        return bool(rows.search_count(domain, limit=1))

    def _ledger(self):
        """:return: {service id: its rows of the ledger, oldest first, credits left out}"""
        ids = set(self._origin.ids)
        rows = self.env["isp.period"].sudo().search(
            [("subscription_id", "in", self.subscription_id._origin.ids), ("source", "=like", "service/%")], order="date_start, id"
        )
        found = {}
        for row in rows:
            _word, service, *rest = row.source.split("/")
            if int(service) in ids and rest != ["end"]:
                found[int(service)] = found.get(int(service), rows.browse()) + row
        return found

    def _label(self, lang=None):
        """:return: name and quantity, in the language of the customer or of the caller"""
        self.ensure_one()
        name = self.product_id.with_context(lang=lang or self.env.lang).name
        if self.quantity == 1:
            return name
        return f"{name} × {self.quantity:g}"

    def _prepare_part(self, period, run=None):
        """:param period: days of a full period of the plan
        :return: values of a row of the ledger for this service, None when it does not run on these days"""
        self.ensure_one()
        part = pricing.clip(period, self.date_from, self.date_to)
        if part is None:
            return None
        return self.subscription_id._prepare_period(
            part,
            self.price * self.quantity,
            run=run,
            source=self._source(),
            product_id=self.product_id.id,
            note=self.subscription_id._row_note(self._label(self.partner_id.lang), part),
        )

    def _prepare_missing(self, billed, run=None):
        """:param billed: ``engine.periods.Period`` of the plan that are in the ledger
        :return: values of rows for the days of them on which the service runs and that it has no row for"""
        self.ensure_one()
        own = self._ledger().get(self.id, [])
        covered, parts = [(row.date_start, row.date_end) for row in own], []
        for period in billed:
            parts += pricing.uncovered(period, covered)
            # Bundles of data may overlap.
            covered.append((period.start, period.end))
        return [vals for part in parts if (vals := self._prepare_part(part, run))]

    def _left_from(self, day):
        """:return: what the days from ``day`` on of this product still cost, after what a pause or the end of the
        line has given back"""
        domain = [("subscription_id", "=", self.subscription_id.id), ("product_id", "=", self.product_id.id), ("date_end", ">=", day)]
        return max(sum(row._unused_from(day) for row in self.env["isp.period"].sudo().search(domain)), 0)

    def _prepare_end(self, run=None):
        """:return: values of the row that credits the billed days after the last one; None when there is nothing to credit"""
        self.ensure_one()
        rows = self._ledger().get(self.id)
        if not self.date_to or not rows:
            return None
        after = self.date_to + timedelta(days=1)
        unused = rows.filtered(lambda row: row.date_end >= after)
        credit = self.currency_id.round(min(sum(row._unused_from(after) for row in unused), self._left_from(after)))
        if credit <= 0 or self._is_settled():
            return None
        first = unused[0]._engine_period().cut(after)[1]
        part = Period(after, max(unused.mapped("date_end")), first.full_days, first.offset)
        env = self.with_context(lang=self.partner_id.lang).env
        label = env._("Credit: %(service)s", service=self._label(self.partner_id.lang))
        return self.subscription_id._prepare_period(
            part,
            -unused[0].price,
            run=run,
            kind="adjustment",
            source=self._end_source(),
            product_id=self.product_id.id,
            amount=-credit,
            note=self.subscription_id._row_note(label, part),
        )
