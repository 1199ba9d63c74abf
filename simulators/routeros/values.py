# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Types of properties: how a word is checked and in which form the API shows it.

A type is a function ``(name, text, router) -> text shown``; it raises ``Trap`` with the words of RouterOS. Types that refer to another menu have ``refers``.
"""

import base64
import ipaddress
import re

MISSING, ARGUMENT, INTERRUPTED, SCRIPT, GENERAL, API = 0, 1, 2, 3, 4, 5


class Trap(Exception):
    """An error answer; ``more`` holds further messages, each a ``!trap`` of its own."""

    def __init__(self, message, category=None, *more):
        super().__init__(message)
        self.message, self.category, self.more = message, category, more


def invalid(name):
    return Trap(f"invalid value for argument {name}", ARGUMENT)


def no_match(name):
    return Trap(f"input does not match any value of {name}", ARGUMENT)


def text(_name, value, _router):
    return value


def boolean(name, value, _router):
    if value in ("yes", "true"):
        return "true"
    if value in ("no", "false"):
        return "false"
    raise no_match(name)


def enum(*values):
    def parse(name, value, _router):
        if value not in values:
            raise no_match(name)
        return value

    return parse


def flags(*values, empty=True):
    """A list; ``!x`` is allowed for every x and means "not x"."""

    def parse(name, value, _router):
        parts = [part for part in value.split(",") if part]
        if any(part.lstrip("!") not in values for part in parts) or not (parts or empty):
            raise no_match(name)
        return ",".join(parts)

    return parse


def number(low=0, high=4294967295, *words):
    def parse(name, value, _router):
        if value in words:
            return value
        try:
            found = int(value, 16) if value.startswith("0x") else int(value)
        except ValueError:
            raise invalid(name) from None
        if not low <= found <= high:
            raise Trap(f"value of {name} out of range ({low}..{high})", ARGUMENT)
        return str(found)

    return parse


_SIZES = {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}


def size(name, value, _router):
    """Bytes: ``10G`` is 10 * 2^30."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi|k|M|G)?", value)
    if not found:
        raise invalid(name)
    result = int(found[1]) * _SIZES[found[2] or ""]
    if result >= 1 << 64:
        raise Trap(f"value of {name} out of range (0..18446744073709551615)", ARGUMENT)
    return str(result)


_RATES = {"": 1, "k": 1000, "K": 1000, "M": 1000000, "G": 1000000000}


def bits(value):
    """
    >>> bits("10M"), bits("512k"), bits("7")
    (10000000, 512000, 7)

    :raise ValueError: no rate
    """
    found = re.fullmatch(r"(\d+)(bps)?([kKMG]?)(bps)?", value)
    if not found:
        raise ValueError(value)
    return int(found[1]) * _RATES[found[3]]


def rate(name, value, _router):
    try:
        return str(bits(value))
    except ValueError:
        raise invalid(name) from None


def pair(parse_one):
    """``upload/download``; one value stands for both."""

    def parse(name, value, router):
        parts = value.split("/")
        if len(parts) > 2:
            raise invalid(name)
        return "/".join(parse_one(name, part, router) for part in (parts * 2)[:2])

    return parse


_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001, "us": 0.000001}


def seconds(value):
    """
    >>> [seconds(text) for text in ("1w2d", "00:05:00", "1d00:00:01", "300", "5m30s", "300ms")]
    [777600, 300, 86401, 300, 330, 0.3]

    :raise ValueError: no duration
    """
    found = re.fullmatch(r"((?:\d+(?:ms|us|[wdhms]))*)(?:(\d+):(\d\d)(?::(\d\d))?)?", value)
    if value.isdigit():
        return int(value)
    if re.fullmatch(r"\d+\.\d+", value):
        return float(value)
    if not found or not value:
        raise ValueError(value)
    total = sum(int(count) * _UNITS[unit] for count, unit in re.findall(r"(\d+)(ms|us|[wdhms])", found[1]))
    return total + int(found[2] or 0) * 3600 + int(found[3] or 0) * 60 + int(found[4] or 0)


def duration_text(total):
    """
    >>> [duration_text(n) for n in (0, 59, 3600, 90061, 1209600, 0.3)]
    ['0s', '59s', '1h', '1d1h1m1s', '2w', '300ms']
    """
    if 0 < total < 1:
        return f"{round(total * 1000)}ms"
    left, result = int(total), ""
    for unit in ("w", "d", "h", "m", "s"):
        count, left = divmod(left, _UNITS[unit])
        result += f"{count}{unit}" if count else ""
    return result or "0s"


def duration(*words):
    def parse(name, value, _router):
        if value in words:
            return value
        try:
            return duration_text(seconds(value))
        except ValueError:
            raise invalid(name) from None

    return parse


def address(name, value, _router):
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise invalid(name) from None


def optional(parse_one, *words):
    """As ``parse_one``, or empty, or one of ``words``."""

    def parse(name, value, router):
        return value if not value or value in words else parse_one(name, value, router)

    parse.refers = getattr(parse_one, "refers", None)
    return parse


def interface_address(name, value, _router):
    """``10.0.0.1/24``: the host part stays."""
    try:
        return str(ipaddress.ip_interface(value))
    except ValueError:
        raise invalid(name) from None


def network(name, value, _router):
    """A host, a prefix or ``0.0.0.0/0``; bits of the host part are cleared as routers do."""
    negated = value.startswith("!")
    try:
        found = ipaddress.ip_network(value.lstrip("!"), strict=False)
    except ValueError:
        raise invalid(name) from None
    return "!" * negated + (str(found) if "/" in value else str(found.network_address))


def networks(name, value, router):
    """Targets of a queue: hosts become /32."""
    parts = [part for part in value.split(",") if part]
    return ",".join(_target(name, part, router) for part in parts)


def _target(name, value, router):
    if router.find_name("interface", value) is not None:
        return value
    try:
        return str(ipaddress.ip_network(value, strict=False))
    except ValueError:
        raise invalid(name) from None


def allowed(name, value, _router):
    """Comma separated prefixes (``address=`` of a user or a service)."""
    try:
        return ",".join(str(ipaddress.ip_network(part, strict=False)) for part in value.split(",") if part)
    except ValueError:
        raise invalid(name) from None


def host_or_range(name, value, router):
    """An entry of an address list: host, prefix, range or a DNS name."""
    if re.fullmatch(r"[\d.]+-[\d.]+", value):
        return ranges(name, value, router)
    if re.fullmatch(r"(?=.*[A-Za-z])[A-Za-z0-9._-]+", value):
        return value
    return network(name, value, router)


def ranges(name, value, _router):
    """``10.0.0.10-10.0.0.20,10.0.1.0/24``"""
    found = []
    for part in value.split(","):
        first, dash, last = part.partition("-")
        try:
            if dash:
                if ipaddress.ip_address(first) > ipaddress.ip_address(last):
                    raise ValueError(part)
            else:
                ipaddress.ip_network(part, strict=False)
        except (ValueError, TypeError):
            raise invalid(name) from None
        found.append(part)
    return ",".join(found)


def range_addresses(value):
    """:return: an iterator over the addresses of ``ranges``"""
    for part in value.split(","):
        first, dash, last = part.partition("-")
        if dash:
            low, high = int(ipaddress.ip_address(first)), int(ipaddress.ip_address(last))
        else:
            net = ipaddress.ip_network(part, strict=False)
            low, high = int(net.network_address), int(net.broadcast_address)
        for value_ in range(low, high + 1):
            yield str(ipaddress.ip_address(value_))


def mac(name, value, _router):
    digits = re.sub(r"[:.-]", "", value)
    if not re.fullmatch(r"[0-9A-Fa-f]{12}", digits):
        raise Trap(f"invalid value of {name}, mac address required", ARGUMENT)
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)).upper()


def key(name, value, _router):
    """A WireGuard key: 32 bytes in base64."""
    try:
        if len(base64.b64decode(value, validate=True)) == 32:
            return value
    except ValueError:
        pass
    raise invalid(name)


def ref(menu, *words, field="name"):
    """The name (or the .id) of an item of ``menu``."""

    def parse(name, value, router):
        if value in words:
            return value
        item = router.find_name(menu, value, field)
        if item is None:
            raise no_match(name)
        return item[field]

    parse.refers = menu
    return parse


def rate_limit(name, value, _router):
    """``rx[/tx] [rx-burst[/tx-burst] [threshold [time [priority [min]]]]]``: kept as written, when it can be read."""
    try:
        parse_rate_limit(value)
    except ValueError:
        raise invalid(name) from None
    return value


def parse_rate_limit(value):
    """
    >>> parse_rate_limit("2M/10M 4M/20M 1M/5M 8/8 5 1M/2M")
    {'max-limit': '2000000/10000000', 'burst-limit': '4000000/20000000', 'burst-threshold': '1000000/5000000', 'burst-time': '8s/8s', 'priority': '5/5', 'limit-at': '1000000/2000000'}
    >>> parse_rate_limit("512k")["max-limit"], parse_rate_limit("")
    ('512000/512000', {})

    :return: properties of the simple queue; upload first, as the router sees the customer
    :raise ValueError: it cannot be read
    """
    parts = value.split()
    if len(parts) > 6:
        raise ValueError(value)

    def both(part, convert):
        halves = part.split("/")
        if len(halves) > 2:
            raise ValueError(part)
        return "/".join(str(convert(half)) for half in (halves * 2)[:2])

    names = ("max-limit", "burst-limit", "burst-threshold", "burst-time", "priority", "limit-at")
    result = {}
    for name, part in zip(names, parts, strict=False):
        if name == "burst-time":
            result[name] = both(part, lambda half: duration_text(seconds(half)))
        elif name == "priority":
            if not 1 <= int(part.split("/")[0]) <= 8:
                raise ValueError(part)
            result[name] = both(part, int)
        else:
            result[name] = both(part, bits)
    if "burst-limit" in result:
        result.setdefault("burst-threshold", result["max-limit"])
        result.setdefault("burst-time", "1s/1s")
    return result
