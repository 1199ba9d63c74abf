# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import hmac
import logging
import secrets
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.isp_secret.fields import Secret, reveal

from ..drivers import DRIVERS, Settings
from ..drivers.base import GatewayError

_logger = logging.getLogger(__name__)
#: Seconds a gateway is left alone after it failed: doubling, from and to.
_REST, _REST_MOST = 30, 600


class IspSmsGateway(models.Model):
    """A way out for SMS. Tried in order; one that fails rests, and the next takes over."""

    _name = "isp.sms.gateway"
    _description = "SMS gateway"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "sequence, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True, tracking=True)
    sequence = fields.Integer(default=10, help="The first that serves a number and does not rest takes its message.")
    driver = fields.Selection(selection="_driver_selection", required=True, default="kannel", tracking=True)
    company_id = fields.Many2one("res.company", index=True, help="Empty: for all companies.")
    url = fields.Char("Address", groups="base.group_system", tracking=True)
    username = fields.Char(groups="base.group_system")
    password = Secret(groups="base.group_system")
    sender = fields.Char("Sender", help="A number, or a name of up to 11 letters that the operator has registered.")
    timeout = fields.Integer("Time-out (s)", default=20)
    rate = fields.Float("Messages a second", default=0, help="What the operator allows. 0: as fast as it goes.")
    connections = fields.Integer(compute="_compute_connections", store=True, readonly=False, help="At the same time. SMPP: binds that the operator allows.")
    price = fields.Float("Price of a part", digits=(16, 6))
    currency_id = fields.Many2one("res.currency", default=lambda self: self.env.company.currency_id)
    prefixes = fields.Char("Only numbers that begin with", help="Separated by spaces, for example: +21192 +21198. Empty: all numbers.")
    receipts = fields.Boolean("Reports delivery", compute="_compute_receipts", store=True, readonly=False)
    resolve_wait = fields.Integer("Wait for a report (s)", default=600, help="So long a message of unknown fate waits for a report before it is handed over again.")
    callback_base = fields.Char("Our address for reports", groups="base.group_system", help="As the gateway reaches this server. Empty: the address of the website.")
    callback_token = fields.Char(groups="base.group_system", copy=False, readonly=True, default=lambda self: secrets.token_urlsafe(24))
    balance = fields.Float(readonly=True, copy=False)
    balance_currency = fields.Char("Currency of the balance", readonly=True, copy=False)
    balance_at = fields.Datetime("Balance read", readonly=True, copy=False)
    alert_below = fields.Float("Alert below", help="0: no alert.")
    resting_until = fields.Datetime(readonly=True, copy=False)
    failures = fields.Integer("Failures in a row", readonly=True, copy=False)
    last_error = fields.Char(readonly=True, copy=False)
    last_ok = fields.Datetime("Last accepted", readonly=True, copy=False)
    state = fields.Selection([("ok", "Working"), ("resting", "Resting"), ("off", "Off")], compute="_compute_state")

    _token_unique = models.UniqueIndex("(callback_token)", "This token is in use.")

    # === Compute ===

    @api.model
    def _driver_selection(self):
        return [(code, cls.label) for code, cls in DRIVERS.items()]

    @api.depends("driver")
    def _compute_receipts(self):
        for gateway in self:
            gateway.receipts = bool(gateway.driver) and DRIVERS[gateway.driver].receipts

    @api.depends("driver")
    def _compute_connections(self):
        for gateway in self:
            gateway.connections = DRIVERS[gateway.driver].connections if gateway.driver else 1

    @api.depends("active", "resting_until")
    def _compute_state(self):
        now = fields.Datetime.now()
        for gateway in self:
            resting = gateway.resting_until and gateway.resting_until > now
            gateway.state = "off" if not gateway.active else "resting" if resting else "ok"

    # === Driver ===

    def _prepare_settings(self):
        """:return: this gateway in plain Python; add-ons and drivers add to ``options`` by ``_prepare_options``"""
        self.ensure_one()
        gateway = self.sudo()
        return Settings(
            url=gateway.url or "",
            username=gateway.username or "",
            password=reveal(gateway, "password"),
            sender=gateway.sender or "",
            timeout=gateway.timeout or 20,
            options=gateway._prepare_options(),
        )

    def _prepare_options(self):
        return {}

    def _make_driver(self):
        """:return: function without argument that makes a driver; it touches no database"""
        settings = self._prepare_settings()
        cls = self._driver_class()
        return lambda: cls(settings)

    def _driver_class(self):
        return DRIVERS[self.driver]

    def _receipt_url(self):
        """:return: function (uuid, attempt) -> where the gateway may report that one message, "" nowhere"""
        base, messages = self._receipt_base(), self.env["isp.sms.message"]
        if not base:
            return lambda uuid, attempt: ""
        if self.driver == "http":
            start = f"{base}/isp_sms/report/{self.sudo().callback_token}"
            return lambda uuid, attempt: f"{start}/{uuid}/{attempt}/{messages._receipt_signature(uuid, attempt)}"
        return lambda uuid, attempt: f"{base}{messages._receipt_path(uuid, attempt)}"

    @api.model
    def _of_token(self, token):
        """:return: the gateway whose reports come under this token, also one that is off; empty when there is none"""
        if len(token) < 20 or not token.isprintable():
            return self.browse()
        found = self.sudo().with_context(active_test=False).search([("callback_token", "=", token)], limit=1)
        return found if found and hmac.compare_digest(found.callback_token.encode(), token.encode()) else self.browse()

    def _keep_report(self, values, uuid="", attempt=None):
        """Keep a report that was brought. In the caller's transaction; read later by `isp.sms.receipt`.

        :param uuid: of the message, where its own signed address was called
        :raise ValueError: it is no report
        """
        signed = {"_signed": "1"} if uuid else {}
        receipt = self._driver_class().report(self._prepare_settings(), {**values, **signed})
        raw = "&".join(f"{name}={value}" for name, value in sorted(values.items()))
        if uuid:
            receipt = replace(receipt, uuid=uuid, key=f"{uuid}:{attempt}:{receipt.text}")
        return self.env["isp.sms.receipt"]._take(self, [replace(receipt, raw=raw[:2000])], attempt)

    def _receipt_base(self):
        base = self.sudo().callback_base or self.env["ir.config_parameter"].sudo().get_param("web.base.url") or ""
        return base.rstrip("/")

    # === Actions ===

    def action_test(self):
        """Reach the gateway without sending anything, and say what is wrong."""
        self.ensure_one()
        driver = self._make_driver()()
        try:
            text = driver.test()
        except (GatewayError, NotImplementedError) as error:
            raise UserError(self.env._("%(gateway)s does not answer as it should: %(text)s", gateway=self.name, text=self._plain_words(error))) from error
        finally:
            driver.close()
        self.action_wake()
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {"type": "success", "title": self.name, "message": self.env._("It answers: %s", text or "OK")},
        }

    def action_wake(self):
        """Try again at once."""
        self.sudo().write({"resting_until": False, "failures": 0, "last_error": False})
        self.env["isp.sms.message"]._trigger()

    # === Life ===

    def _went_well(self):
        if self.failures or self.resting_until or self.last_error:
            self.write({"failures": 0, "resting_until": False, "last_error": False})

    def _failed(self, problem):
        """Circuit breaker: 30 s, doubled with each failure in a row, 10 minutes at the most."""
        seconds = min(_REST * 2 ** min(self.failures, 10), _REST_MOST)
        until = fields.Datetime.now() + timedelta(seconds=seconds)
        self.write({"failures": self.failures + 1, "resting_until": until, "last_error": (problem or "")[:500]})
        _logger.info("SMS gateway %s (%s) rests for %s s: %s", self.id, self.name, seconds, problem)
        return until

    @api.model
    def _cron_balance(self):
        """Read what credit is left, each gateway in a transaction of its own, none open while it is asked."""
        cron = self.env["ir.cron"]
        gateways = self.search([("active", "=", True)])
        cron._commit_progress(remaining=len(gateways))
        for gateway in gateways:
            gateway._read_balance(cron._commit_progress)
            cron._commit_progress(1)

    def _read_balance(self, commit):
        make = self._make_driver()
        commit()
        driver = make()
        try:
            balance = driver.balance()
        except GatewayError as error:
            _logger.info("SMS gateway %s does not tell its balance: %s", self.id, error)
            return
        finally:
            driver.close()
        if balance is None:
            return
        self.write({"balance": balance.amount, "balance_currency": balance.currency, "balance_at": fields.Datetime.now()})
        if self.alert_below and balance.amount < self.alert_below:
            self._alert()

    def _alert(self):
        """One open activity, however often it is read."""
        summary = self.env._("SMS credit is low")
        manager = self.env.ref("isp_sms.group_manager").all_user_ids.filtered(lambda u: not u.share and u.active)[:1]
        if manager and not self.activity_ids.filtered(lambda a: a.summary == summary):
            note = self.env._("%(gateway)s has %(amount)s %(currency)s left.", gateway=self.name, amount=self.balance, currency=self.balance_currency or "")
            self.activity_schedule("mail.mail_activity_data_todo", summary=summary, note=note, user_id=manager.id)
