# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import contextlib
import io
import json
import tempfile
from pathlib import Path
from unittest.mock import patch

from odoo.cli import command
from odoo.tests import tagged
from odoo.tools import config

from .import_common import ImportCommon, data_file
from .test_import_engine import file_of


@tagged("post_install", "-at_install")
class TestImportCommand(ImportCommon):
    def setUp(self):
        super().setUp()
        self.enterContext(self.enter_registry_test_mode())
        self.enterContext(patch.object(config, "parse_config"))
        self.enterContext(patch.dict(config.options, {"db_name": [self.env.cr.dbname]}))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def _file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    def _run(self, *arguments):
        """:return: exit code, what was printed, what was complained about"""
        out, err = io.StringIO(), io.StringIO()
        self.env.flush_all()
        found = command.find_command("isp_import")
        self.assertTrue(found)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                found().run(list(arguments))
            except SystemExit as end:
                code = end.code
        self.env.invalidate_all()
        return code, out.getvalue(), err.getvalue()

    def _catalogue(self):
        return self._file("plans.csv", data_file("plans.csv")), self._file("fup.csv", data_file("fup.csv"))

    def test_files_in_any_order(self):
        subscribers = self._file("subscribers.csv", file_of({}, {"account_no": "C2", "status": "maybe"}))
        code, out, _err = self._run(subscribers, *self._catalogue(), "--bill-from", "2026-11-01")
        self.assertEqual(code, 0, out)
        self.assertIn("14 created", out)
        self.assertRegex(out, r"3 +status +maybe +This is none of: active, suspended, terminated\.")
        self.assertRegex(out, r"3 +username +achol +Line 2 has the same value already\.")
        self.assertIn("2 lines: 1 created, 0 updated, 0 unchanged, 1 refused", out)
        partner = self.env["res.partner"].search([("isp_account_no", "=", "C1")])
        self.assertEqual(partner.isp_subscription_ids.state, "active")
        record = self.env["isp.import"].search([("kind", "=", "subscribers")], limit=1)
        self.assertEqual(str(record.bill_from), "2026-11-01")
        code, out, _err = self._run(subscribers)
        self.assertIn("0 created, 0 updated, 1 unchanged, 1 refused", out)

    def test_json(self):
        code, out, _err = self._run(*self._catalogue(), "--json")
        result = json.loads(out)
        self.assertEqual(code, 0)
        self.assertEqual([each["kind"] for each in result["files"]], ["fup", "plans"])
        self.assertEqual([each["created"] for each in result["files"]], [4, 14])

    def test_check(self):
        subscribers = self._file("subscribers.csv", file_of({}))
        code, out, _err = self._run("--check", subscribers, *self._catalogue())
        self.assertEqual(code, 0)
        self.assertIn("1 of 1 lines can be imported", out)
        self.assertFalse(self.env["isp.plan"].search([("code", "=", "HOME-2M")]))
        self.assertFalse(self.env["isp.import"].search([]))

    def test_refused_file(self):
        code, out, err = self._run(self._file("a.csv", file_of({"name": "=1+1"})))
        self.assertEqual((code, err), (2, ""))
        self.assertIn("Line 2, column name holds a formula", out)
        code, out, _err = self._run(self._file("a.xlsx", b"PK\x03\x04" + bytes(9)), "--json")
        self.assertEqual(code, 2)
        self.assertFalse(json.loads(out)["files"][0]["usable"])

    def test_user_errors(self):
        code, _out, err = self._run(str(self.folder / "nowhere.csv"))
        self.assertEqual(code, 1)
        self.assertIn("No such file", err)
        code, _out, err = self._run(str(self.folder), "--bill-from", "soon")
        self.assertEqual(code, 1)
        self.assertIn("not a date", err)
