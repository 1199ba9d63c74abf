# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import ipaddress
import secrets
import uuid
from urllib.parse import urlsplit

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.isp_momo.tools.msisdn import parse
from odoo.addons.isp_secret.fields import reveal
from odoo.addons.isp_secret.tools.secret import encrypt

from ..engine import form


class IspSite(models.Model):
    """The owner's set-up on a telephone: MoMo number, WiFi name, admin WiFi password, router. Called as ``isp_site_app`` is."""

    _inherit = "isp.site"

    setup_router_id = fields.Many2one("isp.router", string="Router being set up", readonly=True, copy=False, ondelete="set null")
    setup_since = fields.Datetime(readonly=True, copy=False, help="From here on a packet of that router is its first one.")

    # === MoMo number ===

    def _momo_provider(self):
        """:return: the ``payment.provider`` (sudo) that knows whose a wallet is; empty when there is none"""
        domain = [("code", "=", "mtn_momo"), ("state", "!=", "disabled"), ("company_id", "=", self.company_id.id)]
        return self.env["payment.provider"].sudo().search(domain, order="sequence, id", limit=1)

    def _app_momo(self, text):
        """The number that money is paid out to was typed: have the operator asked whose it is.

        :raise UserError: no number, or one that cannot receive
        """
        self.ensure_one()
        digits = self._need_mtn(text)
        self.env["isp.site.holder"]._ask(self, digits)
        return self._app_momo_state(digits)

    def _need_mtn(self, text):
        digits = parse(str(text or "")[:40], self.company_id.country_id.code or "SS")
        if not digits:
            raise UserError(self.env._("This is no telephone number. Write it as 092 123 4567."))
        if not form.receives(digits):
            raise UserError(self.env._("This is not a number of MTN South Sudan (092… or 099…): another operator's number cannot receive MoMo."))
        return digits

    def _app_momo_state(self, digits):
        """:return: {"number", "state": asking, known, none or silent, "name"}"""
        holder = self.env["isp.site.holder"].sudo().search([("site_id", "=", self.id), ("msisdn", "=", str(digits or "")[:20])])
        if not holder:
            raise UserError(self.env._("Type the number first."))
        return {"number": holder.msisdn, "state": holder.state, "name": holder.name or ""}

    def _app_momo_confirm(self, digits):
        """The owner says that it is the right one. Who had another number before is told by SMS: it is where the money goes."""
        self.ensure_one()
        holder = self.env["isp.site.holder"].sudo().search([("site_id", "=", self.id), ("msisdn", "=", str(digits or "")[:20])])
        if not holder or not form.receives(holder.msisdn):
            raise UserError(self.env._("Type the number first."))
        if holder.state == "asking":
            raise UserError(self.env._("MTN is being asked whose number this is. A moment."))
        if holder.state == "none":
            raise UserError(self.env._("MTN knows no MoMo wallet of this number. Register it, or take another one."))
        before = self.momo_msisdn
        self.write({"momo_msisdn": holder.msisdn, "momo_holder": holder.name})
        user = self.env.user
        if holder.name and user.name == user.login:
            # Who signed up by a number has had no name yet.
            user.partner_id.sudo().name = holder.name
        if before and before != holder.msisdn:
            self._tell_owner(self.env._("%(site)s: MoMo money is paid out to +%(number)s from now on. Was it not you? Call %(company)s.", site=self.name, number=holder.msisdn, company=self.company_id.name))
        return self._app_shop()

    def _tell_owner(self, text):
        """An SMS to the number that the owner logs in with. Idempotency key: a UUID of its own, in the transaction of its cause."""
        user = self.env.user
        row = {
            "uuid": f"isp_site-{uuid.uuid4()}",
            "number": user.login if user.login.startswith("+") else user.partner_id.phone or "",
            "body": text,
            "partner_id": user.partner_id.id,
            "company_id": self.company_id.id,
            "res_model": self._name,
            "res_id": self.id,
            "reason": self.env._("MoMo number changed"),
        }
        if row["number"]:
            self.env["isp.sms.message"].sudo()._enqueue([row])

    # === Admin WiFi password ===

    def _app_set_wifi_password(self, text):
        """Keep it encrypted. It goes nowhere but to the owner's own screen (``_app_wifi_password``).

        :raise UserError: it is no WPA2 password
        """
        self.ensure_one()
        text = str(text or "")
        words = {
            "short": self.env._("A WiFi password has at least 8 characters."),
            "long": self.env._("A WiFi password has at most 63 characters."),
            "letters": self.env._("A WiFi password has English letters, digits and signs only: routers take no others."),
        }
        if fault := form.wifi_fault(text):
            raise UserError(words[fault])
        # Encrypted here: the field takes what looks like a token for one.
        self.wifi_password = encrypt(text)
        return self._app_shop()

    def _app_wifi_password(self):
        """:return: the text; the caller has made sure who asks"""
        self.ensure_one()
        return reveal(self, "wifi_password")

    # === Router ===

    def _app_open(self):
        """The set-up is complete. A hotspot that was blocked stays so."""
        self.ensure_one()
        if not self.ssid:
            raise UserError(self.env._("What is the name of your WiFi?"))
        if not self.wifi_password:
            raise UserError(self.env._("Give the admin WiFi password first."))
        if self.state == "new":
            self.state = "open"
        return self._app_shop()

    def _app_router_line(self, interface, uplink, address, mine):
        """A MikroTik router: make the line that is pasted into its terminal. Made again: the line before no longer works.

        :param interface: where guests are :param uplink: where the internet is :param mine: address from which this was asked
        :return: {"line", "minutes"} and the steps
        """
        self.ensure_one()
        values = {
            "hotspot": True,
            "pppoe": False,
            "hotspot_interface": self._need_interface(interface or "wlan1"),
            "hotspot_address": "10.5.50.1/24",
            "uplink": self._need_interface(uplink or "ether1"),
        }
        setup = self._setup()
        if setup:
            setup.write(values)
        else:
            setup = self._new_setup(values)
        if not setup.wireguard:
            setup.nas_ip = self._need_address(address or setup.nas_ip or mine, setup.router_id)
        action = setup.action_make_line()
        setup.router_id.site_id = self
        return {"line": action["context"]["default_line"], "minutes": action["context"]["default_minutes"], **self._app_router_state()}

    def _new_setup(self, values):
        setups = self.env["isp.router.setup"].sudo().with_company(self.company_id)
        setup = setups.create({"router_name": self._router_name(), "company_id": self.company_id.id, **values})
        if not setup.radius_address or not setup.server_addresses:
            raise UserError(self.env._("%(company)s has not prepared this yet: call them, they see your hotspot in their list.", company=self.company_id.name))
        return setup

    def _setup(self):
        """:return: the set-up by a line of this hotspot's router (sudo), empty when there is none"""
        domain = [("router_id.site_id", "=", self.id), ("state", "!=", "undone")]
        return self.env["isp.router.setup"].sudo().search(domain, limit=1)

    def _router_name(self):
        return f"{self.ssid or self.name} ({self.slug})"

    def _app_router_state(self):
        """:return: {"steps": [{"key", "label", "state": good, wait or bad, "text"}], "health"} of the set-up by a line"""
        setup = self._setup()
        steps = [dict(step) for step in setup.steps or []]
        for step in steps:
            if step["key"] == "tunnel" and step["state"] == "wait" and step["text"]:
                step["text"] = self.env._("%(company)s connects your router: this may take some minutes.", company=self.company_id.name)
        return {"steps": steps, "health": setup.health or "new"}

    def _app_router_radius(self, address, mine):
        """An access point that speaks RADIUS: tell it to ours, and what is to be typed into it. Asked again: the same secret.

        :param address: from which its packets come, as typed; blank: ``mine``, from which this was asked
        :return: {"server", "auth", "acct", "secret", "portal": where it sends guests, "host": which it lets through, "address", "heard"}
        """
        self.ensure_one()
        routers = self.env["isp.router"].sudo()
        router = self.setup_router_id.filtered(lambda r: r.site_id == self and r not in self._setup().router_id)
        address = self._need_address(address or mine, router)
        if not router:
            router = routers.create(
                {"name": self._router_name(), "nas_ip": address, "radius_secret": secrets.token_hex(10), "site_id": self.id, "company_id": self.company_id.id, "wire": "none"}
            )
            self.write({"setup_router_id": router.id, "setup_since": fields.Datetime.now()})
        elif router.nas_ip != address:
            router.nas_ip = address
            self.setup_since = fields.Datetime.now()
        return {**self._radius_server(), "secret": router.radius_secret, "portal": self._portal_url(), "host": urlsplit(self._portal_url()).hostname, "address": router.nas_ip, "heard": self._app_router_heard()}

    def _app_router_heard(self):
        """:return: whether a packet of the router has come: a log-in that was tried, or accounting"""
        router, since = self.setup_router_id, self.setup_since
        if not router or not since:
            return False
        sessions, attempts = self.env["isp.session"].sudo(), self.env["isp.login.attempt"].sudo()
        return bool(
            sessions.search_count([("nas_ip", "=", router.nas_ip), ("updated", ">=", since)], limit=1)
            or attempts.search_count([("nas_ip", "=", router.nas_ip), ("last", ">=", since)], limit=1)
        )

    def _radius_server(self):
        """:return: where access points of strangers ask: system parameters ``isp_hotspot.radius_host`` and ``…radius_ports``, else this server"""
        params = self.env["ir.config_parameter"].sudo()
        host = params.get_param("isp_hotspot.radius_host") or urlsplit(params.get_param("web.base.url") or "").hostname or ""
        ports = [part.strip() for part in (params.get_param("isp_hotspot.radius_ports") or "1812,1813").split(",")]
        return {"server": host, "auth": ports[0], "acct": ports[-1]}

    def _need_interface(self, text):
        text = str(text or "").strip()
        if not text or len(text) > 60 or not text.isprintable() or set(text) & set('",'):
            raise UserError(self.env._("Which interface? Its name stands in the router's list, such as wlan1 or ether1."))
        return text

    def _need_address(self, text, router):
        """An address that nobody else has, on the internet or in a network of the ISP (system parameter ``isp_hotspot.router_networks``).

        Others would let a stranger speak for what is inside: a server of ours, a router that is not registered yet.
        """
        text = str(text or "").strip()
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError as error:
            raise UserError(self.env._("%(address)s is not an address such as 197.0.2.14.", address=text)) from error
        networks = (self.env["ir.config_parameter"].sudo().get_param("isp_hotspot.router_networks") or "").replace(",", " ").split()
        if (not address.is_global or address.is_multicast) and not any(address in ipaddress.ip_network(network, strict=False) for network in networks):
            raise UserError(self.env._("%(address)s is an address inside your own network. Give the one that the internet sees.", address=text))
        others = self.env["isp.router"].sudo().with_context(active_test=False).search([("nas_ip", "=", text)]) - (router or self.env["isp.router"])
        if others:
            raise UserError(self.env._("Another router has the address %(address)s already. Ask %(company)s.", address=text, company=self.company_id.name))
        return text
