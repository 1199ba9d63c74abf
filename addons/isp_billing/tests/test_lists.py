# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from datetime import date

from odoo.tests import tagged

from .common import BillingCommon


@tagged("post_install", "-at_install")
class TestLists(BillingCommon):
    """A list costs the same number of queries whether it shows four rows or forty."""

    def _queries(self, model, view, domain, limit):
        arch_fields = self.env[model].get_views([(self.env.ref(view).id, "list")])["models"][model]["fields"]
        shown = self.env[model].get_view(self.env.ref(view).id, "list")["arch"]
        names = {name for name in arch_fields if f'name="{name}"' in shown}
        spec = {
            name: {"fields": {"display_name": {}}} if self.env[model]._fields[name].type == "many2one" else {}
            for name in names
        }
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        result = self.env[model].web_search_read(domain, spec, limit=limit)
        self.assertEqual(len(result["records"]), limit)
        return self.cr.sql_log_count - before

    def test_rows_do_not_add_queries(self):
        lines = self.env["isp.subscription"]
        for _number in range(40):
            lines += self._create_line()
        self._bill(date(2026, 12, 1))
        for model, view in (
            ("isp.subscription", "isp_base.view_isp_subscription_list"),
            ("isp.period", "isp_billing.view_isp_period_list"),
        ):
            domain = [("id" if model == "isp.subscription" else "subscription_id", "in", lines.ids)]
            with self.subTest(view=view):
                self._queries(model, view, domain, 4)  # warm caches of the registry
                self.assertEqual(self._queries(model, view, domain, 4), self._queries(model, view, domain, 40))
