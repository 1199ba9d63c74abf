# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hashlib
import logging
import re
import socket
import ssl
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import SQL
from odoo.tools.translate import LazyTranslate

from odoo.addons.isp_secret.tools.secret import decrypt
from odoo.addons.queue_job.exception import RetryableJobError

from ..drivers import routeros
from ..drivers.routeros_api import Api
from ..drivers.routeros_rest import Rest
from ..fields import Sentence
from .isp_session import ALIVE, UNHEARD

_logger = logging.getLogger(__name__)
_lt = LazyTranslate(__name__)

#: Seconds that a router's clock may be wrong before we say so: log-ins by certificate and hours of plans go by it.
SKEW = 120
#: With a clock that NTP has set and ours so far from it, it is ours that may be wrong: nothing is taken away then.
DOUBT = 600
#: Two readings of one uptime differ by the time of their way.
_REBOOT_SLACK = 60
_FINGERPRINT = re.compile(r"(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}")


class IspRouter(models.Model):
    """How a router is driven, what it says of itself, and its health."""

    _inherit = "isp.router"

    wire = fields.Selection(
        [("none", "RADIUS and CoA only"), ("api", "RouterOS API"), ("rest", "RouterOS REST")],
        string="Driven by",
        required=True,
        default="none",
        help="With an API, changes are verified on the router, its health is read, and log-ins can be kept on it.",
    )
    api_host = fields.Char(string="API address", help="Blank: the address of its RADIUS packets.")
    api_tls = fields.Boolean(string="Encrypted (TLS)", default=True, help="Without it the password goes in clear: within a tunnel only.")
    api_fingerprint = fields.Char(
        string="Fingerprint of the certificate", help="SHA-256 in hex. The router is trusted when it has this very certificate, whatever name is in it."
    )
    api_ca = fields.Text(string="Certificate (PEM)", help="Of the router or of the authority that signed it. Instead of a fingerprint.")
    api_server_name = fields.Char(string="Name in the certificate", help="Blank: the address.")

    checked_at = fields.Datetime(string="Looked at", readonly=True, copy=False)
    api_error = Sentence(string="API", readonly=True, copy=False, help="Why it could not be reached last time.")
    identity = fields.Char(readonly=True, copy=False)
    version = fields.Char(string="RouterOS", readonly=True, copy=False)
    board = fields.Char(readonly=True, copy=False)
    licence = fields.Char(string="Licence level", readonly=True, copy=False)
    pppoe_limit = fields.Integer(string="PPPoE sessions allowed", readonly=True, copy=False, help="By the licence. 0: not limited.")
    hotspot_limit = fields.Integer(string="Hotspot sessions allowed", readonly=True, copy=False, help="By the licence. 0: not limited.")
    device_mode_off = fields.Char(string="Off by device-mode", readonly=True, copy=False)
    clock_skew = fields.Integer(string="Clock ahead (s)", readonly=True, copy=False)
    ntp_state = fields.Char(string="NTP", readonly=True, copy=False)
    uptime = fields.Integer(string="Uptime (s)", readonly=True, copy=False)
    cpu_load = fields.Integer(string="CPU (%)", readonly=True, copy=False)
    active_sessions = fields.Integer(string="Sessions by the router", readonly=True, copy=False)
    rebooted_at = fields.Datetime(string="Last restart", readonly=True, copy=False)
    warnings = fields.Text(compute="_compute_warnings")
    health = fields.Selection(
        [("good", "Good"), ("warning", "Look at it"), ("bad", "Not reachable"), ("unknown", "Not known")], compute="_compute_warnings"
    )

    @api.depends("wire", "api_error", "checked_at", "failures", "version", "licence", "device_mode_off", "clock_skew", "ntp_state", "active_sessions", "nas_ip")
    def _compute_warnings(self):
        for router in self:
            lines = router._warnings()
            router.warnings = "\n".join(lines) or False
            if router.api_error or router.failures:
                router.health = "bad"
            elif lines:
                router.health = "warning"
            else:
                router.health = "good" if router.last_seen or router.checked_at else "unknown"

    def _warnings(self):
        """:return: what a person should know, a line each"""
        self.ensure_one()
        lines = [self.api_error] if self.api_error else []
        if not self.checked_at:
            return lines
        for limit, kind in ((self.pppoe_limit, "PPPoE"), (self.hotspot_limit, "hotspot")):
            if limit and self.open_sessions >= limit * 0.9:
                lines.append(
                    self.env._("Licence level %(level)s allows %(limit)s %(kind)s sessions and %(count)s are on: buy a higher level before customers are refused.",
                      level=self.licence, limit=limit, kind=kind, count=self.open_sessions)
                )  # fmt: skip
        off = (self.device_mode_off or "").split(", ")
        if "hotspot" in off:
            lines.append(self.env._("The hotspot is switched off by device-mode: somebody has to press the router's button or cut its power within five minutes of /system/device-mode/update."))
        if abs(self.clock_skew) > SKEW:
            lines.append(self.env._("Its clock is wrong by %(seconds)s seconds: set NTP.", seconds=abs(self.clock_skew)))
        if self.ntp_state and self.ntp_state != "synchronized":
            lines.append(self.env._("NTP: %(state)s. After a power cut its clock begins in 1970.", state=self.ntp_state))
        if self.version and routeros.version_of(self.version) < (7, 12):
            lines.append(self.env._("RouterOS %(version)s is older than 7.12, which we know.", version=self.version))
        seen = self.last_seen and self.last_seen > fields.Datetime.now() - ALIVE
        if self.active_sessions and not seen and not self._keeps_all():
            lines.append(self.env._("%(count)s sessions are on, and no RADIUS accounting comes: see /radius and /ppp/aaa.", count=self.active_sessions))
        return lines

    def _keeps_all(self):
        return False

    # === Constraints ===

    @api.constrains("wire", "api_host", "api_port", "api_user", "api_fingerprint", "api_ca")
    def _check_wire(self):
        for router in self.sudo().filtered(lambda r: r.wire != "none"):
            if not (router.api_user and 0 < router.api_port < 65536):
                raise ValidationError(self.env._("The API of %(name)s needs a user and a port from 1 to 65535.", name=router.name))
            if router.api_host and not re.fullmatch(r"[\w.:-]{1,253}", router.api_host, re.A):
                raise ValidationError(self.env._("%(host)s is not an address.", host=router.api_host))
            if router.api_fingerprint and not _FINGERPRINT.fullmatch(router.api_fingerprint):
                raise ValidationError(self.env._("A SHA-256 fingerprint has 64 hexadecimal digits."))
            if router.api_ca:
                try:
                    ssl.create_default_context(cadata=router.api_ca)
                except (ssl.SSLError, ValueError):
                    raise ValidationError(self.env._("The certificate must be text that begins with -----BEGIN CERTIFICATE-----.")) from None

    # === Actions ===

    def action_test_connection(self):
        """Ask the router what it is, now, and say in words what is wrong (administrators)."""
        self.ensure_one()
        self._check_administrator()
        if self.wire == "none":
            raise UserError(self.env._("This router is driven by RADIUS and CoA only: choose the API or REST first."))
        try:
            with self._driver() as driver:
                self._read_health(driver)
        except routeros.RouterError as error:
            self._on_api_error(error)
            message, kind = self.api_error, "danger"
        else:
            message = self.warnings or self.env._("%(board)s with RouterOS %(version)s answers.", board=self.board or self.identity, version=self.version)
            kind = "warning" if self.warnings else "success"
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"title": self.name, "message": message, "type": kind, "sticky": kind != "success", "next": {"type": "ir.actions.client", "tag": "soft_reload"}},
        }

    def action_read_fingerprint(self):
        """Take over the certificate that the router shows now; whoever presses it compares it with the router's own list."""
        self.ensure_one()
        self._check_administrator()
        host, port = self.api_host or self.nas_ip, self.api_port
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        try:
            with socket.create_connection((host, port), timeout=5) as sock, context.wrap_socket(sock, server_hostname=host) as secured:
                found = hashlib.sha256(secured.getpeercert(binary_form=True)).hexdigest()
        except OSError as error:
            raise UserError(
                self.env._("No certificate came from %(host)s port %(port)s: %(error)s. The service needs one: /certificate, then /ip/service.", host=host, port=port, error=error)
            ) from None
        self.api_fingerprint = found

    def _check_administrator(self):
        if not self.env.user.has_group("isp_base.group_isp_administrator"):
            raise AccessError(self.env._("Only administrators may do this with a router."))

    # === Wire ===

    def _driver(self):
        """:return: a driver for this router, not connected yet; one at a time (see ``_lock``)"""
        self.ensure_one()
        router = self.sudo()
        address = routeros.Address(
            host=router.api_host or router.nas_ip,
            port=router.api_port,
            user=router.api_user or "",
            password=decrypt(router.api_password_encrypted),
            tls=router.api_tls,
            ca=router.api_ca or "",
            server_name=router.api_server_name or "",
            fingerprint=router.api_fingerprint or "",
        )
        return {"api": Api, "rest": Rest}[router.wire](address)

    def _lock(self):
        """One worker a router: until the end of the transaction nobody else talks to it.

        :raise RetryableJobError: somebody does at this moment
        """
        self.ensure_one()
        ((got,),) = self.env.execute_query(SQL("SELECT pg_try_advisory_xact_lock(hashtext('isp.router'), %s)", self.id))
        if not got:
            raise RetryableJobError("another job talks to this router", seconds=5, ignore_retry=True)

    def _explain(self, error):
        """:return: an error of the driver as a sentence, with what to do"""
        kinds = (
            (routeros.NotTrusted, _lt("The router's certificate is not the one that was entered. Did you renew it? Then read the fingerprint again; if not, somebody may stand in between.")),
            (routeros.NotAllowed, _lt("The router refuses the API user: check name and password, the policy of its group (api, read, write), and the addresses it may come from.")),
            (routeros.Unknown, _lt("The connection was lost while something was being changed; it is read again before anything else.")),
            (routeros.Unreachable, _lt("Nothing usable answers: is the router on, is the service switched on in /ip/service, does a firewall stand in between?")),
            (routeros.NoRight, _lt("The API user may not do this: its group lacks a policy.")),
        )  # fmt: skip
        words = next((text for kind, text in kinds if isinstance(error, kind)), _lt("The router refused."))
        return _lt("%(words)s (%(detail)s)", words=words, detail=error.message[:300])

    def _on_api_error(self, error):
        self.write({"api_error": self._explain(error), "checked_at": fields.Datetime.now()})

    # === Health ===

    def _read_health(self, driver):
        """Read capabilities and counts into this router's fields; a restart ends its sessions. Caller's transaction.

        :raise RouterError: as the driver does
        """
        self.ensure_one()
        found = driver.capabilities()
        active = driver.count("ppp/active") + driver.count("ip/hotspot/active")
        vals = self._prepare_health_vals(found, active)
        # A clock of ours that jumped would look like a restart: the uptime itself has to have fallen behind, and time be sure.
        if self.uptime and self.checked_at and not self._clock_in_doubt(found.clock_error, found.ntp):
            passed = (fields.Datetime.now() - self.checked_at).total_seconds()
            if found.uptime + _REBOOT_SLACK < self.uptime + max(passed, 0):
                vals["rebooted_at"] = fields.Datetime.now() - timedelta(seconds=found.uptime)
                self._close_sessions_before(vals["rebooted_at"])
        self.write(vals)

    def _prepare_health_vals(self, found, active):
        return {
            "checked_at": fields.Datetime.now(),
            "api_error": False,
            "identity": found.identity,
            "version": found.version_text,
            "board": found.board,
            "licence": found.licence,
            "pppoe_limit": found.pppoe_limit or 0,
            "hotspot_limit": found.hotspot_limit or 0,
            "device_mode_off": ", ".join(sorted(name for name, on in found.device_mode.items() if not on)),
            # A clock of 1970 does not fit the column's 2³¹ seconds.
            "clock_skew": max(min(round(found.clock_error or 0), 2**31 - 1), -(2**31) + 1),
            "ntp_state": found.ntp,
            "uptime": found.uptime,
            "cpu_load": found.cpu_load,
            "active_sessions": active,
        }

    @staticmethod
    def _clock_in_doubt(skew, ntp):
        """Is it our clock that is wrong? The router's was set by NTP, and is far from ours."""
        return ntp == "synchronized" and abs(skew or 0) > DOUBT

    def _close_sessions_before(self, moment):
        """The router restarted: none of its sessions that were seen before lives, nor any that was closed for silence. A packet of one opens
        it again."""
        self.env["isp.session"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE isp_session SET stopped = last_event, presumed = true, cause = 'NAS-Reboot'
                 WHERE id IN (SELECT id FROM isp_session WHERE nas_ip = %(nas)s AND updated < %(moment)s AND started < %(moment)s
                                 AND (stopped IS NULL OR (updated > %(unheard)s AND presumed AND cause = 'Lost-Service'))
                               ORDER BY id FOR UPDATE SKIP LOCKED)
                """,
                nas=self.nas_ip,
                moment=moment,
                unheard=moment - UNHEARD,
            )
        )
        self.env["isp.session"].invalidate_model()
        _logger.info("Router %s (%s) has restarted; %d sessions closed", self.name, self.nas_ip, self.env.cr.rowcount)

    # === Cron ===

    @api.model
    def _cron_look_after(self):
        """Every 5 minutes: a job for each router with an API (idempotent by the job's identity)."""
        for router in self.sudo().search([("wire", "!=", "none")]):
            router.with_delay(
                channel=router._channel(),
                identity_key=f"isp_network.router.look.{router.id}",
                description=self.env._("Look after router %(name)s", name=router.name),
            )._look_after()

    def _channel(self):
        """A channel a router: one that is dead keeps no other one waiting."""
        return f"root.router.{self.id}"

    def _look_after(self):
        """Job: read the router's health. Safe to run again."""
        self.ensure_one()
        router = self.sudo()
        if router.wire == "none" or not router.active:
            return
        router._lock()
        try:
            with router._driver() as driver:
                router._read_health(driver)
                router._after_health(driver)
        except routeros.RouterError as error:
            _logger.info("Router %s: %s", router.name, error.message)
            router._on_api_error(error)

    def _after_health(self, driver):
        """Hook: what else is done while the router is on the line."""
