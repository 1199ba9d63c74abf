# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.isp_base.tests.common import RightsMixin

from .common import CashCommon

#: Read, Write, Create, Delete; a letter that is missing is forbidden.
RIGHTS = {
    #                         administrator  billing  service  technician  customer
    "isp.cash.denomination":  ("RWCD",       "RWCD",  "",      "",         ""),
    "isp.cash.desk":          ("RWCD",       "RWCD",  "",      "",         ""),
    "isp.cash.reason":        ("RWCD",       "RWCD",  "",      "",         ""),
    "isp.cash.shift":         ("R",          "R",     "",      "",         ""),
    "isp.cash.line":          ("R",          "R",     "",      "",         ""),
    "isp.cash.count":         ("R",          "R",     "",      "",         ""),
    "isp.cash.reversal":      ("R",          "R",     "",      "",         ""),
}  # fmt: skip
MODELS = [
    "isp.cash.desk",
    "isp.cash.shift",
    "isp.cash.line",
    "isp.cash.count",
    "isp.cash.reason",
    "isp.cash.denomination",
    "isp.cash.reversal",
    "isp.cash.payment",
    "isp.cash.open",
    "isp.cash.close",
    "isp.cash.out",
    "isp.cash.reverse",
]


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, CashCommon):
    def _user_of(self, role):
        return self._user(f"rights-{role}", role)

    def test_who_may_do_what(self):
        shift = self._open()
        payment = self._take(self._create_customer(), 1000).sudo()
        self.env["isp.cash.reverse"].with_user(self.manager).create({"payment_id": payment.id, "reason": "Typed twice"}).action_confirm()
        shift._close({1000: 20})
        rows = (shift, shift.line_ids, shift.count_ids, self.desk, self.fuel, self.desk.denomination_ids, self.env["isp.cash.reversal"].search([("payment_id", "=", payment.id)]))
        self.made = {row._name: row for row in rows}
        self.assertEqual(self.made.keys(), RIGHTS.keys())
        self.assertTrue(all(self.made.values()))
        self._assert_rights("isp_cash", RIGHTS)
        # Another's shift is none of a cashier's.
        self._assert_role("isp_cash.group_isp_cashier", {"isp.cash.denomination": "R", "isp.cash.reason": "R", "isp.cash.shift": "", "isp.cash.reversal": ""})

    def test_who_has_the_cash_desk(self):
        roles = {
            "base.group_portal": set(),
            "isp_base.group_isp_technician": set(),
            "isp_base.group_isp_customer_service": set(),
            "isp_cash.group_isp_cashier": set(MODELS) - {"isp.cash.reversal", "isp.cash.reverse"},
            "isp_base.group_isp_billing_manager": set(MODELS),
            "isp_base.group_isp_administrator": set(MODELS),
        }
        for number, (group, readable) in enumerate(roles.items()):
            user = self._user(f"role{number}", group)
            with self.subTest(group):
                self.assertEqual({model for model in MODELS if self.env[model].with_user(user).has_access("read")}, readable)

    def test_nobody_edits_what_was_counted_or_booked(self):
        for model in ("isp.cash.shift", "isp.cash.line", "isp.cash.count", "isp.cash.reversal"):
            for user in (self.cashier, self.manager):
                for operation in ("write", "create", "unlink"):
                    self.assertFalse(self.env[model].with_user(user).has_access(operation), (model, user.name, operation))

    def test_a_cashier_sees_own_shifts_only(self):
        shift = self._open()
        payment = self._take(self._create_customer(), 1000).sudo()
        shift._close({1000: 21})
        for records in (shift, shift.line_ids, shift.count_ids, payment):
            with self.subTest(records._name):
                own = records.with_user(self.cashier).sudo(False)
                self.assertEqual(own.search([("id", "in", records.ids)]), own)
                foreign = records.with_user(self.other).sudo(False)
                self.assertFalse(foreign.search([("id", "in", records.ids)]))
                foreign.invalidate_recordset()
                with self.assertRaises(AccessError):
                    foreign.check_access("read")

    @mute_logger("odoo.models.unlink")
    def test_a_cashier_sees_no_more_than_taking_money_needs(self):
        partner = self._create_customer(isp_id_number="P123")
        line = self._create_line(partner_id=partner.id)
        self._open()
        payment = self._take(partner, 1000).sudo()
        env = self.env(user=self.cashier)
        for field in ("isp_id_number", "isp_id_document", "isp_balance"):
            with self.assertRaises(AccessError):
                env["res.partner"].browse(partner.id).read([field])
        for record in (line, payment.move_id, payment.move_id.line_ids):
            self.assertFalse(record.with_user(self.cashier).sudo(False).has_access("read"))
        for operation in ("write", "create", "unlink"):
            self.assertFalse(env["account.payment"].has_access(operation))
            self.assertFalse(env["res.partner"].has_access(operation))
        menus = env["ir.ui.menu"].load_web_menus(False)
        names = {menu.get("xmlid") for menu in menus.values()}
        self.assertIn("isp_cash.menu_isp_cash_take", names)
        self.assertNotIn("isp_cash.menu_isp_cash_reversal", names)
        self.assertNotIn("isp_base.menu_isp_root", names)
        self.assertFalse([name for name in names if name and name.startswith("account.")])

    def test_a_shift_cannot_be_forged(self):
        shift = self._open()
        vals = {"payment_type": "inbound", "partner_id": self._create_customer().id, "amount": 5, "journal_id": self.drawer.id}
        with self.assertRaises(UserError):
            self.env["account.payment"].with_user(self.manager).create({**vals, "isp_shift_id": shift.id})
        with self.assertRaises(UserError):
            self.env["account.move"].with_user(self.manager).create({"journal_id": self.drawer.id, "isp_shift_id": shift.id})
        with self.assertRaises(AccessError):
            self.env["isp.cash.out"].with_user(self.other).create({"shift_id": shift.id, "kind": "drop", "amount": 5}).action_confirm()

    def test_customer_service_may_be_cashier_too(self):
        user = self._user("both", "isp_base.group_isp_customer_service,isp_cash.group_isp_cashier")
        self.desk.user_ids = [Command.link(user.id)]
        self._open(user)
        self.assertTrue(self._take(self._create_customer(), 1000, user=user))
