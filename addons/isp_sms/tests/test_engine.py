# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase

from ..drivers import africastalking, http, smpp
from ..engine import mobile, octets, placeholders, plain, quiet, segments, template


class TestEngine(BaseCase):
    def test_examples(self):
        for module in (mobile, octets, placeholders, plain, quiet, segments, template, africastalking, http, smpp):
            self.assertFalse(doctest.testmod(module).failed)

    def test_a_pair_is_never_split(self):
        self.assertEqual(segments.segments("a" * 152 + "€" + "a" * 152), ("gsm", 306, 3))
        self.assertEqual(segments.segments("م" * 66 + "😀" + "م" * 66), ("ucs2", 134, 3))
