# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.isp_sms.engine.placeholders import wrong
from odoo.addons.isp_sms.engine.segments import segments

from ..engine import notice as engine
from .isp_notice import KINDS, PLACEHOLDERS

#: What the preview shows and the counter counts for each placeholder: as long as they really get.
SAMPLE = {
    "amount": 1250000, "due": 1250000, "missing": 216000, "paid": 1034000, "balance": 125000, "price": 1250000, "old_price": 1100000, "fee": 15000,
    "date": "2026-11-11", "until": "2026-12-01 14:30", "number": "INV/2026/00042", "plan": "Home 10M", "old_plan": "Home 2M", "days": 25,
    "name": "Achol Deng", "account": "T100042", "percent": 80, "user": "K7QX4M", "password": "93417528", "ssid": "JubaNet",
    "site": "Hai Malakal", "technician": "Deng", "link": "https://isp.example.com/my/invoices/4711?access_token=2a6b0d1e-5f",
}  # fmt: skip
#: Kinds whose {date} is a moment.
_WITH_HOUR = {"appointment", "outage"}


class IspNoticeTemplate(models.Model):
    """The text of a kind of notice, in every language of the customers."""

    _name = "isp.notice.template"
    _description = "Text of notices"
    _order = "kind, id"
    _rec_name = "kind"

    kind = fields.Selection(KINDS, required=True, index=True)
    company_id = fields.Many2one("res.company", help="Empty: for every company that has no text of its own.")
    sms_body = fields.Text(string="SMS", required=True, translate=True)
    email_subject = fields.Char(string="Subject of the e-mail", translate=True)
    email_body = fields.Text(string="E-mail", translate=True, help="Empty: no e-mail of this kind is sent.")
    active = fields.Boolean(default=True)
    placeholders = fields.Char(compute="_compute_placeholders", help="What may stand in braces in the texts of this kind.")
    samples = fields.Json(compute="_compute_samples", help="What may stand for each placeholder: the counter in the screen.")
    preview = fields.Text(compute="_compute_preview")
    preview_length = fields.Integer(string="Characters", compute="_compute_preview")
    preview_segments = fields.Integer(string="SMS needed", compute="_compute_preview", help="More than one SMS costs more, and may not arrive whole.")
    too_long = fields.Char(string="Too long in", compute="_compute_preview", help="Languages in which the text takes more than one SMS.")

    _one_text = models.UniqueIndex("(kind, COALESCE(company_id, 0)) WHERE active", "There is a text for this kind of notice already.")

    @api.depends("kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for template in self:
            template.display_name = kinds.get(template.kind)

    @api.depends("kind")
    def _compute_placeholders(self):
        for template in self:
            template.placeholders = " ".join(f"{{{name}}}" for name in sorted(template._allowed())) if template.kind else False

    @api.depends("kind", "company_id")
    @api.depends_context("lang", "company")
    def _compute_samples(self):
        for template in self:
            values = template._sample_values(self.env.lang)
            template.samples = {name: str(values[name]) for name in template._allowed() if name in values}

    def _sample_values(self, lang):
        company = self.company_id or self.env.company
        sample = {**SAMPLE, "date": "2026-11-11 08:30:00"} if self.kind in _WITH_HOUR else SAMPLE
        return self.env["isp.notice"]._readable(sample, company, lang or "en_US")

    @api.depends("kind", "company_id", "sms_body")
    @api.depends_context("lang", "company")
    def _compute_preview(self):
        langs = self.env["res.lang"].get_installed()
        for template in self:
            template.preview = template._example(template.sms_body, self.env.lang)
            _encoding, template.preview_length, template.preview_segments = segments(template.preview)
            # Of the other languages what is stored; of this one what stands in the form.
            texts = {name: (code, template.sms_body if code == self.env.lang else template._origin.with_context(lang=code).sms_body) for code, name in langs}
            long = [name for name, (code, text) in texts.items() if segments(template._example(text, code))[2] > 1]
            template.too_long = ", ".join(long)

    def _example(self, text, lang):
        """:return: the text with samples in its placeholders"""
        values = self._sample_values(lang)
        known = {name: values.get(name) or f"{{{name}}}" for name in engine.placeholders(text)}
        return engine.render(text, known)

    @api.constrains("kind", "sms_body", "email_subject", "email_body")
    def _check_placeholders(self):
        """In every language: a text is written once and sent for years."""
        for template in self:
            for lang, _name in self.env["res.lang"].get_installed():
                translated = template.with_context(lang=lang)
                for text in (translated.sms_body, translated.email_subject, translated.email_body):
                    if unknown := wrong(text, template._allowed()):
                        raise ValidationError(
                            self.env._(
                                "The text of “%(kind)s” has no value for %(unknown)s. It may use: %(allowed)s",
                                kind=dict(self._fields["kind"]._description_selection(self.env))[template.kind],
                                unknown=", ".join(dict.fromkeys(unknown)),
                                allowed=template.placeholders,
                            )
                        )

    def _allowed(self):
        self.ensure_one()
        return set(PLACEHOLDERS[""]) | set(PLACEHOLDERS.get(self.kind, ()))

    @api.model
    def _for_kind(self, kind, company):
        """:return: the text of this company, else the common one; empty when there is none in use"""
        return self.search([("kind", "=", kind), ("company_id", "in", (company.id, False))], order="company_id", limit=1)
