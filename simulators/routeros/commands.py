# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Commands and computed properties of the menus that do more than keep values."""

import base64
import datetime
import hashlib
import ipaddress
import ssl
import urllib.error
import urllib.parse
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.x509.oid import NameOID

from . import export, script
from .device import ROOT, Reply, _asked
from .menus import MENUS
from .tables import Item
from .values import ARGUMENT, Trap, boolean, duration_text, invalid, seconds

#: Longer files do not show their contents in ``print``.
_INLINE = 60 * 1024
_CHUNK = 32768


def register(router):
    for (menu, command), function in _SPECIAL.items():
        router.special(menu, command, function)
    for menu, function in _COMPUTED.items():
        router.compute(menu, function)
    for menu in router.vocabulary.commands:
        if "export" in router.vocabulary.commands[menu]:
            router.special(menu, "export", _export)


# --- /system ---


def _resource(router, _values):
    load = router.cpu_load
    return {
        "uptime": duration_text(int(router.uptime())),
        "version": f"{router.version} (stable)",
        "build-time": "2026-01-15 09:00:00",
        "factory-software": "7.8",
        "free-memory": "190840832",
        "total-memory": "268435456",
        "cpu": "MIPS 1004Kc V2.15" if not _is_chr(router) else "QEMU",
        "cpu-count": "4",
        "cpu-frequency": "880",
        "cpu-load": str(load),
        "free-hdd-space": "4222976",
        "total-hdd-space": "16777216",
        "architecture-name": "x86_64" if _is_chr(router) else "mmips",
        "board-name": "CHR" if _is_chr(router) else "hEX",
        "platform": "MikroTik",
    }


def _is_chr(router):
    return not router.licence.isdigit()


def _clock(router, _values):
    now = router.today()
    return {"time": f"{now:%H:%M:%S}", "date": f"{now:%Y-%m-%d}", "gmt-offset": "+00:00", "dst-active": "false"}


def _set_clock(router, values, given, _user):
    day, hour = given.pop("date", None), given.pop("time", None)
    now = router.today()
    try:
        wanted = datetime.datetime.fromisoformat(f"{day or f'{now:%Y-%m-%d}'}T{hour or f'{now:%H:%M:%S}'}+00:00")
    except ValueError:
        raise invalid("date" if day else "time") from None
    if day or hour:
        router.clock_error = wanted.timestamp() - router.clock.now()


def _ntp(router, values):
    if values["enabled"] != "true":
        return {"freq-drift": "0 PPM", "status": "stopped"}
    if not router.synchronised():
        return {"freq-drift": "0 PPM", "status": "waiting"}
    server = values["servers"].split(",")[0] or next((item["address"] for item in router.table("system/ntp/client/servers")), "")
    return {"freq-drift": "1.2 PPM", "status": "synchronized", "synced-server": server, "synced-stratum": "2", "system-offset": "0.3 ms"}


def _licence(router, _values):
    code = hashlib.sha1(router.address.encode(), usedforsecurity=False).hexdigest().upper()
    if _is_chr(router):
        return {"system-id": code[:11], "level": router.licence}
    return {"software-id": f"{code[:4]}-{code[4:8]}", "nlevel": router.licence, "features": ""}


def _device_mode(router, call):
    """The button has to be pressed, or the power cut, within the time: ``Router.press_button`` does it."""
    shown = {"as-value", "append", "do", "duration", "file", "interval", "once", "without-paging", "freeze-frame-interval"}
    wait = seconds(call.args.get("activation-timeout", "5m"))
    wanted = {}
    for name, value in call.args.items():
        if name not in shown | {"activation-timeout"}:
            spec = MENUS[call.menu].fields.get(name)
            wanted[name] = spec.type(name, value, router) if spec else boolean(name, value, router)
    mode = wanted.get("mode")
    if mode:
        wanted = {"hotspot": "false" if mode == "home" else "true", "scheduler": "false" if mode == "home" else "true", "fetch": "true", **wanted}
    router.pending_mode = (router.clock.now() + wait, wanted)
    return Reply([{"update": f"please activate by turning power off or pressing reset or mode button in {wait // 60:.0f}m{wait % 60:02.0f}s"}])


def _device_modes(router, call):
    names = router.vocabulary.commands["system/device-mode"]["update"] | {"mode"}
    return [{name: value for name, value in router.singleton("system/device-mode").items() if name in names or name == "flagged"}]


def _reboot(router, call):
    router.need(call.user, "reboot")
    router.reboot_asked = True
    return Reply()


def _packages(router, call):
    return [{".id": "*1", "name": "routeros", "version": router.version, "build-time": "2026-01-15 09:00:00", "scheduled": "", "disabled": "false"}]


def _routerboard(router, call):
    if _is_chr(router):
        return [{"routerboard": "false"}]
    return [{"routerboard": "true", "model": "RB750Gr3", "serial-number": hashlib.md5(router.address.encode(), usedforsecurity=False).hexdigest()[:12].upper(), "firmware-type": "mt7621L", "current-firmware": router.version, "upgrade-firmware": router.version}]


def _health(router, call):
    return [] if _is_chr(router) else [{".id": "*D", "name": "voltage", "value": "24.1", "type": "V"}, {".id": "*E", "name": "temperature", "value": "44", "type": "C"}]


def _users_on(router, call):
    return [{".id": key, "when": f"{router.today(user.since):%Y-%m-%d %H:%M:%S}", "name": user.name, "address": user.address, "via": user.via, "group": user.group} for key, user in router.users_on.items()]


def _secret(router, item):
    return {"last-logged-out": item.more.get("last-logged-out", "1970-01-01 00:00:00"), "last-caller-id": item.more.get("last-caller-id", ""), "last-disconnect-reason": item.more.get("last-disconnect-reason", "")}


def _default_owner(_router, item, _values, user):
    if isinstance(item, Item) and "owner" not in item:
        item["owner"] = user.name
        item["run-count"] = "0"


def _prepare_schedule(router, item, values, user):
    _default_owner(router, item, values, user)
    if not set((values.get("policy") or item["policy"]).split(",")) <= user.policy:
        raise Trap("not enough permissions (9)", None)
    item.more["next"] = router.clock.now() + seconds(values.get("interval") or item["interval"])


def _run_script(router, call):
    router.need(call.user, "test")
    with router.lock:
        items = router.items_of(call)
    for item in items:
        item["run-count"] = str(int(item["run-count"]) + 1)
        script.run(router, item["source"], call.user)
    return Reply()


def _execute(router, call):
    """A script in the background: what goes wrong stands in the log, not in the answer. With as-string the caller waits for what it wrote."""
    router.need(call.user, "test")
    if "script" not in call.args:
        raise Trap("missing value(s) of argument(s) script", ARGUMENT)
    output = ""
    try:
        output = script.run(router, call.args["script"], call.user)
    except Trap as trap:
        router.log("script,error", f"executing script failed, {trap.message}")
    return Reply(ret=output if _asked(call, "as-string") else "*1")


# --- interfaces ---


def _interface(router, item):
    sent, received = item.more.get("bytes", [0, 0])
    row = {"type": item.get("type", "ether")} if "type" not in item else {}
    if item.get("type") == "ether" and "name" in item:
        row["default-name"] = item.more.setdefault("default-name", item["name"])
    running = item["disabled"] == "false" and not item.more.get("down")
    return {**row, "rx-byte": str(sent), "tx-byte": str(received), "rx-packet": str(sent // 900), "tx-packet": str(received // 1200), "link-downs": "0", "running": str(running).lower()}


def _prepare_interface(router, item, values, user):
    owner = item.more.get("of")
    if owner is not None:
        menu = next(menu for menu, type_ in (("interface/bridge", "bridge"), ("interface/wireguard", "wg")) if type_ == item["type"])
        router.table(menu).change(owner, {name: value for name, value in values.items() if name in ("name", "disabled", "comment", "mtu")})


def _monitor_traffic(router, call):
    names = call.args.get("interface")
    if not names:
        raise Trap("missing value(s) of argument(s) interface", ARGUMENT)
    items = [router.find_name("interface", name) for name in names.split(",")]
    if names == "aggregate":
        items = [Item("*0", {"name": "aggregate"})]
    if None in items:
        raise Trap("input does not match any value of interface", ARGUMENT)

    def rows():
        result = []
        for item in items:
            rx, tx = router.rate_of(item)
            result.append(
                {
                    "name": item["name"],
                    "rx-packets-per-second": str(rx // 7200),
                    "rx-bits-per-second": str(rx),
                    "fp-rx-packets-per-second": "0",
                    "fp-rx-bits-per-second": "0",
                    "rx-drops-per-second": "0",
                    "rx-errors-per-second": "0",
                    "tx-packets-per-second": str(tx // 9600),
                    "tx-bits-per-second": str(tx),
                    "fp-tx-packets-per-second": "0",
                    "fp-tx-bits-per-second": "0",
                    "tx-drops-per-second": "0",
                    "tx-errors-per-second": "0",
                }
            )
        return result

    return Reply(rows() if _asked(call, "once") else router._repeating(call, rows))


def _wireguard(router, item):
    private = x25519.X25519PrivateKey.from_private_bytes(base64.b64decode(item["private-key"]))
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return {"public-key": base64.b64encode(raw).decode(), "running": "true" if item["disabled"] == "false" else "false"}


def _prepare_wireguard(router, item, values, _user):
    if "private-key" not in item and "private-key" not in values:
        item["private-key"] = base64.b64encode(router.random.randbytes(32)).decode()
    item.setdefault("listen-port", "13231")
    port = values.get("listen-port", item["listen-port"])
    if any(other is not item and other["listen-port"] == port for other in router.table("interface/wireguard")):
        raise Trap("failure: listen port already in use", None)


def _peer(router, item):
    """The tunnel is pretended: a peer that is called has answered when the world can be reached."""
    talking = item["endpoint-address"] and item["disabled"] == "false" and router.world_up
    return {"dynamic": "false", **({"last-handshake": "25s"} if talking else {}), "rx": "0", "tx": "0", "current-endpoint-address": item["endpoint-address"], "current-endpoint-port": item["endpoint-port"]}


# --- /ip ---


def _prepare_address(router, item, values, _user):
    wanted = values.get("address", item["address"])
    if "/" not in wanted:
        wanted += "/32"
    (values if "address" in values else item)["address"] = wanted
    if "network" not in values:
        values["network"] = str(ipaddress.ip_interface(wanted).network.network_address)
        if not values.get("address") and "network" not in item:
            item["network"] = values.pop("network")


def _address(router, item):
    return {"actual-interface": item["interface"], "invalid": "true" if item["interface"].startswith("*") else "false", **({} if "network" in item else {"network": str(ipaddress.ip_interface(item["address"]).network.network_address)})}


def _prepare_address_list(router, item, values, _user):
    if item.get("dynamic") == "true":
        item.dynamic = True
    item.pop("dynamic", None)
    timeout = values.get("timeout", item.get("timeout"))
    item.more.setdefault("created", router.clock.now())
    if timeout == "none-dynamic":
        item.dynamic = True
    elif timeout and timeout != "none-static":
        item.dynamic = True
        item.more["until"] = router.clock.now() + seconds(timeout)
    if timeout in ("none-dynamic", "none-static"):
        item.pop("timeout", None)
        values.pop("timeout", None)


def _address_list(router, item):
    row = {"creation-time": f"{router.today(item.more.get('created', 0) + router.clock_error):%Y-%m-%d %H:%M:%S}"}
    if "until" in item.more:
        row["timeout"] = duration_text(max(1, item.more["until"] - router.clock.now()))
    return row


def _counters(router, item):
    bytes_ = sum(item.more.get("bytes", (0, 0)))
    return {"bytes": str(bytes_), "packets": str(bytes_ // 1000), "invalid": "false"}


_RULE_NEEDS = {"jump": "jump-target", "mark-packet": "new-packet-mark", "mark-connection": "new-connection-mark", "add-src-to-address-list": "address-list", "add-dst-to-address-list": "address-list"}
_ACTIONS = {
    "ip/firewall/filter": "accept add-dst-to-address-list add-src-to-address-list drop fasttrack-connection jump log passthrough reject return tarpit",
    "ip/firewall/nat": "accept add-dst-to-address-list add-src-to-address-list dst-nat endpoint-independent-nat jump log masquerade netmap passthrough redirect return same src-nat",
    "ip/firewall/mangle": "accept add-dst-to-address-list add-src-to-address-list change-dscp change-mss change-ttl clear-df fasttrack-connection jump log mark-connection mark-packet mark-routing passthrough return route set-priority sniff-pc sniff-tzsp strip-ipv4-options",
}


def _prepare_rule(menu):
    def prepare(router, item, values, _user):
        rule = {**item, **values}
        if rule["action"] not in _ACTIONS[menu].split():
            raise Trap("input does not match any value of action", ARGUMENT)
        for name in ("in-interface", "out-interface"):
            if rule.get(name) and router.find_name("interface", rule[name].lstrip("!")) is None:
                raise Trap(f"input does not match any value of {name}", ARGUMENT)
        if menu == "ip/firewall/nat" and rule["action"] in ("dst-nat", "redirect") and rule["chain"] == "srcnat":
            raise Trap("failure: dst-nat/redirect action must be in dstnat/output chains", None)
        if menu == "ip/firewall/nat" and rule["action"] in ("masquerade", "src-nat") and rule["chain"] == "dstnat":
            raise Trap("failure: masquerade action must be in srcnat chain", None)
        if (rule.get("dst-port") or rule.get("src-port")) and rule.get("protocol") not in ("tcp", "udp", "6", "17", "sctp", "dccp", "udp-lite"):
            raise Trap("failure: ports can be specified if proto is tcp(6), udp(17), udp-lite(136), dccp(33) or sctp(132)", None)
        wanted = _RULE_NEEDS.get(rule["action"])
        if wanted and not rule.get(wanted):
            raise Trap(f"failure: {wanted} must be specified", None)

    return prepare


def _services(router, item):
    return {"invalid": "false", "dynamic": "false"} if router.number >= (7, 16) else {"invalid": "false"}


def _service_rows(router, call):
    """Later versions show each connection as a row of its own: a name is then not unique."""
    rows = [router.row("ip/service", item, call.user) for item in router.table("ip/service")]
    if router.number >= (7, 20):
        ports = {row["name"]: row["port"] for row in rows}
        for number, user in enumerate(router.users_on.values()):
            rows.append({".id": f"*F{number:05X}", "name": "api", "port": ports["api"], "proto": "tcp", "local": f"{router.address}:{ports['api']}", "remote": user.address, "connection": "true", "dynamic": "true", "invalid": "false", "disabled": "false"})
    return rows


# --- queues ---


def _queue(router, item):
    up, down = item.more.get("bytes", (0, 0))
    rate_up, rate_down = item.more.get("rate", (0, 0))
    return {
        "bytes": f"{up}/{down}",
        "total-bytes": "0",
        "packets": f"{up // 900}/{down // 1200}",
        "rate": f"{rate_up}/{rate_down}",
        "packet-rate": f"{rate_up // 7200}/{rate_down // 9600}",
        "dropped": "0/0",
        "queued-bytes": "0/0",
        "invalid": "false",
    }


def _prepare_queue(router, item, values, _user):
    row = {**item, **values}
    for limit, top in (("limit-at", "max-limit"),):
        for low, high in zip(row[limit].split("/"), row[top].split("/"), strict=True):
            if int(high) and int(low) > int(high):
                raise Trap("failure: max-limit is less than limit-at", None)


# --- log, files, fetch ---


def _log_rows(router, call):
    return router.logs


def _log(topics):
    def write(router, call):
        router.log(f"script,{topics}", call.args.get("message", ""))
        return Reply()

    return write


def _file(router, item):
    contents = item["contents"]
    size = len(contents.encode("utf-8", "surrogateescape"))
    kind = "script" if item["name"].endswith(".rsc") else f".{item['name'].rpartition('.')[2]} file" if "." in item["name"] else "file"
    moment = f"{router.today(item.more.get('changed', router.now())):%Y-%m-%d %H:%M:%S}"
    return {"type": kind, "size": str(size), "creation-time": moment, "last-modified": moment}


def _files(router, call):
    rows = [router.row("file", item, call.user) for item in router.table("file")]
    return [{name: value for name, value in row.items() if name != "contents" or int(row["size"]) <= _INLINE} for row in rows]


def _prepare_file(router, item, values, user):
    router.need(user, "ftp")
    if len(values.get("contents", item["contents"]).encode("utf-8", "surrogateescape")) > _INLINE:
        raise Trap("failure: contents too long", None)
    item.more["changed"] = router.now()


def _read_file(router, call):
    item = router.find_name("file", call.args.get("file", ""))
    if item is None:
        raise Trap("input does not match any value of file", ARGUMENT)
    try:
        offset, size = int(call.args.get("offset", "0")), int(call.args.get("chunk-size", _CHUNK))
    except ValueError:
        raise invalid("offset") from None
    if size > _CHUNK:
        raise Trap(f"value of chunk-size out of range (1..{_CHUNK})", ARGUMENT)
    data = item["contents"].encode("utf-8", "surrogateescape")[offset : offset + size]
    return Reply([{"data": data.decode("utf-8", "surrogateescape")}])


def write_file(router, name, contents):
    table = router.table("file")
    item = table.by_name(name)
    if item is None:
        item = Item(table.next_id(), {"name": name, "contents": contents})
        table.add(item)
    item["contents"] = contents
    item.more["changed"] = router.now()
    return item


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = 5


def _fetch(router, call):
    """``/tool fetch`` over HTTP(S), by the true network of this machine. FTP, TFTP, SFTP are refused."""
    router.need(call.user, "test")
    if router.singleton("system/device-mode")["fetch"] != "true":
        raise Trap("failure: not allowed by device-mode", None)
    args = call.args
    output = args.get("output", "file")
    if output not in ("none", "file", "user", "user-with-headers"):
        raise Trap("input does not match any value of output", ARGUMENT)
    keeps = output == "file" and args.get("keep-result", "yes") in ("yes", "true")
    if keeps:
        router.need(call.user, "ftp")
    request = _request(router, args)
    body = _download(router, request, args)
    row = {"status": "finished", "downloaded": str(-(-len(body) // 1024)), "duration": "1s"}
    if keeps:
        path = urllib.parse.urlsplit(request.full_url).path
        write_file(router, args.get("dst-path") or path.rpartition("/")[2] or "index.html", body.decode("utf-8", "surrogateescape"))
        row["total"] = row["downloaded"]
    elif output.startswith("user"):
        if len(body) > 64512:
            raise Trap("failure: too large response for output=user", None)
        row["data"] = body.decode("utf-8", "surrogateescape")
    return Reply([row])


def _request(router, args):
    url = args.get("url") or ""
    if not url and args.get("address"):
        url = f"{args.get('mode', 'http')}://{args['address']}{':' + args['port'] if 'port' in args else ''}/{args.get('src-path', '').lstrip('/')}"
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise Trap("failure: the simulator fetches by http and https only" if scheme else "failure: missing url or address", None)
    headers = dict(part.split(":", 1) for part in args.get("http-header-field", "").split(",") if ":" in part)
    if "user" in args:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{args['user']}:{args.get('password', '')}".encode()).decode()
    headers.setdefault("User-Agent", f"Mikrotik/{router.number[0]}.x Fetch")
    data = args["http-data"].encode("utf-8", "surrogateescape") if "http-data" in args else None
    method = args.get("http-method", "post" if data is not None else "get").upper()
    return urllib.request.Request(url, data, {name.strip(): value.strip() for name, value in headers.items()}, method=method)


def _download(router, request, args):
    context = ssl.create_default_context(cadata=_trusted(router) or None)
    check = args.get("check-certificate", "no")
    if check in ("no", "false", "yes-without-crl", "yes", "true"):
        if check in ("no", "false"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        raise Trap("input does not match any value of check-certificate", ARGUMENT)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context), _Redirects)
    try:
        if not router.world_up:
            raise OSError("no route")
        with opener.open(request, timeout=seconds(args.get("idle-timeout", "10s"))) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Trap(f"failure: Fetch failed with status {error.code}", None) from None
    except urllib.error.URLError as error:
        certificate = isinstance(error.reason, ssl.SSLError)
        raise Trap("failure: ssl: no trusted CA certificate found" if certificate else "failure: connection failed", None) from None
    except (OSError, ValueError):
        raise Trap("failure: connection timeout", None) from None


def _trusted(router):
    return "".join(item.more["pem"] for item in router.table("certificate") if "pem" in item.more and item["trusted"] == "true")


def _import(router, call):
    name = call.args.get("file-name")
    if not name:
        raise Trap("missing value(s) of argument(s) file-name", ARGUMENT)
    item = router.find_name("file", name)
    if item is None:
        raise Trap("input does not match any value of file-name" if call.via != "console" else f"can't open {name}: no such file", ARGUMENT)
    if _asked(call, "dry-run") and not _asked(call, "verbose"):
        raise Trap("failure: dry-run can be used only with verbose", None)
    script.run(router, item["contents"], call.user, dry=_asked(call, "dry-run"))
    return Reply()


def _export(router, call):
    router.need(call.user, "read")
    text = export.text(router, call.menu, call.user, verbose=_asked(call, "verbose"), terse=_asked(call, "terse"), sensitive=_asked(call, "show-sensitive"))
    name = call.args.get("file")
    if name:
        router.need(call.user, "ftp")
        write_file(router, name if name.endswith(".rsc") else f"{name}.rsc", text)
    return Reply(ret=text if call.via == "console" and not name else None)


def _ping(router, call):
    router.need(call.user, "test")
    address = call.args.get("address")
    if not address:
        raise Trap("missing value(s) of argument(s) address", ARGUMENT)
    try:
        count = int(call.args.get("count", "0"))
        ipaddress.ip_address(address)
    except ValueError:
        raise Trap("invalid value for argument address", ARGUMENT) from None
    sent = received = 0
    answers = router.answers_ping(address)

    def row():
        nonlocal sent, received
        sent, received = sent + 1, received + (1 if answers else 0)
        shared = {"seq": str(sent - 1), "host": address}
        times = {"size": "56", "ttl": "64", "time": "1ms23us"} if answers else {"status": "timeout"}
        return [{**shared, **times, "sent": str(sent), "received": str(received), "packet-loss": str(100 - 100 * received // sent), **({"min-rtt": "1ms", "avg-rtt": "1ms", "max-rtt": "1ms"} if answers else {})}]

    if count:
        return Reply([row()[0] for _nth in range(min(count, 1000))])
    return Reply(router._repeating(call, row, sections=False))


# --- certificates ---


def _sign(router, call):
    """Self-signed, whatever ``ca`` is. The real router answers rows of progress and takes seconds."""
    for item in router.items_of(call):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, item["common-name"] or item["name"])])
        now = datetime.datetime.now(datetime.UTC)
        alternatives = []
        for part in filter(None, item["subject-alt-name"].split(",")):
            kind, _, value = part.partition(":")
            alternatives.append(x509.IPAddress(ipaddress.ip_address(value)) if kind == "IP" else x509.DNSName(value))
        builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now - datetime.timedelta(days=1), now + datetime.timedelta(days=int(item["days-valid"])))
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), False)
        made = builder.sign(key, hashes.SHA256())
        item.more["pem"] = made.public_bytes(serialization.Encoding.PEM).decode()
        item.more["key"] = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
        item["trusted"] = "true"
        router._hooks("ip/service", None)
    return Reply([{"progress": "done"}])


def _certificate(router, item):
    if "pem" not in item.more:
        return {"private-key": "false"}
    made = x509.load_pem_x509_certificate(item.more["pem"].encode())
    return {"private-key": str("key" in item.more).lower(), "fingerprint": made.fingerprint(hashes.SHA256()).hex(), "invalid-after": f"{made.not_valid_after_utc:%Y-%m-%d %H:%M:%S}"}


def _export_certificate(router, call):
    for item in router.items_of(call):
        if "pem" not in item.more:
            raise Trap("failure: certificate is not signed", None)
        write_file(router, (call.args.get("file-name") or f"cert_export_{item['name']}") + ".crt", item.more["pem"])
    return Reply()


def _import_certificate(router, call):
    item = router.find_name("file", call.args.get("file-name", ""))
    if item is None:
        raise Trap("input does not match any value of file-name", ARGUMENT)
    try:
        made = x509.load_pem_x509_certificate(item["contents"].encode())
    except ValueError:
        return Reply([{"certificates-imported": "0", "private-keys-imported": "0", "files-imported": "0", "decryption-failures": "0", "keys-with-no-certificate": "0"}])
    name = call.args.get("name") or f"{item['name']}_0"
    added = Item(router.table("certificate").next_id(), router._with_defaults("certificate", {"name": name, "common-name": made.subject.rfc4514_string().removeprefix("CN="), "trusted": "true"}))
    added.more["pem"] = made.public_bytes(serialization.Encoding.PEM).decode()
    router.insert("certificate", added)
    return Reply([{"certificates-imported": "1", "private-keys-imported": "0", "files-imported": "1", "decryption-failures": "0", "keys-with-no-certificate": "0"}])


def _scheduled(router, item):
    moment = item.more.get("next")
    return {"next-run": f"{router.today(moment + router.clock_error):%Y-%m-%d %H:%M:%S}"} if moment and seconds(item["interval"]) else {}


def run_schedules(router):
    """Called as time goes on: every job that is due, once."""
    due = []
    with router.lock:
        for item in router.table("system/scheduler"):
            wait = seconds(item["interval"])
            if item["disabled"] == "true" or not wait or router.singleton("system/device-mode")["scheduler"] != "true":
                continue
            if item.more["next"] <= router.clock.now():
                item.more["next"] = router.clock.now() + wait
                item["run-count"] = str(int(item["run-count"]) + 1)
                source = router.find_name("system/script", item["on-event"])
                due.append((item, source["source"] if source is not None else item["on-event"]))
    for item, source in due:
        try:
            script.run(router, source, ROOT)
        except Trap as trap:
            router.log("script,error", f"executing script {item['name']} from scheduler failed, {trap.message}")


def next_schedule(router):
    due = [item.more["next"] for item in router.table("system/scheduler") if seconds(item["interval"]) and item["disabled"] == "false"]
    return min(due, default=None)


_COMPUTED = {
    "system/resource": _resource,
    "system/clock": _clock,
    "system/ntp/client": _ntp,
    "system/license": _licence,
    "system/scheduler": _scheduled,
    "interface": _interface,
    "interface/wireguard": _wireguard,
    "interface/wireguard/peers": _peer,
    "ip/address": _address,
    "ip/firewall/address-list": _address_list,
    "ip/firewall/filter": _counters,
    "ip/firewall/nat": _counters,
    "ip/firewall/mangle": _counters,
    "ip/service": _services,
    "queue/simple": _queue,
    "ppp/secret": _secret,
    "file": _file,
    "certificate": _certificate,
}
_SPECIAL = {
    ("system/clock", "prepare"): _set_clock,
    ("system/device-mode", "update"): _device_mode,
    ("system/device-mode", "rows"): _device_modes,
    ("system", "reboot"): _reboot,
    ("system/package", "rows"): _packages,
    ("system/routerboard", "rows"): _routerboard,
    ("system/health", "rows"): _health,
    ("system/scheduler", "prepare"): _prepare_schedule,
    ("system/script", "prepare"): _default_owner,
    ("system/script", "run"): _run_script,
    ("user/active", "rows"): _users_on,
    ("ip/service", "rows"): _service_rows,
    ("interface", "prepare"): _prepare_interface,
    ("interface", "monitor-traffic"): _monitor_traffic,
    ("interface/wireguard", "prepare"): _prepare_wireguard,
    ("ip/address", "prepare"): _prepare_address,
    ("ip/firewall/address-list", "prepare"): _prepare_address_list,
    ("ip/firewall/filter", "prepare"): _prepare_rule("ip/firewall/filter"),
    ("ip/firewall/nat", "prepare"): _prepare_rule("ip/firewall/nat"),
    ("ip/firewall/mangle", "prepare"): _prepare_rule("ip/firewall/mangle"),
    ("queue/simple", "prepare"): _prepare_queue,
    ("log", "rows"): _log_rows,
    **{("log", topic): _log(topic) for topic in ("info", "warning", "error", "debug")},
    ("file", "rows"): _files,
    ("file", "prepare"): _prepare_file,
    ("file", "read"): _read_file,
    ("tool", "fetch"): _fetch,
    ("", "import"): _import,
    ("", "execute"): _execute,
    ("", "ping"): _ping,
    ("certificate", "sign"): _sign,
    ("certificate", "export-certificate"): _export_certificate,
    ("certificate", "import"): _import_certificate,
}
