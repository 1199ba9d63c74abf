# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase, tagged

from ..drivers import base, mtn, orange
from ..tools import masked, msisdn, schedule


@tagged("post_install", "-at_install")
class TestEngine(BaseCase):
    def test_doctests(self):
        for module in (base, masked, msisdn, mtn, orange, schedule):
            result = doctest.testmod(module)
            self.assertEqual((result.failed, bool(result.attempted)), (0, True), module.__name__)
