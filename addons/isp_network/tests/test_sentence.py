# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import tagged
from odoo.tools.translate import LazyTranslate

from ..fields import english
from .common import NetworkCommon

_lt = LazyTranslate("isp_network")


@tagged("post_install", "-at_install")
class TestSentence(NetworkCommon):
    """What a job says, read in the language of the reader: ``fields.Sentence``."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.env["ir.module.module"].search([("name", "=", "isp_network")])._update_translations(["ar_001"], overwrite=True)
        cls.arabic = cls.router.with_context(lang="ar_001")

    def _say(self, what):
        self.router.last_error = what
        self.env.flush_all()
        self.env.invalidate_all()
        return self.router.last_error, self.arabic.last_error

    def test_both_languages(self):
        self.assertEqual(self._say(_lt("The router refused.")), ("The router refused.", "رفض الراوتر."))
        self.assertEqual(self.router.read(["last_error"])[0]["last_error"], "The router refused.")
        self.assertEqual(self.arabic.read(["last_error"])[0]["last_error"], "رفض الراوتر.")

    def test_values_and_sentences_in_sentences(self):
        words = _lt("%(words)s (%(detail)s)", words=_lt("The router refused."), detail="100 % {no} such item")
        self.assertEqual(self._say(words), ("The router refused. (100 % {no} such item)", "رفض الراوتر. (\u2068100 % {no} such item\u2069)"))
        self.assertEqual(english(words), "The router refused. (100 % {no} such item)")
        again = _lt("%(name)s: %(reason)s", name="achol", reason=self.router._fields["last_error"].sentence(self.router))
        self.assertEqual(self._say(again)[1], "\u2068achol\u2069: رفض الراوتر. (\u2068100 % {no} such item\u2069)")

    def test_several(self):
        self.assertEqual(self._say([_lt("Disconnected"), "x"]), ("Disconnected; x", "قُطع الاتصال؛ x"))
        self.assertEqual(self._say([]), (False, False))

    def test_plain_text_stays(self):
        """Also what stood there before there were sentences, and what only looks like one."""
        for text in ("no answer", '{"said": 7', '{"said": {"source": 7}}', '{"said": {"source": "x", "module": "y"}}', False):
            self.assertEqual(self._say(text), (text, text))
        self.assertEqual(self.router._fields["last_error"].sentence(self.router), False)

    def test_the_same_sentence(self):
        field = self.router._fields["last_error"]
        self._say(_lt("%(name)s: %(reason)s", name="achol", reason="x"))
        self.assertTrue(field.is_said(self.router, _lt("%(name)s: %(reason)s", name="achol", reason="x")))
        self.assertFalse(field.is_said(self.router, _lt("%(name)s: %(reason)s", name="deng", reason="x")))

    def test_a_new_record(self):
        task = self.env["isp.router.task"].create({"router_id": self.router.id, "message": _lt("Disconnected")})
        self.env.invalidate_all()
        self.assertEqual(task.with_context(lang="ar_001").message, "قُطع الاتصال")
