# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from odoo.addons.isp_sms.models.isp_sms_bulk import FAILED


class IspSmsBulk(models.Model):
    """Bulk SMS to guests of the ISP's own hotspots: each number to which a token was given or sold, once. Guests are no contacts.

    Guests of other owners are these owners' customers and are not written to. Who has opted out is left out, as everywhere.
    """

    _inherit = "isp.sms.bulk"

    isp_site_ids = fields.Many2many(
        "isp.site", string="At one of the hotspots", domain="[('own', '=', True), ('company_id', '=', company_id)]", groups="isp_base.group_isp_customer_service"
    )
    isp_guest_days = fields.Integer("Token within the last (days)", default=90, help="0: since ever.")

    _isp_guest_days_sane = models.Constraint("CHECK(COALESCE(isp_guest_days, 0) BETWEEN 0 AND 3660)", "From 0 to 3,660 days.")

    @api.model
    def _audience_selection(self):
        """Extend of `isp_sms`."""
        return [*super()._audience_selection(), ("guests", self.env._("Guests of your hotspots"))]

    @api.model
    def _preview_inputs(self):
        """Extend of `isp_sms`."""
        return super()._preview_inputs() | {"isp_site_ids", "isp_guest_days"}

    def _allowed_placeholders(self):
        """Override of `isp_sms`: of a guest nothing is known."""
        return ["company"] if self._to_guests() else super()._allowed_placeholders()

    def _to_guests(self):
        """:return: whether it goes to guests, or to those of them whom another did not reach"""
        return self.audience == "guests" or (self.audience == "failed" and self.source_id._to_guests())

    def _sql_guests(self):
        """:return: SQL: the numbers meant (E.164), each once, with the language of the last token: number, lang"""
        if self.audience == "failed":
            return SQL(
                """
                SELECT l.number, l.text_lang AS lang FROM isp_sms_bulk_line l JOIN isp_sms_message m ON m.uuid = l.uuid
                 WHERE l.bulk_id = %s AND m.state IN %s
                """,
                self.source_id.id,
                FAILED,
            )
        since = fields.Datetime.now() - timedelta(days=self.isp_guest_days) if self.isp_guest_days else None
        return SQL(
            """
            SELECT o.phone AS number, (array_agg(o.lang ORDER BY o.id DESC))[1] AS lang
              FROM isp_token_order o JOIN isp_site s ON s.id = o.site_id
             WHERE s.own AND s.company_id = %(company)s AND (%(sites)s = '{}' OR s.id = ANY(%(sites)s)) AND o.state = 'done' AND o.phone IS NOT NULL
               AND (%(since)s::timestamp IS NULL OR o.done_at >= %(since)s)
             GROUP BY o.phone HAVING %(lang)s::varchar IS NULL OR (array_agg(o.lang ORDER BY o.id DESC))[1] = %(lang)s
            """,
            company=self.company_id.id,
            sites=self.sudo().isp_site_ids.ids,
            since=since,
            lang=self.lang or None,
        )

    def _guests(self, where, limit=None):
        """:return: [Recipient] of those of the numbers for which ``where`` holds, by number"""
        self.env.flush_all()
        query = SQL('SELECT g.number, g.lang FROM (%s) g WHERE %s ORDER BY g.number COLLATE "C" LIMIT %s', self._sql_guests(), where, limit)
        rows = self.env.execute_query(query)
        contacts = self.env["res.partner"].concat(*[self.env["res.partner"].new({"phone": number, "lang": lang}) for number, lang in rows])
        found = self._recipients(contacts)
        for one in found:
            one.partner_id = None
        return found

    # === As the preview and the run ask ===

    def _recipient_count(self):
        """Extend of `isp_sms`."""
        if not self._to_guests():
            return super()._recipient_count()
        self.env.flush_all()
        return self.env.execute_query(SQL("SELECT count(*) FROM (%s) g", self._sql_guests()))[0][0]

    def _next_recipients(self, limit):
        """Extend of `isp_sms`: what is no mobile number stands in the note of its line."""
        if not self._to_guests():
            return super()._next_recipients(limit)
        last = SQL("""COALESCE((SELECT MAX(COALESCE(number, note) COLLATE "C") FROM isp_sms_bulk_line WHERE bulk_id = %s), '')""", self.id)
        return self._guests(SQL('g.number COLLATE "C" > %s', last), limit)

    def _recipients_of(self, lines):
        """Extend of `isp_sms`."""
        if not self._to_guests():
            return super()._recipients_of(lines)
        found = {one.number: one for one in self._guests(SQL("g.number = ANY(%s)", lines.mapped("number")))}
        return {line.id: found[line.number] for line in lines if line.number in found}
