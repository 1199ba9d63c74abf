# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
from collections import namedtuple
from dataclasses import replace
from datetime import timedelta

from psycopg2 import IntegrityError

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL

from ..engine import prepaid as engine
from ..engine.periods import first_anchor
from .isp_subscription import MONEY_REASONS, TRIES

_logger = logging.getLogger(__name__)

#: A line with credit is renewed so long before its end that nobody is cut at midnight.
AHEAD = timedelta(minutes=15)
#: Credit that was too small is looked at again after this time (a price may have changed); money is looked at when it comes.
AGAIN = timedelta(hours=6)
#: Most periods that one payment buys.
MOST_AT_ONCE = 36
#: Suspensions that a renewal lifts.
RENEWABLE = ("expired", *MONEY_REASONS)

#: What a renewal would be: the engine's term, the rows of the ledger, the price with taxes.
Renewal = namedtuple("Renewal", "number term rows quote")


class IspSubscription(models.Model):
    _inherit = "isp.subscription"

    valid_until = fields.Datetime(tracking=True)
    prepaid_basis = fields.Selection(related="plan_id.prepaid_basis")
    auto_renew = fields.Boolean(
        default=True,
        tracking=True,
        help="Prepaid: credit renews the line by itself when it has run out. Off: only a payment for this line or the button does.",
    )
    prepaid_number = fields.Integer(string="Renewals", readonly=True, copy=False, help="How often the line was paid for.")
    prepaid_problem = fields.Char(
        readonly=True, copy=False, groups="base.group_user", help="Why the last renewal failed though there was credit."
    )
    renew_checked_at = fields.Datetime(readonly=True, copy=False)
    expired = fields.Boolean(compute="_compute_expired", search="_search_expired")
    expiring = fields.Boolean(compute="_compute_expired", search="_search_expiring")

    # === Computes ===

    @api.depends("valid_until", "billing_mode", "state")
    def _compute_expired(self):
        now = fields.Datetime.now()
        for subscription in self:
            until = subscription.valid_until
            prepaid = subscription.billing_mode == "prepaid" and bool(until)
            subscription.expired = prepaid and until <= now
            soon = now + timedelta(days=max(subscription.company_id.isp_expiring_days, 1))
            subscription.expiring = prepaid and subscription.state == "active" and now < until <= soon

    def _search_expired(self, operator, value):
        if operator != "in":
            return NotImplemented
        over = fields.Domain("billing_mode", "=", "prepaid") & fields.Domain("valid_until", "<=", fields.Datetime.now())
        return over if True in value else ~over

    def _search_expiring(self, operator, value):
        if operator != "in" or True not in value:
            return NotImplemented
        now = fields.Datetime.now()
        soon = now + timedelta(days=max(self.env.company.isp_expiring_days, 1))
        return [("billing_mode", "=", "prepaid"), ("state", "=", "active"), ("valid_until", ">", now), ("valid_until", "<=", soon)]

    # === Actions ===

    def action_renew(self):
        """Open the form that shows price, credit and new expiry before it renews."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Renew"),
            "res_model": "isp.renew",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscription_id": self.id},
        }

    # === Life ===

    def _on_state_changed(self, events):
        """A prepaid line that goes into service starts from credit; without credit it stands open for nobody."""
        result = super()._on_state_changed(events)
        if self.env.context.get("isp_renewing"):
            return result
        started = events.filtered(lambda e: e.state_to == "active" and e.reason != "import").subscription_id.sudo()
        for line in started.filtered(lambda s: s.billing_mode == "prepaid"):
            if not line.valid_until:
                line.valid_until = fields.Datetime.now()
            if line._has_run_out() and (line.auto_renew or not line.prepaid_number):
                line._try_renewal()
        return result

    def _may_renew(self):
        """Whether money renews this line: not when it was cut for something else, paused or ended."""
        self.ensure_one()
        if self.billing_mode != "prepaid":
            return False
        return self.state == "active" or (self.state == "suspended" and self._last_state_event().reason in RENEWABLE)

    def _has_run_out(self, ahead=timedelta(0)):
        """Hook: whether what was paid is used: the time; a bundle of data too."""
        self.ensure_one()
        return not self.valid_until or self.valid_until <= fields.Datetime.now() + ahead

    def _credit(self):
        """:return: the customer's credit with this company once all debts are paid; below zero: debt"""
        self.ensure_one()
        partner = self.partner_id.commercial_partner_id
        due = partner._isp_dues().get((partner.id, self.company_id.id))
        return -due.balance if due else 0

    # === Renewal ===

    def _prepare_renewal(self):
        """:return: ``Renewal``, what the next renewal buys and costs now; writes nothing"""
        self.ensure_one()
        term = self._prepare_term()
        number = self.prepaid_number + 1
        rows = [self._prepare_prepaid_row(vals, term, number) for vals in self._prepare_plan_period(term.period)]
        return Renewal(number, term, rows, self.env["isp.quote"]._quote(rows, self.company_id, periods=self._rows_to_invoice()))

    def _prepare_term(self):
        """Hook: the time that the next renewal buys.

        A bundle of data that is used up is over, whatever time it had left.
        """
        plan, now = self.plan_id, fields.Datetime.now()
        until = self.valid_until if plan.prepaid_basis != "data" or not self._has_run_out() else None
        zone = self.company_id._isp_zoneinfo()
        term = engine.next_term(
            plan.prepaid_basis, plan.period_unit, plan.period_count, self.anchor_day, now, zone, valid_until=until
        )
        # Several bundles bought ahead: time that was paid is never taken back.
        return replace(term, ends=max(term.ends, self.valid_until or now))

    def _prepare_prepaid_row(self, vals, term, number):
        if vals["source"] == "plan":
            vals = {**vals, "source": f"prepaid/{number}"}
        elif self.plan_id.period_unit == "hour" and vals["source"].startswith(("service/", "promotion/")):
            # Several periods may start on one day; each is charged once.
            vals = {**vals, "source": f"{vals['source']}/{number}"}
        if self.plan_id.period_unit == "hour":
            vals = {**vals, "time_start": term.starts, "time_end": term.ends}
        return vals

    def _rows_to_invoice(self):
        """:return: what stands in the ledger for this line and is not invoiced yet (set-up fee, deposit)"""
        return self.env["isp.period"].sudo().search([("subscription_id", "in", self.ids), ("move_line_id", "=", False)])

    def _try_renewal(self, early=False, at_most=None, on_debt=False, number=None):
        """Renew this line once, if the customer's credit pays for it.

        :param early: also when it has not run out yet; the time is added to the end
        :param at_most: do not if it costs more than this, in the company's currency
        :param on_debt: also without credit: the invoice stays open (protected lines)
        :param number: only if this is the number of the next renewal (a form that was shown it)
        :return: what was charged with taxes; False when nothing was renewed

        Idempotency key: ("prepaid/<number>" of the subscription), UNIQUE; the number is taken under the locks of all
        prepaid lines of the customer, which share his credit. Transaction: the caller's; ledger, invoice,
        payment of it, expiry and state are one savepoint: whole or not at all. What fails stands on the subscription.
        """
        self.ensure_one()
        self._lock_customer()
        if not self._may_renew() or not (early or self._has_run_out(AHEAD)):
            return False
        if number is not None and number != self.prepaid_number + 1:
            return False
        try:
            with self.env.cr.savepoint():
                renewal = self._prepare_renewal()
                total, currency = renewal.quote.total, self.currency_id
                affordable = on_debt or currency.compare_amounts(self._credit(), total) >= 0
                if not affordable or (at_most is not None and currency.compare_amounts(total, at_most) > 0):
                    return False
                self.with_context(isp_renewing=True)._book_renewal(renewal, on_debt)
                return total
        except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
            raise
        except (UserError, ValueError, IntegrityError) as error:
            self.env.invalidate_all()
            self._note_problem(error)
            return False

    def _lock_customer(self):
        """The lines of one customer share the credit: lock them together, so that it is spent once."""
        customer = self.partner_id.commercial_partner_id
        lines = self.search([("partner_id", "child_of", customer.ids), ("billing_mode", "=", "prepaid")])
        (lines | self)._lock_rows()
        self.invalidate_recordset(["prepaid_number", "valid_until", "plan_id", "anchor_day", "auto_renew"])

    def _book_renewal(self, renewal, on_debt=False):
        term = renewal.term
        # The ledger says it all; the chatter would say it again.
        self.with_context(tracking_disable=True).write(
            {
                "prepaid_number": renewal.number,
                "valid_until": term.ends,
                "anchor_day": term.anchor_day,
                "prepaid_problem": False,
                "renew_checked_at": False,
            }
        )
        periods = self.env["isp.period"].sudo().create(renewal.rows)
        moves = (periods | self._rows_to_invoice())._invoice()
        if not on_debt and any(not move.currency_id.is_zero(move.amount_residual) for move in self._unpaid(moves)):
            raise UserError(self.env._("The credit did not pay the invoice of the renewal."))
        self._set_state("active", "payment")
        self._on_renewed(periods, term)
        self._tell_renewed(renewal)

    def _unpaid(self, moves):
        return moves.filtered(lambda move: move.move_type == "out_invoice")

    def _on_renewed(self, periods, term):
        """Hook: this line was renewed. In the transaction of the renewal; call no outside system.

        :param periods: new rows of the ledger
        :param term: ``engine.prepaid.Term``
        """

    def _note_problem(self, error):
        """Keep the money as credit and say on the subscription why it was not used."""
        text = str(error.args[0] if isinstance(error, UserError) else error).strip()
        _logger.warning("%s could not be renewed: %s", self.name, text)
        if self.prepaid_problem != text:
            self.prepaid_problem = text
            self.message_post(body=self.env._("Could not be renewed: %(problem)s", problem=text))

    def _first_period_end(self, day):
        """:return: the day on which a line paid in another system ends at the latest: the next anchor, or a period later"""
        self.ensure_one()
        plan = self.plan_id
        if plan.period_unit == "month":
            return first_anchor(day + timedelta(days=1), self.anchor_day)
        hours = plan.period_count * (24 if plan.period_unit == "day" else 1)
        return day + timedelta(days=-(-hours // 24))

    # === Money ===

    def _renew_if_paid(self):
        """Renew from credit those of these lines that have run out; who ran out first comes first."""
        if self.env.context.get("isp_renewing"):
            return
        over = self.filtered(lambda s: s.billing_mode == "prepaid" and s.auto_renew and s._may_renew() and s._has_run_out())
        for line in over._oldest_expiry_first():
            line._try_renewal()

    def _oldest_expiry_first(self):
        return self.sorted(lambda s: (s.valid_until or s.create_date, s.id))

    def _renew_with(self, payment):
        """Use a payment for this line: as many periods as it pays for, the first with the help of older credit.

        :return: the number of renewals
        """
        self.ensure_one()
        left, count = payment.amount, 0
        if self.billing_mode != "prepaid" or payment.currency_id != self.currency_id:
            return count
        while count < MOST_AT_ONCE:
            charged = self._try_renewal(early=True, at_most=None if not count and self._has_run_out() else left)
            if charged is False:
                return count
            left, count = left - charged, count + 1
            if not charged:
                break
        return count

    # === Telling ===

    def _next_price(self):
        """:return: what the next renewal costs with taxes; 0 where it cannot be said (noted on the subscription)"""
        try:
            return self._prepare_renewal().quote.total
        except (UserError, ValueError) as error:
            self._note_problem(error)
            return 0

    def _tell(self, kind, key, **params):
        partner = self.partner_id.commercial_partner_id
        plan = self.plan_id.with_context(lang=partner.lang).name
        values = {"plan": plan, "subscription": self.name, **params}
        return partner.with_company(self.company_id)._isp_notify(kind, key, about=self, **values)

    def _tell_renewed(self, renewal):
        self._tell(
            "renewed",
            f"renewed/{self.id}/{renewal.number}",
            amount=renewal.quote.total,
            date=fields.Date.to_string(renewal.term.period.end),
            until=self._local_text(renewal.term.ends),
        )

    def _tell_missing(self, payment):
        """Tell the customer what is missing after this payment; once a payment."""
        self.ensure_one()
        total = self._next_price()
        missing = total - self._credit()
        if self.currency_id.compare_amounts(missing, 0) > 0:
            self._tell("missing", f"missing/{payment.id}", amount=total, missing=missing, paid=payment.amount)

    def _local_text(self, moment):
        """:return: a moment in UTC as text in the company's time, to the minute"""
        zone = self.company_id._isp_zoneinfo()
        return fields.Datetime.to_datetime(moment).replace(tzinfo=engine.UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M")

    # === Scheduled work ===

    @api.model
    def _cron_prepaid(self):
        """Renew from credit what ends now, then write down what has ended. Small transactions; again does nothing."""
        for company in self.env["res.company"].search([]):  # pylint: disable=no-search-all
            self.with_company(company)._renew_from_credit(company, commit=True)
            self.with_company(company)._suspend_expired(company, commit=True)

    @api.model
    def _renew_from_credit(self, company, *, commit=False):
        """Renew the lines of this company that have run out and whose customers have credit; a line a transaction.

        :return: the lines renewed
        """
        started = fields.Datetime.now()
        return self._one_by_one(
            lambda taken: self._run_out_with_credit(company, started, taken), lambda line: line._renew_candidate(), commit
        )

    def _renew_candidate(self):
        renewed = self._try_renewal(on_debt=self._is_protected()) is not False
        if not renewed:
            self.renew_checked_at = fields.Datetime.now()
        return renewed

    @api.model
    def _run_out_with_credit(self, company, now, taken, limit=100):
        """:return: the next lines to try: run out, with credit, not tried in vain lately"""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id
                  FROM isp_subscription s
                  JOIN res_partner p ON p.id = s.partner_id
                  JOIN res_partner c ON c.id = p.commercial_partner_id
                 WHERE s.company_id = %(company)s AND s.billing_mode = 'prepaid' AND s.auto_renew
                   AND s.state IN ('active', 'suspended')
                   AND (s.valid_until IS NULL OR s.valid_until <= %(ahead)s %(over)s)
                   AND (s.renew_checked_at IS NULL OR s.renew_checked_at < %(again)s
                        OR s.renew_checked_at < s.valid_until - %(window)s)
                   AND (s.protected OR c.isp_protected OR (SELECT SUM(l.amount_residual)
                                          FROM account_move_line l
                                          JOIN account_account a ON a.id = l.account_id
                                         WHERE l.partner_id = p.commercial_partner_id AND l.company_id = s.company_id
                                           AND l.parent_state = 'posted' AND a.account_type = 'asset_receivable'
                                           AND l.amount_residual <> 0) < 0)
                   AND NOT s.id = ANY(%(taken)s)
                 ORDER BY p.commercial_partner_id, s.valid_until NULLS FIRST, s.id
                 LIMIT %(limit)s
                """,
                company=company.id,
                ahead=now + AHEAD,
                over=self._sql_run_out(),
                again=now - AGAIN,
                window=AHEAD,
                taken=taken,
                limit=limit,
            )
        )
        return self.browse(row[0] for row in rows)

    @api.model
    def _sql_run_out(self):
        """Hook: SQL "OR …" on the subscription ``s`` for what runs out otherwise than by time."""
        return SQL("")

    @api.model
    def _suspend_expired(self, company, *, commit=False):
        """Write into the log that the paid time of these lines is over. The network obeys ``valid_until`` by itself.

        :return: the lines suspended
        """
        return self._one_by_one(
            lambda taken: self._still_active(company, taken[-1] if taken else 0), lambda line: line._suspend_if_expired(), commit
        )

    @api.model
    def _still_active(self, company, last_id, limit=200):
        domain = [("company_id", "=", company.id), ("billing_mode", "=", "prepaid"), ("state", "=", "active")]
        domain += [("valid_until", "<=", fields.Datetime.now()), ("id", ">", last_id)]
        return self.search(domain, order="id", limit=limit)

    def _suspend_if_expired(self):
        locked = self.try_lock_for_update()
        locked.invalidate_recordset()
        if not locked or locked.state != "active" or not locked.expired:
            return False
        locked._set_state("suspended", "expired")
        return True

    @api.model
    def _one_by_one(self, find, work, commit):
        """Take lines one after the other, each a transaction of its own when ``commit``.

        A line that meets another transaction is tried again, at most ``TRIES`` times.

        :param find: function of the ids taken, gives the next lines or none
        :param work: function of one line; true when it did something
        :return: the lines with which something was done
        """
        done, taken = self.browse(), []
        while lines := find(taken):
            for line in lines:
                if self._with_retries(line, work, commit):
                    done += line
                taken.append(line.id)
                if commit and not self._commit_line():
                    return done
        return done

    @api.model
    def _commit_line(self):
        """:return: whether the scheduler gives time for another line; what is left is taken up the next time"""
        left = self.env["ir.cron"]._commit_progress(1)
        self.env.invalidate_all()
        return left > 0

    @api.model
    def _with_retries(self, line, work, commit):
        for number in range(1, TRIES + 1):
            try:
                result = work(line)
                self.env.flush_all()
                break
            except PG_CONCURRENCY_EXCEPTIONS_TO_RETRY:
                if not commit or number == TRIES:
                    raise
                self.env.cr.rollback()
                self.env.invalidate_all()
                _logger.info("%s: prepaid work met another transaction, try %s of %s", line.id, number, TRIES)
        return result

    @api.model
    def _cron_expiring(self):
        """Tell customers whose prepaid time ends soon, once an expiry; plans by the hour are too short for it."""
        for company in self.env["res.company"].search([("isp_expiring_days", ">", 0)]):
            self.with_company(company)._tell_expiring(company, commit=True)

    @api.model
    def _tell_expiring(self, company, *, commit=False):
        now = fields.Datetime.now()
        domain = [("company_id", "=", company.id), ("billing_mode", "=", "prepaid"), ("state", "=", "active")]
        domain += [("valid_until", ">", now), ("valid_until", "<=", now + timedelta(days=company.isp_expiring_days))]
        domain += [("plan_id.period_unit", "!=", "hour")]
        lines = {line._expiring_key(): line for line in self.search(domain, order="valid_until, id")}
        told = set(self.env["isp.notice"].sudo().search([("key", "in", list(lines))]).mapped("key"))
        for number, key in enumerate(lines.keys() - told, 1):
            lines[key]._tell_if_expiring()
            if commit and not number % 100:
                self.env["ir.cron"]._commit_progress(100)

    def _expiring_key(self):
        return f"expiring/{self.id}/{self.valid_until:%Y%m%d%H%M%S}"

    def _tell_if_expiring(self):
        total = self._next_price()
        if self.auto_renew and self.currency_id.compare_amounts(self._credit(), total) >= 0:
            return
        last_day = engine.local_day(self.valid_until - timedelta(seconds=1), self.company_id._isp_zoneinfo())
        self._tell(
            "expiring",
            self._expiring_key(),
            amount=max(total - self._credit(), 0),
            date=fields.Date.to_string(last_day),
            until=self._local_text(self.valid_until),
        )
