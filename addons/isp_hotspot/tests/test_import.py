# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .test_batch import BatchCommon

GOOD = b"code\nriver-1001-ab\nRIVER1002CD\n"


@tagged("post_install", "-at_install")
class TestTokenImport(BatchCommon):
    def _file(self, content, site=None, **more):
        site = site or self.site
        values = {"site_id": site.id, "offer_id": site.offer_ids[0].id, "file": base64.b64encode(content), "file_name": "from-printer.csv"}
        return self.env["isp.token.import"].create({**values, **more})

    def _read(self, content, **more):
        return self.env["isp.token.import"].browse(self._file(content, **more).action_read()["res_id"])

    def test_codes_let_in(self):
        record = self._read(GOOD)
        self.assertEqual((record.count, record.added, record.bad, record.file), (2, 2, 0, False))
        batch = record.batch_id
        self.assertEqual((batch.name, batch.source, batch.count, batch.left_count), ("from-printer.csv", "file", 2, 2))
        self.assertEqual(sorted(batch.token_ids.mapped("code")), ["river1001ab", "river1002cd"])
        check, reply = self._log_in(batch.token_ids[0])
        self.assertEqual((check["Cleartext-Password"], reply["Session-Timeout"]), (batch.token_ids[0].code, "3600"))

    def test_the_same_file_twice_makes_nothing_twice(self):
        first = self._read(GOOD)
        second = self._file(GOOD)
        self.assertEqual(second.action_read()["res_id"], first.id)
        self.assertEqual(second.state, "draft")
        self.assertEqual(self.env["isp.token"].search_count([("site_id", "=", self.site.id)]), 2)

    def test_an_overlapping_file_makes_what_is_new(self):
        self._read(GOOD)
        record = self._read(GOOD + b"river1003ef\n")
        self.assertEqual((record.added, record.bad), (1, 2))
        self.assertEqual([(line.line, line.value, line.code) for line in record.line_ids], [(2, "river1001ab", "code_taken"), (3, "river1002cd", "code_taken")])
        nothing = self._read(GOOD + b"\n\n")
        self.assertEqual((nothing.added, nothing.bad, nothing.batch_id.ids), (0, 2, []))

    def test_a_code_is_of_one_access_only(self):
        """Neither another hotspot's token nor a customer's user name is taken over."""
        self._read(GOOD, site=self.other_site)
        self.env["isp.access"].create({"name": "achol77xyz", "password": "secret", "state": "allowed"})
        record = self._read(GOOD + b"achol77xyz\n")
        self.assertEqual((record.added, record.line_ids.mapped("code")), (0, ["code_taken"] * 3))
        self.assertEqual(self._ask("authz", "achol77xyz")["Cleartext-Password"], "secret")

    def test_each_refused_line_has_number_value_reason(self):
        record = self._read(b"code\ngood1234ab\n\n123456\nab_cd_ef_gh\ngood-1234-ab\n\xd9\xa3abcdefgh\nabc\n")
        self.assertEqual(record.added, 2)
        self.assertEqual(
            [(line.line, line.value, line.code) for line in record.line_ids],
            [(4, "123456", "code_weak"), (5, "ab_cd_ef_gh", "code_characters"), (6, "good-1234-ab", "twice_in_file"), (8, "abc", "code_weak")],
        )
        self.assertTrue(all(record.line_ids.mapped("reason")))
        self.assertIn("4,123456,", record._refused_csv().decode("utf-8-sig"))
        arabic = record.line_ids[0].with_context(lang="ar_001")
        self.assertTrue(any("\u0600" < char < "\u06ff" for char in arabic.reason), arabic.reason)

    def test_a_file_that_cannot_be_trusted_makes_nothing(self):
        for content in (b"", b"code\n=cmd|' /C calc'!A0\n", b"PK\x03\x04xx", b"name,phone\na,b\n", "code\nabc12345é\n".encode("utf-16"), b"code,password\nriver1001ab,x1\n"):
            with self.subTest(content), self.assertRaises(UserError):
                self._read(content)
        self.assertFalse(self.env["isp.token"].search_count([("site_id", "=", self.site.id)]))

    def test_user_and_password(self):
        self.site.login_mode = "pair"
        record = self._read(b"code,password\nriver1001ab,Secret 1\nriver1002cd,\n")
        tokens = record.batch_id.token_ids.sorted("id")
        self.assertEqual(tokens.mapped("password"), ["secret1", "river1002cd"])

    def test_offer_of_another_hotspot(self):
        with self.assertRaises(UserError):
            self._read(GOOD, offer_id=self.other_site.offer_ids[0].id)

    def test_rights(self):
        record = self._file(GOOD)
        for user in (self.care, self.owner):
            with self.subTest(user.login), self.assertRaises(AccessError):
                record.with_user(user).action_read()
        record.with_user(self.manager).action_read()
        with self.assertRaises(UserError):
            record.unlink()
