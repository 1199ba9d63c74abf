# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Hand messages to one gateway with several threads, at its rate. No Odoo, no transaction."""

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..drivers.base import Refused, Result, Unknown, Unreachable

_logger = logging.getLogger(__name__)
#: After so many unknown outcomes in a row the gateway is left alone.
_PATIENCE = 3


@dataclass(frozen=True)
class Outcome:
    """``state``: ``accepted``, ``refused``, ``unknown``, or ``unsent`` (surely nothing was sent)"""

    state: str
    reference: str = ""
    code: str = ""
    text: str = ""
    cost: float | None = None
    currency: str = ""


class Sender:
    """Threads and connections to one gateway; they are kept from one batch to the next.

    :param make: makes a driver, called once in each thread
    :param rate: messages a second, 0 for as fast as it goes
    """

    def __init__(self, make, connections=4, rate=0):
        self._make, self._rate = make, rate
        self._pool = ThreadPoolExecutor(max_workers=max(connections, 1))
        self._local, self._lock = threading.local(), threading.Lock()
        self._drivers, self._next, self._unknowns = [], 0.0, 0
        self._stop = threading.Event()
        self.problem = ""

    def start(self, messages, done=None):
        """:param done: called, in any thread, when the last of them has its outcome
        :return: function that waits and returns {uuid: Outcome}
        """
        self._stop.clear()
        self._unknowns, self.problem = 0, ""
        left = iter(range(len(messages) - 1, -1, -1))

        def count(_future):
            with self._lock:
                last = next(left) == 0
            if last and done:
                done()

        futures = {message.uuid: self._pool.submit(self._one, message) for message in messages}
        for future in futures.values():
            future.add_done_callback(count)
        return lambda: {uuid: future.result() for uuid, future in futures.items()}

    def hand(self, messages):
        return self.start(messages)()

    def poll(self, patience=0.0):
        """Receipts that came on the connections themselves, when no batch is on its way; one is opened where there is none.

        :raise Unreachable: a connection is broken or cannot be had
        """
        if not self._drivers:
            self._drivers.append(self._make())
        found = []
        for driver in self._drivers:
            found += driver.poll(patience)
        return found

    def confirm(self):
        """What `poll` gave is safe."""
        for driver in self._drivers:
            driver.confirm()

    def close(self):
        self._stop.set()
        self._pool.shutdown(wait=True)
        for driver in self._drivers:
            driver.close()

    def _one(self, message):
        self._pace()
        if self._stop.is_set():
            return Outcome("unsent", text=self.problem)
        try:
            result = self._driver().send(message)
        except Refused as error:
            self._unknowns = 0
            return Outcome("refused", code=error.code, text=error.text)
        except Unreachable as error:
            self.problem = error.text or type(error).__name__
            self._stop.set()
            return Outcome("unsent", code=error.code, text=error.text)
        except Unknown as error:
            return self._unknown(error.text, error.code)
        except Exception as error:
            _logger.exception("Driver failed on message %s", message.uuid)
            return self._unknown(f"{type(error).__name__}: {error}", "")
        self._unknowns = 0
        return self._accepted(result)

    @staticmethod
    def _accepted(result: Result):
        return Outcome("accepted", reference=result.reference, text=result.text, cost=result.cost, currency=result.currency)

    def _unknown(self, text, code):
        self._unknowns += 1
        if self._unknowns >= _PATIENCE:
            self.problem = text
            self._stop.set()
        return Outcome("unknown", code=code, text=text)

    def _driver(self):
        if not hasattr(self._local, "driver"):
            self._local.driver = self._make()
            with self._lock:
                self._drivers.append(self._local.driver)
        return self._local.driver

    def _pace(self):
        if not self._rate:
            return
        with self._lock:
            now = time.monotonic()
            turn = self._next = max(self._next + 1 / self._rate, now)
        if turn > now:
            self._stop.wait(turn - now)
