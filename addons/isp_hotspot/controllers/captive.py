# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import functools
import hashlib
import json
import re
import secrets
import uuid
from urllib.parse import urlsplit

from markupsafe import Markup
from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request
from odoo.tools import file_open

from ..engine import captive, code
from ..models.isp_site_portal import ROUTER_FILES

#: The browser's own word: 128 bits that nobody guesses. Only its digest is stored.
COOKIE = "isp_wifi"
_KEPT = 90 * 24 * 3600
_COOKIE = re.compile(r"[A-Za-z0-9_-]{22}")
#: A picture of one dot: the router's page sees by it that we are there.
_DOT = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
_ROUTE = {"type": "http", "auth": "public", "sitemap": False, "save_session": False}
_GET = {**_ROUTE, "methods": ["GET"]}
_POST = {**_ROUTE, "methods": ["POST"], "csrf": False}


@functools.cache
def _inline(name):
    """:return: a file of ours that stands in the page itself: one request is one round over a slow line"""
    with file_open(f"isp_hotspot/static/src/{name}") as file:
        return Markup(captive.squeeze(re.sub(r"^\s*//.*$", "", file.read(), flags=re.M)))


class Visit:
    """One request of a guest: the hotspot (sudo, in the guest's language), what the router told, the browser.

    There is no account and no session: nothing to be forged from another page but a purchase, which rings the telephone it names.
    """

    def __init__(self, slug, values):
        site = request.env["isp.site"]._of_slug(slug)
        if not site:
            raise NotFound()
        languages = request.env["res.lang"].sudo().get_installed()
        self.languages = [(lang, name.rpartition("/")[2].partition("(")[0].strip()) for lang, name in languages]
        accepted = request.httprequest.headers.get("Accept-Language")
        self.lang = captive.language(str(values.get("lang") or "")[:8], accepted, site.lang, [lang for lang, _name in languages])
        self.chosen = self.lang if values.get("lang") else ""
        self.site = site.with_context(lang=self.lang).with_company(site.company_id)
        self.env = self.site.env
        self.arrival = captive.Arrival.of(values, site.hotspot_name)
        cookie = request.httprequest.cookies.get(COOKIE, "")
        self.new_cookie = "" if _COOKIE.fullmatch(cookie) else secrets.token_urlsafe(16)
        self.device = hashlib.sha256((self.new_cookie or cookie).encode()).hexdigest()
        self.address = request.httprequest.remote_addr or ""
        #: What wrong tries are counted by: browsers forget their cookies.
        self.key = self.arrival.mac or self.address

    def url(self, path="", challenge=False, **more):
        """:return: of another page of the same hotspot, with all that goes with the guest"""
        return f"/wifi/{self.site.slug}{path}{self.arrival.query(challenge, **{'lang': self.chosen, **more})}"

    def page(self, template, **values):
        lang = self.env["res.lang"]._get_data(code=self.lang)
        nonce = secrets.token_urlsafe(9)
        html = self.env["ir.qweb"]._render(
            f"isp_hotspot.{template}",
            {
                "visit": self,
                "site": self.site,
                "arrival": self.arrival,
                "lang_code": self.lang.replace("_", "-"),
                "direction": lang.direction or "ltr",
                "others": [(code, name) for code, name in self.languages if code != self.lang],
                "nonce": nonce,
                "css": _inline("captive.css"),
                "inline": _inline,
                "refresh": 0,
                "problem": None,
                **values,
            },
        )
        return self._finish(http.Response(captive.squeeze(str(html)), content_type="text/html; charset=utf-8"), nonce)

    def go(self, url):
        """:param url: of ours, or of the router's page, which was checked when it came in"""
        return self._finish(http.Response(status=303, headers={"Location": url}))

    def _finish(self, response, nonce=""):
        router = ""
        if self.arrival.link:
            parts = urlsplit(self.arrival.link)
            router = f" {parts.scheme}://{parts.netloc}"
        policy = f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'{router}"
        response.headers["Content-Security-Policy"] = f"{policy}; script-src 'nonce-{nonce}'" if nonce else policy
        response.headers["Cache-Control"] = "no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if self.new_cookie:
            response.set_cookie(COOKIE, self.new_cookie, max_age=_KEPT, path="/wifi", httponly=True, samesite="Lax", secure=request.httprequest.scheme == "https")
        return response

    # === Parts of pages ===

    def main(self, **values):
        if not self.site._is_open():
            return self.page("captive_closed")
        order = self.env["isp.token.order"]._latest_of(self.site, self.device)
        return self.page("captive_main", offers=self.site._portal_offers(), uuid=str(uuid.uuid4()), order=order, **{"problem": self.arrival.problem, "said": "", "number": "", **values})

    def again(self, problem="", said="", page="captive_code", **values):
        """The small page with one form. :param problem: key of ``_portal_problem`` :param said: or in words"""
        return self.page(page, problem=problem, said=said, lines=None, typed="", **values)


class Captive(http.Controller):
    """The pages of a hotspot for guests who are not yet let in. Everything they load comes from here, in one request.

    Nothing of a request is believed: the router's address is checked (``engine.captive``), offers are searched among the site's own, an order is
    shown to who knows its random uuid or has the cookie of the browser that made it.
    """

    @http.route("/wifi/<string:slug>", **_GET)
    def main(self, slug, **values):
        return Visit(slug, values).main()

    @http.route("/wifi/<string:slug>/in", **_POST)
    def log_in(self, slug, **form):
        """A code, by browsers that cannot answer the router's challenge themselves: answered here. Whether it is good is asked by the router."""
        visit = Visit(slug, {**request.httprequest.args.to_dict(), **form})
        word, password = code.clean(form.get("code")), code.clean(form.get("password"))  # of one code there is no password
        if not visit.env["isp.token"]._may_be_code(visit.site, word):
            return visit.again("typo")
        url = visit.arrival.login_url(word, password or word if visit.site.login_mode == "pair" else word)
        if not url:
            return visit.again(said=visit.env._("Join the WiFi %(ssid)s first, then open %(page)s in the browser.", ssid=visit.site.ssid or visit.site.name, page=visit.site.hotspot_name))
        return visit.go(url)

    @http.route("/wifi/<string:slug>/buy", **_POST)
    def buy(self, slug, **form):
        visit = Visit(slug, {**request.httprequest.args.to_dict(), **form})
        offer = visit.site._portal_offers().filtered(lambda offer: str(offer.id) == form.get("offer"))
        if not offer:
            return visit.main(said=visit.env._("Choose what to buy."))
        return self._order(visit, form, lambda orders, key: orders._buy(visit.site, key, offer, str(form.get("number") or "")[:40], visit.device, visit.arrival.mac, visit.lang, visit.address))

    @http.route("/wifi/<string:slug>/trial", **_POST)
    def trial(self, slug, **form):
        visit = Visit(slug, {**request.httprequest.args.to_dict(), **form})
        return self._order(visit, form, lambda orders, key: orders._try_free(visit.site, key, visit.device, visit.arrival.mac, visit.lang, visit.address), then="1")

    def _order(self, visit, form, place, **then):
        """Place an order, once for the page's uuid, and show how it stands; what cannot be is said on the page."""
        key = form.get("uuid")
        if not captive.is_uuid(key):
            raise NotFound()
        try:
            with visit.env.cr.savepoint():
                order = place(visit.env["isp.token.order"], key)
        except UserError as error:
            return visit.main(said=str(error), number=str(form.get("number") or "")[:40])
        return visit.go(visit.url(f"/order/{order.uuid}", go=then.get("then", "")))

    @http.route("/wifi/<string:slug>/order/<string:key>", **_GET)
    def order(self, slug, key, **values):
        """How it stands, and the code when it is there. Looks again by itself, also without JavaScript."""
        visit, order = self._find(slug, key, values)
        stands = order._how_it_stands()
        return visit.page("captive_order", order=order, refresh=6 if stands["state"] == "waiting" else 0, go=values.get("go") == "1", stands=stands)

    @http.route("/wifi/<string:slug>/order/<string:key>/state", **_GET)
    def order_state(self, slug, key, **values):
        visit, order = self._find(slug, key, values)
        stands = order._how_it_stands()
        return request.make_response(json.dumps({"state": stands["state"]}), headers=[("Content-Type", "application/json"), ("Cache-Control", "no-store")])

    def _find(self, slug, key, values):
        visit = Visit(slug, values)
        order = captive.is_uuid(key) and visit.env["isp.token.order"].sudo().search([("uuid", "=", key), ("site_id", "=", visit.site.id)])
        if not order:
            raise NotFound()
        return visit, order

    @http.route("/wifi/<string:slug>/me", **_GET)
    def balance(self, slug, **values):
        """What is left: of who asks from a log-in of ours, else of what this browser has bought, else of a code that is typed."""
        visit = Visit(slug, values)
        there = visit.site._token_at(request.httprequest.remote_addr or "")
        token = there or visit.env["isp.token.order"]._latest_of(visit.site, visit.device).token_id
        return visit.page("captive_code", said="", typed="", lines=token.with_env(visit.env)._lines(named=not there) if token else None, balance=True)

    @http.route("/wifi/<string:slug>/me", **_POST)
    def balance_of(self, slug, **form):
        visit = Visit(slug, {**request.httprequest.args.to_dict(), **form})
        token, problem = self._by_code(visit, form)
        return visit.page("captive_code", said="", problem=problem, typed=form.get("code", "")[:40], lines=token._lines() if token else None, balance=True)

    @http.route("/wifi/<string:slug>/move", **_POST)
    def move(self, slug, **form):
        """Use it on this telephone instead: who knows the code may."""
        visit = Visit(slug, {**request.httprequest.args.to_dict(), **form})
        token, problem = self._by_code(visit, form)
        if not token:
            return visit.again(problem)
        try:
            with visit.env.cr.savepoint():
                token._move_by_guest(visit.key)
        except UserError as error:
            return visit.again(said=str(error))
        url = visit.arrival.login_url(token.code, token.access_id.password)
        return visit.go(url) if url else visit.again(said=visit.env._("Done: log in on this telephone now."))

    def _by_code(self, visit, form):
        """:return: (the token of what was typed, key of the problem): wrong ones are counted, and after some nobody is listened to"""
        tries, tokens = visit.env["isp.portal.try"], visit.env["isp.token"]
        if tries._is_locked(visit.site, visit.key, visit.device, visit.arrival.mac):
            return tokens, "guessing"
        if not tokens._may_be_code(visit.site, code.clean(form.get("code"))):
            return tokens, "typo"
        token = tokens._of_code(visit.site, form.get("code"), form.get("password"))
        if not token:
            tries._note(visit.site, "wrong", visit.key)
        return token, "" if token else "wrong"

    @http.route("/wifi/<string:slug>/terms", **_GET)
    def terms(self, slug, **values):
        return Visit(slug, values).page("captive_terms")

    # === For devices and routers ===

    @http.route("/wifi/<string:slug>/capport", **_GET)
    def capport(self, slug, **_values):
        """RFC 8908. Devices learn the address by DHCP (RFC 8910)."""
        site = request.env["isp.site"]._of_slug(slug)
        if not site:
            raise NotFound()
        answer = json.dumps(site._capport(request.httprequest.remote_addr or ""))
        return request.make_response(answer, headers=[("Content-Type", "application/captive+json"), ("Cache-Control", "private, no-store")])

    @http.route("/wifi/<string:slug>/router/<string:name>", **_GET)
    def router_file(self, slug, name, **_values):
        """The files of the router's own page, which hold nothing secret; and a dot, by which that page sees that we are there."""
        site = request.env["isp.site"]._of_slug(slug)
        if not site or name not in (*ROUTER_FILES, "up.gif"):
            raise NotFound()
        if name == "up.gif":
            return request.make_response(_DOT, headers=[("Content-Type", "image/gif"), ("Cache-Control", "no-store")])
        return request.make_response(site._router_file(name), headers=[("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")])
