# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import ipaddress
import logging
import re
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools.translate import LazyTranslate

from odoo.addons.isp_secret.tools.secret import decrypt, encrypt

from ..drivers import coa, routeros
from ..engine import router_setup as engine
from ..fields import Sentence, english

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: A router that lost its connection may fetch its script again for so long.
AGAIN = timedelta(minutes=10)
#: So long after the fetch its report is taken.
REPORT = timedelta(minutes=60)
#: Answers to one token, of all kinds.
MAX_ANSWERS = 20
#: Looks at a router after its report, half a minute apart.
MAX_CHECKS = 20
#: Seconds that its clock may be wrong.
SKEW = 120
_INTERFACE = re.compile(r"[^,\x00-\x1f\"]{1,60}")
_HOST = re.compile(r"(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*", re.I)
_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw480]=")
#: What the next router has in common with the last one.
_SHARED = (
    "radius_address", "radius_port", "accounting_port", "server_addresses", "dns_servers", "ntp_servers", "allowed_hosts", "wall_page", "uplink",
    "wireguard", "wireguard_endpoint", "wireguard_port", "wireguard_key", "wireguard_server_address", "check_certificate",
)  # fmt: skip


class IspRouterSetup(models.Model):
    """How one router is set up by one pasted line, and how far it has come.

    The line holds a random token, of which only the digest is kept. The script is made when the router asks for it, holds the secrets, and is
    stored nowhere. Idempotent: the same script twice changes nothing; a new line may be made at any time and ends the old one.

    Whoever has a line has the router's secrets. A technician gets lines for new routers, for those without secrets, and for those that name him
    (``setup_user_id``: the one who began, until the router reports that all went well, or whom an administrator chose).
    """

    _name = "isp.router.setup"
    _inherit = ["isp.readonly.mixin"]
    _description = "Set-up of a router"
    _order = "id desc"
    _rec_name = "router_name"

    router_id = fields.Many2one("isp.router", ondelete="cascade", index=True)
    router_name = fields.Char(string="Name", required=True)
    company_id = fields.Many2one("res.company", default=lambda self: self.env.company)
    nas_ip = fields.Char(string="Address", help="From here its RADIUS packets come, there CoA and the API go to. With a tunnel it is given.")

    pppoe = fields.Boolean(string="PPPoE", default=True)
    pppoe_interfaces = fields.Char(string="PPPoE interfaces", help="Names as on the router, with commas.")
    pppoe_pool = fields.Char(string="PPPoE addresses", help="Ranges or networks, with commas.")
    pppoe_gateway = fields.Char(string="The router's PPPoE address")
    hotspot = fields.Boolean(string="Hotspot")
    hotspot_interface = fields.Char(string="Hotspot interface")
    hotspot_address = fields.Char(string="Hotspot network", help="The router's address with the length of the network: customers get the others.")
    hotspot_dns_name = fields.Char(string="Name of the log-in page")
    uplink = fields.Char(help="Customers leave through this interface with the router's address (NAT). Blank: NAT is not our business.")
    dns_servers = fields.Char(string="Name servers", default="1.1.1.1, 8.8.8.8")
    ntp_servers = fields.Char(string="Time servers", default="pool.ntp.org")

    radius_address = fields.Char(string="RADIUS server")
    radius_port = fields.Integer(string="Port", default=1812)
    accounting_port = fields.Integer(string="Accounting port", default=1813)
    server_addresses = fields.Char(string="Addresses of ours", help="From these alone the router's API and CoA may be used.")
    wall_page = fields.Char(string="Page for walled customers", help="Address and port, for suspended, expired and used-up ones: 10.0.0.2:80")
    allowed_hosts = fields.Char(string="Allowed addresses", help="Addresses and names that these customers, and those not yet logged in, still reach: portal, payment pages.")

    wireguard = fields.Boolean(string="WireGuard tunnel", help="RADIUS, CoA and the API go through it: also to a router behind NAT.")
    wireguard_endpoint = fields.Char(string="Our public address")
    wireguard_port = fields.Integer(default=51820)
    wireguard_key = fields.Char(string="Our public key")
    wireguard_server_address = fields.Char(string="Our address in the tunnel", default="10.99.0.1/16")
    wireguard_address = fields.Char(string="Its address in the tunnel", readonly=True, copy=False)
    check_certificate = fields.Boolean(
        string="Check our certificate", default=True, help="RouterOS before 7.19 knows no authorities: import ours there first, or do without."
    )

    state = fields.Selection(
        [
            ("draft", "To be filled in"),
            ("waiting", "Waits for the router"),
            ("fetched", "The router has the script"),
            ("done", "Set up"),
            ("failed", "Set up in part"),
            ("undone", "Undone"),
        ],
        default="draft",
        required=True,
        readonly=True,
        copy=False,
    )
    token_hash = fields.Char(readonly=True, copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    expires_at = fields.Datetime(readonly=True, copy=False)
    fetched_at = fields.Datetime(readonly=True, copy=False)
    fetched_from = fields.Char(readonly=True, copy=False)
    reported_at = fields.Datetime(string="Reported", readonly=True, copy=False)
    identity = fields.Char(readonly=True, copy=False)
    version = fields.Char(string="RouterOS", readonly=True, copy=False)
    board = fields.Char(readonly=True, copy=False)
    serial = fields.Char(string="Serial number", readonly=True, copy=False)
    public_key = fields.Char(string="Its public key", readonly=True, copy=False)
    fingerprint = fields.Char(string="Its certificate", readonly=True, copy=False)
    service = fields.Char(readonly=True, copy=False)
    hotspot_off = fields.Boolean(readonly=True, copy=False)
    errors = fields.Char(string="Steps that failed", readonly=True, copy=False)
    api_user = fields.Char(string="API user", default="isp", required=True)
    api_password_encrypted = fields.Char(readonly=True, copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")

    checks = fields.Integer(readonly=True, copy=False)
    checked_at = fields.Datetime(string="Looked at", readonly=True, copy=False)
    api_well = fields.Boolean(readonly=True, copy=False)
    api_message = Sentence(readonly=True, copy=False)
    coa_well = fields.Boolean(readonly=True, copy=False)
    coa_message = Sentence(readonly=True, copy=False)
    clock_well = fields.Boolean(readonly=True, copy=False)
    clock_message = Sentence(readonly=True, copy=False)
    log_ids = fields.One2many("isp.router.setup.log", "setup_id", readonly=True)

    steps = fields.Json(compute="_compute_steps")
    health = fields.Selection(
        [("new", "Not begun"), ("wait", "Under way"), ("good", "Green"), ("bad", "Look at it")], compute="_compute_steps"
    )
    peer = fields.Text(string="For our end of the tunnel", compute="_compute_peer")

    _token_unique = models.UniqueIndex("(token_hash) WHERE token_hash IS NOT NULL")
    _tunnel_unique = models.UniqueIndex("(wireguard_address) WHERE wireguard_address IS NOT NULL", "Another router has this address in the tunnel.")

    # === Defaults ===

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        last = self.search([("company_id", "in", (self.env.company.id, False)), ("state", "not in", ("draft",))], limit=1)
        if last:
            values.update({name: last[name] for name in _SHARED if name in fields_list})
        elif "allowed_hosts" in fields_list:
            values["allowed_hosts"] = urlsplit(self._base_url()).hostname or False
        router = self.env["isp.router"].browse(values.get("router_id") or self.env.context.get("default_router_id"))
        if router:
            values.update({"router_name": router.name, "nas_ip": router.nas_ip})
        return values

    # === Computes ===

    @api.depends("wireguard", "public_key", "wireguard_address")
    def _compute_peer(self):
        for setup in self:
            known = setup.wireguard and setup.public_key and setup.wireguard_address
            address = setup.wireguard_address and setup.wireguard_address.partition("/")[0]
            setup.peer = f"[Peer]\nPublicKey = {setup.public_key}\nAllowedIPs = {address}/32\n" if known else False

    def _compute_steps(self):
        for setup in self:
            steps = setup._steps() if setup.state not in ("draft", "undone") else []
            setup.steps = [{"key": key, "label": label, "state": state, "text": text} for key, label, state, text in steps]
            # RADIUS waits for the first customer: until then nothing is wrong.
            states = {key: state for key, _label, state, _text in steps}
            if not steps:
                setup.health = "new"
            elif "bad" in states.values():
                setup.health = "bad"
            else:
                setup.health = "good" if all(state == "good" for key, state in states.items() if key != "radius") else "wait"

    def _steps(self):
        """:return: [(key, label, "good" | "wait" | "bad", what to do or what is known)]"""
        self.ensure_one()
        if self.fetched_at:
            fetched = ("good", self.env._("By %(address)s.", address=self.fetched_from or ""))
        elif self.expires_at and self.expires_at < fields.Datetime.now():
            fetched = ("bad", self.env._("Nobody fetched it in time and the line no longer works: make a new one."))
        else:
            fetched = ("wait", self.env._("Paste the line into the router's terminal. If it says that no connection or no trusted certificate was found: see its route, its DNS and its clock."))
        steps = [("fetched", self.env._("Script fetched"), *fetched)]
        imported = self._imported_step()
        steps.append(("imported", self.env._("Script carried out"), *imported))
        wait = ("wait", "")
        if self.wireguard:
            if not self.public_key:
                steps.append(("tunnel", self.env._("Tunnel"), *wait))
            elif self.api_well or self.coa_well:
                steps.append(("tunnel", self.env._("Tunnel"), "good", ""))
            else:
                steps.append(("tunnel", self.env._("Tunnel"), "wait", self.env._("Add the router at our end of the tunnel, as shown below.")))
        for key, label in (("api", self.env._("API answers")), ("coa", self.env._("CoA answers")), ("clock", self.env._("Clock is right"))):
            if not self.reported_at or not self.checked_at:
                steps.append((key, label, *wait))
            else:
                well = self[f"{key}_well"]
                hopes = not well and self.checks < MAX_CHECKS and (self.wireguard or key == "clock") and self.state != "failed"
                steps.append((key, label, "good" if well else "wait" if hopes else "bad", self[f"{key}_message"] or ""))
        if self.reported_at:
            seen = self._radius_seen()
            steps.append(("radius", self.env._("RADIUS asks"), *(("good", "") if seen else ("wait", self.env._("It asks when the first customer logs in.")))))
        else:
            steps.append(("radius", self.env._("RADIUS asks"), *wait))
        return steps

    def _imported_step(self):
        if not self.reported_at:
            late = self.fetched_at and self.fetched_at < fields.Datetime.now() - timedelta(minutes=3)
            if late:
                return "bad", self.env._("The router did not tell how it went. Read its terminal: what stands there in red stopped it. Then paste the line again, or make a new one.")
            return "wait", ""
        if not self.errors:
            return "good", self.version or ""
        lines = [self._advice(step) for step in self.errors.split(",") if step]
        return "bad", " ".join(lines)

    def _advice(self, step):
        """:return: what to do when this step of the script failed"""
        if step == "hotspot" and self.hotspot_off:
            return self.env._("Hotspot: it is switched off by device-mode. Give the command /system/device-mode/update hotspot=yes and press the router's button within five minutes; then make a new line.")
        known = {
            "wireguard": self.env._("Tunnel: is an interface with our name or an address of this network there already?"),
            "ntp": self.env._("Time servers: see /system/ntp/client."),
            "certificate": self.env._("Certificate: it could not be made; see /certificate."),
            "service": self.env._("API: neither api-ssl nor a tunnel for api; see /ip/service."),
            "user": self.env._("API user: is there a user of this name already? Choose another name."),
            "input": self.env._("Firewall: our rules could not be put in front; see /ip/firewall/filter."),
            "radius": self.env._("RADIUS: see /radius; is the server's address right?"),
            "coa": self.env._("CoA: see /radius/incoming."),
            "aaa": self.env._("PPP: see /ppp/aaa."),
            "wall": self.env._("Walled garden: see /ip/firewall and the list isp-allowed."),
            "garden": self.env._("Hotspot's garden: see /ip/hotspot/walled-garden."),
            "pppoe": self.env._("PPPoE: do the interfaces exist, are the addresses right, is there a server on the interface already?"),
            "hotspot": self.env._("Hotspot: does the interface exist, is it not in a bridge, has it no hotspot or DHCP server yet?"),
            "pages": self.env._("Hotspot's pages: they could not be fetched; the router shows its own. Does it reach our server? Then make a new line."),
            "options": self.env._("Hotspot's options of DHCP: see /ip/dhcp-server/option."),
            "nat": self.env._("NAT: does the uplink exist?"),
        }
        return known.get(step) or self.env._("Step %(step)s failed: see the router's log.", step=step)

    def _radius_seen(self):
        """:return: whether a RADIUS packet has come since the set-up"""
        address = self.router_id.nas_ip
        if not address:
            return False
        since = [("nas_ip", "=", address)]
        return bool(
            self.env["isp.session"].sudo().search_count([*since, ("updated", ">=", self.reported_at)], limit=1)
            or self.env["isp.login.attempt"].sudo().search_count([*since, ("last", ">=", self.reported_at)], limit=1)
        )

    # === Constraints ===

    @api.constrains(
        "nas_ip", "pppoe_interfaces", "pppoe_pool", "pppoe_gateway", "hotspot_interface", "hotspot_address", "hotspot_dns_name", "uplink", "dns_servers",
        "ntp_servers", "radius_address", "server_addresses", "wall_page", "allowed_hosts", "wireguard_endpoint", "wireguard_key", "wireguard_server_address",
        "api_user", "radius_port", "accounting_port", "wireguard_port",
    )  # fmt: skip
    def _check_values(self):
        kinds = (
            (("nas_ip", "pppoe_gateway", "radius_address"), _is_address, self.env._("%(value)s is not an IPv4 address.")),
            (("dns_servers",), _is_address, self.env._("%(value)s is not an IPv4 address.")),
            (("server_addresses",), engine.is_network, self.env._("%(value)s is neither an IPv4 address nor a network.")),
            (("ntp_servers", "allowed_hosts", "wireguard_endpoint", "hotspot_dns_name"), _is_host, self.env._("%(value)s is neither an address nor a host name.")),
            (("pppoe_pool",), _is_range, self.env._("%(value)s is not a range of addresses such as 10.9.0.2-10.9.3.254.")),
            (("pppoe_interfaces", "hotspot_interface", "uplink"), _INTERFACE.fullmatch, self.env._("%(value)s is not the name of an interface.")),
            (("hotspot_address", "wireguard_server_address"), _is_interface, self.env._("%(value)s is not an address with the length of its network, such as 10.5.50.1/24.")),
            (("wall_page",), _is_page, self.env._("%(value)s is not an address with a port, such as 10.0.0.2:80.")),
            (("wireguard_key",), _KEY.fullmatch, self.env._("A WireGuard key has 44 characters and ends with =.")),
            (("api_user",), re.compile(r"[a-z][a-z0-9._-]{0,30}").fullmatch, self.env._("%(value)s is no user name: small letters, digits, dot, dash.")),
        )  # fmt: skip
        for setup in self:
            for names, valid, message in kinds:
                for value in [part for name in names for part in _parts(setup[name])]:
                    if not valid(value):
                        raise ValidationError(message % {"value": value})
            for name in ("radius_port", "accounting_port", "wireguard_port"):
                if not 0 < setup[name] < 65536:
                    raise ValidationError(self.env._("A port is a number from 1 to 65535."))

    # === CRUD ===

    def write(self, vals):
        """Once there is a line it stays with its router."""
        if not self.env.su and not vals.keys().isdisjoint(("router_id", "company_id")) and any(setup.state != "draft" for setup in self):
            raise AccessError(self.env._("The router of a set-up that has begun stays. Make a new set-up."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_only_drafts(self):
        if self.filtered(lambda s: s.state in ("fetched", "done", "failed")):
            raise UserError(self.env._("A set-up that a router has fetched stays: it tells who set it up."))

    # === Actions ===

    def action_make_line(self):
        """Make the token and show the line, once. A line made before no longer works."""
        self.ensure_one()
        by_technician = self._check_may_set_up()
        self._need_complete()
        setup = self.sudo()
        setup._ensure_router()
        if by_technician:
            setup.router_id.setup_user_id = self.env.user
        setup.search([("router_id", "=", setup.router_id.id), ("token_hash", "!=", False)]).token_hash = False
        token = secrets.token_urlsafe(24)
        minutes = setup._minutes()
        setup.write(
            {
                "token_hash": _digest(token),
                "expires_at": fields.Datetime.now() + timedelta(minutes=minutes),
                "state": "waiting",
                "api_password_encrypted": encrypt(secrets.token_urlsafe(24)),
                **dict.fromkeys(("fetched_at", "fetched_from", "reported_at", "errors", "checked_at", "api_message", "coa_message", "clock_message"), False),
                **dict.fromkeys(("checks", "api_well", "coa_well", "clock_well", "hotspot_off"), 0),
            }
        )
        line = engine.paste_line(f"{self._base_url()}/isp_network/router/{token}", self.check_certificate)
        return self._show(self.env._("Paste this into the router's terminal"), line=line, minutes=minutes, unchecked=not self.check_certificate)

    def action_show_script(self):
        """The whole script, with dots for what is secret."""
        self.ensure_one()
        self._need_complete()
        script = engine.setup_script(self.sudo()._prepare_setup("•" * 12, "•" * 12, f"{self._base_url()}/isp_network/router/•••/report"))
        return self._show(self.env._("What the router will do"), script=script)

    def action_show_undo(self):
        self.ensure_one()
        return self._show(self.env._("Undo the set-up"), line=engine.undo_line(), undo=engine.undo_script())

    def action_check(self):
        """Look now at what the router answers."""
        self.check_access("write")
        for setup in self.sudo().filtered("reported_at"):
            setup._look()

    def action_undone(self):
        """The undo script has run: our side forgets the log-in to its API."""
        self._check_may_set_up()
        setups = self.sudo().filtered(lambda s: s.state != "draft")
        setups.write({"state": "undone", "token_hash": False, "api_password_encrypted": False})
        for router in setups.router_id:
            values = {"wire": "none", "api_user": False, "api_password_encrypted": False, "api_fingerprint": False}
            router.write(values)

    def action_view_router(self):
        self.ensure_one()
        return {"type": "ir.actions.act_window", "res_model": "isp.router", "res_id": self.router_id.id, "view_mode": "form"}

    def _show(self, title, **values):
        return {
            "type": "ir.actions.act_window",
            "name": title,
            "res_model": "isp.router.setup.line",
            "view_mode": "form",
            "target": "new",
            "context": {f"default_{name}": value for name, value in values.items()},
        }

    # === Business: before ===

    def _base_url(self):
        """:return: where routers reach us, without the last slash"""
        params = self.env["ir.config_parameter"].sudo()
        return (params.get_param("isp_network.setup_base_url") or params.get_param("web.base.url") or "").rstrip("/")

    def _minutes(self):
        text = self.env["ir.config_parameter"].sudo().get_param("isp_network.setup_minutes", "60")
        return min(max(int(text), 5), 1440) if text.isdecimal() else 60

    def _check_may_set_up(self):
        """:return: whether a technician does it, who is not an administrator
        :raise AccessError: their router is none that this user may set up
        """
        self.check_access("write")
        if self.env.su:
            return False
        administrator = self.env.user.has_group("isp_base.group_isp_administrator")
        self.router_id.check_access("write" if administrator else "read")
        for router in self.sudo().router_id if not administrator else ():
            if router.setup_user_id != self.env.user and (router.setup_user_id or router.radius_secret or router.api_user):
                raise AccessError(self.env._("%(name)s is set up already, or somebody else is at it. An administrator may name you on the router: May be set up by.", name=router.name))
        return not administrator

    def _need_complete(self):
        """:raise UserError: what is missing, in words"""
        needed = [("radius_address", True), ("server_addresses", True), ("nas_ip", not self.wireguard)]
        needed += [(name, self.pppoe) for name in ("pppoe_interfaces", "pppoe_pool", "pppoe_gateway")]
        needed += [(name, self.hotspot) for name in ("hotspot_interface", "hotspot_address")]
        needed += [(name, self.wireguard) for name in ("wireguard_endpoint", "wireguard_key", "wireguard_server_address")]
        described = self.fields_get([name for name, _when in needed], ["string"])
        missing = [described[name]["string"] for name, when in needed if when and not self[name]]
        if missing:
            raise UserError(self.env._("Fill in first: %(names)s.", names=", ".join(missing)))
        if not (self.pppoe or self.hotspot):
            raise UserError(self.env._("Choose PPPoE, a hotspot, or both."))
        parts = urlsplit(self._base_url())
        if parts.scheme != "https" and not _is_private(parts.hostname or ""):
            raise UserError(
                self.env._("Routers would fetch their passwords from %(url)s, readable on the way: set an https address as system parameter isp_network.setup_base_url.", url=self._base_url())
            )

    def _ensure_router(self):
        """The router's record, and its address in the tunnel. As superuser: a technician may set routers up without writing their secrets."""
        self.ensure_one()
        if self.wireguard and not self.wireguard_address:
            self.wireguard_address = self._free_tunnel_address()
        address = self.wireguard_address.partition("/")[0] if self.wireguard else self.nas_ip
        if not self.router_id:
            routers = self.env["isp.router"].with_context(active_test=False)
            if routers.search_count([("nas_ip", "=", address)], limit=1):
                raise UserError(self.env._("There is a router with address %(address)s already: choose it above instead of a new name.", address=address))
            self.router_id = routers.create({"name": self.router_name, "nas_ip": address, "company_id": self.company_id.id})
        elif self.router_id.nas_ip != address:
            self.router_id.nas_ip = address
        self.nas_ip = address
        if not self.router_id.radius_secret:
            self.router_id.radius_secret = secrets.token_urlsafe(24)

    def _free_tunnel_address(self):
        """:return: the first address of the tunnel's network that nobody has; two at once: the index lets one of them be"""
        own = ipaddress.IPv4Interface(self.wireguard_server_address)
        taken = {text.partition("/")[0] for text in self.search([("wireguard_address", "!=", False)]).mapped("wireguard_address")}
        taken |= {str(own.ip), *self.env["isp.router"].with_context(active_test=False).search([("nas_ip", "!=", False)]).mapped("nas_ip")}
        for address in own.network.hosts():
            if str(address) not in taken:
                return f"{address}/{own.network.prefixlen}"
        raise UserError(self.env._("The tunnel's network %(network)s is full.", network=str(own.network)))

    def _prepare_setup(self, radius_secret, api_password, report_url, version=()):
        """:return: what the script is made from"""
        self.ensure_one()
        tunnel = {}
        if self.wireguard:
            server = ipaddress.IPv4Interface(self.wireguard_server_address)
            tunnel = {
                "endpoint": self.wireguard_endpoint,
                "port": self.wireguard_port,
                "server_key": self.wireguard_key,
                "server_address": f"{server.ip}/32",
                "address": self.wireguard_address or f"{server.ip + 1}/{server.network.prefixlen}",
            }
        return engine.Setup(
            radius_address=self.radius_address,
            radius_secret=radius_secret,
            address=self.nas_ip or "",
            radius_port=self.radius_port,
            accounting_port=self.accounting_port,
            source=self.wireguard_address.partition("/")[0] if self.wireguard and self.wireguard_address else "",
            servers=_parts(self.server_addresses),
            coa_port=self.router_id.coa_port or 3799,
            api_user=self.api_user,
            api_password=api_password,
            report_url=report_url,
            version=version,
            ntp=_parts(self.ntp_servers),
            dns=_parts(self.dns_servers),
            allowed=_parts(self.allowed_hosts),
            wall=self.wall_page or "",
            uplink=self.uplink or "",
            pppoe_interfaces=_parts(self.pppoe_interfaces) if self.pppoe else [],
            pppoe_pool=",".join(_parts(self.pppoe_pool)) if self.pppoe else "",
            pppoe_gateway=self.pppoe_gateway if self.pppoe else "",
            hotspot_interface=self.hotspot_interface if self.hotspot else "",
            hotspot_address=self.hotspot_address if self.hotspot else "",
            hotspot_dns_name=(self.hotspot_dns_name or "") if self.hotspot else "",
            wireguard=tunnel,
            check_certificate=self.check_certificate,
        )

    # === Business: what the router asks ===

    @api.model
    def _of_token(self, token):
        """:return: the set-up, locked until the end of the transaction, with the token in its context; empty when there is none"""
        if not re.fullmatch(r"[A-Za-z0-9_-]{32}", token):
            return self.browse()
        setup = self.search([("token_hash", "=", _digest(token))], limit=1)
        if setup:
            setup.lock_for_update()
        return setup.with_context(setup_token=token)

    def _serve(self, version, address):
        """The script, for the one router that has the line: once, and again from the same address for some minutes until it has reported.

        :return: (status, text)
        """
        self.ensure_one()
        now = fields.Datetime.now()
        again = self.fetched_at and self.fetched_from == address and now < self.fetched_at + AGAIN
        if self.reported_at or len(self.log_ids) >= MAX_ANSWERS or not (again or (not self.fetched_at and now < self.expires_at)):
            self._log("script", address, _lt("refused: used or too late"))
            return 410, "This line was used already, or is too old: make a new one.\n"
        known = engine.version_of(version)
        if not known or known < engine.OLDEST:
            self._log("script", address, _lt("RouterOS %(version)s is too old", version=version[:10]))
            return 200, engine.too_old()
        if not self.fetched_at:
            self.write({"fetched_at": now, "fetched_from": address, "state": "fetched"})
        self._log("script", address, _lt("given for RouterOS %(version)s", version=version[:10]))
        url = f"{self._base_url()}/isp_network/router/{self.env.context['setup_token']}/report"
        setup = self._prepare_setup(self.router_id.radius_secret, decrypt(self.api_password_encrypted), url, known)
        return 200, engine.setup_script(setup)

    def _take_report(self, body, address):
        """How it went. Told again (its answer was lost): nothing is done twice.

        :return: (status, text)
        """
        self.ensure_one()
        if not self.fetched_at or fields.Datetime.now() > self.fetched_at + REPORT or len(self.log_ids) >= MAX_ANSWERS:
            self._log("report", address, _lt("refused: not expected"))
            return 410, "Not expected.\n"
        if self.reported_at:
            return 200, "Known.\n"
        said = engine.parse_report(body)
        errors = ",".join(step for step in said.get("errors", "").split(",") if step in engine.STEPS)
        key, fingerprint = said.get("public-key", ""), said.get("fingerprint", "").replace(":", "").lower()
        self.write(
            {
                "reported_at": fields.Datetime.now(),
                "state": "failed" if errors else "done",
                "errors": errors or False,
                "identity": said.get("identity"),
                "version": said.get("version"),
                "board": said.get("board"),
                "serial": said.get("serial") or said.get("software"),
                "public_key": key if _KEY.fullmatch(key) else False,
                "fingerprint": fingerprint if re.fullmatch("[0-9a-f]{64}", fingerprint) else False,
                "service": said.get("service") if said.get("service") in ("api", "api-ssl") else False,
                "hotspot_off": said.get("hotspot-mode") in ("false", "no"),
            }
        )
        if not errors:
            self.router_id.setup_user_id = False
        self._log("report", address, _lt("failed: %(steps)s", steps=errors) if errors else _lt("done"))
        self._hand_over(said.get("port", ""))
        self._queue_look(2)
        return 200, "Thank you.\n"

    def _hand_over(self, port):
        """The router's record learns the log-in to its API; here the password is forgotten."""
        if self.service and port.isdecimal() and 0 < int(port) < 65536:
            encrypted = self.service == "api-ssl"
            values = {
                "api_user": self.api_user,
                "api_password_encrypted": self.api_password_encrypted,
                "api_port": int(port),
                "wire": "api",
                "api_host": False,
                "api_tls": encrypted,
                "api_fingerprint": self.fingerprint if encrypted else False,
                "api_ca": False,
            }
            self.router_id.write(values)
        self.api_password_encrypted = False

    def _log(self, what, address, answer):
        self.env["isp.router.setup.log"].create({"setup_id": self.id, "what": what, "address": address, "answer": answer})
        _logger.info("Set-up of router %s: %s asked by %s: %s", self.router_name, what, address, english(answer))

    # === Business: is it well? ===

    def _queue_look(self, seconds):
        self.with_delay(
            channel=self.router_id.sudo()._channel(),
            identity_key=f"isp_network.setup.{self.id}",
            eta=seconds,
            description=self.env._("Look at the set-up of router %(name)s", name=self.router_name),
        )._look_again()

    def _look_again(self):
        """Job: look, and once more in half a minute while something is not well. Read-only on the router."""
        self.ensure_one()
        if self.state not in ("done", "failed") or not self.reported_at:
            return
        self.router_id._lock()
        self._look()
        if self.checks < MAX_CHECKS and not (self.api_well and self.coa_well and self.clock_well):
            self._queue_look(30)

    def _look(self):
        """Ask the router by CoA and by its API. What it answers is kept in words."""
        self.ensure_one()
        self.write({**self._look_at_coa(), **self._look_at_api(), "checks": self.checks + 1, "checked_at": fields.Datetime.now()})

    def _look_at_coa(self):
        """A Disconnect-Request for a session that cannot be: "not found" is a good answer."""
        router = self.router_id
        try:
            with coa.Client(router.nas_ip, router.coa_port, router.radius_secret or "", tries=2) as client:
                well, answer = client.disconnect({"User-Name": "isp-setup-check", "Acct-Session-Id": "isp-setup-check", "NAS-IP-Address": router.nas_ip})
        except coa.UnreachableError:
            port = router.coa_port
            return {"coa_well": False, "coa_message": _lt("No answer on UDP port %(port)s of %(address)s: is a firewall or NAT in between?", port=port, address=router.nas_ip)}
        return {"coa_well": well, "coa_message": False if well else self.env["isp.router.task"]._said(answer)}

    def _look_at_api(self):
        try:
            with self.router_id._config_driver() as driver:
                found = driver.capabilities()
        except routeros.RouterError as error:
            return {"api_well": False, "api_message": self.router_id._explain(error), "clock_well": False, "clock_message": False}
        values = {"api_well": True, "api_message": False, "identity": found.identity, "version": found.version_text, "hotspot_off": not found.allows("hotspot")}
        skew = found.clock_error
        if skew is None:
            return {**values, "clock_well": False, "clock_message": _lt("It does not say what time it is.")}
        if abs(skew) > SKEW:
            return {**values, "clock_well": False, "clock_message": _lt("Its clock is wrong by %(seconds)s seconds: does it reach the time servers?", seconds=round(abs(skew)))}
        return {**values, "clock_well": True, "clock_message": False}


def _digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


def _parts(text):
    """:return: what stands between commas"""
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _is_address(text):
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False


def _is_host(text):
    return engine.is_network(text) if re.fullmatch(r"[\d./]+", text) else bool(_HOST.fullmatch(text))


def _is_range(text):
    first, dash, last = text.partition("-")
    if not dash:
        return engine.is_network(text)
    return _is_address(first) and _is_address(last) and ipaddress.IPv4Address(first) <= ipaddress.IPv4Address(last)


def _is_interface(text):
    try:
        found = ipaddress.IPv4Interface(text)
    except ValueError:
        return False
    return "/" in text and 8 <= found.network.prefixlen <= 30 and found.ip not in (found.network.network_address, found.network.broadcast_address)


def _is_page(text):
    address, colon, port = text.partition(":")
    return _is_address(address) and (not colon or (port.isdecimal() and 0 < int(port) < 65536))


def _is_private(host):
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
