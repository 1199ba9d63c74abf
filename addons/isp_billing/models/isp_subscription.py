# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..engine import periods as engine
from ..engine.prepaid import midnight

_logger = logging.getLogger(__name__)

#: How often a batch that met another transaction is tried.
TRIES = 5
#: Suspensions that a payment lifts; those by staff, regulator or for fraud stay.
MONEY_REASONS = ("overdue", "import")


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    billing_from = fields.Date(
        copy=False,
        tracking=True,
        help="First day charged since the subscription last went into service.",
    )
    next_bill_date = fields.Date(
        compute="_compute_next_bill_date",
        store=True,
        index=True,
        help="Day on which the next period of the plan may be billed; empty when nothing is to be billed.",
    )
    period_ids = fields.One2many("isp.period", "subscription_id", readonly=True)
    balance = fields.Monetary(compute="_compute_balance", help="What the customer owes in all; below zero: credit.")
    overdue = fields.Monetary(
        compute="_compute_balance", search="_search_overdue", help="What should have been paid by now."
    )
    invoice_ids = fields.Many2many("account.move", compute="_compute_invoice_ids", string="Last invoices")
    invoice_count = fields.Integer(compute="_compute_invoice_ids")
    # Written by every payment, so that a suspension decided on older data fails and is decided anew.
    settled_at = fields.Datetime(readonly=True, copy=False)

    # === Computes ===

    @api.depends(
        "state",
        "billing_from",
        "anchor_day",
        "plan_id.billing_mode",
        "plan_id.billing_timing",
        "plan_id.period_unit",
        "plan_id.period_count",
        "period_ids",
    )
    def _compute_next_bill_date(self):
        billed = self._last_billed_days()
        for subscription in self:
            if subscription._is_billable():
                subscription.next_bill_date = engine.next_due(
                    **subscription._prepare_grid(), after=billed.get(subscription.id)
                )
            else:
                subscription.next_bill_date = False

    @api.depends_context("uid")
    def _compute_balance(self):
        dues = self.partner_id.commercial_partner_id._isp_dues()
        for subscription in self:
            due = dues.get((subscription.partner_id.commercial_partner_id.id, subscription.company_id.id))
            subscription.balance = due.balance if due else 0
            subscription.overdue = due.overdue if due else 0

    def _search_overdue(self, operator, value):
        """Who owes something overdue; other comparisons have no use and are not offered."""
        if operator != ">" or value:
            return NotImplemented
        partners = self.env["account.move.line"].sudo()._read_group(
            [
                ("parent_state", "=", "posted"),
                ("account_id.account_type", "=", "asset_receivable"),
                ("reconciled", "=", False),
                ("date_maturity", "<", self.env.company._isp_today()),
                ("company_id", "in", self.env.companies.ids),
            ],
            ["partner_id"],
            having=[("amount_residual:sum", ">", 0)],
        )
        return Domain("partner_id.commercial_partner_id", "in", [partner.id for (partner,) in partners])

    def _compute_invoice_ids(self):
        moves = self.env["isp.period"]._read_group(
            [("subscription_id", "in", self.ids), ("move_id", "!=", False)], ["subscription_id"], ["move_id:recordset"]
        )
        by_subscription = {subscription.id: invoices for subscription, invoices in moves}
        for subscription in self:
            invoices = by_subscription.get(subscription.id, self.env["account.move"])
            subscription.invoice_count = len(invoices)
            subscription.invoice_ids = invoices.sorted("id", reverse=True)[:6]

    # === CRUD ===

    def write(self, vals):
        """A line that becomes postpaid is billed from that day on, not from its start; one that becomes prepaid stays open
        to the end of a period, for nobody knows yet what it was paid for. ``_change_plan`` says it better: it gives both."""
        modes = {line: line.billing_mode for line in self} if "plan_id" in vals else {}
        result = super().write(vals)
        if not {"billing_from", "valid_until"} & vals.keys():
            for line in self.filtered(lambda s: modes and s.billing_mode != modes[s]):
                line.sudo()._change_mode()
        return result

    def _change_mode(self):
        self.ensure_one()
        if self.billing_mode == "postpaid":
            self.valid_until = False
            if self.state == "active":
                self._start_billing()
        elif self.state in ("active", "suspended") and not self.valid_until:
            day = self._first_period_end(self.company_id._isp_today())
            self.valid_until = midnight(day, self.company_id._isp_zoneinfo())

    # === Actions ===

    def action_view_invoices(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("account.action_move_out_invoice_type")
        moves = self.env["isp.period"]._read_group(
            [("subscription_id", "=", self.id), ("move_id", "!=", False)], [], ["move_id:array_agg"]
        )
        return {**action, "domain": [("id", "in", moves[0][0] or [])], "context": {"create": False}}

    def action_take_payment(self):
        self.ensure_one()
        action = self.partner_id.commercial_partner_id.action_isp_take_payment()
        line = self.id if self.billing_mode == "prepaid" else False
        return {**action, "context": {**action["context"], "default_subscription_id": line}}

    def action_isp_account(self):
        self.ensure_one()
        return self.partner_id.action_isp_account()

    def action_isp_statement(self):
        self.ensure_one()
        return self.partner_id.action_isp_statement()

    # === Life ===

    def _on_state_changed(self, events):
        result = super()._on_state_changed(events)
        for event in events.filtered(lambda e: e.reason != "import"):
            line = event.subscription_id.sudo()
            if line._bills_in(event.state_to) and not line._bills_in(event.state_from):
                line._start_billing()
        return result

    def _bills_in(self, state):
        """Hook: whether periods are billed while the line is in ``state``."""
        self.ensure_one()
        return state == "active"

    def _start_billing(self):
        """Charge from today on, or from the day after what is already billed.

        Days without service between suspension and return are thereby never billed.
        """
        for subscription in self.filtered(lambda s: s.billing_mode == "postpaid"):
            today = subscription.company_id._isp_today()
            billed = subscription._last_billed_days().get(subscription.id)
            subscription.billing_from = max(today, billed + timedelta(days=1)) if billed else today

    # === Rating ===

    @api.model
    def _domain_to_rate(self, company, date):
        """Subscriptions of ``company`` with at least one period to bill on ``date``."""
        return Domain("company_id", "=", company.id) & Domain("next_bill_date", "<=", date)

    def _is_billable(self):
        self.ensure_one()
        return self._bills_in(self.state) and self.billing_mode == "postpaid" and bool(self.billing_from)

    def _prepare_grid(self):
        """:return: the arguments of engine.periods that describe this subscription's calendar"""
        self.ensure_one()
        plan = self.plan_id
        return {
            "billing_from": self.billing_from,
            "unit": plan.period_unit,
            "count": plan.period_count,
            "anchor_day": self.anchor_day,
            "timing": plan.billing_timing,
        }

    def _last_billed_days(self):
        """:return: {subscription id: last day billed for its plan}"""
        rows = self.env["isp.period"]._read_group(
            [("subscription_id", "in", self.ids), ("source", "=", "plan"), ("kind", "in", ("recurring", "proration"))],
            ["subscription_id"],
            ["date_end:max"],
        )
        return {subscription.id: day for subscription, day in rows}

    def _rate(self, date, run=None):
        """Write the periods that may be billed on ``date`` into the ledger: all that were missed too.

        :param date: calendar day of the company
        :param run: ``isp.billing.run`` that does it, for its figures
        :return: the new ``isp.period`` rows

        Idempotent: what stands in the ledger is not made again, and the unique key refuses it if
        two runs meet. Transaction: the caller's; rows of the subscriptions are locked.
        """
        self._lock_rows()
        billed = self._last_billed_days()
        vals_list = [
            vals
            for subscription in self
            for vals in subscription._prepare_charges(date, billed.get(subscription.id), run)
        ]
        # Nobody has the right to write the ledger; rating does it for whoever may bill.
        return self.env["isp.period"].sudo().create(vals_list).sudo(self.env.su)

    def _prepare_charges(self, date, billed_until, run=None):
        """Everything this subscription owes on ``date`` and that is not in the ledger. Hook: add rows to the plan's.

        :param billed_until: last day billed for the plan, None at the start
        :return: list of values for ``isp.period``
        """
        self.ensure_one()
        if not self._is_billable():
            return []
        return [
            vals
            for period in engine.periods(**self._prepare_grid(), until=date, after=billed_until)
            for vals in self._prepare_plan_period(period, run)
        ]

    def _prepare_plan_period(self, period, run=None):
        """:param period: ``engine.periods.Period`` of the plan
        :return: list of values for ``isp.period``: the plan's own row. Hook: what else is charged for the same days"""
        return [self._prepare_period(period, run=run, **self._plan_price(period))]

    def _plan_price(self, period, plan=None):
        """Hook: what a full period of the plan costs, for ``period``.

        :param plan: another plan than the present one
        :return: {"price": …} and what else of it the row of the ledger keeps
        """
        return {"price": (plan or self.plan_id).list_price}

    def _prepare_period(self, period, price, **vals):
        """:param period: ``engine.periods.Period``
        :param price: of the full period, without taxes, in the company's currency
        :return: values of one row of the ledger; ``vals`` win over the plan's own"""
        self.ensure_one()
        run, currency = vals.pop("run", None), self.currency_id
        price = currency.round(price)
        return {
            "subscription_id": self.id,
            "kind": "recurring" if period.is_full else "proration",
            "date_start": period.start,
            "date_end": period.end,
            "source": "plan",
            "plan_id": self.plan_id.id,
            "partner_id": self.partner_id.commercial_partner_id.id,
            "company_id": self.company_id.id,
            "currency_id": currency.id,
            "price": price,
            "days": period.days,
            "full_days": period.full_days,
            "offset_days": period.offset,
            "amount": period.share(price, currency.rounding),
            "run_id": run.id if run else False,
            **vals,
        }

    # === Suspension and return ===

    @api.model
    def _cron_suspend_overdue(self):
        """The cron of databases made before the dunning runs."""
        self.env["isp.dunning.run"]._cron_dunning()

    @api.model
    def _suspend_overdue(self, company, date=None, *, commit=False, batch=200):
        """Suspend the active, unprotected subscriptions of customers overdue beyond the grace.

        :param date: calendar day to decide for; default today in the company's time zone
        :param commit: commit after each batch (a cron's or a command's work)
        :return: the subscriptions suspended
        """
        date = date or company._isp_today()
        cutoff = date - timedelta(days=company.isp_grace_days)
        suspended, last_id, tries = self.browse(), 0, 0
        while True:
            try:
                candidates = self._overdue_candidates(company, cutoff, last_id, batch)
                if not candidates:
                    return suspended
                cut = candidates._suspend_if_overdue(cutoff)
                self.env.flush_all()
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                # A payment of one of them was committed meanwhile: decide the batch anew, on its result.
                tries += 1
                if not commit or tries == TRIES:
                    raise
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("Suspension met another transaction, try %s of %s", tries, TRIES)
                continue
            suspended, last_id, tries = suspended + cut, candidates[-1].id, 0
            if commit:
                # A new transaction sees the payments committed meanwhile.
                self.env["ir.cron"]._commit_progress(len(candidates))
                self.env.invalidate_all()

    @api.model
    def _overdue_candidates(self, company, cutoff, last_id, limit):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id
                  FROM isp_subscription s
                  JOIN res_partner p ON p.id = s.partner_id
                  JOIN res_partner c ON c.id = p.commercial_partner_id
                 WHERE s.company_id = %(company)s AND s.state = 'active' AND NOT COALESCE(s.protected, FALSE)
                   AND NOT COALESCE(c.isp_protected, FALSE)
                   AND s.id > %(last_id)s
                   AND EXISTS (SELECT 1
                                 FROM account_move_line l
                                 JOIN account_account a ON a.id = l.account_id
                                WHERE l.partner_id = p.commercial_partner_id AND l.company_id = s.company_id
                                  AND l.parent_state = 'posted' AND a.account_type = 'asset_receivable'
                                  AND l.amount_residual > 0 AND COALESCE(l.date_maturity, l.date) < %(cutoff)s %(not_held)s)
                 ORDER BY s.id
                 LIMIT %(limit)s
                """,
                company=company.id,
                last_id=last_id,
                cutoff=cutoff,
                limit=limit,
                not_held=self.env["res.partner"]._isp_sql_not_held(),
            )
        )
        return self.browse(row[0] for row in rows)

    def _suspend_if_overdue(self, cutoff, tolerance=0):
        """Decide under the row lock, on balances read after it was taken.

        :param cutoff: lines due before this day count
        :param tolerance: who owes no more than this is left alone
        :return: the subscriptions suspended
        """
        locked = self.try_lock_for_update()
        locked.invalidate_recordset()
        lines = locked.filtered(lambda s: s.state == "active" and not s._is_protected())
        owing, notes = lines._still_overdue(cutoff, tolerance)
        owing._set_state("suspended", "overdue", notes)
        return owing

    def _overdue_note(self, due):
        return self.env._(
            "%(amount)s overdue since %(day)s",
            amount=self.currency_id.format(due.overdue),
            day=fields.Date.to_string(due.oldest),
        )

    def _last_state_event(self):
        """:return: the event that brought this subscription into its state; a change of plan in between is none"""
        self.ensure_one()
        return self.event_ids.filtered(lambda e: e.state_from != e.state_to).sorted("id")[-1:]

    def _restore_if_clear(self, reason="payment"):
        """Put back into service what was cut for money and owes nothing overdue any more.

        A line that came suspended from the old system must owe nothing at all: why it was cut is not known.
        Called in the transaction of the payment; marks every line so that a suspension decided at
        the same moment on older balances fails and is decided anew.
        """
        lines = self.filtered(lambda s: s.state in ("active", "suspended"))
        if not lines:
            return
        lines._lock_rows()
        lines.write({"settled_at": fields.Datetime.now()})
        dues = lines.partner_id.commercial_partner_id._isp_dues()
        clear = self.browse()
        # Prepaid time that is over comes back by a renewal only.
        for subscription in lines.filtered(lambda s: s.state == "suspended" and not s.expired):
            last = subscription._last_state_event()
            partner = subscription.partner_id.commercial_partner_id
            due = dues.get((partner.id, subscription.company_id.id))
            all_of_it = last.reason == "import" and reason != "agreement"
            owed = 0 if not due else due.balance if all_of_it else due.overdue
            tolerance = 0 if all_of_it else partner._isp_tolerance(subscription.company_id)
            if last.reason in MONEY_REASONS and owed <= tolerance:
                clear += subscription
        clear._set_state("active", reason)
