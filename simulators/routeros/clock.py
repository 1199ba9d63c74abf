# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The time of the simulated world: it runs, or it moves only when it is stepped."""

import threading
import time


class Clock:
    """``now()``: seconds since 1970 of the true world; routers have clocks of their own, which may be wrong.

    :param running: False: only ``step`` moves it
    """

    def __init__(self, running=True, start=None):
        self._lock = threading.Lock()
        self._running = running
        self._base = time.time() if start is None else start
        self._since = time.monotonic()
        self._limit = None

    def now(self):
        with self._lock:
            if self._limit is not None:
                return self._limit
            return self._base + (time.monotonic() - self._since if self._running else 0)

    def step(self, seconds, at_moment=lambda target: None):
        """Move on by ``seconds``. ``at_moment(target)`` answers the next moment before ``target`` at which something happens and
        does it when it is called again there; None when nothing does."""
        target = self.now() + seconds
        while (moment := at_moment(target)) is not None:
            with self._lock:
                self._limit = max(moment, self._limit or 0)
        with self._lock:
            self._base, self._since, self._limit = target, time.monotonic(), None
