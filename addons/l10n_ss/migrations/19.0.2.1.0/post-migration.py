# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
from openupgradelib import openupgrade

ADDED = ("ss_reseller_floats", "ss_reseller_debts")


@openupgrade.migrate()
def migrate(env, version):
    """Companies that have the chart get the accounts that are new in it, unless they use the number for something else."""
    for company in env["res.company"].search([("chart_template", "=", "ss"), ("parent_id", "=", False)]):
        template = env["account.chart.template"].with_company(company)
        accounts = template._get_chart_template_data("ss")["account.account"]
        missing = {name: accounts[name] for name in ADDED if not template.ref(name, raise_if_not_found=False)}
        taken = env["account.account"].with_company(company).search([("code", "in", [vals["code"] for vals in missing.values()])]).mapped("code")
        template._load_data({"account.account": {name: vals for name, vals in missing.items() if vals["code"] not in taken}})
