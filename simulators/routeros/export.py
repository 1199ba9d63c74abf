# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``/export``: the configuration as commands that ``/import`` takes."""

import re

from .menus import FIRST_DAY, MENUS, Menu

#: What refers comes after what it refers to.
_ORDER = [
    "interface", "interface/bridge", "interface/wireguard", "queue/type", "ip/pool", "ip/hotspot/profile", "ip/hotspot/user/profile", "ip/hotspot",
    "ppp/profile", "queue/simple", "interface/bridge/port", "interface/pppoe-server/server", "interface/wireguard/peers", "ip/address", "ip/dhcp-server",
    "ip/dhcp-server/network", "ip/dns", "ip/firewall/address-list", "ip/firewall/filter", "ip/firewall/mangle", "ip/firewall/nat", "ip/hotspot/ip-binding",
    "ip/hotspot/user", "ip/hotspot/walled-garden", "ip/hotspot/walled-garden/ip", "ip/route", "ip/service", "ppp/aaa", "ppp/secret", "radius", "radius/incoming",
    "snmp", "system/clock", "system/identity", "system/ntp/client", "system/ntp/client/servers", "system/scheduler", "system/script",
]  # fmt: skip
_NOT = {"user", "user/group", "file", "certificate", "system/device-mode", "ppp/active", "ip/hotspot/active", "ip/hotspot/host", "system/package", "log"}
_BARE = re.compile(r"[A-Za-z0-9_.:/@,+*!-]+")
_HIDDEN = {"run-count", "owner", "type"}


def quote(value):
    r"""
    >>> print(quote('a b'), quote('10M/10M'), quote(''), quote('say "$x"\n'))
    "a b" 10M/10M "" "say \"\$x\"\n"
    """
    if _BARE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\r", "\\r").replace("\n", "\\n").replace("\t", "\\t").replace("?", "\\?")
    return f'"{escaped}"'


def text(router, menu, user, *, verbose=False, terse=False, sensitive=False):
    """:param menu: "" for everything"""
    lines = [f"# {router.today():%Y-%m-%d %H:%M:%S} by RouterOS {router.version}"]
    if not menu:
        lines.append(f"# software id = {router.row('system/license', router.singleton('system/license'), user).get('software-id', '')}")
    lines.append("#")
    menus = [*_ORDER, *sorted(set(router.tables) | set(router.values))]
    for name in dict.fromkeys(menus):
        if name in _NOT or (menu and name != menu and not name.startswith(f"{menu}/")):
            continue
        commands = list(_commands(router, name, sensitive and "sensitive" in user.policy, verbose))
        if not commands:
            continue
        path = "/" + name.replace("/", " ")
        lines += [f"{path} {command}" for command in commands] if terse else [path, *map(_wrapped, commands)]
    return "\r\n".join(lines) + "\r\n"


def _commands(router, name, sensitive, verbose):
    if router.vocabulary.is_table(name) or name in ("ip/service", "interface"):
        for item in router.table(name):
            if item.dynamic or (name == "interface" and "of" in item.more):
                continue
            words = _words(router, name, item, sensitive, verbose, item.builtin)
            if not item.builtin:
                yield "add " + words
            elif words and name == "interface":
                yield f"set [ find default-name={item.more.get('default-name', item['name'])} ] {words}"
            elif words and name == "ip/service":
                yield f"set {item['name']} {words}"
            elif words:
                yield f"set [ find name={quote(item['name'])} ] {words}"
    else:
        words = _words(router, name, router.singleton(name), sensitive, verbose, True)
        if words:
            yield "set " + words


def _words(router, menu, values, sensitive, verbose, is_set):
    fields = MENUS.get(menu, Menu()).fields
    first = {"disabled": "false", **{name: spec.default for name, spec in fields.items()}, **(MENUS.get(menu, Menu()).defaults)}
    if is_set and menu in ("ip/service", "interface", "ppp/profile", "ip/hotspot/profile", "ip/hotspot/user/profile", "queue/type"):
        first.update(next((row for _id, row in FIRST_DAY[menu] if row["name"] == values.get("name")), {}))
        if menu == "ip/service":
            # The ports that this machine gave are no choice of the router's owner.
            first["port"] = router.first_ports.get(values["name"], first["port"])
        if menu != "interface":
            first["name"] = values.get("name")
    writable = router.vocabulary.settable(menu)
    words = []
    for name in sorted(values):
        value = values[name]
        spec = fields.get(name)
        if name in _HIDDEN or name not in writable or (spec and (spec.shown == "no" or (spec.shown == "sensitive" and not sensitive))):
            continue
        if not verbose and value == first.get(name):
            continue
        words.append(f"{name}={quote({'true': 'yes', 'false': 'no'}.get(value, value))}")
    return " ".join(words)


def _wrapped(command):
    """Lines of some 80 characters, as routers write them. Never within quotes."""
    lines, line, quoted = [], "", False
    for word in re.split(r"(?<= )", command):
        if len(line) + len(word) > 78 and line and not quoted:
            lines.append(line + "\\")
            line = "    "
        line += word
        quoted ^= (word.count('"') - word.count('\\"')) % 2 == 1
    return "\r\n".join([*lines, line])
