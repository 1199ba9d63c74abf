# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from lxml import etree

from odoo.tests import new_test_user, tagged

from .common import RowsCommon

MANY, FEW = 60, 10
ROLES = ("isp_base.group_isp_administrator", "isp_base.group_isp_billing_manager", "isp_network.group_isp_lawful")


@tagged("post_install", "-at_install")
class TestLists(RowsCommon):
    """Every list costs the same number of queries whether it shows ten rows or sixty, each with a customer, a line and a router of its own."""

    rows = MANY

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(cls.env, "reader", groups=",".join(ROLES))

    def _lists(self):
        """:return: [(model, its list view)] of this add-on, and those to which it adds columns"""
        known = self.env["ir.model.data"].search([("module", "=", "isp_network"), ("model", "=", "ir.ui.view")])
        views = self.env["ir.ui.view"].browse(known.mapped("res_id"))
        own = [(view.model, view) for view in views if view.type == "list" and view.mode == "primary"]
        return [*own, *((model, self.env.ref(f"isp_base.view_{model.replace('.', '_')}_list")) for model in ("isp.subscription", "isp.plan"))]

    def _spec(self, model, arch):
        """What the web client asks for a list: the names of linked rows, their own fields where they are shown as tags."""
        spec = {}
        for node in arch.iterfind(".//field"):
            kind = self.env[model]._fields[node.get("name")].type
            spec[node.get("name")] = {"fields": {"display_name": {}}} if kind in ("many2one", "many2many") else {}
        return spec

    def _cost(self, model, spec, rows):
        """:return: queries that a list of these rows takes"""
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        found = self.env[model].with_user(self.user).web_search_read([("id", "in", rows.ids)], spec, limit=len(rows))
        self.assertEqual(len(found["records"]), len(rows), model)
        return self.cr.sql_log_count - before

    def _assert_flat(self, model, spec):
        rows = self.made[model]
        self._cost(model, spec, rows[:FEW])  # what is read once a process
        self.assertEqual(self._cost(model, spec, rows), self._cost(model, spec, rows[:FEW]), f"{model}: each row adds queries")

    def test_rows_do_not_add_queries(self):
        lists = self._lists()
        self.assertGreater(len(lists), 20)
        for model, view in lists:
            with self.subTest(view=view.name):
                self.assertIn(model, self.made, "a new list is to be measured too")
                arch = etree.fromstring(self.env[model].with_user(self.user).get_view(view.id, "list")["arch"])
                self._assert_flat(model, self._spec(model, arch))

    def test_lines_of_an_outage(self):
        arch = etree.fromstring(self.env["isp.outage"].get_view(self.env.ref("isp_network.view_isp_outage_form").id, "form")["arch"])
        self._assert_flat("isp.outage.line", self._spec("isp.outage.line", arch.find(".//field[@name='line_ids']/list")))
