# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..fields import LooseMany2one

REASONS = [
    ("unknown", "Unknown user name"),
    ("password", "Wrong password"),
    ("unset", "No password set"),
    ("devices", "Too many devices"),
    ("closed", "Account closed"),
    ("expired", "Time is over"),
    ("quota", "Used up"),
    ("elsewhere", "Not for this place"),
    ("guessing", "Locked after wrong tries"),
    ("flood", "Too many to list"),
]


class IspLoginAttempt(models.Model):
    """Log-ins that were refused, and why: what customer service looks at when somebody cannot get on line.

    Written by ``radius.postauth``: one row an hour for each user name, device and reason. Typed passwords are never stored.
    """

    _name = "isp.login.attempt"
    _description = "Refused log-in"
    _order = "last desc, id desc"
    _rec_name = "user_name"
    _log_access = False

    user_name = fields.Char(string="User name", readonly=True, required=True)
    access_id = LooseMany2one("isp.access", string="Log-in", readonly=True)
    subscription_id = fields.Many2one(related="access_id.subscription_id")
    partner_id = fields.Many2one(related="access_id.subscription_id.partner_id", string="Customer")
    mac = fields.Char(string="Device", readonly=True, required=True)
    nas_ip = fields.Char(string="Router's address", readonly=True)
    called = fields.Char(string="Service", readonly=True)
    reason = fields.Selection(REASONS, readonly=True, required=True)
    advice = fields.Char(string="What to do", compute="_compute_advice")
    hour = fields.Datetime(readonly=True, required=True)
    times = fields.Integer(readonly=True)
    first = fields.Datetime(readonly=True, required=True)
    last = fields.Datetime(readonly=True, required=True)

    _attempt_unique = models.UniqueIndex("(user_name, mac, reason, hour)")
    _first_index = models.Index("(first)")
    _access_index = models.Index("(access_id, last)")
    _device_index = models.Index("(mac, last) WHERE mac <> ''")

    @api.depends("reason")
    def _compute_advice(self):
        words = {
            "unknown": self.env._("Compare the user name letter by letter with the one of the line; capitals count."),
            "password": self.env._("Give out a new password, and type it into the customer's router."),
            "unset": self.env._("Give out a password."),
            "devices": self.env._("Disconnect a device that is not used, or sell a plan for more devices."),
            "closed": self.env._("The line was ended; it needs a new subscription."),
            "expired": self.env._("The time that was bought is over: sell another."),
            "quota": self.env._("What was bought is used up: sell another."),
            "elsewhere": self.env._("It is good at another hotspot only."),
            "guessing": self.env._("After too many wrong codes this device, or this hotspot for devices that are new there, waits: at most 15 minutes."),
            "flood": self.env._("Somebody tries user names by the hundred: look for the router they come from."),
        }
        for attempt in self:
            attempt.advice = words.get(attempt.reason)

    @api.autovacuum
    def _gc_old(self):
        """Kept for 30 days (system parameter ``isp_network.keep_attempt_days``)."""
        days = self.env["ir.config_parameter"].sudo().get_param("isp_network.keep_attempt_days") or ""
        limit = fields.Datetime.now() - timedelta(days=int(days) if days.isdecimal() else 30)
        return self.env["isp.usage"]._gc(SQL("isp_login_attempt"), SQL("first < %s", limit))
