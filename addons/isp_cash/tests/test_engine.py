# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase

from ..engine import drawer


class TestEngine(BaseCase):
    def test_doctests(self):
        result = doctest.testmod(drawer)
        self.assertGreater(result.attempted, 5)
        self.assertEqual(result.failed, 0)
