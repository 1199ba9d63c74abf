# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
import base64

from odoo.exceptions import AccessError
from odoo.tests import tagged

from odoo.addons.isp_base.tests.common import RightsMixin

from .common import BankCommon

#: Read, Write, Create, Delete; a letter that is missing is forbidden.
RIGHTS = {
    #                            administrator  billing  service  technician  customer
    "isp.operator":              ("RWCD",       "RWCD",  "R",     "",         ""),
    "isp.incoming":              ("R",          "R",     "R",     "",         ""),
    "isp.incoming.share":        ("R",          "R",     "R",     "",         ""),
    "isp.incoming.suggestion":   ("R",          "R",     "R",     "",         ""),
    "isp.incoming.import":       ("RWCD",       "RWCD",  "",      "",         ""),
    "isp.incoming.import.line":  ("RWCD",       "RWCD",  "",      "",         ""),
}  # fmt: skip
READ = ["isp.operator", "isp.incoming", "isp.incoming.share", "isp.incoming.suggestion"]
WORK = ["isp.incoming.import", "isp.incoming.import.line", "isp.incoming.manual", "isp.incoming.split", "isp.incoming.split.line", "isp.incoming.reason"]


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, BankCommon):
    def _user_of(self, role):
        return self._user(f"rights-{role}", role)

    def test_who_may_do_what(self):
        record = self.env["isp.incoming.import"].create({"operator_id": self.operator.id, "file": base64.b64encode(b"x"), "line_ids": [(0, 0, {"reason": "No number"})]})
        incoming = self._incoming()
        share = self.env["isp.incoming.share"].sudo().create({"incoming_id": incoming.id, "partner_id": self.customer.id, "amount": 1, "key": "k"})
        suggestion = self.env["isp.incoming.suggestion"].sudo().create({"incoming_id": incoming.id, "partner_id": self.customer.id})
        self.made = {row._name: row for row in (self.operator, incoming, share, suggestion, record, record.line_ids)}
        self.assertEqual(self.made.keys(), RIGHTS.keys())
        self._assert_rights("isp_bank", RIGHTS)

    def test_who_sees_money_received(self):
        roles = {
            "base.group_portal": set(),
            "isp_base.group_isp_technician": set(),
            "isp_base.group_isp_customer_service": set(READ),
            "isp_base.group_isp_billing_manager": {*READ, *WORK},
            "isp_base.group_isp_administrator": {*READ, *WORK},
        }
        for number, (group, readable) in enumerate(roles.items()):
            user = self._user(f"bank{number}", group)
            with self.subTest(group):
                self.assertEqual({model for model in READ + WORK if self.env[model].with_user(user).has_access("read")}, readable)

    def test_nobody_edits_what_was_received(self):
        for model in ("isp.incoming", "isp.incoming.share", "isp.incoming.suggestion"):
            for operation in ("write", "create", "unlink"):
                self.assertFalse(self.env[model].with_user(self.manager).has_access(operation))

    def test_other_companies_are_not_seen(self):
        incoming = self._incoming()
        other = self.env["res.company"].create({"name": "Other ISP"})
        user = self._user("elsewhere", "isp_base.group_isp_billing_manager")
        user.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        self.assertFalse(self.env["isp.incoming"].with_user(user).search([("id", "=", incoming.id)]))
        with self.assertRaises(AccessError):
            incoming.with_user(user).sudo(False).action_split()
