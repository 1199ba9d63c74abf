# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import time

from odoo.exceptions import UserError
from odoo.tests import tagged

from ..engine import statement
from .common import BankCommon

HEADER = "Date,Reference,Amount,Description,Payer,Phone\n"


@tagged("post_install", "-at_install")
class TestImport(BankCommon):
    def _import(self, text, **vals):
        data = text if isinstance(text, bytes) else text.encode()
        record = self.env["isp.incoming.import"].with_user(self.manager).create(
            {"operator_id": self.operator.id, "file": base64.b64encode(data), "file_name": "s.csv", **vals}
        )
        record.action_read()
        return record

    def _counts(self, record):
        return record.count, record.added, record.known, record.out, record.bad

    def test_same_and_overlapping_files_add_what_is_new(self):
        text = HEADER + "20/11/2026,A1,1000,internet,Nyandeng,0921234567\n20/11/2026,A2,\"2,500\",,,\n"
        first = self._import(text)
        self.assertEqual(self._counts(first), (2, 2, 0, 0, 0))
        first.action_read()
        self.assertEqual(self._counts(self._import(text)), (2, 0, 2, 0, 0))
        self.assertEqual(self._counts(self._import(text + "21/11/2026,A3,5,,,\n")), (3, 1, 2, 0, 0))
        incoming = self.env["isp.incoming"].sudo().search([("operator_id", "=", self.operator.id)])
        self.assertEqual(sorted(incoming.mapped("amount")), [5, 1000, 2500])
        self.assertEqual(incoming.filtered(lambda i: i.reference == "A1").raw["Payer"], "Nyandeng")
        incoming._process()
        self.assertEqual(self._balance_of(self.bank.default_account_id), 3505)

    def test_lines_without_reference_have_a_stable_key(self):
        text = HEADER + "20/11/2026,,100,x,,\n" * 3
        self.assertEqual(self._counts(self._import(text)), (3, 3, 0, 0, 0))
        self.assertEqual(self._counts(self._import(text + "20/11/2026,,100,x,,\n")), (4, 1, 3, 0, 0))

    def test_refused_lines_are_listed_and_come_back_corrected(self):
        text = HEADER + (
            "20/11/2026,A1,1000,,,\n"
            "yesterday,A2,1000,,,\n"
            "20/11/2026,A3,12,00,,\n"
            "20/11/2026,A4,abc,,,\n"
            "20/11/2026,A5,0,,,\n"
            "20/11/2099,A6,5,,,\n"
            "20/11/2026,A1,999,,,\n"
            "20/11/2026,A7,-50,fee,,\n"
            "20/11/2026\n"
            "20/11/2026,A8,10.50,,,\n"
        )
        record = self._import(text)
        self.assertEqual(self._counts(record), (10, 2, 0, 1, 7))
        self.assertEqual(record.line_ids.mapped("line"), [3, 5, 6, 7, 8, 10, 11])
        self.assertIn("no amount", record.line_ids[1].reason)
        self.assertIn("another amount", record.line_ids[4].reason)
        refused = base64.b64decode(record.with_context(bin_size=False).bad_file).decode("utf-8-sig")
        self.assertIn("yesterday,A2", refused)
        corrected = refused.replace("yesterday", "20/11/2026").replace("abc", "70").replace("2099", "2025")
        again = self._import(corrected)
        self.assertEqual((again.added, again.bad), (3, 4))

    def test_files_as_people_have_them(self):
        row = ("20/11/2026", "{}", "١٬٥٠٠", "رقم الحساب", "نياندينق", "")
        shapes = {
            "semicolons and byte order mark": ("\ufeff" + HEADER + ",".join(row)).replace(",", ";").format("S1").encode(),
            "UTF-16 with tabs": (HEADER + ",".join(row)).replace(",", "\t").format("S2").encode("utf-16"),
            "Windows line ends": (HEADER + ",".join(row)).replace("\n", "\r\n").format("S3").encode(),
        }
        for name, data in shapes.items():
            with self.subTest(name):
                self.assertEqual(self._counts(self._import(data)), (1, 1, 0, 0, 0))
        self.assertEqual(set(self.env["isp.incoming"].search([("operator_id", "=", self.operator.id)]).mapped("amount")), {1500})

    def test_files_refused_as_a_whole(self):
        shapes = {
            b"": "empty",
            b" \n \n": "empty",
            b"PK\x03\x04rest": "workbook",
            b"%PDF-1.7": "not a text file",
            HEADER.encode() + "20/11/2026,A1,5,é,,".encode("latin-1"): "neither UTF-8",
            b"Day,Ref\n1,2\n": "Columns missing: Date, Amount",
        }
        for data, reason in shapes.items():
            with self.subTest(reason), self.assertRaisesRegex(UserError, reason):
                self._import(data or b"\n")
        self.assertFalse(self.env["isp.incoming"].search([("operator_id", "=", self.operator.id)]))

    def test_debit_and_credit_columns(self):
        self.operator.mapping_id = self.env.ref("isp_bank.mapping_bank")
        text = "Value Date,Reference,Description,Debit,Credit\n20/11/2026,B1,in,,\"1,000.00\"\n20/11/2026,B2,out,200.00,\n"
        self.assertEqual(self._counts(self._import(text)), (2, 1, 0, 1, 0))

    def test_fifty_thousand_lines_are_read_quickly(self):
        lines = "".join(f"20/11/2026,N{number},{1000 + number},internet {number},Payer {number},\n" for number in range(50000))
        started = time.monotonic()
        result = statement.read((HEADER + lines).encode(), self.operator.mapping_id._isp_mapping(self.company.currency_id))
        self.assertEqual((len(result.entries), result.bad), (50000, []))
        self.assertLess(time.monotonic() - started, 30)

    def test_recording_and_matching_in_batches(self):
        """Some thousand lines cost some queries a thousand, not a line."""
        lines = "".join(f"20/11/2026,N{number},{1000 + number},x,,\n" for number in range(3000))
        before = self.cr.sql_log_count
        record = self._import(HEADER + lines)
        self.assertEqual(record.added, 3000)
        self.assertLess(self.cr.sql_log_count - before, 400)
        before = self.cr.sql_log_count
        self.assertEqual(self._counts(self._import(HEADER + lines))[1:3], (0, 3000))
        self.assertLess(self.cr.sql_log_count - before, 100)
