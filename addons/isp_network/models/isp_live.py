# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import logging
import threading
import time
from datetime import timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.modules.registry import Registry
from odoo.tools import SQL

from ..drivers import routeros
from ..engine.live import Speeds

_logger = logging.getLogger(__name__)

#: Who looks says so every few seconds; without a word for so long, nobody looks.
LEASE = timedelta(seconds=15)
#: Seconds between two questions to a router.
EVERY = 1.5
#: First number of the advisory lock of a router's poller.
_LOCK = 0x15B


class IspLive(models.AbstractModel):
    """Live bandwidth: a router is asked every second or two while somebody looks, once however many look.

    ``look`` is called by each open graph every few seconds. It starts a thread in this process unless one polls the router; of several processes
    one gets the advisory lock. The thread holds no transaction while it waits, ends itself when nobody looks, and when its process ends another
    takes over at the next ``look``. What was found goes to the bus, channel (router, "live").
    """

    _name = "isp.live"
    _description = "Live bandwidth"

    _threads: dict = {}
    _guard = threading.Lock()

    # === What screens ask ===

    @api.model
    def _action(self, record):
        return {
            "type": "ir.actions.client",
            "tag": "isp_network.live",
            "name": self.env._("Live: %(name)s", name=record.display_name),
            "params": {"model": record._name, "id": record.id, "name": record.display_name},
        }

    @api.model
    def look(self, model, key, token):
        """I look at this record, for the next seconds.

        :param model: "isp.router" or "isp.subscription"
        :param token: name of the window, made by it
        :return: {mode: "live" (values come by the bus channel), "sums" (they are here, from the last reports) or "off", channel, login, up, down, at, note}
        :raise AccessError: the user may not read the record
        """
        if model not in ("isp.router", "isp.subscription") or not isinstance(token, str) or not 8 <= len(token) <= 64:
            raise ValueError("isp.live.look: a router or a subscription, and a token")
        record = self.env[model].browse(int(key)).exists()
        record.check_access("read")
        self.env["isp.session"].check_access("read")
        if model == "isp.router":
            router, login, sessions = record.sudo(), False, self.env["isp.session"].sudo().search(
                self.env["isp.session"]._live_domain() & fields.Domain("nas_ip", "=", record.nas_ip)
            )
        else:
            sessions = self.env["isp.session"].sudo()._search_live(record.sudo().access_ids.ids)[:1]
            router, login = sessions.router_id, sessions.user_name
        answer = {"login": login, "router": router.id, **self._sums(sessions)}
        if not sessions and (model != "isp.router" or not router._live_possible()):
            return {**answer, "mode": "off", "note": self.env._("Nobody is on line, and it has no API that could be asked.") if model == "isp.router" else self.env._("Not on line.")}
        if not router._live_possible():
            return {**answer, "mode": "sums", "note": self.env._("From what the router reports every few minutes: it has no API that we know.")}
        self._lease(router, login, token)
        self._start(router)
        return {**answer, "mode": "live", "channel": f"isp_live_{router.id}", "note": ""}

    @api.model
    def _sums(self, sessions):
        """Bits a second between the last two reports of these sessions, and when the newest came."""
        up = sum(s.added_up * 8 // s.added_seconds for s in sessions if s.added_seconds)
        down = sum(s.added_down * 8 // s.added_seconds for s in sessions if s.added_seconds)
        newest = max(sessions.mapped("updated"), default=None)
        return {"up": up, "down": down, "at": newest and fields.Datetime.to_string(newest), "online": len(sessions)}

    @api.model
    def _lease(self, router, login, token):
        # Rows of one window are written by one window: nobody else waits for them.
        self.env.cr.execute(
            SQL(
                """INSERT INTO isp_live_viewer (token, router_id, login, until) VALUES (%s, %s, %s, %s)
                   ON CONFLICT (token) DO UPDATE SET router_id = excluded.router_id, login = excluded.login, until = excluded.until""",
                f"{self.env.uid}/{token}",
                router.id,
                login or None,
                fields.Datetime.now() + LEASE,
            ),
            log_exceptions=False,
        )

    # === The poller ===

    @api.model
    def _start(self, router):
        """Start the poller after the commit, so that it sees the lease."""
        dbname, key = self.env.cr.dbname, router.id
        self.env.cr.postcommit.add(lambda: self._start_thread(dbname, key))

    @classmethod
    def _start_thread(cls, dbname, key):
        with IspLive._guard:
            thread = IspLive._threads.get((dbname, key))
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=_poll, args=(dbname, key), name=f"isp.live.{key}", daemon=True)
                IspLive._threads[dbname, key] = thread
                thread.start()

    @api.model
    def _watched(self, router):
        """:return: (whether anybody looks at the router itself, user names that are looked at), None when nobody looks"""
        rows = self.env.execute_query(
            SQL("SELECT DISTINCT login FROM isp_live_viewer WHERE router_id = %s AND until > %s", router.id, fields.Datetime.now())
        )
        if not rows:
            return None
        return any(login is None for (login,) in rows), sorted(login for (login,) in rows if login)

    @api.model
    def _publish(self, router, message):
        self.env["bus.bus"]._sendone((router, "live"), "isp.live", message)


def _poll(dbname, key):
    """Ask one router until nobody looks. A connection of its own for the lock, no transaction while it waits."""
    try:
        with Registry(dbname).cursor() as cr:
            cr.execute("SELECT pg_try_advisory_lock(%s, %s)", (_LOCK, key))
            [mine] = cr.fetchone()
            cr.commit()  # pylint: disable=invalid-commit
            if not mine:
                return
            try:
                _poll_locked(cr, key)
            finally:
                cr.rollback()
                cr.execute("SELECT pg_advisory_unlock(%s, %s)", (_LOCK, key))
                cr.commit()  # pylint: disable=invalid-commit
    except Exception:
        _logger.exception("Live traffic of router %s ended", key)


def _poll_locked(cr, key):
    env = api.Environment(cr, SUPERUSER_ID, {})
    router = env["isp.router"].browse(key)
    driver, speeds = None, Speeds()
    try:
        while True:
            env.invalidate_all()
            watched = env["isp.live"]._watched(router) if router.exists() else None
            if not watched:
                return
            driver = driver or router._live_driver()
            cr.commit()  # pylint: disable=invalid-commit
            began = time.monotonic()
            message = _ask(driver, watched, speeds)
            env["isp.live"]._publish(router, {"router": key, **message})
            cr.commit()  # pylint: disable=invalid-commit
            wait = EVERY if "error" not in message else 3 * EVERY
            time.sleep(max(wait - (time.monotonic() - began), 0.2))
    finally:
        if driver:
            driver.close()


def _ask(driver, watched, speeds):
    """:return: {interfaces: {name: [received, sent]}, users: {login: [up, down]}} in bits a second, or {error: {kind, detail}}"""
    whole, logins = watched
    counters = {}
    try:
        if whole:
            for row in driver.rows("interface", ["name", "rx-byte", "tx-byte"], {"dynamic": "false"}):
                counters["interface", row.get("name", "")] = _bytes(row, "rx-byte", "tx-byte")
        for login in logins:
            rows = driver.rows("interface", ["name", "rx-byte", "tx-byte"], {"name": f"<pppoe-{login}>"})
            if rows:
                counters["user", login] = _bytes(rows[0], "rx-byte", "tx-byte")
                continue
            rows = driver.rows("ip/hotspot/active", ["user", "bytes-in", "bytes-out"], {"user": login})
            if rows:
                found = [_bytes(row, "bytes-in", "bytes-out") for row in rows]
                counters["user", login] = tuple(map(sum, zip(*found, strict=True)))
    except routeros.RouterError as error:
        speeds.clear()
        return {"error": {"kind": type(error).__name__, "detail": error.message[:300]}}
    rates = speeds.of(counters, time.monotonic())
    return {
        "interfaces": {name: rate for (kind, name), rate in rates.items() if kind == "interface"},
        "users": {name: rate for (kind, name), rate in rates.items() if kind == "user"},
        "missing": [login for login in logins if ("user", login) not in counters],
    }


def _bytes(row, first, second):
    return routeros.number(row.get(first)), routeros.number(row.get(second))
