# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import io

from PIL import Image, UnidentifiedImageError

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import file_open

from odoo.addons.isp_momo.drivers import WALLETS
from odoo.addons.isp_network.engine.volume import human
from odoo.addons.isp_network.models.isp_session import ALIVE

from ..engine import captive

#: What a logo may weigh on the page of a guest (base64 makes a third more of it).
LOGO_BYTES = 4500
#: The files of the router's page: static/router.
ROUTER_FILES = ("login.html", "alogin.html", "status.html", "logout.html", "redirect.html", "error.html", "errors.txt")


class IspSite(models.Model):
    """The pages that guests of a hotspot see before they are let in: served here, and a few of them by its router (static/router)."""

    _inherit = "isp.site"

    hotspot_name = fields.Char(
        string="Name of the log-in page",
        default="wifi.internal",
        required=True,
        help="Its routers answer to it; typed into any browser it opens the log-in page. Names that end in .internal are nobody else's.",
    )
    plain_login = fields.Boolean(string="Log-in without JavaScript", help="The router's own page, while our server is away, then also takes codes that anybody near can read.")
    portal_logo = fields.Text(compute="_compute_portal_logo", store=True, help="Small enough for a slow line, as a data: address.")

    # === Computes ===

    @api.depends("logo")
    def _compute_portal_logo(self):
        for site in self:
            site.portal_logo = _light(base64.b64decode(site.logo)) if site.logo else False

    # === Constraints ===

    @api.constrains("hotspot_name")
    def _check_hotspot_name(self):
        for site in self:
            if not captive.is_name(site.hotspot_name):
                raise ValidationError(self.env._("“%(name)s” is no name for a page: small letters, digits, dashes and dots.", name=site.hotspot_name or ""))

    # === What guests are shown ===

    @api.model
    def _of_slug(self, slug):
        """:return: the hotspot of these pages (sudo), also a closed one; empty when there is none"""
        return self.sudo().with_context(active_test=False).search([("slug", "=", slug)]) if slug.isprintable() else self.sudo()

    def _portal_url(self):
        """:return: the address of its pages, as routers and guests reach it"""
        self.ensure_one()
        return f"{self.env['isp.router.setup']._base_url()}/wifi/{self.slug}"

    def _is_open(self):
        return self.active and self.state != "blocked"

    def _wallet(self):
        """:return: the ``payment.provider`` (sudo) that asks by telephone, of the site's company"""
        codes = [name for name, wallet in WALLETS.items() if wallet.flow == "push"]
        domain = [("code", "in", codes), ("state", "!=", "disabled"), ("company_id", "=", self.company_id.id)]
        return self.env["payment.provider"].sudo().search(domain, order="sequence, id", limit=1)

    def _portal_offers(self):
        """:return: what a guest can buy here and now"""
        if not self._is_open() or not self._wallet():
            return self.env["isp.token.offer"]
        return self.sudo().offer_ids.filtered(lambda offer: offer.active and offer.public and offer.price > 0)

    def _portal_problem(self, kind):
        """:param kind: as ``engine.captive.problem`` says :return: (what is wrong, what to do)"""
        texts = {
            "expired": (self.env._("Your time is over"), self.env._("Buy time below, or type another code.")),
            "time": (self.env._("Your time is used up"), self.env._("Buy time below, or type another code.")),
            "data": (self.env._("Your data is used up"), self.env._("Buy time below, or type another code.")),
            "elsewhere": (self.env._("This code is of another place"), self.env._("It works only at the WiFi for which it was given. Type a code of this place, or buy time.")),
            "guessing": (self.env._("Too many wrong tries"), self.env._("Wait fifteen minutes, then type the code once more, letter by letter.")),
            "bound": (self.env._("This code belongs to another telephone"), self.env._("A free trial works only on the telephone that asked for it. Type another code, or buy time.")),
            "devices": (self.env._("It is in use on another telephone"), self.env._("Log out there, or use it on this telephone instead.")),
            "closed": (self.env._("This code was blocked"), self.env._("Ask whoever gave it to you.")),
            "away": (self.env._("The log-in does not work at the moment"), self.env._("Try again in a minute. Your code keeps its time.")),
            "full": (self.env._("Too many people are on line here"), self.env._("Try again in some minutes. Your code keeps its time.")),
            "again": (self.env._("Please try once more"), self.env._("The page was open for too long.")),
            "wrong": (self.env._("This code is not known"), self.env._("Look at each letter: there is no 0, O, 1, I or L in a code.")),
            "typo": (self.env._("There is a wrong letter in this code"), self.env._("Look at each letter: there is no 0, O, 1, I or L in a code.")),
            "other": (self.env._("You were not let in"), self.env._("Try once more. If it stays so, ask whoever gave you the code.")),
        }
        return texts[kind]

    def _time_left_text(self, seconds):
        """:return: "2 d 3 h", "45 min" in the language of the context"""
        words = {"day": self.env._("%s d"), "hour": self.env._("%s h"), "minute": self.env._("%s min")}
        return " ".join(words[unit] % count for unit, count in captive.spell(seconds))

    def _data_text(self, count):
        return f"\u2066{human(count)}\u2069"

    # === RFC 8908 ===

    def _token_at(self, address):
        """Whose log-in has this address at a router of the site now. Behind NAT a request comes from the router, and there is nobody.

        :return: ``isp.token`` (sudo), empty when it is not known, or not one
        """
        here = [name for name in self.sudo().router_ids.mapped("nas_ip") if name]
        alive = [("stopped", "=", False), ("updated", ">", fields.Datetime.now() - ALIVE)]
        sessions = self.env["isp.session"].sudo().search([("nas_ip", "in", here), *alive, ("framed_ip", "=", address)], limit=2)
        return sessions.access_id.token_ids if len(sessions) == 1 else self.env["isp.token"].sudo()

    def _knows(self, device, mac):
        """:param device: digest of a browser's cookie :param mac: as the router told it, or somebody made it up
        :return: whether this browser has bought here, or this device was let in here"""
        if self.env["isp.token.order"].sudo().search_count([("site_id", "=", self.id), ("device", "=", device), ("state", "=", "done"), ("method", "!=", "trial")], limit=1):
            return True
        return bool(mac) and bool(self.env["isp.session"].sudo().search_count([("mac", "=", mac), ("access_id.zone", "=", self.id)], limit=1))

    def _capport(self, address):
        """:param address: of the device that asks :return: the answer of RFC 8908"""
        url = self._portal_url()
        answer = {"captive": True, "user-portal-url": url, "venue-info-url": url, "can-extend-session": bool(self._portal_offers())}
        token = self._token_at(address)
        if token:
            facts = token._facts()[token.id]
            answer["captive"] = facts["left"] == 0 or facts["data_left"] == 0
            for name, key in (("left", "seconds-remaining"), ("data_left", "bytes-remaining")):
                if facts[name] is not None and not answer["captive"]:
                    answer[key] = facts[name]
        return answer

    # === The router's own pages ===

    def _router_file(self, name):
        """:param name: one of ROUTER_FILES :return: its text for this site; the router fills in its own variables, $(…)"""
        self.ensure_one()
        with file_open(f"isp_hotspot/static/router/{name}") as file:
            text = file.read()
        values = {"@PORTAL@": self._portal_url(), "@NAME@": self.ssid or self.name, "@MODE@": self.login_mode}
        for mark, value in values.items():
            # A $ would begin a variable of the router's.
            text = text.replace(mark, "".join(f"&#{ord(char)};" if char in "<>&\"'$\\" or ord(char) < 32 else char for char in value))
        return text

    def _router_files(self):
        """:return: [(address, name)] of what the router fetches"""
        return [(f"{self._portal_url()}/router/{name}", name) for name in ROUTER_FILES]


def _light(data):
    """:return: the picture as a data: address of LOGO_BYTES at most; False when it is none"""
    try:
        image = Image.open(io.BytesIO(data)).convert("RGBA")
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
        return False
    image.thumbnail((96, 96))
    paper = Image.new("RGB", image.size, "white")
    paper.paste(image, mask=image.getchannel("A"))
    for quality in (80, 60, 40, 20, 5):
        out = io.BytesIO()
        paper.save(out, "JPEG", quality=quality, optimize=True)
        if out.tell() <= LOGO_BYTES:
            return f"data:image/jpeg;base64,{base64.b64encode(out.getvalue()).decode()}"
    return False
