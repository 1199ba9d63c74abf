# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Operators called by threads. No record and no database in it."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from ..drivers.base import Holder, NoFunds, Order, Unknown, Unreachable, Wallet, WalletError

_logger = logging.getLogger(__name__)

#: Threads that call, answers handed on together, and seconds the first of them waits for more.
THREADS, TOGETHER, GATHER = 8, 50, 0.5
#: Failures in a row after which a host is left alone until the next run.
PATIENCE = 3
#: Calls that move money, each with the one that tells how it stands.
STATUS_OF = {"request": "status", "refund": "refund_status", "transfer": "transfer_status"}


class Resting(Unreachable):
    """The host failed others a moment ago: this one was not tried."""


@dataclass
class Host:
    """A driver and how it fares in this run."""

    driver: Wallet
    failures: int = 0
    funds: Decimal | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def covers(self, order):
        """Our own wallet is asked once in a run, and what goes out is taken off. What it does not tell, the operator decides.

        :return: whether it holds what ``order`` pays out
        """
        with self._lock:
            if self.funds is None:
                self.funds = self._ask_funds(order.currency)
            if self.funds < Decimal(order.amount):
                return False
            self.funds -= Decimal(order.amount)
            return True

    def _ask_funds(self, currency):
        try:
            balance = self.driver.balance("disbursement")
        except WalletError as error:
            _logger.info("Balance not told: %s", error)
            return Decimal("Infinity")
        return balance.amount if balance.currency == currency else Decimal("Infinity")


@dataclass
class Call:
    """What a thread does for one record, and what came of it.

    ``kind``: send, read or tell; ``what``: request, refund or transfer.
    """

    id: int
    kind: str
    host: Host
    order: Order
    what: str = "request"
    check: str = "none"
    text: str = ""
    #: it may have arrived before: it is sent as it was, whatever can be known of number and balance
    again: bool = False
    asked: datetime | None = None
    holder: Holder | None = None
    answer: object = None
    error: WalletError | None = None

    def run(self):
        if self.host.failures >= PATIENCE:
            self.error = Resting("RESTING", "")
            return self
        try:
            self.answer = getattr(self, f"_{self.kind}")()
            self.host.failures = 0
        except NoFunds as error:
            self.error = error
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
        """:return: the driver's answer; None when nothing was sent because the number has no wallet"""
        driver = self.host.driver
        if not self.again and not self._number_is_good():
            return None
        if self.what == "transfer" and driver.has_balance and not self.again and not self.host.covers(self.order):
            raise NoFunds("NOT_ENOUGH_FUNDS", "our own wallet does not hold this much")
        return getattr(driver, self.what)(self.order)

    def _number_is_good(self):
        driver = self.host.driver
        if self.what == "refund" or self.check == "none" or not driver.checks_holder:
            return True
        try:
            self.holder = driver.holder(self.order.msisdn, name=self.check == "name")
        except WalletError as error:
            _logger.info("%s: holder not checked: %s", self.order.reference, error)
        return not self.holder or self.holder.active is not False

    def _read(self):
        return getattr(self.host.driver, STATUS_OF[self.what])(self.order)

    def _tell(self):
        return self.host.driver.notify(self.order, self.text)


def answered(calls):
    """Call for all of these by threads.

    :return: generator of lists of ``Call``, as they are answered: at most TOGETHER, or what came within GATHER seconds
    """
    with ThreadPoolExecutor(min(THREADS, len(calls)), "wallet") as pool:
        waiting = [pool.submit(call.run) for call in calls]
        done, since = [], time.monotonic()
        for future in as_completed(waiting):
            done.append(future.result())
            if len(done) >= TOGETHER or time.monotonic() > since + GATHER:
                yield done
                done, since = [], time.monotonic()
        if done:
            yield done
