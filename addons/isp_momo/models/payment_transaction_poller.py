# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

import psycopg2

from odoo import api, fields, models
from odoo.tools import SQL

from .. import const
from ..drivers import WALLETS
from ..drivers.base import Holder, NotAllowed, NotThere, Order, Unknown, Unreachable, Wallet, WalletError
from ..drivers.transport import Pace
from ..tools import schedule
from ..tools.masked import masked
from ..tools.trigger import trigger_once

_logger = logging.getLogger(__name__)

#: Rows claimed at once, threads that call, answers applied in one transaction, and seconds the first of them waits for more.
CLAIM, THREADS, TOGETHER, GATHER = 200, 8, 50, 0.5
#: Seconds a run waits for rows that are due soon: a payer looks at the telephone.
LINGER = 8
#: Failures in a row after which a host is left alone until the next run, and for how many seconds.
PATIENCE, REST = 3, 30


class Resting(Unreachable):
    """The host failed others a moment ago: this one was not tried."""


@dataclass
class Host:
    """A driver and how it fares in this run."""

    driver: Wallet
    failures: int = 0


@dataclass
class Call:
    """What a thread does for one transaction, and what came of it. No record in it."""

    id: int
    kind: str  # send, read, tell
    host: Host
    order: Order
    refund: bool = False
    check: str = "none"
    text: str = ""
    asked: datetime | None = None
    holder: Holder | None = None
    answer: object = None
    error: WalletError | None = field(default=None)

    def run(self):
        if self.host.failures >= PATIENCE:
            self.error = Resting("RESTING", "")
            return self
        try:
            self.answer = getattr(self, f"_{self.kind}")()
            self.host.failures = 0
        except (Unknown, Unreachable) as error:
            self.error = error
            self.host.failures += 1
        except WalletError as error:
            self.error = error
            self.host.failures = 0
        except Exception as error:
            _logger.exception("A wallet's driver failed")
            self.error = Unknown("DRIVER", type(error).__name__)
        return self

    def _send(self):
        driver = self.host.driver
        if self.refund:
            return driver.refund(self.order)
        if self.check != "none" and driver.checks_holder:
            try:
                self.holder = driver.holder(self.order.msisdn, name=self.check == "name")
            except WalletError as error:
                _logger.info("%s: holder not checked: %s", self.order.reference, error)
            if self.holder and self.holder.active is False:
                return None
        return driver.request(self.order)

    def _read(self):
        return self.host.driver.refund_status(self.order) if self.refund else self.host.driver.status(self.order)

    def _tell(self):
        return self.host.driver.notify(self.order, self.text)


class PaymentTransaction(models.Model):
    """Sends and reads requests until they are final. No transaction is open while an operator is asked.

    Claim (committed) → call, by threads → apply under the row's lock (committed). Killed anywhere: the claim runs out, the
    same UUID is sent again, and the operator says that it exists.
    """

    _inherit = "payment.transaction"

    @api.model
    def _cron_wallet(self):
        """Send what is to be sent, read what is open, book what is paid; stay while something is due within seconds."""
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
            if pause is None or time.monotonic() + min(pause, 1) > until:
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
        now = fields.Datetime.now()
        [(count,)] = self.env.execute_query(SQL("SELECT count(*) FROM payment_transaction WHERE %s", self._wallet_due(now)))
        return count

    def _wallet_pause(self):
        """:return: seconds until the next is due, 0 or less: now; None when nothing is open"""
        [(soonest,)] = self.env.execute_query(SQL("SELECT min(wallet_next) FROM payment_transaction WHERE wallet_next IS NOT NULL"))
        return (soonest - fields.Datetime.now()).total_seconds() if soonest else None

    def _wallet_claim(self, limit=CLAIM):
        """Take rows that are due, so that no other poller does until the calls must be over. Committed.

        :return: list of ``Call``
        """
        now = fields.Datetime.now()
        try:
            self.env.cr.execute(
                SQL(
                    """UPDATE payment_transaction t SET wallet_asked = %(now)s,
                              wallet_next = %(now)s::timestamp + (5 * COALESCE(p.wallet_timeout, 30) + 60) * interval '1 second'
                         FROM payment_provider p
                        WHERE p.id = t.provider_id AND t.id IN (
                              SELECT id FROM payment_transaction WHERE %(due)s
                            ORDER BY wallet_next LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
                    RETURNING t.id""",
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
        for tx in self:
            provider, where = tx.provider_id, (tx.provider_id, tx.wallet_base_url, tx.wallet_environment)
            pace = paces.setdefault(provider, Pace(provider.wallet_rate))
            if where not in hosts:
                hosts[where] = Host(provider._wallet_driver(tx.wallet_base_url or "", tx.wallet_environment or "", pace))
            calls.append(
                Call(
                    id=tx.id,
                    kind=tx._wallet_kind(),
                    host=hosts[where],
                    order=tx._prepare_wallet_order(),
                    refund=tx.operation == "refund",
                    check=provider.wallet_holder_check or "none",
                    text=tx._wallet_notice() if tx.wallet_tell else "",
                    asked=now,
                )
            )
        return calls

    def _wallet_kind(self):
        if self.wallet_phase == "to_send":
            return "send"
        return "tell" if self.wallet_tell and self.state == "done" else "read"

    # === Call and apply ===

    @api.model
    def _wallet_work(self, calls):
        """Call for all of these by threads, apply the answers as they come."""
        with ThreadPoolExecutor(min(THREADS, len(calls)), "wallet") as pool:
            waiting = [pool.submit(call.run) for call in calls]
            answered, since = [], time.monotonic()
            for future in as_completed(waiting):
                answered.append(future.result())
                if len(answered) >= TOGETHER or time.monotonic() > since + GATHER:
                    self._wallet_apply_all(answered)
                    answered, since = [], time.monotonic()
            self._wallet_apply_all(answered)
        hosts = {id(call.host): (call.id, call.host) for call in calls}
        for tx_id, host in hosts.values():
            if host.driver.tokens.fresh:
                self.browse(tx_id).sudo().provider_id._wallet_keep_tokens(host.driver)
        self.env["ir.cron"]._commit_progress()

    @api.model
    def _wallet_apply_all(self, calls):
        """Apply answers in one transaction; when one of them cannot be, each in its own. One that fails is asked again.

        Lock: the rows, all at once.
        """
        if not calls:
            return
        try:
            transactions = self.browse(call.id for call in calls).sudo()
            transactions._wallet_lock()
            for call, transaction in zip(calls, transactions, strict=True):
                transaction._wallet_apply(call)
            self.env["ir.cron"]._commit_progress()
            return
        except Exception as error:
            self.env.cr.rollback()
            self.invalidate_model()
            if len(calls) == 1:
                crossed = isinstance(error, psycopg2.OperationalError)
                _logger.log(logging.INFO if crossed else logging.WARNING, "The answer for transaction %s was not applied, it is asked for again: %s", calls[0].id, error, exc_info=not crossed)
                return
        for call in calls:
            self._wallet_apply_all([call])

    @api.model
    def _wallet_book_waiting(self):
        """Book what is paid and not booked, some at a time, each batch committed.

        Those of one batch that cannot be booked together are tried alone; one that fails alone is a problem for a person,
        and core's job tries it again.
        """
        after = 0
        while True:
            domain = [("wallet_uuid", "!=", False), ("state", "=", "done"), ("is_post_processed", "=", False)]
            domain += [("id", ">", after), ("wallet_problem", "!=", "NOT_BOOKED")]
            waiting = self.sudo().search(domain, order="id", limit=self._wallet_batch_size())
            if not waiting:
                return
            after = waiting.ids[-1]
            self._wallet_book_safely(waiting)

    @api.model
    def _wallet_book_safely(self, transactions):
        try:
            transactions._wallet_book()
            self.env["ir.cron"]._commit_progress()
            return
        except psycopg2.OperationalError:
            self.env.cr.rollback()  # another process books one of these
        except Exception:
            self.env.cr.rollback()
            if len(transactions) == 1:
                _logger.exception("Transaction %s is paid and was not booked", transactions.id)
                transactions.wallet_problem = "NOT_BOOKED"
                self.env["ir.cron"]._commit_progress()
        self.invalidate_model()
        if len(transactions) > 1:
            half = len(transactions) // 2
            self._wallet_book_safely(transactions[:half])
            self._wallet_book_safely(transactions[half:])

    # === What an answer means ===

    def _wallet_apply(self, call):
        """Write down what the operator answered. The caller has locked the row. The same answer twice changes nothing."""
        self.ensure_one()
        if call.holder and call.holder.name:
            self.wallet_holder = call.holder.name
        if isinstance(call.error, Resting):
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

    def _wallet_apply_sent(self, call):
        error = call.error
        if not error and call.answer is None:
            self._wallet_fail("PAYER_NOT_FOUND")
        elif not error:
            self._wallet_taken(call.answer)
        elif isinstance(error, Unknown | Unreachable):
            self._wallet_not_taken(error)
        elif self.wallet_unsure:
            # An earlier try may have arrived: its status decides.
            self.write({"wallet_phase": "sent", "wallet_reason": error.code, "wallet_tries": 0, "wallet_next": fields.Datetime.now()})
        else:
            self._wallet_fail(error.code, error.message)

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
        if self.state == "draft" and WALLETS[self.provider_code].flow == "push":
            self._set_pending()

    def _prepare_wallet_taken(self, accepted):
        """Hook: values to keep of what the operator answered to the request (redirect wallets)."""
        return {}

    def _wallet_not_taken(self, error):
        """It did not arrive, or nobody knows: the same UUID once more, later; after a day no more."""
        unsure = self.wallet_unsure or isinstance(error, Unknown)
        if self._wallet_age() > schedule.SEND_LIMIT:
            if unsure:
                self.write({"wallet_phase": "sent", "wallet_unsure": True, "wallet_tries": 0, "wallet_next": fields.Datetime.now()})
            else:
                self._wallet_fail("NOT_SENT")
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

    def _wallet_apply_read(self, call):
        error, status = call.error, call.answer
        if isinstance(error, NotThere) and (self.wallet_unsure or self.wallet_phase == "final"):
            self._wallet_fail(self.wallet_reason or "NOT_SENT")
            self.wallet_next = False
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

    def _wallet_read_on(self, values):
        """Nothing final: read again later, for seven days."""
        if self.wallet_phase == "final":
            self.write(values)
            self._wallet_plan_recheck()
            return
        after = self._wallet_after(self.wallet_tries + 1)
        if after is None:
            values = {"wallet_phase": "given_up", "wallet_once": False, "wallet_problem": "GIVEN_UP"}
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

    def _wallet_succeed(self, status):
        """The money moved: done, from whatever state, when it is the money that was asked for."""
        if problem := self._wallet_wrong_money(status):
            self._wallet_hold(problem, status)
            return
        late = self.wallet_phase in ("final", "given_up")
        tell = self.provider_id.wallet_notify and self.operation != "refund" and WALLETS[self.provider_code].notifies
        self.write(
            {
                "provider_reference": status.reference or False,
                "wallet_phase": "final",
                "wallet_once": False,
                "wallet_reason": False,
                "wallet_problem": False,
                "wallet_tries": 0,
                "wallet_tell": tell,
                "wallet_next": fields.Datetime.now() if tell else False,
            }
        )
        _logger.info("%s: paid%s, reference %s", self.reference, " (late)" if late else "", status.reference)
        self._process(self.provider_code, {"wallet_status": status})
        self._on_wallet_final()
        self._wallet_to_be_booked()

    def _wallet_to_be_booked(self):
        """Booked by this poller in a moment; if it dies, by core's job."""
        trigger_once(self.env, "payment.cron_post_process_payment_tx")

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
        """:return: whether another payment has this reference. Of two in one transaction the UNIQUE index stops the second."""
        self.env.cr.execute(
            "SELECT FROM payment_transaction WHERE provider_id = %s AND provider_reference = %s AND wallet_uuid IS NOT NULL AND id <> %s",
            [self.provider_id.id, reference, self.id],
        )
        return bool(self.env.cr.rowcount)

    def _wallet_hold(self, problem, status):
        """Money that is not what was asked for: an error for the payer, a claim for staff. Nothing is booked by itself."""
        self.env["isp.wallet.claim"].sudo()._hold(self, problem, status)
        _logger.warning("%s: %s (asked %s %s, reported %s %s)", self.reference, problem, self._wallet_amount(), self.wallet_currency, status.amount, status.currency)
        self._wallet_fail(problem)
        self.write({"wallet_problem": problem, "wallet_next": False})

    def _wallet_fail(self, code, message=""):
        """Final, and no money moved. Error, never cancelled: a late success is taken from there."""
        first = self.state != "error" or self.wallet_phase != "final"
        self.write(
            {
                "wallet_phase": "final",
                "wallet_once": False,
                "wallet_reason": code,
                "wallet_problem": code if code in const.STAFF_TEXTS and code != "INTERNAL_PROCESSING_ERROR" else False,
                "wallet_next": False,
                **({"wallet_tries": 0} if first else {}),
            }
        )
        if not first:
            return
        _logger.info("%s: failed, %s %s", self.reference, code, masked(message, 200))
        if self.state != "error":
            self._set_error(self._wallet_text(code))
        self._on_wallet_final()

    def _wallet_apply_told(self, call):
        again = isinstance(call.error, Unknown | Unreachable) and self.wallet_tries < 3
        if call.error:
            _logger.info("%s: payer not told by the operator: %s", self.reference, call.error)
        self.write(
            {
                "wallet_tell": again,
                "wallet_tries": self.wallet_tries + 1,
                "wallet_next": fields.Datetime.now() + timedelta(seconds=30) if again else False,
            }
        )
