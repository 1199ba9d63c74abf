# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Customers' devices at a router: PPPoE and hotspot clients that log in, use the line and are counted."""

import fnmatch
import ipaddress
import struct
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from .device import Reply
from .menus import LICENCES
from .radius import (
    ACCEPT,
    MISSING,
    NAS_MISMATCH,
    NOT_FOUND,
    SEVERAL,
    UNSUPPORTED,
    Client,
    Credentials,
    Listener,
)
from .tables import Item
from .values import ARGUMENT, Trap, duration_text, parse_rate_limit, range_addresses, seconds

#: Acct-Terminate-Cause (RFC 2866).
CAUSES = {"User-Request": 1, "Lost-Carrier": 2, "Lost-Service": 3, "Idle-Timeout": 4, "Session-Timeout": 5, "Admin-Reset": 6, "Admin-Reboot": 7, "Port-Error": 8, "NAS-Error": 9, "NAS-Request": 10, "NAS-Reboot": 11}
START, STOP, INTERIM, ON, OFF = 1, 2, 3, 7, 8
_PORT_TYPES = {"ethernet": 15, "wireless-802.11": 19, "cable": 17}
#: What a CoA may change, and what only names the session or the request.
_CHANGES = {
    "Mikrotik-Rate-Limit", "Mikrotik-Address-List", "Session-Timeout", "Idle-Timeout", "Acct-Interim-Interval", "Mikrotik-Recv-Limit", "Mikrotik-Recv-Limit-Gigawords",
    "Mikrotik-Xmit-Limit", "Mikrotik-Xmit-Limit-Gigawords", "Mikrotik-Total-Limit", "Mikrotik-Total-Limit-Gigawords", "Class", "Reply-Message",
}  # fmt: skip
_NAMES = {"User-Name", "Acct-Session-Id", "Framed-IP-Address", "Calling-Station-Id", "NAS-Port", "NAS-Port-Id"}
_OURS = {"NAS-IP-Address", "NAS-Identifier"}
_BESIDE = {"Event-Timestamp", "Message-Authenticator", "Proxy-State", "State", "Acct-Terminate-Cause", "Service-Type"}
_MASK = (1 << 32) - 1


class RefusedError(Exception):
    """The client may not in; the text is what it is told or the router's log says."""


@dataclass
class Limits:
    """What holds for a session; None: no limit."""

    rate: str = ""
    address_list: str = ""
    session_timeout: float | None = None
    idle_timeout: float | None = None
    interim: float | None = None
    upload: int | None = None
    download: int | None = None
    total: int | None = None
    classes: list = field(default_factory=list)


class Session:
    """A customer who is on. ``use(up, down)`` sets what the device would take, in bits a second."""

    def __init__(self, desk, kind, user, mac, address, server, limits, credentials, local):
        self.desk, self.kind, self.user, self.mac, self.address, self.server = desk, kind, user, mac, address, server
        self.limits, self.local = limits, local
        self.method = credentials.method
        self.number = desk.next_number()
        self.id = f"81{self.number & 0xFFFFFF:06x}"
        self.started = self.last = self.last_used = self.last_interim = desk.now()
        self.uploaded = self.downloaded = 0.0
        self.wanted = (0, 0)
        self.rate = (0, 0)
        self.items = []
        self.outbox = deque()
        self.sending = False
        self.ended = None
        self.local_user = self.host = self.queue = None
        self.pool = (None, None)
        self.login_by = ""
        #: What the RADIUS server has answered, also what the simulator makes no use of.
        self.reply = {}

    @property
    def bytes(self):
        """(uploaded, downloaded) until now."""
        self.settle()
        return int(self.uploaded), int(self.downloaded)

    def use(self, up=0, down=0):
        with self.desk.router.lock:
            self.desk.fresh()
            self.settle()
            self.wanted = (up, down)
            self.reckon()

    def settle(self, moment=None):
        """Count what went through since last time."""
        if self.ended is not None:
            return
        moment = self.desk.now() if moment is None else moment
        passed = max(0.0, moment - self.last)
        if any(self.rate):
            up, down = self.rate[0] * passed / 8, self.rate[1] * passed / 8
            self.uploaded += up
            self.downloaded += down
            self.last_used = moment
            for item in self._counters():
                _count(item, up, down)
            uplink = self.desk.router.find_name("interface", self.desk.router.uplink)
            if uplink is not None and uplink is not self.port:
                _count(uplink, down, up)
        self.last = moment

    def _counters(self):
        own = [item for menu, item in self.items if menu in ("interface", "queue/simple")]
        beside = [item for item in (self.queue, self.port) if item is not None and all(item is not other for other in own)]
        return own + beside

    @property
    def port(self):
        return self.desk.router.find_name("interface", self.server["interface"])

    def reckon(self):
        """The speed from here on: what is wanted, within the first queue that fits, unless the firewall drops it."""
        if not any(self.wanted):
            self.rate = (0, 0)
        else:
            self.queue = self.desk.queue_of(self.address)
            limits = [int(part) for part in self.queue["max-limit"].split("/")] if self.queue is not None else (0, 0)
            open_ = self.desk.reach(self.address) == "accept"
            self.rate = tuple(min(wanted, limit) if limit else wanted for wanted, limit in zip(self.wanted, limits, strict=True)) if open_ else (0, 0)
        for menu, item in self.items:
            if menu in ("interface", "queue/simple"):
                item.more["rate"] = list(self.rate)

    # --- what comes next ---

    def next_event(self):
        """:return: (moment, what) of the next thing that happens by itself"""
        limits, events = self.limits, []
        if limits.interim:
            events.append((self.last_interim + limits.interim, "interim"))
        if limits.session_timeout is not None:
            events.append((self.started + limits.session_timeout, "Session-Timeout"))
        if limits.idle_timeout and not any(self.rate):
            events.append((self.last_used + limits.idle_timeout, "Idle-Timeout"))
        for used, speed, limit in ((self.uploaded, self.rate[0], limits.upload), (self.downloaded, self.rate[1], limits.download), (self.uploaded + self.downloaded, sum(self.rate), limits.total)):
            if limit is not None and used >= limit:
                events.append((self.last, "NAS-Request"))
            elif limit is not None and speed:
                # A byte more than the limit: the router notices when it has passed.
                events.append((self.last + (limit - used) * 8 / speed + 1e-6, "NAS-Request"))
        return min(events, default=None)

    # --- what the servers are told ---

    @property
    def nas_port(self):
        return 0x80F00000 + self.number & _MASK

    def attributes(self):
        router = self.desk.router
        shared = {
            "NAS-Port-Type": _PORT_TYPES["ethernet"],
            "NAS-Port": self.nas_port,
            "User-Name": self.user,
            "Calling-Station-Id": self.mac,
            "Called-Station-Id": self.desk.called(self.kind, self.server),
            "NAS-Port-Id": self.server["interface"],
            "Acct-Session-Id": self.id,
            "NAS-Identifier": router.singleton("system/identity")["name"],
            "NAS-IP-Address": router.address,
        }
        if self.kind == "pppoe":
            return {"Service-Type": 2, "Framed-Protocol": 1, **shared}
        profile = router.find_name("ip/hotspot/profile", self.server["profile"])
        shared["NAS-Port-Type"] = _PORT_TYPES[profile["nas-port-type"]]
        location = {"WISPr-Location-ID": profile["radius-location-id"], "WISPr-Location-Name": profile["radius-location-name"]}
        return {"Service-Type": 1, **shared, **{name: value for name, value in location.items() if value}, "Framed-IP-Address": self.address, "Mikrotik-Host-IP": self.address}

    def account(self, kind, cause=None):
        """Put a packet into the outbox, with the counters as they are."""
        desk = self.desk
        if not desk.accounts(self):
            return
        moment = desk.now()
        attributes = {"Acct-Status-Type": kind, **self.attributes(), "Framed-IP-Address": self.address, "Acct-Authentic": 2 if self.local else 1, "Event-Timestamp": max(0, int(desk.router.now()))}
        if self.limits.classes:
            attributes["Class"] = list(self.limits.classes)
        if kind != START:
            up, down = self.bytes
            attributes |= {
                "Acct-Session-Time": int(moment - self.started),
                "Acct-Input-Octets": up & _MASK,
                "Acct-Input-Gigawords": up >> 32,
                "Acct-Input-Packets": up // 900 & _MASK,
                "Acct-Output-Octets": down & _MASK,
                "Acct-Output-Gigawords": down >> 32,
                "Acct-Output-Packets": down // 1200 & _MASK,
            }
        if cause:
            attributes["Acct-Terminate-Cause"] = CAUSES.get(cause, 9)
        desk.post(self, attributes, moment)

    def hang_up(self, cause="User-Request"):
        """The customer ends it."""
        with self.desk.router.lock:
            self.desk.end(self, cause)


class Desk:
    """The sessions of one router.

    :param tells_boot: send Accounting-On and -Off: whether devices do is not documented
    """

    def __init__(self, router, tells_boot=False):
        self.router = router
        self.radius = Client(router)
        self.sessions = {}
        self.hosts = {}
        self.tells_boot = tells_boot
        self._number = 0
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="accounting")
        self._waiting = set()
        self._guard = threading.Lock()
        self._listener = None
        router.special("ppp/active", "end", lambda _router, item: self.end(item.more["session"], "Admin-Reset"))
        router.special("ip/hotspot/active", "end", lambda _router, item: self.end(item.more["session"], "Admin-Reset"))
        router.special("ip/hotspot/active", "login", self._login_by_command)
        router.special("ip/hotspot/host", "end", lambda _router, item: self._host_leaves(item))
        router.special("ip/pool/used", "rows", lambda _router, _call: [{"pool": pool, "address": address, "owner": session.kind, "info": session.user} for session in self.sessions.values() for pool, address in [session.pool] if pool])
        router.special("radius", "monitor", self._monitor)
        router.special("radius/incoming", "monitor", self._monitor_incoming)
        router.compute("ppp/active", self._ppp_row)
        router.compute("ip/hotspot/active", self._hotspot_row)
        router.compute("ip/hotspot/host", self._host_row)
        router.compute("ip/hotspot/user", self._user_row)
        for menu in ("queue/simple", "ip/firewall/address-list", "ip/firewall/filter", "ip/firewall/nat"):
            router.after(menu, self._touched)
        router.after("radius/incoming", lambda _item: self.listen())
        self._stale = True
        self._own, self._shared, self._places = {}, [], 0
        self._lists, self._nets, self._entries, self._by_address = {}, [], {}, {}
        self.requests = {"requests": 0, "bad-requests": 0, "acks": 0, "naks": 0}

    def now(self):
        return self.router.clock.now()

    def next_number(self):
        self._number += 1
        return self._number

    # --- log in ---

    def dial(self, user, password, mac="02:00:00:00:00:01", *, method="mschap2", interface=None, service=""):
        """A PPPoE client connects.

        :raise RefusedError: with what the client or the log is told
        """
        router, credentials = self.router, Credentials(method, user, password)
        with router.lock:
            server = self._pppoe_server(interface, service, credentials, mac)
            secret = self._secret(user)
            aaa = router.singleton("ppp/aaa")
            uses_radius = aaa["use-radius"] == "true"
        if secret is not None:
            limits, profile = self._local_ppp(secret, credentials, mac)
            reply, own = {}, secret
        elif uses_radius:
            probe = Session(self, "pppoe", user, mac, "", server, Limits(), credentials, False)
            code, reply = self.radius.authenticate("ppp", _without_address(probe.attributes()), credentials, self.called("pppoe", server))
            self._judge(code, reply, credentials, user)
            profile = router.find_name("ppp/profile", _first(reply, "Mikrotik-Group") or server["default-profile"]) or router.find_name("ppp/profile", server["default-profile"])
            limits, own = self._limits(profile, reply), {}
        else:
            raise RefusedError("user not found" if not uses_radius else "authentication failed")
        with router.lock:
            if secret is None:
                session = probe
            else:
                session = Session(self, "pppoe", user, mac, "", server, limits, credentials, True)
            self._only_one(profile, user)
            session.limits, session.local_user, session.reply = limits, secret, reply
            address = _first(reply, "Framed-IP-Address")
            address = None if address == "255.255.255.254" else address
            pool = _first(reply, "Framed-Pool") or own.get("remote-address") or profile.get("remote-address")
            session.address, session.pool = self._address(address, pool)
            if limits.interim is None and seconds(aaa["interim-update"]):
                limits.interim = seconds(aaa["interim-update"])
            local = own.get("local-address") or profile.get("local-address") or "0.0.0.0"
            self._begin(session, "<pppoe-{}>", local)
        return session

    def _pppoe_server(self, interface, service, credentials, mac):
        router = self.router
        names = {"pap": "pap", "chap": "chap", "mschap2": "mschap2"}
        for server in router.table("interface/pppoe-server/server"):
            if server["disabled"] == "true" or (interface and server["interface"] != interface) or (service and server["service-name"] != service):
                continue
            port = router.find_name("interface", server["interface"])
            if port is None or port["disabled"] == "true" or port.more.get("down"):
                continue
            if names[credentials.method] not in server["authentication"].split(","):
                raise RefusedError("authentication method not allowed by the server")
            own = [session for session in self.sessions.values() if session.kind == "pppoe" and session.server is server]
            if server["max-sessions"] not in ("unlimited", "0") and len(own) >= int(server["max-sessions"]):
                raise RefusedError("no more sessions on this server")
            if server["one-session-per-host"] == "true" and any(session.mac == mac for session in own):
                raise RefusedError("one session per host")
            self._licence("pppoe")
            return server
        raise RefusedError("no PPPoE server answers")

    def _licence(self, kind):
        allowed = LICENCES.get(self.router.licence, (None, None))[kind != "pppoe"]
        if allowed is not None and sum(session.kind == kind for session in self.sessions.values()) >= allowed:
            self.router.log(f"{kind},error", "license limit reached")
            raise RefusedError(f"license limit of {allowed} sessions reached")

    def _secret(self, user):
        for secret in self.router.table("ppp/secret"):
            if secret["name"] == user and secret["disabled"] == "false" and secret["service"] in ("any", "pppoe"):
                return secret
        return None

    def _local_ppp(self, secret, credentials, mac):
        if not credentials.matches(secret["password"]) or (secret["caller-id"] and secret["caller-id"].upper() != mac.upper()):
            self.router.log("pppoe,ppp,error", f"user {secret['name']} authentication failed")
            raise RefusedError("authentication failed")
        profile = self.router.find_name("ppp/profile", secret["profile"])
        limits = self._limits(profile, {})
        # The device's words: "in" is what comes in from the customer.
        limits.upload, limits.download = (int(secret[name]) or None for name in ("limit-bytes-in", "limit-bytes-out"))
        return limits, profile

    def _only_one(self, profile, user):
        if profile["only-one"] == "yes" and any(session.user == user and session.kind == "pppoe" for session in self.sessions.values()):
            raise RefusedError("only one session allowed")

    def _judge(self, code, reply, credentials, user):
        if code is None:
            self.router.log("radius,error", f"user {user} not authenticated: RADIUS server is not responding")
            raise RefusedError("RADIUS server is not responding")
        if code != ACCEPT:
            raise RefusedError(", ".join(map(str, reply.get("Reply-Message", []))) or "authentication failed")
        if not credentials.proven(reply):
            raise RefusedError("the server does not know the password")

    def _limits(self, profile, reply):
        """The profile's, and over them what the RADIUS server says."""

        def time(name):
            text = profile.get(name)
            return seconds(text) if text and text != "none" else None

        limits = Limits(profile.get("rate-limit", ""), profile.get("address-list", ""), time("session-timeout"), time("idle-timeout"))
        try:
            self._change(limits, reply)
        except ValueError:
            raise RefusedError(f"the answer has a rate limit that cannot be read: {_first(reply, 'Mikrotik-Rate-Limit')}") from None
        return limits

    def _change(self, limits, reply):
        """:raise ValueError: a rate that cannot be read; nothing is changed then"""
        rate = _first(reply, "Mikrotik-Rate-Limit")
        if rate:
            parse_rate_limit(rate)
            limits.rate = rate
        elif _first(reply, "WISPr-Bandwidth-Max-Up") or _first(reply, "WISPr-Bandwidth-Max-Down"):
            limits.rate = f"{_first(reply, 'WISPr-Bandwidth-Max-Up') or 0}/{_first(reply, 'WISPr-Bandwidth-Max-Down') or 0}"
        if "Mikrotik-Address-List" in reply:
            limits.address_list = _first(reply, "Mikrotik-Address-List") or ""
        for name, attribute in (("session_timeout", "Session-Timeout"), ("idle_timeout", "Idle-Timeout"), ("interim", "Acct-Interim-Interval")):
            if attribute in reply:
                setattr(limits, name, _first(reply, attribute))
        for name, attribute in (("upload", "Mikrotik-Recv-Limit"), ("download", "Mikrotik-Xmit-Limit"), ("total", "Mikrotik-Total-Limit")):
            if attribute in reply or f"{attribute}-Gigawords" in reply:
                setattr(limits, name, ((_first(reply, f"{attribute}-Gigawords") or 0) << 32) + (_first(reply, attribute) or 0))
        if "Class" in reply:
            limits.classes = reply["Class"]

    def _address(self, address, pool):
        """:return: (address, (pool, address) or (None, None))"""
        if address:
            return address, (None, None)
        used = {session.address for session in self.sessions.values()} | {host["address"] for host in self.router.table("ip/hotspot/host")}
        found = self.router.find_name("ip/pool", pool) if pool else None
        if found is None and pool:
            try:
                return str(ipaddress.ip_address(pool)), (None, None)
            except ValueError:
                pass
        seen = set()
        while found is not None and found["name"] not in seen:
            seen.add(found["name"])
            for candidate in range_addresses(found["ranges"]):
                if candidate not in used:
                    return candidate, (found["name"], candidate)
            found = self.router.find_name("ip/pool", found.get("next-pool", "none"))
        raise RefusedError("no address: pool is empty or not there")

    # --- hotspot ---

    def arrive(self, mac, *, interface=None, address=None):
        """A device comes to a hotspot's network and gets an address.

        :return: its row in /ip/hotspot/host
        :raise RefusedError: no hotspot there, or blocked
        """
        router = self.router
        with router.lock:
            if router.singleton("system/device-mode")["hotspot"] != "true":
                raise RefusedError("hotspot is not allowed by device-mode")
            server = next((item for item in router.table("ip/hotspot") if item["disabled"] == "false" and interface in (None, item["interface"])), None)
            if server is None:
                raise RefusedError("no hotspot server on this interface")
            for host in router.table("ip/hotspot/host"):
                if host["mac-address"] == mac.upper():
                    return host
            binding = self._binding(mac, address)
            if binding == "blocked":
                raise RefusedError("blocked by ip-binding")
            given, pool = (address, (None, None)) if address else self._address(None, server["address-pool"])
            item = Item(router.table("ip/hotspot/host").next_id(), {"mac-address": mac.upper(), "address": given, "to-address": given, "server": server["name"]}, dynamic=True)
            item.more.update(server=server, pool=pool, since=self.now(), bypassed=binding == "bypassed")
            router._insert("ip/hotspot/host", item)
            profile = router.find_name("ip/hotspot/profile", server["profile"])
            by_mac = "mac" in profile["login-by"].split(",") and not item.more["bypassed"]
        if by_mac:
            self._login_by_mac(item, profile)
        return item

    def _binding(self, mac, address):
        for item in self.router.table("ip/hotspot/ip-binding"):
            same = (item.get("mac-address") in (None, mac.upper())) and (item.get("address") in (None, address)) and (item.get("mac-address") or item.get("address"))
            if item["disabled"] == "false" and same:
                return item["type"]
        return "regular"

    def _login_by_mac(self, host, profile):
        mac = host["mac-address"]
        digits = iter(mac.replace(":", ""))
        name = "".join(next(digits) if character == "X" else character for character in profile["radius-mac-format"])
        password = name if profile["mac-auth-mode"] == "mac-as-username-and-password" else profile["mac-auth-password"]
        try:
            self.log_in(host, name, password, method="mac")
        except RefusedError as refused:
            self.router.log("hotspot,info,debug", f"{name} ({host['address']}): login failed: {refused}")

    def log_in(self, host, user, password, method="chap", credentials=None):
        """Somebody types a name and a password into the log-in page.

        :param method: chap, pap, mac (pap or chap is what the server sees), or https (pap over TLS)
        :param credentials: what a browser has sent (radius.Answered), instead of a password
        :raise RefusedError: with what the page says
        """
        router, server = self.router, host.more["server"]
        credentials = credentials or Credentials("pap" if method in ("pap", "https") else "chap", user, password)
        with router.lock:
            profile = router.find_name("ip/hotspot/profile", server["profile"])
            if {"chap": "http-chap", "pap": "http-pap"}.get(method, method) not in profile["login-by"].split(","):
                raise RefusedError(f"login by {method} is not allowed")
            if self._of_host(host) is not None:
                raise RefusedError("you are already logged in")
            self._licence("hotspot")
            local = self._hotspot_user(user, server)
            session = Session(self, "hotspot", user, host["mac-address"], host["address"], server, Limits(), credentials, local is not None)
        reply = {}
        if local is not None:
            users_profile = router.find_name("ip/hotspot/user/profile", local["profile"])
            limits = self._local_hotspot(local, users_profile, credentials, host)
        elif profile["use-radius"] == "true":
            code, reply = self.radius.authenticate("hotspot", session.attributes(), credentials, self.called("hotspot", server))
            self._judge(code, reply, credentials, user)
            users_profile = router.find_name("ip/hotspot/user/profile", _first(reply, "Mikrotik-Group") or "default") or router.find_name("ip/hotspot/user/profile", "default")
            limits = self._limits(users_profile, reply)
            if profile["radius-interim-update"] != "received":
                limits.interim = seconds(profile["radius-interim-update"])
        else:
            raise RefusedError("invalid username or password")
        with router.lock:
            shared = users_profile["shared-users"]
            if shared != "unlimited" and sum(other.user == user and other.kind == "hotspot" for other in self.sessions.values()) >= int(shared):
                raise RefusedError(f"no more sessions are allowed for user {user}")
            session.limits, session.host, session.local_user, session.reply = limits, host, local, reply
            session.login_by = {"chap": "http-chap", "pap": "http-pap"}.get(method, method)
            self._begin(session, "<hotspot-{}>", None)
        return session

    def _hotspot_user(self, name, server):
        for item in self.router.table("ip/hotspot/user"):
            if item.get("name") == name and item["disabled"] == "false" and item["server"] in ("all", server["name"]):
                return item
        return None

    def _local_hotspot(self, user, profile, credentials, host):
        if not credentials.matches(user.get("password", "")) or user.get("mac-address", host["mac-address"]) != host["mac-address"]:
            raise RefusedError("invalid username or password")
        limits = self._limits(profile, {})
        spent, (up, down) = user.more.get("uptime", 0), user.more.get("bytes", (0, 0))
        if user.get("limit-uptime") and seconds(user["limit-uptime"]):
            left = seconds(user["limit-uptime"]) - spent
            if left <= 0:
                raise RefusedError(f"user {user['name']} has reached uptime limit")
            limits.session_timeout = min(left, limits.session_timeout or left)
        for name, attribute, used in (("limit-bytes-in", "upload", up), ("limit-bytes-out", "download", down), ("limit-bytes-total", "total", up + down)):
            if int(user.get(name, "0")):
                left = int(user[name]) - used
                if left <= 0:
                    raise RefusedError(f"user {user['name']} has reached traffic limit")
                setattr(limits, attribute, left)
        return limits

    def _login_by_command(self, router, call):
        with router.lock:
            host = next((item for item in router.table("ip/hotspot/host") if item["address"] == call.args.get("ip")), None)
        if host is None:
            raise Trap("failure: unknown host IP " + call.args.get("ip", ""), ARGUMENT)
        try:
            self.log_in(host, call.args.get("user", ""), call.args.get("password", ""), "chap")
        except RefusedError as refused:
            raise Trap(f"failure: {refused}", None) from None
        return Reply()

    def _of_host(self, host):
        return next((session for session in self.sessions.values() if getattr(session, "host", None) is host), None)

    def _host_leaves(self, host):
        session = self._of_host(host)
        if session is not None:
            self.end(session, "Lost-Service")
        self.router.drop("ip/hotspot/host", host)

    # --- begin and end ---

    def _begin(self, session, pattern, local_address):
        router, name = self.router, self._free(pattern.format(session.user))
        if local_address is not None:
            self._make(session, "interface", {"name": name, "type": "pppoe-in", "mtu": "1480", "disabled": "false"})
            self._make(session, "interface/pppoe-server", {"name": name, "user": session.user, "service": self.called("pppoe", session.server), "remote-address": session.mac, "disabled": "false"})
            self._make(session, "ip/address", {"address": f"{local_address}/32", "network": session.address, "interface": name, "disabled": "false"})
            self._make(session, "ppp/active", {"name": session.user, "service": "pppoe", "caller-id": session.mac, "address": session.address})
            target = name
        else:
            self._make(session, "ip/hotspot/active", {"server": session.server["name"], "user": session.user, "address": session.address, "mac-address": session.mac, "login-by": session.login_by})
            target = f"{session.address}/32"
        session.target, session.queue_name = target, name
        self._enforce(session)
        session.started = session.last = session.last_used = session.last_interim = self.now()
        self.sessions[session.id] = session
        self._by_address.setdefault(session.address, []).append(session)
        session.reckon()
        router.log("pppoe,ppp,info,account" if session.kind == "pppoe" else "hotspot,account,info,debug", f"{session.user} logged in, {session.address} from {session.mac}" if session.kind == "pppoe" else f"{session.user} ({session.address}): logged in")
        session.account(START)

    def _free(self, name):
        """A second session of a user is <pppoe-user-1>."""
        table, count, wanted = self.router.table("interface"), 0, name
        while table.by_name(wanted) is not None or self.router.find_name("queue/simple", wanted) is not None:
            count += 1
            wanted = f"{name[:-1]}-{count}>"
        return wanted

    def _make(self, session, menu, values):
        item = Item(self.router.table(menu).next_id(), values, dynamic=True)
        item.more["session"] = session
        session.items.append((menu, item))
        self.router._insert(menu, item)
        return item

    def _unmake(self, session, menu):
        for kept in [entry for entry in session.items if entry[0] == menu]:
            session.items.remove(kept)
            if self.router.table(menu).items.get(kept[1].id) is kept[1]:
                self.router.drop(menu, kept[1])

    def _enforce(self, session):
        """The dynamic queue and the entry of the address list, as the limits say."""
        session.settle()
        rate = parse_rate_limit(session.limits.rate)
        queues = [item for menu, item in session.items if menu == "queue/simple"]
        if rate and queues:
            self.router.table("queue/simple").change(queues[0], rate)
            self.router.changed("queue/simple", queues[0])
        elif rate:
            self._make(session, "queue/simple", self.router._with_defaults("queue/simple", {"name": session.queue_name, "target": session.target, **rate}))
        else:
            self._unmake(session, "queue/simple")
        lists = [item["list"] for menu, item in session.items if menu == "ip/firewall/address-list"]
        if lists != [session.limits.address_list] * bool(session.limits.address_list):
            self._unmake(session, "ip/firewall/address-list")
            if session.limits.address_list:
                entry = self._make(session, "ip/firewall/address-list", {"list": session.limits.address_list, "address": session.address, "disabled": "false"})
                entry.more["created"] = self.now()
        session.reckon()

    def end(self, session, cause, tell=True):
        """End it, with a Stop unless ``tell`` is False. Held: the router's lock."""
        if self.sessions.pop(session.id, None) is None:
            return
        session.settle()
        if session in self._by_address.get(session.address, ()):
            self._by_address[session.address].remove(session)
        session.ended = cause
        for menu, item in reversed(session.items):
            if self.router.table(menu).items.get(item.id) is item:
                self.router.drop(menu, item)
        session.items.clear()
        if session.local_user is not None:
            used = session.local_user.more
            up, down = session.bytes
            used["uptime"] = used.get("uptime", 0) + self.now() - session.started
            used["bytes"] = [used.get("bytes", (0, 0))[0] + up, used.get("bytes", (0, 0))[1] + down]
        if session.kind == "pppoe" and session.local_user is not None:
            session.local_user.more.update({"last-logged-out": f"{self.router.today():%Y-%m-%d %H:%M:%S}", "last-caller-id": session.mac, "last-disconnect-reason": cause.lower()})
        self.router.log(f"{session.kind},info,account", f"{session.user} logged out: {cause}")
        if tell:
            session.account(STOP, cause)

    # --- accounting ---

    def accounts(self, session):
        if session.kind == "pppoe":
            return self.router.singleton("ppp/aaa")["accounting"] == "true" and bool(self.radius.servers("ppp"))
        profile = self.router.find_name("ip/hotspot/profile", session.server["profile"])
        return profile["use-radius"] == "true" and profile["radius-accounting"] == "true"

    def called(self, kind, server):
        return server["service-name"] if kind == "pppoe" else server["name"]

    def post(self, session, attributes, moment):
        """Packets of a session go one after the other; those of several at the same time."""
        with self._guard:
            session.outbox.append((attributes, moment))
            if not session.sending:
                session.sending = True
                self._submit(lambda: self._deliver(session))

    def _submit(self, function):
        future = self._pool.submit(function)
        self._waiting.add(future)
        future.add_done_callback(self._waiting.discard)

    def _deliver(self, session):
        while True:
            with self._guard:
                if not session.outbox:
                    session.sending = False
                    return
                attributes, moment = session.outbox.popleft()
            self.radius.account("ppp" if session.kind == "pppoe" else "hotspot", attributes, moment, self.called(session.kind, session.server))

    def settled(self):
        """Wait until every packet was answered or given up."""
        while self._waiting:
            wait(list(self._waiting))

    def tell_boot(self, kind):
        attributes = {"Acct-Status-Type": kind, "Acct-Session-Id": f"81{0:06x}", "NAS-Identifier": self.router.singleton("system/identity")["name"], "NAS-IP-Address": self.router.address, "Event-Timestamp": max(0, int(self.router.now()))}
        moment = self.now()
        service = next((service for service in ("ppp", "hotspot") if self.radius.servers(service)), None)
        if service:
            self._submit(lambda: self.radius.account(service, attributes, moment))

    # --- time ---

    def next_moment(self):
        self.fresh()
        events = [event for session in self.sessions.values() if (event := session.next_event())]
        return min((moment for moment, _what in events), default=None)

    def happen(self):
        """Everything that is due. Held: the router's lock."""
        self.fresh()
        now = self.now()
        for session in list(self.sessions.values()):
            event = session.next_event()
            if event is None or event[0] > now:
                continue
            session.settle()
            if event[1] == "interim":
                session.last_interim = event[0]
                session.account(INTERIM)
            elif event[1] == "NAS-Request" and not self._passed(session):
                continue
            else:
                self.end(session, event[1])

    @staticmethod
    def _passed(session):
        limits = session.limits
        checks = ((session.uploaded, limits.upload), (session.downloaded, limits.download), (session.uploaded + session.downloaded, limits.total))
        return any(limit is not None and used >= limit for used, limit in checks)

    def _touched(self, item=None):
        """A queue, a list or a rule has changed: what went through until now is counted by the old ones.

        A session's own queue and an entry of one address concern one customer; anything else all of them.
        """
        if self._stale:
            return
        address = self._concerns(item)
        if address is None:
            self._stale = True
            for session in self.sessions.values():
                session.settle()
        else:
            for session in self._by_address.get(address, ()):
                session.settle()
                session.reckon()

    def _concerns(self, item):
        """:return: the one address that a change of this item is about, None"""
        if item is None:
            return None
        if "list" in item and "/" not in item["address"] and "-" not in item["address"]:
            old = self._entries.pop(item.id, None)
            if old is not None:
                self._lists.get(old[0], set()).discard(old[1])
            if self.router.table("ip/firewall/address-list").items.get(item.id) is item and item["disabled"] == "false":
                self._entries[item.id] = (item["address"], item["list"])
                self._lists.setdefault(item["address"], set()).add(item["list"])
            return item["address"] if old is None or old[0] == item["address"] else None
        session = item.more.get("session")
        if "max-limit" in item and session is not None:
            if self.router.table("queue/simple").items.get(item.id) is item:
                self._own[session.address] = (len(self._own) + self._places, item)
            else:
                self._own.pop(session.address, None)
            return session.address
        return None

    def fresh(self):
        """Reckon again after a change."""
        if not self._stale:
            return
        self._stale = False
        self._own, self._shared, self._places = {}, [], len(self.router.table("queue/simple"))
        for place, item in enumerate(self.router.table("queue/simple")):
            session = item.more.get("session")
            if item.get("disabled") == "true":
                continue
            if session is not None:
                self._own[session.address] = (place, item)
            else:
                self._shared += [(place, item, ipaddress.ip_network(target)) for target in item["target"].split(",") if "/" in target]
        self._lists, self._nets, self._entries = {}, [], {}
        for item in self.router.table("ip/firewall/address-list"):
            if item["disabled"] == "true":
                continue
            if "/" in item["address"] or "-" in item["address"]:
                self._nets.append((item["address"], item["list"]))
            else:
                self._entries[item.id] = (item["address"], item["list"])
                self._lists.setdefault(item["address"], set()).add(item["list"])
        self._by_address = {}
        for session in self.sessions.values():
            self._by_address.setdefault(session.address, []).append(session)
            session.reckon()

    def refresh(self):
        """Counters up to now, before they are shown."""
        self.fresh()
        for session in self.sessions.values():
            session.settle()

    # --- queues and firewall ---

    def queue_of(self, address):
        """:return: the first queue that is for this address"""
        self.fresh()
        place, own = self._own.get(address, (None, None))
        if self._shared:
            found = ipaddress.ip_address(address)
            for other, item, net in self._shared:
                if own is not None and other > place:
                    break
                if found in net:
                    return item
        return own

    def lists_of(self, address):
        """:return: names of the address lists that hold it"""
        self.fresh()
        found = ipaddress.ip_address(address)
        return self._lists.get(address, set()) | {name for text, name in self._nets if _covers(text, found)}

    def reach(self, address, host="example.org", to="198.51.100.7", port=443, protocol="tcp", path="/"):
        """What happens to a packet of this customer to the internet.

        :return: accept, drop, reject, ``dst-nat ADDRESS:PORT``, or ``login`` for the hotspot's page
        """
        waiting = next((item for item in self.router.table("ip/hotspot/host") if item["address"] == address), None)
        if waiting is not None and not waiting.more["bypassed"] and self._of_host(waiting) is None:
            return self._garden(waiting, host, to, port, protocol, path)
        packet = {"address": address, "to": to, "port": port, "protocol": protocol}
        rule = self._first_rule("ip/firewall/nat", "dstnat", packet)
        if rule is not None and rule["action"] in ("dst-nat", "redirect"):
            return f"dst-nat {rule.get('to-addresses', self.router.address)}:{rule.get('to-ports', port)}"
        rule = self._first_rule("ip/firewall/filter", "forward", packet)
        return rule["action"] if rule is not None and rule["action"] in ("drop", "reject") else "accept"

    def _first_rule(self, menu, chain, packet):
        for rule in self.router.table(menu):
            ends = rule["action"] in ("accept", "drop", "reject", "dst-nat", "redirect")
            if rule["chain"] == chain and rule["disabled"] == "false" and ends and self._fits(rule, packet):
                return rule
        return None

    def _fits(self, rule, packet):
        """Conditions that the simulator does not know fit nothing."""
        known = {"chain", "action", "disabled", "comment", "log", "log-prefix", "to-addresses", "to-ports", "reject-with"}
        tests = {
            "src-address": lambda value: _covers(value, ipaddress.ip_address(packet["address"])),
            "dst-address": lambda value: _covers(value, ipaddress.ip_address(packet["to"])),
            "src-address-list": lambda value: value in self.lists_of(packet["address"]),
            "dst-address-list": lambda value: value in self.lists_of(packet["to"]),
            "protocol": lambda value: value == packet["protocol"],
            "dst-port": lambda value: _in_ports(value, packet["port"]),
            "connection-state": lambda value: "new" in value.split(","),
        }
        for name, value in rule.items():
            if name in known:
                continue
            if name not in tests:
                return False
            negated = value.startswith("!")
            if tests[name](value.removeprefix("!")) == negated:
                return False
        return True

    def _garden(self, host, name, to, port, protocol, path):
        for rule in self.router.table("ip/hotspot/walled-garden/ip"):
            fits = rule["disabled"] == "false" and rule.get("server", host["server"]) == host["server"] and rule.get("protocol", protocol) == protocol
            fits = fits and ("dst-address" not in rule or _covers(rule["dst-address"], ipaddress.ip_address(to))) and fnmatch.fnmatchcase(name, rule.get("dst-host", "*"))
            if fits and _in_ports(rule.get("dst-port", str(port)), port):
                return rule["action"]
        for rule in self.router.table("ip/hotspot/walled-garden"):
            fits = rule["disabled"] == "false" and port in (80, 443) and rule.get("server", host["server"]) == host["server"] and fnmatch.fnmatchcase(name, rule.get("dst-host", "*"))
            if fits and _in_ports(rule.get("dst-port", str(port)), port) and (port == 443 or fnmatch.fnmatchcase(path, rule.get("path", "*"))):
                return "accept" if rule["action"] == "allow" else "login"
        return "login" if port == 80 else "drop"

    # --- CoA and Disconnect ---

    def listen(self):
        """Open or close the port, as /radius incoming says."""
        incoming = self.router.singleton("radius/incoming")
        wanted = int(incoming["port"]) if incoming["accept"] == "true" and self.router.powered and self.router.linked else None
        if self._listener is not None and self._listener.port != wanted:
            self._listener.end()
            self._listener = None
        if wanted is not None and self._listener is None:
            try:
                self._listener = Listener(self.router, wanted, self._asked)
            except OSError:
                self.router.log("radius,error", f"port {wanted} is taken: no CoA")

    def _asked(self, code, attributes):
        with self.router.lock:
            self.requests["requests"] += 1
            try:
                cause = self._act(code, attributes)
            except (ValueError, struct.error):
                cause = 407
            self.requests["naks" if cause else "acks"] += 1
            return cause

    def _act(self, code, attributes):
        names = set(attributes)
        disconnect = code == 40
        unknown = names - _NAMES - _OURS - _BESIDE - (set() if disconnect else _CHANGES) - {"Class", "Reply-Message"}
        if unknown:
            return UNSUPPORTED
        identity = self.router.singleton("system/identity")["name"]
        if _first(attributes, "NAS-IP-Address") not in (None, self.router.address) or _first(attributes, "NAS-Identifier") not in (None, identity):
            return NAS_MISMATCH
        if not names & (_NAMES - {"NAS-Port-Id"}):
            return MISSING
        key = _first(attributes, "Acct-Session-Id")
        among = self.sessions.values() if key is None else filter(None, [self.sessions.get(key)])
        found = [session for session in among if self._named(session, attributes)]
        if not found:
            return NOT_FOUND
        if len(found) > 1:
            return SEVERAL
        session = found[0]
        if disconnect:
            self.end(session, "Admin-Reset")
            return None
        session.settle()
        self._change(session.limits, attributes)
        if "Session-Timeout" in attributes:
            # Counted from now on.
            session.limits.session_timeout = self.now() - session.started + _first(attributes, "Session-Timeout")
        self._enforce(session)
        return None

    @staticmethod
    def _named(session, attributes):
        # A hotspot session is found by its address only: a name alone may be a wireless station's.
        if session.kind == "hotspot" and "Framed-IP-Address" not in attributes:
            return False
        own = {"User-Name": session.user, "Acct-Session-Id": session.id, "Framed-IP-Address": session.address, "Calling-Station-Id": session.mac, "NAS-Port": session.nas_port}
        return all(_first(attributes, name) in (None, value) for name, value in own.items())

    # --- rows ---

    def _ppp_row(self, router, item):
        session = item.more["session"]
        return {
            "uptime": duration_text(int(self.now() - session.started)),
            "encoding": "",
            "session-id": f"0x{session.id.upper()}",
            "limit-bytes-in": str(session.limits.upload or 0),
            "limit-bytes-out": str(session.limits.download or 0),
            "radius": str(not session.local).lower(),
        }

    def _hotspot_row(self, router, item):
        session = item.more["session"]
        session.settle()
        up, down = session.bytes
        row = {"uptime": duration_text(int(self.now() - session.started)), "idle-time": duration_text(int(self.now() - session.last_used))}
        if session.limits.session_timeout is not None:
            row["session-time-left"] = duration_text(max(0, int(session.started + session.limits.session_timeout - self.now())))
        for name, limit in (("limit-bytes-in", session.limits.upload), ("limit-bytes-out", session.limits.download), ("limit-bytes-total", session.limits.total)):
            if limit is not None:
                row[name] = str(limit)
        return {**row, "bytes-in": str(up), "bytes-out": str(down), "packets-in": str(up // 900), "packets-out": str(down // 1200), "radius": str(not session.local).lower()}

    def _host_row(self, router, item):
        authorized = self._of_host(item) is not None
        return {"uptime": duration_text(int(self.now() - item.more["since"])), "idle-time": "0s", "authorized": str(authorized).lower(), "bypassed": str(item.more["bypassed"]).lower(), "DHCP": "true"}

    def _user_row(self, router, item):
        spent, (up, down) = item.more.get("uptime", 0), item.more.get("bytes", (0, 0))
        return {"uptime": duration_text(int(spent)), "bytes-in": str(up), "bytes-out": str(down), "packets-in": str(up // 900), "packets-out": str(down // 1200)}

    def _monitor(self, router, call):
        rows = [{name: str(item.more.get(name, 0)) for name in ("pending", "requests", "accepts", "rejects", "resends", "timeouts", "bad-replies")} for item in router.items_of(call)]
        return Reply(rows)

    def _monitor_incoming(self, router, call):
        return Reply([{name: str(value) for name, value in self.requests.items()}])

    def forget(self):
        """As after a reboot: numbers of sessions begin again, nobody is there."""
        for host in list(self.router.table("ip/hotspot/host")):
            self.router.drop("ip/hotspot/host", host)
        self._number = 0

    def close(self):
        if self._listener is not None:
            self._listener.end()
            self._listener = None


def _count(item, received, sent):
    old = item.more.get("bytes", (0, 0))
    item.more["bytes"] = [round(old[0] + received), round(old[1] + sent)]


def _first(attributes, name):
    values = attributes.get(name) or [None]
    return values[0]


def _without_address(attributes):
    return {name: value for name, value in attributes.items() if value != ""}


def _covers(text, address):
    """Does ``host``, ``prefix``, ``range`` or (never) a name hold the address?"""
    first, dash, last = text.partition("-")
    try:
        if dash:
            return ipaddress.ip_address(first) <= address <= ipaddress.ip_address(last)
        return address in ipaddress.ip_network(text)
    except (ValueError, TypeError):
        return False


def _in_ports(text, port):
    return any(int(first) <= port <= int(last or first) for first, _dash, last in (part.partition("-") for part in text.split(",")))
