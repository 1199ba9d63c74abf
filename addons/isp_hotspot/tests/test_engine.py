# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import doctest

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase, tagged

from ..engine import captive, code, life

CODES = st.text(alphabet=code.ALPHABET, min_size=7, max_size=15).map(lambda body: body + code.check(body))


@tagged("post_install", "-at_install")
class TestEngine(BaseCase):
    def test_doctests(self):
        for module in (captive, code, life):
            self.assertEqual(doctest.testmod(module).failed, 0, module.__name__)

    @given(CODES, st.data())
    def test_one_wrong_character_is_found(self, good, data):
        place = data.draw(st.integers(0, len(good) - 1))
        wrong = data.draw(st.sampled_from([char for char in code.ALPHABET if char != good[place]]))
        self.assertTrue(code.is_code(good))
        self.assertFalse(code.is_code(good[:place] + wrong + good[place + 1 :]))

    @given(CODES, st.data())
    def test_two_exchanged_characters_are_found(self, good, data):
        place = data.draw(st.integers(0, len(good) - 2))
        exchanged = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
        self.assertEqual(code.is_code(exchanged), exchanged == good)

    @given(st.integers(1, 10**7))
    def test_good_codes_are_rare(self, good):
        self.assertGreaterEqual(31 ** (code.length_for(good) - 1) / good, code.RARE)

    @given(st.text())
    def test_anything_typed_is_cleaned(self, text):
        self.assertTrue(set(code.clean(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789"))
