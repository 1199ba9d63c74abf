# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import re
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..drivers import http
from ..engine import template

#: Patterns in a driver's words, and what a person should hear (`_plain_words`).
_WORDS = (
    ("refused", r"Connection refused|Errno 111"),
    ("name", r"Name or service not known|getaddrinfo|No address associated|Temporary failure in name"),
    ("certificate", r"CERTIFICATE_VERIFY_FAILED|certificate verify failed"),
    ("tls", r"WRONG_VERSION_NUMBER|SSLError|SSL:"),
    ("silent", r"timed out|TimeoutError|no answer"),
    ("unreachable", r"Network is unreachable|No route to host"),
    ("login", r"\b40[13]\b|uthori[sz]ation|authentication|Invalid Password|Invalid System ID|RINVPASWD"),
    ("bind", r"Bind Failed|Already in Bound State"),
    ("missing", r"\b404\b"),
    ("closed", r"RemoteDisconnected|ConnectionError|ConnectionReset|IncompleteRead"),
)


class IspSmsGateway(models.Model):
    """What single drivers need to know, checked when it is saved."""

    _inherit = "isp.sms.gateway"

    smpp_system_type = fields.Char("System type", size=12, groups="base.group_system", help="As the operator says; mostly empty.")
    smpp_bind = fields.Selection(
        [("transceiver", "One for both"), ("split", "One to send, one for reports")],
        "Connections of SMPP",
        default="transceiver",
        required=True,
        groups="base.group_system",
    )
    smpp_ids = fields.Selection(
        [("same", "Written alike"), ("hex_dec", "Answer hexadecimal, report decimal"), ("dec_hex", "Answer decimal, report hexadecimal")],
        "Ids in answer and report",
        default="same",
        required=True,
        groups="base.group_system",
        help="Where reports match nothing though they come, the operator writes ids in two ways.",
    )
    at_enqueue = fields.Boolean("Let them queue", default=True, groups="base.group_system", help="Africa's Talking answers at once and sends from its own queue.")
    http_method = fields.Selection([("GET", "GET"), ("POST", "POST")], "Method", default="GET", required=True, groups="base.group_system")
    http_content_type = fields.Char("Kind of body", default="application/x-www-form-urlencoded", groups="base.group_system")
    http_body = fields.Text("Body", groups="base.group_system")
    http_headers = fields.Text("Headers", groups="base.group_system", help="One a line: Authorization: Bearer {password}")
    http_ok = fields.Char("Answer when taken", groups="base.group_system", help="Regular expression. Empty: every answer with status 200 to 299.")
    http_later = fields.Char("Answer for not now", groups="base.group_system", help="Regular expression, such as: credit|busy. The message stays and the gateway rests.")
    http_id = fields.Char("Id in the answer", groups="base.group_system", help="Regular expression; its first group, if it has one, is the id.")
    http_report_status = fields.Char("Name of the state", groups="base.group_system", help="In reports. Empty: status, stat, state …")
    http_report_id = fields.Char("Name of the id", groups="base.group_system", help="In reports. Empty: id, message_id, msgid …")
    http_report_words = fields.Text("Words of reports", groups="base.group_system", help="One a line, such as: DLV_OK = delivered. States: accepted, delivered, failed, undeliverable, expired.")
    http_balance_url = fields.Char("Address of the credit", groups="base.group_system")
    http_balance = fields.Char("Credit in its answer", groups="base.group_system", help="Regular expression. Empty: the first number.")
    callback_url = fields.Char("Reports are brought to", compute="_compute_callback_url", groups="base.group_system")

    @api.depends("callback_base", "callback_token")
    def _compute_callback_url(self):
        for gateway in self:
            gateway.callback_url = f"{gateway._receipt_base()}/isp_sms/report/{gateway.sudo().callback_token}"

    # === Checks ===

    @api.constrains(
        "driver", "url", "sender", "http_method", "http_content_type", "http_body", "http_headers", "http_ok", "http_later", "http_id", "http_report_words",
        "http_balance_url", "http_balance",
    )  # fmt: skip
    def _check_way(self):
        for gateway in self.sudo():
            check = getattr(gateway, f"_check_way_{gateway.driver}", None)
            if check:
                check()

    def _check_way_kannel(self):
        self._check_url(("http", "https"))

    def _check_way_africastalking(self):
        self._check_url(("http", "https"))

    def _check_way_smpp(self):
        self._check_url(("smpp", "smpps", "ssmpp"), needed=True)
        sender = self.sender or ""
        if not sender.isascii() or (not sender.lstrip("+").isdecimal() and len(sender) > 11):
            raise ValidationError(self.env._("SMPP takes a number, or a name of up to 11 Latin letters, as sender; %s is neither.", sender))

    def _check_way_http(self):
        self._check_url(("http", "https"), needed=True)
        if self.http_balance_url:
            self._check_url(("http", "https"), url=self.http_balance_url)
        whole = f"{self.url} {self.http_method == 'POST' and self.http_body or ''} {self.http_headers or ''}"
        if unknown := template.unknown(whole) | template.unknown(self.http_balance_url):
            raise ValidationError(
                self.env._(
                    "There is no placeholder %(unknown)s. There are: %(known)s.",
                    unknown=", ".join(f"{{{name}}}" for name in sorted(unknown)),
                    known=", ".join(f"{{{name}}}" for name in sorted(template.NAMES)),
                )
            )
        places = template.used(whole)
        if not places & {"number", "digits"} or "text" not in places:
            raise ValidationError(self.env._("Address or body must hold the placeholders {number} (or {digits}) and {text}; else every message would be the same."))
        for name in ("http_ok", "http_later", "http_id", "http_balance"):
            try:
                re.compile(self[name] or "")
            except re.error as error:
                raise ValidationError(self.env._("%(field)s is no regular expression: %(error)s", field=self._fields[name].string, error=error)) from error
        try:
            http.headers(self.http_headers)
        except ValueError as error:
            raise ValidationError(self.env._('"%s" is no header; it should be like: X-Key: abc', error)) from error
        try:
            http.words(self.http_report_words)
        except ValueError as error:
            raise ValidationError(self.env._('"%(line)s" should be like: DLV_OK = delivered. States: %(states)s.', line=error, states=", ".join(http.STATES))) from error

    def _check_url(self, schemes, needed=False, url=None):
        url = self.url if url is None else url
        if not url and not needed:
            return
        parts = urlsplit(url or "")
        try:
            good = parts.scheme in schemes and parts.hostname and "{" not in parts.netloc and (parts.port or True)
        except ValueError:
            good = False
        if not good or not url.isascii() or re.search(r"\s", url):
            example = f"{schemes[0]}://127.0.0.1:{2775 if schemes[0] == 'smpp' else 8080}"
            raise ValidationError(self.env._('"%(url)s" is no address for this gateway; it should be like: %(example)s', url=url or "", example=example))

    # === For the driver ===

    def _prepare_options(self):
        """Extend: what only one driver knows."""
        self.ensure_one()
        options = super()._prepare_options()
        if self.driver == "smpp":
            options |= {"system_type": self.smpp_system_type or "", "bind": self.smpp_bind, "ids": self.smpp_ids, "receipts": self.receipts}
        elif self.driver == "africastalking":
            options |= {"enqueue": self.at_enqueue}
        elif self.driver == "http":
            names = ("method", "body", "content_type", "headers", "ok", "later", "id", "report_status", "report_id", "report_words", "balance_url", "balance")
            options |= {name: self[f"http_{name}"] or "" for name in names}
        return options

    # === In words ===

    def _plain_words(self, error):
        """:return: what a person can do about a driver's error, with its own words behind"""
        own = str(error) or type(error).__name__
        kind = next((kind for kind, pattern in _WORDS if re.search(pattern, f"{getattr(error, 'code', '')} {own}")), None)
        texts = {
            "refused": self.env._("Nobody listens at this address. Is the gateway running, and is the port right?"),
            "name": self.env._("The name in the address is not known. Is it spelled right, and is there a network?"),
            "certificate": self.env._("The certificate of the gateway cannot be trusted. Is the name in the address that of the gateway?"),
            "tls": self.env._("The gateway does not speak TLS at this port, or not as we do. Is it http or https, smpp or smpps?"),
            "silent": self.env._("The gateway does not answer in time. Is the address right, and does a firewall stand between?"),
            "unreachable": self.env._("There is no way to this address. Is the network or the VPN to the operator up?"),
            "login": self.env._("The gateway does not know this user name and password."),
            "bind": self.env._("The gateway allows no further connection. Another program, or our own dispatcher, may be connected: try again, or ask the operator for more."),
            "missing": self.env._("There is nothing at this address of the gateway. Is the path right?"),
            "closed": self.env._("The gateway ended the connection. It may not allow the address of this server, or this is not the right port."),
        }
        return f"{texts[kind]} ({own})" if kind else own
