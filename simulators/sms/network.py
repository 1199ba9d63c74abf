# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The network behind the gateways: what arrived, what becomes of it, which reports are due; and what may go wrong."""

import queue
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

from simulators.momo.web import Silence, answer

#: All that may be told to go wrong, all switched by ``POST /_control/faults``; these are the values of a good day.
FAULTS = {
    "delay": 0,  # seconds before every answer
    "silence": 0,  # this many messages are taken and then not answered: the line breaks after the work is done
    "cut": 0,  # … or the line breaks in the middle of the answer
    "refuse_connections": False,  # whoever comes is hung up on
    # HTTP
    "fail_status": 0,  # this status instead of an answer …
    "fail_path": "",  # … where the path contains this …
    "fail_times": -1,  # … so many times (-1: until switched off)
    # SMPP
    "bind_status": 0,  # command_status of every bind, such as 0x0D
    "submit_status": 0,  # command_status of submit_sm …
    "submit_times": -1,  # … so many times (-1: until switched off)
    "submit_from": 1,  # … beginning with the n-th submit_sm after the switch
    "rate": 0,  # messages a second for a session; more are answered ESME_RTHROTTLED
    "max_binds": 0,  # more are refused
    "unbind_after": 0,  # the SMSC ends a session with unbind after so many messages
    "id_format": "decimal",  # message_id in submit_sm_resp: decimal, hex (as operators do, no leading zeros) or text
    "receipt_id_format": "",  # in receipts; "" as in the answer
    "receipt_tlv": True,  # receipted_message_id and message_state beside the text
    "receipt_text": True,  # the text of Appendix B; without it only the parameters tell
    "receipt_window": 10,  # deliver_sm without an answer at the same time
    # Reports, all gateways
    "receipts": "once",  # once, never, twice
    "receipt_delay": 0,  # seconds from the message to its report
    "receipts_reversed": 0,  # wait for so many reports, then send the last first
    "enroute": False,  # a report "on its way" too, after the final one
}
#: Fates of a number by the words of SMPP's receipts, and their message_state.
FATES = {"DELIVRD": 2, "EXPIRED": 3, "DELETED": 4, "UNDELIV": 5, "ACCEPTD": 6, "UNKNOWN": 7, "REJECTD": 8, "ENROUTE": 1}


class Network:
    """:param store: ``simulators.momo.store.Store``: messages, receipts that are due, accounts, switches"""

    def __init__(self, store, first_day=()):
        self.store, self._first_day = store, first_day
        self._held, self._calls, self.delivered = [], queue.Queue(), 0
        self.first_day()
        for _n in range(4):
            threading.Thread(target=self._call, daemon=True).start()

    def first_day(self):
        for kind, key, doc in self._first_day:
            self.store.add(kind, key, doc)

    def reset(self):
        with self.store:
            self.store.clear()
            self._held.clear()
            self.first_day()

    # === Faults === #

    def fault(self, name):
        return {**FAULTS, **(self.store.get("setting", "faults") or {})}[name]

    def set_faults(self, values):
        """:raise ValueError: there is no such fault"""
        if unknown := set(values) - set(FAULTS):
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}. There are: {', '.join(FAULTS)}")
        with self.store:
            self.store.put("setting", "faults", {**(self.store.get("setting", "faults") or {}), **values})
        if "receipts_reversed" in values:
            self._let_go(values["receipts_reversed"])

    def spend(self, name):
        """:return: whether a fault that happens so many times happens now"""
        with self.store:
            left = self.fault(name)
            if left > 0:
                self.set_faults({name: left - 1})
            return left != 0

    def fail(self, path):
        """:return: the answer of a platform out of order, None on a good day"""
        if delay := self.fault("delay"):
            time.sleep(delay)
        if self.fault("refuse_connections"):
            raise Silence()
        status = self.fault("fail_status")
        if status and self.fault("fail_path") in path and self.spend("fail_times"):
            return answer(status, {"error": "out of order"})
        return None

    def after(self):
        """:raise Silence: what was asked is done and the answer is lost"""
        if self.spend("silence"):
            raise Silence()

    # === Messages === #

    def next_number(self):
        with self.store:
            number = (self.store.get("setting", "counter") or {"last": 0x1A2B3C4})["last"] + 1
            self.store.put("setting", "counter", {"last": number})
            return number

    def keep(self, key, **message):
        self.store.put("message", key, {"id": key, "at": time.time(), **message})

    def fate(self, number):
        """:return: word of ``FATES`` for a number, as ``/_control/fates`` says; else it arrives"""
        return (self.store.get("setting", "fates") or {}).get(number.lstrip("+"), "DELIVRD")

    def messages(self, way=None):
        """:return: what telephones show: parts put together, an incomplete message with ``complete`` False"""
        shown, open_ones = [], {}
        for _key, message in self.store.all("message"):
            if way and message["way"] != way:
                continue
            part = message.get("part")
            if not part:
                shown.append({**message, "ids": [message["id"]], "parts": 1, "complete": True})
                continue
            reference, total, number = part
            key = (message["way"], message["number"], message["sender"], reference, total)
            whole = open_ones.get(key)
            if not whole or number in whole["got"]:
                whole = open_ones[key] = {**message, "got": {}, "ids": [], "parts": total, "complete": False}
                shown.append(whole)
            whole["got"][number] = message["text"]
            whole["ids"].append(message["id"])
            whole["text"] = "".join(whole["got"][n] for n in sorted(whole["got"]))
            whole["complete"] = len(whole["got"]) == total
            if whole["complete"]:
                del open_ones[key]
        return [{name: value for name, value in message.items() if name not in ("got", "part")} for message in shown]

    # === Reports === #

    def report(self, receipt):
        """A report is due: once, twice, never, in its turn or not, as the faults say.

        :param receipt: {"way": smpp or http, …} with what that way needs, and ``stat``, a word of ``FATES``
        """
        kind = self.fault("receipts")
        if kind == "never":
            return
        due = [receipt] * (2 if kind == "twice" else 1)
        if self.fault("enroute"):
            due.append({**receipt, "stat": "ENROUTE"})
        with self.store:
            self._held += due
        self._let_go(self.fault("receipts_reversed"))

    def _let_go(self, hold):
        with self.store:
            if hold and len(self._held) < hold:
                return
            held, self._held[:] = list(self._held), []
        at = time.time() + self.fault("receipt_delay")
        for receipt in reversed(held) if hold else held:
            if receipt["way"] == "smpp":
                self.store.put("receipt", f"{self.next_number()}", {**receipt, "due": at})
            else:
                self._calls.put((at, receipt))

    def _call(self):
        while True:
            due, receipt = self._calls.get()
            time.sleep(max(due - time.time(), 0))
            form = urllib.parse.urlencode(receipt["form"](receipt["stat"]))
            url = receipt["url"]
            if receipt["method"] == "GET":
                url += ("&" if "?" in url else "?") + form
            try:
                request = urllib.request.Request(url, form.encode() if receipt["method"] == "POST" else None, method=receipt["method"])
                with urllib.request.urlopen(request, timeout=10) as response:
                    response.read()
                self.delivered += 1
            except (urllib.error.URLError, OSError, ValueError) as error:
                print(f"report to {url} failed: {error}", flush=True)
