# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from odoo.tests import BaseCase

from ..engine import account_no, lifecycle, value


class TestEngine(BaseCase):
    def test_doctests(self):
        """The doctests are the specification; none of them may be lost."""
        for module in (account_no, lifecycle, value):
            with self.subTest(module=module.__name__):
                result = doctest.testmod(module)
                self.assertGreater(result.attempted, 2)
                self.assertEqual(result.failed, 0)

    def test_states_are_complete(self):
        self.assertEqual(set(lifecycle.TRANSITIONS), set(lifecycle.STATES))
        for state in lifecycle.STATES:
            self.assertLessEqual(lifecycle.successors(state), set(lifecycle.STATES))
