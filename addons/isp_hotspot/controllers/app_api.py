# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import inspect
import json
import time

from odoo import http
from odoo.exceptions import AccessDenied, UserError
from odoo.http import request

from ..engine import form
from ..models.res_users import BY_SMS
from .app import HOME

#: Seconds after a log-in by SMS in which it stands for the password.
FRESH = 900
#: Things of one sync, and codes of a reserve: what is above is not looked at.
_LONGEST = 200


def api(name, auth="user"):
    """A JSON route of the app, ``/wifi/app/api/<name>``: POST of application/json, which no other site's page can send with our cookie.

    The method says by the names of its arguments what is taken from the request; ``site`` is the hotspot of this address (its slug) among the
    user's own, as superuser: the only place where that is decided. What cannot be is answered ``{"error": text}`` in the reader's language, and
    nothing of it is kept.
    """

    def wrap(method):
        taken = [argument for argument in inspect.signature(method).parameters if argument != "self"]

        @http.route(f"{HOME}/api/{name}", type="jsonrpc", auth=auth, methods=["POST"], sitemap=False)
        def answer(self, **params):
            _speak()
            values = {argument: params.get(argument) for argument in taken}
            try:
                if "\\u0000" in json.dumps(params):
                    raise UserError(request.env._("The app sent something that nobody understands. Load it again."))
                if auth == "user":
                    _need_owner()
                if "site" in values:
                    # What was sold before it was closed is still told.
                    values["site"] = _own_site(values["site"], archived=name == "sync")
                # A wrong code or password is counted although it is refused.
                if auth == "public":
                    return method(self, **values)
                with request.env.cr.savepoint():
                    return method(self, **values)
            except UserError as error:
                return {"error": str(error)}

        answer.__name__ = method.__name__
        answer.__doc__ = method.__doc__
        return answer

    return wrap


def _speak():
    """Answer in the language that the app shows."""
    lang = request.httprequest.headers.get("X-Lang")
    if lang in dict(request.env["res.lang"].sudo().get_installed()):
        request.update_context(lang=lang)


def _need_owner():
    if not request.env.user.has_group("isp_hotspot.group_hotspot_owner"):
        raise UserError(request.env._("You have no hotspot yet: log in once with a code by SMS."))


def _own_site(slug, archived=False):
    """:param archived: also one that is :return: the user's hotspot of this address (sudo) :raise UserError: it is somebody else's, or there is none"""
    domain = [("slug", "=", str(slug or "")[:20]), ("partner_id", "=", request.env.user.commercial_partner_id.id)]
    site = request.env["isp.site"].with_context(active_test=not archived).search(domain).with_context(request.env.context)
    if not site:
        raise UserError(request.env._("This hotspot is not yours, or was closed."))
    return site.sudo()


class OwnerAppApi(http.Controller):
    """What the owner's app asks. Public: to log in. All else: of the user's own hotspots."""

    # === Logging in ===

    @api("code", auth="public")
    def code(self, number=None):
        """Send a code to this number. :return: {"wait": seconds until another may be asked for}"""
        return {"wait": request.env["isp.owner.code"].sudo()._ask(number, request.httprequest.remote_addr)}

    @api("login", auth="public")
    def login(self, number=None, code=None, password=None):
        """By ``code`` (signs up who is new) or by ``password``. :return: as ``me``; or {"totp": address} where a second step is asked for"""
        number = request.env["isp.owner.code"].sudo()._number(number)
        credential = {"login": number, "type": BY_SMS, "code": str(code)} if code else {"login": number, "type": "password", "password": str(password or "")}
        lang = request.env.lang
        try:
            found = request.session.authenticate(request.env, credential)
        except AccessDenied as error:
            said = error.args[0] if error.args and error.args[0] != AccessDenied().args[0] else ""
            wrong = request.env._("This code is not right, or too old.") if code else request.env._("Number or password is not right.")
            return {"error": said or wrong}
        request.session["isp_hotspot_by"] = found["auth_method"]
        request.session["isp_hotspot_at"] = time.time()
        if not request.session.uid:
            return {"totp": f"/web/login/totp?redirect={HOME}"}
        request.update_context(lang=lang)
        _need_owner()
        return self._me()

    @api("me")
    def me(self):
        """Who is logged in, how, and the own hotspots."""
        return self._me()

    def _me(self):
        user = request.env.user
        sites = request.env["isp.site"].search([("partner_id", "=", user.commercial_partner_id.id)], order="id")
        return {
            "user": user.id,
            "number": user.login,
            "name": user.name,
            "by": "sms" if request.session.get("isp_hotspot_by") == BY_SMS else "password",
            "password": user._has_password(),
            "csrf": request.csrf_token(),
            "sites": [site.sudo()._app_shop() for site in sites],
        }

    @api("logout")
    def logout(self, device=None):
        """The telephone forgets its reserve, of all hotspots; the codes are good no more. What it sold must have been synced before."""
        # One's own telephone (``user_id``), at whichever hotspot, also one that is closed by now.
        found = request.env["isp.site.device"].sudo().search([("uuid", "=", _text(device)), ("user_id", "=", request.env.uid)])
        found._drop()
        request.env.flush_all()
        request.session.logout(keep_db=True)
        return {}

    @api("money")
    def money(self, site=None):
        """What came in, what was kept and paid out, and the statements."""
        return site._app_money()

    @api("payout")
    def payout(self, site=None):
        """Pay out now what is due. :return: as ``money``"""
        return site._app_pay_out()

    @api("password")
    def password(self, new=None, old=None):
        """Set a password to log in with. Who has one types it too, or has just logged in by SMS."""
        user, new = request.env.user, str(new or "").strip()
        words = {
            "short": request.env._("A password has at least 8 characters."),
            "long": request.env._("A password has at most 128 characters."),
            "number": request.env._("Not your own number: everybody knows it."),
            "simple": request.env._("Too easy to guess: take some words, or more kinds of characters."),
        }
        if fault := form.password_fault(new, user.login):
            raise UserError(words[fault])
        if user._has_password() and not _fresh() and not _typed(old):
            return {"error": request.env._("The old password is not right. Forgotten? Log in by a code once more.")}
        user.sudo()._change_password(new)
        request.env.flush_all()
        # Other telephones are logged out by it; this one is not.
        request.session.session_token = user._compute_session_token(request.session.sid)
        return {"password": True}

    @http.route(f"{HOME}/wifi-password", type="http", auth="user", methods=["POST"], sitemap=False)
    def wifi_password(self, site=None, password=None, **_kwargs):
        """The admin WiFi password as plain text, to the owner alone: logged in by password, which is typed again now. No JSON, kept nowhere."""
        _speak()
        try:
            _need_owner()
            found = _own_site(site)
            if request.session.get("isp_hotspot_by") == BY_SMS:  # of Odoo's own log-in pages there is no word: by password
                return _plain(request.env._("Log out, and log in with your password, to see it."), 403)
            if not _typed(password):
                return _plain(request.env._("The password is not right."), 403)
            return _plain(found._app_wifi_password(), 200)
        except UserError as error:
            return _plain(str(error), 403)

    # === Set-up ===

    @api("momo")
    def momo(self, site=None, number=None, password=None):
        """Type the MoMo number; who changes one types the password too, or has just come by a code, because the money goes there."""
        if site.momo_msisdn and request.env.user._has_password() and not _typed(password):
            return {"error": request.env._("Your password is not right. It is asked for because the money goes to this number."), "password": True}
        if site.momo_msisdn and not request.env.user._has_password() and not _fresh():
            return {"error": request.env._("The money goes to this number: log out, log in by a code once more, and change it then.")}
        answer = site._app_momo(number)
        request.session["isp_hotspot_momo"] = [site.id, answer["number"]]
        return answer

    @api("momo_state")
    def momo_state(self, site=None, number=None):
        return site._app_momo_state(number)

    @api("momo_confirm")
    def momo_confirm(self, site=None, number=None):
        if site.momo_msisdn and request.session.get("isp_hotspot_momo") != [site.id, number]:
            raise UserError(request.env._("Type the number first."))
        answer = site._app_momo_confirm(number)
        request.session.pop("isp_hotspot_momo", None)
        return answer

    @api("save")
    def save(self, site=None, values=None):
        """Settings that were changed: name, ssid, login_mode, trial, terms, lang."""
        return site._app_save(_dict(values))

    @api("set_wifi_password")
    def set_wifi_password(self, site=None, text=None):
        return site._app_set_wifi_password(text)

    @api("open")
    def open(self, site=None):
        return site._app_open()

    @api("router_line")
    def router_line(self, site=None, interface=None, uplink=None, address=None):
        return site._app_router_line(interface, uplink, address, request.httprequest.remote_addr)

    @api("router_state")
    def router_state(self, site=None):
        return site._app_router_state()

    @api("router_radius")
    def router_radius(self, site=None, address=None):
        return site._app_router_radius(address, request.httprequest.remote_addr)

    @api("router_heard")
    def router_heard(self, site=None):
        return {"heard": site._app_router_heard()}

    # === Every day ===

    @api("home")
    def home(self, site=None):
        return site._app_home()

    @api("give")
    def give(self, site=None, item=None, device=None):
        """Give or sell one token now. Asked twice with one uuid: once."""
        order = site._app_give(_dict(item), request.env["isp.site.device"]._of(site, _uuid(device)) if device else None)
        return order._app_answer()

    @api("order")
    def order(self, site=None, uuid=None):
        return site._app_order(uuid)

    @api("sync")
    def sync(self, site=None, device=None, name=None, items=None, held=None):
        """What a telephone gave while it had no network; its reserve is filled up."""
        found = request.env["isp.site.device"]._of(site, _uuid(device), _text(name))
        return site._app_sync(found, _list(items), [_text(code) for code in _list(held)])

    @api("given")
    def given(self, site=None, text=None, before=None):
        return site._app_given(_text(text), before)

    @api("token")
    def token(self, site=None, id=None):
        return site._app_token(id)._app_page()

    @api("token_do")
    def token_do(self, site=None, id=None, what=None, seconds=None):
        token = site._app_token(id)
        token._app_do(_text(what), seconds)
        return token._app_page()

    @api("offer")
    def offer(self, site=None, id=None, values=None):
        return site._app_save_offer(id, _dict(values))

    @api("offer_drop")
    def offer_drop(self, site=None, id=None):
        return site._app_drop_offer(id)

    @api("devices")
    def devices(self, site=None):
        return {"devices": site._app_devices()}

    @api("device_drop")
    def device_drop(self, site=None, id=None):
        return {"devices": site._app_drop_device(id)}


# === Parts ===


def _fresh():
    """:return: whether this session has just begun by a code, sent to the number"""
    return request.session.get("isp_hotspot_by") == BY_SMS and time.time() - request.session.get("isp_hotspot_at", 0) < FRESH


def _typed(password):
    """:return: whether this is the user's password; wrong ones count for Odoo's cooldown"""
    user = request.env.user
    try:
        with user._assert_can_auth(user=user.login):
            user._check_credentials({"type": "password", "login": user.login, "password": str(password or "")}, {"interactive": True})
    except AccessDenied:
        return False
    return True


def _plain(text, status):
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff")]
    return request.make_response(text, headers, status=status)


def _text(value):
    return value[:_LONGEST] if isinstance(value, str) else ""


def _dict(value):
    return value if isinstance(value, dict) else {}


def _list(value):
    return value[:_LONGEST] if isinstance(value, list) else []


def _uuid(value):
    """:raise UserError: this is not how a telephone calls itself"""
    if not isinstance(value, str) or not 8 <= len(value) <= 64 or not value.isprintable():
        raise UserError(request.env._("The app sent something that nobody understands. Load it again."))
    return value
