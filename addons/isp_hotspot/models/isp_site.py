# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import secrets

from phonenumbers import country_code_for_region

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tools import SQL

from odoo.addons.isp_momo.tools.msisdn import parse
from odoo.addons.isp_secret.fields import Secret

from ..engine import code, life

#: From here on it does not matter how many codes are good: new ones are as long as for a hundred times as many.
MANY = 100_000


class IspSite(models.Model):
    """One hotspot and its owner: the ISP itself, or anybody with one WiFi network.

    Its id is the zone of its routers and of its tokens' accesses: a token is good at its own site only, and a router that is the
    owner's answers for nothing but its own tokens (``isp.router.outside``).
    """

    _name = "isp.site"
    _description = "Hotspot"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    slug = fields.Char(string="Address", required=True, readonly=True, copy=False, default=lambda self: self._new_slug(), help="In the address of its pages.")
    company_id = fields.Many2one("res.company", required=True, readonly=True, default=lambda self: self.env.company)
    currency_id = fields.Many2one(related="company_id.currency_id")
    partner_id = fields.Many2one(
        "res.partner", string="Owner", required=True, index=True, ondelete="restrict", default=lambda self: self.env.company.partner_id, tracking=True
    )
    own = fields.Boolean(string="The ISP's own", compute="_compute_own", store=True)
    state = fields.Selection(
        [("new", "Being set up"), ("open", "Open"), ("blocked", "Blocked")], default="new", required=True, readonly=True, copy=False, tracking=True
    )
    lang = fields.Selection(lambda self: self.env["res.lang"].get_installed(), string="Language", required=True, default=lambda self: self.env.lang or "en_US")

    ssid = fields.Char(string="WiFi name (SSID)", tracking=True)
    wifi_password = Secret(string="Admin WiFi password", groups="isp_base.group_isp_administrator", help="Encrypted; shown to the owner alone, after log-in by password.")
    momo_msisdn = fields.Char(string="MoMo number", tracking=True, help="Where the money of sales is paid out to.")
    momo_holder = fields.Char(string="Holder of the MoMo account", readonly=True, help="As the operator tells it.")

    login_mode = fields.Selection([("code", "One code"), ("pair", "User and password")], string="Log-in by", default="code", required=True)
    offer_ids = fields.One2many("isp.token.offer", "site_id", string="Offers", default=lambda self: self._usual_offers())
    trial_minutes = fields.Integer(string="Free trial (minutes)", help="Once a device and day. 0: none.")
    terms = fields.Text(string="Terms", translate=True, help="Guests see them before they log in.")
    logo = fields.Image(max_width=256, max_height=256)

    router_ids = fields.One2many("isp.router", "site_id", string="Routers")
    token_ids = fields.One2many("isp.token", "site_id", string="Tokens")

    _slug_unique = models.UniqueIndex("(slug)", "This address is taken.")
    _trial_valid = models.Constraint("CHECK(trial_minutes BETWEEN 0 AND 1440)", "A trial lasts a day at most.")

    # === Defaults ===

    @api.model
    def _new_slug(self):
        return "".join(secrets.choice(code.ALPHABET) for _ in range(7))

    @api.model
    def _usual_offers(self):
        return [Command.create({"name": name, "seconds": seconds, "sequence": rank}) for rank, (name, seconds) in enumerate(life.USUAL)]

    # === Computes ===

    @api.depends("partner_id", "company_id")
    def _compute_own(self):
        for site in self:
            site.own = site.partner_id == site.company_id.partner_id

    # === Constraints ===

    @api.constrains("ssid")
    def _check_ssid(self):
        """IEEE 802.11: 1 to 32 bytes."""
        for site in self.filtered("ssid"):
            if not site.ssid.isprintable() or len(site.ssid.encode()) > 32:
                raise ValidationError(self.env._("A WiFi name has at most 32 characters (Arabic: 16)."))

    @api.constrains("momo_msisdn")
    def _check_momo_msisdn(self):
        for site in self.filtered("momo_msisdn"):
            if parse(site.momo_msisdn, site.company_id.country_id.code or "SS") != site.momo_msisdn:
                raise ValidationError(self.env._("“%(number)s” is no telephone number.", number=site.momo_msisdn))

    # === CRUD ===

    def write(self, vals):
        if vals.get("login_mode") == "code":
            self.filtered(lambda site: site.login_mode == "pair")._need_no_passwords()
        result = super().write(vals)
        if {"partner_id", "state", "active"} & vals.keys():
            self.sudo().with_context(active_test=False).router_ids._sync_site()
        return result

    def _need_no_passwords(self):
        """:raise UserError: there are tokens with a password, for which nobody would be asked any more"""
        good = Domain("site_id", "in", self.ids) & Domain("state", "in", ("made", "sold", "in_use"))
        self.env.flush_all()
        ids = self.env["isp.token"].sudo()._search(good)
        ((count,),) = self.env.execute_query(SQL("SELECT count(*) FROM isp_token t JOIN isp_access a ON a.id = t.access_id WHERE a.password <> t.code AND t.id IN %s", ids.subselect()))
        if count:
            raise UserError(self.env._("%(count)s tokens with a password are good still: with one code they would let nobody in. Block them, or change it when they are used up.", count=count))

    @api.ondelete(at_uninstall=False)
    def _unlink_only_unused(self):
        if self.env["isp.token"].sudo().search_count([("site_id", "in", self.ids)], limit=1):
            raise UserError(self.env._("This hotspot has tokens; archive it instead."))

    # === Actions ===

    def action_open(self):
        self.state = "open"

    def action_block(self):
        """Nothing is sold or paid out any more, and nobody gets in: its routers are closed (``isp.router._sync_site``). Its tokens stay as they are."""
        self.state = "blocked"

    # === Business ===

    def _is_open(self):
        return self.active and self.state != "blocked"

    def _need_open(self):
        """:raise UserError: nothing is given out here now"""
        if not self._is_open():
            raise UserError(self.env._("This hotspot is closed. Ask %(company)s.", company=self.company_id.name))

    def _good_codes(self):
        """:return: how many codes of the site would be let in, counted to 100,000: the length of new ones follows from it"""
        good = self.env["isp.token"].sudo().search_count([("site_id", "=", self.id), ("state", "in", ("made", "sold", "in_use"))], limit=MANY)
        return 100 * MANY if good == MANY else good

    def _parse_phone(self, text):
        """:param text: as typed :return: E.164 with its plus, "" for none :raise UserError: it is no number"""
        country = self.company_id.country_id.code or "SS"
        number = parse(text, country) if text else ""
        # A digit too many makes it somebody's in another country: that is meant by who writes the country.
        if number and not text.strip().startswith(("+", "00")) and not number.startswith(str(country_code_for_region(country))):
            raise UserError(self.env._("“%(number)s” is no telephone number here. Write those of other countries with + and the country's code.", number=text))
        if text and not number:
            raise UserError(self.env._("“%(number)s” is no telephone number.", number=text))
        return f"+{number}" if number else ""

    def _is_theirs(self, user):
        """:return: whether this user is its owner, or staff of the ISP who may see it"""
        self.ensure_one()
        return user.partner_id.commercial_partner_id == self.partner_id.commercial_partner_id
