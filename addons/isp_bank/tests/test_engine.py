# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase

from ..engine import match, statement


class TestEngine(BaseCase):
    def test_doctests(self):
        """The doctests are the specification; none of them may be lost."""
        for module in (match, statement):
            with self.subTest(module=module.__name__):
                result = doctest.testmod(module)
                self.assertGreater(result.attempted, 8)
                self.assertEqual(result.failed, 0)
