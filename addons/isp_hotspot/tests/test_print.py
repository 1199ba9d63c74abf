# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import io
from datetime import timedelta
from unittest.mock import patch

import pypdfium2
import zxingcpp

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from odoo.addons.queue_job.tests.common import trap_jobs
from odoo.addons.report_weasyprint.tests.common import pages_of, text_of
from odoo.addons.report_weasyprint.tools.cards import qr_modules

from ..models import isp_token_print
from .test_batch import BatchCommon


@tagged("post_install", "-at_install")
class TestPrint(BatchCommon):
    def _pdf(self, batch, paper="a4_30", lang="en_US", **more):
        prints = self.env["isp.token.print"]._ask(batch, paper, lang, **more)
        self.assertEqual(prints.state, "done")
        return base64.b64decode(prints.pdf)

    def _read(self, pdf, page=0):
        """:return: {what a QR code of the page says}, as a camera sees it that shows a module by three points"""
        picture = pypdfium2.PdfDocument(io.BytesIO(pdf))[page].render(scale=3).to_pil()
        return {found.text for found in zxingcpp.read_barcodes(picture)}

    def _codes(self, pdf, page=0):
        """:return: {codes}, each in an address that logs in by itself"""
        head = f"http://{self.site.hotspot_name}/login#c="
        found = self._read(pdf, page)
        self.assertTrue(all(text.startswith(head) for text in found), found)
        return {text.removeprefix(head).split("&")[0] for text in found}

    def test_sheets(self):
        batch = self._batch(61)
        self.site.terms = "No refund.\nSecond line."
        codes = batch.token_ids.sorted("id").mapped("code")
        for paper, on_sheet, sheets in (("a4_30", 30, 3), ("a4_50", 50, 2), ("slip", 1, 61)):
            with self.subTest(paper):
                pdf = self._pdf(batch, paper)
                texts = text_of(pdf)
                self.assertEqual(len(texts), sheets)
                self.assertEqual(self._codes(pdf), set(codes[:on_sheet]))
                self.assertEqual(self._codes(pdf, sheets - 1), {codes[-1]} if paper == "slip" else set(codes[on_sheet * (sheets - 1) :]))
                self.assertTrue(all(code in texts[0] for code in codes[:on_sheet]))
                for words in ("River Hotel", "1 hour", "No refund."):
                    self.assertIn(words, texts[0])
                self.assertNotIn("Second line", texts[0])
        width, height = pages_of(self._pdf(batch))[0].mediabox[2:]
        self.assertEqual((round(float(width) * 25.4 / 72), round(float(height) * 25.4 / 72)), (210, 297))

    def test_long_words_push_nothing_off_the_card(self):
        self.site.write({"ssid": "W" * 32, "terms": "x " * 300, "login_mode": "pair"})
        self.env["isp.token.offer"].search([]).price = 123456789
        batch = self._batch(31, until=fields.Datetime.now() + timedelta(days=40))
        for lang in ("en_US", "ar_001"):
            for paper, on_sheet in (("a4_30", 30), ("a4_50", 31), ("slip", 1)):
                with self.subTest(paper=paper, lang=lang):
                    pdf = self._pdf(batch, paper, lang)
                    self.assertEqual(len(pages_of(pdf)), -(-31 // on_sheet))
                    self.assertEqual(len(self._codes(pdf)), on_sheet)

    def test_user_and_password(self):
        self.site.login_mode = "pair"
        batch = self._batch(2)
        for paper in ("a4_30", "a4_50", "slip"):
            text = " ".join(text_of(self._pdf(batch, paper)))
            for token in batch.token_ids:
                self.assertIn(token.code, text)
                self.assertIn(token.password, text)

    def test_the_qr_code_logs_in_by_itself(self):
        self.site.write({"login_mode": "pair", "hotspot_name": "wifi.river-hotel.internal"})
        token = self._batch(1).token_ids
        for paper in ("a4_30", "a4_50", "slip"):
            self.assertEqual(self._read(self._pdf(token.batch_id, paper)), {token._login_url()})
            self.assertEqual(token._login_url(), f"http://wifi.river-hotel.internal/login#c={token.code}&p={token.password}")

    def test_modules_are_not_too_small(self):
        """A third of a millimetre each. An address that is too long for the card gives way to the code."""
        sides = {"a4_30": 23, "a4_50": 16.6, "slip": 42}
        token = self._batch(1).token_ids
        for name in ("wifi.internal", f"{'w' * 63}.{'x' * 6}", f"{'w' * 63}.{'x' * 18}", ".".join(["y" * 62] * 4)):
            self.site.hotspot_name = name
            for paper, side in sides.items():
                with self.subTest(paper=paper, name=name):
                    [text] = self._read(self._pdf(token.batch_id, paper))
                    self.assertGreaterEqual(side / (len(qr_modules(text)) + 8), 0.33)
                    self.assertEqual(text, token._login_url() if len(token._login_url()) <= isp_token_print.QR_MOST[paper] else token.code)

    def test_blocked_ones_are_left_out(self):
        batch = self._batch(3)
        batch.token_ids.sorted("id")[1]._block()
        pdf = self._pdf(batch)
        self.assertEqual(self._codes(pdf), set(batch.token_ids.sorted("id").mapped("code")[::2]))
        self.assertIn(f"{batch.id}-3", text_of(pdf)[0])

    def test_a_part_of_it(self):
        batch = self._batch(10)
        pdf = self._pdf(batch, first=4, last=6)
        self.assertEqual(self._codes(pdf), set(batch.token_ids.sorted("id").mapped("code")[3:6]))
        for first, last in ((0, 3), (4, 11), (6, 4)):
            with self.assertRaises(UserError):
                self._pdf(batch, first=first, last=last)

    def test_not_what_is_blocked(self):
        batch = self._batch(2)
        batch._block("lost")
        with self.assertRaises(UserError):
            self._pdf(batch)

    def test_many_are_printed_by_jobs_once(self):
        batch = self._batch(90)
        with patch.multiple(isp_token_print, IN_REQUEST=20, IN_FILE=40, _STEP=10), trap_jobs() as trap:
            prints = self.env["isp.token.print"]._ask(batch, "a4_30", "ar_001")
            self.assertEqual(self.env["isp.token.print"]._ask(batch, "a4_30", "ar_001"), prints)
            self.assertEqual([(record.first, record.last, record.state) for record in prints], [(1, 40, "waiting"), (41, 80, "waiting"), (81, 90, "waiting")])
            trap.assert_jobs_count(3)
            self.registry_enter_test_mode()
            told = []
            with patch.object(type(prints), "_tell", lambda record, done: told.append(done)):
                prints[0]._print_by_job()
            self.assertEqual(told, [10, 20, 30, 40])
            prints.invalidate_recordset()
            first = prints[0].pdf
            with patch.object(type(prints), "_print", side_effect=AssertionError):
                prints[0]._print_by_job()
            self.assertEqual(prints[0].pdf, first)
            prints[1]._tell(20)
            prints.invalidate_recordset()
            self.assertEqual((prints[0].progress, prints[1].progress, prints[2].progress), (100, 50, 0))

    def test_form_and_rights(self):
        batch = self._batch(3)
        wizard = self.env["isp.token.batch.print"].with_user(self.manager).with_context(default_batch_id=batch.id).create({})
        self.assertEqual((wizard.first, wizard.last, wizard.lang), (1, 3, self.site.lang))
        self.assertEqual(wizard.action_print()["type"], "ir.actions.act_url")
        record = batch.print_ids
        self.assertTrue(record.with_user(self.owner).has_access("read"))
        for user in (self.care, self.other_owner):
            with self.assertRaises(AccessError):
                record.with_user(user).read(["pdf"])
        with self.assertRaises(AccessError):
            self.env["isp.token.batch.print"].with_user(self.care).create({"batch_id": batch.id, "lang": "en_US", "last": 1})
