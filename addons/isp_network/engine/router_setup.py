# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Scripts that set a MikroTik router up, and that undo it. Text only: no Odoo, no network.

Whatever is made carries a comment ``isp-setup:<what>``, or a name ``isp-setup-…`` where the menu has no comments. What was there before and is
changed in place is first noted on the router itself, as data in the system script ``isp-setup-notes``, which a second run leaves as it is. Every step
stands in a guard of its own: what fails is reported by its name and the rest is done.

Menus and arguments are those that RouterOS 7.12 to 7.24 share, but ``require-message-auth``, which is there since 7.15.
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass, field

OLDEST = (7, 12)
MARK = "isp-setup:"
FILE = "isp-setup.rsc"
NOTES = "isp-setup-notes"
UNDO = "isp-setup-undo"
GROUP = "isp-setup-api"
CERTIFICATE = "isp-setup-api"
#: Folder of the hotspot's own pages; on the flash of routers that have one, since the rest of their disk is lost with the power.
PAGES = "isp-setup-hotspot"
WIREGUARD = "isp-setup-wg"
#: The lists that RADIUS puts walled customers into: see sql/radius.sql.
WALLED = ("isp-suspended", "isp-expired", "isp-quota")
ALLOWED = "isp-allowed"
#: What the API user may: read, write, log in by the API, monitor, and write the file of an export. Neither users nor passwords.
POLICY = "api,read,write,test,ftp"
#: Steps as the router reports them when they fail.
STEPS = ("notes", "wireguard", "ntp", "certificate", "service", "user", "input", "radius", "coa", "aaa", "wall", "garden", "pppoe", "hotspot", "pages", "options", "nat", "undo")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass
class Setup:
    """What the router shall be.

    :ivar version: of the router, () when it is not known
    :ivar address: under which we reach it: stands in its certificate
    :ivar servers: addresses (or networks) from which we ask its API and send CoA
    :ivar allowed: addresses and host names that walled and not yet logged-in customers reach
    :ivar wall: "address:port" of the page for walled customers, "" for none
    :ivar report_url: where the outcome is told
    :ivar hotspot_files: (address, name) of pages that the router fetches and shows instead of its own; [] for its own
    :ivar dhcp_options: (name, code, text) for devices at the hotspot
    """

    radius_address: str
    radius_secret: str
    servers: list
    api_user: str
    api_password: str
    report_url: str
    version: tuple = ()
    address: str = ""
    radius_port: int = 1812
    accounting_port: int = 1813
    source: str = ""
    coa_port: int = 3799
    ntp: list = field(default_factory=list)
    dns: list = field(default_factory=list)
    allowed: list = field(default_factory=list)
    wall: str = ""
    uplink: str = ""
    pppoe_interfaces: list = field(default_factory=list)
    pppoe_pool: str = ""
    pppoe_gateway: str = ""
    hotspot_interface: str = ""
    hotspot_address: str = ""
    hotspot_dns_name: str = ""
    hotspot_login_by: str = "cookie,http-chap"
    hotspot_files: list = field(default_factory=list)
    dhcp_options: list = field(default_factory=list)
    wireguard: dict = field(default_factory=dict)
    check_certificate: bool = True


def quote(text):
    r"""A value for the console, always in quotes: nothing in it is a command, a variable or the end of the value.

    >>> print(quote('a b'), quote('say "$x" [/quit]'), quote('back\\slash'), quote('two\nlines?'))
    "a b" "say \"\$x\" [/quit]" "back\\slash" "two\nlines\3F"
    """
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("?", "\\3F")
    return '"' + _CONTROL.sub(lambda found: {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(found[0], f"\\{ord(found[0]):02X}"), text) + '"'


def paste_line(url, check_certificate=True):
    """:return: the one line that is pasted into the router's terminal; four characters of its version go into the address

    >>> print(paste_line("https://isp.example/isp_network/router/abc"))
    /tool fetch url="https://isp.example/isp_network/router/abc/$[:pick [/system resource get version] 0 4]" check-certificate=yes-without-crl dst-path=isp-setup.rsc; /import isp-setup.rsc
    """
    check = "yes-without-crl" if check_certificate else "no"
    address = quote(url)[1:-1]
    return f'/tool fetch url="{address}/$[:pick [/system resource get version] 0 4]" check-certificate={check} dst-path={FILE}; /import {FILE}'


def undo_line():
    """:return: what is typed to undo it: the script is kept on the router"""
    return f"/system script run {UNDO}"


def version_of(text):
    """
    >>> version_of("7.16"), version_of("7.9."), version_of("7.24.1 (stable)"), version_of("seven")
    ((7, 16), (7, 9), (7, 24, 1), ())
    """
    found = re.match(r"\d{1,3}(\.\d{1,3})*", text or "")
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def parse_report(body):
    r"""What the router tells: lines ``name=value``.

    >>> parse_report("identity=Tower = 1\nerrors=pppoe,\nbad line\nversion=7.24 (stable)\r\n")
    {'identity': 'Tower = 1', 'errors': 'pppoe,', 'version': '7.24 (stable)'}
    """
    pairs = (line.partition("=") for line in body.replace("\r", "").split("\n")[:50])
    return {name[:40]: value[:500] for name, sign, value in pairs if sign}


def pool_of(network):
    """The addresses that a hotspot on this interface address gives.

    >>> pool_of("10.5.50.1/24"), pool_of("10.5.50.254/24"), pool_of("10.5.50.9/29")
    ('10.5.50.2-10.5.50.254', '10.5.50.1-10.5.50.253', '10.5.50.10-10.5.50.14')
    """
    interface = ipaddress.IPv4Interface(network)
    first, last = int(interface.network.network_address) + 1, int(interface.network.broadcast_address) - 1
    own = int(interface.ip)
    below, above = (first, own - 1), (own + 1, last)
    start, end = max(below, above, key=lambda part: part[1] - part[0])
    return f"{ipaddress.IPv4Address(start)}-{ipaddress.IPv4Address(end)}"


def is_network(text):
    """
    >>> is_network("10.0.0.1"), is_network("10.0.0.0/24"), is_network("pay.example")
    (True, True, False)
    """
    try:
        ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        return False
    return True


# --- the parts of a script ---


def _words(values):
    return " ".join(f"{name}={value if isinstance(value, _Code) else quote(value)}" for name, value in values.items())


class _Code(str):
    """Part of the script that is no text: a variable or a command in brackets."""

    __slots__ = ()


def _step(name, *lines):
    """A guard: a line that fails ends the step, and is told by the step's name."""
    inside = "\n".join(f"  {line}" for text in lines for line in text.split("\n"))
    return f':do {{\n{inside}\n}} on-error={{ :set ispErrors ($ispErrors . "{name},") }}'


def _keep(menu, what, values):
    """Make the one item with this comment, or bring it to these values."""
    found = f"[{menu} find where comment={quote(MARK + what)}]"
    return (
        f":if ([:len {found}] = 0) do={{\n  {menu} add {_words({**values, 'comment': MARK + what})}\n}} else={{\n  {menu} set {found} {_words(values)}\n}}"
    )


def _keep_named(menu, values):
    """As ``_keep``, for menus without comments: the name is ours alone."""
    found = f"[{menu} find where name={quote(values['name'])}]"
    return f":if ([:len {found}] = 0) do={{\n  {menu} add {_words(values)}\n}} else={{\n  {menu} set {found} {_words(values)}\n}}"


def _keep_all(menu, what, items, ordered=False, unique=""):
    """A group of items: when all are there as they should be nothing happens, else they are made anew.

    :param ordered: in front of everything that is not ours
    :param unique: a condition of which the router allows one item only, which may be somebody else's
    """
    text = repr(items)
    comment = f"{MARK}{what}:{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    lines = [f":if ([:len [{menu} find where comment={quote(comment)}]] != {len(items)}) do={{"]
    lines.append(f'  {menu} remove [{menu} find where comment~"^{MARK}{what}:"]')
    if ordered:
        lines.append(f"  :local ispTop [{menu} find where !dynamic]")
    for values in items:
        words = _words({**values, "comment": comment})
        if ordered:
            lines.append(f"  :if ([:len $ispTop] > 0) do={{ {menu} add {words} place-before=[:pick $ispTop 0] }} else={{ {menu} add {words} }}")
        elif unique:
            condition = " ".join(f"{name}={quote(values[name])}" for name in unique.split())
            lines.append(f"  :if ([:len [{menu} find where {condition}]] = 0) do={{ {menu} add {words} }}")
        else:
            lines.append(f"  {menu} add {words}")
    return "\n".join([*lines, "}"])


#: What is changed in place: (key, menu, item, property, kind). Kind "flag" is yes or no; "name" is none when empty; "list" has commas.
_NOTED = (
    ("coa-accept", "/radius incoming", "", "accept", "flag"),
    ("coa-port", "/radius incoming", "", "port", "text"),
    ("aaa-use-radius", "/ppp aaa", "", "use-radius", "flag"),
    ("aaa-accounting", "/ppp aaa", "", "accounting", "flag"),
    ("aaa-interim", "/ppp aaa", "", "interim-update", "text"),
    ("ntp-enabled", "/system ntp client", "", "enabled", "flag"),
    ("apissl-certificate", "/ip service", "api-ssl", "certificate", "name"),
    ("apissl-address", "/ip service", "api-ssl", "address", "list"),
    ("apissl-disabled", "/ip service", "api-ssl", "disabled", "flag"),
    ("api-address", "/ip service", "api", "address", "list"),
    ("api-disabled", "/ip service", "api", "disabled", "flag"),
    ("hotspot-shared", "/ip hotspot user profile", "default", "shared-users", "text"),
)


def _note_down():
    lines = [f":if ([:len [/system script find where name={quote(NOTES)}]] = 0) do={{", '  :local ispNew "\\n"', '  :local ispOne ""']
    for key, menu, item, name, kind in _NOTED:
        get = f"[{menu} get {item + ' ' if item else ''}{name}]"
        if kind == "flag":
            lines.append(f'  :set ispOne "no"; :if ({get}) do={{ :set ispOne "yes" }}')
        elif kind == "list":
            lines.append(f'  :set ispOne ""; :foreach ispPart in={get} do={{ :if ([:len $ispPart] > 0) do={{ :set ispOne ($ispOne . "," . [:tostr $ispPart]) }} }}')
            lines.append("  :if ([:len $ispOne] > 0) do={ :set ispOne [:pick $ispOne 1 [:len $ispOne]] }")
        else:
            lines.append(f"  :set ispOne [:tostr {get}]")
            if kind == "name":
                lines.append('  :if ([:len $ispOne] = 0) do={ :set ispOne "none" }')
        lines.append(f'  :set ispNew ($ispNew . "{key}=" . $ispOne . "\\n")')
    lines.append(f"  /system script add name={quote(NOTES)} source=$ispNew comment={quote(MARK + 'notes')}")
    return "\n".join([*lines, "}"])


def _read_notes():
    return f":local ispNotes [/system script get {quote(NOTES)} source]\n:local ispRest \"\"\n:local ispOne \"\""


def _read_note(key):
    start = f"\\n{key}="
    return (
        f':set ispRest [:pick $ispNotes ([:find $ispNotes "{start}"] + {len(key) + 2}) [:len $ispNotes]]\n'
        ':set ispOne [:pick $ispRest 0 [:find $ispRest "\\n"]]'
    )


# --- the scripts ---


def too_old():
    """For a router that does not say it is 7.12 or later: nothing is changed."""
    return f':error "The set-up needs RouterOS {".".join(map(str, OLDEST))} or later: upgrade the router, then ask for a new line."\n'


def setup_script(setup):
    """:return: the whole script; it holds secrets and is made anew each time it is asked for"""
    parts = [
        "# Sets this router up. Undo: " + undo_line(),
        ':local ispErrors ""\n:local ispService ""\n:local ispPort ""\n:local ispFingerprint ""\n:local ispKey ""',
        _step("notes", _note_down()),
        # Without notes nothing could be put back: nothing is changed.
        f':if ([:len [/system script find where name={quote(NOTES)}]] = 0) do={{ :error "What is there now could not be noted down: see /system/script. Nothing was changed." }}',
        *_tunnel(setup),
        *_ntp(setup),
        *_api(setup),
        *_radius(setup),
        *_wall(setup),
        *_pppoe(setup),
        *_hotspot(setup),
        *_pages(setup),
        *_options(setup),
        *_nat(setup),
        _step("undo", _keep("/system script", "undo", {"name": UNDO, "source": undo_script()})),
        *_report(setup),
        f"/file remove [/file find where name={quote(FILE)}]",
    ]
    return "\n".join(parts) + "\n"


def _tunnel(setup):
    tunnel = setup.wireguard
    if not tunnel:
        return
    network = ipaddress.IPv4Interface(tunnel["address"])
    make = f"[/interface wireguard find where comment={quote(MARK + 'wireguard')}]"
    yield _step(
        "wireguard",
        f":if ([:len {make}] = 0) do={{ /interface wireguard add name={quote(WIREGUARD)} comment={quote(MARK + 'wireguard')} }}",
        _keep(
            "/interface wireguard peers",
            "peer",
            {
                "interface": WIREGUARD,
                "public-key": tunnel["server_key"],
                "endpoint-address": tunnel["endpoint"],
                "endpoint-port": str(tunnel["port"]),
                "allowed-address": tunnel["server_address"],
                "persistent-keepalive": "25s",
            },
        ),
        _keep("/ip address", "tunnel", {"address": str(network), "interface": WIREGUARD}),
        f":set ispKey [/interface wireguard get {make} public-key]",
    )


def _ntp(setup):
    if setup.ntp:
        yield _step(
            "ntp",
            _keep_all("/system ntp client servers", "ntp", [{"address": server} for server in setup.ntp], unique="address"),
            "/system ntp client set enabled=yes",
        )


def _api(setup):
    servers = quote(",".join(setup.servers))
    new = {"name": CERTIFICATE, "common-name": CERTIFICATE, "days-valid": "3650"}
    if setup.address:
        new["subject-alt-name"] = f"IP:{setup.address}"
    yield _step(
        "certificate",
        f":if ([:len [/certificate find where name={quote(CERTIFICATE)}]] = 0) do={{\n  /certificate add {_words(new)}\n  /certificate sign {quote(CERTIFICATE)}\n}}",
        f":for ispTry from=1 to=30 do={{ :if ([:len [/certificate get {quote(CERTIFICATE)} fingerprint]] = 0) do={{ :delay 1s }} }}",
        f":set ispFingerprint [/certificate get {quote(CERTIFICATE)} fingerprint]",
    )
    lines = [_read_notes()]
    for service, key in (("api-ssl", "apissl"), ("api", "api")):
        encrypted = service == "api-ssl"
        condition = "[:len $ispFingerprint] > 0" if encrypted else "[:len $ispFingerprint] = 0"
        if not encrypted and not setup.wireguard:
            continue
        lines += [
            _read_note(f"{key}-address"),
            ':if ([:len $ispOne] > 0) do={ :set ispOne ($ispOne . ",") }',
            f":if ({condition}) do={{\n  /ip service set {service} disabled=no address=($ispOne . {servers}){f' certificate={quote(CERTIFICATE)}' if encrypted else ''}\n"
            f'  :set ispService "{service}"\n  :set ispPort [:tostr [/ip service get {service} port]]\n}}',
        ]
    yield _step("service", *lines, ':if ([:len $ispService] = 0) do={ :error "no service" }')
    yield _step(
        "user",
        _keep("/user group", "group", {"name": GROUP, "policy": POLICY}),
        _keep("/user", "user", {"name": setup.api_user, "group": GROUP, "password": setup.api_password, "address": ",".join(setup.servers)}),
    )
    rules = []
    for server in setup.servers:
        rule = {"chain": "input", "src-address": server, "action": "accept"}
        rules += [{**rule, "protocol": "udp", "dst-port": str(setup.coa_port)}, {**rule, "protocol": "tcp", "dst-port": _Code("$ispPort")}]
    yield _step("input", _keep_all("/ip firewall filter", "input", rules, ordered=True))


def _radius(setup):
    values = {
        "service": "ppp,hotspot",
        "address": setup.radius_address,
        "secret": setup.radius_secret,
        "timeout": "3s",
        "authentication-port": str(setup.radius_port),
        "accounting-port": str(setup.accounting_port),
        "disabled": "no",
    }
    if setup.source:
        values["src-address"] = setup.source
    if not setup.version or setup.version >= (7, 15):
        values["require-message-auth"] = "yes-for-request-resp"
    yield _step("radius", _keep("/radius", "radius", values))
    yield _step("coa", f"/radius incoming set accept=yes port={setup.coa_port}")
    if setup.pppoe_interfaces:
        yield _step("aaa", "/ppp aaa set use-radius=yes accounting=yes interim-update=5m")


def _wall(setup):
    hosts = list(dict.fromkeys([*setup.allowed, *([setup.wall.partition(":")[0]] if setup.wall else [])]))
    rules, pages = [], []
    for name in WALLED:
        rule = {"chain": "forward", "src-address-list": name}
        rules += [{**rule, "protocol": protocol, "dst-port": "53", "action": "accept"} for protocol in ("udp", "tcp")]
        rules += [{**rule, "dst-address-list": ALLOWED, "action": "accept"}, {**rule, "action": "drop"}]
        if setup.wall:
            address, _colon, port = setup.wall.partition(":")
            pages.append(
                {
                    "chain": "dstnat",
                    "src-address-list": name,
                    "protocol": "tcp",
                    "dst-port": "80",
                    "dst-address-list": f"!{ALLOWED}",
                    "action": "dst-nat",
                    "to-addresses": address,
                    "to-ports": port or "80",
                }
            )
    lines = [_keep_all("/ip firewall filter", "wall", rules, ordered=True), _keep_all("/ip firewall nat", "wall", pages, ordered=True)]
    if hosts:
        lines.insert(0, _keep_all("/ip firewall address-list", "allowed", [{"list": ALLOWED, "address": host} for host in hosts], unique="list address"))
    yield _step("wall", *lines)
    if setup.hotspot_interface and hosts:
        garden = [{"action": "accept", "dst-address" if is_network(host) else "dst-host": host} for host in hosts]
        yield _step("garden", _keep_all("/ip hotspot walled-garden ip", "garden", garden))


def _pppoe(setup):
    if not setup.pppoe_interfaces:
        return
    profile = {"name": "isp-setup-pppoe", "local-address": setup.pppoe_gateway, "remote-address": "isp-setup-pppoe", "change-tcp-mss": "yes"}
    if setup.dns:
        profile["dns-server"] = ",".join(setup.dns)
    lines = [
        _keep("/ip pool", "pppoe-pool", {"name": "isp-setup-pppoe", "ranges": setup.pppoe_pool}),
        _keep("/ppp profile", "pppoe-profile", profile),
    ]
    for interface in setup.pppoe_interfaces:
        server = {
            "service-name": "isp-setup",
            "interface": interface,
            "default-profile": "isp-setup-pppoe",
            "authentication": "pap,chap,mschap2",
            "one-session-per-host": "yes",
            "disabled": "no",
        }
        lines.append(_keep("/interface pppoe-server server", f"pppoe:{interface}", server))
    yield _step("pppoe", *lines)


def _hotspot(setup):
    if not setup.hotspot_interface:
        return
    address = ipaddress.IPv4Interface(setup.hotspot_address)
    name, interface = "isp-setup-hotspot", setup.hotspot_interface
    profile = {
        "name": name,
        "hotspot-address": str(address.ip),
        "use-radius": "yes",
        "radius-accounting": "yes",
        "radius-interim-update": "received",
        "login-by": setup.hotspot_login_by,
    }
    if setup.hotspot_dns_name:
        profile["dns-name"] = setup.hotspot_dns_name
    network = {"address": str(address.network), "gateway": str(address.ip), "dns-server": str(address.ip)}
    yield _step(
        "hotspot",
        _keep("/ip address", "hotspot-address", {"address": str(address), "interface": interface}),
        _keep("/ip pool", "hotspot-pool", {"name": name, "ranges": pool_of(setup.hotspot_address)}),
        _keep("/ip dhcp-server network", "hotspot-network", network),
        _keep("/ip dhcp-server", "hotspot-dhcp", {"name": name, "interface": interface, "address-pool": name, "lease-time": "1h", "disabled": "no"}),
        # Of customers that RADIUS lets in: how many devices share a log-in is its business.
        '/ip hotspot user profile set [/ip hotspot user profile find where name="default"] shared-users=unlimited',
        _keep_named("/ip hotspot profile", profile),
        _keep_named("/ip hotspot", {"name": name, "interface": interface, "address-pool": name, "profile": name, "disabled": "no"}),
    )


def _folder():
    return f':local ispFolder "{PAGES}"\n:if ([:len [/file find where name="flash"]] > 0) do={{ :set ispFolder "flash/{PAGES}" }}'


def _pages(setup):
    """The hotspot's own pages. Without them, or when they are lost, the router shows those that it came with."""
    if not (setup.hotspot_interface and setup.hotspot_files):
        return
    check = "yes-without-crl" if setup.check_certificate else "no"
    fetch = [f'/tool fetch url={quote(url)} check-certificate={check} dst-path=($ispFolder . {quote("/" + name)})' for url, name in setup.hotspot_files]
    # Shown when all of them are there.
    yield _step("pages", _folder(), *fetch, '/ip hotspot profile set [/ip hotspot profile find where name="isp-setup-hotspot"] html-directory-override=$ispFolder')


def _options(setup):
    """What devices at the hotspot are told by DHCP. The texts stand in quotes of DHCP's own inside those of the console."""
    if not (setup.hotspot_interface and setup.dhcp_options):
        return
    lines = [_keep_named("/ip dhcp-server option", {"name": name, "code": str(code), "value": f"s'{text}'"}) for name, code, text in setup.dhcp_options]
    network = f"[/ip dhcp-server network find where comment={quote(MARK + 'hotspot-network')}]"
    names = ",".join(name for name, _code, _text in setup.dhcp_options)
    yield _step("options", *lines, f"/ip dhcp-server network set {network} dhcp-option={quote(names)}")


def _nat(setup):
    if not setup.uplink:
        return
    sources = []
    if setup.hotspot_interface:
        sources.append({"src-address": str(ipaddress.IPv4Interface(setup.hotspot_address).network)})
    if setup.pppoe_interfaces:
        sources += [{"src-address": part.strip()} for part in setup.pppoe_pool.split(",")]
    rules = [{"chain": "srcnat", "out-interface": setup.uplink, "action": "masquerade", **source} for source in sources]
    yield _step("nat", _keep_all("/ip firewall nat", "nat", rules))


def _report(setup):
    asked = {
        "identity": "/system identity get name",
        "version": "/system resource get version",
        "board": "/system resource get board-name",
        "serial": "/system routerboard get serial-number",
        "software": "/system license get software-id",
        "date": "/system clock get date",
        "time": "/system clock get time",
        "hotspot-mode": "/system device-mode get hotspot",
    }
    lines = [':local ispSaid ""']
    lines += [f':do {{ :set ispSaid ($ispSaid . "{name}=" . [:tostr [{command}]] . "\\n") }} on-error={{ :set ispSaid ($ispSaid . "{name}=\\n") }}' for name, command in asked.items()]
    lines.append(
        ':set ispSaid ($ispSaid . "service=" . $ispService . "\\nport=" . $ispPort . "\\nfingerprint=" . $ispFingerprint . "\\npublic-key=" . $ispKey . "\\nerrors=" . $ispErrors . "\\n")'
    )
    check = "yes-without-crl" if setup.check_certificate else "no"
    fetch = f'/tool fetch url={quote(setup.report_url)} check-certificate={check} http-method=post http-header-field="Content-Type:text/plain" http-data=$ispSaid output=none'
    lines += [
        ":local ispTold false",
        f":for ispTry from=1 to=3 do={{ :if (!$ispTold) do={{ :do {{ {fetch}; :set ispTold true }} on-error={{ :delay 3s }} }} }}",
        ':if ([:len $ispErrors] > 0) do={ :put ("Not done: " . $ispErrors) } else={ :put "Done." }',
        ':if (!$ispTold) do={ :put "The outcome could not be told: does the router still reach our server?" }',
    ]
    yield "\n".join(lines)


#: Menus in which we make things with a comment; what refers to others comes first.
_MADE = (
    "/interface pppoe-server server", "/ip firewall filter", "/ip firewall nat", "/ip firewall address-list", "/ip hotspot walled-garden ip",
    "/ip dhcp-server", "/ip dhcp-server network", "/ppp profile", "/ip pool", "/radius", "/system ntp client servers", "/user", "/user group",
    "/interface wireguard peers", "/ip address", "/interface wireguard",
)  # fmt: skip


def undo_script():
    """Our things go, what was changed in place is as it was noted. No secrets in it; it may run twice."""
    wrong = ':local ispErrors ""'
    restore = [f":if ([:len [/system script find where name={quote(NOTES)}]] > 0) do={{", *(f"  {line}" for line in _read_notes().split("\n"))]
    for key, menu, item, name, _kind in _NOTED:
        # Notes of an earlier set-up may be without it: then it was not touched.
        restore.append(f'  :if ([:len [:find $ispNotes "\\n{key}="]] > 0) do={{')
        restore += [f"  {line}" for line in _read_note(key).split("\n")]
        restore.append(f'  :do {{ {menu} set {item + " " if item else ""}{name}=$ispOne }} on-error={{ :set ispErrors ($ispErrors . "{key},") }}')
        restore.append("  }")
    restore.append("}")
    lines = [wrong, *restore]
    for menu in ("/ip hotspot", "/ip hotspot profile"):
        lines.append(_step("hotspot", f'{menu} remove [{menu} find where name="isp-setup-hotspot"]'))
    lines.append(_step("pages", _folder(), '/file remove [/file find where name~("^" . $ispFolder . "(/|\\$)")]'))
    for menu in _MADE:
        lines.append(_step(menu.strip("/"), f'{menu} remove [{menu} find where comment~"^{MARK}"]'))
    lines.append(_step("options", '/ip dhcp-server option remove [/ip dhcp-server option find where name~"^isp-setup-"]'))
    lines.append(_step("certificate", f"/certificate remove [/certificate find where name={quote(CERTIFICATE)}]"))
    lines.append(':if ([:len $ispErrors] > 0) do={ :put ("Not undone: " . $ispErrors) } else={')
    lines.append(f'  /system script remove [/system script find where comment~"^{MARK}"]\n  :put "Undone."\n}}')
    return "\n".join(lines) + "\n"
