# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64
from datetime import date, datetime

from freezegun import freeze_time

from odoo.tests import tagged

from .common import BillingCommon

HEADER = "account_no,name,phone,lang,plan_code,billing_mode,username,password,mac,status,start_date,anchor_day,opening_balance"
COLUMNS = (
    "account_no,name,name_ar,phone,alt_phone,email,lang,customer_type,id_type,id_number,state,county,payam,"
    "address,plan_code,billing_mode,service_type,username,password,mac,status,start_date,anchor_day,"
    "opening_balance,currency,notes"
).split(",")


@tagged("post_install", "-at_install")
class TestImport(BillingCommon):
    def _import(self, *lines, bill_from="2026-11-10"):
        rows = [dict(zip(HEADER.split(","), line.split(","), strict=True)) for line in lines]
        text = "\n".join([",".join(COLUMNS), *(",".join(row.get(c, "") for c in COLUMNS) for row in rows)])
        record = self.env["isp.import"].create(
            {"upload": base64.b64encode(text.encode()), "file_name": "x.csv", "bill_from": bill_from}
        )
        record._run()
        return record

    def _line(self, account, status="active", balance="", anchor="14", start="2024-03-14"):
        number = 921000000 + int(account[1:])
        return f"{account},Name {account},{number},en,B-HOME,postpaid,u{account},pw,,{status},{start},{anchor},{balance}"

    def _subscription(self, account):
        return self.env["isp.subscription"].search([("partner_id.isp_account_no", "=", account)])

    def test_billed_from_the_first_anchor_after_the_hand_over(self):
        self._import(self._line("Z1"), self._line("Z2", anchor="5"), self._line("Z3", "suspended"))
        self.assertEqual(self._subscription("Z1").billing_from, date(2026, 11, 14))
        self.assertEqual(self._subscription("Z2").billing_from, date(2026, 12, 5))
        self.assertFalse(self._subscription("Z3").billing_from)

    def test_balances_are_booked_once(self):
        lines = [self._line("Z1", balance="12000"), self._line("Z2", balance="-5000"), self._line("Z3")]
        for _time in range(2):
            self._import(*lines)
        moves = self.env["account.move"].search([("isp_opening_partner_id.isp_account_no", "in", ("Z1", "Z2", "Z3"))])
        self.assertEqual(len(moves), 2)
        self.assertEqual(set(moves.mapped("state")), {"posted"})
        self.assertEqual([self._subscription(a).balance for a in ("Z1", "Z2", "Z3")], [12000, -5000, 0])

    def test_another_balance_later_is_a_warning(self):
        self._import(self._line("Z1", balance="12000"))
        again = self._import(self._line("Z1", balance="99000"))
        self.assertEqual(self._subscription("Z1").balance, 12000)
        self.assertEqual(again.line_ids.mapped("column"), ["opening_balance"])

    def test_file_does_not_change_what_is_billed(self):
        self._create_plan("B-OTHER")
        self._import(self._line("Z1"))
        line = self._subscription("Z1")
        self._bill(date(2026, 11, 14))
        again = self._import(self._line("Z1", "terminated").replace("B-HOME", "B-OTHER"))
        self.assertEqual((line.state, line.plan_id), ("active", self.plan))
        self.assertTrue(again.line_ids)

    def test_old_debt_is_due_like_an_invoice_of_the_hand_over(self):
        self._import(self._line("Z1", balance="12000"))
        line = self._subscription("Z1")
        suspend = self.env["isp.subscription"]._suspend_overdue
        self.assertNotIn(line, suspend(self.company, date(2026, 11, 25)))
        self.assertIn(line, suspend(self.company, date(2026, 11, 26)))

    @freeze_time("2026-11-12 09:00:00")
    def test_paying_all_of_the_old_debt_restores(self):
        self._import(self._line("Z1", "suspended", balance="12000"))
        line = self._subscription("Z1")
        self._pay(line.partner_id, 11999)
        self.assertEqual(line.state, "suspended")
        self._pay(line.partner_id, 1)
        self.assertEqual(line.state, "active")

    def test_prepaid_lines_stay_open_to_the_end_of_a_period(self):
        """Until when they are paid is not in the file: nobody is cut by the import."""
        self._create_plan("B-PRE", billing_mode="prepaid")
        with freeze_time("2026-11-10 09:00:00"):
            rows = [self._line(account, status, "", anchor) for account, status, anchor in
                    (("Z1", "active", "14"), ("Z2", "active", "10"), ("Z3", "suspended", "14"))]
            self._import(*(row.replace("B-HOME,postpaid", "B-PRE,prepaid") for row in rows))
        one, two, three = (self._subscription(account) for account in ("Z1", "Z2", "Z3"))
        self.assertEqual(one.valid_until, datetime(2026, 11, 13, 22))
        self.assertEqual(two.valid_until, datetime(2026, 12, 9, 22))
        self.assertEqual((three.state, three.valid_until), ("suspended", datetime(2026, 11, 9, 22)))
        with freeze_time("2026-11-10 12:00:00"):
            self._pay(three.partner_id, 216000)
            self.assertEqual((three.state, three.prepaid_number), ("active", 1))
            self._pay(one.partner_id, 216000, subscription_id=one.id)
        self.assertEqual(one.period_ids.date_start, date(2026, 11, 14))
