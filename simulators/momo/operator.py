# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What MTN and Orange have in common here: clock, faults, wallets, telephones, and callbacks sent in the background."""

import queue
import secrets
import threading
import time
import urllib.error
import urllib.request

from .web import Silence, answer

#: Ways to go wrong, all switched by ``POST /_control/faults``; these are the values of a good day.
FAULTS = {
    "delay": 0,  # seconds before every answer
    "fail_status": 0,  # this status instead of an answer …
    "fail_path": "",  # … where the path contains this …
    "fail_times": 0,  # … so many times (-1: until switched off)
    "silence": 0,  # this many requests are carried out and then not answered: the line fails after the work is done
    "deaf": 0,  # this many requests that move money are neither carried out nor answered: the line fails before the work is done
    "party_refused": "late",  # unknown payers and payees: late: the status says so, early: a 500 to the request does
    "callback": "once",  # once, never, twice
    "callback_method": "PUT",  # PUT or POST
    "callback_delay": 0,  # seconds
    "callback_lost_each": 0,  # every n-th callback is lost
    "callback_twice_each": 0,  # every n-th callback is sent twice
    "result_delay": 0,  # seconds from the approval to the final status
    "reason_shape": "text",  # text: "CODE", object: {"code", "message"}
    "numbers": False,  # amount, ids and numbers as JSON numbers in answers to a status
    "new_host": False,  # the platform of 2026: environment needed for a token, python-requests turned away
    "callback_refuse_ip": False,
    "status_rate": 0,  # status reads a second for each subscription key; more are answered 429
    "approve": "phone",  # phone: a person decides; auto: every request outside the sandbox is approved at once
    "cancel_expires": False,  # Orange: a payment cancelled on its page becomes EXPIRED instead of staying INITIATED
    "orange_refuse_localhost": False,
}
#: What a wallet holds when it is first heard of.
FIRST_BALANCE = 5_000_000
#: What a merchant's wallet holds, collection and disbursement each.
FIRST_PURSE = 1_000_000


class Operator:
    """:param store: ``Store``; the clock's offset and the faults are kept in it too
    :param sms_log: file that Kannel's fakesmsc writes, shown on the telephones
    :param accounts: those that are there on the first day, see ``mtn.ACCOUNT``
    """

    def __init__(self, store, sms_log=None, accounts=()):
        self.store, self.sms_log, self._accounts = store, sms_log, accounts
        self.first_day()
        self._callbacks = queue.Queue()
        self.delivered = 0
        for _n in range(8):
            threading.Thread(target=self._send_callbacks, daemon=True).start()

    def first_day(self):
        for account in self._accounts:
            self.store.add("account", account["user"], account)

    # === Clock === #

    def now(self):
        """:return: seconds since 1970 by the operator's clock, which tests may set forward"""
        return time.time() + (self.store.get("setting", "clock") or {"offset": 0})["offset"]

    def advance(self, seconds):
        with self.store:
            offset = (self.store.get("setting", "clock") or {"offset": 0})["offset"]
            self.store.put("setting", "clock", {"offset": offset + seconds})

    # === Faults === #

    def fault(self, name):
        return {**FAULTS, **(self.store.get("setting", "faults") or {})}[name]

    def set_faults(self, values):
        """:raise ValueError: there is no such fault"""
        if unknown := set(values) - set(FAULTS):
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}. There are: {', '.join(FAULTS)}")
        with self.store:
            self.store.put("setting", "faults", {**(self.store.get("setting", "faults") or {}), **values})

    def fail(self, path):
        """:return: the answer of a platform out of order, None on a good day"""
        if delay := self.fault("delay"):
            time.sleep(delay)
        with self.store:
            status, left = self.fault("fail_status"), self.fault("fail_times")
            if not (status and left and self.fault("fail_path") in path):
                return None
            if left > 0:
                self.set_faults({"fail_times": left - 1})
        return answer(status, {"code": "SERVICE_UNAVAILABLE", "message": "Service temporarily unavailable, try again later."})

    def after(self):
        """:raise Silence: what was asked is done and the answer is lost"""
        with self.store:
            if left := self.fault("silence"):
                self.set_faults({"silence": left - 1})
        if left:  # outside: an error would take the counting back
            raise Silence()

    def before(self):
        """:raise Silence: what was asked never arrived"""
        with self.store:
            if left := self.fault("deaf"):
                self.set_faults({"deaf": left - 1})
        if left:
            raise Silence()

    # === Wallets === #

    def wallet(self, number):
        first = {"balance": FIRST_BALANCE, "limit": None, "active": True, "known": True, "name": ["Customer", number[-4:]], "messages": []}
        return {**first, **(self.store.get("wallet", number) or {})}

    def change_wallet(self, number, **values):
        with self.store:
            self.store.put("wallet", number, {**self.wallet(number), **values})

    def tell(self, number, text):
        """A message of the operator on somebody's telephone."""
        with self.store:
            messages = self.wallet(number)["messages"]
            self.change_wallet(number, messages=[*messages, {"at": self.now(), "text": text}][-50:])

    # === Money === #

    def purse(self, key):
        """:return: what a merchant holds"""
        return (self.store.get("purse", key) or {"balance": FIRST_PURSE})["balance"]

    def book(self, **move):
        """Write into the ledger that money has moved: never changed, never taken back. Doubled money stands here twice."""
        self.store.put("move", secrets.token_hex(16), {"at": self.now(), **move})

    # === Callbacks === #

    def call_back(self, url, body, method):
        """Call a client's address later, once, twice or never, as the faults say; its answer changes nothing."""
        with self.store:
            number = (self.store.get("setting", "callbacks") or {"sent": 0})["sent"] + 1
            self.store.put("setting", "callbacks", {"sent": number})
        lost, twice = self.fault("callback_lost_each"), self.fault("callback_twice_each")
        if self.fault("callback") == "never" or (lost and number % lost == 0):
            return
        times = 2 if self.fault("callback") == "twice" or (twice and number % twice == 0) else 1
        for _n in range(times):
            self._callbacks.put((time.monotonic() + self.fault("callback_delay"), url, body, method))

    def _send_callbacks(self):
        while True:
            due, url, body, method = self._callbacks.get()
            time.sleep(max(due - time.monotonic(), 0))
            request = urllib.request.Request(url, body, {"Content-Type": "application/json"}, method=method)
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    response.read()
                self.delivered += 1
            except (urllib.error.URLError, OSError, ValueError) as error:
                print(f"callback to {url} failed: {error}", flush=True)
