# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
r"""What a router tells about a guest who stands before its log-in page, and how the guest gets in there. Nothing of it is believed.

RouterOS sends guests with variables of its page in the address (help.mikrotik.com, "Hotspot customisation"): bytes of the challenge are
written in octal, ``\371``. A log-in by HTTP-CHAP is MD5(chap-id + password + chap-challenge), in hex.

>>> octal(r"\371\015a"), octal("\371a"), octal(""), octal(_in_hex(r"\371\015a")) == octal(r"\371\015a")
(b'\xf9\ra', b'\xf9a', b'', True)
>>> chap(r"\001", "7kmwq4hm", r"\141\142") == hashlib.md5(b"\x017kmwq4hmab").hexdigest()
True
>>> mac("aa-bb-cc-00-00-01"), mac("AABB.CC00.0001"), mac("AA:BB:CC:00:00"), mac("<b>"), mac(None)
('AA:BB:CC:00:00:01', 'AA:BB:CC:00:00:01', '', '', '')

The address to log in at is made anew of its parts, where they are the router's own: a private address, or the name of the hotspot.

>>> router_link("http://10.5.50.1/login", "wifi.internal"), router_link("http://WIFI.internal:8080/login?dst=x#y", "wifi.internal")
('http://10.5.50.1/login', 'http://wifi.internal:8080/login')
>>> [router_link(text, "wifi.internal") for text in (
...     "http://evil.example/login", "http://41.79.0.1/login", "http://wifi.internal.evil.example/login", "http://wifi.internal@evil.example/login",
...     "javascript:alert(1)", "//10.5.50.1/login", "http://10.5.50.1/login/../x", "http://10.5.50.1\\@evil.example/login", "http://10.5.50.1:x/login",
...     "http://10.5.50.1/log\nin", "http://0x0a.1/login", "http://[::1]/login", "", None)]
['', '', '', '', '', '', '', '', '', '', '', '', '', '']
"""

import hashlib
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

_OCTAL = re.compile(r"\\([0-3][0-7]{2})")
_HEX = re.compile(r"x((?:[0-9a-f]{2})+)")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
#: Of a challenge, written in octal.
_LONGEST = 256
#: What a refusal is about, by words of our RADIUS (sql/radius.sql) and of RouterOS (errors.txt). The first that fits.
_PROBLEMS = (
    ("expired", "expired"),
    ("data used up", "data"),
    ("traffic limit", "data"),
    ("time used up", "time"),
    ("uptime limit", "time"),
    ("not valid at this place", "elsewhere"),
    ("too many wrong tries", "guessing"),
    ("not for this device", "bound"),
    ("too many devices", "devices"),
    ("no more sessions", "devices"),
    ("account is closed", "closed"),
    ("suspended", "closed"),
    ("radius server", "away"),
    ("session limit", "full"),
    ("no free addresses", "full"),
    ("challenge", "again"),
    ("already authorizing", "again"),
    ("invalid username", "wrong"),
    ("invalid password", "wrong"),
)


def octal(text):
    """:return: the bytes of a variable as RouterOS writes it, or as we do: in hex, a third as long in an address"""
    found = _HEX.fullmatch(text or "")
    if found:
        return bytes.fromhex(found[1])
    text = _OCTAL.sub(lambda found: chr(int(found[1], 8)), (text or "")[:_LONGEST])
    return text.encode("latin-1", "ignore")


def _in_hex(text):
    return f"x{octal(text).hex()}" if text else ""


def chap(chap_id, password, challenge):
    """:return: what is sent as password by HTTP-CHAP"""
    return hashlib.md5(octal(chap_id) + password.encode() + octal(challenge), usedforsecurity=False).hexdigest()


def mac(text):
    """:return: AA:BB:CC:DD:EE:FF of any of the usual spellings, else \"\""""
    digits = re.sub(r"[:.-]", "", text or "")[:13].upper()
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2)) if re.fullmatch("[0-9A-F]{12}", digits) else ""


def router_link(text, name):
    """:param name: of the hotspot :return: where the guest logs in, \"\" when that is not the router's page"""
    text = text or ""
    if re.search(r"[\x00-\x20\x7f\\@]", text):
        return ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or parts.path != "/login" or not (host == name.lower() or is_private(host)):
        return ""
    return f"{parts.scheme}://{host}{f':{port}' if port else ''}/login"


def is_private(host):
    """
    >>> is_private("192.168.88.1"), is_private("8.8.8.8"), is_private("wifi.internal")
    (True, False, False)
    """
    try:
        return ipaddress.IPv4Address(host).is_private
    except ValueError:
        return False


def is_name(text):
    """:return: whether a router can have it as the name of its page

    >>> is_name("wifi.internal"), is_name("wifi"), is_name("Wifi.x"), is_name("a b"), is_name("x/login")
    (True, True, False, False, False)
    """
    return bool(_NAME.fullmatch(text or ""))


def is_uuid(text):
    """:return: whether it is a random one (version 4): others could be guessed, and who knows it is shown the code

    >>> is_uuid("6c84fb90-12c4-41e1-840d-725b40e63bd3"), is_uuid("6c84fb90-12c4-11e1-840d-725b40e63bd3"), is_uuid("1"), is_uuid(None)
    (True, False, False, False)
    """
    return bool(_UUID.fullmatch(text or ""))


def problem(error):
    """
    >>> problem("Expired"), problem("Too many devices are logged in"), problem("invalid username or password"), problem("x"), problem("")
    ('expired', 'devices', 'wrong', 'other', '')
    """
    lower = (error or "").lower()
    return next((kind for words, kind in _PROBLEMS if words in lower), "other" if lower.strip() else "")


def language(chosen, accepted, default, known):
    """
    :param chosen: by the reader, a code or its first letters
    :param accepted: Accept-Language
    :param known: codes such as en_US
    :return: the one of ``known`` to write in

    >>> known = ["en_US", "ar_001"]
    >>> language("ar", "en", "en_US", known), language("", "ar-SS,en;q=0.5", "en_US", known), language("fr", "fr", "ar_001", known)
    ('ar_001', 'ar_001', 'ar_001')
    >>> language("", "en;q=0.5, ar;q=0.9", "en_US", known), language(None, None, "de_DE", known)
    ('ar_001', 'en_US')
    """
    wanted = []
    for part in (accepted or "")[:200].split(","):
        name, _sign, weight = part.partition(";q=")
        wanted.append((-(float(weight) if re.fullmatch(r"[01](\.\d+)?", weight.strip()) else 1.0), name.strip()))
    names = [chosen or "", *(name for _weight, name in sorted(wanted, key=lambda pair: pair[0]))]
    for name in [*names, default]:
        for code in known:
            if name and code[:2].lower() == name[:2].lower():
                return code
    return known[0]


@dataclass(frozen=True)
class Arrival:
    """What goes with a guest from page to page, all of it checked.

    :ivar link: where to log in, \"\" when the guest did not come from a router
    :ivar bundle: the router's page is ours (static/router/login.html): it logs in by itself what stands behind the # of its address
    :ivar plain: the router takes passwords as they are, too
    :ivar problem: why the router refused
    :ivar tried: the code that it refused
    """

    mac: str = ""
    link: str = ""
    chap_id: str = ""
    challenge: str = ""
    bundle: bool = False
    plain: bool = False
    problem: str = ""
    tried: str = ""

    @classmethod
    def of(cls, values, name):
        """:param values: of the request :param name: of the site's hotspot"""
        link = router_link(values.get("link-login-only") or values.get("link-login"), name)
        short = {key: str(values.get(key) or "")[:_LONGEST] for key in ("chap-id", "chap-challenge", "error", "username")}
        return cls(
            mac=mac(values.get("mac")),
            link=link,
            chap_id=short["chap-id"] if link else "",
            challenge=short["chap-challenge"] if link else "",
            bundle=bool(link) and values.get("b") == "1",
            plain=bool(link) and values.get("plain") == "yes",
            problem=problem(short["error"]),
            tried=short["username"][:32] if short["error"] else "",
        )

    def query(self, challenge=False, **more):
        """:param challenge: also what a log-in needs :return: the same for the next address, from its ? on

        >>> Arrival(mac="AA:BB:CC:00:00:01", link="http://10.5.50.1/login", bundle=True, chap_id="x").query(lang="ar")
        '?mac=AA:BB:CC:00:00:01&link-login-only=http://10.5.50.1/login&b=1&lang=ar'
        >>> Arrival().query()
        ''
        """
        values = {"mac": self.mac, "link-login-only": self.link, "b": "1" if self.bundle else "", "plain": "yes" if self.plain else ""}
        if challenge:
            values |= {"chap-id": _in_hex(self.chap_id), "chap-challenge": _in_hex(self.challenge)}
        found = {key: value for key, value in {**values, **more}.items() if value}
        return "?" + urlencode(found, safe=":/") if found else ""

    def login_url(self, user, password, by_page=False):
        """The address at which this log-in happens.

        With the router's challenge the password itself is not sent; behind the # it stays in the browser, whose page answers a challenge of that moment.

        :param by_page: by the script of our page on the router
        :return: \"\" when the router is not known

        >>> Arrival(link="http://10.5.50.1/login", bundle=True).login_url("7kmwq4hm", "7kmwq4hm", by_page=True)
        'http://10.5.50.1/login#c=7kmwq4hm'
        >>> Arrival(link="http://10.5.50.1/login", chap_id=r"\\001", challenge="ab").login_url("u", "p")
        'http://10.5.50.1/login?username=u&password=c1a120303d482d582f92e5325cc23621'
        >>> Arrival(link="http://10.5.50.1/login", plain=True).login_url("u", "p"), Arrival().login_url("u", "p")
        ('http://10.5.50.1/login?username=u&password=p', '')
        """
        if not self.link:
            return ""
        if self.bundle and by_page:
            return self.link + fragment(user, password)
        if self.challenge:
            return f"{self.link}?{urlencode({'username': user, 'password': chap(self.chap_id, password, self.challenge)})}"
        if self.plain:
            return f"{self.link}?{urlencode({'username': user, 'password': password})}"
        return self.link + fragment(user, password)


def fragment(user, password):
    """
    >>> fragment("7kmwq4hm", "7kmwq4hm"), fragment("7kmwq4hm", "ab2cd3")
    ('#c=7kmwq4hm', '#c=7kmwq4hm&p=ab2cd3')
    """
    return "#" + urlencode({"c": user} if user == password else {"c": user, "p": password})


def spell(seconds):
    """The two largest units of a span.

    >>> spell(90061), spell(3600), spell(59), spell(0), spell(172800)
    ([('day', 1), ('hour', 1)], [('hour', 1)], [('minute', 1)], [('minute', 0)], [('day', 2)])
    """
    minutes = -(-max(seconds, 0) // 60)
    parts = [("day", minutes // 1440), ("hour", minutes % 1440 // 60), ("minute", minutes % 60)]
    first = next((at for at, (_unit, count) in enumerate(parts) if count), 2)
    return [part for part in parts[first : first + 2] if part[1] or part is parts[first]]


def squeeze(html):
    r"""Without the indentation of the template: bytes that every guest would pay for.

    >>> squeeze("<p>\n    a b\n\n  </p>\n")
    '<p>\na b\n</p>'
    """
    return re.sub(r"\s*\n\s*", "\n", html).strip()
