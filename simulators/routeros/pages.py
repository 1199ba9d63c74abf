# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
r"""The pages of a hotspot, as the manual describes them ("Hotspot customisation"): files with variables, and the servlet that shows them.

>>> render("Hi $(if username)$(username)$(else)you$(endif)!", {"username": "john"}), render("$(if trial == 'yes')try$(endif)-$(nothing)-", {})
('Hi john!', '--')
>>> render("$(if a == x)1$(elif a == y)2$(elif a)3$(else)4$(endif)", {"a": "y"}), render("$(if a != '')$(if b)ab$(else)a$(endif)$(endif)", {"a": "1"})
('2', 'a')
>>> render("?u=$(username-esc)&c=$(chap-id)", {"username": "a&b 'c", "chap-id": octal(b"\xf9\r")})
'?u=a%26b+%27c&c=\\371\\015'
"""

import os
import re
import urllib.parse
from dataclasses import dataclass, field

from .access import RefusedError
from .radius import Answered
from .values import duration_text

_TAG = re.compile(r"\$\(([^()]*)\)")
_CONDITION = re.compile(r"""([\w<>-]+)\s*(?:(==|!=)\s*(?:"([^"]*)"|'([^']*)'|(\S+)))?""")
#: Shown where the folder has no such file: the device's own are longer and say the same.
_OWN = {
    "login.html": '<html><body>$(if error)<p id="error">$(error)</p>$(endif)<form action="$(link-login-only)" method="post"><input type="hidden" name="dst" value="$(link-orig)">'
    '<input name="username" value="$(username)"><input name="password" type="password"><button>OK</button></form></body></html>',
    "alogin.html": '<html><head><meta http-equiv="refresh" content="2; url=$(link-redirect)"></head><body>You are logged in</body></html>',
    "status.html": "<html><body>Welcome $(username)! IP $(ip) up $(uptime) left $(session-time-left) <a href='$(link-logout)'>log off</a></body></html>",
    "logout.html": "<html><body>You have just logged out: $(uptime)</body></html>",
    "redirect.html": '$(if http-status == 302)Hotspot redirect$(endif)$(if http-header == "Location")$(link-redirect)$(endif)<html></html>',
    "error.html": "<html><body>Hotspot ERROR: $(error)</body></html>",
}
_ERRORS = {
    "user-session-limit": "no more sessions are allowed for user $(username)",
    "license-session-limit": "session limit reached ($(error-orig))",
    "chap-missing": "web browser did not send challenge response (try again, enable JavaScript)",
    "invalid-username": "invalid username or password",
    "uptime-limit": "user $(username) has reached uptime limit",
    "traffic-limit": "user $(username) has reached traffic limit",
    "radius-timeout": "RADIUS server is not responding",
    "radius-reply": "$(error-orig)",
}
#: Which of them a refusal of the desk is; what the server says itself is "radius-reply".
_KINDS = (
    ("no more sessions", "user-session-limit"),
    ("license limit", "license-session-limit"),
    ("is not allowed", "chap-missing"),
    ("authentication failed", "invalid-username"),
    ("invalid username", "invalid-username"),
    ("uptime limit", "uptime-limit"),
    ("traffic limit", "traffic-limit"),
    ("not responding", "radius-timeout"),
)
#: Seconds without a request after which a challenge is forgotten.
_CHALLENGE = 3600


def render(text, values):
    """Fill in ``$(name)`` (``$(name-esc)`` for an address; without a value: nothing) and carry out ``$(if …)``."""
    out, stack, at = [], [], 0  # of the stack: [is shown, one of them was, stands within what is shown]
    for tag in _TAG.finditer(text):
        if all(shown for shown, _was, _within in stack):
            out.append(text[at : tag.start()])
        at = tag.end()
        word, _space, rest = tag[1].strip().partition(" ")
        if word == "if":
            shown = _holds(rest, values)
            stack.append([shown, shown, True])
        elif word == "elif" and stack:
            stack[-1][0] = not stack[-1][1] and _holds(rest, values)
            stack[-1][1] = stack[-1][1] or stack[-1][0]
        elif word == "else" and stack:
            stack[-1][0] = not stack[-1][1]
            stack[-1][1] = True
        elif word == "endif" and stack:
            stack.pop()
        elif all(shown for shown, _was, _within in stack):
            out.append(_value(word, values))
    if all(shown for shown, _was, _within in stack):
        out.append(text[at:])
    return "".join(out)


def _value(name, values):
    if name not in values and name.endswith("-esc"):
        return urllib.parse.quote_plus(values.get(name[:-4], ""))
    return values.get(name, "")


def _holds(condition, values):
    found = _CONDITION.fullmatch(condition.strip())
    if not found:
        return False
    value = _value(found[1], values)
    if not found[2]:
        return value != ""
    wanted = next((part for part in found.groups()[2:] if part is not None), "")
    return (value == wanted) == (found[2] == "==")


def octal(data):
    return "".join(f"\\{byte:03o}" for byte in data)


@dataclass
class Request:
    """What a device's browser asks for. ``values``: of the address and of a form."""

    host: str
    path: str = "/"
    query: str = ""
    values: dict = field(default_factory=dict)
    method: str = "GET"

    @property
    def url(self):
        return f"http://{self.host}{self.path}{'?' + self.query if self.query else ''}"


@dataclass
class Answer:
    status: int
    body: str = ""
    location: str = ""
    kind: str = "text/html"


class Pages:
    """The servlet of one router."""

    def __init__(self, router):
        self.router = router

    def profile_of(self, host):
        return self.router.find_name("ip/hotspot/profile", host.more["server"]["profile"])

    def is_own(self, host, name):
        """:return: whether this name or address is the hotspot's own page"""
        profile = self.profile_of(host)
        return name.lower() in {profile["dns-name"].lower(), profile["hotspot-address"]} - {"", "0.0.0.0"}

    def answer(self, host, request):
        """A request that came to the hotspot, for a page of its own or for anybody's who is not to be reached yet.

        :param host: the device's row of /ip/hotspot/host
        """
        router = self.router
        with router.lock:
            session, own = router.desk._of_host(host), self.is_own(host, request.host.partition(":")[0])
        if not own:
            return self._to(host, request, "login", "rlogin.html", orig=request.url)
        if request.path == "/":
            return self._to(host, request, "status" if session else "login", "rstatus.html" if session else "rlogin.html")
        if request.path == "/login":
            return self._login(host, request, session)
        if request.path == "/status":
            return self._show(host, request, session, "status.html") if session else self._to(host, request, "login", "fstatus.html")
        if request.path == "/logout":
            if session is None:
                return self._to(host, request, "login", "flogout.html")
            values = self._values(host, request, session)
            session.hang_up("User-Request")
            return self._page(host, "logout.html", {**values, "logged-in": "no"})
        text = self._file(host, request.path.lstrip("/"))
        return Answer(404, "Error 404") if text is None else self._filled(text, self._values(host, request, session), _kind(request.path))

    def _login(self, host, request, session):
        if session is not None:
            return self._logged_in(host, request, session)
        user = request.values.get("username", "")
        if not user:
            return self._show(host, request, None, "login.html")
        password, profile = request.values.get("password", ""), self.profile_of(host)
        ways, (identifier, challenge) = profile["login-by"].split(","), self._challenge(host)
        host.more.pop("challenge")  # answered once; the next page has another
        try:
            if "http-chap" in ways and re.fullmatch("[0-9a-fA-F]{32}", password):
                session = self.router.desk.log_in(host, user, "", "chap", Answered(user, identifier, challenge, bytes.fromhex(password)))
            elif "http-pap" in ways:
                session = self.router.desk.log_in(host, user, password, "pap")
            else:
                raise RefusedError("login without an answer to the challenge is not allowed")
        except RefusedError as refused:
            return self._show(host, request, None, "flogin.html", "login.html", error=self._error(host, str(refused), user))
        return self._logged_in(host, request, session)

    def _logged_in(self, host, request, session):
        return self._show(host, request, session, "alogin.html", redirect=request.values.get("dst") or self._link(host, "status"))

    def _to(self, host, request, where, page, orig=""):
        """Another page of the hotspot: by its file, where there is one, else by redirect.html."""
        to = self._link(host, where)
        if orig:
            to += "?" + urllib.parse.urlencode({"dst": orig})
        values = {**self._values(host, request, self.router.desk._of_host(host)), "link-redirect": to, "link-orig": orig}
        if self._file(host, page) is not None:
            return self._page(host, page, values)
        text = self._file(host, "redirect.html")
        text = _OWN["redirect.html"] if text is None else text
        plain = re.sub(r"<.*", "", render(text, {**values, "http-header": "Location"}), flags=re.S).strip()
        return Answer(302, location=plain) if plain else self._filled(text, values)

    def _show(self, host, request, session, *names, error="", redirect=""):
        values = self._values(host, request, session)
        if error:
            values |= {"error": error, "username": request.values.get("username", "")}
        if redirect:
            values["link-redirect"] = redirect
        return self._page(host, next((name for name in names if self._file(host, name) is not None), names[-1]), values)

    def _page(self, host, name, values):
        text = self._file(host, name)
        return self._filled(_OWN[name] if text is None else text, values)

    @staticmethod
    def _filled(text, values, kind="text/html"):
        return Answer(200, render(text, values) if kind in ("text/html", "text/plain") else text, kind=kind)

    def _file(self, host, name):
        """:return: the text of a file of the hotspot's folder; None: there is none. An override that is not there is as if it were not given"""
        profile, table = self.profile_of(host), self.router.table("file")
        folder = profile["html-directory"]
        if profile["html-directory-override"] and any(item["name"].startswith(profile["html-directory-override"] + "/") for item in table):
            folder = profile["html-directory-override"]
        item = table.by_name(f"{folder}/{name}")
        return None if item is None else item["contents"]

    def _error(self, host, text, user):
        kind = next((kind for words, kind in _KINDS if words in text), "radius-reply")
        own = dict(re.findall(r"^([a-z-]+)\s*=\s*(.*)$", self._file(host, "errors.txt") or "", re.M))
        return render(own.get(kind, _ERRORS[kind]), {"error-orig": text, "username": user, "ip": host["address"]})

    def _link(self, host, page):
        profile = self.profile_of(host)
        return f"http://{profile['dns-name'] or profile['hotspot-address']}/{page}"

    def _challenge(self, host):
        """:return: (id, challenge) of the device, made when there is none or it is too old"""
        now, (moment, *challenge) = self.router.clock.now(), host.more.get("challenge", (None, b"", b""))
        if moment is None or now - moment > _CHALLENGE:
            challenge = [os.urandom(1), os.urandom(16)]
        host.more["challenge"] = (now, *challenge)
        return tuple(challenge)

    def _values(self, host, request, session):
        router, profile = self.router, self.profile_of(host)
        ways = profile["login-by"].split(",")
        link, orig = self._link(host, "login"), request.values.get("dst", "")
        values = {
            **{name: value for name, value in request.values.items() if name not in ("username", "password")},
            "hostname": profile["dns-name"] or profile["hotspot-address"],
            "identity": router.singleton("system/identity")["name"],
            "plain-passwd": "yes" if "http-pap" in ways else "no",
            "server-name": host["server"],
            "server-address": f"{profile['hotspot-address']}:80",
            "ssl-login": "no",
            "link-login": link + ("?" + urllib.parse.urlencode({"dst": orig}) if orig else ""),
            "link-login-only": link,
            "link-logout": self._link(host, "logout"),
            "link-status": self._link(host, "status"),
            "link-orig": orig,
            "link-redirect": orig or self._link(host, "status"),
            "interface-name": host.more["server"]["interface"],
            "ip": host["address"],
            "host-ip": host["address"],
            "mac": host["mac-address"],
            "logged-in": "yes" if session else "no",
            "trial": "yes" if "trial" in ways else "no",
            "popup": "false",
            "login-by": session.login_by if session else "",
            "username": session.user if session else "",
        }
        if session is None and "http-chap" in ways:
            identifier, challenge = self._challenge(host)
            values |= {"chap-id": octal(identifier), "chap-challenge": octal(challenge)}
        if session is not None:
            up, down = session.bytes
            spent = int(router.clock.now() - session.started)
            values |= {"uptime": duration_text(spent), "uptime-secs": str(spent), "bytes-in": str(up), "bytes-out": str(down), "session-id": session.id}
            for name, limit in (("limit-bytes-in", session.limits.upload), ("limit-bytes-out", session.limits.download), ("limit-bytes-total", session.limits.total)):
                if limit is not None:
                    values[name] = str(limit)
            if session.limits.total is not None:
                values["remain-bytes-total"] = str(max(session.limits.total - up - down, 0))
            if session.limits.session_timeout is not None:
                left = max(0, int(session.limits.session_timeout - spent))
                values |= {"session-time-left": duration_text(left), "session-time-left-secs": str(left), "session-timeout": duration_text(int(session.limits.session_timeout))}
        return values


def _kind(path):
    return {"html": "text/html", "htm": "text/html", "txt": "text/plain", "js": "text/javascript", "css": "text/css", "json": "application/json"}.get(path.rpartition(".")[2], "application/octet-stream")
