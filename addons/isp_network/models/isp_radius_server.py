# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.translate import LazyTranslate

from odoo.addons.isp_secret.tools.secret import decrypt, encrypt
from odoo.addons.isp_secret.tools.settings import setting

from ..drivers import radius_status
from ..fields import Sentence

_lt = LazyTranslate(__name__)


class IspRadiusServer(models.Model):
    """A RADIUS server of ours, asked every five minutes whether it is alive (Status-Server).

    Without a host it is the one of ``radius_health`` in section ``[isp]`` of the server's configuration file:
    ``address:port``, with ``radius_health_secret``.
    """

    _name = "isp.radius.server"
    _description = "RADIUS server"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    active = fields.Boolean(default=True)
    host = fields.Char(string="Address", help="Blank: the server of this installation.")
    port = fields.Integer(default=1812, required=True)
    source = fields.Char(string="Asked from", help="Our address by which that server knows us (client health). Blank: any.")
    secret = fields.Char(
        compute="_compute_secret",
        inverse="_inverse_secret",
        groups="isp_base.group_isp_administrator",
        help="Of the client by which that server knows us. Stored encrypted and never shown again.",
    )
    secret_encrypted = fields.Char(copy=False, groups="base.group_no_one,isp_base.group_isp_administrator")
    last_answer = fields.Datetime(readonly=True, copy=False)
    answer_ms = fields.Integer(string="Answered in (ms)", readonly=True, copy=False)
    failures = fields.Integer(string="Times silent", readonly=True, copy=False, help="In a row.")
    last_error = Sentence(string="Last error", readonly=True, copy=False)
    health = fields.Selection(
        [("unknown", "Not asked yet"), ("well", "Answers"), ("silent", "Does not answer")], compute="_compute_health"
    )

    _port_valid = models.Constraint("CHECK(port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535.")

    def _compute_secret(self):
        self.secret = False

    def _inverse_secret(self):
        for server in self:
            if server.secret:
                server.secret_encrypted = encrypt(server.secret)

    @api.depends("failures", "last_answer")
    def _compute_health(self):
        for server in self:
            server.health = "silent" if server.failures else "well" if server.last_answer else "unknown"

    # === Actions ===

    def action_ask(self):
        """Ask now (staff)."""
        self.check_access("read")
        self.sudo()._ask()

    # === Business ===

    def _where(self):
        """:return: (host, port, secret, source) of this server
        :raise UserError: nobody said where it is
        """
        self.ensure_one()
        if self.host:
            return self.host, self.port, decrypt(self.secret_encrypted or ""), self.source or ""
        host, _colon, port = setting("radius_health").rpartition(":")
        if not (host and port.isdecimal()):
            raise UserError(
                self.env._("Where is the RADIUS server? Give its address, or radius_health in section [isp] of the configuration file.")
            )
        return host, int(port), setting("radius_health_secret"), self.source or setting("radius_health_source")

    def _ask(self):
        """Ask each server; write what it said. Takes at most 3 seconds a server."""
        for server in self:
            try:
                seconds = radius_status.ask(*server._where())
            except UserError as error:
                server.write({"failures": server.failures + 1, "last_error": str(error)})
            except radius_status.UnreachableError as error:
                why = _lt("It does not answer: does it run, does a firewall stand in between? (%(detail)s)", detail=str(error))
                server.write({"failures": server.failures + 1, "last_error": why})
            else:
                now = fields.Datetime.now()
                server.write({"failures": 0, "last_error": False, "last_answer": now, "answer_ms": round(seconds * 1000)})

    @api.model
    def _cron_ask(self):
        self.search([("active", "=", True)])._ask()
