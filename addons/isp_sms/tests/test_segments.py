# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import json
import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..engine.segments import segments, split

ADDON = Path(__file__).parents[1]
CASES = json.loads((ADDON / "tests" / "data" / "segments.json").read_text("utf-8"))
#: Runs the screen's counter outside a browser, in the engine that browsers have.
RUN = 'import {{ segments }} from "{module}"; let text = ""; for await (const c of process.stdin) text += c; console.log(JSON.stringify(JSON.parse(text).map(segments)));'


def by_the_screen(texts):
    module = ADDON / "static" / "src" / "sms_widget" / "segments.js"
    source = "data:text/javascript;base64," + base64.b64encode(module.read_bytes()).decode()
    done = subprocess.run(
        ["node", "--input-type=module", "-e", RUN.format(module=source)], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    return [(found["encoding"], found["units"], found["parts"]) for found in json.loads(done.stdout)]


class TestSegments(BaseCase):
    """One rule in the engine and in the screen."""

    def test_engine(self):
        for case in CASES:
            with self.subTest(case["name"]):
                self.assertEqual(segments(case["text"]), (case["encoding"], case["units"], case["parts"]))

    def test_screen(self):
        for case, found in zip(CASES, by_the_screen([case["text"] for case in CASES]), strict=True):
            with self.subTest(case["name"]):
                self.assertEqual(found, (case["encoding"], case["units"], case["parts"]))

    def test_both_agree_on_anything(self):
        texts = []

        @given(st.text(alphabet=st.one_of(st.sampled_from("a€[م😀\n`δ"), st.characters(codec="utf-8")), max_size=400))
        def collect(text):
            texts.append(text)

        collect()
        self.assertGreater(len(texts), 50)
        self.assertEqual(by_the_screen(texts), [segments(text) for text in texts])

    def test_parts_hold_the_text(self):
        @given(st.text(alphabet="a€[م😀", min_size=1, max_size=900))
        def check(text):
            encoding, units, parts = segments(text)
            single, part = (160, 153) if encoding == "gsm" else (70, 67)
            if parts == 1:
                self.assertLessEqual(units, single)
            else:
                # A part may lose one place to a pair that did not fit.
                self.assertGreater(units, single)
                self.assertLessEqual(units, parts * part)
                self.assertGreater(units, (parts - 1) * (part - 1))

        check()

    def test_split_is_the_text_in_as_many_parts_as_counted(self):
        alphabet = st.one_of(st.sampled_from("a€[م😀\n`δ"), st.characters(codec="utf-8"))

        @given(st.text(alphabet=alphabet, max_size=900))
        def check(text):
            parts = split(text)
            encoding, _units, count = segments(text)
            self.assertEqual("".join(parts), text)
            self.assertEqual(len(parts), count)
            if count > 1:
                room = 153 if encoding == "gsm" else 67
                # Each is measured in the alphabet of the whole: a part without the one Arabic letter is Unicode too.
                sizes = [segments(part)[1] if encoding == "gsm" else len(part.encode("utf-16-le")) // 2 for part in parts]
                self.assertLessEqual(max(sizes), room)
                self.assertGreaterEqual(min(sizes[:-1]), room - 1, "only a pair that did not fit leaves a place")

        check()
