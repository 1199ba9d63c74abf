# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from odoo.tests import tagged

from odoo.addons.isp_base.tests.common import RightsMixin

from .common import RowsCommon

#: Read, Write, Create, Delete; a letter that is missing is forbidden.
RIGHTS = {
    #                        administrator  billing  service  technician  customer
    "isp.access":            ("R",          "R",     "R",     "R",        ""),
    "isp.access.use":        ("R",          "R",     "R",     "R",        ""),
    "isp.acct.quarantine":   ("RD",         "",      "",      "R",        ""),
    "isp.address.log":       ("",           "",      "",      "",         ""),
    "isp.address.order":     ("",           "",      "",      "",         ""),
    "isp.api.device":        ("R",          "",      "",      "R",        ""),
    "isp.api.key":           ("RWCD",       "",      "",      "",         ""),
    "isp.api.log":           ("R",          "",      "",      "",         ""),
    "isp.api.push":          ("RD",         "",      "",      "R",        ""),
    "isp.fup.event":         ("R",          "R",     "R",     "R",        ""),
    "isp.fup.hours":         ("RWCD",       "RWCD",  "R",     "R",        ""),
    "isp.fup.status":        ("R",          "R",     "R",     "R",        ""),
    "isp.live.viewer":       ("R",          "",      "",      "",         ""),
    "isp.login.guess":       ("R",          "R",     "R",     "R",        ""),
    "isp.login.attempt":     ("R",          "R",     "R",     "R",        ""),
    "isp.outage":            ("RW",         "RW",    "RW",    "RW",       ""),
    "isp.outage.line":       ("R",          "R",     "R",     "R",        ""),
    "isp.outage.pulse":      ("R",          "",      "",      "",         ""),
    "isp.plan.rate":         ("RWCD",       "RWCD",  "R",     "R",        ""),
    "isp.quota.counter":     ("R",          "R",     "R",     "R",        ""),
    "isp.radius.server":     ("RWCD",       "R",     "R",     "R",        ""),
    "isp.router":            ("RWCD",       "R",     "R",     "R",        ""),
    "isp.router.change":     ("R",          "",      "",      "R",        ""),
    "isp.router.config":     ("RD",         "",      "",      "R",        ""),
    "isp.router.setup":      ("RWCD",       "",      "",      "RWCD",     ""),
    "isp.router.setup.log":  ("R",          "",      "",      "R",        ""),
    "isp.router.task":       ("R",          "R",     "R",     "R",        ""),
    "isp.session":           ("R",          "R",     "R",     "R",        ""),
    "isp.topup":             ("R",          "R",     "R",     "R",        ""),
    "isp.topup.offer":       ("RWCD",       "RWCD",  "R",     "R",        ""),
    "isp.usage":             ("R",          "R",     "R",     "R",        ""),
    "isp.usage.alert":       ("R",          "R",     "R",     "R",        ""),
    "isp.usage.day":         ("R",          "R",     "R",     "R",        ""),
    "isp.usage.month":       ("R",          "R",     "R",     "R",        ""),
    "isp.usage.rating":      ("R",          "R",     "R",     "R",        ""),
}  # fmt: skip


@tagged("post_install", "-at_install")
class TestRights(RightsMixin, RowsCommon):
    def test_who_may_do_what(self):
        self._assert_rights("isp_network", RIGHTS)

    def test_the_log_of_addresses_is_for_a_right_of_its_own(self):
        self._assert_role("isp_network.group_isp_lawful", {"isp.address.log": "R", "isp.address.order": "RC", "isp.session": "", "isp.access": ""})

    def test_another_company_sees_nothing(self):
        """Models that belong to no company are for all who have the role."""
        other = self.env["res.company"].create({"name": "Other ISP"})
        user = self._user_of("isp_base.group_isp_administrator")
        user.write({"company_ids": [(6, 0, other.ids)], "company_id": other.id})
        shared = {"isp.acct.quarantine", "isp.login.guess", "isp.radius.server", "isp.live.viewer", "isp.outage.pulse", "isp.plan.rate", "isp.fup.hours"}
        for model, rights in RIGHTS.items():
            if "R" in rights[0] and model not in shared:
                rows = self.made[model].with_user(user)
                self.assertFalse(rows.search([("id", "in", rows.ids)]), model)
                self.assertFalse(rows.has_access("read"), model)
