# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a driver of a RouterOS router is given and what it answers; ``routeros_api`` and ``routeros_rest`` are the wires.

Values are texts in both directions, as the router shows them: "true", "00123", "10000000/20000000". Nothing is guessed from them.

A call answers or raises one of three:

- ``Refused``: the router said no to this command; it changed nothing.
- ``Unreachable``: surely nothing was changed (no connection, no trust, no log-in, or only reading failed). Ask again later.
- ``Unknown``: a change was sent and its answer did not come: it may or may not be done. Read again before anything else.
"""

import datetime
import re
import secrets
import ssl
import time
from dataclasses import dataclass, field

#: Sessions a licence level allows at a time: (PPPoE, hotspot); None: no limit. Levels of a CHR ("free", "p1") limit speed, not sessions.
SESSION_LIMITS = {"0": (1, 1), "1": (1, 1), "3": (200, 1), "4": (200, 200), "5": (500, 500), "6": (None, None)}
#: Bytes of a file that a router gives at a time.
_PIECE = 32768
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}


class RouterError(Exception):
    """:ivar message: for a person, in English, without secrets"""

    def __init__(self, message):
        super().__init__(message)
        self.message = message


class Refused(RouterError):
    """:ivar command: what was refused, without its values"""

    def __init__(self, message, command=""):
        super().__init__(f"{command}: {message}" if command else message)
        self.reason, self.command = message, command


class NotThere(Refused):
    """No item with this id."""


class Exists(Refused):
    """There is one already that would have to be the only one."""


class Unsupported(Refused):
    """This version has no such menu, command or argument."""


class NoRight(Refused):
    """Our user's group may not."""


class Unreachable(RouterError):
    pass


class NotTrusted(Unreachable):
    """TLS failed: the certificate is not the one that was pinned, or the service has none."""


class NotAllowed(Unreachable):
    """Name, password or address of ours is refused: a person has to look."""


class Unknown(RouterError):
    pass


@dataclass(frozen=True)
class Address:
    """Where and as whom.

    :ivar ca: PEM of the certificate that is trusted, and no other; empty: those of the system
    :ivar fingerprint: SHA-256 of the router's own certificate, in hex; with it neither ``ca`` nor the name is looked at
    :ivar server_name: the name in the certificate; empty: ``host``
    :ivar tls: False only within a tunnel: the password goes in clear
    :ivar timeout: seconds to connect, and for each command with its whole answer
    """

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    tls: bool = True
    ca: str = ""
    server_name: str = ""
    timeout: float = 10
    fingerprint: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a router says of itself.

    :ivar version: numbers, (7, 16, 2)
    :ivar device_mode: switches by name; empty where the version has none
    :ivar clock: the router's time in UTC; a router that lost it says 1970
    :ivar clock_error: seconds that it is ahead of ours
    :ivar ntp: "synchronized", "waiting", "stopped"...
    """

    identity: str
    version: tuple
    version_text: str
    board: str
    licence: str
    pppoe_limit: int | None
    hotspot_limit: int | None
    device_mode: dict
    clock: datetime.datetime | None
    clock_error: float | None
    ntp: str
    uptime: int
    cpu_load: int
    free_memory: int

    def allows(self, name):
        """A switch of device-mode; what is not mentioned is allowed."""
        return self.device_mode.get(name, True)


class Driver:
    """One router, one user of this object at a time. ``with Api(address) as router: …``; the connection is made by the first command.

    Menus are written ``ppp/secret``, ids ``*1A`` (never positions: they are another's by the next command).
    """

    def __init__(self, address):
        self.address = address

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self.close()

    def close(self):
        """Let the connection go; the next command makes another."""

    # --- to be made by each wire ---

    def run(self, command, values=None, where=None, fields=None):
        """:param command: ``ppp/secret/print``
        :param values: {argument: text}
        :param where: {property: text}, all of which must be so
        :param fields: properties wanted
        :return: rows
        """
        raise NotImplementedError

    def run_many(self, commands):
        """Changes one after the other, several on their way at a time where the wire can.

        :param commands: [(command, values)]
        :return: for each what it answered: the new id or None, or the ``Refused``; a refusal does not stop the rest
        :raise Unknown, Unreachable: with ``done``: the answers that had come, None where none came. Those that are missing may be done.
        """
        raise NotImplementedError

    def _returned(self, command, values=None):
        """:return: the text with which a command ends, None"""
        raise NotImplementedError

    # --- the same for all ---

    def rows(self, menu, fields=None, where=None):
        """:return: the items, in the router's order"""
        return self.run(f"{menu}/print", {}, where, fields)

    def all_rows(self, menu, fields=None):
        """As ``rows``, and sure to be all: for whoever takes what is missing as deleted.

        :raise Unreachable: the number of items does not agree; nothing may be concluded
        """
        rows = self.rows(menu, fields and [".id", *fields])
        keys = {row.get(".id") for row in rows}
        if len(keys) != len(rows) or None in keys:
            raise Unreachable(f"/{menu}: items came twice or without an id")
        count = self.count(menu)
        if count != len(rows):
            # Sessions come and go while we read: look once more before we call it wrong.
            rows = self.rows(menu, fields and [".id", *fields])
            if self.count(menu) != len(rows):
                raise Unreachable(f"/{menu}: {len(rows)} items came, {count} are there")
        return rows

    def count(self, menu):
        text = self._returned(f"{menu}/print", {"count-only": ""}) or ""
        if not text.isdigit():
            raise Unreachable(f"/{menu}: no number of items came")
        return int(text)

    def get(self, menu):
        """:return: the values of a menu that has one set of them, such as ``system/identity``"""
        rows = self.run(f"{menu}/print")
        if len(rows) != 1:
            raise Unreachable(f"/{menu}: {len(rows)} answers where one is expected")
        return rows[0]

    def add(self, menu, values):
        """:return: the id of the new item"""
        key = self._returned(f"{menu}/add", values)
        if not key:
            raise Unknown(f"/{menu}/add: no id came back")
        return key

    def change(self, menu, key, values):
        self._need_id(key)
        self._returned(f"{menu}/set", {".id": key, **values})

    def set(self, menu, values):
        """Change a menu that has one set of values."""
        self._returned(f"{menu}/set", values)

    def remove(self, menu, *keys):
        """No keys: nothing happens. One that is gone already: ``NotThere``, and which of the others were removed is not said."""
        for key in keys:
            self._need_id(key)
        if keys:
            self._returned(f"{menu}/remove", {".id": ",".join(keys)})

    @staticmethod
    def _need_id(key):
        if not re.fullmatch(r"\*[0-9A-F]+", key):
            raise ValueError(f"{key!r} is no id")

    def traffic(self, interfaces):
        """:return: {interface: (bits a second received from it, sent to it)} now"""
        rows = self.run("interface/monitor-traffic", {"interface": ",".join(interfaces), "once": ""})
        return {row.get("name", ""): (number(row.get("rx-bits-per-second")), number(row.get("tx-bits-per-second"))) for row in rows}

    def export(self, sensitive=False):
        """The configuration as the router writes it, by a file that is removed again (the user needs the policies ftp, read, write, test).

        :param sensitive: with passwords and keys, as far as our user may see them
        """
        name = f"isp-export-{secrets.token_hex(4)}"
        self._returned("export", {"file": name, **({"show-sensitive": ""} if sensitive else {})})
        row = self._file(f"{name}.rsc")
        try:
            text = row["contents"] if "contents" in row else self._long_file(row)
        finally:
            self.remove("file", row[".id"])
        return text.replace("\r\n", "\n")

    def _file(self, name):
        """A file that was just written is not shown at once."""
        for _try in range(10):
            rows = self.rows("file", [".id", "name", "size", "contents"], {"name": name})
            if rows:
                return rows[0]
            time.sleep(0.2)
        raise Unreachable(f"/file: {name} was not written")

    def _long_file(self, row):
        """Contents above some tens of kilobytes are read in pieces (7.13 and later)."""
        pieces, offset, size = [], 0, number(row.get("size"))
        while offset < size:
            [piece] = self.run("file/read", {"file": row["name"], "offset": str(offset), "chunk-size": str(_PIECE)})
            pieces.append(piece.get("data", ""))
            offset += _PIECE
        return "".join(pieces)

    def capabilities(self):
        """Ask the router what it is. What a version does not have stays empty."""
        resource, clock = self.get("system/resource"), self.get("system/clock")
        now = datetime.datetime.now(datetime.UTC)
        licence = self._perhaps("system/license")
        level = licence.get("nlevel") or licence.get("level") or ""
        pppoe, hotspot = SESSION_LIMITS.get(level, (None, None))
        moment = clock_of(clock)
        mode = {name: truth(value) for name, value in self._perhaps("system/device-mode").items() if value in ("true", "false", "yes", "no")}
        return Capabilities(
            identity=self.get("system/identity").get("name", ""),
            version=version_of(resource.get("version", "")),
            version_text=resource.get("version", ""),
            board=resource.get("board-name", ""),
            licence=level,
            pppoe_limit=pppoe,
            hotspot_limit=hotspot,
            device_mode=mode,
            clock=moment,
            clock_error=(moment - now).total_seconds() if moment else None,
            ntp=self._perhaps("system/ntp/client").get("status", ""),
            uptime=duration(resource.get("uptime", "0s")),
            cpu_load=number(resource.get("cpu-load")),
            free_memory=number(resource.get("free-memory")),
        )

    def _perhaps(self, menu):
        try:
            return self.get(menu)
        except (Unsupported, NoRight):
            return {}


def context_for(address):
    """:return: the SSLContext that trusts what ``address`` says; a fingerprint is compared by whoever uses it"""
    context = ssl.create_default_context(cadata=address.ca or None)
    if address.fingerprint:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def plain_fingerprint(text):
    """
    >>> plain_fingerprint("AB:cd:01") == plain_fingerprint("abcd01") == "abcd01"
    True
    """
    return re.sub(r"[^0-9a-f]", "", text.lower())


def refusal(message, command=""):
    """:return: the exception for the router's words

    >>> refusal("no such item", "ppp/secret/set")
    NotThere('ppp/secret/set: no such item')
    >>> [type(refusal(text)).__name__ for text in ("failure: already have such entry", "failure: secret with the same name already exists", "unknown parameter x",
    ...     "no such command or directory (hotspot)", "not enough permissions (9)", "input does not match any value of profile")]
    ['Exists', 'Exists', 'Unsupported', 'Unsupported', 'NoRight', 'Refused']
    """
    kinds = (
        (r"no such item", NotThere),
        (r"already have|already exists|such name exists", Exists),
        (r"no such command|unknown parameter", Unsupported),
        (r"not enough permissions", NoRight),
    )
    kind = next((kind for pattern, kind in kinds if re.search(pattern, message)), Refused)
    return kind(message, command)


def is_change(command):
    """Does a command without an answer leave us in doubt?

    >>> [is_change(text) for text in ("ppp/secret/add", "ppp/secret/print", "interface/monitor-traffic", "system/script/run")]
    [True, False, False, True]
    """
    return command.rpartition("/")[2] not in ("print", "get", "monitor-traffic", "monitor", "ping", "getall", "read")


def duration(text):
    """
    >>> duration("1w2d3h4m5s"), duration("00:05:00"), duration("3d04:00:01"), duration("300ms"), duration("none"), duration("")
    (788645, 300, 273601, 0, 0, 0)

    :return: whole seconds; 0 for what is no duration
    """
    text = re.sub(r"\d+(ms|us)", "", text)
    found = re.fullmatch(r"((?:\d+[wdhms])*)(?:(\d+):(\d+):(\d+))?", text)
    if not found:
        return int(text) if text.isdigit() else 0
    total = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)([wdhms])", found[1]))
    return total + sum(int(part or 0) * factor for part, factor in zip(found.groups()[1:], (3600, 60, 1), strict=True))


def number(text):
    """
    >>> number("12"), number(None), number("1.5 %")
    (12, 0, 0)
    """
    return int(text) if text and text.isdigit() else 0


def version_of(text):
    """
    >>> version_of("7.16.2 (stable)"), version_of("7.18rc1 (testing)"), version_of("?")
    ((7, 16, 2), (7, 18), ())
    """
    found = re.match(r"\d+(\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def clock_of(row):
    """Dates as they are since 7.10, and as they were before.

    >>> clock_of({"date": "2026-11-24", "time": "10:00:00", "gmt-offset": "+02:00"}).isoformat()
    '2026-11-24T08:00:00+00:00'
    >>> clock_of({"date": "nov/24/2026", "time": "10:00:00", "gmt-offset": "-03:30"}).isoformat()
    '2026-11-24T13:30:00+00:00'
    >>> clock_of({}) is None
    True
    """
    for pattern in ("%Y-%m-%d %H:%M:%S", "%b/%d/%Y %H:%M:%S"):
        try:
            local = datetime.datetime.strptime(f"{row.get('date', '')} {row.get('time', '')}", pattern)
        except ValueError:
            continue
        found = re.fullmatch(r"([+-])(\d\d):(\d\d)", row.get("gmt-offset", "+00:00"))
        minutes = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1) if found else 0
        return local.replace(tzinfo=datetime.UTC) - datetime.timedelta(minutes=minutes)
    return None


def truth(text):
    """
    >>> truth("true"), truth("yes"), truth("false"), truth(None)
    (True, True, False, False)
    """
    return text in ("true", "yes")
