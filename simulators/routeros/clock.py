# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The time of the simulated world: it runs, or it moves only when it is stepped."""

import threading
import time


class Clock:
    """``now()``: seconds since 1970 of the true world; routers have clocks of their own, which may be wrong.

    :param running: False: only ``set`` moves it
    """

    def __init__(self, running=True, start=None):
        self._lock = threading.Lock()
        self._running = running
        self._base = time.time() if start is None else start
        self._since = time.monotonic()

    def now(self):
        with self._lock:
            return self._base + (time.monotonic() - self._since if self._running else 0)

    def set(self, moment):
        """Never back."""
        with self._lock:
            now = self._base + (time.monotonic() - self._since if self._running else 0)
            self._base, self._since = max(now, moment), time.monotonic()
