# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import json
import re
from collections import Counter
from pathlib import Path

import polib

from odoo.modules import get_module_path
from odoo.tests import TransactionCase, tagged
from odoo.tools.translate import code_translations

#: Also what looks like one: "100 % so" would be a placeholder to Python.
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-zA-Z]|%%")
#: What a script says: _t("…").
SCRIPT = re.compile(r'_t\(("(?:[^"\\]|\\.)*")')
#: What staff see first: if their terms are in the files, somebody has exported them after the last change.
SAMPLE = {
    "ir.model": "name",
    "ir.model.fields": "field_description",
    "ir.model.fields.selection": "name",
    "ir.ui.menu": "name",
    "ir.actions.act_window": "name",
}


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    """Every term of our add-ons is in Arabic. After a change of strings: ``odoo i18n export``, then ``i18n/ar.po``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        ours = Path(get_module_path("isp_base")).parent
        names = [path.parent.name for path in sorted(ours.glob("*/__manifest__.py"))]
        cls.modules = cls.env["ir.module.module"].search([("name", "in", names), ("state", "=", "installed")])
        cls.files = {
            name: (polib.pofile(ours / name / "i18n" / f"{name}.pot"), polib.pofile(ours / name / "i18n" / "ar.po"))
            for name in cls.modules.mapped("name")
        }

    def test_every_term_is_translated(self):
        for name, (template, arabic) in self.files.items():
            with self.subTest(name):
                translated = {entry.msgid: entry for entry in arabic}
                missing = [
                    entry.msgid
                    for entry in template
                    if entry.msgid not in translated
                    or not translated[entry.msgid].msgstr
                    or translated[entry.msgid].fuzzy
                ]
                self.assertFalse(missing)

    def test_placeholders_are_kept(self):
        for name, (_template, arabic) in self.files.items():
            for entry in arabic:
                with self.subTest(f"{name}: {entry.msgid}"):
                    self.assertEqual(
                        Counter(PLACEHOLDER.findall(entry.msgstr)), Counter(PLACEHOLDER.findall(entry.msgid))
                    )

    def test_scripts_are_arabic(self):
        """What scripts say, as browsers get it. (An entry that does not say ``odoo-javascript`` is not sent to them.)"""
        found = 0
        for name in self.files:
            arabic = {one["id"]: one["string"] for one in code_translations.get_web_translations(name, "ar_001")["messages"]}
            for path in Path(get_module_path(name)).glob("static/src/**/*.js"):
                terms = {json.loads(text) for text in SCRIPT.findall(path.read_text())}
                found += len(terms)
                with self.subTest(str(path)):
                    self.assertFalse({term for term in terms if not arabic.get(term)})
        self.assertGreater(found, 300)

    def test_screens_are_arabic(self):
        """Labels and menus as the database holds them, in both languages."""
        self.env["res.lang"]._activate_lang("ar_001")
        self.modules._update_translations(["ar_001"], overwrite=True)
        same = {entry.msgid for _template, arabic in self.files.values() for entry in arabic if entry.msgid == entry.msgstr}
        for model, field in SAMPLE.items():
            data = self.env["ir.model.data"].search(
                [("module", "in", list(self.files)), ("model", "=", model)], order="module, name"
            )
            english = self.env[model].browse(data.mapped("res_id")).with_context(lang="en_US")
            arabic = english.with_context(lang="ar_001")
            left = {
                en[field] for en, ar in zip(english, arabic, strict=True) if en[field] == ar[field] and en[field] not in same
            }
            self.assertFalse(left, f"{model}: not in the translation files, or the database is older than they are")
