# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
import csv
import io
from collections import Counter
from contextlib import suppress
from datetime import date
from unittest.mock import patch

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import SQL

from ..engine.tabular import MASK
from ..models.isp_import import BATCH
from .import_common import ImportCommon, data_file
from .test_import_engine import EXPECTED, file_of


@tagged("post_install", "-at_install")
class TestImport(ImportCommon):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls._import_catalogue()

    def _subscription(self, account_no):
        return self.env["res.partner"].search([("isp_account_no", "=", account_no)]).isp_subscription_ids

    def _problems(self, record):
        return [(line.line, line.column, line.code, line.severity) for line in record.line_ids]

    def _counts(self, record):
        return {
            name: record[f"{name}_count"] for name in ("created", "updated", "unchanged", "refused", "warning")
        }

    def _fingerprint(self):
        """Rows, last change and sequence of every table an import could touch."""
        self.env.flush_all()
        own = ("isp_import", "isp_import_line", "ir_attachment")
        self.env.cr.execute(
            """SELECT c.relname, EXISTS (SELECT FROM pg_attribute a
                                          WHERE a.attrelid = c.oid AND a.attname = 'write_date')
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') ORDER BY 1"""
        )
        prints = {}
        for table, dated in self.env.cr.fetchall():
            if table not in own and not table.startswith("ir_cron"):
                latest = SQL(", max(write_date), min(write_date)") if dated else SQL()
                self.env.cr.execute(SQL("SELECT count(*)%s FROM %s", latest, SQL.identifier(table)))
                prints[table] = self.env.cr.fetchone()
        self.env.cr.execute("SELECT sequencename, last_value FROM pg_sequences WHERE sequencename LIKE 'ir_sequence_%'")
        return prints, sorted(self.env.cr.fetchall())

    # === Plans and ladders ===

    def test_catalogue(self):
        ladder = self.env["isp.fup"].search([("code", "=", "FUP-60G")])
        self.assertEqual(ladder.window, "month")
        self.assertEqual(ladder.step_ids.mapped("after_mb"), [61440, 92160])
        plan = self.env["isp.plan"].search([("code", "=", "HOME-2M")])
        self.assertEqual((plan.name, plan.list_price, plan.price_usd), ("Home 2M", 180000, 40))
        self.assertEqual(plan.with_context(lang="ar_001").name, "منزلي 2 ميغا")
        self.assertEqual((plan.period_count, plan.period_unit, plan.billing_mode), (1, "month", "postpaid"))
        self.assertEqual((plan.fup_id, plan.burst_down_kbps, plan.device_limit), (ladder, 4096, 1))
        bundle = self.env["isp.plan"].search([("code", "=", "PRE-10G")])
        self.assertEqual((bundle.quota_mb, bundle.overage_price_gb, bundle.period_count), (10240, 7500, 30))
        self.assertEqual(self.env["isp.plan"].search_count([("code", "in", ["HS-1H", "HS-7D", "NGO-50M"])]), 3)

    def test_catalogue_again(self):
        before = self._fingerprint()
        for name, count in (("fup.csv", 4), ("plans.csv", 14)):
            record = self._import(data_file(name))
            self.assertEqual((record.state, record.unchanged_count, record.created_count), ("done", count, 0))
        self.assertEqual(self._fingerprint(), before)

    def test_catalogue_update(self):
        record = self._import(data_file("plans.csv").replace(b",180000,", b",200000,").replace(b"Home 5M", b"Home five"))
        self.assertEqual(self._counts(record), {"created": 0, "updated": 2, "unchanged": 12, "refused": 0, "warning": 0})
        self.assertEqual(self.env["isp.plan"].search([("code", "=", "HOME-2M")]).list_price, 200000)
        record = self._import(data_file("fup.csv").replace(b"month,2,92160,512", b"month,2,92160,600"))
        self.assertEqual(self._counts(record), {"created": 0, "updated": 1, "unchanged": 3, "refused": 0, "warning": 0})
        self.assertEqual(self.env["isp.fup"].search([("code", "=", "FUP-60G")]).step_ids.mapped("down_kbps"), [1024, 600])

    def test_plan_in_use_keeps_its_period(self):
        self._import(file_of({}))
        record = self._import(data_file("plans.csv").replace(b"HOME-2M,Home 2M,", b"HOME-2M,House 2M,").replace(b"1 month", b"30 days"))
        self.assertEqual(self._problems(record), [(2, "period", "plan_in_use", "error")])
        plan = self.env["isp.plan"].search([("code", "=", "HOME-2M")])
        self.assertEqual((plan.name, plan.period_unit), ("Home 2M", "month"))
        self.assertEqual(self.env["isp.plan"].search([("code", "=", "HOME-5M")]).period_unit, "day")

    def test_order_of_files(self):
        ladder = data_file("plans.csv").replace(b"FUP-30G", b"FUP-99G")
        record = self._import(ladder)
        self.assertEqual(self._problems(record), [(11, "fup", "fup_unknown", "error")])

    # === Subscribers ===

    def test_expected_file_twice(self):
        record = self._import(data_file("subscribers.csv"), "subscribers.csv", bill_from=date(2026, 11, 1))
        self.assertEqual((record.state, record.kind, record.row_count), ("done", "subscribers", 1000))
        self.assertEqual((record.created_count, record.refused_count), (971, 29))
        self.assertEqual(record.progress, 100)
        good = [line for line in EXPECTED["lines"] if "rejected" not in line]
        partners = self.env["res.partner"].search([("isp_account_no", "in", [line["account_no"] for line in good])])
        by_account = {partner.isp_account_no: partner for partner in partners}
        for line in good:
            partner = by_account[line["account_no"]]
            subscription = partner.isp_subscription_ids
            values = {
                "line": line["line"],
                "account_no": partner.isp_account_no,
                "phone": partner.phone,
                "plan_code": subscription.plan_id.code,
                "billing_mode": subscription.plan_id.billing_mode,
                "status": subscription.state,
                "start_date": str(subscription.start_date),
                "opening_balance": line["opening_balance"],
                "mac": subscription.mac or "",
                "lang": {"ar_001": "ar", "en_US": "en"}[partner.lang],
            }
            self.assertEqual(values, line)
        self.assertEqual(Counter(partners.isp_subscription_ids.mapped("state")), EXPECTED["by_status"])
        events = partners.isp_subscription_ids.event_ids
        self.assertEqual(len(events), 971)
        self.assertEqual(set(events.mapped("reason")), {"import"})
        errors = record.line_ids.filtered(lambda line: line.severity == "error")
        self.assertEqual(
            sorted(errors.mapped("line")), [line["line"] for line in EXPECTED["lines"] if "rejected" in line]
        )

        before = self._fingerprint()
        again = self._import(data_file("subscribers.csv"))
        self.assertEqual((again.created_count, again.updated_count, again.unchanged_count), (0, 0, 971))
        self.assertEqual(again.refused_count, 29)
        self.assertEqual(self._fingerprint(), before)

    def test_customer(self):
        line = {
            "account_no": "C9",
            "name_ar": "قرنق دينق",
            "alt_phone": "0912 345 678",
            "email": "achol@example.com",
            "lang": "Arabic",
            "customer_type": "NGO",
            "id_type": "tin",
            "id_number": "003700244",
            "state": "Atlantis",
            "county": "Juba",
            "payam": "Kator",
            "address": "Plot 12",
            "status": "suspended",
            "anchor_day": "31",
            "notes": "pays late",
        }
        record = self._import(file_of(line))
        partner = self.env["res.partner"].search([("isp_account_no", "=", "C9")])
        self.assertEqual(
            (partner.name, partner.isp_name_ar, partner.lang, partner.is_company, partner.isp_customer_type),
            ("Achol Deng", "قرنق دينق", "ar_001", True, "ngo"),
        )
        self.assertEqual(
            (partner.phone, partner.isp_alt_phone, partner.email),
            ("+211921234567", "+211912345678", "achol@example.com"),
        )
        self.assertEqual((partner.vat, partner.isp_id_type, partner.country_id.code), ("003700244", "tin", "SS"))
        self.assertEqual((partner.isp_county, partner.isp_payam, partner.street), ("Juba", "Kator", "Plot 12"))
        subscription = partner.isp_subscription_ids
        self.assertEqual((subscription.state, subscription.anchor_day), ("suspended", 31))
        self.assertEqual(subscription.note, "pays late\nState: Atlantis")
        self.assertEqual(record.warning_count, 1)
        self.assertFalse(partner.message_ids.tracking_value_ids)

    def test_update_writes_only_what_differs(self):
        self._import(file_of({"email": "a@example.com", "notes": "tall tower"}, {"account_no": "C2", "username": "b"}))
        subscription = self._subscription("C1")
        partner = subscription.partner_id
        subscription.note += "\nthe dog bites"
        self.env.flush_all()
        with patch.object(type(partner), "write", autospec=True, side_effect=type(partner).write) as write:
            record = self._import(file_of({"phone": "0912345678", "notes": "short tower", "mac": "68652b1fc4a0"}, {"account_no": "C2", "username": "b"}))
        self.assertEqual([call.args[1] for call in write.call_args_list], [{"phone": "+211912345678"}])
        self.assertEqual(self._counts(record), {"created": 0, "updated": 1, "unchanged": 1, "refused": 0, "warning": 0})
        self.assertEqual(partner.email, "a@example.com", "a blank cell leaves alone what is stored")
        self.assertEqual(subscription.note, "tall tower\nthe dog bites\nshort tower")
        self.assertEqual(subscription.mac, "68:65:2B:1F:C4:A0")

    def test_new_user_name_of_a_known_customer(self):
        self._import(file_of({}))
        self._import(file_of({"username": "achol.deng"}))
        self.assertEqual(self._subscription("C1").mapped("username"), ["achol.deng"])

    def test_user_name_of_another_customer(self):
        self._import(file_of({}))
        record = self._import(file_of({"account_no": "C2"}))
        self.assertEqual(self._problems(record), [(2, "username", "username_taken", "error")])
        self.assertFalse(self.env["res.partner"].search([("isp_account_no", "=", "C2")]))

    def test_state_and_plan_follow_the_file_until_managed_here(self):
        self._import(file_of({}))
        subscription = self._subscription("C1")
        record = self._import(file_of({"status": "suspended", "plan_code": "HOME-5M", "anchor_day": "7"}))
        self.assertEqual((subscription.state, subscription.plan_id.code, subscription.anchor_day), ("suspended", "HOME-5M", 7))
        self.assertEqual((record.updated_count, record.warning_count), (1, 0))
        self._import(file_of({"status": "active", "plan_code": "HOME-5M", "anchor_day": "7"}))
        self.assertEqual(subscription.event_ids.mapped("reason"), ["import"] * 3)

        subscription._set_state("suspended", "overdue")
        record = self._import(
            file_of({"status": "active", "plan_code": "HOME-2M", "anchor_day": "9", "start_date": "2020-01-01"})
        )
        self.assertEqual((subscription.state, subscription.plan_id.code, subscription.anchor_day), ("suspended", "HOME-5M", 7))
        self.assertEqual(subscription.start_date, date(2025, 3, 14))
        self.assertEqual(
            self._problems(record),
            [(2, column, "managed_here", "warning") for column in ("plan_code", "start_date", "anchor_day", "status")],
        )
        self.assertEqual((record.refused_count, record.unchanged_count), (0, 1))

    def test_several_subscriptions(self):
        self._import(file_of({}))
        first = self._subscription("C1")
        second = self.env["isp.subscription"].create(
            {"partner_id": first.partner_id.id, "plan_id": first.plan_id.id, "username": "second"}
        )
        self._import(file_of({"username": "second", "mac": "68652b1fc4a0"}))
        self.assertTrue(second.mac)
        self.assertFalse(first.mac)
        record = self._import(file_of({"username": "third"}))
        self.assertEqual(self._problems(record), [(2, "username", "subscription_unclear", "error")])

    def test_customer_without_subscription(self):
        partner = self.env["res.partner"].create({"name": "Achol Deng", "isp_account_no": "C1"})
        record = self._import(file_of({}))
        self.assertEqual(record.created_count, 1)
        self.assertEqual(partner.isp_subscription_ids.username, "achol")
        self.assertEqual(partner.phone, "+211921234567")

    def test_one_bad_record_of_a_batch(self):
        """A line the database or another add-on refuses is told; its neighbours are imported."""
        create = type(self.env["res.partner"]).create

        def refuse(model, vals_list):
            if any(vals.get("isp_account_no") == "C2" for vals in vals_list):
                raise UserError("Not on a Sunday.")  # pylint: disable=translation-required
            return create(model, vals_list)

        lines = [{"account_no": f"C{i}", "username": f"u{i}"} for i in range(1, 4)]
        with patch.object(type(self.env["res.partner"]), "create", refuse):
            record = self._import(file_of(*lines))
        self.assertEqual(self._problems(record), [(3, "", "not_stored", "error")])
        self.assertIn("Not on a Sunday.", record.line_ids.reason)
        self.assertEqual((record.created_count, record.refused_count), (2, 1))
        self.assertFalse(self._subscription("C2"))
        self.assertTrue(self._subscription("C3"))

    def test_hook(self):
        seen = []

        def on_imported(record, batch):
            for entry in batch:
                seen.append((entry["record"].account_no, entry["subscription"].username, entry["created"]))
                self.assertEqual(entry["record"].password, "s3cret")
                record._warn_entry(entry, "opening_balance", "balance_managed")

        with patch.object(type(self.env["isp.import"]), "_on_subscribers_imported", on_imported):
            self._import(file_of({}))
            record = self._import(file_of({}))
        self.assertEqual(seen, [("C1", "achol", True), ("C1", "achol", False)])
        self.assertEqual(self._problems(record), [(2, "opening_balance", "balance_managed", "warning")])

    # === Files refused as a whole ===

    def test_refused_files_change_nothing(self):
        good = file_of({})
        before = self._fingerprint()
        for data, words in (
            (good.replace(b"phone,", b"telephone,", 1), "phone (is it telephone?)"),
            (good.decode().encode("utf-16"), "UTF-16"),
            (b"PK\x03\x04\x14\x00\x06\x00" + bytes(500), "workbook"),
            (b"", "empty"),
            (file_of({}, {"account_no": "C2", "name": "=HYPERLINK(1)"}), "Line 3, column name holds a formula"),
        ):
            with self.subTest(words=words):
                record = self._import(data)
                self.assertEqual(record.state, "failed")
                self.assertIn(words, record.message)
                self.assertFalse(record.line_ids)
        self.assertEqual(self._fingerprint(), before)

    # === Check ===

    def test_check_changes_nothing(self):
        record = self.env["isp.import"]._from_bytes(data_file("subscribers.csv"), "subscribers.csv")
        before = self._fingerprint()
        record.action_check()
        self.assertEqual(self._fingerprint(), before)
        self.assertEqual((record.state, record.row_count, record.refused_count), ("draft", 1000, 29))
        self.assertIn("971 of 1000 lines can be imported (971 new, 0 known), 29 are refused", record.message)
        record.action_check()
        self.assertEqual(record.refused_count, 29)

    # === Cut off in the middle ===

    def test_killed_in_the_second_batch(self):
        lines = [{"account_no": f"K{i}", "username": f"k{i}"} for i in range(BATCH * 2 + 50)]
        lines[BATCH + 5]["phone"] = "wrong"
        record = self.env["isp.import"]._from_bytes(file_of(*lines), "k.csv")
        hook = type(record)._on_subscribers_imported

        def power_cut(model, batch):
            if any(entry["record"].account_no == f"K{BATCH + 60}" for entry in batch):
                raise ZeroDivisionError("power cut")
            return hook(model, batch)

        cr = self.env.cr
        cr.execute("SAVEPOINT committed")

        def commit(_record):
            cr.execute("RELEASE SAVEPOINT committed; SAVEPOINT committed")

        # Not assertRaises: its own savepoint would be released by the "commits".
        with patch.object(type(record), "_on_subscribers_imported", power_cut):
            with suppress(ZeroDivisionError):
                record._run(commit)
                self.fail("The power was not cut.")
        cr.execute("ROLLBACK TO SAVEPOINT committed")
        self.env.invalidate_all(flush=False)
        self.assertEqual((record.state, record.created_count), ("running", BATCH))
        self.assertAlmostEqual(record.progress, 100 * (BATCH + 1) / (len(lines) + 1))

        record._run(commit)
        self.assertEqual((record.state, record.created_count, record.refused_count), ("done", len(lines) - 1, 1))
        subscriptions = self.env["isp.subscription"].search([("username", "=like", "k%")])
        self.assertEqual(len(subscriptions), len(lines) - 1)
        self.assertEqual(len(subscriptions.event_ids), len(lines) - 1)
        self.assertEqual(len(subscriptions.partner_id), len(lines) - 1)

    def test_background(self):
        record = self.env["isp.import"]._from_bytes(file_of({}), "a.csv")
        record.action_import()
        self.assertEqual(record.state, "queued")
        with self.assertRaises(UserError):
            record.action_import()
        with self.enter_registry_test_mode():
            self.env.ref("isp_base.ir_cron_isp_import").method_direct_trigger()
        self.assertEqual((record.state, record.created_count), ("done", 1))

    def test_background_error(self):
        record = self.env["isp.import"]._from_bytes(file_of({}), "a.csv")
        record.action_import()
        with (
            self.enter_registry_test_mode(),
            patch.object(type(record), "_on_subscribers_imported", side_effect=ZeroDivisionError),
            self.assertLogs("odoo.addons.isp_base.models.isp_import", "ERROR"),
        ):
            self.env.ref("isp_base.ir_cron_isp_import").method_direct_trigger()
        self.assertEqual(record.state, "failed")
        self.assertIn("ZeroDivisionError", record.message)

    # === Rights and secrets ===

    def test_rights(self):
        manager = new_test_user(self.env, "imp_manager", groups="isp_base.group_isp_billing_manager")
        service = new_test_user(self.env, "imp_service", groups="isp_base.group_isp_customer_service")
        technician = new_test_user(self.env, "imp_technician", groups="isp_base.group_isp_technician")
        data = file_of({}, {"account_no": "C2", "password": "hunter2"})
        for user in (service, technician):
            with self.assertRaises(AccessError):
                self.env["isp.import"].with_user(user).create({"file_name": "a.csv"})
        record = self.env["isp.import"].with_user(manager).create({"file_name": "a.csv", "upload": base64.b64encode(data)})
        record.action_import()
        self.assertEqual((record.state, record.kind), ("queued", "subscribers"))
        self.env["isp.import"].browse(record.id)._run()
        self.assertEqual(record.created_count, 1)
        self.assertEqual(self._subscription("C1").event_ids.user_id, manager)
        for user in (service, technician):
            for model in (record, record.line_ids):
                with self.assertRaises(AccessError):
                    model.with_user(user).check_access("read")
        with self.assertRaises(AccessError):
            record.line_ids.with_user(manager).check_access("write")
        with self.assertRaises(AccessError):
            record.with_user(manager).read(["file_data"])
        attachment = self.env["ir.attachment"].sudo().search([("res_model", "=", "isp.import"), ("res_id", "=", record.id), ("res_field", "=", "file_data")])
        self.assertTrue(attachment)
        with self.assertRaises(AccessError):
            attachment.with_user(manager).read(["datas"])

    def test_password_is_stored_nowhere(self):
        record = self._import(file_of({"password": "hunter2", "status": "maybe"}, {"account_no": "C2", "password": "hunter2", "username": ""}) + b"C3,x,hunter2\n")
        self.env.flush_all()
        self.env.cr.execute("SELECT l::text FROM isp_import_line l WHERE import_id = %s", [record.id])
        stored = " ".join(row[0] for row in self.env.cr.fetchall())
        self.assertNotIn("hunter2", stored)
        self.assertIn(MASK, stored)
        self.assertNotIn("hunter2", record.message)

    def test_refused_lines_are_mended_and_come_back(self):
        record = self._import(
            file_of({}, {"account_no": "C2", "username": "b", "phone": "wrong", "password": "p1"}, {"account_no": "C3", "username": "c", "status": "maybe", "lang": "fr"}) + b"C4,short\n"
        )
        rows = list(csv.reader(io.StringIO(record._refused_csv(secrets=True).decode("utf-8-sig"))))
        self.assertEqual(rows[0][:4], ["refused_line", "refused_column", "refused_reason", "account_no"])
        self.assertEqual([row[:2] for row in rows[1:]], [["3", "phone"], ["4", "lang status"], ["5", ""]])
        masked = record._refused_csv().decode()
        self.assertNotIn("p1", masked)
        self.assertNotIn("s3cret", masked)
        mended = record._refused_csv(secrets=True).replace(b"wrong", b"0912345678").replace(b"maybe", b"active").replace(b",fr,", b",en,")
        again = self._import(mended)
        self.assertEqual((again.created_count, again.refused_count), (2, 1))
        self.assertEqual(again.line_ids.code, "field_count")
        header = again._refused_csv().decode("utf-8-sig").split("\n")[0]
        self.assertEqual(header.count("refused_line"), 1)

    def test_file_is_forgotten(self):
        record = self._import(file_of({}))
        self.env.flush_all()
        self.env.cr.execute("UPDATE isp_import SET write_date = now() - interval '40 days' WHERE id = %s", [record.id])
        record.invalidate_recordset()
        self.env["isp.import"]._gc_files()
        self.assertFalse(record.file_data)
        self.assertFalse(record.has_file)

    def test_reason_in_the_language_of_the_reader(self):
        record = self._import(file_of({"phone": "wrong"}))
        self.assertEqual(record.line_ids.reason, "This is not a valid telephone number.")
        self.assertTrue(record.line_ids.with_context(lang="ar_001").reason)

    def test_without_arabic(self):
        lang = self.env["res.lang"].search([("code", "=", "ar_001")])
        self.env["res.partner"].with_context(active_test=False).search([("lang", "=", "ar_001")]).lang = "en_US"
        lang.active = False
        record = self._import(file_of({"lang": "ar"}, {"account_no": "C2", "username": "b", "lang": "Arabic"}))
        self.assertEqual([line.code for line in record.line_ids if line.column == "lang"], ["lang_missing"])
        self.assertIn("2 customers", record.line_ids.filtered(lambda line: line.column == "lang").reason)
        self.assertEqual(self._subscription("C1").partner_id.lang, "en_US")
        self.assertEqual(record.created_count, 2)
        record = self._import(data_file("plans.csv"))
        self.assertEqual([line.code for line in record.line_ids], ["names_missing"])
        self.assertEqual(record.unchanged_count, 14)


@tagged("post_install", "-at_install")
class TestImportDownload(HttpCase):
    def test_refused_lines(self):
        for login, group in (("dl_admin", "administrator"), ("dl_manager", "billing_manager"), ("dl_service", "customer_service")):
            new_test_user(self.env, login, password=login, groups=f"isp_base.group_isp_{group}")
        self.env["isp.plan"].create({"code": "HOME-2M", "name": "Home 2M", "list_price": 1})
        record = self.env["isp.import"]._from_bytes(file_of({"password": "hunter2", "status": "maybe"}), "list.csv")
        record._run()
        self.env.flush_all()
        url = f"/isp/import/{record.id}/refused.csv"
        self.authenticate("dl_admin", "dl_admin")
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("hunter2", answer.text)
        self.assertIn("list-refused.csv", answer.headers["Content-Disposition"])
        self.authenticate("dl_manager", "dl_manager")
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("maybe", answer.text)
        self.assertNotIn("hunter2", answer.text)
        self.authenticate("dl_service", "dl_service")
        self.assertEqual(self.url_open(url).status_code, 404)
        self.assertEqual(self.url_open("/isp/import/999999999/refused.csv").status_code, 404)
