# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The API's wire: sentences in, sentences out, any number of tagged commands at a time on one connection."""

import os
import queue
import socket
import threading

from .device import API_SESSIONS, Call, _asked
from .query import Query
from .values import INTERRUPTED, Trap
from .words import BrokenError, Reader, encode


class Connection:
    """One client. ``serve`` runs until either side closes.

    :param old_login: the challenge of RouterOS before 6.43 is also offered
    """

    def __init__(self, router, sock, address, via="api", old_login=True):
        self.router, self.sock, self.address, self.via, self.old_login = router, sock, address, via, old_login
        self.user = None
        self.running = {}
        self._challenge = None
        self._sending = threading.Lock()
        self._untagged = queue.Queue()
        self._last_answer = [["!done"]]
        self._open = True
        self._key = None
        self._worker = None

    def serve(self):
        reader = Reader(self.sock)
        try:
            while self._open and (words := reader.sentence()) is not None:
                self._sentence(words)
        except BrokenError as error:
            self.router.log("api,error", f"broken sentence from {self.address}: {error}")
        except OSError:
            pass  # The peer is gone: that is how most connections end.
        finally:
            self.close()

    def close(self):
        """End it at once; whatever runs is cancelled."""
        self._open = False
        for event in list(self.running.values()):
            event.set()
        self._untagged.put(None)
        with self.router.lock:
            self.router.users_on.pop(self._key, None)
        for function in (lambda: self.sock.shutdown(socket.SHUT_RDWR), self.sock.close):
            try:
                function()
            except OSError:
                continue

    # --- in ---

    def _sentence(self, words):
        command, tag, proplist, queries, args = words[0], None, None, [], {}
        for word in words[1:]:
            if word.startswith(".tag="):
                tag = word[5:]
            elif word.startswith("="):
                name, _, value = word[1:].partition("=")
                if name == ".proplist":
                    proplist = [part for part in value.split(",") if part]
                else:
                    args[name] = value
            elif word.startswith("?"):
                queries.append(word)
            else:
                return self._trap(Trap("unknown word" if not word.startswith(".") else "unknown attribute", None), tag)
        if command == "/login":
            return self._login(tag, args)
        if self.user is None:
            self._send([["!fatal", "not logged in"]])
            self._open = False
            return None
        if command == "/quit":
            self._send([["!fatal", "session terminated on request"]])
            self._open = False
            return None
        if command == "/cancel":
            return self._cancel(tag, args)
        try:
            menu, _, name = command.removeprefix("/").rpartition("/")
            if not command.startswith("/") or " " in command:
                raise Trap("no such command", 0)
            try:
                call = Call(self.user, menu, name, args, Query(queries), proplist)
            except ValueError:
                raise Trap("query is incorrect", None) from None
            if call.query and name not in ("print", "listen", "getall"):
                raise Trap("unknown parameter", None)
        except Trap as trap:
            return self._trap(trap, tag)
        return self._start(tag, call)

    def _login(self, tag, args):
        try:
            if "password" in args or ("name" in args and "response" not in args):
                user = self.router.login(args.get("name", ""), args.get("password", ""), self.address)
            elif "response" in args and self._challenge:
                user = self.router.login_challenged(args.get("name", ""), args["response"], self._challenge, self.address)
            elif self.old_login and "response" not in args:
                self._challenge = os.urandom(16)
                return self._answer(tag, [["!done", f"=ret={self._challenge.hex()}"]])
            else:
                raise Trap("invalid user name or password (6)", None)
        except Trap as trap:
            return self._trap(trap, tag)
        finally:
            if "name" in args:
                self._challenge = None
        with self.router.lock:
            self._key = API_SESSIONS.key(self.router)
            self.router.users_on[self._key] = API_SESSIONS.entry(self.router, user, self.address, self.via)
        self.user = user
        return self._answer(tag, [["!done"]])

    def _cancel(self, tag, args):
        wanted = args.get("tag")
        found = [key for key in list(self.running) if wanted is None or key in wanted.split(",")]
        for key in found:
            if key in self.running:
                self.running[key].set()
        return self._answer(tag, [["!done"]])

    # --- commands ---

    def _start(self, tag, call):
        """Commands without a tag are done one after the other; tagged ones at the same time.

        What takes long is done beside the reader, which goes on to hear other tags and /cancel.
        """
        slow = self.router.take_fault(f"/{call.menu}/{call.command}", "slow")
        delay = float(slow.value or 1) if slow else 0
        takes_long = bool(delay) or self._endless(call)
        if tag is not None:
            if tag in self.running:
                return self._trap(Trap("tag is in use", 5), tag)
            self.running[tag] = call.cancelled
            if takes_long:
                threading.Thread(target=self._run, args=(tag, call, delay), daemon=True).start()
            else:
                self._run(tag, call)
        elif takes_long:
            # A second command does not overtake one without a tag: only /cancel is heard.
            self.running[""] = call.cancelled
            self._worker = self._worker or self._begin_worker()
            self._untagged.put((call, delay))
        elif self._worker:
            self._untagged.put((call, delay))
        else:
            self._run(None, call)
        return None

    def _begin_worker(self):
        worker = threading.Thread(target=self._work, daemon=True)
        worker.start()
        return worker

    def _work(self):
        while (waiting := self._untagged.get()) is not None:
            self._run(None, *waiting)

    @staticmethod
    def _endless(call):
        asked = any(_asked(call, name) for name in ("follow", "follow-only", "interval"))
        return asked or call.command == "listen" or (call.command in ("monitor-traffic", "monitor") and not _asked(call, "once")) or (call.command == "ping" and "count" not in call.args)

    def _run(self, tag, call, delay=0):
        """:param delay: seconds before it is done"""
        try:
            if delay and call.cancelled.wait(delay):
                self._trap(Trap("interrupted", INTERRUPTED), tag)
            else:
                self._do(tag, call)
        except OSError:
            self.close()
        finally:
            self.running.pop(tag if tag is not None else "", None)

    def _do(self, tag, call):
        router, path = self.router, f"/{call.menu}/{call.command}"
        fault = router.take_fault(path, "silent", "half", "drop", "drop_after", "ignore", "trap", "fatal", "other", "garbage", "big_word")
        kind = fault.kind if fault else None
        if kind in self._INSTEAD:
            return getattr(self, f"_{kind}")(fault, tag, call)
        if kind == "other":
            self._send(self._last_answer)
        started = []
        sent = 0
        try:
            reply = router.execute(call)
            if kind == "drop_after":
                return self.close()
            for row in reply.rows:
                if kind == "big_word" and not sent:
                    row = {**row, "comment": "x" * int(fault.value or 1 << 20)}
                started.append(["!re", *(f"={name}={value}" for name, value in row.items())])
                sent += 1
                if kind != "half" and (len(started) >= 64 or self._endless(call)):
                    self._answer(tag, started, last=False)
                    started = []
        except Trap as trap:
            if started:
                self._answer(tag, started, last=False)
            return self._trap(trap, tag)
        done = ["!done"] if reply.ret is None else ["!done", f"=ret={reply.ret}"]
        if not sent and reply.ret is None and router.number >= (7, 18) and call.command in ("print", "getall"):
            started.append(["!empty"])
        if kind == "half":
            data = b"".join(map(encode, self._tagged(tag, [*started, done])))
            with self._sending:
                self.sock.sendall(data[: max(1, len(data) // 2)])
            return self.close()
        self._answer(tag, [*started, done])
        if router.reboot_asked:
            router.reboot_asked = False
            threading.Thread(target=router.reboot, daemon=True).start()
        return None

    # --- faults that come in place of the command ---

    _INSTEAD = ("silent", "drop", "trap", "fatal", "garbage", "ignore")

    def _silent(self, _fault, _tag, _call):
        """Nothing, ever."""

    def _drop(self, _fault, _tag, _call):
        self.close()

    def _ignore(self, _fault, tag, call):
        self._answer(tag, [["!done", "=ret=*1"] if call.command == "add" else ["!done"]])

    def _fatal(self, fault, _tag, _call):
        self._send([["!fatal", str(fault.value or "session terminated")]])
        self.close()

    def _garbage(self, _fault, _tag, _call):
        with self._sending:
            self.sock.sendall(b"\xf8\xff\xff\xff")
        self.close()

    # --- out ---

    @staticmethod
    def _tagged(tag, sentences):
        return [[*sentence, f".tag={tag}"] if tag is not None and sentence[0] != "!fatal" else sentence for sentence in sentences]

    def _answer(self, tag, sentences, last=True):
        sentences = self._tagged(tag, sentences)
        if last:
            self._last_answer = sentences[-8:]
        self._send(sentences)

    def _send(self, sentences):
        with self._sending:
            self.sock.sendall(b"".join(map(encode, sentences)))

    def _trap(self, trap, tag, _call=None):
        """:param trap: a Trap, or the fault whose value is its message"""
        trap = trap if isinstance(trap, Trap) else Trap(str(trap.value), None)
        sentences = []
        for message in (trap.message, *trap.more):
            words = ["!trap"]
            if trap.category is not None:
                words.append(f"=category={trap.category}")
            sentences.append([*words, f"=message={message}"])
        self._answer(tag, [*sentences, ["!done"]])


def serve(router, sock, address, via="api", old_login=True):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    Connection(router, sock, address, via, old_login).serve()


