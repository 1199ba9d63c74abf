# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import uuid
from dataclasses import dataclass

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..engine import placeholders as engine
from ..engine.mobile import check
from ..engine.segments import segments
from .isp_sms_bulk import BEFORE, FAILED

#: Contacts looked at in one transaction.
LOOK = 1000
#: So few are looked at while the person waits; more in the background.
AT_ONCE = 1000
LANGS = {"en": "en_US", "ar": "ar_001"}


@dataclass
class Recipient:
    """What a contact would get: ``text`` to ``number``; or ``reason`` (and ``note``) why not. Without ``partner_id``: a number alone."""

    partner_id: int | None
    number: str = ""
    lang: str = "en"
    text: str = ""
    reason: str | None = None
    note: str = ""
    gateway: object = None


class IspSmsBulk(models.Model):
    _inherit = "isp.sms.bulk"

    # === Who ===

    def _prepare_recipient_domain(self):
        """Hook. :return: Domain on res.partner: whom the form's fields mean. Read again when their turn comes"""
        self.ensure_one()
        domain = Domain("company_id", "in", (False, self.company_id.id))
        if self.audience == "chosen":
            return domain & Domain("id", "in", self.partner_ids.ids)
        if self.audience == "failed":
            return domain & self._failed_domain()
        if self.category_ids:
            domain &= Domain("category_id", "in", self.category_ids.ids)
        if self.lang:
            domain &= Domain("lang", "=", self.lang)
        if self.country_id:
            domain &= Domain("country_id", "=", self.country_id.id)
        if self.state_ids:
            domain &= Domain("state_id", "in", self.state_ids.ids)
        return domain

    def _failed_domain(self):
        failed = SQL(
            """SELECT l.partner_id FROM isp_sms_bulk_line l JOIN isp_sms_message m ON m.uuid = l.uuid
                WHERE l.bulk_id = %s AND m.state IN %s AND l.partner_id IS NOT NULL""",
            self.source_id.id,
            FAILED,
        )
        return Domain.custom(to_sql=lambda _model, alias, _query: SQL("%s IN (%s)", SQL.identifier(alias, "id"), failed))

    def _recipient_count(self):
        """Hook. :return: how many the preview is to look at"""
        return self.env["res.partner"].search_count(self._prepare_recipient_domain())

    def _next_recipients(self, limit):
        """Hook. :return: [Recipient] of the next ``limit`` after the last line that is written, in the order in which they are looked at"""
        last = self.env.execute_query(SQL("SELECT COALESCE(MAX(partner_id), 0) FROM isp_sms_bulk_line WHERE bulk_id = %s", self.id))[0][0]
        partners = self.env["res.partner"].search(self._prepare_recipient_domain() & Domain("id", ">", last), order="id", limit=limit)
        found = self._recipients(partners)
        partners.invalidate_recordset()
        return found

    def _recipients_of(self, lines):
        """Hook. :return: {line id: Recipient} as they are now; without those that do not fit the selection any more"""
        fitting = self.env["res.partner"].search(self._prepare_recipient_domain() & Domain("id", "in", lines.partner_id.ids))
        found = {one.partner_id: one for one in self._recipients(fitting)}
        return {line.id: found[line.partner_id.id] for line in lines if line.partner_id.id in found}

    def _recipient_numbers(self, partner):
        """Hook. :return: the contact's numbers as given, the best first"""
        return [partner.phone]

    def _recipient_lang(self, partner):
        """:return: "en" or "ar": the text in the contact's language, or the only one there is"""
        wanted = "ar" if (partner.lang or "").startswith("ar") else "en"
        bodies = {"en": self.body, "ar": self.body_ar}
        return wanted if (bodies[wanted] or "").strip() else "en" if wanted == "ar" else "ar"

    def _recipient_values(self, partners, langs):
        """Hook: what the placeholders stand for. The same number of queries for one contact as for a thousand.

        :param langs: {partner id: code of the language of the text}
        :return: {partner id: {placeholder: value}}
        """
        return {partner.id: {"name": partner.name, "company": self.company_id.name} for partner in partners}

    def _recipients(self, partners):
        """:return: [Recipient], one for each of these contacts (sudo), in their order. The same number of queries for any number"""
        found = [self._recipient(partner) for partner in partners]
        opted_out = set() if self.service else self._opted_out([one.number for one in found if one.number])
        values = self._recipient_values(partners, {one.partner_id: LANGS[one.lang] for one in found})
        gateways = (self.gateway_id or self.company_id._isp_sms_gateways()).sudo()
        prefixes = [(gateway, tuple((gateway.prefixes or "").replace(",", " ").split())) for gateway in gateways]
        for one in found:
            if one.reason:
                continue
            one.gateway = next((gateway for gateway, starts in prefixes if not starts or one.number.startswith(starts)), None)
            if one.number in opted_out:
                one.reason = "opted_out"
            elif not one.gateway:
                one.reason = "no_gateway"
            else:
                try:
                    one.text = engine.fill(self.body_ar if one.lang == "ar" else self.body, values[one.partner_id])
                except engine.MissingValue as error:
                    one.reason, one.note = "no_value", f"{{{error.args[0]}}}"
        return found

    def _recipient(self, partner):
        country = (partner.country_id or self.company_id.country_id).code
        one = Recipient(partner.id, lang=self._recipient_lang(partner))
        given = [number for number in self._recipient_numbers(partner) if number and number.strip()]
        for number in given:
            one.number = check(number, country)[0] or ""
            if one.number:
                return one
        one.reason, one.note = ("no_mobile", given[0][:60]) if given else ("missing", "")
        return one

    def _opted_out(self, numbers):
        """:return: those of these numbers that want no SMS"""
        self.env["phone.blacklist"].flush_model()
        # Its search would make each number E.164 once more, which takes longer than all the rest.
        return {row[0] for row in self.env.execute_query(SQL("SELECT number FROM phone_blacklist WHERE active AND number = ANY(%s)", numbers))}

    # === Preview ===

    def action_preview(self):
        """Count who would get what. Many are counted in the background; nothing is sent."""
        for bulk in self:
            bulk.check_access("write")
            if bulk.state not in BEFORE:
                raise UserError(self.env._("It has been confirmed already."))
            if not bulk.company_id._isp_sms_gateways():
                raise UserError(self.env._("There is no gateway through which it could be sent. Set one up: SMS → Gateways."))
            bulk._begin_preview()

    def _begin_preview(self):
        bulk = self.sudo()
        bulk._forget_preview()
        total = bulk._recipient_count()
        bulk.write({"state": "previewing", "total": total, "ended_at": False})
        if total > AT_ONCE:
            bulk._wake()
            return
        while bulk.state == "previewing":
            bulk._step_previewing()

    def _forget_preview(self):
        if not self.ids:
            return
        self.env["isp.sms.bulk.line"].flush_model()
        self.env.cr.execute("DELETE FROM isp_sms_bulk_line WHERE bulk_id = ANY(%s)", [self.ids])
        self.env["isp.sms.bulk.line"].invalidate_model()
        self.invalidate_recordset()
        nothing = dict.fromkeys(("example_en", "example_ar", "longest", "longest_parts", "previewed_at", "total"), False)
        self.sudo().write({"state": "draft", **nothing})

    def _step_previewing(self):
        """Look at the next contacts, by id. :return: how many; after the last one the preview is finished

        Killed in between, it goes on after the last one that is written: each contact is one line.
        """
        recipients = self._next_recipients(LOOK)
        if not recipients:
            self._finish_preview()
            return 0
        self._write_lines(recipients)
        self.invalidate_recordset()
        return len(recipients)

    def _write_lines(self, recipients):
        rows = [self._prepare_line(one) for one in recipients]
        written = self._insert_lines(rows)
        # A number that is there already: this contact is left out, and it is said.
        doubles = [{**row, "state": "left_out", "reason": "double"} for row in rows if row["partner_id"] not in written]
        if doubles:
            self._insert_lines(doubles)

    def _prepare_line(self, one):
        _encoding, units, parts = segments(one.text)
        return {
            "partner_id": one.partner_id,
            "number": one.number or None,
            "text_lang": one.lang,
            "units": units,
            "parts": parts,
            "cost": parts * (one.gateway.price or 0) if one.gateway else 0,
            "currency_id": one.gateway.currency_id.id or None if one.gateway else None,
            "gateway_id": one.gateway.id if one.gateway else None,
            "state": "left_out" if one.reason else "ready",
            "reason": one.reason,
            "note": one.note or None,
            "uuid": None if one.reason else uuid.uuid4().hex,
        }

    def _insert_lines(self, rows):
        """:return: ids of the contacts written"""
        found = self.env.execute_query(
            SQL(
                """
                INSERT INTO isp_sms_bulk_line (bulk_id, partner_id, number, text_lang, units, parts, cost, currency_id, gateway_id, state, reason, note, uuid,
                            at_run, create_uid, create_date, write_uid, write_date)
                SELECT %(bulk)s, v.partner_id, v.number, v.text_lang, v.units, v.parts, v.cost, v.currency_id, v.gateway_id, v.state, v.reason, v.note, v.uuid,
                       FALSE, %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM jsonb_to_recordset(%(rows)s::jsonb) AS v (partner_id int, number varchar, text_lang varchar, units int, parts int, cost numeric,
                            currency_id int, gateway_id int, state varchar, reason varchar, note varchar, uuid varchar)
                    ON CONFLICT DO NOTHING
             RETURNING partner_id
                """,
                bulk=self.id,
                rows=json.dumps(rows),
                uid=self.env.uid,
                now=fields.Datetime.now(),
            )
        )
        self.env["isp.sms.bulk.line"].invalidate_model()
        return {row[0] for row in found}

    def _finish_preview(self):
        lines = self.env["isp.sms.bulk.line"].sudo()
        ready = [("bulk_id", "=", self.id), ("state", "=", "ready")]
        longest = lines.search(ready, order="parts desc, units desc, id", limit=1)
        shown = {
            "longest": longest,
            "example_en": lines.search([*ready, ("text_lang", "=", "en")], limit=1),
            "example_ar": lines.search([*ready, ("text_lang", "=", "ar")], limit=1),
        }
        found = self._recipients_of(lines.union(*shown.values()))
        texts = {line: one.text for line, one in found.items()}
        self.sudo().write(
            {
                "state": "previewed",
                "previewed_at": fields.Datetime.now(),
                "longest_parts": longest.parts,
                **{field: texts.get(line.id) for field, line in shown.items()},
            }
        )
