# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import time
from datetime import timedelta
from decimal import Decimal

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from ..drivers.base import NoFunds, NotAllowed, NotThere, Unknown, Unreachable
from ..drivers.transport import Pace
from ..tools import calls as calling
from ..tools import schedule
from ..tools.masked import masked

_logger = logging.getLogger(__name__)

#: Rows claimed at once.
CLAIM = 200
#: Seconds a run stays for rows that are due soon, or are woken.
LINGER = 8
#: Times that an answer is applied when another process moves its row in the same moment.
CROSSINGS = 5
#: Seconds for which a host that failed again and again is left alone.
REST = 30


class IspWalletOrder(models.AbstractModel):
    """Sends and reads orders until they are final. No transaction is open while an operator is asked.

    Claim (committed) → call, by threads → apply under the row's lock (committed). Killed anywhere: the claim runs out, the
    same UUID is sent again, and the operator says that it exists.
    """

    _inherit = "isp.wallet.order"

    @api.model
    def _cron_wallet(self):
        """Send what is to be sent, read what is open, book what has moved; stay while something is due within seconds."""
        cron, until = self.env["ir.cron"], time.monotonic() + LINGER
        while True:
            calls = self._wallet_claim()
            if calls:
                self._wallet_work(calls)
            self._wallet_book_waiting()
            left = cron._commit_progress(len(calls), remaining=self._wallet_count_due())
            if left <= 0:
                return
            if len(calls) == CLAIM:
                continue
            pause = self._wallet_pause()
            cron._commit_progress()
            if pause is None or time.monotonic() + (min(pause, 1) if self._wallet_stays else pause) > until:
                break
            time.sleep(min(max(pause, 0.05), 0.5))
        if pause is not None:
            self._wallet_trigger(fields.Datetime.now() + timedelta(seconds=max(pause, 1)))

    # === Claim ===

    def _wallet_due(self, now):
        """Due, or written by a clock that was ahead of ours: what it planned may be years away."""
        return SQL(
            "wallet_next IS NOT NULL AND (wallet_next <= %(now)s OR wallet_asked > %(ahead)s)",
            now=now,
            ahead=now + timedelta(minutes=1),
        )

    def _wallet_count_due(self):
        due = self._wallet_due(fields.Datetime.now())
        [(count,)] = self.env.execute_query(SQL("SELECT count(*) FROM %s WHERE %s", SQL.identifier(self._table), due))
        return count

    def _wallet_pause(self):
        """:return: seconds until the next is due, 0 or less: now; None when nothing is open"""
        [(soonest,)] = self.env.execute_query(SQL("SELECT min(wallet_next) FROM %s WHERE wallet_next IS NOT NULL", SQL.identifier(self._table)))
        return (soonest - fields.Datetime.now()).total_seconds() if soonest else None

    def _wallet_claim(self, limit=CLAIM):
        """Take rows that are due, so that no other poller does until the calls must be over. Committed.

        :return: list of ``Call``
        """
        now = fields.Datetime.now()
        try:
            self.env.cr.execute(
                SQL(
                    """UPDATE %(table)s t SET wallet_asked = %(now)s,
                              wallet_next = %(now)s::timestamp + (5 * COALESCE(p.wallet_timeout, 30) + 60) * interval '1 second'
                         FROM payment_provider p
                        WHERE p.id = t.provider_id AND t.id IN (
                              SELECT id FROM %(table)s WHERE %(due)s
                            ORDER BY wallet_next LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
                    RETURNING t.id""",
                    table=SQL.identifier(self._table),
                    now=now,
                    due=self._wallet_due(now),
                    limit=limit,
                ),
                log_exceptions=False,
            )
            rows = self.env.cr.fetchall()
        except psycopg2.OperationalError:
            # Another one moved a row in the same moment.
            self.env.cr.rollback()
            return []
        self.invalidate_model()
        calls = self.browse(sorted(row[0] for row in rows)).sudo()._wallet_calls(now)
        self.env["ir.cron"]._commit_progress()
        return calls

    def _wallet_calls(self, now):
        """:return: what the threads need of these rows; of a kind of its own for each phase"""
        hosts, paces, calls = {}, {}, []
        for order in self:
            provider, where = order.provider_id, (order.provider_id, order.wallet_base_url, order.wallet_environment)
            pace = paces.setdefault(provider, Pace(provider.wallet_rate))
            if where not in hosts:
                hosts[where] = calling.Host(provider._wallet_driver(order.wallet_base_url or "", order.wallet_environment or "", pace))
            calls.append(calling.Call(id=order.id, host=hosts[where], asked=now, **order._prepare_wallet_call()))
        return calls

    def _prepare_wallet_call(self):
        """:return: values of the ``Call`` that is due"""
        return {
            "kind": "send" if self.wallet_phase == "to_send" else "read",
            "order": self._prepare_wallet_order(),
            "check": self.provider_id.wallet_holder_check or "none",
            "again": self.wallet_unsure,
        }

    # === Call and apply ===

    @api.model
    def _wallet_work(self, calls):
        """Call for all of these by threads, apply the answers as they come."""
        for answered in calling.answered(calls):
            self._wallet_apply_all(answered)
        hosts = {id(call.host): (call.id, call.host) for call in calls}
        for order_id, host in hosts.values():
            if host.driver.tokens.fresh:
                self.browse(order_id).sudo().provider_id._wallet_keep_tokens(host.driver)
        self.env["ir.cron"]._commit_progress()

    @api.model
    def _wallet_apply_all(self, calls):
        """Apply answers in one transaction; when one of them cannot be, each in its own. One that fails is asked again.

        Who met another process is applied again at once: the answer is in hand, and the claim runs for minutes. Lock: the rows, all at once.
        """
        for tries_left in reversed(range(CROSSINGS)):
            try:
                orders = self.with_context(wallet_together=True).browse(call.id for call in calls).sudo()
                orders._wallet_lock()
                for call, order in zip(calls, orders, strict=True):
                    order._wallet_apply(call)
                orders._on_wallet_applied()
                self.env["ir.cron"]._commit_progress()
                return
            except Exception as error:
                self.env.cr.rollback()
                self.invalidate_model()
                crossed = isinstance(error, psycopg2.OperationalError)
                if crossed and tries_left:
                    continue
                if len(calls) == 1:
                    level = logging.INFO if crossed else logging.WARNING
                    _logger.log(level, "The answer for %s %s was not applied, it is asked for again: %s", self._name, calls[0].id, error, exc_info=not crossed)
                    return
                break
        for call in calls:
            self._wallet_apply_all([call])

    # === Book ===

    def _wallet_book(self):
        """Book what has moved and is not booked. Lock: the rows. Transaction: the caller's."""
        raise NotImplementedError

    def _wallet_not_booked(self):
        """:return: domain of what is done and not booked"""
        raise NotImplementedError

    @api.model
    def _wallet_batch_size(self):
        """:return: how many are booked in one commit"""
        return 1

    @api.model
    def _wallet_book_waiting(self):
        """Book what is done and not booked, some at a time, each batch committed.

        Those of one batch that cannot be booked together are tried alone; one that fails alone is a problem for a person.
        """
        after = 0
        while True:
            domain = [*self._wallet_not_booked(), ("id", ">", after), ("wallet_problem", "!=", "NOT_BOOKED")]
            waiting = self.sudo().search(domain, order="id", limit=self._wallet_batch_size())
            if not waiting:
                return
            after = waiting.ids[-1]
            self._wallet_book_safely(waiting)

    @api.model
    def _wallet_book_safely(self, orders):
        try:
            orders._wallet_book()
            self.env["ir.cron"]._commit_progress()
            return
        except psycopg2.OperationalError:
            self.env.cr.rollback()  # another process books one of these
        except Exception:
            self.env.cr.rollback()
            if len(orders) == 1:
                _logger.exception("%s %s: the money has moved and was not booked", self._name, orders.id)
                orders.wallet_problem = "NOT_BOOKED"
                self.env["ir.cron"]._commit_progress()
        self.invalidate_model()
        if len(orders) > 1:
            half = len(orders) // 2
            self._wallet_book_safely(orders[:half])
            self._wallet_book_safely(orders[half:])

    # === What an answer means ===

    def _wallet_apply(self, call):
        """Write down what the operator answered. The caller has locked the row. The same answer twice changes nothing."""
        self.ensure_one()
        if call.holder and call.holder.name:
            self.wallet_holder = call.holder.name
        if isinstance(call.error, calling.Resting):
            self.wallet_next = fields.Datetime.now() + timedelta(seconds=REST)
        elif call.kind == "tell":
            self._wallet_apply_told(call)
        elif call.kind == "send":
            if self.wallet_phase == "to_send":
                self._wallet_apply_sent(call)
        elif self.state != "done":
            self._wallet_apply_read(call)
        if self.wallet_next and self.wallet_woken and call.asked and self.wallet_woken >= call.asked:
            # A callback came while the operator was asked.
            self.wallet_next = min(self.wallet_next, fields.Datetime.now())

    def _wallet_apply_told(self, call):
        raise NotImplementedError

    def _wallet_apply_sent(self, call):
        error = call.error
        if not error and call.answer is None:
            self._wallet_fail(self._wallet_no_holder)
        elif not error:
            self._wallet_taken(call.answer)
        elif isinstance(error, Unknown | Unreachable):
            self._wallet_not_taken(error)
        elif self.wallet_unsure:
            # An earlier try may have arrived: its status decides.
            self.write({"wallet_phase": "sent", "wallet_reason": error.code, "wallet_tries": 0, "wallet_next": fields.Datetime.now()})
        else:
            self._wallet_fail(error.code, error.message)

    #: The reason when the number was looked up before and has no wallet.
    _wallet_no_holder = "PAYER_NOT_FOUND"

    def _wallet_taken(self, accepted):
        """The operator has the request: read it from now on."""
        self.write(
            {
                "wallet_phase": "sent",
                "wallet_tries": 0,
                "wallet_unsure": False,
                "wallet_problem": False,
                "wallet_next": self._wallet_after(0),
                **self._prepare_wallet_taken(accepted),
            }
        )

    def _prepare_wallet_taken(self, accepted):
        """Hook: values to keep of what the operator answered to the request (redirect wallets)."""
        return {}

    def _wallet_not_taken(self, error):
        """It did not arrive, or nobody knows: the same UUID once more, later; after a while no more."""
        unsure = self.wallet_unsure or isinstance(error, Unknown)
        if self._wallet_age() > self._wallet_send_limit(unsure):
            if unsure:
                self.write({"wallet_phase": "sent", "wallet_unsure": True, "wallet_tries": 0, "wallet_next": fields.Datetime.now()})
            else:
                self._wallet_fail(error.code if isinstance(error, NoFunds) else "NOT_SENT")
            return
        tries = self.wallet_tries
        self.write(
            {
                "wallet_unsure": unsure,
                "wallet_tries": tries + 1,
                "wallet_next": fields.Datetime.now() + timedelta(seconds=schedule.send_again(tries)),
                "wallet_problem": error.code if isinstance(error, NotAllowed) else False,
                "wallet_raw": masked(str(error)),
            }
        )

    def _wallet_send_limit(self, unsure):
        """:param unsure: it may have arrived :return: age in seconds after which it is not sent any more"""
        return schedule.SEND_LIMIT

    def _wallet_apply_read(self, call):
        error, status = call.error, call.answer
        if isinstance(error, NotThere) and (self.wallet_unsure or self.wallet_phase == "final"):
            self._wallet_not_there()
        elif error:
            problem = "NOT_THERE" if isinstance(error, NotThere) else isinstance(error, NotAllowed) and error.code
            self._wallet_read_on({"wallet_problem": problem or self.wallet_problem, "wallet_raw": masked(str(error))})
        elif status.state == "done":
            self.wallet_raw = masked(status.raw)
            self._wallet_succeed(status)
        elif status.state == "failed":
            self.wallet_raw = masked(status.raw)
            self._wallet_fail(status.reason_code or "FAILED", status.message)
            self._wallet_plan_recheck()
        else:
            self._wallet_read_on({"wallet_problem": status.unknown_word and "UNKNOWN_STATUS", "wallet_raw": masked(status.raw), "wallet_unsure": False})

    def _wallet_not_there(self):
        """The operator does not know what may have arrived: it did not."""
        self._wallet_fail(self.wallet_reason or "NOT_SENT")
        self.wallet_next = False

    def _wallet_read_on(self, values):
        """Nothing final: read again later, for seven days."""
        if self.wallet_phase == "final":
            self.write(values)
            self._wallet_plan_recheck()
            return
        after = self._wallet_after(self.wallet_tries + 1)
        if after is None:
            values = {**self._prepare_wallet_end("given_up"), "wallet_problem": "GIVEN_UP"}
            _logger.warning("%s: no final answer in seven days, given up", self.reference)
        self.write({"wallet_tries": self.wallet_tries + 1, "wallet_next": after, **values})

    def _wallet_after(self, tries):
        seconds = schedule.read_again(self._wallet_age(), tries)
        return None if seconds is None else fields.Datetime.now() + timedelta(seconds=seconds)

    def _wallet_age(self):
        return (fields.Datetime.now() - (self.wallet_since or fields.Datetime.now())).total_seconds()

    def _wallet_plan_recheck(self):
        seconds = schedule.recheck(self.wallet_tries)
        self.wallet_next = fields.Datetime.now() + timedelta(seconds=seconds) if seconds else False
        self.wallet_tries += 1

    # === The end ===

    def _prepare_wallet_end(self, phase):
        """:return: values of what is no longer open"""
        return {"wallet_phase": phase, "wallet_next": False}

    def _wallet_succeed(self, status):
        """The money moved: done, from whatever state, when it is the money that was asked for."""
        if problem := self._wallet_wrong_money(status):
            asked = f"asked {self._wallet_amount()} {self.wallet_currency}, reported {status.amount} {status.currency}"
            _logger.warning("%s: %s (%s)", self.reference, problem, asked)
            self._wallet_hold(problem, status)
            return
        late = self.wallet_phase in ("final", "given_up")
        self.write(
            {
                **self._prepare_wallet_end("final"),
                "provider_reference": status.reference or False,
                "wallet_reason": False,
                "wallet_problem": False,
                "wallet_tries": 0,
            }
        )
        _logger.info("%s: paid%s, reference %s", self.reference, " (late)" if late else "", status.reference)
        self._wallet_set_done(status)
        self._on_wallet_final()

    def _wallet_wrong_money(self, status):
        """:return: a code when this is not the money that was asked for, or counts already"""
        if status.amount is not None and status.amount != Decimal(self._wallet_amount()):
            return "AMOUNT_DIFFERS"
        if status.currency is not None and status.currency != self.wallet_currency:
            return "AMOUNT_DIFFERS"
        if status.reference and self._wallet_reference_is_known(status.reference):
            return "DUPLICATE_REFERENCE"
        return None

    def _wallet_reference_is_known(self, reference):
        """:return: whether another one has this reference. Of two in one transaction the UNIQUE index stops the second."""
        known = SQL(
            "SELECT FROM %s WHERE provider_id = %s AND provider_reference = %s AND wallet_uuid IS NOT NULL AND id <> %s",
            SQL.identifier(self._table),
            self.provider_id.id,
            reference,
            self.id,
        )
        return bool(self.env.execute_query(known))

    def _wallet_hold(self, problem, status):
        """Money that is not what was asked for. Nothing is booked by itself: a person looks."""
        raise NotImplementedError

    def _wallet_fail(self, code, message=""):
        """Final, and no money moved. Never cancelled: a late success is taken from there."""
        first = not (self._wallet_has_failed() and self.wallet_phase == "final")
        self.write(
            {
                **self._prepare_wallet_end("final"),
                "wallet_reason": code,
                "wallet_problem": code if code in self._wallet_staff_texts() and code != "INTERNAL_PROCESSING_ERROR" else False,
                **({"wallet_tries": 0} if first else {}),
            }
        )
        if not first:
            return
        _logger.info("%s: failed, %s %s", self.reference, code, masked(message, 200))
        if not self._wallet_has_failed():
            self._wallet_set_failed(code)
        self._on_wallet_final()

    def _wallet_set_done(self, status):
        """Change the state: the money has moved."""
        raise NotImplementedError

    def _wallet_set_failed(self, code):
        """Change the state: no money has moved, as far as anybody knows."""
        raise NotImplementedError

    def _wallet_has_failed(self):
        """:return: whether the state is that of ``_wallet_set_failed``"""
        raise NotImplementedError

    def _on_wallet_final(self):
        """Called once for every change of the state to done or failed, in its transaction. With ``wallet_together`` in the context
        ``_on_wallet_applied`` follows in the same transaction, for what is cheaper done for many at once.
        """

    def _on_wallet_applied(self):
        """Hook: answers for these were written down together; some are final by now, others not."""
