# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One router: its configuration, what it knows of itself, and the commands that every menu has. No sockets here: ``host.py`` opens them."""

import contextlib
import datetime
import hashlib
import ipaddress
import queue
import random
import threading
from dataclasses import dataclass, field

from . import vocabulary
from .menus import FIRST_DAY, INTERFACES, MENUS, POLICIES, Field, Menu
from .query import Query
from .tables import Item, Table
from .values import ARGUMENT, INTERRUPTED, MISSING, Trap, boolean, invalid, seconds, text

_PLAIN = Menu(flags=())
#: Properties that an item holds as they are shown.
_PLAIN_OF = {menu: frozenset({".id", "disabled"} | {name for name, spec in entry.fields.items() if spec.shown == "yes"}) for menu, entry in MENUS.items()}
#: Commands that wait for the world outside: the router answers others meanwhile.
_WAITING = {("tool", "fetch"), ("", "import"), ("", "execute"), ("system/script", "run"), ("ip/hotspot/active", "login")}
_WRITERS = {"add", "set", "remove", "enable", "disable", "comment", "unset", "move", "reset", "edit"}
_READERS = {"print", "get", "find", "export", "listen", "getall", "monitor", "monitor-traffic"}
#: What a factory leaves when it ends: nothing is known of time.
_EPOCH = datetime.datetime(1970, 1, 2, tzinfo=datetime.UTC).timestamp()


@dataclass
class User:
    """Somebody who has logged in."""

    name: str
    policy: frozenset
    address: str = ""
    via: str = "api"


@dataclass
class On:
    """A row of /user/active."""

    name: str
    address: str
    via: str
    group: str
    since: float


class _Sessions:
    """Who is logged in by the API."""

    @staticmethod
    def key(router):
        router.sessions_made += 1
        return f"*{router.sessions_made:X}"

    @staticmethod
    def entry(router, user, address, via):
        group = router.find_name("user", user.name)["group"]
        return On(user.name, address, via, group, router.now())


API_SESSIONS = _Sessions()
ROOT = User("system", frozenset(POLICIES), via="console")


@dataclass
class Call:
    """One command as it came. ``cancelled`` is set when nobody waits for the answer any more."""

    user: User
    menu: str
    command: str
    args: dict
    query: Query = field(default_factory=lambda: Query([]))
    proplist: list | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)
    via: str = "api"


@dataclass
class Reply:
    """:ivar rows: an iterable of dicts; a generator may wait between rows
    :ivar ret: the value of ``=ret=`` with ``!done``, or None"""

    rows: object = ()
    ret: str | None = None


@dataclass
class Fault:
    """:ivar kind: see FAULTS. :ivar path: only for commands that begin so. :ivar times: None: for ever"""

    kind: str
    value: object = None
    path: str = ""
    times: int | None = 1


FAULTS = {
    "slow": "wait `value` seconds before the answer",
    "silent": "take the command, do nothing, never answer",
    "half": "do it, send the first half of the answer, then close",
    "drop": "close without doing anything",
    "drop_after": "do it, then close without an answer",
    "ignore": "answer as if it was done; nothing is done",
    "trap": "answer `!trap` with the message in `value`",
    "fatal": "answer `!fatal` with the text in `value`, then close",
    "other": "an answer to somebody else's command comes before the right one",
    "garbage": "bytes that are no word, then close",
    "big_word": "a property of `value` bytes in the first row",
    "empty": "print answers that there is nothing",
    "refuse": "take the connection and close it",
    "coa_silent": "no answer to CoA and Disconnect",
    "coa_nak": "refuse CoA and Disconnect with the Error-Cause in `value`",
    "coa_lie": "acknowledge CoA and Disconnect; nothing is done",
}


class Router:
    """State of one router. Every method that reads or changes it is called with ``lock`` held, but ``execute``, which takes it.

    :param clock: the world's clock
    :param version: one of ``vocabulary.VERSIONS``
    :param licence: "0".."6", or "free", "p1"... of a CHR
    """

    def __init__(self, name="MikroTik", *, clock, address="127.0.0.1", version=None, licence="6", ports=None, has_rtc=False, password="", seed=0):
        self.version = version or vocabulary.VERSIONS[-1]
        self.number = vocabulary.number(self.version)
        self.vocabulary = vocabulary.of(self.version)
        self.clock = clock
        self.address = address
        self.licence = licence
        self.has_rtc = has_rtc
        self.lock = threading.RLock()
        self.random = random.Random(f"{seed}{name}{address}")
        self.faults = []
        self.tables, self.values = {}, {}
        self.listeners = []
        self.hooks = {}
        self.logs = []
        self.world_up = True
        self.cpu_load = 3
        self._special = {}
        self._computed = {}
        self._refers = [(menu, name_, spec.type.refers) for menu, entry in MENUS.items() for name_, spec in entry.fields.items() if getattr(spec.type, "refers", None)]
        self.started = clock.now()
        self.clock_error = 0.0
        self._log_id = 0
        self.users_on = {}
        self.sessions_made = 0
        self.reboot_asked = False
        self.pending_mode = None
        self._first_day(name, ports or {}, password)
        from . import commands  # the menus that do more than keep values

        commands.register(self)

    # --- state ---

    def _first_day(self, name, ports, password):
        for menu, rows in FIRST_DAY.items():
            for id_, values in rows:
                table = self.table(menu)
                self._insert(menu, Item(id_ or table.next_id(), self._with_defaults(menu, values), builtin=True))
        self.singleton("system/identity")["name"] = name
        self.table("user").by_name("admin")["password"] = password
        self.first_ports = {service: str(port) for service, port in ports.items()}
        for service, port in ports.items():
            self.table("ip/service").by_name(service)["port"] = str(port)

    def table(self, menu):
        if menu not in self.tables:
            self.tables[menu] = Table(MENUS.get(menu, _PLAIN).unique)
        return self.tables[menu]

    def singleton(self, menu):
        if menu not in self.values:
            entry = MENUS.get(menu, _PLAIN)
            values = {name: spec.default for name, spec in entry.fields.items() if spec.default is not None and self.number >= spec.since}
            self.values[menu] = {**values, **entry.defaults}
        return self.values[menu]

    def find_name(self, menu, name, field_="name"):
        return self.table(menu).by_name(name, field_)

    def fields(self, menu):
        """:return: the properties that can be written in this version, with their types"""
        known = MENUS.get(menu, _PLAIN).fields
        names = self.vocabulary.settable(menu)
        return {name: known.get(name) or Field(boolean if name == "disabled" else text) for name in names | {"disabled"} & names}

    def _with_defaults(self, menu, values):
        entry = MENUS.get(menu, _PLAIN)
        made = {name: spec.default for name, spec in entry.fields.items() if spec.default is not None and self.number >= spec.since}
        if "disabled" not in made and ("disabled" in self.vocabulary.settable(menu) or menu in ("interface", "ip/service")):
            made["disabled"] = "false"
        return {**made, **values}

    # --- time ---

    def now(self):
        """What the router believes: seconds since 1970."""
        return self.clock.now() + self.clock_error

    def uptime(self):
        return self.clock.now() - self.started

    def today(self, moment=None):
        """Date and time as the console shows them: since 7.10 as ISO."""
        return datetime.datetime.fromtimestamp(self.now() if moment is None else moment, datetime.UTC)

    def lose_time(self):
        """As after a power cut: without a battery it is 1970 until NTP answers."""
        self.started = self.clock.now()
        if not self.has_rtc:
            self.clock_error = _EPOCH - self.clock.now()

    def sync_time(self):
        """NTP, when it is configured and the world can be reached."""
        client = self.singleton("system/ntp/client")
        if client["enabled"] == "true" and self.world_up and (client["servers"] or len(self.table("system/ntp/client/servers"))):
            self.clock_error = 0.0

    def synchronised(self):
        return self.singleton("system/ntp/client")["enabled"] == "true" and abs(self.clock_error) < 1

    def log(self, topics, message):
        self._log_id += 1
        row = {".id": f"*{self._log_id:X}", "time": f"{self.today():%Y-%m-%d %H:%M:%S}", "topics": topics, "message": message}
        self.logs.append(row)
        del self.logs[:-1000]
        self.changed("log", row)

    # --- users ---

    def login(self, name, password, address="", via="api"):
        """:raise Trap: wrong, or not from there, or not by that way"""
        user = self.find_name("user", name) if not name.startswith("*") else None
        good = user is not None and user["disabled"] == "false" and user.get("password", "") == password
        return self._admit(user if good else None, name, address, via)

    def login_challenged(self, name, response, challenge, address=""):
        """The way of RouterOS before 6.43: MD5 of a zero byte, the password and the challenge."""
        user = self.find_name("user", name) if not name.startswith("*") else None
        good = None
        if user is not None and user["disabled"] == "false":
            digest = hashlib.md5(b"\0" + user.get("password", "").encode() + challenge, usedforsecurity=False).hexdigest()
            good = user if response == "00" + digest else None
        return self._admit(good, name, address, "api")

    def _admit(self, user, name, address, via):
        allowed = user is not None and _within(address, user.get("address", ""))
        policy = self.policy(user["group"]) if allowed else frozenset()
        if not allowed or {"api": "api", "rest-api": "rest-api"}.get(via, via) not in policy:
            self.log("system,error,critical", f"login failure for user {name} from {address} via {via}")
            raise Trap("invalid user name or password (6)", None)
        if via == "api":
            self.log("system,info,account", f"user {name} logged in from {address} via api")
        return User(name, policy, address, via)

    def policy(self, group):
        found = self.find_name("user/group", group)
        return frozenset(part for part in (found or {}).get("policy", "").split(",") if part and not part.startswith("!"))

    def need(self, user, *policies):
        """:raise Trap: the user may not"""
        if not user.policy.issuperset(policies):
            raise Trap("not enough permissions (9)", None)

    # --- faults ---

    def take_fault(self, path, *kinds):
        """:return: the first fault that is set for this; it is used up"""
        with self.lock:
            for fault in self.faults:
                if fault.kind in kinds and path.startswith(fault.path):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times <= 0:
                            self.faults.remove(fault)
                    return fault
        return None

    # --- the world around ---

    def rate_of(self, item):
        """:return: bits a second now, received and sent, of a row of /interface"""
        return tuple(item.more.get("rate", (0, 0)))

    def answers_ping(self, address):
        """Its own addresses do, and the world while it can be reached."""
        own = any(item["address"].split("/")[0] == address for item in self.table("ip/address"))
        return own or (self.world_up and not ipaddress.ip_address(address).is_reserved)

    # --- changes, told to those who listen ---

    def changed(self, menu, item, dead=False):
        for listener in tuple(self.listeners):
            if listener[0] == menu:
                listener[1].put((item, dead))

    def after(self, menu, function):
        """``function(item or None)`` is called after each change of ``menu``."""
        self.hooks.setdefault(menu, []).append(function)

    def _hooks(self, menu, item):
        for function in self.hooks.get(menu, ()):
            function(item)

    def special(self, menu, command, function):
        """:param function: ``(router, call) -> Reply`` in place of the general one; menu None: in every menu"""
        self._special[menu, command] = function

    def compute(self, menu, function):
        """:param function: ``(router, item) -> dict`` of what ``print`` shows beside the values"""
        self._computed[menu] = function

    # --- commands ---

    def execute(self, call):
        """Check the command against the vocabulary of this version and do it.

        :raise Trap: the router refuses
        """
        with self.lock:
            self._check(call)
            function = self._special.get((call.menu, call.command)) or getattr(self, f"_do_{call.command.replace('-', '_')}", None)
            if function is None:
                raise Trap(f"the simulator cannot do /{call.menu} {call.command}", None)
            if (call.menu, call.command) not in _WAITING:
                return function(call) if function.__name__.startswith("_do_") else function(self, call)
        return function(self, call)

    def console(self, text, user=ROOT):
        """As typed or pasted into a terminal.

        :return: what ``:put`` wrote
        :raise Trap: with the line
        """
        from . import script

        return script.run(self, text, user)

    def _check(self, call):
        commands = self.vocabulary.commands.get(call.menu, {})
        if call.menu not in self.vocabulary.directories:
            known = call.menu
            while known not in self.vocabulary.directories:
                known, _, unknown = known.rpartition("/")
            raise Trap(f"no such command or directory ({unknown})", MISSING, "no such command prefix")
        name = "print" if call.command in ("listen", "getall") and call.via == "api" else call.command
        if name not in commands or (name == "find" and call.via == "api"):
            raise Trap("no such command", MISSING)
        for argument in call.args:
            if argument in commands[name] or argument == ".id" or (argument == "numbers" and "numbers" in commands[name]):
                continue
            raise Trap(f"unknown parameter {argument}" if call.via == "rest" else "unknown parameter", None)
        if name == "print" and "where" in call.args and call.via != "console":
            raise Trap("unknown parameter where" if call.via == "rest" else "unknown parameter", None)
        if call.menu.split("/")[0] == "user" and name in _WRITERS:
            self.need(call.user, "policy")
        if name in _WRITERS:
            self.need(call.user, "write")
        elif name in _READERS:
            self.need(call.user, "read")

    def items_of(self, call):
        """:return: the items that ``.id`` or ``numbers`` name

        :raise Trap: none given, or one is not there
        """
        keys = call.args.get(".id", call.args.get("numbers", call.args.get("number")))
        if keys is None or keys == "":
            if call.via == "rest":
                raise Trap("missing or invalid resource identifier", None)
            if keys == "" and call.via == "console":
                return []
            raise Trap("missing value(s) of argument(s) numbers", ARGUMENT)
        table = self.table(call.menu)
        return [table.get(key) for key in keys.split(",")]

    def parse(self, menu, args, also=()):
        """:return: the values to keep"""
        fields = self.fields(menu)
        result = {}
        for name, value in args.items():
            if name in (".id", "numbers", "number", "place-before", "copy-from", *also):
                continue
            spec = fields.get(name)
            if spec is None:
                raise Trap("unknown parameter", None)
            negated = value.startswith("!") and name not in ("policy", "source", "on-event", "comment", "password", "secret", "name") and spec.type is not text
            result[name] = ("!" + spec.type(name, value[1:], self)) if negated and menu.startswith("ip/firewall") else spec.type(name, value, self)
        return result

    def _do_add(self, call):
        table, entry = self.table(call.menu), MENUS.get(call.menu, _PLAIN)
        copied = {}
        if "copy-from" in call.args:
            copied = dict(table.get(call.args["copy-from"]))
        given = {**copied, **self.parse(call.menu, call.args)}
        missing = [name for name, spec in entry.fields.items() if spec.required and name not in given]
        if missing:
            raise Trap(f"missing value(s) of argument(s) {' '.join(missing)}", ARGUMENT)
        values = self._with_defaults(call.menu, given)
        if entry.names and "name" not in values:
            values["name"] = table.free_name(entry.names)
        before = table.get(call.args["place-before"]) if "place-before" in call.args else None
        item = Item(table.next_id(), values)
        self.insert(call.menu, item, before, call.user)
        return Reply(ret=item.id)

    def insert(self, menu, item, before=None, user=ROOT):
        """Add, with every constraint. :raise Trap: refused"""
        prepare = self._special.get((menu, "prepare"))
        if prepare:
            prepare(self, item, {}, user)
        self.table(menu).check(item)
        if menu in INTERFACES:
            self.table("interface").check({"name": item["name"]})
        self._insert(menu, item, before)

    def _insert(self, menu, item, before=None):
        self.table(menu).add(item, before)
        if menu in INTERFACES:
            row = Item(self.table("interface").next_id(), self._with_defaults("interface", {"name": item["name"], "type": INTERFACES[menu], "mtu": item.get("mtu", "auto")}))
            row.more["of"] = item
            item.more["interface"] = row
            self.table("interface").add(row)
        self.changed(menu, item)
        self._hooks(menu, item)

    def _do_set(self, call):
        if not self.vocabulary.is_table(call.menu) and call.menu != "ip/service":
            return self._set_singleton(call)
        values = self.parse(call.menu, call.args)
        for item in self.items_of(call):
            self.update(call.menu, item, dict(values), call.user)
        return Reply()

    def _set_singleton(self, call):
        values = self.parse(call.menu, call.args)
        current = self.singleton(call.menu)
        prepare = self._special.get((call.menu, "prepare"))
        if prepare:
            prepare(self, current, values, call.user)
        current.update(values)
        self.changed(call.menu, current)
        self._hooks(call.menu, None)
        return Reply()

    def update(self, menu, item, values, user=ROOT):
        """Change, with every constraint. :raise Trap: refused"""
        if item.dynamic:
            raise Trap("failure: can not change dynamic entry" if menu != "queue/simple" else "failure: can not edit dynamic simple queue", None)
        table = self.table(menu)
        prepare = self._special.get((menu, "prepare"))
        if prepare:
            prepare(self, item, values, user)
        if any(item.get(name) != value for name, value in values.items()):
            table.check({**item, **values}, without=item)
            if menu in INTERFACES and values.get("name", item["name"]) != item["name"]:
                self.table("interface").check({"name": values["name"]})
            renamed = item.get("name") if "name" in values and values["name"] != item.get("name") else None
            table.change(item, values)
            if renamed is not None:
                self._follow(menu, renamed, values["name"])
            if "interface" in item.more:
                self._mirror(item.more["interface"], values)
        self.changed(menu, item)
        self._hooks(menu, item)

    def _mirror(self, row, values):
        shared = {name: value for name, value in values.items() if name in ("name", "disabled", "mtu", "comment")}
        old = row.get("name")
        self.table("interface").change(row, shared)
        if shared.get("name", old) != old:
            self._follow("interface", old, shared["name"])

    def _follow(self, menu, old, new):
        """References are by item: they show the new name, or the id of an item that is gone."""
        for referring, name, target in self._refers:
            if target != menu:
                continue
            for item in self.table(referring) if self.vocabulary.is_table(referring) else ():
                parts = item.get(name, "").split("/")
                if old in parts:
                    self.table(referring).change(item, {name: "/".join(new if part == old else part for part in parts)})

    def _do_remove(self, call):
        items = self.items_of(call)
        end = self._special.get((call.menu, "end"))
        for item in items:
            if end:
                end(self, item)
                continue
            if item.dynamic and call.menu != "ip/firewall/address-list":
                raise Trap("failure: can not remove dynamic entry", None)
            if item.builtin and self._must_stay(call.menu, item):
                raise Trap("failure: default item can not be removed", None)
            self.drop(call.menu, item)
        return Reply()

    def _must_stay(self, menu, item):
        return menu != "user" or all(other is item or other["group"] != "full" for other in self.table("user"))

    def drop(self, menu, item):
        """Remove, whatever it is."""
        self.table(menu).remove(item)
        if item.get("name") and self.find_name(menu, item["name"]) is None:
            self._follow(menu, item["name"], item.id)
        if "interface" in item.more:
            self.table("interface").remove(item.more["interface"])
            self._follow("interface", item["name"], item.more["interface"].id)
        self.changed(menu, item, dead=True)
        self._hooks(menu, item)

    def _do_enable(self, call, value="false"):
        for item in self.items_of(call):
            self.update(call.menu, item, {"disabled": value}, call.user)
        return Reply()

    def _do_disable(self, call):
        return self._do_enable(call, "true")

    def _do_comment(self, call):
        for item in self.items_of(call):
            self.update(call.menu, item, {"comment": call.args.get("comment", "")}, call.user)
        return Reply()

    def _do_unset(self, call):
        name = call.args.get("value-name")
        if not name:
            raise Trap("missing value(s) of argument(s) value-name", ARGUMENT)
        spec = self.fields(call.menu).get(name)
        if spec is None or spec.required:
            raise Trap("input does not match any value of value-name", ARGUMENT)
        for item in self.items_of(call):
            self.update(call.menu, item, {name: spec.default}, call.user)
        return Reply()

    _do_reset = _do_unset

    def _do_move(self, call):
        table = self.table(call.menu)
        to = call.args.get("destination")
        table.move(self.items_of(call), table.get(to) if to else None)
        return Reply()

    def _do_reset_counters(self, call):
        for item in self.items_of(call):
            item.more.pop("bytes", None)
        return Reply()

    def _do_reset_counters_all(self, call):
        for item in self.table(call.menu):
            item.more.pop("bytes", None)
        return Reply()

    # --- reading ---

    def row(self, menu, item, user=ROOT):
        """:return: what ``print`` shows of an item (or of a menu's values)"""
        fields = MENUS.get(menu, _PLAIN).fields
        row = {".id": item.id} if isinstance(item, Item) else {}
        if "name" in item:
            row["name"] = item["name"]
        for name, value in item.items():
            shown = fields[name].shown if name in fields else "yes"
            if shown == "no" or (name == "comment" and not value) or name == "disabled":
                continue
            row[name] = "*****" if shown == "sensitive" and value and "sensitive" not in user.policy else value
        computed = self._computed.get(menu)
        if computed:
            row.update(computed(self, item))
        if isinstance(item, Item):
            if menu in ("ip/address", "ip/firewall/address-list", "queue/simple", "ip/firewall/filter", "ip/firewall/nat", "ip/firewall/mangle", "interface", "ip/pool", "ip/hotspot/user", "ip/hotspot/ip-binding", "ip/route"):
                row["dynamic"] = "true" if item.dynamic else "false"
            if menu in ("ppp/profile", "ip/hotspot/profile", "ip/hotspot/user/profile", "queue/type", "ip/hotspot/user"):
                row["default"] = "true" if item.builtin else "false"
            if "disabled" in item:
                row["disabled"] = item["disabled"]
        return row

    def rows(self, call):
        """:return: an iterator over the rows that match, with the properties asked for"""
        source = self._special.get((call.menu, "rows"))
        if source:
            rows = source(self, call)
        elif self.vocabulary.is_table(call.menu) or call.menu in ("ip/service",):
            items = list(self.table(call.menu))
            if "from" in call.args:
                items = [self.table(call.menu).get(key) for key in call.args["from"].split(",")]
            if ".id" in call.args:
                items = [item for item in items if item.id in call.args[".id"].split(",")]
            # The rest of a long list costs time when two properties of it are asked for.
            plain = call.proplist is not None and not call.query and set(call.proplist) <= _PLAIN_OF.get(call.menu, frozenset())
            rows = [{**item, ".id": item.id} if plain else self.row(call.menu, item, call.user) for item in items]
        else:
            rows = [self.row(call.menu, self.singleton(call.menu), call.user)]
        if self.take_fault(f"/{call.menu}", "empty"):
            rows = []
        return [self._only(row, call.proplist) for row in rows if self._matches(call.query, row)]

    @staticmethod
    def _matches(query, row):
        try:
            return not query or query.matches(row)
        except ValueError:
            raise Trap("query is incorrect", None) from None

    @staticmethod
    def _only(row, proplist):
        return row if proplist is None else {name: row[name] for name in proplist if name in row}

    def _do_print(self, call):
        proplist = call.args.get("proplist")
        if proplist is not None and call.proplist is None:
            call.proplist = proplist.split(",")
        if _asked(call, "count-only"):
            return Reply(ret=str(len(self.rows(call))))
        if _asked(call, "follow") or _asked(call, "follow-only"):
            return Reply(self._following(call, [] if _asked(call, "follow-only") else self.rows(call)))
        if "interval" in call.args:
            return Reply(self._repeating(call, lambda: self.rows(call)))
        return Reply(self.rows(call))

    _do_getall = _do_print

    def _do_listen(self, call):
        return Reply(self._following(call, []))

    def _following(self, call, rows):
        """Rows as they are, then each change until it is cancelled."""
        changes = queue.Queue()
        listener = (call.menu, changes)
        self.listeners.append(listener)

        def rows_and_changes():
            try:
                yield from rows
                while not call.cancelled.is_set():
                    with contextlib.suppress(queue.Empty):
                        item, dead = changes.get(timeout=0.05)
                        with self.lock:
                            row = item if call.menu == "log" else self.row(call.menu, item, call.user)
                        if dead:
                            yield {".id": item.id, ".dead": "true"}
                        elif self._matches(call.query, row):
                            yield self._only(row, call.proplist)
                raise Trap("interrupted", INTERRUPTED)
            finally:
                self.listeners.remove(listener)

        return rows_and_changes()

    def _repeating(self, call, rows, sections=True):
        """``rows()`` again and again, in real seconds, until cancelled or ``duration`` is over."""
        try:
            wait = max(0.05, seconds(call.args.get("interval", "1s")))
            left = seconds(call.args["duration"]) if "duration" in call.args else None
        except ValueError:
            raise invalid("interval") from None

        def sections_of_rows():
            section, spent = 0, 0.0
            while True:
                with self.lock:
                    found = rows()
                for row in found:
                    yield {**row, ".section": str(section)} if sections else row
                section += 1
                if left is not None and spent + wait > left:
                    return
                if call.cancelled.wait(wait):
                    raise Trap("interrupted", INTERRUPTED)
                spent += wait

        return sections_of_rows()

    def _do_get(self, call):
        rows = self.rows(Call(call.user, call.menu, "print", {}, via=call.via))
        if self.vocabulary.is_table(call.menu):
            keys = call.args.get(".id", call.args.get("number", call.args.get("numbers")))
            if not keys:
                raise Trap("missing value(s) of argument(s) number", ARGUMENT)
            rows = [row for row in rows if keys in (row.get(".id"), row.get("name"))]
            if not rows:
                raise Trap("no such item", MISSING)
        name = call.args.get("value-name")
        if name is None:
            return Reply(ret=";".join(f"{key}={value}" for key, value in rows[0].items()))
        if name not in rows[0]:
            if name in self.fields(call.menu) or name == "comment":
                return Reply(ret="")
            raise Trap("input does not match any value of value-name", ARGUMENT)
        return Reply(ret=rows[0][name])

    def _do_find(self, call):
        return Reply(ret=";".join(row[".id"] for row in self.rows(Call(call.user, call.menu, "print", {}, call.query, via=call.via))))


def _asked(call, name):
    return name in call.args and call.args[name] not in ("no", "false")


def _within(address, networks):
    """Is ``address`` in one of the comma separated prefixes? No prefixes: yes."""
    if not networks:
        return True
    found = ipaddress.ip_address(address)
    return any(found in ipaddress.ip_network(part) for part in networks.split(","))
