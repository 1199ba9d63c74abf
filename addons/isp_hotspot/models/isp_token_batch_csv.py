# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import models
from odoo.tools import SQL

from odoo.addons.isp_base.engine.tabular import write_csv

COLUMNS = ["number", "code", "password", "wifi", "time", "price", "currency", "devices", "speed", "data_mb", "good_until", "state"]


class IspTokenBatch(models.Model):
    """The codes of a batch as a file. They are money: billing managers get them, and the owner of the hotspot; nobody else."""

    _inherit = "isp.token.batch"

    def _may_have_codes(self):
        """:return: whether the user may have all codes of this batch at once"""
        self.ensure_one()
        user = self.env.user
        return self.has_access("read") and (user.has_group("isp_base.group_isp_billing_manager") or self.sudo().site_id._is_theirs(user))

    def _codes_csv(self):
        """:return: bytes, UTF-8 with byte order mark; no cell is a formula. Not checked: who may have it"""
        self.ensure_one()
        self.env.flush_all()
        batch = self.sudo()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT row_number() OVER (ORDER BY t.id), t.code, a.password, t.devices, t.rate, t.volume_bytes, date_trunc('second', t.ends_at), t.state
                  FROM isp_token t JOIN isp_access a ON a.id = t.access_id WHERE t.batch_id = %s ORDER BY t.id
                """,
                batch.id,
            )
        )
        site, currency = batch.site_id, batch.currency_id
        wifi, price = site.ssid or site.name, f"{batch.price:.{currency.decimal_places}f}"
        states = dict(self.env["isp.token"]._fields["state"]._description_selection(self.env))
        lines = (
            [str(number), code, password, wifi, batch.time_text, price, currency.name, str(devices or ""), rate or "", str((volume or 0) // 1_000_000 or ""), str(until or ""), states[state]]
            for number, code, password, devices, rate, volume, until, state in rows
        )
        return write_csv([COLUMNS, *lines])
