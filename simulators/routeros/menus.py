# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The menus whose properties have types, defaults and constraints here. Every other menu of the vocabulary is a plain table of texts."""

from dataclasses import dataclass, field

from . import values as v


@dataclass
class Field:
    """:ivar default: None: not shown until it is set. :ivar shown: "no": written only, as a user's password is; "sensitive": for who may see it"""

    type: object = v.text
    default: str | None = None
    required: bool = False
    shown: str = "yes"
    #: First version that has it, for those that not every version shows.
    since: tuple = ()


@dataclass
class Menu:
    fields: dict = field(default_factory=dict)
    #: [(properties, words of the trap)]
    unique: list = field(default_factory=list)
    #: Names of items made without one: "queue" gives queue1, queue2...
    names: str = ""
    flags: tuple = ("disabled",)
    #: Singleton values or items at the first start: see ``device``.
    defaults: dict = field(default_factory=dict)


def need(type_=v.text, **more):
    return Field(type_, required=True, **more)


def secret(type_=v.text, default="", **more):
    return Field(type_, default, shown="sensitive", **more)


_yes, _no = Field(v.boolean, "true"), Field(v.boolean, "false")
_LEAN = v.enum("default", "no", "required", "yes")
_POOL_OR_ADDRESS = v.optional(lambda n, t, r: v.ref("ip/pool")(n, t, r) if r.find_name("ip/pool", t) else v.address(n, t, r))
_POOL_OR_ADDRESS.refers = "ip/pool"
_PORT = v.number(0, 65535)
POLICIES = ("local", "telnet", "ssh", "ftp", "reboot", "read", "write", "policy", "test", "winbox", "password", "web", "sniff", "sensitive", "api", "romon", "rest-api")
_PPP = v.enum("any", "async", "l2tp", "ovpn", "pppoe", "pptp", "sstp")
#: These are added switched off, as exports of real routers show (``add disabled=no ...``).
_OFF = Field(v.boolean, "true")
_RULE = {"chain": need(), "action": Field(v.text, "accept"), "log": _no, "log-prefix": Field(v.text, "")}

MENUS = {
    "system/identity": Menu(defaults={"name": "MikroTik"}),
    "system/clock": Menu(
        {"time-zone-autodetect": _yes, "time-zone-name": Field(v.text, "Africa/Juba")},
    ),
    "system/ntp/client": Menu({"enabled": _no, "mode": Field(v.enum("unicast", "broadcast", "manycast", "multicast"), "unicast"), "servers": Field(v.text, ""), "vrf": Field(v.text, "main")}),
    "system/ntp/client/servers": Menu({"address": need(), "auth-key": Field(v.text, "none"), "iburst": _yes, "max-poll": Field(v.number(3, 17), "10"), "min-poll": Field(v.number(3, 17), "6")}),
    "system/scheduler": Menu(
        {
            "name": Field(),
            "start-date": Field(),
            "start-time": Field(v.text, "startup"),
            "interval": Field(v.duration(), "0s"),
            "on-event": Field(v.text, ""),
            "policy": Field(v.flags(*POLICIES), "ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon"),
        },
        [(("name",), "failure: item with this name already exists")],
        "schedule",
    ),
    "system/script": Menu(
        {
            "name": Field(),
            "source": Field(v.text, ""),
            "policy": Field(v.flags(*POLICIES), "ftp,reboot,read,write,policy,test,password,sniff,sensitive,romon"),
            "dont-require-permissions": _no,
        },
        [(("name",), "failure: item with this name already exists")],
        "script",
        flags=(),
    ),
    "user": Menu(
        {
            "name": need(),
            "group": need(v.ref("user/group")),
            "password": Field(v.text, "", shown="no"),
            "address": Field(v.allowed, ""),
            "inactivity-timeout": Field(v.duration("none"), "10m", since=(7, 16)),
            "inactivity-policy": Field(v.enum("none", "lockscreen", "logout"), "none", since=(7, 16)),
        },
        [(("name",), "failure: user with the same name already exists")],
    ),
    "user/group": Menu(
        {"name": need(), "policy": Field(v.flags(*POLICIES), ""), "skin": Field(v.text, "default")},
        [(("name",), "failure: group with the same name already exists")],
        flags=(),
    ),
    "ip/service": Menu(
        {
            "name": Field(),
            "port": Field(v.number(1, 65535)),
            "address": Field(v.allowed, ""),
            "certificate": Field(v.ref("certificate", "none")),
            "tls-version": Field(v.enum("any", "only-1.2")),
            "vrf": Field(v.text, "main"),
            "max-sessions": Field(v.number(1, 1000), "20", since=(7, 16)),
        },
    ),
    "ip/address": Menu({"address": need(v.interface_address), "interface": need(v.ref("interface")), "network": Field(v.address)}, [(("address", "interface"), "failure: already have such address")]),
    "ip/pool": Menu(
        {"name": need(), "ranges": need(v.ranges), "next-pool": Field(v.ref("ip/pool", "none"))},
        [(("name",), "failure: pool with such name exists")],
        flags=(),
    ),
    "ip/route": Menu({"dst-address": Field(v.network, "0.0.0.0/0"), "gateway": need(), "distance": Field(v.number(1, 255), "1")}),
    "ip/dhcp-server": Menu(
        {"name": Field(), "interface": need(v.ref("interface")), "address-pool": Field(v.ref("ip/pool", "static-only"), "static-only"), "lease-time": Field(v.duration(), "30m"), "use-radius": Field(v.enum("no", "yes", "accounting"), "no")},
        [(("name",), "failure: dhcp server with such name exists")],
        "dhcp",
    ),
    "ip/dhcp-server/network": Menu({"address": need(v.network), "gateway": Field(v.text, ""), "dns-server": Field(v.text, ""), "wins-server": Field(v.text, ""), "ntp-server": Field(v.text, ""), "dhcp-option": Field(v.text, "")}, flags=()),
    "ip/dhcp-server/option": Menu({"name": need(), "code": need(v.number(1, 254)), "value": Field(v.text, "")}, [(("name",), "failure: option with such name exists")], flags=()),
    "ip/dns": Menu({"servers": Field(v.text, ""), "allow-remote-requests": _no, "use-doh-server": Field(v.text, ""), "verify-doh-cert": _no, "cache-size": Field(v.text, "2048KiB"), "cache-max-ttl": Field(v.duration(), "1w")}),
    "ip/firewall/address-list": Menu(
        {"list": need(), "address": need(v.host_or_range), "timeout": Field(v.duration("none-dynamic", "none-static")), "dynamic": Field(v.boolean, shown="no")},
        [(("list", "address"), "failure: already have such entry")],
    ),
    "ip/firewall/filter": Menu(dict(_RULE)),
    "ip/firewall/nat": Menu(dict(_RULE)),
    "ip/firewall/mangle": Menu(dict(_RULE)),
    "ppp/aaa": Menu({"use-radius": _no, "accounting": _yes, "interim-update": Field(v.duration(), "0s"), "use-circuit-id-in-nas-port-id": _no, "enable-ipv6-accounting": Field(v.boolean, "false", since=(7, 16))}),
    "ppp/profile": Menu(
        {
            "name": need(),
            "local-address": Field(_POOL_OR_ADDRESS),
            "remote-address": Field(_POOL_OR_ADDRESS),
            "remote-ipv6-prefix-pool": Field(),
            "rate-limit": Field(v.rate_limit),
            "address-list": Field(v.text, ""),
            "session-timeout": Field(v.duration()),
            "idle-timeout": Field(v.duration()),
            "dns-server": Field(),
            "use-mpls": Field(_LEAN, "default"),
            "use-compression": Field(_LEAN, "default"),
            "use-encryption": Field(_LEAN, "default"),
            "only-one": Field(v.enum("default", "no", "yes"), "default"),
            "change-tcp-mss": Field(v.enum("default", "no", "yes"), "default"),
            "use-upnp": Field(v.enum("default", "no", "yes"), "default"),
            "use-ipv6": Field(_LEAN, "yes"),
            "bridge-learning": Field(v.enum("default", "no", "yes"), "default"),
            "parent-queue": Field(v.ref("queue/simple", "none")),
            "queue-type": Field(v.pair(v.ref("queue/type"))),
            "on-up": Field(v.text, ""),
            "on-down": Field(v.text, ""),
        },
        [(("name",), "failure: profile with the same name already exists")],
        flags=(),
    ),
    "ppp/secret": Menu(
        {
            "name": need(),
            "service": Field(_PPP, "any"),
            "caller-id": Field(v.text, ""),
            "password": secret(),
            "profile": Field(v.ref("ppp/profile"), "default"),
            "local-address": Field(v.address),
            "remote-address": Field(_POOL_OR_ADDRESS),
            "routes": Field(v.text, ""),
            "ipv6-routes": Field(v.text, ""),
            "limit-bytes-in": Field(v.size, "0"),
            "limit-bytes-out": Field(v.size, "0"),
        },
        [(("name", "service"), "failure: secret with the same name already exists")],
    ),
    "interface": Menu({"name": Field(), "mtu": Field(v.text, "auto"), "l2mtu": Field(v.text)}, [(("name",), "failure: already have interface with such name")]),
    "interface/bridge": Menu({"name": Field(), "protocol-mode": Field(v.enum("none", "stp", "rstp", "mstp"), "rstp")}, [(("name",), "failure: already have interface with such name")], "bridge"),
    "interface/bridge/port": Menu({"bridge": need(v.ref("interface/bridge")), "interface": need(v.ref("interface"))}, [(("interface",), "failure: device already added as bridge port")]),
    "interface/pppoe-server/server": Menu(
        {
            "disabled": _OFF,
            "service-name": Field(v.text, "service1"),
            "interface": need(v.ref("interface")),
            "max-mtu": Field(v.text, "auto"),
            "max-mru": Field(v.text, "auto"),
            "mrru": Field(v.text, "disabled"),
            "authentication": Field(v.flags("pap", "chap", "mschap1", "mschap2"), "pap,chap,mschap1,mschap2"),
            "keepalive-timeout": Field(v.number(0, 65535, "disabled"), "10"),
            "one-session-per-host": _no,
            "max-sessions": Field(v.number(0, 65535, "unlimited"), "unlimited"),
            "pado-delay": Field(v.number(0, 65535), "0"),
            "default-profile": Field(v.ref("ppp/profile"), "default"),
            "accept-empty-service": Field(v.boolean, "true", since=(7, 16)),
        },
        [(("interface", "service-name"), "failure: service already exists on this interface")],
    ),
    "interface/wireguard": Menu(
        {"name": Field(), "mtu": Field(v.number(0, 65536), "1420"), "listen-port": Field(_PORT), "private-key": secret(v.key, None)},
        [(("name",), "failure: already have interface with such name")],
        "wireguard",
    ),
    "interface/wireguard/peers": Menu(
        {
            "name": Field(),
            "interface": need(v.ref("interface/wireguard")),
            "public-key": need(v.key),
            "private-key": secret(v.optional(v.key, "auto")),
            "preshared-key": secret(v.optional(v.key, "auto")),
            "endpoint-address": Field(v.text, ""),
            "endpoint-port": Field(_PORT, "0"),
            "allowed-address": Field(v.allowed, ""),
            "persistent-keepalive": Field(v.duration()),
            "responder": Field(v.boolean),
        },
        [(("interface", "public-key"), "failure: peer with this public key already exists")],
        "peer",
    ),
    "ip/hotspot": Menu(
        {
            "disabled": _OFF,
            "name": Field(),
            "interface": need(v.ref("interface")),
            "address-pool": Field(v.ref("ip/pool", "none"), "none"),
            "profile": Field(v.ref("ip/hotspot/profile"), "default"),
            "idle-timeout": Field(v.duration("none"), "5m"),
            "keepalive-timeout": Field(v.duration("none"), "none"),
            "login-timeout": Field(v.duration("none"), "none"),
            "addresses-per-mac": Field(v.text, "2"),
        },
        [(("interface",), "failure: already have hotspot on this interface"), (("name",), "failure: hotspot server with such name already exists")],
        "hotspot",
    ),
    "ip/hotspot/profile": Menu(
        {
            "name": Field(),
            "hotspot-address": Field(v.address, "0.0.0.0"),
            "dns-name": Field(v.text, ""),
            "html-directory": Field(v.text, "hotspot"),
            "html-directory-override": Field(v.text, ""),
            "rate-limit": Field(v.optional(v.rate_limit), ""),
            "http-proxy": Field(v.text, "0.0.0.0:0"),
            "smtp-server": Field(v.address, "0.0.0.0"),
            "login-by": Field(v.flags("cookie", "http-chap", "http-pap", "https", "mac", "mac-cookie", "trial"), "cookie,http-chap"),
            "http-cookie-lifetime": Field(v.duration(), "3d"),
            "split-user-domain": _no,
            "mac-auth-mode": Field(v.enum("mac-as-username", "mac-as-username-and-password"), "mac-as-username"),
            "mac-auth-password": secret(),
            "ssl-certificate": Field(v.ref("certificate", "none")),
            "use-radius": _no,
            "radius-accounting": _yes,
            "radius-interim-update": Field(v.duration("received"), "received"),
            "radius-default-domain": Field(v.text, ""),
            "radius-location-id": Field(v.text, ""),
            "radius-location-name": Field(v.text, ""),
            "radius-mac-format": Field(v.enum("XX:XX:XX:XX:XX:XX", "XXXX:XXXX:XXXX", "XXXXXX:XXXXXX", "XX-XX-XX-XX-XX-XX", "XXXXXX-XXXXXX", "XXXXXXXXXXXX", "XX XX XX XX XX XX"), "XX:XX:XX:XX:XX:XX"),
            "nas-port-type": Field(v.enum("cable", "ethernet", "wireless-802.11"), "wireless-802.11"),
            "install-hotspot-queue": _no,
        },
        [(("name",), "failure: profile with such name already exists")],
        "hsprof",
        flags=(),
    ),
    "ip/hotspot/user": Menu(
        {
            "name": Field(),
            "password": secret(default=None),
            "profile": Field(v.ref("ip/hotspot/user/profile"), "default"),
            "server": Field(v.ref("ip/hotspot", "all"), "all"),
            "address": Field(v.address),
            "mac-address": Field(v.mac),
            "limit-uptime": Field(v.duration()),
            "limit-bytes-in": Field(v.size),
            "limit-bytes-out": Field(v.size),
            "limit-bytes-total": Field(v.size),
            "email": Field(),
            "routes": Field(),
        },
        [(("name", "server"), "failure: already have user with this name for this server")],
        "user",
    ),
    "ip/hotspot/user/profile": Menu(
        {
            "name": Field(),
            "address-pool": Field(v.ref("ip/pool", "none")),
            "session-timeout": Field(v.duration()),
            "idle-timeout": Field(v.duration("none"), "none"),
            "keepalive-timeout": Field(v.duration("none"), "2m"),
            "status-autorefresh": Field(v.duration("none"), "1m"),
            "shared-users": Field(v.number(1, 4294967295, "unlimited"), "1"),
            "rate-limit": Field(v.optional(v.rate_limit)),
            "add-mac-cookie": _yes,
            "mac-cookie-timeout": Field(v.duration(), "3d"),
            "address-list": Field(v.text, ""),
            "parent-queue": Field(v.ref("queue/simple", "none")),
            "queue-type": Field(v.pair(v.ref("queue/type"))),
            "transparent-proxy": _no,
        },
        [(("name",), "failure: profile with such name already exists")],
        "uprof",
        flags=(),
    ),
    "ip/hotspot/ip-binding": Menu({"mac-address": Field(v.mac), "address": Field(v.network), "to-address": Field(v.address), "server": Field(v.ref("ip/hotspot", "all"), "all"), "type": Field(v.enum("regular", "bypassed", "blocked"), "regular")}),
    "ip/hotspot/walled-garden": Menu({"action": Field(v.enum("allow", "deny"), "allow"), "dst-host": Field(), "dst-port": Field(), "path": Field(), "server": Field(v.ref("ip/hotspot"))}),
    "ip/hotspot/walled-garden/ip": Menu({"action": Field(v.enum("accept", "drop", "reject"), "accept"), "dst-address": Field(v.network), "dst-host": Field(), "dst-port": Field(), "protocol": Field(), "server": Field(v.ref("ip/hotspot"))}),
    "queue/simple": Menu(
        {
            "name": Field(),
            "target": need(v.networks),
            "dst": Field(),
            "parent": Field(v.ref("queue/simple", "none"), "none"),
            "packet-marks": Field(v.text, ""),
            "priority": Field(v.pair(v.number(1, 8)), "8/8"),
            "queue": Field(v.pair(v.ref("queue/type")), "default-small/default-small"),
            "limit-at": Field(v.pair(v.rate), "0/0"),
            "max-limit": Field(v.pair(v.rate), "0/0"),
            "burst-limit": Field(v.pair(v.rate), "0/0"),
            "burst-threshold": Field(v.pair(v.rate), "0/0"),
            "burst-time": Field(v.pair(v.duration()), "0s/0s"),
            "bucket-size": Field(v.text, "0.1/0.1"),
        },
        [(("name",), "failure: already have such name")],
        "queue",
    ),
    "queue/type": Menu(
        {"name": need(), "kind": need(v.enum("bfifo", "cake", "codel", "fq-codel", "mq-pfifo", "none", "pcq", "pfifo", "red", "sfq")), "pcq-rate": Field(v.rate)},
        [(("name",), "failure: already have such name")],
        flags=(),
    ),
    "radius": Menu(
        {
            "service": Field(v.flags("ppp", "login", "hotspot", "wireless", "dhcp", "ipsec", "dot1x"), ""),
            "called-id": Field(v.text, ""),
            "domain": Field(v.text, ""),
            "address": need(v.address),
            "secret": secret(),
            "authentication-port": Field(_PORT, "1812"),
            "accounting-port": Field(_PORT, "1813"),
            "timeout": Field(v.duration(), "300ms"),
            "accounting-backup": _no,
            "realm": Field(v.text, ""),
            "protocol": Field(v.enum("udp", "radsec"), "udp"),
            "certificate": Field(v.ref("certificate", "none"), "none"),
            "src-address": Field(v.address),
            "require-message-auth": Field(v.enum("no", "yes-for-request-resp"), "yes-for-request-resp", since=(7, 15)),
        },
    ),
    "radius/incoming": Menu({"accept": _no, "port": Field(_PORT, "3799"), "vrf": Field(v.text, "main")}),
    "certificate": Menu(
        {
            "name": Field(),
            "common-name": Field(v.text, ""),
            "days-valid": Field(v.number(1, 100000), "365"),
            "key-size": Field(v.text, "2048"),
            "key-usage": Field(v.text, "digital-signature,key-encipherment,data-encipherment,key-cert-sign,crl-sign,tls-server,tls-client"),
            "subject-alt-name": Field(v.text, ""),
            "trusted": _no,
        },
        [(("name",), "failure: certificate with such name already exists")],
        "cert",
        flags=(),
    ),
    "file": Menu({"name": need(), "contents": Field(v.text, "")}, [(("name",), "failure: file already exists")], flags=()),
    "snmp": Menu({"enabled": _no, "contact": Field(v.text, ""), "location": Field(v.text, "")}),
    "system/device-mode": Menu(
        {name: Field(v.boolean, "true") for name in ("scheduler", "fetch", "email", "hotspot", "ipsec", "l2tp", "pptp", "proxy", "smb", "socks", "romon", "bandwidth-test", "sniffer", "traffic-gen", "zerotier")}
        | {"mode": Field(v.enum("home", "basic", "advanced", "rose"), "advanced"), "container": _no, "flagging-enabled": _yes, "flagged": _no}
    ),
}

#: Menus whose items are interfaces: each has its row in /interface, of that type.
INTERFACES = {"interface/bridge": "bridge", "interface/wireguard": "wg"}

#: Items that are there on the first day: menu -> [(id, values)]. An id of None is the next free one.
FIRST_DAY = {
    "interface": [(None, {"name": f"ether{at}", "type": "ether", "mtu": "1500"}) for at in range(1, 6)],
    "user/group": [
        (None, {"name": "read", "policy": "local,telnet,ssh,reboot,read,test,winbox,password,web,sniff,sensitive,api,romon,rest-api,!ftp,!write,!policy"}),
        (None, {"name": "write", "policy": "local,telnet,ssh,reboot,read,write,test,winbox,password,web,sniff,sensitive,api,romon,rest-api,!ftp,!policy"}),
        (None, {"name": "full", "policy": ",".join(POLICIES)}),
    ],
    "user": [(None, {"name": "admin", "group": "full"})],
    "ppp/profile": [("*0", {"name": "default", "change-tcp-mss": "yes"}), ("*FFFFFFFE", {"name": "default-encryption", "change-tcp-mss": "yes", "use-encryption": "yes"})],
    "ip/hotspot/profile": [("*0", {"name": "default"})],
    "ip/hotspot/user/profile": [("*0", {"name": "default"})],
    "ip/hotspot/user": [("*0", {"name": "default-trial", "comment": "counters and limits for trial users"})],
    "queue/type": [
        ("*0", {"name": "default", "kind": "pfifo"}),
        ("*1", {"name": "ethernet-default", "kind": "pfifo"}),
        ("*2", {"name": "wireless-default", "kind": "sfq"}),
        ("*3", {"name": "synchronous-default", "kind": "red"}),
        ("*4", {"name": "hotspot-default", "kind": "sfq"}),
        ("*5", {"name": "pcq-upload-default", "kind": "pcq"}),
        ("*6", {"name": "pcq-download-default", "kind": "pcq"}),
        ("*7", {"name": "only-hardware-queue", "kind": "none"}),
        ("*8", {"name": "multi-queue-ethernet-default", "kind": "mq-pfifo"}),
        ("*9", {"name": "default-small", "kind": "pfifo"}),
    ],
    "ip/service": [
        (None, {"name": "telnet", "port": "23"}),
        (None, {"name": "ftp", "port": "21"}),
        (None, {"name": "www", "port": "80"}),
        (None, {"name": "ssh", "port": "22"}),
        (None, {"name": "www-ssl", "port": "443", "certificate": "none", "tls-version": "any", "disabled": "true"}),
        (None, {"name": "api", "port": "8728"}),
        (None, {"name": "winbox", "port": "8291"}),
        (None, {"name": "api-ssl", "port": "8729", "certificate": "none", "tls-version": "any"}),
    ],
    "system/package": [(None, {"name": "routeros"})],
}
#: Sessions that a licence allows: (pppoe, hotspot). CHR's levels are words and limit the speed instead.
LICENCES = {"0": (1, 1), "1": (1, 1), "3": (200, 1), "4": (200, 200), "5": (500, 500), "6": (None, None)}
