# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Routers that share one time."""

import threading

from .clock import Clock
from .host import Host


class World:
    """``with World() as world: router = world.add("site-1", address="127.0.1.1")``

    :param running: time goes by itself; else only by ``step``
    :param start: seconds since 1970; None: now
    """

    _TICK = 0.1

    def __init__(self, running=True, start=None):
        self.clock = Clock(running, start)
        self.routers = {}
        self._ended = threading.Event()
        self._ticking = threading.Lock()
        if running:
            threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.stop()

    def add(self, name, **options):
        """A router that is switched on: see ``Host``."""
        if name in self.routers:
            raise ValueError(f"there is a router {name}")
        router = Host(name, clock=self.clock, **options)
        router.start()
        self.routers[name] = router
        return router

    def remove(self, name):
        router = self.routers.pop(name)
        router.stop()
        router.close_ways()

    def step(self, seconds):
        """Let ``seconds`` pass: everything that is due in between happens at its moment. Waits until the RADIUS servers have answered."""
        target = self.clock.now() + seconds
        with self._ticking:
            while True:
                due = [(moment, name) for name, router in self.routers.items() if (moment := router.next_moment()) is not None]
                moment, name = min(due, default=(None, None))
                if moment is None or moment > target:
                    break
                self.clock.set(moment)
                self.routers[name].happen()
            self.clock.set(target)
        self.settled()

    def settled(self):
        """Wait until no packet is on its way."""
        for router in self.routers.values():
            router.desk.settled()

    def stop(self):
        self._ended.set()
        for router in self.routers.values():
            router.stop()
            router.close_ways()

    def _run(self):
        while not self._ended.wait(self._TICK):
            with self._ticking:
                for router in list(self.routers.values()):
                    moment = router.next_moment()
                    if moment is not None and moment <= self.clock.now():
                        router.happen()
