# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.isp_sms.engine.segments import segments

from ..engine import notice as engine
from .isp_notice import KINDS, PLACEHOLDERS

#: What the preview shows for each placeholder.
_SAMPLE = {
    "amount": 216000, "missing": 16000, "paid": 200000, "balance": 0, "price": 200000, "old_price": 180000, "fee": 5000,
    "date": "2026-11-11", "until": "2026-12-01 14:30", "number": "PCSH/2026/00042", "plan": "Home 2M", "old_plan": "Home 1M",
    "days": 5, "name": "Achol Deng", "account": "100042", "company": "Juba Net",
}  # fmt: skip


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
    preview = fields.Text(compute="_compute_preview")
    preview_length = fields.Integer(string="Characters", compute="_compute_preview")
    preview_segments = fields.Integer(string="SMS needed", compute="_compute_preview", help="More than one SMS costs more, and may not arrive whole.")

    _one_text = models.UniqueIndex("(kind, COALESCE(company_id, 0)) WHERE active", "There is a text for this kind of notice already.")

    @api.depends("kind")
    def _compute_placeholders(self):
        for template in self:
            template.placeholders = " ".join(f"{{{name}}}" for name in sorted(template._allowed())) if template.kind else False

    @api.depends("kind", "sms_body")
    @api.depends_context("lang")
    def _compute_preview(self):
        lang = self.env.lang
        for template in self:
            company = template.company_id or self.env.company
            values = self.env["isp.notice"]._readable(_SAMPLE, company, lang)
            known = {name: values.get(name) or f"{{{name}}}" for name in engine.placeholders(template.sms_body)}
            template.preview = engine.render(template.sms_body, known)
            _encoding, template.preview_length, template.preview_segments = segments(template.preview)

    @api.constrains("kind", "sms_body", "email_subject", "email_body")
    def _check_placeholders(self):
        """In every language: a text is written once and sent for years."""
        for template in self:
            for lang, _name in self.env["res.lang"].get_installed():
                translated = template.with_context(lang=lang)
                for text in (translated.sms_body, translated.email_subject, translated.email_body):
                    if unknown := engine.placeholders(text) - template._allowed():
                        raise ValidationError(
                            self.env._(
                                "The text of “%(kind)s” has no value for %(unknown)s. It may use: %(allowed)s",
                                kind=dict(self._fields["kind"]._description_selection(self.env))[template.kind],
                                unknown=", ".join(f"{{{name}}}" for name in sorted(unknown)),
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
