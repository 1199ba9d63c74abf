# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: Wrong log-ins of one device at one hotspot, within WINDOW, after which it is not listened to until they are WINDOW old.
PER_DEVICE = 10
#: Wrong log-ins at one hotspot in a minute, after which devices that were never let in there wait for the next minute.
PER_ROUTER = 60
WINDOW = timedelta(minutes=15)


class IspLoginGuess(models.Model):
    """How often a device was wrong at a hotspot of late, and all devices together (``mac`` blank): what keeps codes from being guessed.

    Written by ``radius.postauth`` only, read by ``radius.auth``; the limits stand in both languages and are held together by a test.
    """

    _name = "isp.login.guess"
    _description = "Wrong log-ins of a device"
    _log_access = False

    nas_ip = fields.Char(required=True, readonly=True)
    mac = fields.Char(required=True, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    wrong = fields.Integer(required=True, readonly=True)

    _place_unique = models.UniqueIndex("(nas_ip, mac)")

    @api.autovacuum
    def _forget_old(self):
        self.env.cr.execute(SQL("DELETE FROM isp_login_guess WHERE since < %s", fields.Datetime.now() - timedelta(days=1)))
