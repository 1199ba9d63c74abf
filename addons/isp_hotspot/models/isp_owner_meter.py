# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL


class IspOwnerMeter(models.Model):
    """How often something that costs us or bothers others was asked for of late: codes by SMS, names of wallets, messages of a hotspot.

    One row a ``key``, moved by one statement: of two at the same moment one is done again by Odoo, and sees the other's count.
    """

    _name = "isp.owner.meter"
    _description = "Count of what owners ask for"
    _log_access = False
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)
    since = fields.Datetime(required=True, readonly=True)
    count = fields.Integer(required=True, readonly=True)

    _key_unique = models.UniqueIndex("(key)")

    @api.model
    def _take(self, key, most, seconds):
        """Count one more. Transaction: the caller's; what is rolled back was not counted.

        :param most: how many in a window of ``seconds`` from the first one on
        :return: whether it is within the limit
        """
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO isp_owner_meter AS m (key, since, count) VALUES (%(key)s, %(now)s, 1)
                    ON CONFLICT (key) DO UPDATE
                   SET count = CASE WHEN m.since > %(from)s THEN m.count + 1 ELSE 1 END, since = CASE WHEN m.since > %(from)s THEN m.since ELSE %(now)s END
             RETURNING count
                """,
                key=key,
                now=now,
                **{"from": now - timedelta(seconds=seconds)},
            ),
            log_exceptions=False,
        )
        return self.env.cr.fetchone()[0] <= most

    @api.model
    def _limit(self, name, default):
        """:return: the system parameter ``isp_hotspot.<name>``, a whole number"""
        text = self.env["ir.config_parameter"].sudo().get_param(f"isp_hotspot.{name}") or ""
        return int(text) if text.strip().isdecimal() else default

    @api.autovacuum
    def _gc_old(self):
        self.env.cr.execute(SQL("DELETE FROM isp_owner_meter WHERE since < %s", fields.Datetime.now() - timedelta(days=2)))
